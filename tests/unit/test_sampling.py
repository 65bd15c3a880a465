"""Asking the property library in a child process, and what is said when it does not answer."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.errors import PermanentError
from agent.measuring import sampling
from agent.measuring.media.need import need
from config.fluids import liquid
from config.medium_plan import Gas
from config.plan import PlantPlan, StreamPlan
from tests.measuring import heat_plan, stream
from tests.mediakit import meter, steam_meter, synthetic
from tests.plants import plan


def plant(*streams: StreamPlan) -> PlantPlan:
    return replace(plan(), streams=streams)


OIL = meter(liquid("Therminol 66"), "supply", "return")
NEED = {"kind": "liquid", "fluid": "T66", "concentration": 0.0, "mpa": 1.6, "low": 0.0,
        "high": 20.0, "step": 1.0}  # fmt: skip


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in the interpreter's place: the file given, to be written by the test."""
    path = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(path))
    return path


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_water_and_steam_ask_for_nothing(interpreter: Path) -> None:
    plans = [heat_plan(), steam_meter("supply", "pressure", "return")]
    assert [need(one) for one in plans] == [None, None]
    whole = plant(*(stream(one, f"s{at}") for at, one in enumerate(plans)))
    assert sampling.equipped(whole) is whole
    assert not interpreter.exists()


def test_a_missing_library_is_told_with_what_to_install(interpreter: Path) -> None:
    program(interpreter, "cat > /dev/null; exit 3")
    with pytest.raises(PermanentError, match="not installed") as caught:
        sampling.sampled([NEED])
    assert caught.value.mend == 'pip install "sidestream[media]"'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cat > /dev/null; echo why >&2; exit 1", "why"),
        ("cat > /dev/null; echo '{'", "cannot be read"),
        ("cat > /dev/null; echo '[{\"enthalpy\": 3}]'", "cannot be read"),
        ("cat > /dev/null; echo '[3]'", "cannot be read"),
        ("cat > /dev/null; echo '[]'", "cannot be read"),
    ],
)
def test_a_library_that_does_not_answer_is_told(interpreter: Path, text: str, why: str) -> None:
    program(interpreter, text)
    with pytest.raises(PermanentError, match=why):
        sampling.sampled([NEED])


def test_an_interpreter_that_is_not_there_is_told(interpreter: Path) -> None:
    assert not interpreter.exists()
    with pytest.raises(PermanentError, match="No such file"):
        sampling.sampled([NEED])


def test_each_stream_gets_its_own_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    gas = meter(Gas((("N2", 1.0),)), "supply", "return", pressure_mpa=0.1)
    asked = []

    def answer(needs: list[object]) -> list[object]:
        asked.extend(needs)
        return [synthetic(0.0, 10.0), synthetic(0.0, 20.0)]

    monkeypatch.setattr(sampling, "sampled", answer)
    found = sampling.equipped(
        plant(stream(gas, "gas"), stream(heat_plan(), "water"), stream(OIL, "oil"))
    ).streams
    assert asked == [need(gas), need(OIL)]
    assert found[0].meter == replace(gas, properties=synthetic(0.0, 10.0))
    assert found[1].meter == heat_plan()
    assert found[2].meter.properties == synthetic(0.0, 20.0)


@pytest.mark.coolprop
def test_what_the_library_refuses_is_told() -> None:
    with pytest.raises(PermanentError, match="gave no properties"):
        sampling.sampled([{**NEED, "fluid": "spirit"}])
    [found] = sampling.sampled([NEED])
    assert len(found["enthalpy"].values) == 21
