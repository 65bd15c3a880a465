"""What partners are told: who consented, nothing lost or doubled, none of the plant's own words."""

import base64
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading import Block
from agent.disclosing.contracts import DETAIL, Contracts, name_of
from agent.disclosing.detail import STEPS, Kept, Span, Told, tell
from agent.disclosing.policy import Policy, policy
from agent.disclosing.sealed_detail import DetailSealer
from agent.keeping.outbox import Outbox
from agent.measuring.total import Total
from agent.running.assembly import memory
from agent.running.engine import Engine
from config.partner_plan import PartnerPlan
from config.plan import SHARES, PlantPlan, StreamPlan
from gateway.keys import PlantKey
from gateway.partner import Detail
from gateway.partner_inbox import rows
from gateway.partner_opening import Terms, open_detail
from tests.partnerkit import contract, partner_key
from tests.plants import HOUR, MINUTE, START, plan, plant_key, sealer, streams, uplink
from tests.property.test_engine import BATCHES, blocks, weighings
from tests.property.test_leaks import secret

SPAN = Span(START, START + HOUR, 15 * MINUTE)


def shared(**changes: Any) -> PlantPlan:
    """Give a plant whose slag goes to a partner, in windows of half an hour."""
    slag, dust = streams()
    own = replace(plan(), streams=(replace(slag, share="partner"), dust))
    return replace(own, **{"partners": (contract(window=30 * MINUTE),), **changes})


def contracts(plant: PlantPlan, outbox: Outbox, key: PlantKey) -> Contracts:
    return Contracts(plant, DetailSealer(key, uplink()), outbox.ended, outbox.state(DETAIL))


def run(
    feed: Sequence[Block],
    outbox: Outbox,
    plant: PlantPlan,
    stops: AbstractSet[int] = frozenset(),
    key: PlantKey | None = None,
    delays: Iterator[int] | None = None,
) -> None:
    """Feed an engine, committing every seventh block; at a stop what was not committed is lost."""
    at, left, drawn = 0, set(stops), delays or iter(())
    while at < len(feed):
        made = contracts(plant, outbox, key or plant_key())
        engine = Engine(
            plant, sealer(), lambda: next(drawn, 0), memory(outbox), horizon=None,
            withdrawn=outbox.withdrawals, contracts=made,
        )  # fmt: skip
        at = int(engine.cursors.get(feed[0].source, "-1")) + 1
        while at < len(feed):
            if at in left:
                left.discard(at)
                break
            engine.take(feed[at])
            engine.advance(feed[at].time)
            at += 1
            if at % 7 == 0:
                outbox.commit(engine.commit(), 0)
        else:
            engine.finish(feed[-1].time)
            outbox.commit(engine.commit(), 0)


def opened(outbox: Outbox, number: int = 7) -> list[Detail]:
    """Open what waits for a partner, as the partner does."""
    key = partner_key(number)
    terms = Terms((plant_key().public,))
    waiting = outbox.details.queued(2**62, 10**6)
    mine = [one.payload for one in waiting if one.pseudonym == key.public.fingerprint]
    return [open_detail(payload, key, terms)[0] for payload in mine]


