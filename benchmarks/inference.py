"""Speed and memory of DODN against MCNet's convolutions and bicubic, as ratios of one run.

    python benchmarks/inference.py [--sides 64 128] [--bands 31 224 1000] [--threads 1]
        [--repetitions 5] [--precisions float32] [--memory 512] [--model M]

MCNet's convolutions take turns at 31 bands only. `upscale` estimates the blur, and its share of
measuring is that of the same pass alone.

All ways take turns, and the quickest turn of each counts. Times are processor times, which other
programs on the machine lengthen less than wall-clock times. The machine's rate is that of
`torch.mm`, taken in the same turns. The cubes are random: no data needed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from napari_dodn import HyperCube
from napari_dodn.benchmark.cost import device_in_words, watching
from napari_dodn.network.dodn import DODN
from napari_dodn.network.inference import infer_steps
from napari_dodn.network.model_file import find_model, load_network
from napari_dodn.upscaling import UpscaleOptions, bicubic, upscale, upscale_steps
from napari_dodn.upscaling.devices import computing
from napari_dodn.upscaling.statistics import Statistics, measure_steps
from napari_dodn.upscaling.tiles import UPSCALING

SCALE, BANDS = 4, 31
CPU = torch.device("cpu")
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
MATRIX = 1024
"""Side of the matrices whose product is the machine's rate."""

MAPS = 20
"""Maps that a cube is mixed of: more than a network has components."""

FALL = 0.8
"""By this factor each map is weaker than the one before."""

MEASURING, BICUBIC = "measuring the cube", "bicubic"

OPERATIONS = "GFLOP | GFLOP a second of the processor | of `torch.mm`"


def unit_3d(width: int) -> nn.Sequential:
    """Return a spatial and a spectral 3D convolution, each with its ReLU."""
    return nn.Sequential(
        nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1)),
        nn.ReLU(inplace=True),
        nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0)),
        nn.ReLU(inplace=True),
    )


class MixedModule(nn.Module):
    """Three 3D units in a row, a pair of 2D convolutions on each one's output, all joined."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.units_3d = nn.ModuleList(unit_3d(width) for _ in range(3))
        self.units_2d = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, padding=1),
            )
            for _ in range(3)
        )
        self.join = nn.Conv3d(3 * width, width, 1)
        self.last = unit_3d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, B, h, w) to the same."""
        features, found = x, []
        for unit_3d, unit_2d in zip(self.units_3d, self.units_2d, strict=True):
            features = unit_3d(features) + features
            images = unit_2d(features.transpose(1, 2).flatten(0, 1))
            found.append(images.unflatten(0, (x.shape[0], -1)).transpose(1, 2))
        return self.last(F.relu(self.join(torch.cat(found, dim=1))) + x)


