"""`sidestream simulate`: one simulated plant's devices, and a plant file that reads them."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from adapters.errors import PermanentError
from agent.cli.options import json_option
from agent.cli.output import print_json
from simulation.plants import (
    Equipment,
    SimPlant,
    SimPoint,
    Steady,
    bag_filter,
    belt,
    cooling,
    plant,
)
from simulation.truth import SECOND

_EXTRA = 42_001
_MOST_DEVICES = 100
_MOST_POINTS = 1000
MEMBER = "here"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to simulate: belt scales, extra points on each, and when what goes wrong (seconds)."""

    devices: int
    points: int
    opcua: bool
    rollover_after: float | None
    silence_after: float | None


def simulated(wish: Wish, origin: int) -> SimPlant:
    """Describe the plant: slag belts, a cooling circuit and, over OPC UA, a bag filter."""
    after = wish.rollover_after
    wraps = None if after is None else origin + round(after * SECOND)
    belts = [
        _extended(belt(number, 20.0 + number, origin, wraps if number == 1 else None), wish.points)
        for number in range(1, wish.devices + 1)
    ]
    filters = [bag_filter(1, "10 08 15*", 2.9, origin)] if wish.opcua else []
    parts = [*belts, cooling(1, 260.0, 78.0, 41.5, origin), *filters]
    return plant("Simulated plant", "Example Metals", MEMBER, "here", parts)


def _extended(part: Equipment, points: int) -> Equipment:
    source, stream = part
    extra = tuple(
        SimPoint(f"x{number:04d}", "1", Steady(float(number)), _EXTRA + 2 * number)
        for number in range(points)
    )
    return replace(source, points=source.points + extra), stream


def ports_for(described: SimPlant, modbus: int, opcua: int) -> dict[tuple[str, str], int]:
    """Give each source its port: Modbus devices count up from the first."""
    ports: dict[tuple[str, str], int] = {}
    for source in described.sources:
        kind = source.protocol == "opcua"
        ports[described.member, source.name] = opcua if kind else modbus
        modbus += not kind
    return ports


@click.command()
@click.option(
    "--modbus-port",
    type=click.IntRange(1, 65_000),
    default=5020,
    show_default=True,
    help="Port of the first Modbus device; others follow it.",
)
@click.option(
    "--opcua-port",
    type=click.IntRange(0, 65_535),
    default=4840,
    show_default=True,
    help="Port of the OPC UA server; 0 for none.",
)
@click.option(
    "--devices",
    type=click.IntRange(1, _MOST_DEVICES),
    default=1,
    show_default=True,
    help="Belt scales, each a Modbus device.",
)
@click.option(
    "--points",
    type=click.IntRange(0, _MOST_POINTS),
    default=0,
    show_default=True,
    help="Further points on each belt scale.",
)
@click.option(
    "--rollover-after",
    type=float,
    metavar="SECONDS",
    help="Let the first belt's counter roll over.",
)
@click.option(
    "--silence-after",
    type=float,
    metavar="SECONDS",
    help="Let the first belt's scale die: it takes requests and answers none.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("simulated-plant"),
    show_default=True,
    help="Where plant.toml and the agent's state go.",
)
@json_option
def simulate(
    modbus_port: int,
    opcua_port: int,
    devices: int,
    points: int,
    rollover_after: float | None,
    silence_after: float | None,
    directory: Path,
    as_json: bool,
) -> None:
    """Run one simulated plant's devices until Ctrl-C, and write a plant file that reads them.

    They are Modbus TCP and OPC UA servers on 127.0.0.1; values follow the clock. Leave it running
    and try `sidestream check`, `probe` and `run` on the file in another terminal.

    \b
    Example:
      sidestream simulate --dir try --silence-after 60
      sidestream probe try/plant.toml
    """
    wish = Wish(devices, points, opcua_port > 0, rollover_after, silence_after)
    described = simulated(wish, time.time_ns())
    ports = ports_for(described, modbus_port, opcua_port)
    file = _write(described, ports, directory)

    def ready() -> None:
        if as_json:
            named = {name: port for (_, name), port in ports.items()}
            print_json({"plant_file": str(file), "ports": named})
        else:
            _tell(file, described, ports)

    asyncio.run(serve(described, ports, wish, ready))


def _write(described: SimPlant, ports: dict[tuple[str, str], int], directory: Path) -> Path:
    from simulation.files import Timing, plant_file  # noqa: PLC0415

    timing = Timing(measure=10, release=60, grace=2.0, jitter=5.0, checkpoint=5.0, every=1.0)
    own = {name: port for (_, name), port in ports.items()}
    file = directory / "plant.toml"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file.write_text(plant_file(described, own, None, timing))
    except OSError as error:
        raise PermanentError(
            f"the plant file cannot be written ({error.strerror})",
            where=str(file), mend="name another directory with --dir",
        ) from error  # fmt: skip
    return file


def _tell(file: Path, described: SimPlant, ports: dict[tuple[str, str], int]) -> None:
    for source in described.sources:
        port = ports[described.member, source.name]
        click.echo(f"{source.name:16} {source.protocol:10} 127.0.0.1:{port}")
    click.echo(f"\nwrote {file}; the devices run until Ctrl-C. Next, in another terminal:\n")
    for command in ("check", "probe", "run"):
        click.echo(f"  sidestream {command} {file}")


async def serve(
    described: SimPlant,
    ports: dict[tuple[str, str], int],
    wish: Wish,
    ready: Callable[[], None],
) -> None:
    """Serve a plant's devices until SIGINT or SIGTERM; raises `PermanentError` for a taken port."""
    from simulation.devices import Devices  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Devices([described], ports) as devices:
        try:
            await devices.power_on([described])
        except OSError as error:
            raise PermanentError(
                f"a port cannot be used ({error.strerror or error})",
                mend="choose others with --modbus-port and --opcua-port",
            ) from error
        ready()
        if wish.silence_after is not None and not await _stopped(stop, wish.silence_after):
            source = described.sources[0].name
            devices.silence(described.member, source)
            click.echo(f"{source} answers no more", err=True)
        await stop.wait()


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait some seconds; tells whether it was stopped meanwhile."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
