"""What a person waits for while the window draws itself."""

import threading
import time

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_dodn.plugin.kit.waiting import in_thread


def as_a_click_does(function):
    """Run a function from within the event loop."""
    result = []

    def run():
        try:
            result.append(function())
        except Exception as error:  # noqa: BLE001 - looked at by the test
            result.append(error)
        QApplication.instance().exit()

    QTimer.singleShot(0, run)
    QApplication.instance().exec()
    return result[0]


def test_the_window_goes_on_while_a_person_waits(qtbot):
    beats, timer = [], QTimer()
    timer.timeout.connect(lambda: beats.append(time.monotonic()))
    timer.start(5)

    def slow():
        time.sleep(0.3)
        return threading.get_ident()

    assert as_a_click_does(lambda: in_thread(slow, "Working")) != threading.get_ident()
    timer.stop()
    assert len(beats) > 10


def test_what_is_raised_reaches_the_caller(qtbot):
    def fail():
        raise ValueError("no such band")

    error = as_a_click_does(lambda: in_thread(fail, "Working"))
    assert isinstance(error, ValueError)
    assert str(error) == "no such band"


def test_a_script_gets_the_call_itself(qtbot):
    assert in_thread(threading.get_ident, "Working") == threading.get_ident()
