"""Pixels in one piece of a file: as numpy indexes them, and never the end of the process."""

import copy
import os
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dodn.formats import FormatError
from napari_dodn.formats.pixels import open_files, raw
from napari_dodn.formats.pixels.open_files import OpenFile
from napari_dodn.formats.pixels.raw import RawPixels

SHAPE = (5, 6, 7)


@pytest.fixture
def stored(tmp_path):
    """Return an array and the file that holds it after 11 bytes."""
    values = np.arange(np.prod(SHAPE), dtype=">i2").reshape(SHAPE)
    file = tmp_path / "values.raw"
    file.write_bytes(b"x" * 11 + values.tobytes())
    return values, file


def pixels_of(stored, order="C"):
    values, file = stored
    return RawPixels(file, values.dtype, 11, values.shape, order)


def indices(length):
    step = st.sampled_from([None, 1, 2, -1, -3])
    edge = st.none() | st.integers(-length - 2, length + 2)
    return st.integers(-length, length - 1) | st.builds(slice, edge, edge, step)


keys = st.tuples(*map(indices, SHAPE))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=keys, order=st.permutations(range(3)), gap=st.sampled_from([0, 3, 2**14]))
def test_a_slice_is_numpys(stored, key, order, gap):
    values = stored[0].transpose(order)
    pixels = pixels_of(stored).transpose(order)
    turned = tuple(key[axis] for axis in order)
    before = raw.GAP, raw.PIECE
    raw.GAP, raw.PIECE = gap, 40
    try:
        np.testing.assert_array_equal(pixels[turned], values[turned])
        assert pixels[turned].shape == values[turned].shape
    finally:
        raw.GAP, raw.PIECE = before


@pytest.mark.parametrize("key", [..., (..., 3), (2, ...), (None, 1), 4, -1, slice(1, 3)])
def test_ellipses_and_short_indices_are_numpys(stored, key):
    np.testing.assert_array_equal(pixels_of(stored)[key], stored[0][key])


@pytest.mark.parametrize(
    "key",
    [
        [0, 2],
        [],
        (slice(None), [1, 1]),
        ([4, 0, -1], slice(None, None, 2), slice(5, None, -1)),
        ([4, 0], slice(None), 3),
        (2, [1, 0], slice(None)),
        ([0, 3], [1, 2]),
        (slice(None), [0, 3], [1, 2]),
        ([[0, 1], [2, 3]], 1),
        (None, [0, 2]),
        (..., [0, 6]),
        np.array([True, False] * 2 + [True]),
        (slice(None), np.arange(42).reshape(6, 7) % 5 == 0),
        np.arange(210).reshape(SHAPE) % 7 == 0,
    ],
    ids=str,
)
@pytest.mark.parametrize("gap", [0, 20, 2**14])
def test_lists_and_masks_are_numpys(stored, monkeypatch, key, gap):
    monkeypatch.setattr(raw, "GAP", gap)
    for order in ((0, 1, 2), (2, 1, 0)):
        values = stored[0].transpose(order)
        pixels = pixels_of(stored).transpose(order)
        try:
            expected = values[key]
        except IndexError:  # the mask is of the other order
            continue
        np.testing.assert_array_equal(pixels[key], expected)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=keys, axis=st.integers(0, 2), data=st.data())
def test_a_list_beside_any_slices_is_numpys(stored, key, axis, data):
    places = st.lists(st.integers(-SHAPE[axis], SHAPE[axis] - 1), max_size=5)
    chosen = np.array(data.draw(places), int)
    key = (*key[:axis], chosen, *key[axis + 1 :])
    np.testing.assert_array_equal(pixels_of(stored)[key], stored[0][key])


@pytest.mark.parametrize("key", [[0, 5], [-6], (0, 0, [7])])
def test_lists_out_of_range_are_refused(stored, key):
    with pytest.raises(IndexError, match="out of range"):
        pixels_of(stored)[key]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)], ids=["bsq", "bil", "bip"])
def test_some_bands_of_a_cube_larger_than_the_memory_can_be_picked(tmp_path, order):
    (tmp_path / "hollow").touch()
    os.truncate(tmp_path / "hollow", 2 * 400 * 5000 * 5000)
    lengths = [(400, 5000, 5000)[axis] for axis in order]
    cube = RawPixels(tmp_path / "hollow", "i2", 0, lengths).transpose(np.argsort(order))
    tracemalloc.start()
    assert cube[[3, 200, 399], ::40, ::40].shape == (3, 125, 125)
    assert tracemalloc.get_traced_memory()[1] < 2**27
    tracemalloc.stop()


