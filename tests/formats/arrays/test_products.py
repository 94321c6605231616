"""Products of imaging spectrometers: small files made here in the layouts that are published."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.formats import AmbiguousError, FormatError, contents, read, write

RNG = np.random.default_rng(0)


def same(cube: HyperCube, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(cube.data), expected)


NEON_WAVELENGTHS = np.linspace(383.9, 2512.2, 40)
NEON_MAP_INFO = (
    "UTM,  1.000,  1.000,  368000.000,  4307000.000, 1.000, 1.000, 18, North, WGS-84, "
    "units=Meters, 0.000"
)


@pytest.fixture
def neon(tmp_path):
    """Return the path of a tile in NEON's layout, and its stored numbers (y, x, bands)."""
    image = RNG.integers(0, 9000, (6, 7, 40), dtype=np.int16)
    image[0, 0] = -9999
    path = tmp_path / "NEON_D02_SERC_DP3_368000_4306000_reflectance.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("SERC/Reflectance")
        group.attrs["Band_Window_1_Nanometers"] = [1340, 1445]
        group.attrs["Band_Window_2_Nanometers"] = [1790, 1955]
        cube = group.create_dataset("Reflectance_Data", data=image, chunks=(2, 7, 40))
        cube.attrs.update(
            {
                "Data_Ignore_Value": -9999.0,
                "Scale_Factor": 10000.0,
                "Description": "Atmospherically corrected reflectance.",
                "Dimension_Labels": "Line, Sample, Wavelength",
                "Interleave": "BSQ",
                "Units": "Unitless.",
            }
        )
        metadata = group.create_group("Metadata")
        metadata["Coordinate_System/Map_Info"] = NEON_MAP_INFO.encode()
        metadata["Coordinate_System/Proj4"] = b"+proj=UTM +zone=18"
        metadata["Spectral_Data/Wavelength"] = NEON_WAVELENGTHS
        metadata["Spectral_Data/Wavelength"].attrs["Units"] = "nanometers"
        metadata["Spectral_Data/FWHM"] = np.full(40, 5.8)
        for name in ("Aerosol_Optical_Depth", "Cast_Shadow", "Weather_Quality_Indicator"):
            metadata[f"Ancillary_Imagery/{name}"] = np.zeros((6, 7), np.int16)
        metadata["Ancillary_Imagery/Weather_Quality"] = np.zeros((6, 7, 3), np.uint8)
        metadata["Logs/Solar_Zenith_Angle"] = 34.2
    return path, image


def test_neons_reflectance_opens_by_itself(neon):
    path, image = neon
    cube = read(path)
    same(cube, image.transpose(2, 0, 1))
    np.testing.assert_allclose(cube.wavelengths, NEON_WAVELENGTHS)
    np.testing.assert_allclose(cube.fwhm, [5.8] * 40)
    assert cube.quantity == "reflectance"
    assert cube.nodata == -9999


def test_neons_scale_factor_divides(neon):
    cube = read(neon[0])
    np.testing.assert_allclose(cube.gain, [1e-4] * 40)
    assert cube.offset is None
    assert not cube.scaled


def test_neons_water_vapour_windows_are_bad_bands(neon):
    cube = read(neon[0])
    inside = [(1340 <= w <= 1445) or (1790 <= w <= 1955) for w in cube.wavelengths]
    np.testing.assert_array_equal(~cube.good_bands, inside)
    assert any("1340–1445 nm and 1790–1955 nm" in note for note in cube.notes)


def test_neons_place_on_the_map_is_kept(neon):
    cube = read(neon[0])
    assert cube.map_info[:5] == ("UTM", "1.000", "1.000", "368000.000", "4307000.000")
    assert cube.pixel_size == (1.0, 1.0)
    assert cube.pixel_unit == "m"


def test_neons_windows_are_left_out_where_the_wavelengths_are_the_callers(neon):
    path, _ = neon
    with h5py.File(path, "a") as file:
        del file["SERC/Reflectance/Metadata/Spectral_Data/Wavelength"]
    cube = read(path, wavelengths=NEON_WAVELENGTHS)
    assert cube.good_bands is None
    np.testing.assert_allclose(cube.wavelengths, NEON_WAVELENGTHS)


VNIR = "HDFEOS/SWATHS/PRS_{level}_HCO/Data Fields/VNIR_Cube"
SWIR = "HDFEOS/SWATHS/PRS_{level}_HCO/Data Fields/SWIR_Cube"


