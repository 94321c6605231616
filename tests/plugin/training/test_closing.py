"""What becomes of a run when its panel or the window closes."""

import pytest
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_dodn.distillation.run.folder import Status
from napari_dodn.plugin.training import child, closing, panel
from napari_dodn.plugin.training.panel import TrainByDistillation
from napari_dodn.plugin.training.state import Phase


@pytest.fixture
def viewer(make_napari_viewer):
    """Return a viewer with a window."""
    return make_napari_viewer()


@pytest.fixture
def going(viewer, ready, driver, fake):
    """Return the panel, docked and on the screen, with a run that goes on."""
    viewer.window.add_dock_widget(ready, name="training")
    viewer.window.show()
    fake("steps", "1000", "pause", "0.05")
    driver.start(ready, Phase.RUNNING)
    run = ready.state.run
    yield ready
    run.ask_to_stop()
    driver.until(lambda: not child.going())


def close_window(viewer):
    event = QCloseEvent()
    QApplication.sendEvent(viewer.window._qt_window, event)
    return event.isAccepted()


def test_the_window_stays_where_a_person_changes_their_mind(going, viewer, monkeypatch):
    monkeypatch.setattr(closing, "ask", lambda parent, runs: None)
    assert not close_window(viewer)
    assert not going.state.run.stop_asked()


def test_a_run_that_is_left_goes_on_without_the_window(going, viewer, monkeypatch, driver):
    asked = []
    monkeypatch.setattr(closing, "ask", lambda parent, runs: asked.append(runs) or "leave")
    viewer.close()
    assert asked == [[going.state.run]]
    run = going.state.run
    size = run.events_file.stat().st_size
    driver.until(lambda: run.events_file.stat().st_size > size)
    assert run.status() is Status.RUNNING


def test_a_run_can_be_stopped_when_the_window_closes(going, viewer, monkeypatch, driver):
    monkeypatch.setattr(closing, "ask", lambda parent, runs: "stop")
    viewer.close()
    driver.until(lambda: going.state.run.status() is Status.STOPPED)


@pytest.mark.parametrize("stays", [True, False])
def test_a_run_is_stopped_only_where_the_window_then_closes(stays, qtbot, monkeypatch):
    def answer_of_napari(window, event):
        event.setAccepted(not stays)

    class Run:
        stopped = False

        def ask_to_stop(self):
            self.stopped = True

    window = type("Window", (QMainWindow,), {"closeEvent": answer_of_napari})()
    run = Run()
    qtbot.addWidget(window)
    closing.WindowWatch(window)
    window.show()
    monkeypatch.setattr(closing, "going", lambda: [run])
    monkeypatch.setattr(closing, "ask", lambda parent, runs: "stop")
    window.close()
    assert window.isVisible() is stays
    assert run.stopped is not stays
    monkeypatch.setattr(closing, "going", list)  # or pytest-qt's own closing would ask


def test_a_closed_dock_leaves_the_run_alone_and_a_new_one_finds_it(going, viewer, driver):
    viewer.window.remove_dock_widget(going)
    again = TrainByDistillation(viewer)
    viewer.window.add_dock_widget(again, name="again")
    driver.wait_for(again, Phase.RUNNING)
    assert again.state.run == going.state.run


def test_a_new_panel_asks_about_the_run_of_a_closed_one(going, viewer, driver, monkeypatch):
    viewer.window.remove_dock_widget(going)
    again = TrainByDistillation(viewer)
    viewer.window.add_dock_widget(again, name="again")
    driver.wait_for(again, Phase.RUNNING)
    asked = []
    monkeypatch.setattr(closing, "ask", lambda parent, runs: asked.append(runs))
    assert not close_window(viewer)
    assert asked == [[going.state.run]]


def test_napari_asks_about_the_run_of_a_panel_that_was_closed(going, viewer, monkeypatch):
    run = going.state.run
    viewer.window.remove_dock_widget(going)
    asked = []
    monkeypatch.setattr(closing, "ask", lambda parent, runs: asked.append(runs))
    assert not close_window(viewer)
    assert asked == [[run]]


def test_a_panel_that_is_closed_says_that_its_run_goes_on(going, viewer, monkeypatch):
    said = []
    monkeypatch.setattr(panel, "show_info", said.append)
    run = going.state.run
    viewer.window.remove_dock_widget(going)
    assert len(said) == 1
    assert f"The training in {run.path} goes on." in said[0]


def test_nothing_is_said_when_the_window_goes(going, viewer, monkeypatch):
    said = []
    monkeypatch.setattr(panel, "show_info", said.append)
    monkeypatch.setattr(closing, "ask", lambda parent, runs: "leave")
    viewer.close()
    going._lifetime.end()
    assert said == []


def test_a_run_that_is_being_prepared_is_named_before_the_panel_closes(ready):
    assert ready._going_on() == ""
    ready.state.turn(Phase.PREPARING)
    assert ready._going_on() == "A run is being prepared."


def test_a_configuration_that_is_being_saved_is_named_too(ready, driver, tmp_path):
    ready.output.save(tmp_path / "mine.toml")
    assert ready._going_on() == "A configuration is being saved."
    driver.until(lambda: not ready.output.busy)
    assert ready._going_on() == ""


def test_without_a_run_nothing_is_asked(viewer, dock, monkeypatch):
    viewer.window.add_dock_widget(dock, name="training")
    viewer.window.show()
    monkeypatch.setattr(closing, "ask", lambda parent, runs: pytest.fail("asked"))
    viewer.close()
