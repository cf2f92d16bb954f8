"""Checks: each rule flags its bad example, lets its good one pass, and says what to do."""

from __future__ import annotations

import ast
import io
from dataclasses import replace
from typing import Any

import pytest
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from servers import PROJECT

from alembic import command
from lexikon_runbook.diagnosis.findings_page import document
from lexikon_runbook.plan import rules
from lexikon_runbook.plan.risk import Column
from lexikon_runbook.plan.rules import RULES, Context, Finding, Rule, Seen, findings
from lexikon_runbook.postgres.statements import describe, read_all, split
from lexikon_runbook.project.seen import Outside

DOCS = PROJECT / "docs" / "findings.md"
TWO_WAYS = "def upgrade():\n    op.f()\n\ndef downgrade():\n    op.f()\n"
LARGE = {"terms": 1_000_000, "users": 1_000_000, "ix_terms_name": 1_000_000}


def revision(
    *sql: str, source: str = TWO_WAYS, rows: dict[str, int] | None = None, down: bool = False
) -> Context:
    """A revision with these statements, on large tables unless `rows` says otherwise."""
    return Context(
        direction="downgrade" if down else "upgrade",
        revision="0a1b2c3d4e5f",
        statements=read_all(sql),
        source=source,
        rows=LARGE if rows is None else rows,
        lock_timeout_s=2.0,
    )


def executed(source: str) -> list[str]:
    """The SQL that upgrade() gives to op.execute, as Alembic's offline mode would show it."""
    upgrade = next(f for f in ast.parse(source).body if getattr(f, "name", "") == "upgrade")
    calls = [n for n in ast.walk(upgrade) if isinstance(n, ast.Call) and n.args]
    texts = [n.args[0] for n in calls if ast.unparse(n.func) == "op.execute"]
    return [text.value for text in texts if isinstance(text, ast.Constant)]


# What a rehearsal of the bad example shows; tests/rehearsal has real ones.
REHEARSED: dict[str, dict[str, Any]] = {
    "will-fail": {"foretold": ('column "name" of relation "terms" already exists (42701)',)},
    "breaks-writes": {"breaks": ("500 rows of terms: id is not below ... begins (1)",)},
    "not-probed": {"not_known": ("whether rows exclude each other is not known",)},
    "not-rehearsed": {"not_rehearsed": "extension citext is missing\nset throwaway_url_env"},
    "depends-on-rows": {"depending": ("UPDATE terms SET domain = 'x' WHERE id = '1'",)},
    "sql-unseen": {"unseen": ("ROW EXCLUSIVE on public.terms",)},
    "long-work": {
        "seen": {
            "DO $$ BEGIN ALTER TABLE terms ALTER COLUMN domain SET NOT NULL; END $$": Seen(
                held=(("ACCESS EXCLUSIVE", "public.terms"),),
                scanned=("public.terms",),
                touched=True,
            )
        }
    },
}
BAD = {rule.bad: REHEARSED[rule.id] for rule in RULES if rule.id in REHEARSED}


def example(text: str) -> Context:
    shown = BAD.get(text, {})
    if not text.startswith("def "):
        return replace(revision(text), **shown)
    if shown:
        return replace(revision(*executed(text), source=text), **shown)
    # Offline there are no rows to fetch: such a revision cannot be rendered.
    return replace(
        revision(*executed(text), source=text),
        sql_known=".fetchall()" not in text,
        tried=(Outside("subprocess.Popen", "true", "a.py", 4),) * ("subprocess" in text),
        varies=("UPDATE terms SET domain = ?",) * ("uuid4" in text),
    )


def ids(found: tuple[Finding, ...]) -> list[str]:
    return [finding.rule.id for finding in found]


