"""What TIFF files of other software say about their bands, and the places where it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_dodn.cube import Region
from napari_dodn.formats import read
from napari_dodn.map_info import coordinates_of

IMAGE = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
CENTRES = [450.5, 500, 550, 600, 650.25]
PLANAR = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}


def item(name, text, band=None, domain=None, role=None):
    extra = {"sample": band, "domain": domain, "role": role}
    attributes = "".join(f' {k}="{v}"' for k, v in extra.items() if v is not None)
    return f'<Item name="{name}"{attributes}>{text}</Item>'


def per_band(name, values, **options):
    return [item(name, value, band, **options) for band, value in enumerate(values)]


@pytest.fixture
def gdal_file(tmp_path):
    """Write a TIFF file with GDAL's tags, and other tags, and return its path."""

    def make(*items, nodata=None, tags=(), **options):
        extra = [*tags]
        if items:
            xml = "<GDALMetadata>\n" + "\n".join(items) + "\n</GDALMetadata>\n"
            extra.append((42112, "s", 0, xml, True))
        if nodata is not None:
            extra.append((42113, "s", 0, nodata, True))
        path = tmp_path / "scene.tif"
        tifffile.imwrite(path, IMAGE, extratags=extra, **{**PLANAR, **options})
        return path

    return make


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (CENTRES, "Nanometers"),
        (np.array(CENTRES) / 1000, "Micrometers"),
        (np.array(CENTRES) / 1000, "um"),
    ],
)
def test_wavelengths_of_each_band_are_read_in_their_unit(gdal_file, values, unit):
    items = per_band("wavelength", values) + per_band("wavelength_units", [unit] * 5)
    cube = read(gdal_file(*items))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert cube.notes == ()


def test_a_unit_that_is_not_stated_is_found_out_with_a_note(gdal_file):
    cube = read(gdal_file(*per_band("wavelength", CENTRES)))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert "taken to be in nm" in cube.notes[0]


def test_bands_in_different_units_are_brought_into_one(gdal_file):
    values = [0.4505, 500, 550, 600, 650.25]
    units = ["Micrometers", *["Nanometers"] * 4]
    items = per_band("wavelength", values) + per_band("wavelength_units", units)
    np.testing.assert_allclose(read(gdal_file(*items)).wavelengths, CENTRES)


def test_fwhm_and_bad_bands_of_each_band_are_read(gdal_file):
    items = per_band("wavelength", CENTRES) + per_band("wavelength_units", ["nm"] * 5)
    items += per_band("fwhm", [5, 6, 7, 8, 9]) + per_band("bbl", [1, 1, 0, 1, 0])
    cube = read(gdal_file(*items))
    np.testing.assert_array_equal(cube.fwhm, [5, 6, 7, 8, 9])
    np.testing.assert_array_equal(cube.good_bands, [1, 1, 0, 1, 0])


def test_the_imagery_domain_of_newer_gdal_is_read(gdal_file):
    um = [value / 1000 for value in CENTRES]
    items = per_band("CENTRAL_WAVELENGTH_UM", um, domain="IMAGERY")
    cube = read(gdal_file(*items, *per_band("FWHM_UM", [0.01] * 5, domain="IMAGERY")))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, [10] * 5)


def test_a_width_in_the_imagery_domain_goes_with_wavelengths_of_the_bands(gdal_file):
    items = per_band("wavelength", CENTRES) + per_band("wavelength_units", ["nm"] * 5)
    cube = read(gdal_file(*items, *per_band("FWHM_UM", [0.01] * 5, domain="IMAGERY")))
    np.testing.assert_allclose(cube.fwhm, [10] * 5)


def test_the_fields_of_an_envi_header_in_its_domain_are_read(gdal_file):
    def listed(values):
        return "{" + ", ".join(map(str, values)) + "}"

    cube = read(
        gdal_file(
            item("wavelength", listed(CENTRES), domain="ENVI"),
            item("wavelength_units", "Nanometers", domain="ENVI"),
            item("fwhm", listed([9] * 5), domain="ENVI"),
            item("bbl", listed([1, 0, 1, 1, 1]), domain="ENVI"),
            item("reflectance_scale_factor", "10000", domain="ENVI"),
            item("sensor_type", "HySpex", domain="ENVI"),
            item("map_info", "{UTM, 1, 1, 5, 5, 1, 1}", domain="ENVI"),
            item("bands", "5", domain="ENVI"),
        )
    )
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_array_equal(cube.fwhm, [9] * 5)
    assert not cube.good_bands[1]
    np.testing.assert_allclose(cube.gain, 1e-4)
    assert cube.quantity == "reflectance"
    assert dict(cube.metadata) == {"sensor type": "HySpex"}
    assert cube.map_info == ()


