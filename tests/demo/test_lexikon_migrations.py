"""Lexikon's three revisions: the schema they make, and that every step can be undone."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from servers import PROJECT, Database
from sqlalchemy.exc import ProgrammingError

from alembic import command

INI = PROJECT / "alembic.ini"
REVISIONS = ("7beb871f4454", "b9d0965451a3", "f36a73221bb3")

# table: its columns in order; ! is not null, = is the default.
COLUMNS = {
    "users": """id varchar!, email varchar!, password_hash varchar, first_name varchar!,
        last_name varchar!, institution varchar, primary_domain varchar, language varchar!,
        country varchar(2), adoption_level adoptionlevelenum!, is_active bool!,
        created_at timestamp = now(), updated_at timestamp = now()""",
    "oauth_accounts": """id varchar!, user_id varchar!, provider varchar!,
        provider_user_id varchar!, access_token varchar, refresh_token varchar,
        expires_at timestamp, created_at timestamp = now(), updated_at timestamp = now()""",
    "api_keys": """id varchar!, user_id varchar!, key_hash varchar!, name varchar!,
        scopes varchar!, is_active bool!, last_used_at timestamp, created_at timestamp = now(),
        expires_at timestamp""",
    "projects": """id varchar!, name varchar!, description text, language varchar!,
        primary_domain varchar, is_public bool!, owner_id varchar!, created_at timestamp = now(),
        updated_at timestamp = now(), archived_at timestamp""",
    "project_members": """project_id varchar!, user_id varchar!, role projectroleenum!,
        joined_at timestamp = now()""",
    "terms": """id varchar!, project_id varchar, name varchar!, definition text!, domain varchar,
        level termlevelenum!, status termstatusenum!, examples text, synonyms text,
        formal_definition text, citations text, term_metadata text, created_by varchar!,
        created_at timestamp = now(), updated_at timestamp = now()""",
    "onboarding_sessions": """id varchar!, adoption_level adoptionlevelenum!, user_id varchar,
        created_at timestamp = now(), completed_at timestamp""",
    "llm_configs": """id varchar!, user_id varchar!, provider varchar!, api_key_encrypted varchar,
        model_name varchar, base_url varchar, max_tokens int!, temperature int!,
        created_at timestamp = now(), updated_at timestamp = now()""",
    "webhooks": """id varchar!, user_id varchar!, url varchar!, events varchar!, secret varchar!,
        description varchar, is_active bool! = true, max_retries int! = 5,
        retry_delay_seconds int! = 60, created_at timestamp = now(), updated_at timestamp = now(),
        last_triggered_at timestamp""",
    "webhook_deliveries": """id varchar!, webhook_id varchar!, event_type varchar!, payload text!,
        status varchar!, response_status int, response_body text, attempt_count int! = 0,
        max_attempts int! = 5, next_retry_at timestamp, last_error varchar,
        created_at timestamp = now(), updated_at timestamp = now(), delivered_at timestamp""",
}
KEYS = """
api_keys: FOREIGN KEY (user_id) REFERENCES users(id)
api_keys: PRIMARY KEY (id)
api_keys: UNIQUE (key_hash)
llm_configs: FOREIGN KEY (user_id) REFERENCES users(id)
llm_configs: PRIMARY KEY (id)
llm_configs: UNIQUE (user_id)
oauth_accounts: FOREIGN KEY (user_id) REFERENCES users(id)
oauth_accounts: PRIMARY KEY (id)
onboarding_sessions: FOREIGN KEY (user_id) REFERENCES users(id)
onboarding_sessions: PRIMARY KEY (id)
project_members: FOREIGN KEY (project_id) REFERENCES projects(id)
project_members: FOREIGN KEY (user_id) REFERENCES users(id)
project_members: PRIMARY KEY (project_id, user_id)
projects: FOREIGN KEY (owner_id) REFERENCES users(id)
projects: PRIMARY KEY (id)
terms: FOREIGN KEY (created_by) REFERENCES users(id)
terms: FOREIGN KEY (project_id) REFERENCES projects(id)
terms: PRIMARY KEY (id)
users: PRIMARY KEY (id)
users: UNIQUE (email)
webhook_deliveries: FOREIGN KEY (webhook_id) REFERENCES webhooks(id) ON DELETE CASCADE
webhook_deliveries: PRIMARY KEY (id)
webhooks: FOREIGN KEY (user_id) REFERENCES users(id)
webhooks: PRIMARY KEY (id)
webhooks: UNIQUE (url, user_id)
"""
# revision: the indexes it adds besides those of keys.
INDEXES = {
    "7beb871f4454": """ix_users_email (email), ix_api_keys_key_hash (key_hash),
        ix_terms_name (name)""",
    "b9d0965451a3": """ix_terms_created_by (created_by), ix_terms_project_id (project_id),
        ix_terms_name_created_by (name, created_by), ix_api_keys_user_id (user_id),
        ix_oauth_accounts_user_id (user_id), ix_projects_owner_id (owner_id),
        ix_oauth_accounts_provider_user_id (provider, provider_user_id)""",
    "f36a73221bb3": """ix_webhooks_user_id (user_id), ix_webhook_deliveries_status (status),
        ix_webhook_deliveries_webhook_id (webhook_id),
        ix_webhook_deliveries_next_retry_at (next_retry_at)""",
}
ENUMS = {
    "adoptionlevelenum": ["quick-project", "research-project", "production-api"],
    "projectroleenum": ["owner", "editor", "reviewer", "viewer"],
    "termlevelenum": ["quick-draft", "ready", "expert"],
    "termstatusenum": ["draft", "ready", "validated"],
}

COLUMNS_SQL = """
select c.relname, string_agg(
         attname || ' ' || format_type(atttypid, atttypmod)
         || case when attnotnull then '!' else '' end
         || coalesce(' = ' || pg_get_expr(adbin, adrelid), ''), ', ' order by attnum)
