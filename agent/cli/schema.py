"""`sidestream schema`: the JSON Schemas of files and messages, as the code uses them."""

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
    if name in _FILES:
        from config.schema import file_schema  # noqa: PLC0415

        print_json(file_schema(name))
        return
    from gateway.schemas import message_schema  # noqa: PLC0415

    print_json(message_schema(name))
