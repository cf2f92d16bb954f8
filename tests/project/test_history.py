"""The checkout's revisions: what is broken is named with its file, and every name resolves."""

from __future__ import annotations

from pathlib import Path

import checkouts
import pytest
from checkouts import Checkout
from servers import PROJECT

from lexikon_runbook.errors import HistoryError, RunbookError, UnknownRevision
from lexikon_runbook.project import history
from lexikon_runbook.project.history import Direction, History
from lexikon_runbook.project.project import Project
from lexikon_runbook.project.ways import Move
from lexikon_runbook.targets import settings
from lexikon_runbook.targets.settings import Target

LONG = "0123456789abcdef0123456789abcdef"  # 32 characters, the most that fit


@pytest.fixture(autouse=True)
def url(own_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL that nobody connects to: reading the checkout needs no database."""
    monkeypatch.setenv("HERE_URL", "postgresql://u:hunter22@nowhere.invalid/d")


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    """An Alembic project without a revision."""
    return checkouts.checkout(tmp_path / "a project")


def opened(project: Checkout) -> Project:
    """The checkout's own project, its workers started when they are needed."""
    return Project(settings.target("here", project.folder))


def read(project: Checkout) -> History:
    return opened(project).history


def refusal(project: Checkout) -> RunbookError:
    """What reading the checkout raises, without a secret in it."""
    with pytest.raises(HistoryError) as stop:
        read(project)
    assert stop.value.state == "nothing was changed."
    assert "hunter22" not in str(stop.value)
    return stop.value


@pytest.fixture
def line(project: Checkout) -> Project:
    """Five revisions in a line, with ids of many looks."""
    down = None
    for id_ in ("12345678e901", "0123", LONG, "f36a73221bb3", "f36b00000000"):
        project.revision(id_, down)
        down = id_
    return opened(project)


def no_way(
    line: Project, direction: Direction, destination: str, current: str = LONG
) -> UnknownRevision:
    """What going there raises."""
    with pytest.raises(UnknownRevision) as stop:
        line.way(direction, destination, rows(current))
    assert stop.value.state == "nothing was changed."
    return stop.value


def rows(current: str) -> tuple[str, ...]:
    return (current,) if current else ()


def ids(way: tuple[Move, ...]) -> list[str]:
    return [move.revision.id for move in way]


# What may be broken in a checkout.


def test_a_missing_ini_is_named_with_the_key_that_says_where_it_is(project: Checkout) -> None:
    """A target of another folder's project is set up in runbook.toml."""
    (project.folder / "alembic.ini").unlink()
    error = refusal(project)
    assert f"{project.folder}/alembic.ini can't be read: No such file" in error.happened
    assert "set alembic_ini of target here in runbook.toml" in error.next_step


def test_an_unreadable_ini_is_named(project: Checkout) -> None:
    """A folder in its place, and bytes that are no text."""
    ini = project.folder / "alembic.ini"
    ini.write_bytes(b"[alembic]\nscript_location = \xff\n")
    assert "alembic.ini can't be read: not UTF-8" in refusal(project).happened
    ini.unlink()
    ini.mkdir()
    assert "alembic.ini can't be read: Is a directory" in refusal(project).happened


def test_an_ini_that_is_none_is_refused_with_the_command_that_must_work(project: Checkout) -> None:
    """Text before the first section, and a % that configparser reads as its own."""
    ini = project.folder / "alembic.ini"
    for text in ("script_location = x\n", "[alembic]\nscript_location = %(nowhere)s/x\n"):
        ini.write_text(text)
        error = refusal(project)
        assert str(ini) in error.happened
        assert "alembic current" in error.next_step


def test_a_missing_script_location_is_refused(project: Checkout) -> None:
    """The key, and the folder it names."""
    ini = project.folder / "alembic.ini"
    ini.write_text("[alembic]\n")
    error = refusal(project)
    assert "script_location" in error.happened
    assert error.next_step == "mend script_location in the ini."
    ini.write_text("[alembic]\nscript_location = %(here)s/elsewhere\n")
    assert "elsewhere" in refusal(project).happened


def test_a_syntax_error_names_file_and_line(project: Checkout) -> None:
    """Alembic would show a traceback of its own."""
    file = project.revision("aaaa0001", None)
    file.write_text(file.read_text() + "\n\nif True\n    pass\n")
    number = file.read_text().splitlines().index("if True") + 1
    error = refusal(project)
    assert error.happened.startswith(f"{file}:{number}: syntax error: expected ':'")
    assert error.next_step == "mend that line."


def test_a_revision_file_that_is_no_text_is_named(project: Checkout) -> None:
    """Bytes that are not UTF-8, and a NUL."""
    file = project.revision("aaaa0001", None)
    for content in (b"revision = '\xff'", b"revision = '\x00'"):
        file.write_bytes(content)
        assert str(file) in refusal(project).happened


def test_one_id_in_two_files_names_both(project: Checkout) -> None:
    """Alembic would warn, and take one of them."""
    first = project.revision("aaaa0001", None, file="a_first.py")
    second = project.revision("aaaa0001", None, file="b_second.py")
    error = refusal(project)
    assert error.happened == f"revision aaaa0001 is in two files: {first} and {second}."
    assert "give one of them a new `revision`" in error.next_step


def test_a_missing_parent_names_the_file_that_follows_it(project: Checkout) -> None:
    """One of several parents is enough."""
    project.revision("aaaa0001", None)
    file = project.revision("bbbb0002", ("aaaa0001", "dead0000"))
    error = refusal(project)
    assert error.happened == f"{file} follows revision dead0000, and no file has that revision."
    assert "git log --all" in error.next_step


def test_an_import_error_names_file_and_line(project: Checkout) -> None:
    """The revision's own line, not the one inside the library that it called."""
    file = project.revision("aaaa0001", None)
    file.write_text("import json\n" + file.read_text() + "\njson.loads('{')\n")
    number = len(file.read_text().splitlines())
    error = refusal(project)
    assert error.happened.startswith(f"{file}:{number}: a revision file can't be imported: JSOND")
    assert "alembic history" in error.next_step


@pytest.mark.parametrize(
    "line", ["raise SystemExit(0)", "raise ValueError(os.environ['HERE_URL'])"]
)
def test_a_revision_that_stops_at_import_is_refused_without_its_secret(
    project: Checkout, line: str
) -> None:
    """Also one that would end the process with exit code 0."""
    file = project.revision("aaaa0001", None)
    file.write_text(f"import os\n{line}\n{file.read_text()}")
    assert refusal(project).happened.startswith(f"{file}:2: a revision file can't be imported: ")


def test_a_circle_of_revisions_is_called_that(project: Checkout) -> None:
    """Alembic's own words name them."""
    project.revision("aaaa0001", "bbbb0002")
    project.revision("bbbb0002", "aaaa0001")
    error = refusal(project)
    assert "ycle is detected in revisions" in error.happened
    assert "aaaa0001" in error.happened


@pytest.mark.parametrize("text", ["", "revision = 5\ndown_revision = 7\n"])
def test_a_file_without_a_revision_id_is_refused(project: Checkout, text: str) -> None:
    """Alembic's own words, and no crash."""
    (project.versions / "stray.py").write_text(text)
    assert refusal(project).next_step


def test_files_that_alembic_does_not_read_are_left_alone(project: Checkout) -> None:
    """A package marker, an editor's lock, and what is no Python."""
    project.revision("aaaa0001", None)
    for name in ("__init__.py", ".#aaaa0001.py", "notes.txt"):
        (project.versions / name).write_text("if True\n")
    assert [r.id for r in read(project).revisions] == ["aaaa0001"]


def test_several_heads_are_named_with_the_merge_command(project: Checkout) -> None:
    """Each with its message and its file."""
    project.revision("aaaa0001", None)
    project.revision("bbbb0002", "aaaa0001")
    project.revision("cccc0003", "aaaa0001")
    with pytest.raises(HistoryError, match="the checkout has 2 heads: ") as stop:
        history.require_one_head(read(project))
    assert "bbbb0002 (Revision bbbb0002, bbbb0002.py)" in stop.value.happened
    assert 'revision="heads"' in stop.value.next_step
    assert 'alembic merge -m "Merge heads" ' in stop.value.next_step
    assert {"bbbb0002", "cccc0003"} < set(stop.value.next_step.split())


def test_a_checkout_without_a_revision_has_nothing_to_do(project: Checkout) -> None:
    """A project on its first day."""
    found = read(project)
    assert found.revisions == ()
    history.require_one_head(found)
    assert opened(project).way("upgrade", "head", ()) == ()


def test_the_projects_own_revisions_are_read_base_first() -> None:
    """Lexikon's three, with the first lines of their docstrings and their checksums."""
    found = Project(Target("here", PROJECT, url_env="HERE_URL")).history
    assert [r.id for r in found.revisions] == ["7beb871f4454", "b9d0965451a3", "f36a73221bb3"]
    assert found.heads == ("f36a73221bb3",)
    assert all(r.message and len(r.checksum) == 64 for r in found.revisions)


# What a revision may be called.


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("head", ["f36a73221bb3", "f36b00000000"]),
        ("heads", ["f36a73221bb3", "f36b00000000"]),
        (" head ", ["f36a73221bb3", "f36b00000000"]),
        ("+1", ["f36a73221bb3"]),
        ("+2", ["f36a73221bb3", "f36b00000000"]),
        ("f36a73221bb3", ["f36a73221bb3"]),
        ("f36b", ["f36a73221bb3", "f36b00000000"]),
        (LONG, []),
        ("f36b-1", ["f36a73221bb3"]),
        (f"{LONG}+2", ["f36a73221bb3", "f36b00000000"]),
        ("0123+1", []),
    ],
)
def test_a_deploy_goes_to_any_revision_ahead(
    line: Project, destination: str, expected: list[str]
) -> None:
    """By name, by id, by the beginning of an id, or by steps."""
    assert ids(line.way("upgrade", destination, rows(LONG))) == expected
    assert line.history.direction(destination, rows(LONG)) == "upgrade"


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("-1", [LONG]),
        ("-2", [LONG, "0123"]),
        ("0123", [LONG]),
        ("12345678e901", [LONG, "0123"]),
        ("12345", [LONG, "0123"]),
        ("base", [LONG, "0123", "12345678e901"]),
        ("-3", [LONG, "0123", "12345678e901"]),
        (f"{LONG}-1", [LONG]),
        ("f36b-3", [LONG]),
        ("12345+1", [LONG]),
        ("0123-2", [LONG, "0123", "12345678e901"]),
    ],
)
def test_a_rollback_goes_to_any_revision_behind(
    line: Project, destination: str, expected: list[str]
) -> None:
    """An id that looks like a number is the id."""
    assert ids(line.way("downgrade", destination, rows(LONG))) == expected
    assert line.history.direction(destination, rows(LONG)) == "downgrade"