def one(context: Context, rule: str) -> Finding:
    """The only finding of that rule."""
    (found,) = [finding for finding in findings(context) if finding.rule.id == rule]
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_flags_its_bad_example_and_not_its_good_one(rule: Rule) -> None:
    """The examples in docs/findings.md are what the rules really say."""
    found = [finding for finding in findings(example(rule.bad)) if finding.rule.id == rule.id]
    assert found
    assert all(finding.detail and finding.remedy for finding in found)
    assert rule.id not in ids(findings(example(rule.good)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_good_example_is_a_danger_by_another_rule(rule: Rule) -> None:
    """What the docs advise can be run without an approval."""
    assert [f for f in findings(example(rule.good)) if f.severity == "danger"] == []


def test_the_page_of_findings_is_the_one_the_rules_render() -> None:
    """docs/findings.md says what the code does; its first lines say how to render it."""
    assert DOCS.read_text() == document()
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("sql", "rule", "remedy"),
    [
        (
            'CREATE INDEX "Ix" ON terms (name)',
            "index-blocks-writes",
            "with op.get_context().autocommit_block():\n"
            "    op.execute('CREATE INDEX CONCURRENTLY \"Ix\" ON terms (name)')",
        ),
        (
            "ALTER TABLE terms ADD CONSTRAINT terms_owner_fkey FOREIGN KEY(owner) "
            "REFERENCES users (id)",
            "constraint-validates",
            "ALTER TABLE terms ADD CONSTRAINT terms_owner_fkey FOREIGN KEY(owner) "
            "REFERENCES users (id) NOT VALID;\nand in the next revision:\n"
            "ALTER TABLE terms VALIDATE CONSTRAINT terms_owner_fkey;",
        ),
        (
            "ALTER TABLE terms ADD COLUMN token uuid DEFAULT gen_random_uuid() NOT NULL",
            "volatile-default",
            "ALTER TABLE terms ADD COLUMN token uuid;\n"
            "ALTER TABLE terms ALTER COLUMN token SET DEFAULT gen_random_uuid();\n"
            "Then fill the older rows in batches: UPDATE terms SET token = gen_random_uuid() "
            "WHERE token IS NULL AND ...;",
        ),
        (
            "ALTER TABLE terms ADD CONSTRAINT terms_key UNIQUE (name, owner)",
            "unique-constraint-builds",
            "with op.get_context().autocommit_block():\n"
            '    op.execute("CREATE UNIQUE INDEX CONCURRENTLY terms_key ON terms (name, owner)")\n'
            "and in the next revision:\n"
            "ALTER TABLE terms ADD CONSTRAINT terms_key UNIQUE USING INDEX terms_key;",
        ),
        (
            "ALTER TABLE terms ALTER COLUMN domain SET NOT NULL",
            "set-not-null",
            "ALTER TABLE terms ADD CONSTRAINT terms_domain_not_null "
            "CHECK (domain IS NOT NULL) NOT VALID;\n"
            "and in the next revision, which then need not read the table under the lock:\n"
            "ALTER TABLE terms VALIDATE CONSTRAINT terms_domain_not_null;\n"
            "ALTER TABLE terms ALTER COLUMN domain SET NOT NULL;\n"
            "ALTER TABLE terms DROP CONSTRAINT terms_domain_not_null;",
        ),
        (
            "DROP TABLE terms",
            "drop-table",
            "Deploy code that no longer uses terms first. Then set it aside, and drop it a release "
            "later:\nCREATE SCHEMA IF NOT EXISTS kept;\nALTER TABLE terms SET SCHEMA kept;",
        ),
        (
            "UPDATE terms SET domain = 'x' WHERE true",
            "update-every-row",
            "Update in batches, outside the revision's transaction, until none is left:\n"
            "UPDATE terms SET domain = 'x'\n"
            "WHERE ctid = ANY (ARRAY(SELECT ctid FROM terms WHERE ... LIMIT 5000));",
        ),
        (
            "ALTER TABLE terms ADD COLUMN n bigserial",
            "volatile-default",
            "Add n as a plain nullable column, fill it in batches, then add its default or "
            "identity:\nALTER TABLE terms ADD COLUMN n bigint;",
        ),
        (
            "ALTER TABLE terms ADD COLUMN boss text REFERENCES users (id)",
            "constraint-validates",
            "Add it to terms with a name and NOT VALID; VALIDATE it in the next revision.",
        ),
        (
            "ALTER TABLE terms ADD EXCLUDE USING gist (span WITH &&)",
            "unique-constraint-builds",
            "There is no way around the lock: do it when few use the table.",
        ),
        (
            "ALTER TABLE terms RENAME TO entries",
            "rename",
            "Leave the old name working:\nCREATE VIEW terms AS SELECT * FROM entries;",
        ),
        (
            "SELECT pg_advisory_lock(7)",
            "advisory-lock",
            "Leave it out: the runbook holds a lock of its own. Or ask without waiting:\n"
            "SELECT pg_try_advisory_lock(7)",
        ),
    ],
)
def test_a_remedy_is_the_corrected_change_in_the_users_own_names(
    sql: str, rule: str, remedy: str
) -> None:
    """It can be pasted into the revision."""
    assert one(revision(sql), rule).remedy == remedy


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_remedy_that_is_python_is_valid_python(rule: Rule) -> None:
    """With any name: quotes in it are escaped."""
    bad = rule.bad if rule.bad.startswith("def ") else rule.bad.replace("terms", '"Te""rms"')
    for finding in findings(example(bad)):
        for part in finding.remedy.split("\nand in the next revision:\n"):
            if part.startswith(("with ", "op.")):
                assert ast.parse(part)


@pytest.mark.parametrize(
    ("rows", "size", "severity"),
    [
        (0, 0, None),
        (1, 0, "note"),
        (10_000, 0, "note"),
        (10_001, 0, "warning"),
        (100_000, 0, "warning"),
        (100_001, 0, "danger"),
        (50, 200_000_000, "danger"),
        (-1, 0, "danger"),
    ],
)
def test_how_bad_an_index_is_depends_on_its_table(
    rows: int, size: int, severity: str | None
) -> None:
    """Small tables are a note, large ones stop the run; an unknown size counts as large."""
    context = revision("CREATE INDEX ix ON terms (name)", rows={"public.terms": rows})
    found = findings(replace(context, bytes={"public.terms": size}))
    assert [finding.severity for finding in found] == ([severity] if severity else [])


def test_a_table_that_the_plan_creates_gives_no_findings() -> None:
    """Nobody uses it yet, so nobody waits."""
    made = revision(
        "CREATE TABLE hooks (id text PRIMARY KEY, owner text REFERENCES users (id))",
        "CREATE INDEX ix_hooks ON hooks (owner)",
        "ALTER TABLE hooks ADD COLUMN token uuid DEFAULT gen_random_uuid() NOT NULL",
        "ALTER TABLE hooks ALTER COLUMN owner SET NOT NULL",
        "ALTER TABLE hooks ALTER COLUMN owner TYPE varchar",
        "ALTER TABLE hooks ADD CONSTRAINT one UNIQUE (owner)",
        "ALTER TABLE hooks ADD CONSTRAINT short CHECK (length(owner) < 9)",
        "ALTER TABLE hooks ADD CONSTRAINT brief CHECK (length(id) < 9) NOT VALID",
        "ALTER TABLE hooks VALIDATE CONSTRAINT brief",
        "ALTER TABLE hooks DROP COLUMN token",
        "ALTER TABLE hooks SET UNLOGGED",
        "UPDATE hooks SET owner = id",
        "DELETE FROM hooks",
        "TRUNCATE hooks",
        "ALTER TABLE hooks RENAME TO webhooks",
    )
    assert findings(made) == ()


@pytest.mark.parametrize("limit", [None, 0.0])
def test_a_target_without_a_lock_timeout_is_a_danger_once_a_revision(limit: float | None) -> None:
    """It names what would be waited for, and the statement that sets a limit."""
    context = revision(
        "CREATE TABLE hooks (owner text REFERENCES users (id))", "ALTER TABLE terms ADD b int"
    )
    found = one(replace(context, lock_timeout_s=limit), "lock-without-timeout")
    assert "SHARE ROW EXCLUSIVE on users" in found.detail
    assert found.remedy == "op.execute(\"SET LOCAL lock_timeout = '2000ms'\")"
    limited = revision("SET LOCAL lock_timeout = '2s'", "ALTER TABLE terms ADD b int")
    assert "lock-without-timeout" not in ids(findings(replace(limited, lock_timeout_s=limit)))


@pytest.mark.parametrize(
    "sql",
    [
        "SET lock_timeout = 0",
        "SET lock_timeout TO '0'",
        "SET LOCAL lock_timeout = DEFAULT",
        "SET SESSION lock_timeout = '10min'",
        "set lock_timeout = 60000;",
        "RESET lock_timeout",
        "RESET ALL",
        "SELECT set_config('lock_timeout', '0', true)",
    ],
)
def test_a_revision_cannot_lengthen_the_lock_timeout_unseen(sql: str) -> None:
    """Off, longer, or back to the server's default: each stops the run."""
    found = one(revision(sql), "lock-without-timeout")
    assert found.severity == "danger"
    assert found.remedy == "op.execute(\"SET LOCAL lock_timeout = '2000ms'\")"


BODIES = {
    "except: pass": ("try:\n        op.drop_index('a')\n    except:\n        pass", True),
    "logs": (
        "try:\n        op.f()\n        op.execute('x')\n    except Exception:\n        log()",
        True,
    ),
    "sometimes raises": (
        "try:\n        op.execute('x')\n    except DBAPIError as e:\n        if 'y' in str(e):\n"
        "            raise",
        True,
    ),
    "rolls back": (
        "bind = op.get_bind()\n    try:\n        bind.execute('x')\n    except Exception:\n"
        "        bind.rollback()",
        True,
    ),
    "suppress": ("with contextlib.suppress(Exception):\n        op.execute('x')", True),
    "its own function": ("try:\n        more()\n    except Exception:\n        pass", True),
    "savepoint outside": (
        "with op.get_bind().begin_nested():\n        try:\n            op.execute('x')\n"
        "        except Exception:\n            pass",
        True,
    ),
    "savepoint inside": (
        "try:\n        with op.get_bind().begin_nested():\n            op.execute('x')\n"
        "    except Exception:\n        pass",
        False,
    ),
    "raises again": (
        "try:\n        op.execute('x')\n    except Exception:\n        print(1)\n        raise",
        False,
    ),
    "raises its own": (
        "try:\n        op.execute('x')\n    except Exception as e:\n        raise Mine from e",
        False,
    ),
    "no database error": (
        "try:\n        op.execute(d['x'])\n    except KeyError:\n        pass",
        False,
    ),
    "no database call": (
        "try:\n        import x\n    except Exception:\n        x = op.get_bind()",
        False,
    ),
    "only finally": ("try:\n        op.execute('x')\n    finally:\n        print(1)", False),
    "suppress KeyError": ("with suppress(KeyError):\n        op.execute('x')", False),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_swallowed_database_error_is_found_and_a_harmless_try_is_not(name: str) -> None:
    """Line and text are in the finding, and the savepoint to use."""
    body, swallowed = BODIES[name]
    helper = "def more():\n    op.execute('x')\n"
    source = f"{helper}\ndef upgrade():\n    {body}\n\ndef downgrade():\n    op.execute('y')\n"
    found = [f for f in findings(revision(source=source)) if f.rule.id == "swallowed-error"]
    assert bool(found) is swallowed
    assert all("begin_nested" in f.remedy and f.detail.startswith("line ") for f in found)
    assert "swallowed-error" not in ids(findings(revision(source=source, down=True)))


UP = "def upgrade():\n    op.add_column('t', c)\n\n"


@pytest.mark.parametrize(
    ("source", "flagged"),
    [
        (UP, True),
        (f"{UP}def downgrade():\n    pass\n", True),
        (f"{UP}def downgrade():\n    '''Nothing to do.'''\n", True),
        (f"{UP}def downgrade():\n    ...\n", True),
        (f"{UP}def downgrade():\n    return\n", True),
        (f"{UP}def downgrade():\n    raise NotImplementedError('no way back')\n", True),
        (f"{UP}def downgrade():\n    op.drop_column('t', 'c')\n", False),
        ("def upgrade():\n    pass\n\ndef downgrade():\n    pass\n", False),
        ("not python (", False),
    ],
)
def test_no_way_back_warns_on_the_way_up_and_stops_on_the_way_down(
    source: str, flagged: bool
) -> None:
    """A merge revision, which does nothing either way, is no finding."""
    for down, severity in ((False, "warning"), (True, "danger")):
        found = [
            f for f in findings(revision(source=source, down=down)) if f.rule.id == "irreversible"
        ]
        assert [f.severity for f in found] == ([severity] if flagged else [])
        assert all("forward" in f.remedy for f in found)


ENUM = """
def upgrade():
    op.create_table("t", sa.Column("m", sa.Enum("a", name="moodenum")))

def downgrade():
    op.drop_table("t")
"""


def test_a_downgrade_that_leaves_its_enum_type_is_found_both_ways() -> None:
    """The remedy is the DROP TYPE that is missing."""
    up = revision("CREATE TYPE moodenum AS ENUM ('a')", "CREATE TABLE t (m moodenum)", source=ENUM)
    down = revision("DROP TABLE t", source=ENUM, rows={"t": 0}, down=True)
    for context in (up, down, replace(up, sql_known=False, statements=())):
        found = one(context, "type-left-behind")
        assert found.remedy == 'At the end of downgrade():\n    op.execute("DROP TYPE moodenum")'


@pytest.mark.parametrize(
    "undo",
    [
        'op.execute("DROP TYPE moodenum")',
        'sa.Enum(name="moodenum").drop(op.get_bind())',
        'for name in NAMES:\n        op.execute(f"DROP TYPE IF EXISTS {name}")',
    ],
)
def test_a_downgrade_that_drops_its_enum_type_is_not_flagged(undo: str) -> None:
    """Whether the name is spelled out, given to Enum, or comes from a loop."""
    source = f"{ENUM}    {undo}\n"
    up = revision("CREATE TYPE moodenum AS ENUM ('a')", source=source)
    down = revision("DROP TABLE t; DROP TYPE moodenum", source=source, rows={"t": 0}, down=True)
    assert "type-left-behind" not in ids(findings(up)) + ids(findings(down))


def test_a_dropped_table_stops_the_run_unless_it_is_empty_or_the_plans_own() -> None:
    """On the way down the advice is to keep a dump: nothing else keeps what is dropped."""
    gone = revision("DROP TABLE terms", rows={"terms": 12}, down=True)
    assert one(gone, "drop-table").severity == "danger"
    assert "pg_dump -Fc -d URL -t 'terms' -f 'terms.dump'" in one(gone, "drop-table").remedy
    assert one(replace(gone, rows={"terms": 0}), "drop-table").severity == "warning"
    assert findings(revision("CREATE TABLE t (a int)", "DROP TABLE t")) == ()


def test_sql_that_is_known_only_at_run_time_stops_the_run() -> None:
    """Nothing runs that was not shown: a plan that cannot show its SQL needs approval."""
    for down in (False, True):
        found = one(replace(revision(down=down), sql_known=False), "sql-unknown")
        assert found.severity == "danger"
        assert "on a copy" in found.remedy


def test_the_worst_finding_comes_first_and_says_itself() -> None:
    """Danger, then warnings, then notes; each with the revision and the remedy."""
    found = findings(
        revision(
            "ALTER TYPE mood ADD VALUE 'x'", "ALTER TABLE terms RENAME a TO b", "TRUNCATE terms"
        )
    )
    assert [f.severity for f in found] == ["danger", "warning", "note"]
    assert str(found[0]).startswith("danger truncate in 0a1b2c3d4e5f: empties terms (about 1,000")
    assert found[0].remedy in str(found[0])


def rendered(revisions: str, down: bool = False) -> tuple[str, ...]:
    """The SQL of one of Lexikon's own revisions, as Alembic writes it offline."""
    said = io.StringIO()
    config = Config(str(PROJECT / "alembic.ini"), output_buffer=said)
    config.attributes["configure_logger"] = False
    (command.downgrade if down else command.upgrade)(config, revisions, sql=True)
    return tuple(
        sql
        for sql in split(said.getvalue())
        if "alembic_version" not in sql and sql not in ("BEGIN", "COMMIT")
    )


LEXIKON = {
    "users": 400,
    "terms": 6_000,
    "api_keys": 300,
    "oauth_accounts": 200,
    "projects": 150,
    "ix_terms_project_id": 6_000,
}


@pytest.mark.parametrize(
    ("revisions", "rows", "found", "summary"),
    [
        ("base:7beb871f4454", {}, [], "creates type adoptionlevelenum"),
        ("7beb871f4454:b9d0965451a3", LEXIKON, ["note"] * 7, "creates 7 indexes"),
        (
            "b9d0965451a3:f36a73221bb3",
            LEXIKON,
            [],
            "creates table webhooks, webhook_deliveries; 4 indexes",
        ),
    ],
)
def test_lexikons_own_upgrades_need_no_approval(
    revisions: str, rows: dict[str, int], found: list[str], summary: str
) -> None:
    """On six thousand terms its indexes are worth a note each, and nothing more."""
    up = rendered(revisions)
    context = revision(*up, source=source_of(revisions), rows=rows)
    assert [finding.severity for finding in findings(context)] == found
    assert describe(context.statements).startswith(summary)


def source_of(revisions: str) -> str:
    """The file of the newer of two revisions."""
    newer = revisions.rpartition(":")[2]
    (file,) = (PROJECT / "alembic" / "versions").glob(f"{newer}_*.py")
    return file.read_text()


def test_lexikons_rollback_stops_for_the_tables_it_drops() -> None:
    """Two tables with rows: two dangers, and none about types or the way back."""
    rows = {**LEXIKON, "webhooks": 41, "webhook_deliveries": 12_907}
    down = rendered("f36a73221bb3:b9d0965451a3", down=True)
    source = source_of("b9d0965451a3:f36a73221bb3")
    found = findings(revision(*down, source=source, rows=rows, down=True))
    assert ids(found) == ["drop-table", "drop-table"]
    assert found[0].detail == "drops table webhook_deliveries (about 12,907 rows)"
    base = rendered("7beb871f4454:base", down=True)
    source = source_of("base:7beb871f4454")
    assert set(ids(findings(revision(*base, source=source, rows=LEXIKON, down=True)))) == {
        "drop-table"
    }


@given(st.text(), st.text(), st.booleans())
def test_no_sql_and_no_source_make_the_rules_fail(sql: str, source: str, down: bool) -> None:
    """Garbage in a revision is a finding or nothing, never a traceback."""
    assert isinstance(findings(revision(sql, source=source, down=down)), tuple)
    assert isinstance(findings(revision(f"DROP TABLE {sql}", source=f"x = {source}")), tuple)
    assert rules.RULES


def test_a_generated_column_is_no_loss_and_nothing_where_it_is_computed_anew() -> None:
    """Its values are in the columns that it is computed from; another column's are not."""
    drop = "ALTER TABLE sums DROP COLUMN total"
    again = "ALTER TABLE sums ADD COLUMN total int GENERATED ALWAYS AS (a - b) STORED"
    plain = "ALTER TABLE sums ADD COLUMN total int"

    def severities(*sql: str, generated: bool) -> list[str]:
        columns = {("sums", "total"): Column("", identity=False, generated=generated)}
        context = replace(revision(*sql, rows={"sums": 500}), columns=columns)
        return [f.severity for f in findings(context) if f.rule.id == "drop-column"]

    assert severities(drop, generated=True) == ["warning"]
    assert severities(drop, again, generated=True) == []
    assert severities(drop, plain, generated=True) == ["warning"]
    assert severities(drop, again, generated=False) == ["danger"]
