"""How long napari takes to start with and without the plugin, and each of its panels to open.

    python benchmarks/starting.py [--repetitions 5] [--panels]

Needs a display; without one: `xvfb-run -a python benchmarks/starting.py`. Everything is a process
of its own, and the kinds take turns. Prints medians of:

- whole processes that open napari's window, let it draw itself, and end, with the plugin switched
  on and off in napari's settings (which are a temporary file), and their difference,
- whole processes that import numpy, and numpy and our reader,
- with --panels, the seconds until each panel of the manifest is on the screen of a window that has
  none yet, and those of its processor.

Seconds of the processor are those of the process, which other programs lengthen less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

NAME = "napari-dodn"
WINDOW = """
import napari
from qtpy.QtCore import QTimer
viewer = napari.Viewer()
QTimer.singleShot(500, viewer.close)
napari.run()
"""
WITHOUT = f"""
from napari.settings import get_settings
get_settings().plugins.disabled_plugins = {{{NAME!r}}}
"""
WITH = """
from napari.settings import get_settings
get_settings().plugins.disabled_plugins = set()
"""
PANEL = f"""
import sys, time
import napari
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
def work():
    begun, work = time.perf_counter(), time.process_time()
    viewer.window.add_plugin_dock_widget({NAME!r}, sys.argv[1])
    QApplication.processEvents()
    print(time.perf_counter() - begun, time.process_time() - work, flush=True)
    viewer.close()
QTimer.singleShot(1000, work)
napari.run()
"""


def seconds_of(code: str, *words: str) -> tuple[float, float, str]:
    """Return how long a program takes, on the wall and of the processor, and what it prints."""
    begun, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", code, *words], check=True, capture_output=True, text=True
    )
    after = os.times()
    work = after.children_user + after.children_system - before.children_user
    return time.perf_counter() - begun, work - before.children_system, done.stdout


def compare(kinds: dict[str, str], repetitions: int) -> None:
    """Print medians of programs that take turns, and by how much they differ from the first."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for code in kinds.values():  # the first time files come from the disk
        seconds_of(code)
    for _ in range(repetitions):
        for name, code in kinds.items():
            found[name].append(seconds_of(code)[:2])
    print("\n| | s | s of the processor | more | more of the processor |\n|---|--:|--:|--:|--:|")
    first = None
    for name, values in found.items():
        wall, work = (median(kind) for kind in zip(*values, strict=True))
        first = first or (wall, work)
        more = f"{wall - first[0]:+.2f} | {work - first[1]:+.2f}"
        print(f"| {name} | {wall:.2f} | {work:.2f} | {more} |", flush=True)


def panels(repetitions: int) -> None:
    """Print how long each panel takes to open."""
    from npe2 import PluginManifest

    widgets = PluginManifest.from_distribution(NAME).contributions.widgets or []
    print("\n| panel | s | s of the processor |\n|---|--:|--:|")
    for widget in widgets:
        values = [
            [float(word) for word in seconds_of(PANEL, widget.display_name)[2].split()[-2:]]
            for _ in range(repetitions)
        ]
        wall, work = (median(kind) for kind in zip(*values, strict=True))
        print(f"| {widget.display_name} | {wall:.2f} | {work:.2f} |", flush=True)


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--panels", action="store_true", help="only how long the panels take")
    options = parser.parse_args()
    print(f"{psutil.cpu_count()} cores, medians of {options.repetitions} turns")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        if options.panels:
            panels(options.repetitions)
            return
        compare(
            {"napari without the plugin": WITHOUT + WINDOW, "with it": WITH + WINDOW},
            options.repetitions,
        )
        reader = "import numpy, napari_dodn.plugin.manifest.readers, napari_dodn.formats"
        compare({"import numpy": "import numpy", "and our readers": reader}, options.repetitions)


if __name__ == "__main__":
    main()
