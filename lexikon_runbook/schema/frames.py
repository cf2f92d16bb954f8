"""pandas DataFrames as a runbook shows them: whole, plain, the same in HTML and in text. Pure.

Bytes are shown in words and counts with their thousands; the values stay numbers. A column that
is empty or the same in every row is said under the table, by name, in place of shown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..show.render import Block, Card, Line, Table, size

SHOWN = 1000  # rows; more make a notebook slow to open
SAME_FROM = 2  # rows
NOTES = "notes"  # in a frame's `attrs`: lines that are shown under it
ASIDE = "aside"  # and the columns that are not shown while all of those others are there
UNKNOWN = "unknown"
TIME = "datetime64[us, UTC]"


def frame(
    rows: Iterable[Sequence[Any]], types: Mapping[str, str], notes: Sequence[str] = ()
) -> pd.DataFrame:
    """Rows as a DataFrame with these columns and their types, and notes to show under it."""
    made = pd.DataFrame(list(rows), columns=list(types)).astype(dict(types))
    made.attrs[NOTES] = list(notes)
    return made


def set_aside(of: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The frame, these columns too long to stand beside its others; shown where some are picked."""
    of.attrs[ASIDE] = ([name for name in of.columns if name not in columns], list(columns))
    return of


def blocks(of: pd.DataFrame, title: str = "") -> list[Block]:
    """A frame as a table with what has to be said under it."""
    heading: list[Block] = [Card(f"{title}: {len(of):,}")] if title else []
    notes: list[Block] = [Line(note) for note in of.attrs.get(NOTES, ())]
    whole = _with_index(of)
    if whole.empty:
        return [*(heading or [Line("None.")]), *notes]
    folded = _folded(whole)
    others, aside = of.attrs.get(ASIDE, ((), []))
    if not set(others) <= set(whole.columns):
        aside = []
    unseen = {*folded, *aside}
    kept = [i for i, name in enumerate(whole.columns) if str(name) not in unseen]
    shown = whole.iloc[:SHOWN, kept]
    columns = [_column(str(shown.columns[i]), shown.iloc[:, i]) for i in range(len(kept))]
    numbers = [i for i in range(len(kept)) if _is_number(shown.dtypes.iloc[i])]
    table = Table([str(c) for c in shown.columns], list(zip(*columns, strict=True)), (), numbers)
    said = _said({name: folded[name] for name in folded if name not in aside}, aside)
    under: list[Block] = [Line(text) for text in (said, _left_out(whole)) if text]
    return [*heading, table, *under, *notes]


def html(of: pd.DataFrame) -> str:
    """A frame as escaped HTML."""
    return "".join(block.html() for block in blocks(of))


def text(of: pd.DataFrame) -> str:
    """A frame as plain text."""
    return "\n".join(block.text() for block in blocks(of))


def _with_index(of: pd.DataFrame) -> pd.DataFrame:
    """The frame, its index as columns where it is more than the number of a row."""
    named = any(name is not None for name in of.index.names)
    return of.reset_index() if named and not set(of.index.names) & set(of.columns) else of


def _folded(whole: pd.DataFrame) -> dict[str, str]:
    """The columns that need no column: what each says in every row, "" for nothing."""
    found = {}
    for i, name in enumerate(whole.columns):
        values = _column(str(name), whole.iloc[:, i])
        first = values[0]
        same = all(value == first for value in values)
        if same and (first == "" or (len(values) >= SAME_FROM and len(first) <= 60)):
            found[str(name)] = first
    return found if len(found) < len(whole.columns) else {}


def _said(folded: Mapping[str, str], aside: Sequence[str]) -> str:
    same = [f"{name} {value}" for name, value in folded.items() if value]
    empty = [name for name, value in folded.items() if not value]
    parts = [f"In every row: {', '.join(same)}." if same else ""]
    parts.append(f"Empty in every row: {', '.join(empty)}." if empty else "")
    parts.append(f"In the value besides, not shown: {', '.join(aside)}." if aside else "")
    return " ".join(filter(None, parts))


def _left_out(whole: pd.DataFrame) -> str:
    if len(whole) <= SHOWN:
        return ""
    return (
        f"Shown are the first {SHOWN:,} of {len(whole):,} rows; the value holds all of them "
        "(.query(...), .iloc[...], .to_csv(...))."
    )


def _column(name: str, values: pd.Series[Any]) -> list[str]:
    as_text = _writer(name, values.dtype)
    return [as_text(value) for value in values]


def _writer(name: str, dtype: Any) -> Callable[[Any], str]:
    """How the values of a column are written; what is not known says so where it matters."""
    if pd.api.types.is_bool_dtype(dtype):
        return lambda value: UNKNOWN if pd.isna(value) else "yes" if value else "no"
    if pd.api.types.is_integer_dtype(dtype):
        number: Callable[[Any], str] = size if name.endswith("bytes") else "{:,}".format
        return lambda value: UNKNOWN if pd.isna(value) else number(int(value))
    if pd.api.types.is_float_dtype(dtype):
        return lambda value: UNKNOWN if pd.isna(value) else f"{value:,.1f}"
    if pd.api.types.is_datetime64_any_dtype(dtype):  # in one line, by a non-breaking space
        return lambda value: "" if pd.isna(value) else f"{value:%Y-%m-%d\u00a0%H:%M}"
    if isinstance(dtype, pd.CategoricalDtype):  # short words, which stay together
        return lambda value: _words(value).replace(" ", "\u00a0")
    return _words


def _words(value: Any) -> str:
    """A text as it is; a list as its parts."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None or value is pd.NA or value != value else str(value)


@functools.cache
def _is_number(dtype: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype))


def set_options() -> None:
    """Have pandas itself leave out nothing up to SHOWN rows, and say so beyond. Writes its options.

    For what a person prints; a notebook shows frames by `html` and `text`.
    """
    options = ("max_rows", SHOWN), ("min_rows", SHOWN), ("max_columns", None)
    for name, value in (*options, ("max_colwidth", None), ("width", None)):
        pd.set_option(f"display.{name}", value)
