"""Weights in files: safetensors, npz and npy, and the choice between them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.errors import InputError, WeightError
from framework.runtime.npz import read_npy, read_npz, write_npy, write_npz
from framework.runtime.safetensors import read_metadata, read_safetensors, write_safetensors
from framework.runtime.weightfiles import read_weights

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


def sample(dtype: str) -> np.ndarray:
    return (np.arange(24).reshape(2, 3, 4) % 7).astype(dtype)


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    """The same names, types, shapes and bytes."""

    def facts(a: np.ndarray) -> tuple[object, ...]:
        return a.dtype, a.shape, a.tobytes()

    return {k: facts(v) for k, v in left.items()} == {k: facts(v) for k, v in right.items()}


def refused(path: Path, *, reader=read_weights) -> str:
    """The message of a refusal, without the folder."""
    with pytest.raises(WeightError) as caught:
        reader(path)
    return str(caught.value).replace(str(path.parent) + os.sep, "")


def packed(header: object, data: bytes = b"") -> bytes:
    """A safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def survives(path: Path, cases: list[bytes]) -> int:
    """Read every case; returns how many were refused. Any other exception fails the test."""
    count = 0
    for case in cases:
        path.write_bytes(case)
        try:
            [array.copy() for array in read_weights(path).values()]
        except WeightError:
            count += 1
    return count


# safetensors


@pytest.mark.parametrize("dtype", DTYPES)
def test_safetensors_keep_every_dtype(tmp_path, dtype):
    tensors = {"b": sample(dtype), "a": np.array(3, dtype), "empty": np.zeros((0, 5), dtype)}
    write_safetensors(tmp_path / "w.safetensors", tensors)
    assert same(read_safetensors(tmp_path / "w.safetensors"), tensors)


def test_safetensors_agree_with_the_library_both_ways(tmp_path):
    oracle = pytest.importorskip("safetensors.numpy")
    tensors = {f"t.{dtype}": sample(dtype) for dtype in DTYPES}
    oracle.save_file(tensors, tmp_path / "theirs.safetensors", {"by": "them"})
    write_safetensors(tmp_path / "ours.safetensors", tensors)
    assert same(read_safetensors(tmp_path / "theirs.safetensors"), tensors)
    assert same(oracle.load_file(tmp_path / "ours.safetensors"), tensors)


def test_bfloat16_is_read_as_float32(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(packed({"w": entry("BF16", [2])}, bytes.fromhex("803f 00c0")))
    assert same(read_safetensors(path), {"w": np.array([1.0, -2.0], "f4")})


def test_misaligned_tensors_are_read_aligned(tmp_path):
    path = tmp_path / "w.safetensors"
    header = json.dumps({"w": entry("F32", [1], [0, 4])}).encode()
    path.write_bytes(packed(header + b" " * ((1 - len(header)) % 4), np.float32(7).tobytes()))
    found = read_safetensors(path)["w"]
    assert (found.tolist(), found.flags.aligned) == ([7.0], True)


def test_what_is_read_cannot_be_written_to(tmp_path):
    write_safetensors(tmp_path / "w.safetensors", {"a": sample("f4"), "b": sample("?")})
    write_npz(tmp_path / "w.npz", {"a": sample("f4"), "b": np.asfortranarray(sample("f4"))})
    files = [tmp_path / "w.safetensors", tmp_path / "w.npz"]
    assert not any(a.flags.writeable for file in files for a in read_weights(file).values())


def test_metadata_are_kept(tmp_path):
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"w": sample("f4")}, {"format": "np", "doc": "größe"})
    assert read_metadata(path) == {"format": "np", "doc": "größe"}
    assert list(read_safetensors(path)) == ["w"]


def test_the_order_of_writing_does_not_change_the_bytes(tmp_path):
    tensors = {"a": sample("u1"), "b": sample("f4"), "c": sample("f8")}
    write_safetensors(tmp_path / "1", tensors, {"x": "1", "y": "2"})
    write_safetensors(tmp_path / "2", dict(reversed(tensors.items())), {"y": "2", "x": "1"})
    write_npz(tmp_path / "3", tensors)
    write_npz(tmp_path / "4", dict(reversed(tensors.items())))
    contents = [(tmp_path / name).read_bytes() for name in "1234"]
    assert (contents[0], contents[2]) == (contents[1], contents[3])


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"w": sample("f4")})
    before = path.read_bytes()
    with pytest.raises(WeightError, match="complex64 cannot be stored"):
        write_safetensors(path, {"w": sample("c8")})
    assert (path.read_bytes(), os.listdir(tmp_path)) == (before, ["w.safetensors"])


def test_writing_into_a_missing_folder_says_so(tmp_path):
    with pytest.raises(WeightError, match="No such file or directory"):
        write_safetensors(tmp_path / "none" / "w.safetensors", {"w": sample("f4")})


