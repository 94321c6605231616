"""Filling invalid values and bridging bad bands."""

import dask.array as da
import numpy as np

from napari_dodn import HyperCube
from napari_dodn.network.normalisation import normalisation_of
from napari_dodn.upscaling.preparation import FILL_RADIUS, blocks_of, bridge_bands, fill_invalid


def test_a_hole_takes_the_mean_of_its_neighbours():
    pixels = np.ones((1, 5, 5), np.float32)
    pixels[0, 2, 2] = np.nan
    np.testing.assert_allclose(fill_invalid(pixels), 1)


def test_filling_reaches_no_farther_than_its_radius():
    pixels = np.full((1, 1, 20), np.nan, np.float32)
    pixels[..., 0] = 5
    filled = fill_invalid(pixels)[0, 0]
    np.testing.assert_allclose(filled[: FILL_RADIUS + 1], 5, rtol=1e-6)
    assert (filled[FILL_RADIUS + 1 :] == 0).all()


def test_a_bad_band_is_the_line_between_its_good_neighbours():
    pixels = np.arange(6.0)[:, None, None] * np.ones((1, 2, 2))
    spoilt = pixels.copy()
    usable = np.array([False, True, False, False, True, False])
    spoilt[~usable] = 99
    bridged = bridge_bands(spoilt, usable)[:, 0, 0]
    np.testing.assert_allclose(bridged, [1, 1, 2, 3, 4, 4])


def test_normalisation_in_blocks_is_that_of_the_whole():
    rng = np.random.default_rng(0)
    data = 1e6 + rng.standard_normal((4, 50, 20))
    data[1, :30] = np.nan
    whole = normalisation_of([data], 4)
    blocks = normalisation_of([data[:, :7], data[:, 7:35], data[:, 35:]], 4)
    np.testing.assert_allclose(blocks.mean, np.nanmean(data, axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(blocks.mean, whole.mean, rtol=1e-14)
    assert np.isclose(blocks.deviation, whole.deviation, rtol=1e-9)


def test_blocks_hold_every_pixel_once(monkeypatch):
    monkeypatch.setattr("napari_dodn.upscaling.preparation.BLOCK_VALUES", 100)
    data = np.arange(3 * 11 * 10.0).reshape(3, 11, 10)
    blocks = list(blocks_of(HyperCube(data)))
    assert len(blocks) > 1
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), data)


def test_of_a_lazy_cube_each_chunk_is_decoded_once(monkeypatch):
    monkeypatch.setattr("napari_dodn.upscaling.preparation.BLOCK_VALUES", 100)
    data, decoded = np.arange(4 * 11 * 10.0).reshape(4, 11, 10), []

    def decode(block, block_info=None):
        decoded.append(block_info[0]["chunk-location"])
        return block

    chunked = da.from_array(data, chunks=(2, 4, 3))
    lazy = chunked.map_blocks(decode, dtype=data.dtype, meta=np.empty((0, 0, 0)))
    blocks = list(blocks_of(HyperCube(lazy)))
    assert sum(block.size for block in blocks) == data.size
    assert sum(block.sum() for block in blocks) == data.sum()
    assert len(decoded) == len(set(decoded)) == 2 * 3 * 4


def test_of_a_lazy_cube_with_a_chunk_for_each_band_not_all_is_read_at_once(monkeypatch):
    monkeypatch.setattr("napari_dodn.upscaling.preparation.MOST_VALUES", 300)
    data = np.arange(9 * 11 * 10.0).reshape(9, 11, 10)
    blocks = list(blocks_of(HyperCube(da.from_array(data, chunks=(1, 11, 10)))))
    assert max(block.size for block in blocks) <= 300
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), data)


def test_normalisation_undoes_itself():
    data = np.random.default_rng(0).random((3, 4, 4)) * 1e4
    normalisation = normalisation_of([data], 3)
    np.testing.assert_allclose(normalisation.undo(normalisation.apply(data)), data, rtol=1e-5)
