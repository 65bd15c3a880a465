"""The files of the package: its virtual environment, units, manual pages and documents."""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HOME: Final = "opt/sidestream"
SOURCE: Final = Path(__file__).parents[1]
SCRIPT: Final = f"""#!/{HOME}/bin/python3 -I
import sys

from agent.cli import main

sys.exit(main())
"""
_UNITS = "lib/systemd/system"
_DOCS = "usr/share/doc/sidestream"
_PLACES: Final = {
    "systemd/*.service": _UNITS,
    "systemd/*.timer": _UNITS,
    "systemd/examples/*.conf": f"{_DOCS}/examples",
    "config/examples/*.toml": f"{_DOCS}/examples",
    "docs/*.md": _DOCS,
    "docs/schema/*.json": f"{_DOCS}/schema",
    "CHANGELOG.md": _DOCS,
}


def environment(root: Path, python: str) -> None:
    """Lay out a virtual environment for Debian's own Python; `python` as in `python3.11`."""
    home = root / HOME
    (home / "bin").mkdir(parents=True)
    (home / f"lib/{python}/site-packages").mkdir(parents=True)
    (home / "bin/python3").symlink_to(f"/usr/bin/{python}")
    settings = "home = /usr/bin\ninclude-system-site-packages = false\n"
    (home / "pyvenv.cfg").write_text(settings)


def install(root: Path, requirements: Path, wheel: Path) -> None:
    """Install hashed requirements and our own wheel; raises `CalledProcessError`."""
    pip = [sys.executable, "-m", "pip", "--python", str(root / HOME / "bin/python3"), "install"]
    pip += ["--quiet", "--no-compile", "--only-binary", ":all:"]
    _run(*pip, "--require-hashes", "-r", str(requirements))
    _run(*pip, "--no-deps", "--no-index", str(wheel))
    for script in (root / HOME / "bin").iterdir():
        if not script.is_symlink():
            script.unlink()
    write(root / HOME / "bin/sidestream", SCRIPT, 0o755)
    for path in (root / HOME).rglob("direct_url.json"):  # it names the folder of the build
        path.unlink()
    for path in (root / HOME).rglob("*.dist-info/RECORD"):
        path.write_text(recorded(path.read_text()))


def recorded(text: str) -> str:
    """Take what was removed out of a RECORD: scripts, whose sums depend on the build's folder."""
    lines = text.splitlines(keepends=True)
    return "".join(one for one in lines if not one.startswith("../") and "/direct_url." not in one)


def wheel(folder: Path) -> Path:
    """Build our own wheel; raises `CalledProcessError`."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    _run(*pip, "--wheel-dir", str(folder), str(SOURCE))
    return next(folder.glob("*.whl"))


def compile_all(root: Path) -> None:
    """Write byte code that is the same in each build, and is not written again at the plant."""
    home = root / HOME
    _run(
        str(home / "bin/python3"), "-I", "-m", "compileall", "-q", "--invalidation-mode",
        "unchecked-hash", "-s", str(root), "-p", "/", str(home / "lib"),
    )  # fmt: skip


def files(root: Path) -> None:
    """Copy units, examples and documents."""
    for pattern, folder in _PLACES.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for source in sorted(SOURCE.glob(pattern)):
            shutil.copyfile(source, root / folder / source.name)
    for kind in ("sysusers", "tmpfiles"):
        text = (SOURCE / f"systemd/sidestream.{kind}").read_text()
        write(root / f"usr/lib/{kind}.d/sidestream.conf", text)
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/sidestream").symlink_to(f"/{HOME}/bin/sidestream")


def manual(root: Path, pages: Mapping[str, str]) -> None:
    """Write manual pages, compressed as the policy asks."""
    for name, text in pages.items():
        folder = root / f"usr/share/man/man{name[-1]}"
        zipped(folder / f"{name}.gz", text)


def completion(root: Path) -> None:
    """Write what lets bash complete our commands."""
    asked = {**os.environ, "_SIDESTREAM_COMPLETE": "bash_source"}
    command = [sys.executable, "-m", "agent.cli"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=asked)  # noqa: S603
    write(root / "usr/share/bash-completion/completions/sidestream", done.stdout)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


def zipped(path: Path, text: str) -> None:
    """Write a compressed file without its time of making."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def settled(root: Path, epoch: int) -> None:
    """Give every file the modes of a package and a time that is the source's."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=SOURCE)  # noqa: S603 - our own commands