HEADERS = [
    ({"w": entry("F8_E4M3")}, "tensor 'w' has dtype 'F8_E4M3'; known are F64, F32, F16"),
    ({"w": entry(["F32"])}, "tensor 'w' has dtype ['F32']; known"),
    ({"w": entry(shape=[2])}, "tensor 'w' of shape [2] and dtype F32 needs 8 bytes, but its"),
    ({"w": entry(shape=[-1])}, "-1 is not a natural number below 2**58"),
    ({"w": entry(shape=[True])}, "True is not a natural number below 2**58"),
    ({"w": entry(shape=[2**40, 2**40])}, "has 2**58 elements or more"),
    ({"w": entry(shape=[0, 2**40, 2**40], offsets=[0, 0])}, "has 2**58 elements or more"),
    ({"w": entry(shape=[1] * 33)}, "33 axes; at most 32 can be held"),
    ({"w": entry(shape="1")}, "a shape is a list of sizes, not str"),
    ({"w": entry(offsets=[4, 0])}, "tensor 'w' needs data_offsets [begin, end]"),
    ({"w": entry(offsets=[0.0, 4.0])}, "tensor 'w' needs data_offsets [begin, end]"),
    ({"w": 1}, "tensor 'w' needs dtype, shape and data_offsets"),
    ({"w": entry(), "v": entry()}, "tensors 'v' and 'w' overlap"),
    ({"w": entry(offsets=[4, 8])}, "bytes 0 to 4 of the data belong to no tensor"),
    ({"w": entry(shape=[9], offsets=[0, 36])}, "is cut off: tensor 'w' ends at byte 36 of 8"),
    ({"w": entry()}, "bytes 4 to 8 of the data belong to no tensor"),
    ({"w": entry(), "__metadata__": {"a": 1}}, "__metadata__ must map text to text"),
    (b'{"w": 1, "w": 2}', "its header names 'w' twice"),
    (b"[1]", "its header is no JSON object, but list"),
    (b"{", "its header is not valid JSON"),
    (b"\xff", "its header is not valid JSON"),
    (b'{"w":' + b"[" * 100_000, "its header is not valid JSON"),
]


@pytest.mark.parametrize(("header", "message"), HEADERS)
def test_a_wrong_header_is_refused_with_its_reason(tmp_path, header, message):
    path = tmp_path / "w.safetensors"
    path.write_bytes(packed(header, b"\0" * 8))
    assert message in refused(path, reader=read_safetensors)


def test_the_length_of_a_header_is_checked_before_it_is_read(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    assert "announces a header of 9223372036854775808 bytes, and at most 2" in refused(path)


def test_a_header_of_more_than_100_megabytes_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    with path.open("wb") as file:  # a hole: it takes no room on the disk
        file.write((150_000_000).to_bytes(8, "little") + b"{")
        file.truncate(200_000_000)
    assert "at most 100000000 are possible in a file of 200000000" in refused(path)


# npz and npy


@pytest.mark.parametrize("dtype", [*DTYPES, "c8", "U5", "S3", ">f4", ">i2"])
def test_npz_keeps_every_dtype(tmp_path, dtype):
    arrays = {"a.b": sample(dtype), "turned": sample(dtype).T, "one": np.array(1, dtype)}
    np.savez(tmp_path / "w.npz", **arrays)
    native = {name: a.astype(a.dtype.newbyteorder("=")) for name, a in arrays.items()}
    assert same(read_npz(tmp_path / "w.npz"), native)


def test_compressed_npz_is_read(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", a=sample("f4"), b=np.zeros(0))
    assert same(read_npz(tmp_path / "w.npz"), {"a": sample("f4"), "b": np.zeros(0)})


def test_numpy_reads_what_is_written(tmp_path):
    arrays = {"y.0": sample("f4"), "x": np.asfortranarray(sample("i8"))}
    write_npz(tmp_path / "w.npz", arrays)
    write_npy(tmp_path / "w.npy", arrays["x"])
    with np.load(tmp_path / "w.npz") as found:
        assert same(dict(found), arrays)
    assert same({"x": np.load(tmp_path / "w.npy")}, {"x": arrays["x"]})


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_npy_of_any_shape_comes_back(tmp_path_factory, data):
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=5)))
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    np.save(path, np.array(array, order=data.draw(st.sampled_from("CF"))))
    assert same({"x": read_npy(path)}, {"x": array})


