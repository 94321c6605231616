"""TIFF files that we write: read back to the letter, and understood by other software."""

from __future__ import annotations

import re

import dask.array
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dodn import HyperCube
from napari_dodn.cube import Region
from napari_dodn.formats import FormatError, check_target, read, write
from napari_dodn.formats.pixels import blocks
from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.formats.tiff import gdal
from napari_dodn.formats.tiff import raster as tiff

FILES = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def cube():
    return HyperCube(
        np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6),
        wavelengths=[450, 550, 650, 850],
        fwhm=[5, 6, 7, 8],
        good_bands=[True, True, True, False],
        nodata=-9999,
        gain=1e-4,
        offset=[0, 0, 0, 1],
        quantity="reflectance",
        pixel_size=(20, 30),
        pixel_unit="m",
        map_info=("UTM", "1", "1", "500", "900", "30", "20", "33", "South", "WGS-84"),
        default_bands=(2, 1, 0),
        history=["Made."],
        metadata={"sensor type": "A", "band names": ["a", "b", "c", "<d>"]},
    )


@FILES
@given(draw=st.data())
def test_a_cube_that_is_written_and_read_is_the_same_cube(
    tmp_path, any_cube, assert_same_cube, draw
):
    cube = draw.draw(any_cube)
    found = read(write(cube, tmp_path / "a.tif", overwrite=True))
    assert_same_cube(found, cube)
    stored = np.dtype("u1") if cube.data.dtype == bool else cube.data.dtype
    assert found.data.dtype == stored.newbyteorder("<")


@FILES
@given(draw=st.data())
def test_gdals_metadata_are_xml_whatever_the_texts_of_a_cube(any_cube, draw):
    cube = draw.draw(any_cube)
    if xml := gdal.tag_of(cube):
        items = gdal.items_of_tag(xml)
        assert len([item for item in items if item.name == "bbl"]) == (
            0 if cube.good_bands is None else cube.bands
        )


def test_what_is_written_opens_mapped(tmp_path, cube):
    assert isinstance(read(write(cube, tmp_path / "a.tif")).data, RawPixels)


def test_gdals_tags_alone_give_the_bands_and_the_map(tmp_path, cube, assert_same_cube):
    path = write(cube, tmp_path / "a.tif")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageDescription"].overwrite("something else")
    found = read(path)
    unsaid = {"quantity": "", "history": (), "metadata": {}, "map_info": ()}
    assert_same_cube(found.derive(notes=(), **unsaid), cube.derive(**unsaid))
    assert found.map_info[:10] == cube.map_info
    assert found.metadata["sensor_type"] == "A"
    assert found.metadata["band names"] == ["a", "b", "c", "<d>"]


def test_other_software_sees_planar_bands(tmp_path, cube):
    path = write(cube, tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(path), cube.data)
    with tifffile.TiffFile(path) as file:
        (page,) = file.pages
        assert page.samplesperpixel == 4
        assert page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
        assert page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        assert not file.is_bigtiff
        assert not file.is_shaped
        assert page.tags[42113].value == "-9999"
        assert page.tags[33550].value == (30, 20, 0)
        assert page.tags[33922].value == (0, 0, 0, 500, 900, 0)
        assert page.geotiff_tags["ProjectedCSTypeGeoKey"] == 32733
        items = gdal.items_of_tag(page.tags[42112].value)
    assert gdal.Item("wavelength", "450.0", 0) in items
    assert gdal.Item("wavelength_units", "Nanometers", 0) in items
    assert gdal.Item("CENTRAL_WAVELENGTH_UM", "0.45", 0, "IMAGERY") in items
    assert gdal.Item("FWHM_UM", "0.005", 0, "IMAGERY") in items
    assert gdal.Item("bbl", "0", 3) in items
    assert gdal.Item("SCALE", "0.0001", 3, "", "scale") in items
    assert gdal.Item("OFFSET", "1.0", 3, "", "offset") in items
    assert gdal.Item("DESCRIPTION", "<d>", 3, "", "description") in items
    assert gdal.Item("COLORINTERP", "Red", 2, "", "colorinterp") in items