def test_lists_for_the_whole_raster_are_read(gdal_file):
    text = " ".join(map(str, CENTRES))
    items = [item("Wavelength", text), item("wavelength_units", "nm"), item("fwhm", "1,2,3,4,5")]
    cube = read(gdal_file(*items))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_array_equal(cube.fwhm, [1, 2, 3, 4, 5])


def test_a_list_of_another_length_is_left_out_with_a_note(gdal_file):
    items = [*per_band("wavelength", CENTRES), item("bbl", "{1, 0}")]
    cube = read(gdal_file(*items, *per_band("wavelength_units", ["nm"] * 5)))
    assert cube.good_bands is None
    assert "'bbl' is left out, since it has 2 values for 5 bands" in cube.notes[0]


def test_wavelengths_of_only_some_bands_are_left_out_with_a_note(gdal_file):
    cube = read(gdal_file(*per_band("wavelength", CENTRES[:3])))
    assert cube.wavelengths is None
    assert "3 values for 5 bands" in cube.notes[0]


def test_scale_offset_nodata_and_names_are_read(gdal_file):
    items = per_band("SCALE", [1e-4] * 5, role="scale") + per_band("OFFSET", [0] * 5, role="offset")
    items += per_band("DESCRIPTION", "ABCDE", role="description")
    items += [*per_band("STATISTICS_MAXIMUM", [7] * 5), item("AREA_OR_POINT", "Area")]
    cube = read(gdal_file(*items, nodata="-32768"))
    np.testing.assert_array_equal(cube.gain, [1e-4] * 5)
    assert cube.offset is None
    assert cube.nodata == -32768
    assert dict(cube.metadata) == {"band names": list("ABCDE")}


def test_the_bands_for_red_green_and_blue_are_read(gdal_file):
    items = per_band("COLORINTERP", ["Blue", "Green", "Red", "Gray", "Gray"], role="colorinterp")
    assert read(gdal_file(*items)).default_bands == (2, 1, 0)


def test_wavelengths_in_the_names_of_bands_are_read_with_a_note(gdal_file):
    names = [f"band {number} ({value} Nanometers)" for number, value in enumerate(CENTRES)]
    cube = read(gdal_file(*per_band("DESCRIPTION", names, role="description")))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert cube.notes == ("The wavelengths are those in the names of the bands.",)


def test_the_middle_of_both_edges_in_the_names_of_bands_is_the_wavelength(gdal_file):
    names = [f"EV ({value - 10} - {value + 10} nm)" for value in CENTRES]
    cube = read(gdal_file(*per_band("DESCRIPTION", names, role="description")))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


def test_names_that_all_have_the_same_length_in_them_are_no_wavelengths(gdal_file):
    names = [f"band {number}, smoothed over 10 nm" for number in range(5)]
    assert read(gdal_file(*per_band("DESCRIPTION", names, role="description"))).wavelengths is None


def test_what_gdal_wrote_into_a_file_beside_is_read(gdal_file):
    path = gdal_file()
    bands = "".join(
        f'<PAMRasterBand band="{n}"><Scale>0.5</Scale><Metadata><MDI key="wavelength">{value}</MDI>'
        f'<MDI key="wavelength_units">nm</MDI></Metadata></PAMRasterBand>'
        for n, value in enumerate(CENTRES, start=1)
    )
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>", encoding="utf-8")
    cube = read(path)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_array_equal(cube.gain, [0.5] * 5)
    assert cube.notes == ("The wavelengths are those in scene.tif.aux.xml.",)


@pytest.mark.parametrize("count", [1, 5])
def test_no_data_and_colours_in_a_file_beside_are_read(gdal_file, count):
    path = gdal_file()
    colours = ["Blue", "Green", "Red", "Undefined", "Undefined"][:count]
    bands = "".join(
        f'<PAMRasterBand band="{n}"><NoDataValue le_hex_equiv="0000000000001C40">7</NoDataValue>'
        f"<ColorInterp>{colour}</ColorInterp></PAMRasterBand>"
        for n, colour in enumerate(colours, start=1)
    )
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>", encoding="utf-8")
    cube = read(path)
    assert cube.nodata == 7
    assert cube.default_bands == ((2, 1, 0) if count == 5 else ())


