"""Pickles of statistics are read as data: no file can run code, take memory that it does not fill, or hang."""

from __future__ import annotations

import copyreg
import io
import pickle
import pickletools
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbox.errors import UsageError
from benchbox.inputs.pickled_arrays import arrays_in_pickle
from benchbox.inputs.pickles import CONSTANTS, CONTAINERS, LITERALS
from benchbox.metrics.reference import read_reference

MOMENTS = {"mu": np.arange(3.0), "sigma": np.eye(3)}
EXTENSION = 0x7F


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def attacks(folder: str) -> dict[str, bytes]:
    """Pickles that make a folder when `pickle.loads` reads them, by each instruction that calls or imports."""
    mkdir, argument = b"cos\nmkdir\n", text(folder)
    construct = b"cpathlib\nPath\n" + argument + b"\x85R"
    return {
        "REDUCE": mkdir + argument + b"\x85R.",
        "STACK_GLOBAL": text("os") + text("mkdir") + b"\x93" + argument + b"\x85R.",
        "INST": b"(" + argument + b"ios\nmkdir\n.",
        "OBJ": b"(" + mkdir + argument + b"o.",
        "EXT1": b"\x82" + bytes([EXTENSION]) + argument + b"\x85R.",
        "REDUCE of a method": b"cpathlib\nPath.mkdir\n" + construct + b"\x85R.",
        "REDUCE inside the dictionary": b"}" + text("mu") + mkdir + argument + b"\x85Rs.",
    }


@pytest.fixture
def extension() -> Iterator[None]:
    copyreg.add_extension("os", "mkdir", EXTENSION)
    yield
    copyreg.remove_extension("os", "mkdir", EXTENSION)


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("attack", attacks(""))
def test_a_hostile_pickle_of_statistics_runs_nothing(tmp_path: Path, attack: str) -> None:
    target = tmp_path / "attacked"
    payload = b"\x80\x04" + attacks(str(target))[attack]
    (tmp_path / "r.pkl").write_bytes(payload)
    with pytest.raises(UsageError):
        read_reference(tmp_path / "r.pkl")
    assert not target.exists()
    pickle.loads(payload)  # the attack works on a real unpickler
    assert target.is_dir()


