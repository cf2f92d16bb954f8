"""tests/outputs/: what nbval compares, apart from the notebooks that are committed."""

from __future__ import annotations

import json
from pathlib import Path

import kept_outputs
import nbformat
import pytest
from kept_outputs import Json, KeptOutputsError
from run_notebooks import shows_what_is_kept
from servers import PROJECT

BOOKS = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in (PROJECT / "runbooks").glob("*.ipynb")
}


def book(*cells: tuple[str, str, bool]) -> Json:
    """A notebook with a code cell for each id and source, tagged or not."""
    made = [
        nbformat.v4.new_code_cell(
            source, id=cell_id, metadata={"tags": [kept_outputs.COMPARED]} if tagged else {}
        )
        for cell_id, source, tagged in cells
    ]
    document: Json = json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=made)))
    return document


def said(text: str) -> list[Json]:
    return [{"output_type": "stream", "name": "stdout", "text": [text]}]


@pytest.mark.parametrize("name", sorted(BOOKS))
def test_every_tagged_cell_of_a_runbook_has_a_kept_output(name: str) -> None:
    """And every kept output its cell; the sources come from the runbook only."""
    merged = kept_outputs.merged(name, BOOKS[name], kept_outputs.read(name))
    assert kept_outputs.taken(name, merged) == kept_outputs.read(name)
    assert [c["source"] for c in merged["cells"]] == [c["source"] for c in BOOKS[name]["cells"]]


def test_outputs_are_kept_of_runbooks_that_exist() -> None:
    """A file that is left of a renamed runbook compares nothing."""
    assert kept_outputs.astray(BOOKS) == []
    assert kept_outputs.astray(BOOKS.keys() - {"deploy"}) == [kept_outputs.KEPT / "deploy.json"]


def test_the_kept_rollback_is_one_that_loses_rows() -> None:
    """A plan with nothing at risk would show little of what the runbook is for."""
    kept = kept_outputs.read("rollback")
    (plan,), (approval,) = kept["plan"], kept["approval"]
    shown = "".join(plan["data"]["text/plain"])
    assert shown.startswith("[!!] Plan: downgrade")
    assert "table webhook_deliveries: 12,907 rows" in shown
    assert "approve holds this plan's digest" in "".join(approval["data"]["text/plain"])


def test_a_tagged_cell_without_a_kept_output_is_refused() -> None:
    """nbval would take it for a cell that was never run, and pass it."""
    two = book(("plan", "print(1)", True), ("apply", "print(2)", True))
    for kept in ({"plan": said("1\n")}, {"plan": said("1\n"), "apply": []}):
        with pytest.raises(KeptOutputsError) as stop:
            kept_outputs.merged("deploy", two, kept)
        assert str(stop.value) == (
            "tests/outputs/deploy.json keeps no output of apply, tagged nbval-check-output in "
            "runbooks/deploy.ipynb.\n  Next: make outputs"
        )


def test_a_kept_output_of_no_tagged_cell_is_refused() -> None:
    """A cell that was renamed, or lost its tag, is no longer compared."""
    one = book(("plan", "print(1)", True), ("apply", "print(2)", False))
    with pytest.raises(KeptOutputsError) as stop:
        kept_outputs.merged("deploy", one, {"plan": said("1\n"), "apply": said("2\n")})
    assert str(stop.value) == (
        "tests/outputs/deploy.json keeps outputs of apply, which names no cell tagged "
        "nbval-check-output in runbooks/deploy.ipynb.\n  Next: tag the cell, or: make outputs"
    )


def test_a_missing_file_keeps_no_output(tmp_path: Path) -> None:
    """A new runbook is refused by the name of its first tagged cell, not by a traceback."""
    kept = kept_outputs.read("new", tmp_path)
    with pytest.raises(KeptOutputsError, match="keeps no output of plan"):
        kept_outputs.merged("new", book(("plan", "print(1)", True)), kept)


def test_a_tagged_cell_that_shows_nothing_is_not_kept() -> None:
    """There would be nothing to compare."""
    with pytest.raises(KeptOutputsError, match="plan showed nothing") as stop:
        kept_outputs.taken("deploy", book(("plan", "x = 1", True)))
    assert "take the tag nbval-check-output off" in str(stop.value)


def test_kept_outputs_hold_no_counts_and_come_back_as_they_were(tmp_path: Path) -> None:
    """A cell more in a runbook changes no line of the others' outputs."""
    executed = book(("plan", "1", True))
    result = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": ["1"]}}
    executed["cells"][0]["outputs"] = [{**result, "execution_count": 7}]
    kept_outputs.write("deploy", kept_outputs.taken("deploy", executed), tmp_path)
    kept = kept_outputs.read("deploy", tmp_path)
    assert kept == {"plan": [{**result, "execution_count": None}]}


def test_outputs_in_the_runbook_itself_are_not_compared() -> None:
    """Only what is kept is."""
    one = book(("plan", "print(1)", True), ("apply", "print(2)", False))
    for cell in one["cells"]:
        cell["outputs"], cell["execution_count"] = said("of another run\n"), 3
    plan, apply = kept_outputs.merged("deploy", one, {"plan": said("1\n")})["cells"]
    assert plan["outputs"] == said("1\n")
    assert (apply["outputs"], apply["execution_count"]) == ([], None)


@pytest.mark.parametrize(("kept", "same"), [("shown\n", True), ("kept\n", False)])
def test_nbval_compares_what_is_kept(
    kept: str, same: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A copy with kept outputs fails where a cell shows something else, and says what."""
    merged = kept_outputs.merged(
        "one", book(("plan", "print('shown')", True)), {"plan": said(kept)}
    )
    (notebook := tmp_path / "one.ipynb").write_text(json.dumps(merged))
    assert shows_what_is_kept(notebook) is same
    told = capfd.readouterr().out
    assert ("Cell outputs differ" in told) is not same
    assert ("kept" in told) is not same
