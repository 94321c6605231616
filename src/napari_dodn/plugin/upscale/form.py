"""What is asked of super-resolution: the fields of its panel, and a look at the sensor's blur."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, Container, FileEdit
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_dodn.cube import Region
from napari_dodn.errors import UserError
from napari_dodn.formats.registry import by_tiles_filter, by_tiles_in_words
from napari_dodn.paths import expanded
from napari_dodn.plugin.kit.box import Folded
from napari_dodn.plugin.kit.computing import ClusterEdit, DeviceBox
from napari_dodn.plugin.kit.copying import NothingToCopyError
from napari_dodn.plugin.kit.forms import LayerBox, sentence_row
from napari_dodn.plugin.kit.model_choice import ModelChoice, no_model
from napari_dodn.plugin.kit.models import models
from napari_dodn.plugin.kit.session import camera_of, in_window_words
from napari_dodn.plugin.kit.settings import remember
from napari_dodn.plugin.kit.timers import end_timer
from napari_dodn.plugin.upscale.blur import BlurRow
from napari_dodn.plugin.upscale.preview import BlurPreview, middle_of
from napari_dodn.plugin.upscale.regions import CHOICES, SHAPE, VIEW, offer_rectangle, region_of
from napari_dodn.plugin.upscale.run import Request
from napari_dodn.plugin.upscale.speed import expected_time
from napari_dodn.plugin.viewer.cube_panel import CubePanel
from napari_dodn.plugin.viewer.layers import cube_from_layer, description_of, picture_of
from napari_dodn.plugin.viewer.pictures import rendering_alike
from napari_dodn.plugin.viewer.selection import NO_CUBE
from napari_dodn.sensor_blur import BLUR

if TYPE_CHECKING:
    from napari import Viewer

PANEL = "super-resolution"
CUBE = "The cube to make sharper."
VIEW_MS = 200
"""How long the view is left alone before it is looked at."""

TILES = ("auto", 16, 32, 64, 128, 256)
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""As `upscaling.devices.PRECISIONS`, which loads PyTorch."""


