"""The table `[broker]` of a hub file: what the cluster's broker is made to be."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from adapters.fields import FileName, Settings
from config.hub_plan import BrokerFiles
from config.plan import BrokerPlan
from config.tables import BrokerUrl, text_schema

_FOLDER = "/etc/mosquitto/sidestream"
_ACCOUNT = r"[A-Za-z0-9._-]{1,64}"
_PATH = r"/[^\s]*"

Account = Annotated[str, Field(pattern=f"^{_ACCOUNT}$")]
"""A user name at the broker, or a certificate's common name."""
Fingerprint = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


def _path(text: str) -> str:
    # The broker's own file ends a value at the line's end and has no quotation marks.
    if not text.startswith("/") or any(char.isspace() for char in text):
        raise ValueError("a whole path on the broker's computer, /…, without spaces")
    return text


BrokerPath = Annotated[str, AfterValidator(_path), text_schema("path", f"^{_PATH}$")]


class BrokerFilesTable(Settings):
    """The cluster's broker, as `sidestream hub broker-config` writes it.

    Paths are on the broker's own computer, but for `ca_key` and `output`.
    """

    clients: Literal["certificates", "passwords"] = "certificates"
    """How clients show who they are: by certificates of `ca`, or by name and password."""
    directory: BrokerPath | None = None
    """Folder the files will lie in at the broker; else the one they are written to."""
    ca: BrokerPath = f"{_FOLDER}/ca.crt"
    """Certificate of the authority that signs clients' certificates."""
    certificate: BrokerPath = f"{_FOLDER}/broker.crt"
    """The broker's own certificate."""
    key: BrokerPath = f"{_FOLDER}/broker.key"
    """Private key of the broker's certificate."""
    revoked: BrokerPath | None = None
    """List of certificates that `ca` has revoked (a CRL), PEM."""
    passwords: BrokerPath = f"{_FOLDER}/passwords"
    """File of hashed passwords, as `mosquitto_passwd` keeps it."""
    persistence: BrokerPath = "/var/lib/mosquitto"
    """Folder the broker keeps sessions and queues in."""
    address: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.:-]{1,255}$")
    """Address the broker listens on; else all of its computer's."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port the broker listens on; else the one of `[hub] broker`."""
    account: Account | None = None
    """The hub's own account; else `[hub] username`, or `"hub"`."""
    readers: tuple[Account, ...] = ()
    """Accounts that may read the released cells, each for one program."""
    partners: tuple[Fingerprint, ...] = ()
    """Fingerprints of partners under contract: accounts that read what is sealed to them."""
    url: BrokerUrl | None = None
    """URL at which plants reach the broker, for invitations; else `[hub] broker`."""
    ca_key: FileName | None = None
    """Private key of `ca` on this computer, PEM, mode 0600: with it `sidestream hub invite` and
    `sidestream hub admit` sign clients' certificates. The service need not read it."""
    output: FileName | None = None
    """Folder on this computer that admissions and retirements write the broker's files to."""
    reload: str | None = Field(default=None, min_length=1)
    """Command that makes the broker read its files anew, run after `output` was written:
    `"systemctl reload mosquitto"`. Without it, it is only told."""


def broker_files(table: BrokerFilesTable, reached: BrokerPlan) -> BrokerFiles:
    """Resolve the table beside the way the hub itself reaches the broker."""
    return BrokerFiles(
        clients=table.clients,
        directory=table.directory,
        ca=table.ca,
        certificate=table.certificate,
        key=table.key,
        revoked=table.revoked,
        passwords=table.passwords,
        persistence=table.persistence,
        address=table.address,
        port=table.port or reached.port,
        account=table.account or reached.username or "hub",
        readers=table.readers,
        partners=table.partners,
        url=table.url or _url(reached),
        ca_key=table.ca_key,
        output=table.output,
        reload=table.reload,
    )


def _url(reached: BrokerPlan) -> str:
    host = f"[{reached.host}]" if ":" in reached.host else reached.host
    return f"{'mqtts' if reached.tls is not None else 'mqtt'}://{host}:{reached.port}"
