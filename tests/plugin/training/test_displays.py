"""Curves, preview and verdict, with little and with very much to show."""

import time

import numpy as np
import pytest

from napari_dodn.distillation.run.events import Finished, Preview, Stage, Started, Step, Validated
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.plugin.kit.job import duration
from napari_dodn.plugin.training.curves import CurveDisplay
from napari_dodn.plugin.training.history import History
from napari_dodn.plugin.training.progress_box import Preview as PreviewBox
from napari_dodn.plugin.training.progress_box import ProgressBox
from napari_dodn.plugin.training.state import Phase, RunState

BICUBIC = {"psnr": 30.0, "sam": 5.0}


def step(number, stage="student", **losses):
    return Step(stage, number, 100, losses or {"total": 1 / number}, 1e-3, 0.1, 9.0, 0)


def validated(number, psnr, best=True):
    return Validated("student", number, {"psnr": psnr, "sam": 4.0}, BICUBIC, best)


@pytest.fixture
def state():
    return RunState()


@pytest.fixture
def display(state, qtbot):
    made = CurveDisplay(state)
    # Widgets go before fixtures end, and a curve that is due would be drawn into nothing.
    qtbot.addWidget(made.losses, before_close_func=lambda _: made.close())
    qtbot.addWidget(made.gain)
    qtbot.addWidget(made.sam)
    for plot in (made.losses, made.gain, made.sam):
        plot.resize(400, 200)
        plot.show()
    return made


def test_a_curve_for_each_term_of_teacher_and_student(state, display):
    for number in range(1, 11):
        state.history.add(step(number, "teacher", total=0.5))
        state.history.add(step(number, total=1 / number, angle=0.1))
    display.draw()
    assert set(display.losses._lines) == {"teacher", "loss", "angle"}
    _, y = display.losses._lines["loss"].getOriginalDataset()
    np.testing.assert_allclose(y, 1 / np.arange(1, 11))


def test_a_plot_is_made_when_it_is_first_looked_at_and_shows_what_has_been(state, qtbot):
    late = CurveDisplay(state)
    state.history.add(step(1))
    late.draw()
    assert "losses" not in vars(late)
    qtbot.addWidget(late.losses, before_close_func=lambda _: late.close())
    assert set(late.losses._lines) == {"loss"}


def test_axes_have_numbers_only_where_something_is_drawn(state, display):
    def numbered(plot):
        return plot.getAxis("left").style["showValues"]

    assert not any(map(numbered, (display.losses, display.gain, display.sam)))
    state.history.add(step(1))
    display.draw()
    assert [numbered(plot) for plot in (display.losses, display.gain, display.sam)] == [
        True,
        False,
        False,
    ]
    state.history.add(validated(1, 31.0))
    display.draw()
    assert all(map(numbered, (display.losses, display.gain, display.sam)))
    display.gain.empty()
    assert not numbered(display.gain)


def steps_shown(display):
    view = display.losses.getViewBox()
    view.updateAutoRange()
    return view.viewRange()[0][1]


def test_a_long_teacher_leaves_room_to_a_student_that_has_just_begun(state, display):
    for number in range(1, 501):
        state.history.add(step(number, "teacher"))
    display.draw()
    assert steps_shown(display) > 490
    for number in range(1, 21):
        state.history.add(step(number))
    display.draw()
    assert steps_shown(display) < 25


def test_the_gain_over_bicubic_is_drawn_in_decibels(state, display):
    state.history.add(validated(10, 31.0))
    display.draw()
    assert display.gain._levels["bicubic"].value() == 0.0
    assert display.sam._levels["bicubic"].value() == 5.0
    low, high = display.gain.getViewBox().childrenBounds()[1]
    assert low <= 0.0 < 1.0 <= high


def test_the_axis_of_decibels_is_not_stretched_over_noise(state, display):
    for number in range(1, 6):
        state.history.add(validated(number, 30.0 + number / 1000))
    display.draw()
    display.gain.getViewBox().updateAutoRange()
    low, high = display.gain.viewRange()[1]
    assert high - low >= 0.5


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_axis_of_steps_begins_at_none_and_has_room_for_ten(state, display, count):
    for number in range(1, count + 1):
        state.history.add(step(number))
        state.history.add(validated(number, 31.0))
    display.draw()
    for plot in (display.losses, display.gain, display.sam):
        low, high = plot.viewRange()[0]
        assert low == pytest.approx(0, abs=0.5)
        assert 9 <= high - low <= 12


def test_a_noisy_curve_is_drawn_by_its_means(state, display):
    rng = np.random.default_rng(0)
    for number in range(1, 5001):
        state.history.add(step(number, total=np.exp(rng.standard_normal())))
    display.draw()
    display.losses.grab()
    _, shown = display.losses._lines["loss"].getData()
    assert len(shown) < 400
    assert shown[1:-1].std() < 0.15


