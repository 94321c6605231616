"""Timers that end with what they call."""

from qtpy.QtCore import QCoreApplication, QEvent, QTimer

from napari_dodn.plugin.kit.timers import end_timer


def test_an_ended_timer_calls_no_more(qtbot):
    called = []

    def call():
        called.append(True)

    timer = QTimer()
    timer.timeout.connect(call)
    timer.start(0)
    end_timer(timer, call)
    assert not timer.isActive()
    timer.timeout.emit()
    assert not called


def test_a_timer_that_qt_has_deleted_ends_without_a_word(qtbot):
    timer = QTimer()
    timer.timeout.connect(print)
    timer.deleteLater()
    QCoreApplication.sendPostedEvents(timer, QEvent.Type.DeferredDelete)
    end_timer(timer, print)
