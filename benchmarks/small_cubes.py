"""What super-resolution gains on small cubes by the blur that the network is told.

    python benchmarks/small_cubes.py CAVE SENSORS

Cubes of sensors and the validation scenes of CAVE are reduced by known blurs at ×2 and ×4, and
crops of 8 × 8 to 12 × 20 LR pixels are super-resolved by the bundled models. Every gain is that in
PSNR over bicubic interpolation, the mean over the bands. Some bands are passed over, since
neighbours are alike.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from make_blur_estimator import SIGMAS, truths

from napari_dodn import HyperCube, upscale
from napari_dodn.blur import UNMEASURED
from napari_dodn.degradation import reduce_by_blur
from napari_dodn.metrics import quality
from napari_dodn.upscaling import bicubic

SCALES = (4, 2)
SIZES = ((8, 8), (8, 14), (12, 12), (12, 20))
"""Of crops, in LR pixels."""

LEAST, SMALL = 8, 16
"""Pixels a side from which on, and below which, a whole cube is measured as well."""

BANDS = 56
"""Bands of a cube, about, that are looked at."""

TOLD = ("the true blur", "the estimate", f"{UNMEASURED:g}", "0")


def crops_of(
    hr: torch.Tensor, scale: int, sigma: float, chance: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield LR crops of a cube (bands, y, x) that is reduced as a whole, and their truth."""
    lr = reduce_by_blur(hr[None], scale, sigma)[0].numpy()
    shape = lr.shape[1:]
    places = [(0, 0, *shape)] if LEAST <= min(shape) < SMALL else []
    for size in SIZES:
        if all(whole > part for whole, part in zip(shape, size, strict=True)):
            corner = (int(chance.integers(w - p + 1)) for w, p in zip(shape, size, strict=True))
            places.append((*corner, *size))
    for y, x, height, width in places:
        inside = np.s_[:, scale * y : scale * (y + height), scale * x : scale * (x + width)]
        yield lr[:, y : y + height, x : x + width], hr[inside].numpy()


def gains(lr: np.ndarray, truth: np.ndarray, scale: int, sigma: float) -> list[float]:
    """Return the gain in dB for each of `TOLD`."""
    varies = lr.std(axis=(1, 2)) > 1e-6 * np.abs(lr).max()
    cube, truth = HyperCube(lr[varies]), truth[varies]
    peak = float(truth.max())
    model = f"dodn-x{scale}"
    blurs = (sigma, "auto", UNMEASURED, 0)
    results = [bicubic(cube, scale), *(upscale(cube, scale, model, blur=blur) for blur in blurs)]
    plain, *found = (
        quality(np.asarray(result.data), truth, data_range=peak).psnr for result in results
    )
    return [psnr - plain for psnr in found]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cave", type=Path, help="CAVE's scenes as downloaded")
    parser.add_argument("sensors", type=Path, help="folder of cubes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    chance = np.random.default_rng(1)
    columns = []
    for cave, sensors in ((None, args.sensors), (args.cave, None)):
        found = []
        for _, hr in truths(cave, sensors, LEAST * min(SCALES)):
            hr = hr[:: max(1, len(hr) // BANDS)]
            for scale in SCALES:
                height, width = (size // scale * scale for size in hr.shape[1:])
                for sigma in SIGMAS:
                    for lr, truth in crops_of(hr[:, :height, :width], scale, sigma, chance):
                        found.append(gains(lr, truth, scale, sigma))
        columns.append(np.array(found))
    print("| the network is told | sensors (dB) | below | worst | scenes (dB) | below | worst |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for number, told in enumerate(TOLD):
        cells = (
            f"{gain.mean():+.2f} | {(gain < 0).sum()} of {len(gain)} | {gain.min():+.2f}"
            for gain in (column[:, number] for column in columns)
        )
        print(f"| {told} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
