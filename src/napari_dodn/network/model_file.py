"""A model as one .safetensors file: weights, and a header that describes them.

Nothing is ever unpickled, so models of other people can be opened safely.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dodn.errors import UserError, reason_of
from napari_dodn.paths import expanded
from napari_dodn.replacing import replacing

if TYPE_CHECKING:
    from napari_dodn.network.dodn import DODN

FORMAT = "napari-dodn model 2"
"""Value of the header's `format` field. Another number means another layout."""

FORMAT_1 = "napari-dodn model 1"
"""The first networks, which worked on every band and are not run any more."""

SUFFIX = ".safetensors"

NAME = re.compile(r"[\w][\w .+-]{0,79}")
"""What a model can be called: the name is that of its file, too."""

SIZES = ("scale", "components", "channels", "blocks", "channels_2d")
"""Whole numbers of an architecture."""

ARCHITECTURE = (*SIZES, "branch_2d")
"""All that its network is built of."""

REPLACED = {
    f"dodn-{family}-x{scale}": f"dodn-x{scale}"
    for family in ("cave", "blind")
    for scale in (2, 4, 8)
}
"""Bundled models of earlier versions, and what to use instead."""

BUNDLED = Path(__file__).resolve().parent.parent / "weights"


class ModelError(UserError):
    """A model that cannot be used."""


@dataclass(frozen=True)
class ModelCard:
    """What the header of a model file says.

    Attributes
    ----------
    name : str
        The file's name without its suffix.
    path : pathlib.Path
        Path of the file.
    architecture : dict
        `name`, `scale`, `components`, `channels`, `blocks`, `branch_2d` and `channels_2d` of the
        network.
    training : dict
        Data, protocol, degradation, steps and seed it was trained with.
    scores : dict
        Validation figures of the model and of bicubic, by dataset.
    licence : str
        Terms of the weights and of the data behind them.
    software : str
        Package and version that wrote the file.
    sha256 : str
        Hash of the whole file; a result's history names the model by it.
    """

    name: str
    path: Path
    architecture: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    software: str = ""
    sha256: str = ""

    @property
    def scale(self) -> int:
        """Upsampling factor along y and x."""
        return int(self.architecture["scale"])

    def __str__(self) -> str:
        data = self.training.get("data", "unknown data")
        return f"{self.name}: ×{self.scale}, trained on {data}"


def user_models_folder() -> Path:
    """Return the folder whose models are listed beside the bundled ones (it may not exist)."""
    from platformdirs import user_data_path

    return user_data_path("napari-dodn") / "models"


def list_models(scale: int | None = None) -> list[ModelCard]:
    """List the bundled models, then the user's own.

    Files that cannot be read are left out. The first model of a scale is the default one.

    Parameters
    ----------
    scale : int, optional
        Only models with this upsampling factor.
    """
    cards = []
    for folder in (BUNDLED, user_models_folder()):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                card = read_card(path)
            except ModelError:
                continue
            if scale in (None, card.scale):
                cards.append(card)
    return cards


def find_model(model: str | os.PathLike[str] | None, scale: int) -> ModelCard:
    """Return the card of a model given by name or path, or the default one for a scale.

    Raises
    ------
    ModelError
        If there is none, or it is for another scale.
    """
    if model is None:
        cards = list_models(scale)
        if not cards:
            scales = ", ".join(f"×{known}" for known in sorted({c.scale for c in list_models()}))
            raise ModelError(f"There is no model for ×{scale}; choose one of {scales}.")
        return cards[0]
    known = {card.name: card for card in list_models()}
    path = expanded(model)
    if str(model) not in known and not path.exists():
        if instead := REPLACED.get(str(model)):
            raise ModelError(
                f"Model '{model}' is no longer bundled; use '{instead}', which is for any sensor."
            )
        names = ", ".join(known) or "none"
        raise ModelError(f"There is no model or file '{model}'; installed models: {names}.")
    card = known.get(str(model)) or read_card(path)
    if card.scale != scale:
        raise ModelError(f"Model '{card.name}' is for ×{card.scale}, not ×{scale}.")
    return card


def read_card(path: Path) -> ModelCard:
    """Read the header of a model file, without its weights and without torch.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or not one of ours.
    """
    try:
        if path.is_dir():
            raise ModelError(f"Model '{path}' is a folder, not a {SUFFIX} file.")
        stamp = path.stat()
        return _read_card(path, stamp.st_mtime_ns, stamp.st_size)
    except OSError as error:
        raise ModelError(f"Model '{path}' cannot be read: {reason_of(error)}.") from error


