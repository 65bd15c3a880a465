"""What has the form of an instant and is none is refused in words, whoever signed it."""

import json
from typing import Any

import pytest

from gateway.contract import Cell
from gateway.federation import read_pooled, seal_pooled
from gateway.partner_inbox import Inbox, rows
from gateway.partner_opening import DetailRefusedError, Terms
from gateway.signing import RefusalError, signature
from tests.hubkit import HUB
from tests.partnerkit import CONTRACT, content, message, partner_key, stream
from tests.plants import plant_key

NONE = "2026-13-01T00:00:00Z"
CELL = {
    "v": 1, "cell": "slag", "cluster": "vestland", "unit": "t", "status": "withheld",
    "window": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}, "kind": "material",
    "place": "ora", "direction": "surplus", "released": "2026-03-02T06:00:00Z",
}  # fmt: skip
WINDOW = {"coverage": 1.0, "uncertain": 0.0}
COMPOSED = {"of": "wet", "components": [], "since": NONE}
WRONG: dict[str, dict[str, Any]] = {
    "until": {"until": NONE},
    "its window's start": {"window": {"start": NONE, "end": "2026-03-01T01:00:00Z"}},
    "its window's end": {"window": {"start": "2026-03-01T00:00:00Z", "end": NONE}},
    "a window of a stream": {"streams": [{**stream(), "windows": [{"start": NONE, **WINDOW}]}]},
    "an analysis": {"streams": [{**stream(), "composition": COMPOSED}]},
    "the end of a window": {"streams": [{**stream(), "length": 10**12}]},
    "an end beyond all clocks": {"streams": [{**stream(), "length": 9 * 10**15}]},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_detail_of_a_time_that_is_none_is_refused_and_the_next_is_taken(
    wrong: dict[str, Any],
) -> None:
    inbox = Inbox(partner_key(), Terms((plant_key().public,), CONTRACT))
    with pytest.raises(DetailRefusedError) as refused:
        inbox.take(message({**content(), **wrong}))
    assert (refused.value.reason, refused.value.detail[:10]) == ("malformed", "no instant")
    detail, _ = inbox.take(message())
    assert len(rows(detail)) == 1


@pytest.mark.parametrize("instant", [NONE, "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"])
@pytest.mark.parametrize("member", ["start", "end", "released"])
def test_a_pools_cell_of_a_time_that_is_none_is_refused(member: str, instant: str) -> None:
    whole = json.loads(
        seal_pooled("vestland", HUB.public.fingerprint, 0, [(1, Cell.model_validate(CELL))], HUB)
    )
    told = whole["cells"][0]["cell"]
    (told if member == "released" else told["window"])[member] = instant
    whole["signature"] = signature(whole, HUB.sign, "pooled")
    with pytest.raises(RefusalError, match="malformed: no instant"):
        read_pooled(json.dumps(whole).encode(), "vestland", HUB.public.fingerprint, HUB.public)
