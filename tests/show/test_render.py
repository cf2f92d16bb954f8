"""Cards and tables as plain text: what a terminal shows, and what is copied out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexikon_runbook.show.render import Card, Table
from lexikon_runbook.targets.settings import Target

COMMAND = "alembic -c /srv/lexikon-backend/alembic-of-the-app.ini merge -m 'merge-the-heads' a b"
LONG = "public.a_table_whose_name_is_as_long_as_postgresql_lets_a_name_be-x"


def test_a_path_with_hyphens_is_not_broken_in_a_card() -> None:
    """A command that is wrapped breaks between its words only, so it can be copied."""
    text = Card(
        "Next", [("Command", f"run this when everybody has agreed to it: {COMMAND}")]
    ).text()
    assert len(text.splitlines()) > 2
    assert "/srv/lexikon-backend/alembic-of-the-app.ini" in text
    assert " ".join(text.split()).endswith(COMMAND)


def test_a_long_name_is_whole_in_a_table() -> None:
    """The column gets as wide as the name, and the next one starts behind it."""
    lines = Table(["table", "rows"], [[LONG, "7"], ["public.b", "12"]], numbers=(1,)).text()
    head, _, first, second = lines.splitlines()
    assert first == f"  {LONG}     7"
    assert {len(line) for line in (head, first, second)} == {len(first)}


def test_a_long_password_is_masked_in_a_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Wherever it stands, and however narrow the column is."""
    secret = "s3cret-" * 12
    monkeypatch.setenv("HERE_URL", f"postgresql://app:{secret}@127.0.0.1/lexikon")
    shown = Table(["query"], [[f"select dblink_connect('{secret}') from a_table_of_some_name"]])
    text = Target("here", tmp_path, url_env="HERE_URL").mask(shown.text())
    assert "s3cret" not in text
    assert "dblink_connect('***')" in text