def test_a_fresh_database_is_before_the_first_revision(line: Project) -> None:
    """Everything is ahead of it, and there is nothing to roll back."""
    assert len(line.way("upgrade", "head", rows(""))) == 5
    assert ids(line.way("upgrade", "+1", rows(""))) == ["12345678e901"]
    assert line.history.direction("12345678e901", rows("")) == "upgrade"
    assert line.way("downgrade", "base", ()) == ()
    error = no_way(line, "downgrade", "-1", "")
    assert (
        error.next_step == "choose one before it (base), or run deploy.ipynb to go the other way."
    )


@pytest.mark.parametrize(
    ("destination", "happened"),
    [
        ("", "the revision is empty"),
        ("   ", "the revision is empty"),
        ("x" * 256, "a revision of 256 characters can't exist: the longest is 255"),
        ("a@b@c", "'a@b@c' is no revision"),
        ("a:b", "'a:b' is no revision"),
        ("--1", "'--1' is no revision"),
        ("-1.5", "'-1.5' is no revision"),
        ("+99999", "'+99999' is no revision"),
        ("head; rm", "'head; rm' is no revision"),
        ("\x1b[31m", r"'\x1b[31m' is no revision"),
    ],
)
def test_text_that_is_no_revision_is_refused_with_what_one_may_be(
    line: Project, destination: str, happened: str
) -> None:
    """For a deploy, a rollback, and a plan that has yet to find its direction."""
    for direction in ("upgrade", "downgrade"):
        error = no_way(line, direction, destination)  # type: ignore[arg-type]
        assert happened in error.happened
        assert error.next_step.startswith(
            "give an id, head, heads, base, +N, -N, ID+N, ID-N or LABEL@"
        )
    with pytest.raises(UnknownRevision):
        line.history.direction(destination, rows(LONG))


