"""Spectra out of the dock and back into it."""

import errno
import os
import sys

import imageio.v3 as iio
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QFileDialog

from napari_dodn import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats import read_library
from napari_dodn.formats.tables.csv_library import text_of
from napari_dodn.plugin.profiles.file_menu import FileMenu
from napari_dodn.plugin.profiles.files import add_references, library_from_text, library_of
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source
from napari_dodn.spectra.library import LibraryError, SpectralLibrary, Spectrum

X = np.array([400.0, 500.0, 600.0])
CURVE = Curve(
    id="a",
    name="Point 1",
    x=X,
    y=np.array([0.1, 1 / 3, np.nan]),
    colour="#0b84c4",
    source=Source.POINT,
    good_bands=np.array([True, False, True]),
    fwhm=np.array([10.0, 11.0, 12.0]),
    quantity="reflectance",
    origin="row 3, column 4 of field",
)


def cube(wavelengths, **attributes):
    return HyperCube(np.ones((len(wavelengths), 1, 1)), wavelengths, "field", **attributes)


def test_what_is_copied_can_be_pasted_exactly():
    store = CurveStore()
    add_references(library_from_text(text_of(library_of([CURVE]))), "clipboard", cube(X), store)
    (back,) = store
    np.testing.assert_array_equal(back.y, CURVE.y)
    np.testing.assert_array_equal(back.x, CURVE.x)
    np.testing.assert_array_equal(back.fwhm, CURVE.fwhm)
    np.testing.assert_array_equal(back.good_bands, CURVE.good_bands)
    assert (back.name, back.colour, back.quantity) == ("Point 1", "#0b84c4", "reflectance")
    assert back.source is Source.LIBRARY


def test_hidden_curves_are_not_exported():
    hidden = Curve("b", "b", X, CURVE.y, "#000000", Source.POINT, visible=False)
    assert library_of([hidden, CURVE]).names == ("Point 1",)
    with pytest.raises(LibraryError, match="no visible spectrum"):
        library_of([hidden])


def test_a_spread_is_exported_as_spectra():
    region = Curve("b", "Region", X, X, "#000000", Source.REGION, spread=(X - 1, X + 1))
    library = library_of([region])
    assert library.names == ("Region", "Region (lower)", "Region (upper)")
    np.testing.assert_array_equal(library[1].values, X - 1)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_clipboard_is_a_sentence(text):
    with pytest.raises(LibraryError, match="no text"):
        library_from_text(text)


def test_references_are_brought_to_the_bands_of_the_cube_and_say_so():
    store = CurveStore()
    library = SpectralLibrary((Spectrum("line", [4.0, 6.0], [400.0, 600.0]),))
    said = add_references(library, "library.sli", cube([450.0, 500.0]), store)
    (reference,) = store
    np.testing.assert_allclose(reference.y, [4.5, 5])
    np.testing.assert_array_equal(reference.x, [450, 500])
    assert "by linear interpolation" in said
    assert "by linear interpolation" in reference.origin


def test_wide_bands_see_a_reference_through_their_fwhm():
    store = CurveStore()
    fine = np.arange(400.0, 601.0)
    library = SpectralLibrary((Spectrum("line", fine, fine),))
    said = add_references(library, "library.sli", cube([500.0], fwhm=[20.0]), store)
    assert "FWHM" in said
    np.testing.assert_allclose(next(iter(store)).y, [500])


def test_a_reference_beyond_the_cube_stays_as_it_is():
    store = CurveStore()
    library = SpectralLibrary((Spectrum("far", [1.0, 2.0], [2000.0, 2100.0]),))
    assert "outside of field" in add_references(library, "far.csv", cube(X), store)
    np.testing.assert_array_equal(next(iter(store)).x, [2000, 2100])


def test_without_a_cube_references_stay_as_they_are():
    store = CurveStore()
    library = SpectralLibrary((Spectrum("a", [1.0, 2.0], [400.0, 410.0]),))
    assert add_references(library, "a.csv", None, store) == "1 reference from a.csv, unchanged."


