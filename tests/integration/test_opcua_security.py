"""Secured sessions with a real OPC UA server, and every way in which they must be refused."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from cryptography import x509

from adapters.adapter import Link
from adapters.errors import PermanentError, SidestreamError
from adapters.opcua import OPCUA, OpcUa
from simulation.opcua import OpcUaPlant
from tests.opcuakit import (
    DAY,
    Recorder,
    Wire,
    certificate,
    client_files,
    der,
    key_der,
    running,
    services,
    source,
    write,
)

pytestmark = pytest.mark.integration

RATE = {"rate": "ns=2;s=Rate"}
POLICIES = ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]
EVERY_WAY = [f"{policy}_{mode}" for policy in POLICIES for mode in ("Sign", "SignAndEncrypt")]


def _plant(
    made: x509.Certificate, *, security: list[str] | None = None, **options: Any
) -> OpcUaPlant:
    return OpcUaPlant(
        {"Rate": 1.5},
        security=security or ["None", *EVERY_WAY],
        certificate=der(made),
        key=key_der("server"),
        **options,
    )


def _secured(tmp_path: Path, **settings: Any) -> dict[str, Any]:
    return {"security": "Basic256Sha256", "timeout": "2 s", **client_files(tmp_path), **settings}


def _pin(tmp_path: Path, made: x509.Certificate) -> dict[str, str]:
    return {"server_certificate": write(tmp_path, "server", made)[0]}


def _folder(tmp_path: Path, *made: x509.Certificate) -> dict[str, str]:
    folder = tmp_path / "trusted"
    folder.mkdir()
    for number, each in enumerate(made):
        (folder / f"{number}.der").write_bytes(der(each))
    return {"trusted": str(folder)}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
async def test_values_come_under_each_policy_and_mode(
    tmp_path: Path, policy: str, mode: str
) -> None:
    made, recorder = certificate("server"), Recorder()
    settings = _secured(tmp_path, security=policy, message_mode=mode, **_pin(tmp_path, made))
    async with _plant(made) as plant, running([source(plant.url, RATE, **settings)], recorder):
        await recorder.value("rate", 1.5)


async def test_an_encrypted_session_shows_no_node_on_the_wire(tmp_path: Path) -> None:
    made, recorder = certificate("server"), Recorder()
    settings = _secured(tmp_path, **_pin(tmp_path, made))
    async with _plant(made) as plant, Wire(plant.port) as wire:
        async with running([source(wire.url(plant.url), RATE, **settings)], recorder):
            await recorder.value("rate", 1.5)
        sent = bytes(wire.sent)
    assert b"Rate" not in sent
    assert b"Basic256Sha256" in sent


async def test_a_secured_session_heals_after_a_restart(tmp_path: Path) -> None:
    made, recorder = certificate("server"), Recorder()
    settings = _secured(tmp_path, **_folder(tmp_path, made))
    async with _plant(made) as plant, running([source(plant.url, RATE, **settings)], recorder):
        await recorder.value("rate", 1.5)
        await plant.stop()
        await recorder.down()
        await plant.start()
        await plant.set("Rate", 2.5)
        await recorder.value("rate", 2.5)


async def test_a_user_logs_in_with_the_password_of_a_file(tmp_path: Path) -> None:
    made, recorder = certificate("server"), Recorder()
    password = tmp_path / "password"
    password.write_text("pa55 wörd\n")
    settings = _secured(
        tmp_path, username="reader", password_file=str(password), **_pin(tmp_path, made)
    )
    async with (
        _plant(made, users={"reader": "pa55 wörd"}) as plant,
        running([source(plant.url, RATE, **settings)], recorder),
    ):
        await recorder.value("rate", 1.5)


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
async def test_a_wrong_password_is_refused_with_its_reason(tmp_path: Path, mode: str) -> None:
    made = certificate("server")
    password = tmp_path / "password"
    password.write_text("wrong")
    settings = _secured(
        tmp_path,
        username="reader",
        password_file=str(password),
        message_mode=mode,
        **_pin(tmp_path, made),
    )
    async with _plant(made, users={"reader": "right"}) as plant:
        with pytest.raises(PermanentError, match="does not accept this user"):
            await OPCUA.probe(source(plant.url, RATE, **settings))


async def test_anonymous_is_refused_where_users_are_required(tmp_path: Path) -> None:
    made = certificate("server")
    async with _plant(made, users={"reader": "right"}) as plant:
        with pytest.raises(PermanentError, match="does not accept this user"):
            await OPCUA.probe(source(plant.url, RATE, **_secured(tmp_path, **_pin(tmp_path, made))))


async def test_no_session_is_opened_with_less_security_than_was_written(tmp_path: Path) -> None:
    made, recorder = certificate("server"), Recorder()
    settings = _secured(tmp_path, **_pin(tmp_path, made))
    offers = ["None", "Basic256Sha256_Sign", "Aes256Sha256RsaPss_SignAndEncrypt"]
    async with _plant(made, security=offers) as plant, Wire(plant.port) as wire:
        line = source(wire.url(plant.url), RATE, **settings)
        async with running([line], recorder, OpcUa(slow=0.1)):
            await recorder.down("does not offer Basic256Sha256 SignAndEncrypt")
            await recorder.until(lambda: recorder.latest.failures >= 1)
            assert plant.sessions == 0
        asked = set(services(bytes(wire.sent)))
    assert ua.ObjectIds.CreateSessionRequest_Encoding_DefaultBinary not in asked
    assert "Aes256Sha256RsaPss SignAndEncrypt, Basic256Sha256 Sign, None" in recorder.latest.error
    assert {reading.reason for reading in recorder.readings} == {"disconnected"}


async def test_an_open_session_is_not_taken_from_a_server_that_wants_security(
    tmp_path: Path,
) -> None:
    del tmp_path
    async with _plant(certificate("server"), security=["Basic256Sha256_Sign"]) as plant:
        with pytest.raises(SidestreamError):
            await OPCUA.probe(source(plant.url, RATE))


async def test_another_certificate_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    made, other = certificate("server"), certificate("other")
    settings = _secured(tmp_path, server_certificate=write(tmp_path, "other", other)[0])
    async with _plant(made) as plant:
        with pytest.raises(PermanentError, match="another certificate than `server_certificate`"):
            await OPCUA.probe(source(plant.url, RATE, **settings))


async def test_a_renewed_certificate_of_the_same_key_is_refused_when_one_is_pinned(
    tmp_path: Path,
) -> None:
    made, renewed = certificate("server"), certificate("server")
    async with _plant(renewed) as plant:
        with pytest.raises(PermanentError, match="another certificate"):
            await OPCUA.probe(source(plant.url, RATE, **_secured(tmp_path, **_pin(tmp_path, made))))


async def test_a_certificate_nobody_trusted_is_refused(tmp_path: Path) -> None:
    settings = _secured(tmp_path, **_folder(tmp_path, certificate("other")))
    async with _plant(certificate("server")) as plant:
        with pytest.raises(PermanentError, match=r"not trusted \(SHA-256 "):
            await OPCUA.probe(source(plant.url, RATE, **settings))


async def test_a_certificate_of_a_trusted_authority_is_taken(tmp_path: Path) -> None:
    settings = _secured(tmp_path, **_folder(tmp_path, certificate("ca", authority=True)))
    async with _plant(certificate("server", issuer="ca")) as plant:
        (found,) = await OPCUA.probe(source(plant.url, RATE, **settings))
    assert found.value == 1.5


async def test_a_trusted_server_is_no_authority_for_others(tmp_path: Path) -> None:
    settings = _secured(tmp_path, **_folder(tmp_path, certificate("ca", authority=False)))
    async with _plant(certificate("server", issuer="ca")) as plant:
        with pytest.raises(PermanentError, match="not trusted"):
            await OPCUA.probe(source(plant.url, RATE, **settings))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"host": "192.0.2.1"}, "for another host: 192.0.2.1"),
        ({"ago": 10 * DAY, "ahead": -DAY}, "has expired"),
        ({"ago": -DAY}, "not valid before"),
    ],
)
async def test_a_certificate_with_a_fault_is_refused_and_the_error_says_which(
    tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    settings = _secured(tmp_path, **_folder(tmp_path, certificate("ca", authority=True)))
    async with _plant(certificate("server", issuer="ca", **options)) as plant:
        with pytest.raises(PermanentError, match=text):
            await OPCUA.probe(source(plant.url, RATE, **settings))


@pytest.mark.parametrize("offers", [["None", *EVERY_WAY], EVERY_WAY])
async def test_an_expired_pinned_certificate_is_refused(tmp_path: Path, offers: list[str]) -> None:
    made = certificate("server", ago=timedelta(days=9), ahead=-DAY)
    async with _plant(made, security=offers) as plant:
        with pytest.raises(PermanentError, match="has expired"):
            await OPCUA.probe(source(plant.url, RATE, **_secured(tmp_path, **_pin(tmp_path, made))))


async def test_a_stolen_certificate_without_its_key_is_of_no_use(tmp_path: Path) -> None:
    made = certificate("server")
    settings = _secured(tmp_path, **_pin(tmp_path, made)) | {"timeout": "200 ms"}
    thief = OpcUaPlant(
        {"Rate": 6.66}, security=EVERY_WAY, certificate=der(made), key=key_der("thief")
    )
    async with thief as plant:
        with pytest.raises(SidestreamError):
            await OPCUA.probe(source(plant.url, RATE, **settings))
        assert plant.sessions == 0


async def test_any_server_is_taken_only_where_that_is_written(tmp_path: Path) -> None:
    async with _plant(certificate("server")) as plant:
        (found,) = await OPCUA.probe(source(plant.url, RATE, **_secured(tmp_path, trust_any=True)))
    assert found.value == 1.5


async def test_a_pinned_server_without_open_discovery_is_reached(tmp_path: Path) -> None:
    made = certificate("server")
    async with _plant(made, security=["Basic256Sha256_SignAndEncrypt"]) as plant:
        (found,) = await OPCUA.probe(
            source(plant.url, RATE, **_secured(tmp_path, **_pin(tmp_path, made)))
        )
    assert found.value == 1.5


async def test_a_server_that_does_not_trust_this_client_is_named_as_the_cause(
    tmp_path: Path,
) -> None:
    made, recorder = certificate("server"), Recorder()
    settings = _secured(tmp_path, **_pin(tmp_path, made))
    async with _plant(made, distrust=True) as plant:
        line = source(plant.url, RATE, **settings)
        async with running([line], recorder, OpcUa(slow=0.1)):
            await recorder.down("does not accept this client's certificate")
            plant.distrust = False
            await recorder.value("rate", 1.5)
    assert recorder.latest.link is Link.UP


async def test_a_missing_key_file_is_reported_and_found_when_it_comes(tmp_path: Path) -> None:
    made, recorder = certificate("server"), Recorder()
    settings = _secured(tmp_path, **_pin(tmp_path, made))
    missing = str(tmp_path / "missing.key")
    async with _plant(made) as plant:
        line = source(plant.url, RATE, **{**settings, "private_key": missing})
        async with running([line], recorder, OpcUa(slow=0.1)):
            await recorder.down(f"{missing}: cannot be read")
            write(tmp_path, "missing", certificate("missing"))
            await recorder.down("not the RSA private key of `certificate`")
            shutil.copy(settings["private_key"], missing)
            await recorder.value("rate", 1.5)
