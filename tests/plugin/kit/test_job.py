"""Jobs: what runs beside the window."""

import gc
import threading
import time
import weakref
from types import SimpleNamespace

import pytest
from napari.utils import progress
from pyproj import CRS
from qtpy.QtCore import QThreadPool

from napari_dodn.jobs import Progress, stop_if
from napari_dodn.plugin.kit import job as worker
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, without_progress


class Listener:
    """Hears a job, and notes in which thread."""

    def __init__(self, steps):
        self.events, self.threads, self.outcomes = [], set(), []
        self.job = Job(steps, "Work")
        self.job.progressed.connect(self.on_progress)
        self.job.then(self.on_end)

    def on_progress(self, event):
        self.events.append(event)
        self.threads.add(threading.get_ident())

    def on_end(self, outcome):
        self.outcomes.append(outcome)
        self.threads.add(threading.get_ident())


@pytest.fixture
def hear(qtbot):
    """Return a function that runs a generator to its end and gives the listener."""

    def hear(steps):
        listener = Listener(steps)
        qtbot.waitUntil(lambda: bool(listener.outcomes))
        return listener

    return hear


def test_progress_and_outcome_arrive_in_the_thread_of_the_window(hear):
    def steps(cancelled):
        yield Progress(0, 2, "Working")
        yield Progress(1, 2, "Working")
        return "the outcome"

    listener = hear(steps)
    assert [event.done for event in listener.events] == [0, 1]
    assert listener.outcomes == ["the outcome"]
    assert listener.threads == {threading.get_ident()}


def test_a_long_job_does_not_keep_others_waiting_on_a_single_processor(hear, qtbot):
    threads, goes_on = QThreadPool.globalInstance(), threading.Event()
    before = threads.maxThreadCount()
    threads.setMaxThreadCount(1)
    long = Listener(without_progress(goes_on.wait))
    try:
        assert hear(without_progress(lambda: "short")).outcomes == ["short"]
        assert not long.outcomes
    finally:
        goes_on.set()
        qtbot.waitUntil(lambda: bool(long.outcomes))
        threads.setMaxThreadCount(before)


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), MemoryError(), ValueError("x"), StopIteration()]
)
def test_whatever_is_raised_is_the_outcome(hear, error):
    def steps(cancelled):
        yield Progress(0, 2, "Working")
        raise error

    (outcome,) = hear(steps).outcomes
    assert isinstance(outcome, Failure)
    assert isinstance(outcome.error, type(error) | RuntimeError)


def test_an_error_before_the_first_event_is_an_outcome_too(hear):
    def steps(cancelled):
        raise OSError("no such model")

    (outcome,) = hear(steps).outcomes
    assert str(outcome.error) == "no such model"


def test_jobs_may_ask_pyproj_for_a_system_again_and_again(hear):
    threads = []

    def steps(_cancelled):
        yield from ()
        threads.append(type(threading.current_thread()))
        return CRS.from_wkt(CRS.from_epsg(32633).to_wkt()).to_epsg()

    for _ in range(10):
        assert hear(steps).outcomes == [32633]
    # It need not crash in Qt's, in which there is no object for the thread.
    assert set(threads) == {threading.Thread}


def test_a_job_that_is_cancelled_ends_without_an_outcome(qtbot):
    def steps(cancelled):
        while True:
            stop_if(cancelled)
            time.sleep(0.005)
            yield Progress(0, 1, "Working")

    listener = Listener(steps)
    qtbot.waitUntil(lambda: bool(listener.events))
    listener.job.cancel()
    qtbot.waitUntil(lambda: listener.outcomes == [Cancelled()])


def test_a_job_that_is_cancelled_when_it_is_done_has_its_result(qtbot):
    begun = threading.Event()

    def steps(cancelled):
        yield Progress(0, 1, "Working")
        begun.set()
        while not cancelled():
            time.sleep(0.005)
        return "the outcome"

    listener = Listener(steps)
    qtbot.waitUntil(begun.is_set)
    listener.job.cancel()
    qtbot.waitUntil(lambda: listener.outcomes == ["the outcome"])


@pytest.mark.parametrize("result", ["the outcome", None])
def test_a_function_that_tells_no_progress_can_be_a_job(hear, result):
    listener = hear(without_progress(lambda: result))
    assert (listener.events, listener.outcomes) == ([], [result])


