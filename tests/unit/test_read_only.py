"""Adapters hold no call that can write to a device: names are checked against short lists."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.modbus.frame import READS

ADAPTERS = Path(__file__).parents[2] / "adapters"
FILES = sorted(ADAPTERS.rglob("*.py"))

SENDING = ("modbus/link.py", "transport.write(self._framing.request(span, device_id))")
"""The one place where an adapter itself puts bytes on the wire: what it sends is made to read."""
PYMODBUS_NAMES = {"create_serial_connection"}
"""All that adapters may import from pymodbus: what opens a port, no client, no request classes."""
FORBIDDEN = {
    "execute",
    "pdu_send",
    "buildFrame",
    "call_method",
    "add_method",
    "add_node",
    "add_nodes",
    "add_reference",
    "add_references",
    "add_variable",
    "add_object",
    "add_property",
    "delete_nodes",
    "delete_references",
    "history_update",
    "register_nodes",
    "mask_write_register",
    "report_device_id",
}
OPCUA_REQUESTS = {
    "BrowseNextParameters",
    "BrowseParameters",
    "CreateMonitoredItemsParameters",
    "CreateSubscriptionParameters",
    "DeleteMonitoredItemsParameters",
    "DeleteSubscriptionsParameters",
    "HistoryReadParameters",
    "MonitoredItemCreateRequest",
    "MonitoringParameters",
    "ReadParameters",
}
"""Requests of asyncua an adapter may build: Read, Browse, Subscribe and HistoryRead."""
FORBIDDEN_PARTS = ("write", "readwrite")
SET_OF_OPCUA = ("set_value", "set_attribute", "set_writable", "set_read_only", "set_event_notifier")
OUR_OWN = {"set_exception", "set_protocol", "set_result", "set_security", "set_security_string"}
"""Setters that speak of our side: futures, transports and the security of our own session."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in FILES:
        yield path, ast.parse(path.read_text(), str(path))


def names(tree: ast.AST) -> Iterator[str]:
    """Give every name a module mentions: attributes, variables, imports, and `getattr` texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.name for alias in node.names)
            yield from (alias.asname for alias in node.names if alias.asname)
        elif isinstance(node, ast.Call) and _is_getattr(node):
            yield from _texts(node)


def _is_getattr(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in (
        "getattr",
        "setattr",
        "methodcaller",
    )


def _texts(node: ast.Call) -> Iterator[str]:
    for one in node.args:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def imported(tree: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, "") for a in node.names if a.name.split(".")[0] == package)


def writes(name: str) -> bool:
    lowered = name.lower()
    return (
        name in FORBIDDEN
        or any(part in lowered for part in FORBIDDEN_PARTS)
        or name.startswith(SET_OF_OPCUA)
        or (name.startswith("set_") and name not in OUR_OWN)
    )


def test_there_are_adapters_to_check() -> None:
    assert any(path.parent.name == "modbus" for path in FILES)


def others(path: Path) -> ast.Module:
    """Give a module without the one call that sends a request, which must be there as it is."""
    tree = ast.parse(path.read_text())
    file, call = SENDING
    if path.relative_to(ADAPTERS).as_posix() == file:
        sending = [one for one in ast.walk(tree) if isinstance(one, ast.Expr)]
        [found] = [one for one in sending if ast.unparse(one) == call]
        found.value = ast.Constant(None)
    return tree


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ADAPTERS)))
def test_an_adapter_mentions_nothing_that_writes(path: Path) -> None:
    found = {name for name in names(others(path)) if writes(name)}
    assert not found, f"{path} mentions {sorted(found)}"


def test_requests_to_modbus_devices_have_the_four_codes_that_read() -> None:
    assert dict(READS) == {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


def test_only_listed_names_of_pymodbus_are_imported() -> None:
    for path, tree in trees():
        for module, name in imported(tree, "pymodbus"):
            assert name in PYMODBUS_NAMES, f"{path} imports {name or module}"


def test_only_listed_requests_of_opc_ua_are_built() -> None:
    built = {
        node.attr
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "ua"
        and node.attr.endswith(("Request", "Parameters"))
    }
    assert built <= OPCUA_REQUESTS


@pytest.mark.parametrize(
    "code",
    [
        "client.write_register(1, 2)",
        "client.execute(False, pdu)",
        "getattr(client, 'write_coils')(1, [True])",
        "from pymodbus.pdu import WriteSingleCoilRequest as Harmless",
        "await node.write_value(3)",
        "await node.set_value(3)",
        "await node.call_method('2:start')",
        "client.readwrite_registers(1)",
        "client.mask_write_register(1)",
    ],
)
def test_the_check_itself_finds_each_way_to_write(code: str) -> None:
    assert any(writes(name) for name in names(ast.parse(code)))
