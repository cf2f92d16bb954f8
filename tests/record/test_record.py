"""Records: written whole or not at all, never overwritten, refused where there is no room."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import json
import os
import re
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from runs import VALUES, make
from servers import PASSWORD, PROJECT, Database

from lexikon_runbook.apply import readback
from lexikon_runbook.errors import ArchiveUnusable, LockTimeout
from lexikon_runbook.facts import Facts
from lexikon_runbook.record import archive, ending, origin, record
from lexikon_runbook.runbooks.change import Changing as Run
from lexikon_runbook.targets import settings
from lexikon_runbook.targets.settings import Target


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target("staging", tmp_path, url_env="STAGING_URL", archive=tmp_path / "archive")


def stored(made: record.Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.file.read_text(encoding="utf-8"))
    return found


def test_record_says_unfinished_until_it_ends(target: Target) -> None:
    """What stands in record.json is true whenever the process is killed."""
    made = record.begin(target, "deploy", {"reason": "#812"})
    assert (stored(made)["outcome"], stored(made)["exit_code"]) == ("unfinished", None)
    with made.stage("plan"):
        made.set(plan={"digest": "d"})
        assert stored(made)["doing"] == "plan"
    made.end("succeeded", 0)
    facts = stored(made)
    assert (facts["outcome"], facts["exit_code"], facts["doing"]) == ("succeeded", 0, None)
    assert facts["started"] <= facts["finished"]
    assert [s["name"] for s in facts["stages"]] == ["plan"]
    events = [json.loads(line)["event"] for line in made.folder.joinpath("journal.jsonl").open()]
    assert events == ["begin", "stage", "end"]


def test_times_of_both_clocks_can_be_put_in_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time of this machine and one of its server compare to the last digit of the server's."""
    monkeypatch.setenv("HERE_URL", database.url)
    target = Target("here", PROJECT, url_env="HERE_URL")
    times = [time for _ in range(10) for time in (readback.clock(target), record.now())]
    assert sorted(times, key=dt.datetime.fromisoformat) == times


def test_stage_after_an_end_opens_the_record_again(target: Target) -> None:
    """The same kernel goes on after a stop: the record forgets the stop, the journal does not."""
    made = record.begin(target, "deploy", {})
    ending.bad(made, LockTimeout("x", state="y", next_step="z"))
    assert (stored(made)["outcome"], stored(made)["exit_code"]) == ("stopped", 1)
    assert stored(made)["error"]["next"] == "z"
    with made.stage("apply"):
        assert {n: stored(made)[n] for n in record.OPEN} == record.OPEN
    made.end("succeeded", 0)
    assert (stored(made)["outcome"], stored(made)["error"]) == ("succeeded", None)
    assert made.folder.joinpath("journal.jsonl").read_text().count('"end"') == 2


def test_two_runs_in_the_same_second_get_two_folders(target: Target) -> None:
    """No record is ever written over another."""
    folders = {record.new_folder(target.archive, "deploy", "staging") for _ in range(20)}
    assert len(folders) == 20
    with pytest.raises(ArchiveUnusable) as stop:
        record.reserve(target.archive, folders.pop())
    assert "File exists" in stop.value.happened


def test_archive_that_is_a_file_is_refused(target: Target) -> None:
    """Nothing begins where no record can be kept, and the refusal says what to do."""
    target.archive.write_text("")
    with pytest.raises(ArchiveUnusable) as stop:
        record.begin(target, "deploy", {})
    assert str(target.archive) in stop.value.happened
    assert stop.value.state == "no run began; nothing was changed."
    assert "set `archive` in runbook.toml" in stop.value.next_step


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A file system with 64 kB in that folder; a limit on a file's size where none can be made."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
        stderr=subprocess.DEVNULL,
    )
    try:
        with contextlib.nullcontext() if mounted else small_files():
            yield
    finally:
        if mounted:
            subprocess.check_call(["umount", str(folder)])


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_full_archive_is_refused_and_gets_nothing_more(target: Target) -> None:
    """A record that would not fit is not begun, and what the attempt took is given back."""
    with full_disk(target.archive):
        with pytest.raises(ArchiveUnusable) as stop:
            record.begin(target, "deploy", {})
        assert not [f for f in target.archive.rglob("*") if f.is_file()]
        assert not list(target.archive.glob("*/*/*/*"))
    assert "with a few MiB free" in stop.value.next_step


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The disk fails in the middle: the old text stays, and no half of the new one."""
    file = tmp_path / "record.json"
    record.write_atomically(file, "old")

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(OSError, match="Input/output"):
            record.write_atomically(file, "new")
    assert file.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["record.json"]


def test_reader_always_finds_a_whole_record(target: Target) -> None:
    """Somebody reads while the run writes: each read is one of the written states."""
    made = record.begin(target, "deploy", {})
    seen, broken, done = set(), [], threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(stored(made)["doing"])
            except (ValueError, OSError) as error:
                broken.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        made.set(doing=f"{number} {'word ' * 4_000}")
    done.set()
    reader.join()
    assert broken == []
    assert len(seen) > 1


def test_secret_is_masked_however_json_would_spell_it(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quote or a backslash in a password is escaped in JSON; it is masked all the same."""
    for secret in ('a"b\\c/d', "süß€1", PASSWORD):
        monkeypatch.setenv("STAGING_URL", f"postgresql://app:{secret}@db/x")
        made = record.begin(target, "deploy", {"reason": f"it was {secret}"})
        made.journal("line", text=f"({secret})")
        made.set(error={"happened": [f"tried {secret}"]})
        spoken = made.file.read_text() + made.folder.joinpath("journal.jsonl").read_text()
        for spelling in (secret, json.dumps(secret)[1:-1], json.dumps(secret)[1:-1].lower()):
            assert spelling not in spoken
        assert stored(made)["reason"] == "it was ***"


