"""Lines that begin at once: all are opened before the first is planned for, and each once."""

import contextlib

import pytest

from adapters.adapter import Link
from adapters.modbus.answer import Failure
from adapters.modbus.line import Line
from adapters.modbus.unit import Unit
from simulation.modbus import Device, ModbusPlant
from tests.modbuskit import running, source, until
from tests.servers import free_port

pytestmark = pytest.mark.integration
POINTS = {"a": {"register": 40001}}


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what lines and units did, in order."""
    found: list[str] = []
    open_line, plan = Line.open, Unit.requests

    async def opened(self: Line, wait: float) -> Failure | None:
        found.append("open")
        return await open_line(self, wait)

    def planned(self: Unit) -> object:
        found.append("plan")
        return plan(self)

    monkeypatch.setattr(Line, "open", opened)
    monkeypatch.setattr(Unit, "requests", planned)
    return found


async def test_lines_are_opened_while_requests_are_planned(happened: list[str]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        served = [ModbusPlant({1: Device(registers={0: 7})}) for _ in range(3)]
        plants = [await stack.enter_async_context(plant) for plant in served]
        begun = [await stack.enter_async_context(running(source(one, POINTS))) for one in plants]
        await until(lambda: all(basket.readings() for basket in begun))
    assert happened[:3] == ["open"] * 3


async def test_a_line_that_cannot_be_opened_is_tried_once(happened: list[str]) -> None:
    nobody = source(free_port(), POINTS, every="10 s", backoff_min="10 s")
    async with running(nobody) as basket:
        await until(
            lambda: [one.link for one in basket.health.get("meter", ())][-1:] == [Link.DOWN]
        )
        assert basket.readings()[0].reason == "refused"
    assert happened == ["open", "plan"]
