"""Statements: what they do and lock, from their text alone, and as a server really locks."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import Database

from lexikon_runbook.postgres import statements
from lexikon_runbook.postgres.names import spelled
from lexikon_runbook.postgres.statements import (
    NO_LOCK,
    Effect,
    describe,
    read,
    read_all,
    split,
)
from lexikon_runbook.postgres.statements.tokens import tokenize

AX, SRX, SH, SUX, RX = (
    "ACCESS EXCLUSIVE",
    "SHARE ROW EXCLUSIVE",
    "SHARE",
    "SHARE UPDATE EXCLUSIVE",
    "ROW EXCLUSIVE",
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("", []),
        (" ;; \n; ", []),
        ("-- a; b\nSELECT 1 -- c; d\n; SELECT 2", ["-- a; b\nSELECT 1 -- c; d", "SELECT 2"]),
        ("-- only a comment;", []),
        ("SELECT 'it''s; x'; SELECT 2", ["SELECT 'it''s; x'", "SELECT 2"]),
        (r"SELECT E'\'; x'; SELECT 2", [r"SELECT E'\'; x'", "SELECT 2"]),
        (r"SELECT 'a\'; SELECT 2", [r"SELECT 'a\'", "SELECT 2"]),
        ("SELECT U&'d;'; SELECT 2", ["SELECT U&'d;'", "SELECT 2"]),
        ('SELECT 1 AS "quo""; ted"; SELECT 2', ['SELECT 1 AS "quo""; ted"', "SELECT 2"]),
        ("SELECT $$a;b$$; SELECT 2", ["SELECT $$a;b$$", "SELECT 2"]),
        ("SELECT $a$ ; $b$ ; $b$ $a$; SELECT 2", ["SELECT $a$ ; $b$ ; $b$ $a$", "SELECT 2"]),
        ("SELECT a$b$; SELECT $b$", ["SELECT a$b$", "SELECT $b$"]),
        ("SELECT $1; SELECT $2", ["SELECT $1", "SELECT $2"]),
        ("SELECT 1 /* a /* b; */ c; */; SELECT 2", ["SELECT 1 /* a /* b; */ c; */", "SELECT 2"]),
        (
            "CREATE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2); SELECT 3",
            ["CREATE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2)", "SELECT 3"],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; "
            "SELECT 2; END; SELECT 3",
            [
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC "
                "SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                "SELECT 3",
            ],
        ),
        ("BEGIN; SELECT 1; END", ["BEGIN", "SELECT 1", "END"]),
        ("SELECT 'never closed; SELECT 2", ["SELECT 'never closed; SELECT 2"]),
    ],
)
def test_a_text_is_cut_only_where_a_statement_ends(sql: str, expected: list[str]) -> None:
    """A semicolon in quotes, comments, parentheses or a function's body ends nothing."""
    assert list(split(sql)) == expected


SQLISH = st.lists(
    st.sampled_from(
        [
            *(
                ";",
                "'",
                '"',
                "$$",
                "$a$",
                "--",
                "/*",
                "*/",
                "\n",
                " ",
                "(",
                ")",
                "E'",
                "\\",
                "CREATE ",
            ),
            *(
                "BEGIN ATOMIC ",
                "END ",
                "CASE ",
                "x",
                "1",
                "$1",
                "U&",
                "é",
                "ALTER TABLE t ",
                "ADD ",
            ),
            *(
                "DROP ",
                "WITH ",
                "COLUMN ",
                "SET ",
                "TABLE ",
                "INDEX ",
                "ON ",
                ",",
                ".",
                "REFERENCES ",
            ),
        ]
    ),
    max_size=30,
).map("".join)


@given(st.one_of(SQLISH, st.text()))
def test_splitting_loses_nothing_but_semicolons(sql: str) -> None:
    """Tokens are the text, and what is cut and joined again is cut the same."""
    assert "".join(token.text for token in tokenize(sql)) == sql

    def said(text: str) -> list[str]:
        quiet = ("space", "comment")
        return [t.text for t in tokenize(text) if t.kind not in quiet and t.text != ";"]

    pieces = split(sql)
    assert [word for piece in pieces for word in said(piece)] == said(sql)
    assert split("\n;\n".join(pieces)) == pieces


