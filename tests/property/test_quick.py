"""Quick: patterns take what plants write, say of it what the models say, and admit nothing else."""

import base64
import json
import re
from decimal import Decimal
from typing import Any, get_args
from unittest.mock import patch

import rfc8785
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from gateway import seal
from gateway.canonical import canonical
from gateway.contract import CLUSTER, CODE, HEX32, Figure, Record, WindowSpan
from gateway.hub import intake, quick
from gateway.hub.contents import of_record
from gateway.hub.intake import Accepted, Verdict
from gateway.hub.quick import MOST, quickly
from gateway.signing import signature, signed_record
from gateway.wire import Band, FigureDirection, FigureKind, FigureUnit, Mark, record_id
from tests.hubkit import HOUR, MONDAY, figure, gate, heat, plant, sealed

PLANT = plant(1)
GATE = gate(PLANT)
SIGNATURE = base64.b64encode(bytes(range(64))).decode()


def _spelt(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)


def _rounded(sign: int, value: float, digits: int) -> float:
    return sign * float(f"{value:.{digits}g}")


quantities = st.one_of(
    st.builds(_rounded, st.sampled_from((1, -1)), st.floats(1e-5, 1e9), st.integers(1, 6)),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.just(0.0),
)
shares = st.builds(round, st.floats(0, 1), st.integers(0, 3))
figures = st.builds(
    lambda quantity, changes: figure(quantity, **changes),
    quantities,
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(get_args(FigureKind)),
            "direction": st.sampled_from(get_args(FigureDirection)),
            "unit": st.sampled_from(get_args(FigureUnit)),
            "coverage": shares,
            "uncertain": shares,
            "marks": st.lists(st.sampled_from(get_args(Mark)), max_size=3),
        },
        optional={"band": st.sampled_from(get_args(Band)), "code": _spelt(CODE)},
    ),
)
records = st.builds(
    lambda some, more: PLANT.content(figures=some, **more),
    st.lists(figures, max_size=4),
    st.fixed_dictionaries({}, optional={"run": st.integers(1, 2**53 - 1)}),
)
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([0, 1, 1.0, -0.0, 1e-7, 1e21, 5e-5, 2**53]),
    st.sampled_from(["", "t", "10 09 03", "é", "\\", "\x7f"]),
    st.text(max_size=4),
    st.lists(st.sampled_from(["late", "spread", 1, "no mark"]), max_size=2),
    st.dictionaries(st.sampled_from(["start", "end", "kind", "x"]), st.integers(), max_size=2),
)  # fmt: skip


def judged(plain: bytes) -> tuple[Verdict, Verdict]:
    """Give the hub's verdict, and the one by the models alone."""
    payload = sealed(plain, PLANT)
    found = GATE.judge(PLANT.topic, payload, MONDAY + HOUR)
    with (
        patch.object(intake, "quickly", lambda _: None),
        patch.object(seal, "_quickly", lambda _: None),
    ):
        return found, GATE.judge(PLANT.topic, payload, MONDAY + HOUR)


def signed(content: dict[str, Any]) -> dict[str, Any]:
    """Sign what has a canonical form."""
    try:
        return {**content, "signature": signature(content, PLANT.key.sign, "record")}
    except (ValueError, RecursionError):
        return {**content, "signature": ""}


def says_what_the_model_says(text: bytes) -> bool:
    """Hold what is read quickly, if it is, to what the long way makes of the same text."""
    found = quickly(text)
    if found is None:
        return False
    content = from_json(text)
    assert canonical(content) == text
    assert found.record == of_record(Record.model_validate(content))
    assert found.signature == content.pop("signature")
    assert found.signed == canonical(content)
    return True


@given(records)
def test_what_plants_write_goes_the_quick_way_and_says_what_the_model_says(
    content: dict[str, Any],
) -> None:
    text = signed_record(content, PLANT.key.sign)
    assert says_what_the_model_says(text)
    one, other = judged(text + b" " * 7)
    assert isinstance(one, Accepted)
    assert one == other
    assert one.content == text


