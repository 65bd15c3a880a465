"""Write a report's tables as CSV or as a workbook."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from adapters.errors import PermanentError
from agent.sheets import Sheet

_WIDEST = 40
_FORMATS = {
    "coverage": "0.0%", "uncertain": "0.0%", "lowest coverage": "0.0%", "share at firm": "0.0%",
    "highest uncertain": "0.0%",
}  # fmt: skip
_ODDLY_WRITTEN = ("=", "+", "-", "@", "\t", "\r")


def csv_text(sheet: Sheet) -> str:
    """Write a table as CSV (RFC 4180, numbers to the last bit), with LF at the end of lines."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(sheet.columns)
    writer.writerows([_inert(cell) for cell in row] for row in sheet.rows)
    return buffer.getvalue()


def _inert(cell: object) -> object:
    """Keep spreadsheets from taking a text for a formula."""
    odd = isinstance(cell, str) and cell.startswith(_ODDLY_WRITTEN)
    return f"'{cell}" if odd else cell


def workbook(sheets: Sequence[Sheet]) -> bytes:
    """Write tables as an XLSX workbook, a sheet each.

    Raises `PermanentError` when the library for it, an optional one, is not installed.
    """
    try:
        from openpyxl import Workbook  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise PermanentError(
            "workbooks need the library openpyxl, which is not installed",
            where="--format xlsx",
            mend='pip install "sidestream[report]" where sidestream is installed, or --format csv',
        ) from error
    book = Workbook()
    if book.active is not None:
        book.remove(book.active)
    for sheet in sheets:
        _fill(book.create_sheet(sheet.name), sheet)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _fill(page: Any, sheet: Sheet) -> None:
    from openpyxl.styles import Font  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    for number, row in enumerate((sheet.columns, *sheet.rows), start=1):
        for at, value in enumerate(row, start=1):
            cell = page.cell(number, at, value)
            if isinstance(value, str):
                cell.data_type = "s"  # a text that begins with "=" is no formula
            if number == 1:
                cell.font = Font(bold=True)
            elif sheet.columns[at - 1] in _FORMATS:
                cell.number_format = _FORMATS[sheet.columns[at - 1]]
    for at, name in enumerate(sheet.columns):
        texts = [name, *(row[at] for row in sheet.rows if isinstance(row[at], str))]
        width = max(len(str(text)) for text in texts)
        page.column_dimensions[get_column_letter(at + 1)].width = min(max(width, 8) + 2, _WIDEST)
    page.freeze_panes = "B2"
