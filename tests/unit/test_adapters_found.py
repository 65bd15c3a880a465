"""Adapters are found by their protocol: ours without a search, others among what is installed."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adapters import adapter as doors
from adapters.adapter import GROUP, OURS, adapter, installed, protocols
from adapters.errors import PermanentError

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
PREPARED = """
import sys
from pathlib import Path
from agent.running.loaded import prepare
prepare(Path(sys.argv[1]))
print(sorted(sys.modules.keys() & {
    "adapters.modbus", "adapters.modbus.line", "adapters.modbus.poll", "adapters.opcua",
    "asyncua", "pydantic",
}))
"""


def test_ours_are_those_the_package_tells_of() -> None:
    told = tomllib.loads(PROJECT.read_text())["project"]["entry-points"][GROUP]
    assert told == OURS


@pytest.mark.parametrize("protocol", OURS)
def test_ours_are_found_without_a_search(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "_entries", lambda: pytest.fail("searched"))
    adapter.cache_clear()
    assert installed(protocol)
    assert "protocol" in adapter(protocol).settings.model_fields


@pytest.mark.parametrize("protocol", ["bacnet", "", None, 7, ["opcua"], {}])
def test_what_nobody_brings_is_not_installed(protocol: object) -> None:
    assert not installed(protocol)


def test_others_are_found_among_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"bacnet": "adapters.replay:REPLAY", "opcua": "elsewhere:OPCUA"}
    monkeypatch.setattr(doors, "_entries", lambda: found)
    adapter.cache_clear()
    assert installed("bacnet")
    assert "bacnet" in protocols()
    assert adapter("bacnet") is adapter("replay")
    assert adapter("opcua").settings.__module__ == "adapters.opcua.settings"
    adapter.cache_clear()


def test_a_protocol_without_adapter_is_refused_with_those_there_are() -> None:
    with pytest.raises(PermanentError, match="modbus-tls, opcua, replay"):
        adapter("bacnet")


@pytest.mark.parametrize(
    ("protocol", "imported"),
    [
        ("modbus-tcp", ["adapters.modbus", "adapters.modbus.line", "adapters.modbus.poll"]),
        ("modbus-rtu", ["adapters.modbus", "adapters.modbus.line", "adapters.modbus.poll"]),
        ("opcua", ["adapters.opcua"]),
        ("bacnet", []),
    ],
)
def test_what_reads_a_files_sources_is_imported_ahead(
    protocol: str, imported: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(f'[sources.a]\nprotocol = "{protocol}"\n')
    command = [sys.executable, "-c", PREPARED, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == f"{imported}\n"


def test_a_file_that_cannot_be_read_is_told_by_who_loads_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PREPARED, str(tmp_path / "none.toml")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == "[]\n"
