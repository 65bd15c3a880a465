"""Metadata: what passes a broker over a change of quarter, as somebody sees it who opens nothing.

Records are made by the shipped policy and sealed; when they leave is the shipped rule. What is a
plant's own, and must not show: how soon its windows close, how many streams it has, when it stood
still. The attacker pairs the names of two quarters, and names with plants of a public register.
"""

import itertools
import json
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.disclosing.sending import Delays, due
from bench.attacks.year import CLUSTER, HUB, Plant, plants, record
from gateway.backoff import pause
from gateway.hub.calendar import DAY, Window
from gateway.signing import seal_record
from gateway.wire import presence_topic, quarter, records_topic
from simulation.clusteryear import World, streams, tables

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
GRACE, JITTER = 60 * SECOND, 300 * SECOND
"""What every window is given to close, and the longest delay: the defaults of a plant file."""
SEALED = 3
"""Records of a plant that are sealed to see their size, where size is padded: the others repeat."""
IDLE = 1.0
"""Seconds between two looks of a publisher at its clock."""


@dataclass(frozen=True)
class Passed:
    """A message as it passed the broker: when, where, how long; `empty` clears what is retained."""

    time: int
    topic: str
    size: int
    empty: bool = False
    client: str = ""
    end: int = 0
    """End of a record's window: all plants have the same ones."""


Due = Callable[[int, int, int, int], int]


@dataclass(frozen=True)
class Habits:
    """How agents send. The defaults are the shipped ones; each other value gives something away.

    `due` says when a record may leave, `delays` how a plant draws its delays (`shipped`, `fixed`
    for one of its own, `record` without a part for each name), `turn` the longest wait, in seconds,
    before a name is left and before the next is taken.
    """

    due: Due = due
    delays: Literal["shipped", "fixed", "record"] = "shipped"
    padded: bool = True
    silent: bool = False
    one_name: bool = False
    one_client: bool = False
    turn: float = JITTER / SECOND


SHIPPED = Habits()


def from_closing(end: int, _grace: int, now: int, delay: int) -> int:
    """Count the delay from when a window was closed: broken on purpose."""
    return max(now, end) + delay


BROKEN: Mapping[str, Habits] = {
    "a constant delay for each plant": Habits(delays="fixed"),
    "delay from the closing, none by name": Habits(due=from_closing, delays="record"),
    "left and back at once": Habits(turn=0.0),
    "records as long as what they hold": Habits(padded=False),
    "no record of a day at rest": Habits(silent=True),
    "client id kept": Habits(one_client=True),
    "name kept": Habits(one_name=True),
}


@dataclass(frozen=True)
class Scene:
    """Traffic around a change of quarter, and whose name is whose."""

    passed: tuple[Passed, ...]
    old: Mapping[str, str]
    new: Mapping[str, str]
    streams: Mapping[str, int]
    """How many streams each plant has, as permits say."""
    idle: Mapping[str, frozenset[int]]
    """Starts of the days each plant stood still, as its neighbours know."""
    turn: int
    after: int
    """When the quarter after this begins: names are left once more."""
    seed: int


def scene(seed: int, habits: Habits, turn: int, span: int = 20) -> Scene:
    """Let a cluster's agents send for `span` days on both sides of a change of quarter."""
    made = random.Random(f"{seed} traffic")
    world = World(seed, 1, 20)
    found = streams(world)
    members = plants(found)
    windows = [Window(at, at + DAY) for at in range(turn - span * DAY, turn + span * DAY, DAY)]
    table = tables(world, windows, found)
    passed: list[Passed] = []
    idle: dict[str, frozenset[int]] = {}
    for plant in members:
        name, gateway = plant.member.name, _gateway(made)
        rows = [(w, [p.quantity for p in parts if p.member == name]) for w, parts in table]
        idle[name] = frozenset(day.start for day, own in rows if not any(own))
        passed += _sent(plant, gateway, rows, habits, made)
        passed += _turned(plant, gateway, habits, [turn, _next(turn)], made)
    names = {
        side: {_name(plant, at, habits): plant.member.name for plant in members}
        for side, at in (("old", turn - 1), ("new", turn))
    }
    counts = {plant.member.name: len(plant.streams) for plant in members}
    return Scene(tuple(passed), names["old"], names["new"], counts, idle, turn, _next(turn), seed)


def _next(turn: int) -> int:
    """Find the beginning of the quarter after the one that begins at `turn`."""
    at = turn
    while quarter(at) == quarter(turn):
        at += DAY
    return at


def _name(plant: Plant, at: int, habits: Habits) -> str:
    period = "always" if habits.one_name else quarter(at)
    return plant.sealer.plant.pseudonym(HUB.public, CLUSTER, period)


def _client(plant: Plant, at: int, habits: Habits) -> str:
    if habits.one_client:
        return plant.sealer.plant.public.fingerprint[:12]
    return f"ss-{_name(plant, at, habits)[:20]}"


