"""Training from the command line: what it makes, prints and refuses."""

import errno
import os
import sys

import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.config_file import config_text
from napari_dodn.distillation.presets import PRESETS
from napari_dodn.distillation.run.folder import RunFolder, Status
from napari_dodn.formats import write
from napari_dodn.network.model_file import find_model


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    monkeypatch.setattr("napari_dodn.distillation.engine.export.user_models_folder", lambda: folder)
    return folder


@pytest.fixture
def cube_file(tmp_path):
    rng = np.random.default_rng(0)
    data = rng.random((4, 32, 35)).repeat(4, 1).repeat(4, 2).astype(np.float32)
    return write(HyperCube(data, name="field"), tmp_path / "field.hdr")


@pytest.fixture
def config_file(tmp_path, cube_file):
    config = checked(
        {
            "name": "from-toml",
            "data": {"cubes": [str(cube_file)]},
            "student": {"scale": 2, "components": 4, "channels": 4, "blocks": 1},
            "teacher": {"channels": 4, "steps": 2},
            "schedule": {"steps": 3, "batch": 2, "patch": 8},
        }
    )
    file = tmp_path / "c.toml"
    file.write_text(config_text(config))
    return file


def test_a_configuration_becomes_a_run_and_a_model(run, tmp_path, config_file, models):
    code, out, err = run("train", "--config", config_file, "--out", tmp_path / "run")
    assert code == 0, err
    assert "Wrote" in out
    assert "from-toml.safetensors" in out
    assert "dB over bicubic" in err
    assert "Held out: rows" in err
    assert (models / "from-toml.safetensors").exists()
    assert RunFolder.open(tmp_path / "run").status() is Status.DONE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only names of letters")
def test_a_cube_whose_name_is_not_utf8_is_refused_before_a_folder_is_made(run, tmp_path, cube_file):
    for file in (cube_file, cube_file.with_suffix(".img")):
        file.rename(tmp_path / f"\udce9tude{file.suffix}")
    words = ["--data", tmp_path / "\udce9tude.hdr", "--scale", 2, "--out", tmp_path / "run"]
    code, _, err = run("train", *words)
    assert code == 1
    assert "\\udce9tude.hdr' is not UTF-8; rename the file." in err
    assert not (tmp_path / "run").exists()


def test_what_a_folder_holds_besides_cubes_is_told_a_line_each(run, tmp_path, cube_file):
    for name in ("a.h5", "b.npz"):
        cube_file.with_name(name).write_bytes(b"something else")
    words = ["--data", cube_file.parent, "--out", tmp_path / "runs" / "r", "--prepare"]
    code, _, err = run("train", *words)
    assert code == 0, err
    first, second = (line for line in err.splitlines() if "is left out" in line)
    assert first.startswith(f"{cube_file.with_name('a.h5')} is left out. It is damaged")
    assert second.startswith(f"{cube_file.with_name('b.npz')} is left out. It is damaged")


@pytest.mark.parametrize(("nodata", "is_warned"), [(None, True), (-9999.0, False)])
def test_a_fill_value_that_is_not_stated_is_a_warning(run, tmp_path, nodata, is_warned):
    data = np.random.default_rng(0).random((6, 200, 100)).astype(np.float32)
    data[:, :30] = -9999
    path = write(HyperCube(data, nodata=nodata), tmp_path / "strip.hdr")
    code, _, err = run("train", "--data", path, "--out", tmp_path / "r", "--prepare")
    assert code == 0, err
    said = "15 % of the pixels hold -9999, and no no-data value is stated."
    assert (f"Warning: 'strip': {said}" in " ".join(err.split())) is is_warned


def test_cubes_and_a_preset_become_a_run(run, tmp_path, cube_file, monkeypatch):
    monkeypatch.setattr(
        "napari_dodn.distillation.engine.training.train", lambda folder, stop: iter(())
    )
    monkeypatch.setattr("napari_dodn.cli.training.closing", lambda events: _Entered(events))
    code, _, err = run(
        "train", "--data", cube_file, "--scale", "2", "--preset", "good", "--out", tmp_path / "r"
    )
    assert code == 0, err
    config = RunFolder.open(tmp_path / "r").config()
    assert (config.name, config.student.scale) == ("r", 2)
    assert config.student.channels == PRESETS["good"]["student"]["channels"]
    assert config.data.cubes == (cube_file,)


def test_what_the_bundled_model_reaches_is_printed_however_many_notes_there_are(
    run, tmp_path, cube_file, monkeypatch
):
    from napari_dodn.distillation.run.events import Started

    scores = {"psnr": 30.0, "ssim": 0.9, "sam": 3.0}
    notes, said = [f"Note {n}" for n in range(20)], "The bundled model dodn-x2 reaches 31 dB."
    event = Started(0, "cpu", "float32", 1, ["a"], ["b"], notes, scores, {}, said)
    monkeypatch.setattr(
        "napari_dodn.distillation.engine.training.train", lambda folder, stop: iter([event])
    )
    monkeypatch.setattr("napari_dodn.cli.training.closing", lambda events: _Entered(events))
    _, _, err = run("train", "--data", cube_file, "--scale", "2", "--out", tmp_path / "r")
    assert "more notes are in the run's events.jsonl" in err
    assert said in err


