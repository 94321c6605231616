"""The one contract between a HyperCube and napari's layers; nobody else touches `layer.metadata`.

A cube is an Image layer (bands × y × x) whose description lies in plain types under one key of its
metadata, and, beside it, a picture of it: an RGB layer over the same place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from napari_dodn.cube import CubeError, HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import result_of
from napari_dodn.plugin.viewer.by_band import scattered
from napari_dodn.plugin.viewer.contrast import FEW_ROWS, SAMPLE_BANDS, SAMPLE_SIDE, contrast_limits
from napari_dodn.plugin.viewer.placing import LayerData, grid_of, image_over

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_dodn.spectra.colour import Rendering

KEY = "napari_dodn"
"""Key of `layer.metadata` under which everything of ours lies."""

CUBE, PICTURE, MAP, STACK, FIT = "cube", "picture", "map", "stack", "fit"
"""What a layer of ours is; a stack is somebody else's, of which a cube was made."""

DRAFT = "draft"
"""Marks a picture that is yet to be made."""

PICTURE_PIXELS = 2048 * 2048
"""A picture with more pixels than this is thinned."""

POINT_NUMBER, POINT_NAME, POINT_COLOUR = "spectrum", "name", "colour"
"""Features of a layer of marked points: a number of its own for each, its name, "#rrggbb"."""


class LayerError(UserError):
    """A layer that is no cube."""


def is_cube(layer: Layer) -> bool:
    """Tell whether a layer holds a cube, by its metadata."""
    from napari.layers import Image

    # napari hands the metadata on to the labels that it makes of an image.
    is_stack = isinstance(layer, Image) and layer.ndim == 3 and not layer.rgb
    return is_stack and _kind(layer.metadata) == CUBE


def is_picture(layer: Layer) -> bool:
    """Tell whether a layer is the picture of a cube, or an RGB picture that came with one."""
    from napari.layers import Image

    # napari hands the metadata on to the channels that it splits a picture into.
    return isinstance(layer, Image) and layer.rgb and _kind(layer.metadata) == PICTURE


def is_draft(layer: Layer) -> bool:
    """Tell whether a layer is the picture of a cube that is yet to be made."""
    return is_picture(layer) and bool(layer.metadata[KEY].get(DRAFT))


def is_map(layer: Layer) -> bool:
    """Tell whether a layer is a map that was computed from a cube."""
    return _kind(layer.metadata) == MAP


def is_fit(layer: Layer) -> bool:
    """Tell whether a layer shows how a sharper picture fits a cube."""
    return _kind(layer.metadata) == FIT


def may_be_cube(layer: Layer) -> bool:
    """Tell whether a layer is an image of somebody else's that has an axis for bands."""
    from napari.layers import Image

    ours = _kind(layer.metadata) not in (None, STACK)
    return isinstance(layer, Image) and not layer.rgb and layer.ndim >= 3 and not ours


def remember_axis(stack: Layer, axis: int, cube: Layer) -> None:
    """Note in a layer which of its axes was said to be spectral, and the cube that was made."""
    ours = {"kind": STACK, "axis": axis, "cube": cube.metadata[KEY]["id"]}
    stack.metadata = {**stack.metadata, KEY: ours}


def remembered_axis(stack: Layer) -> int | None:
    """Return which axis of a layer was said to be spectral, None where nobody has said it."""
    axis = _ours(stack.metadata).get("axis")
    return None if axis is None else int(axis)


def cube_made_of(stack: Layer, layers: Iterable[Layer]) -> Layer | None:
    """Return the cube layer that was made of somebody else's layer, None where none is there."""
    if _kind(stack.metadata) != STACK:
        return None
    return next(_cubes_with(stack.metadata[KEY].get("cube"), layers), None)


def cube_from_layer(layer: Layer) -> HyperCube:
    """Return the cube that a layer shows, with the layer's pixels and name.

    Raises
    ------
    LayerError
        If the layer is no cube, or its pixels no longer fit the description.
    """
    return cube_from_layer_data(layer.data, {"name": layer.name, "metadata": layer.metadata})


def cube_from_layer_data(data: Any, attributes: Mapping[str, Any]) -> HyperCube:
    """Return the cube of a layer that is given as napari hands it to writers.

    Raises
    ------
    LayerError
        If the layer is no cube, or its pixels no longer fit the description.
    """
    name, metadata = attributes.get("name", ""), attributes.get("metadata", {})
    if _kind(metadata) != CUBE:
        what = "a picture of a cube" if _kind(metadata) == PICTURE else "not a hyperspectral cube"
        raise LayerError(f"Layer '{name}' is {what}; choose the layer of a cube.")
    try:
        return HyperCube.described(data, {**metadata[KEY], "name": name})
    except CubeError as error:
        raise LayerError(f"Layer '{name}' does not fit its metadata: {error}") from error


