"""A new client certificate in place of one that ends, over the link that the plant has.

The plant makes a new key, which never leaves it, and sends the hub a request that its own key has
signed. The old pair stays in use until the broker has taken the new one. Each step looks at what is
there and does what is missing, so that it can be cut short anywhere and run again.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.errors import PermanentError
from agent.running.asking import OWN, ask
from agent.running.assembly import plant_key
from agent.running.pair import Pair, csr_of, settle, swap
from agent.running.trust import Trust
from config.plan import BrokerPlan, PlantPlan, TlsPlan, UplinkPlan
from gateway import authority, keys
from gateway.dial import open_connection
from gateway.durable import replace_file, write_once
from gateway.joining import Admission, open_admission, seal_request
from gateway.signing import RefusalError
from gateway.wire import VERSION, answer_topic, quarter, rfc3339

_OURS = 0o600
_PUBLIC = 0o644
_LOOK = 0.2
"""Seconds between two looks at what the running agent does."""
_JOIN = "join by an invitation: `sidestream join FILE`"


@dataclass(frozen=True)
class Renewal:
    """One plant's certificate, to be renewed at its hub."""

    uplink: UplinkPlan
    pair: Pair
    plant: keys.PlantKey
    trust: Trust

    @classmethod
    def of(cls, plan: PlantPlan) -> Self:
        """Take what a plant file says; raises `PermanentError` where nothing is to be renewed."""
        uplink = plan.uplink
        if uplink is None:
            raise PermanentError("the plant file has no [hub]", mend=_JOIN)
        plant, hub = plant_key(plan), keys.HubPublic.parse(uplink.hub_key)
        found = cls.made(uplink, plant, Trust(plant, hub, uplink.cluster, Path(plan.state_dir)))
        found.certificate()
        return found

    @classmethod
    def made(cls, uplink: UplinkPlan, plant: keys.PlantKey, trust: Trust) -> Self:
        """Take what the agent has; raises `PermanentError` where there is no certificate."""
        pair = Pair.of(uplink.broker.tls)
        if pair is None:
            what = "the plant file has no client certificate, which alone runs out"
            raise PermanentError(what, where="[hub.tls]", mend=_JOIN)
        return cls(uplink, pair, plant, trust)

    @property
    def account(self) -> str:
        """The plant's account at the broker: its key's fingerprint."""
        return self.plant.public.fingerprint

    def certificate(self) -> x509.Certificate:
        """Read the certificate in use; raises `PermanentError` when the hub did not give it."""
        path = self.pair.certificate
        try:
            with _telling(path):
                found = x509.load_pem_x509_certificate(path.read_bytes())
        except ValueError as error:
            raise PermanentError(
                "no certificate in PEM form", where=str(path), mend=_JOIN
            ) from error
        if found.subject != authority.common_name(self.account):
            raise PermanentError(
                f"the certificate is of {found.subject.rfc4514_string()}, and the hub gives them "
                f"to CN={self.account}, this plant's key",
                where=str(path),
                mend=f"renew it where it came from, or {_JOIN}",
            )
        return found

    # What is made before anybody is asked.

    def settle(self) -> bool:
        """Finish what was cut short when the next pair took its place; tells whether it was."""
        with _telling(self.pair.certificate):
            return settle(self.pair)

    def prepare(self) -> None:
        """Make the next key and the request for its certificate; raises `PermanentError`."""
        self._csr()

    def _next_key(self) -> ec.EllipticCurvePrivateKey:
        path = self.pair.next.key
        with _telling(path):
            if not path.exists():
                with suppress(FileExistsError):  # the agent or a command was quicker
                    write_once(path, authority.pem(authority.client_key()).encode(), _OURS)
            content = path.read_bytes()
        try:
            found = serialization.load_pem_private_key(content, password=None)
        except ValueError as error:
            raise _no_key(path) from error
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise _no_key(path)
        return found

    def _csr(self) -> str:
        # Kept, so that the same request is known again: each signature by this kind is another.
        path, key = csr_of(self.pair), self._next_key()
        with suppress(OSError, ValueError):
            text = path.read_text()
            if authority.checked(text, self.account).public_key() == key.public_key():
                return text
        text = authority.request_for(key, self.account)
        with _telling(path):
            replace_file(path, text.encode(), _OURS)
        return text

    def request(self) -> bytes:
        """Make the request: signed by the plant's key and sealed to the hub's of this quarter."""
        now = time.time_ns()
        content: dict[str, Any] = {
            "v": VERSION,
            "cluster": self.uplink.cluster,
            "sender": self.account,
            "plant": str(self.plant.public),
            "csr": self._csr(),
            "made": rfc3339(now),
        }
        return seal_request(content, self.plant, self.trust.at(quarter(now)))

    # The answer.

    def read(self, payload: bytes) -> Admission:
        """Open and verify an answer; raises `RefusalError` when it has no certificate for our key.

        It is signed by the key of the hub that the request was sealed to: by any that is trusted.
        """
        found = self._opened(payload)
        if found.certificate is None:
            raise RefusalError("misaddressed", "it has no certificate: one is signed by hand")
        if not authority.belongs(found.certificate, self._next_key(), self.account):
            raise RefusalError("misaddressed", "its certificate is for another key")
        return found

    def _opened(self, payload: bytes) -> Admission:
        problem = RefusalError("bad-signature", "no key of the hub is trusted")
        for _, hub in reversed(self.trust.line.keys):
            try:
                return open_admission(payload, self.uplink.cluster, self.account, self.plant, hub)
            except RefusalError as error:
                problem = error
        raise problem

    def keep(self, payload: bytes) -> None:
        """Put the answer's certificate beside the one in use; raises `RefusalError`."""
        text = self.read(payload).certificate or ""
        path = self.pair.next.certificate
        with _telling(path):
            replace_file(path, text.encode(), _PUBLIC)

    @property
    def granted(self) -> bool:
        """Tell whether the next certificate is there, with its key."""
        return self.pair.next.whole

    # The broker.

    def _broker(self, pair: Pair) -> BrokerPlan:
        """Say how to reach the broker beside the agent, by a client id of the same form."""
        plan, tls = self.uplink.broker, self.uplink.broker.tls
        shown = TlsPlan(tls.ca if tls else None, str(pair.certificate), str(pair.key))
        return replace(plan, tls=shown, client_id=f"ss-{secrets.token_hex(10)}")

    async def ask(self, patience: float, asked: Callable[[], object]) -> bytes | None:
        """Take the answer that is there, else ask; see `agent.running.asking`."""
        cluster, account, broker = self.uplink.cluster, self.account, self._broker(self.pair)
        return await ask(broker, cluster, account, self.request, self.read, patience, asked)

    async def prove(self) -> None:
        """Let the broker take the next pair, for this plant's account; raises `SidestreamError`."""
        link = await open_connection(self._broker(self.pair.next), OWN)
        try:
            await link.subscribe(answer_topic(self.uplink.cluster, self.account))
        finally:
            await link.close()

    def install(self) -> None:
        """Let the next pair take the old one's place; raises `PermanentError`."""
        with _telling(self.pair.certificate):
            swap(self.pair)
            csr_of(self.pair).unlink(missing_ok=True)


