"""`sidestream schema`: the JSON Schemas of files and messages, as the code uses them."""

from typing import Any

import click

from agent.cli.output import print_json

_FILES = ("plant", "hub")
_WIRE = "asyncapi"
_MESSAGES = ("record", "figure", "envelope", "receipt", "presence", "cell", "detail",
             "detail-envelope")  # fmt: skip


@click.command()
@click.argument("name", type=click.Choice((*_FILES, *_MESSAGES, _WIRE)), metavar="NAME")
def schema(name: str) -> None:
    """Print the JSON Schema of a configuration file or of a message on the wire.

    \b
    NAME is one of
      plant, hub                      the configuration files
      record, figure, envelope,       the messages between agents, hub and
      receipt, presence, cell         the cluster's subscribers
      detail, detail-envelope         what a contract partner gets
      asyncapi                        the wire with its topics (AsyncAPI 3)

    \b
    Example:
      sidestream schema cell > cell.schema.json
    """
    print_json(_schema(name))


def _schema(name: str) -> dict[str, Any]:
    if name in _FILES:
        from config.schema import hub_schema, plant_schema  # noqa: PLC0415

        return plant_schema() if name == "plant" else hub_schema()
    from gateway.schemas import message_schema, wire_document  # noqa: PLC0415

    return wire_document() if name == _WIRE else message_schema(name)
