"""The part of a panel that runs its job: Run, Cancel, a bar with the time left, and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import psygnal
from magicgui.widgets import Container, ProgressBar, PushButton, Widget

from napari_dodn.jobs import Progress
from napari_dodn.plugin.kit.forms import grow, sentence_row
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, Work, duration
from napari_dodn.plugin.kit.sentence import show_as_fault

T = TypeVar("T")


class Standing:
    """Says how a job goes on, and lets it be stopped: Cancel, a bar, and a sentence.

    Parameters
    ----------
    cancel : callable
        Called when Cancel is pressed.
    *more : Widget
        Buttons beside it; those before it come in `first`.
    first : tuple of Widget
        Buttons before it.
    """

    def __init__(
        self, cancel: Callable[[], None], *more: Widget, first: tuple[Widget, ...] = ()
    ) -> None:
        self.cancel_button = PushButton(text="Cancel", enabled=False, tooltip="Stop the run.")
        self.buttons = Container(
            widgets=[*first, self.cancel_button, *more], layout="horizontal", labels=False
        )
        self.buttons.margins = (0, 0, 0, 0)
        self.bar = ProgressBar(min=0, max=100, visible=False)
        self.status = sentence_row()
        self.cancel_button.clicked.connect(lambda _=None: cancel())

    @property
    def widgets(self) -> list[Widget]:
        """What to put into a panel, from top to bottom."""
        return [self.buttons, self.bar, self.status]

    def say(self, text: str, *, is_fault: bool = False) -> None:
        """Say how it stands, or in red what is wrong."""
        self.status.value = text
        show_as_fault(self.status.native, is_fault)
        grow(self.status)

    def show_progress(self, event: Progress, left: float | None) -> None:
        """Show how far a job is, and how many seconds it has left where that is known.

        Where there is no total, the bar only shows that something goes on.
        """
        self._fill(event.done, event.total)
        text = event.message
        if event.total:
            text += f": {100 * event.done / event.total:.0f} %"
        if left is not None and event.done < event.total:
            text += f", about {duration(left)} left"
        self.status.value = text

    def show_begin(self) -> None:
        """Show that a job has begun, and let it be stopped."""
        self.cancel_button.enabled = True
        self._fill(0, 0)

    def show_end(self) -> None:
        """Show that there is no job any more."""
        self.cancel_button.enabled = self.bar.visible = False

    def _fill(self, done: int, total: int) -> None:
        self.bar.native.setRange(0, total)
        self.bar.native.setValue(done)
        self.bar.visible = True


class Runner(Standing, Generic[T]):
    """Runs one job at a time, where nothing is wrong with what is asked.

    Parameters
    ----------
    *more : Widget
        Buttons beside Run and Cancel.
    text : str
        What the button says that starts it.

    Notes
    -----
    `progressed` gives the progress of the job, `ended` its result, a `Failure` or `Cancelled`.
    """

    progressed = psygnal.Signal(object)
    ended = psygnal.Signal(object)

    def __init__(self, *more: Widget, text: str = "Run") -> None:
        self._job: Job[T] | None = None
        self._fault = ""
        self.run_button = PushButton(
            text=text, tooltip="Start. If something is wrong, the line below says what."
        )
        super().__init__(self.cancel, *more, first=(self.run_button,))

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def set_fault(self, fault: str, *, is_hint: bool = False) -> None:
        """Let Run be pressed, unless there is a sentence that says why not.

        A hint at what is still to be done is no fault, and not red.
        """
        if self.busy:
            return
        if fault or self.status.value == self._fault:  # what a run came to stays
            self.say(fault, is_fault=bool(fault) and not is_hint)
        self._fault = fault
        self.run_button.enabled = not fault

    def forget(self) -> None:
        """Take back what was said, because something else is asked."""
        if not self.busy:
            self._fault = ""
            self.say("")

    def start(self, work: Work[T], title: str) -> None:
        """Start a job."""
        assert self._job is None
        self.run_button.enabled = False
        self.show_begin()
        self.say("Getting ready …")
        self._job = Job(work, title)
        self._job.progressed.connect(self._on_progress)
        self._job.then(self._on_ended)

    def cancel(self) -> None:
        """Ask the job to stop; the end follows."""
        if self._job is not None:
            self._job.cancel()
            self.cancel_button.enabled = False
            self.say("Cancelling …")

    def abandon(self) -> None:
        """Stop, and tell nobody, because the panel goes."""
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def _on_progress(self, event: Progress) -> None:
        job = self._job
        if job is None:
            return
        self.progressed.emit(event)
        if self.cancel_button.enabled:
            self.show_progress(event, job.seconds_left(event.done, event.total))

    def _on_ended(self, outcome: T | Failure | Cancelled) -> None:
        self._job = None
        self.show_end()
        self.run_button.enabled = True
        if isinstance(outcome, Cancelled):
            self.say("Cancelled; nothing has changed.")
        self.ended.emit(outcome)
