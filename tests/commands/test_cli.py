"""The command line: what each command answers, and how it ends."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import checkouts
import click
import pytest
from checkouts import Checkout
from servers import PROJECT, Database

from lexikon_runbook.commands.main import cli, main
from lexikon_runbook.demo import server
from lexikon_runbook.targets import settings

COMMAND = Path(sys.executable).with_name("lexikon-runbook")


@dataclass(frozen=True)
class Said:
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


Ask = Callable[..., Said]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run the command line in this process. Never a traceback, never the password."""

    def asked(*arguments: str) -> Said:
        code = 0
        try:
            main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        for text in (printed.out, printed.err):
            assert "Traceback" not in text
            assert "hunter22" not in text
        return Said(code, printed.out, printed.err)

    return asked


@pytest.fixture
def project(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Two revisions, the first with an id that looks like a number; nothing is applied."""
    monkeypatch.setenv("HERE_URL", database.url)
    made = checkouts.checkout(tmp_path / "project")
    made.revision("12345678e901", None, "create table a (id int);", "drop table a;")
    made.revision("bbbb0002", "12345678e901", "create table b (id int);", "drop table b;")
    monkeypatch.setenv("LEXIKON_RUNBOOK_PROJECT", str(made.folder))
    return made


def commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")


# Help that teaches.


def test_help_is_there_at_once() -> None:
    """Nothing heavy is imported for it, and it takes less than 0.4 s of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = (
        "import sys; from lexikon_runbook.commands.main import main; sys.argv[1:] = ['--help']\n"
        "main()\n"
        "heavy = {'alembic', 'sqlalchemy', 'papermill', 'psycopg2', 'IPython', 'nbformat'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.stdout.rstrip().endswith("heavy: []")
    assert "First steps" in run.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.4


@pytest.mark.parametrize("name", ["", *(name for name, _ in commands(cli))])
def test_every_command_explains_itself(ask: Ask, name: str) -> None:
    """With an example, or with what it reads and writes."""
    said = ask(*name.split(), "--help")
    assert said.code == 0
    assert re.search(r"lexikon-runbook \w+|Reads only|Writes|Stop it|is gone", said.out)
    assert re.search(r"Usage: lexikon-runbook", said.out)


def test_no_command_is_answered_with_the_help(ask: Ask) -> None:
    """As `--help` does, and the version is one line."""
    assert ask().out == ask("--help").out
    assert re.fullmatch(r"lexikon-runbook, version \d+\.\d+\.\d+\n", ask("--version").out)


def test_every_command_and_option_is_documented() -> None:
    """In the README or in docs/, and each command has its section in docs/cli.md."""
    pages = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    sections = re.findall(r"^## (\w+)$", (PROJECT / "docs" / "cli.md").read_text(), re.MULTILINE)
    assert set(sections) == set(cli.commands)
    for name, command in commands(cli):
        assert f"lexikon-runbook {name}" in text
        options = [o for p in command.params for o in p.opts if isinstance(p, click.Option)]
        assert [o for o in options if f"`{o}" not in text] == []


def test_the_documented_examples_are_commands_that_exist() -> None:
    """Every `lexikon-runbook ...` in the documentation parses as far as its options go."""
    pages = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
    known = dict(commands(cli))
    for page in pages:
        for line in re.findall(r"lexikon-runbook ((?:\w+ ?)+)", page.read_text(encoding="utf-8")):
            words = line.split()
            assert words[0] in known, f"{page.name}: lexikon-runbook {line}"


def test_the_module_is_the_command(tmp_path: Path) -> None:
    """`python -m lexikon_runbook` and the script on the path answer alike."""
    module = [sys.executable, "-m", "lexikon_runbook"]
    for command in (module, [str(COMMAND)]):
        run = subprocess.run([*command, "list"], cwd=PROJECT, capture_output=True, text=True)
        assert run.returncode == 0
        assert "rollback: Takes a database back" in run.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_completion_script(ask: Ask, shell: str) -> None:
    """It asks the command itself what may follow."""
    said = ask("completion", shell)
    assert said.code == 0
    assert "_LEXIKON_RUNBOOK_COMPLETE" in said.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "de"], {"deploy"}),
        (["run", ""], {file.stem for file in (PROJECT / "runbooks").glob("*.ipynb")}),
        (["plan", "--target", ""], {"default", "demo", "here", "guarded"}),
        (["plan", "--rev"], {"--revision"}),
        (["de"], {"demo"}),
    ],
)
def test_tab_completes_runbooks_targets_options_and_commands(
    project: Checkout, words: list[str], expected: set[str]
) -> None:
    """From the project that the shell is in."""
    assert completed(words, project.folder) == expected


