"""Commands as they are copied, and how the cube in them is opened."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dodn import read, write
from napari_dodn.cube import HyperCube, Region
from napari_dodn.plugin.kit.copying import (
    command_line,
    read_in_python,
    reading_of,
    words_of_reading,
)

WORDS = ["napari-dodn", "upscale", "a cube.hdr", "out.zarr"]


@pytest.mark.parametrize(
    ("system", "quoted"),
    [("linux", "'a cube.hdr'"), ("darwin", "'a cube.hdr'"), ("win32", '"a cube.hdr"')],
)
def test_a_command_is_quoted_as_the_systems_shell_takes_it(monkeypatch, system, quoted):
    monkeypatch.setattr("sys.platform", system)
    assert command_line(WORDS) == f"napari-dodn upscale {quoted} out.zarr"


@pytest.fixture
def two_cubes(tmp_path):
    """Return a file of two cubes, which no reader can choose or turn by itself."""
    chance = np.random.default_rng(0)
    path = tmp_path / "two.npz"
    np.savez(path, a=chance.random((7, 8, 9)), b=chance.random((7, 8, 9)))
    return path


def test_a_cube_is_copied_with_all_that_it_was_opened_by(two_cubes, tmp_path, run):
    told = {"axes": "xyb", "wavelengths": np.linspace(400, 700, 9), "nodata": -1}
    cube = read(two_cubes, dataset="b", **told)
    again = eval(read_in_python(cube), {"read": read})
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(cube.data))
    np.testing.assert_allclose(again.wavelengths, cube.wavelengths, rtol=1e-5)
    assert (again.name, again.nodata) == (cube.name, -1)
    path, options = reading_of(cube)
    out = tmp_path / "out.hdr"
    code, _, errors = run("convert", path, str(out), *words_of_reading(options))
    assert code == 0, errors
    np.testing.assert_array_equal(np.asarray(read(out).data), np.asarray(cube.data))


def test_what_is_as_usual_is_not_copied(cube, tmp_path):
    path = str(write(cube, tmp_path / "field.hdr"))
    assert read_in_python(read(path)) == f"read({path!r})"
    assert reading_of(read(path, large=False)) == (path, {})


@pytest.mark.parametrize(
    "changed",
    [
        lambda cube: cube.crop(Region(0, 4, 0, 4)),
        lambda cube: cube.derive(-np.asarray(cube.data), step="Turned round."),
        lambda cube: HyperCube(np.asarray(cube.data), name=cube.name),
        lambda cube: cube.derive(np.asarray(cube.data)[:, 2:]),
    ],
    ids=["crop", "step", "memory", "crop of napari's"],
)
def test_a_cube_that_no_file_holds_is_to_be_saved_first(cube, tmp_path, changed):
    stored = changed(read(write(cube, tmp_path / "field.hdr")))
    path, options = reading_of(stored)
    assert (path, options) == ("field.hdr", {})
    assert read_in_python(stored) == "read('field.hdr')  # save the cube under this name first"


def test_steps_that_a_file_tells_of_do_not_change_its_cube(cube, tmp_path):
    path = str(write(cube.derive(step="Turned round."), tmp_path / "field.hdr"))
    assert read(path).history == ("Turned round.",)
    assert reading_of(read(path)) == (path, {})
