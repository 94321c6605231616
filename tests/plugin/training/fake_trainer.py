"""Pretends to train: fake_trainer.py RUN_FOLDER [steps N] [pause S] [crash] [mute] [--resume]."""

import sys
import time
from pathlib import Path

import numpy as np

from napari_dodn.distillation.run.events import (
    Failed,
    Finished,
    Preview,
    Stage,
    Started,
    Step,
    Stopped,
    Validated,
    Warned,
)
from napari_dodn.distillation.run.folder import RunFolder

BICUBIC = {"psnr": 30.0, "ssim": 0.9, "sam": 5.0}


def option(words, name, default):
    return type(default)(words[words.index(name) + 1]) if name in words else default


def main(folder, *words):
    if "mute" in words:
        print("no word of mine is an event", flush=True)
        sys.exit(3)
    run = RunFolder(Path(folder))
    steps, pause = option(words, "steps", 20), option(words, "pause", 0.0)
    config = run.config()
    with run.locked():
        run.stop_file.unlink(missing_ok=True)
        run.append(Started(0, "cpu", "float32", 1, ["a"], ["b"], ["A note."], BICUBIC, {}))
        if "fail" in words:
            run.append(Failed("The cube 'a' holds no valid value."))
            return
        run.append(Warned("The teacher is worse than bicubic."))
        run.append(Stage("teacher", 5))
        for step in range(1, 6):
            losses = {"total": 1 / step, "pixel": 0.9 / step}
            run.append(Step("teacher", step, 5, losses, 1e-3, 0.01, 10.0, 2**30))
        run.append(Stage("student", steps))
        for step in range(1, steps + 1):
            losses = {"total": 1 / step, "pixel": 0.5 / step, "angle": 0.1, "distillation": 0.2}
            run.append(Step("student", step, steps, losses, 1e-3, pause, 5.0, 2**30))
            if step % 5 == 0:
                scores = {"psnr": 29.0 + step / 5, "ssim": 0.9, "sam": 5.5 - step / 20}
                run.append(Validated("student", step, scores, BICUBIC, True))
                picture = np.full((16, 16, 3), step, np.uint8)
                np.savez(run.preview_file, lr=picture[::4, ::4], sr=picture, hr=picture)
                run.append(Preview(step))
            if "crash" in words and step == 5:
                print("MemoryError: what it died of", flush=True)
                sys.exit(9)
            time.sleep(pause)
            if run.stop_asked():
                run.append(Stopped("student", step))
                return
        model = run.path / f"{config.name}.safetensors"
        run.append(Finished(str(model), steps, {"psnr": 32.0, "ssim": 0.9, "sam": 4.0}, BICUBIC))


main(*sys.argv[1:])