@given(
    _spelt(CLUSTER), st.lists(_spelt(HEX32), min_size=4, max_size=4),
    st.integers(0, 10**15 - 1), st.integers(1, 10**15 - 1), st.integers(1, 2**53 - 1),
    st.sampled_from(("2026-03-01T00:00:00Z", "9999-99-99T99:99:99Z")),
)  # fmt: skip
def test_a_record_of_anybody_is_read_quickly(
    cluster: str, keys: list[str], revision: int, sequence: int, run: int, at: str
) -> None:
    content = PLANT.content(cluster=cluster, revision=revision, sequence=sequence)
    content |= dict(zip(("id", "hub", "plant", "pseudonym"), keys, strict=True))
    content |= {"signature": SIGNATURE, "run": run, "window": {"start": at, "end": at}}
    assert says_what_the_model_says(canonical(content))


def test_as_many_figures_as_the_models_take_are_read_quickly_and_no_more() -> None:
    most = Record.model_json_schema()["properties"]["figures"]["maxItems"]
    for count, is_quick in ((0, True), (1, True), (most, True), (most + 1, False)):
        content = PLANT.content(figures=[figure(1.5, "10 09")] * count, signature=SIGNATURE)
        assert says_what_the_model_says(canonical(content)) == is_quick
    assert most == MOST


def test_the_patterns_know_the_members_of_the_models_in_order() -> None:
    head, one, tail = (
        re.findall(r'"([a-z]+)":', each.pattern)
        for each in (quick._HEAD, quick._FIGURE, quick._TAIL)
    )
    at = tail.index("window") + 1
    assert one == sorted(Figure.model_fields)
    assert tail[at:] == sorted(WindowSpan.model_fields)
    assert [*head, *tail[:at]] == sorted(set(Record.model_fields) - {"magnitudes"})


@given(_spelt(quick._QUANTITY))
def test_a_number_the_patterns_admit_is_written_alike_by_all(text: str) -> None:
    assert rfc8785.dumps(float(text)).decode() == text
    assert quick._floats([text]) == [to_json(float(text)).decode()]


@given(st.integers(1, 10**15 - 1), st.integers(0, 15), st.sampled_from((1, -1)))
def test_decimals_of_fifteen_digits_are_admitted(digits: int, after: int, sign: int) -> None:
    told = Decimal(digits).scaleb(-after)
    small, large = Decimal("0.00001") <= told < 1, 1 <= told < 10**9 and after <= 6
    assume(small or large or after == 0)
    text = rfc8785.dumps(float(sign * told)).decode()
    assert re.fullmatch(quick._QUANTITY, text)
    if sign > 0 and small:
        assert re.fullmatch(quick._SHARE, text)


TEXT = canonical(
    PLANT.content(
        figures=[
            figure(2.5, "10 09 03*", coverage=0.98, uncertain=0.25),
            heat(-7, marks=["late", "reset"]),
            figure(0.00125, "10 09", direction="need", unit="m3", coverage=0.5, uncertain=1),
        ],
        run=7_000_000_000_000_000,
        signature=SIGNATURE,
    )
)
TOKEN = re.compile(rb'"[^"]*"|[{}\[\],:]|[^"{}\[\],:]+')
TOKENS = TOKEN.findall(TEXT)
WORDS = [
    b"0", b"1", b"2", b"-1", b"0.5", b"-0", b"-0.0", b"0.0", b"1.0", b"2.50", b"00", b"01", b"+1",
    b".5", b"5.", b"1e3", b"1E3", b"25e-1", b"1.5e0", b"1.1", b"1.00000000000000001", b"-0.5",
    b"0.000001", b"0.0000100", b"0.1234567890123456", b"0.00000123456789012345", b"1e-7",
    b"1234567890123456", b"9007199254740991", b"9007199254740992", b"9007199254740993",
    b"12345678.12345678", b"123456789.1234567", b"99999999999999999999", b"NaN", b"Infinity",
    b"-Infinity", b"null", b"true", b"false", b"t", b" ", b"\n", b"\t", b"\x00", b"\xff",
    "٣".encode(), "é".encode(), b",", b"[", b"]", b"{", b"}", b":", b'"', b"[]", b"{}", b'""', b'"',
    b'"late"', b'"no mark"', b'"Late"', b'"late",', b',"late"', b'"late" ', b'"heat"', b'"gas"',
    b'"m3"', b'"t"', b'"kg"', b'"\\u0074"', b'"t\\u0000"', b'"MWxh"', b'"MW.h"', b'"need"',
    b'"<40"', b'">200"', b'"4060"', b'"10"', b'"10 09 03"', b'"10 09 03 04"', b'"1009"',
    b'"10  09"', b'"10 9"', b'"10 09**"', b'"10 09\\n"', '"1٣"'.encode(), b'"ora"', b'"Ora"',
    b'"-ora"', b'"' + b"o" * 63 + b'"', b'"' + b"o" * 64 + b'"', b'"' + b"a" * 32 + b'"',
    b'"' + b"a" * 33 + b'"', b'"' + b"A" * 32 + b'"', b'"2026-03-02T00:00:00Z"',
    b'"2026-03-02T00:00:00"', b'"2026-03-02T00:00:00Z\\n"', '"2026-03-02T00:00:0٣Z"'.encode(),
    b'"AAAA"', b'"band"', b'"code"', b'"coverage"', b'"marks"', b'"extra"', b'"figures"',
    b'"signature"', b'"v"', b'"figures":[', b'"figures":[]', b'"figures":[],', b'],"hub":"',
    b'],"hub":"a"', b'"v":1,', b'"v":1', b'"band":"<40",', b'"code":"10",', b'"marks":[],',
    b'"a":1,', b'"unit":"t",', b'"run":1,', b'"magnitudes":[],',
    b'"signature":"' + SIGNATURE.encode() + b'",',
    b'{"coverage":1,"direction":"need","kind":"gas","marks":[],"quantity":1,"uncertain":0,"unit":"t"}',
]  # fmt: skip


