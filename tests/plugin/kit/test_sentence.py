"""Sentences in a panel, and the one red of those that say what is wrong."""

import pytest
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_dodn.plugin.kit.sentence import Sentence, show_as_fault, style_of_faults


@pytest.fixture
def panel(qtbot):
    panel = QWidget()
    QVBoxLayout(panel)
    qtbot.addWidget(panel)
    return panel


def added(panel, **options):
    label = Sentence(**options)
    panel.layout().addWidget(label)
    label.say("It is so.")
    return label


def colour(label):
    label.ensurePolished()
    return label.palette().color(label.foregroundRole())


def test_a_fault_can_be_read_on_dark_and_on_light(panel):
    fault, other = added(panel, fault=True), added(panel)
    panel.show()
    plain = colour(other)
    panel.setStyleSheet(style_of_faults("dark"))
    on_dark = colour(fault)
    panel.setStyleSheet(style_of_faults("light"))
    on_light = colour(fault)
    assert on_dark.lightness() > 150 > on_light.lightness()
    assert all(red.red() > red.blue() for red in (on_dark, on_light))
    assert colour(other) == plain


def test_a_sentence_becomes_a_fault_and_is_none_any_more(panel):
    label = added(panel)
    panel.setStyleSheet(style_of_faults("light"))
    panel.show()
    plain = QColor(colour(label))
    show_as_fault(label, True)
    assert colour(label) != plain
    show_as_fault(label, False)
    assert colour(label) == plain


def test_a_sentence_is_gone_where_there_is_none(panel):
    label = added(panel)
    panel.show()
    assert label.isVisible()
    label.say("")
    assert not label.isVisible()


def test_a_sentence_is_as_high_as_its_lines(panel):
    label = added(panel)
    panel.resize(220, 10)
    panel.show()
    low = label.sizeHint().height()
    label.say("many words " * 40)
    assert label.sizeHint().height() > 5 * low
