"""DataFrames as a runbook shows them: whole, plain, and saying what they leave out."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from lexikon_runbook.schema import frames
from lexikon_runbook.schema.frames import TIME, frame

TYPES = {"name": "string", "rows": "Int64", "total_bytes": "Int64", "readable": "boolean"}


def test_bytes_are_shown_in_words_and_kept_as_numbers() -> None:
    """A reader sees 8.1 MB, and a filter by it works."""
    made = frame([("terms", 12907, 8493466, True)], TYPES)
    assert "12,907" in frames.text(made)
    assert "8.1 MB" in frames.text(made)
    assert made["total_bytes"].sum() == 8493466
    assert list(made.query("total_bytes > 8_000_000")["name"]) == ["terms"]


def test_what_is_not_known_says_so() -> None:
    """Never 0 and never no; a text that is not there is left empty."""
    made = frame([("terms", None, None, None), (None, 0, 0, False)], TYPES)
    first, second = frames.text(made).splitlines()[2:4]
    assert first.split() == ["terms", *["unknown"] * 3]
    assert second.split() == ["0", "0", "bytes", "no"]


def test_a_column_that_says_nothing_new_is_told_under_the_table() -> None:
    """By its name and value, so that nothing is left out in silence."""
    made = frame([(name, 1, n, None) for n, name in enumerate("abcd")], TYPES)
    made["why"] = pd.array([None] * 4, dtype="string")
    heading, *_, said = frames.text(made).splitlines()
    assert heading.split() == ["name", "total_bytes"]
    assert said.strip() == "In every row: rows 1, readable unknown. Empty in every row: why."


def test_a_column_set_aside_is_named_under_the_table() -> None:
    """Too long to stand beside the others; a reader is told where it is."""
    made = frame([("a", 1, "CREATE")], {"name": "string", "rows": "Int64", "definition": "string"})
    made = frames.set_aside(made, "definition")
    assert "CREATE" not in frames.text(made)
    assert "In the value besides, not shown: definition." in frames.text(made)
    assert "CREATE" in frames.text(made[["name", "definition"]])


def test_more_rows_than_are_shown_are_counted() -> None:
    """Above the limit the display says how many there are, and how to see the rest."""
    made = frame([(str(n), n, n, True) for n in range(frames.SHOWN + 5)], TYPES)
    assert "Shown are the first 1,000 of 1,005 rows" in frames.text(made)
    assert frames.html(made).count("<tr>") == frames.SHOWN + 1
    assert "Shown are" not in frames.text(made.head(frames.SHOWN))


def test_html_is_escaped_and_numbers_stand_to_the_right() -> None:
    """Names in a database are anybody's."""
    made = frame([("<script>alert('x')</script>\n&", 1, 2, True)], TYPES)
    made = made.rename(columns={"rows": "<i>"})
    shown = frames.html(made)
    assert "<script>" not in shown
    assert "<i>" not in shown
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in shown
    assert "text-align:right" in shown


def test_what_a_reader_made_of_a_frame_is_shown_as_well() -> None:
    """Grouped, with an index that has a name, times, lists, columns without a name."""
    at = dt.datetime(2026, 11, 25, 3, 12, tzinfo=dt.UTC)
    made = frame([("a", at), ("b", None)], {"name": "string", "at": TIME})
    assert "2026-11-25\u00a003:12" in frames.text(made)
    grouped = frame([("a", 1), ("a", 2)], {"name": "string", "rows": "Int64"}).groupby("name").sum()
    assert frames.text(grouped).split() == ["name", "rows", "----", "----", "a", "3"]
    assert "x, y" in frames.text(pd.DataFrame({0: [["x", "y"]], 1: [0.5]}))
    assert frames.text(pd.DataFrame()) == "  None."


def test_printed_frames_are_whole_too() -> None:
    """pandas itself cuts neither rows nor columns nor long texts below the limit."""
    with pd.option_context("display.max_rows", 5, "display.max_columns", 5):
        frames.set_options()
        wide = pd.DataFrame({f"column_{n}": ["v" * 200] * 300 for n in range(40)})
        assert "..." not in str(wide)
