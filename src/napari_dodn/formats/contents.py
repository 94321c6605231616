"""What a file holds that may be a cube, told without reading pixels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_dodn.formats.errors import FormatError

LEAST_BANDS = 4
"""A picture has up to three channels; what has more may be a cube."""

NOT_A_CUBE = re.compile(
    r"(^|[^a-z])(gt|gnd|rgb|pan|std|stddev|stdev|sd|sigma|unc|qa|qc|qual|dq|err|errors?|flags?|snr|"
    r"var|variance|noise|ne(dl|dr|sr|dt)|rmse|residuals?|weights?|valid|saturat(ed|ion)|count|"
    r"n_?(samples|obs|valid)|obs|geometry|glt|igm|darks?|darkref|whites?|whiteref|flat_?field)"
    r"([^a-z]|$)|truth|label|mask|abundance|class|uncertaint|quality|confidence|(Snr|SNR)$",
    re.IGNORECASE,
)
"""Names of what stands beside a cube: classes, abundances, quality, noise, references, pictures."""


class Explanation(str):
    """A note of a reader on a file in which nothing is wrong or left open."""

    __slots__ = ()


def no_cube(path: Path, held: str, shapes: Iterable[tuple[int, ...]]) -> FormatError:
    """Return the error of a file whose arrays have other than three axes, or are no cubes."""
    advice = ""
    if any(len(shape) > 3 for shape in shapes):
        advice = "; save each of several cubes as an array of its own"
    return FormatError(f"{path} holds no cube of three axes, only {held}{advice}.")


@dataclass(frozen=True)
class Candidate:
    """One dataset of a file that may be the cube.

    Attributes
    ----------
    name : str
        What the option `dataset` of `read` takes to open just this one.
    shape : tuple of int
        Lengths of the axes as they are stored, or as the format's own software shows them.
    dtype : str
        Type of the numbers, as numpy calls it.
    axes : str
        The proposed meaning of the stored axes: the letters y, x and b in their order; "bp" or
        "pb" for a matrix of bands and pixels.
    reason : str
        Why these axes, as one sentence.
    fixed : bool
        Whether the format itself says what the axes are, so that the option `axes` has no meaning.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    axes: str
    reason: str
    fixed: bool = False

    @property
    def bands(self) -> int:
        """Number of bands, by the proposed axes."""
        return self.shape[self.axes.index("b")]
