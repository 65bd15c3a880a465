"""Values over every kind of Modbus line, from real servers."""

import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import TransientError
from adapters.modbus import TCP, TLS
from adapters.reading import Quality
from simulation.modbus import Device, ModbusPlant, words
from tests.modbuskit import PROTOCOLS, running, source, until
from tests.pki import Authority, Pair, self_signed

pytestmark = pytest.mark.integration

POINTS: dict[str, dict[str, Any]] = {
    "int16": {"register": 40001, "type": "int16"},
    "uint16": {"register": 40002},
    "int32": {"register": 40003, "type": "int32"},
    "uint32": {"register": 40005, "type": "uint32", "decimals": 3},
    "int64": {"register": 40007, "type": "int64"},
    "uint64": {"register": 40011, "type": "uint64"},
    "float32": {"register": 40015, "type": "float32"},
    "float64": {"register": 40017, "type": "float64"},
    "bcd16": {"register": 40021, "type": "bcd16"},
    "bcd32": {"register": 40022, "type": "bcd32"},
    "text": {"register": 40024, "type": "string", "length": 3},
    "field": {"register": 40002, "bits": [4, 11]},
    "flag": {"register": 40002, "type": "bool", "bits": [15, 15]},
    "floating": {"register": 40006, "type": "uint16", "decimals_register": 40027},
    "input": {"register": 30101, "scale": 0.5, "offset": 10},
    "coil": {"register": 8},
    "discrete": {"register": 10003},
}
REGISTERS = words(
    "hHiIqQfdHI6sH",
    -2,
    0xABCD,
    -70000,
    12345,
    -(2**60) - 1,
    2**64 - 1,
    0.1,
    0.1,
    0x1234,
    0x98765432,
    b"BW500 ",
    2,
)
VALUES: Mapping[str, Any] = {
    "int16": -2,
    "uint16": 0xABCD,
    "int32": -70000,
    "uint32": 12.345,
    "int64": -(2**60) - 1,
    "uint64": 2**64 - 1,
    "float32": struct.unpack(">f", struct.pack(">f", 0.1))[0],
    "float64": 0.1,
    "bcd16": 1234,
    "bcd32": 98765432,
    "text": "BW500",
    "field": 0xBC,
    "flag": True,
    "floating": 123.45,
    "input": 31.0,
    "coil": True,
    "discrete": False,
}


def device() -> Device:
    return Device(
        registers=REGISTERS,
        inputs={100: 42},
        coils={7: 1},
        discretes={2: 0},
    )


def server_context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


@asynccontextmanager
async def plant(protocol: str, folder: Path) -> AsyncIterator[tuple[ModbusPlant, dict[str, Any]]]:
    authority = Authority(folder)
    options: dict[str, dict[str, Any]] = {
        "modbus-tcp": {},
        "modbus-tls": {"tls": server_context(authority.server())},
        "modbus-rtu": {"serial": True},
        "modbus-rtu-tcp": {"framing": "rtu"},
    }
    more: dict[str, Any] = {"ca": str(authority.path)} if protocol == "modbus-tls" else {}
    async with ModbusPlant({1: device(), 2: device()}, **options[protocol]) as made:
        yield made, {"protocol": protocol, "timeout": "2 s", **more}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_every_type_of_value_arrives_over_every_kind_of_line(
    protocol: str, tmp_path: Path
) -> None:
    async with plant(protocol, tmp_path) as (served, more):
        one = source(served, POINTS, **more)
        other = source(served, POINTS, name="other", device_id=2, **more)
        async with running(one, other) as basket:
            await until(lambda: basket.last("other", "input") and basket.last("meter", "input"))
            for name in ("meter", "other"):
                found = {reading.point: reading for reading in basket.readings(name)}
                assert {point: reading.value for point, reading in found.items()} == VALUES
                assert {reading.quality for reading in found.values()} == {Quality.GOOD}
        assert served.counts.connections == 1
        assert set(served.counts.codes) == {1, 2, 3, 4}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_probe_shows_every_point_as_it_came(protocol: str, tmp_path: Path) -> None:
    async with plant(protocol, tmp_path) as (served, more):
        found = await PROTOCOLS[protocol].probe(source(served, POINTS, **more))
        assert {probe.point: probe.value for probe in found} == VALUES
        shown = {probe.point: (probe.address, probe.raw) for probe in found}
        assert shown["uint32"] == ("40005 (holding 4)", "0000 3039")
        assert shown["input"] == ("30101 (input 100)", "002a")
        assert shown["coil"] == ("8 (coil 7)", "1")


async def test_a_probe_of_nothing_says_what_to_check() -> None:
    async with ModbusPlant({1: Device()}) as served:
        pass
    with pytest.raises(TransientError, match="refused"):
        await TCP.probe(source(served, POINTS))


async def test_a_probe_of_a_silent_device_names_it() -> None:
    async with ModbusPlant({1: Device(silent=True)}) as served:
        with pytest.raises(TransientError, match="device 1 did not answer"):
            await TCP.probe(source(served, POINTS))


async def test_a_probe_says_which_points_the_device_does_not_have() -> None:
    async with ModbusPlant({1: device()}) as served:
        points = {"there": {"register": 40001}, "nowhere": {"register": 40900}}
        found = {probe.point: probe for probe in await TCP.probe(source(served, points))}
        assert found["there"].quality is Quality.GOOD
        assert (found["nowhere"].value, found["nowhere"].reason) == (None, "illegal-address")


BAD_CERTIFICATES: dict[str, tuple[Callable[[Authority], Pair], str]] = {
    "expired": (Authority.expired, "expired"),
    "not yet valid": (Authority.not_yet_valid, "not yet valid"),
    "wrong name": (Authority.wrong_name, "not valid for '127.0.0.1'"),
    "self-signed": (lambda authority: self_signed(authority.folder), "self-signed"),
    "wrong authority": (
        lambda authority: Authority(authority.folder / "other", "Other").server(),
        "unable to get local issuer",
    ),
}


@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
async def test_a_bad_certificate_is_refused_and_the_error_says_which(
    kind: str, tmp_path: Path
) -> None:
    make, words_of_it = BAD_CERTIFICATES[kind]
    authority = Authority(tmp_path)
    async with ModbusPlant({1: device()}, tls=server_context(make(authority))) as served:
        refused = source(
            served, POINTS, protocol="modbus-tls", ca=str(authority.path), timeout="2 s"
        )
        with pytest.raises(TransientError, match=words_of_it):
            await TLS.probe(refused)
        assert served.counts.requests == 0


async def test_tls_takes_the_name_it_is_told_to_expect(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with ModbusPlant({1: device()}, tls=server_context(authority.wrong_name())) as served:
        named = source(
            served,
            {"uint16": POINTS["uint16"]},
            protocol="modbus-tls",
            ca=str(authority.path),
            server_name="other.example.org",
            timeout="2 s",
        )
        assert [probe.value for probe in await TLS.probe(named)] == [0xABCD]


async def test_tls_never_falls_back_to_plain_text(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with ModbusPlant({1: device()}) as served:
        secured = source(served, POINTS, protocol="modbus-tls", ca=str(authority.path))
        with pytest.raises(TransientError):
            await TLS.probe(secured)
        assert served.counts.requests == 0


async def test_the_first_poll_does_not_wait_for_the_beat() -> None:
    async with (
        ModbusPlant({1: Device(registers={0: 7})}) as plant,
        running(source(plant, {"level": {"register": 40001}}, every="1 d")) as basket,
    ):
        await until(lambda: basket.last("meter", "level"))
