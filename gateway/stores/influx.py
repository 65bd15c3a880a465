"""The store behind the InfluxDB write API: InfluxDB 2 and 3, and VictoriaMetrics.

A write is confirmed by the server's 204; VictoriaMetrics keeps what it has confirmed in memory at
first, and loses it when it is killed (1.79: lost 8 s after the write, kept 20 s after it). So cells
are read back once it must have them on disk. Facts of VictoriaMetrics to know: lines that are
malformed, older than its retention or in the future are dropped without an error; a point sent
twice is kept twice unless the server runs with `-dedup.minScrapeInterval=1ms`; numbers keep 15
significant digits; what is written can be read a second or two later.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from adapters.errors import PermanentError, TransientError
from config.hub_plan import StorePlan
from gateway.contract import Cell
from gateway.secret import read_secret
from gateway.stores import line
from gateway.wire import nanoseconds

SETTLING = 30_000_000_000
"""Nanoseconds after which what was confirmed is on the server's disk."""
_MILLISECOND = 1_000_000
_Point = tuple[int, tuple[tuple[str, str], ...]]
"""An instant in nanoseconds since 1970, and labels."""
_BUSY = (408, 425, 429)


class InfluxStore:
    """Released cells as points of one measurement, written one confirmed batch at a time."""

    settling = SETTLING

    def __init__(self, plan: StorePlan) -> None:
        self._plan = plan
        self.url = (plan.url or "").rstrip("/")
        self._token = _token(plan)
        self._connect()

    def _connect(self) -> None:
        try:
            from influxdb_client import InfluxDBClient  # noqa: PLC0415 an optional package
            from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415
        except ImportError as error:
            raise PermanentError(
                "the package influxdb-client is not installed",
                mend="pip install 'sidestream[influx]'",
            ) from error
        # Retries are the caller's, so that a batch is either confirmed or known not to be.
        self._client: Any = InfluxDBClient(
            url=self.url,
            token=self._token,
            org=self._plan.org or "-",
            timeout=self._plan.timeout // _MILLISECOND,
        )
        self._api: Any = self._client.write_api(write_options=SYNCHRONOUS)

    def _follow_token(self) -> None:
        """Take up a token that was replaced since the last batch."""
        token = _token(self._plan)
        if token != self._token:
            self.close()
            self._token = token
            self._connect()

    def write(self, cells: Sequence[Cell]) -> None:
        """Write cells as one batch; returns on the server's confirmation.

        The token's file is read for each batch.
        """
        self._follow_token()
        from influxdb_client.rest import ApiException  # noqa: PLC0415 an optional package
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        lines = [line.to_line(cell, self._plan.measurement) for cell in cells]
        try:
            self._api.write(bucket=self._plan.bucket, record=lines, write_precision="ns")
        except ApiException as error:
            raise self._refusal(int(error.status or 0), str(error.reason)) from error
        except (HTTPError, OSError) as error:
            raise TransientError(f"the store is away ({error})", where=self.url) from error

    def _refusal(self, status: int, reason: str) -> PermanentError | TransientError:
        what = f"the store answered {status} {reason}".rstrip()
        if status in _BUSY or status >= 500 or status == 0:  # noqa: PLR2004 the server's own fault
            return TransientError(what, where=self.url)
        mend = "check `url`, `org`, `bucket` and `token_file` in [store]"
        return PermanentError(what, where=self.url, mend=mend)

    def read(self, start: int, end: int) -> list[Cell]:
        """Read cells back through VictoriaMetrics' export API.

        Raises `PermanentError` where there is none (InfluxDB: query it with its own tools).
        """
        found = [
            line.from_point(dict(labels), fields, at)
            for (at, labels), fields in self._points(start, end).items()
        ]
        return sorted(found, key=lambda cell: (cell.window.start, cell.cell))

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """Read cells back; a server without VictoriaMetrics' export API is believed."""
        starts = [nanoseconds(cell.window.start) for cell in cells]
        if not starts:
            return []
        try:
            points = self._points(min(starts), max(starts) + _MILLISECOND)
        except PermanentError:
            return []
        whole = {
            (at, dict(labels).get("cell"))
            for (at, labels), fields in points.items()
            if line.whole(fields.keys())
        }
        return [
            cell for at, cell in zip(starts, cells, strict=True) if (at, cell.cell) not in whole
        ]

    def _points(self, start: int, end: int) -> dict[_Point, dict[str, float]]:
        selector = f'{{__name__=~"{self._plan.measurement}_.*"}}'
        query = urllib.parse.urlencode(
            {
                "match[]": selector,
                "start": f"{start / 1e9:.3f}",
                "end": f"{(end - _MILLISECOND) / 1e9:.3f}",
            }
        )
        points: dict[_Point, dict[str, float]] = defaultdict(dict)
        for text in self._export(query).splitlines():
            series = json.loads(text)
            name = series["metric"].pop("__name__").removeprefix(self._plan.measurement + "_")
            labels = tuple(sorted(series["metric"].items()))
            for value, moment in zip(series["values"], series["timestamps"], strict=True):
                points[moment * _MILLISECOND, labels][name] = value
        return points

    def _export(self, query: str) -> str:
        url = f"{self.url}/api/v1/export?{query}"
        if not url.startswith(("http://", "https://")):
            raise PermanentError("not an http address", where=self.url)
        request = urllib.request.Request(url, headers=self._headers())  # noqa: S310 checked above
        try:
            with urllib.request.urlopen(request, timeout=self._plan.timeout / 1e9) as answer:  # noqa: S310
                body: bytes = answer.read()
                return body.decode()
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(
                    error.code, "to an export, which only VictoriaMetrics has"
                ) from error
        except OSError as error:
            raise TransientError(f"the store is away ({error})", where=self.url) from error

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self._token}"} if self._token else {}

    def close(self) -> None:
        """Close connections."""
        self._api.close()
        self._client.close()


def _token(plan: StorePlan) -> str:
    return read_secret(plan.token_file).strip() if plan.token_file is not None else ""
