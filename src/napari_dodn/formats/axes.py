"""What the three axes of a stored array mean, where the file itself does not say it."""

from __future__ import annotations

from collections.abc import Sequence

from napari_dodn.formats.errors import FormatError

SHORT_FIRST_AXIS = 8
"""The first axis is that of the bands where both others are this much longer."""

MOST_OBLONG = 4
"""Two axes whose lengths differ by a larger factor are not taken for those of a picture."""

ORDINALS = ("first", "second", "third")

LAST_FIRST = (2, 0, 1)
"""The order in which axes are asked whether they are that of the bands."""


def checked_axes(axes: str, called: object) -> str:
    """Return the option `axes` in lower case.

    Parameters
    ----------
    axes : str
        What the caller gave.
    called : object
        The array, as the message is to name it.

    Raises
    ------
    FormatError
        If it is not the letters y, x and b.
    """
    if sorted(axes.lower()) != ["b", "x", "y"]:
        raise FormatError(
            f"The option 'axes' takes the letters y, x and b in the order of the axes of "
            f"{called}, such as 'yxb', not '{axes}'."
        )
    return axes.lower()


def spectral_axis(
    shape: tuple[int, ...],
    wavelength_count: int | None = None,
    *,
    maps: Sequence[tuple[int, ...]] = (),
    otherwise: tuple[int, str],
) -> tuple[int, str]:
    """Return which axis is that of the bands, and why, as the end of a sentence.

    Parameters
    ----------
    shape : tuple of int
        Lengths of the three axes.
    wavelength_count : int, optional
        Number of wavelengths that belong to the cube.
    maps : sequence of tuple of int
        Shapes of images of the same scene that stand beside it.
    otherwise : tuple of int and str
        What to return where nothing speaks for another axis.
    """
    if wavelength_count in shape:
        axis = next(axis for axis in LAST_FIRST if shape[axis] == wavelength_count)
        return axis, f"since there are {wavelength_count} wavelengths"
    sizes = {tuple(sorted(size)) for size in maps}
    beside = [axis for axis in range(3) if _without(shape, axis) in sizes]
    if len(beside) == 1:
        return beside[0], "since a map of its image's size stands beside it"
    for axis in (0, 2):
        first, second = _without(shape, axis)
        if first == second != shape[axis]:
            return axis, "since the other two axes have the same length"
    if shape[0] * SHORT_FIRST_AXIS <= min(shape[1:]):
        return 0, "since the first axis is by far the shortest"
    if shape[2] * SHORT_FIRST_AXIS <= min(shape[:2]):
        return 2, "since the last axis is by far the shortest"
    return otherwise


def usual_axis(shape: tuple[int, ...]) -> tuple[int, str]:
    """Return the axis that is that of the bands most often, and why, as the end of a sentence.

    The last, unless the first is much shorter than the other two, which are like a picture's.
    """
    if 2 * shape[0] <= min(shape[1:]) and max(shape[1:]) <= MOST_OBLONG * min(shape[1:]):
        return 0, "since the first axis is by far the shortest"
    return 2, "where they usually are"


def letters_of(spectral: int) -> str:
    """Return the letters of three axes with rows before columns."""
    return ("byx", "ybx", "yxb")[spectral]


def in_a_sentence(axes: str, why: str) -> str:
    """Return which axis is that of the bands, and why, as a sentence."""
    return f"The bands are the {ORDINALS[axes.index('b')]} axis, {why}."


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(sorted(shape[:axis] + shape[axis + 1 :]))
