"""Ten devices of a hundred registers behind one port, and what each peer is told of them."""

import asyncio
import csv
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.peers.agent import agent
from bench.peers.peer import Maker, Peer, installed
from bench.peers.thingsboard import thingsboard
from bench.variables import second
from simulation.modbus import Device, ModbusPlant

DEVICES = 10
REGISTERS = 100
_SOURCE = """
[sources.d{unit}]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {port}
device_id = {unit}
[sources.d{unit}.points]
"""
_POINT = 'r{n:03} = {{ register = {register}, type = "uint16", unit = "{what}" }}\n'


def _register(at: int) -> int | None:
    if at >= REGISTERS:
        return None
    return second() if at == 0 else (at * 7 + int(time.time())) % 65_536


async def serve() -> None:
    """Be the devices: print their port, then with each line of input the requests since."""
    units = {unit: Device(registers=_register) for unit in range(1, DEVICES + 1)}
    async with ModbusPlant(units) as plant:
        print(plant.port, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(plant.counts.requests, flush=True)
            plant.counts.requests = 0


def _agent(folder: Path, port: int, broker: int) -> Peer:
    text = ""
    for unit in range(1, DEVICES + 1):
        text += _SOURCE.format(unit=unit, port=port)
        for n in range(REGISTERS):
            counted = unit == 1 and n == 0
            text += _POINT.format(n=n, register=40_001 + n, what="kg" if counted else "1")
    return agent(folder, broker, text)


def _modpoll(folder: Path, port: int, broker: int) -> Peer:
    with (folder / "modpoll.csv").open("w", newline="") as file:
        write = csv.writer(file).writerow
        for unit in range(1, DEVICES + 1):
            write(["device", f"d{unit}", unit])
            write(["poll", "holding_register", 0, REGISTERS, "BE_BE"])
            for n in range(REGISTERS):
                write(["ref", f"r{n:03}", n, "uint16", "r"])
    words = ["--tcp", "127.0.0.1", "--tcp-port", port, "-f", "modpoll.csv", "-d", "-r", 1]
    words += ["--interval", 0, "--mqtt-host", "127.0.0.1", "--mqtt-port", broker]
    words += ["--mqtt-qos", 1, "--mqtt-clientid", "modpoll", "--loglevel", "ERROR"]
    # As 3.1.1 this version does not start with the paho that is installed with it.
    words += ["--mqtt-version", "5.0"]
    command = [installed("modpoll", "modpoll"), *map(str, words)]
    return Peer("modpoll", command, folder, os.environ)


def _thingsboard(folder: Path, port: int, broker: int) -> Peer:
    slaves = [_slave(unit, port) for unit in range(1, DEVICES + 1)]
    return thingsboard(folder, broker, "modbus", {"master": {"slaves": slaves}, "slave": None})


def _slave(unit: int, port: int) -> dict[str, object]:
    values = [
        {"tag": f"r{n:03}", "type": "16uint", "functionCode": 3, "objectsCount": 1, "address": n}
        for n in range(REGISTERS)
    ]
    return {
        "host": "127.0.0.1", "port": port, "type": "tcp", "method": "socket", "timeout": 5,
        "byteOrder": "BIG", "wordOrder": "BIG", "retries": True, "retryOnEmpty": True,
        "retryOnInvalid": True, "pollPeriod": 1000, "unitId": unit, "deviceName": f"d{unit}",
        "deviceType": "default", "connectAttemptTimeMs": 5000, "connectAttemptCount": 5,
        "waitAfterFailedAttemptsMs": 5000, "attributes": [], "timeseries": values,
        "attributeUpdates": [], "rpc": [],
    }  # fmt: skip


MAKERS: Mapping[str, Maker] = {
    "sidestream": _agent,
    "modpoll": _modpoll,
    "thingsboard-gateway": _thingsboard,
}