def test_tab_outside_a_project_stays_quiet(tmp_path: Path) -> None:
    """No message lands in the line that somebody is typing."""
    assert completed(["plan", "--target", ""], tmp_path) == set()


def completed(words: Sequence[str], folder: Path) -> set[str]:
    """What bash's completion is told."""
    environment = os.environ | {
        "_LEXIKON_RUNBOOK_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["lexikon-runbook", *words]),
        "COMP_CWORD": str(len(words)),
        "LEXIKON_RUNBOOK_PROJECT": str(folder),
    }
    run = subprocess.run([COMMAND], env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    return {line.partition(",")[2] for line in run.stdout.split()}


# Reading: list, plan, status.


def test_list_shows_each_runbook_with_its_parameters(ask: Ask, project: Checkout) -> None:
    """Also in a project without notebooks of its own."""
    said = ask("list")
    assert said.code == 0
    assert "deploy: Brings a database to a newer Alembic revision" in said.out
    assert "    lock_timeout_s: float = 2.0  # seconds a statement may wait for a lock" in said.out


def test_a_notebook_that_is_broken_is_named(ask: Ask, project: Checkout) -> None:
    """A merge conflict in a notebook is no crash."""
    own = project.folder / "runbooks"
    own.mkdir()
    (own / "mine.ipynb").write_text("<<<<<<< HEAD")
    for arguments in (["list"], ["run", "mine"]):
        said = ask(*arguments)
        assert said.code == 1
        assert f"{own}/mine.ipynb can't be read as a notebook" in said.err
        assert "git checkout -- mine.ipynb" in said.err


def test_plan_prints_the_plan_of_a_deploy(ask: Ask, project: Checkout) -> None:
    """With its digest, as text and as one JSON object."""
    said = ask("plan", "--target", "here")
    assert said.code == 0
    assert "Plan: upgrade base -> bbbb0002" in said.out
    found = json.loads(ask("plan", "--target", "here", "--json").out)
    assert found["digest"] in said.out
    assert found["revisions"] == ["12345678e901", "bbbb0002"]
    by_id = json.loads(ask("plan", "--target=here", "--revision=12345678e901", "--json").out)
    assert (by_id["direction"], by_id["revisions"]) == ("upgrade", ["12345678e901"])


@pytest.mark.parametrize(
    ("revision", "destination", "steps"),
    [("-1", "12345678e901", 1), ("1234", "12345678e901", 1), ("base", "base", 2)],
)
def test_plan_takes_a_revision_behind_the_database_as_a_rollback(
    ask: Ask, project: Checkout, database: Database, revision: str, destination: str, steps: int
) -> None:
    """By steps, by the beginning of an id, or all the way; several heads do not stop it."""
    applied(database)
    project.revision("cccc0003", "12345678e901")
    found = json.loads(ask("plan", "--target", "here", "--revision", revision, "--json").out)
    assert (found["direction"], found["destination"]) == ("downgrade", destination)
    assert len(found["steps"]) == steps
    assert found["at_risk"][0].startswith("table b: 2 rows")
    assert found["needs_approval"]
    said = ask("plan", "--target", "here")
    assert said.code == 1
    assert "the checkout has 2 heads" in said.err


def applied(database: Database) -> None:
    """The project's two revisions, as a deploy leaves them, and two rows."""
    database.execute("create table a (id int); create table b (id int)")
    database.execute("insert into b values (1), (2)")
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    database.execute("insert into alembic_version values ('bbbb0002')")


def test_plan_of_nothing_says_so_and_exits_with_0(
    ask: Ask, project: Checkout, database: Database
) -> None:
    """A CI job that finds nothing to do is green."""
    applied(database)
    said = ask("plan", "--target", "here")
    assert (said.code, said.out.strip()) == (
        0,
        "[ok] Plan: nothing to do, the database is at bbbb0002",
    )


def test_status_shows_the_database_its_health_and_who_waits(ask: Ask, project: Checkout) -> None:
    """What cannot be known is called unknown."""
    said = ask("status", "--target", "here")
    assert said.code == 0
    assert "Version row  none: there is no alembic_version" in said.out
    assert "Pending      2 revisions" in said.out
    assert "no session waits for a lock" in said.out
    assert "has no health_url" in said.out


# Refusals: exit 1, the advice, and nothing changed.


@pytest.mark.parametrize(
    ("arguments", "happened", "advice"),
    [
        (["run", "deplyo"], "no runbook 'deplyo'; did you mean deploy?", "use one of: create_"),
        (["run", "deploy", "-p", "target"], "-p target has no value", "write -p NAME=VALUE once"),
        (["run", "deploy", "-p", "target=a", "-p", "target=b"], "given twice", "NAME=VALUE once"),
        (["run", "deploy", "-p", "targt=here"], "Did you mean target?", "use one of: target, "),
        (["run", "deploy", "-p", "a;b=1"], "which is code and not a name", "-p NAME VALUE"),
        (
            ["run", "deploy", "-p", "lock_timeout_s=nan"],
            "must lie between",
            "-p lock_timeout_s 2.0",
        ),
        (["run", "deploy", "-p", "target=heer"], "did you mean 'here'", "use one of default, demo"),
        (
            ["run", "deploy", "-p", "target=default"],
            "DATABASE_URL, which is not",
            "export DATABASE_",
        ),
        (["plan", "--target", "nowhere"], "there is no target 'nowhere'", "use one of default, "),
        (["plan", "--target", "here", "--revision", "+9"], "to '+9' is not", "choose one after it"),
        (["plan", "--target", "here", "--revision", "-9"], "to '-9' is not", "run deploy.ipynb"),
        (["plan", "--target", "here", "--revision", ""], "revision is empty", "give an id"),
        (["plan", "--target", "here", "--revision", "9e9"], "no revision '9e9'", "alembic history"),
        (["status", "--target", "demoo"], "did you mean 'demo'", "use one of default, demo"),
    ],
)
def test_a_refusal_exits_with_1_and_says_what_to_do(
    ask: Ask,
    project: Checkout,
    database: Database,
    arguments: list[str],
    happened: str,
    advice: str,
) -> None:
    """On standard error, in four lines; the database stays as it was, and a run has a record."""
    said = ask(*arguments)
    assert (said.code, said.out) == (1, "")
    first, state, following, more = said.err.strip().splitlines()
    assert happened in first
    assert state == "  State now: nothing was changed."
    assert following.startswith("  Next: ")
    assert advice in following
    explained = ask("explain", more.removeprefix("  More: lexikon-runbook explain "))
    assert "**Mend:**" in explained.out
    assert database.rows("select 1 from pg_tables where schemaname = 'public'") == []
    kept = list((project.folder / "archive").glob("*/*/*/*/record.json"))
    assert len(kept) == (arguments[:2] == ["run", "deploy"])


def test_a_run_that_is_refused_before_a_kernel_starts_leaves_a_masked_record(
    ask: Ask, project: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was given and why it was refused, without the target's password."""
    monkeypatch.setenv("HERE_URL", "postgresql://u:hunter22@h/d")
    said = ask("run", "deploy", "-p", "target=here", "-p", "reason=hunter22", "-p", "q=hunter22")
    assert said.code == 1
    (file,) = (project.folder / "archive").glob("*/*/*/*/record.json")
    facts = json.loads(file.read_text())
    assert (facts["runbook"], facts["target"]) == ("deploy", "here")
    assert (facts["outcome"], facts["exit_code"]) == ("stopped", 1)
    assert facts["parameters"] == {"target": "here", "reason": "***", "q": "***"}
    assert "no parameter 'q'" in facts["error"]["happened"]
    assert facts["error"]["next"].startswith("use one of: target, ")


def test_a_usage_error_exits_with_1(ask: Ask) -> None:
    """An unknown option or command is stopped on purpose, too."""
    for arguments in (["plan", "--taget", "x"], ["rnu"], ["run"], ["completion", "csh"]):
        said = ask(*arguments)
        assert said.code == 1
        assert "Usage: " in said.err


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter22@h/d",
        "postgresql://u:x@hunter22@h/d",
        "postgresql://u:hunter22@h:port/d",
        "postgresql://u:hunter22@127.0.0.1:1/d",
        "hunter22",
    ],
)
def test_a_url_that_can_not_be_used_is_never_repeated(
    ask: Ask, project: Checkout, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Neither its text nor its password, by any command that reads it."""
    monkeypatch.setenv("HERE_URL", url)
    for arguments in (["plan", "--target", "here"], ["status", "--target", "here"]):
        said = ask(*arguments)
        assert said.code == 1
        assert "Next: " in said.err


@pytest.mark.parametrize(
    ("output", "happened"),
    [
        ("../elsewhere", "is not inside the archive"),
        ("/tmp/elsewhere", "is not inside the archive"),
        (".", "is not inside the archive"),
        ("old", "exists; a record is never overwritten"),
        ("file/below", "can't take a record"),
    ],
)
def test_an_output_that_exists_or_leaves_the_archive_is_refused(
    ask: Ask, project: Checkout, output: str, happened: str
) -> None:
    """Before a kernel starts or the database is touched."""
    (project.folder / "archive" / "old").mkdir(parents=True)
    (project.folder / "archive" / "file").touch()
    said = ask("run", "deploy", "-p", "target=here", "--output", output)
    assert said.code == 1
    assert happened in said.err
    assert "Next: leave --output out" in said.err or "set `archive` in" in said.err
    assert sorted(p.name for p in (project.folder / "archive").iterdir()) == ["file", "old"]


# Runs, the unexpected, and the interrupt.


def test_run_executes_archives_and_ends_as_the_runbook_did(
    ask: Ask, project: Checkout, database: Database
) -> None:
    """Exit 0 when it is done, at an id that looks like a number; 1 when approval is missing."""
    done = ask("run", "deploy", "-p", "target=here", "-p", "revision=12345678e901", "-o", "first")
    folder = project.folder / "archive" / "first"
    assert done.code == 0
    assert done.out == f"outcome: succeeded\nrecord:  {folder}\n"
    assert json.loads((folder / "record.json").read_text())["exit_code"] == 0
    assert {"deploy.ipynb", "deploy.html"} < {p.name for p in folder.iterdir()}
    assert database.rows("select version_num from alembic_version") == [("12345678e901",)]

    database.execute("insert into a values (1)")
    stopped = ask("run", "runbooks/rollback.ipynb", "-p", "target=here")
    assert stopped.code == 1
    assert "ApprovalNeeded: this plan runs only when it was approved" in stopped.err
    assert "table a: 1 row" in stopped.err
    assert re.search(r"Next: .*\n\s+lexikon-runbook run rollback .*approve=2:\w{64}", stopped.err)
    assert "outcome: stopped" in stopped.out
    assert database.rows("select count(*) from a") == [(1,)]


def test_the_unexpected_exits_with_3_and_names_a_log_without_a_secret(
    ask: Ask, project: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log holds the traceback, for a report; the terminal does not."""
    secret = "postgresql://u:hunter22@h/d"
    monkeypatch.setenv("HERE_URL", secret)

    def broken(_name: str, _project: Path) -> None:
        raise KeyError(f"{secret} and hunter22 alone")

    monkeypatch.setattr(settings, "target", broken)
    said = ask("plan", "--target", "here")
    assert said.code == 3
    assert said.err.startswith("unexpected: KeyError: ")
    log = Path(said.err.rpartition(": ")[2].strip())
    text = log.read_text()
    log.unlink()
    assert "Traceback (most recent call last)" in text
    assert "in broken" in text
    assert "hunter22" not in text


def test_an_interrupt_exits_with_130(project: Checkout) -> None:
    """Ctrl-C while env.py hangs."""
    env = project.folder / "migrations" / "env.py"
    hang = "import os, threading\nos.write(2, b'here\\n')\nthreading.Event().wait()\n"
    env.write_text(hang + env.read_text())
    run = subprocess.Popen(
        [COMMAND, "plan", "--target", "here"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    assert run.stderr.readline() == "here\n"
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert (run.returncode, out) == (130, "")
    assert err.strip() == "interrupted"


def test_a_reader_that_goes_away_gets_no_traceback(project: Checkout) -> None:
    """`lexikon-runbook plan | head -1`."""
    run = subprocess.run(
        f"'{COMMAND}' list | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=project.folder,
    )
    assert run.stdout.startswith("create_migration: ")
    assert run.stderr == ""


def test_the_demo_starts_resets_and_stops(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting twice is fine, its target needs no setting up, and stopping keeps the data."""
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    monkeypatch.setenv("LEXIKON_RUNBOOK_DEMO_DIR", str(folder / "pg"))
    monkeypatch.setenv("LEXIKON_RUNBOOK_PROJECT", str(PROJECT))
    try:
        for _ in range(2):
            said = ask("demo", "start")
            assert (said.code, said.out) == (0, "demo: running; its target name is demo\n")
        found = json.loads(ask("plan", "--json").out)
        assert (found["target"], found["revisions"]) == ("demo", ["f36a73221bb3"])
        assert ask("demo", "reset").out == "demo: fresh, at b9d0965451a3\n"
        assert ask("demo", "stop").out == "demo: stopped\n"
        assert server.url(PROJECT) is None
        assert (folder / "pg" / "PG_VERSION").exists()
    finally:
        server.stop(PROJECT)
        shutil.rmtree(folder)


def test_explain_lists_its_entries_and_names_the_nearest(ask: Ask) -> None:
    """One that there is not exits with 1, with what may be meant."""
    listed = ask("explain").out.split()
    assert {"drop-column", "duplicate-revision", "lock-timeout"} <= set(listed)
    said = ask("explain", "lock-timeuot")
    assert (said.code, said.out) == (1, "")
    assert "near: lock-timeout" in said.err
