"""Narrow kinds of element against ml_dtypes and ONNX's own reader of tensors."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ml_dtypes")
pytest.importorskip("onnx")

import ml_dtypes
from onnx import TensorProto, numpy_helper

from framework.errors import Mistake
from framework.exchange.onnx_tensor import tensor_array
from framework.exchange.rules.wires import NARROW
from framework.numerics.narrow import KINDS, Real, decoded, rounded, wider

TWINS = {
    "bfloat16": ml_dtypes.bfloat16,
    "float8e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8e5m2": ml_dtypes.float8_e5m2,
    "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "float4e2m1": ml_dtypes.float4_e2m1fn,
    "float8e8m0": ml_dtypes.float8_e8m0fnu,
    "uint4": ml_dtypes.uint4,
    "int4": ml_dtypes.int4,
    "uint2": ml_dtypes.uint2,
    "int2": ml_dtypes.int2,
}
FLOATS = [name for name, kind in KINDS.items() if isinstance(kind, Real)]
WHOLE = ["uint4", "int4", "uint2", "int2"]
CODES = {name: code for code, name in NARROW.items()}


def samples():
    """Numbers of all magnitudes, halves between neighbours, limits and special ones."""
    r = np.random.default_rng(0)
    bits = r.integers(0, 1 << 32, 50_000, dtype=np.uint32).view(np.float32)
    near = np.ldexp(r.integers(-33, 34, 50_000), r.integers(-25, 18, 50_000)).astype(np.float32)
    special = [0, -0.0, np.inf, -np.inf, 464, 465, 240, 248, 57344, 61440, 61439, 6, 7]
    return np.concatenate([bits[np.isfinite(bits)], near, np.array(special, np.float32)])


@pytest.mark.parametrize("name", KINDS)
def test_every_bit_pattern_stands_for_its_number(name):
    count = 1 << KINDS[name].bits
    codes = np.arange(count, dtype=np.uint16 if count > 256 else np.uint8)
    found = decoded(codes, name)
    np.testing.assert_array_equal(found, codes.view(TWINS[name]).astype(wider(name)))
    assert found.dtype == wider(name)


@pytest.mark.parametrize("name", FLOATS)
def test_rounding_is_that_of_ml_dtypes_bit_for_bit(name):
    x = samples()
    with np.errstate(all="ignore"):
        expected = x.astype(TWINS[name]).astype(np.float32)
    found = rounded(x, name, saturate=False)
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(found)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("name", KINDS)
def test_rounding_twice_is_rounding_once(name):
    x = samples()
    once = rounded(x, name)
    np.testing.assert_array_equal(rounded(once, name), once)


@pytest.mark.parametrize("name", FLOATS)
def test_beyond_the_largest_number_lies_the_largest_one_where_that_is_asked_for(name):
    kind = KINDS[name]
    limit = kind.largest if kind.saturating else np.inf
    x = np.array([np.inf, -np.inf, 1e300])
    assert rounded(x, name).tolist() == [limit, -limit, limit]


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_keep_their_lowest_bits_or_are_cut_off(name):
    kind, x = KINDS[name], np.arange(-40, 40)
    lowest = (x - kind.least) % (1 << kind.bits) + kind.least
    np.testing.assert_array_equal(rounded(x, name, saturate=False), lowest)
    np.testing.assert_array_equal(rounded(x, name), np.clip(x, kind.least, kind.most))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("up", [4, 4, 8, 2**-127, 2**127]), ("down", [2, 4, 4, 2**-127, 2**127]),
     ("nearest", [4, 4, 4, 2**-127, 2**127])],
)  # fmt: skip
def test_powers_of_two_go_in_the_direction_that_is_asked_for(mode, expected):
    x = np.array([3, 4, 5, 0, np.inf])
    np.testing.assert_array_equal(rounded(x, "float8e8m0", mode=mode), expected)


# ------------------------------------------------------------------ stored tensors


def tensor(name, count):
    """Every number of a kind in turn, as ONNX stores it."""
    kind = KINDS[name]
    codes = np.arange(count) * (37 if kind.bits > 8 else 1) % (1 << kind.bits)
    array = codes.astype(np.uint16 if kind.bits > 8 else np.uint8).view(TWINS[name])
    return numpy_helper.from_array(array.reshape(count, 1), "k")


@pytest.mark.parametrize("count", [0, 1, 5, 256])
@pytest.mark.parametrize("name", KINDS)
def test_a_stored_tensor_has_the_values_that_onnx_says(name, count):
    stored = tensor(name, count)
    expected = numpy_helper.to_array(stored).astype(wider(name))
    np.testing.assert_array_equal(tensor_array(stored, None), expected)


@pytest.mark.parametrize("name", KINDS)
def test_a_listed_tensor_has_the_values_of_its_bytes(name):
    stored = tensor(name, 13)
    unit = "<u2" if KINDS[name].bits == 16 else "u1"
    listed = TensorProto(data_type=CODES[name], dims=stored.dims)
    listed.int32_data.extend(np.frombuffer(stored.raw_data, unit).tolist())
    np.testing.assert_array_equal(tensor_array(listed, None), tensor_array(stored, None))


@pytest.mark.parametrize("name", KINDS)
def test_a_narrow_tensor_that_does_not_fill_its_shape_is_refused(name):
    stored = tensor(name, 13)
    stored.dims[0] = 17
    with pytest.raises(Mistake, match="not the shape"):
        tensor_array(stored, None)
