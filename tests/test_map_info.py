"""Map infos: where a part, a finer grid or another image lies."""

import numpy as np
import pytest

from napari_dodn.cube import HyperCube, Region
from napari_dodn.map_info import coordinates_of, place_on_map

OWN = ("UTM", "1", "1", "0", "0", "30", "20", "33", "North")

NO_PLACE = [
    ("UTM", "a", "1", "0", "0", "30", "20", "33", "North"),
    ("UTM", "1", "1", "0", "0", "nan", "20", "33", "North"),
    ("UTM", "1", "1", "0", "0", "30", "0", "33", "North"),
    ("UTM", "1", "1", "0", "0", "30", "20", "33", "North", "rotation=10"),
]


@pytest.mark.parametrize("scale", [2, 4])
def test_map_infos_tell_where_a_part_lies_in_the_whole(scale):
    cube = HyperCube(np.zeros((1, 4, 5)), map_info=OWN)
    part = cube.crop(Region(1, 3, 2, 5))
    fine = part.on_finer_grid(np.zeros((1, 2 * scale, 3 * scale)), scale)
    for corner, place in (((0, 0), (1, 2)), ((2 * scale, 3 * scale), (3, 5))):
        found = place_on_map(fine.map_info, cube.map_info, corner)
        assert found == pytest.approx(place)
        back = place_on_map(cube.map_info, fine.map_info, place)
        assert back == pytest.approx(corner)


@pytest.mark.parametrize(
    "other",
    [
        (),
        ("UTM", "1", "1", "0", "0", "30", "20", "34", "North"),
        *NO_PLACE,
    ],
)
def test_map_infos_of_another_frame_tell_nothing(other):
    assert place_on_map(OWN, OWN, (1, 2)) == (1, 2)
    assert place_on_map(OWN, other, (1, 2)) is None


@pytest.mark.parametrize("map_info", [(), *NO_PLACE])
def test_a_map_info_without_a_grid_has_no_coordinates(map_info):
    assert coordinates_of(map_info, (1, 2)) is None