@given(st.one_of(SQLISH, st.text()))
def test_no_text_makes_reading_fail_and_garbage_is_never_called_safe(sql: str) -> None:
    """Whatever is not recognised has unknown locks."""
    statement = read(sql)
    assert statement.text == sql
    assert statement.effects
    if statement.effects[0].action == "other" and statement.effects[0].kind == "statement":
        assert statement.lock is None
    describe([statement])


def test_what_is_nested_too_deeply_to_read_is_unknown() -> None:
    """A thousand WITH in each other are no reason to fail, or to call it safe."""
    assert read("WITH a AS (" * 1_000).lock is None


# sql, its effects in words, the strongest lock, the relations locked, whether it rewrites
READ: list[tuple[str, str, str | None, str, bool | None]] = [
    ("CREATE TABLE a (id int)", "creates table a", NO_LOCK, "", False),
    (
        "CREATE TABLE IF NOT EXISTS app.a (id int REFERENCES b, c text, "
        "FOREIGN KEY (c) REFERENCES public.d (id))",
        "creates table app.a",
        SRX,
        "b public.d",
        False,
    ),
    ("CREATE UNLOGGED TABLE a (LIKE b)", "creates table a", "ACCESS SHARE", "b", False),
    ("CREATE INDEX ix ON a (b)", "creates index ix of a", SH, "a", False),
    (
        'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Ix" ON ONLY "My"."Tab" USING btree (b)',
        "creates index Ix of My.Tab",
        SUX,
        "My.Tab",
        False,
    ),
    ("CREATE INDEX ON a (b)", "creates index - of a", SH, "a", False),
    ("DROP INDEX ix", "drops index ix", AX, "ix", False),
    ("DROP INDEX CONCURRENTLY IF EXISTS ix", "drops index ix", SUX, "ix", False),
    ("DROP TABLE a, app.B CASCADE", "drops table a; drops table app.b", AX, "a app.b", False),
    (
        "ALTER TABLE a ADD COLUMN b text NOT NULL, DROP COLUMN IF EXISTS c, ALTER d SET NOT NULL",
        "creates column b of a; drops column c of a; alters column d of a",
        AX,
        "a",
        False,
    ),
    ("ALTER TABLE a ADD b int DEFAULT 1", "creates column b of a", AX, "a", False),
    ("ALTER TABLE a ADD b timestamp DEFAULT now()", "creates column b of a", AX, "a", False),
    ("ALTER TABLE a ADD b uuid DEFAULT gen_random_uuid()", "creates column b of a", AX, "a", True),
    ("ALTER TABLE a ADD b bigserial", "creates column b of a", AX, "a", True),
    ("ALTER TABLE a ADD b text DEFAULT mine()", "creates column b of a", AX, "a", None),
    ("ALTER TABLE a ADD b mood", "creates column b of a", AX, "a", None),
    (
        "ALTER TABLE a ADD b int GENERATED ALWAYS AS IDENTITY",
        "creates column b of a",
        AX,
        "a",
        True,
    ),
    (
        "ALTER TABLE a ADD b int GENERATED ALWAYS AS (c * 2) STORED",
        "creates column b of a",
        AX,
        "a",
        True,
    ),
    (
        "ALTER TABLE a ADD COLUMN b int REFERENCES c (id)",
        "creates column b of a; creates constraint - of a",
        AX,
        "a c",
        False,
    ),
    (
        "ALTER TABLE a ALTER COLUMN b TYPE bigint USING b::bigint",
        "alters column b of a",
        AX,
        "a",
        None,
    ),
    ("ALTER TABLE a ALTER b SET DEFAULT 0", "alters column b of a", AX, "a", False),
    ("ALTER TABLE a ALTER b SET STATISTICS 500", "alters column b of a", SUX, "a", False),
    (
        'ALTER TABLE a ADD CONSTRAINT "Fk" FOREIGN KEY (b) REFERENCES app.c (id) ON DELETE CASCADE',
        "creates constraint Fk of a",
        SRX,
        "a app.c",
        False,
    ),
    (
        "ALTER TABLE a ADD CONSTRAINT k CHECK (b > 0) NOT VALID",
        "creates constraint k of a",
        AX,
        "a",
        False,
    ),
    ("ALTER TABLE a VALIDATE CONSTRAINT k", "alters constraint k of a", SUX, "a", False),
    ("ALTER TABLE a ADD UNIQUE (b)", "creates constraint - of a", AX, "a", False),
    ("ALTER TABLE IF EXISTS ONLY a DROP CONSTRAINT k", "drops constraint k of a", AX, "a", False),
    ("ALTER TABLE a RENAME TO b", "alters table a of a", AX, "a", False),
    ("ALTER TABLE a RENAME b TO c", "alters column b of a", AX, "a", False),
    ("ALTER TABLE a SET SCHEMA kept", "alters table a of a", AX, "a", False),
    ("ALTER TABLE a SET (fillfactor = 90)", "alters table a of a", SUX, "a", False),
    ("ALTER TABLE a SET UNLOGGED", "alters table a of a", AX, "a", True),
    ("ALTER TABLE a DISABLE TRIGGER t", "alters trigger t of a", SRX, "a", False),
    ("ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1)", "alters table p of p", AX, "p c", False),
    ("ALTER TABLE p DETACH PARTITION c", "alters table p of p", AX, "p c", False),
    ("ALTER TABLE a DO SOMETHING NEW", "alters table a of a", AX, "a", None),
    ("CREATE TYPE mood AS ENUM ('a', 'b')", "creates type mood", NO_LOCK, "", False),
    ("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'c'", "alters type mood", NO_LOCK, "", False),
    ("ALTER TYPE pair ADD ATTRIBUTE c int CASCADE", "other statement -", None, "", None),
    ("DROP TYPE IF EXISTS mood", "drops type mood", NO_LOCK, "", False),
    ("DROP TYPE mood CASCADE", "drops type mood", None, "", None),
    ("CREATE SCHEMA IF NOT EXISTS kept", "creates schema kept", NO_LOCK, "", False),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", "creates view v", AX, "v", False),
    ("CREATE TEMP TABLE a AS SELECT 1", "creates table a", NO_LOCK, "", False),
    (
        "CREATE CONSTRAINT TRIGGER g AFTER INSERT OR UPDATE OF b ON a "
        "FOR EACH ROW EXECUTE FUNCTION f()",
        "creates trigger g of a",
        SRX,
        "a",
        False,
    ),
    ("DROP TRIGGER g ON a", "drops trigger g of a", AX, "a", False),
    (
        "DROP FUNCTION f(int, text), g(int)",
        "drops function f; drops function g",
        NO_LOCK,
        "",
        False,
    ),
    ("INSERT INTO a (b) VALUES (1)", "writes rows a of a", RX, "a", False),
    ("UPDATE ONLY a SET b = 1", "writes rows a of a", RX, "a", False),
    ("DELETE FROM a WHERE b = 1", "writes rows a of a", RX, "a", False),
    (
        "WITH gone AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM gone",
        "writes rows a of a; writes rows b of b",
        RX,
        "a b",
        False,
    ),
    ("TRUNCATE TABLE a, b", "writes rows a of a; writes rows b of b", AX, "a b", True),
    ("SELECT setval('a_id_seq', 1)", "other rows -", NO_LOCK, "", False),
    (
        "SELECT count(*) FROM a JOIN b USING (id)",
        "other rows a; other rows b",
        "ACCESS SHARE",
        "a b",
        False,
    ),
    ("SELECT migrate_everything()", "other code -", None, "", None),
    ("DO $$ BEGIN DROP TABLE a; END $$", "other code -", None, "", None),
    ("CALL p()", "other code -", None, "", None),
    ("COMMENT ON COLUMN app.a.b IS 'x'", "alters column b of app.a", SUX, "app.a", False),
    ("REINDEX (VERBOSE) TABLE a", "alters table a of a", SH, "a", False),
    ("REINDEX TABLE CONCURRENTLY a", "alters table a of a", SUX, "a", False),
    ("CLUSTER a USING ix", "alters table a of a", AX, "a", True),
    ("VACUUM (FULL, ANALYZE) a", "alters table a of a", AX, "a", True),
    ("VACUUM ANALYZE a", "alters table a of a", SUX, "a", False),
    ("LOCK TABLE a, b IN SHARE MODE", "other lock a of a; other lock b of b", SH, "a b", False),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "writes rows m", "EXCLUSIVE", "m", None),
    ("SET LOCAL lock_timeout = '2s'", "other session -", NO_LOCK, "", False),
    ("GRANT SELECT ON a TO reader", "other session -", NO_LOCK, "", False),
    ("COPY a (b) FROM STDIN", "writes rows a of a", RX, "a", False),
    ("COPY a TO STDOUT", "other rows a", "ACCESS SHARE", "a", False),
    ("SELECT b INTO c FROM a", "creates table c", NO_LOCK, "", False),
    ("COMMENT ON TYPE mood IS 'x'", "alters type mood", NO_LOCK, "", False),
    ("DROP EXTENSION pgcrypto", "drops extension pgcrypto", None, "", None),
    ("REINDEX SCHEMA app", "other statement -", None, "", None),
    ("VACUUM", "other statement -", None, "", None),
    ("FROBNICATE a", "other statement -", None, "", None),
    ("", "other statement -", None, "", None),
]


