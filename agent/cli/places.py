"""Where a plant file says that state is kept, read without loading the rest of the file."""

import os
from collections.abc import Mapping
from pathlib import Path

from config.folders import folders

_DEFAULT = Path("/etc/sidestream/plant.toml")


def runtime_directory(plant_file: str | None) -> Path:
    """Give the runtime directory of a plant file, or the service's own without one."""
    return Path(_folders(plant_file)[1])


def state_directory(plant_file: str | None) -> Path:
    """Give the state directory of a plant file, or the service's own without one."""
    return Path(_folders(plant_file)[0])


def plant_path(plant_file: str | None) -> Path:
    """Give the path of a plant file, or of the service's own without one."""
    return Path(plant_file or _DEFAULT)


def _folders(plant_file: str | None) -> tuple[str, str]:
    """Read the [state] table alone; raises `ConfigError` when the file is no TOML file."""
    if plant_file is None and not _DEFAULT.exists():
        return folders(None, None, "", os.environ, "sidestream")
    from config.toml import read  # noqa: PLC0415 (status without a file must not pay for it)

    path = Path(plant_file or _DEFAULT)
    table = read(path).data.get("state", {})
    given = [_text(path, table, name) for name in ("directory", "runtime")]
    return folders(given[0], given[1], str(path.parent.resolve()), os.environ, "sidestream")


def _text(path: Path, table: object, name: str) -> str | None:
    value = table.get(name) if isinstance(table, Mapping) else table
    if value is None:
        return None
    if not isinstance(value, str):
        from config.errors import ConfigError, Problem  # noqa: PLC0415

        hint = f"see `sidestream check {path}`"
        raise ConfigError(
            [Problem(str(path), 0, f"state.{name}", "not the path of a folder", "", hint)]
        )
    return _filled(path, value, name) if "${" in value else value


def _filled(path: Path, value: str, name: str) -> str:
    # What is rare may cost: filling in needs the loader's own machinery.
    from config.locate import Findings  # noqa: PLC0415
    from config.secrets import resolved  # noqa: PLC0415
    from config.toml import read  # noqa: PLC0415

    findings = Findings(read(path))
    filled = resolved(value, os.environ, findings, ("state", name))
    findings.settle()
    return str(filled)
