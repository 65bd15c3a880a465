"""What an agent reads without models is what the contract's models take, and nothing else."""

from collections.abc import Callable
from typing import Any, cast, get_args

import pytest
from pydantic import ValidationError

from gateway import contract
from gateway.receipt import receipt_of
from gateway.roster import roster_of
from gateway.shape import heard
from gateway.signing import MAX_PAYLOAD, RefusalError
from gateway.wire import Refusal

HEX = "0123456789abcdef" * 2
KEY = "sshub1_" + "A" * 86
_STEP = {"cluster": "ora", "hub": KEY, "since": "2026Q3", "signature": "c2ln"}
RECEIPT = {
    "v": 1, "cluster": "ora", "pseudonym": HEX, "stored": [HEX], "sequence": 7,
    "refused": [{"id": HEX, "reason": "conflict"}], "issued": "2026-03-01T00:00:00Z",
    "signature": "c2ln",
}  # fmt: skip
ROSTER = {
    "v": 1, "cluster": "ora", "number": 4, "issued": "2026-03-01T00:00:00Z", "period": "2026Q1",
    "hub": KEY, "succession": [_STEP], "calendars": {"heat": "1 d"}, "contributors": 3,
    "members": [HEX], "coming": [], "signature": "c2ln",
}  # fmt: skip
_TEXTS = [
    "", "ora", "-ora", "O", "ora\n", "a" * 63, "a" * 64, HEX, HEX + "\n", HEX.upper(), HEX[1:],
    KEY, KEY + "A", "2026Q1", "2026Q5", "2026Q1\n", "2026-03-01T00:00:00Z", "2026-3-01T00:00:00Z",
    "conflict", "other",
]  # fmt: skip
_PLAIN = [
    None, True, False, *range(-1, 4), 2**53 - 1, 2**53, 0.0, 1.0, 2.5, [], [[]], {}, *_TEXTS,
]  # fmt: skip
_REFUSED = {"id": HEX, "reason": "remade"}
_PARTS = [
    [{**whole, name: value}]
    for whole in (_STEP, _REFUSED)
    for name in (*whole, "more")
    for value in _PLAIN
]
_LACKING = [
    [{key: whole[key] for key in whole if key != name}]
    for whole in (_STEP, _REFUSED)
    for name in whole
]
_TABLES = [{"heat": value} for value in _PLAIN]
_MANY = [
    [HEX] * 5000, [HEX] * 5001, [_STEP] * 200, [_STEP] * 201,
    {str(at): "1 h" for at in range(8)}, {str(at): "1 h" for at in range(9)},
]  # fmt: skip
VALUES = [*_PLAIN, *([one] for one in _PLAIN), [HEX, HEX], *_PARTS, *_LACKING, *_TABLES, *_MANY]


def changed(whole: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Give a message with one member of every value there is, and without it."""
    without = {key: value for key, value in whole.items() if key != name}
    return [without, *({**whole, name: value} for value in VALUES)]


def read(by: Callable[[dict[str, Any]], Any], content: dict[str, Any]) -> Any:
    try:
        return by(content)
    except (RefusalError, ValidationError):
        return None


@pytest.mark.parametrize("name", [one for one in RECEIPT if one != "v"])
def test_a_receipt_is_read_as_its_model_reads_it(name: str) -> None:
    for content in changed(RECEIPT, name):
        ours, model = (read(by, content) for by in (receipt_of, contract.Receipt.model_validate))
        assert (ours is None) == (model is None), content
        if model is not None:
            assert (ours.cluster, ours.pseudonym) == (model.cluster, model.pseudonym)
            assert (ours.stored, ours.sequence) == (model.stored, model.sequence)
            assert ours.issued == model.issued
            assert ours.refused == tuple((one.id, one.reason) for one in model.refused)


@pytest.mark.parametrize("name", [one for one in ROSTER if one != "v"])
def test_a_roster_is_read_as_its_model_reads_it(name: str) -> None:
    for content in changed(ROSTER, name):
        ours, model = (read(by, content) for by in (roster_of, contract.Roster.model_validate))
        assert (ours is None) == (model is None), content
        if model is not None:
            for told in ("cluster", "number", "issued", "period", "hub", "members", "coming"):
                assert getattr(ours, told) == getattr(model, told)
            assert list(ours.succession) == [one.model_dump() for one in model.succession]


@pytest.mark.parametrize("by", [(receipt_of, RECEIPT), (roster_of, ROSTER)])
def test_whole_messages_are_read(by: tuple[Callable[[Any], Any], dict[str, Any]]) -> None:
    assert by[0](by[1]).cluster == "ora"


@pytest.mark.parametrize("reason", get_args(Refusal))
def test_every_reason_of_the_contract_is_read(reason: str) -> None:
    found = receipt_of({**RECEIPT, "refused": [{"id": HEX, "reason": reason}]})
    assert found.refused == ((HEX, reason),)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "malformed"), (b"[1]", "malformed"), (b"[" * 100_000, "malformed"),
        (b"\xff", "malformed"), (b'{"v": 2}', "version"), (b'{"v": true}', "version"),
        (b"{}", "version"), (b" " * (MAX_PAYLOAD + 1), "oversized"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(RefusalError) as error:
        heard(payload)
    assert error.value.reason == cast("Refusal", reason)
