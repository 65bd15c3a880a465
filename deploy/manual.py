"""The manual pages: one for each command, from its help, and one for each file, from its model."""

from collections.abc import Iterator, Mapping
from typing import Final

import click

from agent.cli.group import sidestream
from config.reference import reference
from deploy.roff import escaped, inline, markdown, page, paragraphs

_FILES: Final = {
    "sidestream-plant.toml": ("## plant.toml", "the file that describes a plant to its agent"),
    "sidestream-hub.toml": ("## hub.toml", "the file that describes a cluster to its hub"),
}
_STATUS: Final = """.SH EXIT STATUS
.TP
.B 0
All is well.
.TP
.B 1
Something went wrong; the message says what, where, and the next command.
.TP
.B 2
The command was called wrongly.
.TP
.B 78
A file must be mended; the service is not started again until it is."""
_PLACES: Final = """.SH FILES
.TP
.I /etc/sidestream/plant.toml\\fR, \\fI/etc/sidestream/hub.toml
What plant and cluster are: see sidestream\\-plant.toml(5) and sidestream\\-hub.toml(5).
.TP
.I /var/lib/sidestream\\fR, \\fI/var/lib/sidestream\\-hub
State, which outlives the package until it is purged.
.TP
.I /run/sidestream\\fR, \\fI/run/sidestream\\-hub
How the running programs are doing."""


def pages(version: str, date: str) -> Mapping[str, str]:
    """Give every manual page by its file name, such as `sidestream-run.1`."""
    made = {}
    root = click.Context(sidestream, info_name="sidestream")
    for context in _contexts(root):
        name = context.command_path.replace(" ", "-")
        about = context.command.get_short_help_str(200).rstrip(".")
        about = about[:1].lower() + about[1:]
        made[f"{name}.1"] = page(name, 1, about, version, date, _command(context))
    for name, (heading, about) in _FILES.items():
        body = "\n".join((".SH DESCRIPTION", markdown(_part(heading)), _also(["sidestream-check"])))
        made[f"{name}.5"] = page(name, 5, about, version, date, body)
    return made


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from _contexts(click.Context(command, context, info_name=name))


def _command(context: click.Context) -> str:
    command = context.command
    usage = escaped(" ".join(command.collect_usage_pieces(context)))
    lines = [".SH SYNOPSIS", f".B {escaped(context.command_path)}", usage, ".SH DESCRIPTION"]
    lines += paragraphs(command.help or "")
    told = (one.get_help_record(context) for one in command.get_params(context))
    options = [record for record in told if record and record[1]]
    lines += [
        ".SH OPTIONS",
        *(f".TP\n.B {escaped(name)}\n{inline(text)}" for name, text in options),
    ]
    group = isinstance(command, click.Group)
    return "\n".join(
        [*lines, *(_members(context) if group else ()), _STATUS, _PLACES, _see(context)]
    )


def _members(context: click.Context) -> Iterator[str]:
    assert isinstance(context.command, click.Group)  # noqa: S101 - the caller has asked
    yield ".SH COMMANDS"
    for name in context.command.list_commands(context):
        found = context.command.get_command(context, name)
        path = f"{context.command_path} {name}".replace(" ", "-")
        about = found.get_short_help_str(200) if found else ""
        yield f".TP\n.BR {escaped(path)} (1)\n{inline(about)}"


def _see(context: click.Context) -> str:
    above = context.parent.command_path.replace(" ", "-") if context.parent else None
    return _also([above] if above else [], ["sidestream-plant.toml", "sidestream-hub.toml"])


def _also(commands: list[str], files: list[str] | None = None) -> str:
    named = [f"{escaped(name)}(1)" for name in commands]
    named += [f"{escaped(name)}(5)" for name in files or ()]
    return f".SH SEE ALSO\n{', '.join(named)}"


def _part(heading: str) -> str:
    """Give what the reference says of all files, and its chapter on one."""
    head, *chapters = reference().split("\n## ")
    common = head.split("do not edit.", 1)[1]
    chapter = next(text for text in chapters if f"## {text}".startswith(heading))
    return common + "\n\n" + chapter.split("\n", 1)[1]
