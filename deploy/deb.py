"""Build the Debian package: `python -m deploy.deb` writes it into the folder `dist`."""

import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

import click

from deploy import control, tree
from deploy.manual import pages

PYTHON: Final = "python3.11"
"""Debian 12's: the package's compiled parts are for it alone."""
_SCRIPTS = tree.SOURCE / "deploy/debian"


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=Path("dist"), show_default=True)
@click.option("--version", default="0.1.0", show_default=True, help="The package's version.")
def main(output: Path, version: str) -> None:
    """Build the package for this computer's architecture.

    \b
    Example:
      SOURCE_DATE_EPOCH=1795394982 python -m deploy.deb --output dist
    """
    if not Path(f"/usr/bin/{PYTHON}").exists():
        raise click.ClickException(
            f"/usr/bin/{PYTHON} is missing: build on Debian 12, after apt-get install python3"
        )
    epoch = source_date()
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    os.umask(0o022)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        stage(root, Path(folder) / "wheels", version, epoch)
        describe(root, version, epoch)
        path = output / f"sidestream_{version}_{architecture()}.deb"
        # Files belong to root whoever builds; more of xz takes minutes and saves a tenth.
        _run("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(root), str(path))
    click.echo(path)


def source_date() -> int:
    """Give the time of the source in seconds: `SOURCE_DATE_EPOCH`, else the last commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or _said("git", "log", "-1", "--format=%ct"))


def architecture() -> str:
    """Give dpkg's name of this computer's architecture."""
    return _said("dpkg", "--print-architecture")


def stage(root: Path, wheels: Path, version: str, epoch: int) -> None:
    """Lay out every file of the package under `root`."""
    tree.environment(root, PYTHON)
    tree.install(root, tree.SOURCE / "requirements/package.txt", tree.wheel(wheels))
    tree.compile_all(root)
    tree.files(root)
    tree.completion(root)
    day = datetime.fromtimestamp(epoch, UTC).date().isoformat()
    tree.manual(root, pages(version, day))
    docs = root / "usr/share/doc/sidestream"
    tree.zipped(docs / "changelog.gz", control.changelog(version, epoch))
    found = distributions(path=[str(root / tree.HOME / f"lib/{PYTHON}/site-packages")])
    licences = (_SCRIPTS / "copyright").read_text() + control.licences(found)
    tree.write(docs / "copyright", licences)
    tree.settled(root, epoch)


def describe(root: Path, version: str, epoch: int) -> None:
    """Write what dpkg reads, beside the files."""
    values = {"version": version, "architecture": architecture()}
    size = control.kilobytes(root)
    text = control.filled((_SCRIPTS / "control").read_text(), {**values, "kilobytes": size})
    sums = control.md5sums(root)
    folder = root / "DEBIAN"
    tree.write(folder / "control", text)
    tree.write(folder / "md5sums", sums)
    for name in ("postinst", "prerm", "postrm"):
        shutil.copyfile(_SCRIPTS / name, folder / name)
        (folder / name).chmod(0o755)
    tree.settled(folder, epoch)


def _said(*command: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own commands
        command, check=True, capture_output=True, text=True, cwd=tree.SOURCE
    )
    return done.stdout.strip()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - our own commands


if __name__ == "__main__":
    main()
