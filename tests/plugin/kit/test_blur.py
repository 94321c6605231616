"""The field for the sensor's blur."""

from napari.settings import get_settings

from napari_dodn.plugin.kit.blur import WIDEST, BlurBox


def test_an_estimate_can_be_read_in_letters_of_any_size(make_napari_viewer, qtbot):
    viewer, box = make_napari_viewer(), BlurBox()
    viewer.window.add_dock_widget(box, name="blur")
    box.show_found(0.35)
    appearance = get_settings().appearance
    for size in (appearance.font_size, 2 * appearance.font_size):
        appearance.font_size = size
        box.native.ensurePolished()
        line = box.native.lineEdit()
        qtbot.waitUntil(
            lambda line=line: line.fontMetrics().horizontalAdvance(WIDEST) < line.width()
        )
