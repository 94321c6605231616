"""Band images as an array: what numpy would say, and no more decoding than needed."""

from __future__ import annotations

import copy
import threading

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dodn.formats.bands import images as band_images
from napari_dodn.formats.bands.images import BandImages
from napari_dodn.formats.pixels import cache as kept_chunks

SHAPE = 5, 6, 7


@pytest.fixture(scope="module")
def pixels():
    return np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


@pytest.fixture(scope="module")
def files(tmp_path_factory, pixels):
    folder = tmp_path_factory.mktemp("bands")
    names = [folder / f"b{number}.png" for number in range(len(pixels))]
    for name, band in zip(names, pixels, strict=True):
        iio.imwrite(name, band)
    return names


@pytest.fixture
def decoded(monkeypatch):
    """Return the names of the files that are decoded from now on."""
    names, decode = [], band_images._grey_image

    def watched(file):
        names.append(file.name)
        return decode(file)

    monkeypatch.setattr(band_images, "_grey_image", watched)
    return names


def part(length):
    return st.one_of(st.slices(length), st.integers(-length, length - 1))


BANDS = st.one_of(
    part(SHAPE[0]),
    st.lists(st.integers(0, SHAPE[0] - 1)).map(lambda bands: np.array(bands, int)),
    st.lists(st.booleans(), min_size=SHAPE[0], max_size=SHAPE[0]).map(np.array),
    st.just(Ellipsis),
)


@settings(deadline=None, max_examples=200)
@given(index=st.tuples(BANDS, part(SHAPE[1]), part(SHAPE[2])), length=st.integers(0, 3))
def test_it_is_sliced_as_numpy_does(files, pixels, index, length):
    found = BandImages(files)[index[:length]]
    np.testing.assert_array_equal(found, pixels[index[:length]])
    assert found.dtype == pixels.dtype


def test_pixels_here_and_there_are_those_that_numpy_gives(files, pixels):
    index = np.array([0, 4, 2]), np.array([1, 1, 5]), np.array([6, 0, 3])
    np.testing.assert_array_equal(BandImages(files)[index], pixels[index])


def test_a_band_outside_is_an_index_error(files):
    with pytest.raises(IndexError):
        BandImages(files)[len(files)]


def test_opening_decodes_nothing(files, decoded):
    images = BandImages(files)
    assert (images.shape, images.dtype, images.size) == (SHAPE, np.uint16, np.prod(SHAPE))
    assert decoded == []


def test_only_what_is_looked_at_is_decoded_and_only_once(files, decoded):
    images = BandImages(files)
    for _ in range(2):
        images[3, 2:4, ::2]
        images[1:3]
    assert sorted(decoded) == ["b1.png", "b2.png", "b3.png"]


def test_no_more_bands_are_kept_than_there_is_room_for(files, pixels, decoded, monkeypatch):
    monkeypatch.setattr(kept_chunks, "CACHE_BYTES", 2 * pixels[0].nbytes)
    images = BandImages(files)
    for band in (0, 1, 2, 2, 1, 0):
        images[band]
    assert decoded == ["b0.png", "b1.png", "b2.png", "b0.png"]


def test_what_is_kept_cannot_be_changed_by_accident(files):
    with pytest.raises(ValueError, match="read-only"):
        BandImages(files)[0][0, 0] = 1


def test_threads_may_slice_at_a_time(files, pixels, monkeypatch):
    monkeypatch.setattr(kept_chunks, "CACHE_BYTES", 2 * pixels[0].nbytes)
    images, faults = BandImages(files), []

    def look(seed):
        try:
            for band in np.random.default_rng(seed).integers(0, len(files), 50):
                np.testing.assert_array_equal(images[band], pixels[band])
        except BaseException as fault:  # noqa: BLE001 - told in the thread of the test
            faults.append(fault)

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_layer_of_it_can_be_duplicated(files):
    images = BandImages(files)
    assert copy.deepcopy(images) is images
