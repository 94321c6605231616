"""What the Compare panel is set to, copied: it gives the same elsewhere."""

import re
import shlex

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_dodn import read, write
from napari_dodn.cube import Region
from napari_dodn.jobs import result_of
from napari_dodn.plugin.compare.maps import Request, Task
from napari_dodn.plugin.compare.recipe import as_command, as_python
from napari_dodn.plugin.kit.copying import PYTHON, CopyButton, NothingToCopyError
from napari_dodn.spectra.library import Spectrum
from napari_dodn.spectra.maps import angle_map_steps, band_ratio_steps


@pytest.fixture
def stored(tmp_path, cube):
    """Return the cube as it was read from a file."""
    return read(write(cube, tmp_path / "field.hdr"))


def ran(request):
    names = {}
    exec(as_python(request), names)
    return names


def test_an_angle_map_is_computed_by_what_was_copied(stored):
    values = np.array(stored.data[:, 2, 3], float)
    values[1] = np.nan
    spectrum = Spectrum("roof's", values, stored.wavelengths)
    expected = result_of(angle_map_steps(stored, spectrum))
    found = ran(Request(Task.ANGLE, stored, spectrum=spectrum))["values"]
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("is_of_library", [True, False])
def test_a_spectrum_is_copied_with_all_that_it_is_compared_by(cube, tmp_path, is_of_library):
    wavelengths = cube.wavelengths + 0.123456
    cube = read(write(cube.derive(wavelengths=wavelengths), tmp_path / "field.npz"))
    if is_of_library:
        places = np.arange(430.0, 680.0, 2.0)
        good = np.abs(places - 520) > 10
        values = np.where(good, 1 + np.sin(places / 20), 1e4)
        spectrum = Spectrum("paint", values, places, np.full(places.shape, 9.0), good)
    else:
        spectrum = Spectrum("pixel", cube.data[:, 2, 3] / 3, cube.wavelengths, cube.fwhm)
    expected = result_of(angle_map_steps(cube, spectrum))
    found = ran(Request(Task.ANGLE, cube, spectrum=spectrum))["values"]
    np.testing.assert_array_equal(found, expected)


def test_a_ratio_is_computed_by_what_was_copied(stored):
    found = ran(Request(Task.RATIO, stored, wavelengths=(600.0, 450.0)))["values"]
    np.testing.assert_array_equal(found, result_of(band_ratio_steps(stored, 600.0, 450.0)))


def test_a_comparison_is_copied_as_python_and_as_a_command(stored, capsys):
    request = Request(Task.COMPARE, stored, other=stored)
    ran(request)
    assert "psnr" in capsys.readouterr().out
    words = shlex.split(as_command(request))
    assert words == ["napari-dodn", "evaluate", stored.source, stored.source]


def test_cubes_of_a_comparison_are_each_opened_as_they_were(tmp_path, capsys, run):
    chance = np.random.default_rng(0)
    np.savez(tmp_path / "two.npz", a=chance.random((7, 8, 9)), b=chance.random((7, 8, 9)))
    one, other = (read(tmp_path / "two.npz", dataset=name, axes="xyb") for name in "ab")
    request = Request(Task.COMPARE, one, other=other)
    ran(request)
    expected = capsys.readouterr().out
    program, *words = shlex.split(as_command(request))
    assert program == "napari-dodn"
    code, printed, errors = run(*words)
    assert code == 0, errors
    psnr = re.search(r"psnr=(\d+\.\d)", expected)[1]
    assert psnr in printed
    other = read(tmp_path / "two.npz", dataset="b", axes="xyb", nodata=0)
    with pytest.raises(NothingToCopyError, match="one no-data value"):
        as_command(Request(Task.COMPARE, one, other=other))


def test_the_consistency_of_a_region_is_copied_with_it(stored, tmp_path, capsys):
    region = Region(2, 6, 4, 10)
    pixels = np.asarray(stored.crop(region).data).repeat(2, axis=1).repeat(2, axis=2)
    fine = stored.crop(region).on_finer_grid(pixels, 2, name="fine")
    fine = read(write(fine, tmp_path / "fine.hdr"))
    request = Request(Task.CONSISTENCY, fine, other=stored, scale=2, region=region)
    ran(request)
    assert len(capsys.readouterr().out.split()) == 2


def test_what_is_not_complete_or_has_no_command_says_so(stored):
    with pytest.raises(NothingToCopyError, match="Pick a pixel"):
        as_python(Request(Task.ANGLE, stored))
    with pytest.raises(NothingToCopyError, match="copy it as Python"):
        as_command(Request(Task.RATIO, stored, wavelengths=(600.0, 450.0)))


def test_the_button_copies_and_says_what_or_why_not(qtbot):
    said = []
    button = CopyButton({PYTHON: lambda: "first\nlast"})
    qtbot.addWidget(button.native)
    button.said.connect(said.append)
    button.native.menu().actions()[0].trigger()
    assert QApplication.clipboard().text() == "first\nlast"

    def nothing():
        raise NothingToCopyError("Choose a cube.")

    button.copy(nothing)
    assert said == ["Copied: last", "Choose a cube."]
    assert QApplication.clipboard().text() == "first\nlast"
