"""Help and status that are answered without click say and do what they would with it."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.cli.group import sidestream
from agent.cli.members import help_text
from agent.cli.status import status
from agent.cli.statuswords import Asked, asked
from agent.cli.terminal import RED, styled, width
from tests.clikit import Call, document, program, write_status

WORDS = st.lists(
    st.sampled_from(
        ["--json", "--points", "--dir", "here", "file", "away", "--watch", "--help", "--", "-",
         "--dir=here", "--js", "--json=1", "", "-p"]
    ),
    max_size=5,
)  # fmt: skip


def by_click(words: list[str], env: dict[str, str]) -> Asked | None:
    """Read the words as the command itself does; None: refused, or other than a look."""
    try:
        found = status.make_context("status", list(words)).params
    except (click.UsageError, click.exceptions.Exit):
        return None
    directory = Path(found["directory"]) if found["directory"] else None
    look = Asked(found["plant_file"], directory, found["points"], found["as_json"])
    return None if found["watch"] else look


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(WORDS, st.sampled_from([None, "", "file", "here"]))
@example(["--dir", "file"], None)
@example(["--dir", "here", "--dir", "away"], None)
@example(["--dir", "--json"], None)
@example(["--dir"], None)
@example(["--dir", ""], None)
@example(["away", "--points", "--json", "--dir", "here"], "file")
@example([], "")
def test_words_that_are_read_without_click_mean_what_they_mean_to_it(
    folder: Path, words: list[str], given_file: str | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SIDESTREAM_PLANT", raising=False)
        if given_file is not None:
            patch.setenv("SIDESTREAM_PLANT", given_file)
        found = asked(words, os.environ)
        assert found is None or found == by_click(words, dict(os.environ))


@pytest.mark.parametrize(
    "words", [[], ["--json"], ["--points"], ["--dir", "here"], ["away", "--json", "--points"]]
)
def test_the_usual_words_need_no_click(folder: Path, words: list[str]) -> None:
    assert asked(words, {}) is not None


def test_a_file_that_may_not_be_read_is_left_to_click(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    assert asked(["file"], {}) is None


def test_help_is_what_click_writes() -> None:
    with click.Context(sidestream, info_name="sidestream", max_content_width=80) as ctx:
        assert help_text() == sidestream.get_help(ctx)


@pytest.mark.parametrize("columns", ["50", "79"])
def test_help_is_fitted_to_a_narrow_terminal(
    call: Call, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    said = call("--help")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= int(columns)


@pytest.mark.parametrize("words", [["--help"], ["status"], ["status", "--json"]])
def test_what_is_asked_most_imports_no_click(tmp_path: Path, words: list[str]) -> None:
    write_status(tmp_path, document())
    given = [*words, *(["--dir", str(tmp_path)] if "status" in words else [])]
    code = (
        "import sys\nfrom agent.cli import main\n"
        f"sys.argv = {['sidestream', *given]!r}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(' '.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    assert not {"click", "shutil", "textwrap", "dataclasses", "inspect"} & set(done.stderr.split())


@pytest.mark.parametrize("flags", [[], ["--points"], ["--json"]])
def test_a_status_is_shown_as_by_way_of_click(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    write_status(tmp_path, {**document(), "time": time.time_ns() - 90 * 10**9})
    quick = call("status", "--dir", tmp_path, *flags)
    with pytest.raises(SystemExit) as end:
        status.main(["--dir", str(tmp_path), *flags], prog_name="sidestream status")
    by_way = capsys.readouterr().out
    assert (quick.code, len(quick.out.splitlines())) == (end.value.code, len(by_way.splitlines()))
    assert quick.out.splitlines()[0] == by_way.splitlines()[0]


def test_a_shell_that_asks_how_words_go_on_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {**os.environ, "_SIDESTREAM_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    code = "from agent.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "status"],
        env={**env, "COMP_WORDS": "sidestream stat"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "plain,status" in done.stdout


def test_a_reader_that_has_gone_is_no_traceback(tmp_path: Path) -> None:
    write_status(tmp_path, document(level="critical"))
    reading, writing = os.pipe()
    os.close(reading)
    code = f"import sys; sys.argv = ['', 'status', '--dir', {str(tmp_path)!r}]; "
    done = subprocess.run(
        [sys.executable, "-c", code + "from agent.cli import main; main()"],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_status_on_an_ascii_output_is_written_in_utf_8(tmp_path: Path) -> None:
    told = document()
    told["plant"] = "Øra"
    write_status(tmp_path, told)
    code = f"import sys; sys.argv = ['', 'status', '--dir', {str(tmp_path)!r}]; "
    done = subprocess.run(
        [sys.executable, "-c", code + "from agent.cli import main; main()"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert "Øra" in done.stdout.decode()


def test_no_status_is_told_with_the_code_for_monitoring(tmp_path: Path) -> None:
    said = program("status", "--dir", tmp_path / "away")
    assert said.code == 2
    assert "no agent has run here" in said.err
    assert "Traceback" not in said.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_words_are_painted_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert styled("bad", RED) == "bad"
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert styled("bad", RED) == click.style("bad", fg="red")
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled("bad", RED) == "bad"


@pytest.mark.parametrize("asked_for", ["", "none", "0", "-3", "33"])
def test_the_width_is_found_as_the_library_finds_it(
    asked_for: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil  # noqa: PLC0415 - what the terminal's module does without

    monkeypatch.setenv("COLUMNS", asked_for)
    assert width(77) == shutil.get_terminal_size((77, 24)).columns


def test_a_status_of_good_points_is_json_of_its_file(call: Call, tmp_path: Path) -> None:
    told = document()
    write_status(tmp_path, told)
    assert json.loads(call("status", "--json", "--dir", tmp_path).out)["plant"] == told["plant"]
