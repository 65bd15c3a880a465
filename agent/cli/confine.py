"""`sidestream confine` and `sidestream hub confine`: a service reaches its own and nothing else."""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapters.errors import TransientError
from agent.cli.options import hub_argument, json_option, plant_argument
from agent.cli.output import print_json

if TYPE_CHECKING:
    from agent.running.confine import Needs

_RESOLVERS = Path("/etc/resolv.conf")


@click.command()
@plant_argument
@json_option
def confine(plant_file: str, as_json: bool) -> None:
    """Write a drop-in for systemd: the agent reaches what PLANT_FILE names, and nothing else.

    Its first line says where it goes. Names are looked up now: make it anew when the file or an
    address changes.

    \b
    Example:
      sidestream confine > confine.conf
    """
    from agent.running.confine import of_plant  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    _show("sidestream", of_plant(load_plant(Path(plant_file), for_operator(os.environ))), as_json)


@click.command("confine")
@hub_argument
@json_option
def confine_hub(hub_file: str, as_json: bool) -> None:
    """Write a drop-in for systemd: the hub reaches what HUB_FILE names, and nothing else.

    Its first line says where it goes. Names are looked up now: make it anew when the file or an
    address changes.

    \b
    Example:
      sidestream hub confine > confine.conf
    """
    from agent.running.confine import of_hub  # noqa: PLC0415
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    _show("sidestream-hub", of_hub(load_hub(Path(hub_file), for_operator(os.environ))), as_json)


def _show(service: str, needs: "Needs", as_json: bool) -> None:
    from agent.running.confine import drop_in, resolvers  # noqa: PLC0415

    addresses = {host: _addresses(host) for host in needs.hosts}
    ports = tuple(str(Path(port).resolve()) for port in needs.ports)
    servers = resolvers(_RESOLVERS.read_text()) if _RESOLVERS.exists() else ()
    if as_json:
        print_json(
            {
                "addresses": addresses,
                "name_servers": servers if needs.names else (),
                "serial_ports": ports,
                "unknown": needs.unknown,
            }
        )
        return
    click.echo(drop_in(service, needs.at(ports), addresses, servers), nl=False)


def _addresses(host: str) -> list[str]:
    """Look a host up; raises `TransientError` when nobody knows it now."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a name"
        raise TransientError(
            f"its address cannot be found ({reason})",
            where=host,
            mend="write its address into the file, or mend the computer's name server",
        ) from error
    return list(dict.fromkeys(str(one[4][0]).split("%", maxsplit=1)[0] for one in found))