def test_the_no_data_value_of_a_file_itself_goes_before_that_beside_it(gdal_file):
    path = gdal_file(nodata="5")
    band = '<PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand>'
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{band}</PAMDataset>", encoding="utf-8")
    assert read(path).nodata == 5


def test_the_wavelengths_in_envis_header_of_a_tiff_file_are_read(gdal_file):
    path = gdal_file()
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = 7\nlines = 6\nbands = 5\nfile type = TIFF\ndata type = 2\n"
        f"interleave = bsq\nwavelength units = Nanometers\n"
        f"wavelength = {{{', '.join(map(str, CENTRES))}}}\n"
    )
    cube = read(path)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert "scene.hdr" in cube.notes[0]


@pytest.fixture
def enmap_product(gdal_file):
    """Write an EnMAP product and return the path of its image."""

    def make(bands=5):
        path = gdal_file(nodata="-32768")
        path = path.rename(path.with_name("ENMAP01-L2A-SPECTRAL_IMAGE.TIF"))
        characterisation = "".join(
            f'<bandID number="{n + 1}"><wavelengthCenterOfBand>{value}</wavelengthCenterOfBand>'
            f"<FWHMOfBand>{n + 6}</FWHMOfBand><GainOfBand>0.0001</GainOfBand>"
            f"<OffsetOfBand>0</OffsetOfBand></bandID>"
            for n, value in enumerate(CENTRES[:bands])
        )
        path.with_name("ENMAP01-L2A-METADATA.XML").write_text(
            f"<level_X><specific><bandCharacterisation>{characterisation}"
            f"</bandCharacterisation></specific></level_X>"
        )
        return path

    return make


def test_the_bands_of_an_enmap_product_are_those_in_its_metadata(enmap_product):
    cube = read(enmap_product())
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, [6, 7, 8, 9, 10])
    np.testing.assert_array_equal(cube.gain, [1e-4] * 5)
    assert cube.offset is None
    assert cube.nodata == -32768
    assert "ENMAP01-L2A-METADATA.XML" in cube.notes[0]


def test_enmap_metadata_of_more_or_fewer_bands_are_left_out_with_a_note(enmap_product):
    cube = read(enmap_product(bands=4))
    assert cube.wavelengths is None
    assert any("4 values for 5 bands" in note for note in cube.notes)


def test_enmap_metadata_that_are_damaged_are_left_out_with_a_note(enmap_product):
    path = enmap_product()
    path.with_name("ENMAP01-L2A-METADATA.XML").write_text("<level_X>")
    assert "is damaged and left out" in read(path).notes[0]


def test_damaged_gdal_metadata_are_left_out_with_a_note(gdal_file):
    cube = read(gdal_file("<Item"))
    assert cube.shape == (5, 6, 7)
    assert "GDAL metadata are damaged" in cube.notes[0]


KEYS = {
    "UTM": (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32733),
    "UTM, points": (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 2, 3072, 0, 1, 32733),
    "degrees": (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326),
    "named": (1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 2056, 3073, 34737, 12, 0),
    "feet of the US": (1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 2263, 3076, 0, 1, 9003),
}


def geo_tags(keys=None, scale=(30.0, 20.0, 0.0), tie=(0.0, 0.0, 0.0, 500.0, 900.0, 0.0)):
    tags = [(33550, "d", 3, scale, True), (33922, "d", len(tie), tie, True)]
    if keys:
        tags.append((34735, "H", len(KEYS[keys]), KEYS[keys], True))
    return tags


@pytest.mark.parametrize(
    ("keys", "expected", "unit"),
    [
        ("UTM", "UTM 1 1 500 900 30 20 33 South WGS-84 units=Meters", "m"),
        ("UTM, points", "UTM 1.5 1.5 500 900 30 20 33 South WGS-84 units=Meters", "m"),
        ("degrees", "Geographic_Lat/Lon 1 1 500 900 30 20 WGS-84 units=Degrees", "degree"),
        ("feet of the US", "Arbitrary 1 1 500 900 30 20 units=Feet", "ft"),
        (None, "Arbitrary 1 1 500 900 30 20", "pixel"),
    ],
)
def test_geo_tags_become_map_info_and_pixel_size(gdal_file, keys, expected, unit):
    cube = read(gdal_file(tags=geo_tags(keys)))
    assert list(cube.map_info) == [word.replace("_", " ") for word in expected.split()]
    assert cube.pixel_size == (20, 30)
    assert cube.pixel_unit == unit


