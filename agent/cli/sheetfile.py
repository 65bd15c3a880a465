"""Write a report's tables as CSV or as a workbook."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from adapters.errors import PermanentError
from agent.reporting.sheets import Sheet

_NARROWEST, _NUMBER, _WIDEST = 8, 14, 60
_SHARE, _AMOUNT, _HOURS, _COUNT = "0.0%", "#,##0.000", "#,##0.00", "#,##0"
_FORMATS = {
    **dict.fromkeys(
        ("coverage", "uncertain", "measured", "spread", "doubtful", "missing", "lowest coverage",
         "highest uncertain", "share at firm", "share of heat", "relative"), _SHARE,
    ),
    **dict.fromkeys(("hours missing", "hours observed"), _HOURS),
    **dict.fromkeys(
        ("batches", "windows", "hours", "streams", "streams measured", "streams stating"), _COUNT
    ),
}  # fmt: skip
"""How the numbers of a column are shown; of any other, as a quantity."""
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
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415

    for number, row in enumerate((sheet.columns, *sheet.rows), start=1):
        for at, value in enumerate(row, start=1):
            cell = page.cell(number, at, value)
            if isinstance(value, str):
                cell.data_type = "s"  # a text that begins with "=" is no formula
                cell.alignment = Alignment(wrap_text=len(value) > _WIDEST, vertical="top")
            elif value is not None:
                cell.number_format = _FORMATS.get(sheet.columns[at - 1], _AMOUNT)
            if number == 1:
                cell.font = Font(bold=True)
    _lay_out(page, sheet)


def _lay_out(page: Any, sheet: Sheet) -> None:
    """Set widths, keep the header and the first column in view, and fit the width on paper."""
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    for at, name in enumerate(sheet.columns):
        texts = [name, *(row[at] for row in sheet.rows if isinstance(row[at], str))]
        width = max(len(str(text)) for text in texts)
        numbers = any(isinstance(row[at], float) for row in sheet.rows)
        least = _NUMBER if numbers else _NARROWEST
        page.column_dimensions[get_column_letter(at + 1)].width = min(
            max(width + 2, least), _WIDEST
        )
    page.freeze_panes = "B2"
    page.auto_filter.ref = page.dimensions
    page.print_title_rows = "1:1"
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
