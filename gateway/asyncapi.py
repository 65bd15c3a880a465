"""The wire as one AsyncAPI 3 document: topics, who sends what on them, and the messages' schemas.

Made from the topics and models the code uses (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.federation import pooled_topic, remainders_topic
from gateway.wire import (
    VERSION,
    answer_topic,
    cells_topic,
    partner_topic,
    presence_topic,
    receipts_topic,
    records_topic,
    request_topic,
    roster_topic,
)

_PARAMETERS = {
    "cluster": "Name of the cluster.",
    "pseudonym": "Name of a plant on the broker for a quarter.",
    "partner": "Fingerprint of a partner's key.",
    "cell": "Name of a cell.",
    "account": "An invitation, or the fingerprint of a member's key.",
    "hub": "Fingerprint of a peer's key.",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic: its address, the message on it, who sends it, and whether the broker keeps it."""

    name: str
    address: str
    message: str
    sender: str
    receiver: str
    retained: bool
    summary: str


CHANNELS: Sequence[Channel] = (
    Channel(
        "records",
        records_topic("{cluster}", "{pseudonym}"),
        "envelope",
        "agent",
        "hub",
        retained=False,
        summary="A signed record of one plant for one release window, sealed to the hub.",
    ),
    Channel(
        "receipts",
        receipts_topic("{cluster}", "{pseudonym}"),
        "receipt",
        "hub",
        "agent",
        retained=False,
        summary="Which records the hub has stored, signed by the hub.",
    ),
    Channel(
        "presence",
        presence_topic("{cluster}", "{pseudonym}"),
        "presence",
        "agent",
        "hub",
        retained=True,
        summary="Whether an agent is connected; offline is its last will.",
    ),
    Channel(
        "partner",
        partner_topic("{cluster}", "{partner}"),
        "detail-envelope",
        "agent",
        "partner under contract",
        retained=False,
        summary="Detail of a contract's streams, sealed to the partner; the hub cannot open it.",
    ),
    Channel(
        "roster",
        roster_topic("{cluster}"),
        "roster",
        "hub",
        "members",
        retained=True,
        summary="The quarter, the hub's keys and who counts, without names; signed by the hub.",
    ),
    Channel(
        "join-requests",
        request_topic("{cluster}", "{account}"),
        "parcel",
        "plant that joins",
        "hub",
        retained=False,
        summary="A request to be admitted, sealed to the hub.",
    ),
    Channel(
        "join-answers",
        answer_topic("{cluster}", "{account}"),
        "parcel",
        "hub",
        "plant that joins",
        retained=True,
        summary="An admission, sealed to the plant.",
    ),
    Channel(
        "cells",
        cells_topic("{cluster}", "{cell}"),
        "cell",
        "hub",
        "anyone admitted",
        retained=True,
        summary="The newest window of a cell: the public feed.",
    ),
    Channel(
        "remainders",
        remainders_topic("{cluster}", "{hub}"),
        "envelope",
        "peer hub",
        "pool",
        retained=False,
        summary="A signed remainder of one hub for one window, sealed to the pool.",
    ),
    Channel(
        "pooled",
        pooled_topic("{cluster}", "{hub}"),
        "pooled",
        "pool",
        "peer hub",
        retained=False,
        summary="Cells that the pool has decided, signed by the pool.",
    ),
)
"""Every topic there is."""


def document(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give the AsyncAPI document; `schemas` are the messages' JSON Schemas by name."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sidestream",
            "version": f"{VERSION}",
            "description": "What agents, hubs and subscribers of a cluster say over MQTT.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {one.name: _channel(one) for one in CHANNELS},
        "operations": {name: operation for one in CHANNELS for name, operation in _operations(one)},
        "components": {
            "messages": {one.message: _message(one, schemas[one.message]) for one in CHANNELS}
        },
    }


def _channel(one: Channel) -> dict[str, Any]:
    named = [name for name in _PARAMETERS if f"{{{name}}}" in one.address]
    return {
        "address": one.address,
        "summary": one.summary,
        "parameters": {name: {"description": _PARAMETERS[name]} for name in named},
        "messages": {one.message: {"$ref": f"#/components/messages/{one.message}"}},
    }


def _operations(one: Channel) -> Sequence[tuple[str, dict[str, Any]]]:
    """Give both ends of a channel: what its sender sends, what its receiver receives."""
    channel = {"$ref": f"#/channels/{one.name}"}
    kept = {"mqtt": {"qos": 1, "retain": one.retained, "bindingVersion": "0.2.0"}}
    return (
        (
            f"send-{one.name}",
            {
                "action": "send",
                "channel": channel,
                "summary": f"Sent by: {one.sender}.",
                "bindings": kept,
            },
        ),
        (
            f"receive-{one.name}",
            {"action": "receive", "channel": channel, "summary": f"Received by: {one.receiver}."},
        ),
    )


def _message(one: Channel, schema: dict[str, Any]) -> dict[str, Any]:
    told = schema.get("description", one.summary)
    return {
        "name": one.message,
        "summary": told.split("\n", 1)[0],
        "contentType": "application/json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{one.message}.schema.json"},
        },
    }
