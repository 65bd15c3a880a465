"""`sidestream partner`: detail for whom a plant has a contract with, on both sides."""

from agent.cli.lazy import LazyGroup

partner = LazyGroup(
    name="partner",
    help="""Give contract partners detail; open it as such a partner.

    A partner makes a key, the plant adds it to its file under a contract, and from then on the
    agent seals detail of the named streams to that partner alone, until the contract ends.

    \b
    Example:
      sidestream partner key partner.key --create
      sidestream partner add cement plant.toml --key sspartner1_… \\
          --contract 2026-17 --stream slag --until 2027-01-01
      sidestream partner open messages.txt --from ssplant1_…
    """,
    members={
        "key": ("agent.cli.partner_key:key", "Show a partner's public key, making it if asked to."),
        "add": ("agent.cli.partner_add:add", "Add a partner to a plant file, under a contract."),
        "list": ("agent.cli.partner_list:list_", "List a plant's partners and what waits."),
        "end": ("agent.cli.partner_end:end", "End a contract at once, whatever the file says."),
        "listen": (
            "agent.cli.partner_listen:listen",
            "Hear what is sent to a partner, and open it.",
        ),
        "open": ("agent.cli.partner_open:open_", "Open what came for a partner, as CSV or JSON."),
    },
)
