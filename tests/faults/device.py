"""A belt scale as a program: `python -m tests.faults.device HOST PORT`, ended with its input.

It obeys lines: `begin NS` and `halt NS` set when the belt moves, `tell` is answered by what it was
asked, as JSON: the instant of the last read, connections, function codes.
"""

import asyncio
import json
import sys
import time

from simulation.modbus import Device, ModbusPlant
from tests.faults.belts import Belt

MEAN = 27.0
"""Tonnes per hour."""


async def serve(host: str, port: int) -> None:
    """Serve until the input ends."""
    belt, last = Belt(MEAN), 0

    def register(at: int) -> int | None:
        nonlocal last
        last = time.time_ns()
        return belt.register(at)

    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with ModbusPlant({1: Device(registers=register)}, host=host, port=port) as plant:
        while words := (await lines.readline()).decode().split():
            if words[0] == "begin":
                belt.begun = int(words[1])
            elif words[0] == "halt":
                belt.halted = int(words[1])
            counts = plant.counts
            told = {"last": last, "connections": counts.connections, "codes": dict(counts.codes)}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
