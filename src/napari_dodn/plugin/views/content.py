"""What the views beside a result show: colours in its levels, and bicubic interpolation. No Qt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.jobs import Steps
from napari_dodn.spectra.colour import (
    Channels,
    Rendering,
    channels_steps,
    levels_of,
    render_steps,
    toned,
)

MOST_PIXELS = 4096 * 4096
"""Larger results have no bicubic view: three channels of it would not fit beside them."""


def colours_steps(
    source: HyperCube,
    rendering: Rendering,
    max_pixels: int,
    region: Region | None,
    cancelled: Callable[[], bool],
) -> Steps[np.ndarray]:
    """Make the colours of a source, or a part; uint8, shape (y, x, 3).

    With the levels of the result's picture they are as bright as that.
    """
    part = source if region is None else source.crop(region)
    rendered = yield from render_steps(part, max_pixels, rendering, cancelled=cancelled)
    return rendered.rgb


def bicubic_colours_steps(
    source: HyperCube,
    rendering: Rendering,
    scale: int,
    region: Region | None,
    cancelled: Callable[[], bool],
) -> Steps[np.ndarray]:
    """Make the colours of the bicubic interpolation; uint8, shape (y, x, 3).

    Interpolation and the way from bands to channels are both linear, so the channels alone are
    interpolated.
    """
    from napari_dodn.upscaling import bicubic_steps

    part, region = _surroundings(source, region)
    channels = yield from channels_steps(part, None, rendering, cancelled=cancelled)
    coarse = HyperCube(channels.values, name=source.name)
    fine = yield from bicubic_steps(coarse, scale, region=region, cancelled=cancelled)
    channels = Channels(np.asarray(fine.data), channels.is_true)
    return toned(channels, rendering, levels_of(channels, rendering))


def bicubic_band_steps(
    source: HyperCube,
    band: int,
    scale: int,
    region: Region | None,
    cancelled: Callable[[], bool],
) -> Steps[np.ndarray]:
    """Interpolate one band; shape (y, x)."""
    from napari_dodn.upscaling import bicubic_steps

    part, region = _surroundings(source, region)
    one = HyperCube(np.asarray(part.data[band])[None], name=source.name, nodata=source.nodata)
    fine = yield from bicubic_steps(one, scale, region=region, cancelled=cancelled)
    return np.asarray(fine.data)[0]


def _surroundings(source: HyperCube, region: Region | None) -> tuple[HyperCube, Region | None]:
    """Return what of a source its interpolation in a region depends on, and the region in that."""
    if region is None:
        return source, None
    from napari_dodn.filling import FILL_RADIUS
    from napari_dodn.network.bicubic import RADIUS

    seen = region.grown(RADIUS + FILL_RADIUS).within(source.shape[1], source.shape[2])
    return source.crop(seen), region.relative_to(seen)