class MixedNet(nn.Module):
    """A net with the number and the kinds of MCNet's convolutions, and random weights.

    Q. Li, Q. Wang, X. Li, "Mixed 2D/3D Convolutional Network for Hyperspectral Image
    Super-Resolution", Remote Sensing 12(10):1660, 2020: 64 channels, four modules, a transposed
    convolution for the scale. Its weight normalisation costs nothing once trained and is left out.
    """

    def __init__(self, scale: int, width: int = 64) -> None:
        super().__init__()
        self.head = nn.Conv3d(1, width, 3, padding=1)
        self.mixed = nn.ModuleList(MixedModule(width) for _ in range(4))
        self.up = nn.ConvTranspose3d(
            width, width, (3, scale + 2, scale + 2), (1, scale, scale), padding=1
        )
        self.last = nn.Conv3d(width, 1, 3, padding=1)
        for weight in self.parameters():  # the quicker of PyTorch's two layouts here
            if weight.dim() > 3:
                last = torch.channels_last if weight.dim() == 4 else torch.channels_last_3d
                weight.data = weight.data.contiguous(memory_format=last)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, B, h, w) to (N, B, s·h, s·w)."""
        first = features = self.head(x.unsqueeze(1))
        for module in self.mixed:
            features = module(features) + first
        return self.last(self.up(features)).squeeze(1)


@dataclass
class Way:
    """A way to the same result, and the quickest of its turns."""

    name: str
    precision: str
    run: Callable[[], object]
    operations: int = 0
    processor: float = float("inf")
    wall: float = float("inf")

    def take_turn(self) -> None:
        """Run once and keep the times if they are the shortest."""
        wall, processor = time.perf_counter(), time.process_time()
        self.run()
        self.processor = min(self.processor, time.process_time() - processor)
        self.wall = min(self.wall, time.perf_counter() - wall)

    def count(self) -> None:
        """Count the floating-point operations, for which the way is run once."""
        with FlopCounterMode(display=False) as counter:
            self.run()
        self.operations = counter.get_total_flops()

    @property
    def rate(self) -> float:
        """Operations in a second of the processor."""
        return self.operations / self.processor


def random_cube(side: int, bands: int = BANDS) -> HyperCube:
    """Return a cube that has as many components as a network sees: smooth maps, mixed, and noise.

    Noise alone would have none, and the network would not be asked.
    """
    chance = np.random.default_rng(0)
    count = min(MAPS, bands)
    maps = gaussian_filter(chance.standard_normal((count, side, side)), (0, 1.5, 1.5), mode="wrap")
    mixture = np.linalg.qr(chance.standard_normal((bands, count)))[0] * FALL ** np.arange(count)
    data = np.tensordot(mixture, maps / maps.std(), 1)
    data += 1e-4 * chance.standard_normal(data.shape)
    return HyperCube(data.astype(np.float32))


def measure(cube: HyperCube, network: DODN) -> Statistics:
    """Measure a cube and estimate its blur, as `upscale` does before the first tile."""
    steps = measure_steps(cube, network.components)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def ways_of(side: int, bands: int, args: argparse.Namespace, mixed: nn.Module | None) -> list[Way]:
    """Return what is compared on a cube; the first is what the others are held against."""
    card = find_model(args.model, SCALE)
    network = load_network(card)
    cube = random_cube(side, bands)
    x = torch.from_numpy(cube.data)[None]
    components = measure(cube, network).components
    assert components.weights.all(), "a component of the cube is missing"
    z = torch.from_numpy(np.tensordot(components.forward, cube.data, 1)).float()
    sigma = torch.zeros(1)

    def bare() -> object:
        with computing():
            return mixed(x)

    def alone(precision: str) -> Callable[[], object]:
        def run() -> object:
            with computing():
                return deque(infer_steps(network, z, 0.0, TYPES[precision]), maxlen=1)

        return run

    def public(precision: str) -> Callable[[], object]:
        return lambda: upscale(cube, SCALE, card.path, device="cpu", precision=precision)

    ways = [] if mixed is None else [Way("MCNet's convolutions", "float32", bare)]
    # With gradients enabled the network would run as in training.
    ways.append(Way("DODN, the way of training", "float32", lambda: network(z[None], sigma)))
    for precision in args.precisions:
        ways.append(Way("DODN, the network alone", precision, alone(precision)))
        ways.append(Way("DODN, `upscale`", precision, public(precision)))
    ways.append(Way(MEASURING, "float64", lambda: measure(cube, network)))
    return [*ways, Way(BICUBIC, "float32", lambda: bicubic(cube, SCALE))]


def matrix_products(precisions: list[str]) -> dict[str, Way]:
    """Return the products of matrices that tell the machine's rate."""
    made: dict[str, Way] = {}
    for name in precisions:
        dtype = TYPES[name]
        a, b = torch.ones(MATRIX, MATRIX, dtype=dtype), torch.ones(MATRIX, MATRIX, dtype=dtype)
        made[name] = Way("`torch.mm`", name, partial(torch.mm, a, b), 2 * MATRIX**3)
    return made


