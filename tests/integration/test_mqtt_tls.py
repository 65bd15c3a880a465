"""TLS to a real broker: each bad certificate is refused in its own words, never in plain text."""

import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from config.plan import TlsPlan
from tests.links import broker, connected, eventually, kept, trust
from tests.pki import Authority, Pair, self_signed
from tests.proxy import proxy
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]

SERVERS: dict[str, tuple[Callable[[Authority], Pair], str]] = {
    "expired": (Authority.expired, "the broker's certificate has expired"),
    "early": (Authority.not_yet_valid, "the broker's certificate is not yet valid"),
    "wrong name": (Authority.wrong_name, "the broker's certificate is for another name"),
    "wrong authority": (
        lambda ca: Authority(ca.folder / "other", "Other authority").server(),
        "the broker's certificate comes from an unknown authority",
    ),
    "authority of the same name": (
        lambda ca: Authority(ca.folder / "same", ca.name).server(),
        "the broker's certificate comes from another authority of the same name",
    ),
    "self-signed": (
        lambda ca: self_signed(ca.folder / "self"),
        "the broker's certificate is self-signed and not trusted",
    ),
}


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_good_certificate_is_accepted_by_address_and_by_name(
    mosquitto: MosquittoMaker, ca: Authority, host: str
) -> None:
    server = mosquitto(tls=ca.server())
    async with proxy(server.port) as between:
        plan = broker(between.port, trust(ca.path), client_id="agent")
        async with connected(plan) as link:
            await link.now.publish("in/secret", b"PLAINTEXT")
        assert between.sent
        assert b"PLAINTEXT" not in between.sent
        assert b"MQTT" not in between.sent


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_bad_certificate_is_refused_in_its_own_words_and_nothing_is_sent(
    mosquitto: MosquittoMaker, ca: Authority, kind: str
) -> None:
    make, words = SERVERS[kind]
    server = mosquitto(tls=make(ca))
    async with proxy(server.port) as between:
        plan = broker(between.port, trust(ca.path), username="u", password="PLAINTEXT")
        async with kept(plan) as link:
            await eventually(lambda: link.told(words))
            await eventually(lambda: between.accepted > 1)
            assert not link.connections
        others = [each for _, each in SERVERS.values() if each != words]
        assert not any(link.told(each) for each in others)
        assert b"PLAINTEXT" not in between.sent
        assert b"MQTT" not in between.sent


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
async def test_a_missing_client_certificate_is_named(
    mosquitto: MosquittoMaker, ca: Authority, version: str
) -> None:
    server = mosquitto(f"tls_version {version}", tls=ca.server(), client_ca=ca.path)
    async with kept(broker(server.port, trust(ca.path))) as link:
        await eventually(lambda: link.states)
        # At once, although the broker hangs up while the client still sends.
        assert "the broker requires a client certificate" in link.states[0].detail
        assert link.told("set `certificate` and `key`")


async def test_a_client_certificate_names_the_client(
    mosquitto: MosquittoMaker, ca: Authority
) -> None:
    acl = "user plant-7\ntopic readwrite mine\n"
    server = mosquitto(tls=ca.server(), client_ca=ca.path, acl=acl)
    async with connected(broker(server.port, trust(ca.path, ca.client("plant-7")))) as link:
        await link.now.publish("mine", b"")


async def test_a_certificate_whose_name_has_no_account_is_told(
    mosquitto: MosquittoMaker, ca: Authority
) -> None:
    # With names from certificates off, a broker asks for a login although it knows the certificate.
    server = mosquitto(
        "use_identity_as_username false", tls=ca.server(), client_ca=ca.path, users={"a": "b"}
    )
    async with kept(broker(server.port, trust(ca.path, ca.client("plant-7")))) as link:
        await eventually(
            lambda: link.told("the broker does not admit the name in this client's certificate")
        )


async def test_a_client_certificate_that_was_revoked_is_told(
    mosquitto: MosquittoMaker, ca: Authority
) -> None:
    client = ca.client("plant-7")
    server = mosquitto(f"crlfile {ca.revoke(client)}", tls=ca.server(), client_ca=ca.path)
    async with kept(broker(server.port, trust(ca.path, client))) as link:
        await eventually(
            lambda: (
                link.told("the client certificate was revoked")
                or link.told("the broker refused the client certificate")
            )
        )