from pg_class c join pg_attribute a on a.attrelid = c.oid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = attnum
where relkind = 'r' and relnamespace = 'public'::regnamespace
  and attnum > 0 and not attisdropped and relname <> 'alembic_version'
group by c.relname
"""
KEYS_SQL = """
select conrelid::regclass || ': ' || pg_get_constraintdef(oid) from pg_constraint
where contype in ('p', 'u', 'f') and connamespace = 'public'::regnamespace
  and conrelid <> 'alembic_version'::regclass
"""
INDEXES_SQL = """
select indexname || ' ' || substring(indexdef from 'USING btree (.*)$')
from pg_indexes where indexname like 'ix%'
"""
ENUMS_SQL = """
select typname, array_agg(enumlabel::text order by enumsortorder)
from pg_type t join pg_enum e on e.enumtypid = t.oid group by typname
"""
SHORT = {
    "character varying": "varchar",
    "timestamp without time zone": "timestamp",
    "boolean": "bool",
    "integer": "int",
}


def shortened(text: str) -> str:
    for long, short in SHORT.items():
        text = text.replace(long, short)
    return text


def version(database: Database) -> list[str]:
    return [row[0] for row in database.rows("select version_num from alembic_version")]


def unaddressed(ini: Path = INI) -> Config:
    """alembic.ini as it is, so that env.py reads DATABASE_URL."""
    config = Config(str(ini), stdout=io.StringIO())
    config.attributes["configure_logger"] = False
    return config


def alembic(folder: Path, url: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the plain `alembic` command in some folder, with that DATABASE_URL."""
    environment = {**os.environ, **({"DATABASE_URL": url} if url is not None else {})}
    words = [sys.executable, "-W", "error::DeprecationWarning", "-m", "alembic", "-c", str(INI)]
    return subprocess.run(
        [*words, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_the_three_revisions_make_one_line() -> None:
    """`alembic history` shows the reference's three ids and subjects, in order."""
    history = ScriptDirectory.from_config(Config(str(INI))).walk_revisions()
    assert [(r.revision, r.down_revision, r.doc.split(" (")[0]) for r in history] == [
        (REVISIONS[2], REVISIONS[1], "Webhooks table and delivery tracking"),
        (REVISIONS[1], REVISIONS[0], "Performance indexes for queries"),
        (REVISIONS[0], None, "Initial schema"),
    ]


def test_the_head_has_exactly_the_columns_of_the_reference(
    lexikon: Callable[..., Database],
) -> None:
    """Every table's columns, types, nullability, defaults and order are as written down."""
    found = dict(lexikon("f36a73221bb3").rows(COLUMNS_SQL))
    expected = {table: " ".join(text.split()) for table, text in COLUMNS.items()}
    assert {table: shortened(text) for table, text in found.items()} == expected


def test_the_head_has_exactly_the_keys_and_enums_of_the_reference(
    lexikon: Callable[..., Database],
) -> None:
    """Primary, unique and foreign keys and the four enum types' labels are as written down."""
    database = lexikon("f36a73221bb3")
    assert sorted(row[0] for row in database.rows(KEYS_SQL)) == KEYS.strip().splitlines()
    assert dict(database.rows(ENUMS_SQL)) == ENUMS


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_adds_its_own_indexes(
    revision: str, lexikon: Callable[..., Database]
) -> None:
    """Somebody who stops at a revision has its indexes and those before it, and no other."""
    so_far = REVISIONS[: REVISIONS.index(revision) + 1]
    wanted = [
        i for r in so_far for i in " ".join(INDEXES[r].split()).replace("), ", ")|").split("|")
    ]
    assert sorted(row[0] for row in lexikon(revision).rows(INDEXES_SQL)) == sorted(wanted)


def test_going_down_to_base_and_up_again_gives_the_same_schema(database: Database) -> None:
    """After the round trip `pg_dump -s` writes the same text, byte for byte."""
    database.upgrade()
    before = database.dump()
    database.downgrade("base")
    database.upgrade()
    assert "CREATE TABLE public.webhook_deliveries" in before
    assert database.dump() == before


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_step_down_and_up_gives_the_same_schema(
    revision: str, lexikon: Callable[..., Database]
) -> None:
    """A rollback by one revision and a new deploy leave no difference behind."""
    database = lexikon(revision)
    before = database.dump()
    database.downgrade("-1")
    assert database.dump() != before
    database.upgrade("+1")
    assert database.dump() == before


def test_base_leaves_no_table_and_no_enum_type(lexikon: Callable[..., Database]) -> None:
    """A downgrade to base, with rows in every table, leaves only Alembic's own table."""
    database = lexikon("f36a73221bb3", data=True)
    database.downgrade("base")
    assert database.rows("select tablename from pg_tables where schemaname = 'public'") == [
        ("alembic_version",)
    ]
    assert database.rows("select typname from pg_type where typtype = 'e'") == []
    assert version(database) == []


def test_the_models_and_the_migrations_agree(lexikon: Callable[..., Database]) -> None:
    """`alembic check` finds nothing to migrate."""
    command.check(lexikon("f36a73221bb3").config())


def test_the_models_take_and_give_the_labels_of_the_enum_types(
    lexikon: Callable[..., Database],
) -> None:
    """The application reads a row that plain SQL wrote, and writes labels, not member names."""
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    from lexikon_runbook.demo import models
    from lexikon_runbook.targets import urls

    database = lexikon("f36a73221bb3", data=True)
    engine = create_engine(urls.address(database.url).url("postgresql+psycopg2"))
    with Session(engine) as session:
        term = session.scalars(select(models.Term).limit(1)).one()
        term.level, term.status = models.TermLevel.EXPERT, models.TermStatus.VALIDATED
        changed = term.id
        session.commit()
    engine.dispose()
    found = database.rows("select level::text, status::text from terms where id = %s", changed)
    assert found == [("expert", "validated")]


def test_a_revision_that_fails_leaves_the_ones_before_it(database: Database) -> None:
    """Each revision commits on its own: what succeeded stays, what failed leaves nothing."""
    database.execute("create table webhook_deliveries (id int)")
    with pytest.raises(ProgrammingError) as stop:
        database.upgrade()
    assert isinstance(stop.value.orig, psycopg2.errors.DuplicateTable)
    assert version(database) == ["b9d0965451a3"]
    assert database.rows("select to_regclass('webhooks')") == [(None,)]


def test_plain_alembic_works_from_any_folder(tmp_path: Path, database: Database) -> None:
    """`alembic -c .../alembic.ini upgrade head` persists, and warns of nothing deprecated.

    The URL is a plain user's, over TCP, with %, @, / and a quote in the password.
    """
    url = database.tcp_url.replace("postgresql://", "postgres://")
    ended = alembic(tmp_path, url, "upgrade", "head")
    assert (ended.returncode, version(database)) == (0, ["f36a73221bb3"]), ended.stderr
    assert "Running upgrade b9d0965451a3 -> f36a73221bb3, Webhooks table" in ended.stderr


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
@pytest.mark.parametrize("place", ["url", "tcp_url"])
def test_every_spelling_of_the_url_works(
    scheme: str, place: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DATABASE_URL may name the driver or not, a socket or a host, a password or none."""
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://{getattr(database, place).partition('://')[2]}")
    command.upgrade(unaddressed(), "7beb871f4454")
    assert version(database) == ["7beb871f4454"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://lexikon:s3cr@t-w0rd@127.0.0.1:5432/lexikon",
        "postgresql://lexikon:s3cr%t-w0rd@127.0.0.1:fifty/lexikon",
        "mysql://lexikon:s3cr%t-w0rd@127.0.0.1/lexikon",
        "lexikon:s3cr-w0rd",
    ],
)
def test_a_url_that_does_not_parse_is_never_shown(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how a URL is written, and its traceback shows nothing of the one given."""
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(CommandError) as stop:
        command.upgrade(unaddressed(), "head")
    assert "postgresql://USER:PASSWORD@HOST:5432/DATABASE" in str(stop.value)
    shown = "".join(traceback.format_exception(stop.value))
    assert "s3cr" not in shown
    assert "w0rd" not in shown


def test_a_percent_sign_in_the_ini_is_explained_without_the_url(tmp_path: Path) -> None:
    """A URL written into alembic.ini with a single % is refused, and not shown."""
    ini = tmp_path / "alembic.ini"
    here = INI.read_text().replace("%(here)s", str(PROJECT))
    ini.write_text(here.replace("sqlalchemy.url =", "sqlalchemy.url = postgresql://a:s3cr%40@b/c"))
    with pytest.raises(CommandError, match="write it %% in an ini file") as stop:
        command.current(unaddressed(ini))
    assert "s3cr" not in "".join(traceback.format_exception(stop.value))


def test_without_a_url_alembic_says_how_to_name_a_database(tmp_path: Path) -> None:
    """No traceback: one error that holds the export command."""
    ended = alembic(tmp_path, None, "upgrade", "head")
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert "export DATABASE_URL=postgresql://" in said
    assert "Traceback" not in said


def test_a_caller_s_url_wins_over_the_environment(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that sets `sqlalchemy.url` is not led elsewhere by DATABASE_URL."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    database.upgrade("7beb871f4454")
    assert version(database) == ["7beb871f4454"]


def test_offline_sql_is_the_same_change(database: Database) -> None:
    """`upgrade --sql` and `downgrade --sql` need no database, and do what the commands do."""

    def script(direction: Callable[..., None], revisions: str) -> str:
        config = unaddressed()
        config.output_buffer = io.StringIO()
        direction(config, revisions, sql=True)
        return config.output_buffer.getvalue()

    database.execute(script(command.upgrade, "head"))
    by_script = database.dump()
    database.execute(script(command.downgrade, "f36a73221bb3:base"))
    database.execute("drop table if exists alembic_version")
    database.upgrade()
    assert database.dump() == by_script


def test_running_alembic_leaves_the_loggers_of_its_caller_alone(
    tmp_path: Path, database: Database
) -> None:
    """A logger that existed before env.py ran still speaks after it."""
    code = (
        "import logging, sys; from alembic import command; from alembic.config import Config;"
        "mine = logging.getLogger('mine'); command.current(Config(sys.argv[1]));"
        "mine.warning('still here')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(INI)],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": database.url},
        capture_output=True,
        text=True,
    )
    assert "still here" in ended.stderr
