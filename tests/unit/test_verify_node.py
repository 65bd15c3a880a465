"""The verifier for other languages: a few lines of Node.js say what our own code says."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from gateway.hub.intake import receipt_content
from gateway.roster import Ring, following, roster_content, seal_roster
from gateway.seal import seal_receipt
from gateway.signing import signature, signed_record
from gateway.wire import rfc3339
from tests.clikit import PLANT, Call
from tests.hubkit import CLUSTER, HUB, MONDAY, figure, plant
from tests.plants import HOUR, START, plant_key, sealer
from tests.servers import program

pytestmark = pytest.mark.node
SCRIPT = Path(__file__).parents[2] / "docs" / "verify.mjs"
ONE = plant(1)
ODD = (
    0.1 + 0.2, 1e21, 1e-7, 1e-6, 123456789.123, 5e-324, 1.7976931348623157e308, -0.0, 4.35, 1.0,
    2**53 - 1, 9007199254740992.0, 1e15, 333333333.3333333, 0, -1, 100, 0.000123, 12345678901234.5,
)  # fmt: skip
"""Numbers whose writing differs between languages, and some that a record may hold."""


def verdict(what: str, key: object, message: bytes) -> tuple[int, str]:
    done = subprocess.run(
        [program("node"), str(SCRIPT), what, str(key)],
        input=message, capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode().strip()


def record() -> bytes:
    figures = [figure(quantity, "10 09 03") for quantity in (0.1 + 0.2, 1e-7, 238.2, 1e15, 0.0)]
    return signed_record(ONE.content(figures=figures), ONE.key.sign)


def receipt() -> bytes:
    stored = [f"{number:032x}" for number in range(3)]
    name = ONE.pseudonym
    content = receipt_content(CLUSTER, name, stored, [("f" * 32, "future")], 7, rfc3339(MONDAY))
    return seal_receipt(content, HUB)


def roster() -> bytes:
    ring = Ring.of(HUB)
    content = roster_content(CLUSTER, "2026Q1", ring, {"heat": "hour"}, 3)
    content |= {"number": 1, "issued": rfc3339(MONDAY)}
    for name, period in (("members", "2026Q1"), ("coming", following("2026Q1"))):
        content[name] = ring.tokens([ONE.key.public], CLUSTER, period)
    return seal_roster(content, HUB)


@pytest.mark.parametrize(
    ("what", "key", "message"),
    [
        ("record", ONE.key.public, record()),
        ("receipt", HUB.public, receipt()),
        ("roster", HUB.public, roster()),
    ],
)
def test_what_was_signed_is_good_and_what_was_changed_is_not(
    what: str, key: object, message: bytes
) -> None:
    assert verdict(what, key, message) == (0, "good")
    padded = json.dumps(json.loads(message), indent=2).encode()
    assert verdict(what, key, padded) == (0, "good"), "the form of the text does not matter"
    told = json.loads(message)
    changed = {**told, "cluster": "other"}
    without = {name: value for name, value in told.items() if name != "issued"} | {"more": 1}
    for wrong in (changed, without):
        assert verdict(what, key, rfc8785.dumps(wrong))[0] == 1
    assert verdict(what, plant(2).key.public, message)[0] == 1
    assert verdict("detail", key, message)[0] == 1


def test_a_tampered_quantity_of_a_released_record_is_found(call: Call, tmp_path: Path) -> None:
    sealed = sealer().seal(START, START + HOUR, 1, ())
    with Outbox.open(tmp_path / "state", START) as outbox:
        outbox.commit(Commit(records=((sealed, START),)), START)
    own = tmp_path / "plant.toml"
    own.write_text(PLANT)
    (line,) = call("released", own, "--plain").out.splitlines()
    key = plant_key().public
    assert verdict("record", key, line.encode()) == (0, "good")
    told = json.loads(line)
    told["sequence"] += 1
    assert verdict("record", key, json.dumps(told).encode())[0] == 1


def test_numbers_and_texts_are_written_alike() -> None:
    content: dict[str, Any] = {
        "numbers": list(ODD),
        "é": '\u2028\x07\\"/ü😀',
        "😀": None,
        "\ufb33": [True, False, [], {}],
        "a": {"b": {"c": -1.5}},
    }
    signed = {**content, "signature": signature(content, ONE.key.sign, "record")}
    assert base64.b64decode(signed["signature"], validate=True)
    message = json.dumps(signed).encode()
    assert verdict("record", ONE.key.public, message) == (0, "good")
