"""Troubleshoot on the way to a database: down, refused, pooled, a standby, almost full."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import servers
from diagnosing import Patient, patients
from projects import URL
from proxy import proxying
from servers import Database, Server

from lexikon_runbook.diagnosis import of_connection, of_schema, reading
from lexikon_runbook.diagnosis.row import Diagnosed
from lexikon_runbook.postgres import connections as db

Maker = Callable[..., Patient]


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


UNREACHABLE = [
    ("postgresql://u:hunter22@127.0.0.1:1/d", "no PostgreSQL listens there", "pg_isready"),
    ("postgresql://u:hunter22@no-such-host.invalid/d", "there is no such host", "correct the host"),
    ("postgresql://app:hunter22@127.0.0.1:{port}/{name}", "wrong user or password", "check both"),
    ("postgresql://app:hunter22@127.0.0.1:{port}/{name}?sslmode=require", "TLS", "sslmode"),
]


@pytest.mark.parametrize(("url", "cause", "advice"), UNREACHABLE)
def test_a_database_that_is_not_reached_is_the_first_trouble(
    patient: Maker, monkeypatch: pytest.MonkeyPatch, url: str, cause: str, advice: str
) -> None:
    """The checkout is looked at all the same; what the database would say is unknown."""
    made = patient("two_heads")
    port, name = made.database.server.arguments["port"], made.database.name
    made = Patient(made.project.with_url(monkeypatch, url.format(port=port, name=name)))
    found = made.diagnosed()
    trouble = found.found[0]
    assert trouble.diagnosis.id == "unreachable"
    assert cause in trouble.evidence
    assert advice in trouble.remedy.words
    assert "hunter22" not in str(found)
    unknown = {each.diagnosis.id for each in found.unchecked}
    assert {"blocked", "open-transaction", "invalid-index", "revision-unknown"} <= unknown
    assert "syntax-error" in [row.id for row in found.ruled_out]
    assert [t.diagnosis.id for t in found.found] == ["unreachable", "several-heads"]


def test_a_variable_that_is_not_set_is_named(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export that sets it is the remedy; nothing else could be told."""
    made = patient("sound")
    with monkeypatch.context() as patch:
        patch.delenv(URL)
        found = made.diagnosed()
    assert [each.diagnosis.id for each in found.found] == ["not-configured"]
    assert found.found[0].remedy.words.startswith(f"export {URL}=postgresql://")
    assert "syntax-error" in {each.diagnosis.id for each in found.unchecked}


