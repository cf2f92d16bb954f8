"""Stepping through a runbook cell by cell, as in JupyterLab: a real kernel, real answers."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
import runs
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from runs import Project, blocked, until, version
from servers import Database

OLD, NEW = "b9d0965451a3", "f36a73221bb3"
LIMIT_S = 60


@dataclass
class Shown:
    """What a cell left: its state, its outputs, and what it asked for."""

    status: str = ""
    error: str = ""
    text: str = ""
    html: str = ""
    asked: list[str] = field(default_factory=list)


@dataclass
class Notebook:
    """A notebook open in a kernel; a cell may be run again and with another source."""

    manager: KernelManager
    client: BlockingKernelClient
    project: Project
    sources: dict[str, str]

    def run(self, cell: str, source: str | None = None, answer: str = "") -> Shown:
        """Run a cell and wait for it; `answer` is typed when it asks."""
        return self.wait(self.start(cell, source), answer)

    def start(self, cell: str, source: str | None = None) -> str:
        """Run a cell; gives the id of its request, by which its messages are known."""
        text = self.sources[cell] if source is None else source
        return str(self.client.execute(text, allow_stdin=True))

    def wait(self, request: str, answer: str = "") -> Shown:
        """Follow the cell that runs to its end."""
        shown = Shown()
        while True:
            self._answer(shown, answer)
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            content, kind = message["content"], message["msg_type"]
            if kind == "error":
                shown.error = "\n".join(content["traceback"])
            elif kind in ("execute_result", "display_data"):
                shown.text += content["data"].get("text/plain", "")
                shown.html += content["data"].get("text/html", "")
            elif kind == "status" and content["execution_state"] == "idle":
                break
        shown.status = self._reply(request)["content"]["status"]
        return shown

    def _reply(self, request: str) -> dict[str, Any]:
        # A kernel that was slow to start was asked more than once whether it is ready.
        while True:
            reply: dict[str, Any] = self.client.get_shell_msg(timeout=LIMIT_S)
            if reply["parent_header"].get("msg_id") == request:
                return reply

    def _answer(self, shown: Shown, answer: str) -> None:
        try:
            asked = self.client.get_stdin_msg(timeout=0)
        except queue.Empty:
            return
        shown.asked.append(asked["content"]["prompt"])
        self.client.input(answer)

    def to(self, last: str) -> Shown:
        """Run every cell up to and with this one; none may fail before it."""
        for cell in self.sources:
            shown = self.run(cell)
            if cell == last:
                return shown
            assert shown.status == "ok", shown.error
        raise AssertionError(last)

    @property
    def record(self) -> dict[str, Any]:
        """The record of the run that began last."""
        folder = self.project.folders()[-1]
        found: dict[str, Any] = json.loads((folder / "record.json").read_text())
        return found


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One kernel for all; each test points it at a project of its own."""
    folder = tmp_path_factory.mktemp("lab")
    project = Project(folder, None, "")  # type: ignore[arg-type]
    environment = {**project.environment, "JPY_SESSION_NAME": "/home/me/runbook.ipynb"}
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(folder), env=environment, startup_timeout=LIMIT_S
    )
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def opened(
    kernel: Any, lexikon: Callable[..., Database], tmp_path: Path
) -> Callable[[str, str], Notebook]:
    """`opened(runbook, revision)`: that runbook with target staging, its database there."""

    def open_(runbook: str, revision: str) -> Notebook:
        project = runs.make(tmp_path, lexikon(revision, data=True))
        file = project.folder / "runbooks" / f"{runbook}.ipynb"
        cells = nbformat.read(file, as_version=4).cells
        sources = {c["id"]: c.source for c in cells if c.cell_type == "code"}
        sources["parameters"] = sources["parameters"].replace(
            'target: str = ""', 'target: str = "staging"'
        )
        book = Notebook(*kernel, project, sources)
        names = {"LEXIKON_RUNBOOK_PROJECT": str(project.folder), "STAGING_URL": project.url}
        names["SHADOW_URL"] = project.database.url
        assert book.run("", f"%reset -f\nimport os; os.environ.update({names!r})").status == "ok"
        return book

    return open_


