"""The pixels of a cube that lie in the regions of a Shapes or Labels layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels, Shapes

if TYPE_CHECKING:
    from napari.layers import Layer

MOST_REGIONS = 100
"""More regions than this make no picture that can be read."""

ELLIPSE_CORNERS = 72

NAME = "name"
"""The feature of a shape that names its region."""

FACE_ALPHA, NUMBER_SIZE = 0.3, 11
"""How much of its colour a region has inside, and the size of its number on the image."""

Face: TypeAlias = "tuple[float, ...]"

NAPARI_FACES = frozenset({(1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0)})
"""Faces that nobody has chosen: what napari draws with, and what a region to sharpen has."""


class Outline(NamedTuple):
    """A drawn region.

    Attributes
    ----------
    number : int
        The label, or the shape's place in its layer from 1.
    name : str
        What to call it.
    colour : str or None
        "#rrggbb" where the layer has given it one of its own.
    vertices : numpy.ndarray or None
        (n, 2) in world coordinates; None for a label.
    closed : bool
        Whether it has an inside: lines and paths have none.
    """

    number: int
    name: str
    colour: str | None
    vertices: np.ndarray | None = None
    closed: bool = True


def outlines(layer: Shapes) -> list[Outline]:
    """Return the shapes of a layer in world coordinates, without their place along the bands."""
    names = _names(layer)
    found = []
    for number, (kind, corners, name) in enumerate(
        zip(layer.shape_type, layer.data, names, strict=True), start=1
    ):
        vertices = _ellipse(corners) if kind == "ellipse" else corners
        world = np.array([layer.data_to_world(vertex)[-2:] for vertex in vertices], float)
        found.append(
            Outline(number, name or f"Region {number}", None, world, kind not in ("line", "path"))
        )
    return found


def _names(layer: Shapes) -> list[str]:
    names = layer.features[NAME] if NAME in layer.features else [""] * layer.nshapes
    return [name if isinstance(name, str) else "" for name in names]


def _texts(layer: Shapes) -> list[str]:
    return [str(text) for text in np.broadcast_to(layer.text.values, layer.nshapes)]


def name_shape(layer: Shapes, number: int, name: str) -> None:
    """Name a shape, counted from 1, in the features of its layer."""
    features = layer.features.copy()
    names = _names(layer)
    names[number - 1] = name
    features[NAME] = names
    layer.features = features


def paint(colours: Mapping[int, str], layer: Shapes) -> None:
    """Draw shapes in the colours of their spectra, with their numbers or names beside them.

    Parameters
    ----------
    colours : mapping
        "#rrggbb" of each shape, counted from 1; shapes that are not there stay as they are.
    layer : napari.layers.Shapes
        Its texts stay where somebody else has written some.
    """
    from napari.utils.colormaps.standardize_color import transform_color

    painted, written = _painted.get(layer, (frozenset(), []))
    ours = set()  # by their colours: numbers move up when a shape before them is deleted
    edges, faces = np.array(layer.edge_color), np.array(layer.face_color)
    for number, colour in colours.items():
        if number > layer.nshapes:  # deleted meanwhile
            continue
        edges[number - 1] = transform_color(colour)[0]
        if _face(faces[number - 1]) in painted | NAPARI_FACES:
            faces[number - 1] = (*edges[number - 1, :3], FACE_ALPHA)
            ours.add(_face(faces[number - 1]))
    if not np.array_equal(edges, layer.edge_color):
        layer.edge_color = edges
    if not np.array_equal(faces, layer.face_color):
        layer.face_color = faces
    texts = [name or str(number) for number, name in enumerate(_names(layer), start=1)]
    here = _texts(layer)
    if here != texts and {*here} <= {"", *written}:
        layer.text = {"string": texts, "size": NUMBER_SIZE, "color": "white", "anchor": "center"}
        written = texts
    _painted[layer] = frozenset(ours), written


def pixels_in(outline: Outline, cube: Layer) -> np.ndarray:
    """Return (n, 2) rows and columns of a cube layer's pixels whose centres lie in a shape.

    A shape smaller than a pixel has the pixel under its middle.
    """
    from skimage.draw import line, polygon

    assert outline.vertices is not None
    world_to_data = cube.world_to_data
    corners = np.array([world_to_data((0.0, *vertex))[-2:] for vertex in outline.vertices])
    if not np.isfinite(corners).all():
        return np.empty((0, 2), int)
    shape = cube.data.shape[1:]
    if outline.closed:
        rows, columns = polygon(corners[:, 0], corners[:, 1], shape)
        found = np.column_stack([rows, columns])
    else:
        ends = np.rint(np.clip(corners, -1e6, 1e6)).astype(int)
        legs = [np.column_stack(line(*a, *b)) for a, b in pairwise(ends)]
        found = np.unique(np.concatenate(legs), axis=0) if legs else ends
    if not len(found):
        found = np.rint(corners.mean(axis=0))[None].astype(int)
    return found[((found >= 0) & (found < shape)).all(axis=1)]


def labelled(labels: Labels, cube: Layer) -> np.ndarray:
    """Return the label of each pixel of a cube layer, shape (y, x), 0 where there is none.

    A label that is painted on any band counts for all: bands are not where things are.
    """
    painted = np.asarray(labels.data[0] if labels.multiscale else labels.data)
    if painted.ndim > 2:
        painted = painted.max(axis=tuple(range(painted.ndim - 2)))
    rows, columns = (np.arange(side) for side in cube.data.shape[1:])
    to_labels = _plane_map(cube, labels)
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    places = np.floor(grid @ to_labels[:, :2].T + to_labels[:, 2] + 0.5).astype(int)
    inside = ((places >= 0) & (places < painted.shape)).all(axis=-1)
    found = np.zeros(inside.shape, painted.dtype)
    found[inside] = painted[tuple(places[inside].T)]
    return found


def regions_of_labels(found: np.ndarray, layer: Labels) -> Iterator[tuple[Outline, np.ndarray]]:
    """Yield each label that there is, with (n, 2) rows and columns of its pixels."""
    for label in np.unique(found):
        if label > 0:
            red, green, blue, alpha = (round(255 * part) for part in layer.get_color(label))
            # Hidden ones, as all but the selected may be, would be black on the dark plot.
            colour = f"#{red:02x}{green:02x}{blue:02x}" if alpha else None
            yield Outline(int(label), f"Label {label}", colour), np.argwhere(found == label)


def _plane_map(source: Layer, target: Layer) -> np.ndarray:
    """Return the (2, 3) affine matrix from one layer's (y, x) pixels to another's."""

    def mapped(y: float, x: float) -> np.ndarray:
        world = source.data_to_world((0.0, y, x))
        padded = (0.0,) * max(0, target.ndim - 3) + tuple(world)
        return np.asarray(target.world_to_data(padded), float)[-2:]

    origin = mapped(0, 0)
    return np.column_stack([mapped(1, 0) - origin, mapped(0, 1) - origin, origin])


def _face(colour: np.ndarray) -> Face:
    return tuple(round(float(part), 3) for part in colour)


_painted: WeakKeyDictionary[Shapes, tuple[frozenset[Face], list[str]]] = WeakKeyDictionary()
"""The faces that shapes have from here, and the texts that were written beside them."""


def _ellipse(corners: np.ndarray) -> np.ndarray:
    """Return vertices around the ellipse in a parallelogram of four corners."""
    centre = corners.mean(axis=0)
    a, b = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)[:, None]
    return centre + a * np.cos(turn) + b * np.sin(turn)