@pytest.mark.parametrize("suffix", [".csv", ".sli"])
def test_the_dock_imports_exactly_what_it_exported(dock, layer, tmp_path, suffix):
    dock.pins.pin((0, 60, 90))
    path = tmp_path / f"spectra{suffix}"
    dock.files.export(path)
    assert dock.status.text() == f"1 spectrum written to {path}."
    dock.files.import_library(path)
    point, reference = dock.store
    np.testing.assert_array_equal(reference.y, point.y)
    np.testing.assert_array_equal(reference.good_bands, point.good_bands)
    assert reference.name == "Point 1"


def test_the_dock_pastes_what_it_copied(dock, layer):
    dock.pins.pin((0, 60, 90))
    dock.files.copy()
    dock.files.paste()
    assert [x.source for x in dock.store] == [Source.POINT, Source.LIBRARY]


def test_a_faulty_library_is_told_of(dock, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_text("not,a\nlibrary")
    before = len(notification_manager.records)
    dock.files.import_library(path)
    assert "broken.csv" in dock.status.text()
    assert notification_manager.records[before].message == dock.status.text()


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_plot_becomes_a_picture(dock, layer, tmp_path, suffix, qtbot):
    dock.pins.pin((0, 60, 90))
    path = tmp_path / f"plot{suffix}"
    dock.files.save_picture(path)
    assert path.stat().st_size > 1000
    assert [x.name for x in tmp_path.glob("*plot*")] == [path.name]


def test_a_picture_is_dark_on_white_and_the_plot_stays_as_it_was(dock, layer, tmp_path):
    dock.pins.pin((0, 60, 90))
    before = dock.plot.backgroundBrush().color()
    dock.files.save_picture(tmp_path / "plot.png")
    picture = iio.imread(tmp_path / "plot.png")
    assert picture.shape[:2] == (4 * dock.plot.height(), 4 * dock.plot.width())
    assert np.median(picture[..., :3]) == 255
    assert dock.plot.backgroundBrush().color() == before != QColor("white")


def test_a_picture_of_another_kind_is_refused(dock, tmp_path):
    dock.files.save_picture(tmp_path / "plot.tiff")
    assert "end with .png or .svg" in dock.status.text()


def test_a_picture_that_cannot_be_written_is_told_of(dock, tmp_path):
    dock.files.save_picture(tmp_path / "nowhere" / "plot.svg")
    assert "cannot be written" in dock.status.text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_that_the_disk_has_no_room_for_leaves_the_earlier_one(dock, tmp_path, suffix):
    import resource

    dock.pins.pin((0, 60, 90))
    path = tmp_path / f"plot{suffix}"
    path.write_text("an earlier one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        dock.files.save_picture(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "an earlier one"
    assert f"{path} cannot be written: {os.strerror(errno.EFBIG)}." == dock.status.text()
    assert [x.name for x in tmp_path.glob("*plot*")] == [path.name]


def test_a_clipboard_without_spectra_is_told_of_as_the_clipboard():
    with pytest.raises(UserError, match="^The clipboard holds no spectra"):
        library_from_text("hello")


@pytest.mark.parametrize(
    ("kind", "ending"), [("CSV (*.csv)", "csv"), ("ENVI spectral library (*.sli)", "sli")]
)
def test_an_export_without_an_ending_gets_that_of_the_chosen_kind(
    qtbot, monkeypatch, tmp_path, kind, ending
):
    def choose(dialog):
        dialog.selectNameFilter(kind)
        dialog.filterSelected.emit(kind)
        dialog.selectFile(str(tmp_path / "out"))
        return QFileDialog.DialogCode.Accepted

    store = CurveStore()
    store.put([CURVE])
    menu = FileMenu(store, None, None)
    qtbot.addWidget(menu)
    monkeypatch.setattr(QFileDialog, "exec", choose)
    menu._ask_export()
    assert read_library(tmp_path / f"out.{ending}").names == ("Point 1",)