def test_fortran_order_is_read_as_it_is_stored(stored):
    values, file = stored
    expected = np.frombuffer(file.read_bytes()[11:], values.dtype).reshape(SHAPE, order="F")
    np.testing.assert_array_equal(np.asarray(pixels_of(stored, "F")), expected)


def test_indices_out_of_range_are_refused(stored):
    with pytest.raises(IndexError):
        pixels_of(stored)[5]
    with pytest.raises(IndexError, match="too many"):
        pixels_of(stored)[0, 0, 0, 0]


def test_axes_of_length_1_come_and_go(stored):
    pixels = pixels_of(stored).part((slice(0, 1), slice(None), slice(None)))
    np.testing.assert_array_equal(pixels.reshape((6, 1, 7))[:, 0], stored[0][0])
    with pytest.raises(ValueError, match="cannot be reshaped"):
        pixels.reshape((7, 6))


def test_a_file_that_is_too_short_is_refused(stored):
    values, file = stored
    with pytest.raises(FormatError, match="cut off"):
        RawPixels(file, values.dtype, 12, values.shape)


def test_a_file_that_shrinks_is_an_error_and_not_the_end_of_the_process(tmp_path):
    file = tmp_path / "large.raw"
    file.write_bytes(bytes(2**22))
    script = f"""
import os, sys, numpy as np
from pathlib import Path
from napari_dodn.formats import FormatError
from napari_dodn.formats.pixels.raw import RawPixels
pixels = RawPixels(Path({str(file)!r}), np.dtype("u1"), 0, (4, 2**10, 2**10))
os.truncate({str(file)!r}, 100)
try:
    pixels[3]
except FormatError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "has changed since it was opened" in done.stdout


def test_a_file_that_is_changed_in_place_is_told(stored):
    pixels, file = pixels_of(stored), stored[1]
    with file.open("r+b") as opened:
        opened.write(b"other")
    os.utime(file, ns=(0, 0))
    with pytest.raises(FormatError, match="has changed since it was opened"):
        pixels[0]


def test_a_file_that_is_changed_while_it_is_read_is_told(stored, monkeypatch):
    pixels, file = pixels_of(stored), stored[1]
    into = OpenFile._into

    def slow(self, offset, room):
        into(self, offset, room)
        os.utime(file, ns=(0, 0))

    monkeypatch.setattr(OpenFile, "_into", slow)
    with pytest.raises(FormatError, match="has changed since it was opened"):
        pixels[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no open file")
def test_values_stay_when_another_file_takes_the_name(stored):
    pixels, file = pixels_of(stored), stored[1]
    other = file.with_name("other")
    other.write_bytes(bytes(1000))
    other.replace(file)
    np.testing.assert_array_equal(pixels[2], stored[0][2])


def test_many_files_are_not_all_held_open(tmp_path, monkeypatch):
    monkeypatch.setattr(open_files, "MOST_OPEN", 5)
    arrays = []
    for number in range(20):
        file = tmp_path / f"{number}.raw"
        file.write_bytes(bytes([number]) * 8)
        arrays.append(RawPixels(file, np.dtype("u1"), 0, (8,)))
    assert len(open_files._open_files) <= 5
    assert [int(pixels[3]) for pixels in arrays] == list(range(20))


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="Windows reads in another way")
def test_no_more_is_read_at_once_than_systems_allow(stored, monkeypatch):
    asked = []

    def preadv(descriptor, rooms, offset):
        asked.append(sum(map(len, rooms)))
        return os.readv(descriptor, rooms) if os.lseek(descriptor, offset, os.SEEK_SET) else 0

    pixels = pixels_of(stored)
    monkeypatch.setattr(open_files, "PIECE", 100)
    monkeypatch.setattr(os, "preadv", preadv)
    np.testing.assert_array_equal(pixels, stored[0])
    assert max(asked) == 100


def test_files_are_closed_with_their_last_view(stored):
    pixels = pixels_of(stored)
    view = pixels.transpose((2, 0, 1))
    count = len(open_files._open_files)
    del pixels
    assert view[0, 0, 0] == 0
    del view
    assert len(open_files._open_files) == count - 1


def test_copies_and_pickles_read_the_same_file(stored):
    pixels = pixels_of(stored).transpose((1, 0, 2)).part(slice(None, None, -1))
    for again in (copy.deepcopy(pixels), pickle.loads(pickle.dumps(pixels))):
        np.testing.assert_array_equal(np.asarray(again), stored[0].transpose(1, 0, 2)[::-1])


def test_it_can_be_computed_with(stored):
    pixels = pixels_of(stored)
    np.testing.assert_array_equal(pixels * 2 + 1, stored[0] * 2 + 1)
    np.testing.assert_array_equal(np.sqrt(pixels), np.sqrt(stored[0]))
    assert (pixels == stored[0]).all()
    assert pixels.astype(float).dtype == float
