"""The Super-resolution panel: a cube layer in, a sharper one over it.

It only asks and shows. What is asked is a `Request`, which judges itself; a `Job` does it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, Container, FileEdit, PushButton, Table
from napari.layers import Layer
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtWidgets import QHeaderView, QSizePolicy

from napari_dodn.errors import UserError
from napari_dodn.formats.registry import by_tiles_filter, by_tiles_in_words
from napari_dodn.jobs import Progress
from napari_dodn.network.model_file import ModelCard, list_models, user_models_folder
from napari_dodn.plugin.kit.forms import LayerBox, LinedUp, sentence_row
from napari_dodn.plugin.kit.job import Cancelled, Departure, Failure, Job, duration
from napari_dodn.plugin.kit.models import full_text, models, short_text
from napari_dodn.plugin.kit.scrolling import scroll_where_low
from napari_dodn.plugin.kit.session import may_replace, sentence
from napari_dodn.plugin.kit.settings import remember
from napari_dodn.plugin.upscale.blur import AUTO, BlurBox
from napari_dodn.plugin.upscale.regions import CHOICES, SHAPE, region_of
from napari_dodn.plugin.upscale.run import Outcome, Request, super_resolve
from napari_dodn.plugin.viewer.axis_question import AxisQuestion
from napari_dodn.plugin.viewer.layers import cube_from_layer, laid_over
from napari_dodn.plugin.viewer.saving import Saver
from napari_dodn.plugin.viewer.selection import cube_choices, select_cubes
from napari_dodn.plugin.viewer.watch import LayerWatch
from napari_dodn.plugin.viewer.wavelength_label import label_wavelengths

if TYPE_CHECKING:
    import napari

    from napari_dodn.metrics import Quality

PANEL = "super-resolution"
DEFAULT_SCALE = 4
TILES = ("auto", 16, 32, 64, 128, 256)
DEVICES = (("auto", "auto"), ("CPU", "cpu"))
"""What there is for certain. To find more PyTorch must be loaded, which a thread does."""

FIGURES = {"PSNR (dB)": "psnr", "SSIM": "ssim", "SAM (°)": "sam", "ERGAS": "ergas"}


@dataclass(frozen=True)
class _Run:
    """What is going on, and over which layer its result belongs."""

    job: Job[Outcome]
    request: Request
    source: Layer


class SuperResolution(Container):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose cubes it works on; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self._viewer = napari_viewer
        self._run: _Run | None = None
        self._result: Layer | None = None
        self._cards = list_models()
        self._watch = LayerWatch(napari_viewer)
        self._build()
        self._saver = Saver(napari_viewer, self.native)
        remember(PANEL, {"blur": self.blur})
        self.source.changed.connect(lambda _: self.blur.show_found(None))
        for asked in (
            self.source,
            self.scale,
            self.model,
            self.region,
            self.reference,
            self.output,
        ):
            asked.changed.connect(self._on_asked)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.save_button.clicked.connect(self.save)
        self._saver.said.connect(self._on_saved)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_layers)
        self._watch.marked.connect(self._on_marked)
        self.question.adopted.connect(self._on_adopted)
        models.changed.connect(self._on_models)
        self._departure: Departure | None = Departure(self.native, self._leave)
        label_wavelengths(napari_viewer)
        select_cubes(napari_viewer)
        self._look_for_devices()
        self._on_asked()

    def _build(self) -> None:
        scales = sorted({card.scale for card in self._cards})
        self.source = LayerBox(
            label="Cube", choices=self._cubes, tooltip="The cube to make sharper."
        )
        self.scale = ComboBox(
            label="Scale",
            choices=[(f"×{scale}", scale) for scale in scales],
            tooltip="Pixels along y and x for each pixel of the cube.",
        )
        if DEFAULT_SCALE in scales:
            self.scale.value = DEFAULT_SCALE
        self.model = ComboBox(label="Model", choices=self._models)
        self.about_model = sentence_row()
        self.device = ComboBox(
            label="Device", choices=DEVICES, tooltip="What computes; 'auto' takes the fastest."
        )
        self.tile = ComboBox(
            label="Tile",
            choices=TILES,
            tooltip="Side of the pieces, in pixels of the cube; smaller ones need less memory.",
        )
        self.self_ensemble = CheckBox(
            text="Mean of 8 views",
            tooltip="Self-ensemble: asks the network about the cube flipped and turned, too. It is"
            " a little better, and takes eight times as long.",
        )
        self.blur = BlurBox(label="Sensor blur")
        self.region = ComboBox(
            label="Region", choices=CHOICES, tooltip="A part is a quick way to try a model."
        )
        self.reference = LayerBox(
            label="Reference",
            choices=self._references,
            nullable=True,
            tooltip="The true cube, with as many pixels as the result, to hold the result against.",
        )
        self.output = FileEdit(
            label="Write to",
            mode=FileDialogMode.OPTIONAL_FILE,
            filter=by_tiles_filter(),
            nullable=True,
            tooltip=f"A file, {by_tiles_in_words()}, that is written tile by tile. Left empty, the"
            " result stays in memory.",
        )
        self.run_button = PushButton(text="Run")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.save_button = PushButton(
            text="Save…", enabled=False, tooltip="Save the result of the last run as a file."
        )
        buttons = Container(
            widgets=[self.run_button, self.cancel_button, self.save_button],
            layout="horizontal",
            labels=False,
        )
        self.status = sentence_row()
        self.saved = sentence_row()
        self.saved.visible = False
        self.figures = Table(visible=False)
        policy = QSizePolicy.Policy  # so that the room below stays below
        self.figures.native.setSizePolicy(policy.Ignored, policy.Fixed)
        form: Container = Container()
        form.extend(
            [
                *(self.source, self.scale, self.model, self.about_model, self.device, self.tile),
                *(self.blur, self.self_ensemble, self.region, self.reference, self.output),
            ]
        )
        for part in (form, buttons):
            part.margins = (0, 0, 0, 0)
        super().__init__(
            widgets=[form, buttons, self.status, self.saved, self.figures], labels=False
        )
        self.question = AxisQuestion(self._viewer, self._watch)
        self.native.layout().insertWidget(0, self.question)
        LinedUp(scroll_where_low(self.native))

    # What there is to choose from

    def _cubes(self, _: Any = None) -> list[tuple[str, Layer]]:
        return cube_choices(self._viewer)

    def _models(self, _: Any = None) -> list[tuple[str, ModelCard]]:
        return [(card.name, card) for card in self._cards if card.scale == self.scale.value]

    def _references(self, _: Any = None) -> list[tuple[str, Layer]]:
        source, scale = self.source.value, self.scale.value
        if source is None or scale is None:
            return []
        bands, height, width = source.data.shape
        wanted = bands, height * scale, width * scale
        return [(name, layer) for name, layer in self._cubes() if layer.data.shape == wanted]

    def _look_for_devices(self) -> None:
        if version("torch").endswith("+cpu"):
            return
        worker = create_worker(_devices)
        worker.returned.connect(self._on_devices)
        worker.start()

    def _on_devices(self, devices: list[tuple[str, str]]) -> None:
        if self._departure is not None:
            self.device.choices = devices

    def _on_adopted(self, layer: Layer) -> None:
        self.source.reset_choices()
        self.source.value = layer

    def _on_layers(self, _: Any = None) -> None:
        self.reset_choices()
        self._on_asked()
        if self._run is not None and self._run.source not in self._viewer.layers:
            self.cancel()
        if self._result is not None and self._result not in self._viewer.layers:
            self._result = None
        self._on_saving()

    def _on_marked(self, _: Any = None) -> None:
        if self.region.value == SHAPE:
            self._on_asked()

    def _on_models(self) -> None:
        self._cards = list_models()
        chosen = self.scale.value
        scales = sorted({card.scale for card in self._cards})
        self.scale.choices = [(f"×{scale}", scale) for scale in scales]
        if chosen in scales:
            self.scale.value = chosen
        self._on_asked()

    def choose_model(self, path: Path) -> None:
        """Choose the model of a file, and its scale; nothing changes where it is not listed."""
        self._on_models()
        card = next((card for card in self._cards if card.path == path), None)
        if card is not None:
            self.scale.value = card.scale
            self.model.value = card

    # What is asked

    def _on_asked(self, _: Any = None) -> None:
        """Follow a change: the choices that depend on it, and whether it can be done."""
        self.model.reset_choices()
        self.reference.reset_choices()
        card = self.model.value
        self.about_model.value = short_text(card) if card else ""
        self.model.tooltip = full_text(card) if card else f"Models lie in {user_models_folder()}."
        if self._run is None:
            self.status.value = self._asked()[1] or ""

    def _asked(self) -> tuple[Request | None, str | None]:
        """Return what is asked for, and the sentence that says why it cannot be had."""
        source, reference, output = self.source.value, self.reference.value, self.output.value
        if source is None:
            return None, "Open a hyperspectral cube first: File > Open, or File > Open Sample."
        if self.model.value is None:
            return None, f"There is no model; put one into {user_models_folder()}."
        try:
            request = Request(
                cube=cube_from_layer(source),
                model=self.model.value,
                device=self.device.value,
                tile=self.tile.value,
                self_ensemble=self.self_ensemble.value,
                blur=self.blur.blur,
                region=region_of(self.region.value, self._viewer, source),
                reference=None if reference is None else cube_from_layer(reference),
                output=None if output is None else Path(str(output)),
            )
        except UserError as error:
            return None, str(error)
        return request, request.fault()

    # A run

    def run(self) -> None:
        """Start what is asked for, unless something is going on."""
        if self._run is not None:
            show_info("A super-resolution is going on; wait for it to end, or cancel it.")
            return
        request, fault = self._asked()
        if request is not None and fault is None:
            present = [path for path in request.written() if path.exists()]
            fault = request.fault_of_replacing() if present else None
        if request is None or fault is not None:
            self.status.value = fault or ""
            show_warning(self.status.value)
            return
        if present:
            if not may_replace(self.native, "Super-resolution", present):
                return
            request = replace(request, overwrite=True)
        self.figures.visible = False
        self.cancel_button.enabled = True
        self.status.value = "Getting ready …"
        source = self.source.value
        job = Job(partial(super_resolve, request), f"Super-resolution of {source.name}")
        job.progressed.connect(self._on_progress)
        job.then(self._on_ended)
        self._run = _Run(job, request, source)

    def cancel(self) -> None:
        """Stop the run within a tile; the layers stay as they are."""
        if self._run is not None:
            self._run.job.cancel()
            self.cancel_button.enabled = False
            self.status.value = "Cancelling …"

    def _on_progress(self, event: Progress) -> None:
        if self._run is None or not self.cancel_button.enabled:
            return
        text = f"{event.message}: {100 * event.done / event.total:.0f} %"
        left = self._run.job.seconds_left(event.done, event.total)
        if left is not None and event.done < event.total:
            text += f", about {duration(left)} left"
        self.status.value = text

    def _on_ended(self, outcome: Outcome | Failure | Cancelled) -> None:
        assert self._run is not None
        run, self._run = self._run, None
        self.cancel_button.enabled = False
        self._on_asked()
        if isinstance(outcome, Cancelled):
            self.status.value = "Cancelled; nothing has changed."
        elif isinstance(outcome, Failure):
            self.status.value = sentence(outcome.error, "The super-resolution")
            show_error(self.status.value)
        elif run.source in self._viewer.layers:
            self._show(outcome, run)

    def _show(self, outcome: Outcome, run: _Run) -> None:
        layers = laid_over(outcome.layers, run.source, run.request.model.scale, run.request.region)
        self._result, *_ = [self._viewer.add_layer(Layer.create(*layer)) for layer in layers]
        self.saved.visible = False
        self._on_saving()
        done = f"Done: {str(outcome.cube).removeprefix('HyperCube ')}."
        self.status.value = " ".join((done, *outcome.remarks))
        if run.request.blur == AUTO and run.source is self.source.value:
            self.blur.show_found(outcome.blur)
        if outcome.note:
            show_warning(outcome.note)
        if outcome.qualities:
            self._show_figures(outcome.qualities)

    def _show_figures(self, qualities: dict[str, Quality]) -> None:
        self.figures.value = {
            "index": list(qualities),
            "columns": list(FIGURES),
            "data": [
                [getattr(quality, figure) for figure in FIGURES.values()]
                for quality in qualities.values()
            ],
        }
        self.figures.read_only = True
        self.figures.visible = True
        table = self.figures.native
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        table.setFixedHeight(header.height() + len(qualities) * table.rowHeight(0) + 4)

    # The result as a file

    def save(self) -> None:
        """Ask for a file, and write the result of the last run into it."""
        if self._result is not None:
            self._saver.save(self._result)
        self._on_saving()

    def _on_saving(self) -> None:
        self.save_button.enabled = self._result is not None and not self._saver.busy

    def _on_saved(self, sentence: str) -> None:
        self.saved.value = self.saved.tooltip = sentence
        self.saved.visible = True
        self._on_saving()

    def _leave(self) -> None:
        """Stop, because the panel was closed or its window was."""
        self._departure = None
        self._watch.close()
        self.question.close_down()
        self._saver.close()
        models.changed.disconnect(self._on_models)
        if self._run is not None:
            self._run.job.abandon()
            self._run = None


def _devices() -> list[tuple[str, str]]:
    """Return the devices that PyTorch has, with names for the screen; loads PyTorch."""
    try:
        import torch

        from napari_dodn.upscaling import list_devices
    except (ImportError, OSError):  # a run says why; the panel opens all the same
        return list(DEVICES)
    names = {value: label for label, value in DEVICES}
    for device in list_devices():
        if device.startswith("cuda"):
            names[device] = f"{device} ({torch.cuda.get_device_name(device)})"
    return [(names.get(device, device), device) for device in list_devices()]
