"""`sidestream points …`: a source's points to and from a spreadsheet's CSV."""

import os
from pathlib import Path
from typing import cast

import click

from agent.cli.lazy import LazyGroup
from agent.cli.options import plant_argument

points = LazyGroup(
    name="points",
    help="""Take a source's points to a spreadsheet and back.

    \b
    Example:
      sidestream points export plant.toml slag_belt --output points.csv
      sidestream points import points.csv
    """,
    members={
        "export": ("agent.cli.points:export", "Write a source's points as CSV."),
        "import": ("agent.cli.points:import_", "Check a CSV of points and print it as TOML."),
    },
)


@click.command("export")
@plant_argument
@click.argument("source")
@click.option("--delimiter", type=click.Choice([",", ";"]), default=",", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Else printed.")
def export(plant_file: str, source: str, delimiter: str, output: Path | None) -> None:
    """Write the points of SOURCE, those of its profile included, as CSV.

    A plant file reads it back by points = "points.csv". With --delimiter ";" numbers have a
    decimal comma. A file that is there already is not overwritten.

    \b
    Example:
      sidestream points export plant.toml slag_belt --output points.csv
    """
    from adapters.errors import PermanentError  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.pointlist import Delimiter, written  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = load_plant(Path(plant_file), for_operator(os.environ))
    known = {one.name: one for one in plan.sources}
    if source not in known:
        raise click.BadParameter(f"no source {source!r}; there are {', '.join(known)}")
    text = written(known[source].settings.points, cast("Delimiter", delimiter))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise PermanentError(
            f"cannot be written ({error.strerror or error})",
            where=str(output),
            mend="give another name, or remove the file",
        ) from error


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--protocol", default="modbus-tcp", show_default=True, help="Whose points these are.")
@click.option("--source", default="NAME", help="Name of the source in the lines printed.")
def import_(file: Path, protocol: str, source: str) -> None:
    """Check FILE, a CSV of points, and print the lines for a plant file.

    Exit code 78 when the file must be mended; every mistake is told with its row and column.
    A plant file may also name the CSV itself: points = "points.csv".

    \b
    Example:
      sidestream points import points.csv --protocol opcua --source cooling
    """
    from config.pointlist import tables  # noqa: PLC0415
    from config.sources import listed_points  # noqa: PLC0415

    click.echo("\n".join(tables(listed_points(file, protocol), source)))
