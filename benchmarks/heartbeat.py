"""How long the window stands still: walks through the real app, by mouse and keyboard.

    xvfb-run -a -s "-screen 0 1366x768x24" python benchmarks/heartbeat.py [WALK ...]

A timer of 10 ms beats in the event loop. For each beat that comes late it reports the walk's step,
the processor time of the window's thread and what that thread was doing. Where the machine is busy
with something else, a beat is late without processor time: that is not the app's. Linux with X11
only.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

HOME = Path(mkdtemp(prefix="heartbeat-"))
for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):  # of nobody yet
    os.environ[name] = str(HOME / name.lower())
os.environ["HOME"] = str(HOME)

from hands import Walk, Walker, WalkError  # noqa: E402
from qtpy.QtCore import QPoint, QTimer  # noqa: E402
from qtpy.QtWidgets import (  # noqa: E402
    QApplication,
    QDialog,
    QFileDialog,
    QPushButton,
    QRadioButton,
    QWidget,
)

LAPTOP = 1366, 768
BEAT_MS, LATE_S, WATCH_S = 10, 0.1, 0.02
COLLECT_MS = 2000
STOPPED_AFTER = 10
"""Steps of a training before it is stopped, to be resumed."""

SHOWN = 12
"""How many of the longest gaps are reported."""


@dataclass
class Gap:
    """A time without a beat."""

    seconds: float
    window_cpu: float
    process_cpu: float
    step: str
    doing: str


class Heart:
    """Beats in the event loop, and watches from another thread what keeps it from beating."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self.gaps: list[Gap] = []
        self.beats = 0
        self._seen: Counter[str] = Counter()
        self._thread = threading.main_thread().ident
        self._last = self._now()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)
        # Garbage that is collected in the other thread takes widgets along that are being painted.
        gc.disable()
        self._collector = QTimer()
        self._collector.timeout.connect(lambda: gc.collect(1))
        self._collector.start(COLLECT_MS)
        threading.Thread(target=self._watch, daemon=True).start()

    def _now(self) -> tuple[float, float, float]:
        return time.monotonic(), time.thread_time(), time.process_time()

    def _beat(self) -> None:
        now = self._now()
        gap, window, process = (new - old for new, old in zip(now, self._last, strict=True))
        self._last = now
        self.beats += 1
        if gap > LATE_S:
            doing = " | ".join(text for text, _ in self._seen.most_common(3))
            self.gaps.append(Gap(gap, window, process, self._walker.where, doing))
        self._seen.clear()

    def _watch(self) -> None:
        while True:
            time.sleep(WATCH_S)
            if time.monotonic() - self._last[0] > LATE_S / 2:
                self._seen[_doing(sys._current_frames().get(self._thread))] += 1

    def report(self) -> str:
        """Return the longest gaps as text."""
        gaps = sorted(self.gaps, key=lambda gap: -gap.window_cpu)
        lines = [f"{self.beats} beats, {len(gaps)} late by more than {LATE_S * 1000:.0f} ms"]
        lines += [
            f"{gap.seconds:6.2f} s (window {gap.window_cpu:5.2f}, process {gap.process_cpu:5.2f})"
            f"  {gap.step}\n        {gap.doing}"
            for gap in gaps[:SHOWN]
        ]
        return "\n".join(lines)


def _doing(frame: FrameType | None) -> str:
    """Return the innermost calls of a thread, and the last one of ours.

    A frame that is held for long holds its painters and widgets, too, which ends the program.
    """
    calls = []
    while frame is not None:
        calls.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    ours = [call for call in calls if "napari_dodn" in call[0].co_filename]
    return " < ".join(
        f"{'/'.join(Path(code.co_filename).parts[-2:])}:{line} {code.co_name}"
        for code, line in [*calls[:2], *ours[:1]]
    )