@pytest.fixture
def prisma(tmp_path):
    """Return a function that makes a product in PRISMA's layout."""
    vnir = RNG.integers(1, 65535, (5, 8, 6), dtype=np.uint16)
    swir = RNG.integers(1, 65535, (5, 7, 6), dtype=np.uint16)

    def make(level):
        path = tmp_path / f"PRS_{level}_STD_20201214060713_20201214060717_0001.he5"
        with h5py.File(path, "w") as file:
            file[VNIR.format(level=level)] = vnir
            file[SWIR.format(level=level)] = swir
            fields = file[f"HDFEOS/SWATHS/PRS_{level}_HCO/Data Fields"]
            fields["VNIR_PIXEL_L2_ERR_MATRIX"] = np.zeros(vnir.shape, np.uint8)
            fields["SWIR_PIXEL_L2_ERR_MATRIX"] = np.zeros(swir.shape, np.uint8)
            file[f"HDFEOS/SWATHS/PRS_{level}_PCO/Data Fields/Cube"] = np.zeros((30, 36), np.uint16)
            for name in ("Latitude", "Longitude"):
                geo = f"HDFEOS/SWATHS/PRS_{level}_HCO/Geolocation Fields/{name}"
                file[geo] = np.zeros((5, 6), np.float32)
            file["KDP_AUX/Cw_Vnir_Matrix"] = np.zeros((1000, 8), np.float32)
            file.attrs.update(
                {
                    "Product_ID": np.bytes_(f"PRS_{level}_STD"),
                    "List_Cw_Vnir": np.float32([0, 0, 0, 972, 800, 650, 500, 402]),
                    "List_Cw_Vnir_Flags": np.uint8([0, 0, 0, 1, 1, 1, 0, 1]),
                    "List_Fwhm_Vnir": np.float32([0, 0, 0, 13, 12, 11, 10, 9]),
                    "List_Cw_Swir": np.float32([2497, 2000, 1500, 1000, 943, 0, 0]),
                    "List_Cw_Swir_Flags": np.uint8([1, 1, 1, 1, 1, 0, 0]),
                    "List_Fwhm_Swir": np.float32([9, 10, 11, 12, 13, 0, 0]),
                }
            )
            if level == "L1":
                file.attrs.update({"ScaleFactor_Vnir": np.float32(100), "Offset_Vnir": 0.5})
                file.attrs.update({"ScaleFactor_Swir": np.float32(200), "Offset_Swir": 0.0})
            else:
                file.attrs.update({"L2ScaleVnirMin": 0.1, "L2ScaleVnirMax": 1.1})
                file.attrs.update({"L2ScaleSwirMin": 0.0, "L2ScaleSwirMax": 0.5})
        return path

    return make, vnir, swir


@pytest.mark.parametrize("level", ["L1", "L2B", "L2C", "L2D"])
def test_prismas_two_detectors_are_not_guessed_between(prisma, level):
    path = prisma[0](level)
    with pytest.raises(AmbiguousError, match="VNIR_Cube.*SWIR_Cube") as caught:
        read(path)
    names = [VNIR.format(level=level), SWIR.format(level=level)]
    assert caught.value.candidates == [*names, f"{names[0]}+SWIR_Cube"]
    assert [candidate.name for candidate in contents(path)] == caught.value.candidates
    for candidate in contents(path):
        assert candidate.bands == read(path, dataset=candidate.name, axes=candidate.axes).bands


def test_prismas_unused_bands_are_left_out(prisma):
    make, vnir, swir = prisma
    path = make("L2D")
    cube = read(path, dataset="VNIR_Cube")
    same(cube, vnir.transpose(1, 0, 2)[3:])
    np.testing.assert_allclose(cube.wavelengths, [972, 800, 650, 500, 402])
    np.testing.assert_allclose(cube.fwhm, [13, 12, 11, 10, 9])
    assert any("3 of 8 bands are left out" in note for note in cube.notes)
    same(read(path, dataset=SWIR.format(level="L2D")), swir.transpose(1, 0, 2)[:5])


def test_prismas_flags_tell_bad_bands(prisma):
    cube = read(prisma[0]("L2D"), dataset="VNIR_Cube")
    np.testing.assert_array_equal(cube.good_bands, [True, True, True, False, True])


