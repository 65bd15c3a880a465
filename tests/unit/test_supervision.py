"""Parts of the agent and tasks of an adapter: who ends, and what is left behind."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import pytest

from adapters.errors import PermanentError, TransientError
from adapters.opcua.tasks import together
from agent.running import supervisor
from agent.running.pulse import Pulse
from agent.running.supervisor import Supervisor
from agent.running.troubles import Troubles


def watched(
    tell: Callable[[str, str], None] | None = None, pulse: Pulse | None = None
) -> Supervisor:
    tell = tell or Troubles(lambda: None).tell
    return Supervisor(tell, pulse or Pulse(), time.monotonic_ns)


@pytest.mark.parametrize(
    "failure",
    [asyncio.CancelledError(), TransientError("away"), PermanentError("wrong"), KeyError("x")],
)
async def test_a_part_that_fails_is_started_again_even_when_a_cancellation_escapes_it(
    failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_AFTER", (0.001, 0.001))
    calls = 0

    async def part() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise failure

    await watched().run("part", part)
    assert calls == 2


async def test_stopping_the_agent_stops_a_part_for_good() -> None:
    started = asyncio.Event()
    ended = asyncio.Event()

    async def part() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(watched().run("part", part))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_group_that_failed_leaves_no_request_for_cancellation_behind() -> None:
    async def fail() -> None:
        raise TransientError("away")

    async def idle() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TransientError):
        await together(fail(), idle())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_group_that_fails_while_it_is_cancelled_is_cancelled() -> None:
    begun = asyncio.Event()

    async def stumble() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TransientError("cut at that moment") from None

    task = asyncio.create_task(together(stumble()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_part_that_falls_silent_is_started_again_and_told() -> None:
    told: list[tuple[str, str]] = []
    pulse, calls = Pulse(), 0

    async def part() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()

    one = watched(lambda name, text: told.append((name, text)), pulse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "RESTART_AFTER", (0.001, 0.001))
        await one.run("part", part, within=1)
    assert calls == 2
    assert "no sign of life" in told[0][1]
    assert told[-1] == ("part", "")
    assert pulse.until("part") is None


async def test_the_trouble_of_a_part_is_over_once_it_has_run_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_AFTER", (0.001, 0.001))
    monkeypatch.setattr(supervisor, "SOUND_AFTER", 0.01)
    changed, calls = asyncio.Event(), 0
    troubles = Troubles(changed.set)

    async def part() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TransientError("away")
        assert troubles["part"] == "away"
        changed.clear()
        await changed.wait()
        assert not troubles

    await watched(troubles.tell).run("part", part)


async def test_a_part_that_does_not_heed_its_end_stays_late() -> None:
    pulse, enough = Pulse(), asyncio.Event()

    async def part() -> None:
        while not enough.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await enough.wait()

    running = asyncio.ensure_future(watched(pulse=pulse).run("part", part, within=1))
    await asyncio.wait({running}, timeout=0.1)
    assert "part" in pulse.late(time.monotonic_ns())
    enough.set()
    running.cancel()
    await asyncio.wait({running})
