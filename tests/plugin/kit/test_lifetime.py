"""What a panel has as long as it is open."""

from napari.settings import get_settings
from qtpy.QtWidgets import QLabel, QLineEdit, QSpinBox, QToolButton, QVBoxLayout, QWidget

from napari_dodn.plugin.kit.box import Later
from napari_dodn.plugin.kit.lifetime import Lifetime


def test_fields_and_folded_titles_have_letters_of_the_size_of_labels(make_napari_viewer):
    viewer, panel = make_napari_viewer(), QWidget()
    column = QVBoxLayout(panel)
    parts, number = (QLabel("label"), QLineEdit("field"), QToolButton()), QSpinBox()
    for part in (*parts, number):
        column.addWidget(part)
    lifetime = Lifetime(panel, viewer)
    viewer.window.add_dock_widget(panel)
    appearance = get_settings().appearance
    for size in (appearance.font_size, 2 * appearance.font_size):
        appearance.font_size = size
        for part in parts:
            part.ensurePolished()
        assert {part.font().pointSize() for part in parts} == {size + 1}
        number.lineEdit().ensurePolished()
        assert number.lineEdit().font().pointSize() == size  # as napari's boxes of numbers
    lifetime.end()


def test_parts_are_made_when_they_are_first_shown(qtbot):
    made = []

    def make():
        made.append(QLabel("a plot"))
        return made

    later = Later(make)
    qtbot.addWidget(later)
    assert not made
    later.show()
    later.hide()
    later.show()
    (label,) = made
    assert label.parentWidget() is later
