"""The box of the cubes: layers, files and folders, and which are only for validation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QMenu,
    QShortcut,
    QTreeWidget,
    QTreeWidgetItem,
)

from napari_dodn.plugin.kit.box import Box, buttons
from napari_dodn.plugin.kit.dragging import dragged_files
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import CUBES, Draft
from napari_dodn.plugin.training.material import (
    Looked,
    Material,
    Origin,
    Remarks,
    look_into,
    of_layer,
    remarks_on,
    renewed,
)
from napari_dodn.plugin.viewer.axis_question import AxisQuestion
from napari_dodn.plugin.viewer.selection import cube_choices
from napari_dodn.plugin.viewer.watch import LayerWatch

if TYPE_CHECKING:
    from napari import Viewer

NAME, SIZE, HELD = range(3)
ROWS = 4
MOST_LEFT_OUT = 5


class CubeTable(QTreeWidget):
    """The cubes of a draft as rows, with a box that holds one out.

    Parameters
    ----------
    draft : Draft
        Whose cubes are shown.
    """

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._filling = False
        self.setHeaderLabels(["Cube", "Bands × y × x", "Held out"])
        self.setRootIsDecorated(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setToolTip(
            "The high-resolution cubes; files and folders can be dropped here. Ticked cubes are"
            " held out: the model is validated on them and does not learn from them. If none is"
            " ticked, some are chosen; of a single cube, a part is held out."
        )
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in (SIZE, HELD):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.setFixedHeight(self.fontMetrics().height() * 2 * ROWS)
        self.itemChanged.connect(self._on_item)
        draft.changed.connect(self._show)
        self._show()

    def chosen(self) -> list[Material]:
        """Return the selected cubes."""
        rows = {self.indexOfTopLevelItem(item) for item in self.selectedItems()}
        return [m for row, m in enumerate(self._draft.materials) if row in rows]

    def _show(self) -> None:
        self._filling = True
        materials, names = self._draft.materials, self._draft.plan().names
        while self.topLevelItemCount() > len(materials):
            self.takeTopLevelItem(self.topLevelItemCount() - 1)
        while self.topLevelItemCount() < len(materials):
            self.addTopLevelItem(QTreeWidgetItem())
        for row, material in enumerate(materials):
            item = self.topLevelItem(row)
            assert item is not None
            size = " × ".join(map(str, material.shape)) if not material.fault else "cannot be read"
            item.setText(NAME, names[row])
            item.setText(SIZE, size)
            origin = material.origin
            where = str(origin) if isinstance(origin, Path) else f"Layer '{origin.name}'"
            item.setToolTip(NAME, material.fault or where)
            state = Qt.CheckState.Checked if material.held_out else Qt.CheckState.Unchecked
            item.setCheckState(HELD, state)
        self._filling = False

    def _on_item(self, item: QTreeWidgetItem, column: int) -> None:
        if self._filling or column != HELD:
            return
        material = self._draft.materials[self.indexOfTopLevelItem(item)]
        self._draft.change(material, held_out=item.checkState(HELD) == Qt.CheckState.Checked)


class DataBox(Box):
    """Cubes are added and removed here.

    Parameters
    ----------
    draft : Draft
        What they are added to.
    viewer : napari.Viewer
        Whose layers can be added.
    """

    def __init__(self, draft: Draft, viewer: Viewer) -> None:
        super().__init__("Data")
        self._draft, self._viewer = draft, viewer
        self._wanted: list[Path] = []
        self._looking: Latest[Looked] = Latest()
        self._looking.then(self._on_looked)
        self._looking.failed.connect(self._on_failed)
        self._values: Latest[Remarks] = Latest()
        self._values.then(self._on_remarks)
        self._asked: list[Origin] = []
        self.table = CubeTable(draft)
        self.layers_menu = QMenu(self)
        self.layers_menu.aboutToShow.connect(self._fill_menu)
        row, made = buttons(
            ("Add layer", "Add a cube that is open.", lambda: None),
            ("Files…", "Add cubes from files.", self._ask_files),
            ("Folder…", "Add a folder of band images, or all cubes in a folder.", self._ask_folder),
            ("Remove", "Remove the selected cubes from the list (Del).", self.remove),
        )
        self.add_layer_button, *_, self.remove_button = made
        self.add_layer_button.setMenu(self.layers_menu)
        self.fault, self.warning, self.told = Sentence(fault=True), Sentence(), Sentence()
        self.held_out = Sentence()
        self._watch = LayerWatch(viewer)
        self.question = AxisQuestion(viewer, self._watch, only_asks=True)
        self.question.adopted.connect(self.add_layer)
        sentences = (self.told, self.fault, self.warning, self.held_out)
        for part in (self.question, self.table, row, *sentences):
            self.column.addWidget(part)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.remove)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_changed)
        self.setAcceptDrops(True)
        draft.changed.connect(self._show)
        self._show()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take what comes from a file manager."""
        if dragged_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add the files and folders that are dropped."""
        event.acceptProposedAction()
        self.add_paths(dragged_files(event))

    def close_down(self) -> None:
        """Let go of the viewer."""
        self._watch.close()
        self.question.close_down()
        self._looking.close()
        self._values.close()

    @property
    def busy(self) -> bool:
        """Whether files are looked at."""
        return self._looking.busy

    # Adding and removing

    def add_layer(self, layer: Layer) -> None:
        """Add the cube of a layer."""
        if all(material.origin is not layer for material in self._draft.materials):
            self._draft.set_materials((*self._draft.materials, of_layer(layer)))

    def add_paths(self, paths: list[Path]) -> None:
        """Add files and folders, which are looked at beside the window."""
        self._wanted += paths
        self.told.say("Looking at the files …")
        self._looking.ask(partial(look_into, list(self._wanted)), "Looking at the files")

    def remove(self) -> None:
        """Remove the selected cubes."""
        chosen = self.table.chosen()
        kept = [m for m in self._draft.materials if not any(m is other for other in chosen)]
        self._draft.set_materials(kept)

    def _on_looked(self, looked: Looked) -> None:
        self._wanted.clear()
        known = {m.origin for m in self._draft.materials if isinstance(m.origin, Path)}
        new = [m for m in looked.materials if m.origin not in known]
        self._draft.set_materials((*self._draft.materials, *new))
        sentences = looked.left_out
        more = len(sentences) - MOST_LEFT_OUT
        shown = [*sentences[:MOST_LEFT_OUT], *([f"{more} more are left out."] if more > 0 else [])]
        self.told.say("\n".join(shown))
        self.told.setToolTip("\n".join(sentences))

    def _on_failed(self, sentence: str) -> None:
        self._wanted.clear()
        self.told.say(sentence)

    def _fill_menu(self) -> None:
        self.layers_menu.clear()
        taken = [material.origin for material in self._draft.materials]
        free = [(n, x) for n, x in cube_choices(self._viewer) if not any(x is o for o in taken)]
        for name, layer in free:
            self.layers_menu.addAction(name).triggered.connect(partial(self._on_menu, layer))
        if not free:
            self.layers_menu.addAction("No other cube is open").setEnabled(False)

    def _on_menu(self, layer: Layer, _checked: bool = False) -> None:
        self.add_layer(layer)

    def _ask_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Add cubes")
        if files:
            self.add_paths([Path(file) for file in files])

    def _ask_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Add a folder of cubes"):
            self.add_paths([Path(folder)])

    # Following

    def _on_layers(self) -> None:
        there = self._viewer.layers
        kept = [m for m in self._draft.materials if isinstance(m.origin, Path) or m.origin in there]
        new = renewed(kept)
        if new != self._draft.materials:
            self._draft.set_materials(new)

    def _on_changed(self, layer: Layer) -> None:
        if any(material.origin is layer for material in self._draft.materials):
            self._draft.set_materials(
                replace(material, remarks=None) if material.origin is layer else material
                for material in renewed(self._draft.materials)
            )

    def _look_at_values(self) -> None:
        new = [m for m in self._draft.materials if m.remarks is None and not m.fault]
        origins = [material.origin for material in new]
        if origins != self._asked:
            self._asked = origins
            if new:
                self._values.ask(partial(remarks_on, new), "Looking at the values")
            else:
                self._values.drop()

    def _on_remarks(self, remarks: Remarks) -> None:
        self._asked = []
        self._draft.set_materials(
            replace(material, remarks=remarks.get(material.origin, material.remarks))
            for material in self._draft.materials
        )

    def _show(self) -> None:
        draft = self._draft
        fault = draft.faults.get(CUBES, "") or draft.faults.get("data.validation", "")
        self.fault.say(fault if draft.materials else "")
        self.warning.say("\n".join(f"⚠ {text}" for text in draft.warnings))
        self.held_out.say(draft.held_out)
        self._look_at_values()
