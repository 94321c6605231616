"""The Colour rendering panel: which wavelengths of a cube its picture shows, and how bright."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from magicgui.widgets import ComboBox, Container, PushButton
from napari.layers import Layer

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress
from napari_dodn.plugin.colour.recipe import as_python
from napari_dodn.plugin.kit.copying import PYTHON, CopyButton, NothingToCopyError
from napari_dodn.plugin.kit.numbers import NumberBox
from napari_dodn.plugin.kit.runner import Standing
from napari_dodn.plugin.kit.settings import settings_of
from napari_dodn.plugin.viewer.cube_panel import CubePanel
from napari_dodn.plugin.viewer.layers import cube_from_layer, picture_of, rendering_of
from napari_dodn.plugin.viewer.pictures import Painter
from napari_dodn.plugin.viewer.selection import NO_CUBE
from napari_dodn.spectra.colorimetry import LIGHTS
from napari_dodn.spectra.colour import CHANNELS, Mode, Rendering, Stretch, shown
from napari_dodn.spectra.shown_bands import composite_bands
from napari_dodn.wording import rounded

if TYPE_CHECKING:
    import napari

COLOURS = ("Red", "Green", "Blue")

PANEL, LAST = "colour rendering", "rendering"
"""Where the last rendering that was asked for is remembered."""


class ColourRendering(CubePanel):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose cubes it shows; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, "The cube to show.")
        self._filling = False
        self._filled_with = Rendering()
        self._filled_channels = [(0.0, 0.0)] * len(COLOURS)
        self._seen: Callable[[], Layer | None] = _nothing
        self._painter = Painter(napari_viewer)
        self._remembered = settings_of(PANEL)
        self._build()
        self._painter.painted.connect(self._on_painted)
        self._painter.failed.connect(self._on_failed)
        self._painter.job.progressed.connect(self._on_progress)
        self._painter.job.then(self._on_made)
        self.cube.changed.connect(self._on_cube)
        for setting in self._settings:
            setting.changed.connect(self._on_setting)
        self.reset_button.clicked.connect(self.reset)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_layers)
        self._watch.painted.connect(self._on_others)
        self._lifetime.then(self._painter.close)
        self._on_cube()

    def _build(self) -> None:
        self.mode = ComboBox(
            label="Show",
            choices=[(mode.value, mode) for mode in Mode],
            tooltip="What is shown as red, green and blue. Bad bands are never used.",
        )
        self.illuminant = ComboBox(
            label="Light",
            choices=[(f"{name}, {light.called}", name) for name, light in LIGHTS.items()],
            tooltip="For reflectance, the light to show the scene in. For radiance, the light it"
            " was recorded in. White surfaces stay white.",
        )
        self.channels = [
            NumberBox(label=colour, tooltip="The nearest usable band is shown.")
            for colour in COLOURS
        ]
        self.stretch = ComboBox(
            label="Stretch",
            choices=[(stretch.value, stretch) for stretch in Stretch],
            tooltip="Automatic: true colours share one white point; otherwise each band is"
            " stretched on its own.",
        )
        self.clip = NumberBox(
            label="Clip (%)",
            min=0,
            max=25,
            step=0.5,
            tooltip="The share of the darkest pixels that becomes black, and of the brightest"
            " that becomes white.",
        )
        self.gamma = NumberBox(
            label="Gamma", min=0.2, max=5, step=0.1, tooltip="Values above 1 brighten the midtones."
        )
        self.reset_button = PushButton(text="Reset", tooltip="Return to the automatic colours.")
        self.copy_button = CopyButton({PYTHON: self._as_python})
        self._standing = Standing(
            self._painter.job.cancel, self.copy_button, first=(self.reset_button,)
        )
        self.copy_button.said.connect(self._on_copied)
        self.status = self._standing.status
        self._settings = (
            *(self.mode, self.illuminant, *self.channels),
            *(self.stretch, self.clip, self.gamma),
        )
        form: Container = Container(widgets=[self.cube, *self._settings])
        form.margins = (0, 0, 0, 0)
        self.lay_out(form, *self._standing.widgets)

    # The cubes

    def _on_layers(self, _: Any = None) -> None:
        self.cube.reset_choices()
        if self.cube.value is None:  # of which the box itself says nothing
            self._on_cube()
        elif self._picture() is not self._seen() and not self._painter.busy:
            self._on_cube()  # its picture has come, or is gone

    def _on_others(self, picture: Layer) -> None:
        """Show the settings of a picture that somebody else has made."""
        if self.cube.value is not None and picture is self._picture() and not self._painter.busy:
            self._on_cube()

    def _on_adopted(self, layer: Layer) -> None:
        super()._on_adopted(layer)
        self._on_setting()

    def _on_cube(self, _: Any = None) -> None:
        """Show the settings of the chosen cube's picture."""
        layer, fault = self.cube.value, NO_CUBE
        if layer is not None:
            try:
                cube_from_layer(layer)
                fault = ""
            except UserError as error:
                fault = str(error)
        for setting in (*self._settings, self.reset_button):
            setting.enabled = not fault
        if fault:
            self._follow_mode()
            self._standing.say(fault, is_fault=layer is not None)
            return
        picture = self._picture()
        self._seen = _nothing if picture is None else ref(picture)
        self._fill(Rendering(**rendering_of(picture)) if picture else self._last_rendering())
        self._say()

    def _picture(self) -> Layer | None:
        return picture_of(self.cube.value, self._viewer.layers)

    def _last_rendering(self) -> Rendering:
        """Return what was last asked for, where the cube has the bands; else the usual one."""
        try:
            last = Rendering(**json.loads(str(self._remembered.value(LAST, "{}"))))
            shown(cube_from_layer(self.cube.value), last)
        except (ValueError, TypeError, UserError):
            return Rendering()
        return last

    # The settings

    @property
    def rendering(self) -> Rendering:
        """What the controls are set to; with another gamma the levels of a picture stay."""
        first = 0.0 if self._has_wavelengths() else 1.0  # people count bands from 1
        channels = map(self._channel, range(CHANNELS.get(self.mode.value, 0)))
        before = self._filled_with
        asked = Rendering(
            mode=self.mode.value,
            illuminant=self.illuminant.value,
            channels=tuple(channel - first for channel in channels),
            stretch=self.stretch.value,
            clip=self.clip.value,
            gamma=self.gamma.value,
        )
        leveled = replace(asked, levels=before.levels)
        return leveled if replace(leveled, gamma=before.gamma) == before else asked

    def _channel(self, index: int) -> float:
        """Return what a channel is set to, with the digits for which its box has no room."""
        shown, exact = self._filled_channels[index]
        value = self.channels[index].value
        return exact if value == shown else value

    def _as_python(self) -> str:
        if self.cube.value is None:
            raise NothingToCopyError(NO_CUBE)
        return as_python(cube_from_layer(self.cube.value), self.rendering)

    def _on_copied(self, sentence: str) -> None:
        self._standing.say(sentence)

    def reset(self) -> None:
        """Show the cube as it is shown when it is opened."""
        if self.cube.value is not None:
            self._fill(Rendering())
            self._on_setting()

    def _fill(self, rendering: Rendering) -> None:
        cube = cube_from_layer(self.cube.value)
        self._filled_with = rendering
        with self._filled():
            for name in ("mode", "illuminant", "stretch", "clip", "gamma"):
                getattr(self, name).value = getattr(rendering, name)
            self._fill_channels(cube, rendering.channels)
        self._follow_mode()

    def _fill_channels(self, cube: HyperCube, channels: tuple[float, ...]) -> None:
        """Give the three channels their range, and values where the rendering has none."""
        known = cube.wavelengths is not None
        places = np.arange(cube.bands) + 1.0 if cube.wavelengths is None else cube.wavelengths
        values = [float(places[band]) for band in composite_bands(cube)]
        values[: len(channels)] = [channel if known else channel + 1 for channel in channels]
        low, high = float(np.nanmin(places)), float(np.nanmax(places))
        values = [low if np.isnan(value) else value for value in values]
        for box, value in zip(self.channels, values, strict=True):
            box.step = 1.0
            box.native.setDecimals(1 if known else 0)
            box.native.setSuffix(" nm" if known else f" of {cube.bands}")
            box.range = (low, high)
            box.value = min(max(value, box.min), box.max)
        boxes = [box.value for box in self.channels]
        self._filled_channels = list(zip(boxes, values, strict=True))

    def _follow_mode(self) -> None:
        mode = self.mode.value  # Qt makes it a plain string
        self.illuminant.visible = mode in (Mode.TRUE_COLOUR, Mode.AUTOMATIC)
        self.channels[0].label = "Band" if mode == Mode.ONE_BAND else COLOURS[0]
        for index, channel in enumerate(self.channels):
            channel.visible = index < CHANNELS.get(mode, 0)

    def _on_setting(self, _: Any = None) -> None:
        if self._filling or self.cube.value is None:
            return
        self._follow_mode()
        if self._say():
            self._remembered.setValue(LAST, json.dumps(replace(self.rendering, levels=()).plain()))
            self._painter.paint(self.cube.value, self.rendering)

    @contextmanager
    def _filled(self) -> Iterator[None]:
        """Let values be set without taking them for wishes."""
        self._filling = True
        try:
            yield
        finally:
            self._filling = False

    def _has_wavelengths(self) -> bool:
        return cube_from_layer(self.cube.value).wavelengths is not None

    # What is seen

    def _say(self) -> bool:
        """Say what the settings come to; tell whether they can be had."""
        try:
            cube = cube_from_layer(self.cube.value)
            self._standing.say(_described(cube, self.rendering))
        except UserError as error:
            self._standing.say(str(error), is_fault=True)
            return False
        return True

    def _on_progress(self, event: Progress) -> None:
        job = self._painter.job
        if job.is_long:
            self._standing.show_begin()
            self._standing.show_progress(event, job.seconds_left(event))

    def _on_painted(self, picture: Layer) -> None:
        picture.visible = True

    def _on_made(self, _: object) -> None:
        self._standing.show_end()
        if self.cube.value is not None:  # it may have gone meanwhile
            self._say()

    def _on_failed(self, fault: str) -> None:
        self._standing.show_end()
        self._standing.say(fault, is_fault=not self._painter.job.was_cancelled)


def _nothing() -> None:
    """Stand for a reference to a picture that there is none of."""


def _described(cube: HyperCube, rendering: Rendering) -> str:
    is_true, bands = shown(cube, rendering)
    if is_true:
        return f"True colours from {bands.size} visible bands."
    if bands.size == 1:
        return f"Shows {_place(cube, bands[0])}."
    parts = [f"{_place(cube, band)} as {c.lower()}" for band, c in zip(bands, COLOURS, strict=True)]
    return f"Shows {', '.join(parts)}."


def _place(cube: HyperCube, band: int) -> str:
    if cube.wavelengths is None or np.isnan(cube.wavelengths[band]):
        return f"band {band + 1}"
    return f"{rounded(cube.wavelengths[band])} nm (band {band + 1})"