def test_prismas_reflectance_spans_the_stated_range(prisma):
    cube = read(prisma[0]("L2D"), dataset="VNIR_Cube")
    assert cube.quantity == "reflectance"
    np.testing.assert_allclose(cube.gain * 65535 + cube.offset, [1.1] * 5)
    np.testing.assert_allclose(cube.offset, [0.1] * 5)


def test_prismas_zeros_are_no_data_around_a_map_only(prisma):
    assert read(prisma[0]("L2D"), dataset="VNIR_Cube").nodata == 0
    assert read(prisma[0]("L2C"), dataset="VNIR_Cube").nodata is None


def test_prismas_level_1_is_radiance_by_factor_and_offset(prisma):
    cube = read(prisma[0]("L1"), dataset="VNIR_Cube")
    assert cube.quantity == "radiance"
    np.testing.assert_allclose(cube.gain, [0.01] * 5)
    np.testing.assert_allclose(cube.offset, [-0.5] * 5)


CORNERS = {
    "centres": (500_015, 4_000_000 - 15, 500_015 + 5 * 30, 4_000_000 - 15 - 4 * 30),
    "edges": (500_000, 4_000_000, 500_000 + 6 * 30, 4_000_000 - 5 * 30),
}


@pytest.mark.parametrize("corners", ["centres", "edges"])
@pytest.mark.parametrize("dataset", ["VNIR_Cube", "VNIR_Cube+SWIR_Cube"])
def test_prismas_corners_give_the_place_of_a_map(prisma, corners, dataset):
    path = prisma[0]("L2D")
    names = ("ULcorner_easting", "ULcorner_northing", "LRcorner_easting", "LRcorner_northing")
    with h5py.File(path, "a") as file:
        file.attrs["Epsg_Code"] = np.uint32(32633)
        for name, value in zip(names, CORNERS[corners], strict=True):
            file.attrs[f"Product_{name}"] = np.float32(value)
    cube = read(path, dataset=dataset)
    assert cube.map_info[:9] == ("UTM", "1", "1", "500000", "4000000", "30", "30", "33", "North")
    assert (cube.pixel_size, cube.pixel_unit) == ((30, 30), "m")


def test_prismas_detectors_open_together_in_the_order_of_wavelengths(prisma):
    make, vnir, swir = prisma
    cube = read(make("L2D"), dataset="VNIR_Cube+SWIR_Cube")
    wavelengths = [402, 500, 650, 800, 943, 972, 1000, 1500, 2000, 2497]
    np.testing.assert_allclose(cube.wavelengths, wavelengths)
    stored = [*vnir.transpose(1, 0, 2)[[7, 6, 5, 4]], swir[:, 4], vnir[:, 3]]
    same(cube, np.stack([*stored, *swir.transpose(1, 0, 2)[[3, 2, 1, 0]]]))
    np.testing.assert_allclose(cube.gain[:6] * 65535, [1, 1, 1, 1, 0.5, 1])
    np.testing.assert_allclose(cube.offset[:6], [0.1, 0.1, 0.1, 0.1, 0, 0.1])
    assert cube.good_bands.sum() == 9


def test_prismas_two_ways_to_register_the_detectors_are_not_guessed_between(prisma):
    path = prisma[0]("L1")
    with h5py.File(path, "a") as file:
        file.copy("HDFEOS/SWATHS/PRS_L1_HCO", "HDFEOS/SWATHS/PRS_L1_HRC")
    with pytest.raises(AmbiguousError, match="several cubes") as caught:
        read(path, dataset="VNIR_Cube")
    names = ["HDFEOS/SWATHS/PRS_L1_HCO", "HDFEOS/SWATHS/PRS_L1_HRC"]
    assert caught.value.candidates == [f"{name}/Data Fields/VNIR_Cube" for name in names]


def test_a_joined_prisma_cube_survives_being_written(prisma, tmp_path, assert_same_cube):
    cube = read(prisma[0]("L2D"), dataset="VNIR_Cube+SWIR_Cube")
    assert_same_cube(read(write(cube, tmp_path / "a.h5")), cube)


def test_prismas_rows_and_columns_can_be_exchanged_but_not_its_bands(prisma):
    make, vnir, _ = prisma
    path = make("L1")
    same(read(path, dataset="VNIR_Cube", axes="xby"), vnir.transpose(1, 2, 0)[3:])
    with pytest.raises(FormatError, match="second axis is the bands'"):
        read(path, dataset="VNIR_Cube", axes="yxb")


def test_prismas_error_matrix_opens_by_its_name(prisma):
    path = prisma[0]("L2D")
    assert read(path, dataset="VNIR_PIXEL_L2_ERR_MATRIX").shape == (8, 5, 6)


