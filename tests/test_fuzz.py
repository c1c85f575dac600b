"""A short run of the two fuzzers; their scripts do as many cases as one has time for."""

import fuzz_files
import fuzz_specs
import pytest


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_a_damaged_model_loads_or_says_where_it_is_wrong(first):
    outcomes, failures = fuzz_specs.run(50, first)
    assert failures == {}
    assert outcomes["refused"] > 20


@pytest.mark.parametrize("first", range(0, 1600, 400))
def test_a_damaged_file_is_read_or_refused_by_its_name(first):
    outcomes, failures = fuzz_files.run(400, first)
    assert failures == {}
    assert outcomes["refused"] > 200
