"""What a program does to its files and links, by strace: the calls of all its threads, in order."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.medium import Cut, Drop, Make, Mark, Move, Operation, Sync, Write
from tests.servers import program

CALLS = (
    "openat,mkdir,write,pwrite64,writev,pwritev,ftruncate,fallocate,fsync,fdatasync,unlink,unlinkat,"
    "rename,renameat,renameat2,link,linkat,sendto,sendmsg,recvfrom"
)
_LONGEST = 4_194_304
_LINE = re.compile(r"(?P<name>\w+)\((?P<rest>.*)\)\s+= (?P<result>-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_FILE = re.compile(r"(?P<fd>-?\d+|AT_FDCWD)<(?P<path>[^>]*)>")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>")


def command(out: Path, options: Sequence[str] = ()) -> list[str]:
    """Give the command that runs a program and writes down what it does."""
    return [
        program("strace"), "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", str(_LONGEST),
        "-e", f"trace={CALLS}", "-e", "signal=none", *options, "-o", str(out),
    ]  # fmt: skip


def refused(call: str, fault: str, pid: int) -> subprocess.Popen[bytes]:
    """Attach to a running program and let its calls fail or wait, until it is ended."""
    inject = f"inject={call}:{fault}"
    return subprocess.Popen(
        [program("strace"), "-f", "-qq", "-p", str(pid), "-e", f"trace={call}", "-e", inject,
         "-o", os.devnull],
    )  # fmt: skip


def children(pid: int) -> list[int]:
    """Give the processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def end(tracing: subprocess.Popen[bytes]) -> None:
    """Let go of a program that was attached to."""
    tracing.send_signal(signal.SIGINT)
    tracing.wait(10)


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _path(text: str) -> str:
    """Read a path as -y and -xx show it."""
    return _decoded(text).decode() if text.startswith("\\x") else text


def calls(lines: Iterator[str]) -> Iterator[tuple[str, str, int]]:
    """Give calls that succeeded, in the order in which they ended: name, arguments, result."""
    begun: dict[str, str] = {}
    for line in lines:
        pid, _, text = line.rstrip("\n").partition(" ")
        text = text.lstrip()
        if text.endswith(_UNFINISHED):
            begun[pid] = text.removesuffix(_UNFINISHED)
            continue
        if resumed := _RESUMED.match(text):
            text = begun.pop(pid) + text[resumed.end() :]
        found = _LINE.match(text)
        if found and int(found["result"]) >= 0:
            yield found["name"], found["rest"], int(found["result"])


@dataclass
class Reader:
    """Turns calls into operations on the files below a folder; writes to `marks` become marks."""

    folder: str
    marks: str
    _nodes: dict[str, int] = field(default_factory=dict)
    _at: dict[str, int] = field(default_factory=dict)
    _count: int = 0

    def read(self, trace: Path) -> list[Operation]:
        """Read a trace."""
        with trace.open(errors="replace") as lines:
            return [one for call in calls(lines) for one in self._operations(*call)]

    def _operations(self, name: str, rest: str, result: int) -> list[Operation]:
        how = getattr(self, f"_{_SAME.get(name, name)}")
        found: list[Operation] = how(rest, result)
        return found

    def _ours(self, path: str) -> bool:
        return path.startswith(self.folder + "/") or path == self.folder

    def _names(self, rest: str) -> list[str]:
        """Give the paths a call names, made absolute by the directory before each."""
        found = []
        for match in _TEXT.finditer(rest):
            before = _FILE.search(rest[: match.start()])
            base = _path(before["path"]) if before else self.folder
            found.append(os.path.normpath(Path(base, _decoded(match[1]).decode())))
        return found

    def _make(self, path: str, *, folder: bool = False) -> list[Operation]:
        if path in self._nodes or not self._ours(path):
            return []
        self._count += 1
        self._nodes[path] = self._count
        return [Make(path, self._count, folder)]

    def _openat(self, rest: str, result: int) -> list[Operation]:
        path = self._names(rest)[0]
        if not self._ours(path):
            return []
        self._at[f"{result} {path}"] = 0
        made = self._make(path) if "O_CREAT" in rest else []
        if "O_TRUNC" in rest and not made:
            return [Cut(self._nodes[path], 0)]
        return made

    def _mkdir(self, rest: str, _result: int) -> list[Operation]:
        path = self._names(rest)[0]
        self._nodes.pop(path, None)
        return self._make(path, folder=True)

    def _file(self, rest: str) -> tuple[str, str]:
        found = _FILE.match(rest)
        if found is None:
            return "", ""
        return found["fd"], _path(found["path"])

    def _pwrite64(self, rest: str, result: int) -> list[Operation]:
        _, path = self._file(rest)
        if path not in self._nodes:
            return []
        offset = int(rest.rsplit(",", 1)[1])
        return [Write(self._nodes[path], offset, self._data(rest)[:result])]

    def _write(self, rest: str, result: int) -> list[Operation]:
        number, path = self._file(rest)
        if path == self.marks:
            return [Mark("told", self._data(rest))]
        if path not in self._nodes:
            return []
        offset = self._at.get(f"{number} {path}", 0)
        self._at[f"{number} {path}"] = offset + result
        return [Write(self._nodes[path], offset, self._data(rest)[:result])]

    def _data(self, rest: str) -> bytes:
        found = list(_TEXT.finditer(rest))
        if any(match[2] for match in found):
            raise ValueError("strace has cut a text short")
        return b"".join(_decoded(match[1]) for match in found)

    def _ftruncate(self, rest: str, _result: int) -> list[Operation]:
        _, path = self._file(rest)
        return [Cut(self._nodes[path], int(rest.split(",")[1]))] if path in self._nodes else []

    def _fallocate(self, rest: str, _result: int) -> list[Operation]:
        _, path = self._file(rest)
        _, _, offset, length = rest.split(",")
        size = int(offset) + int(length)
        return [Cut(self._nodes[path], size)] if path in self._nodes else []

    def _fsync(self, rest: str, _result: int) -> list[Operation]:
        _, path = self._file(rest)
        if not self._ours(path):
            return []
        return [Sync(path, None if Path(path).is_dir() else self._nodes[path])]

    def _unlink(self, rest: str, _result: int) -> list[Operation]:
        path = self._names(rest)[0]
        return [Drop(path)] if self._nodes.pop(path, None) is not None else []

    def _rename(self, rest: str, _result: int) -> list[Operation]:
        old, new = self._names(rest)
        if old not in self._nodes:
            return []
        self._nodes[new] = self._nodes.pop(old)
        return [Move(old, new)]

    def _link(self, rest: str, _result: int) -> list[Operation]:
        old, new = self._names(rest)
        if old not in self._nodes:
            return []
        self._nodes[new] = self._nodes[old]
        return [Make(new, self._nodes[new])]

    def _sendto(self, rest: str, result: int) -> list[Operation]:
        return [Mark("sent", self._data(rest)[:result], self._file(rest)[1])]

    def _recvfrom(self, rest: str, result: int) -> list[Operation]:
        return [Mark("got", self._data(rest)[:result], self._file(rest)[1])]


_SAME = {
    "fdatasync": "fsync",
    "unlinkat": "unlink",
    "renameat": "rename",
    "renameat2": "rename",
    "linkat": "link",
    "sendmsg": "sendto",
    "writev": "write",
    "pwritev": "pwrite64",
}
