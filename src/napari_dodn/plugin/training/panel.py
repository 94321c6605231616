"""Train by distillation: puts boxes, displays and buttons together; it decides nothing itself."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari.utils.notifications import show_info
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from napari_dodn.distillation.run.events import Finished
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.errors import UserError
from napari_dodn.network.model_file import list_models
from napari_dodn.plugin.kit.box import Folded, Later
from napari_dodn.plugin.kit.lifetime import Lifetime
from napari_dodn.plugin.kit.models import models
from napari_dodn.plugin.kit.panels import open_panel
from napari_dodn.plugin.kit.scrolling import Scrolling
from napari_dodn.plugin.kit.settings import settings_of
from napari_dodn.plugin.training.boxes import (
    DEGRADATION,
    DISTILLATION,
    SCHEDULE,
    FirstBox,
    FormBox,
    StartBox,
)
from napari_dodn.plugin.training.closing import WindowFinder
from napari_dodn.plugin.training.controls import Controls
from napari_dodn.plugin.training.curves import CurveDisplay
from napari_dodn.plugin.training.data_box import DataBox
from napari_dodn.plugin.training.draft import CUBES, PARENT, Draft, free_name
from napari_dodn.plugin.training.kept import keep_cubes, kept_cubes
from napari_dodn.plugin.training.models_box import ModelsBox
from napari_dodn.plugin.training.msi_box import MsiBox
from napari_dodn.plugin.training.output_box import OutputBox
from napari_dodn.plugin.training.progress_box import Details, Preview, ProgressBox
from napari_dodn.plugin.training.sharper_box import SharperBox
from napari_dodn.plugin.training.state import GOING, Phase, RunState
from napari_dodn.plugin.training.trainer import Trainer

if TYPE_CHECKING:
    import napari

PANEL = "training"
SIZE = 430, 620
SET_UP, RUN, MODELS = range(3)
EXPANDING = QSizePolicy.Policy.Expanding

Ending = TypeVar("Ending", StartBox, MsiBox, OutputBox, ModelsBox)


class TrainByDistillation(QWidget):
    """The dock.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose cubes can be trained on; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._settings = settings_of(PANEL)
        self.draft = Draft(default_parent())
        self._restore()
        self.draft.set_materials(kept_cubes(napari_viewer))
        self.state = RunState()
        self.trainer = Trainer(self.draft, self.state)
        self._phase = Phase.IDLE
        self._lifetime = Lifetime(self, napari_viewer, self._going_on)
        self._build()
        self.draft.changed.connect(self._remember)
        self.state.changed.connect(self._on_state)
        self._lifetime.listen(napari_viewer.events.theme, self._on_theme)
        self._on_theme()
        self._window = WindowFinder(self)
        self._lifetime.then(self._say_that_it_goes_on, self._keep_cubes)
        for part in (self.trainer, self.curves):
            self._lifetime.then(part.close)
        self._lifetime.then(self.data.close_down, self.sharper.close_down)
        self._attach_to_last()

    def sizeHint(self) -> QSize:
        """Return a size that leaves a laptop's screen to the image."""
        return QSize(*SIZE)

    # Building

    def _build(self) -> None:
        draft, state = self.draft, self.state
        self.data = DataBox(draft, self._viewer)
        self.sharper = SharperBox(draft, self._viewer)
        self.first = FirstBox(draft)
        self.progress = ProgressBox(state)
        self.curves = CurveDisplay(state)
        self.preview = Preview(state)
        self.details = Details(state)
        self.controls = Controls(draft, state, self.trainer)
        self.controls.used.connect(self._use)
        pictures = QTabWidget()
        pictures.setDocumentMode(True)
        pictures.addTab(Later(lambda: (self.curves.gain, self.curves.sam)), "Held-out data")
        pictures.addTab(self.preview, "Preview")
        pictures.addTab(Later(lambda: (self.curves.losses,)), "Loss")
        pictures.setMinimumHeight(300)
        pictures.setSizePolicy(QSizePolicy.Policy.Preferred, EXPANDING)
        self.advanced = Folded("Advanced", Later(self._advanced))
        self.tabs = QTabWidget()
        self.tabs.addTab(_scrolled(self.data, self.sharper, self.first, self.advanced), "Set up")
        self.tabs.addTab(_scrolled(self.progress, pictures, self.details), "Run")
        self.tabs.addTab(_scrolled(Later(lambda: (self.models,))), "Models")
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.tabs, 1)
        column.addWidget(self.controls)

    # What is made when it is first seen: a panel of a hundred fields takes long to open

    def _advanced(self) -> tuple[QWidget, ...]:
        return (
            *(self.split, self.start, self.degradation, self.distillation, self.msi),
            *(self.schedule, self.output),
        )

    @cached_property
    def split(self) -> FormBox:
        """How much is held out."""
        return FormBox("Held-out data", self.draft, ("data.validation_share",))

    @cached_property
    def start(self) -> StartBox:
        """The model to start from."""
        return self._until_closed(StartBox(self.draft))

    @cached_property
    def degradation(self) -> FormBox:
        """How the low resolution is made."""
        return FormBox("Degradation", self.draft, DEGRADATION)

    @cached_property
    def distillation(self) -> FormBox:
        """How the teacher's features are compared."""
        return FormBox("Distillation", self.draft, DISTILLATION)

    @cached_property
    def msi(self) -> MsiBox:
        """What the teacher sees."""
        return self._until_closed(MsiBox(self.draft, self._viewer))

    @cached_property
    def schedule(self) -> FormBox:
        """How long, and on what."""
        return FormBox("Schedule and computing", self.draft, SCHEDULE)

    @cached_property
    def output(self) -> OutputBox:
        """Where the run is written, and the configuration as a file."""
        return self._until_closed(OutputBox(self.draft))

    @cached_property
    def models(self) -> ModelsBox:
        """The models that there are."""
        return self._until_closed(ModelsBox())

    def _until_closed(self, box: Ending) -> Ending:
        self._lifetime.then(box.close_down)
        return box

    # Following

    def _on_state(self) -> None:
        phase, before = self.state.phase, self._phase
        self._phase = phase
        if self.state.run is not None:
            self._settings.setValue("run", str(self.state.run.path))
        if phase is Phase.DONE and before is not Phase.DONE:
            models.changed.emit()
        if phase in GOING and before not in GOING:
            self.tabs.setCurrentIndex(RUN)
            self._name_anew()
        if phase is Phase.FAILED and before is Phase.PREPARING:  # its folder is made
            self._name_anew()

    def _name_anew(self) -> None:
        """Propose a name that is free, so that the next run can be started at once."""
        self.draft.set({"name": free_name(self.draft.parent, self.draft["name"])})
        self.draft.renew()

    def _on_theme(self, _: Any = None) -> None:
        theme = get_theme(self._viewer.theme)
        background, text = theme.background.as_hex("long"), theme.text.as_hex("long")
        mark = theme.current.as_hex("long")
        self.tabs.setStyleSheet(
            "QGroupBox { margin-top: 1em; padding: 2px; }"
            "QGroupBox::title { subcontrol-origin: margin; left: 4px; }"
            f"QTreeView::indicator {{ width: 11px; height: 11px; border: 1px solid {text}; }}"
            f"QTreeView::indicator:checked {{ background: {mark}; }}"
        )
        self.curves.set_colours(background, text)

    def _use(self) -> None:
        """Open Super-resolution with the model that the run has made."""
        end = self.state.history.end
        if not isinstance(end, Finished):
            return
        path = Path(end.model)
        if all(card.path != path for card in list_models()):
            self.controls.note.say(f"{path} is not there; its model was renamed, moved or removed.")
            return
        panel = open_panel(self._viewer, "Super-resolution")
        panel.choose_model(path)

    # Coming and going

    def _restore(self) -> None:
        parent = Path(str(self._settings.value("folder", "")))
        with suppress(OSError):  # of a disk that is gone
            if parent.is_absolute() and parent.is_dir():
                self.draft.set_parent(parent)
        values: dict[str, Any] = {}
        try:
            fields = json.loads(str(self._settings.value("fields", "{}")))
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        except (ValueError, AttributeError):
            pass
        fresh = {name: self.draft[name] for name in self.draft.plain()}
        if values.get("msi.table"):
            values["msi.table"] = Path(values["msi.table"])
        self.draft.set(values)
        # What is left of another version, or of a file that has gone, is not worth a fault.
        self.draft.set({k: fresh[k] for k in self.draft.faults if k in fresh})
        self.draft.set({"name": free_name(self.draft.parent, str(self.draft["name"]))})

    def _attach_to_last(self) -> None:
        """Look at the run that was looked at last, where it goes on."""
        path = Path(str(self._settings.value("run", "")))
        with suppress(UserError, OSError):
            if path.is_absolute() and RunFolder.open(path).is_locked():
                self.trainer.attach(path)

    def _going_on(self) -> str:
        """Return what closing the panel would stop: a run that has started goes on without it."""
        if self.state.phase is Phase.PREPARING:
            return "A run is being prepared."
        is_saving = "output" in vars(self) and self.output.saving
        return "A configuration is being saved." if is_saving else ""

    def _say_that_it_goes_on(self) -> None:
        run = self.state.run
        if run is not None and self.state.phase in GOING and self._window.window_is_open:
            show_info(
                f"The training in {run.path} goes on. Open 'Train by distillation' again to follow"
                " or stop it."
            )

    def _keep_cubes(self) -> None:
        keep_cubes(self._viewer, self.draft.materials)

    def _remember(self) -> None:
        if set(self.draft.faults) <= {CUBES, PARENT}:
            self._settings.setValue("fields", json.dumps(self.draft.plain()))
            self._settings.setValue("folder", str(self.draft.parent))


def default_parent() -> Path:
    """Return the folder for runs where nobody has chosen one."""
    from platformdirs import user_documents_path

    documents = user_documents_path()
    return (documents if documents.is_dir() else Path.home()) / "napari-dodn runs"


def _column(*parts: QWidget) -> QWidget:
    widget = QWidget()
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        column.addWidget(part)
    return widget


def _scrolled(*parts: QWidget) -> Scrolling:
    """Return parts one below the other, scrolled where the screen is too low for them."""
    content = _column(*parts)
    column = content.layout()
    assert isinstance(column, QVBoxLayout)
    column.setContentsMargins(4, 4, 4, 4)
    if not any(part.sizePolicy().verticalPolicy() == EXPANDING for part in parts):
        column.addStretch()
    return Scrolling(content)
