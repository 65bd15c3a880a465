"""Parts of the agent and tasks of an adapter: who ends, and what is left behind."""

import asyncio
from pathlib import Path

import pytest

from adapters.errors import PermanentError, TransientError
from adapters.opcua.tasks import together
from agent import service
from agent.outbox import Outbox
from tests.plants import plan


@pytest.mark.parametrize(
    "failure",
    [asyncio.CancelledError(), TransientError("away"), PermanentError("wrong"), KeyError("x")],
)
async def test_a_part_that_fails_is_started_again_even_when_a_cancellation_escapes_it(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_RESTART_AFTER", (0.001, 0.001))
    calls = 0

    async def part() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise failure

    with Outbox.open(tmp_path, 0) as outbox:
        agent = service.Service(plan(str(tmp_path)), outbox, None)
        await agent._supervise("part", part)
    assert calls == 2


async def test_stopping_the_agent_stops_a_part_for_good(tmp_path: Path) -> None:
    started = asyncio.Event()
    ended = asyncio.Event()

    async def part() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with Outbox.open(tmp_path, 0) as outbox:
        agent = service.Service(plan(str(tmp_path)), outbox, None)
        task = asyncio.create_task(agent._supervise("part", part))
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
