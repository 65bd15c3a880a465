"""Nothing of what is for the plant alone is in a record: seeded names and values, all settings."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.disclosing.figure import MARKS, disclose
from agent.disclosing.magnitude import magnitudes
from agent.disclosing.yearly import Sum, Tally, month, month_start
from agent.measuring.total import Total
from config.course import always
from config.plan import Classification, Composition, InputPlan, MeterPlan, StreamPlan
from tests.plants import HOUR, START, sealer

SECRETS = ("SEEDname", "SEEDsource", "SEEDpoint", "SEEDstatus", "SEEDcomponent", "SEEDreason",
           "SEEDmark", "R77", "8765")  # fmt: skip
END = month_start(month(START))
MEMBERS = {
    "figures": {"kind", "code", "band", "direction", "unit", "quantity", "coverage", "uncertain",
                "marks"},
    "magnitudes": {"kind", "code", "direction", "unit", "magnitude"},
}  # fmt: skip
RECORD = {"v", "id", "cluster", "hub", "plant", "pseudonym", "sequence", "run", "revision",
          "window", "figures", "magnitudes", "signature"}  # fmt: skip
seeded = st.floats(0.12345, 0.98765)


@st.composite
def secret(draw: st.DrawFn) -> tuple[StreamPlan, list[Total], list[float]]:
    """Give a stream full of what must stay, its totals, and the values that must not be seen."""
    values = [draw(seeded) + draw(st.integers(1, 99)) for _ in range(7)]
    moisture, firm, share, uncertainty, dry, closing, spread = values
    given_ = InputPlan("total", "SEEDsource", "SEEDpoint", 0.001)
    meter = MeterPlan(
        draw(st.sampled_from(["total", "batch", "rate"])), {"total": given_}, 3,
        max_rate=firm, uncertainty=uncertainty, moisture=always(moisture / 100),
    )  # fmt: skip
    told = Classification("10 09 03", "SEEDstatus", "R77", "8765", "surplus")
    stream = StreamPlan(
        "SEEDname", "material", "t", meter, code="10 09 03", status="SEEDstatus", treatment="R77",
        share="cluster", ns9431="8765", firm=firm, basis=draw(st.sampled_from(["wet", "dry"])),
        composition=always(Composition("dry", {"SEEDcomponent": share / 100})),
        series=always(told), significant=draw(st.integers(1, 3)), coverage_floor=0.0,
    )  # fmt: skip
    totals = [
        Total(
            "SEEDname", at, at + 1, 1000.0, "t", 1.0, 0.0, None, ("SEEDmark", "reset"),
            {"SEEDreason": 31337}, tickets=31337, closing=closing, spread=spread / 100,
            uncertainty=uncertainty, dry=500.0 + dry if stream.basis == "wet" else 500.0,
        )
        for at in range(4)
    ]  # fmt: skip
    return stream, totals, [moisture, moisture / 100, firm, share, share / 100, uncertainty, dry,
                            closing, spread, spread / 100]  # fmt: skip


@given(secret())
def test_a_record_holds_the_members_of_the_contract_and_no_seeded_name_or_value(
    case: tuple[StreamPlan, list[Total], list[float]],
) -> None:
    stream, totals, values = case
    found = disclose([stream], {stream.name: totals}, 4)
    key = (stream.kind, stream.code, stream.direction, stream.unit, stream.basis)
    first = month_start(month(END) - 12)
    tally = Tally(key, first, {month(first): Sum(700.0, 365.0 * 24 * HOUR, 31337)})
    year = magnitudes([stream], {stream.name: tally}, END)
    assert found.figures
    assert year.items
    plain = sealer().seal(START, START + HOUR, 1, found.figures, found.steps, 7, year.items).plain
    record = json.loads(plain)
    assert set(record) == RECORD
    for name, members in MEMBERS.items():
        assert all(set(one) <= members for one in record[name])
    assert all(set(one["marks"]) <= MARKS for one in record["figures"])
    rest = json.dumps([record["figures"], record["magnitudes"]])
    assert not [text for text in (*SECRETS, "31337") if text in rest]
    assert not [value for value in values if repr(value) in rest]


@given(secret())
def test_what_stays_in_the_plant_changes_nothing_that_leaves(
    case: tuple[StreamPlan, list[Total], list[float]],
) -> None:
    stream, totals, _ = case
    bare = replace(
        stream, status=None, treatment=None, ns9431=None, firm=None, composition=None, name="x",
        series=None, analysis_age=None,
    )  # fmt: skip
    less = [
        replace(total, stream="x", uncertainty=None, closing=None, spread=0.0, reasons={})
        for total in totals
    ]
    whole = disclose([stream], {stream.name: totals}, 4).figures
    assert whole == disclose([bare], {"x": less}, 4).figures
