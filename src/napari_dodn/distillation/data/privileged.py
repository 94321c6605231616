"""The privileged image of each cube: the high-resolution multispectral image the teacher sees.

It is a real picture, brought to the cube's grid and checked, or the cube itself seen through
response functions, which are handed on as weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.distillation.config import Msi
from napari_dodn.distillation.data.picture_files import PictureError, usable_bands
from napari_dodn.distillation.data.pictures import picture_of
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.paths import expanded
from napari_dodn.spectra.colour import Rendering, shown
from napari_dodn.spectra.response import (
    ResponseError,
    ResponseFunctions,
    camera,
    cie_1931,
    cie_1964,
    from_table,
    gaussian_bands,
)
from napari_dodn.spectra.shown_bands import VISIBLE
from napari_dodn.wording import counted, rounded


@dataclass(frozen=True, eq=False)
class Privileged:
    """The privileged image of one cube; one of `weights` and `picture` is None.

    Attributes
    ----------
    name : str
        For example "CIE 1931" or "picture feathers_RGB.bmp".
    weights : numpy.ndarray or None
        Shape (M, bands), float32: the image is weights @ cube, after the cube's invalid pixels
        are filled. Rows sum to 1; bands that cannot be used have weight 0.
    picture : numpy.ndarray or None
        Shape (M, y, x), float32, finite, on the cube's grid, linear in light where that is known.
    notes : tuple of str
        What was found out or done, one sentence each.
    """

    name: str
    weights: np.ndarray | None
    picture: np.ndarray | None
    notes: tuple[str, ...] = ()

    @property
    def bands(self) -> int:
        """Number of bands of the multispectral image, M."""
        image = self.picture if self.weights is None else self.weights
        assert image is not None
        return len(image)


def privileged_images(cubes: Sequence[HyperCube], msi: Msi) -> list[Privileged]:
    """Return the privileged image of each cube, all with the same number of bands.

    Parameters
    ----------
    cubes : sequence of HyperCube
        High-resolution cubes.
    msi : Msi
        Where the images come from. 'auto' takes the pictures where every cube has one that fits;
        else CIE 1931 where every cube covers the visible range and has most of its bands there;
        else Gaussian bands.

    Raises
    ------
    ConfigError
        If a picture is missing, cannot be read or does not fit its cube, or a response sees
        nothing of a cube.
    """
    check_images(cubes, msi)
    match msi.source:
        case "auto":
            return _automatic(cubes, msi)
        case "paired":
            return _paired(cubes, msi)
    return _computed(cubes, msi)


def check_images(cubes: Sequence[HyperCube], msi: Msi) -> None:
    """See whether the images can be had, as far as can be told without pixels.

    Raises
    ------
    ConfigError
        If a picture is missing, or a response sees nothing of a cube.
    """
    names = [cube.name for cube in cubes]
    if unknown := [name for name in msi.pictures if name not in names]:
        raise _fault(f"There is no cube named '{unknown[0]}'; there are {', '.join(names)}.")
    missing = [cube.name for cube in cubes if _path_of_picture(cube, msi) is None]
    if msi.source == "paired" or (msi.source == "auto" and msi.pictures):
        if missing:
            raise _fault(f"The cube '{missing[0]}' has no picture; name one for it.")
    elif msi.source != "auto" or missing:
        _computed(cubes, msi)


def _automatic(cubes: Sequence[HyperCube], msi: Msi) -> list[Privileged]:
    notes: tuple[str, ...] = ()
    if msi.pictures or all(_path_of_picture(cube, msi) for cube in cubes):
        try:
            return _paired(cubes, msi)
        except ConfigError as error:
            if msi.pictures:
                raise
            # Nobody asked for the pictures that happen to lie beside the cubes.
            notes = tuple(f"The pictures are not used. {fault}" for fault in error.faults.values())
    return [replace(image, notes=notes + image.notes) for image in _computed(cubes, msi)]


def _computed(cubes: Sequence[HyperCube], msi: Msi) -> list[Privileged]:
    """Return the images that are the cubes seen through response functions."""
    if msi.source not in ("auto", "gaussian"):
        response = _response(msi)
        return [_seen_through(response, cube) for cube in cubes]
    if msi.source == "gaussian":
        return [_gaussian(cube, msi.bands, msi.range) for cube in cubes]
    if all(_is_visible(cube) for cube in cubes):
        return [_seen_through(cie_1931(), cube) for cube in cubes]
    fewest = min(usable_bands(cube).size for cube in cubes)
    return [_gaussian(cube, min(msi.bands, fewest), msi.range) for cube in cubes]


def _is_visible(cube: HyperCube) -> bool:
    """Tell whether a cube covers the visible range, and little beside it.

    Three bands of the visible would tell next to nothing of the short-wave infrared.
    """
    if cube.wavelengths is None or not shown(cube, Rendering()).is_true:
        return False
    centres = cube.wavelengths[usable_bands(cube)]
    return bool(np.mean((centres >= VISIBLE[0]) & (centres <= VISIBLE[1])) >= 0.8)


def _response(msi: Msi) -> ResponseFunctions:
    """Return the response functions that a configuration names."""
    try:
        match msi.source:
            case "cie 1931":
                return cie_1931()
            case "cie 1964":
                return cie_1964()
            case "camera":
                return camera(msi.camera)
        assert msi.table is not None  # the configuration has seen to it
        return from_table(msi.table)
    except ResponseError as error:
        raise ConfigError({f"msi.{msi.source}": str(error)}) from error


def _seen_through(response: ResponseFunctions, cube: HyperCube) -> Privileged:
    try:
        return Privileged(response.name, _weights(response, cube), None)
    except ResponseError as error:
        raise ConfigError({"msi.source": f"Of '{cube.name}': {error}"}) from error


def _weights(response: ResponseFunctions, cube: HyperCube) -> np.ndarray:
    """Return the weights of all bands of a cube: (M, bands), 0 for those that are not usable."""
    usable = usable_bands(cube)
    weights = np.zeros((response.bands, cube.bands), np.float32)
    weights[:, usable] = response.weights(
        None if cube.wavelengths is None else cube.wavelengths[usable],
        None if cube.fwhm is None else cube.fwhm[usable],
    )
    return weights


def _gaussian(cube: HyperCube, bands: int, span: tuple[float, float] | None) -> Privileged:
    """Return Gaussian bands over a span in nm, else over all of a cube: wavelengths or numbers."""
    if span is not None:
        return _gaussian_within(cube, bands, span)
    usable = usable_bands(cube)
    if bands > usable.size:
        raise ConfigError(
            {
                "msi.bands": f"The cube '{cube.name}' has {usable.size} usable bands, of which"
                f" {bands} Gaussian ones cannot be made; choose at most {usable.size}."
            }
        )
    note = "has no wavelengths, so these are spread over its band numbers."
    if cube.wavelengths is not None:
        centres = np.unique(cube.wavelengths[usable])
        centres = centres[np.isfinite(centres)]
        if centres.size > 1:
            low = centres[0] - (centres[1] - centres[0]) / 2
            high = centres[-1] + (centres[-1] - centres[-2]) / 2
            response = gaussian_bands(low, high, bands)
            try:
                return Privileged(response.name, _weights(response, cube), None)
            except ResponseError:
                note = "has a gap in its wavelengths, so these are spread over its band numbers."
    numbers = gaussian_bands(-0.5, usable.size - 0.5, bands)
    weights = np.zeros((bands, cube.bands), np.float32)
    weights[:, usable] = numbers.weights(np.arange(usable.size))
    name = f"{counted(bands, 'Gaussian band')} over the band numbers"
    return Privileged(name, weights, None, (f"Gaussian bands: the cube '{cube.name}' {note}",))


def _gaussian_within(cube: HyperCube, bands: int, span: tuple[float, float]) -> Privileged:
    """Return Gaussian bands spread over wavelengths that a person has chosen."""
    low, high = span
    centres = np.array([]) if cube.wavelengths is None else cube.wavelengths[usable_bands(cube)]
    if not np.isfinite(centres).any():
        raise ConfigError(
            {
                "msi.range": f"The cube '{cube.name}' has no wavelengths, so no range of them can"
                " be chosen; leave the field empty."
            }
        )
    if not ((centres >= low) & (centres <= high)).any():
        raise ConfigError(
            {
                "msi.range": f"The cube '{cube.name}', of {rounded(np.nanmin(centres))} to"
                f" {rounded(np.nanmax(centres))} nm, has no usable band from {low:g} to"
                f" {high:g} nm; choose another range."
            }
        )
    response = gaussian_bands(low, high, bands)
    try:
        return Privileged(response.name, _weights(response, cube), None)
    except ResponseError as error:
        raise ConfigError({"msi.range": f"With the cube '{cube.name}': {error}"}) from error


def _path_of_picture(cube: HyperCube, msi: Msi) -> Path | None:
    if cube.name in msi.pictures:
        return msi.pictures[cube.name]
    return Path(cube.rgb_picture) if cube.rgb_picture else None


def _paired(cubes: Sequence[HyperCube], msi: Msi) -> list[Privileged]:
    found: list[Privileged] = []
    for cube in cubes:
        path = _path_of_picture(cube, msi)
        assert path is not None  # `check_images` has seen to it
        try:
            picture, notes = picture_of(cube, expanded(path))
        except PictureError as error:
            raise _fault(str(error)) from error
        image = Privileged(f"picture {path.name}", None, picture, notes)
        if found and image.bands != found[0].bands:
            raise _fault(
                f"The {image.name} of '{cube.name}' has {image.bands} bands, that of"
                f" '{cubes[0].name}' has {found[0].bands}; all must have as many."
            )
        found.append(image)
    return found


def _fault(sentence: str) -> ConfigError:
    return ConfigError({"msi.pictures": sentence})