@dataclass(frozen=True)
class Gateway:
    """What is constant about a plant.

    Seconds its windows take to close, its clock is off and its link takes; and the one delay it
    has where delays are fixed.
    """

    closes: float
    clock: float
    link: float
    fixed: int


def _gateway(made: random.Random) -> Gateway:
    # A kernel calls a clock synchronised as long as it may be off by less than 16 s.
    return Gateway(
        made.uniform(1.0, GRACE / SECOND), made.uniform(-5.0, 5.0), made.uniform(0.02, 0.3),
        made.randrange(JITTER),
    )  # fmt: skip


def _sent(
    plant: Plant,
    gateway: Gateway,
    rows: Sequence[tuple[Window, Sequence[float]]],
    habits: Habits,
    made: random.Random,
) -> list[Passed]:
    """Give a plant's records as they pass: one for each hour of each day."""
    drawn = Delays(JITTER, lambda most: made.randint(0, most))
    found = []
    sizes: list[int] = []
    for number, (day, row) in enumerate(rows):
        if habits.silent and not any(row):
            continue
        name = _name(plant, day.start, habits)
        if len(sizes) < SEALED or not habits.padded:
            sizes.append(_size(plant, day, row, number, habits))
        size = sizes[number % len(sizes)] if habits.padded else sizes[-1]
        for end in range(day.start + HOUR, day.end + 1, HOUR):
            delay = _delay(habits, gateway, drawn, end - HOUR, made)
            closed = end + round((gateway.closes + made.uniform(0.0, IDLE)) * SECOND)
            off = gateway.clock + gateway.link + made.uniform(0.0, IDLE)
            at = habits.due(end, GRACE, closed, delay) + round(off * SECOND)
            found.append(Passed(at, records_topic(CLUSTER, name), size, end=end))
    return found


def _delay(habits: Habits, gateway: Gateway, drawn: Delays, start: int, made: random.Random) -> int:
    if habits.delays == "fixed":
        return gateway.fixed
    return drawn(quarter(start)) if habits.delays == "shipped" else made.randrange(JITTER)


def _size(plant: Plant, window: Window, row: Sequence[float], number: int, habits: Habits) -> int:
    sealed = record(plant, window, row, number + 1)
    if habits.padded:
        return len(sealed.payload)
    content = json.loads(sealed.plain)
    return len(seal_record(content, plant.sealer.plant.sign, HUB.public, 1))


def _turned(
    plant: Plant, gateway: Gateway, habits: Habits, turns: Sequence[int], made: random.Random
) -> list[Passed]:
    """Give what a plant says when a quarter begins: the old name goes, the new one comes."""
    if habits.one_name:
        return []
    found = []
    for turn in turns:
        first, then = (made.uniform(0.0, habits.turn) for _ in range(2))
        gone = gateway.clock + made.uniform(0.0, IDLE) + first
        back = gone - first + habits.turn + then + pause(1, (1.0, 20.0), made.random())
        for at, side, empty in ((gone, turn - 1, True), (back, turn, False)):
            topic = presence_topic(CLUSTER, _name(plant, side, habits))
            client = _client(plant, side, habits)
            instant = turn + round((at + gateway.link) * SECOND)
            found.append(Passed(instant, topic, 0 if empty else 21, empty, client))
    return found


def _kind(one: Passed) -> tuple[str, str]:
    _, _, _, kind, name = one.topic.split("/")
    return kind, name


def _features(seen: Scene) -> dict[str, tuple[float, ...]]:
    """Sum up what shows of each name: sizes, how many, delays, and when it was left."""
    sizes: dict[str, list[int]] = {name: [] for name in {*seen.old, *seen.new}}
    delays: dict[str, list[float]] = {name: [] for name in sizes}
    for one in seen.passed:
        kind, name = _kind(one)
        if kind == "records":
            sizes[name].append(one.size)
            delays[name].append((one.time - one.end) / SECOND)
    return {
        name: (
            statistics.fmean(sizes[name]), max(sizes[name]), float(len(sizes[name])),
            statistics.fmean(own), min(own), max(own),
        ) if own else (0.0,) * 6
        for name, own in delays.items()
    }  # fmt: skip


Cost = Callable[[str, str], float]


def _matched(old: Sequence[str], new: Sequence[str], cost: Cost) -> dict[str, str]:
    """Pair names, cheapest first, then better by swaps: near enough to the best pairing."""
    costs = {(one, other): cost(one, other) for one in old for other in new}
    pairs: dict[str, str] = {}
    for one, other in sorted(costs, key=costs.__getitem__):
        if one not in pairs and other not in pairs.values():
            pairs[one] = other
    while _swapped(pairs, costs):
        pass
    return pairs


def _swapped(pairs: dict[str, str], costs: Mapping[tuple[str, str], float]) -> bool:
    """Swap the partners of two names wherever it costs less; tells whether any were."""
    better = False
    for one, two in itertools.combinations(pairs, 2):
        now = costs[one, pairs[one]] + costs[two, pairs[two]]
        if costs[one, pairs[two]] + costs[two, pairs[one]] < now - 1e-12:
            pairs[one], pairs[two] = pairs[two], pairs[one]
            better = True
    return better


