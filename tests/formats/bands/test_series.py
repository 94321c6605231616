"""Names and descriptions of band images as satellites, scanners and scripts leave them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_dodn import HyperCube
from napari_dodn.formats import FormatError, contents, read, write

IMAGE = np.random.default_rng(2).integers(1, 4000, (6, 7, 9), dtype=np.uint16)
CENTRES = np.array([450.0, 500.0, 555.5, 610.0, 700.0, 800.0])


@pytest.fixture
def folder_of(tmp_path):
    def make(names, images=IMAGE):
        folder = tmp_path / "scene"
        folder.mkdir()
        for name, image in zip(names, images, strict=True):
            tifffile.imwrite(folder / f"{name}.tif", image)
        return folder

    return make


def check(cube, wavelengths=None):
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    if wavelengths is None:
        assert cube.wavelengths is None
    else:
        np.testing.assert_allclose(cube.wavelengths, wavelengths)


@pytest.mark.parametrize("name", ["band_{}_reflectance", "{:03d}_scene", "Band {} (raw)", "b{}x"])
def test_the_number_may_stand_inside_of_the_names(folder_of, name):
    folder = folder_of([name.format(band + 1) for band in range(6)])
    check(read(folder))
    assert contents(folder)[0].bands == 6


def test_of_several_numbers_the_one_that_differs_counts(folder_of):
    check(read(folder_of([f"2024_b{band + 1}_v2x" for band in range(6)])))


@pytest.mark.parametrize(
    "name",
    ["{:g}nm_scene", "scene_{:.1f}", "scene_{:.1f} nm", "scene {:g} nm (raw)"],
)
def test_wavelengths_with_decimals_are_read(folder_of, name):
    check(read(folder_of([name.format(centre) for centre in CENTRES])), CENTRES)


def test_wavelengths_with_decimal_commas_are_read(folder_of):
    check(read(folder_of([f"scene_{centre:.1f}".replace(".", ",") for centre in CENTRES])), CENTRES)


@pytest.mark.parametrize("name", ["s_{:g}um", "s_{:g} µm", "{:g}micron_s", "{:g}_micrometers"])
def test_wavelengths_in_micrometres_are_read(folder_of, name):
    check(read(folder_of([name.format(centre / 1000) for centre in CENTRES])), CENTRES)


@pytest.mark.parametrize(
    "name",
    [
        "{i:03d}_{w:.0f}nm",
        "scan-{i}-{w:.0f}nm-20ms",
        "lctf_20260101_1200{i:02d}_{w:.0f} nm",
        "{i:02d}_f5.6_{w:.1f}nm",
        "{j:02d}_{w:.0f}nm",
    ],
)
def test_other_numbers_that_rise_too_may_stand_before_the_wavelengths(folder_of, name):
    centres = np.round(CENTRES)
    names = [name.format(i=i + 1, j=20 - i, w=w) for i, w in enumerate(centres)]
    folder = folder_of(names)
    check(read(folder), centres)
    assert contents(folder)[0].bands == 6


@pytest.mark.parametrize("name", ["filter_{:.0f}-{:.0f}nm", "{:.0f} - {:.0f} nm (raw)"])
def test_the_middle_of_both_edges_is_the_wavelength(folder_of, name):
    check(read(folder_of([name.format(w - 8, w + 8) for w in CENTRES.round()])), CENTRES.round())


def test_images_of_scenes_that_are_counted_otherwise_are_no_bands_of_one(folder_of):
    numbers = (4, 1, 6, 2, 5, 3)
    names = [f"scene{n}_{w:.0f}nm" for n, w in zip(numbers, CENTRES, strict=True)]
    with pytest.raises(FormatError, match="holds no band images"):
        read(folder_of(names))


def test_a_p_may_stand_for_the_point_of_a_wavelength(folder_of):
    names = [f"scene_{centre:.1f}nm".replace(".", "p") for centre in CENTRES]
    check(read(folder_of(names)), CENTRES)


def test_months_behind_a_year_are_no_wavelengths(folder_of):
    cube = read(folder_of([f"scene_2020.{month:02d}" for month in range(1, 7)]))
    check(cube)


@pytest.mark.parametrize(
    ("bands", "shown"),
    [
        (["02", "03", "04", "08", "11", "12"], "2, 3, 4, 8, 11, 12"),
        (["05", "06", "07", "08", "8A", "09"], "5, 6, 7, 8, 8A, 9"),
    ],
)
@pytest.mark.parametrize("name", ["T32TQM_20200101T100031_B{}", "T32_B{}_10m"])
def test_bands_of_a_satellite_may_be_missing_and_are_said(folder_of, name, bands, shown):
    cube = read(folder_of([name.format(band) for band in bands]))
    check(cube)
    assert f"The bands are {shown}, by the names of the images." in cube.notes


def test_a_satellites_band_of_another_size_is_left_out_and_said(folder_of):
    folder = folder_of([f"LC08_L1TP_T1_B{band + 1}" for band in range(6)])
    tifffile.imwrite(folder / "LC08_L1TP_T1_B8.tif", np.zeros((14, 18), np.uint16))
    tifffile.imwrite(folder / "LC08_L1TP_T1_BQA.tif", IMAGE[0])
    cube = read(folder)
    check(cube)
    assert any("B8.tif is left out, since it has 14 × 18" in note for note in cube.notes)


def test_a_gap_in_other_series_is_refused(folder_of):
    with pytest.raises(FormatError, match="number 3 is missing"):
        read(folder_of([f"scene_{number}" for number in (1, 2, 4, 5, 6, 7)]))


@pytest.mark.parametrize("name", ["wavelengths.txt", "bands.csv", "scene_wavelengths.csv"])
def test_wavelengths_in_a_file_beside_the_images_are_read(folder_of, name):
    folder = folder_of([f"scene_{band + 1}" for band in range(6)])
    table = "band,wavelength (nm)\n" + "".join(f"{n},{c}\n" for n, c in enumerate(CENTRES, 1))
    (folder / name).write_text(
        table if name.endswith("csv") else "\n".join(map(str, CENTRES)), encoding="utf-8"
    )
    check(read(folder), CENTRES)


def test_a_list_of_another_length_beside_the_images_is_left_alone(folder_of):
    folder = folder_of([f"scene_{band + 1}" for band in range(6)])
    (folder / "bands.txt").write_text("450\n550\n650\n", encoding="utf-8")
    check(read(folder))


def test_what_each_geotiff_says_is_that_of_its_band(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    place = ("UTM", "1", "1", "500000", "5000000", "30", "30", "33", "North", "WGS-84")
    for band, image in enumerate(IMAGE):
        one = HyperCube(
            image[None],
            wavelengths=CENTRES[band : band + 1],
            fwhm=[5.0 + band],
            gain=[0.5 + band],
            nodata=-9999,
            map_info=(*place, "units=Meters"),
            pixel_size=(30.0, 30.0),
            pixel_unit="m",
        )
        write(one, folder / f"scene_B{band + 1}.tif")
    cube = read(folder)
    check(cube, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 5 + np.arange(6))
    np.testing.assert_allclose(cube.gain, 0.5 + np.arange(6))
    assert cube.nodata == -9999
    assert cube.pixel_size == (30.0, 30.0)
    assert cube.map_info[:2] == ("UTM", "1")


def test_no_data_values_that_differ_are_left_out_and_said(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for band, image in enumerate(IMAGE):
        write(HyperCube(image[None], nodata=-band), folder / f"scene_{band + 1}.tif")
    cube = read(folder)
    check(cube)
    assert cube.nodata is None
    assert any("'nodata' of the images is left out" in note for note in cube.notes)


def test_what_only_some_images_state_is_left_out_and_said(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for band, image in enumerate(IMAGE):
        stated = {} if band == 2 else {"fwhm": [10], "gain": [0.5]}
        one = HyperCube(image[None], wavelengths=CENTRES[band : band + 1], **stated)
        write(one, folder / f"scene_{band + 1}.tif")
    cube = read(folder)
    check(cube, CENTRES)
    assert cube.fwhm is None
    assert cube.gain is None
    assert cube.notes == (
        "The 'fwhm' of the images is left out, since only some of them state it.",
        "The 'gain' of the images is left out, since only some of them state it.",
    )


def test_a_size_of_pixels_in_all_names_is_no_wavelength(folder_of):
    check(read(folder_of([f"slide_10um_{band + 1:02d}" for band in range(6)])))


def test_a_series_longer_than_any_satellites_is_one_series(folder_of):
    images = np.repeat(IMAGE, 20, axis=0)
    cube = read(folder_of([f"scene_B{band + 1}" for band in range(120)], images))
    np.testing.assert_array_equal(np.asarray(cube.data), images)


def test_no_data_that_is_not_a_number_in_all_images_does_not_differ(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for band, image in enumerate(IMAGE):
        cube = HyperCube(image[None].astype(np.float32), nodata=np.nan)
        write(cube, folder / f"scene_{band + 1}.tif")
    assert not any("nodata" in note for note in read(folder).notes)
