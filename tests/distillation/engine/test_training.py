"""A whole run: it ends with a model, can be stopped, killed and gone on with, and loses nothing."""

import errno
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors import safe_open

from napari_dodn import HyperCube, upscale
from napari_dodn.distillation.config import Variant
from napari_dodn.distillation.engine import journal as journal_module
from napari_dodn.distillation.engine import loop, stages, training
from napari_dodn.distillation.engine.learner import Learner, NonFiniteError
from napari_dodn.distillation.engine.networks import new_student
from napari_dodn.distillation.engine.training import train
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.run.checkpoint import load_checkpoint, save_checkpoint
from napari_dodn.distillation.run.events import (
    Failed,
    Finished,
    Preview,
    Stage,
    Started,
    Step,
    Stopped,
    Validated,
    Warned,
)
from napari_dodn.distillation.run.folder import RunError, RunFolder, Status
from napari_dodn.network.dodn import BRANCHES_2D, DODN
from napari_dodn.network.model_file import list_models, read_card, save_network
from tests.distillation.conftest import SMALL

WALL_CLOCK = {"time", "seconds", "left", "memory"}


def story(run):
    """Return what happened, without wall-clock fields and without where it was taken up."""
    return [
        {k: v for k, v in vars(event).items() if k not in WALL_CLOCK}
        for event in run.events()
        if isinstance(event, (Step, Validated, Preview, Finished))
    ]


def a_network(**sizes):
    return DODN(**SMALL | sizes)


def of(run, kind):
    return [event for event in run.events() if isinstance(event, kind)]


def weights(path):
    with safe_open(path, framework="numpy") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def train_in_child(run, **options):
    call = [sys.executable, "-m", "napari_dodn", "train", str(run.path), "--resume"]
    return subprocess.Popen(
        call, env=alone(run), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options
    )


def alone(run):
    """Return the environment of a process that touches nothing of the person's."""
    home = str(run.path.parent / "home")
    return os.environ | {"OMP_NUM_THREADS": "1", "XDG_DATA_HOME": home}


def torchrun(port, *words):
    """Return the call that starts two processes."""
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return [*start, "--master-port", str(port), *map(str, words)]


def test_a_run_ends_with_a_model_that_anybody_can_use(new_run, user_models):
    run = new_run()
    events = list(train(run))
    assert [type(event) for event in events] == [type(event) for event in run.events()]
    assert [event.stage for event in of(run, Stage)] == ["data", "teacher", "student", "export"]
    (finished,) = of(run, Finished)
    card = read_card(user_models / "tiny.safetensors")
    assert finished.model == str(card.path)
    assert "tiny" in [known.name for known in list_models(2)]
    assert card.scores["validation scenes"] == ["scene2"]
    assert card.scores["model"]["psnr"] == pytest.approx(finished.scores["psnr"], abs=1e-4)
    assert card.scores["each scene"] == {"scene2": card.scores["model"]}
    assert card.scores["bicubic, each scene"] == {"scene2": card.scores["bicubic"]}
    assert card.training["scenes"] == ["scene0", "scene1"]
    assert "distillation (area)" in card.training["loss"]
    cube = HyperCube(np.random.default_rng(0).random((3, 9, 9)))
    result = upscale(cube, 2, model="tiny", blur=0)
    assert result.shape == (3, 18, 18)
    assert run.status() is Status.DONE


def test_a_model_that_is_not_installed_stays_in_its_run(new_run, user_models):
    run = new_run()
    *_, finished = train(run, install=False)
    assert finished.model == str(run.best_file)
    assert not list(user_models.iterdir())


def test_a_run_learns_with_other_bands_than_those_of_its_cubes(new_run, user_models):
    run = new_run(degradation={"spectral": [0.5, 2]}, distillation={"variant": "none"})
    list(train(run))
    assert "spectral step times 0.5–2" in read_card(run.best_file).training["degradation"]


def test_the_model_knows_nothing_of_where_the_data_lay(new_run, user_models, cube_files):
    list(train(new_run()))
    content = (user_models / "tiny.safetensors").read_bytes()
    assert str(cube_files[0].parent).encode() not in content


