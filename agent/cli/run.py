"""`sidestream run`: the agent in the foreground, as systemd starts it."""

import click

from agent.cli.begin import begin
from agent.cli.options import log_option, plant_argument


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
    begin(plant_file, verbose=verbose, form=form, trust_clock=trust_clock)
