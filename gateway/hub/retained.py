"""What the hub keeps retained at the broker: decided cells, and its messages to members."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gateway.canonical import canonical
from gateway.hub.book import Numbered
from gateway.hub.filling import Insist, wait
from gateway.hub.vault import Open
from gateway.hub.voice import Voice
from gateway.mqtt import Connection, PublishRefusedError
from gateway.wire import cells_topic

_FEED = 100


class Feed:
    """Publishes decided cells, oldest first; each counts when the broker has it."""

    def __init__(
        self, cluster: str, insist: Insist, clock: Callable[[], int], voice: Voice
    ) -> None:
        self._cluster = cluster
        self._insist = insist
        self._clock = clock
        self._voice = voice
        self.wake = asyncio.Event()

    async def run(self, connection: Connection) -> None:
        """Publish for as long as the connection lasts."""
        attempt = 0
        while True:
            self.wake.clear()
            cells = await self._insist(lambda opened: opened.book.unpublished(_FEED))
            try:
                done = [await self._publish(connection, cell) for cell in cells]
            except PublishRefusedError as error:
                self._voice.trouble(str(error))
                await asyncio.sleep(wait(attempt))
                attempt += 1
                continue
            attempt = 0
            if done:
                await self._insist(partial(_mark_published, numbers=done, now=self._clock()))
            else:
                await self.wake.wait()

    async def _publish(self, connection: Connection, numbered: Numbered) -> int:
        cell = numbered.cell
        payload = canonical(cell.model_dump(mode="json", exclude_none=True))
        await connection.publish(cells_topic(self._cluster, cell.cell), payload, retain=True)
        return numbered.number


class Post:
    """Keeps the roster and admissions at the broker, and clears what is gone."""

    def __init__(self, posts: Callable[[], Mapping[str, bytes]], voice: Voice) -> None:
        self._posts = posts
        self._voice = voice
        self.wake = asyncio.Event()

    async def run(self, connection: Connection) -> None:
        """Publish for as long as the connection lasts; a broker of older files may refuse."""
        there: dict[str, bytes] = {}
        while True:
            self.wake.clear()
            posts = self._posts()
            try:
                for topic in {*there, *posts}:
                    payload = posts.get(topic, b"")
                    if there.get(topic) != payload:
                        await connection.publish(topic, payload, retain=True)
                        there[topic] = payload
            except PublishRefusedError as error:
                self._voice.say("joining", str(error))
            else:
                self._voice.say("joining", "")
            await self.wake.wait()


def _mark_published(opened: Open, numbers: Sequence[int], now: int) -> None:
    opened.book.mark_published(numbers, now)
