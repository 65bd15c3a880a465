"""Where a file says that state is kept, read without loading the rest of the file."""

import os
import tomllib
from pathlib import Path

from adapters.errors import PermanentError

_DEFAULT = Path("/etc/sidestream/plant.toml")


def runtime_directory(plant_file: str | None) -> Path:
    """Give the runtime directory of a plant file, or the service's own without one."""
    return Path(_folders(plant_file)[1])


def state_directory(plant_file: str | None) -> Path:
    """Give the state directory of a plant file, or the service's own without one."""
    return Path(_folders(plant_file)[0])


def _folders(plant_file: str | None) -> tuple[str, str]:
    from config.tables import StateTable, state  # noqa: PLC0415

    table: dict[str, object] = {}
    base = Path()
    if plant_file is not None or _DEFAULT.exists():
        path = Path(plant_file or _DEFAULT)
        base = path.parent.resolve()
        table = _state_table(path)
    known = {name: text for name, text in table.items() if name in StateTable.model_fields}
    return state(StateTable.model_validate(known), str(base), os.environ, "sidestream")


def _state_table(path: Path) -> dict[str, object]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("state", {})
    except (OSError, ValueError) as error:
        raise PermanentError(
            f"the file cannot be read ({error})",
            where=str(path),
            mend=f"see `sidestream check {path}`",
        ) from error
    return found if isinstance(found, dict) else {}