@pytest.mark.parametrize(("sql", "effects", "lock", "relations", "rewrites"), READ)
def test_a_statement_is_read(
    sql: str, effects: str, lock: str | None, relations: str, rewrites: bool | None
) -> None:
    """What it makes, changes and drops, on which table, with which lock, is in the value."""
    statement = read(sql)
    assert "; ".join(map(_words, statement.effects)) == effects
    assert statement.lock == lock
    assert " ".join(held.relation for held in statement.locks or ()) == relations
    assert statement.rewrites is rewrites


def _words(effect: Effect) -> str:
    of = f" of {effect.table}" if effect.table else ""
    return f"{effect.action} {effect.kind} {effect.name or '-'}{of}"


def test_names_are_as_the_catalog_has_them_and_can_be_quoted_again() -> None:
    """Unquoted names fold to small letters; quoted ones keep theirs."""
    dropped = [e.name for e in read('DROP TABLE Users, "Users", Pub."My Tab", "a.b"').effects]
    assert dropped == ["users", "Users", "pub.My Tab", '"a.b"']
    assert [spelled(name) for name in dropped] == ["users", '"Users"', 'pub."My Tab"', '"a.b"']


def test_a_description_names_tables_and_counts_indexes() -> None:
    """What a revision does is one line that a human reads."""
    made = read_all(
        ["CREATE TABLE webhooks (id int); CREATE TABLE webhook_deliveries (id int);"]
        + [f"CREATE INDEX ix_{n} ON webhooks (id)" for n in range(4)]
    )
    assert describe(made) == "creates table webhooks, webhook_deliveries; 4 indexes"
    mixed = read_all(
        [
            "SET LOCAL lock_timeout = '2s'",
            "ALTER TABLE terms ADD a int, ADD b int, RENAME COLUMN c TO d",
            "UPDATE terms SET a = 1",
            "DROP INDEX ix_a; DROP TYPE mood",
            "DO $$ $$; DO $$ $$",
        ]
    )
    assert describe(mixed) == (
        "creates column terms.a, terms.b; renames column terms.c; updates terms; "
        "drops index ix_a; type mood; runs code (2 statements)"
    )
    assert describe([]) == ""


