"""PyTorch's files, read without PyTorch and without executing what a pickle asks for."""

from __future__ import annotations

import os
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from framework.errors import Mistake, WeightError
from framework.runtime.pickle_reader import Builder, read_pickle
from framework.runtime.torchfile import MAGIC, read_torch

PROTOCOL2 = b"\x80\x02"


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    """The same names in the same order, types, shapes and elements."""

    def facts(a: np.ndarray) -> tuple[object, ...]:
        return a.dtype, a.shape, a.tobytes()

    return [(k, facts(v)) for k, v in left.items()] == [(k, facts(v)) for k, v in right.items()]


def refused(path: Path) -> str:
    with pytest.raises(WeightError) as caught:
        read_torch(path)
    return str(caught.value).replace(str(path.parent) + os.sep, "")


# pickles written by hand, so that most tests need no PyTorch


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def tuple_(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def name(dotted: str) -> bytes:
    module, _, last = dotted.rpartition(".")
    return b"c" + module.encode() + b"\n" + last.encode() + b"\n"


def sizes(*values: int) -> bytes:
    return tuple_(*map(integer, values))


def storage(kind: str = "FloatStorage", key: str = "0", count: int = 4, view: bytes = b"") -> bytes:
    items = text("storage"), name(f"torch.{kind}"), text(key), text("cpu"), integer(count)
    return tuple_(*items, *([view] if view else [])) + b"Q"


def tensor(
    source: bytes, offset: int = 0, shape: tuple[int, ...] = (4,), strides: tuple[int, ...] = (1,)
) -> bytes:
    hooks = name("collections.OrderedDict") + b")R"
    arguments = source, integer(offset), sizes(*shape), sizes(*strides), b"\x89", hooks
    return name("torch._utils._rebuild_tensor_v2") + tuple_(*arguments) + b"R"


def mapping(**entries: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


def zipped(path: Path, description: bytes, order: str = "little", **records: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("w/data.pkl", PROTOCOL2 + description + b".")
        file.writestr("w/byteorder", order)
        for key, data in (records or {"0": np.arange(4, dtype="f4").tobytes()}).items():
            file.writestr(f"w/data/{key}", data)
    return path


def older(path: Path, description: bytes, little: bytes = b"\x88", **records: tuple[int, bytes]):
    records = records or {"0": (4, np.arange(4, dtype="f4").tobytes())}
    keys = b"](" + b"".join(map(text, records)) + b"e"
    system = b"}" + text("little_endian") + little + b"s"
    parts = [
        PROTOCOL2 + p + b"." for p in (integer(MAGIC), integer(1001), system, description, keys)
    ]
    parts += [struct.pack("<q", count) + data for count, data in records.values()]
    path.write_bytes(b"".join(parts))
    return path


def mutants(good: bytes, count: int, seed: int) -> list[bytes]:
    """Damaged copies: cut off, single bytes changed, pieces removed or doubled."""
    rng = np.random.default_rng(seed)
    out = []
    for case in range(count):
        at, length = int(rng.integers(len(good))), int(rng.integers(1, 9))
        body = bytearray(good)
        if case % 4 == 0:
            del body[at:]
        elif case % 4 == 1:
            del body[at : at + length]
        elif case % 4 == 2:
            body[at:at] = body[at : at + length]
        else:
            for place in rng.integers(len(good), size=length):
                body[place] = rng.integers(256)
        out.append(bytes(body))
    return out


def survives(path: Path, cases: list[bytes]) -> int:
    """Read every case; returns how many were refused. Any other exception fails the test."""
    count = 0
    for case in cases:
        path.write_bytes(case)
        try:
            [array.copy() for array in read_torch(path).values()]
        except WeightError:
            count += 1
    return count


FOUR = np.arange(4, dtype="f4")


@pytest.mark.parametrize("write", [zipped, older])
def test_a_tensor_is_read_from_both_formats(tmp_path, write):
    path = write(tmp_path / "w.pth", mapping(w=tensor(storage())))
    assert same(read_torch(path), {"w": FOUR})


@pytest.mark.parametrize("write", [zipped, older])
def test_offset_and_strides_select_elements(tmp_path, write):
    turned = tensor(storage(), shape=(2, 2), strides=(1, 2))
    path = write(tmp_path / "w.pth", mapping(t=turned, o=tensor(storage(), 3, (1,), (7,))))
    assert same(read_torch(path), {"t": FOUR.reshape(2, 2).T, "o": FOUR[3:]})


def test_tensors_that_share_a_storage_share_memory(tmp_path):
    path = zipped(tmp_path / "w.pth", mapping(a=tensor(storage()), b=tensor(storage(), 2, (2,))))
    found = read_torch(path)
    assert np.shares_memory(found["a"], found["b"])
    assert not found["a"].flags.writeable


def test_names_of_nested_containers_are_joined(tmp_path):
    one = tensor(storage())
    inner = mapping(conv=mapping(weight=one), rest=b"](" + one + integer(3) + one + b"e")
    path = zipped(tmp_path / "w.pth", mapping(epoch=integer(7), state_dict=inner, note=text("x")))
    names = ["state_dict.conv.weight", "state_dict.rest.0", "state_dict.rest.2"]
    assert same(read_torch(path), dict.fromkeys(names, FOUR))


def test_a_part_of_a_storage_in_the_older_format(tmp_path):
    view = tuple_(text("part"), integer(1), integer(2))
    path = older(tmp_path / "w.pth", mapping(w=tensor(storage(view=view), 1, (1,))))
    assert same(read_torch(path), {"w": FOUR[2:3]})


def test_big_endian_files_are_read(tmp_path):
    big = FOUR.astype(">f4").tobytes()
    content = mapping(w=tensor(storage()))
    files = [
        zipped(tmp_path / "z.pth", content, "big", **{"0": big}),
        older(tmp_path / "o.pth", content, b"\x89", **{"0": (4, big)}),
    ]
    assert [same(read_torch(file), {"w": FOUR}) for file in files] == [True, True]


def test_bytes_of_a_bool_become_true_or_false(tmp_path):
    content = mapping(w=tensor(storage("BoolStorage")))
    path = zipped(tmp_path / "w.pth", content, **{"0": b"\0\1\2\xff"})
    assert same(read_torch(path), {"w": np.array([False, True, True, True])})


def test_a_repeated_tensor_takes_no_memory(tmp_path):
    path = zipped(tmp_path / "w.pth", mapping(w=tensor(storage(), 0, (1000, 1000, 4), (0, 0, 1))))
    found = read_torch(path)["w"]
    assert (found.shape, found.strides) == ((1000, 1000, 4), (0, 0, 4))


# what is refused


@pytest.mark.parametrize(
    ("dotted", "arguments"),
    [
        ("os.mkdir", ["{ran}"]),
        ("posix.mkdir", ["{ran}"]),
        ("nt.mkdir", ["{ran}"]),
        ("builtins.eval", ["__import__('os').mkdir({ran!r})"]),
        ("builtins.exec", ["__import__('os').mkdir({ran!r})"]),
        ("builtins.getattr", ["x", "upper"]),
        ("subprocess.Popen", ["mkdir {ran}"]),
        ("torch.load", ["{ran}"]),
        ("torch.hub.load", ["{ran}"]),
        ("torch.storage._load_from_bytes", ["{ran}"]),
        ("numpy.core.multiarray._reconstruct", ["{ran}"]),
        ("collections.OrderedDict.fromkeys", ["{ran}"]),
        ("torch._utils._rebuild_tensor_v2.__globals__", ["{ran}"]),
    ],
)
@pytest.mark.parametrize("write", [zipped, older])
def test_a_pickle_that_calls_something_is_refused_and_not_run(tmp_path, write, dotted, arguments):
    ran = tmp_path / "ran"
    call = name(dotted) + tuple_(*(text(a.format(ran=str(ran))) for a in arguments)) + b"R"
    path = write(tmp_path / "w.pth", mapping(w=tensor(storage()), evil=call))
    message = f"its pickle names '{dotted}', which is no part of a tensor; nothing was executed"
    assert message in refused(path)
    assert not ran.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nmkdir\n(S'{ran}'\ntR.",  # the text protocol
        b"(S'{ran}'\nios\nmkdir\n.",  # INST
        b"(cos\nmkdir\nS'{ran}'\no.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x01x\x85R.",  # name from the stack
        b"\x80\x02cos\nmkdir\n)\x81.",  # NEWOBJ
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x02Pid\n.",  # PERSID
        b"\x80\x02}}(X\1\0\0\0ab.",  # BUILD on something else
        b"\x80\x02X\1\0\0\0a)R.",  # REDUCE of a text
        b"\x80\x02ccollections\nOrderedDict\n}b0.",  # BUILD on a name
    ],
)
def test_other_ways_to_call_are_refused_and_not_run(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content.replace(b"{ran}", str(tmp_path / "ran").encode()))
    assert refused(path).startswith("w.pth: its pickle ")
    assert os.listdir(tmp_path) == ["w.pth"]


def test_a_whole_model_gets_the_advice_to_save_its_state(tmp_path):
    content = name("torchvision.models.resnet.ResNet") + b")\x81"
    assert refused(zipped(tmp_path / "w.pth", content)) == (
        "w.pth: its pickle names 'torchvision.models.resnet.ResNet', which is no part of a "
        "tensor; nothing was executed\n"
        "  hint: save the tensors alone: torch.save(model.state_dict(), path)"
    )


WRONG = [
    (mapping(w=tensor(storage(), 1)), "needs element 4 of storage '0', which has 4"),
    (mapping(w=tensor(storage(), 0, (2, 2), (3, 1))), "needs element 4 of storage '0'"),
    (mapping(w=tensor(storage(), 0, (2**40, 2**40), (0, 0))), "has 2**58 elements or more"),
    (mapping(w=tensor(storage(), 0, (2**29,), (0,))), "repeats 4 stored elements to [536870912]"),
    (mapping(w=tensor(storage(), 0, (4, 1), (1,))), "a tensor has 2 sizes, 1 strides"),
    (mapping(w=tensor(storage(), 0, (-1,))), "-1 is not a natural number below 2**58"),
    (mapping(w=tensor(storage(), 0, (2,), (-1,))), "-1 is not a natural number below 2**58"),
    (mapping(w=tensor(storage(), -1)), "begins at -1 of this Storage"),
    (mapping(w=tensor(text("x"))), "begins at 0 of 'x'"),
    (mapping(w=tensor(storage(count=-1))), "its pickle counts -1 elements"),
    (mapping(w=tensor(storage(count=2**1000))), "its pickle counts this int elements"),
    (mapping(w=tensor(storage("QInt8Storage"))), "names 'torch.QInt8Storage'"),
    (mapping(w=tensor(text("x") + b"Q")), "its pickle refers to 'x', no storage"),
    (
        mapping(w=tensor(storage()), v=tensor(storage("IntStorage"))),
        "storage '0' is described in two ways",
    ),
    (mapping(w=integer(1)), "holds no tensors"),
    (tensor(storage()), "holds one tensor without a name"),
    (b"}(" + integer(0) + tensor(storage()) + text("0") + tensor(storage()) + b"u", "two tensors"),
    (b"](" + b"e" + b"q\0h\0a", "nested without end or too deeply"),
]


@pytest.mark.parametrize(("description", "message"), WRONG)
@pytest.mark.parametrize("write", [zipped, older])
def test_a_wrong_description_is_refused_with_its_reason(tmp_path, write, description, message):
    assert message in refused(write(tmp_path / "w.pth", description))


def test_containers_that_multiply_are_refused(tmp_path):
    level = b"}(" + text("a") + b"h\0" + text("b") + b"h\0u" + b"q\0"
    assert "nested without end" in refused(zipped(tmp_path / "w.pth", b"}q\0" + level * 30))


def test_a_long_name_that_multiplies_is_refused(tmp_path):
    inner = b"}" + text("x" * 5000) + tensor(storage()) + b"sq\0"
    content = b"](" + inner + b"h\0" * 200 + b"e"
    assert "nested without end" in refused(zipped(tmp_path / "w.pth", content))


def test_a_missing_storage_is_refused(tmp_path):
    content = mapping(w=tensor(storage(key="1")))
    assert "member 'w/data/1' is missing" in refused(zipped(tmp_path / "w.pth", content))
    assert "its list of storages is damaged" in refused(older(tmp_path / "w.pth", content))


def test_a_record_of_another_size_is_refused(tmp_path):
    path = zipped(tmp_path / "w.pth", mapping(w=tensor(storage())), **{"0": b"12345678"})
    assert "member 'w/data/0' has 8 bytes; its tensors need 16" in refused(path)


def test_storages_that_end_early_are_refused(tmp_path):
    path = older(tmp_path / "w.pth", mapping(w=tensor(storage())), **{"0": (4, b"1234")})
    size = path.stat().st_size
    assert f"is cut off: storage '0' ends at byte {size + 12}, the file at {size}" in refused(path)


def test_a_storage_with_another_count_is_refused(tmp_path):
    path = older(tmp_path / "w.pth", mapping(w=tensor(storage())), **{"0": (5, FOUR.tobytes())})
    assert "storage '0' has 5 elements, not 4" in refused(path)


def test_a_pickle_without_the_magic_number_is_refused(tmp_path):
    (tmp_path / "w.pth").write_bytes(PROTOCOL2 + b"}.")
    assert "it begins with this dict, not 119547037146038801333356" in refused(tmp_path / "w.pth")


def test_an_unknown_byte_order_is_refused(tmp_path):
    path = zipped(tmp_path / "w.pth", mapping(w=tensor(storage())), "middle")
    assert "states the byte order b'middle'; little and big are known" in refused(path)


def test_numpy_arrays_under_another_name_are_told(tmp_path):
    np.savez(tmp_path / "w.npz", a=FOUR)
    (tmp_path / "w.npz").rename(tmp_path / "w.pth")
    assert "holds NumPy arrays, not a PyTorch file" in refused(tmp_path / "w.pth")


# the machine


def test_plain_values_of_all_protocols_are_read():
    pickle = pytest.importorskip("pickle")
    value = {"a": [1, -2, 300, 70000, 2**70, 1.5, None, True], "b": (("x",), b"yz", "ü" * 300)}
    found = [read_pickle(pickle.dumps(value, p), 0, {}, str)[0] for p in (3, 4, 5)]
    assert found == [value] * 3


def test_reading_says_where_the_pickle_ends():
    assert read_pickle(b"xx\x80\x02K\x05.rest", 2, {}, str) == (5, 7)


def test_a_builder_gets_the_arguments():
    known = {"m.pair": Builder("m.pair", lambda arguments: list(reversed(arguments)))}
    assert read_pickle(b"cm\npair\nK\1K\2\x86R.", 0, known, str)[0] == [2, 1]


@pytest.mark.parametrize("damaged", [b"", b".", b"t.", b"K", b"h\1.", b"(.", b"}K\1a.", b"}]K\1s."])
def test_instructions_that_do_not_fit_are_refused(damaged):
    with pytest.raises(Mistake, match="its pickle is"):
        read_pickle(damaged, 0, {}, str)


# damage


@pytest.mark.parametrize("write", [zipped, older])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, write):
    path = write(tmp_path / "w.pth", mapping(w=tensor(storage())))
    whole = path.read_bytes()
    cases = [whole[:size] for size in range(1, len(whole))]
    assert survives(path, cases) == len(cases)


# against PyTorch


def tensors() -> dict[str, object]:
    """Tensors of every dtype and layout that a file can hold."""
    torch = pytest.importorskip("torch")
    words = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
    base = torch.arange(24).reshape(2, 3, 4)
    found = {word: (base % 5).to(getattr(torch, word)) for word in words}
    shared = torch.linspace(-1, 1, 30)
    found |= {"turned": shared.reshape(5, 6).T, "tail": shared[7:], "every": shared[1::3]}
    found |= {
        "one": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "wide": torch.ones(3).expand(4, 3),
    }
    return found | {"parameter": torch.nn.Parameter(torch.ones(2, 2))}


def as_numpy(found: dict[str, object]) -> dict[str, np.ndarray]:
    """The same by PyTorch itself; bfloat16 as float32."""
    torch = pytest.importorskip("torch")
    plain = {k: v.detach() for k, v in found.items()}
    return {k: (v.float() if v.dtype == torch.bfloat16 else v).numpy() for k, v in plain.items()}


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_files_of_pytorch_are_read_exactly(tmp_path, new, protocol):
    torch, path, saved = pytest.importorskip("torch"), tmp_path / "w.pth", tensors()
    torch.save(saved, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    assert same(read_torch(path), as_numpy(saved))


@pytest.mark.parametrize("new", [True, False])
def test_the_state_of_a_module_is_read_exactly(tmp_path, new):
    torch, path = pytest.importorskip("torch"), tmp_path / "w.pt"
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
    state = module.state_dict()
    saved = {"state_dict": state, "epoch": 3, "raw": OrderedDict(p=module[0].bias)}
    torch.save(saved, path, _use_new_zipfile_serialization=new)
    expected = {f"state_dict.{k}": v for k, v in state.items()} | {"raw.p": module[0].bias}
    assert same(read_torch(path), as_numpy(expected))


@pytest.mark.parametrize("word", ["uint16", "uint32", "uint64"])
def test_unsigned_tensors_of_newer_files_are_read(tmp_path, word):
    torch = pytest.importorskip("torch")
    saved = {"w": torch.arange(6, dtype=torch.int64).to(getattr(torch, word)).reshape(2, 3)}
    torch.save(saved, tmp_path / "w.pt")
    assert same(read_torch(tmp_path / "w.pt"), as_numpy(saved))


def test_a_pickled_module_is_refused_by_its_class(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    assert "names 'torch.nn.modules.linear.Linear'" in refused(tmp_path / "w.pt")


@pytest.mark.parametrize("new", [True, False])
def test_damaged_files_of_pytorch_raise_only_weight_errors(tmp_path, new):
    torch, path = pytest.importorskip("torch"), tmp_path / "w.pth"
    torch.save(tensors(), path, _use_new_zipfile_serialization=new)
    assert survives(path, mutants(path.read_bytes(), 300, seed=6)) > 100