def test_object_arrays_are_refused_and_not_unpickled(tmp_path):
    ran = tmp_path / "ran"
    evil = type("Evil", (), {"__reduce__": lambda self: (os.mkdir, (str(ran),))})()
    np.savez(tmp_path / "w.npz", bad=np.array([evil], dtype=object))
    assert refused(tmp_path / "w.npz") == (
        "w.npz: array 'bad': is an array of Python objects, which only pickle can read; "
        "nothing was executed\n  hint: convert it before saving, e.g. with .astype('float32')"
    )
    assert not ran.exists()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }", "399999999996 by"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "8 bytes, but 4 follow"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "arrays of records"),
        ("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }", "has dtype '<M8[ns]'"),
        ("{'descr': '<f1', 'fortran_order': False, 'shape': (4,), }", "has dtype '<f1'"),
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (4,), }", "has dtype '<U0'"),
        ("{'descr': '<f4', 'shape': (1,), }", "does not state one plain dtype"),
        ("__import__('os')", "does not state one plain dtype"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 700 + ",), }", "natural"),
    ],
)
def test_a_wrong_npy_header_is_refused_with_its_reason(tmp_path, header, message):
    (tmp_path / "x.npy").write_bytes(npy(header, b"\0" * 4))
    assert message in refused(tmp_path / "x.npy", reader=read_npy)


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", a=np.zeros(300_000, "f4"), b=np.zeros(300_000, "f4"))
    with pytest.raises(WeightError, match=r"would unpack to 2400\d\d\d bytes; at most 2000000"):
        read_npz(tmp_path / "w.npz", limit=2_000_000)


def test_a_member_that_lies_about_its_size_is_refused(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,), }"
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", npy(header))
    assert "array 'a': declares uint8 of shape [1000000000000]" in refused(tmp_path / "w.npz")


def test_a_member_with_a_wrong_checksum_is_refused(tmp_path):
    write_npz(tmp_path / "w.npz", {"a": np.full(50, 7, "u1")})
    whole = (tmp_path / "w.npz").read_bytes()
    (tmp_path / "w.npz").write_bytes(whole.replace(b"\7" * 50, b"\7" * 49 + b"\6"))
    assert "member 'a.npy' of the zip archive is damaged or cut off: Bad CRC" in refused(
        tmp_path / "w.npz"
    )


def test_a_member_that_is_no_array_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as file:
        file.writestr("config.json", "{}")
    assert "member 'config.json' is not an array" in refused(tmp_path / "w.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as file:
        file.writestr("a.npy", b"1")
        file.writestr("a.npy", b"2")
    assert "the zip archive holds 'a.npy' twice" in refused(tmp_path / "w.npz")


def test_an_input_array_raises_the_error_of_inputs(tmp_path):
    with pytest.raises(InputError, match=r"x\.npy: there is no such file"):
        read_npy(tmp_path / "x.npy", InputError)


def test_objects_are_not_written(tmp_path):
    with pytest.raises(InputError, match="array 'a' has dtype object"):
        write_npz(tmp_path / "w.npz", {"a": np.array([None])}, InputError)
    assert os.listdir(tmp_path) == []


# the choice between them

BEGINNINGS = [
    ("w.safetensors", b"", "w.safetensors: is empty (0 bytes)"),
    ("w.h5", b"x", "not from '.h5'\n  hint: convert it to .safetensors"),
    ("w.safetensor", b"x", "not from '.safetensor'\n  hint: did you mean '.safetensors'?"),
    ("weights", b"x", "not from 'this'"),
    ("w.npz", packed({}), "is named .npz, but it is a safetensors file\n  hint: give it the end"),
    ("w.safetensors", b"PK\3\4xxxx", "but it is a zip archive (.npz or .pth)"),
    ("w.npz", npy("x"), "but it is a single NumPy array (.npy), which has no name"),
    ("w.npz", b"\x80\x02]q\0.", "but it is a pickle, as older PyTorch files (.pth) are"),
    ("w.pth", b"version https://git-lfs.github.com/spec/v1\n", "but it is a Git LFS pointer"),
    ("w.pth", b"<!DOCTYPE html>", "but it is a web page"),
    ("w.npz", b"PK\3\4", "the zip archive is damaged or cut off: File is not a zip file"),
    ("w.npz", b"hello", "the zip archive is damaged or cut off: File is not a zip file"),
]


@pytest.mark.parametrize(("name", "content", "message"), BEGINNINGS)
def test_a_file_of_another_kind_is_refused_with_its_reason(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    assert message in refused(tmp_path / name)


def test_missing_files_and_folders_are_told_apart(tmp_path):
    (tmp_path / "folder.npz").mkdir()
    assert refused(tmp_path / "folder.npz").startswith("folder.npz: is a folder, not a file")
    assert refused(tmp_path / "none.npz").startswith("none.npz: there is no such file")


def test_a_safetensors_header_may_have_any_length(tmp_path):
    path = tmp_path / "w.safetensors"
    for length in (60, 128):  # '<' and 0x80 begin web pages and pickles
        path.write_bytes(packed(b"{}" + b" " * (length - 2)))
        assert read_weights(path) == {}


def test_endings_may_be_in_capitals(tmp_path):
    np.savez(tmp_path / "W.npz", a=sample("f4"))
    (tmp_path / "W.npz").rename(tmp_path / "W.NPZ")
    assert same(read_weights(tmp_path / "W.NPZ"), {"a": sample("f4")})


# damage


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    write_safetensors(tmp_path / "w.safetensors", {"a": sample("u1")})
    whole = (tmp_path / "w.safetensors").read_bytes()
    cases = [whole[:size] for size in range(len(whole))]
    assert survives(tmp_path / "w.safetensors", cases) == len(cases)
