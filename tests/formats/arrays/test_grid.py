"""Where cubes in NetCDF, HDF5 and Zarr lie on the map, as xarray, rioxarray and GDAL write it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from pyproj import CRS

from napari_dodn import HyperCube, crs, upscale
from napari_dodn.cube import Region
from napari_dodn.formats import read, write

RNG = np.random.default_rng(0)
WAVELENGTHS = np.linspace(450, 850, 5)
PIXELS = RNG.integers(0, 9000, (5, 6, 7)).astype(np.int16)
EAST, NORTH = 500_000 + 30 * (np.arange(7) + 0.5), 4_000_000 - 30 * (np.arange(6) + 0.5)
UTM = ("UTM", "1", "1", "500000", "4000000", "30", "30", "33", "North", "WGS-84", "units=Meters")
UTM_TEXT = CRS(32633).to_wkt("WKT1_GDAL")
UTM_PARAMETERS = {
    "grid_mapping_name": "transverse_mercator",
    "longitude_of_central_meridian": 15.0,
    "scale_factor_at_central_meridian": 0.9996,
    "false_easting": 500000.0,
    "false_northing": 0.0,
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
}
LAEA_TEXT = CRS(3035).to_wkt()


@pytest.fixture
def netcdf(tmp_path):
    """Return a function that writes a cube with coordinates and a system as NetCDF-4 has them."""

    def make(
        y=NORTH, x=EAST, *, names=("band", "y", "x"), pixels=PIXELS, system=None, units=None, **said
    ):
        path = tmp_path / "scene.nc"
        with h5py.File(path, "w") as file:
            cube = file.create_dataset("reflectance", data=pixels)
            for axis, name, values in zip(cube.dims, names, (WAVELENGTHS, y, x), strict=True):
                scale = file.create_dataset(name, data=values)
                scale.make_scale(name)
                axis.attach_scale(scale)
            file[names[0]].attrs["units"] = "nm"
            for name, unit in (units or {}).items():
                file[name].attrs["units"] = unit
            cube.attrs.update(said)
            if system is not None:
                cube.attrs["grid_mapping"] = "spatial_ref"
                file.create_dataset("spatial_ref", data=0).attrs.update(system)
        return path

    return make


@pytest.mark.parametrize(
    "system",
    [
        {"crs_wkt": UTM_TEXT},
        {"spatial_ref": UTM_TEXT, "GeoTransform": "500000 30 0 4000000 0 -30"},
        {"spatial_ref": "EPSG:32633"},
        UTM_PARAMETERS,
    ],
)
def test_coordinates_and_grid_mapping_give_the_place(netcdf, system):
    cube = read(netcdf(system=system))
    assert cube.map_info == UTM
    assert (cube.pixel_size, cube.pixel_unit) == ((30, 30), "m")
    np.testing.assert_array_equal(cube.data, PIXELS)


GRS80 = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257222101}
LAMBERT_93 = {
    "grid_mapping_name": "lambert_conformal_conic",
    "standard_parallel": np.array([49.0, 44.0]),
    "longitude_of_central_meridian": 3.0,
    "latitude_of_projection_origin": 46.5,
    "false_easting": 700000.0,
    "false_northing": 6600000.0,
}
SINUSOIDAL = {
    "grid_mapping_name": "sinusoidal",
    "longitude_of_projection_origin": 0.0,
    "earth_radius": 6371007.181,
}


@pytest.mark.parametrize(
    ("system", "method", "code"),
    [
        (UTM_PARAMETERS, "Transverse_Mercator", 32633),
        (UTM_PARAMETERS | {"false_easting": 0.0}, "Transverse_Mercator", None),
        (UTM_PARAMETERS | GRS80, "Transverse_Mercator", None),
        (UTM_PARAMETERS | GRS80 | {"geographic_crs_name": "ETRS89"}, "Transverse_Mercator", 25833),
        (UTM_PARAMETERS | {"geographic_crs_name": "Bessel"}, "Transverse_Mercator", None),
        (LAMBERT_93 | GRS80, "Lambert_Conformal_Conic_2SP", None),
        (LAMBERT_93 | {"geographic_crs_name": "RGF93 v1"}, "Lambert_Conformal_Conic_2SP", None),
        (SINUSOIDAL, "Sinusoidal", None),
    ],
)
def test_parameters_of_a_projection_give_its_system(netcdf, system, method, code):
    cube = read(netcdf(system=system))
    text = ",".join(cube.metadata["coordinate system string"])
    assert f'PROJECTION["{method}"]' in text
    assert cube.pixel_unit == "m"
    assert not any("by its name only" in note for note in cube.notes)
    assert crs.epsg_of(cube.map_info, cube.metadata) == code
    if method == "Sinusoidal":
        assert "6371007.181" in text


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ({"semi_major_axis": 6378137.0, "inverse_flattening": 298.257223563}, 4326),
        (GRS80, None),
        (GRS80 | {"geographic_crs_name": "ETRS89"}, 4258),
        ({"semi_major_axis": 6378137.0, "longitude_of_prime_meridian": 2.337}, None),
        ({"earth_radius": 6378137.0}, None),
    ],
)
def test_latitudes_have_the_ellipsoid_that_is_stated(netcdf, system, code):
    lat, lon = 45 - 0.001 * np.arange(6), 9 + 0.001 * np.arange(7)
    cube = read(netcdf(lat, lon, system={"grid_mapping_name": "latitude_longitude", **system}))
    assert (cube.map_info[0], cube.pixel_unit) == ("Geographic Lat/Lon", "degree")
    assert crs.epsg_of(cube.map_info, cube.metadata) == code


@pytest.mark.parametrize(
    "system",
    [
        {"grid_mapping_name": "transverse_mercator"},
        {"grid_mapping_name": "of my own", "longitude_of_central_meridian": 15.0},
        {"grid_mapping_name": "albers_conical_equal_area", "longitude_of_central_meridian": 15.0},
        UTM_PARAMETERS | {"longitude_of_central_meridian": "x"},
        UTM_PARAMETERS | {"semi_major_axis": "x"},
        UTM_PARAMETERS | {"inverse_flattening": "x"},
        {**LAMBERT_93, "semi_major_axis": 6370000.0},
        {**LAMBERT_93, "horizontal_datum_name": "one of my own"},
    ],
)
def test_parameters_that_make_no_system_are_said(netcdf, system):
    cube = read(netcdf(system=system))
    assert cube.map_info[0] == system["grid_mapping_name"]
    assert "coordinate system string" not in cube.metadata
    assert any("kept by its name only" in note for note in cube.notes)


def test_an_origin_in_an_unknown_unit_makes_no_system(netcdf):
    cube = read(netcdf(NORTH / 1e3, EAST / 1e3, units={"y": "km", "x": "km"}, system=LAMBERT_93))
    assert cube.map_info[0] == "lambert_conformal_conic"
    assert cube.pixel_unit == "km"
    cube = read(netcdf(NORTH / 1e3, EAST / 1e3, units={"y": "km", "x": "km"}, system=SINUSOIDAL))
    assert cube.map_info[:7] == ("sinusoidal", "1", "1", "500000", "4000000", "30", "30")


def test_the_numbers_of_gdal_give_the_place_without_coordinates(netcdf):
    system = {"crs_wkt": UTM_TEXT, "GeoTransform": "500000 30 0 4000000 0 -30"}
    cube = read(netcdf(np.arange(6), np.arange(7), names=("band", "line", "sample"), system=system))
    assert cube.map_info == UTM


def test_the_numbers_of_gdal_are_left_out_where_they_turn_the_image(netcdf):
    system = {"crs_wkt": UTM_TEXT, "GeoTransform": "500000 30 5 4000000 5 -30"}
    cube = read(netcdf(np.arange(6), np.arange(7), names=("band", "line", "sample"), system=system))
    assert cube.map_info == ()
    assert "The place in 'GeoTransform' is left out, since it turns the image." in cube.notes


def test_a_system_of_any_name_and_unit_is_kept(netcdf):
    cube = read(netcdf(system={"crs_wkt": LAEA_TEXT}))
    assert cube.map_info[0] == "ETRS89-extended / LAEA Europe"
    assert cube.pixel_unit == "m"
    assert ",".join(cube.metadata["coordinate system string"]) == LAEA_TEXT


@pytest.mark.parametrize("names", [("wavelength", "lat", "lon"), ("wavelength", "y", "x")])
def test_latitude_and_longitude_are_taken_for_those_of_wgs_84(netcdf, names):
    lat, lon = 45 - 0.001 * np.arange(6, dtype=np.float32), 9 + 0.001 * np.arange(7)
    units = {names[1]: "degrees_north", names[2]: "degrees_east"}
    cube = read(netcdf(lat, lon, names=names, units=units))
    assert cube.map_info[0] == "Geographic Lat/Lon"
    np.testing.assert_allclose(
        [float(n) for n in cube.map_info[3:7]], [8.9995, 45.0005, 1e-3, 1e-3], 1e-2
    )
    assert cube.map_info[7:] == ("WGS-84", "units=Degrees")
    assert cube.pixel_unit == "degree"
    assert "Latitude and longitude are taken to be those of WGS 84." in cube.notes


def test_coordinates_in_kilometres_are_metres_of_a_system_in_metres(netcdf):
    units = {"y": "km", "x": "km"}
    cube = read(netcdf(NORTH / 1000, EAST / 1000, units=units, system={"crs_wkt": UTM_TEXT}))
    assert cube.map_info == UTM


def test_lengths_without_a_system_give_the_size_of_the_pixels(netcdf):
    cube = read(netcdf(0.2 * np.arange(6, 0, -1), 0.2 * np.arange(7), units={"y": "mm", "x": "mm"}))
    np.testing.assert_allclose(cube.pixel_size, (0.2, 0.2))
    assert cube.pixel_unit == "mm"


def test_rows_that_go_down_a_sample_are_not_turned(netcdf):
    cube = read(netcdf(0.2 * np.arange(6), 0.2 * np.arange(7), units={"y": "mm", "x": "mm"}))
    np.testing.assert_array_equal(cube.data, PIXELS)
    np.testing.assert_allclose(cube.pixel_size, (0.2, 0.2))
    assert cube.map_info == ()
    assert any(note.startswith("The place of the cube is left out") for note in cube.notes)


@pytest.mark.parametrize(
    ("y", "x", "units"),
    [
        (np.arange(6), np.arange(7), {}),
        (np.arange(6) + 1, np.arange(7) + 1, {}),
        (NORTH, EAST, {"y": "seconds since 2020-01-01"}),
        (NORTH / 1e9, EAST / 1e9, {"y": "rad", "x": "rad"}),
    ],
)
def test_numbers_of_rows_times_and_angles_are_no_place(netcdf, y, x, units):
    cube = read(netcdf(y, x, units=units))
    assert (cube.map_info, cube.pixel_size) == ((), None)
    np.testing.assert_array_equal(cube.data, PIXELS)


def test_coordinates_that_are_not_even_are_no_place_and_said(netcdf):
    cube = read(netcdf(np.geomspace(6, 1, 6), EAST, system={"crs_wkt": UTM_TEXT}))
    assert cube.map_info == ()
    assert "The cube has no place on the map, since 'y' is not evenly spaced." in cube.notes


def test_latitude_of_each_pixel_is_left_out_and_said(tmp_path):
    with h5py.File(tmp_path / "swath.nc", "w") as file:
        file["products/Lt"] = PIXELS.transpose(1, 2, 0)
        file["products/Lt"].attrs["wavelengths"] = WAVELENGTHS
        file["products/Lt"].attrs["wavelength_units"] = "nanometers"
        file["navigation/latitude"] = np.zeros((6, 7))
    cube = read(tmp_path / "swath.nc")
    assert cube.map_info == ()
    assert any(note.startswith("'navigation/latitude' has a value for each") for note in cube.notes)
    assert not any("without a unit" in note for note in cube.notes)


@pytest.mark.parametrize("chunks", [None, (2, 4, 4)])
@pytest.mark.parametrize("axis", ["y", "x"])
def test_rows_and_columns_that_run_backwards_are_turned_and_said(tmp_path, netcdf, axis, chunks):
    flip = np.s_[:, ::-1] if axis == "y" else np.s_[:, :, ::-1]
    y, x = (NORTH[::-1], EAST) if axis == "y" else (NORTH, EAST[::-1])
    path = netcdf(y, x, pixels=PIXELS[flip], system={"crs_wkt": UTM_TEXT})
    if chunks:
        with h5py.File(path, "a") as file:
            file.copy("reflectance", "other")
            said = dict(file["reflectance"].attrs)
            del file["reflectance"], file["other"]
            cube = file.create_dataset("reflectance", data=PIXELS[flip], chunks=chunks)
            cube.attrs["grid_mapping"] = said["grid_mapping"]
            for dimension, name in zip(cube.dims, ("band", "y", "x"), strict=True):
                dimension.attach_scale(file[name])
    cube = read(path)
    assert cube.map_info == UTM
    what = {"y": "rows", "x": "columns"}[axis]
    assert any(note.startswith(f"The {what} are read in reverse order") for note in cube.notes)
    for part in (
        np.s_[:],
        np.s_[2],
        np.s_[:, 1:4, 2:],
        np.s_[1:3, ::2, ::-1],
        np.s_[:, -1],
        np.s_[..., 3],
        np.s_[:, 4:1:-2, 0:0],
    ):
        np.testing.assert_array_equal(np.asarray(cube.data[part]), PIXELS[part])


def test_arrays_of_one_band_each_by_gdal_have_their_place(tmp_path):
    system = {"spatial_ref": CRS(4326).to_wkt("WKT1_GDAL")}
    with h5py.File(tmp_path / "a.nc", "w") as file:
        for name, values in (("lat", 45 + 0.1 * np.arange(6)), ("lon", 9 + 0.1 * np.arange(7))):
            file.create_dataset(name, data=values).make_scale(name)
        for number, image in enumerate(PIXELS[:, ::-1], 1):
            band = file.create_dataset(f"Band{number}", data=image)
            band.dims[0].attach_scale(file["lat"])
            band.dims[1].attach_scale(file["lon"])
            band.attrs["grid_mapping"] = "crs"
        file.create_dataset("crs", data=np.bytes_(b""), dtype="S1").attrs.update(system)
    cube = read(tmp_path / "a.nc")
    np.testing.assert_array_equal(cube.data, PIXELS)
    assert cube.map_info[:5] == ("Geographic Lat/Lon", "1", "1", "8.95", "45.55")


def test_axes_without_names_take_the_coordinates_that_fit(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scene/cube"], file["scene/wavelengths"] = PIXELS, WAVELENGTHS
        file["scene/y"], file["scene/x"] = NORTH, EAST
        file["scene/crs"] = 0
        file["scene/crs"].attrs["crs_wkt"] = UTM_TEXT
    assert read(tmp_path / "a.h5").map_info == UTM


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_of_xarray_has_its_place(tmp_path, zarr_format):
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=zarr_format)
    for name, values, dimensions in (
        ("reflectance", PIXELS, ("wavelength", "y", "x")),
        ("wavelength", WAVELENGTHS, ("wavelength",)),
        ("y", NORTH, ("y",)),
        ("x", EAST, ("x",)),
        ("spatial_ref", np.asarray(0), ()),
    ):
        named = {"dimension_names": dimensions} if zarr_format == 3 else {}
        array = group.create_array(name, data=values, **named)
        if zarr_format == 2:
            array.attrs["_ARRAY_DIMENSIONS"] = list(dimensions)
    group["reflectance"].attrs["grid_mapping"] = "spatial_ref"
    group["spatial_ref"].attrs["crs_wkt"] = UTM_TEXT
    assert read(tmp_path / "a.zarr").map_info == UTM


@pytest.mark.parametrize("suffix", [".h5", ".zarr", ".hdr", ".tif"])
def test_the_place_goes_through_super_resolution_into_every_format(netcdf, tmp_path, suffix):
    cube = read(netcdf(system={"crs_wkt": LAEA_TEXT})).crop(Region(1, 5, 2, 6))
    fine = cube.on_finer_grid(np.zeros((5, 8, 8), np.float32), 2)
    back = read(write(fine, tmp_path / f"fine{suffix}"))
    assert back.map_info[1:7] == ("-3", "-1", "500000", "4000000", "15", "15")
    assert back.pixel_size == (15, 15)
    text = ",".join(back.metadata["coordinate system string"])
    assert crs.epsg_of_text(text) == 3035
    assert text.startswith('PROJCS["ETRS_1989_LAEA"') if suffix == ".hdr" else text == LAEA_TEXT


def test_a_map_of_any_system_with_a_code_gets_its_geo_keys(netcdf, tmp_path):
    path = write(read(netcdf(system={"crs_wkt": LAEA_TEXT})), tmp_path / "a.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].geotiff_tags["ProjectedCSTypeGeoKey"] == 3035


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_what_is_written_has_coordinates_of_centres_and_the_system(netcdf, tmp_path, suffix):
    cube = upscale(read(netcdf(system={"crs_wkt": UTM_TEXT})), 2)
    path = write(cube, tmp_path / f"fine{suffix}")
    file = h5py.File(path) if suffix == ".h5" else zarr.open_group(path, mode="r")
    np.testing.assert_allclose(file["x"][:3], [500007.5, 500022.5, 500037.5])
    np.testing.assert_allclose(file["y"][:3], [3999992.5, 3999977.5, 3999962.5])
    assert file["x"].attrs["standard_name"] == "projection_x_coordinate"
    assert file["x"].attrs["units"] == "m"
    assert file["cube"].attrs["grid_mapping"] == "spatial_ref"
    assert file["spatial_ref"].attrs["crs_wkt"] == UTM_TEXT
    assert file["spatial_ref"].attrs["GeoTransform"] == "500000 15 0 4000000 0 -15"


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_utm_and_geographic_maps_of_envi_get_a_full_text(tmp_path, suffix):
    for map_info, name in (
        (UTM, 'PROJCS["WGS 84 / UTM zone 33N"'),
        (("Geographic Lat/Lon", "1", "1", "9", "45", "0.1", "0.1", "WGS-84"), 'GEOGCS["WGS 84"'),
    ):
        path = write(HyperCube(PIXELS, map_info=map_info), tmp_path / f"a{suffix}", overwrite=True)
        file = h5py.File(path) if suffix == ".h5" else zarr.open_group(path, mode="r")
        assert file["spatial_ref"].attrs["crs_wkt"].startswith(name)
        assert read(path).map_info == map_info
        if suffix == ".h5":
            file.close()


def test_a_geotiff_gives_its_code_on(tmp_path):
    keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3035]
    map_info = ("LAEA", "1", "1", "4000000", "3000000", "10", "10", "units=Meters")
    cube = HyperCube(PIXELS, map_info=map_info, metadata={"GeoKeyDirectory": keys})
    with h5py.File(write(cube, tmp_path / "a.h5")) as file:
        assert file["spatial_ref"].attrs["spatial_ref"] == "EPSG:3035"
        assert file["spatial_ref"].attrs["crs_wkt"].startswith('PROJCS["ETRS89-ext')


@pytest.mark.parametrize("system", [{"spatial_ref": "EPSG:3035"}, {"crs_wkt": "WKT2"}])
def test_a_header_has_the_text_of_the_system_as_esri_writes_it(netcdf, tmp_path, system):
    text = CRS.from_epsg(3035).to_wkt()
    cube = read(netcdf(system={key: v.replace("WKT2", text) for key, v in system.items()}))
    back = read(write(cube, tmp_path / "a.hdr"))
    found = ",".join(back.metadata["coordinate system string"])
    assert found == CRS.from_epsg(3035).to_wkt("WKT1_ESRI")
    assert crs.epsg_of(back.map_info, back.metadata) == 3035
    assert back.map_info == cube.map_info


def test_a_geotiff_with_degrees_of_another_datum_is_geographic(netcdf, tmp_path):
    lat, lon = 45 - 0.001 * np.arange(6), 9 + 0.001 * np.arange(7)
    path = write(read(netcdf(lat, lon, system={"spatial_ref": "EPSG:4258"})), tmp_path / "a.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].geotiff_tags["GeographicTypeGeoKey"] == 4258


def test_a_map_with_south_above_keeps_its_place_in_every_format(tmp_path):
    map_info = (*UTM[:6], "-30", *UTM[7:])
    cube = HyperCube(PIXELS, map_info=map_info)
    for suffix in (".h5", ".zarr", ".tif", ".hdr"):
        assert read(write(cube, tmp_path / f"a{suffix}")).map_info == map_info
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        matrix = tiff.pages[0].geotiff_tags["ModelTransformation"]
        np.testing.assert_array_equal(matrix[:2], [[30, 0, 0, 500000], [0, 30, 0, 4000000]])
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_allclose(file["y"][:2], [4000015, 4000045])
    assert read(tmp_path / "a.hdr").pixel_size == (30, 30)


@pytest.mark.parametrize("shear", [0, 5.0])
def test_a_geotiff_with_south_above_by_others_has_its_place_unless_it_is_turned(tmp_path, shear):
    matrix = (30.0, shear, 0, 5e5, 0, 30.0, 0, 4e6, 0, 0, 0, 0, 0, 0, 0, 1.0)
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)
    tags = [(34264, "d", 16, matrix, True), (34735, "H", len(keys), keys, True)]
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, PIXELS, planarconfig="separate", photometric="minisblack", extratags=tags
    )
    cube = read(path)
    np.testing.assert_array_equal(cube.data, PIXELS)
    assert cube.map_info == (() if shear else (*UTM[:6], "-30", *UTM[7:]))
    assert cube.pixel_size == (None if shear else (30, 30))
    assert any("turned or bent" in note for note in cube.notes) == bool(shear)
