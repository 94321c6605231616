"""How a file is read in the panel, copied: it gives the same cube elsewhere."""

import shlex

import numpy as np
import pytest
from scipy.io import savemat

from napari_dodn import read
from napari_dodn.jobs import never, result_of
from napari_dodn.plugin.kit.copying import NothingToCopyError
from napari_dodn.plugin.open.recipe import as_command, as_python
from napari_dodn.plugin.open.sources import FileSource
from napari_dodn.plugin.open.steps import Choice, preview_steps


@pytest.fixture
def preview(tmp_path):
    """Return one of two cubes of a file, with wavelengths and no-data typed in."""
    path = tmp_path / "two cubes.mat"
    pixels = np.arange(4 * 5 * 6, dtype=np.float64).reshape(4, 5, 6)
    savemat(path, {"a": pixels, "b": pixels + 7})
    source = FileSource(path)
    candidate = next(x for x in source.contents() if x.name == "b")
    choice = Choice(source, candidate, "byx", "0.4:0.7", "µm", "-1,5", name_tells=True)
    return result_of(preview_steps(choice, never))


def test_python_reads_the_same_cube(preview):
    names = {}
    exec(as_python(preview), names)
    cube = names["cube"]
    np.testing.assert_array_equal(cube.data, preview.cube.data)
    np.testing.assert_allclose(cube.wavelengths, preview.cube.wavelengths)
    assert cube.nodata == -1.5


def test_a_command_converts_the_same_cube(preview, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(as_command(preview))
    assert program == "napari-dodn"
    code, _, errors = run(*words)
    assert code == 0, errors
    cube = read(tmp_path / words[2])
    np.testing.assert_array_equal(cube.data, preview.cube.data)
    np.testing.assert_allclose(cube.wavelengths, preview.cube.wavelengths)


def test_without_a_cube_there_is_nothing_to_copy():
    with pytest.raises(NothingToCopyError, match="Choose a cube"):
        as_python(None)
