"""The table of diagnoses: ranked, complete, never healthy where a read failed; and its runbook."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import runs
from diagnosing import Patient, patients
from servers import PROJECT, Database

from lexikon_runbook.diagnosis import reading
from lexikon_runbook.diagnosis.diagnoses import DIAGNOSES, diagnose
from lexikon_runbook.diagnosis.of_error import MEANINGS, sqlstates
from lexikon_runbook.diagnosis.reading.proving import prove
from lexikon_runbook.diagnosis.row import Diagnosis, Remedy, Sign, judge
from lexikon_runbook.diagnosis.situation import Names, Situation, Unknown, of
from lexikon_runbook.plan.rules import RULES
from lexikon_runbook.project import database as databases
from lexikon_runbook.runbooks.notebooks import known
from lexikon_runbook.runbooks.troubleshoot import Troubleshooting
from lexikon_runbook.targets import settings
from lexikon_runbook.targets.target import Target

VALUES = {"target": "test", "revision": "head", "error": "", "reason": ""}
NOWHERE = Situation(Names(Target("test", Path())))

Maker = Callable[..., Patient]


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


def row(id_: str, *signs: Sign, needs: object = (), **fields: str) -> Diagnosis:
    """A row that finds these signs, and then needs a fact."""

    def match(_: Situation) -> Iterator[Sign]:
        yield from signs
        of(needs)

    given = {"severity": "warning", "likelihood": "likely", **fields}
    return Diagnosis(id_, id_, condition="", evidence="", remedy="", match=match, **given)  # type: ignore[arg-type]


def test_a_row_whose_fact_is_unknown_is_never_ruled_out() -> None:
    """Its reason is kept, and what it had found before counts all the same."""
    sign = Sign("seen", Remedy("mend it"))
    rows = [row("a", needs=Unknown("no grant")), row("b", sign, needs=Unknown("gone"))]
    found = judge(rows, NOWHERE)
    assert [t.diagnosis.id for t in found.found] == ["b"]
    assert [(u.diagnosis.id, u.why) for u in found.unchecked] == [("a", "no grant"), ("b", "gone")]
    assert found.ruled_out == ()
    assert found.counted == "1 found, 0 ruled out, 2 not known"
    assert not judge([row("a", needs=Unknown("no grant"))], NOWHERE).healthy
    assert judge([row("a")], NOWHERE).healthy


def test_troubles_are_ranked_by_error_then_likelihood_then_danger() -> None:
    """A row's own sign may say that it is less than its worst."""
    sign = Sign("seen", Remedy(""))
    mild = Sign("", Remedy(""), severity="note", likelihood="possible")
    rows = [
        row("possible danger", sign, likelihood="possible", severity="danger"),
        row("certain note", sign, likelihood="certain", severity="note"),
        row("certain danger", sign, likelihood="certain", severity="danger"),
        row("milder", mild, severity="danger"),
        replace(row("explains", sign, likelihood="possible"), errors=("55P03",)),
    ]
    situation_ = Situation(Names(Target("test", Path()), sqlstates=frozenset({"55P03"})))
    assert [t.diagnosis.id for t in judge(rows, situation_).found] == [
        "explains",
        "certain danger",
        "certain note",
        "possible danger",
        "milder",
    ]


def test_nothing_read_is_nothing_ruled_out_but_what_needs_no_reading() -> None:
    """A situation of which everything is unknown has almost only unknown rows."""
    found = diagnose(NOWHERE, proved=True)
    assert found.found == ()
    out = {each.id for each in found.ruled_out}
    assert out <= {
        *("not-configured", "unreachable", "server-too-old", "env-py-elsewhere", "env-py-fails"),
        *("checkout-unreadable", "run-cut-short", "pasted-error", "revision-not-reachable"),
        *("url-scheme",),
    }


def test_an_error_is_known_by_its_sqlstate_in_any_wording() -> None:
    """By number, by PostgreSQL's name, by the classes of psycopg and asyncpg; not by its text."""
    assert sqlstates("FEHLER: Sperre nicht verfügbar (SQLSTATE 55P03)") == {"55P03"}
    assert sqlstates("psycopg2.errors.DuplicateTable: la relación ya existe") == {"42P07"}
    assert sqlstates("asyncpg.exceptions.DuplicateTableError") == {"42P07"}
    assert sqlstates("query_canceled") == {"57014"}
    assert sqlstates("SyntaxError: invalid syntax") == frozenset()
    assert sqlstates("canceling statement due to lock timeout, pid 12345") == frozenset()


