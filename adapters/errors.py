"""The one error tree: what went wrong, where, and what to do; whether to retry is the type."""


class SidestreamError(Exception):
    """An error a person may see.

    `what` says what is wrong, `where` the file, key, device or register, `mend` the next step
    (a command to run or a value to change). Empty parts are left out of the text.
    """

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  → {self.mend}" if self.mend else text


class TransientError(SidestreamError):
    """Trying again later may help: a cut link, a busy device, a broker that is away."""


class PermanentError(SidestreamError):
    """Nothing changes until somebody acts: a wrong file, a refused certificate, a missing key."""
