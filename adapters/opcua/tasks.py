"""Run coroutines together: the first failure ends all, and is raised as itself."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from adapters.errors import SidestreamError


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run coroutines until one fails; raises the first `SidestreamError` as itself."""
    try:
        # In a task of its own: a group that fails leaves its task with a request for cancellation
        # that nobody takes back, and asyncio.timeout of Python 3.11.2 then never ends in time.
        await asyncio.create_task(_group(coroutines))
    except BaseExceptionGroup as failed:
        mine, other = failed.split(SidestreamError)
        if other is not None or mine is None:
            raise
        raise _first(mine) from None


async def _group(coroutines: tuple[Coroutine[Any, Any, None], ...]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)


def _first(group: BaseExceptionGroup[SidestreamError]) -> SidestreamError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
