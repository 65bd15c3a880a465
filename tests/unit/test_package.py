"""The Debian package's texts: manual pages, control files, and the locks it is built from."""

import hashlib
import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import click
import pytest

from agent.cli.group import sidestream
from config.schema import hub_schema, plant_schema
from deploy import control, tree
from deploy.manual import pages
from deploy.roff import escaped, markdown

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "deploy/debian"
PAGES = pages("1.2.3", "2026-03-01")


def commands(context: click.Context) -> list[click.Context]:
    found = [context]
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            found += commands(click.Context(command, context, info_name=name))
    return found


COMMANDS = commands(click.Context(sidestream, info_name="sidestream"))


@pytest.mark.parametrize("context", COMMANDS, ids=lambda context: str(context.command_path))
def test_every_command_has_a_page_with_every_option_and_its_example(context: click.Context) -> None:
    text = PAGES[f"{context.command_path.replace(' ', '-')}.1"]
    for option in context.command.params:
        for name in option.opts if isinstance(option, click.Option) else ():
            assert escaped(name) in text
    assert ".nf\nExample:\n" in text
    assert text.startswith(".TH")


@pytest.mark.parametrize(("name", "schema"), [("plant", plant_schema()), ("hub", hub_schema())])
def test_the_page_of_a_file_has_every_key_of_its_model(
    name: str, schema: dict[str, object]
) -> None:
    told = set(re.findall(r"(?m)^\.TP\n\\fB(\S+?)\\fR \(", PAGES[f"sidestream-{name}.toml.5"]))
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    for table in definitions.values():
        assert set(table.get("properties", {})) <= told


def test_a_table_of_keys_becomes_a_list_of_them() -> None:
    head = "| key | value | default | meaning |\n|---|---|---|---|\n"
    text = "| `a` | text | required | What\\|so. |"
    assert markdown(head + text) == ".TP\n\\fBa\\fR (text; required)\nWhat|so."


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_a_maintainer_script_is_sound_and_stops_at_a_failure(script: str) -> None:
    text = (SCRIPTS / script).read_text()
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -e\n" in text
    done = subprocess.run(["sh", "-n", str(SCRIPTS / script)], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_state_goes_with_a_purge_alone() -> None:
    for script in ("postinst", "prerm"):
        assert "/var/lib" not in (SCRIPTS / script).read_text()
    purge, rest = (SCRIPTS / "postrm").read_text().split("\nfi\n", maxsplit=1)
    assert 'if [ "$1" = purge ]; then' in purge
    assert "/var/lib" not in rest


def test_the_control_file_names_the_version_and_keeps_to_debian_12s_python() -> None:
    values = {"version": "1.2.3", "architecture": "amd64", "kilobytes": 12}
    text = control.filled((SCRIPTS / "control").read_text(), values)
    assert "\nVersion: 1.2.3\nArchitecture: amd64\n" in text
    assert "python3 (>= 3.11), python3 (<< 3.12)" in text
    assert "\nInstalled-Size: 12\n" in text
    assert text.endswith("\n")


def test_every_file_is_summed_and_its_size_rounded_up(tmp_path: Path) -> None:
    tree.write(tmp_path / "opt/a", "a" * 1025)
    tree.write(tmp_path / "DEBIAN/control", "")
    (tmp_path / "opt/b").symlink_to("a")
    total = hashlib.md5(b"a" * 1025, usedforsecurity=False).hexdigest()
    assert control.md5sums(tmp_path) == f"{total}  opt/a\n"
    # Two folders, a link and an empty file count 1, 1, 1 and 0; 1 025 bytes count 2.
    assert control.kilobytes(tmp_path) == 5


def test_a_staged_tree_has_the_sources_time_and_a_packages_modes(tmp_path: Path) -> None:
    tree.write(tmp_path / "a/program", "", 0o700)
    tree.write(tmp_path / "a/text", "", 0o600)
    tree.zipped(tmp_path / "a/page.gz", "text")
    tree.settled(tmp_path, 1_700_000_000)
    for path, mode in (("a", 0o755), ("a/program", 0o755), ("a/text", 0o644), ("a/page.gz", 0o644)):
        found = (tmp_path / path).stat()
        assert (found.st_mtime, found.st_mode & 0o777) == (1_700_000_000, mode)


def test_licences_of_what_is_bundled_are_named() -> None:
    text = control.licences(distributions())
    assert re.search(r"(?m)^  cryptography [\d.]+: Apache-2.0 OR BSD-3-Clause$", text)
    assert re.search(r"(?m)^  paho-mqtt [\d.]+: EPL-2.0 OR BSD-3-Clause$", text)
    assert "sidestream" not in text
    assert not re.search(r"(?m): $", text)


def pinned(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", text))


def test_the_package_is_built_from_the_versions_that_are_tested() -> None:
    package, tested = pinned("package.txt"), pinned("dev.txt")
    assert pinned("run.txt").items() <= package.items() <= tested.items()
    assert {"influxdb-client", "openpyxl"} <= set(package)


def test_a_record_of_files_says_nothing_of_scripts_that_were_left_out() -> None:
    kept = "pint/x.py,sha256=a,1\npint-1.dist-info/RECORD,,\n"
    text = "../../../bin/pint,sha256=b,2\npint-1.dist-info/direct_url.json,sha256=c,3\n"
    assert tree.recorded(text + kept) == kept
