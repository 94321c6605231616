"""Long work that yields progress and returns its result."""

import pytest

from napari_dodn.jobs import CancelledError, Progress, follow, result_of, retold, stop_if


class Work:
    """A job of three parts that notes whether it has tidied up."""

    def __init__(self, cancelled=lambda: False):
        self.cancelled, self.tidy = cancelled, False

    def steps(self):
        try:
            for done in range(3):
                yield Progress(done, 3, "Working")
                stop_if(self.cancelled)
            return "the result"
        finally:
            self.tidy = True


def test_who_follows_a_job_sees_its_progress_and_gets_its_result():
    seen = []
    assert follow(Work().steps(), seen.append) == "the result"
    assert [event.done for event in seen] == [0, 1, 2]


def test_the_result_may_be_none_or_come_without_progress():
    def steps():
        return None
        yield

    assert result_of(steps()) is None


def test_a_cancelled_job_raises_and_has_no_result():
    seen = []
    work = Work(lambda: len(seen) == 2)
    with pytest.raises(CancelledError):
        follow(work.steps(), seen.append)
    assert len(seen) == 2
    with pytest.raises(CancelledError):
        result_of(Work(lambda: True).steps())


def test_a_job_is_closed_where_its_follower_fails():
    work = Work()

    def fail(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(work.steps(), fail)
    assert work.tidy


def test_a_part_is_told_in_other_words_and_returns_its_own_result():
    seen = []
    steps = retold(Work().steps(), lambda event: Progress(event.done + 10, 20, "Larger work"))
    assert follow(steps, seen.append) == "the result"
    assert seen == [Progress(done, 20, "Larger work") for done in (10, 11, 12)]


def test_closing_the_whole_closes_the_part():
    work = Work()
    steps = retold(work.steps(), lambda event: event)
    next(steps)
    assert not work.tidy
    steps.close()
    assert work.tidy