def test_a_scale_that_is_applied_already_is_not_written_for_others(tmp_path, cube):
    path = write(cube.derive(scaled=True), tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        assert "SCALE" not in file.pages[0].tags[42112].value


def test_the_map_of_a_geotiff_is_written_back(tmp_path, cube):
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 2, 3073, 34737, 5, 0)
    tags = [
        (33550, "d", 3, (30.0, 20.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 500.0, 900.0, 0.0), True),
        (34735, "H", len(keys), keys, True),
        (34737, "s", 0, "abç|".encode(), True),
    ]
    options = {"photometric": "minisblack", "planarconfig": "separate", "extratags": tags}
    tifffile.imwrite(tmp_path / "a.tif", cube.data, **options)
    source = read(tmp_path / "a.tif")
    finer = source.on_finer_grid(np.zeros((4, 10, 12)), 2)
    with tifffile.TiffFile(write(finer, tmp_path / "b.tif")) as file:
        found = file.pages[0].tags
        assert [found[code].value for code in (34735, 34737)] == [keys, "abç|"]
        assert found[33550].value == (15, 10, 0)
        # A point's pixel is half a pixel from the corner, before and after.
        assert found[33922].value == (0.5, 0.5, 0, 500, 900, 0)
    with tifffile.TiffFile(write(source.crop(Region(1, 4, 2, 6)), tmp_path / "c.tif")) as file:
        assert file.pages[0].tags[33922].value == (-2, -1, 0, 500, 900, 0)


def test_the_map_of_a_geotiff_survives_envi_in_between(tmp_path, shared_data):
    source = shared_data / "formats/geotiff_enmap/enmap_potsdam_tile_128_96.tif"
    path = write(read(write(read(source), tmp_path / "a.hdr")), tmp_path / "b.tif")
    with tifffile.TiffFile(path) as file, tifffile.TiffFile(source) as original:
        for code in (33550, 33922, 34735, 34737):
            assert file.pages[0].tags[code].value == original.pages[0].tags[code].value


@pytest.mark.parametrize("value", ["x", ["x"], [1e9], [[1]], [None]])
def test_what_cannot_be_geo_keys_is_not_written_as_such(tmp_path, cube, value):
    cube = cube.derive(metadata={"GeoKeyDirectory": value})
    assert read(write(cube, tmp_path / "a.tif")).metadata["GeoKeyDirectory"] == value


def test_a_turned_image_is_written_back_with_its_transformation(tmp_path, cube):
    matrix = [30.0, 5.0, 0, 500, 5.0, -20.0, 0, 900, 0, 0, 0, 0, 0, 0, 0, 1.0]
    cube = cube.derive(map_info=(), metadata={"ModelTransformation": matrix})
    with tifffile.TiffFile(write(cube, tmp_path / "a.tif")) as file:
        assert list(file.pages[0].tags[34264].value) == matrix


def test_the_size_of_a_microscopes_pixel_is_written_for_others(tmp_path, cube):
    cube = cube.derive(map_info=(), pixel_size=(0.5, 0.25), pixel_unit="um")
    with tifffile.TiffFile(write(cube, tmp_path / "a.tif")) as file:
        assert file.pages[0].get_resolution("micrometer") == (4, 2)