@pytest.mark.parametrize("variant", [v for v in get_args(Variant) if v != "none"])
def test_no_variant_leaves_a_trace_in_the_model(new_run, user_models, variant):
    list(train(new_run("plain", distillation={"variant": "none"}, name="plain")))
    list(train(new_run("taught", distillation={"variant": variant}, name="taught")))
    plain, taught = (weights(user_models / f"{name}.safetensors") for name in ("plain", "taught"))
    assert {key: value.shape for key, value in plain.items()} == {
        key: value.shape for key, value in taught.items()
    }
    assert any(not np.array_equal(plain[key], taught[key]) for key in plain)


def test_pairs_begin_with_the_same_weights_and_patches(new_run):
    first = {}
    for variant in ("none", "area"):
        run = new_run(variant, distillation={"variant": variant})
        list(train(run))
        first[variant] = next(s for s in of(run, Step) if s.stage == "student").losses["pixel"]
    assert first["none"] == first["area"]


def test_a_model_gets_a_number_where_another_has_its_name(new_run, user_models):
    list(train(new_run("first")))
    list(train(new_run("second", seed=1)))
    assert sorted(p.name for p in user_models.iterdir()) == [
        "tiny-2.safetensors",
        "tiny.safetensors",
    ]


def test_a_file_that_is_no_model_keeps_its_name(new_run, user_models):
    user_models.mkdir(parents=True, exist_ok=True)
    foreign = user_models / "tiny.safetensors"
    foreign.write_text("precious")
    list(train(new_run()))
    assert foreign.read_text() == "precious"
    assert (user_models / "tiny-2.safetensors").exists()


@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_a_stopped_run_goes_on_to_the_same_end(new_run, stage):
    whole, parted = new_run("whole"), new_run("parted")
    list(train(whole))

    def is_there():
        steps = of(parted, Step)
        return bool(steps) and (steps[-1].stage, steps[-1].step) == (stage, 3)

    events = list(train(parted, stop=is_there))
    assert isinstance(events[-1], Stopped)
    assert (events[-1].stage, events[-1].step) == (stage, 3)
    assert parted.status() is Status.STOPPED
    list(train(parted))
    assert story(parted)[:-1] == story(whole)[:-1]
    a, b = (weights(run.best_file) for run in (whole, parted))
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_the_flag_in_the_folder_stops_a_run(new_run):
    run = new_run()
    for event in train(run):
        if isinstance(event, Step) and event.step == 2:
            run.ask_to_stop()
    assert isinstance(run.events()[-1], Stopped)
    assert run.events()[-1].step == 2


def test_a_run_killed_at_any_moment_goes_on_to_the_same_end(new_run):
    options = {"schedule": {"steps": 40, "validate_every": 10, "save_every": 5}}
    whole, killed = new_run("whole", **options), new_run("killed", **options)
    list(train(whole))
    chance = np.random.default_rng(0)
    for _ in range(3):
        before = len(killed.events())
        with train_in_child(killed) as child:
            wanted = before + int(chance.integers(2, 20))
            while child.poll() is None and len(killed.events()) < wanted:
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
    if killed.status() is not Status.DONE:
        with train_in_child(killed) as child:
            child.wait(120)
    assert killed.status() is Status.DONE
    assert story(killed)[:-1] == story(whole)[:-1]
    a, b = (weights(run.best_file) for run in (whole, killed))
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_ctrl_c_stops_after_the_step(new_run):
    run = new_run(schedule={"steps": 100_000, "validate_every": 100_000})
    with train_in_child(run) as child:
        while not any(e.stage == "student" for e in of(run, Step)) and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
    assert run.status() is Status.STOPPED


