"""Jobs of which only the last one asked for counts."""

import threading

import pytest

from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, stop_if
from napari_dodn.plugin.kit.latest import Latest


class Ear:
    """Asks for jobs, and hears what comes of them."""

    def __init__(self):
        self.latest, self.heard = Latest(), []
        self.latest.then(self.on_result)
        self.latest.failed.connect(self.on_result)

    def on_result(self, result):
        self.heard.append(result)


@pytest.fixture
def ear(qtbot):
    ear = Ear()
    yield ear
    ear.latest.close()


def at_once(result):
    """Return work that is done at once."""

    def steps(_cancelled):
        yield Progress(0, 1, "Working")
        return result

    return steps


class Held:
    """Work that goes on until it is let go, or cancelled."""

    def __init__(self, result):
        self.result, self.began, self.go = result, threading.Event(), threading.Event()

    def __call__(self, cancelled):
        self.began.set()
        yield Progress(0, 1, "Working")
        while not self.go.wait(0.01):
            stop_if(cancelled)
        return self.result


def test_a_newer_wish_stops_the_job_at_work(ear, qtbot):
    first = Held("first")
    ear.latest.ask(first, "First")
    qtbot.waitUntil(first.began.is_set)
    ear.latest.ask(at_once("second"), "Second")
    qtbot.waitUntil(lambda: not ear.latest.busy, timeout=20_000)
    assert ear.heard == ["second"]


def test_a_wish_that_waits_lets_the_job_at_work_have_its_result(ear, qtbot):
    first = Held("first")
    ear.latest.ask(first, "First")
    qtbot.waitUntil(first.began.is_set)
    for number in range(3):
        ear.latest.ask(at_once(number), "Next", interrupts=False)
    first.go.set()
    qtbot.waitUntil(lambda: not ear.latest.busy, timeout=20_000)
    assert ear.heard == ["first", 2]


def test_a_job_makes_way_only_for_a_wish_that_waits(ear, qtbot):
    first = Held("first")
    ear.latest.ask(first, "First")
    qtbot.waitUntil(first.began.is_set)
    assert not ear.latest.make_way()
    ear.latest.ask(at_once("second"), "Second", interrupts=False)
    assert ear.latest.make_way()
    qtbot.waitUntil(lambda: not ear.latest.busy, timeout=20_000)
    assert ear.heard == ["second"]


def test_a_job_that_a_person_cancels_says_so_and_drops_the_next_wish(ear, qtbot):
    first = Held("first")
    ear.latest.ask(first, "Reading")
    qtbot.waitUntil(first.began.is_set)
    ear.latest.ask(at_once("second"), "Second", interrupts=False)
    ear.latest.cancel()
    qtbot.waitUntil(lambda: not ear.latest.busy, timeout=20_000)
    assert ear.heard == ["Reading was cancelled."]


def test_what_is_raised_is_told_in_a_sentence(ear, qtbot):
    def steps(_cancelled):
        yield Progress(0, 1, "Working")
        raise UserError("The file is damaged.")

    ear.latest.ask(steps, "Reading")
    qtbot.waitUntil(lambda: not ear.latest.busy, timeout=20_000)
    assert ear.heard == ["The file is damaged."]


def test_after_the_end_nothing_comes(qtbot):
    ear, first = Ear(), Held("first")
    ear.latest.ask(first, "First")
    qtbot.waitUntil(first.began.is_set)
    ear.latest.close()
    first.go.set()
    qtbot.wait(50)
    assert ear.heard == []


def test_a_wish_that_is_cancelled_before_it_begins_is_told(ear):
    ear.latest.ask(at_once("never"), "The first")
    ear.latest.cancel()
    assert ear.heard == ["The first was cancelled."]
    assert not ear.latest.busy
