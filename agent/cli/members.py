"""What the program is and the names of its commands: known before anything is imported."""

from collections.abc import Mapping

NAME = "sidestream"
ABOUT = """Read plant meters, publish what betrays nobody.

\b
Example:
  sidestream check plant.toml
  sidestream probe plant.toml
  sidestream run plant.toml
"""
MEMBERS: Mapping[str, tuple[str, str]] = {
    "run": ("agent.cli.run:run", "Run a plant's agent."),
    "check": ("agent.cli.check:check", "Check a plant file and show what it means."),
    "probe": ("agent.cli.probe:probe", "Read every point once and show what came."),
    "points": ("agent.cli.points:points", "Take points to a spreadsheet and back."),
    "profiles": ("agent.cli.profiles:profiles", "List the device profiles that are known."),
    "status": ("agent.cli.status:status", "Show how a running agent is doing."),
    "released": ("agent.cli.released:released", "Show what left the plant, in plain text."),
    "preview": ("agent.cli.preview:preview", "Show what would leave with a plant file."),
    "withdraw": ("agent.cli.withdraw:withdraw", "Take a stream back: nothing of it leaves."),
    "partner": ("agent.cli.partner:partner", "Give contract partners detail, or open it."),
    "events": ("agent.cli.events:events", "Show what happened to meters and records."),
    "report": ("agent.cli.report:report", "Report the year by stream, code and treatment."),
    "backfill": ("agent.cli.backfill:backfill", "Fill totals from a historian's file."),
    "join": ("agent.cli.join:join", "Join a cluster by its hub's invitation."),
    "renew": ("agent.cli.renew:renew", "Renew the client certificate at the hub."),
    "key": ("agent.cli.key:key", "Show the plant's public key, making the key if asked to."),
    "confine": ("agent.cli.confine:confine", "Hold the service to what it must reach."),
    "schema": ("agent.cli.schema:schema", "Print a JSON Schema of a file or message."),
    "hub": ("agent.cli.hub:hub", "Run and inspect a cluster's hub."),
    "simulate": ("simulation.simulate:simulate", "Run a simulated plant to try things on."),
    "demo": ("simulation.demo:demo", "Run plants, broker and hub together and check them."),
}
"""Each command's module and object, and what it does in a line."""


def help_text() -> str:
    """Write what `sidestream --help` says in 80 columns or more, as click does."""
    longest = max(map(len, MEMBERS))
    about = ABOUT.replace("\b\n", "").rstrip().split("\n")
    lines = [
        f"Usage: {NAME} [OPTIONS] COMMAND [ARGS]...",
        "",
        *(f"  {line}".rstrip() for line in about),
        "",
        "Options:",
        "  --version  Show the version and exit.",
        "  --help     Show this message and exit.",
        "",
        "Commands:",
        *(f"  {name:{longest}}  {text}" for name, (_, text) in MEMBERS.items()),
    ]
    return "\n".join(lines)
