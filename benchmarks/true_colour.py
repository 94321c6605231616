"""How near true colour comes to the CAVE database's own pictures and to the CIE's tables.

    python benchmarks/true_colour.py [CAVE]

CAVE is the folder of the database, a folder of band images for each scene. Of each scene the
picture is compared with the database's: the rank correlation (Spearman's) of red, green and blue,
and the mean absolute difference in levels of 255 after both are made equally bright on average,
since how theirs were exposed is not known. Then a ColorChecker in daylight (D65; the reflectances
"BabelColor Average" of colour-science) against the same patches through the CIE's tables: ΔE2000
for three distances between bands.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from imageio.v3 import imread
from scipy.stats import spearmanr

from napari_dodn import HyperCube, read
from napari_dodn.spectra.colour import render

SPACINGS = 5, 10, 20
OBSERVER, LIGHT, CHART = "CIE 1931 2 Degree Standard Observer", "D65", "BabelColor Average"


def scene(folder: Path) -> tuple[np.ndarray, float]:
    """Return the rank correlations of three channels, and the mean difference of 255 levels."""
    cube = read(folder)
    ours, theirs = render(cube).astype(float), imread(cube.rgb_picture)[..., :3].astype(float)
    ranks = [spearmanr(ours[..., c].ravel(), theirs[..., c].ravel()).statistic for c in range(3)]
    as_bright = ours * (theirs.mean() / ours.mean())
    return np.array(ranks), float(np.abs(as_bright - theirs).mean())


def chart(spacing: int) -> np.ndarray:
    """Return ΔE2000 of the patches of a ColorChecker that sRGB can show."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of optional plotting libraries, and of wider tables
        import colour

        patches = list(colour.SDS_COLOURCHECKERS[CHART].values())
        fine = colour.SpectralShape(380, 780, 1)
        xyz = [
            colour.sd_to_XYZ(
                patch.copy().align(fine, extrapolator_kwargs={"method": "constant"}),
                cmfs=colour.MSDS_CMFS[OBSERVER],
                illuminant=colour.SDS_ILLUMINANTS[LIGHT],
            )
            / 100
            for patch in patches
        ]
        theirs = colour.XYZ_to_sRGB(np.array(xyz))
        wavelengths = np.arange(400.0, 701.0, spacing)
        spectra = [np.interp(wavelengths, patch.wavelengths, patch.values) for patch in patches]
        spectra.append(np.ones(wavelengths.size))  # the white that exposure is set by
        ours = render(HyperCube(np.stack(spectra, axis=-1)[:, None], wavelengths))[0, :-1] / 255
        shown = ((theirs > 0) & (theirs < 1)).all(axis=1)
        lab = [colour.XYZ_to_Lab(colour.sRGB_to_XYZ(rgb[shown])) for rgb in (ours, theirs)]
        return np.asarray(colour.delta_E(*lab, method="CIE 2000"))


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cave", type=Path, nargs="?", help="folder of the CAVE database")
    args = parser.parse_args()
    if args.cave is not None:
        print("| scene | red | green | blue | mean difference of 255 levels |")
        print("|---|--:|--:|--:|--:|")
        found = []
        for folder in sorted(path for path in args.cave.iterdir() if path.is_dir()):
            ranks, difference = scene(folder)
            found.append([*ranks, difference])
            print(f"| {folder.name.removesuffix('_ms')} |", *_cells(found[-1]), flush=True)
        print("| mean |", *_cells(np.mean(found, axis=0)))
        print("| median |", *_cells(np.median(found, axis=0)))
        worst = [*np.min(found, axis=0)[:3], np.max(found, axis=0)[3]]
        print("| worst |", *_cells(worst), end="\n\n")
    print("| bands every | patches | ΔE2000, mean | largest |")
    print("|---|--:|--:|--:|")
    for spacing in SPACINGS:
        found = chart(spacing)
        print(f"| {spacing} nm | {found.size} | {found.mean():.2f} | {found.max():.2f} |")


def _cells(figures: list[float] | np.ndarray) -> list[str]:
    *ranks, difference = figures
    return [*(f"{rank:.3f} |" for rank in ranks), f"{difference:.1f} |"]


if __name__ == "__main__":
    main()
