"""An OPC UA server whose variables all change each second, in a process of its own.

The first one counts seconds.

`python -m bench.variables COUNT` prints its port as one line of JSON, then answers each line of its
input with what has happened since the line before (`Told`), and ends with its input.

The library's server copies, compares and encodes each value for each subscription, which takes it
125 µs a value: with one subscription it cannot change 10 000 a second. Here all of it is the
library's but the filling of a notification: when a subscription is about to publish, the changes of
all its variables are written into one body at once, the same bytes as the library would send (a
test compares them).
"""

import asyncio
import json
import math
import struct
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from asyncua import Server, ua
from asyncua.server import subscription_service
from asyncua.server.internal_subscription import InternalSubscription

from bench.process import free_port

SPACE = "urn:sidestream:bench"
EVERY = 1.0
FIRST = 1000
TOGETHER = 50
"""Variables in a folder: to add one, the library compares it with all others there."""
KEPT = 10
"""Changes of a variable that wait for a subscription that is late; then the oldest is lost."""
_CHANGES = ua.NodeId(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
_ITEM = struct.Struct("<IBBdIqq")
"""A change: handle, what its data value has, a Double, its status and both time stamps."""
_HAS = 0x01 | 0x02 | 0x04 | 0x08
"""A value, a status, a source's and a server's time stamp (OPC 10000-6 5.2.2.17)."""
_DOUBLE = ua.VariantType.Double.value
BEGUN = 1_700_000_000
TURN = 65_536
"""Where a count of seconds begins again, as in a register."""


def node(number: int) -> str:
    """Give the node id of a variable, as it is written."""
    return f"ns=2;i={FIRST + number}"


def count() -> int:
    """Give the count of seconds, of which devices show the rest by `TURN` as their first value."""
    return int(time.time()) - BEGUN


def second() -> int:
    """Give what devices show as their first value."""
    return count() % TURN


@dataclass(slots=True)
class Told:
    """What was changed, sent to subscriptions, and confirmed by them to have arrived."""

    changed: int = 0
    sent: int = 0
    arrived: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One change of all variables: what the first shows, how much others are above their number."""

    number: int
    second: float
    swing: float
    instant: datetime

    def value(self, variable: int) -> float:
        """Give a variable's value: that of the first is a count of seconds."""
        return variable + self.swing if variable else self.second

    def data(self, variable: int) -> Any:
        """Give a variable's value as the library has it."""
        value = ua.Variant(self.value(variable), ua.VariantType.Double)
        return ua.DataValue(value, SourceTimestamp=self.instant, ServerTimestamp=self.instant)


def body(changes: Iterable[Change], items: Iterable[tuple[int, int]]) -> bytes:
    """Encode a data change notification: changes, oldest first, of (handle, variable) items."""
    packed, known = [], list(items)
    for change in changes:
        at = ua.datetime_to_win_epoch(change.instant)
        packed += [
            _ITEM.pack(handle, _HAS, _DOUBLE, change.value(variable), 0, at, at)
            for handle, variable in known
        ]
    return struct.pack("<i", len(packed)) + b"".join(packed) + struct.pack("<i", 0)


class Plant:
    """The variables: how they change, and what came of it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.told = Told()
        self.changes = deque([Change(0, float(second()), 0.0, datetime.now(UTC))], KEPT)

    @property
    def newest(self) -> Change:
        """What the variables show now."""
        return self.changes[-1]

    async def live(self) -> None:
        """Change all variables each second, for good."""
        while True:
            await asyncio.sleep(EVERY - time.time() % EVERY)
            swing = 40 * math.sin(time.time() / 60)
            number = self.newest.number + 1
            self.changes.append(Change(number, float(second()), swing, datetime.now(UTC)))
            self.told.changed += self.count

    def since(self, number: int) -> list[Change]:
        """Give the changes after the one of a number, as far as they are kept."""
        return [change for change in self.changes if change.number > number]


def _subscriptions(plant: Plant) -> type[InternalSubscription]:
    """Make the class of subscriptions to a plant's variables."""

    class Prepared(InternalSubscription):  # type: ignore[misc]  # untyped library
        """A subscription that takes what has changed when it publishes."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._number = plant.newest.number
            self._waiting: dict[int, int] = {}

        def has_published_results(self) -> bool:
            """Tell whether there is anything to send, a sign of life included."""
            return plant.newest.number > self._number or super().has_published_results()

        def _pop_triggered_datachanges(self, result: ua.PublishResult) -> None:
            super()._pop_triggered_datachanges(result)
            changes, self._number = plant.since(self._number), plant.newest.number
            watched = self.monitored_item_srv._monitored_items.values()  # noqa: SLF001  # no other way
            if changes and watched:
                items = [
                    (one.client_handle, one.read_value_id.NodeId.Identifier - FIRST)
                    for one in watched
                ]
                data = ua.ExtensionObject(_CHANGES, body(changes, items))
                result.NotificationMessage.NotificationData.append(data)
                sent = len(changes) * len(items)
                plant.told.sent += sent
                self._waiting[self._notification_seq] = sent

        def publish(self, acks: Iterable[int]) -> None:
            """Count what a client confirms."""
            known = list(acks)
            plant.told.arrived += sum(self._waiting.pop(number, 0) for number in known)
            super().publish(known)

    return Prepared


async def _add(server: Server, plant: Plant) -> None:
    """Add the variables; who reads one is told what it shows then."""
    for number in range(plant.count):
        if not number % TOGETHER:
            folder = await server.nodes.objects.add_folder(2, f"bench{number}")
        one = ua.NodeId(FIRST + number, 2)
        await folder.add_variable(one, f"v{number}", float(number))
        server.iserver.aspace.set_attribute_value_callback(
            one,
            ua.AttributeIds.Value,
            lambda node, _: plant.newest.data(node.Identifier - FIRST),
        )


async def _serve(plant: Plant) -> None:
    subscription_service.InternalSubscription = _subscriptions(plant)
    server = Server()
    await server.init()
    port = free_port()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace(SPACE)
    await _add(server, plant)
    async with server:
        living = asyncio.create_task(plant.live())
        print(json.dumps(port), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(asdict(plant.told)), flush=True)
            plant.told = Told()
        living.cancel()


if __name__ == "__main__":
    asyncio.run(_serve(Plant(int(sys.argv[1]))))
