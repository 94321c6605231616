"""Which bands of a cube are worth showing: those that the eye sees, or that stand for colours."""

from __future__ import annotations

import numpy as np

from napari_dodn.cube import HyperCube

VISIBLE = (380.0, 780.0)
"""Nanometres in which the eye sees anything."""

VISIBLE_CORE = (450.0, 640.0)
"""Nanometres that must be covered, without gaps wider than `WIDEST_GAP`, to call a colour true."""

WIDEST_GAP = 50.0

ABSORBED = (1340.0, 1470.0), (1790.0, 1990.0)
"""Nanometres in which the air's water leaves next to no light; images of these bands are noise."""

FIRST_WAVELENGTHS = 550.0, 650.0
"""Nanometres of the band that is shown first, the better one first."""

REACH = 30.0
"""How far, in nanometres, a band may lie from the wavelength that it stands for."""

NATURAL = (650.0, 550.0, 450.0)
"""Wavelengths of natural colours from three bands alone."""

INFRARED = (860.0, 650.0, 550.0)
"""Wavelengths of colour infrared."""


def visible_bands(cube: HyperCube) -> np.ndarray:
    """Return the usable bands that the eye sees, by wavelength; none if they leave a gap."""
    if cube.wavelengths is None:
        return np.array([], dtype=int)
    first, last = VISIBLE
    seen = cube.usable_bands & (cube.wavelengths >= first) & (cube.wavelengths <= last)
    bands = np.flatnonzero(seen)
    bands = bands[np.argsort(cube.wavelengths[bands], kind="stable")]
    centres = cube.wavelengths[bands]
    first, last = VISIBLE_CORE
    if not bands.size or centres[0] > first or centres[-1] < last:
        return bands[:0]
    inner = (centres[1:] > first) & (centres[:-1] < last)
    return bands if np.diff(centres)[inner].max() <= WIDEST_GAP else bands[:0]


def nearest_bands(cube: HyperCube, channels: tuple[float, ...]) -> np.ndarray:
    """Return the usable bands nearest to wavelengths, or to band numbers if a cube has none."""
    return _nearest(cube, channels)[0]


def bands_near(cube: HyperCube, wavelengths: tuple[float, ...]) -> np.ndarray | None:
    """Return the usable bands that stand for wavelengths; None if one is too far away."""
    bands, distance = _nearest(cube, wavelengths)
    near = cube.wavelengths is not None and (distance <= REACH).all()
    return bands if near else None


def composite_bands(cube: HyperCube) -> np.ndarray:
    """Return the three bands to show as red, green and blue by default."""
    usable = _usable(cube)
    proposed = np.array(cube.default_bands, dtype=int)
    if proposed.size == 3 and np.isin(proposed, usable).all():
        return proposed
    for wanted in (NATURAL, INFRARED):
        if (bands := bands_near(cube, wanted)) is not None:
            return bands
    if cube.wavelengths is not None:
        usable = usable[np.argsort(cube.wavelengths[usable], kind="stable")]
    # The middles of the upper, central and lower third; the longest wavelengths as red.
    return usable[(usable.size * np.array([5, 3, 1])) // 6]


def clear_bands(cube: HyperCube) -> np.ndarray:
    """Return the usable bands that water does not absorb, or all usable ones if none is left."""
    usable = _usable(cube)
    if cube.wavelengths is None:
        return usable
    centres = cube.wavelengths[usable]
    absorbed = [(centres >= low) & (centres <= high) for low, high in ABSORBED]
    clear = usable[~np.any(absorbed, axis=0)]
    return clear if clear.size else usable


def first_band(cube: HyperCube) -> int:
    """Return the band to show first when single bands are shown.

    That is the first of the cube's `default_bands`, else the one at 550 nm, else the one at 650 nm,
    else the middle one. It is never a bad band, or one that water absorbs, if there are others.
    """
    clear = clear_bands(cube)
    for proposed in cube.default_bands:
        if proposed in clear:
            return int(proposed)
    if cube.wavelengths is not None:
        for wanted in FIRST_WAVELENGTHS:
            distance = np.abs(cube.wavelengths[clear] - wanted)
            nearest = int(np.argmin(np.where(np.isnan(distance), np.inf, distance)))
            if distance[nearest] <= REACH:
                return int(clear[nearest])
    return int(clear[clear.size // 2])


def _usable(cube: HyperCube) -> np.ndarray:
    usable = np.flatnonzero(cube.usable_bands)
    # Where every band is marked bad a poor picture is better than none.
    return usable if usable.size else np.arange(cube.bands)


def _nearest(cube: HyperCube, channels: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    usable = _usable(cube)
    places = np.arange(cube.bands) if cube.wavelengths is None else cube.wavelengths
    distance = np.abs(places[usable] - np.array(channels)[:, None])
    distance = np.where(np.isnan(distance), np.inf, distance)
    return usable[distance.argmin(axis=1)], distance.min(axis=1)