def _distance(table: Mapping[str, tuple[float, ...]], which: Sequence[int]) -> Cost:
    """Measure how far two names' features are apart, each feature by its spread over all names."""
    columns = list(zip(*table.values(), strict=True))
    used = [(n, spread) for n in which if (spread := statistics.pstdev(columns[n])) > 1e-9]

    def cost(one: str, other: str) -> float:
        return math.fsum(abs(table[one][n] - table[other][n]) / spread for n, spread in used)

    return cost


def relinked(seen: Scene) -> dict[str, int]:
    """Pair the names of two quarters in each way there is; gives how many pairs are right."""
    # Where nothing tells names apart, it is chance that pairs them.
    guess = random.Random(seen.seed)
    old, new = (guess.sample(sorted(names), len(names)) for names in (seen.old, seen.new))
    features = _features(seen)
    ways = {
        "sizes": _matched(old, new, _distance(features, (0, 1))),
        "numbers": _matched(old, new, _distance(features, (2,))),
        "delays": _matched(old, new, _distance(features, (3, 4, 5))),
        "names and clients": _by_identity(seen, old, new),
        "going and coming": _by_turn(seen, old, new),
        "going twice": _by_going(seen, old, new),
    }
    return {way: _right(seen, pairs) for way, pairs in ways.items()}


def _right(seen: Scene, pairs: Mapping[str, str]) -> int:
    return sum(seen.old[one] == seen.new[other] for one, other in pairs.items())


def _by_identity(seen: Scene, old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Pair names that are the same, or that came by one client."""
    clients = {_kind(one)[1]: one.client for one in seen.passed if _kind(one)[0] == "presence"}
    by_client = {clients[name]: name for name in new if name in clients}
    known = {one: by_client[clients[one]] for one in old if clients.get(one) in by_client}
    return {one: one for one in old if one in new} or known


def _gone(seen: Scene, names: Sequence[str], turn: int) -> dict[str, float]:
    """Tell how many seconds after a turn names were left."""
    shown = [one for one in seen.passed if _kind(one)[0] == "presence" and one.empty]
    return {
        name: (one.time - turn) / SECOND
        for one in shown
        if (name := _kind(one)[1]) in names and abs(one.time - turn) < DAY
    }


def _by_turn(seen: Scene, old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Pair each name that goes with one that comes soon after."""
    gone = _gone(seen, old, seen.turn)
    shown = [one for one in seen.passed if _kind(one)[0] == "presence" and not one.empty]
    came = {_kind(one)[1]: (one.time - seen.turn) / SECOND for one in shown}
    if not gone:
        return {}
    wait = statistics.fmean(came[name] for name in new) - statistics.fmean(gone.values())
    return _matched(old, new, lambda one, other: (came[other] - gone[one] - wait) ** 2)


def _by_going(seen: Scene, old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Pair names that are left as long after a quarter's end: by a clock that is off."""
    first, second = _gone(seen, old, seen.turn), _gone(seen, new, seen.after)
    if not first:
        return {}
    return _matched(old, new, lambda one, other: (first[one] - second[other]) ** 2)


def identified(seen: Scene) -> int:
    """Say which name is which plant, by the number of its streams and the days it stood still."""
    features = _features(seen)
    sent: dict[str, set[int]] = {name: set() for name in seen.new}
    for one in seen.passed:
        if _kind(one)[0] == "records" and _kind(one)[1] in sent:
            sent[_kind(one)[1]].add((one.end - HOUR) // DAY * DAY)
    days = set().union(*sent.values())
    by_size = _ranks({name: features[name][0] for name in seen.new})
    by_streams = _ranks({member: float(count) for member, count in seen.streams.items()})

    def cost(name: str, member: str) -> float:
        silent = days - sent[name]
        return abs(by_size[name] - by_streams[member]) + 3.0 * len(
            silent ^ (seen.idle[member] & days) if silent else ()
        )

    guess = random.Random(seen.seed)
    names, members = (guess.sample(sorted(of), len(of)) for of in (seen.new, seen.streams))
    pairs = _matched(names, members, cost)
    return sum(seen.new[name] == member for name, member in pairs.items())


def _ranks(values: Mapping[str, float]) -> dict[str, float]:
    """Rank from 0 to the number of values; equal ones share their mean rank."""
    ordered = sorted(values.values())
    return {
        name: (ordered.index(value) + len(ordered) - 1 - ordered[::-1].index(value)) / 2
        for name, value in values.items()
    }


def chance(scenes: int, level: float = 0.99) -> int:
    """Give how many right pairs chance makes in so many scenes, at most, in 99 of 100 cases.

    A random pairing has one right on average whatever the number of names, nearly by Poisson's
    law; that of several scenes is their sum.
    """
    mean = float(scenes)
    total, count = math.exp(-mean), 0
    while total < level:
        count += 1
        total += math.exp(-mean) * mean**count / math.factorial(count)
    return count