def test_stepping_through_a_deploy_shows_cards_and_leaves_a_record(
    opened: Callable[[str, str], Notebook],
) -> None:
    """Every cell shows itself as HTML and text; the record knows where the notebook is."""
    book = opened("deploy", OLD)
    card = book.to("preflight")
    assert "Preflight: safe to look" in card.text
    assert "<table" in card.html
    assert book.record["outcome"] == "unfinished"
    for cell in list(book.sources)[3:]:
        assert book.run(cell).status == "ok", cell
    assert version(book.project.database) == NEW
    assert book.record["outcome"] == "succeeded"
    assert book.record["notebook"] == "/home/me/runbook.ipynb"


def test_wrong_word_changes_nothing_and_the_right_phrase_runs(
    opened: Callable[[str, str], Notebook],
) -> None:
    """The question names the phrase; the refusal is a card; the cell can be run again."""
    book = opened("rollback", NEW)
    book.to("plan")
    stop = book.run("approval", answer="yes")
    assert stop.asked == [f"Type `staging {OLD}` to let this plan run (anything else stops): "]
    assert stop.status == "error"
    assert version(book.project.database) == NEW
    assert (book.record["outcome"], book.record["exit_code"]) == ("stopped", 1)
    assert book.run("apply").status == "error"
    fine = book.run("approval", answer=f" staging {OLD} ")
    assert "typed in this notebook" in fine.text
    assert book.record["outcome"] == "unfinished"
    for cell in list(book.sources)[list(book.sources).index("apply") :]:
        assert book.run(cell).status == "ok", cell
    assert version(book.project.database) == OLD
    record = book.record
    assert (record["outcome"], record["exit_code"], record["error"]) == ("succeeded", 0, None)


def test_refusal_is_one_readable_card_and_no_traceback(
    opened: Callable[[str, str], Notebook],
) -> None:
    """What happened, the state now and the next step: nothing else between her and the advice."""
    book = opened("rollback", NEW)
    book.to("plan")
    error = book.run("approval", answer="").error
    lines = error.splitlines()
    assert lines[0] == "ApprovalNeeded: this plan runs only when it was approved:"
    assert any(line.startswith("  State now: nothing was changed") for line in lines)
    assert any(line.startswith("  Next: read the plan (in the notebook") for line in lines)
    assert "Traceback" not in error
    assert len(lines) < 25
    assert "\x1b" not in error


def test_digest_written_into_approve_runs_the_plan(
    opened: Callable[[str, str], Notebook],
) -> None:
    """Editing the parameters and running them and Approval again is enough; nothing is asked."""
    book = opened("rollback", NEW)
    plan = book.to("plan")
    assert plan.status == "ok"
    book.run("approval", answer="")
    digest = book.record["plan"]["digest"]
    book.run(
        "parameters",
        book.sources["parameters"].replace('approve: str = ""', f'approve: str = "{digest}"'),
    )
    fine = book.run("approval")
    assert (fine.status, fine.asked) == ("ok", [])
    assert "approve holds this plan's digest" in fine.text
    assert book.run("apply").status == "ok"
    assert version(book.project.database) == OLD


def test_parameters_changed_after_the_run_began_stop_the_next_cell(
    opened: Callable[[str, str], Notebook],
) -> None:
    """Apply must not deploy to the target, or without the dry run, that is no longer shown."""
    book = opened("deploy", OLD)
    assert book.to("approval").status == "ok"
    changed = book.sources["parameters"].replace("dry_run: bool = False", "dry_run: bool = True")
    assert book.run("parameters", changed).status == "ok"
    stopped = book.run("apply")
    assert stopped.status == "error"
    assert "dry_run changed after this run began, and it began with dry_run=False" in stopped.error
    assert "run the cell that begins the run again" in stopped.error
    assert version(book.project.database) == OLD
    assert book.run("target").status == "ok"
    for cell in ("preflight", "plan", "approval", "apply"):
        assert book.run(cell).status == "ok"
    assert version(book.project.database) == OLD


