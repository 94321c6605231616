"""Chunks that were decoded are not decoded again at the next look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dodn.formats.pixels import cache as kept_chunks
from napari_dodn.formats.pixels.cache import KeptChunks, forget_kept

VALUES = np.arange(6 * 7 * 8).reshape(6, 7, 8)


class Stored:
    """An array in chunks that remembers how often it was read."""

    shape, dtype, chunks = VALUES.shape, VALUES.dtype, (2, 3, 4)

    def __init__(self):
        self.reads = 0

    def __getitem__(self, key):
        self.reads += 1
        return VALUES[key]


def index(length):
    steps = st.slices(length).filter(lambda at: (at.step or 1) > 0)
    return steps | st.integers(-length, length - 1)


@settings(deadline=None)
@given(st.data())
def test_any_slices_one_after_the_other_are_those_of_the_whole(data):
    kept = KeptChunks(Stored())
    for _ in range(4):
        key = tuple(data.draw(index(length)) for length in VALUES.shape)
        np.testing.assert_array_equal(kept[key], VALUES[key])


@settings(deadline=None)
@given(st.data(), st.sampled_from([0, 100, 2**25]))
def test_slices_that_are_too_large_to_be_kept_are_those_of_the_whole(data, piece):
    before = kept_chunks.CACHE_BYTES, kept_chunks.PIECE
    kept_chunks.CACHE_BYTES, kept_chunks.PIECE = 0, piece
    try:
        key = tuple(data.draw(index(length)) for length in VALUES.shape)
        np.testing.assert_array_equal(KeptChunks(Stored())[key], VALUES[key])
    finally:
        kept_chunks.CACHE_BYTES, kept_chunks.PIECE = before


def test_a_thin_slice_of_large_chunks_is_read_whole_and_a_few_chunks_at_a_time(monkeypatch):
    monkeypatch.setattr(kept_chunks, "CACHE_BYTES", 0)
    monkeypatch.setattr(kept_chunks, "PIECE", 4 * 24 * VALUES.itemsize)
    asked = []

    class Noted(Stored):
        def __getitem__(self, key):
            asked.append(key)
            return VALUES[key]

    np.testing.assert_array_equal(KeptChunks(Noted())[:, ::2, ::3], VALUES[:, ::2, ::3])
    assert all((at.step or 1) == 1 for key in asked for at in key)
    assert max(VALUES[key].size for key in asked) <= 4 * 24


@pytest.mark.parametrize(
    "second", [np.s_[:, 3, 4], np.s_[:, 5, 7], np.s_[2:5, 4, 6], np.s_[3, 3:6, 5]]
)
def test_a_look_at_the_same_chunks_reads_nothing(second):
    stored = Stored()
    kept = KeptChunks(stored)
    _ = kept[:, 3, 4]
    np.testing.assert_array_equal(kept[second], VALUES[second])
    assert stored.reads == 1


def test_a_look_at_other_chunks_reads_them():
    stored = Stored()
    kept = KeptChunks(stored)
    for y in (0, 3, 6):
        np.testing.assert_array_equal(kept[:, y, 0], VALUES[:, y, 0])
    assert stored.reads == 3


def test_what_was_looked_at_longest_ago_is_let_go(monkeypatch):
    monkeypatch.setattr(kept_chunks, "CACHE_BYTES", 3 * 6 * 3 * 4 * VALUES.itemsize)
    stored = Stored()
    kept = KeptChunks(stored)
    for y, x in ((0, 0), (0, 4), (3, 0), (0, 0), (3, 4)):  # now (0, 4) goes
        _ = kept[:, y, x]
    assert stored.reads == 4
    _ = kept[:, 0, 0]
    assert stored.reads == 4
    _ = kept[:, 0, 4]
    assert stored.reads == 5


def test_a_large_slice_is_read_as_it_is_and_not_kept(monkeypatch):
    monkeypatch.setattr(kept_chunks, "CACHE_BYTES", VALUES.nbytes)
    stored = Stored()
    kept = KeptChunks(stored)
    for _ in range(2):
        np.testing.assert_array_equal(kept[:, ::2, :], VALUES[:, ::2])
    assert stored.reads == 2


def test_changing_what_was_returned_changes_nothing_that_is_kept():
    kept = KeptChunks(Stored())
    kept[:, 0, 0][:] = 99
    np.testing.assert_array_equal(kept[:, 0, 0], VALUES[:, 0, 0])


def test_what_is_forgotten_is_read_anew():
    stored = Stored()
    kept = KeptChunks(stored)
    _ = kept[:, 0, 0]
    forget_kept()
    np.testing.assert_array_equal(kept[:, 0, 0], VALUES[:, 0, 0])
    assert stored.reads == 2