def test_a_prisma_product_without_wavelengths_still_opens(prisma):
    make, vnir, _ = prisma
    path = make("L2D")
    with h5py.File(path, "a") as file:
        file.attrs["List_Cw_Vnir"] = np.zeros(8, np.float32)
    cube = read(path, dataset="VNIR_Cube")
    same(cube, vnir.transpose(1, 0, 2))
    assert cube.wavelengths is None


EMIT_WAVELENGTHS = np.linspace(381.0, 2493.0, 20).astype(np.float32)


@pytest.fixture
def emit(tmp_path):
    """Return a function that makes a granule in EMIT's layout, NetCDF-4 with named dimensions."""

    def make(product, variable, *, good=None, units="unitless"):
        path = tmp_path / f"EMIT_{product}_001_20230316T045133_2307503_005.nc"
        image = RNG.random((9, 8, 20), dtype=np.float32)
        with h5py.File(path, "w") as file:
            lengths = {"downtrack": 9, "crosstrack": 8, "bands": 20, "ortho_y": 11, "ortho_x": 12}
            for name, length in lengths.items():
                scale = file.create_dataset(name, data=np.zeros(length, ">f4"))
                scale.make_scale(f"This is a netCDF dimension but not a netCDF variable. {length}")
            cube = file.create_dataset(variable, data=image)
            cube.attrs["_FillValue"] = np.float32([-9999])
            cube.attrs["long_name"] = variable.title()
            cube.attrs["units"] = units
            bands = file.create_group("sensor_band_parameters")
            bands["wavelengths"] = EMIT_WAVELENGTHS
            bands["wavelengths"].attrs["units"] = "nm"
            bands["fwhm"] = np.full(20, 8.4, np.float32)
            if good is not None:
                bands["good_wavelengths"] = np.float32(good)
            location = file.create_group("location")
            for name in ("lon", "lat", "elev"):
                location[name] = np.zeros((9, 8))
            location["glt_x"] = np.zeros((11, 12), np.int32)
            for array, names in (
                (cube, ("downtrack", "crosstrack", "bands")),
                (bands["wavelengths"], ("bands",)),
                (location["glt_x"], ("ortho_y", "ortho_x")),
            ):
                for axis, name in zip(array.dims, names, strict=True):
                    axis.attach_scale(file[name])
            file.attrs["geotransform"] = [8.0, 5e-4, 0.0, 47.0, 0.0, -5e-4]
        return path, image

    return make


def test_emits_reflectance_opens_by_itself(emit):
    good = np.arange(20) % 5 > 0
    path, image = emit("L2A_RFL", "reflectance", good=good)
    cube = read(path)
    same(cube, image.transpose(2, 0, 1))
    np.testing.assert_allclose(cube.wavelengths, EMIT_WAVELENGTHS)
    np.testing.assert_allclose(cube.fwhm, [8.4] * 20, rtol=1e-6)
    np.testing.assert_array_equal(cube.good_bands, good)
    assert cube.nodata == -9999
    assert cube.quantity == "reflectance"
    assert "downtrack, crosstrack, bands" in cube.notes[0]


def test_emits_radiance_opens_by_itself(emit):
    path, image = emit("L1B_RAD", "radiance", units="uW/cm^2/SR/nm")
    cube = read(path)
    same(cube, image.transpose(2, 0, 1))
    assert cube.quantity == "radiance"
    assert cube.good_bands is None
    assert cube.metadata["units"] == "uW/cm^2/SR/nm"


def test_emits_cube_is_not_put_on_a_map(emit):
    assert read(emit("L2A_RFL", "reflectance")[0]).map_info == ()


def test_ntires_training_cubes_are_read_as_matlab_files(tmp_path):
    image = RNG.random((31, 12, 14))
    with h5py.File(tmp_path / "ARAD_HS_0001.mat", "w", userblock_size=512) as file:
        for name, values in (
            ("cube", image.transpose(0, 2, 1)),
            ("bands", np.arange(400.0, 701.0, 10.0)[:, None]),
            ("norm_factor", np.ones((1, 1))),
        ):
            file[name] = values
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with (tmp_path / "ARAD_HS_0001.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    cube = read(tmp_path / "ARAD_HS_0001.mat")
    same(cube, image)
    np.testing.assert_array_equal(cube.wavelengths, np.arange(400, 701, 10))
