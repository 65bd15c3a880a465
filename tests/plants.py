"""Small plants for tests: plans, keys and blocks of readings made by hand."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.reading import NANOSECONDS, Block
from agent.disclosing.record import Sealer
from config.plan import (
    BrokerPlan,
    InputPlan,
    MeterPlan,
    OutboxPlan,
    PlantPlan,
    StreamPlan,
    UplinkPlan,
    WindowPlan,
)
from gateway.keys import HubKey, PlantKey

MINUTE = 60 * NANOSECONDS
HOUR = 60 * MINUTE
START = 1_772_323_200 * NANOSECONDS
"""2026-03-01T00:00:00Z."""
POINTS = ("total", "rate")


def plant_key(number: int = 1) -> PlantKey:
    """Give a plant's key that is the same each time."""
    return PlantKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def hub_key(number: int = 99) -> HubKey:
    """Give a hub's key that is the same each time."""
    return HubKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def uplink(port: int = 1883) -> UplinkPlan:
    """Give the way to a hub whose broker is on this computer."""
    broker = BrokerPlan(host="127.0.0.1", port=port, tls=None, keepalive=5)
    return UplinkPlan("ora", broker, str(hub_key().public))


def streams() -> tuple[StreamPlan, ...]:
    """Give a totaliser and a rate, both published."""
    total = InputPlan("total", "belt", "total", 0.001)
    rate = InputPlan("rate", "belt", "rate", 1 / 3600)
    return (
        StreamPlan(
            "slag",
            "material",
            "t",
            MeterPlan("total", {"total": total}, 3 * MINUTE, max_rate=60 / 3600),
            code="10 09 03",
            share="cluster",
            significant=12,
        ),
        StreamPlan(
            "dust",
            "material",
            "t",
            MeterPlan("rate", {"rate": rate}, 3 * MINUTE),
            code="10 09 10",
            share="cluster",
            significant=12,
        ),
    )


def plan(directory: str = "", port: int = 1883) -> PlantPlan:
    """Give a plant with 15-minute windows and hourly records."""
    return PlantPlan(
        name="Kvina works",
        owner="Example Metals AS",
        timezone="Europe/Oslo",
        state_dir=directory,
        runtime_dir=directory,
        sources=(),
        streams=streams(),
        windows=WindowPlan(15 * MINUTE, HOUR, MINUTE, 0, 10 * NANOSECONDS),
        outbox=OutboxPlan(90 * 24 * HOUR, 10**8),
        uplink=uplink(port),
    )


def sealer(number: int = 1) -> Sealer:
    """Give what seals the records of a plant."""
    return Sealer(plant_key(number), hub_key().public, uplink())


def block(minute: int, total: int, rate: float) -> Block:
    """Give what the belt's scale says at a minute: kilograms counted, tonnes an hour."""
    return Block("belt", START + minute * MINUTE, POINTS, (total, rate), cursor=str(minute))