def test_two_processes_take_the_steps_of_one(new_run):
    options = {"schedule": {"batch": 3, "steps": 4, "validate_every": 4}}
    one, two = new_run("one", **options), new_run("two", **options)
    list(train(one))
    call = torchrun(29617, "-m", "napari_dodn", "train", two.path)
    done = subprocess.run(call, env=alone(two), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert of(two, Started)[0].processes == 2
    for a, b in zip(of(one, Step), of(two, Step), strict=True):
        assert a.losses == pytest.approx(b.losses, rel=1e-3, abs=1e-5)


BREAKS = """
import os, sys
from pathlib import Path
from napari_dodn.distillation.engine.learner import Learner
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.distillation.engine.training import train

def broken(*_):
    raise RuntimeError("a broken link")

if os.environ["RANK"] == "1":
    Learner.update = broken
list(train(RunFolder.open(Path(sys.argv[1]))))
"""


def test_what_breaks_in_any_process_is_the_last_word_in_the_log(new_run, tmp_path):
    run, script = new_run(), tmp_path / "breaks.py"
    script.write_text(BREAKS)
    assert subprocess.run(torchrun(29619, script, run.path), env=alone(run), timeout=120).returncode
    assert "rank 1 has ended. PyTorch could not go on (a broken" in of(run, Failed)[-1].text
    assert run.status() is Status.FAILED


def test_the_gradient_of_shares_is_that_of_the_batch_with_gaps(new_run, cube_files):
    """The sums that two processes would add up, without the processes."""
    from napari_dodn import read
    from napari_dodn.distillation.data.loading import load_data
    from napari_dodn.distillation.data.patches import PatchSource
    from napari_dodn.distillation.engine.losses import angle_loss, pixel_loss
    from napari_dodn.formats import write
    from napari_dodn.network.assembly import assembled

    cube = read(cube_files[0])
    data = np.array(cube.data)
    data[:, 4:30, 4:20] = np.nan
    write(cube.derive(data), cube_files[0], overwrite=True)
    config = new_run(schedule={"batch": 4}).config()
    scenes = load_data(config).training

    def gradient(sizes):
        torch.manual_seed(0)
        network = a_network()
        terms = []
        for rank in range(sizes):
            batch = PatchSource(scenes, config, rank, sizes).batch(1, 0)
            result, _ = assembled(
                network.forward_with_taps, batch.lr, batch.forward, batch.back, batch.blur, 2
            )
            terms.append([loss(result, batch.hr, batch) for loss in (pixel_loss, angle_loss)])
        loss = sum(sum(t[i].total for t in terms) / sum(t[i].number for t in terms) for i in (0, 1))
        loss.backward()
        return torch.cat([p.grad.flatten() for p in network.parameters()])

    torch.testing.assert_close(gradient(1), gradient(2), rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_no_number_is_survived(new_run, monkeypatch):
    run, update, broken = new_run(), Learner.update, [5]

    def update_with_accident(self, terms, group):
        if self.adapters is not None and self.steps == 8 and self.step + 1 in broken:
            broken.clear()
            raise NonFiniteError
        return update(self, terms, group)

    monkeypatch.setattr(Learner, "update", update_with_accident)
    list(train(run))
    (warning,) = of(run, Warned)[-1:]
    assert "The loss of step 5 was not a number" in warning.text
    steps = [event for event in of(run, Step) if event.stage == "student"]
    assert [event.step for event in steps] == list(range(1, 9))
    assert steps[4].rate < 0.6 * steps[3].rate
    assert run.status() is Status.DONE


def test_a_step_with_a_loss_that_is_no_number_changes_nothing(new_run):
    from napari_dodn.distillation.engine.losses import Sum
    from napari_dodn.distillation.engine.process_group import ProcessGroup

    network = a_network()
    learner = Learner(network, None, 8, 1e-3, new_run().config().schedule)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    bad = Sum(network.head[0].weight.sum() * torch.nan, torch.tensor(1.0))
    with pytest.raises(NonFiniteError):
        learner.update({"pixel": (1.0, bad)}, ProcessGroup())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_loss_that_never_is_a_number_ends_in_a_sentence(new_run, monkeypatch):
    def always(*_):
        raise NonFiniteError

    monkeypatch.setattr(Learner, "update", always)
    run = new_run()
    with pytest.raises(RunError, match="not a number 6 times"):
        list(train(run))
    assert run.status() is Status.FAILED
    assert "learning rate" in of(run, Failed)[0].text


def test_a_full_disk_is_said_and_the_last_state_is_kept(new_run, monkeypatch):
    run, save, calls = new_run(), journal_module.save_checkpoint, []

    def save_until_full(path, tensors, facts):
        calls.append(path)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, tensors, facts)

    monkeypatch.setattr(journal_module, "save_checkpoint", save_until_full)
    with pytest.raises(RunError, match="disk .* is full; the checkpoint of step 4 is kept"):
        list(train(run))
    monkeypatch.setattr(journal_module, "save_checkpoint", save)
    whole = new_run("whole")
    list(train(whole))
    list(train(run))
    assert story(run)[:-1] == story(whole)[:-1]


def test_a_damaged_state_is_named(new_run):
    run = new_run()
    list(train(run, stop=lambda: bool(of(run, Step))))
    run.state_file.write_bytes(b"no state")
    with pytest.raises(RunError, match="damaged"):
        list(train(run))


def warnings_of(run):
    return [warning.text for warning in of(run, Warned)]


def losses_of(run):
    return {name for event in of(run, Step) if event.stage == "student" for name in event.losses}


def test_a_weak_teacher_is_left_out_and_the_card_says_so(new_run, user_models):
    run = new_run(distillation={"weak_teacher": "leave out"})
    list(train(run))
    (warning,) = warnings_of(run)
    assert warning.startswith("The teacher is weak: it reaches ")
    assert "The student learns without it" in warning
    assert "distillation" not in losses_of(run)
    card = read_card(user_models / "tiny.safetensors")
    assert card.training["loss"].endswith("no distillation, since the teacher was weak")
    assert card.training["teacher"]["psnr"] < card.scores["bicubic"]["psnr"]


@pytest.mark.parametrize(
    "changes",
    [
        {"distillation": {"weak_teacher": "follow"}},
        {"teacher": {"trained": False}, "distillation": {"weak_teacher": "leave out"}},
        {"msi": {"shuffled": True}, "distillation": {"weak_teacher": "leave out"}},
    ],
    ids=["told so", "untrained", "shuffled"],
)
def test_a_weak_teacher_that_is_a_control_is_followed(new_run, changes):
    run = new_run(**changes)
    list(train(run))
    assert any("follows it all the same" in text for text in warnings_of(run))
    assert "distillation" in losses_of(run)


def test_a_teacher_that_is_ahead_is_followed_without_a_word(new_run, monkeypatch):
    monkeypatch.setattr(stages, "weakness", lambda *_: "")
    run = new_run(distillation={"weak_teacher": "leave out"})
    list(train(run))
    assert warnings_of(run) == []
    assert "distillation" in losses_of(run)


def test_a_run_whose_teacher_was_left_out_goes_on_without_it(new_run):
    whole, broken = (new_run(n, distillation={"weak_teacher": "leave out"}) for n in "ab")
    list(train(whole))
    list(train(broken, stop=lambda: any(e.stage == "student" for e in of(broken, Step))))
    list(train(broken))
    assert "distillation" not in losses_of(broken)
    a, b = (weights(run.best_file) for run in (whole, broken))
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_the_teacher_of_another_run_is_taken_over(new_run):
    first, second = new_run("first"), new_run("second")
    list(train(first))
    second = new_run("third", teacher={"start": str(first.teacher_file)})
    list(train(second))
    assert not [event for event in of(second, Step) if event.stage == "teacher"]
    a, b = (weights(run.teacher_file) for run in (first, second))
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_a_teacher_for_other_blocks_is_refused(new_run):
    first = new_run("first")
    list(train(first))
    other = new_run("other", teacher={"start": str(first.teacher_file)}, student={"blocks": 2})
    with pytest.raises(ConfigError, match="teacher.start"):
        list(train(other))


def test_training_goes_on_from_a_model_for_another_scale(new_run, user_models):
    list(train(new_run("two", distillation={"variant": "none"})))
    four = new_run(
        "four",
        name="four",
        student={"scale": 4, "start": "tiny"},
        schedule={"patch": 8, "learning_rate": 1e-2},
        distillation={"variant": "none"},
    )
    list(train(four))
    card = read_card(user_models / "four.safetensors").training
    assert (card["start"], card["learning rate"]) == ("tiny", 4e-4)
    assert max(step.rate for step in of(four, Step)) <= 4e-4


def a_donor(user_models, **sizes):
    """Put a model among the user's whose answer is not nothing, and return its network."""
    torch.manual_seed(3)
    network = a_network(**sizes)
    torch.nn.init.normal_(network.tail[-1].weight)
    save_network(network, user_models / "donor.safetensors", training={}, scores={}, licence="")
    return network


def test_a_model_of_another_architecture_is_no_start(new_run, user_models):
    a_donor(user_models, channels=8, blocks=2, components=3)
    run = new_run(student={"start": "donor"})
    with pytest.raises(ConfigError, match="components 3, channels 8 and blocks 2"):
        list(train(run))


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_blocks_that_a_start_lacks_change_nothing_at_first(new_run, user_models, branch_2d):
    donor = a_donor(user_models, branch_2d=branch_2d)
    sizes = {"blocks": 3, "branch_2d": branch_2d}
    network = new_student(new_run(student=sizes | {"start": "donor"}).config())
    z, sigma = torch.randn(1, 4, 12, 12), torch.tensor([0.3])
    torch.testing.assert_close(network(z, sigma), donor(z, sigma))
    network(z, sigma).square().sum().backward()
    assert network.gather[2].weight.grad.abs().max() > 0  # they learn all the same


def test_a_start_may_know_more_components(new_run, user_models):
    donor = a_donor(user_models, branch_2d="folded", components=6)
    network = new_student(new_run(student={"branch_2d": "folded", "start": "donor"}).config())
    assert network.components == 4
    assert torch.equal(network.place, donor.place[:4])
    assert torch.equal(network.head[0].weight, donor.head[0].weight)


def test_channels_that_a_start_lacks_change_nothing_at_first(new_run, user_models):
    donor = a_donor(user_models, branch_2d="folded")
    wider = donor.channels + 4
    sizes = {"branch_2d": "folded", "channels": wider, "start": "donor"}
    network = new_student(new_run(student=sizes).config())
    assert network.channels == wider
    z, sigma = torch.randn(1, 4, 12, 12), torch.tensor([0.3])
    torch.testing.assert_close(network(z, sigma), donor(z, sigma))
    network(z, sigma).square().sum().backward()
    assert network.tail[-1].weight.grad[:, -4:].abs().max() > 0  # they learn all the same
    other = new_student(
        new_run("other", student=sizes | {"scale": 4}, schedule={"patch": 8}).config()
    )
    assert torch.equal(other.blocks[0].join_3d.bias[:-4], donor.blocks[0].join_3d.bias)


def test_the_preview_shows_one_place_three_times(new_run):
    run = new_run()
    list(train(run))
    with np.load(run.preview_file) as preview:
        assert preview["sr"].shape == preview["hr"].shape == (48, 48, 3)
        assert preview["lr"].shape == (24, 24, 3)
        assert preview["hr"].dtype == np.uint8
        assert preview["hr"].std() > 10


def test_a_long_stage_is_not_told_step_by_step(new_run, monkeypatch):
    monkeypatch.setattr(loop, "TOLD_STEPS", 4)
    run = new_run()
    list(train(run))
    assert [e.step for e in of(run, Step) if e.stage == "student"] == [2, 4, 6, 8]


def test_a_slow_stage_is_told_after_a_while_all_the_same(new_run, monkeypatch):
    monkeypatch.setattr(loop, "TOLD_STEPS", 4)
    monkeypatch.setattr(loop, "SILENT_SECONDS", 0.0)
    run = new_run()
    list(train(run))
    assert [e.step for e in of(run, Step) if e.stage == "student"] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_training_learns(new_run):
    run = new_run(
        schedule={"steps": 150, "validate_every": 150, "learning_rate": 5e-3, "average": 0.9},
        distillation={"variant": "none"},
    )
    list(train(run))
    (validated,) = of(run, Validated)
    assert validated.scores["psnr"] > validated.bicubic["psnr"] + 0.3


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_a_run_computes_in_bfloat16_where_the_device_does(new_run, monkeypatch, native, precision):
    monkeypatch.setattr(training, "has_bfloat16", lambda _: native)
    run = new_run(schedule={"steps": 1}, distillation={"variant": "none"})
    list(train(run))
    assert [started.precision for started in of(run, Started)] == [precision]


def test_a_resumed_run_keeps_the_precision_that_it_began_with(new_run, monkeypatch):
    run = new_run(distillation={"variant": "none"})

    def resume(native, stop=True):
        monkeypatch.setattr(training, "has_bfloat16", lambda _: native)
        steps = len(of(run, Step))
        list(train(run, stop=lambda: stop and len(of(run, Step)) > steps))
        return of(run, Started)[-1]

    first, again = resume(native=False), resume(native=True)
    assert [first.precision, again.precision] == ["float32", "float32"]
    said = "continues in float32, in which it began; a new run would use bfloat16"
    assert [said in " ".join(event.notes) for event in (first, again)] == [False, True]
    text = run.config_file.read_text()
    run.config_file.write_text(text.replace('precision = "auto"', 'precision = "bfloat16"'))
    assert resume(native=False).precision == "bfloat16"
    run.config_file.write_text(text)
    assert resume(native=False, stop=False).precision == "bfloat16"
    assert run.status() is Status.DONE


def test_a_run_without_a_record_of_its_precision_takes_that_of_the_device(new_run, monkeypatch):
    monkeypatch.setattr(training, "has_bfloat16", lambda _: False)
    run = new_run(distillation={"variant": "none"})
    list(train(run, stop=lambda: bool(of(run, Step))))
    tensors, facts = load_checkpoint(run.state_file)
    save_checkpoint(run.state_file, tensors, {k: v for k, v in facts.items() if k != "precision"})
    monkeypatch.setattr(training, "has_bfloat16", lambda _: True)
    list(train(run))
    assert of(run, Started)[-1].precision == "bfloat16"


def test_a_run_that_another_process_trains_is_left_alone(new_run):
    run = new_run(schedule={"steps": 100_000, "validate_every": 100_000})
    with train_in_child(run) as child:
        while not of(run, Step) and child.poll() is None:
            time.sleep(0.05)
        with pytest.raises(RunError, match="another process"):
            next(training.train(RunFolder.open(run.path)))
        child.kill()


def test_more_processes_than_patches_are_refused(new_run, monkeypatch):
    from contextlib import contextmanager

    from napari_dodn.distillation.engine.process_group import ProcessGroup

    @contextmanager
    def three(_):
        yield ProcessGroup(0, 3)

    monkeypatch.setattr(training, "process_group_of", three)
    run = new_run()
    with pytest.raises(ConfigError, match="3 processes cannot share 2 patches"):
        list(train(run))
    assert run.status() is Status.FAILED


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("CUDA error: out of memory"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("no C++ compiler\nmore"), r"could not go on \(no C\+\+ compiler\)"),
    ],
)
def test_what_breaks_inside_is_a_sentence_in_the_log(new_run, monkeypatch, error, sentence):
    def broken(*_):
        raise error

    monkeypatch.setattr(Learner, "update", broken)
    run = new_run()
    with pytest.raises(RunError, match=sentence):
        list(train(run))
    assert isinstance(run.events()[-1], Failed)


