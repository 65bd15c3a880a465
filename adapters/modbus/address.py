"""Register numbers as manuals print them, turned into a table and an address on the wire."""

from typing import Literal

Table = Literal["holding", "input", "coil", "discrete"]
Numbering = Literal["4xxxx", "0-based", "1-based"]
ADDRESSES = 65_536
"""Addresses in one table."""

_TABLES: dict[int, Table] = {0: "coil", 1: "discrete", 3: "input", 4: "holding"}
_DIGITS: dict[Table, int] = {"coil": 0, "discrete": 1, "input": 3, "holding": 4}
_FIVE_DIGITS = 10_000
_SIX_DIGITS = 100_000


def locate(register: int, table: Table | None, numbering: Numbering) -> tuple[Table, int]:
    """Give the table and the 0-based address a register number stands for.

    `4xxxx`: the leading digit names the table and counting starts at 1, in five digits (40001 is
    holding 0, 30001 input 0, 10001 discrete 0, 1 to 9999 coils 0 to 9998) or six (400001 is holding
    0, up to 465536). `0-based`: the address itself; `1-based`: the address plus one; in both the
    table is `table`, or holding. Raises ValueError saying what is accepted.
    """
    if numbering == "4xxxx":
        return _numbered(register, table)
    first = 1 if numbering == "1-based" else 0
    address = register - first
    if not 0 <= address < ADDRESSES:
        raise ValueError(
            f"register {register} is not in {first} to {ADDRESSES - 1 + first}, "
            f'which numbering = "{numbering}" accepts'
        )
    return table or "holding", address


def placed(
    register: int, table: Table | None, numbering: Numbering, shift: int
) -> tuple[Table, int]:
    """Give a register's table and address on the wire, of a device whose map is off by `shift`.

    Raises ValueError when it has none.
    """
    found, address = locate(register, table, numbering)
    if not 0 <= address + shift < ADDRESSES:
        raise ValueError(f"register {register} with shift = {shift} is not in its table")
    return found, address + shift


def _numbered(register: int, table: Table | None) -> tuple[Table, int]:
    scale = _FIVE_DIGITS if register < _SIX_DIGITS else _SIX_DIGITS
    digit, number = divmod(register, scale)
    implied = _TABLES.get(digit)
    if implied is None or not 1 <= number <= ADDRESSES or (scale, digit) == (_SIX_DIGITS, 0):
        raise ValueError(
            f'register {register} is not a number of numbering = "4xxxx" (1-9999, 10001-19999, '
            "30001-39999, 40001-49999, or six digits such as 400001); "
            'set numbering to "0-based" or "1-based" on the source'
        )
    if table is not None and table != implied:
        raise ValueError(
            f'register {register} in numbering = "4xxxx" is in table "{implied}", '
            f'not "{table}"; write {_example(number, table)}, '
            'or set numbering to "0-based" or "1-based" on the source'
        )
    return implied, number - 1


def _example(number: int, table: Table) -> int:
    scale = _FIVE_DIGITS if number < _FIVE_DIGITS else _SIX_DIGITS
    return _DIGITS[table] * scale + number