def test_reading_sql_loads_no_parser_library() -> None:
    """A run starts quickly: sqlglot alone would take 0.7 s."""
    loaded = "import sys, lexikon_runbook.postgres.statements; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert not {"sqlglot", "sqlparse", "pglast"} & set(run.stdout.split())


SCHEMA = """
create table users (id bigint primary key, email text);
create table terms (id bigint primary key, name varchar(40), n int, owner bigint,
    constraint terms_owner_fkey foreign key (owner) references users (id));
create table parts (id int, k int) partition by list (k);
create table part1 partition of parts for values in (1);
create table part2 (id int, k int);
create table plain (id int, n int);
create index ix_terms_name on terms (name);
create index ix_plain on plain (n);
create unique index ix_n on terms (n);
create table words (n int, name text);
create view names as select name from words;
create materialized view counts as select n, count(*) from words group by n;
create unique index ix_counts on counts (n);
create sequence numbers;
create type mood as enum ('good');
create function nothing() returns trigger language plpgsql as 'begin return new; end';
create trigger watch before insert on plain for each row execute function nothing();
alter table terms add constraint short check (n < 99) not valid;
insert into users values (1);
insert into terms values (1, 'a', 1, 1), (2, 'b', 2, 1);
refresh materialized view counts;
create schema kept;
"""