def test_a_full_disk_before_the_first_checkpoint_promises_none(new_run, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal_module, "save_checkpoint", full)
    said = "is full; the run can be started again when there is room"
    with pytest.raises(RunError, match=said):
        list(train(new_run()))


def test_a_folder_that_goes_away_is_said_and_where_it_is_moved_the_run_goes_on(new_run):
    run = new_run()
    elsewhere = RunFolder(run.path.with_name("elsewhere"))
    with pytest.raises(RunError, match="run was moved or removed during the training"):
        for event in train(run):
            if event.kind == "step" and event.stage == "student" and event.step == 5:
                run.path.rename(elsewhere.path)
    list(train(elsewhere))
    assert elsewhere.status() is Status.DONE


@pytest.mark.parametrize(
    ("moment", "number", "by"),
    [
        ("stage", 0, "an empty folder"),
        ("step", 2, "another run"),
        ("step", 3, "an empty folder"),  # before a validation
    ],
)
def test_nothing_is_written_into_a_folder_that_takes_the_place_of_the_run(
    new_run, moment, number, by
):
    run = new_run(distillation={"variant": "none"})
    elsewhere = RunFolder(run.path.with_name("elsewhere"))
    other = new_run("other", distillation={"variant": "none"}, seed=1)
    before = sorted(other.path.iterdir()) if by == "another run" else []
    with pytest.raises(RunError, match="run was moved or removed during the training"):
        for event in train(run):
            if event.kind == moment and getattr(event, "step", 0) >= number:
                run.path.rename(elsewhere.path)
                if by == "another run":
                    other.path.rename(run.path)
                else:
                    run.path.mkdir()
                moment = ""
    assert sorted(run.path.iterdir()) == [run.path / file.name for file in before]
    list(train(elsewhere))
    assert elsewhere.status() is Status.DONE


