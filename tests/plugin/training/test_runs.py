"""Runs from the panel: started, watched, stopped, resumed, attached to, and what goes wrong."""

from napari_dodn.plugin.training.state import Phase


def test_a_run_goes_from_start_to_done(ready, driver):
    driver.start(ready, Phase.DONE)
    assert ready.state.run.path.name == "my model"
    assert "beats bicubic" in ready.progress.verdict.text()
    assert "32.00 dB, bicubic 30.00 dB (+2.00)" in ready.progress.verdict.text()
    assert len(ready.state.history.losses["student", "total"]) == 20
    assert "teacher is worse" in ready.progress.warnings.text()