TRIED = [
    "CREATE TABLE a (id int)",
    "CREATE TABLE a (u bigint REFERENCES users (id))",
    "CREATE TABLE a (LIKE terms)",
    "CREATE TABLE a () INHERITS (plain)",
    "CREATE TABLE a PARTITION OF parts FOR VALUES IN (3)",
    "CREATE TABLE a AS SELECT * FROM terms",
    "CREATE INDEX ix ON terms (n)",
    "CREATE TRIGGER g BEFORE UPDATE ON terms FOR EACH ROW EXECUTE FUNCTION nothing()",
    "CREATE RULE r AS ON DELETE TO plain DO INSTEAD NOTHING",
    "CREATE POLICY p ON terms",
    "CREATE STATISTICS s ON n, owner FROM terms",
    "CREATE VIEW v AS SELECT * FROM terms",
    "CREATE OR REPLACE VIEW names AS SELECT name FROM words",
    "CREATE TYPE t AS ENUM ('a')",
    "ALTER TABLE terms ADD COLUMN a int",
    "ALTER TABLE terms ADD COLUMN a int DEFAULT 7 NOT NULL",
    "ALTER TABLE terms ADD COLUMN a timestamp DEFAULT now()",
    "ALTER TABLE terms ADD COLUMN a uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE terms ADD COLUMN a double precision DEFAULT random()",
    "ALTER TABLE terms ADD COLUMN a serial",
    "ALTER TABLE terms ADD COLUMN a int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE terms ADD COLUMN a int GENERATED ALWAYS AS (n * 2) STORED",
    "ALTER TABLE terms ADD COLUMN a bigint REFERENCES users (id)",
    "ALTER TABLE terms ADD COLUMN a mood",
    "ALTER TABLE terms DROP COLUMN name",
    "ALTER TABLE terms DROP COLUMN owner",
    "ALTER TABLE terms ALTER COLUMN n TYPE bigint",
    "ALTER TABLE terms ALTER COLUMN name TYPE text",
    "ALTER TABLE terms ALTER COLUMN n SET DEFAULT 1",
    "ALTER TABLE terms ALTER COLUMN n SET NOT NULL",
    "ALTER TABLE terms ALTER COLUMN n DROP NOT NULL",
    "ALTER TABLE terms ALTER COLUMN n SET STATISTICS 10",
    "ALTER TABLE terms ALTER COLUMN n SET (n_distinct = 5)",
    "ALTER TABLE terms ALTER COLUMN name SET STORAGE EXTERNAL",
    "ALTER TABLE terms ADD CONSTRAINT k CHECK (n > 0)",
    "ALTER TABLE terms ADD CONSTRAINT k CHECK (n > 0) NOT VALID",
    "ALTER TABLE terms ADD CONSTRAINT k UNIQUE (name)",
    "ALTER TABLE terms ADD CONSTRAINT k UNIQUE USING INDEX ix_n",
    "ALTER TABLE plain ADD PRIMARY KEY (id)",
    "ALTER TABLE plain ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES users (id)",
    "ALTER TABLE plain ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES users (id) NOT VALID",
    "ALTER TABLE terms VALIDATE CONSTRAINT short",
    "ALTER TABLE terms DROP CONSTRAINT short",
    "ALTER TABLE terms DROP CONSTRAINT terms_owner_fkey",
    "ALTER TABLE terms RENAME COLUMN n TO m",
    "ALTER TABLE terms RENAME TO phrases",
    "ALTER TABLE terms RENAME CONSTRAINT short TO brief",
    "ALTER TABLE terms SET SCHEMA kept",
    "ALTER TABLE terms SET (fillfactor = 90)",
    "ALTER TABLE plain SET UNLOGGED",
    "ALTER TABLE terms ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE terms REPLICA IDENTITY FULL",
    "ALTER TABLE terms CLUSTER ON ix_terms_name",
    "ALTER TABLE terms OWNER TO CURRENT_USER",
    "ALTER TABLE plain DISABLE TRIGGER watch",
    "ALTER TABLE parts ATTACH PARTITION part2 FOR VALUES IN (2)",
    "ALTER TABLE parts DETACH PARTITION part1",
    "ALTER INDEX ix_plain RENAME TO ix_other",
    "ALTER VIEW names RENAME TO other",
    "ALTER SEQUENCE numbers RESTART",
    "ALTER SEQUENCE numbers RENAME TO counters",
    "ALTER TRIGGER watch ON plain RENAME TO see",
    "ALTER TYPE mood ADD VALUE 'bad'",
    "DROP TABLE terms CASCADE",
    "DROP TABLE plain",
    "DROP INDEX ix_plain",
    "DROP VIEW names",
    "DROP MATERIALIZED VIEW counts",
    "DROP SEQUENCE numbers",
    "DROP TRIGGER watch ON plain",
    "DROP TYPE mood",
    "TRUNCATE plain",
    "INSERT INTO terms VALUES (3, 'c', 3, 1)",
    "UPDATE terms SET n = n + 10",
    "DELETE FROM terms",
    "SELECT * FROM terms FOR UPDATE",
    "SELECT count(*) FROM terms",
    "REFRESH MATERIALIZED VIEW counts",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY counts",
    "COMMENT ON TABLE terms IS 'x'",
    "COMMENT ON COLUMN terms.n IS 'x'",
    "COMMENT ON INDEX ix_plain IS 'x'",
    "COMMENT ON CONSTRAINT short ON terms IS 'x'",
    "COMMENT ON TYPE mood IS 'x'",
    "GRANT SELECT ON terms TO PUBLIC",
    "REINDEX TABLE plain",
    "REINDEX INDEX ix_plain",
    "CLUSTER terms USING ix_terms_name",
    "ANALYZE terms",
    "LOCK TABLE terms",
    "LOCK TABLE terms IN SHARE ROW EXCLUSIVE MODE",
]

