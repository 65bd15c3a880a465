"""What the hub's files need of its operator: certificates run out, others can read its keys.

Certificates are its own, and those that members wait for.
"""

import stat
from pathlib import Path

from config.hub_plan import HubPlan
from gateway.certificates import broker_files, runs_out, warning
from gateway.hub.renewals import overdue

_CREDENTIALS = "/run/credentials/"
_MEND = "chmod 600"


def upkeep(plan: HubPlan, now: int) -> list[str]:
    """Say what is to be mended of the hub's files; reads them, so call it from a worker thread."""
    files = broker_files(plan.broker)
    ends = {name: (path, runs_out(path)) for name, path in files.items()}
    told = [
        f"certificate {name}: {text}: {path}"
        for name, (path, end) in ends.items()
        if end is not None and (text := warning(end, now))
    ]
    return [*told, *overdue(plan, now), *_open_to_others(plan)]


def _open_to_others(plan: HubPlan) -> list[str]:
    tls = plan.broker.tls
    terms = plan.federation
    pool = () if terms is None else (terms.owner_key_file, terms.broker.password_file)
    own = (plan.key_file, plan.broker.password_file, plan.store.token_file, *pool)
    named = (*own, tls.key if tls is not None else None)
    secrets = [Path(name) for name in named if name is not None]
    return [
        f"others than its owner can read a secret: `{_MEND} {path}`"
        for path in secrets
        if _mode(path) & (stat.S_IRWXG | stat.S_IRWXO)
    ]


def _mode(path: Path) -> int:
    # systemd hands credentials over by an access list, which shows as a right of the group.
    if str(path).startswith(_CREDENTIALS):
        return 0
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