class SuperResolutionForm(CubePanel):
    """The fields, which follow each other and the layers.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose cubes can be chosen.
    going_on : callable
        As `Lifetime` takes it.

    Notes
    -----
    A subclass lays `form` and `advanced` out, calls `listen` once it is whole, and shows in
    `_show_fault` what is said of what is asked.
    """

    def __init__(self, viewer: Viewer, going_on: Callable[[], str]) -> None:
        super().__init__(viewer, CUBE, going_on)
        self._preview: BlurPreview | None = None
        self._build_form()

    def listen(self) -> None:
        """Restore what was chosen last, and follow each change from now on."""
        remember(
            PANEL,
            {"blur": self.blur, "device": self.device, "precision": self.precision},
        )
        self.cube.changed.connect(self._on_source)
        for asked in (
            *(self.cube, self.scale, self.model, self.region, self.reference, self.output),
            *(self.device, self.precision, self.self_ensemble, self.cluster),
        ):
            asked.changed.connect(self._on_asked)
        self.region.changed.connect(self._on_region)
        self.region.native.activated.connect(self._on_region)  # also where it is chosen again
        self.blur_row.preview_button.clicked.connect(self.preview_blur)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_layers)
        self._watch.marked.connect(self._on_marked)
        models.changed.connect(self._on_models)
        self._lifetime.then(self._close_preview, lambda: models.changed.disconnect(self._on_models))
        self._follow_view()
        self.device.look(lambda: self._lifetime.is_open)
        self._on_source()
        self._on_asked()

    def _build_form(self) -> None:
        self.choice = ModelChoice()
        self.scale, self.model = self.choice.scale, self.choice.model
        self.device = DeviceBox()
        self.tile = ComboBox(
            label="Tile",
            choices=TILES,
            tooltip="Side of the tiles, in pixels of the cube. Smaller tiles need less memory.",
        )
        self.precision = ComboBox(
            label="Precision",
            choices=PRECISIONS,
            tooltip="'auto' uses bfloat16 where the device supports it and the model loses no"
            " accuracy.",
        )
        self.self_ensemble = CheckBox(
            text="Mean of 8 views",
            tooltip="Self-ensemble: averages the results for the cube flipped and turned. It is a"
            " little better and takes eight times as long.",
        )
        self.cluster = ClusterEdit()
        self.blur_row = BlurRow()
        self.blur = self.blur_row.box
        self.region = ComboBox(
            label="Region", choices=CHOICES, tooltip="Choose a part to try a model quickly."
        )
        self.about_region = sentence_row()
        self.reference = LayerBox(
            label="Reference",
            choices=self._references,
            nullable=True,
            tooltip="A reference cube with as many pixels as the result, to measure the result"
            " against.",
        )
        self.output = FileEdit(
            label="Write to",
            mode=FileDialogMode.OPTIONAL_FILE,
            filter=by_tiles_filter(),
            nullable=True,
            tooltip=f"A file, {by_tiles_in_words()}, that is written tile by tile. Leave it empty"
            " to keep the result in memory.",
        )
        self.form: Container = Container()
        self.form.extend(
            [
                *(self.cube, *self.choice.widgets, self.blur_row),
                *(self.region, self.about_region, self.output),
            ]
        )
        advanced: Container = Container()
        advanced.extend(
            [
                *(self.reference, self.device, self.tile, self.precision),
                *(self.self_ensemble, self.cluster),
            ]
        )
        for part in (self.form, advanced):
            part.margins = (0, 0, 0, 0)
        self.advanced = Folded("Advanced", advanced.native)
        self._advanced_form = advanced  # whose widgets go with it

    # What there is to choose from

    def follows(self, layer: Layer) -> bool:
        """Follow neither a result nor a reference: to look at one is not to sharpen it."""
        is_result = BLUR in description_of(layer).get("metadata", {})
        return not is_result and all(layer is not other for _, other in self._references())

    def _references(self, _: Any = None) -> list[tuple[str, Layer]]:
        source, scale = self.cube.value, self.scale.value
        if source is None or scale is None:
            return []
        bands, height, width = source.data.shape
        wanted = bands, height * scale, width * scale
        return [(name, layer) for name, layer in self._cubes() if layer.data.shape == wanted]

    def _on_source(self, _: Any = None) -> None:
        self.blur.show_found(None)
        layer = self.cube.value
        notes = description_of(layer).get("notes", ()) if layer is not None else ()
        self.cube.tooltip = in_window_words("\n".join((CUBE, *notes)))

    def _on_layers(self, _: Any = None) -> None:
        self.reset_choices()
        self._on_asked()

    def _on_marked(self, _: Any = None) -> None:
        if self.region.value == SHAPE:
            self._on_asked()

    def _follow_view(self) -> None:
        """Follow what is on the screen, which napari notes when it has drawn it."""
        self._view_timer = QTimer(self.native, singleShot=True, interval=VIEW_MS)
        self._view_timer.timeout.connect(self._on_view)
        self._lifetime.then(lambda: end_timer(self._view_timer, self._on_view))
        camera, dims = camera_of(self._viewer).events, self._viewer.dims.events
        for event in (camera.center, camera.zoom, dims.ndisplay, dims.order):
            self._lifetime.listen(event, self._on_moved)

    def _on_moved(self, _: Any = None) -> None:
        if self.region.value == VIEW:
            self._view_timer.start()

    def _on_view(self) -> None:
        if self.region.value == VIEW:
            self._on_asked()

    def _on_region(self, _: Any = None) -> None:
        if self.region.value == SHAPE and self.cube.value is not None:
            offer_rectangle(self._viewer, self.cube.value)
            self._on_asked()

    def _on_models(self) -> None:
        self.choice.list_again()
        self._on_asked()

    def choose_model(self, path: Path) -> None:
        """Choose the model of a file, and its scale; nothing changes where it is not listed."""
        self.choice.choose(path)

    # What is asked

    def _on_asked(self, _: Any = None) -> None:
        """Follow a change: the choices that depend on it, and whether it can be done."""
        self.choice.follow()
        self.reference.reset_choices()
        request, fault = self._asked()
        self.about_region.value = "" if request is None or fault else self._size_of(request)
        self.blur_row.preview_button.enabled = request is not None
        self._show_fault(request, fault)

    def _show_fault(self, request: Request | None, fault: str) -> None:
        """Show what is wrong with what is asked, if anything."""

    def _asked(self) -> tuple[Request | None, str]:
        """Return what is asked for, and the sentence that says why it cannot be had."""
        source, reference, output = self.cube.value, self.reference.value, self.output.value
        if source is None:
            return None, NO_CUBE
        if self.choice.card is None:
            return None, no_model()
        try:
            cube = cube_from_layer(source)
            request = Request(
                cube=cube,
                model=self.choice.card,
                device=self.device.value,
                precision=self.precision.value,
                tile=self.tile.value,
                self_ensemble=self.self_ensemble.value,
                blur=self.blur.blur,
                region=region_of(self.region.value, self._viewer, source),
                reference=None if reference is None else cube_from_layer(reference),
                output=None if output is None else expanded(str(output)),
                scheduler=self.cluster.address,
                rendering=rendering_alike(cube, picture_of(source, self._viewer.layers)),
            )
        except UserError as error:
            return None, str(error)
        return request, request.fault()

    def _size_of(self, request: Request) -> str:
        """Return how many pixels are done, and how long that takes as far as it is known."""
        (height, width), (_, rows, columns) = request.size(), request.shape()
        text = f"{height} × {width} pixels become {rows} × {columns}"
        expected = expected_time(PANEL, request)
        return f"{text}; about {expected}." if expected else f"{text}."

    def _request(self) -> Request:
        request, fault = self._asked()
        if request is None:
            raise NothingToCopyError(fault)
        return request

    # A look before the run

    def preview_blur(self) -> BlurPreview | None:
        """Show what is on the screen at three numbers; one of them can be chosen there.

        An earlier preview closes.
        """
        self._close_preview()
        request, _ = self._asked()
        source = self.cube.value
        if request is None or source is None:
            return None
        try:
            seen = region_of(VIEW, self._viewer, source)
        except UserError:  # it is out of sight
            seen = None
        whole = Region.whole(*source.data.shape[1:])
        preview = BlurPreview(self.native, request, middle_of(seen or whole))
        preview.chosen.connect(self._on_blur_chosen)
        preview.finished.connect(self._on_preview_closed)
        preview.show()
        self._preview = preview
        return preview

    def _close_preview(self) -> None:
        if self._preview is not None:
            self._preview.reject()

    def _on_preview_closed(self, _: int) -> None:
        self._preview = None

    def _on_blur_chosen(self, sigma: float) -> None:
        self.blur.value = sigma
