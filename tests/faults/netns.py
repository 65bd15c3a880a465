"""Network namespaces of a campaign's own: agent, broker, hub and plant, and faults on their links.

Faults are made in the agent's or the hub's namespace with nftables and a token bucket; no process
is touched. Names begin with the process's id, so that campaigns do not meet. Needs root.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

READS = (1, 2, 3, 4, 43)
"""Modbus function codes that read; everything else toward port 502 is counted as a write."""
SET = f"{{ {', '.join(map(str, READS))} }}"
ENDS = {"it": ("agent", "broker"), "hub": ("hub", "broker"), "ot": ("agent", "plant")}
"""Each link's two namespaces; faults are made at the first."""
ADDRESSES = {"it": "10.77.1", "hub": "10.77.3", "ot": "10.77.2"}
KINDS = ("cut", "half-open", "reset", "loss", "slow", "carrier")
TABLE = (
    "add table inet f",
    "add chain inet f in { type filter hook input priority 0; }",
    "add chain inet f out { type filter hook output priority 0; }",
)
# The function code is the eighth byte of what TCP carries: after transaction, protocol, length and
# device id. Packets without payload are left out by their length.
WRITES = (
    "add chain inet f ro { type filter hook output priority -10; }",
    "add counter inet f writes",
    "add counter inet f requests",
    "add rule inet f ro tcp dport 502 @ih,16,16 0 counter name requests",
    f"add rule inet f ro tcp dport 502 @ih,16,16 0 @ih,56,8 != {SET} counter name writes",
)


def run(*command: str) -> str:
    """Run a command to its end; gives what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


@dataclass
class Network:
    """Use as a context: namespaces and links are made, and always taken away."""

    prefix: str = field(default_factory=lambda: f"ss{os.getpid()}")
    faulty: dict[str, str] = field(default_factory=dict)

    def name(self, place: str) -> str:
        return f"{self.prefix}{place}"

    def wrap(self, place: str) -> Sequence[str]:
        """Give what a command is run by to be in a namespace."""
        return ("ip", "netns", "exec", self.name(place))

    def address(self, link: str, *, far: bool = True) -> str:
        """Give the address of a link's far end, or of its near one."""
        return f"{ADDRESSES[link]}.{2 if far else 1}"

    def __enter__(self) -> Self:
        self.down()
        try:
            self._up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def _up(self) -> None:
        for place in ("agent", "broker", "hub", "plant"):
            run("ip", "netns", "add", self.name(place))
            run("ip", "-n", self.name(place), "link", "set", "lo", "up")
        for link, (near, far) in ENDS.items():
            a, b = f"{link}0", f"{link}1"
            made = ("ip", "link", "add", a, "netns", self.name(near), "type", "veth")
            run(*made, "peer", "name", b, "netns", self.name(far))
            for place, device, last in ((near, a, 1), (far, b, 2)):
                at = ("ip", "-n", self.name(place))
                run(*at, "addr", "add", f"{ADDRESSES[link]}.{last}/24", "dev", device)
                run(*at, "link", "set", device, "up")
        for place in ("agent", "hub"):
            for line in TABLE:
                self._nft(place, line)
        for line in WRITES:
            self._nft("agent", line)

    def down(self) -> None:
        """Take everything away; no harm where there is nothing."""
        for place in ("agent", "broker", "hub", "plant"):
            gone = ("ip", "netns", "del", self.name(place))
            subprocess.run(gone, capture_output=True, check=False, timeout=20)

    def _nft(self, place: str, line: str) -> str:
        return run(*self.wrap(place), "nft", *line.split())

    def _rule(self, link: str, chain: str, line: str) -> None:
        way = "iifname" if chain == "in" else "oifname"
        self._nft(ENDS[link][0], f"add rule inet f {chain} {way} {link}0 {line}")

    def spoil(self, link: str, kind: str) -> None:
        """Make a fault on a link."""
        self.faulty[link] = kind
        if kind in ("cut", "half-open"):
            self._rule(link, "in", "drop")
        if kind == "cut":
            self._rule(link, "out", "drop")
        if kind == "reset":
            self._rule(link, "out", "meta l4proto tcp reject with tcp reset")
        if kind == "loss":
            for chain in ("in", "out"):
                self._rule(link, chain, "numgen random mod 100 < 30 drop")
        if kind == "slow":
            bucket = "root tbf rate 64kbit burst 1600 latency 2s"
            at = (*self.wrap(ENDS[link][0]), "tc", "qdisc", "replace", "dev", f"{link}0")
            run(*at, *bucket.split())
        if kind == "carrier":
            run("ip", "-n", self.name(ENDS[link][0]), "link", "set", f"{link}0", "down")

    def heal(self, link: str) -> None:
        """Mend a link."""
        kind, place = self.faulty.pop(link), self.name(ENDS[link][0])
        if kind == "slow":
            run(*self.wrap(ENDS[link][0]), "tc", "qdisc", "del", "dev", f"{link}0", "root")
        elif kind == "carrier":
            run("ip", "-n", place, "link", "set", f"{link}0", "up")
        else:
            others = {one: self.faulty[one] for one in self.faulty if ENDS[one][0] in place}
            for chain in ("in", "out"):
                self._nft(ENDS[link][0], f"flush chain inet f {chain}")
            for other, same in others.items():
                self.spoil(other, same)

    def counted(self, name: str) -> int:
        """Give the packets toward port 502 that a counter has seen."""
        told = self._nft("agent", f"list counter inet f {name}")
        return int(told.split("packets", 1)[1].split()[0])