AUXILIARY = "<PAMDataset><GeoTransform> 500, 3.0e1, 0, 900, 0, -20</GeoTransform></PAMDataset>"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("scene.tfw", "30\n0\n0\n-20\n515\n890\n", "1.5 1.5 515 890 30 20"),
        ("scene.TFW", "30.0 0.0 0.0 -20.0 515.0 890.0", "1.5 1.5 515 890 30 20"),
        ("scene.wld", "30\r\n0\r\n0\r\n-20\r\n515\r\n890\r\n", "1.5 1.5 515 890 30 20"),
        ("scene.tif.aux.xml", AUXILIARY, "1 1 500 900 30 20"),
    ],
)
def test_the_place_on_the_map_is_read_from_a_file_beside(gdal_file, name, text, expected):
    path = gdal_file()
    (path.parent / name).write_text(text)
    cube = read(path)
    assert cube.map_info == ("Arbitrary", *expected.split())
    assert cube.pixel_size == (20, 30)
    assert f"The place on the map is that in {name}." in cube.notes
    assert coordinates_of(cube.map_info, (0, 0)) == (500, 900)


def test_the_place_in_the_tags_goes_before_that_in_a_file_beside(gdal_file):
    path = gdal_file(tags=geo_tags("UTM"))
    path.with_suffix(".tfw").write_text("1 0 0 -1 7 7")
    assert read(path).map_info[1:5] == ("1", "1", "500", "900")


@pytest.mark.parametrize("text", ["", "1 0 0 -1 7", "x y", "nan 0 0 -1 7 7", "1 0 0 -1 7 7 8"])
def test_a_file_beside_that_is_no_world_file_is_left_alone(gdal_file, text):
    path = gdal_file()
    path.with_suffix(".tfw").write_text(text)
    assert read(path).map_info == ()


def test_a_world_file_that_turns_the_image_is_left_out_and_said(gdal_file):
    path = gdal_file()
    path.with_suffix(".tfw").write_text("1 0.1 0.1 -1 7 7")
    cube = read(path)
    assert cube.map_info == ()
    assert "scene.tfw is left out, since it turns the image or mirrors it." in cube.notes


def test_a_map_without_a_name_of_envis_keeps_its_own(gdal_file):
    text = (34737, "s", 0, "CH1903+ LV95|", True)
    cube = read(gdal_file(tags=[*geo_tags("named"), text]))
    assert cube.map_info[0] == "CH1903+ LV95"
    assert cube.pixel_unit == "m"


@pytest.mark.parametrize(
    "keys",
    [
        (1, 1, 0),
        (1, 1, 0, 9, 1024, 0, 1, 1),
        (1, 1, 0, 1, 3073, 34737, 1, 500),
        (1, 1, 0, 1, 3073, 33550, 2, 0),
        (1, 1, 0, 1, 1025, 33550, 3, 0),
        (2, 9, 9, 9),
    ],
)
def test_a_damaged_directory_of_geo_keys_keeps_the_place(gdal_file, keys):
    directory = (34735, "H", len(keys), keys, True)
    cube = read(gdal_file(tags=[*geo_tags(), (34737, "s", 0, "LV95|", True), directory]))
    assert cube.map_info[:7] == ("Arbitrary", "1", "1", "500", "900", "30", "20")


def test_an_upright_transformation_is_map_info_too(gdal_file):
    matrix = (30.0, 0, 0, 500, 0, -20.0, 0, 900, 0, 0, 0, 0, 0, 0, 0, 1.0)
    cube = read(gdal_file(tags=[(34264, "d", 16, matrix, True)]))
    assert cube.map_info == ("Arbitrary", "1", "1", "500", "900", "30", "20")


def test_a_turned_image_keeps_its_transformation_until_it_is_cut(gdal_file):
    matrix = (30.0, 5.0, 0, 500, 5.0, -20.0, 0, 900, 0, 0, 0, 0, 0, 0, 0, 1.0)
    cube = read(gdal_file(tags=[(34264, "d", 16, matrix, True)]))
    assert cube.map_info == ()
    assert cube.metadata["ModelTransformation"] == list(matrix)
    assert "ModelTransformation" not in cube.crop(Region(0, 3, 0, 3)).metadata