@pytest.mark.parametrize("attack", attacks(""))
def test_a_hostile_pickle_inside_a_file_of_torch_runs_nothing(tmp_path: Path, attack: str) -> None:
    target = tmp_path / "attacked"
    with zipfile.ZipFile(tmp_path / "r.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + attacks(str(target))[attack])
        archive.writestr("archive/version", "3")
    with pytest.raises(UsageError):
        read_reference(tmp_path / "r.pt")
    assert not target.exists()


def test_a_pickle_of_statistics_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.pkl").write_bytes(b"\x80\x04cthis\ns\n.")
    with pytest.raises(UsageError):
        read_reference(tmp_path / "r.pkl")
    assert "this" not in sys.modules


def test_instructions_that_call_or_construct_are_refused() -> None:
    """Every instruction is either one of the known harmless ones or refused by its name."""
    combining = {
        "PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "TUPLE1",
        "TUPLE2", "TUPLE3", "TUPLE", "SETITEM", "SETITEMS", "APPEND", "APPENDS", "GLOBAL", "STACK_GLOBAL", "REDUCE",
        "BUILD",
    }  # fmt: skip
    known = LITERALS | set(CONSTANTS) | set(CONTAINERS) | combining
    arguments = {"PERSID": b"x\n", "INST": b"os\nmkdir\n", "PUT": b"0\n", "GET": b"0\n", "STRING": b"'a'\n"}
    arguments |= {"INT": b"1\n", "LONG": b"1L\n", "FLOAT": b"1\n", "UNICODE": b"a\n"}
    for instruction in pickletools.opcodes:
        if instruction.name in known:
            continue
        argument = arguments.get(instruction.name, bytes(16))
        with pytest.raises(ValueError, match=rf"it has the instruction {instruction.name},"):
            arrays_in_pickle(io.BytesIO(instruction.code.encode("latin-1") + argument), (), "")


@pytest.mark.parametrize(
    "body",
    [
        b"\x96" + struct.pack("<Q", 2**62),  # BYTEARRAY8 of 4 EiB
        b"\x8e" + struct.pack("<Q", 2**62),  # BINBYTES8
        b"B" + struct.pack("<I", 2**32 - 1),  # BINBYTES of 4 GiB
        b"\x95" + struct.pack("<Q", 2**62) + b"}.",  # FRAME
        b"r" + struct.pack("<I", 2**32 - 1) + b".",  # LONG_BINPUT of an empty stack
        b"(" * 100_000 + b"t" * 100_000 + b".",  # deep nesting
        b"}h\x00R.",  # a memo entry that is not there
        b"\x85.",  # an empty stack
        b"}\x94h\x00s.",  # half an item
    ],
)
def test_a_pickle_of_false_sizes_is_refused_in_one_sentence(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "r.pkl").write_bytes(b"\x80\x05" + body)
    with pytest.raises(UsageError, match=r"r\.pkl is not a file of mu and sigma .*\.$"):
        read_reference(tmp_path / "r.pkl")


def doubled(levels: int) -> bytes:
    """A tuple of a tuple of … of two references each: 2**levels leaves in a few bytes."""
    pairs = (b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(levels))
    return b")\x94" + b"".join(pairs)


@pytest.mark.parametrize(
    "body",
    [
        b"}" + doubled(60) + b"Ns.",  # as a key, which would be hashed
        doubled(60) + doubled(60) + b"\x93.",  # as the name of a function
        b"}" + text("mu") + doubled(60) + b"s.",  # as an array
        b"}" + text("mu") + b"cnumpy\n_reconstruct\n)R(K\x01)cnumpy\ndtype\n" + doubled(60) + b"\x85R\x89Ntbs.",
    ],
    ids=["key", "function", "array", "dtype"],
)
def test_a_pickle_that_grows_when_it_is_walked_is_refused_at_once(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "r.pkl").write_bytes(b"\x80\x04" + body)
    with pytest.raises(UsageError):
        read_reference(tmp_path / "r.pkl")


def test_only_the_arrays_that_are_needed_are_rebuilt() -> None:
    """Each of many names of one array would be a copy of its text."""
    data = pickle.dumps({f"n{i}": MOMENTS["mu"] for i in range(100)} | MOMENTS | {"fid": MOMENTS}, protocol=2)
    arrays = arrays_in_pickle(io.BytesIO(data), ("mu", "sigma"), "fid")
    assert arrays.keys() == {"mu", "sigma", "fid"}
    assert np.array_equal(arrays["fid"]["sigma"], MOMENTS["sigma"])


@pytest.mark.parametrize("array", [np.array([None]), np.array(["a"]), np.array([1j]), np.array([(1,)], "f8,")])
def test_arrays_of_other_things_than_numbers_are_refused(tmp_path: Path, array: Any) -> None:
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(MOMENTS | {"mu": array}))
    with pytest.raises(UsageError, match="it holds an array of something else than numbers"):
        read_reference(tmp_path / "r.pkl")


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickled_arrays_of_any_order_and_number_are_rebuilt(tmp_path: Path, dtype: str, protocol: int) -> None:
    sigma = np.asfortranarray(np.array([[2, 1, 0], [1, 3, 0], [0, 0, 4]], dtype))
    (tmp_path / "r.pkl").write_bytes(pickle.dumps({"fid": {"mu": sigma[0], "sigma": sigma}}, protocol=protocol))
    reference = read_reference(tmp_path / "r.pkl")
    assert np.array_equal(reference.sigma, sigma)
    assert np.array_equal(reference.mu, sigma[0])
