"""How time and memory of `upscale` into a file grow with pixels, bands and scale.

    python benchmarks/growth.py [--pixels 64 128 256 512] [--bands 31 100 224 425 1000]
        [--scales 2 4 8] [--side 128] [--ending .zarr] [--folder DIR] [--plot FILE] [--only B H S]

Each run is a process of its own, on a generated, textured cube in a file: mixtures of 20 maps with
a 1/f spectrum, and noise. Times are of `upscale` alone, without starting Python; memory is the
highest RssAnon (what belongs to the process and no file) above that before the run, sampled
every 20 ms. Results are removed at once.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from napari_dodn import HyperCube, read, upscale
from napari_dodn.formats import create

MAPS, FALL, NOISE = 20, 0.8, 1e-3
ROWS = 64
POLL = 0.02
SCALE, BANDS = 4, 31

Run = dict[str, float]


def make_source(path: Path, bands: int, side: int) -> None:
    """Write a textured cube, some rows at a time."""
    chance = np.random.default_rng(0)
    count = min(MAPS, bands)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(chance.standard_normal((count, side, side)))
    maps = np.fft.irfft2(noise / frequency, s=(side, side))
    maps /= maps.std(axis=(1, 2), keepdims=True)
    mixture = np.linalg.qr(chance.standard_normal((bands, count)))[0] * FALL ** np.arange(count)
    with create(path, (bands, side, side)) as writer:
        for row in range(0, side, ROWS):
            part = np.tensordot(mixture, maps[:, row : row + ROWS], 1)
            part += NOISE * chance.standard_normal(part.shape)
            writer.put((slice(None), slice(row, row + ROWS), slice(None)), part)
        writer.finish(HyperCube(np.broadcast_to(np.float32(0), (bands, side, side))))


def anonymous() -> int:
    """Return the bytes of memory that are this process's own."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) << 10 for line in status.split("\n") if "RssAnon" in line)


def one(source: Path, output: Path, scale: int) -> Run:
    """Super-resolve a cube in a file, and return what it took."""
    torch.set_num_threads(1)
    small = HyperCube(np.random.default_rng(0).random((4, 32, 32), np.float32))
    upscale(small, scale, device="cpu", precision="float32")  # imports, weights
    cube, held, highest, over = read(source), anonymous(), 0, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.wait(POLL):
            highest = max(highest, anonymous() - held)

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, processor = time.perf_counter(), time.process_time()
    upscale(cube, scale, device="cpu", precision="float32", output=output)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    over.set()
    watcher.join()
    return {"processor": processor, "wall": wall, "memory": float(highest)}


def run(folder: Path, bands: int, side: int, scale: int, ending: str) -> Run:
    """Do one in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        source, output = Path(own, "source.hdr"), Path(own, f"result{ending}")
        make_source(source, bands, side)
        words = [sys.executable, __file__, "--one", str(source), str(output), str(scale)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        size = sum(f.stat().st_size for f in Path(own).rglob("*") if f.is_file() and f != source)
        found: Run = json.loads(done.stdout)
        shutil.rmtree(output, ignore_errors=True)
    return {**found, "size": size - 4 * bands * side**2}


def table(heading: str, runs: dict[int, Run], values: dict[int, int]) -> str:
    """Return a Markdown table; `values` are how many values each result has."""
    times = "s (processor) | s (wall) | s (processor) a GB"
    lines = [
        f"| {heading} | GB of the result | {times} | MB at the peak |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for number, found in runs.items():
        size = values[number] * 4 / 1e9
        lines.append(
            f"| {number} | {size:.3f} | {found['processor']:.2f} | {found['wall']:.2f}"
            f" | {found['processor'] / size:.1f} | {found['memory'] / 1e6:.0f} |"
        )
    return "\n".join(lines) + "\n"


def plot(path: Path, series: dict[str, tuple[dict[int, Run], dict[int, int]]]) -> None:
    """Draw time and memory against the size of the result, both logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for name, (runs, values) in series.items():
        sizes = [values[number] * 4 / 1e9 for number in runs]
        above.loglog(sizes, [found["processor"] for found in runs.values()], "o-", label=name)
        below.semilogx(sizes, [found["memory"] / 1e6 for found in runs.values()], "o-", label=name)
    above.set(xlabel="GB of the result", ylabel="s of one core")
    below.set(xlabel="GB of the result", ylabel="MB at the peak", ylim=(0, None))
    above.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure what the command line requests, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, nargs="*", default=[64, 128, 256, 512])
    parser.add_argument("--bands", type=int, nargs="*", default=[31, 100, 224, 425, 1000])
    parser.add_argument("--scales", type=int, nargs="*", default=[2, 4, 8])
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--ending", default=".zarr")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--only", type=int, nargs=3, metavar=("BANDS", "SIDE", "SCALE"))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        source, output, scale = args.one
        print(json.dumps(one(Path(source), Path(output), int(scale))))
        return
    if args.only:
        print(json.dumps(run(args.folder, *args.only, args.ending)))
        return
    kinds = {
        "pixels": {side: (BANDS, side, SCALE) for side in args.pixels},
        "bands": {bands: (bands, args.side, SCALE) for bands in args.bands},
        "scale": {scale: (BANDS, args.side, scale) for scale in args.scales},
    }
    series = {}
    for name, cases in kinds.items():
        runs = {n: run(args.folder, *case, args.ending) for n, case in cases.items()}
        values = {n: bands * (side * scale) ** 2 for n, (bands, side, scale) in cases.items()}
        heading = {"pixels": "pixels a side", "bands": "bands", "scale": "scale"}[name]
        print(table(heading, runs, values), flush=True)
        series[name] = runs, values
    if args.plot is not None:
        plot(args.plot, series)


if __name__ == "__main__":
    main()
