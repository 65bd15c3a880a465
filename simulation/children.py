"""Child processes of a run: started with a log each, ended by their ids, always."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from adapters.errors import TransientError

_PATIENCE = 8.0
_TAIL = 1500


@dataclass(slots=True)
class Child:
    """A Python module as a process of its own: `python -m` with the arguments."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    talks: bool = False
    """Whether its output is read line by line, rather than written to its log."""
    process: Process | None = None
    starts: int = 0

    @property
    def pid(self) -> int:
        """Id of the process, 0 when none runs."""
        return self.process.pid if self.process is not None else 0

    async def start(self) -> None:
        """Start it, out of reach of the terminal's Ctrl-C: whoever started it ends it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if self.talks else log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )
        self.starts += 1

    async def tell(self, line: str) -> None:
        """Write a line to the child's input."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.write(f"{line}\n".encode())
            await self.process.stdin.drain()

    async def hear(self, line: str, patience: float) -> None:
        """Wait for a line of the child's output; raises `TransientError` when it does not come."""
        if self.process is None or self.process.stdout is None:
            raise TransientError(f"{self.name} does not run")
        try:
            async with asyncio.timeout(patience):
                while heard := await self.process.stdout.readline():
                    if heard.decode(errors="replace").strip() == line:
                        return
                await self.process.wait()
        except TimeoutError:
            what = f"{self.name} was not {line} within {patience:g} s"
            raise TransientError(what, where=str(self.log)) from None
        self.check()

    async def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end (SIGTERM), and end it when it does not."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(how)
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()

    def check(self) -> None:
        """Raise `TransientError` with the end of its log when it has ended by itself."""
        if self.process is not None and self.process.returncode is not None:
            tail = self.log.read_text(errors="replace")[-_TAIL:]
            raise TransientError(
                f"{self.name} ended with exit code {self.process.returncode}:\n{tail}",
                where=str(self.log),
            )


def _environment() -> Mapping[str, str]:
    """Give the environment without what systemd gave to this process alone."""
    own = ("NOTIFY_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY")
    return {name: value for name, value in os.environ.items() if name not in own}


@dataclass(slots=True)
class Children:
    """All child processes of a run; leaving the context ends them."""

    members: list[Child] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Shielded: a second Ctrl-C must not leave processes behind.
        await asyncio.shield(asyncio.ensure_future(self.stop()))

    def add(self, name: str, *arguments: str, log: Path, talks: bool = False) -> Child:
        """Take a child in, without starting it."""
        child = Child(name, arguments, log, talks)
        self.members.append(child)
        return child

    async def stop(self) -> None:
        """End all that run."""
        await asyncio.gather(*(child.stop() for child in self.members))

    def check(self) -> None:
        """Raise `TransientError` when one has ended by itself."""
        for child in self.members:
            child.check()
