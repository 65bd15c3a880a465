"""`sidestream run`: the agent in the foreground, as systemd starts it."""

import gc
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.log import log_option, log_to_stderr
from agent.cli.options import plant_argument

if TYPE_CHECKING:
    import asyncio

_log = logging.getLogger("sidestream")


@click.command()
@plant_argument
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
@log_option
@click.option(
    "--trust-clock",
    is_flag=True,
    help="Take this computer's clock for right, without a time server.",
)
def run(plant_file: str, verbose: bool, form: str, trust_clock: bool) -> None:
    """Run the agent for PLANT_FILE until stopped, or to the end of recorded data.

    --trust-clock measures at once, and sets aside windows that lie more than a day ahead of the
    clock: one that was wrong before has made them. What they hold counts in the first window.
    It stops cleanly on SIGTERM and SIGINT, and connects to the broker anew on SIGHUP. Exit code 78
    means that the file must be mended.

    \b
    Example:
      sidestream run /etc/sidestream/plant.toml
    """
    gc.disable()  # what is made now stays: looking for garbage in it is in vain
    # Otherwise every installed package is asked whether it has a plug-in for pydantic.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # The child needs what is imported up to here; the rest is imported while it works.
    from agent.running.loaded import loading  # noqa: PLC0415

    planned = loading(Path(plant_file))
    import asyncio  # noqa: PLC0415

    from agent.running.assembly import sealer  # noqa: PLC0415
    from agent.running.opening import opened  # noqa: PLC0415
    from agent.running.service import Service  # noqa: PLC0415
    from gateway.claim import claimed  # noqa: PLC0415

    log_to_stderr(verbose, form)
    plan = planned()
    gc.freeze()
    gc.enable()
    os.umask(0o077)
    directory = Path(plan.state_dir)

    async def serve() -> None:
        stop = stop_on_signals()
        outbox = await opened(plan, time.time_ns, stop)
        if outbox is None:
            return
        with outbox:
            if outbox.set_aside:
                _log.error("state file was damaged: %s", outbox.set_aside)
            service = Service(plan, outbox, sealer(plan), trust_clock=trust_clock)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, service.reconnect)
            await service.run(stop)

    with claimed(directory, "agent"):
        asyncio.run(serve())


def stop_on_signals() -> "asyncio.Event":
    """Give an event that SIGTERM and SIGINT set."""
    import asyncio  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
