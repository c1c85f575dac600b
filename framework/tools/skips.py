"""Cases of ONNX that are not for us, each with its reason.

A test runs them all the same and fails when one of them passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from framework.exchange.rules.wires import DTYPES, NARROW, OTHER
from framework.tools.cases import Case

NAMES: Mapping[str, str] = {
    "test_bernoulli*": "random: every generator draws other numbers",
    "test_attention_4d_causal_fp16_expanded": "float16: our sums are float32, its are float16",
    "test_scan_sum": "Scan of operator set 8, which set 9 replaced",
}
"""Patterns of names."""

BY_DEFINITION: Mapping[str, str] = {
    "light_bvlc_alexnet": "its weights are all equal: one rounding before the softmax decides",
    "light_inception_v1": "its logits are about 1e21: one rounding before the softmax decides",
}
"""Cases that the fast kernels are not judged by."""

OPERATORS: Mapping[str, str] = {
    "Adagrad": "training",
    "Adam": "training",
    "Momentum": "training",
    "Gradient": "training",
    "ArrayFeatureExtractor": "classical machine learning",
    "TreeEnsemble": "classical machine learning",
    "LabelEncoder": "classical machine learning",
    "ImageDecoder": "reads image files; `from: image` of our inputs does",
    "TfIdfVectorizer": "text processing",
    "StringNormalizer": "text processing",
    "OptionalHasElement": "optional values",
    "OptionalGetElement": "optional values",
    "SequenceConstruct": "sequences",
    "SequenceEmpty": "sequences",
    "SplitToSequence": "sequences",
}
"""ONNX operators outside of our field, or on values that are no tensors."""


def reason(case: Case) -> str | None:
    """Why a case is skipped; None if it is not."""
    for pattern, why in NAMES.items():
        if fnmatchcase(case.name, pattern):
            return why
    model = case.model()
    operators = (OPERATORS[n.op_type] for n in model.graph.node if n.op_type in OPERATORS)
    kinds = (kind for info in values(model) if (kind := foreign(info.type)) is not None)
    return next(operators, None) or next(kinds, None)


def values(model: Any) -> Iterator[Any]:
    """Inputs and outputs of a model."""
    yield from model.graph.input
    yield from model.graph.output


def foreign(type_: Any) -> str | None:
    """The kind of value that we do not have; None for one that we have."""
    kind = type_.WhichOneof("value")
    if kind != "tensor_type":
        return f"{kind.removesuffix('_type')}s" if kind else None
    code = type_.tensor_type.elem_type
    return None if code in DTYPES or code in NARROW else f"the dtype {OTHER.get(code, code)}"
