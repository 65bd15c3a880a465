"""The OPC UA library is imported beside the event loop, which reads other sources meanwhile."""

import subprocess
import sys

RUN = """
import asyncio, sys, threading

class Where:
    def find_spec(self, name, path=None, target=None):
        if name == "asyncua":
            print(threading.current_thread() is threading.main_thread())
        return None

class Outlet:
    async def deliver(self, block):
        pass

    def report(self, source, health):
        print(source, health.link.value)
        raise SystemExit(0)

from adapters.adapter import Source
from adapters.opcua import OPCUA
from adapters.opcua.settings import OpcUaSource
raw = {"protocol": "opcua", "url": "opc.tcp://127.0.0.1:1", "security": "None"}
sources = [Source("server", OpcUaSource.model_validate(raw).resolved())]
sys.meta_path.insert(0, Where())
asyncio.run(OPCUA.run(sources, Outlet(), {}))
"""


def test_the_library_is_imported_in_a_thread() -> None:
    command = [sys.executable, "-c", RUN]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.stdout.split("\n") == ["False", "server connecting", ""], told.stderr
