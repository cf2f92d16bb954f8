"""The troubleshoot notebook, run as CI or a cron job runs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import runs
from servers import Database


def test_the_notebook_runs_headless_on_a_broken_project(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """Exit 0; the counts, the trouble and what mends it in the log; all of it in the record."""
    project = runs.make(tmp_path, lexikon())
    version = next(project.folder.glob("alembic/versions/f36*"))
    version.write_text(version.read_text().replace("def upgrade(", "def upgrade(:"))
    ended = project.run("troubleshoot", error="SyntaxError: invalid syntax")
    assert ended.exit_code == 0, ended.err
    first = ended.record["diagnosis"]["found"][0]
    assert ended.record["diagnosis"]["found"][1:] == []
    assert (first["id"], first["explains_error"]) == ("syntax-error", True)
    assert re.search(r"diagnose: 1 found, \d+ ruled out, \d+ not known", ended.err), ended.err
    (line,) = re.findall(r"certain, danger: .*", ended.err)
    assert f"{version.name}:" in line
    assert "Mend: " in line
    unknown = [each["because"] for each in ended.record["diagnosis"]["unknown"]]
    assert unknown
    assert all(ended.err.count(f"not known: {why}") == 1 for why in unknown)
