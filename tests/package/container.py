"""A Debian 12 with a real systemd, booted in namespaces and cgroups of its own."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PACKAGES = "systemd,systemd-sysv,dbus,python3,iproute2,procps,mosquitto"
MIRROR = "http://deb.debian.org/debian"
_HIERARCHIES = ("unified", "systemd")


def base(folder: Path) -> Path:
    """Give a tree with Debian 12 and what the tests need, made once in a folder that stays."""
    tree = folder / "bookworm"
    if not (tree / "complete").exists():
        shutil.rmtree(tree, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
        subprocess.run([*command, str(tree), MIRROR], check=True, stdout=subprocess.DEVNULL)
        (tree / "complete").touch()
    return tree


def wait_for(holds: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds; fails saying what did not come."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.2)


class Container:
    """A booted tree; commands run in it as root. Its only network is its own loopback."""

    def __init__(self, root: Path, process: subprocess.Popen[bytes]) -> None:
        self.root = root
        self._process = process
        wait_for(self._init, "the container's init")
        wait_for(lambda: self.said("systemctl", "is-system-running"), "systemd")

    def _init(self) -> str:
        assert self._process.poll() is None, "systemd-nspawn has ended"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return children.read_text().strip()

    def run(self, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        enter = ["nsenter", "-t", self._init().split()[0], "-m", "-u", "-i", "-n", "-p", "-C"]
        enter += ["-r", "-w", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin", "LANG=C.UTF-8"]
        return subprocess.run(
            [*enter, *command], input=given, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip

    def said(self, *command: str) -> str:
        """Give what a command printed, whatever its exit code."""
        return self.run(*command).stdout.strip()

    def did(self, *command: str) -> str:
        """Give what a command printed; fails with what it said when it failed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file; `path` as the container sees it, not below /run or /tmp."""
        inside = self.root / path.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_text(text)
        inside.chmod(mode)

    def unit(self, unit: str, name: str) -> str:
        """Give a property of a unit."""
        return self.said("systemctl", "show", "--value", "-p", name, unit)

    def journal(self, unit: str) -> str:
        return self.said("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def end(self) -> None:
        """Shut it down; killing systemd-nspawn would leave its init behind."""
        if self._process.poll() is None:
            self.run("systemctl", "poweroff")
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.kill(int(self._init().split()[0]), 9)
            self._process.kill()
            self._process.wait(10)


@contextlib.contextmanager
def booted(tree: Path, folder: Path) -> Iterator[Container]:
    """Boot a copy of a tree, and shut it down at the end."""
    root = folder / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", str(tree), str(root)], check=True)
    name = f"sidestream-{os.getpid()}"
    with (folder / "console").open("wb") as console:
        process = subprocess.Popen(
            _command(root, name), stdin=subprocess.DEVNULL, stdout=console, stderr=console
        )
    container = Container(root, process)
    try:
        yield container
    finally:
        container.end()
        shutil.rmtree(root, ignore_errors=True)
        for group in _groups(name):
            _remove(group)


def _command(root: Path, name: str) -> list[str]:
    """Give the command that boots: in control groups of its own, so that the host's stay as is."""
    groups = [f"mkdir -p {group}; echo $$ > {group}/cgroup.procs" for group in _groups(name)]
    # Without the first two, BPF filters (IPAddressDeny=, DeviceAllow=) are not enforced inside.
    settings = ["SYSTEMD_SECCOMP=0", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"]
    boot = ["systemd-nspawn", "--capability=all", "-q", "-D", str(root), "-M", name, "--boot"]
    boot += ["--register=no", "--keep-unit", "--private-network", "--link-journal=no"]
    boot += ["--console=pipe", "systemd.mask=getty.target", "systemd.mask=console-getty.service"]
    export = " ".join([*settings, "SYSTEMD_NSPAWN_USE_CGNS=1"])
    return ["sh", "-c", "; ".join([*groups, f"export {export}", f"exec {' '.join(boot)}"])]


def _groups(name: str) -> list[Path]:
    found = [Path("/sys/fs/cgroup") / kind for kind in _HIERARCHIES]
    return [folder / name for folder in found if folder.is_dir()]


def _remove(group: Path) -> None:
    """Remove a control group and those below it, as far as nothing runs in them."""
    for folder in sorted(group.rglob("*"), reverse=True):
        if folder.is_dir():
            with contextlib.suppress(OSError):
                folder.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()
