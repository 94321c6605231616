"""The models that there are: their cards, and what can be done with a person's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QInputDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
)

from napari_dodn.errors import UserError
from napari_dodn.network.model_file import (
    SUFFIX,
    ModelCard,
    export_model,
    import_model,
    is_users,
    list_models,
    remove_model,
    rename_model,
)
from napari_dodn.plugin.kit.box import Box, buttons
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, without_progress
from napari_dodn.plugin.kit.models import full_text, listed_again, models
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.kit.session import sentence

FILES = "Models (*.safetensors)"


class ModelsBox(Box):
    """A list of models with their cards."""

    def __init__(self) -> None:
        super().__init__("Models")
        self._job: Job[ModelCard] | None = None
        self._cards: list[ModelCard] = []
        self.list = QListWidget()
        self.list.setMaximumHeight(160)
        self.card = QLabel()
        self.card.setWordWrap(True)
        self.card.setMinimumWidth(10)
        self.card.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.told = Sentence()
        row, made = buttons(
            ("Rename…", "Give the model another name.", self._ask_rename),
            ("Export…", "Copy the model's file to another place.", self._ask_export),
            ("Import…", "Copy a model from elsewhere to your models.", self._ask_import),
            ("Remove…", "Delete the model's file.", self._ask_remove),
        )
        self.rename_button, self.export_button, self.import_button, self.remove_button = made
        for part in (self.list, row, self.told, self.card):
            self.column.addWidget(part)
        self.column.addStretch()
        self.list.currentRowChanged.connect(self._on_row)
        models.changed.connect(self.fill)
        self.fill()

    def close_down(self) -> None:
        """Listen no longer."""
        models.changed.disconnect(self.fill)
        if self._job is not None:
            self._job.abandon()
            self._job = None

    @property
    def chosen(self) -> ModelCard | None:
        """The model that is selected."""
        row = self.list.currentRow()
        return self._cards[row] if 0 <= row < len(self._cards) else None

    def fill(self) -> None:
        """List the models that there are now."""
        chosen = self.chosen
        self._cards = list_models()
        self.list.blockSignals(True)
        self.list.clear()
        for card in self._cards:
            origin = "" if is_users(card) else ", bundled"
            self.list.addItem(QListWidgetItem(f"{card.name} (×{card.scale}{origin})"))
        self.list.blockSignals(False)
        there = listed_again(chosen, self._cards)
        row = self._cards.index(there) if there is not None else 0
        self.list.setCurrentRow(row if self._cards else -1)
        self._on_row(row)

    def choose(self, name: str) -> None:
        """Select a model by its name."""
        for row, card in enumerate(self._cards):
            if card.name == name:
                self.list.setCurrentRow(row)

    def _on_row(self, _: int) -> None:
        card = self.chosen
        self.card.setText(full_text(card) if card else "There are no models yet.")
        self.export_button.setEnabled(card is not None)
        for button in (self.rename_button, self.remove_button):
            button.setEnabled(card is not None and is_users(card))

    # What can be done

    def rename(self, name: str) -> None:
        """Give the selected model another name."""
        if (card := self.chosen) is None:
            return
        if self._do(lambda: rename_model(card, name).name, "Renamed to '{}'."):
            self.choose(name.strip())

    def export(self, path: Path) -> None:
        """Copy the selected model's file, over a file that the dialogue has asked about."""
        if (card := self.chosen) is not None:
            asked = path.suffix == SUFFIX
            self._do(lambda: export_model(card, path, overwrite=asked), "Copied to {}.")

    def remove(self) -> None:
        """Delete the selected model's file."""
        if (card := self.chosen) is not None:
            self._do(lambda: remove_model(card), f"Removed '{card.name}'.")

    def bring_in(self, path: Path) -> None:
        """Copy a model from elsewhere to the user's; it is tried in a thread first."""
        if self._job is None:
            self.told.say("Checking the model …")
            bring_in = without_progress(partial(import_model, path))
            self._job = Job(bring_in, "Importing a model")
            self._job.then(self._on_brought)

    def _on_brought(self, outcome: ModelCard | Failure | Cancelled) -> None:
        self._job = None
        if isinstance(outcome, Failure):
            self.told.say(sentence(outcome.error, "Importing the model"))
        elif not isinstance(outcome, Cancelled):
            models.changed.emit()
            self.choose(outcome.name)
            self.told.say(f"Imported '{outcome.name}'.")

    def _do(self, what: Callable[[], object], said: str) -> bool:
        """Do something and say so, or why not; tell whether it was done."""
        try:
            text = said.replace("{}", str(what()))
        except UserError as error:
            self.told.say(str(error))
            return False
        models.changed.emit()
        self.told.say(text)
        return True

    # Asking

    def _ask_rename(self) -> None:
        if (card := self.chosen) is not None:
            name, accepted = QInputDialog.getText(self, "Rename model", "Name:", text=card.name)
            if accepted:
                self.rename(name)

    def _ask_export(self) -> None:
        if (card := self.chosen) is not None:
            start = f"{card.name}.safetensors"
            path, _ = QFileDialog.getSaveFileName(self, "Export model", start, FILES)
            if path:
                self.export(Path(path))

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import model", "", FILES)
        if path:
            self.bring_in(Path(path))

    def _ask_remove(self) -> None:
        if (card := self.chosen) is not None:
            question = f"Delete the model '{card.name}'? Its file {card.path} cannot be restored."
            answer = QMessageBox.question(self, "Remove model", question)
            if answer == QMessageBox.StandardButton.Yes:
                self.remove()