def test_a_run_goes_on_where_its_folder_is_numbered_anew(new_run, monkeypatch):
    run = new_run(distillation={"variant": "none"})
    numbers = itertools.count()
    real = Path.stat

    def numbered(self, **options):
        found = real(self, **options)
        anew = (found.st_mode, next(numbers), *found[2:10])
        return os.stat_result(anew) if self == run.path else found

    monkeypatch.setattr(Path, "stat", numbered)
    list(train(run))
    assert run.status() is Status.DONE


def test_a_full_disk_at_the_best_model_is_said(new_run, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stages, "save_network", full)
    with pytest.raises(RunError, match="is full"):
        list(train(new_run()))


def test_a_configuration_that_was_changed_is_not_gone_on_with(new_run):
    run = new_run()
    list(train(run, stop=lambda: bool(of(run, Step))))
    text = run.config_file.read_text()
    run.config_file.write_text(text.replace("seed = 0", "seed = 1"))
    with pytest.raises(RunError, match="was changed after the run had begun"):
        list(train(run))
    run.config_file.write_text(text.replace('device = "cpu"', 'device = "auto"'))
    list(train(run))
    assert run.status() is Status.DONE


def test_a_resumed_run_tells_that_it_was_taken_up(new_run):
    run = new_run()
    list(train(run, stop=lambda: bool(of(run, Step))))
    list(train(run))
    assert len(of(run, Started)) == 2


