"""Damaged MATLAB v4 and v5 files, which would end the process inside of SciPy or never end."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from napari_dodn.formats import FormatError, contents, read
from napari_dodn.formats.arrays.matlab_check import DEEPEST, check_v4, check_v5

CUBE = np.arange(5 * 6 * 7.0).reshape(5, 6, 7)
DAMAGED = r"is damaged or not a MATLAB file\.$"


def of(*parts: bytes) -> bytes:
    """Return an element of matrices or data that lie one after the other."""
    content = b"".join(parts)
    return struct.pack("<II", 14, len(content)) + content


def data(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def header(kind: int, shape: tuple[int, ...], name: bytes = b"cube") -> bytes:
    dims = struct.pack(f"<{len(shape)}i", *shape)
    return data(6, struct.pack("<II", kind, 0)) + data(5, dims) + data(1, name)


def file_of(tmp_path, *elements: bytes):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(elements))
    return path


def compressed(element: bytes) -> bytes:
    packed = zlib.compress(element)
    return struct.pack("<II", 15, len(packed)) + packed


NUMBERS = data(9, CUBE.tobytes())


@pytest.mark.parametrize("wrap", [bytes, compressed], ids=["plain", "compressed"])
@pytest.mark.parametrize(
    "element",
    [
        pytest.param(of(header(6, (5, 6, 7)), data(52240, CUBE.tobytes())), id="unknown type"),
        pytest.param(of(header(6, (5, 6, 7)), data(8, CUBE.tobytes())), id="reserved type"),
        pytest.param(of(header(6, (50, 600, 7000)), NUMBERS), id="too few numbers"),
        pytest.param(of(header(6, (-5, -6, 7)), NUMBERS), id="negative lengths"),
        pytest.param(of(header(77, (5, 6, 7)), NUMBERS), id="unknown class"),
        pytest.param(of(header(6, tuple([1] * 99)), NUMBERS), id="99 axes"),
        pytest.param(of(header(1, (2**30, 2**30, 2)), NUMBERS), id="a cell of many"),
        pytest.param(
            of(header(2, (1, 1)), data(5, bytes(4)), data(1, b"a\0b\0"), NUMBERS),
            id="names of no length",
        ),
        pytest.param(of(header(4, (1, 3)), data(14, b"abc")), id="a text of matrices"),
        pytest.param(of(header(6, (5, 6, 7), b"x" * 9999), NUMBERS), id="a long name"),
    ],
)
def test_a_damaged_variable_is_refused_before_it_is_read(tmp_path, wrap, element):
    path = file_of(tmp_path, wrap(element))
    for ask in (read, contents):
        with pytest.raises(FormatError, match=DAMAGED):
            ask(path)


def test_cells_that_lie_in_each_other_too_deep_are_refused(tmp_path):
    element = of(header(6, (1, 1), b""), data(9, bytes(8)))
    for _ in range(DEEPEST * 4):
        element = of(header(1, (1, 1), b""), element)
    with pytest.raises(FormatError, match=DAMAGED):
        read(file_of(tmp_path, element))


def test_what_cannot_have_been_compressed_to_so_little_is_refused(tmp_path):
    big = header(6, (3000, 3000, 50)) + struct.pack("<II", 9, 3000 * 3000 * 50 * 8)
    with pytest.raises(FormatError, match=DAMAGED):
        contents(file_of(tmp_path, compressed(struct.pack("<II", 14, 2**32 - 1) + big)))


@pytest.mark.parametrize("rows", [-1000, 2**30])
def test_a_variable_of_version_4_with_a_wrong_size_is_refused(tmp_path, rows):
    path = tmp_path / "a.mat"
    variable = struct.pack("<5i", 0, rows, 1, 0, 2) + b"a\0" + bytes(8)
    path.write_bytes(variable * 3)
    with pytest.raises(FormatError, match=DAMAGED):
        read(path)


@pytest.mark.parametrize("compression", [False, True])
def test_whole_files_pass(tmp_path, compression):
    path = tmp_path / "a.mat"
    parts = {
        "cube": CUBE,
        "small": np.uint8(3),
        "empty": np.zeros((0, 3)),
        "name": "Straße",
        "good": np.array([True, False]),
        "complex": CUBE[0] + 1j,
        "cells": np.array([[1.0, "two", CUBE]], object),
        "scenes": {"a": {"b": CUBE, "c": np.array([], object)}},
    }
    savemat(path, parts, do_compression=compression)
    check_v5(path)
    assert [found.name for found in contents(path)] == ["cube", "cells{3}", "scenes.a.b"]


def test_whole_files_of_version_4_pass(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"a": CUBE[0], "b": CUBE[0] + 1j, "c": "text"}, format="4")
    check_v4(path)