def cube_to_save(chosen: Sequence[LayerData], open_layers: Iterable[Layer]) -> HyperCube:
    """Return the cube that a person means who saves some layers.

    Parameters
    ----------
    chosen : sequence of LayerData
        As napari hands them to writers: a cube, its picture, or both.
    open_layers : iterable of Layer
        Where the cube of a picture is looked for that comes alone.

    Raises
    ------
    LayerError
        If the layers mean no cube or several.
    """
    cubes = [(data, own) for data, own, _ in chosen if _kind(own.get("metadata", {})) == CUBE]
    known, open_layers = {own["metadata"][KEY].get("id") for _, own in cubes}, list(open_layers)
    for data, own, _ in chosen:
        metadata = own.get("metadata", {})
        is_colours = _kind(metadata) == PICTURE and own.get("rgb")  # and no channel split from them
        identity = metadata[KEY].get("of") if is_colours else None
        if _kind(metadata) == CUBE or (identity and identity in known):
            continue
        if not identity:
            cube_from_layer_data(data, own)  # says what the layer is instead
        made = list(_cubes_with(identity, open_layers))
        if not made:
            raise LayerError(
                f"The cube of layer '{own.get('name', '')}' is no longer open; only its colours"
                " are left."
            )
        cubes += [layer.as_layer_data_tuple()[:2] for layer in made]
        known.add(identity)
    if len(cubes) > 1:
        names = ", ".join(f"'{own.get('name', '')}'" for _, own in cubes)
        raise LayerError(
            f"A file holds one cube, but {len(cubes)} are selected: {names}. Select one."
        )
    return cube_from_layer_data(*cubes[0])


def describe_layer(layer: Layer, cube: HyperCube) -> None:
    """Make a layer that has the pixels of a cube, as (bands, y, x), the layer of this cube."""
    identity = layer.metadata[KEY].get("id") if is_cube(layer) else None
    ours = {"kind": CUBE, "id": identity or uuid4().hex, **cube.description()}
    layer.metadata = {**layer.metadata, KEY: ours}  # replaced, so that napari tells of it


def description_of(layer: Layer) -> Mapping[str, Any]:
    """Return what a cube layer says of its cube; it is replaced, never changed."""
    return _ours(layer.metadata)


def description_in(layers: Iterable[LayerData]) -> Mapping[str, Any]:
    """Return what layers that are yet to be added, a cube's first, say of the cube."""
    (_, attributes, _), *_ = layers
    return _ours(attributes["metadata"])


def said_elsewhere(layer: Layer) -> dict[str, Any]:
    """Return what others than this plugin have put into a layer's metadata."""
    return {str(key): value for key, value in layer.metadata.items() if key != KEY}


def layer_data_from_cube(
    cube: HyperCube, *, draft: bool = False, rendering: Rendering | None = None
) -> list[LayerData]:
    """Return the layers of a cube: the cube itself, and its picture on top.

    Reads a sample of the pixels for the contrast limits and what the picture needs, never a whole
    file.

    Parameters
    ----------
    cube : HyperCube
        What is shown.
    draft : bool
        Look at one band only, and leave the picture black and hidden, for `drafts` to finish it.
        A cube whose bands lie scattered over a large file is hidden, too.
    rendering : Rendering, optional
        How the picture is made; automatic where left out.
    """
    from napari_dodn.spectra.colour import Rendering, render_steps, thinning

    size, unit = grid_of(cube)
    name, identity = cube.name or "cube", uuid4().hex
    hidden = draft and scattered(cube.data)
    rows = FEW_ROWS if hidden else SAMPLE_SIDE
    layer = {
        "name": name,
        "metadata": {KEY: {"kind": CUBE, "id": identity, **cube.description()}},
        "contrast_limits": contrast_limits(cube, 1 if draft else SAMPLE_BANDS, rows),
        "visible": not hidden,
        "rgb": False,
        # Pixels of a file come with one; napari's would hold a quarter of the memory until its end.
        "cache": not cube.source,
        "scale": (1.0, *size),
        "translate": (0.0, 0.0, 0.0),
        "units": ("pixel", unit, unit),
        "axis_labels": ("band", "y", "x"),
    }
    # A thinned picture has every n-th pixel, and its last ones may stand out over the edge.
    step = thinning(cube.shape[1:], PICTURE_PIXELS)
    rendering = rendering or Rendering()
    levels: tuple[float, ...] = ()
    if draft:
        rgb = np.zeros((*(math.ceil(side / step) for side in cube.shape[1:]), 3), np.uint8)
    else:
        rgb, levels = result_of(render_steps(cube, PICTURE_PIXELS, rendering))
    picture = picture_layer(rgb, cube, picture_name(name), (step, step))
    picture[1]["metadata"][KEY] = _about_picture(identity, rendering, levels)
    if draft:
        picture[1]["metadata"][KEY][DRAFT] = True
        picture[1]["visible"] = False
    return [(cube.data, layer, "image"), picture]


def picture_name(cube_name: str) -> str:
    """Return what the picture of a cube is called."""
    return f"{cube_name} · colours"


