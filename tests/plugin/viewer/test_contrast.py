"""Between which values a cube is shown, from a little of it."""

import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.formats.pixels.lazy import lazy_pixels
from napari_dodn.plugin.viewer import contrast
from napari_dodn.plugin.viewer.contrast import contrast_limits

SHAPE = (6, 800, 1000)
VALUES = np.random.default_rng(0).normal(100, 10, SHAPE).astype("f4")


class Stored:
    """An array in chunks that counts what is read of it."""

    shape, dtype, chunks = SHAPE, VALUES.dtype, (6, 50, 50)

    def __init__(self):
        self.read = 0

    def __getitem__(self, key):
        part = VALUES[key]
        self.read += part.size
        return part


def test_of_a_large_file_in_chunks_some_are_looked_at(monkeypatch):
    few, all_of_it = Stored(), Stored()
    whole = contrast_limits(HyperCube(lazy_pixels(all_of_it, "byx")))
    monkeypatch.setattr(contrast, "LARGE", 0)
    limits = contrast_limits(HyperCube(lazy_pixels(few, "byx")))
    assert limits == pytest.approx(whole, abs=2)
    assert few.read < VALUES.size / 2 < all_of_it.read


@pytest.mark.parametrize("shape", [(2, 1, 1), (1, 5, 900), (3, 40, 7)])
def test_large_files_may_be_narrow(monkeypatch, shape):
    monkeypatch.setattr(contrast, "LARGE", 0)
    values = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    stored = Stored()
    stored.shape, stored.chunks = shape, shape
    monkeypatch.setattr(Stored, "__getitem__", lambda self, key: values[key])
    low, high = contrast_limits(HyperCube(lazy_pixels(stored, "byx")))
    assert 0 <= low < high <= values.max() + 1
