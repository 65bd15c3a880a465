"""The other side of the broker: hears which samples come, and answers what a gateway asks first."""

import contextlib
import json
import re
import time
from collections.abc import Iterator

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

_ASKS = "v1/devices/me/rpc/request/"
_LIMITS = json.dumps(
    {
        "rateLimits": {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""},
        "maxPayloadSize": 65_536,
        "maxInflightMessages": 100,
    }
)
"""What ThingsBoard tells its gateway of limits (none); before that, the gateway sends nothing."""
_PATIENCE = 60


class Platform:
    """Collects which seconds' samples have come by a broker: whatever holds r000."""

    def __init__(self, port: int) -> None:
        self.seconds: set[int] = set()
        self._port = port

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to all topics, also of a broker that goes away and comes back."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.reconnect_delay_set(1, 1)
        client.on_message = self._take
        client.on_connect = self._ask
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        try:
            yield
        finally:
            client.disconnect()
            client.loop_stop()

    def wait(self, name: str) -> None:
        """Wait until a sample has come; raises RuntimeError when none does."""
        until = time.monotonic() + _PATIENCE
        while not self.seconds:
            if time.monotonic() > until:
                raise RuntimeError(f"nothing of {name} came by the broker")
            time.sleep(0.5)

    def _ask(self, client: Client, *_: object) -> None:
        client.subscribe("#", 1)

    def _take(self, client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic.startswith(_ASKS) and b"getSessionLimits" in message.payload:
            client.publish(message.topic.replace("request", "response"), _LIMITS, 1)
        for found in re.findall(rb'"r000":\s*"?(\d+)', message.payload):
            self.seconds.add(int(found))