def test_channels_of_ome_give_emission_wavelengths_and_the_size_of_a_pixel(tmp_path):
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.25,
        "PhysicalSizeYUnit": "µm",
        "Channel": {
            "Name": list("ABCDE"),
            "EmissionWavelength": CENTRES,
            "EmissionWavelengthUnit": ["nm"] * 5,
        },
    }
    tifffile.imwrite(tmp_path / "cells.ome.tif", IMAGE, metadata=metadata, ome=True)
    cube = read(tmp_path / "cells.ome.tif")
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert (cube.name, cube.pixel_size, cube.pixel_unit) == ("cells", (0.25, 0.5), "um")
    assert "emission wavelengths" in cube.notes[0]


def test_imagej_gives_the_size_of_a_pixel_and_names_of_slices(tmp_path):
    labels = [f"{value} nm" for value in CENTRES]
    tifffile.imwrite(
        tmp_path / "a.tif",
        IMAGE,
        imagej=True,
        resolution=(2.0, 4.0),
        metadata={"axes": "ZYX", "unit": "um", "Labels": labels},
    )
    cube = read(tmp_path / "a.tif")
    assert (cube.pixel_size, cube.pixel_unit) == ((0.25, 0.5), "um")
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


def test_the_calibration_of_imagej_is_gain_and_offset(tmp_path):
    """ImageJ stores signed numbers without their sign, and says so in a straight line."""
    signed = "ImageJ=1.54\nimages=5\nslices=5\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n"
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, description=signed, metadata=None)
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(cube.offset, [-32768] * 5)
    np.testing.assert_array_equal(cube.gain, [1] * 5)


@pytest.mark.parametrize(("function", "is_noted"), [(1, True), (8, True), (20, False), (21, False)])
def test_a_curve_as_calibration_of_imagej_is_noted(tmp_path, function, is_noted):
    curve = f"ImageJ=1.54\nimages=5\nslices=5\ncf={function}\nc0=1.0\nc1=2.0\nc2=3.0\n"
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, description=curve, metadata=None)
    cube = read(tmp_path / "a.tif")
    assert cube.gain is None
    assert any("ImageJ's calibration" in note for note in cube.notes) == is_noted


def test_wavelengths_in_the_names_of_pages_are_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for band, value in zip(IMAGE, CENTRES, strict=True):
            tag = (285, "s", 0, f"{value}nm", True)
            file.write(band, extratags=[tag], metadata=None, contiguous=False)
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


@pytest.mark.parametrize(
    "centres", [[450, 500, 550, 600, 651], [450.5, 500.0, 550.0, 600.0, 650.5]]
)
def test_names_of_pages_that_are_only_numbers_are_wavelengths(tmp_path, centres):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for band, value in zip(IMAGE, centres, strict=True):
            tag = (285, "s", 0, str(value), True)
            file.write(band, extratags=[tag], metadata=None, contiguous=False)
    np.testing.assert_allclose(read(tmp_path / "a.tif").wavelengths, centres)


@pytest.mark.parametrize(
    "text",
    [
        "Wavelength: {}",
        "exposure=20 ms\nwavelength={} nm",
        '{{"exposure": 20, "wavelength_nm": {}}}',
        "<Band><Name>x</Name><Wavelength>{}</Wavelength></Band>",
    ],
)
def test_wavelengths_in_the_descriptions_of_pages_are_read_with_a_note(tmp_path, text):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for band, value in zip(IMAGE, CENTRES, strict=True):
            text_of_band = text.format(value)
            file.write(band, description=text_of_band, metadata=None, contiguous=False)
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert any("wavelengths are those in" in note for note in cube.notes)


def test_vectors_in_json_that_are_called_wavelengths_are_read(tmp_path):
    metadata = {"wavelengths": CENTRES, "fwhm": [9] * 5, "camera": "A"}
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, metadata=metadata, photometric="minisblack")
    cube = read(tmp_path / "a.tif")
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_array_equal(cube.fwhm, [9] * 5)
    assert cube.metadata["camera"] == "A"


def test_dots_per_inch_are_no_size_of_a_pixel(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, resolution=(300, 300), **PLANAR)
    assert read(tmp_path / "a.tif").pixel_size is None


def test_the_real_enmap_file_opens_right(shared_data):
    cube = read(shared_data / "formats/geotiff_enmap/enmap_potsdam_tile_128_96.tif")
    assert cube.shape == (224, 32, 32)
    assert cube.wavelengths[0] == 418.24
    assert cube.fwhm[0] == 6.99561
    assert (~cube.good_bands).sum() == 6
    assert cube.nodata == -32768
    np.testing.assert_array_equal(cube.gain, np.full(224, 1e-4))
    assert cube.pixel_size == (30, 30)
    assert cube.map_info[:5] == ("UTM", "1", "1", "366015", "5807085")
    assert cube.map_info[7:] == ("33", "North", "WGS-84", "units=Meters")
    assert 0 < np.nanmedian(cube.pixels()) * 1e-4 < 0.5


