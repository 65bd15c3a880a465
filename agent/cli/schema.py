"""`sidestream schema`: the JSON Schemas of files and messages, as the code uses them."""

from typing import Any

import click

from agent.cli.output import print_json

_FILES = ("plant", "hub")
_MESSAGES = ("record", "figure", "envelope", "receipt", "presence", "cell")


@click.command()
@click.argument("name", type=click.Choice((*_FILES, *_MESSAGES)))
def schema(name: str) -> None:
    """Print the JSON Schema of a configuration file or of a message on the wire.

    \b
    Example:
      sidestream schema cell > cell.schema.json
    """
    print_json(_schema(name))


def _schema(name: str) -> dict[str, Any]:
    if name in _FILES:
        from config.schema import schema as file_schema  # noqa: PLC0415

        return file_schema(name)
    from gateway import contract  # noqa: PLC0415

    model = getattr(contract, name.capitalize())
    document: dict[str, Any] = model.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
