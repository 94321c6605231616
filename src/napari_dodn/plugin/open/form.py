"""What the Open panel looks like: its fields, and under each the place where its fault is told."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QDragEnterEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_dodn.plugin.kit.copying import COMMAND, PYTHON, CopyButton
from napari_dodn.plugin.kit.dragging import dragged_files
from napari_dodn.plugin.kit.forms import name_fields, narrow
from napari_dodn.plugin.kit.runner import Runner
from napari_dodn.plugin.kit.scrolling import scroll_where_low
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.open.sources import Fault, Field
from napari_dodn.plugin.open.steps import Prepared
from napari_dodn.plugin.open.widgets import PREVIEW, CandidateList, PathLine, WavelengthLine

LETTERS = 8
"""Letters that the boxes of layers and axes have room for."""


class OpenForm(QWidget):
    """The fields, without a life of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.origin = QComboBox()
        self.origin.setToolTip(
            "A file to open, or a layer whose axes or wavelengths need correction."
        )
        narrow(self.origin, LETTERS)
        self.path = PathLine()
        self.list = CandidateList()
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedHeight(PREVIEW)
        self.axes = QComboBox()
        self.axes.setToolTip("The meaning of the stored axes, in their order.")
        narrow(self.axes, LETTERS)
        self.wavelengths = WavelengthLine()
        self.no_data = QLineEdit()
        self.no_data.setToolTip(
            "The value that marks missing measurements. Leave it empty to use what the source"
            " states."
        )
        self.no_data.setClearButtonEnabled(True)
        self.white, self.dark = QLineEdit(), QLineEdit()
        for line, kind in ((self.white, "white"), (self.dark, "dark")):
            line.setToolTip(
                f"The file of the {kind} reference. References turn a raw scan into reflectance."
            )
            line.setClearButtonEnabled(True)
        self.take_references = QPushButton("Use the references beside the scan")
        self.take_references.hide()
        self.copy_button = CopyButton({PYTHON: self.as_python, COMMAND: self.as_command})
        self.runner: Runner[Prepared] = Runner(self.copy_button, text="Open")
        self.copy_button.said.connect(self.say_copied)
        self.open_button, self.status = self.runner.run_button.native, self.runner.status
        self.faults = {field: Sentence(fault=True) for field in Field}
        self.hint, self.reason, self.facts, self.fills = (Sentence() for _ in range(4))

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
        for widget in self.runner.widgets:
            whole.addWidget(widget.native)
        scroll_where_low(self)
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take what comes from a file manager."""
        if dragged_files(event):
            event.acceptProposedAction()

    def as_python(self) -> str:
        """Return Python that reads the cube; a panel says which."""
        raise NotImplementedError

    def as_command(self) -> str:
        """Return a command that converts the cube; a panel says which."""
        raise NotImplementedError

    def say_copied(self, sentence: str) -> None:
        """Say what was copied, or why nothing was."""
        self.runner.say(sentence)

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
