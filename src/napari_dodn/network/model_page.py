"""What a model's header says, as a page: its card, for the docs and for whoever gets the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import stdev
from typing import Any

from napari_dodn.metrics import METRICS, SHORT
from napari_dodn.network.model_file import ModelCard

FACTS = {
    "data": "Data",
    "scenes": "Scenes",
    "protocol": "Protocol",
    "degradation": "Degradation",
    "loss": "Loss",
    "steps": "Steps",
    "best step": "Best step",
    "schedule": "Schedule",
    "batch": "Batch",
    "learning rate": "Highest learning rate",
    "minutes": "Minutes",
    "seed": "Seed",
    "start": "Started from",
    "device": "Device",
    "date": "Date",
}
"""Entries of the header's `training`, in the order of a page."""

CITATION = (
    "Z. Liu, Q. Ma, J. Jiang, X. Liu, Improving Hyperspectral Super-Resolution via Heterogeneous"
    " Knowledge Distillation, ACM Multimedia Asia 2021, doi:10.1145/3469877.3490610; and the data."
)


def cards_markdown(cards: list[ModelCard]) -> str:
    """Return the pages of models, one below the other, as Markdown."""
    return "\n".join(line for card in cards for line in _lines(card))


def _lines(card: ModelCard) -> Iterator[str]:
    facts = {
        "Architecture": _sizes(card.architecture),
        **{title: card.training[key] for key, title in FACTS.items() if key in card.training},
        "Software": card.software,
        "Terms": card.licence or "not stated",
        "Cite": CITATION,
        "Not good for": " ".join(_weak_points(card.training)),
        "SHA-256": f"`{card.sha256}`",
    }
    yield f"## {card.name}\n"
    yield "| | |"
    yield "| --- | --- |"
    for title, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"| {title} | {text} |"
    yield ""
    yield from _scores(card.scores)


def _sizes(architecture: Mapping[str, Any]) -> str:
    """Say how large a network is."""
    sizes = "{name} ×{scale}, {components} components, {channels} channels, {blocks} blocks"
    wide = " of {channels_2d} channels" if architecture["branch_2d"] == "whole" else ""
    return (sizes + ", {branch_2d} 2D branch" + wide).format(**architecture)


def _scores(scores: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures in validation: means, deviations over the scenes, and of each scene."""
    rows = {name: scores[name] for name in ("model", "bicubic") if name in scores}
    if not rows:
        yield "No scores.\n"
        return
    each = {
        "model": scores.get("each scene", {}),
        "bicubic": scores.get("bicubic, each scene", {}),
    }
    held_out = ", ".join(scores.get("validation scenes", [])) or "not named"
    yield f"In validation (held out: {held_out}):\n"
    if twin := scores.get("twin"):
        yield f"These are the figures of {twin}\n"
    yield f"| | {' | '.join(METRICS[key].heading for key in SHORT)} |"
    yield "| --- |" + " --: |" * len(SHORT)
    for name, means in rows.items():
        spread = each[name]
        cells = []
        for figure in SHORT:
            values = [scene[figure] for scene in spread.values()]
            around = f" ± {stdev(values):.4g}" if len(values) > 1 else ""
            cells.append(f"{means[figure]:.4f}{around}")
        yield f"| {name}, mean | {' | '.join(cells)} |"
    for scene in each["model"]:
        for name, figures in each.items():
            cells = [f"{figures[scene][figure]:.4f}" for figure in SHORT]
            yield f"| {name}, {scene} | {' | '.join(cells)} |"
    yield ""


def _weak_points(training: Mapping[str, Any]) -> Iterator[str]:
    """Say what a model cannot be good at, because it never learnt it."""
    degradation = str(training.get("degradation", ""))
    if "PSF" not in degradation:
        yield "Sensors that blur: it learnt to undo clean decimation only."
    if "noise" not in degradation:
        yield "Noisy cubes: it saw none."
    if "spectral step" not in degradation:
        yield "Bands much narrower or wider apart than those of its data."
    yield "Measuring what is smaller than a pixel of the source: it estimates."
