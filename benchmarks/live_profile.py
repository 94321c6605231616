"""How long napari's window is held while the spectra of the dock follow the mouse.

    xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/live_profile.py [--frames 300]
        [--gigabytes 2] [--folder DIR]

Opens a viewer with the dock `Spectral profiles` and moves to random pixels. A frame is what one
move costs in wall-clock milliseconds: the spectrum, the table, and the repainted plot. It is
measured with the dock as a window of its own, and docked. With a virtual screen, which has no
graphics card, the processor puts napari's whole window together at every change in it: the last row
tells how long that alone takes. The cubes are mixtures of smooth spectra with a little noise: one
in memory (224 × 512 × 614, int16), ENVI files of each interleave, which the page cache holds, and a
folder of 31 band images of 512 × 512, which is read in another thread; and random numbers in
memory, whose zigzag takes longest to draw. The time of the processor is that of all threads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import napari
import numpy as np
from imageio.v3 import imwrite
from napari.layers import Layer
from qtpy.QtCore import QEvent, QObject, QSettings
from qtpy.QtWidgets import QApplication

from napari_dodn import HyperCube, read
from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.profiles.store import Source
from napari_dodn.plugin.viewer.layers import layer_data_from_cube

LAPTOP = 1366, 740
BANDS, ROWS, COLUMNS = 224, 512, 614
FOLDER = 31, 512, 512
WAVELENGTHS = np.linspace(400, 2500, BANDS)
PIECE = 2**24
"""Bytes of a file that are read at once."""

WARMING_UP = 10
PATIENCE_S = 10.0
HEADER = """ENVI
samples = {columns}
lines = {rows}
bands = {bands}
header offset = 0
file type = ENVI Standard
data type = 2
interleave = {interleave}
byte order = 0
wavelength units = Nanometers
wavelength = {{{wavelengths}}}
"""


@dataclass(frozen=True)
class Times:
    """Of each frame, in ms: how long the window is held, until it is painted, of the processor."""

    held: list[float]
    painted: list[float]
    processor: list[float]


class Paintings(QObject):
    """Counts how often a widget is painted."""

    count = 0

    def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802
        """Count paint events and let all events pass."""
        self.count += event.type() == QEvent.Type.Paint
        return False


def scene() -> np.ndarray:
    """Return mixtures of four smooth spectra with noise of 1 %, int16, (bands, rows, columns)."""
    random = np.random.default_rng(0)
    centres, widths = random.uniform(400, 2500, (2, 4, 3)) * [[[1]], [[0.2]]]
    bumps = np.exp(-(((WAVELENGTHS - centres[..., None]) / widths[..., None]) ** 2)).sum(axis=1)
    shares = random.dirichlet(np.ones(4), (ROWS, COLUMNS))
    clean = np.einsum("mb,yxm->byx", 2000 * (1 + bumps), shares)
    return (clean * random.normal(1, 0.01, clean.shape)).astype(np.int16)


def envi_file(folder: Path, interleave: str, pixels: np.ndarray, copies: int) -> Path:
    """Write copies of a scene one below the other, and return the header."""
    order = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave]
    header = folder / f"{interleave}.hdr"
    with header.with_suffix(".img").open("wb") as file:
        for part in pixels if interleave == "bsq" else [pixels.transpose(order)]:
            for _ in range(copies):
                file.write(part.tobytes())
    header.write_text(
        HEADER.format(
            bands=BANDS,
            rows=ROWS * copies,
            columns=COLUMNS,
            interleave=interleave,
            wavelengths=", ".join(f"{wavelength:.2f}" for wavelength in WAVELENGTHS),
        )
    )
    return header


def warm_up(path: Path) -> None:
    """Read a file, so that the operating system has it in memory."""
    with path.open("rb") as file:
        while file.read(PIECE):
            pass


def band_images(folder: Path) -> Path:
    """Write a folder of band images, one every 10 nm."""
    bands, rows, columns = FOLDER
    random = np.random.default_rng(0)
    for band in range(bands):
        smooth = np.add.outer(np.arange(rows), np.arange(columns)) * (40 + band)
        noisy = (smooth + random.integers(0, 200, (rows, columns))).astype(np.uint16)
        imwrite(folder / f"scene_{400 + 10 * band}nm.png", noisy)
    return folder


def positions(cube: HyperCube) -> Iterator[tuple[float, float, float]]:
    """Yield random places of a cube."""
    random, size = np.random.default_rng(1), np.array(cube.shape[1:]) - 1
    while True:
        y, x = random.random(2) * size
        yield 0.0, float(y), float(x)


def measure(viewer: napari.Viewer, dock: SpectralProfiles, cube: HyperCube, frames: int) -> Times:
    """Return the times of frames."""
    for data in layer_data_from_cube(cube):
        viewer.add_layer(Layer.create(*data))
    viewer.reset_view()
    paintings, places = Paintings(), positions(cube)
    dock.plot.viewport().installEventFilter(paintings)
    held, painted, processor = [], [], []
    for _ in range(frames + WARMING_UP):
        settle()
        place, before = next(places), paintings.count
        began, worked = time.perf_counter(), time.process_time()
        dock.live.follow(place)
        QApplication.processEvents()
        held.append(1000 * (time.perf_counter() - began))
        wait(lambda before=before: paintings.count > before)
        painted.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - worked))
    check(dock, cube, place)
    dock.plot.viewport().removeEventFilter(paintings)
    viewer.layers.clear()
    settle()
    return Times(held[WARMING_UP:], painted[WARMING_UP:], processor[WARMING_UP:])


def floor(dock: SpectralProfiles, frames: int) -> list[float]:
    """Return how long it takes to paint nothing but one small button of the dock, in ms."""
    times = []
    for _ in range(frames):
        settle()
        dock.help.update()
        began = time.perf_counter()
        QApplication.processEvents()
        times.append(1000 * (time.perf_counter() - began))
    return times


def row(name: str, *series: list[float]) -> str:
    """Return medians, 95th percentiles and maxima as a row of a table."""
    found = [f(times) for times in series for f in (np.median, partial(np.percentile, q=95), max)]
    return f"| {name} | {' | '.join(f'{figure:.1f}' for figure in found)} |"


def settle() -> None:
    """Let the window do whatever is left to do."""
    for _ in range(3):
        QApplication.processEvents()


def wait(arrived: Callable[[], bool]) -> None:
    """Let the window live until something has come."""
    until = time.perf_counter() + PATIENCE_S
    while not arrived():
        if time.perf_counter() > until:
            raise TimeoutError(f"The plot was not painted within {PATIENCE_S:g} s.")
        QApplication.processEvents()


def check(dock: SpectralProfiles, cube: HyperCube, place: tuple[float, float, float]) -> None:
    """Make sure that the curve of the last place is the spectrum of its pixel."""
    y, x = (int(np.floor(value + 0.5)) for value in place[1:])
    wanted = np.asarray(cube.data[:, y, x])
    (curve,) = dock.store.of(Source.LIVE)
    wait(lambda: np.array_equal(dock.store.of(Source.LIVE)[0].y, wanted))
    assert curve.visible


def cubes(folder: Path, gigabytes: float) -> Iterator[tuple[str, HyperCube]]:
    """Yield the cubes to measure, with what they are."""
    pixels = scene()
    yield "in memory", HyperCube(pixels, WAVELENGTHS, "memory")
    numbers = np.random.default_rng(0).integers(0, 9999, pixels.shape, np.int16)
    yield "random numbers", HyperCube(numbers, WAVELENGTHS, "random")
    del numbers
    for interleave in ("bsq", "bil", "bip"):
        header = envi_file(folder, interleave, pixels, round(gigabytes * 1e9 / pixels.nbytes))
        warm_up(header.with_suffix(".img"))
        yield f"ENVI {interleave.upper()}", read(header)
        header.with_suffix(".img").unlink()
    images = folder / "images"
    images.mkdir()
    yield "folder of band images", read(band_images(images))


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the mapped files")
    parser.add_argument("--folder", help="where the files are written for a while")
    args = parser.parse_args()
    with TemporaryDirectory(dir=args.folder) as name:
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)  # nobody's own settings
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, name)
        viewer = napari.Viewer()
        viewer.window.resize(*LAPTOP)
        dock = SpectralProfiles(viewer)
        place = viewer.window.add_dock_widget(dock, name="Spectral profiles")
        print("| cube | own window: median | 95 % | max | docked: median | 95 % | max |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        for what, cube in cubes(Path(name), args.gigabytes):
            times = []
            for floating in (True, False):
                place.setFloating(floating)
                times.append(measure(viewer, dock, cube, args.frames))
            shape = " × ".join(map(str, cube.shape))
            print(row(f"{what}, {shape}", *(found.painted for found in times)), flush=True)
            print(row("… time of the processor", *(found.processor for found in times)))
            if not isinstance(cube.data, np.ndarray):  # it is read in another thread
                print(row("… window held", *(found.held for found in times)))
        times = []
        for floating in (True, False):
            place.setFloating(floating)
            times.append(floor(dock, args.frames))
        print(row("a button alone", *times))
        viewer.close()


if __name__ == "__main__":
    main()