async def renewed(renewal: Renewal, patience: float, asked: Callable[[], object]) -> bool:
    """Take a new pair as far as it comes now: asked for, granted, proven, put in place.

    Tells whether it is in place. Raises `SidestreamError`; then the old pair stays.
    """
    if await asyncio.to_thread(renewal.settle):
        return True
    if not await asyncio.to_thread(lambda: renewal.granted):
        await asyncio.to_thread(renewal.prepare)
        answer = await renewal.ask(patience, asked)
        if answer is None:
            return False
        await asyncio.to_thread(renewal.keep, answer)
    await renewal.prove()
    await asyncio.to_thread(renewal.install)
    return True


def followed(renewal: Renewal, patience: float, asked: Callable[[], object]) -> bool:
    """Let the running agent renew, and wait for it; tells whether the new pair is in place.

    It sees what was prepared, asks over its link, and puts the pair in place. Raises
    `PermanentError`.
    """
    before = renewal.certificate()
    if not renewal.granted:
        renewal.prepare()
    asked()
    end = time.monotonic() + patience
    while renewal.certificate() == before:
        if time.monotonic() >= end:
            return False
        time.sleep(_LOOK)
    return True


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn an `OSError` of a file into words."""
    try:
        yield
    except OSError as error:
        raise PermanentError(
            f"the file cannot be used ({error.strerror})",
            where=str(path),
            mend="run as the agent's user, or as root",
        ) from error


def _no_key(path: Path) -> PermanentError:
    return PermanentError(
        "not the private key of a client's certificate",
        where=str(path),
        mend="move it away and run this again: a new one is made and asked for",
    )
