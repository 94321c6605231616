"""Model files: what a header must say, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from napari_dodn.network import model_file
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import (
    FORMAT,
    FORMAT_1,
    ModelError,
    export_model,
    find_model,
    import_model,
    is_users,
    list_models,
    load_network,
    read_card,
    remove_model,
    rename_model,
    save_network,
)

SMALL = {"components": 3, "channels": 4, "blocks": 1, "channels_2d": 6}


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = DODN(2, **SMALL)
    torch.nn.init.normal_(network.tail[-1].weight)
    path = tmp_path / "mine.safetensors"
    save_network(
        network,
        path,
        training={"data": "two scenes"},
        scores={"model": {"psnr": 40.0}},
        licence="research",
    )
    return network, path


def test_a_saved_network_comes_back_with_its_card(saved):
    network, path = saved
    card = read_card(path)
    assert (card.name, card.scale, card.licence) == ("mine", 2, "research")
    assert card.training["data"] == "two scenes"
    assert card.scores["model"]["psnr"] == 40.0
    assert len(card.sha256) == 64
    assert card.software.startswith("napari-dodn")
    z, sigma = torch.randn(1, 3, 5, 5), torch.zeros(1)
    torch.testing.assert_close(load_network(card)(z, sigma), network.eval()(z, sigma))


def test_saving_leaves_nothing_beside_the_file(saved):
    _, path = saved
    assert [p.name for p in path.parent.iterdir()] == ["mine.safetensors"]


def test_no_teacher_or_adapter_travels_with_the_student(saved):
    _, path = saved
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        parts = {key.split(".")[0] for key in file.keys()}  # noqa: SIM118
    assert parts == {"head", "place", "blocks", "gather", "tail"}


def test_a_card_reads_like_a_sentence(saved):
    assert str(read_card(saved[1])) == "mine: ×2, trained on two scenes"


def test_a_replaced_file_is_read_anew(saved):
    network, path = saved
    first = read_card(path)
    save_network(network, path, training={"data": "other"}, scores={}, licence="")
    assert read_card(path).training != first.training


def header(**changes):
    architecture = {"name": "DODN", "scale": 2, "branch_2d": "folded", **SMALL}
    fields = {
        "format": FORMAT,
        "architecture": json.dumps(architecture),
        "training": "{}",
        "scores": "{}",
    }
    return fields | changes


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        (header(format="something else"), "not a napari-dodn model"),
        (header(architecture="{}"), "header .* incomplete"),
        (header(training="{"), "header .* incomplete"),
        (header(training="[" * 100_000), "header .* incomplete"),
        (header(architecture='{"scale": Infinity}'), "header .* incomplete"),
        (header(training="[]"), "header .* incomplete"),
        (header(architecture=json.dumps({"name": "EDSR", "scale": 2, **SMALL})), "'EDSR'"),
        (header(format=FORMAT_1, architecture='{"scale": 8}'), "use 'dodn-x8' or train"),
        (None, "not a napari-dodn model"),
    ],
)
def test_a_header_that_is_not_ours_is_refused(tmp_path, metadata, fault):
    path = tmp_path / "other.safetensors"
    save_file({"x": np.zeros(3, np.float32)}, path, metadata=metadata)
    with pytest.raises(ModelError, match=fault):
        read_card(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\xff" * 100])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        read_card(path)


def test_weights_that_do_not_fit_their_header_are_refused(tmp_path):
    path = tmp_path / "odd.safetensors"
    save_file({"x": np.zeros(3, np.float32)}, path, metadata=header())
    with pytest.raises(ModelError, match="do not fit"):
        load_network(read_card(path))


@pytest.mark.parametrize(
    "architecture",
    [
        {"name": "DODN", "scale": 4, **SMALL},
        {"name": "DODN", "scale": 4, "branch_2d": "folded", **SMALL, "blocks": 10**7},
        {"name": "DODN", "scale": 4, "branch_2d": "folded", **SMALL, "channels": 2**20},
    ],
    ids=["no branch", "many blocks", "many channels"],
)
def test_a_network_is_not_built_that_the_file_cannot_hold(tmp_path, architecture):
    path = tmp_path / "bomb.safetensors"
    metadata = header(architecture=json.dumps(architecture))
    save_file({"x": np.zeros(1, np.float32)}, path, metadata=metadata)
    with pytest.raises(ModelError, match="do not fit"):
        load_network(read_card(path))


def test_a_folder_in_place_of_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"is a folder, not a \.safetensors file\.$"):
        find_model(tmp_path, 2)


def test_a_path_that_the_system_refuses_is_one_sentence():
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(Path("a" * 300))


def test_a_missing_file_is_named():
    with pytest.raises(ModelError, match=r"no model or file 'nowhere.safetensors'"):
        find_model("nowhere.safetensors", 4)


def test_models_in_the_users_folder_are_listed_and_broken_ones_left_out(saved, monkeypatch):
    _, path = saved
    (path.parent / "broken.safetensors").write_bytes(b"")
    monkeypatch.setattr(model_file, "user_models_folder", lambda: path.parent)
    names = [card.name for card in list_models()]
    assert "mine" in names
    assert "broken" not in names
    assert find_model("mine", 2).path == path


def test_a_bundled_model_is_proposed_whatever_the_users_are_called(saved, tmp_path, monkeypatch):
    _, path = saved
    for folder, name in (("bundled", "dodn-x2"), ("own", "another-x2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.safetensors").write_bytes(path.read_bytes())
    monkeypatch.setattr(model_file, "BUNDLED", tmp_path / "bundled")
    monkeypatch.setattr(model_file, "user_models_folder", lambda: tmp_path / "own")
    assert find_model(None, 2).name == "dodn-x2"


def test_a_bundled_model_of_earlier_versions_names_what_to_use_instead():
    with pytest.raises(ModelError, match="'dodn-blind-x4' is no longer bundled; use 'dodn-x4'"):
        find_model("dodn-blind-x4", 4)


def test_a_scale_without_a_model_is_said(own):
    with pytest.raises(ModelError, match="no model for ×3"):
        find_model(None, 3)


@pytest.mark.parametrize("scale", [2, 4])
def test_bundled_models_say_where_they_come_from_and_beat_bicubic(scale):
    card = find_model(None, scale)
    assert card.path.parent == model_file.BUNDLED
    assert "CAVE" in card.training["data"]
    assert "research" in card.licence
    assert card.scores["model"]["psnr"] > card.scores["bicubic"]["psnr"] + 1
    assert card.scores["model"]["sam"] < card.scores["bicubic"]["sam"]
    load_network(card)


# The user's own models


@pytest.fixture
def own(monkeypatch, tmp_path):
    """Return the user's folder of models, which is not there yet."""
    folder = tmp_path / "own" / "models"
    monkeypatch.setattr(model_file, "user_models_folder", lambda: folder)
    monkeypatch.setattr(model_file, "BUNDLED", tmp_path / "bundled")
    return folder


