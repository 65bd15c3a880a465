"""What `sidestream run` does: the plan is loaded in a child from the first moment on.

Nothing but what the child needs is imported before it is made; the rest is, while it works.
"""

import gc
import os
from pathlib import Path


def begin(
    plant_file: str, *, verbose: bool = False, form: str = "text", trust_clock: bool = False
) -> None:
    """Run the agent for a plant file until it is stopped, or to the end of recorded data."""
    gc.disable()  # what is made now stays: looking for garbage in it is in vain
    # Otherwise every installed package is asked whether it has a plug-in for pydantic.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from agent.running.loaded import loading, prepare  # noqa: PLC0415

    planned = loading(Path(plant_file))
    import asyncio  # noqa: PLC0415
    import logging  # noqa: PLC0415
    import signal  # noqa: PLC0415
    import time  # noqa: PLC0415

    from agent.cli.log import log_to_stderr  # noqa: PLC0415
    from agent.cli.signals import stop_on_signals  # noqa: PLC0415
    from agent.running.assembly import sealer  # noqa: PLC0415
    from agent.running.opening import opened  # noqa: PLC0415
    from agent.running.service import Service  # noqa: PLC0415
    from gateway.claim import claimed  # noqa: PLC0415

    prepare(Path(plant_file))
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
                log = logging.getLogger("sidestream")
                log.error("state file was damaged: %s", outbox.set_aside)
            service = Service(plan, outbox, sealer(plan), trust_clock=trust_clock)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, service.reconnect)
            await service.run(stop)

    with claimed(directory, "agent"):
        asyncio.run(serve())
