"""Use the panels for a long time, and check whether they leave anything behind.

    xvfb-run -a python scripts/soak.py panel [--times 200]
    xvfb-run -a python scripts/soak.py dock [--minutes 60] [--seed 0] [--rounds 12]
    xvfb-run -a python scripts/soak.py napari [--times 200]

"panel" opens the Super-resolution panel, adds a cube, makes it sharper, takes both layers away and
closes the panel, many times. "dock" sends random events to the canvas, the plot, the table and the
viewer under Spectral profiles, in rounds: each begins and ends with an empty viewer. "napari" is
for comparison: images come and go as under "panel", without any of our panels. Between them it
counts memory, threads, processes, open files, callbacks, widgets and timers. The end is compared
with the census after the first tenth, in which napari, Qt and PyTorch create what they create once.
Errors are reported with their tracebacks. Nothing switches to 3D or to the grid: napari 0.9.2
raises errors in 3D, and keeps callbacks of each cell of its grid. Needs Linux and a display.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.layers import Layer
from napari.qt import get_qapp
from qtpy.QtCore import QEvent, QPointF, QSettings, Qt, QThreadPool, QTimer
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_dodn import HyperCube, read, write
from napari_dodn.plugin.kit.job import alive
from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.upscale.panel import SuperResolution
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.setting_up import set_up

WARM_UP = 0.1
"""Share of the time after which everything that is created once exists."""

GROWTH = 1.05
"""How much more memory there may be at the end."""

PATIENCE_S = 120
EVENTS = 40
"""Random events between two looks at the clock."""

SHAPE = (5, 24, 32)
WINDOW = 1366, 768
"""Pixels of the window: a laptop's."""


@dataclass(frozen=True)
class Census:
    """What a process holds; all are numbers, memory in MB."""

    memory: float
    threads: int
    processes: int
    files: int
    callbacks: int
    widgets: int
    timers: int

    @classmethod
    def of(cls, viewer: napari.Viewer) -> Census:
        """Count, after everything that has ended is freed."""
        settle()
        task = Path("/proc/self/task")
        children = [(thread / "children").read_text().split() for thread in task.iterdir()]
        status = Path("/proc/self/status").read_text().splitlines()
        memory = next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
        return cls(
            memory=memory / 1e3,
            threads=threading.active_count(),
            processes=sum(map(len, children)),
            files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208
            callbacks=callbacks(viewer).total(),
            widgets=widgets().total(),
            timers=running_timers(),
        )

    def growth(self, before: Census) -> list[str]:
        """Say what has grown, in words."""
        return [
            f"{name}: {getattr(before, name):,.0f} → {now:,.0f}"
            for name, now in asdict(self).items()
            if now > getattr(before, name) * (GROWTH if name == "memory" else 1)
        ]


def callbacks(viewer: napari.Viewer) -> Counter[str]:
    """Return how many callbacks of ours the viewer and its layers hold, by event and function.

    Not those of napari: it keeps some of each cell of the grid and of each layer of labels.
    """
    emitters = [
        *viewer.events.emitters.items(),
        *viewer.dims.events.emitters.items(),
        *viewer.layers.events.emitters.items(),
        *viewer.layers.selection.events.emitters.items(),
        *(emitter for layer in viewer.layers for emitter in layer.events.emitters.items()),
    ]
    held = Counter[str]()
    for name, emitter in emitters:
        for callback in emitter.callbacks:
            owner = type(callback[0]()) if isinstance(callback, tuple) else callback
            if str(getattr(owner, "__module__", "")).startswith("napari_dodn"):
                held[f"{name} of {owner.__qualname__}"] += 1
    held["mouse_move"] = len(viewer.mouse_move_callbacks)
    held["mouse_drag"] = len(viewer.mouse_drag_callbacks)
    held["keys"] = len(viewer.keymap)
    return held


def widgets() -> Counter[str]:
    """Return how many widgets there are, by their kinds."""
    return Counter(type(widget).__name__ for widget in QApplication.allWidgets())


def running_timers() -> int:
    """Return how many timers of Qt run."""
    return sum(issubclass(type(x), QTimer) and x.isActive() for x in gc.get_objects())


