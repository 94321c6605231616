"""The box of what comes out: name of the model, folder of the run, and the configuration file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog

from napari_dodn.distillation.config_file import load_config
from napari_dodn.errors import UserError
from napari_dodn.plugin.kit.asking import ask_where
from napari_dodn.plugin.kit.box import Box, buttons
from napari_dodn.plugin.kit.clipboard import copy_text
from napari_dodn.plugin.kit.copying import command_line
from napari_dodn.plugin.kit.editors import PathEditor
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import PARENT, Draft
from napari_dodn.plugin.training.form import Form, row_of
from napari_dodn.plugin.training.material import Looked, look_into
from napari_dodn.plugin.training.saving import save_configuration

TOML = "Configuration (*.toml)"


class OutputBox(Box):
    """Name and folder, and the whole panel as one file.

    Parameters
    ----------
    draft : Draft
        What is set.
    """

    def __init__(self, draft: Draft) -> None:
        super().__init__("Output")
        self._draft = draft
        self._saving: Latest[None] = Latest()
        self._saving.then(self._on_saved)
        self._saving.failed.connect(self._on_failed)
        self._looking: Latest[Looked] = Latest()
        self._looking.then(self._on_looked)
        self._looking.failed.connect(self._on_failed)
        self._path = Path()
        self._wants_command = False
        self._kept: Any = None
        self._saved: tuple[Path, Any] | None = None
        self.folder = PathEditor(folder=True)
        self.folder.edited.connect(self._on_folder)
        line = row_of("Folder", self.folder)
        line.setToolTip("Each run gets its own subfolder here, named after the model.")
        self.fault, self.told = Sentence(fault=True), Sentence()
        self.licence = Form(draft, ("licence",))
        row, _ = buttons(
            ("Save…", "Save the whole panel as a configuration file (TOML).", self._ask_save),
            ("Load…", "Set the whole panel from a configuration file.", self._ask_load),
            (
                "Copy command line",
                "Copy the command for the same training without napari, for example on a cluster.",
                self.copy_command,
            ),
        )
        for part in (line, self.fault, self.licence, row, self.told):
            self.column.addWidget(part)
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Stop what is going on."""
        self._saving.close()
        self._looking.close()

    @property
    def busy(self) -> bool:
        """Whether a file is saved or loaded."""
        return self.saving or self._looking.busy

    @property
    def saving(self) -> bool:
        """Whether a file is saved."""
        return self._saving.busy

    def _on_folder(self, folder: Path | None) -> None:
        self._draft.set_parent(folder or Path())

    def _show(self) -> None:
        if (self.folder.line.text() or ".") != str(self._draft.parent):
            self.folder.show_value(self._draft.parent)
        self.fault.say(self._draft.faults.get(PARENT, ""))

    # The configuration file

    def _ask_save(self) -> None:
        start = self._draft.parent / f"{self._draft['name']}.toml"
        if (path := ask_where(self, "Save configuration", start, TOML)) is not None:
            self.save(path)

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Load configuration", str(self._draft.parent), TOML
        )
        if path:
            self.load(Path(path))

    def save(self, path: Path) -> None:
        """Write what is set; cubes that are in no file go into a folder beside it."""
        if self.busy:
            return
        if not path.suffix:
            path = path.with_suffix(".toml")
        faults = {name: text for name, text in self._draft.faults.items() if name != PARENT}
        if faults:
            self.told.say(f"The configuration cannot be saved yet. {next(iter(faults.values()))}")
            return
        self.told.say("Saving …")
        self._path, self._kept = path, self._stamp()
        plan = self._draft.plan()
        self._saving.ask(partial(save_configuration, plan, path), "Saving the configuration")

    def _on_saved(self, _: None) -> None:
        self._saved = self._path, self._kept
        self.told.say(f"Saved as {self._path}.")
        if self._wants_command:
            self._wants_command = False
            self._copy()

    def _on_failed(self, sentence: str) -> None:
        self._wants_command = False
        self.told.say(sentence)

    def load(self, path: Path) -> None:
        """Set everything to a configuration file."""
        if self.busy:
            return
        try:
            config = load_config(path)
        except UserError as error:
            self.told.say(str(error))
            return
        self._path = path
        self.told.say("Looking at its cubes …")
        self._config = config
        self._looking.ask(partial(look_into, config.data.cubes), "Loading the configuration")

    def _on_looked(self, looked: Looked) -> None:
        config = self._config
        self._draft.take(config, looked.materials)
        names = self._draft.plan().names
        named = (*config.data.validation, *config.msi.pictures, *config.data.sharper)
        strange = [name for name in named if name not in names]
        text = f"Loaded {self._path}."
        if strange:
            text += f" It names a cube '{strange[0]}' that was not found."
        else:
            self._saved = self._path, self._stamp()
        self.told.say("\n".join([text, *looked.left_out]))

    # The command line

    def _stamp(self) -> Any:
        cubes = [(m.origin, m.held_out, m.picture, m.sharper) for m in self._draft.materials]
        return self._draft.plain(), cubes

    def copy_command(self) -> None:
        """Copy the command line of what is set; it is saved first where it is in no file."""
        if self._saved is None or self._saved[1] != self._stamp() or not self._saved[0].exists():
            self._wants_command = True
            self._ask_save()
            self._wants_command = self.busy
            return
        self._copy()

    def _copy(self) -> None:
        if self._saved is None or self._saved[1] != self._stamp():
            return
        words = ["napari-dodn", "train", "--config", str(self._saved[0])]
        words += ["--out", str(self._draft.folder)]
        text = command_line(words)
        copy_text(text)
        self.told.say(f"Copied: {text}")
