"""The generated documents of both files: `python -m config.documents` writes them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from config.reference import reference
from config.schema import hub_schema, plant_schema


def documents() -> Mapping[str, Callable[[], str]]:
    """Name every generated file, below `docs`, and give what makes its text."""
    return {
        "schema/plant.schema.json": lambda: _json(plant_schema()),
        "schema/hub.schema.json": lambda: _json(hub_schema()),
        "configuration.md": reference,
    }


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(docs: Path = Path("docs")) -> None:
    """Write the generated files anew."""
    for name, text in documents().items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
