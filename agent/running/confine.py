"""What a service must reach, and the drop-in for systemd that lets it reach nothing else."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from config.hub_plan import HubPlan
from config.plan import RECORDED, PlantPlan

_PORT = re.compile(r"/dev/(tty[A-Z]+)\d+")
_SERVICES = {"sidestream": "sidestream-agent", "sidestream-hub": "sidestream-hub"}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a service connects to: hosts (names or addresses) and serial ports, with their users.

    `unknown` are the users of a protocol that does not say what it connects to; `listen` is where
    it answers those who scrape its metrics.
    """

    hosts: Mapping[str, tuple[str, ...]]
    ports: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    listen: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts for which a name server must be asked."""
        return tuple(host for host in self.hosts if not is_address(host))

    def at(self, ports: tuple[str, ...]) -> "Needs":
        """Give the same with the serial ports as the kernel names them."""
        return replace(self, ports=ports)


def is_address(host: str) -> bool:
    """Tell an IP address from a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def of_plant(plan: PlantPlan) -> Needs:
    """Find what the agent of a plant connects to."""
    hosts: list[tuple[str, str]] = []
    ports: list[str] = []
    unknown: list[str] = []
    for source in plan.sources:
        host, port = _connection(source.settings)
        user = f"source {source.name}"
        if host:
            hosts.append((host, user))
        elif port:
            ports.append(port)
        elif source.settings.protocol != RECORDED:
            unknown.append(user)
    if plan.uplink is not None:
        hosts.append((plan.uplink.broker.host, "broker"))
    return Needs(_gathered(hosts), tuple(dict.fromkeys(ports)), tuple(unknown))


def of_hub(plan: HubPlan) -> Needs:
    """Find what a hub connects to."""
    hosts = [(plan.broker.host, "broker")]
    if plan.store.url:
        hosts.append((urlsplit(plan.store.url).hostname or "", "store"))
    return Needs(_gathered(hosts), listen=plan.metrics.listen)


def _connection(settings: Any) -> tuple[str, str]:
    """Give a source's host, or else its serial port: the keys are the same in all protocols."""
    url = str(getattr(settings, "url", None) or "")
    host = str(getattr(settings, "host", None) or "") or urlsplit(url).hostname or ""
    return host, str(getattr(settings, "device", None) or "")


def _gathered(hosts: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for host, user in hosts:
        found[host] = (*found.get(host, ()), user)
    return found


def drop_in(
    service: str, needs: Needs, addresses: Mapping[str, Sequence[str]], resolvers: Sequence[str]
) -> str:
    """Write a service's drop-in; `addresses` are those of each host, `resolvers` know the names.

    IPAddressDeny= and DeviceAllow= are in systemd.resource-control(5).
    """
    unit = _SERVICES[service]
    lines = [
        f"# /etc/systemd/system/{unit}.service.d/confine.conf: what {unit} may reach.",
        "# Make it anew when the file or an address changes, then:",
        f"# systemctl daemon-reload && systemctl restart {unit}",
        "[Service]",
        "IPAddressDeny=any",
    ]
    for host, users in needs.hosts.items():
        lines.append(f"# {', '.join(users)}" + ("" if is_address(host) else f": {host}"))
        lines += [f"IPAddressAllow={address}" for address in addresses[host]]
    if needs.names and resolvers:
        lines += ["# name server", *(f"IPAddressAllow={address}" for address in resolvers)]
    lines += [f"# {user}: add the addresses it connects to" for user in needs.unknown]
    return "\n".join([*lines, *_listening(needs.listen), *_serial(needs.ports)]) + "\n"


def _listening(listen: str | None) -> list[str]:
    """Give back the calls the unit refuses, and let this computer itself ask."""
    if listen is None:
        return []
    lines = [f"# [metrics] listen: {listen}", "SystemCallFilter=listen accept accept4"]
    return lines if listen.startswith("unix:") else [*lines, "IPAddressAllow=localhost"]


def _serial(ports: Sequence[str]) -> list[str]:
    """Open serial ports by their kind, so that an adapter may be plugged in again."""
    if not ports:
        return []
    kinds = dict.fromkeys(
        f"char-{found[1]}" if (found := _PORT.fullmatch(port)) else port for port in ports
    )
    head = ["# serial ports", "PrivateDevices=no", "SupplementaryGroups=dialout"]
    return [*head, *(f"DeviceAllow={kind} rw" for kind in kinds)]


def resolvers(text: str) -> tuple[str, ...]:
    """Read the name servers of an /etc/resolv.conf (resolv.conf(5)), without their scopes."""
    found = re.findall(r"(?m)^nameserver[ \t]+(\S+)", text)
    servers = (server.split("%", maxsplit=1)[0] for server in found)
    return tuple(dict.fromkeys(server for server in servers if is_address(server)))