def picture_of(layer: Layer, layers: Iterable[Layer]) -> Layer | None:
    """Return the topmost picture that was made of a cube layer; it stays tied under any name.

    A duplicate of a cube, to which napari gives the same metadata, has none of the first one's.
    """
    identity, layers = layer.metadata[KEY].get("id"), list(layers)
    made = [
        x for x in layers if is_picture(x) and identity and x.metadata[KEY].get("of") == identity
    ]
    return made[-1] if made and cube_of(made[-1], layers) in (layer, None) else None


def cube_of(picture: Layer, layers: Iterable[Layer]) -> Layer | None:
    """Return the cube layer that a picture was made of, None where it is gone."""
    return next(_cubes_with(picture.metadata[KEY].get("of"), layers), None)


def rendering_of(picture: Layer) -> dict[str, Any]:
    """Return how a picture was asked for, as `Rendering.plain` gave it."""
    return dict(picture.metadata[KEY].get("rendering", {}))


def levels_in(picture: Layer) -> tuple[float, ...]:
    """Return what is black and white in a picture, as `Rendering` takes it; empty in a draft."""
    return tuple(picture.metadata[KEY].get("levels", ()))


def tell_apart(layer: Layer, layers: Iterable[Layer]) -> None:
    """Give a cube layer an id of its own where it is the duplicate of another one."""
    identity = layer.metadata[KEY].get("id")
    if any(x is not layer and is_cube(x) and x.metadata[KEY].get("id") == identity for x in layers):
        layer.metadata = {**layer.metadata, KEY: {**layer.metadata[KEY], "id": uuid4().hex}}


def tie_picture(
    picture: Layer, layer: Layer, rendering: Rendering, levels: tuple[float, ...]
) -> None:
    """Note in a layer's metadata that it is the picture of a cube layer, and how it was made."""
    identity = layer.metadata[KEY].setdefault("id", uuid4().hex)
    ours = _about_picture(identity, rendering, levels)
    picture.metadata = {**picture.metadata, KEY: ours}  # replaced, so that napari tells of it


def picture_layer(
    rgb: np.ndarray, cube: HyperCube, name: str, steps: tuple[float, float] | None = None
) -> LayerData:
    """Return the layer of an RGB picture of the same place as a cube.

    Parameters
    ----------
    rgb : numpy.ndarray
        uint8, shape (y, x, 3).
    cube : HyperCube
        The cube that it lies over.
    name : str
        The layer's name.
    steps : tuple of float, optional
        Size of its pixels along (y, x) in pixels of the cube; where left out, the one with which
        it covers the cube.
    """
    size, unit = grid_of(cube)
    if steps is None:
        steps = cube.shape[1] / rgb.shape[0], cube.shape[2] / rgb.shape[1]
    layer = {
        "name": name,
        "metadata": {KEY: {"kind": PICTURE}},
        "rgb": True,
        "scale": tuple(step * side for step, side in zip(steps, size, strict=True)),
        "translate": tuple((step - 1) / 2 * side for step, side in zip(steps, size, strict=True)),
        "units": (unit, unit),
        "axis_labels": ("y", "x"),
    }
    return rgb, layer, "image"


def map_layer(
    values: np.ndarray,
    source: Layer,
    attributes: Mapping[str, Any],
    region: Region | None = None,
) -> LayerData:
    """Return the layer of a map, exactly over the cube layer that it was computed from.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (y, x) of the cube, or of the region.
    source : Layer
        The layer of the cube.
    attributes : mapping
        Of the layer to be: its name, colormap and contrast limits.
    region : Region, optional
        The part of the cube that the map covers.
    """
    own = {**_made_of(source, MAP), "rgb": False, **attributes}
    return image_over((values, own, "image"), source, 1, region)


def fit_layer(rgb: np.ndarray, name: str, source: Layer, scale: int, region: Region) -> LayerData:
    """Return a layer that shows how a sharper picture fits a part of a cube, exactly over it.

    Parameters
    ----------
    rgb : numpy.ndarray
        uint8, shape (y, x, 3), with `scale` pixels for each of the cube's.
    name : str
        The layer's.
    source : Layer
        Of the cube.
    scale : int
        Pixels along y and x for each pixel of the cube.
    region : Region
        The part.
    """
    own = {**_made_of(source, FIT), "rgb": True, "name": name}
    return image_over((rgb, own, "image"), source, scale, region)


def _made_of(source: Layer, kind: str) -> dict[str, Any]:
    """Return the attributes of an image that was made of a cube, before it is laid over that."""
    labels = tuple(source.axis_labels)[1:]
    return {"metadata": {KEY: {"kind": kind}}, "scale": (1.0, 1.0), "axis_labels": labels}


def _cubes_with(identity: str | None, layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield the cube layers with an id."""
    return (x for x in layers if is_cube(x) and identity and x.metadata[KEY].get("id") == identity)


def _about_picture(
    identity: str, rendering: Rendering, levels: tuple[float, ...]
) -> dict[str, Any]:
    return {"kind": PICTURE, "of": identity, "rendering": rendering.plain(), "levels": levels}


def _ours(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    ours = metadata.get(KEY)
    return ours if isinstance(ours, Mapping) else {}


def _kind(metadata: Mapping[str, Any]) -> str | None:
    return _ours(metadata).get("kind")
