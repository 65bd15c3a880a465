"""`sidestream run`: the agent in the foreground, as systemd starts it."""

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path

import click

from agent.cli.output import plant_argument


@click.command()
@plant_argument
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
def run(plant_file: str, verbose: bool) -> None:
    """Run the agent for PLANT_FILE until stopped, or to the end of recorded data.

    It stops cleanly on SIGTERM and SIGINT. Exit code 78 means that the file must be mended.

    \b
    Example:
      sidestream run /etc/sidestream/plant.toml
    """
    from agent.outbox import Outbox  # noqa: PLC0415
    from agent.service import Service, sealer  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415

    log_to_stderr(verbose)
    plan = load_plant(Path(plant_file), os.environ)
    with Outbox.open(Path(plan.state_dir), time.time_ns()) as outbox:
        if outbox.set_aside:
            logging.getLogger("sidestream").error("state file was corrupt: %s", outbox.set_aside)
        seals = sealer(plan)

        async def serve() -> None:
            await Service(plan, outbox, seals).run(stop_on_signals())

        asyncio.run(serve())


def stop_on_signals() -> asyncio.Event:
    """Give an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def log_to_stderr(verbose: bool) -> None:
    """Log one line an event; under systemd the journal adds the time."""
    plain = "%(levelname)s %(name)s: %(message)s"
    under_systemd = not sys.stderr.isatty()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format=plain if under_systemd else f"%(asctime)s {plain}",
    )
    for noisy in ("pymodbus", "asyncua", "mqtt", "asyncio", "influxdb_client"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
