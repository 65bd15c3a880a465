"""The agent as a running program: its parts, their supervision, its state, its way to the hub."""