def test_an_image_that_was_cut_by_others_is_not_described_by_what_we_wrote(tmp_path, cube):
    path = write(cube, tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        text = file.pages[0].description
    options = {"planarconfig": "separate", "metadata": None, "description": text}
    tifffile.imwrite(path, cube.data[:, 2:], photometric="minisblack", **options)
    found = read(path)
    assert found.map_info == ()
    assert "has another shape" in found.notes[0]


@pytest.mark.parametrize("change", [lambda t: t[:-3], lambda t: t.replace("450", '"x"')])
def test_a_description_that_is_damaged_is_told(tmp_path, cube, change):
    path = write(cube, tmp_path / "a.tif")
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages[0].tags["ImageDescription"]
        tag.overwrite(change(tag.value))
    with pytest.raises(FormatError, match="its description makes no sense"):
        read(path)


def test_flags_become_numbers(tmp_path):
    data = np.eye(3, dtype=bool)[None]
    found = read(write(HyperCube(data), tmp_path / "a.tif"))
    np.testing.assert_array_equal(found.data, data)
    assert found.data.dtype == np.uint8


def test_a_lazy_cube_is_written_block_by_block(tmp_path, cube, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(blocks, "CHUNK", (2, 2, 2))
    lazy = cube.derive(dask.array.from_array(np.asarray(cube.data), chunks=(2, 2, 3)))
    for number, source in enumerate((cube, lazy)):
        found = read(write(source, tmp_path / f"{number}.tif"))
        np.testing.assert_array_equal(found.data, cube.data)


def test_above_4_gb_it_is_bigtiff(tmp_path, monkeypatch):
    class Zeros:
        """As large as no test can hold; nothing is copied of it."""

        shape, dtype = (2, 33_000, 33_000), np.dtype(np.uint16)

    monkeypatch.setattr(tiff, "copy_pixels", lambda source, target: None)
    path = write(HyperCube(Zeros()), tmp_path / "large.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
    assert read(path).shape == Zeros.shape


def test_more_bands_than_tiff_can_count_are_refused(tmp_path):
    with pytest.raises(FormatError, match=re.escape("ENVI (.hdr) instead")):
        write(HyperCube(np.zeros((65_536, 1, 1), np.uint8)), tmp_path / "a.tif")


def test_a_failure_leaves_nothing_behind_and_the_old_file_alone(tmp_path, cube, monkeypatch):
    path = write(cube, tmp_path / "a.tif")
    content = path.read_bytes()

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tiff, "copy_pixels", fail)
    with pytest.raises(FormatError, match="disk is full; free some space"):
        write(cube, path, overwrite=True)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, cube, monkeypatch):
    monkeypatch.setattr(blocks.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(FormatError, match=r"only 10 bytes are free"):
        write(cube, tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.tif", "a.tiff", "A.TIF"])
def test_a_file_that_is_there_is_kept_unless_overwriting_is_allowed(tmp_path, cube, name):
    write(cube, tmp_path / name)
    with pytest.raises(FormatError, match="already exists"):
        check_target(tmp_path / name)
    write(cube.derive(cube.data + 1), tmp_path / name, overwrite=True)
    np.testing.assert_array_equal(read(tmp_path / name).data, cube.data + 1)


def test_the_real_enmap_file_is_written_back_whole(tmp_path, shared_data, assert_same_cube):
    source = read(shared_data / "formats/geotiff_enmap/enmap_potsdam_tile_128_96.tif")
    path = write(source, tmp_path / "a.tif")
    assert_same_cube(read(path), source)
    with tifffile.TiffFile(path) as file, tifffile.TiffFile(source.source) as original:
        for code in (33550, 33922, 34735, 34737, 42113):
            assert file.pages[0].tags[code].value == original.pages[0].tags[code].value


@pytest.mark.parametrize(
    "change",
    [
        {"wavelengths": [850, 650, 550, 450]},
        {"nodata": 0},
        {"nodata": None},
        {"gain": None, "offset": None},
        {"offset": [1, 2, 3, 4]},
        {"map_info": ("UTM", "1", "1", "500", "930", "30", "20", "33", "South", "WGS-84")},
        {"map_info": ("UTM", "1", "1", "500", "900", "31", "20", "33", "South", "WGS-84")},
    ],
)
def test_what_others_have_changed_counts_before_what_we_wrote(tmp_path, cube, change):
    path = write(cube, tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        text = file.pages[0].description
    changed = cube.derive(**change)
    with tifffile.TiffFile(write(changed, tmp_path / "b.tif")) as file:
        tags = [tag for tag in file.pages[0].tags if tag.code > 33000]
        copied = [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags]
    options = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
    tifffile.imwrite(path, cube.data, description=text, extratags=copied, **options)
    found = read(path)
    assert "since other software has changed the file" in found.notes[0]
    for name in ("wavelengths", "nodata", "gain", "offset"):
        np.testing.assert_array_equal(getattr(found, name), getattr(changed, name))
    assert found.map_info[:7] == changed.map_info[:7]


def test_tags_that_others_have_written_again_do_not_matter(tmp_path, cube):
    path = write(cube.derive(nodata=-3.4028234663852886e38, offset=None), tmp_path / "a.tif")
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        tags[42113].overwrite("-3.40282346638529e+38")
        offsets = "".join(
            f'<Item name="OFFSET" sample="{band}" role="offset">0</Item>' for band in range(4)
        )
        xml = tags[42112].value.replace("</GDALMetadata>", f"{offsets}</GDALMetadata>")
        tags[42112].overwrite(xml)
    assert read(path).history == ("Made.",)
