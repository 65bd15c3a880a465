"""`python -m agent.cli` is `sidestream`."""

from agent.cli import main

main()
