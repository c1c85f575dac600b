"""The first message about a spoilt token: a sample of what mutation_quality.py measures."""

import mutation_quality
import pytest


@pytest.fixture(scope="module")
def score():
    return mutation_quality.measure(every=9)


def test_nine_of_ten_first_messages_point_at_the_mistake(score):
    assert sum(score.total.values()) > 100
    assert score.pointed >= 0.9


def test_nine_of_ten_typos_get_the_right_suggestion(score):
    assert score.suggested >= 0.9