@lru_cache(maxsize=64)
def _read_card(path: Path, _modified: int, _size: int) -> ModelCard:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
    except SafetensorError as error:
        raise ModelError(f"Model '{path}' is damaged or not a .safetensors file.") from error
    if header.get("format") == FORMAT_1:
        scale = _scale_in(header)
        raise ModelError(
            f"Model '{path}' was made by an earlier version of napari-dodn, whose networks can no"
            f" longer be run; use 'dodn-x{scale}' or train it again."
        )
    if header.get("format") != FORMAT:
        raise ModelError(
            f"'{path}' is not a napari-dodn model: its header does not say '{FORMAT}'."
        )
    try:
        fields = {key: json.loads(header[key]) for key in ("architecture", "training", "scores")}
        if not all(isinstance(field, dict) for field in fields.values()):
            raise TypeError
        architecture = fields["architecture"]
        for key in SIZES:
            architecture[key] = int(architecture[key])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ModelError(f"The header of model '{path}' is incomplete.") from error
    if architecture.get("name") != "DODN":
        raise ModelError(
            f"Model '{path}' has the architecture '{architecture.get('name')}', which is not DODN."
        )
    return ModelCard(
        name=path.stem,
        path=path,
        **fields,
        licence=header.get("licence", ""),
        software=header.get("software", ""),
        sha256=_sha256(path),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scale_in(header: dict[str, str]) -> int:
    """Return the scale that a header of any version names; 4 where it names none."""
    try:
        return int(json.loads(header["architecture"])["scale"])
    except (KeyError, TypeError, ValueError):
        return 4


def load_network(card: ModelCard) -> DODN:
    """Build the network of a card and load its weights, on the CPU, ready for inference.

    Sizes are compared with the file before anything is built.

    Raises
    ------
    ModelError
        If the weights do not fit the architecture that the header names, or are not finite.
    """
    import torch
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    from napari_dodn.network.dodn import DODN

    try:
        sizes = {key: card.architecture[key] for key in ARCHITECTURE}
        with safe_open(card.path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 - no mapping
        if sizes["blocks"] > len(shapes):  # each has weights of its own
            raise ValueError
        with torch.device("meta"):
            expected = {k: tuple(v.shape) for k, v in DODN(**sizes).state_dict().items()}
        if shapes != expected:
            raise ValueError
        network = DODN(**sizes)
        network.load_state_dict(load_file(card.path))
    except (
        *(SafetensorError, RuntimeError, ValueError, TypeError, KeyError),
        *(OverflowError, OSError),
    ) as error:
        raise ModelError(
            f"The weights of model '{card.path}' do not fit the architecture in its header."
        ) from error
    if not all(weight.isfinite().all() for weight in network.parameters()):
        raise ModelError(f"The weights of model '{card.path}' are not all numbers.")
    return network.eval().requires_grad_(False)


def save_network(
    network: DODN,
    path: Path,
    *,
    training: dict[str, Any],
    scores: dict[str, Any],
    licence: str,
) -> None:
    """Write a network with its header (see `ModelCard`); the file appears whole or not at all."""
    from safetensors.torch import save

    from napari_dodn import __version__

    architecture = {"name": type(network).__name__, **network.architecture}
    header = {
        "format": FORMAT,
        "architecture": json.dumps(architecture),
        "training": json.dumps(training),
        "scores": json.dumps(scores),
        "licence": licence,
        "software": f"napari-dodn {__version__}",
    }
    weights = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    with replacing(path, alone=True) as unfinished:
        unfinished.write_bytes(save(weights, header))


def is_bundled(card: ModelCard) -> bool:
    """Tell whether a model comes with the package."""
    return card.path.parent == BUNDLED


def is_users(card: ModelCard) -> bool:
    """Tell whether a model lies in the user's folder, where it can be renamed and removed."""
    return card.path.parent == user_models_folder()


def import_model(path: Path) -> ModelCard:
    """Copy a model from elsewhere into the user's folder, after its weights have been tried.

    Returns
    -------
    ModelCard
        The copy's.

    Raises
    ------
    ModelError
        If the file is not a model that can be used, its name is taken, or it cannot be copied.
    """
    card = read_card(path)
    load_network(card)
    return read_card(_copied(card, user_models_folder() / _file_name(card.name)))


def export_model(card: ModelCard, path: Path, *, overwrite: bool = False) -> Path:
    """Copy a model's file to another place; return where it is, with its suffix.

    Raises
    ------
    ModelError
        If there is a file and it may not be replaced, or it cannot be written.
    """
    if path.suffix != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    return _copied(card, path, overwrite)


def rename_model(card: ModelCard, name: str) -> ModelCard:
    """Give one of the user's models another name.

    Raises
    ------
    ModelError
        If it is a bundled one, the name is taken or cannot be a file's, or the file is in use.
    """
    _check_users(card, "renamed")
    target = card.path.with_name(_file_name(name.strip()))
    try:
        card.path.rename(target)
    except OSError as error:
        raise ModelError(f"Model '{card.name}' cannot be renamed: {reason_of(error)}.") from error
    return read_card(target)


def remove_model(card: ModelCard) -> None:
    """Delete the file of one of the user's models.

    Raises
    ------
    ModelError
        If it is a bundled one, or the file cannot be deleted.
    """
    _check_users(card, "removed")
    try:
        card.path.unlink()
    except OSError as error:
        raise ModelError(f"Model '{card.name}' cannot be removed: {reason_of(error)}.") from error


def _check_users(card: ModelCard, done: str) -> None:
    if not is_users(card):
        raise ModelError(f"Model '{card.name}' is not one of your own and cannot be {done}.")


def _file_name(name: str) -> str:
    """Return the file's name for a model, where it can have that name and nobody else has."""
    if not NAME.fullmatch(name):
        raise ModelError(
            f"'{name}' cannot be a model's name; use letters, digits, spaces and . + - _ only."
        )
    taken = any(card.name.casefold() == name.casefold() for card in list_models())
    if taken or (user_models_folder() / f"{name}{SUFFIX}").exists():
        raise ModelError(f"A model named '{name}' already exists; choose another name.")
    return name + SUFFIX


def _copied(card: ModelCard, path: Path, overwrite: bool = False) -> Path:
    """Copy a model's file; the copy appears whole or not at all."""
    if path.exists() and not overwrite:
        raise ModelError(f"{path} already exists; choose another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.samefile(card.path):
            return path
        with replacing(path) as unfinished:
            shutil.copyfile(card.path, unfinished)
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {reason_of(error)}.") from error
    return path
