"""The release log: by day and stream, to the byte, and as CSV."""

import csv
import io
import json
from pathlib import Path

import rfc8785

from agent.disclosing.parts import Parts
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from gateway.seal import open_record
from tests.clikit import Call
from tests.plants import HOUR, START, hub_key
from tests.unit.test_withdraw import PARTS, part, sealed

OTHER = Parts((part("dust", "10 09 10", 2.0),))


def keep(plant: Path) -> list[bytes]:
    """Commit two records, the second on the next day and without slag; gives what is sealed."""
    first, second = sealed(1, PARTS), sealed(25, OTHER)
    with Outbox.open(plant.parent / "state", 0) as outbox:
        outbox.commit(Commit(records=[(first, 0), (second, 0)]), 0)
    return [first.payload, second.payload]


def test_plain_text_is_byte_for_byte_what_was_sealed(call: Call, plant: Path) -> None:
    payloads = keep(plant)
    said = call("released", plant, "--plain").out.splitlines()
    assert len(said) == len(payloads)
    for line, payload in zip(said, payloads, strict=True):
        record = json.loads(line)
        opened = open_record(payload, "ora", record["pseudonym"], hub_key())
        assert opened == record
        assert record["signature"]
        assert rfc8785.dumps(opened).decode() == line


def test_records_are_found_by_day_and_by_stream(call: Call, plant: Path) -> None:
    keep(plant)

    def found(*more: str) -> list[int]:
        return [
            one["record"]["sequence"]
            for one in json.loads(call("released", plant, "--json", *more).out)
        ]

    assert found() == [1, 25]
    assert found("--day", "2026-03-01") == [1]
    assert found("--day", "2026-03-02") == [25]
    assert found("--stream", "slag") == [1]
    assert found("--stream", "dust") == [1, 25]
    assert found("--stream", "water") == []
    assert START + 25 * HOUR > START + 24 * HOUR


def test_the_log_as_csv_has_a_line_for_each_figure(call: Call, plant: Path) -> None:
    keep(plant)
    rows = list(csv.DictReader(io.StringIO(call("released", plant, "--csv").out)))
    assert [row["quantity"] for row in rows] == ["1", "2", "4", "2"]
    assert rows[0]["start"] == "2026-03-01T01:00:00Z"
    assert {row["marks"] for row in rows} == {"reset"}