def settle() -> None:
    """Let jobs end, and Qt, Python and the allocator free what has ended."""
    end = time.monotonic() + PATIENCE_S
    while (alive or QThreadPool.globalInstance().activeThreadCount()) and time.monotonic() < end:
        process()
    for toast in list(NapariQtNotification._instances):
        with suppress(RuntimeError):  # its window has gone, and taken it along
            toast.close()  # it waits for a person where no window manager makes the window active
            toast.deleteLater()
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        process()
        gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def process() -> None:
    """Process the events that are waiting."""
    get_qapp().processEvents()
    time.sleep(0.002)


def until(condition: Callable[[], bool], what: str) -> None:
    """Process events until a condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} has not ended")
        process()


@contextmanager
def errors_noted() -> Iterator[Counter[str]]:
    """Collect the tracebacks of errors that nobody handles."""
    found: Counter[str] = Counter()

    def note(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        found[text] += 1
        if found[text] == 1:
            print(text, file=sys.stderr, flush=True)

    before = sys.excepthook, threading.excepthook
    sys.excepthook = note
    threading.excepthook = lambda args: note(args.exc_type, args.exc_value, args.exc_traceback)
    try:
        yield found
    finally:
        sys.excepthook, threading.excepthook = before


def a_cube(name: str, scale: int = 1) -> HyperCube:
    """Return a small cube; at another scale it covers the same place."""
    bands, height, width = SHAPE
    values = np.random.default_rng(scale).random((bands, height * scale, width * scale))
    return HyperCube(
        values.astype(np.float32),
        wavelengths=np.array([450.0, 500.0, 550.0, 600.0, 650.0]),
        name=name,
        pixel_size=(30.0 / scale, 30.0 / scale),
        pixel_unit="m",
    )


def add(viewer: napari.Viewer, cube: HyperCube) -> list[Layer]:
    """Show a cube."""
    return [viewer.add_layer(Layer.create(*layer)) for layer in layer_data_from_cube(cube)]


def soak_panel(viewer: napari.Viewer) -> None:
    """Make a cube sharper in a panel that comes and goes."""
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    add(viewer, a_cube("field"))
    panel.scale.value = 2
    panel.run_button.clicked.emit(True)
    until(lambda: not panel.cancel_button.enabled and panel._run is None, "The run")
    if len(viewer.layers) < 3:
        raise RuntimeError(f"There is no result: {panel.status.value}")
    viewer.layers.clear()
    viewer.window.remove_dock_widget(panel.native)
    panel.native.deleteLater()


def soak_napari(viewer: napari.Viewer) -> None:
    """Show images as large as a cube, its sharper one and their pictures, and take them away."""
    for cube in (a_cube("field"), a_cube("sharper", 2)):
        viewer.add_image(cube.data)
        viewer.add_image(np.zeros((*cube.shape[1:], 3), np.uint8))
    process()
    viewer.layers.clear()


SOAKED = {"panel": soak_panel, "napari": soak_napari}


class Fiddler:
    """Somebody who uses the dock at random.

    Parameters
    ----------
    viewer : napari.Viewer
        An empty viewer.
    draw : random.Random
        Chance.
    file : Path
        A cube that is read from the disk.
    """

    def __init__(self, viewer: napari.Viewer, draw: random.Random, file: Path) -> None:
        self.viewer, self.draw, self.file = viewer, draw, file
        self.dock: SpectralProfiles | None = None
        set_up(viewer)  # as whoever opens a cube in it does
        self.canvas: QWidget = viewer.window._qt_viewer.canvas.native
        self.deeds = [
            *[self.move] * 8,
            *[self.click] * 6,
            *[self.drag] * 4,
            *[self.wheel] * 2,
            *[self.press] * 4,
            *[self.in_plot] * 3,
            *[self.in_table] * 3,
            *[self.change_dock] * 3,
            *[self.select] * 3,
            *[self.switch] * 2,
            *[self.tool] * 3,
            *[self.points] * 2,
            *[self.scroll] * 2,
            *[self.rename, self.shift, self.zoom, self.theme],
            *[self.add, self.remove, self.reopen, self.duplicate],
        ]

    def begin(self) -> None:
        """Show cubes and regions."""
        self.open()
        for _ in range(3):
            self.add()

    def end(self) -> None:
        """Leave an empty viewer."""
        self.close()
        self.viewer.layers.clear()

    def do(self) -> None:
        """Do something; continue after an error, as napari does."""
        try:
            self.draw.choice(self.deeds)()
            process()
        except Exception:  # noqa: BLE001 - that is what is looked for
            sys.excepthook(*sys.exc_info())

    # With the mouse

    def mouse(
        self,
        kind: QEvent.Type,
        widget: QWidget,
        place: QPointF,
        buttons: Qt.MouseButton = Qt.MouseButton.NoButton,
        keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """Send an event of the mouse."""
        if not self.has_room():
            return
        moves = kind == QEvent.Type.MouseMove
        button = Qt.MouseButton.NoButton if moves else buttons
        held = buttons if kind != QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton
        there = QPointF(widget.mapToGlobal(place.toPoint()))
        QApplication.sendEvent(widget, QMouseEvent(kind, place, there, button, held, keys))

    def has_room(self) -> bool:
        """Tell whether the canvas is not squeezed to nothing: vispy divides by its size."""
        return min(self.canvas.width(), self.canvas.height()) > 0

    def place(self, widget: QWidget) -> QPointF:
        """Return somewhere in a widget, now and then outside of it."""
        over = 0.05
        return QPointF(
            self.draw.uniform(-over, 1 + over) * widget.width(),
            self.draw.uniform(-over, 1 + over) * widget.height(),
        )

    def keys(self) -> Qt.KeyboardModifier:
        """Return keys that are held."""
        keys = Qt.KeyboardModifier
        return self.draw.choice(
            [keys.NoModifier] * 3 + [keys.ShiftModifier] * 3 + [keys.ControlModifier]
        )

    def move(self) -> None:
        """Move the mouse over the canvas."""
        for _ in range(self.draw.randrange(1, 8)):
            self.mouse(QEvent.Type.MouseMove, self.canvas, self.place(self.canvas))

    def click(self, widget: QWidget | None = None, double: bool = False) -> None:
        """Click, sometimes twice."""
        widget = widget or self.canvas
        place, keys, left = self.place(widget), self.keys(), Qt.MouseButton.LeftButton
        self.mouse(QEvent.Type.MouseButtonPress, widget, place, left, keys)
        self.mouse(QEvent.Type.MouseButtonRelease, widget, place, left, keys)
        if double or self.draw.random() < 0.1:
            self.mouse(QEvent.Type.MouseButtonDblClick, widget, place, left, keys)
            self.mouse(QEvent.Type.MouseButtonRelease, widget, place, left, keys)

    def drag(self, widget: QWidget | None = None) -> None:
        """Drag; now and then something else happens before the button is let go."""
        widget = widget or self.canvas
        keys, left = self.keys(), Qt.MouseButton.LeftButton
        self.mouse(QEvent.Type.MouseButtonPress, widget, self.place(widget), left, keys)
        for _ in range(self.draw.randrange(6)):
            self.mouse(QEvent.Type.MouseMove, widget, self.place(widget), left, keys)
            if self.draw.random() < 0.05:
                self.draw.choice([self.press, self.select, self.scroll, self.remove, self.add])()
            process()
        self.mouse(QEvent.Type.MouseButtonRelease, widget, self.place(widget), left, keys)

    def wheel(self, widget: QWidget | None = None) -> None:
        """Turn the wheel."""
        widget = widget or self.canvas
        place, turn = self.place(widget), self.draw.choice([-120, 120])
        there = QPointF(widget.mapToGlobal(place.toPoint()))
        by, phase = QPointF(0, turn).toPoint(), Qt.ScrollPhase.NoScrollPhase
        none = Qt.MouseButton.NoButton
        event = QWheelEvent(place, there, by, by, none, self.keys(), phase, False)
        if not self.has_room():
            return
        QApplication.sendEvent(widget, event)

    def press(self) -> None:
        """Press a key over the canvas."""
        keys = Qt.Key
        key = self.draw.choice(
            [
                *[keys.Key_K] * 4,
                *(keys.Key_Delete, keys.Key_Escape, keys.Key_A, keys.Key_Left, keys.Key_Right),
                *(keys.Key_Space, keys.Key_1, keys.Key_2, keys.Key_3, keys.Key_4),
            ]
        )
        QTest.keyClick(self.canvas, key)

    # In the dock

    def in_plot(self) -> None:
        """Use the mouse in the plot."""
        if self.dock is not None:
            view = self.dock.plot.viewport()
            self.draw.choice([self.drag, self.wheel, self.click])(view)

    def in_table(self) -> None:
        """Choose rows of the table, and do something with them."""
        if self.dock is None:
            return
        table = self.dock.table
        if self.draw.random() < 0.2:
            table.selectAll()
        elif rows := table.model().rowCount():
            table.selectRow(self.draw.randrange(rows))
        self.draw.choice(
            [
                *(self.dock.remove_selected, self.dock.choose_selected, self.dock.files.copy),
                lambda: self.click(table.viewport()),
            ]
        )()
        if self.draw.random() < 0.3 and (curves := table.selected()):
            self.dock.recolour(curves[0], self.draw.choice(["#ff0000", "#00ff00"]))
        if self.draw.random() < 0.3 and (curves := table.selected()):
            self.dock._rename(curves[0], f"name {self.draw.randrange(9)}")

    def change_dock(self) -> None:
        """Set something in the dock."""
        dock = self.dock
        if dock is None:
            return
        boxes = [dock.unit, dock.treatment, dock.region_layer, dock.region_kind]
        box = self.draw.choice(boxes)
        deeds: list[Callable[[], None]] = [
            lambda: box.setCurrentIndex(self.draw.randrange(max(1, box.count()))),
            lambda: dock.offset.setValue(self.draw.choice([0, 0.5])),
            *(check.toggle for check in (dock.legend, dock.follow, dock.colour_lines)),
        ]
        self.draw.choice(deeds)()

    def open(self) -> None:
        """Open the dock."""
        self.dock = SpectralProfiles(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="dock")

    def close(self) -> None:
        """Close the dock."""
        if self.dock is not None:
            self.viewer.window.remove_dock_widget(self.dock)
            self.dock.deleteLater()
            self.dock = None

    def reopen(self) -> None:
        """Open the dock again, or close it."""
        self.close() if self.dock is not None else self.open()

    # With the viewer

    def layer(self, *kinds: str) -> Any:
        """Return some layer; None where there is none of these kinds."""
        found = [x for x in self.viewer.layers if not kinds or type(x).__name__ in kinds]
        return self.draw.choice(found) if found else None

    def select(self) -> None:
        """Make a layer the active one."""
        self.viewer.layers.selection.active = self.layer()

    def switch(self) -> None:
        """Switch a layer on or off."""
        if (layer := self.layer()) is not None:
            layer.visible = not layer.visible

    def tool(self) -> None:
        """Choose a layer and a tool of it."""
        layer = self.layer("Points", "Shapes", "Labels")
        if layer is not None:
            self.viewer.layers.selection.active = layer
            modes = ["pan_zoom", "select", "add", "paint", "add_rectangle", "direct", "erase"]
            layer.mode = self.draw.choice([m for m in modes if m in list(type(layer)._modeclass)])

    def points(self) -> None:
        """Change points as other plugins and scripts do.

        Not those of hidden layers: napari fails when the mouse selects some that are gone. It also
        keeps them selected, and fails when they are to be removed.
        """
        layer = self.layer("Points")
        if layer is None or not layer.visible:
            return
        layer.selected_data = {row for row in layer.selected_data if row < len(layer.data)}
        rows = range(len(layer.data))
        deeds: list[Callable[[], Any]] = [
            lambda: layer.add(np.random.default_rng(len(rows)).random((1, layer.ndim)) * 700),
            layer.remove_selected,
            lambda: setattr(layer, "selected_data", set(rows[: self.draw.randrange(4)])),
            lambda: setattr(layer, "data", layer.data[: self.draw.randrange(len(rows) + 1)]),
        ]
        self.draw.choice(deeds)()

    def scroll(self) -> None:
        """Go to another band."""
        dims = self.viewer.dims
        axis = self.draw.randrange(dims.ndim)
        dims.set_point(axis, self.draw.uniform(-1, 6))

    def rename(self) -> None:
        """Give a layer another name."""
        if (layer := self.layer()) is not None:
            layer.name = f"layer {self.draw.randrange(5)}"

    def shift(self) -> None:
        """Move a layer in the list, or in the world."""
        if (layer := self.layer()) is None:
            return
        if self.draw.random() < 0.5:
            layer.translate = np.array(layer.translate) + self.draw.choice([-30, 30])
        else:
            layers = self.viewer.layers
            layers.move(layers.index(layer), self.draw.randrange(len(layers)))

    def zoom(self) -> None:
        """See more or less, mostly all."""
        self.viewer.reset_view()
        self.viewer.scene.camera.zoom *= self.draw.choice([1, 1, 0.3, 5])

    def theme(self) -> None:
        """Change the colours of the window."""
        self.viewer.theme = self.draw.choice(["dark", "light"])

    def add(self) -> None:
        """Add a layer; there are not more than a few."""
        if len(self.viewer.layers) > 8:
            self.remove()
        world = {"units": ("m", "m")}
        _, height, width = SHAPE
        corners = np.array([[30, 30], [30, 300], [200, 300], [200, 30]], float)
        labels = np.zeros((height, width), int)
        labels[3:9, 4:20] = 1
        labels[12:20, 4:20] = 2
        deeds: list[Callable[[], Any]] = [
            lambda: add(self.viewer, a_cube("field")),
            lambda: add(self.viewer, a_cube("sharper", 2)),
            lambda: add(self.viewer, read(self.file)),
            lambda: self.viewer.add_labels(labels, scale=(30, 30), **world),
            lambda: self.viewer.add_shapes([corners], shape_type="rectangle", **world),
            lambda: self.viewer.add_points(corners[:2], size=20, **world),
        ]
        self.draw.choice(deeds)()

    def duplicate(self) -> None:
        """Add a copy of a layer."""
        if (layer := self.layer()) is not None and len(self.viewer.layers) < 9:
            self.viewer.add_layer(Layer.create(*layer.as_layer_data_tuple()))

    def remove(self) -> None:
        """Remove a layer."""
        if (layer := self.layer()) is not None:
            self.viewer.layers.remove(layer)


def report(times: int, viewer: napari.Viewer, once: Callable[[], None]) -> list[str]:
    """Do something many times; print the census, and return what has grown."""
    print("times", *(f"{field.name:>9}" for field in fields(Census)))
    warm = max(1, round(times * WARM_UP))
    before: Census | None = None
    held = Counter[str]()
    for done in range(1, times + 1):
        once()
        settle()  # else garbage that Python collects late leaves holes in the memory
        if done % warm and done != times:
            continue
        census = Census.of(viewer)
        print(f"{done:5}", *(f"{number:9,.0f}" for number in asdict(census).values()), flush=True)
        if before is None:
            before, held = census, callbacks(viewer) + widgets()
    assert before is not None
    more = callbacks(viewer) + widgets() - held
    return [*census.growth(before), *(f"{count} more: {name}" for name, count in more.items())]


def main(words: list[str] | None = None) -> int:
    """Do what the command line asks; return the number of findings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["panel", "dock", "napari"])
    parser.add_argument("--times", type=int, default=200, help="How often the panel is opened.")
    parser.add_argument("--minutes", type=float, default=60, help="How long the dock is used.")
    parser.add_argument("--rounds", type=int, default=12, help="Number of rounds.")
    parser.add_argument("--seed", type=int, default=0, help="Of the random events.")
    asked = parser.parse_args(words)
    with TemporaryDirectory() as folder, errors_noted() as errors:
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
        viewer = napari.Viewer(title="napari-dodn")
        viewer.window.resize(*WINDOW)
        if asked.what in SOAKED:
            growth = report(asked.times, viewer, lambda: SOAKED[asked.what](viewer))
        else:
            file = write(a_cube("file"), Path(folder) / "file.hdr")
            fiddler = Fiddler(viewer, random.Random(asked.seed), file)
            events = Counter[str]()

            def a_round() -> None:
                end = time.monotonic() + 60 * asked.minutes / asked.rounds
                fiddler.begin()
                while time.monotonic() < end:
                    for _ in range(EVENTS):
                        fiddler.do()
                    events["all"] += EVENTS
                fiddler.end()

            growth = report(asked.rounds, viewer, a_round)
            print(f"{events['all']:,} events")
        viewer.close()
        settle()
    for line in growth:
        print(line)
    for text, count in errors.items():
        print(f"{count} times {text.strip().splitlines()[-1]}")
    return len(growth) + len(errors)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
