"""`sidestream status`: is it all right, which meter is bad and since when, what waits to leave.

Its usual words are answered by `agent.cli.quick` before click is imported; the two must agree.
"""

import sys
import time
from pathlib import Path

import click

from agent.cli.options import json_option, some_plant_argument
from agent.cli.places import runtime_directory
from agent.cli.statusscreen import look


@click.command()
@some_plant_argument
@click.option("--dir", "directory", type=click.Path(file_okay=False), help="Runtime directory.")
@click.option("--watch", is_flag=True, help="Show it anew every two seconds until Ctrl-C.")
@click.option("--points", is_flag=True, help="Show every point, not only those that are not good.")
@json_option
def status(
    plant_file: str | None, directory: str | None, watch: bool, points: bool, as_json: bool
) -> None:
    """Show how the agent of PLANT_FILE is doing.

    Exit code 0: all is well; 1: something is not as it should be; 2: the agent is not running, or
    measures or stores nothing.

    \b
    Example:
      sidestream status
      sidestream status --json | jq .problems
    """
    where = Path(directory) if directory else runtime_directory(plant_file)
    try:
        code = look(where, points, as_json)
        while watch:
            time.sleep(2)
            click.clear()
            code = look(where, points, as_json)
    except KeyboardInterrupt:
        if not watch:
            raise
        return
    sys.exit(code)