def test_every_row_is_complete_and_tested() -> None:
    """Unique ids, also beside the plan's rules; known SQLSTATEs and runbooks; named in a test."""
    ids = [each.id for each in DIAGNOSES]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {rule.id for rule in RULES}
    runbooks = {*known(PROJECT), "inspect_schema", "create_migration", ""}
    text = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    for each in DIAGNOSES:
        assert all((each.title, each.condition, each.evidence, each.remedy)), each.id
        assert each.runbook in runbooks, each.id
        codes = [e for e in each.errors if re.fullmatch(r"[0-9A-Z]{5}", e)]
        assert set(codes) <= set(MEANINGS), each.id
        assert f'"{each.id}"' in text, f"no test names {each.id}"


def test_lexikon_is_healthy_and_everything_was_read(
    lexikon: Callable[..., Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its head, committed, with throwaway databases: every row is ruled out."""
    project = runs.make(tmp_path, lexikon("f36a73221bb3", data=True))
    monkeypatch.setenv("STAGING_URL", project.database.url)
    for words in ("init -q", "add -A .", "commit -qm all"):
        who = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run([*who, *words.split()], cwd=tmp_path, check=True)
    target = replace(settings.target("staging", tmp_path), throwaway_url_env="STAGING_URL")
    found = databases.look(target)
    found = diagnose(prove(found, reading.look(found)), proved=True)
    assert found.found == (), str(found)
    assert found.unchecked == (), str(found)
    assert found.healthy
    assert len(found.ruled_out) == len(DIAGNOSES)


def test_the_runbook_goes_through_all_its_stages_and_its_record_tells_all(patient: Maker) -> None:
    """Found, ruled out and unknown stand in the record; a password that was pasted does not."""
    made = patient("two_heads", at="aa04")
    error = "postgresql://app:hunter22@db/x: Multiple head revisions are present"
    run = Troubleshooting("troubleshoot", {**VALUES, "error": error}, made.project.target)
    assert "hunter22" not in str(run)
    assert "2 revision" not in str(run.reach())
    assert "2 heads after aa04" in str(run.diagnose())
    assert "exactly that of aa04 (8 states built)" in str(run.prove())
    assert "table public.authors" in str(run.heads())
    shown = str(run.mitigation())
    assert "The checkout has several heads (certain, danger, explains the error)" in shown
    assert 'alembic merge -m "Merge heads" ba06 bb05' in shown
    assert "versions/bb05_add_colour.py:6 becomes\n" in shown
    run.finish()
    facts = run.record.facts
    assert facts["outcome"] == "succeeded"
    assert facts["revisions"] == {"before": "aa04", "after": "aa04"}
    (told,) = facts["diagnosis"]["found"]
    assert told["id"] == "several-heads"
    assert told["commands"][0].startswith("alembic merge")
    assert "blocked" in facts["diagnosis"]["ruled_out"]
    assert [each["id"] for each in facts["diagnosis"]["unknown"]] == ["uncommitted-revision"]
    assert "hunter22" not in run.record.file.read_text()
    assert made.project.current() == "aa04"
    made.edit(run.diagnose().found[0].remedy)
    assert run.diagnose().found == ()


def test_a_database_that_is_down_is_gone_through_to_the_end(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every stage shows what it can; the first trouble is that it is down."""
    made = patient("sound")
    down = made.project.with_url(monkeypatch, "postgresql://u:hunter22@127.0.0.1:1/d")
    run = Troubleshooting("troubleshoot", VALUES, down.target)
    assert "Not reached: target test" in str(run.reach())
    run.diagnose()
    assert "not known: the database was not reached" in str(run.prove())
    assert "Heads: one, aa04" in str(run.heads())
    assert "No connection can be opened (certain, danger)" in str(run.mitigation())
    assert "pg_isready -h 127.0.0.1 -p 1" in " ".join(str(run.mitigation()).split())
    assert run.finish().outcome == "succeeded"
    assert "hunter22" not in run.record.file.read_text()
