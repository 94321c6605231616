"""Curves out to files and the clipboard, and spectra of libraries in as references. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.tables import csv_library
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source, is_colour
from napari_dodn.spectra.library import (
    RESAMPLED,
    LibraryError,
    SpectralLibrary,
    Spectrum,
    on_different_scales,
    resample,
)
from napari_dodn.wording import counted


def library_of(curves: Iterable[Curve]) -> SpectralLibrary:
    """Return the visible curves as they were measured; the edges of a spread are spectra too.

    Raises
    ------
    LibraryError
        If no curve is visible.
    """
    spectra = []
    for curve in curves:
        if not curve.visible:
            continue
        spectra.append(_spectrum(curve, curve.label, curve.y))
        for what, edge in zip(("lower", "upper"), curve.spread or (), strict=False):
            spectra.append(_spectrum(curve, f"{curve.label} ({what})", edge))
    if not spectra:
        raise LibraryError("There is no visible spectrum to export; pin a point first.")
    return SpectralLibrary(tuple(spectra))


def _spectrum(curve: Curve, name: str, values: np.ndarray) -> Spectrum:
    return Spectrum(
        name,
        values,
        curve.x,
        fwhm=curve.fwhm,
        good_bands=curve.good_bands,
        color=curve.colour,
        quantity=curve.quantity,
        metadata={"origin": curve.origin} if curve.origin else {},
    )


def library_from_text(text: str) -> SpectralLibrary:
    """Return the spectra that a text from the clipboard holds as a table.

    Raises
    ------
    UserError
        If it holds none.
    """
    if not text.strip():
        raise LibraryError("The clipboard holds no text; copy spectra first.")
    return csv_library.library_in(text, Path("The clipboard"))


FEWEST_BANDS = 2
"""Bands that a curve is drawn through: a spectrum with fewer could not be seen."""

OTHER_SCALE = "Their scale differs from the cube's: choose 'maximum = 1' to compare shapes."


def add_references(
    library: SpectralLibrary, source: str, cube: HyperCube | None, store: CurveStore
) -> str:
    """Add the spectra of a library to the plot, at the bands of a cube where there is one.

    Parameters
    ----------
    library : SpectralLibrary
        The spectra.
    source : str
        What it is called, for the origin of the curves.
    cube : HyperCube or None
        Whose bands they are brought to, where both have wavelengths.
    store : CurveStore
        Where they go.

    Returns
    -------
    str
        A sentence about what was done to them.
    """
    curves: list[Curve] = []
    ways = []
    for spectrum in library:
        known = [curve.colour for curve in curves]
        spectrum, way = _at_bands_of(spectrum, cube)
        ways.append(way)
        id_ = f"library/{uuid4().hex}"
        curves.append(
            Curve(
                id=id_,
                name=spectrum.name,
                x=spectrum.wavelengths,
                y=spectrum.values,
                colour=spectrum.color if is_colour(spectrum.color) else store.free_colour(known),
                source=Source.LIBRARY,
                group=id_,
                good_bands=spectrum.good_bands,
                fwhm=spectrum.fwhm,
                quantity=spectrum.quantity,
                origin=f"{source}, {way}" if way else source,
            )
        )
    store.put(curves)
    count = f"{counted(len(curves), 'reference')} from {source}"
    changed = sorted({way for way in ways if way})
    said = f"{count}: {'; '.join(changed)}." if changed else f"{count}, unchanged."
    return f"{said} {OTHER_SCALE}" if scales_differ(store) else said


def scales_differ(store: CurveStore) -> bool:
    """Tell whether references or the other curves lie flat at the foot of a plot of both."""
    references = store.of(Source.LIBRARY)
    groups = references, [curve for curve in store if curve not in references]
    return on_different_scales(*(np.concatenate([[], *(x.y for x in part)]) for part in groups))


def _at_bands_of(spectrum: Spectrum, cube: HyperCube | None) -> tuple[Spectrum, str]:
    """Return a spectrum at a cube's bands, and how it came there; empty where nothing was done."""
    if cube is None or cube.wavelengths is None or spectrum.wavelengths is None:
        return spectrum, ""
    if np.array_equal(cube.wavelengths, spectrum.wavelengths):
        return spectrum, ""
    moved = resample(spectrum, cube.wavelengths, cube.fwhm)
    met = np.count_nonzero(np.isfinite(moved.values))
    if met < min(FEWEST_BANDS, moved.values.size):
        but = " but for one band" if met else ""
        return spectrum, f"not resampled, because it lies outside of {cube.name}{but}"
    return moved, f"resampled to {cube.name} {moved.metadata[RESAMPLED]}"