def test_the_cancel_button_of_the_activity_bar_stops_the_job(qtbot, monkeypatch):
    def steps(cancelled):
        while True:
            stop_if(cancelled)
            time.sleep(0.005)
            yield Progress(0, 1, "Working")

    monkeypatch.setattr(worker, "BAR_AFTER_S", 0)
    before = set(progress._all_instances)
    listener = Listener(steps)
    qtbot.waitUntil(lambda: set(progress._all_instances) != before)
    (bar,) = set(progress._all_instances) - before
    bar.cancel()
    qtbot.waitUntil(lambda: listener.outcomes == [Cancelled()])
    assert set(progress._all_instances) == before


def test_a_short_job_opens_no_bar(hear):
    before = set(progress._all_instances)
    bars = []

    def steps(cancelled):
        for done in range(3):
            yield Progress(done, 3, "Working")
            bars.extend(set(progress._all_instances) - before)

    hear(steps)
    assert bars == []


def test_the_time_left_is_that_of_the_phase(qtbot, monkeypatch):
    clock, heard, left = SimpleNamespace(now=0), threading.Event(), []
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: clock.now))

    class Watcher(Listener):
        def on_progress(self, event):
            left.append(self.job.seconds_left(event.done, event.total))
            heard.set()

    def steps(cancelled):
        for clock.now, done, total, message in (
            (50, 0, 10, "Measuring"),
            (51, 5, 10, "Measuring"),
            (100, 1, 4, "Super-resolving"),
            (110, 2, 4, "Super-resolving"),
            (200, 0, 3, "Comparing"),
            (202, 1, 3, "Comparing"),
        ):
            yield Progress(done, total, message)
            heard.wait(10)
            heard.clear()

    watcher = Watcher(steps)
    qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert left == [None, 1, None, 20, None, 4]


def test_what_a_job_was_about_goes_with_it_though_napari_keeps_its_worker(
    make_napari_viewer, qtbot, monkeypatch
):
    class Large:
        pass

    monkeypatch.setattr(worker, "BAR_AFTER_S", 0)
    viewer, source, result = make_napari_viewer(), Large(), Large()
    dead = [weakref.ref(source), weakref.ref(result)]

    def steps(_cancelled, source=source, result=result):
        yield Progress(0, 2, "Working")
        yield Progress(1, 2, "Working")
        return result

    job, outcomes = Job(steps, "Work"), []
    job.then(outcomes.append)
    qtbot.waitUntil(lambda: bool(outcomes))
    assert outcomes.pop() is result
    del steps, source, result
    gc.collect()
    assert [part() for part in dead] == [None, None]
    viewer.close()


def test_a_job_that_is_abandoned_tells_nobody(qtbot):
    ended = threading.Event()

    def steps(cancelled):
        while not cancelled():
            time.sleep(0.005)
            yield Progress(0, 1, "Working")
        ended.set()
        return "too late"

    listener = Listener(steps)
    listener.job.abandon()
    qtbot.waitUntil(ended.is_set)
    qtbot.wait(50)
    assert listener.outcomes == []


def test_many_jobs_beside_a_long_one_collect_no_more_garbage_than_it_alone(
    hear, qtbot, monkeypatch
):
    collected, end = [], threading.Event()
    # The next collection of an earlier test's jobs may be on its way, at its own pace.
    qtbot.waitUntil(lambda: not worker._collecting.is_set(), timeout=3 * worker.COLLECTION_MS)
    monkeypatch.setattr(worker, "COLLECTION_MS", 50)
    monkeypatch.setattr(worker.gc, "collect", collected.append)

    def long_work():
        end.wait()
        return "the outcome"

    short_work = without_progress(lambda: "the outcome")
    job = Job(without_progress(long_work), "Long work")
    for _ in range(20):
        hear(short_work)
    collected.clear()
    qtbot.wait(500)
    end.set()
    qtbot.waitUntil(lambda: job not in worker.alive)
    assert 1 <= len(collected) <= 12


def test_garbage_is_collected_in_the_thread_of_the_window_alone(hear):
    died_in = []

    class Widget:
        def __init__(self):
            self.itself = self

        def __del__(self):
            died_in.append(threading.get_ident())

    def steps(cancelled):
        Widget()
        hoard = [[] for _ in range(200_000)]  # enough to make Python collect
        yield Progress(len(hoard), 0, "Hoarding")

    hear(steps)
    gc.collect()
    assert died_in == [threading.get_ident()]
    assert gc.isenabled()
