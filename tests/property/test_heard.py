"""What an agent reads without models is what the contract's models take, and nothing else."""

from collections.abc import Callable
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
_TEXTS = st.sampled_from(
    ["", "ora", "-ora", "O", "ora\n", "a" * 64, HEX, HEX + "\n", HEX.upper(), KEY, KEY + "A",
     "2026Q1", "2026Q5", "2026Q1\n", "2026-03-01T00:00:00Z", "2026-3-01", "conflict", "other"]
)  # fmt: skip
_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 8), st.just(2**53), st.just(2**53 - 1),
    st.sampled_from([0.0, 1.0, 2.5]), _TEXTS,
)  # fmt: skip
_MANY = st.sampled_from([[HEX] * 5000, [HEX] * 5001, [_STEP] * 200, [_STEP] * 201])
VALUES = st.one_of(
    _PLAIN,
    st.lists(_PLAIN, max_size=2),
    st.dictionaries(st.sampled_from([*_STEP, "id", "reason"]), _PLAIN, max_size=4),
    st.builds(lambda name, value: [{**_STEP, name: value}], st.sampled_from([*_STEP]), _PLAIN),
    st.builds(lambda name, value: [{"id": HEX, "reason": "remade", name: value}],
              st.sampled_from(["id", "reason", "more"]), _PLAIN),
    st.builds(lambda most: {str(at): "1 h" for at in range(most)}, st.integers(7, 9)),
    _MANY,
)  # fmt: skip


def changed(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give a message with some members changed, and some left out."""
    name = st.sampled_from([one for one in whole if one != "v"])
    left_out = st.sets(name, max_size=1)
    return st.builds(
        lambda other, without: {k: v for k, v in (whole | other).items() if k not in without},
        st.dictionaries(name, VALUES, max_size=2),
        left_out,
    )


def read(by: Callable[[dict[str, Any]], Any], content: dict[str, Any]) -> Any:
    try:
        return by(content)
    except (RefusalError, ValidationError):
        return None


@given(changed(RECEIPT))
def test_a_receipt_is_read_as_its_model_reads_it(content: dict[str, Any]) -> None:
    ours, model = (read(by, content) for by in (receipt_of, contract.Receipt.model_validate))
    assert (ours is None) == (model is None)
    if model is not None:
        assert (ours.cluster, ours.pseudonym) == (model.cluster, model.pseudonym)
        assert (ours.stored, ours.sequence, ours.issued) == (
            model.stored, model.sequence, model.issued,
        )  # fmt: skip
        assert [tuple(one) for one in ours.refused] == [
            (one.id, one.reason) for one in model.refused
        ]


@given(changed(ROSTER))
def test_a_roster_is_read_as_its_model_reads_it(content: dict[str, Any]) -> None:
    ours, model = (read(by, content) for by in (roster_of, contract.Roster.model_validate))
    assert (ours is None) == (model is None)
    if model is not None:
        for name in ("cluster", "number", "issued", "period", "hub", "members", "coming"):
            assert getattr(ours, name) == getattr(model, name)
        assert list(ours.succession) == [one.model_dump() for one in model.succession]


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
