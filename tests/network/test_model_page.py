"""A model's page says what its header says, and the docs say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_dodn.network.model_file import ModelCard, is_users, list_models, read_card
from napari_dodn.network.model_page import cards_markdown

ROOT = Path(__file__).parents[2]
DOCS, TWINS = ROOT / "docs" / "models.md", ROOT / "training"
TWIN = "twin"

SIZES = {"components": 16, "channels": 12, "blocks": 8, "channels_2d": 96}
SCORES = {"psnr": 36.0, "ssim": 0.95, "sam": 3.0}


@pytest.fixture
def card():
    return ModelCard(
        "mine",
        Path("mine.safetensors"),
        {"name": "DODN", "scale": 4, **SIZES, "branch_2d": "whole"},
        {"data": "2 cubes", "scenes": ["a", "b"], "degradation": "cubic decimation", "steps": 7},
        {
            "validation scenes": ["c", "d"],
            "model": SCORES,
            "bicubic": SCORES | {"psnr": 34.0},
            "each scene": {"c": SCORES | {"psnr": 35.0}, "d": SCORES | {"psnr": 37.0}},
            "bicubic, each scene": {"c": SCORES | {"psnr": 33.0}, "d": SCORES | {"psnr": 35.0}},
        },
        licence="for research",
    )


def test_the_docs_have_the_pages_of_the_bundled_models():
    bundled = [card for card in list_models() if not is_users(card)]
    assert bundled
    assert DOCS.read_text(encoding="utf-8").endswith(cards_markdown(bundled) + "\n"), (
        "docs/models.md does not say what the headers say; see its first lines"
    )


def test_the_figures_of_bundled_models_are_of_scenes_that_were_not_learnt_from():
    for card in list_models():
        if is_users(card):
            continue
        measured = (
            read_card(TWINS / f"{card.name}-twin.safetensors") if TWIN in card.scores else card
        )
        assert set(measured.training["scenes"]).isdisjoint(measured.scores["validation scenes"])
        assert measured.architecture == card.architecture
        assert card.scores == measured.scores | {k: v for k, v in card.scores.items() if k == TWIN}


def test_a_page_says_whose_figures_it_has(card):
    card.scores[TWIN] = "a twin that learnt from 2 scenes."
    assert "These are the figures of a twin that learnt from 2 scenes." in cards_markdown([card])


def test_a_page_has_the_facts_of_the_header(card):
    page = cards_markdown([card])
    for line in ("## mine", "| Scenes | a, b |", "| Steps | 7 |", "| Terms | for research |"):
        assert line in page.splitlines()


@pytest.mark.parametrize(
    ("branch_2d", "said"),
    [("whole", "whole 2D branch of 96 channels"), ("folded", "folded 2D branch")],
)
def test_a_page_says_how_large_the_network_is(card, branch_2d, said):
    card.architecture["branch_2d"] = branch_2d
    page = cards_markdown([card])
    assert f"| DODN ×4, 16 components, 12 channels, 8 blocks, {said} |" in page


def test_the_scores_have_their_spread_over_the_scenes(card):
    page = cards_markdown([card])
    assert "| model, mean | 36.0000 ± 1.414 |" in page
    assert "| bicubic, d | 35.0000 |" in page


def test_a_page_without_scores_says_so(card):
    assert "No scores." in cards_markdown([ModelCard("x", card.path, card.architecture)])


@pytest.mark.parametrize(
    ("degradation", "weak"),
    [
        ("cubic decimation without anti-aliasing", True),
        ("Gaussian PSF of σ 0.5 LR pixels and decimation, spectral step times 0.25–2", False),
    ],
)
def test_what_a_model_never_learnt_it_is_not_good_for(card, degradation, weak):
    card.training["degradation"] = degradation
    page = cards_markdown([card])
    assert ("Sensors that blur" in page) is weak
    assert ("Bands much narrower" in page) is weak


def test_the_command_prints_the_pages(run):
    code, out, _ = run("models", "--markdown", "--bundled")
    assert code == 0
    assert DOCS.read_text(encoding="utf-8").endswith(out)
