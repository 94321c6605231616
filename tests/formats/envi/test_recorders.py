"""Folders of recorders: a scan with its dark and white references."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dodn import HyperCube, write
from napari_dodn.formats import AmbiguousError, contents, read
from napari_dodn.formats.envi.references import is_reference, references_of
from napari_dodn.formats.finding import FoundCube, find_cubes

SCAN = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)


@pytest.fixture
def recorded(tmp_path):
    """Write cubes under names in a folder."""

    def make(*names, folder="field"):
        for value, name in enumerate(names):
            path = tmp_path / folder / f"{name}.hdr"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(HyperCube(SCAN + np.uint16(100 * value)), path)
        return tmp_path / folder.split("/")[0]

    return make


@pytest.mark.parametrize(
    "names",
    [
        ("scan", "DARKREF_scan", "WHITEREF_scan"),
        ("raw_0", "darkReference", "whiteReference"),
        ("scan", "dark_ref", "white_ref"),
        ("scan", "dark", "white"),
        ("scan", "scan_darkref", "scan_whiteref"),
        ("scan", "WHITEDARKREF_scan", "DARKREF_scan"),
        ("scan", "dark_frame_01"),
        ("scan", "scan_dark", "scan_white"),
        ("scan 1", "dark_scan 1", "white-scan 1"),
        ("scene", "dark", "white_panel"),
        ("scene", "white tile_2", "dark_2"),
        ("f_01_VNIR", "dark_01"),
    ],
)
@pytest.mark.parametrize("place", ["field", "field/capture"])
def test_a_recorders_folder_opens_as_its_scan(recorded, names, place):
    folder = recorded(*names, folder=place)
    np.testing.assert_array_equal(read(folder).data, SCAN)
    assert [found.name for found in contents(folder)] == [names[0]]


@pytest.mark.parametrize("name", ["white_oak", "darkroom", "snow_white", "dark_soil_2", "refwhite"])
def test_scenes_are_not_taken_for_references(tmp_path, name):
    assert not is_reference(tmp_path / f"{name}.hdr")


def test_a_scene_is_no_reference_of_a_scan_that_is_not_there(recorded):
    folder = recorded("oak", "white_ash", "ash_dark", "beech")
    assert not any(is_reference(folder / f"{name}.hdr") for name in ("white_ash", "ash_dark"))


def test_several_scans_are_asked_for(recorded):
    folder = recorded("raw_0", "raw_2000", "darkReference")
    with pytest.raises(AmbiguousError) as caught:
        read(folder)
    assert caught.value.candidates == ["raw_0", "raw_2000"]
    np.testing.assert_array_equal(read(folder, dataset="raw_2000").data, SCAN + 100)


def test_references_beside_scans_are_left_out_of_a_folder_and_said(recorded):
    folder = recorded("raw_0", "raw_2000", "darkReference")
    met = list(find_cubes([folder]))
    found = [item.path.name for item in met if isinstance(item, FoundCube)]
    left_out = [str(item) for item in met if not isinstance(item, FoundCube)]
    assert found == ["raw_0.hdr", "raw_2000.hdr"]
    assert len(left_out) == 1
    assert "is a reference of the scans beside it" in left_out[0]


def test_scans_in_folders_of_their_own_are_found(recorded, tmp_path):
    recorded("a", "DARKREF_a", folder="all/a/capture")
    recorded("b", "DARKREF_b", folder="all/b")
    met = [item.path.name for item in find_cubes([tmp_path / "all"]) if isinstance(item, FoundCube)]
    assert sorted(met) == ["a.hdr", "b.hdr"]


def test_a_reference_without_a_scan_beside_it_is_a_cube(recorded):
    folder = recorded("white")
    assert [item.path.name for item in find_cubes([folder])] == ["white.hdr"]


def test_references_of_a_scan_are_those_called_after_it(recorded):
    folder = recorded("a", "b", "DARKREF_a", "DARKREF_b", "WHITEREF_a", "WHITEREF_b")
    found = {kind: path.name for kind, path in references_of(folder / "b.hdr").items()}
    assert found == {"white": "WHITEREF_b.hdr", "dark": "DARKREF_b.hdr"}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("raw_0", "whiteReference", "darkReference"), ["darkReference", "whiteReference"]),
        (("dark_soil", "dark_soil_whiteref"), ["dark_soil_whiteref"]),
        (("a", "WHITEREF_b", "DARKREF_b", "b"), []),
        (("a", "WHITEREF_1", "WHITEREF_2"), []),
        (("a", "WHITEDARKREF_a", "WHITEREF_a"), ["WHITEREF_a"]),
    ],
)
def test_only_references_that_can_be_those_of_a_scan_are_proposed(recorded, names, found):
    folder = recorded(*names)
    assert sorted(path.stem for path in references_of(folder / f"{names[0]}.hdr").values()) == found
    assert references_of(folder / f"{names[0]}.img") == references_of(folder / f"{names[0]}.hdr")


def test_references_are_proposed_and_not_applied(recorded):
    folder = recorded("scan", "DARKREF_scan", "WHITEREF_scan")
    cube = read(folder / "scan.hdr")
    np.testing.assert_array_equal(cube.data, SCAN)
    assert any("WHITEREF_scan.hdr" in note and "--white" in note for note in cube.notes)
    assert not read(folder / "WHITEREF_scan.hdr").notes