def test_no_change_of_a_word_is_read_otherwise_than_by_the_models() -> None:
    assert says_what_the_model_says(TEXT)
    still = 0
    for at in range(len(TOKENS) + 1):
        before, here, after = TOKENS[:at], TOKENS[at : at + 1], TOKENS[at + 1 :]
        changes = [
            [*before, *after],
            [*before, *here, *here, *after],
            [*before, *after[:1], *here, *after[1:]],
            *([*before, word, *rest] for word in WORDS for rest in (after, [*here, *after])),
        ]
        still += sum(says_what_the_model_says(b"".join(one)) for one in changes)
    assert still > 100, "other words in their places are read quickly too"


@st.composite
def respelt(draw: st.DrawFn) -> bytes:
    """Change some words of a record, and move or repeat parts of it."""
    tokens = list(TOKENS)
    for _ in range(draw(st.integers(1, 4))):
        at, to = sorted(draw(st.tuples(*[st.integers(0, len(tokens))] * 2)))
        put = draw(st.integers(0, len(tokens)))
        what = draw(st.sampled_from(("word", "cut", "repeat", "move")))
        part = tokens[at:to]
        if what == "word":
            tokens[at : at + 1] = [draw(st.sampled_from(WORDS))]
        elif what == "cut":
            del tokens[at:to]
        elif what == "repeat":
            tokens[put:put] = part
        else:
            tokens = [*tokens[:at], *tokens[to:]]
            tokens[put:put] = part
    return b"".join(tokens)


@settings(max_examples=500)
@given(respelt())
def test_no_spelling_is_read_otherwise_than_by_the_models(text: bytes) -> None:
    says_what_the_model_says(text)


WHOLE = re.compile(rb'\{(?:"band"|"code"|"coverage")[^}]*\}')


def test_figures_stand_in_a_list_and_nowhere_else() -> None:
    one, two, three = WHOLE.findall(TEXT)
    together = b",".join((one, two, three))
    for other in (
        one + two + b"," + three,
        one + b",," + two,
        b"," + together,
        together + b",",
        one + b",{}," + two,
        b"[" + one + b"]",
        one + b'],"figures":[' + two,
        one + b"x" + two,
        one + b", " + two,
        one + b"]" + two + b"[" + three,
    ):
        assert quickly(TEXT.replace(together, other)) is None
    assert says_what_the_model_says(TEXT.replace(together, three + b"," + one))


names = st.sampled_from([*sorted(PLANT.content()), "run", "magnitudes", "signature", "extra"])
inner = st.sampled_from([*sorted(figure(1.0, "10")), "band", "extra", "start"])


@settings(max_examples=300)
@given(
    records,
    st.lists(st.tuples(names, odd), max_size=2),
    st.lists(st.tuples(inner, odd), max_size=2),
)
def test_a_record_with_anything_in_it_gets_the_same_verdict(
    content: dict[str, Any], outer: list[tuple[str, Any]], within: list[tuple[str, Any]]
) -> None:  # fmt: skip
    changed = signed({**content, "figures": [{**one, **dict(within)} for one in content["figures"]],
                      **dict(outer)})  # fmt: skip
    for plain in (_text(changed), json.dumps(changed).encode()):
        one, other = judged(plain)
        assert one == other


