"""Opening a large cube in a real napari window, and scrolling its bands.

    python benchmarks/opening.py [--kinds "napari alone" bsq bil bip h5] [--bands 224] [--rows 2048]
        [--columns 2340] [--steps 100] [--folder DIR] [--cold] [--hollow]

Needs a display; without one: `xvfb-run -a python benchmarks/opening.py`. Makes the cubes (2 GB each
by default) in a temporary folder, one at a time. Each is opened in a process of its own, from
within the event loop, as by a person. Prints for each:

- seconds from `viewer.open` until the window has painted the cube or its picture, those of the
  processor meanwhile, which other programs lengthen less, and those of our reader,
- seconds until the picture in colours is finished and the bands are ready to be scrolled,
- the longest time that the window did not answer meanwhile, after the first painting,
- the most memory that the process had of its own above that of the empty viewer (RssAnon: without
  the pages of the file, which the system can drop at any time), and the most that it had mapped of
  files (RssFile),
- what it has of both, above that, once the layers are deleted,
- milliseconds until the next band is painted, when all is ready, and those of the processor.

"In a used window" is the same when the window has shown an image before.

With --hollow the cubes take no room on the disk: `--hollow --bands 425 --rows 4850 --columns 4850`
is 20 GB.

With --cold the system is asked to forget the file first, so that it is read from the disk.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_S = 0.005
"""How often the memory of a process is looked at."""

SETTLING_S = 1.5
"""How long an empty window gets to draw itself."""

PATIENCE_S = 120
BLOCK = 64
"""How many rows of a cube are made at once."""

NAPARI_ALONE = "napari alone"
"""The row of an array in memory, of as many pixels, that napari shows without us."""


def make_hollow_cube(path: Path, bands: int, rows: int, columns: int) -> None:
    """Write a cube of any size that takes little room: a file with a hole, or of equal chunks."""
    from napari_dodn.cube import HyperCube
    from napari_dodn.formats import write

    shape, wavelengths = (bands, rows, columns), np.linspace(400, 2500, bands)
    if path.suffix != ".h5":
        write(HyperCube(np.zeros((bands, 1, 1), np.int16), wavelengths=wavelengths), path)
        header = path.with_suffix(".hdr")
        text = re.sub(r"(?m)^samples = .*$", f"samples = {columns}", header.read_text())
        header.write_text(re.sub(r"(?m)^lines = .*$", f"lines = {rows}", text))
        os.truncate(path, 2 * bands * rows * columns)
        return
    import h5py

    from napari_dodn.formats.pixels.blocks import chunks_for

    with h5py.File(path, "w") as file:
        file["wavelength"] = wavelengths
        options = {"chunks": chunks_for(shape), "compression": "gzip"}
        first = file.create_dataset("first", options["chunks"], np.int16, **options)
        first[:] = np.random.default_rng(0).integers(0, 200, first.shape, np.int16)
        _, packed = first.id.read_direct_chunk((0, 0, 0))
        cube = file.create_dataset("cube", shape, np.int16, **options)
        for place in itertools.product(*map(range, (0, 0, 0), shape, options["chunks"])):
            cube.id.write_direct_chunk(place, packed)
        del file["first"]


def make_cube(path: Path, bands: int, rows: int, columns: int) -> None:
    """Write a cube that looks a little like a scene; the ending says the format or interleave."""
    from napari_dodn.cube import HyperCube
    from napari_dodn.formats import create

    spectrum = (2000 + 1500 * np.sin(np.linspace(0, 6, bands))).astype(np.int16)
    noise = np.random.default_rng(0).integers(-50, 50, (BLOCK, columns), np.int16)
    across = 500 * np.cos(np.arange(columns) / 70)
    with create(path, (bands, rows, columns), np.int16) as writer:
        for row in range(0, rows, BLOCK):
            lines = np.arange(row, min(row + BLOCK, rows))
            place = (np.sin(lines / 90)[:, None] * across).astype(np.int16) + noise[: len(lines)]
            writer.pixels[:, row : row + BLOCK] = spectrum[:, None, None] + place
        description = np.broadcast_to(np.int16(0), (bands, rows, columns))
        writer.finish(HyperCube(description, wavelengths=np.linspace(400, 2500, bands)))
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Ask the system to drop the pages of a file."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def open_and_scroll(path: str, steps: int, rows: int, columns: int) -> None:
    """Be the child: open a cube in a viewer, scroll, and print what was seen as lines of JSON."""
    import napari
    from napari.qt import get_qapp
    from qtpy.QtCore import QEventLoop, QTimer

    from napari_dodn.plugin.manifest import readers
    from napari_dodn.plugin.viewer.layers import is_draft

    app = get_qapp()
    bands_in_memory = np.random.default_rng(0).integers(0, 5000, (4, rows, columns), np.int16)
    viewer = napari.Viewer()
    viewer.window.resize(1280, 900)
    native = viewer.window._qt_viewer.canvas.native  # what the system paints
    ours: list[float] = []
    read_layers = readers.read_layers

    def timed(*args: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        layers = read_layers(*args, **options)
        ours.append(time.perf_counter() - begun)
        return layers

    readers.read_layers = timed

    def tell(**facts: Any) -> None:
        print(json.dumps(facts | {"at": time.monotonic()}), flush=True)

    def wait(milliseconds: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec_()

    def until_painted(change: Callable[[], Any]) -> tuple[float, float]:
        """Return the seconds from before a change until it is painted, and the processor's."""
        begun, begun_work = time.perf_counter(), time.process_time()
        change()
        loop = QEventLoop()
        native.frameSwapped.connect(loop.quit)
        native.update()
        QTimer.singleShot(PATIENCE_S * 1000, loop.quit)
        loop.exec_()
        native.frameSwapped.disconnect(loop.quit)
        return time.perf_counter() - begun, time.process_time() - begun_work

    def scroll(count: int) -> list[tuple[float, float]]:
        first = viewer.dims.current_step[0]
        bands = viewer.layers[0].data.shape[0]
        places = [(first + step) % bands for step in range(1, count + 1)]
        return [until_painted(partial(viewer.dims.set_current_step, 0, band)) for band in places]

    def all_ready() -> bool:
        return all(layer.visible and not is_draft(layer) for layer in viewer.layers)

    def show_and_see() -> None:
        show()
        until = time.perf_counter() + PATIENCE_S
        while not any(layer.visible for layer in viewer.layers) and time.perf_counter() < until:
            app.processEvents()

    def show() -> None:
        if path != NAPARI_ALONE:
            viewer.open(path, plugin="napari-dodn")
            return
        viewer.add_image(bands_in_memory, contrast_limits=(0, 5000))
        viewer.add_image(np.zeros((rows // 2, columns // 2, 3), np.uint8), scale=(2, 2))

    def work() -> None:
        wait(int(SETTLING_S * 1000))
        tell(event="empty")
        begun = time.perf_counter()
        painted = until_painted(show_and_see)
        tell(event="painted", seconds=painted, reader=sum(ours))
        gaps, last = [0.0], time.perf_counter()
        while not all_ready() and time.perf_counter() - begun < PATIENCE_S:
            app.processEvents()
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
            time.sleep(0.001)
        tell(event="ready", seconds=time.perf_counter() - begun, gap=max(gaps))
        wait(300)
        tell(event="scrolled", seconds=scroll(steps))
        viewer.layers.clear()
        gc.collect()
        wait(300)
        tell(event="cleared")
        ours.clear()
        painted = until_painted(show_and_see)
        tell(event="painted again", seconds=painted, reader=sum(ours))
        viewer.close()
        app.quit()

    QTimer.singleShot(0, work)
    app.exec_()


def watched(pid: int, samples: list[tuple[float, int, int]]) -> None:
    """Note the time and the memory (bytes of its own, of files) of a process until it ends."""
    while True:
        try:
            text = Path(f"/proc/{pid}/status").read_text()
            own, files = (
                int(text.split(f"{name}:")[1].split()[0]) * 1024 for name in ("RssAnon", "RssFile")
            )
        except (OSError, IndexError):
            return
        samples.append((time.monotonic(), own, files))
        time.sleep(SAMPLE_S)


def measure(path: Path | str, steps: int, rows: int, columns: int) -> dict[str, Any]:
    """Return what a process of its own saw, by event, and its memory."""
    command = [sys.executable, __file__, "--child", str(path), "--steps", str(steps)]
    command += ["--rows", str(rows), "--columns", str(columns)]
    samples: list[tuple[float, int, int]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        thread = threading.Thread(target=watched, args=(child.pid, samples), daemon=True)
        thread.start()
        assert child.stdout is not None
        lines = [json.loads(line) for line in child.stdout if line.startswith("{")]
    if child.returncode:
        raise SystemExit(f"The child ended with {child.returncode}.")
    events = {line.pop("event"): line for line in lines}
    before = [own for at, own, _ in samples if at <= events["empty"]["at"]][-1]
    events["memory"] = {
        "own": max(own for at, own, _ in samples if at > events["empty"]["at"]) - before,
        "files": max(files for *_, files in samples),
        "left": [own for at, own, _ in samples if at <= events["cleared"]["at"]][-1] - before,
        "empty": before,
    }
    return events


def in_milliseconds(seconds: list[float]) -> str:
    """Return median, 95 % and maximum."""
    values = 1000 * np.array(seconds)
    return " / ".join(f"{value:.0f}" for value in (*np.percentile(values, (50, 95)), values.max()))


def main() -> None:
    """Measure each interleave and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = [NAPARI_ALONE, "bsq", "bil", "bip", "h5"]
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds[:-1])
    parser.add_argument("--bands", type=int, default=224)
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--columns", type=int, default=2340)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the cubes are, or are made and stay")
    parser.add_argument("--cold", action="store_true", help="read the file from the disk")
    parser.add_argument("--hollow", action="store_true", help="cubes that take no room")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        open_and_scroll(options.child, options.steps, options.rows, options.columns)
        return
    size = options.bands * options.rows * options.columns * 2
    print(f"{options.bands} × {options.rows} × {options.columns} int16, {size / 1e9:.2f} GB\n")
    print(
        "| | painted, s / processor / reader | in a used window | all ready, s | longest wait, ms"
        " | own MB | file MB | left MB | a band, ms: median / 95 % / most | processor, ms |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    sides = options.rows, options.columns
    for kind in options.kinds:
        if kind == NAPARI_ALONE:
            print(row_of(kind, measure(kind, options.steps, *sides)), flush=True)
            continue
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(options.folder or temporary) / kind / f"cube.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                make = make_hollow_cube if options.hollow else make_cube
                make(path, options.bands, *sides)
            if options.cold:
                forget(path)
            opened = path if kind == "h5" else path.with_suffix(".hdr")
            seen = measure(opened, options.steps, *sides)
        print(row_of(kind.upper(), seen), flush=True)


def row_of(name: str, seen: dict[str, Any]) -> str:
    """Return a line of the table."""
    first, again, ready = seen["painted"], seen["painted again"], seen["ready"]
    cells = (
        name,
        *(
            f"{seconds:.2f} / {work:.2f} / {painted['reader']:.2f}"
            for painted in (first, again)
            for seconds, work in [painted["seconds"]]
        ),
        f"{ready['seconds']:.1f}",
        f"{1000 * ready['gap']:.0f}",
        f"{seen['memory']['own'] / 1e6:.0f}",
        f"{seen['memory']['files'] / 1e6:.0f}",
        f"{seen['memory']['left'] / 1e6:.0f}",
        in_milliseconds([seconds for seconds, _ in seen["scrolled"]["seconds"]]),
        f"{1000 * np.median([work for _, work in seen['scrolled']['seconds']]):.0f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
