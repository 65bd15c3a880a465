"""Addresses of nodes as people write them, parsed without the protocol's library.

Three forms share one field: a node id (`ns=2;s=Belt.Rate`, OPC 10000-6 5.3.1.10), the same with a
namespace URI (`nsu=http://example.org/belt;s=Rate`), and a browse path from the root
(`/Objects/2:Line1/2:Flow`; OPC 10000-4 annex A.2, with `/` as its only separator), whose steps may
have a namespace URI too (`/Objects/nsu=http://example.org/belt;Flow`). A name with its namespace
(`nsu=http://example.org/belt;FlowType`, OPC 10000-6 5.1.14) says of which type a node is.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

Kind = Literal["i", "s", "g", "b"]
Identifier = int | str | UUID | bytes

FORMS = (
    "a node id such as ns=2;s=Belt.Rate, nsu=http://example.org/belt;s=Rate or i=2258, "
    "or a browse path such as /Objects/2:Line1/2:Flow"
)
NAMED = "a type's name with its namespace, such as nsu=http://opcfoundation.org/UA/PADIM/;FlowType"
_MAX_NAMESPACE = 0xFFFF
_MAX_NUMERIC = 0xFFFFFFFF
_MAX_TEXT = 4096  # OPC 10000-3 8.2.4: longest string identifier
_NODE = re.compile(
    r"(?:ns=(?P<index>\d{1,5});|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<rest>.+)", re.DOTALL
)
_STEP = re.compile(r"(?:nsu=([^;]+);|(\d{1,5}):)?(.+)", re.DOTALL)
_PART = re.compile(r"(?:nsu=[^;]+;)?(?:&.|&$|[^/&])*", re.DOTALL)
_NAME = re.compile(r"(?:nsu=([^;]+);)?(.+)", re.DOTALL)
BASE = "http://opcfoundation.org/UA/"
"""The namespace of the standard itself, which has index 0 on every server."""


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node id; `namespace` is an index, or the URI it must be looked up by."""

    namespace: int | str
    kind: Kind
    identifier: Identifier

    def __str__(self) -> str:
        return f"{_namespace(self.namespace)}{self.kind}={_identifier(self.identifier)}"


@dataclass(frozen=True, slots=True)
class PathAddress:
    """A browse path from the root: namespace (index or URI) and browse name at each step."""

    steps: tuple[tuple[int | str, str], ...]

    def __str__(self) -> str:
        return "".join(f"/{_prefix(space, name)}{_escape(name)}" for space, name in self.steps)


class Named(NamedTuple):
    """A browse name with the URI of its namespace."""

    space: str
    name: str

    def __str__(self) -> str:
        return self.name if self.space == BASE else f"{_namespace(self.space)}{self.name}"


Address = NodeAddress | PathAddress


def parse(text: str) -> Address:
    """Read any of the three forms; raises ValueError that names them."""
    return _path(text) if text.startswith("/") else _node(text)


def by_uri(address: Address) -> bool:
    """Tell whether an address needs the server's array of namespaces."""
    if isinstance(address, PathAddress):
        return any(isinstance(space, str) for space, _ in address.steps)
    return isinstance(address.namespace, str)


def named(text: str) -> Named:
    """Read a name with its namespace URI, or one of the standard's own without; or ValueError."""
    found = _NAME.fullmatch(text)
    if found is None or ("=" in found[2] and found[1] is None):
        raise ValueError(NAMED)
    return Named(BASE if found[1] is None else _uri(found[1]), found[2])


def _prefix(space: int | str, name: str) -> str:
    if isinstance(space, str):
        return _namespace(space)
    return f"{space}:" if space or ":" in name or name.startswith("nsu=") else ""


def _namespace(namespace: int | str) -> str:
    if isinstance(namespace, str):
        return f"nsu={namespace.replace('%', '%25').replace(';', '%3B')};"
    return f"ns={namespace};" if namespace else ""


def _identifier(identifier: Identifier) -> str:
    if isinstance(identifier, bytes):
        return base64.b64encode(identifier).decode()
    return str(identifier)


def _escape(name: str) -> str:
    return name.replace("&", "&&").replace("/", "&/")


def _node(text: str) -> NodeAddress:
    found = _NODE.fullmatch(text)
    if found is None:
        raise ValueError(FORMS)
    kind: Kind = found["kind"]  # type: ignore[assignment]  # the pattern allows no other
    return NodeAddress(_space(found["index"], found["uri"]), kind, _read(kind, found["rest"]))


def _space(index: str | None, uri: str | None) -> int | str:
    if uri is not None:
        return _uri(uri)
    number = int(index or 0)
    if number > _MAX_NAMESPACE:
        raise ValueError(f"a namespace index of at most {_MAX_NAMESPACE}")
    return number


def _uri(text: str) -> str:
    return re.sub("%3B", ";", text, flags=re.IGNORECASE).replace("%25", "%")


def _read(kind: Kind, rest: str) -> Identifier:
    try:
        return _READERS[kind](rest)
    except (ValueError, binascii.Error):
        raise ValueError(_WANTED[kind]) from None


def _numeric(rest: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", rest) or int(rest) > _MAX_NUMERIC:
        raise ValueError
    return int(rest)


def _text(rest: str) -> str:
    if len(rest) > _MAX_TEXT:
        raise ValueError
    return rest


_READERS: dict[Kind, Callable[[str], Identifier]] = {
    "i": _numeric,
    "s": _text,
    "g": UUID,
    "b": lambda rest: base64.b64decode(rest, validate=True),
}
_WANTED: dict[Kind, str] = {
    "i": f"after i= a number from 0 to {_MAX_NUMERIC}",
    "s": f"after s= at most {_MAX_TEXT} characters",
    "g": "after g= a GUID such as 09087e75-8e5e-499b-954f-f2a9603db28a",
    "b": "after b= bytes in base 64",
}


def _path(text: str) -> PathAddress:
    steps = tuple(_step(part) for part in _parts(text[1:]))
    return PathAddress(steps[1:] if steps[0] == (0, "Root") and len(steps) > 1 else steps)


def _parts(text: str) -> list[str]:
    parts, start = [], 0
    while start <= len(text):
        found = _PART.match(text, start)
        part = "" if found is None else found[0]
        parts.append(part)
        start += len(part) + 1
    return parts


def _step(part: str) -> tuple[int | str, str]:
    found = _STEP.fullmatch(part)
    if found is None or int(found[2] or 0) > _MAX_NAMESPACE:
        raise ValueError(f"a step of a browse path such as 2:Flow, not {part!r}; {FORMS}")
    name = re.sub(r"&(.)", r"\1", found[3], flags=re.DOTALL)
    return int(found[2] or 0) if found[1] is None else _uri(found[1]), name