def test_a_pooler_is_named(patient: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port stands in the evidence, and where to change it in the remedy."""
    made = patient("sound", at="aa04")
    assert made.healthy("pooler")
    port = int(made.database.server.arguments["port"])
    with proxying("127.0.0.1", port) as proxy:
        proxy.pooling = True
        url = proxy.url(made.database.tcp_url)
        trouble = Patient(made.project.with_url(monkeypatch, url)).trouble("pooler")
    assert "a pooler stands between" in trouble.evidence
    assert "OTHER_TARGET_URL" in trouble.remedy.words


def test_a_standby_is_named(patient: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one, in recovery: it is read all the same, and where to write is said."""
    made = patient("sound")
    assert made.healthy("standby")
    with servers.standby() as host:
        url = f"postgresql://postgres@/postgres?host={quote(host)}&port=5432"
        found = Patient(made.project.with_url(monkeypatch, url)).diagnosed()
    trouble = found.found[0]
    assert trouble.diagnosis.id == "standby"
    assert "the primary is not shown to this role" in trouble.evidence
    assert "let the environment variable OTHER_TARGET_URL name the primary" in trouble.remedy.words
    assert "blocked" in [row.id for row in found.ruled_out]


def test_a_server_that_is_too_old_is_named(patient: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the oldest is; nothing of it is read."""
    made = patient("sound")
    monkeypatch.setattr(db, "OLDEST_SERVER", 990000)
    found = made.diagnosed()
    assert found.found[0].diagnosis.id == "server-too-old"
    assert found.found[0].remedy.words.startswith("upgrade the server")
    assert "blocked" in {each.diagnosis.id for each in found.unchecked}


def test_an_env_py_that_goes_elsewhere_is_named(patient: Maker, server: Server) -> None:
    """Both databases stand in the evidence, and the two keys in the remedy."""
    made, other = patient("sound"), server.create()
    url = other.url.replace("postgresql:", "postgresql+psycopg2:")
    env = made.folder / "env.py"
    text = env.read_text()
    env.write_text(text.replace('config.get_main_option("sqlalchemy.url")', repr(url)))
    trouble = made.trouble("env-py-elsewhere")
    assert f"connects to database {other.name}" in trouble.evidence
    assert 'env_py_variable = "NAME"' in trouble.remedy.words
    assert made.healthy("env-py-fails")
    other.drop()


WITHOUT_PSYCOPG = """
from importlib.machinery import PathFinder

real = PathFinder.find_spec
PathFinder.find_spec = lambda name, *given: None if name == "psycopg" else real(name, *given)
"""


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("postgres", "NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:postgres"),
        ("postgresql", "ModuleNotFoundError: No module named 'psycopg'"),
    ],
)
def test_a_url_without_a_driver_is_given_one(
    patient: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str, said: str
) -> None:
    """The runbooks name one the project has; plain alembic fails, and its error is explained."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_PSYCOPG)  # the choice of SQLAlchemy 2.1
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    made = patient("url_from_myapp_dsn", env_py_variable="MYAPP_DSN", python=str(python))
    env = made.folder / "env.py"
    env.write_text(re.sub(r"\.replace\(.*\)", "", env.read_text()))
    rest = made.database.url.partition("://")[2]
    made = Patient(made.project.with_url(monkeypatch, f"{scheme}://{rest}"))
    assert made.healthy("env-py-fails")
    assert made.healthy("url-scheme")
    trouble = made.trouble("url-scheme", error=said)
    assert trouble.explains
    (command,) = trouble.remedy.shell
    url = made.shell(f'{command}; printf %s "$OTHER_TARGET_URL"')
    assert url == f"postgresql+psycopg2://{rest}"
    monkeypatch.setenv("OTHER_TARGET_URL", url)
    assert made.healthy("url-scheme", error=said)


def test_a_server_with_hardly_a_connection_left_names_who_is_idle(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest idle first; ending them frees connections."""
    made = patient("sound", at="aa04")
    assert made.healthy("connections-used")
    idle = made.database.connect(application_name="pool")
    monkeypatch.setattr(of_connection, "NEARLY", 0.0)
    trouble = made.trouble("connections-used")
    assert "'pool' idle" in trouble.evidence
    made.mend(trouble)
    assert made.database.rows(
        "select count(*) from pg_stat_activity where pid = %s", idle.info.backend_pid
    ) == [(0,)]


def test_a_replication_slot_that_nobody_reads_is_dropped(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a gigabyte of WAL on; here from the first byte."""
    made = patient("sound", at="aa04")
    made.database.execute("select pg_create_physical_replication_slot('gone', true)")
    assert made.healthy("replication-slot")
    monkeypatch.setattr(of_schema, "MUCH_BYTES", 0)
    trouble = made.trouble("replication-slot")
    assert trouble.remedy.sql == ("SELECT pg_drop_replication_slot('gone')",)
    made.mend(trouble)
    assert made.healthy("replication-slot")


def test_a_reader_that_fails_is_unknown_and_hides_nothing(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in one reader: the others are told, and the reason is shown."""
    made = patient("plain", at="aa04")

    def broken(*_: object) -> None:
        raise RuntimeError(f"secret {os.environ[URL]}")

    monkeypatch.setattr(reading.sessions, "transactions", broken)
    found: Diagnosed = made.diagnosed()
    (missing,) = [e for e in found.unchecked if e.diagnosis.id == "open-transaction"]
    assert missing.why.startswith("secret ")
    assert missing.why.endswith("(RuntimeError)")
    assert not found.healthy
    assert [t.diagnosis.id for t in found.found] == ["loggers-disabled"]
