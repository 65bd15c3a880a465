"""The program as click reads it: a group of commands, each imported when it is called."""

import click

from agent.cli.lazy import LazyGroup
from agent.cli.members import ABOUT, MEMBERS, NAME

sidestream = LazyGroup(name=NAME, help=ABOUT, members=MEMBERS)
click.version_option(package_name=NAME)(sidestream)