def test_a_run_goes_on_without_the_model_that_it_began_with(new_run, user_models):
    list(train(new_run("first", distillation={"variant": "none"})))
    run = new_run("next", student={"start": "tiny"}, distillation={"variant": "none"})
    list(train(run, stop=lambda: bool(of(run, Step))))
    (user_models / "tiny.safetensors").unlink()
    list(train(run))
    assert run.status() is Status.DONE


def test_a_model_does_not_take_the_name_of_a_bundled_one(
    new_run, user_models, tmp_path, monkeypatch
):
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    a_donor(bundled)
    monkeypatch.setattr("napari_dodn.network.model_file.BUNDLED", bundled)
    list(train(new_run(name="donor", distillation={"variant": "none"})))
    assert [path.name for path in user_models.iterdir()] == ["donor-2.safetensors"]


def test_a_run_of_an_earlier_version_is_not_gone_on_with(new_run):
    run = new_run()
    list(train(run, stop=lambda: bool(of(run, Step))))
    tensors, facts = load_checkpoint(run.state_file)
    save_checkpoint(run.state_file, tensors, {k: v for k, v in facts.items() if k != "model"})
    with pytest.raises(RunError, match=r"earlier version .* make a new run of its config\.toml"):
        list(train(run))


def test_a_saved_state_is_not_written_into(new_run):
    from napari_dodn.distillation.engine.journal import Journal
    from napari_dodn.distillation.engine.losses import Sum
    from napari_dodn.distillation.engine.process_group import ProcessGroup

    run = new_run()
    run.append(Stopped("student", 0))
    network = a_network()
    learner = Learner(network, None, 8, 1e-3, run.config().schedule)

    def step():
        total = sum(p.square().sum() for p in network.parameters())
        learner.update({"pixel": (1.0, Sum(total, torch.tensor(1.0)))}, ProcessGroup())

    step()
    journal = Journal(run, ProcessGroup())
    journal.save(learner)
    journal.restore(learner)
    before = {key: value.clone() for key, value in journal.tensors.items()}
    step()
    assert all(torch.equal(before[key], value) for key, value in journal.tensors.items())
