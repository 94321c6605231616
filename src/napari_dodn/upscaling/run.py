"""How a result was made, as the result says it of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

from napari_dodn import __version__
from napari_dodn.cube import HyperCube, Region
from napari_dodn.network.model_file import list_models
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.options import Chosen, UpscaleOptions

RUN = "dodn run"
"""Field of a result: how it was made, in a form that the headers of all formats can hold."""

NOT_UTF8 = "surrogateescape"
"""How the name of a file is kept whose bytes are not UTF-8, as on disks of other systems."""


def blur_in_words(sigma: float, origin: str) -> str:
    """Say what blur the network was told, and where it is from."""
    return f"sensor blur {sigma:.2f} pixels ({origin})"


@dataclass(frozen=True)
class Run:
    """How a result was made.

    Attributes
    ----------
    source : str
        The file; empty where the source was none.
    model, sha256 : str
        Name or path of the model, and its hash.
    scale, device, precision, tile, blur : str
        As `upscale` takes them, with what "auto" came to for the device and the precision.
    views : str
        "8" for the self-ensemble, else "1".
    region : str
        Y0:Y1,X0:X1 in pixels of the source.
    software : str
        The version.
    """

    source: str
    model: str
    sha256: str
    scale: str
    device: str
    precision: str
    tile: str
    blur: str
    views: str
    region: str
    software: str = __version__

    @classmethod
    def of(cls, cube: HyperCube, options: UpscaleOptions, chosen: Chosen, region: Region) -> Run:
        """Return how a result is going to be made."""
        listed = {card.path for card in list_models()}
        card = chosen.card
        return cls(
            source=cube.source or "",
            model=card.name if card.path in listed else str(card.path.absolute()),
            sha256=card.sha256,
            scale=str(options.scale),
            device=str(chosen.device),
            precision=chosen.precision,
            tile=str(options.tile),
            blur=str(options.blur),
            views=str(len(chosen.views)),
            region=region.text,
        )

    @classmethod
    def said_by(cls, result: HyperCube) -> Run:
        """Return how a result was made, as it says itself.

        Raises
        ------
        UpscaleError
            If it does not say so.
        """
        try:
            said = str(result.metadata[RUN])
            return cls(**dict(parse_qsl(said, keep_blank_values=True, errors=NOT_UTF8)))
        except (KeyError, TypeError, ValueError) as error:
            raise UpscaleError(
                f"'{result.name}' does not say how it was made, so it cannot be repeated; choose a"
                " result of super-resolution."
            ) from error

    def __str__(self) -> str:
        return urlencode(asdict(self), safe="/:, ", errors=NOT_UTF8)

    @property
    def options(self) -> UpscaleOptions:
        """What `upscale` is to be called with."""
        return UpscaleOptions(
            scale=int(self.scale) if self.scale.isdecimal() else 0,
            model=self.model,
            device=self.device,
            precision=self.precision,
            tile=int(self.tile) if self.tile.isdecimal() else self.tile,
            self_ensemble=self.views != "1",
            blur=self.blur,
        )

    @property
    def part(self) -> Region:
        """The region."""
        return Region.of_text(self.region)
