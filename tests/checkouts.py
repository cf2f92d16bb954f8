"""Small complete Alembic checkouts, written to a folder: good ones, and ones to be broken."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

INI = """
[alembic]
script_location = %(here)s/migrations
sqlalchemy.url =
"""
ENV_PY = """
from sqlalchemy import create_engine, pool
from alembic import context

def run():
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    url = context.config.get_main_option("sqlalchemy.url")
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()

run()
"""
REVISION = '''"""{message}"""

from alembic import op
import sqlalchemy as sa

revision = {id!r}
down_revision = {down!r}


def upgrade() -> None:
{up}


def downgrade() -> None:
{back}
'''
SETTINGS = """
archive = "archive"

[targets.here]
url_env = "HERE_URL"
throwaway_url_env = "HERE_URL"

[targets.guarded]
url_env = "HERE_URL"
throwaway_url_env = "HERE_URL"
protection = "protected"
"""


@dataclass(frozen=True)
class Checkout:
    """An Alembic project whose targets `here` and `guarded` take their URL from HERE_URL."""

    folder: Path

    @property
    def versions(self) -> Path:
        """Where its revision files are."""
        return self.folder / "migrations" / "versions"

    def revision(
        self,
        id: str,
        down: str | tuple[str, ...] | None,
        up: str = "pass",
        back: str = "pass",
        file: str = "",
    ) -> Path:
        """Write one revision file; `up` and `back` are Python, or SQL when they end in `;`."""
        path = self.versions / (file or f"{id}.py")
        text = REVISION.format(
            message=f"Revision {id}", id=id, down=down, up=_body(up), back=_body(back)
        )
        path.write_text(text, encoding="utf-8")
        return path

    def settings(self, text: str) -> Path:
        """Write runbook.toml."""
        path = self.folder / "runbook.toml"
        path.write_text(text, encoding="utf-8")
        return path


def _body(code: str) -> str:
    if code.rstrip().endswith(";"):
        code = f"op.execute({code.rstrip().rstrip(';')!r})"
    return textwrap.indent(textwrap.dedent(code).strip(), "    ")


def checkout(folder: Path) -> Checkout:
    """A new project without a revision."""
    made = Checkout(folder)
    made.versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(INI, encoding="utf-8")
    (folder / "migrations" / "env.py").write_text(ENV_PY, encoding="utf-8")
    made.settings(SETTINGS)
    return made
