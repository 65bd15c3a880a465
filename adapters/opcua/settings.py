"""What people write about an OPC UA source: its address, its security and its nodes."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SerializeAsAny, WithJsonSchema, model_validator

from adapters.fields import Duration, FileName, Settings
from adapters.opcua.address import named, parse
from adapters.settings import PointSettings, SourceSettings, plain

DEFAULT_PORT = 4840

Security = Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]
MessageMode = Literal["Sign", "SignAndEncrypt"]


def _url(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise ValueError("a port from 1 to 65535 after the host") from None
    if parts.scheme != "opc.tcp" or not parts.hostname or re.search(r"\s", text):
        raise ValueError("the address of a server, such as opc.tcp://192.0.2.20:4840/path")
    if "@" in parts.netloc:
        raise ValueError("no user in the address: write `username` and `password_file`")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"opc.tcp://{host}:{port}{parts.path}"


def _node(text: str) -> str:
    parse(text)
    return text


def _named(text: str) -> str:
    named(text)
    return text


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("a factor other than zero")
    return value


Url = Annotated[
    str,
    AfterValidator(_url),
    WithJsonSchema(
        {"type": "string", "pattern": "^opc\\.tcp://", "examples": ["opc.tcp://192.0.2.20:4840"]}
    ),
]
Node = Annotated[
    str,
    AfterValidator(_node),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 2,
            "examples": [
                "ns=2;s=Belt.Rate",
                "nsu=http://example.org/belt;s=Rate",
                "/Objects/2:Line1/2:Flow",
            ],
        }
    ),
]


TypeName = Annotated[
    str,
    AfterValidator(_named),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "examples": ["nsu=http://opcfoundation.org/UA/PADIM/;MassFlowRateVariableType"],
        }
    ),
]


class OpcUaPoint(PointSettings):
    """One variable of a server."""

    node: Node
    """Node id, node id with a namespace URI, or browse path from the root."""
    type: TypeName | None = None
    """Type definition that the node must have, or one derived from it; a source with a node of
    another type is not read."""
    element: Annotated[int, Field(ge=0, le=255)] | None = None
    """Which value, from 0, of a structure that holds Double values alone: of the WeightType of
    Scales (40200) 0 is gross, 1 net and 2 tare."""
    scale: Annotated[float, AfterValidator(_not_zero)] = 1.0
    """Factor from the value as sent to the point's unit."""
    offset: float = 0.0
    """Added after scaling, in the point's unit."""


class OpcUaIdentity(Settings):
    """What a server or device must say of itself before any value of it is read."""

    what: str = "identity"
    """What the node holds, for messages: `"serial number"`."""
    node: Node
    """The node: a variable, or with `type` alone an object; as of a point."""
    accepted: tuple[str | int, ...] = ()
    """The values of the devices meant; any when there are none."""
    type: TypeName | None = None
    """Type definition that the node must have, or one derived from it."""

    @model_validator(mode="after")
    def _says(self) -> Self:
        if not self.accepted and self.type is None:
            raise ValueError("`accepted` values, a `type`, or both")
        return self


class OpcUaSource(SourceSettings):
    """One OPC UA server."""

    points: Mapping[str, SerializeAsAny[OpcUaPoint]] = Field(default_factory=dict)
    """The variables to read, by name; or the name of a CSV file, one a row."""
    identity: tuple[OpcUaIdentity, ...] = ()
    """What is read before anything else in each session; a server or device that says something
    else is not read."""
    url: Url
    """Address of the server; the port is 4840 when none is written."""
    mode: Literal["subscribe", "poll"] = "subscribe"
    """Let the server tell changes, or read every value each time."""
    security: Security
    """Security policy; `None` (no signing, no encryption) must be written out."""
    message_mode: MessageMode = "SignAndEncrypt"
    """Whether messages are signed only or encrypted as well."""
    certificate: FileName | None = None
    """Certificate of this client (PEM or DER), which the server must trust."""
    private_key: FileName | None = None
    """Private key of that certificate (PEM or DER, without a password)."""
    server_certificate: FileName | None = None
    """The server's own certificate: no other is accepted."""
    trusted: FileName | None = None
    """Folder of certificates (.pem, .crt, .cer, .der) of servers or authorities to trust."""
    trust_any: bool = False
    """Take any server's certificate: encrypted, but to whom is not known."""
    application_uri: str | None = None
    """Name of this client to the server; that of the certificate when not set."""
    username: str | None = None
    """User to log in as; anonymous when not set."""
    password_file: FileName | None = None
    """File whose first line is the user's password; read at each connection."""
    queue_size: int = Field(default=10, gt=1)
    """Changes of one value the server keeps between two publishings."""
    publishing: Duration | None = None
    """Time between two publishings; `every` when not set."""
    sampling: Duration | None = None
    """Time between two samples of a value in the server; half of `publishing` when not set."""
    stale_after: Duration | None = None
    """Read a value of which the server has told no change for so long; not done when not set."""

    def resolved(self) -> Any:
        """Give the same values under the same names, without the model."""
        return plain(self)

    @model_validator(mode="after")
    def _secured(self) -> Self:
        check = _without_security if self.security == "None" else _with_security
        problem = check(self) or _user(self)
        if problem:
            raise ValueError(problem)
        return self


_KEYS = ("certificate", "private_key", "server_certificate", "trusted", "trust_any")


def _without_security(source: OpcUaSource) -> str | None:
    without = [name for name in _KEYS if getattr(source, name)]
    if without:
        return f'`{without[0]}` has no use with security = "None": choose a security policy'
    if source.username is not None:
        return "a password needs a security policy: without one anybody on the network can take it"
    return None


def _with_security(source: OpcUaSource) -> str | None:
    if source.certificate is None or source.private_key is None:
        return f"security {source.security} needs `certificate` and `private_key` of this client"
    ways = [source.server_certificate is not None, source.trusted is not None, source.trust_any]
    if sum(ways) != 1:
        return (
            "say which servers to trust: one of `server_certificate` (a file), "
            "`trusted` (a folder) or `trust_any = true`"
        )
    return None


def _user(source: OpcUaSource) -> str | None:
    if (source.username is None) != (source.password_file is None):
        return "`username` and `password_file` go together"
    return None
