"""The sample scene: the same every time, physically plausible, and hard enough to be worth it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from skimage.transform import downscale_local_mean

from napari_dodn.sample import WAVELENGTHS, Sample, sample_scene, spectra


@pytest.fixture(scope="module")
def sample() -> Sample:
    return sample_scene()


def reflectance(material: str, wavelength: float) -> float:
    return float(np.interp(wavelength, WAVELENGTHS, spectra(WAVELENGTHS)[material]))


def test_the_same_seed_gives_the_same_scene(sample):
    again = sample_scene(0)
    assert np.array_equal(again.reference.data, sample.reference.data)
    assert np.array_equal(again.rgb, sample.rgb)


def test_another_seed_gives_another_scene(sample):
    assert not np.array_equal(sample_scene(1).reference.data, sample.reference.data)


def test_the_low_resolution_cube_is_the_mean_of_the_reference_in_each_pixel(sample):
    expected = downscale_local_mean(sample.reference.data, (1, sample.scale, sample.scale))
    np.testing.assert_allclose(sample.lr.data, expected, atol=1e-6)
    assert sample.lr.data.dtype == np.float32


def test_both_cubes_describe_the_same_place(sample):
    lr, reference = sample.lr, sample.reference
    for axis in (0, 1):
        assert lr.pixel_size[axis] == sample.scale * reference.pixel_size[axis]
        assert lr.shape[axis + 1] * sample.scale == reference.shape[axis + 1]
    assert lr.pixel_unit == reference.pixel_unit == "m"
    assert np.array_equal(lr.wavelengths, reference.wavelengths)
    assert lr.name != reference.name


def test_the_picture_has_the_pixels_of_the_reference(sample):
    assert sample.rgb.shape == (*sample.reference.shape[1:], 3)
    assert sample.rgb.dtype == np.uint8


def test_the_pixels_are_reflectances(sample):
    data = sample.reference.data
    assert data.dtype == np.float32
    assert data.min() >= 0
    assert 0.6 < data.max() <= 1


@pytest.mark.parametrize("material", spectra(WAVELENGTHS))
def test_a_material_reflects_between_nothing_and_everything(material):
    curve = spectra(np.arange(400.0, 1001.0))[material]
    assert curve.min() > 0
    assert curve.max() < 1


@pytest.mark.parametrize("plant", ["grass", "leaves", "needles", "crop"])
def test_a_living_plant_has_a_green_peak_and_a_red_edge(plant):
    assert reflectance(plant, 550) > 1.3 * reflectance(plant, 670)
    assert reflectance(plant, 780) > 5 * reflectance(plant, 670)


@pytest.mark.parametrize("water", ["water", "pool"])
def test_water_is_dark_in_the_near_infrared(water):
    assert reflectance(water, 900) < 0.3 * reflectance(water, 500)


def test_the_scene_has_the_amplitude_spectrum_of_natural_images(sample):
    image = sample.reference.data.mean(axis=0)
    size = len(image)
    window = np.outer(np.hanning(size), np.hanning(size))
    amplitude = np.abs(np.fft.fft2((image - image.mean()) * window))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size))
    edges = np.geomspace(4 / size, 0.25, 9)
    rings = [(frequency >= low) & (frequency < high) for low, high in pairwise(edges)]
    level = [np.log(amplitude[ring].mean()) for ring in rings]
    slope = np.polyfit(np.log(edges[:-1]), level, 1)[0]
    assert -1.6 < slope < -0.7


def test_the_scene_holds_at_least_a_dozen_independent_spectra(sample):
    pixels = sample.reference.data.reshape(len(WAVELENGTHS), -1)[:, ::7]
    strengths = np.linalg.svd(pixels - pixels.mean(axis=1, keepdims=True), compute_uv=False)
    assert (strengths > 1e-3 * strengths[0]).sum() >= 12
