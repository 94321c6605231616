"""What the panels' forms have in common."""

from magicgui.widgets import Container, LineEdit

from napari_dodn.plugin.kit.forms import LinedUp, sentence_row


def test_fields_and_sentences_begin_at_one_line_in_letters_of_any_size(qtbot):
    fields = [LineEdit(label="A"), LineEdit(label="Much longer"), sentence_row()]
    panel = Container(widgets=[Container(widgets=fields[:2]), Container(widgets=fields[2:])])
    panel.labels = False
    LinedUp(panel.native.layout())
    qtbot.addWidget(panel.native)
    panel.native.show()

    def places():
        natives = [field.native for field in fields]
        return {native.mapTo(panel.native, native.rect().topLeft()).x() for native in natives}

    label = fields[1].native.parent().layout().itemAt(0).widget()

    def fits():
        needed = label.fontMetrics().horizontalAdvance("Much longer")
        return len(places()) == 1 and needed < label.width() < 1.5 * needed

    for size in (12, 30, 12):
        panel.native.setStyleSheet(f"QLabel {{ font-size: {size}px }}")
        qtbot.waitUntil(fits)