def test_beginning_anew_ends_the_record_of_the_run_before(
    opened: Callable[[str, str], Notebook],
) -> None:
    """Corrected parameters and the first cell again: two records, the first one stopped."""
    book = opened("deploy", OLD)
    book.to("plan")
    first = book.project.folders()[-1]
    dry = book.sources["parameters"].replace("dry_run: bool = False", "dry_run: bool = True")
    book.run("parameters", dry)
    wrong = book.run("parameters", dry.replace('"staging"', '"stagign"'))
    assert wrong.status == "ok"
    refused = book.run("target")
    assert "did you mean 'staging'" in refused.error
    facts = json.loads((first / "record.json").read_text())
    assert (facts["outcome"], facts["error"]["happened"]) == (
        "stopped",
        "the runbook was begun anew before this run had ended.",
    )
    book.run("parameters", dry)
    for cell in list(book.sources)[1:]:
        assert book.run(cell).status == "ok", cell
    outcomes = {
        json.loads((f / "record.json").read_text())["outcome"] for f in book.project.folders()
    }
    assert outcomes == {"stopped", "dry run"}
    assert len(book.project.folders()) == 3


def test_error_of_a_scratch_cell_does_not_stay_in_the_record(
    opened: Callable[[str, str], Notebook],
) -> None:
    """In the middle it counts until the run goes on; after the end it does not count."""
    book = opened("deploy", OLD)
    book.to("plan")
    assert book.run("", "1 / 0").status == "error"
    assert (book.record["outcome"], book.record["exit_code"]) == ("failed", 3)
    assert book.record["error"]["type"] == "ZeroDivisionError"
    early = book.run("finish")
    assert "RunbookError: this run has not been through Apply." in early.error
    for cell in list(book.sources)[list(book.sources).index("approval") :]:
        assert book.run(cell).status == "ok", cell
    assert (book.record["outcome"], book.record["error"]) == ("succeeded", None)
    book.run("", "nonsense")
    assert (book.record["outcome"], book.record["exit_code"]) == ("succeeded", 0)


def test_interrupt_button_cancels_and_apply_can_be_run_again(
    opened: Callable[[str, str], Notebook],
) -> None:
    """The stop button in the middle of Apply: nothing stays, one card, and Apply works after."""
    book = opened("deploy", OLD)
    book.to("approval")
    with blocked(book.project.database) as waits:
        patient = "run.policy = type(run.policy)(30.0, 60.0, 3)\n"
        request = book.start("apply", patient + book.sources["apply"])
        waits()
        book.manager.interrupt_kernel()
        stop = book.wait(request)
    assert stop.error.startswith("Interrupted: interrupted while")
    assert "the database is at " + OLD in stop.error
    assert (book.record["outcome"], book.record["exit_code"]) == ("interrupted", 130)
    until(lambda: not book.project.database.rows(runs.OWN), "no session stays")
    for cell in list(book.sources)[list(book.sources).index("apply") :]:
        assert book.run(cell).status == "ok", cell
    assert book.record["outcome"] == "succeeded"
    assert version(book.project.database) == NEW


def test_tables_of_an_inspection_go_on_being_filtered(
    opened: Callable[[str, str], Notebook],
) -> None:
    """A DataFrame in the house's looks, also after a filter; a wrong name is mended in place."""
    book = opened("inspect_schema", OLD)
    shown = book.to("tables")
    assert "terms" in shown.text
    assert "dataframe" not in shown.html
    found = book.run("", "tables.query('total_bytes > 1_000_000')[['table', 'total_bytes']]")
    assert found.text.split()[:2] == ["table", "total_bytes"]
    assert found.text.count("terms") == 1
    assert " MB<" in found.html
    assert "there is no table 'trems'" in book.run("", "run.table('trems')").error
    assert "table public.terms" in book.run("table", book.sources["table"]).text
    assert book.run("finish").status == "ok"
    assert book.record["outcome"] == "succeeded"