def test_an_ambiguous_beginning_names_the_revisions_it_could_be(line: Project) -> None:
    """Three characters fit two of them."""
    error = no_way(line, "upgrade", "f36")
    assert error.happened == "revision 'f36' is ambiguous: f36a73221bb3, f36b00000000."
    assert error.next_step == "give more characters of the one you mean."


def test_an_unknown_revision_is_answered_with_the_likely_one(line: Project) -> None:
    """And with the command that lists them; `12e45` is not read as a number on the way."""
    error = no_way(line, "upgrade", "f36a73221bb4")
    assert "there is no revision 'f36a73221bb4'" in error.happened
    assert "did you mean f36a73221bb3?" in error.happened
    assert "`alembic history`" in error.next_step
    assert "'12e45'" in no_way(line, "downgrade", "12e45").happened


def test_steps_beyond_the_ends_are_refused_with_what_there_is(line: Project) -> None:
    """`+9` and `-9`, from the middle."""
    error = no_way(line, "upgrade", "+9")
    assert "upgrade from 0123456789" in error.happened
    assert error.next_step == (
        "choose one after it (f36a73221bb3, f36b00000000), "
        "or run rollback.ipynb to go the other way."
    )
    error = no_way(line, "downgrade", "-9")
    assert "to '-9' is not possible" in error.happened
    assert "choose one before it (0123, 12345678e901, base)" in error.next_step
    assert no_way(line, "upgrade", "+1", "f36b00000000").next_step.startswith("none is after it")


