"""What the Open panel looks like: its fields, and under each the place where its fault is told."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_dodn.plugin.kit.forms import name_fields
from napari_dodn.plugin.kit.scrolling import scroll_where_low
from napari_dodn.plugin.open.sources import Fault, Field
from napari_dodn.plugin.open.widgets import (
    PREVIEW,
    CandidateList,
    PathLine,
    Sentence,
    WavelengthLine,
    narrow,
)

WARNING_ON_LIGHT = "#b00020"
"""napari's yellow for warnings cannot be read on its light theme, its red not on the dark one."""


class OpenForm(QWidget):
    """The fields, without a life of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.origin = QComboBox()
        self.origin.setToolTip(
            "A file to open, or a layer whose axes or wavelengths are not right."
        )
        narrow(self.origin)
        self.path = PathLine()
        self.list = CandidateList()
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedHeight(PREVIEW)
        self.axes = QComboBox()
        self.axes.setToolTip("What the stored axes are, in their order.")
        narrow(self.axes)
        self.wavelengths = WavelengthLine()
        self.no_data = QLineEdit()
        self.no_data.setToolTip(
            "The value that means nothing was measured. Empty: as the source says."
        )
        self.no_data.setClearButtonEnabled(True)
        self.white, self.dark = QLineEdit(), QLineEdit()
        for line, kind in ((self.white, "white"), (self.dark, "dark")):
            line.setToolTip(
                f"File of the {kind} reference, which makes reflectance of a scan in raw numbers."
            )
            line.setClearButtonEnabled(True)
        self.take_references = QPushButton("Take those beside the scan")
        self.take_references.hide()
        self.open_button = QPushButton("Open")
        self.faults = {field: Sentence() for field in Field}
        self.hint, self.reason, self.facts, self.fills, self.status = (Sentence() for _ in range(5))

        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, field in (
            ("From", self.origin),
            ("Path", self.path),
            ("", self.faults[Field.SOURCE]),
            ("Cubes", self.list),
            ("", self.hint),
            ("", self.picture),
            ("Axes", self.axes),
            ("", self.reason),
            ("", self.faults[Field.AXES]),
            ("Wavelengths", self.wavelengths),
            ("", self.facts),
            ("", self.faults[Field.WAVELENGTHS]),
            ("No-data", self.no_data),
            ("", self.fills),
            ("", self.faults[Field.NO_DATA]),
            ("White", self.white),
            ("Dark", self.dark),
            ("", self.take_references),
            ("", self.faults[Field.REFERENCES]),
        ):
            self.form.addRow(name, field)
            name_fields(field, name)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(6, 6, 6, 6)
        whole.addLayout(self.form)
        whole.addWidget(self.open_button)
        whole.addWidget(self.status)
        scroll_where_low(self)
        self.setAcceptDrops(True)

    def show_fault(self, fault: Fault) -> None:
        """Tell at a field what is wrong with it."""
        self.faults[fault.field].say(fault.sentence)

    def clear_faults(self) -> None:
        """Take back what was told of all fields."""
        for label in self.faults.values():
            label.say("")

    def show_path(self, visible: bool) -> None:
        """Ask for a path, or not."""
        for widget in (self.path, self.form.labelForField(self.path)):
            widget.setVisible(visible)

    def follow_theme(self, name: str) -> None:
        """Tell faults in a colour that can be read."""
        theme = get_theme(name)
        colour = theme.warning.as_hex("long") if theme.type == "dark" else WARNING_ON_LIGHT
        for label in self.faults.values():
            label.setStyleSheet(f"color: {colour}")