class _Entered:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *_):
        pass


def test_a_run_that_is_done_is_not_trained_again(run, tmp_path, config_file):
    run("train", "--config", config_file, "--out", tmp_path / "run")
    code, _, err = run("train", tmp_path / "run", "--resume")
    assert (code, "is done" in err) == (1, True)


def test_a_run_that_was_begun_wants_the_word_resume(run, tmp_path, config_file):
    from napari_dodn.distillation.config_file import load_config
    from napari_dodn.distillation.run.events import Stopped

    folder = RunFolder.create(tmp_path / "run", load_config(config_file))
    folder.append(Stopped("student", 1))
    folder.state_file.touch()
    code, _, err = run("train", folder.path)
    assert (code, "--resume" in err) == (1, True)


def test_a_run_that_another_process_trains_is_left_to_it(run, tmp_path, config_file):
    from napari_dodn.distillation.config_file import load_config

    folder = RunFolder.create(tmp_path / "run", load_config(config_file))
    with folder.locked():
        folder.state_file.touch()
        folder.ask_to_stop()
        for words in ((), ("--resume",)):
            code, _, err = run("train", folder.path, *words)
            assert (code, "is being trained by another process" in err) == (1, True)
        assert folder.stop_asked()
    assert not folder.is_announced()


@pytest.mark.parametrize("wished", ["before", "after"])
def test_a_wish_to_stop_counts_from_the_moment_that_a_training_was_announced(
    run, tmp_path, config_file, wished
):
    from napari_dodn.distillation.config_file import load_config

    folder = RunFolder.create(tmp_path / "run", load_config(config_file))
    folder.announce()
    folder.ask_to_stop()
    if wished == "before":
        os.utime(folder.stop_file, (0, 0))
    code, out, err = run("train", folder.path)
    assert (code, "Stopped after step" in out) == (0, wished == "after"), err
    assert not folder.stop_asked()


@pytest.mark.parametrize("loading", ["for minutes", "no longer"])
def test_a_wish_to_stop_a_training_that_is_slow_to_load_counts(
    run, tmp_path, config_file, loading, monkeypatch
):
    from napari_dodn.distillation.config_file import load_config

    folder = RunFolder.create(tmp_path / "run", load_config(config_file))
    folder.announce()
    folder.ask_to_stop()
    if loading == "for minutes":
        monkeypatch.setattr("napari_dodn.distillation.run.folder.STARTING_S", 0)
    else:  # a process that was announced, and told to stop, long before this one
        for path in folder.path / "starting", folder.stop_file:
            os.utime(path, (1e9, 1e9))
    code, out, err = run("train", folder.path)
    assert (code, "Stopped after step" in out) == (0, loading == "for minutes"), err


def test_a_training_that_cannot_begin_is_not_announced_any_longer(run, tmp_path, config_file):
    from napari_dodn.distillation.config_file import load_config

    folder = RunFolder.create(tmp_path / "run", load_config(config_file))
    folder.config_file.write_text("nothing = 1")
    assert run("train", folder.path)[0] == 1
    assert not folder.is_announced()


