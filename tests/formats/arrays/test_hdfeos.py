"""Where grids of HDF-EOS5 lie on the map, in the layout of Tanager's orthorectified cubes."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_dodn.formats import read

PIXELS = np.random.default_rng(0).random((5, 6, 7), np.float32)
STRUCTURE = """GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="OTHER"
\t\tXDim=70
\t\tYDim=60
\t\tUpperLeftPointMtrs=(1.00,2.00)
\t\tLowerRightMtrs=(71.00,-58.00)
\t\tProjection=HE5_GCTP_UTM
\t\tZoneCode=1
\t\tSphereCode=12
\tEND_GROUP=GRID_1
\tGROUP=GRID_2
\t\tGridName="HYP"
\t\tBand=5
\t\tXDim=7
\t\tYDim=6
\t\tUpperLeftPointMtrs=(570300.00,3555450.00)
\t\tLowerRightMtrs=(570510.00,3555270.00)
\t\tProjection=HE5_GCTP_UTM
\t\tZoneCode=13
\t\tSphereCode=12
\t\tPixelRegistration=HE5_HDFE_CORNER
\t\tGridOrigin=HE5_HDFE_GD_UL
\t\tGROUP=Dimension
\t\t\tOBJECT=Dimension_1
\t\t\t\tDimensionName="Band"
\t\t\t\tSize=5
\t\t\tEND_OBJECT=Dimension_1
\t\tEND_GROUP=Dimension
\tEND_GROUP=GRID_2
END_GROUP=GridStructure
END
"""


@pytest.fixture
def tanager(tmp_path):
    """Return a function that writes an orthorectified cube, and returns its path."""

    def make(structure=STRUCTURE, pixels=PIXELS, **said):
        path = tmp_path / "20250504_092952_87_4001_ortho_sr_hdf5.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("HDFEOS/GRIDS/HYP")
            group.attrs.update(said)
            cube = group.create_dataset("Data Fields/surface_reflectance", data=pixels)
            cube.attrs["wavelengths"] = np.linspace(376, 2500, 5)
            cube.attrs["wavelengths_units"] = np.bytes_("nm")
            cube.attrs["_FillValue"] = np.float32(-9999)
            group["Data Fields/nodata_pixels"] = np.zeros(pixels.shape[1:], np.uint8)
            file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(structure)
        return path

    return make


PLACE = ("UTM", "1", "1", "570300", "3555450", "30", "30")


def test_a_grid_in_utm_has_its_place(tanager):
    cube = read(tanager())
    assert cube.map_info == (*PLACE, "13", "North", "WGS-84", "units=Meters")
    assert (cube.pixel_size, cube.pixel_unit) == ((30, 30), "m")
    assert not any("StructMetadata" in note for note in cube.notes)
    np.testing.assert_array_equal(cube.data, PIXELS)


def test_zones_below_0_are_in_the_south(tanager):
    cube = read(tanager(STRUCTURE.replace("ZoneCode=13", "ZoneCode=-34")))
    assert cube.map_info[7:9] == ("34", "South")


def test_planets_code_of_the_system_goes_first(tanager):
    assert read(tanager(epsg_code=np.int32(32734))).map_info[7:9] == ("34", "South")


def test_a_cropped_array_has_no_place(tanager):
    assert read(tanager(pixels=PIXELS[:, 1:])).map_info == ()


@pytest.mark.parametrize(
    "other",
    [
        ("HE5_GCTP_UTM\n\t\tZoneCode=13", "HE5_GCTP_SNSOID\n\t\tZoneCode=13"),
        ("ZoneCode=13\n\t\tSphereCode=12", "ZoneCode=13\n\t\tSphereCode=0"),
        ("HE5_HDFE_GD_UL", "HE5_HDFE_GD_LL"),
        ("YDim=6\n", "YDim=0\n"),
        ("(570510.00,3555270.00)", "(570510.00)"),
    ],
)
def test_a_place_that_is_not_understood_is_left_out_with_a_note(tanager, other):
    cube = read(tanager(STRUCTURE.replace(*other)))
    assert cube.map_info == ()
    assert any("'StructMetadata.0' is left out" in note for note in cube.notes)
