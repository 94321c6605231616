"""A configuration as a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomli_w

from napari_dodn.distillation.config import TrainConfig, checked
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.paths import expanded


def load_config(path: Path) -> TrainConfig:
    """Read a configuration from a TOML file; relative paths in it count from the file's folder.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no TOML, or a field is faulty.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError({"": f"It cannot be read: {reason}."}, str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError({"": f"It is not TOML: {error}."}, str(path)) from error
    config = checked(values, str(path))
    home = path.resolve().parent
    msi, teacher = config.msi, config.teacher

    def placed(path: Path | None) -> Path | None:
        return None if path is None else home / expanded(path)

    # The start is the name of a model, or the path of one.
    start = config.student.start
    is_path = start is not None and Path(start).suffix == ".safetensors"
    started = str(home / expanded(start)) if start and is_path else start
    return config.model_copy(
        update={
            "data": config.data.model_copy(
                update={
                    "cubes": tuple(home / expanded(cube) for cube in config.data.cubes),
                    "sharper": {k: home / expanded(v) for k, v in config.data.sharper.items()},
                }
            ),
            "msi": msi.model_copy(
                update={
                    "pictures": {k: home / expanded(v) for k, v in msi.pictures.items()},
                    "table": placed(msi.table),
                }
            ),
            "teacher": teacher.model_copy(update={"start": placed(teacher.start)}),
            "student": config.student.model_copy(update={"start": started}),
        }
    )


def config_text(config: TrainConfig) -> str:
    """Return a configuration as TOML, which `load_config` reads back."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
