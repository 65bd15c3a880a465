"""Tests whose service is missing: left out with a word about it, or failed where it is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]

CONFTEST = """
import tests.conftest as rule
from tests.conftest import *
from tests.conftest import (
    pytest_collection_modifyitems, pytest_runtest_setup, pytest_sessionfinish,
    pytest_terminal_summary,
)
rule._absent = lambda marker: marker == "mosquitto"
"""
XDIST = "from tests.conftest import pytest_testnodedown\n"
TESTS = """
import pytest

@pytest.mark.mosquitto
def test_one(): pass

@pytest.mark.mosquitto
@pytest.mark.victoria
def test_two(): pass

@pytest.mark.victoria
def test_three(): pass

def test_four(): pass
"""
INI = "[pytest]\nmarkers =\n  mosquitto: a\n  victoria: b\n  root: c\n"
WORDS = "2 tests not run: they need the Debian package mosquitto: sudo apt-get install mosquitto"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST + XDIST)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(INI)
    return tmp_path


def run(suite: Path, *options: str, required: str = "") -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "SIDESTREAM"))}
    environment = {**kept, "PYTHONPATH": str(ROOT), "SIDESTREAM_REQUIRE_SERVICES": required}
    # Other plugins would only cost time.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(suite)]
    return subprocess.run(
        command, cwd=suite, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "workers"])
def test_what_is_missing_is_named_once_and_its_tests_are_left_out(
    suite: Path, options: tuple[str, ...]
) -> None:
    done = run(suite, *options)
    assert done.returncode == 0
    assert done.stdout.count(WORDS) == 1
    assert done.stdout.count("tests not run") == 1
    assert "2 passed" in done.stdout


def test_where_services_are_required_the_tests_of_a_missing_one_fail(suite: Path) -> None:
    done = run(suite, required="1")
    assert done.returncode == 1
    assert "2 passed, 2 errors" in done.stdout
    assert "this test needs the Debian package mosquitto" in done.stdout
    assert "not run" not in done.stdout