def test_an_imported_model_is_listed_and_is_the_users(saved, own):
    card = import_model(saved[1])
    assert card.path == own / "mine.safetensors"
    assert is_users(card)
    assert [card.name for card in list_models()] == ["mine"]


@pytest.mark.parametrize("name", ["MINE", "foreign"])
def test_no_file_in_the_users_folder_loses_its_name_to_another_model(saved, own, name):
    card = import_model(saved[1])
    (own / "foreign.safetensors").write_text("precious")
    with pytest.raises(ModelError, match="already exists; choose another name"):
        rename_model(card, name)
    assert (own / "foreign.safetensors").read_text() == "precious"


def test_a_model_is_imported_only_once_under_one_name(saved, own):
    import_model(saved[1])
    with pytest.raises(ModelError, match="A model named 'mine' already exists"):
        import_model(saved[1])


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    network = DODN(2, **SMALL)
    torch.nn.init.constant_(next(network.parameters()), torch.nan)
    save_network(network, tmp_path / "a.safetensors", training={}, scores={}, licence="")
    with pytest.raises(ModelError, match="are not all numbers"):
        load_network(read_card(tmp_path / "a.safetensors"))


def test_weights_that_do_not_fit_their_header_are_not_imported(own, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    network = DODN(2, **SMALL)
    path = tmp_path / "liar.safetensors"
    save_network(network, path, training={}, scores={}, licence="")
    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
    save_file({"strange": torch.zeros(3)}, path, metadata=header)
    with pytest.raises(ModelError, match="do not fit the architecture"):
        import_model(path)
    assert not own.exists()


def test_an_exported_model_has_the_suffix_and_replaces_nothing_unasked(saved, own, tmp_path):
    card = import_model(saved[1])
    path = export_model(card, tmp_path / "copy")
    assert path == tmp_path / "copy.safetensors"
    with pytest.raises(ModelError, match="already exists"):
        export_model(card, path)
    assert export_model(card, path, overwrite=True) == path


def test_a_model_exported_over_itself_stays_whole(saved, own):
    card = import_model(saved[1])
    export_model(card, card.path, overwrite=True)
    assert read_card(card.path).sha256 == card.sha256


def test_a_renamed_model_goes_by_its_new_name(saved, own):
    assert rename_model(import_model(saved[1]), "yours").name == "yours"
    assert [card.name for card in list_models()] == ["yours"]


@pytest.mark.parametrize("name", ["", "../out", "a:b", "mine"])
def test_a_name_that_cannot_be_changes_nothing(saved, own, name):
    card = import_model(saved[1])
    with pytest.raises(ModelError):
        rename_model(card, name)
    assert card.path.exists()


def test_a_model_that_is_not_the_users_is_neither_renamed_nor_removed(saved, own):
    card = read_card(saved[1])
    for change in (lambda: rename_model(card, "x"), lambda: remove_model(card)):
        with pytest.raises(ModelError, match="not one of your own"):
            change()
    assert saved[1].exists()


def test_a_removed_model_is_gone(saved, own):
    remove_model(import_model(saved[1]))
    assert list_models() == []
