"""The box of the cubes: layers, files and folders, and which of them only judge."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QLabel,
    QMenu,
    QShortcut,
    QTreeWidget,
    QTreeWidgetItem,
)

from napari_dodn.plugin.kit.box import Box, buttons
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.training.draft import CUBES, Draft
from napari_dodn.plugin.training.form import Form, Sentence
from napari_dodn.plugin.training.material import (
    Looked,
    Material,
    look_into,
    of_layer,
    renewed,
)
from napari_dodn.plugin.viewer.selection import cube_choices
from napari_dodn.plugin.viewer.watch import LayerWatch

if TYPE_CHECKING:
    from napari import Viewer

NAME, SIZE, HELD = range(3)
ROWS = 4
MOST_LEFT_OUT = 5
SETTINGS = ("data.validation_share", "data.validation_side", "data.peak")


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
            "The high-resolution cubes. Ticked ones are held out: nothing is learnt from them, they"
            " judge the model. With none ticked, some are chosen; of a single cube, a part."
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
        materials = self._draft.materials
        while self.topLevelItemCount() > len(materials):
            self.takeTopLevelItem(self.topLevelItemCount() - 1)
        while self.topLevelItemCount() < len(materials):
            self.addTopLevelItem(QTreeWidgetItem())
        for row, material in enumerate(materials):
            item = self.topLevelItem(row)
            assert item is not None
            size = " × ".join(map(str, material.shape)) if not material.fault else "cannot be read"
            item.setText(NAME, material.name)
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
        self._job: Job[Looked] | None = None
        self._waiting: list[Path] = []
        self._left_out: list[str] = []
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
        self.judges = QLabel()
        self.judges.setWordWrap(True)
        self.form = Form(draft, SETTINGS)
        for part in (self.table, row, self.told, self.fault, self.warning, self.judges, self.form):
            self.column.addWidget(part)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.remove)
        self._watch = LayerWatch(viewer)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_layers)
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the viewer."""
        self._watch.close()
        if self._job is not None:
            self._job.abandon()
            self._job = None

    # Adding and removing

    def add_layer(self, layer: Layer) -> None:
        """Add the cube of a layer."""
        if all(material.origin is not layer for material in self._draft.materials):
            self._draft.set_materials((*self._draft.materials, of_layer(layer)))

    def add_paths(self, paths: list[Path]) -> None:
        """Add files and folders, which are looked at beside the window."""
        if self._job is not None:
            self._waiting += paths
            return
        self.told.say("Looking at the files …")
        self._job = Job(partial(look_into, paths), "Looking at cubes")
        self._job.then(self._on_looked)

    def remove(self) -> None:
        """Remove the selected cubes."""
        chosen = self.table.chosen()
        kept = [m for m in self._draft.materials if not any(m is other for other in chosen)]
        self._draft.set_materials(kept)

    def _on_looked(self, outcome: Looked | Failure | Cancelled) -> None:
        self._job = None
        self.told.say("")
        if isinstance(outcome, Failure):
            self.told.say(sentence(outcome.error, "Looking at the files"))
        elif not isinstance(outcome, Cancelled):
            known = {m.origin for m in self._draft.materials if isinstance(m.origin, Path)}
            new = [m for m in outcome.materials if m.origin not in known]
            self._draft.set_materials((*self._draft.materials, *new))
            self._left_out += outcome.left_out
        if self._waiting:
            paths, self._waiting = self._waiting, []
            self.add_paths(paths)
        elif self._left_out:
            self._tell_left_out()

    def _tell_left_out(self) -> None:
        sentences, self._left_out = self._left_out, []
        more = len(sentences) - MOST_LEFT_OUT
        shown = [*sentences[:MOST_LEFT_OUT], *([f"{more} more are left out."] if more > 0 else [])]
        self.told.say("\n".join(shown))
        self.told.setToolTip("\n".join(sentences))

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

    def _on_layers(self, _: Any = None) -> None:
        there = self._viewer.layers
        kept = [m for m in self._draft.materials if isinstance(m.origin, Path) or m.origin in there]
        new = renewed(kept)
        if new != self._draft.materials:
            self._draft.set_materials(new)

    def _show(self) -> None:
        draft = self._draft
        self.fault.say(draft.faults.get(CUBES, "") or draft.faults.get("data.validation", ""))
        self.warning.say("\n".join(f"⚠ {text}" for text in draft.warnings))
        self.judges.setText(_judges(draft))


def _judges(draft: Draft) -> str:
    """Say in a sentence what the model will be judged by."""
    held = [material.name for material in draft.materials if material.held_out]
    if not draft.materials:
        return ""
    if held:
        return f"Judged by {', '.join(held)}."
    if "data.validation_share" in draft.faults:
        return ""
    share = f"{100 * draft['data.validation_share']:.0f} %"
    if len(draft.materials) == 1:
        return f"Judged by {share} of the cube, which shares no pixel with what is learnt from."
    return f"Judged by {share} of the cubes, drawn by the seed; tick cubes to choose."