def test_a_loss_that_is_not_finite_leaves_a_gap(state, display):
    for number, value in enumerate((1.0, np.nan, 0.0, 0.5), start=1):
        state.history.add(step(number, total=value))
    display.draw()
    _, y = display.losses._lines["loss"].getOriginalDataset()
    np.testing.assert_array_equal(np.isfinite(y), [True, False, False, True])


def test_a_hundred_thousand_steps_are_drawn_without_a_stutter(state, display, qtbot):
    rng = np.random.default_rng(0)
    for number, noise in enumerate(rng.random(100_000), start=1):
        terms = dict.fromkeys(("pixel", "angle", "distillation"), noise)
        state.history.add(step(number, total=1 / number + noise, **terms))
    display.draw()
    display.losses.grab()
    state.history.add(step(100_001, total=1.0))
    began = time.process_time()
    display.draw()
    display.losses.grab()
    assert time.process_time() - began < 0.25
    shown, _ = display.losses._lines["loss"].getData()
    assert len(shown) < 20_000


def test_curves_are_drawn_at_most_four_times_a_second(state, display, qtbot, monkeypatch):
    drawn = []
    really = display.losses.draw
    monkeypatch.setattr(display.losses, "draw", lambda *a, **k: (drawn.append(1), really(*a, **k)))
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        state.history.add(step(1))
        state.grew.emit()
        qtbot.wait(10)
    assert 2 <= len(drawn) <= 5


@pytest.mark.parametrize(("psnr", "words"), [(31.0, "beats bicubic"), (29.0, "does not beat")])
def test_the_verdict_says_plainly_who_wins(psnr, words):
    history = History()
    history.add(validated(5, psnr))
    assert words in history.verdict()


def test_the_verdict_is_about_the_best_model_not_the_last():
    history = History()
    history.add(validated(5, 31.0))
    history.add(validated(10, 29.0, best=False))
    assert "31.00 dB" in history.verdict()
    history.add(Finished("m", 5, {"psnr": 31.5}, BICUBIC))
    assert "31.50 dB" in history.verdict()


def test_the_verdict_says_how_the_bundled_model_compares():
    history = History()
    history.add(validated(5, 31.0))
    history.add(Finished("m", 5, {"psnr": 31.5}, BICUBIC, "It beats the bundled one."))
    assert history.verdict().endswith("(+1.50). It beats the bundled one.")


def test_without_scores_nothing_is_judged():
    history = History()
    history.add(Started(0, "cpu", "float32", 1, [], [], [], {}, {}))
    assert history.verdict() == "Not validated yet."


@pytest.mark.parametrize("content", [b"", b"not a picture", b"PK\x03\x04 cut off"])
def test_a_damaged_preview_is_no_harm(state, tmp_path, qtbot, content):
    box = PreviewBox(state)
    qtbot.addWidget(box)
    state.run = RunFolder(tmp_path)
    state.run.preview_file.write_bytes(content)
    state.history.add(Preview(3))
    state.grew.emit()
    assert box.images == {}
    picture = np.zeros((8, 8, 3), np.uint8)
    np.savez(state.run.preview_file, lr=picture, sr=picture, hr=picture)
    state.grew.emit()
    assert set(box.images) == {"lr", "sr", "hr"}


def test_a_preview_with_a_picture_says_what_it_shows(state, tmp_path, qtbot):
    box = PreviewBox(state)
    qtbot.addWidget(box)
    assert box.titles["picture"].text() == ""
    state.run = RunFolder(tmp_path)
    picture = np.zeros((8, 8, 3), np.uint8)
    np.savez(state.run.preview_file, lr=picture, sr=picture, hr=picture, picture=picture)
    state.history.add(Preview(3))
    state.grew.emit()
    texts = [title.text() for title in box.titles.values()]
    assert texts == ["cube", "super-resolved", "pseudo-truth", "picture"]
    assert box.caption.text() == "A patch that is learnt from after step 3."


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (300, "5 min"), (9000, "2.5 h")])
def test_times_are_as_rough_as_they_are_known(seconds, text):
    assert duration(seconds) == text


def test_the_time_left_and_a_stop_are_said_to_be_the_teachers(state, qtbot):
    box = ProgressBox(state)
    qtbot.addWidget(box)
    state.history.add(Stage("teacher", 100))
    state.history.add(step(5, "teacher"))
    state.turn(Phase.RUNNING)
    assert "about 9 s left, then the student is trained" in box.stage.text()
    state.turn(Phase.STOPPED)
    assert box.stage.text() == "Training the teacher: step 5 of 100"
