"""Many quick events of a job, as the measuring of small regions sends them."""

from napari_dodn.jobs import Progress
from napari_dodn.plugin.kit.job import Job

MANY = 1500


class Ear:
    """Hears a job to its end."""

    def __init__(self, job):
        self.heard = []
        job.progressed.connect(self.on_progress)
        job.then(self.on_end)

    def on_progress(self, event):
        self.heard.append(event.done)

    def on_end(self, outcome):
        self.heard.append(outcome)


def test_many_quick_events_arrive_in_their_order_and_before_the_end(qtbot):
    def steps(cancelled):
        for number in range(MANY):
            yield Progress(number, MANY, "Counting")
        return "the end"

    job = Job(steps, "Counting")
    ear = Ear(job)
    qtbot.waitUntil(lambda: "the end" in ear.heard, timeout=20_000)
    assert ear.heard == [*range(MANY), "the end"]