NAMES_IN_WORDS = [
    ("wavelengths: 450, 550, 650 nm", None),
    ("Bands of the scene.\nWavelength = {0.45, 0.55, 0.65}\nwavelength units = Micrometers", None),
    ("ENVI\nsamples = 5\nwavelength = {\n450,\n550, 650}\nfwhm = {5, 6, 7}\n", [5, 6, 7]),
    ("Center wavelengths (nm): [450 550 650]", None),
]


@pytest.mark.parametrize(("text", "fwhm"), NAMES_IN_WORDS)
def test_wavelengths_in_the_words_of_a_description_are_read_with_a_note(tmp_path, text, fwhm):
    image = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    options = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", image, description=text, **options)
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.asarray(cube.data), image)
    np.testing.assert_allclose(cube.wavelengths, [450, 550, 650])
    assert cube.fwhm is None if fwhm is None else np.allclose(cube.fwhm, fwhm)
    assert any("file's description" in note for note in cube.notes)


@pytest.mark.parametrize(
    "text", ["wavelength: visible", "wavelengths: 450, 550", "Made with 450, 550, 650 nm light"]
)
def test_other_words_of_a_description_are_no_wavelengths(tmp_path, text):
    image = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    options = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", image, description=text, **options)
    assert read(tmp_path / "a.tif").wavelengths is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.hdr", "ENVI\nbands = 3\nfile type = ENVI Standard\nwavelength = {450, 550, 650}"),
        ("a.tif.hdr", "ENVI\nwavelength = {450, 550, 650}\nwavelength units = nm"),
        ("a_wavelengths.txt", "450\n550\n650\n"),
        ("wavelengths.csv", "band,wavelength\n1,450\n2,550\n3,650\n"),
    ],
)
def test_wavelengths_in_a_file_beside_a_tiff_file_are_read(tmp_path, name, content):
    image = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", planarconfig="separate")
    (tmp_path / name).write_text(content, encoding="utf-8")
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.asarray(cube.data), image)
    np.testing.assert_allclose(cube.wavelengths, [450, 550, 650])


def test_a_header_of_an_image_of_another_size_is_not_taken(tmp_path):
    image = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", planarconfig="separate")
    text = "ENVI\nbands = 3\nlines = 40\nsamples = 50\nwavelength = {450, 550, 650}\n"
    (tmp_path / "a.hdr").write_text(text, encoding="utf-8")
    assert read(tmp_path / "a.tif").wavelengths is None


@pytest.mark.parametrize(
    "items",
    [
        [item(f"wavelength_{number}", centre) for number, centre in enumerate(CENTRES, 1)],
        per_band("long_name", [f"Radiance {centre} nm" for centre in CENTRES]),
    ],
)
def test_wavelengths_in_items_of_each_band_are_read_with_a_note(gdal_file, items):
    cube = read(gdal_file(*items))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert any("of the bands" in note for note in cube.notes)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("solar_irradiance", (1911.57, 1823.24, 1512.06, 1036.39, 955.19)),
        ("snr", (410.5, 390.2, 301.5, 280.1, 250.9)),
        ("valid_pixels", (401, 490, 580, 690, 733)),
        ("bandwidth_of_detector", ("10 nm", "10.5 nm", "11 nm", "12 nm", "13 nm")),
    ],
)
def test_other_numbers_of_each_band_are_no_wavelengths(gdal_file, name, values):
    assert read(gdal_file(*per_band(name, values))).wavelengths is None


def test_gains_of_each_band_are_no_wavelengths(gdal_file):
    gains = [0.5, 0.6, 0.7, 0.8, 0.9]
    cube = read(gdal_file(*per_band("SCALE", gains, role="scale")))
    np.testing.assert_allclose(cube.gain, gains)
    assert cube.wavelengths is None


def test_numbers_of_bands_in_a_file_beside_a_tiff_file_are_no_wavelengths(tmp_path):
    image = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", planarconfig="separate")
    (tmp_path / "bands.txt").write_text("30\n20\n10\n", encoding="utf-8")
    assert read(tmp_path / "a.tif").wavelengths is None
