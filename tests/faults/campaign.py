"""Campaigns: seeded blocks of faults whose findings add up, kept in a file and taken up again."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

Say = Callable[[str], None]
K = TypeVar("K")
V = TypeVar("V")


def in_turn(draw: random.Random, kinds: Sequence[K], victims: Sequence[V]) -> Iterator[tuple[K, V]]:
    """Give kinds of faults and their victims without end: each pair once before any comes again."""
    while True:
        pairs = [(kind, victim) for kind in kinds for victim in victims]
        draw.shuffle(pairs)
        yield from reversed(pairs)


@dataclass
class Tally:
    """What came of some rounds: faults by kind, findings, and figures by name (worst of all)."""

    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """What took longer than it should, which a busy computer may be to blame for."""
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled, wrong or otherwise a problem but late."""
        return not (self.lost or self.doubled or self.wrong or self.problems)

    def compare(
        self, what: str, expected: Mapping[Any, object], got: Mapping[Any, Sequence[object]]
    ) -> None:
        """Compare what must be there with all that is: each once, equal, and nothing else."""
        self.checked[what] += len(expected)
        for key, one in expected.items():
            found = got.get(key, ())
            if not found:
                self._note("lost", f"{what} {key}: lost")
            elif len(found) > 1:
                self._note("doubled", f"{what} {key}: {len(found)} times")
            elif found[0] != one:
                self._note("wrong", f"{what} {key}: {found[0]!r:.200} instead of {one!r:.200}")
        for key in got.keys() - expected.keys():
            self._note("doubled", f"{what} {key}: from nowhere")

    def within(self, what: str, expected: float, got: float, allowed: float) -> None:
        """Compare quantities: less than expected is lost, more is doubled."""
        self.checked[what] += 1
        if abs(got - expected) > allowed:
            kind = "lost" if got < expected else "doubled"
            self._note(kind, f"{what}: {got!r} instead of {expected!r}")

    def require(self, what: str, holds: bool, told: object = "") -> None:
        """Note a problem unless something holds."""
        self.checked[what] += 1
        if not holds:
            self.problems.append(f"{what} does not hold: {told}")

    def timely(self, what: str, holds: bool, told: object = "") -> None:
        """Note what took too long."""
        self.checked[what] += 1
        if not holds:
            self.late.append(f"{what} does not hold: {told}")

    def measure(self, name: str, value: float) -> None:
        """Keep the greatest of a figure's values."""
        self.worst[name] = max(value, self.worst.get(name, value))

    def _note(self, kind: str, text: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.problems) < 50:
            self.problems.append(text)

    def add(self, other: "Tally") -> None:
        """Take in another tally."""
        for name in ("rounds", "lost", "doubled", "wrong", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults += other.faults
        self.checked += other.checked
        for name, value in other.worst.items():
            self.measure(name, value)
        self.problems += other.problems
        self.late += other.late

    def body(self) -> dict[str, Any]:
        """Give the tally for JSON."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        return plain | {"faults": dict(self.faults), "checked": dict(self.checked)}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Tally":
        """Read a tally back from JSON."""
        counts = {name: Counter(body[name]) for name in ("faults", "checked")}
        return cls(**{**body, **counts})


@dataclass(frozen=True)
class Campaign:
    """A campaign: blocks of `portion` rounds, each in a folder of its own, from a seed of its own.

    `block` is given the seed, the block's number, the rounds, the folder and whom to tell.
    """

    name: str
    about: str
    rounds: int
    portion: int
    block: Callable[[str, int, int, Path, Say], Tally]
    needs: tuple[str, ...] = ()


@dataclass
class Run:
    """Campaigns under way in a folder: what is done is in its file `campaigns.json`."""

    folder: Path
    seed: int
    say: Say
    _done: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "campaigns.json"

    def resume(self) -> None:
        """Take up what an earlier run in this folder has done with this seed."""
        if self.path.exists():
            body = json.loads(self.path.read_text())
            if body["seed"] == self.seed:
                self._done = body["blocks"]

    def go(self, one: Campaign, rounds: int) -> Tally:
        """Run what is still to be done of a campaign; gives the whole's tally."""
        total = Tally()
        count = -(-rounds // one.portion)
        for number in range(count):
            share = min(one.portion, rounds - number * one.portion)
            total.add(self._block(one, number, share, f"{one.name} {number + 1}/{count}"))
        return total

    def _block(self, one: Campaign, number: int, rounds: int, title: str) -> Tally:
        key = f"{one.name} {number} {rounds}"
        if key in self._done:
            return Tally.read(self._done[key])
        folder = self.folder / one.name / str(number)
        fresh(folder)
        begun = time.monotonic()
        tally = one.block(
            f"{self.seed} {one.name} {number}", number, rounds, folder,
            lambda text: self.say(f"{title}: {text}"),
        )  # fmt: skip
        tally.seconds = time.monotonic() - begun
        self._done[key] = tally.body()
        self.path.write_text(json.dumps({"seed": self.seed, "blocks": self._done}, indent=1))
        if tally.clean:
            remove(folder)
        return tally


def remove(folder: Path) -> None:
    """Remove a folder and what is in it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


def fresh(folder: Path) -> None:
    """Make an empty folder in place of one that may be there."""
    if folder.exists():
        remove(folder)
    folder.mkdir(parents=True)


class Progress:
    """Writes progress: over the same line on a terminal, else a line now and then."""

    def __init__(self, every: float = 10.0) -> None:
        self._every = every
        self._last = 0.0

    def __call__(self, text: str) -> None:
        terminal = sys.stderr.isatty()
        if not terminal and time.monotonic() - self._last < self._every:
            return
        self._last = time.monotonic()
        sys.stderr.write(f"\r\x1b[K{text}" if terminal else f"{text}\n")
        sys.stderr.flush()


COLUMNS = ("campaign", "rounds", "lost", "doubled", "wrong", "minutes", "checked", "faults")


def row(name: str, tally: Tally) -> tuple[str, ...]:
    """Give a campaign's line of the summary."""
    said = [
        ", ".join(f"{n} {what}" for what, n in sorted(c.items()))
        for c in (tally.checked, tally.faults)
    ]
    counts = (tally.rounds, tally.lost, tally.doubled, tally.wrong)
    return (name, *map(str, counts), f"{tally.seconds / 60:.1f}", *said)


def document(results: Mapping[str, Tally], seed: int) -> dict[str, Any]:
    """Give all results for JSON."""
    return {
        "seed": seed,
        "clean": all(tally.clean and not tally.late for tally in results.values()),
        "campaigns": {name: tally.body() for name, tally in results.items()},
    }
