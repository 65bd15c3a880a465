"""A plant's own report from its totals: by stream and by what its streams are, in local time.

Nothing of it leaves the plant. What a stream is, is what the plant file says when the report is
made. Sums are exact to the last bit (`math.fsum`); what was not measured lowers the coverage and is
never a zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from agent.measuring.localtime import Calendar, Span, local_text
from agent.measuring.series import Series, as_of, histories
from agent.measuring.total import Total
from agent.reporting import levels
from agent.reporting.accounts import Account, BandSum, joined
from agent.reporting.gather import Flow, Gathered, Key, gathered
from agent.reporting.groups import Declared, Group, declared, groups
from agent.reporting.levels import Levels
from agent.reporting.lines import Line, StockLine, What, what
from config.plan import BANDS, PlantPlan

_BANDS = (*(name for _, name in BANDS), None)


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a span of local time.

    `until` is the instant up to which time counts, in nanoseconds: the present, in whole windows,
    or the end of the report when that is past.
    """

    plant: str
    owner: str
    timezone: str
    whole: Span
    parts: tuple[Span, ...]
    codes: str
    """File and version of the code list, or nothing."""
    until: int
    lines: tuple[Line, ...]
    stocks: tuple[StockLine, ...]
    groups: tuple[Group, ...]
    declared: tuple[Declared, ...]


def report(
    plan: PlantPlan,
    calendar: Calendar,
    totals: Iterable[Total],
    until: int,
    streams: Sequence[str] = (),
    series: Mapping[str, Series] | None = None,
) -> Report:
    """Report the totals of windows that start within a calendar; others are passed by.

    Totals come stream by stream (ValueError otherwise). A window belongs to the part in which it
    starts, and a part has all the time of its windows. Streams that the plant file no longer has
    are reported by their name alone. `until` is the present: later time, and the window under way,
    lower no coverage. `streams` are those to report, all of them without any. `series` are the
    classifications of streams by their times, without any those that the plant file declares: each
    has a line of its own, with its own windows.
    """
    series = histories(plan.streams, ()) if series is None else series
    chosen = (one for one in totals if not streams or one.stream in streams)
    held = gathered(plan, calendar, chosen, series)
    length = plan.windows.measure
    reached = max(until - until % length, held.end)
    spans = [_fitted(span, length) for span in (calendar.whole, *calendar.parts)]
    made = _Maker(plan, spans[0], tuple(spans[1:]), reached, tuple(streams), series)
    lines = made.lines(held)
    return Report(
        plant=plan.name,
        owner=plan.owner,
        timezone=plan.timezone,
        whole=calendar.whole,
        parts=calendar.parts,
        codes=f"{plan.codes.file}, version {plan.codes.version}" if plan.codes else "",
        until=min(reached, calendar.whole.end),
        lines=lines,
        stocks=made.stocks(held),
        groups=groups(lines),
        declared=declared(lines),
    )


def _fitted(span: Span, length: int) -> Span:
    """Give the time of the windows that start in a span, which begin on multiples of a length."""
    return Span(span.name, -(-span.start // length) * length, -(-span.end // length) * length)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the lines of a report: of each stream of the plan, and of what else has totals."""

    plan: PlantPlan
    whole: Span
    parts: tuple[Span, ...]
    until: int
    streams: tuple[str, ...]
    series: Mapping[str, Series]
    nothing: Flow = field(default_factory=Flow)

    def lines(self, held: Gathered) -> tuple[Line, ...]:
        """Give the streams that add up."""
        keys = dict.fromkeys([*self._planned(stock=False), *sorted(held.flows)])
        return tuple(self._line(key, held.flows.get(key, self.nothing)) for key in keys)

    def stocks(self, held: Gathered) -> tuple[StockLine, ...]:
        """Give the stocks, which do not add up."""
        keys = dict.fromkeys([*self._planned(stock=True), *sorted(held.stocks)])
        return tuple(self._stock(key, held.stocks.get(key, {})) for key in keys)

    def _planned(self, *, stock: bool) -> list[Key]:
        return [
            (one.name, one.unit, number)
            for one in self.plan.streams
            for number in range(len(self.series[one.name].values))
            if not _empty(self._clipped(self.whole, (one.name, one.unit, number)))
            and (one.meter.kind == "stock") is stock
            and one.name in (self.streams or (one.name,))
        ]

    def _what(self, key: Key, *, stock: bool) -> What:
        titles = self.plan.codes.titles if self.plan.codes else {}
        stream = next((one for one in self.plan.streams if one.name == key[0]), None)
        if stream is None:
            return what(key[:2], None, titles, stock=stock)
        found = what(
            key[:2], as_of(stream, self.series[key[0]].values[key[2]]), titles, stock=stock
        )
        zone = ZoneInfo(self.plan.timezone)
        since, until = self._bounds(key)
        return replace(
            found,
            since=None if since is None else local_text(since, zone),
            until=None if until is None else local_text(until, zone),
        )

    def _bounds(self, key: Key) -> tuple[int | None, int | None]:
        """Give the instants at which a series begins and ends; None where it has no such end."""
        edges = self.series[key[0]].edges if key[0] in self.series else ()
        number = key[2]
        return (
            edges[number - 1] if number else None,
            edges[number] if number < len(edges) else None,
        )

    def _clipped(self, span: Span, key: Key) -> Span:
        """Give the time of a series in a span, in the windows that start in it."""
        length = self.plan.windows.measure
        since, until = self._bounds(key)
        start = span.start if since is None else max(span.start, -(-since // length) * length)
        end = span.end if until is None else min(span.end, -(-until // length) * length)
        return Span(span.name, start, end)

    def _line(self, key: Key, flow: Flow) -> Line:
        by_part: list[list[Account]] = [[] for _ in self.parts]
        for (part, _), account in flow.accounts.items():
            by_part[part].append(account)
        whole = joined(flow.accounts.values())
        own = self._what(key, stock=False)
        bands, band_parts = self._bands(flow) if _is_heat(own, flow) else ((), ())
        return Line(
            what=own,
            whole=whole.sum(self._clipped(self.whole, key), self.until),
            parts=tuple(
                joined(accounts).sum(self._clipped(span, key), self.until)
                for span, accounts in zip(self.parts, by_part, strict=True)
            ),
            bands=bands,
            band_parts=band_parts,
            continuity=flow.continuity,
            components=flow.makeup.components(),
        )

    def _bands(self, flow: Flow) -> tuple[tuple[BandSum, ...], tuple[BandSum, ...]]:
        """Divide heat by the bands of its windows, over the whole and in each part."""
        whole, parts = [], []
        for band in _BANDS:
            held = {part: one for (part, of), one in flow.accounts.items() if of == band}
            sum_ = joined(held.values())
            if sum_.measured:
                whole.append(sum_.band_sum(self.whole.name, band))
            parts += [
                held[part].band_sum(span.name, band)
                for part, span in enumerate(self.parts)
                if part in held and held[part].measured
            ]
        return tuple(whole), tuple(parts)

    def _stock(self, key: Key, parts: dict[int, Levels]) -> StockLine:
        return StockLine(
            what=self._what(key, stock=True),
            whole=levels.joined(parts.values()).stock(self._clipped(self.whole, key), self.until),
            parts=tuple(
                parts.get(number, Levels()).stock(self._clipped(span, key), self.until)
                for number, span in enumerate(self.parts)
            ),
        )


def _empty(span: Span) -> bool:
    return span.start >= span.end


def _is_heat(own: What, flow: Flow) -> bool:
    return own.kind == "heat" or any(band is not None for _, band in flow.accounts)
