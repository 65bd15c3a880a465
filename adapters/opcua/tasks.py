"""Run coroutines together: the first failure ends all, and is raised as itself."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from adapters.errors import SidestreamError


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run coroutines until one fails; raises the first `SidestreamError` as itself.

    A cancellation is one in any case, also of coroutines that fail while they end.
    """
    try:
        # In a task of its own: a group that fails leaves its task with a request for cancellation
        # that nobody takes back, and asyncio.timeout of Python 3.11.2 then never ends in time.
        await asyncio.create_task(_group(coroutines))
    except BaseExceptionGroup as failed:
        obey(failed)
        mine, other = failed.split(SidestreamError)
        if other is not None or mine is None:
            raise
        raise _first(mine) from None


def obey(cause: BaseException | None = None) -> None:
    """Raise the cancellation that this task was asked for and something has kept to itself.

    A task group of Python before 3.13 raises what failed in its place, and the library's own end of
    a session takes it for its own.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from cause


async def _group(coroutines: tuple[Coroutine[Any, Any, None], ...]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)


def _first(group: BaseExceptionGroup[SidestreamError]) -> SidestreamError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
