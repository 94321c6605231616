"""Pixels in a file, seen as (bands, y, x): a slice reads that part and no more."""

from __future__ import annotations

import dask
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dodn.cube import CubeError
from napari_dodn.formats.pixels.lazy import lazy_pixels

VALUES = np.arange(6 * 7 * 8).reshape(6, 7, 8)


class Stored:
    """An array that remembers how much of it was read, and takes no more than a file does."""

    shape, dtype, chunks = VALUES.shape, VALUES.dtype, None

    def __init__(self):
        self.read = 0

    def __getitem__(self, key):
        assert all(isinstance(at, int) or (at.step or 1) > 0 for at in key)
        part = VALUES[key]
        self.read += part.size
        return part


@settings(deadline=None, max_examples=50)
@given(st.data(), st.permutations("yxb"))
def test_any_slice_is_that_of_the_whole(data, axes):
    whole = VALUES.transpose([axes.index(axis) for axis in "byx"])
    key = tuple(data.draw(st.slices(n) | st.integers(0, n - 1)) for n in whole.shape)
    pixels = lazy_pixels(Stored(), "".join(axes))
    np.testing.assert_array_equal(np.asarray(pixels[key]), whole[key])


def test_bands_can_be_picked_from_a_list():
    np.testing.assert_array_equal(
        lazy_pixels(Stored(), "ybx")[[5, 1, 2], 2:4], VALUES.transpose(1, 0, 2)[[5, 1, 2], 2:4]
    )


@pytest.mark.parametrize(
    ("key", "most"),
    [
        (np.s_[3], 56),
        (np.s_[:, 2, 5], 6),
        (np.s_[1:3, :2, :2], 8),
    ],
)
def test_a_slice_reads_that_part_and_no_more(key, most):
    stored = Stored()
    np.testing.assert_array_equal(lazy_pixels(stored, "byx")[key].compute(), VALUES[key])
    assert stored.read <= most


@pytest.mark.parametrize(("axes", "depth"), [("byx", 2), ("yxb", 4)])
def test_a_band_in_napari_reads_the_chunks_of_its_bands_alone(axes, depth):
    stored = Stored()
    stored.chunks = (2, 3, 4)
    pixels = lazy_pixels(stored, axes)
    assert set(pixels.chunks[0][:-1]) == {depth}
    whole = VALUES.transpose([axes.index(axis) for axis in "byx"])
    with dask.config.set({"optimization.fuse.active": False}):  # as napari does
        np.testing.assert_array_equal(pixels[1].compute(), whole[1])
    assert stored.read == depth * whole[0].size


def test_an_array_that_is_mapped_is_seen_through_a_view():
    assert np.shares_memory(lazy_pixels(VALUES, "yxb"), VALUES)


def test_an_array_larger_than_any_disk_is_taken_for_damaged():
    stored = Stored()
    stored.shape = (2**14, 2**15, 2**15)
    with pytest.raises(CubeError, match="141 TB, so it must be damaged"):
        lazy_pixels(stored, "byx")


def test_an_array_of_countless_chunks_is_taken_for_damaged():
    stored = Stored()
    stored.shape, stored.chunks = (2**30, 2, 2), (1, 2, 2)
    with pytest.raises(CubeError, match="1,073,741,824 chunks, so it must be damaged"):
        lazy_pixels(stored, "byx")


def test_an_array_without_pixels_costs_nothing_however_long_it_is():
    stored = Stored()
    stored.shape, stored.chunks = (0, 2**30, 2), (1, 1, 2)
    assert lazy_pixels(stored, "byx").shape == stored.shape
