"""What is asked most, done without click: the program's help, how its agent is doing, a run.

Importing click takes three times what an empty program takes. Words are read here in their usual
form only; all others are click's to read, or to refuse.
"""

import os
import sys
from collections.abc import Sequence

from agent.cli.members import help_text
from agent.cli.terminal import echo, width

_COMPLETION = "_SIDESTREAM_COMPLETE"
"""Set by a shell that asks click how the words may go on."""
_WIDE = 80


def answered(words: Sequence[str]) -> int | None:
    """Answer and give the exit code; None says that click is to read the words."""
    if _COMPLETION in os.environ:
        return None
    match words:
        case ["run", file] if file[:1] not in ("", "-"):
            return _run(file)
    try:
        if list(words) == ["--help"] and width(_WIDE) >= _WIDE:
            echo(help_text())
            return 0
        return _status(words[1:]) if words[:1] == ["status"] else None
    except BrokenPipeError:
        # Whoever read has gone; nothing more is written, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _status(words: Sequence[str]) -> int | None:
    from agent.cli.places import runtime_directory  # noqa: PLC0415 (help must not pay for it)
    from agent.cli.statusscreen import look  # noqa: PLC0415
    from agent.cli.statuswords import asked  # noqa: PLC0415

    found = asked(words, os.environ)
    if found is None:
        return None
    where = found.directory or runtime_directory(found.plant_file)
    return look(where, found.points, found.as_json)


def _run(file: str) -> int:
    """Run the agent as its unit starts it; after a crash it measures again the sooner."""
    from agent.cli.begin import begin  # noqa: PLC0415

    begin(file)
    return 0