def quantities(details: Sequence[Detail]) -> float:
    return math.fsum(float(str(row["quantity"])) for one in details for row in rows(one))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 900), min_size=130, max_size=260),
    st.sets(st.integers(1, 259), max_size=4),
)
def test_partners_are_told_what_was_measured_wherever_the_plug_is_pulled(
    rises: list[int], stops: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder, Outbox.open(Path(folder), 0) as outbox:
        run(blocks(rises), outbox, shared(), stops)
        found = opened(outbox)
        records = outbox.queued(2**62, 10**6, newest=False)
        # One message for each release window: as many as there are records.
        assert [one.window.start for one in found] == sorted({one.window.start for one in found})
        assert len(found) == len(records) > 0
        end = max(record.end for record in records)
        totals = [one for one in outbox.windows.totals(0, end) if one.stream == "slag"]
        assert math.isclose(
            quantities(found), math.fsum(one.quantity for one in totals), rel_tol=1e-9, abs_tol=1e-9
        )
        assert all(len(one.streams[0].windows) == 2 for one in found)
        # What a restart forgets is nothing: the hours add up to those of the totals.
        last = found[-1].streams[0].continuity
        observed: dict[int, float] = {}
        for one in totals:
            hour = one.start - one.start % HOUR
            observed[hour] = observed.get(hour, 0.0) + one.coverage / 4
        assert (last.hours if last else 0) == sum(share >= 0.5 for share in observed.values())


def test_every_message_of_every_plant_and_contract_has_one_size_and_a_delay_of_its_own(
    tmp_path: Path,
) -> None:
    two = contract(8, contract="another, with a longer name", streams={"slag": "x"})
    many = tuple(replace(streams()[0], name=f"s{number}", share="partner") for number in range(3))
    busy = shared(
        streams=many, partners=(contract(streams={one.name: one.name for one in many}), two)
    )
    sizes, made = set(), []
    for number, plant in enumerate((shared(), busy, shared(partners=(two,))), start=1):
        with Outbox.open(tmp_path / str(number), 0) as outbox:
            delays = iter(range(1, 1000))
            feed = blocks([9] * 200)
            run(feed, outbox, plant, key=plant_key(number), delays=delays)
            waiting = outbox.details.queued(2**62, 10**6)
            sizes |= {len(one.payload) for one in waiting}
            dues = [one.due - one.end for one in waiting]
            assert len(set(dues)) == len(dues)
            made.append({(one.pseudonym, one.start) for one in waiting})
    assert len(sizes) == 1
    starts = [{start for _, start in one} for one in made]
    assert starts[0] == starts[1] == starts[2]
    assert len(made[1]) == 2 * len(starts[1])


@st.composite
def consents(draw: st.DrawFn) -> tuple[StreamPlan, PartnerPlan, Policy, bool]:
    """Give a stream, a contract and rules, and whether all of them let detail leave."""
    share = draw(st.sampled_from(SHARES))
    never, named, withdrawn = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    barred = draw(st.booleans())
    stream = replace(streams()[0], share=share, never_publish=never)
    partner = contract(streams={"slag": "a"} if named else {"dust": "a"})
    rules = policy(replace(plan(), streams=(stream,), never_codes=("10 09",) if barred else ()))
    rules = replace(rules, withdrawn={"slag": "withdrawn"} if withdrawn else {})
    may = share == "partner" and named and not (never or withdrawn or barred)
    return stream, partner, rules, may


def some(stream: str = "slag", count: int = 4, **changes: Any) -> list[Total]:
    length = 15 * MINUTE
    return [
        replace(
            Total(stream, START + at * length, START + (at + 1) * length, 1.5, "t", 1.0, 0.0, None,
                  (), {}),
            **changes,
        )
        for at in range(count)
    ]  # fmt: skip


def told(stream: StreamPlan, partner: PartnerPlan, rules: Policy | None = None) -> Told:
    return tell(partner, [stream], {stream.name: some(stream.name)}, SPAN, {}, rules or Policy())


@given(consents())
def test_detail_leaves_only_with_the_consent_of_stream_and_contract(
    case: tuple[StreamPlan, PartnerPlan, Policy, bool],
) -> None:
    stream, partner, rules, may = case
    found = told(stream, partner, rules)
    assert (len(found.streams) == 1) == may
    assert set(found.labels) == ({"slag"} if may else set())
    assert all(step.name in STEPS for step in found.steps)
    if not may and "slag" in partner.streams:
        assert found.steps[-1].stopped


@given(st.integers(0, 5 * HOUR), st.booleans())
def test_nothing_is_made_of_windows_after_the_contracts_end_or_when_it_was_ended(
    length: int, ended: bool
) -> None:
    mine = shared(partners=(contract(until=START + length),))
    names = {name_of(mine.partners[0]): "ended"} if ended else {}
    made = Contracts(mine, DetailSealer(plant_key(), uplink()), lambda: names)
    starts = [START + hour * HOUR for hour in range(6)]
    found = [one for start in starts for one in made.make(start, mine.streams, {}, Policy())]
    whole = 0 if ended else length // HOUR
    assert [one.start for one in found] == starts[:whole]


def test_ended_contracts_that_cannot_be_read_let_nothing_leave(tmp_path: Path) -> None:
    with Outbox.open(tmp_path, 0) as outbox:
        (tmp_path / "ended.json").write_text("{")
        run(blocks([9] * 200), outbox, shared())
        assert outbox.details.depth().waiting == 0
        assert outbox.depth().records > 0


@given(secret())
def test_a_detail_holds_no_name_of_the_plants_own_and_no_value_that_stays(
    case: tuple[StreamPlan, list[Total], list[float]],
) -> None:
    stream, totals, values = case
    moved = [
        replace(one, start=START + at * 15 * MINUTE, end=START + (at + 1) * 15 * MINUTE)
        for at, one in enumerate(totals)
    ]
    mine = replace(stream, share="partner", min_tickets=2)
    partner = contract(streams={"SEEDname": "label"}, name="SEEDpartner")
    found = tell(partner, [mine], {"SEEDname": moved}, SPAN, {}, Policy())
    assert found.streams
    made = DetailSealer(plant_key(), uplink()).seal(
        partner, SPAN.start, SPAN.end, found.streams, found.labels, found.steps
    )
    content = json.loads(made.plain)
    Detail.model_validate(content)
    content.pop("signature")
    text = json.dumps(content)
    # The component is told, as the contract is about it; all else that is seeded stays.
    hidden = ("SEEDname", "SEEDsource", "SEEDpoint", "SEEDstatus", "SEEDreason", "SEEDmark",
              "SEEDpartner", "R77", "8765", "31337", "Kvina", "Example")  # fmt: skip
    assert not [one for one in hidden if one in text]
    moisture, _, firm, share, _, uncertainty, dry, closing, spread, _ = values
    assert not [one for one in (moisture, firm, share, uncertainty, dry, closing, spread)
                if repr(one) in text]  # fmt: skip
    envelope = json.loads(made.payload)
    # As bytes: in base64 four letters stand by chance once in some thousand messages.
    sealed = base64.b64decode(envelope.pop("sealed"))
    assert not [one for one in ("SEED", "label") if one in json.dumps(envelope)]
    assert not [one for one in (b"SEEDname", b"SEEDpartner", b"label") if one in sealed]


@settings(max_examples=8, deadline=None)
@given(st.integers(5, 200))
def test_batches_are_never_told_alone_and_none_is_lost(pace: int) -> None:
    scale = replace(BATCHES, share="partner")
    mine = shared(streams=(scale,), partners=(contract(streams={"dross": "a"}),))
    feed = weighings([at // pace for at in range(60 * 12)])
    with tempfile.TemporaryDirectory() as folder, Outbox.open(Path(folder), 0) as outbox:
        run(feed, outbox, mine)
        found = opened(outbox)
        end = max(one.end for one in outbox.queued(2**62, 10**6, newest=False))
        totals = outbox.windows.totals(0, end)
        waiting = outbox.state(DETAIL)[name_of(mine.partners[0])]["dross"]["carry"]
    assert all(len(one.streams[0].windows) <= 1 for one in found)
    assert all(one.streams[0].continuity is None for one in found)
    left = 0.0 if waiting is None else waiting["quantity"]
    told_, measured = quantities(found), math.fsum(one.quantity for one in totals)
    assert math.isclose(told_ + left, measured, rel_tol=1e-9, abs_tol=1e-9)
    assert sum(one.tickets for one in totals) - (waiting or {"tickets": 0})["tickets"] >= 3 * sum(
        len(one.streams[0].windows) for one in found
    )


def test_what_was_not_observed_is_missing_and_never_zero() -> None:
    stream = replace(streams()[0], share="partner")
    half = [replace(one, coverage=0.0, quantity=0.0) for one in some(count=2)]
    later = some()[2:]
    found = tell(contract(), [stream], {"slag": [*half, *later]}, SPAN, {}, Policy())
    windows = found.streams[0]["windows"]
    assert [window.get("quantity") for window in windows] == [None, None, 1.5, 1.5]
    assert [window["coverage"] for window in windows] == [0, 0, 1, 1]
    nothing = tell(contract(), [stream], {}, SPAN, {}, Policy()).streams[0]["windows"]
    assert [window["coverage"] for window in nothing] == [0, 0, 0, 0]


def test_continuity_tells_of_thirty_days_that_were_told_and_no_others() -> None:
    stream = replace(streams()[0], share="partner", firm=4 / 3600)
    kept: Mapping[str, Kept] = {}
    for hour in range(24 * 31):
        begin = START + hour * HOUR
        quantity = 0.5 if hour % 2 else 1.5
        totals = [
            replace(one, start=one.start + hour * HOUR, end=one.end + hour * HOUR,
                    quantity=quantity)
            for one in some()
        ]  # fmt: skip
        span = Span(begin, begin + HOUR, 15 * MINUTE)
        found = tell(contract(), [stream], {"slag": totals}, span, kept, Policy())
        kept = found.kept
    body = found.streams[0]["continuity"]
    assert body == {
        "days": 30, "hours": 720, "firm": 4.0, "firm_share": 0.5,
        "p10": 2.0, "p50": 4.0, "p90": 6.0,
    }  # fmt: skip
    withdrawn = Policy(withdrawn={"slag": "withdrawn"})
    assert tell(contract(), [stream], {}, span, kept, withdrawn).kept == {}
