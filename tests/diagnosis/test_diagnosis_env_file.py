"""env.py as text: what commits by itself is not told to commit nothing."""

from __future__ import annotations

import textwrap

import pytest

from lexikon_runbook.diagnosis.reading import env_file

COMMITS = {
    "a transaction of the engine's": """
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_lock(7)"))
            context.configure(connection=connection)
            context.run_migrations()
    """,
    "the connection's own commit": """
        with engine.connect() as connection:
            connection.execute(text("SET lock_timeout = 4000"))
            context.configure(connection=connection)
            context.run_migrations()
            connection.commit()
    """,
    "a commit of what Alembic is bound to": """
        with engine.connect() as connection:
            connection.execute(text("SET lock_timeout = 4000"))
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
                context.get_bind().commit()
    """,
    "a commit after run_sync()": """
        def do_run(connection):
            connection.execute(text("SET search_path TO acme"))
            context.configure(connection=connection)
            context.run_migrations()

        async def run():
            async with engine.connect() as opened:
                await opened.run_sync(do_run)
                await opened.commit()
    """,
    "a transaction around a function": """
        def do_run(connection):
            connection.execute(text("SET search_path TO acme"))
            context.configure(connection=connection)
            context.run_migrations()

        with engine.begin() as opened:
            do_run(opened)
    """,
}


@pytest.mark.parametrize("how", COMMITS)
def test_an_env_py_that_commits_by_itself_may_run_a_statement_before_configure(how: str) -> None:
    """Alembic leaves the transaction to env.py, and env.py ends it."""
    text = textwrap.dedent(COMMITS[how])
    assert env_file.read("env.py", text).early == ()
    nobody = text.replace("begin()", "connect()").replace("commit()", "info")
    assert env_file.read("env.py", nobody).early