BEFORE = """
select oid, relname, relfilenode from pg_class
where relkind in ('r', 'p', 'v', 'm', 'S', 'i') and relnamespace = 'public'::regnamespace
"""
HELD = """
select relation, mode from pg_locks
where pid = pg_backend_pid() and locktype = 'relation' and relation = any (%s::oid[])
"""
INDEX = re.compile("^ix_|_pkey$")
MODES = {mode.replace(" ", "").lower() + "lock": mode for mode in statements.MODES}


def _tried(database: Database, sql: str) -> tuple[dict[str, str], set[str]]:
    """The strongest lock on each relation that was there before, and the tables rewritten."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(BEFORE)
        before = {oid: (name, file) for oid, name, file in cursor.fetchall()}
        cursor.execute("begin")
        cursor.execute(sql)
        cursor.execute(HELD, (list(before),))
        held: dict[str, str] = {}
        for oid, mode in cursor.fetchall():
            name = before[oid][0]
            strongest = max(held.get(name, ""), MODES[mode.lower()], key=statements.strength)
            held[name] = strongest
        cursor.execute("select oid, relfilenode from pg_class where relkind in ('r', 'm')")
        files = {oid: file for oid, file in cursor.fetchall() if oid in before}
        rewritten = {before[oid][0] for oid, file in files.items() if before[oid][1] != file}
        cursor.execute("rollback")
    return held, rewritten


@pytest.fixture(scope="module")
def furnished(server: Any) -> Any:
    """One database for all statements that are tried: each is rolled back."""
    made = server.create()
    made.execute(SCHEMA)
    yield made
    made.drop()


@pytest.mark.parametrize("sql", TRIED)
def test_the_locks_read_from_the_text_are_those_a_server_takes(
    furnished: Database, sql: str
) -> None:
    """pg_locks and relfilenode of a real transaction agree with what the plan says."""
    statement = read(sql)
    held, rewritten = _tried(furnished, sql)
    assert statement.locks is not None
    for lock in statement.locks:
        assert held.get(lock.relation) == lock.mode, held
    known = {lock.relation for lock in statement.locks} | {n for n in held if INDEX.search(n)}
    others = {name for name, mode in held.items() if mode != "ACCESS SHARE"} - known
    assert statement.unnamed or not others, held
    if statement.rewrites is not None:
        assert bool(rewritten) is statement.rewrites, rewritten


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY ix ON terms (n)",
        "DROP INDEX CONCURRENTLY ix_plain",
        "REINDEX TABLE CONCURRENTLY plain",
        "ALTER TABLE parts DETACH PARTITION part1 CONCURRENTLY",
        "VACUUM plain",
        "VACUUM FULL plain",
    ],
)
def test_what_is_said_not_to_be_transactional_is_refused_in_a_transaction(
    furnished: Database, sql: str
) -> None:
    """The server answers SQLSTATE 25001."""
    assert not read(sql).transactional
    with pytest.raises(psycopg2.errors.ActiveSqlTransaction):
        _tried(furnished, sql)


def test_a_name_that_is_a_reserved_word_is_quoted(database: Database) -> None:
    """`ALTER TABLE user` in an advice is a syntax error; each word that this server reserves."""
    sql = "select word from pg_get_keywords() where catcode in ('R', 'T')"
    reserved = [word for (word,) in database.rows(sql)]
    assert "user" in reserved
    assert [word for word in reserved if spelled(word) == word] == []
    assert spelled("public.user") == 'public."user"'
    assert spelled("users") == "users"
