"""A command group that knows its members' names and help, and imports one only to run it."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose members are given as name → ("module:object", short help)."""

    def __init__(self, *, members: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self._members = members

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members, in the order they are told."""
        return tuple(self._members)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Name the members in the order they are told."""
        return list(self._members)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a member; None when there is no such member."""
        if cmd_name not in self._members:
            return None
        module, _, name = self._members[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{name} is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the member meant; an unknown one is refused, with the one that is most like it."""
        if args[0] not in self._members and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 (only mistakes need it)

            near = difflib.get_close_matches(args[0], list(self._members), n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the members without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._members.items()])
