"""The tables of a hub file that make hubs pool: `[federation]` of a peer, `[[peers]]` of a pool."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from adapters.fields import FileName, Place, Settings
from config.hub_plan import FederationPlan, Peer
from config.locate import Findings, validated
from config.tables import BrokerTable, ClusterName, broker, text_schema
from config.texts import Name

_HUB_KEY = re.compile(r"sshub1_[A-Za-z0-9_-]{86}")
_ORGANISATION = re.compile(r"[A-Z]{2}[A-Z0-9]{4,20}")


def _hub_key(text: str) -> str:
    if not _HUB_KEY.fullmatch(text):
        raise ValueError("a hub's public key, sshub1_…, as `sidestream hub key` prints it")
    return text


def _organisation(text: str) -> str:
    found = re.sub(r"[\s.-]", "", text).upper()
    if not _ORGANISATION.fullmatch(found):
        raise ValueError('the country and the number in its register, such as "NO 123 456 789"')
    return found


HubKeyText = Annotated[str, AfterValidator(_hub_key), text_schema("key", f"^{_HUB_KEY.pattern}$")]
Organisation = Annotated[
    str,
    AfterValidator(_organisation),
    text_schema("number", r"^\s*[A-Za-z]{2}[A-Za-z0-9\s.-]{4,40}$", "NO 123 456 789"),
]


class FederationTable(BrokerTable):
    """Pools what this hub withholds with what others do: how to reach the pool, and on what terms.

    Without it nothing leaves the hub but its own cells.
    """

    cluster: ClusterName
    """The federation's name: the `cluster` of the pool's own file."""
    key: HubKeyText
    """The pool's public key, as `sidestream hub key` prints it there."""
    owner_key_file: FileName
    """File with a secret that the peers share and the pool must not have: owners are known to the
    pool by what it makes of their numbers."""
    owners: dict[Name, Organisation] = Field(default_factory=dict)
    """Number in the companies' register of each `owner` of a member, such as
    `"Elkem ASA" = "NO 123 456 789"`: what an owner without one has stays here."""
    own_cells: bool = True
    """Whether this hub releases cells of its own. Without them all figures go to the pool, without
    names, and it tells more in more detail; what an owner without a number has is then not told."""
    digits: Literal[0, 2, 4, 6] = 6
    """Digits of their codes that this hub's own cells keep; what would cost more is left to the
    pool. 0 lets them cut any code, and give up bands."""
    size: int = Field(default=65_536, ge=4096, le=180_000)
    """Bytes of each message to the pool, before it is sealed; more is sent in several."""
    leaves: Annotated[str, Field(pattern=r"^\d{4}Q[1-4]$")] | None = None
    """First quarter, such as `"2027Q1"`, of which nothing is pooled any more."""


class PeerTable(Settings):
    """A hub that pools here: `[[peers]]`. A hub with peers is a pool, and has no members."""

    cluster: ClusterName
    """The hub's cluster."""
    key: HubKeyText
    """The hub's public key, as `sidestream hub key` prints it there."""


def federation(table: FederationTable, findings: Findings) -> FederationPlan:
    """Resolve how this hub pools."""
    return FederationPlan(
        name=table.cluster,
        broker=broker(table, ("federation",), findings),
        pool_key=table.key,
        owner_key_file=table.owner_key_file,
        owners=table.owners,
        own_cells=table.own_cells,
        digits=table.digits,
        size=table.size,
        leaves=table.leaves,
    )


def peers(tables: Any, findings: Findings, place: Place) -> tuple[Peer, ...]:
    """Read the peers of a pool; notes those given twice."""
    if not isinstance(tables, list):
        findings.add(("peers",), "one table", "[[peers]], with two brackets")
        return ()
    found: list[Peer] = []
    for position, table in enumerate(tables):
        one = validated(PeerTable, table, ("peers", position), findings, place)
        if one is None:
            continue
        if any(one.cluster == other.cluster for other in found):
            findings.add(("peers", position, "cluster"), f'"{one.cluster}" a second time', "once")
        if any(one.key == other.key_text for other in found):
            findings.add(("peers", position, "key"), "a key given before", "the hub's own key")
        found.append(Peer(one.cluster, one.key))
    return tuple(found)
