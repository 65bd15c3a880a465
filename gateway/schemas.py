"""The published form of the wire contract: JSON Schemas and an AsyncAPI document, from the code.

`python -m gateway.schemas` writes them to docs/schema; a test fails when they differ.
"""

import json
import sys
from pathlib import Path
from typing import Any

from adapters.described import Described
from gateway.asyncapi import document
from gateway.contract import Cell, Envelope, Figure, Message, Presence, Receipt, Record, Roster
from gateway.federation import Pooled, Remainder
from gateway.joining import Admission, Invitation, JoinRequest, Parcel
from gateway.partner import Detail, DetailEnvelope

MESSAGES: dict[str, type[Message]] = {
    "record": Record,
    "figure": Figure,
    "envelope": Envelope,
    "receipt": Receipt,
    "presence": Presence,
    "cell": Cell,
    "detail": Detail,
    "detail-envelope": DetailEnvelope,
    "roster": Roster,
    "invitation": Invitation,
    "parcel": Parcel,
    "join-request": JoinRequest,
    "admission": Admission,
    "remainder": Remainder,
    "pooled": Pooled,
}
"""Every message on the wire, by name."""


def message_schema(name: str) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of a message."""
    document: dict[str, Any] = MESSAGES[name].model_json_schema(schema_generator=Described)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


def wire_document() -> dict[str, Any]:
    """Give the AsyncAPI document of the wire."""
    return document({name: message_schema(name) for name in MESSAGES})


def published(folder: Path) -> dict[Path, str]:
    """Give each file of the published contract and what must be in it."""
    files = {f"{name}.schema.json": message_schema(name) for name in MESSAGES}
    files["asyncapi.json"] = wire_document()
    return {folder / name: json.dumps(one, indent=2) + "\n" for name, one in files.items()}


def main(folder: Path) -> None:
    """Write the published contract."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in published(folder).items():
        path.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/schema"))
