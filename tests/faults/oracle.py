"""What must hold after a campaign: files read with plain SQL, against the simulated truth."""

import json
import math
import sqlite3
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults.campaign import Tally
from tests.faults.works import STREAM, Member

BARE = "{}"
"""What a record's text is after its detail was given up on a full disk."""
DIGITS = 6
"""Significant figures of what leaves."""
Sample = tuple[str, int]
"""A cell's name and the start of its window, in milliseconds since 1970."""


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask a file that may be in use."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(query).fetchall()


def quantities(tally: Tally, agents: Iterable[Member], truths: Mapping[str, float]) -> None:
    """Compare what each stopped agent has measured with what its device has counted."""
    for agent in agents:
        truth, got = truths[agent.name], agent.measured(STREAM)
        tally.within(f"tonnes of {agent.name}", truth, got, 1e-9 * truth)


def own_windows(tally: Tally, agents: Iterable[Member], last: int) -> None:
    """Check that windows follow one another, and that each record holds its windows' sum.

    Records of windows from `last` on need not have been receipted.
    """
    for agent in agents:
        spans = agent.rows('SELECT start, "end", quantity FROM totals ORDER BY start')
        gapless = all(a[1] == b[0] for a, b in pairwise(spans))
        tally.require("windows without a gap", gapless, agent.name)
        records = agent.rows('SELECT start, "end", plain, status, sequence FROM records')
        sequences = [row[4] for row in records]
        tally.require("sequence without a gap", sequences == [*range(1, len(records) + 1)])
        expected, got = {}, defaultdict(list)
        for start, end, plain, status, _ in records:
            well = status == "receipted" or (status == "queued" and start >= last)
            well = well or (status == "dropped" and plain == BARE)
            tally.require("receipted", well, f"{agent.name} {start}: {status}")
            if plain == BARE:
                continue
            inside = [q for first, _, q in spans if start <= first < end]
            expected[agent.name, start] = rounded(math.fsum(inside)) if inside else None
            figures = [one["quantity"] for one in json.loads(plain)["figures"]]
            got[agent.name, start] = figures or [None]
        tally.compare("figures of own totals", expected, got)


def rounded(value: float) -> float:
    """Round to the significant figures that leave."""
    return float(f"{value:.{DIGITS - 1}e}")


def ledger(tally: Tally, agents: Iterable[Member], path: Path) -> None:
    """Compare the hub's records and figures with those in the agents' release logs.

    A record that still waits may be in the ledger already: its receipt is on its way. One whose
    detail is gone is not compared.
    """
    bare = {
        (agent.name, row[0])
        for agent in agents
        for row in agent.rows(f"SELECT start FROM records WHERE plain = '{BARE}'")  # noqa: S608
    }
    waiting = {
        (agent.name, row[0])
        for agent in agents
        for row in agent.rows("SELECT start FROM records WHERE status = 'queued'")
    }
    records, figures = {}, {}
    for agent in agents:
        for start, plain in agent.rows("SELECT start, plain FROM records"):
            if plain == BARE:
                continue
            body = json.loads(plain)
            records[agent.name, start] = body
            for one in body["figures"]:
                figures[agent.name, start, one["code"]] = (one["quantity"], one["coverage"])
    stored: dict[tuple[str, int], list[Any]] = defaultdict(list)
    counted: dict[tuple[str, int, str], list[Any]] = defaultdict(list)
    for member, start, content in rows(path, "SELECT member, start, content FROM records"):
        body = json.loads(content)
        stored[member, start].append(body)
    query = "SELECT member, start, code, quantity, coverage FROM figures WHERE superseded = 0"
    for member, start, code, quantity, coverage in rows(path, query):
        counted[member, start, code].append((quantity, coverage))
    for gone in bare:
        stored.pop(gone, None)
    counted = {key: one for key, one in counted.items() if key[:2] not in bare}
    absent = waiting - stored.keys()
    expected = {key: one for key, one in records.items() if key not in absent}
    told = {key: one for key, one in figures.items() if key[:2] not in absent}
    tally.compare("records", expected, stored)
    tally.compare("figures", told, counted)


def decisions(tally: Tally, path: Path) -> None:
    """Check that each window's cells hold each of its figures exactly once."""
    told: dict[tuple[str, int], list[float]] = defaultdict(list)
    query = "SELECT member, counted, quantity FROM figures WHERE superseded = 0"
    for member, start, quantity in rows(path, query):
        told[member, start].append(quantity)
    held: dict[tuple[str, int], list[float]] = defaultdict(list)
    for start, parts in rows(path, "SELECT start, parts FROM cells"):
        for member, _, _, quantity, _ in json.loads(parts):
            held[member, start].append(quantity)
    sums = {key: round(math.fsum(found), 9) for key, found in held.items()}
    expected = {key: round(math.fsum(found), 9) for key, found in told.items()}
    tally.compare("decided", expected, {key: [value] for key, value in sums.items()})


def released(path: Path) -> dict[Sample, float]:
    """Give the cells a ledger has released."""
    query = "SELECT name, start, quantity FROM cells WHERE status = 'released'"
    return {(name, start // 1_000_000): quantity for name, start, quantity in rows(path, query)}


def in_sqlite(path: Path) -> dict[Sample, list[float]]:
    """Give every sample of the embedded store."""
    found: dict[Sample, list[float]] = defaultdict(list)
    query = (
        "SELECT cell, 1000 * CAST(strftime('%s', window_start) AS INTEGER), quantity"
        " FROM sidestream_cell"
    )
    for name, start, quantity in rows(path, query):
        found[name, start].append(quantity)
    return found


def in_victoria(url: str) -> dict[Sample, list[float]]:
    """Give every sample of a VictoriaMetrics store, as it would answer a query."""
    query = urllib.parse.urlencode({"match[]": "sidestream_cell_quantity", "start": 0})
    asked = f"{url}/api/v1/export?{query}"
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - our own server
        lines = answer.read().decode().splitlines()
    found: dict[Sample, list[float]] = defaultdict(list)
    for line in lines:
        series = json.loads(line)
        for value, at in zip(series["values"], series["timestamps"], strict=True):
            found[series["metric"]["cell"], at].append(value)
    return found


def store(
    tally: Tally, decided: Mapping[Sample, float], kept: Mapping[Sample, Sequence[float]]
) -> None:
    """Compare the store with the ledger's decisions: each released cell once, nothing else."""
    fifteen = {key: [float(f"{v:.12g}") for v in found] for key, found in kept.items()}
    tally.compare("cells", {key: float(f"{v:.12g}") for key, v in decided.items()}, fifteen)