def test_odd_values_are_json_that_every_reader_reads(target: Target) -> None:
    """Infinity, lone surrogates and bytes do not make a record unreadable or lose it."""
    made = record.begin(target, "deploy", {"revision": float("inf"), "reason": "\ud800 lone"})

    def never(name: str) -> None:
        raise AssertionError(name)

    facts = json.loads(made.file.read_bytes().decode("utf-8"), parse_constant=never)
    assert facts["parameters"]["revision"] == "inf"
    assert facts["reason"] == "\ud800 lone"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"outcome": "unfinished"}', '{"format": 0, "steps": []}']
)
def test_record_of_another_format_is_left_alone(target: Target, text: str) -> None:
    """An older kernel's record, or a damaged one, does not stop the runs of today."""
    folder = target.archive / "2020/01/01/000000-deploy-staging-old"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(text)
    made = record.begin(target, "deploy", {})
    assert [found for found, _ in archive.recent(target.archive)] == [made.folder]


@pytest.mark.parametrize("damage", [{"who": {}}, {"who": None}, {"revisions": []}, {"steps": 1}])
def test_damaged_record_is_left_alone_and_unknown_keys_are_not_damage(
    target: Target, damage: dict[str, Any]
) -> None:
    """Another program's record.json of the same format number does not stop the runs of today."""
    made = record.begin(target, "deploy", {})
    whole = {**stored(made), "later": 1}
    made.file.write_text(json.dumps(whole))
    assert archive.read(made.file) == whole
    made.file.write_text(json.dumps(whole | damage))
    assert archive.read(made.file) is None
    for name in set(whole) - {"later"}:
        made.file.write_text(json.dumps({n: v for n, v in whole.items() if n != name}))
        assert archive.read(made.file) is None


def test_run_is_abandoned_only_when_its_process_is_gone(target: Target) -> None:
    """A living process, another machine and an ended run are none; a reused number is one."""
    made = record.begin(target, "deploy", {})
    assert not archive.abandoned(made.facts)
    child = subprocess.Popen(["true"])
    child.wait()
    gone = {**made.facts["who"], "pid": child.pid}
    reused = {**made.facts["who"], "process_started": psutil.boot_time() - 1e6}
    assert archive.abandoned({**made.facts, "who": gone})
    assert archive.abandoned({**made.facts, "who": reused})
    assert not archive.abandoned({**made.facts, "who": {**gone, "host": "elsewhere"}})
    assert not archive.abandoned({**made.facts, "who": {**gone, "pid_namespace": "pid:[1]"}})
    assert not archive.abandoned({**made.facts, "who": gone, "outcome": "died"})
    assert made.facts["who"]["host"] == socket.gethostname()


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["papermill", "in.ipynb", "out.ipynb", "-p", "reason", "x.ipynb"], "out.ipynb"),
        (["python", "/b/papermill", "-p", "a", "b.ipynb", "in.ipynb", "o.ipynb"], "o.ipynb"),
        (["python", "-m", "papermill", "in.ipynb", "s3://b/o.ipynb"], "s3://b/o.ipynb"),
        (["pytest", "--nbval", "a.ipynb", "b.ipynb"], None),
        (["papermill", "in.ipynb"], None),
    ],
)
def test_output_notebook_is_found_in_papermills_words(words: list[str], output: str) -> None:
    """A parameter that ends in .ipynb is none, and only Papermill's words count."""
    assert origin._papermill_output(words) == output


def test_every_key_of_a_real_record_is_documented(
    lexikon: Callable[..., Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/records.md names each key of record.json and each event of the journal."""
    database = lexikon()
    project = make(tmp_path, database)
    monkeypatch.setenv("STAGING_URL", project.url)
    run = Run("deploy", VALUES, settings.target("staging", project.folder))
    run.preflight()
    outcome = run.apply(run.approve(run.plan("head")))
    run.restart(outcome)
    run.health(outcome)
    run.finish()
    with run.record.stage("again"):
        pass
    run.failed(ValueError("x"))
    page = (PROJECT / "docs/records.md").read_text()
    named = set(re.findall(r"`(\w[\w ]*)`", page))
    lines = run.record.folder.joinpath("journal.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    used = keys({**stored(run.record), "versions": {}, "parameters": {}})
    used |= keys(events) | {event["event"] for event in events}
    assert sorted(used - named) == []
    assert stored(run.record)["steps"]
    outcomes = set(re.findall(r"^\| `([\w ]+)` \| .* \| `?\w", page, re.MULTILINE))
    assert outcomes >= {"succeeded", "stopped", "failed", "unknown", "interrupted", "died"}


def keys(value: Any) -> set[str]:
    """Every key in a JSON value, at any depth."""
    if isinstance(value, dict):
        return set(value) | {k for part in value.values() for k in keys(part)}
    if isinstance(value, list):
        return {k for part in value for k in keys(part)}
    return set()


def test_every_key_of_every_runbook_is_documented() -> None:
    """The types of record.json and its table in docs/records.md name the same keys."""
    page = (PROJECT / "docs/records.md").read_text()
    table = page.partition("## record.json")[2].partition("## journal.jsonl")[0]
    rows = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(
        Facts.__annotations__
    )
