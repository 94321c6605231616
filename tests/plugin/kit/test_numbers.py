"""Tests of the boxes for numbers: a point, in every language."""

from pathlib import Path

import pytest
from qtpy.QtCore import QLocale
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_dodn import plugin
from napari_dodn.plugin.kit.blur import BlurBox
from napari_dodn.plugin.kit.numbers import NumberBox
from napari_dodn.plugin.profiles.widgets import OffsetBox


@pytest.fixture(params=["de_DE", "en_US", "C"])
def language(request):
    """Let Qt speak one language after the other."""
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield
    QLocale.setDefault(before)


def native(box):
    return getattr(box, "native", box)


@pytest.fixture(params=[lambda: NumberBox(max=9), BlurBox, OffsetBox])
def box(request, language, qtbot):
    """Return a box for a number that is empty."""
    box = native(request.param())
    qtbot.addWidget(box)
    box.lineEdit().selectAll()
    return box


@pytest.mark.parametrize("text", ["1.25", "1,25"])
def test_a_number_is_typed_with_a_point_or_a_comma(box, text):
    QTest.keyClicks(box.lineEdit(), text)
    assert box.value() == 1.25
    assert box.lineEdit().text().startswith("1.25")


@pytest.mark.parametrize("text", ["1.25", "1,25"])
def test_a_number_is_pasted_with_a_point_or_a_comma(box, text):
    QApplication.clipboard().setText(text)
    box.lineEdit().paste()
    assert box.value() == 1.25


def test_a_number_is_shown_with_a_point(box):
    box.setValue(0.25)
    assert box.lineEdit().text().startswith("0.25")


def test_what_is_no_number_is_not_taken(box):
    QTest.keyClicks(box.lineEdit(), "1,a2,5")
    assert box.value() == 1.25


def test_all_boxes_for_numbers_are_of_this_kind():
    folder = Path(plugin.__file__).parent
    others = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if "FloatSpinBox" in path.read_text(encoding="utf-8")
    ]
    assert others == ["kit/numbers.py"]