class App:
    """The window as a walk finds it, and what is looked at on the way."""

    def __init__(self, walker: Walker) -> None:
        import napari
        from hands import Hands

        self.walker, self.hands = walker, Hands()
        self.viewer = napari.Viewer()
        self.window = self.viewer.window._qt_window
        self.window.setGeometry(0, 0, *LAPTOP)

    def panel(self, title: str) -> Any:
        """Return a panel of ours by the title of its dock."""
        for dock in self.viewer.window.dock_widgets.items():
            if dock[0].startswith(title):
                return dock[1]
        return None

    def middle(self) -> QPoint:
        """Return the middle of the image on the screen."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        return canvas.mapToGlobal(canvas.rect().center())

    def press_shifted(self, place: QPoint) -> Walk:
        """Click with Shift held."""
        self.hands.key("Shift", True)
        yield from self.hands.click_at(place)
        self.hands.key("Shift", False)
        yield 0.3

    def menu_of(self, button: QPushButton, title: str) -> Walk:
        """Choose from the menu of a button."""
        menu = button.menu()
        yield from self.hands.click(button)
        yield lambda: menu.isVisible()
        action = next(x for x in menu.actions() if x.text().startswith(title))
        yield from self.hands.click(menu, menu.actionGeometry(action).center())

    def answer_file_dialog(self, path: Path) -> Walk:
        """Type a path into the dialog that asks for one."""
        yield lambda: _shown(QFileDialog)
        yield 0.5
        self.hands.key("Ctrl+a")
        yield from self.hands.type(f"{path}\n")
        yield lambda: _shown(QFileDialog) is None
        yield 0.5

    def open_panel(self, title: str) -> Walk:
        """Go through the menu of plugins to a panel."""
        self.walker.step(f"open the panel {title}")
        yield from self.hands.menu(self.window.menuBar(), "Plugins", "DODN hyperspectral", title)
        yield lambda: self.panel(title) is not None
        yield 2.0

    def open_file(self, path: Path, reader: str = "DODN") -> Walk:
        """Open a file with Ctrl+O, and choose the reader."""
        self.walker.step(f"open {path.name}")
        before = len(self.viewer.layers)
        yield from self.hands.click(self.viewer.window._qt_viewer.canvas.native)
        self.hands.key("Ctrl+o")
        yield from self.answer_file_dialog(path)
        yield lambda: _shown(QDialog) or len(self.viewer.layers) > before
        if (dialog := _shown(QDialog)) is not None:
            self.walker.picture("choose-a-reader")
            for button in dialog.findChildren(QRadioButton):
                if reader in button.text():
                    yield from self.hands.click(button)
            ok = next(x for x in dialog.findChildren(QPushButton) if "OK" in x.text())
            yield from self.hands.click(ok)
        yield lambda: len(self.viewer.layers) > before
        yield 2.0


def _shown(kind: type[QWidget]) -> Any:
    """Return the dialog of a kind that is on the screen; None where there is none."""
    found = (x for x in QApplication.topLevelWidgets() if isinstance(x, kind) and x.isVisible())
    return next(found, None)


def first_walk(app: App) -> Walk:
    """ENVI cube → region → whole → before and after → saved → opened again in its place."""
    yield 2.0
    app.walker.picture("start")
    yield from app.open_panel("Super-resolution")
    app.walker.picture("first-run")
    yield from app.open_file(CUBE)
    app.walker.picture("opened")
    panel = app.panel("Super-resolution")
    hands, walker = app.hands, app.walker
    walker.step("move over the image")
    middle = app.middle()
    for x in range(-120, 120, 6):
        hands.move(middle + QPoint(x, x // 3))
        yield 0.03
    yield 0.5
    walker.picture("status")
    walker.step("choose to draw a region")
    yield from hands.choose(panel.region.native, "drawn")
    yield 1.5
    walker.picture("region-tool")
    walker.step("draw the region")
    yield from hands.drag(middle - QPoint(60, 40), middle + QPoint(50, 45))
    yield 1.0
    walker.picture("region-drawn")
    walker.step("run the region")
    yield from hands.click(panel.run_button.native)
    yield lambda: len(app.viewer.layers) > 3 and panel.run_button.enabled
    yield 2.0
    walker.picture("region-done")
    walker.step("run the whole")
    yield from hands.choose(panel.region.native, "whole")
    yield 0.5
    yield from hands.click(panel.run_button.native)
    yield 1.5
    walker.picture("whole-running")
    yield lambda: len(app.viewer.layers) > 5 and panel.run_button.enabled
    yield 2.0
    walker.picture("whole-done")
    from napari_dodn.plugin.views.comparison import Mode

    for mode in (Mode.SWIPE, Mode.SIDE_BY_SIDE):
        walker.step(f"compare: {mode}")
        yield from hands.click(panel.compare.buttons[mode])
        yield 2.0
        walker.picture(f"compare-{mode.value.replace(' ', '-')}")
        if mode is Mode.SWIPE:
            walker.step("drag the line")
            line = _comparison(app).swipe.lines[0]
            at = line.mapToGlobal(line.rect().center())
            yield from hands.drag(at, at + QPoint(150, 0), steps=40)
            yield 0.5
            walker.picture("swiped")
        walker.step("move and zoom")
        yield from hands.drag(middle, middle + QPoint(80, 30))
        for _ in range(4):
            hands.press(4, True)
            hands.press(4, False)
            yield 0.1
        yield 1.0
        walker.picture("zoomed")
    walker.step("no longer side by side")
    yield from hands.click(panel.compare.buttons[Mode.SIDE_BY_SIDE])
    yield 1.0
    walker.step("hold H")
    hands.move(middle)
    hands.key("h", True)
    yield 2.0
    walker.picture("held")
    hands.key("h", False)
    yield 1.0
    walker.step("save")
    yield from hands.click(panel.save_button.native)
    target = HOME / "sharper.hdr"
    yield from app.answer_file_dialog(target)
    yield lambda: panel.saved.value.startswith("Saved as")
    yield 0.5
    walker.picture("saved")
    walker.step("remove the result, and open the file")
    result = panel._result
    place = result.extent.world
    app.viewer.layers.remove(result)
    yield from app.open_file(target)
    walker.picture("opened-again")
    again = app.viewer.layers.selection.active
    if abs(again.extent.world - place).max() > 1e-3:
        raise WalkError(f"{again.name} lies at {again.extent.world}, not at {place}.")


def second_walk(app: App) -> Walk:
    """Pins → regions → library → export → angle map."""
    hands, walker, viewer = app.hands, app.walker, app.viewer
    if not len(viewer.layers):
        yield from app.open_file(CUBE)
    yield from app.open_panel("Spectral profiles")
    dock = app.panel("Spectral profiles")
    walker.picture("profiles-empty")
    walker.step("follow the cursor")
    middle = app.middle()
    for x in range(-140, 140, 7):
        hands.move(middle + QPoint(x, x // 2))
        yield 0.03
    walker.step("pin points")
    for x, y in ((-100, -100), (60, -40), (90, 110)):
        yield from app.press_shifted(middle + QPoint(x, y))
    yield lambda: len(dock.store) > 3
    walker.picture("pinned")
    walker.step("draw regions")
    before = len(viewer.layers)
    yield from hands.click(viewer.window._qt_viewer.layerButtons.newShapesButton)
    yield lambda: len(viewer.layers) > before
    yield 0.7
    yield from hands.click(viewer.window._qt_viewer.canvas.native, QPoint(20, 300))
    hands.key("r")
    for x, y in ((-120, -20), (20, 60)):
        corner = middle + QPoint(x, y)
        yield from hands.drag(corner, corner + QPoint(60, 50))
    walker.step("measure the regions")
    yield from hands.choose(dock.region_layer, viewer.layers.selection.active.name)
    yield lambda: dock.status.text().endswith("measured.")
    yield 1.0
    walker.picture("regions")
    walker.step("import a library")
    yield from app.menu_of(dock.files, "Import library")
    yield from app.answer_file_dialog(LIBRARY)
    yield lambda: "reference" in dock.status.text()
    yield 0.5
    walker.picture("library")
    walker.step("bring them to one scale")
    if dock.offer.isVisible():
        yield from hands.click(dock.offer)
    yield 0.5
    walker.picture("one-scale")
    walker.step("export")
    yield from app.menu_of(dock.files, "Export")
    yield from app.answer_file_dialog(HOME / "spectra.csv")
    yield lambda: "written" in dock.status.text()
    yield 0.3
    walker.picture("exported")
    yield from app.open_panel("Compare and map")
    panel = app.panel("Compare and map")
    walker.picture("map-asked")
    walker.step("map the angle to a point")
    yield from hands.choose(panel.spectrum.spectrum.native, "Point 1")
    yield 0.5
    before = len(viewer.layers)
    yield from hands.click(panel.run_button.native)
    yield lambda: len(viewer.layers) > before and panel.run_button.enabled
    yield 1.5
    walker.picture("angle-map")


def third_walk(app: App) -> Walk:
    """Train on two cubes → stop → resume → attach → use."""
    from napari_dodn.plugin.training.state import Phase

    hands, walker = app.hands, app.walker
    yield from app.open_panel("Train by distillation")
    panel = app.panel("Train by distillation")
    walker.picture("training-empty")
    walker.step("add two cubes")
    files = next(x for x in panel.data.findChildren(QPushButton) if x.text().startswith("Files"))
    for cube in TRAINING:
        yield from hands.click(files)
        yield from app.answer_file_dialog(cube)
        yield lambda: not panel.data.busy
        yield 1.0
    walker.picture("training-set-up")
    panel.draft.set({"schedule.steps": 80, "schedule.validate_every": 20, "name": "walk"})
    walker.step("start")
    yield from hands.click(panel.controls.start_button)
    yield lambda: panel.state.phase is Phase.RUNNING
    yield lambda: (step := panel.state.history.step) is not None and step.step >= STOPPED_AFTER
    walker.picture("training-runs")
    walker.step("stop")
    yield from hands.click(panel.controls.stop_button)
    yield lambda: panel.state.phase in (Phase.STOPPED, Phase.DONE)
    yield 0.5
    walker.picture("training-stopped")
    walker.step("attach")
    yield from hands.click(panel.controls.attach_button)
    yield from app.answer_file_dialog(panel.state.run.path)
    yield lambda: panel.state.phase in (Phase.STOPPED, Phase.DONE)
    yield 0.5
    walker.picture("training-attached")
    if panel.state.phase is Phase.STOPPED:
        walker.step("resume")
        yield from hands.click(panel.controls.resume_button)
        yield lambda: panel.state.phase is Phase.RUNNING
    yield lambda: panel.state.phase not in (Phase.RUNNING, Phase.STARTING, Phase.STOPPING)
    yield 1.0
    walker.picture("training-done")
    walker.step("use the model")
    yield from hands.click(panel.controls.use_button)
    yield 2.0
    walker.picture("model-in-use")


def fourth_walk(app: App) -> Walk:
    """Through all panels, with a cube open; once more with --font 2."""
    if not len(app.viewer.layers):
        yield from app.open_file(CUBE)
    for title in PANELS:
        yield from app.open_panel(title)
        app.walker.picture(title.replace(" ", "-"))
        folded = getattr(app.panel(title), "advanced", None)
        if folded is not None and folded.title.isVisible():  # not on the tab of a training's run
            yield from app.hands.click(folded.title)
            yield 1.0
            app.walker.picture(f"{title.replace(' ', '-')}-advanced")


def fifth_walk(app: App) -> Walk:
    """Sharpen → figures against a reference."""
    yield from app.open_file(REFERENCE)
    yield from app.open_file(CUBE)
    yield from app.open_panel("Super-resolution")
    panel, hands = app.panel("Super-resolution"), app.hands
    yield from hands.click(panel.advanced.title)
    app.walker.step("choose a reference")
    yield from hands.choose(panel.reference.native, REFERENCE.stem)
    app.walker.step("run with figures")
    yield from hands.click(panel.run_button.native)
    yield lambda: panel.figures.visible and panel.run_button.enabled
    yield 1.5
    app.walker.picture("figures")


def _comparison(app: App) -> Any:
    from napari_dodn.plugin.views.comparison import comparison_of

    return comparison_of(app.viewer)


WALKS = {"sharpen": first_walk, "spectra": second_walk, "train": third_walk, "panels": fourth_walk}
WALKS |= {"figures": fifth_walk}

CUBE, LIBRARY, REFERENCE = HOME / "village.hdr", HOME / "library.csv", HOME / "truth.hdr"
PANELS = (
    *("Open a cube", "Super-resolution", "Super-resolve a folder", "Colour rendering"),
    *("Compare and map", "Spectral profiles", "Train by distillation"),
)
TRAINING = [HOME / f"field{number}.hdr" for number in range(2)]


def make_inputs() -> None:
    """Write the files that are opened."""
    from napari_dodn import write
    from napari_dodn.cube import Region
    from napari_dodn.formats import write_library
    from napari_dodn.sample import sample_scene
    from napari_dodn.spectra.library import SpectralLibrary, Spectrum

    sample = sample_scene()
    write(sample.lr, CUBE)
    write(sample.reference, REFERENCE)
    spectra = [
        Spectrum(name, 5000 * values, sample.lr.wavelengths)
        for name, values in zip(
            ("grass", "roof"), sample.lr.data[:, (40, 12), (10, 20)].T, strict=True
        )
    ]
    write_library(SpectralLibrary(tuple(spectra)), LIBRARY)
    for number, path in enumerate(TRAINING):
        half = Region(0, 256, 128 * number, 128 * number + 128)
        write(sample.reference.crop(half).derive(name=path.stem), path)


def main() -> None:
    """Take the walks."""
    parser = argparse.ArgumentParser(description="Measure how long the window stands still.")
    parser.add_argument("walks", nargs="*", metavar="WALK", help=", ".join(WALKS))
    parser.add_argument("--pictures", type=Path, default=HOME / "pictures")
    parser.add_argument("--font", type=float, default=1, help="factor on napari's font size")
    options = parser.parse_args()
    faulthandler.enable()
    make_inputs()
    import napari
    import napari.settings

    appearance = napari.settings.get_settings().appearance
    appearance.font_size = round(options.font * appearance.font_size)
    walker = Walker(options.pictures)
    app = App(walker)
    heart = Heart(walker)
    walks = iter([WALKS[name] for name in options.walks or WALKS])

    def onward() -> None:
        walk = next(walks, None)
        if walk is None or walker.failed:
            print(heart.report(), flush=True)
            os._exit(1 if walker.failed else 0)
        walker.take(walk(app), onward)

    QTimer.singleShot(500, onward)
    napari.run()


if __name__ == "__main__":
    main()
