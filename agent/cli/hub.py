"""`sidestream hub`: everything a cluster's operator does."""

from agent.cli.lazy import LazyGroup

hub = LazyGroup(
    name="hub",
    help="""Run and inspect a cluster's hub.

    \b
    Example:
      sidestream hub key hub.toml --create
      sidestream hub run hub.toml
      sidestream hub cells hub.toml
    """,
    members={
        "run": ("agent.cli.hub_run:run", "Run the hub."),
        "check": ("agent.cli.hub_run:check", "Check a hub file and show what it means."),
        "key": ("agent.cli.hub_run:key", "Show the hub's public key, making it if asked to."),
        "invite": ("agent.cli.hub_members:invite", "Write an invitation for a plant."),
        "requests": ("agent.cli.hub_members:requests", "Show who asks to join."),
        "admit": ("agent.cli.hub_members:admit", "Admit a plant that has asked to join."),
        "renew": ("agent.cli.hub_renew:renew", "Grant members' new certificates."),
        "retire": ("agent.cli.hub_members:retire", "Let a member leave."),
        "roster": ("agent.cli.hub_members:roster", "Show the members and when they count."),
        "backup": ("agent.cli.hub_copies:backup", "Copy the ledger while the hub runs."),
        "restore": ("agent.cli.hub_copies:restore", "Make a damaged ledger anew, from a copy too."),
        "broker-config": (
            "agent.cli.hub_broker:broker_config",
            "Write the broker's configuration and access control.",
        ),
        "confine": ("agent.cli.confine:confine_hub", "Hold the service to what it must reach."),
        "status": ("agent.cli.hub_status:status", "Show members, records, cells and links."),
        "explore": ("agent.cli.hub_explore:explore", "Show what other rules would have released."),
        "federation": (
            "agent.cli.hub_federation:federation",
            "Show how the hub pools with others.",
        ),
        "cells": ("agent.cli.hub_status:cells", "Show decided cells, and why some are withheld."),
    },
)