@pytest.mark.parametrize(
    ("direction", "destination", "advice"),
    [
        ("upgrade", "base", "run rollback.ipynb"),
        ("upgrade", "-1", "run rollback.ipynb"),
        ("upgrade", "0123", "run rollback.ipynb"),
        ("upgrade", f"{LONG}-1", "run rollback.ipynb"),
        ("downgrade", "head", "run deploy.ipynb"),
        ("downgrade", "heads", "run deploy.ipynb"),
        ("downgrade", "+1", "run deploy.ipynb"),
        ("downgrade", "f36a73221bb3", "run deploy.ipynb"),
        ("downgrade", f"{LONG}+1", "run deploy.ipynb"),
    ],
)
def test_going_the_wrong_way_is_answered_with_the_other_runbook(
    line: Project, direction: Direction, destination: str, advice: str
) -> None:
    """A deploy never drops anything by a slip, and a rollback never adds."""
    assert advice in no_way(line, direction, destination).next_step


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_a_revision_without_its_function_is_named_on_the_way_through_it(
    project: Checkout, direction: Direction
) -> None:
    """With the line that mends it; a way that does not need the function is open."""
    project.revision("aaaa0001", None)
    file = project.revision("bbbb0002", "aaaa0001")
    file.write_text(file.read_text().replace(f"def {direction}()", "def undo()"))
    project.revision("cccc0003", "bbbb0002")
    to, current = ("head", "") if direction == "upgrade" else ("base", "cccc0003")
    with pytest.raises(HistoryError) as stop:
        opened(project).way(direction, to, rows(current))
    assert stop.value.happened == f"{file} has no function {direction}()."
    assert f"def {direction}() -> None: pass" in stop.value.next_step
    assert ids(opened(project).way("upgrade", "head", rows("bbbb0002"))) == ["cccc0003"]


def test_ids_with_dots_are_ids(project: Checkout) -> None:
    """Alembic allows any character but @ + - and :, so projects in the wild have them."""
    project.revision("2024.01", None)
    project.revision("v1/é", "2024.01", file="v1.py")
    found = opened(project)
    assert ids(found.way("upgrade", "2024.01", ())) == ["2024.01"]
    assert ids(found.way("upgrade", "v1/é", rows("2024.01"))) == ["v1/é"]


def test_a_merge_leads_back_to_its_parents(project: Checkout) -> None:
    """The version rows after undoing a merge are both branches."""
    project.revision("aaaa0001", None)
    project.revision("bbbb0002", "aaaa0001")
    project.revision("cccc0003", "aaaa0001")
    project.revision("dddd0004", ("bbbb0002", "cccc0003"))
    found = opened(project)
    error = no_way(found, "downgrade", "-1", "dddd0004")
    assert "choose one before it (bbbb0002, cccc0003, aaaa0001, base)" in error.next_step
    (move,) = found.way("downgrade", "bbbb0002", rows("dddd0004"))
    assert move.after == {"bbbb0002", "cccc0003"}
    for form in ("dddd0004-1", "dddd0004-2"):
        assert found.history.direction(form, rows("dddd0004")) == "downgrade"
        error = no_way(found, "downgrade", form, "dddd0004")
        assert "behind dddd0004 it may go to bbbb0002 or cccc0003." in error.happened
        error = no_way(found, "upgrade", form, "dddd0004")
        assert error.next_step == "none is after it; run rollback.ipynb to go the other way."
    assert found.history.direction("bbbb0002-1", rows("dddd0004")) == "downgrade"
    assert len(found.way("downgrade", "bbbb0002-1", rows("dddd0004"))) == 3
    assert found.history.direction("dddd0004-1", ()) == "upgrade"
    assert found.history.direction("bbbb0002+1", rows("bbbb0002")) == "upgrade"
    up = found.way("upgrade", "head", ())
    assert [move.after for move in up][-1] == {"dddd0004"}
    assert [move.before for move in up] == [frozenset(), *(move.after for move in up[:-1])]
    assert found.history.direction("bbbb0002", rows("dddd0004")) == "downgrade"