def compare(side: int, bands: int, args: argparse.Namespace, mixed: nn.Module | None) -> list[Way]:
    """Print a Markdown table of times, ratios and rates; return the ways."""
    ways, products = ways_of(side, bands, args, mixed), matrix_products(args.precisions)
    for way in ways:
        way.count()
    for _ in range(args.repetitions):
        for way in ways:
            for turn in (*products.values(), way):
                turn.take_turn()

    def row(way: Way, faster: str, share: str) -> str:
        times = f"{way.processor:.3f} | {way.wall:.3f} | {faster}"
        rates = f"{way.operations / 1e9:.1f} | {way.rate / 1e9:.1f} | {share}"
        return f"| {way.name} | {way.precision} | {times} | {rates} |"

    lines = [
        f"{bands} × {side} × {side} → ×{SCALE}:\n",
        f"| | precision | s (processor) | s (wall) | times as fast | {OPERATIONS} |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for way in ways:
        product = products.get(way.precision)
        share = f"{way.rate / product.rate:.0%}" if product else ""
        lines.append(row(way, f"{ways[0].processor / way.processor:.1f}", share))
    lines += [row(way, "", "") for way in products.values()]
    print("\n".join(lines), flush=True, end="\n\n")
    return ways


def summary(side: int, found: dict[int, list[Way]]) -> str:
    """Return a Markdown table of `upscale` in float32 at several numbers of bands."""
    headings = "s (processor)", f"against {min(found)} bands", "against bicubic", "of it measuring"
    lines = [
        f"{side} × {side} → ×{SCALE}, `upscale` in float32:\n",
        f"| bands | {' | '.join(headings)} |",
        "|--:|--:|--:|--:|--:|",
    ]

    def seconds(bands: int, name: str) -> float:
        return next(
            w.processor for w in found[bands] if w.name == name and w.precision != "bfloat16"
        )

    for bands in sorted(found):
        whole = seconds(bands, "DODN, `upscale`")
        lines.append(
            f"| {bands} | {whole:.3f} | {whole / seconds(min(found), 'DODN, `upscale`'):.2f}"
            f" | {whole / seconds(bands, BICUBIC):.1f} | {seconds(bands, MEASURING) / whole:.0%} |"
        )
    return "\n".join(lines)


def peak(side: int, precision: str, model: str | None) -> dict[str, float]:
    """Return the bytes and seconds of `upscale`, above its input and its output."""
    upscale(random_cube(16), SCALE, model, device="cpu", precision=precision)
    cube = random_cube(side)
    result = 4 * cube.data.size * SCALE**2
    process = psutil.Process()
    held, written, highest = process.memory_info().rss, 0.0, 0.0
    wall, processor = time.perf_counter(), time.process_time()
    steps = upscale_steps(
        cube, UpscaleOptions(scale=SCALE, model=model, device="cpu", precision=precision)
    )
    while True:
        before = process.memory_info().rss - held
        with watching(CPU) as spent:
            event = next(steps, None)
        # A result takes memory as it is written, tile by tile.
        highest = max(highest, before + spent.memory - written)
        if event is None:
            break
        if event.message == UPSCALING:
            written = result * event.done / event.total
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    return {"bytes": highest, "seconds": processor, "wall": wall}


def memory(side: int, args: argparse.Namespace) -> str:
    """Return a Markdown table of peaks, each taken in a process of its own."""
    lines = [
        f"31 × {side} × {side} → ×{SCALE} with `upscale`, memory above input and output:\n",
        "| precision | MB at the peak | s (processor) | s (wall) |",
        "|---|--:|--:|--:|",
    ]
    for precision in args.precisions:
        options = ["--threads", str(args.threads), "--memory", str(side), "--peak", precision]
        options += [] if args.model is None else ["--model", args.model]
        command = [sys.executable, __file__, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        lines.append(
            f"| {precision} | {found['bytes'] / 1e6:.0f} | {found['seconds']:.1f}"
            f" | {found['wall']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="*", default=[64])
    parser.add_argument("--bands", type=int, nargs="*", default=[BANDS, 224, 1000])
    parser.add_argument("--model", help="name or path of a ×4 model instead of the bundled one")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--precisions", nargs="+", choices=list(TYPES), default=list(TYPES))
    parser.add_argument("--memory", type=int, default=0, metavar="SIDE")
    parser.add_argument("--without-mcnet", action="store_true", help="compare with DODN instead")
    parser.add_argument("--peak", choices=list(TYPES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.peak:
        print(json.dumps(peak(args.memory, args.peak, args.model)))
        return
    torch.manual_seed(0)
    mixed = None if args.without_mcnet else MixedNet(SCALE).eval()
    print(f"{device_in_words(CPU)}, PyTorch {torch.__version__}.\n")
    for side in args.sides:
        found = {
            bands: compare(side, bands, args, mixed if bands == BANDS else None)
            for bands in args.bands
        }
        if "float32" in args.precisions:
            print(summary(side, found), flush=True, end="\n\n")
    if args.memory:
        print(memory(args.memory, args))


if __name__ == "__main__":
    main()
