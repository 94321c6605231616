"""What a file holds that may be a cube, told without reading pixels."""

from __future__ import annotations

from dataclasses import dataclass


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