def test_a_run_that_may_only_be_read_is_refused_in_a_sentence(
    run, tmp_path, config_file, monkeypatch
):
    from napari_dodn.distillation.config_file import load_config

    def read_only(self, **_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    folder = RunFolder.create(tmp_path / "run", load_config(config_file))
    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    monkeypatch.setattr("pathlib.Path.touch", read_only)
    code, _, err = run("train", folder.path)
    reason = os.strerror(errno.EROFS)
    assert (code, err) == (1, f"napari-dodn: {folder.path} cannot be trained: {reason}.\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "x.hdr"], "Name the model, or the folder"),
        (["--out", "r"], "Give a run's folder, --config, or --data"),
        (["--config", "a.toml", "--data", "b.hdr"], "for --data: It cannot be used in this call"),
        (["--config", "a.toml", "--scale", "2"], "for --scale: It cannot be used in this call"),
        (["r", "--out", "q"], "for --out: It cannot be used in this call"),
        (["r", "--preset", "good"], "for --preset: It cannot be used in this call"),
    ],
)
def test_a_call_in_other_words_is_a_usage_error(run, words, sentence):
    code, _, err = run("train", *words)
    assert code == 2
    assert sentence in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "is not a training run"),
        (["--config", "nowhere.toml", "--out", "r"], "cannot be read"),
        (["--data", "x.hdr", "--out", "r", "--scale", "3"], "student.scale: It must be 2, 4 or 8"),
        (["--data", "x.hdr", "--out", "r", "--preset", "huge"], "no preset 'huge'"),
        (["--data", "nowhere.hdr", "--out", "r"], "nowhere.hdr does not exist"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(run, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("train", *words)
    assert code == 1
    assert sentence in " ".join(err.split())
    assert "Traceback" not in err
    assert not list(tmp_path.glob("r*"))


def test_a_configuration_names_the_folder_where_nobody_else_does(
    run, tmp_path, config_file, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("train", "--config", config_file, "--prepare")
    assert code == 0
    assert "Train it with" in out
    assert RunFolder.open(tmp_path / "from-toml").status() is Status.NEW


def test_one_of_several_processes_makes_no_run(run, tmp_path, config_file, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    code, _, err = run("train", "--config", config_file, "--out", tmp_path / "run")
    assert (code, "--prepare" in err) == (2, True)


def test_a_run_that_failed_on_its_data_makes_way_for_a_better_one(run, tmp_path, cube_file):
    words = ["train", "--data", cube_file, "--scale", "8", "--preset", "quick"]
    code, _, err = run(*words, "--out", tmp_path / "run")  # the cube is too small for the scale
    assert (code, "'field" in err) == (1, True)
    words = ["train", "--data", cube_file, "--scale", "2", "--prepare"]
    code, _, err = run(*words, "--out", tmp_path / "run")
    assert code == 0, err
    assert RunFolder.open(tmp_path / "run").events() == []


def test_a_sharper_picture_belongs_to_the_only_cube(run, tmp_path, cube_file):
    picture = write(HyperCube(np.ones((3, 96, 120), np.float32)), tmp_path / "photo.hdr")
    words = ["--data", cube_file, "--scale", "2", "--out", tmp_path / "r", "--prepare"]
    code, _, err = run("train", *words, "--picture", picture, "--blur", "0.4")
    assert code == 0, err
    data = RunFolder.open(tmp_path / "r").config().data
    assert data.sharper == {"field": picture}
    assert data.blur == 0.4


def test_sharper_pictures_are_told_by_the_cubes_name_or_file(run, tmp_path, cube_file):
    other = write(HyperCube(np.ones((4, 48, 60), np.float32), name="meadow"), tmp_path / "o.hdr")
    pictures = [tmp_path / "a.tif", tmp_path / "b.tif"]
    words = ["--data", cube_file, "--data", other, "--out", tmp_path / "r", "--prepare"]
    words += ["--picture", f"{cube_file}={pictures[0]}", "--picture", f"o={pictures[1]}"]
    code, _, err = run("train", *words)
    assert code == 0, err
    assert RunFolder.open(tmp_path / "r").config().data.sharper == {
        "field": pictures[0],
        "o": pictures[1],
    }


def test_a_picture_of_several_cubes_must_say_whose_it_is(run, tmp_path, cube_file):
    other = write(HyperCube(np.ones((4, 48, 60), np.float32)), tmp_path / "o.hdr")
    words = ["--data", cube_file, "--data", other, "--out", tmp_path / "r", "--prepare"]
    code, _, err = run("train", *words, "--picture", "a.tif")
    assert code == 2
    assert "Say which cube it shows" in err
    assert not (tmp_path / "r").exists()


def test_a_picture_goes_with_its_file_where_cubes_have_the_same_name(run, tmp_path, cube_file):
    (tmp_path / "more").mkdir()
    other = write(HyperCube(np.ones((4, 48, 60), np.float32)), tmp_path / "more" / "field.hdr")
    words = ["--data", cube_file, "--data", other, "--out", tmp_path / "r", "--prepare"]
    code, _, err = run("train", *words, "--picture", f"{other}={tmp_path / 'a.tif'}")
    assert code == 0, err
    assert RunFolder.open(tmp_path / "r").config().data.sharper == {"field 2": tmp_path / "a.tif"}


def test_a_folder_of_several_cubes_has_no_picture_of_its_own(run, tmp_path):
    folder = tmp_path / "cubes"
    folder.mkdir()
    for name in ("a", "b"):
        write(HyperCube(np.ones((4, 48, 60), np.float32)), folder / f"{name}.hdr")
    words = ["--data", folder, "--out", tmp_path / "r", "--prepare"]
    code, _, err = run("train", *words, "--picture", f"{folder}=a.tif")
    assert code == 2
    assert "stands for several cubes: a, b" in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize("blur", ["0.4", "0"])
def test_a_blur_without_a_picture_has_no_meaning(run, tmp_path, cube_file, blur):
    code, _, err = run("train", "--data", cube_file, "--blur", blur, "--out", tmp_path / "r")
    assert code == 2
    assert "--blur" in err


def test_a_model_to_go_on_from_gives_the_sizes(run, tmp_path, cube_file):
    words = ["--data", cube_file, "--scale", "2", "--start", "dodn-x2"]
    code, _, err = run("train", *words, "--out", tmp_path / "r", "--prepare")
    assert code == 0, err
    student = RunFolder.open(tmp_path / "r").config().student
    card = find_model("dodn-x2", 2)
    assert student.start == "dodn-x2"
    for size in ("scale", "components", "channels", "blocks", "branch_2d", "channels_2d"):
        assert getattr(student, size) == card.architecture[size]


def test_a_model_for_another_scale_is_no_start(run, tmp_path, cube_file):
    words = ["--data", cube_file, "--scale", "2", "--start", "dodn-x4"]
    code, _, err = run("train", *words, "--out", tmp_path / "r", "--prepare")
    assert code == 1
    assert "×4" in err
