"""After members changed: the broker's files written anew, its command run or told."""

import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.hub_broker import broker_files, write

if TYPE_CHECKING:
    from config.hub_plan import HubPlan

_SECONDS = 60


@dataclass(frozen=True)
class Told:
    """What was done at the broker, and what is left to the operator."""

    written: list[str] = field(default_factory=list)
    ran: str | None = None
    todo: list[str] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        """Give it for programs."""
        return {"written": self.written, "ran": self.ran, "todo": self.todo}

    def show(self) -> None:
        """Print it."""
        if self.written:
            click.echo(f"broker       {', '.join(self.written)} written")
        if self.ran:
            click.echo(f"broker       {self.ran}: done")
        for line in self.todo:
            click.echo(f"to do        {line}")


def refresh(plan: "HubPlan", now: int, password_line: str | None, *, members: bool = True) -> Told:
    """Bring the broker up to date with the members; raises `PermanentError`.

    Without `members` only a line of its passwords is new.
    """
    files = plan.files
    if plan.broker.tls is None or not (members or password_line):
        return Told()
    reload = files.reload or "systemctl reload mosquitto"
    if files.output is None:
        todo = [f"sidestream hub broker-config -o FOLDER && {reload}"] if members else []
        if password_line is not None:
            todo.insert(0, f"add to {files.passwords}, then {reload}: {password_line}")
        return Told(todo=todo)
    written = _write(plan, Path(files.output), now, password_line, members=members)
    if files.reload is None:
        return Told(written, todo=[reload])
    _run(files.reload)
    return Told(written, files.reload)


def _write(
    plan: "HubPlan", folder: Path, now: int, password_line: str | None, *, members: bool
) -> list[str]:
    written = []
    if members:
        for name, text in broker_files(plan, folder, now)[1].items():
            write(folder / name, text)
            written.append(str(folder / name))
    if password_line is not None:
        path = Path(plan.files.passwords)
        write(path, _with_line(path, password_line))
        written.append(str(path))
    return written


def _with_line(path: Path, line: str) -> str:
    """Give a file of passwords with a line in place of what that user had."""
    user = line.partition(":")[0]
    try:
        before = path.read_text().splitlines() if path.exists() else []
    except OSError as error:
        raise PermanentError(
            f"the file of passwords cannot be read ({error.strerror})",
            where=str(path),
            mend="run as root",
        ) from error
    return "\n".join([*(one for one in before if one.partition(":")[0] != user), line, ""])


def _run(command: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 the operator's own command
            shlex.split(command), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        said = f"exit code {done.returncode}: {done.stderr.strip()[-200:]}"
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise PermanentError(
            f"the broker's command failed ({error})", where=command, mend="run it by hand"
        ) from error
    if done.returncode:
        raise PermanentError(
            f"the broker's command failed ({said})", where=command, mend="run it by hand"
        )