def _text(content: dict[str, Any]) -> bytes:
    try:
        return canonical(content)
    except (ValueError, RecursionError):
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


SPELLINGS = (
    (b'"v":1', b'"v":1.0'),
    (b'"v":1', b'"v":1,"v":1'),
    (b'"v":1', b'"v": 1'),
    (b'"unit":"t"', b'"unit":"\\u0074"'),
    (b'"uncertain":0,', b'"uncertain":0.0,'),
    (b'"uncertain":0,', b'"uncertain":-0,'),
    (b'"uncertain":0,', b'"uncertain":0e0,'),
    (b'"quantity":2.5', b'"quantity":2.50'),
    (b'"quantity":2.5', b'"quantity":25e-1'),
    (b'"kind":"material",', b'"kind":"heat","kind":"material",'),
    (b'"kind":"material","marks":[]', b'"marks":[],"kind":"material"'),
    (b'"figures":[', b'"figures":[],"figures":['),
    (b'{"cluster"', b'\n{"cluster"'),
    (b'"quantity":0.000001', b'"quantity":1e-6'),
    (b'"coverage":0.000001', b'"coverage":1e-6'),
)
SMALL = figure(1e-6, coverage=1e-6, unit="m3")


@given(
    st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=3, unique_by=lambda one: one[0][:8])
)
def test_however_a_record_is_spelt_what_is_stored_is_its_canonical_form(
    spelt: list[tuple[bytes, bytes]],
) -> None:
    content = PLANT.content(figures=[figure(2.5, "10 09 03"), SMALL])
    text = signed_record(content, PLANT.key.sign)
    changed = text
    for old, new in spelt:
        changed = changed.replace(old, new)
    assert changed != text
    one, other = judged(changed)
    assert one == other
    assert isinstance(one, Accepted)
    assert one.content == text


@given(st.sampled_from(SPELLINGS), st.booleans())
def test_a_signature_over_another_spelling_is_worth_nothing(
    spelling: tuple[bytes, bytes], small: bool
) -> None:
    some = [figure(2.5, "10 09 03"), *([SMALL] if small else [])]
    body = canonical(PLANT.content(figures=some)).replace(*spelling)
    assume(body != canonical(PLANT.content(figures=some)))
    made = base64.b64encode(PLANT.key.sign.sign(b"sidestream record v1\n" + body)).decode()
    plain = body.replace(b'"v":', f'"signature":"{made}","v":'.encode(), 1)
    one, other = judged(plain)
    assert one == other
    assert not isinstance(one, Accepted)
    assert one.reason == "bad-signature"


def test_only_spaces_may_follow_a_record() -> None:
    text = signed_record(PLANT.content(), PLANT.key.sign)
    for before, after in (
        (b"", b" \n"),
        (b"", b"\x0b"),
        (b"", b" \x00"),
        (b"\x0b", b""),
        (b" ", b""),
    ):
        one, other = judged(before + text + after)
        assert one == other
        assert isinstance(one, Accepted) == (b"\x0b" not in before + after and b"\x00" not in after)


def test_what_is_read_quickly_is_refused_for_the_same_reasons() -> None:
    later = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z"}
    known = record_id(PLANT.key.public.fingerprint, later["start"], later["end"], 0)
    reasons = []
    for changes in (
        {"signature": SIGNATURE},
        {"plant": "0" * 32},
        {"cluster": "other"},
        {"pseudonym": "0" * 32},
        {"id": "0" * 32},
        {"window": {"start": "2026-13-02T00:00:00Z", "end": "2026-03-02T01:00:00Z"}},
        {"window": {"start": "2026-03-02T01:00:00Z", "end": "2026-03-02T00:00:00Z"}},
        {"window": later, "id": known},
    ):
        text = canonical({**signed(PLANT.content() | changes), **changes})
        assert quickly(text) is not None
        one, other = judged(text)
        assert one == other
        assert not isinstance(one, Accepted)
        reasons.append(one.reason)
    assert reasons == ["bad-signature", "unknown-plant", "misaddressed", "misaddressed",
                       "malformed", "bad-window", "bad-window", "future"]  # fmt: skip