async def test_a_client_certificate_of_another_authority_is_told(
    mosquitto: MosquittoMaker, ca: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "other", "Other authority").client()
    server = mosquitto(tls=ca.server(), client_ca=ca.path)
    async with kept(broker(server.port, trust(ca.path, stranger))) as link:
        await eventually(
            lambda: link.told("the broker does not know the authority of the client certificate")
        )


async def test_an_expired_client_certificate_is_mended_by_new_files_without_a_restart(
    mosquitto: MosquittoMaker, ca: Authority
) -> None:
    old = ca.client("plant", ago=timedelta(days=2), ahead=-timedelta(days=1))
    server = mosquitto(tls=ca.server(), client_ca=ca.path)
    async with kept(broker(server.port, trust(ca.path, old))) as link:
        await eventually(lambda: link.told("the client certificate has expired"))
        assert ca.client("plant") == old  # the same paths, written anew
        await eventually(lambda: link.up)


async def test_an_expired_broker_certificate_is_mended_without_a_restart_of_the_client(
    mosquitto: MosquittoMaker, ca: Authority
) -> None:
    server = mosquitto(tls=ca.server(ago=timedelta(days=2), ahead=-timedelta(days=1)))
    async with kept(broker(server.port, trust(ca.path))) as link:
        await eventually(lambda: link.told("has expired"))
        ca.server()
        server.restart()
        await eventually(lambda: link.up)


async def test_tls_to_a_plain_port_never_falls_back_to_plain_text(
    mosquitto: MosquittoMaker, ca: Authority
) -> None:
    async with proxy(mosquitto().port) as between:
        async with kept(broker(between.port, trust(ca.path))) as link:
            await eventually(lambda: link.told("check that this port speaks TLS"))
            await eventually(lambda: between.accepted > 1)
        assert b"MQTT" not in between.sent
        assert not link.connections


async def test_plain_text_to_a_tls_port_is_told(mosquitto: MosquittoMaker, ca: Authority) -> None:
    async with kept(broker(mosquitto(tls=ca.server()).port)) as link:
        await eventually(lambda: link.told("check that this port speaks MQTT without TLS"))


async def test_many_packets_in_one_tls_record_are_all_read(
    mosquitto: MosquittoMaker, ca: Authority
) -> None:
    """What TLS has decrypted and nobody has read no longer makes the socket readable."""
    server, pair = mosquitto(), ca.server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with (
        proxy(server.port, context) as balancer,
        connected(broker(balancer.port, trust(ca.path))) as reader,
        connected(broker(server.port)) as writer,
    ):
        await reader.now.subscribe("t")
        balancer.flowing.clear()
        await writer.now.publish("t", b"let by, for it was waited for already", qos=0)
        await eventually(reader.now.pending)
        for n in range(300):
            await writer.now.publish("t", str(n).encode(), qos=0)
        await writer.now.publish("u", b"behind them")
        balancer.flowing.set()
        await eventually(lambda: reader.now.pending() == 301, seconds=5)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("ca", "the file cannot be read (No such file or directory)"),
        ("ca text", "holds no CA certificate in PEM form"),
        ("key", "the file cannot be read (No such file or directory)"),
        ("other key", "the key does not belong to the client certificate"),
        ("key text", "the client certificate or its key is not an unencrypted PEM file"),
    ],
)
async def test_a_bad_file_is_told_by_its_path(
    ca: Authority, tmp_path: Path, broken: str, words: str
) -> None:
    client, other = ca.client("a"), ca.client("b")
    text = tmp_path / "text"
    text.write_text("not a certificate")
    missing = tmp_path / "missing"
    certificate = str(client.certificate)
    plans = {
        "ca": (TlsPlan(str(missing)), missing),
        "ca text": (TlsPlan(str(text)), text),
        "key": (TlsPlan(str(ca.path), certificate, str(missing)), missing),
        "other key": (TlsPlan(str(ca.path), certificate, str(other.key)), other.key),
        "key text": (TlsPlan(str(ca.path), certificate, str(text)), text),
    }
    plan, path = plans[broken]
    async with kept(broker(1, plan)) as link:
        await eventually(lambda: link.states)
        assert link.told(words)
        assert link.told(str(path))
