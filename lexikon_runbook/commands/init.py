"""`lexikon-runbook init`: parse, call, print."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command("init")
@click.option(
    "--ini",
    default="",
    metavar="PATH",
    help="The ini (or pyproject.toml) of your Alembic project, when init finds none or several.",
)
@click.option(
    "--replace",
    "replacing",
    multiple=True,
    metavar="FILE",
    help="A file that differs from what init writes, to be replaced; may be given several times.",
)
def init(ini: str, replacing: tuple[str, ...]) -> None:
    """Make an Alembic project ready for the runbooks. Writes runbook.toml, runbooks/, .gitignore.

    What is there already stays as it is, and is named when it differs.

    \b
    Examples
      lexikon-runbook init
      lexikon-runbook init --ini backend/alembic.ini
      lexikon-runbook init --replace runbooks/deploy.ipynb
    """
    from ..runbooks.initialise import initialise

    start = Path(os.environ.get("LEXIKON_RUNBOOK_PROJECT") or ".")
    click.echo(str(initialise(start, ini, replacing)))
