"""How a command ends: the one place that turns errors into exit codes."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import RunbookError

EXITS = """\b
Exit codes
  0    done, or nothing to do
  1    stopped on purpose: the message says why, the state now, and what to do
  3    unexpected: the message names a log to paste into a report
  130  interrupted
"""


def run(command: click.Command, arguments: Sequence[str] | None) -> None:
    """Run a command line and exit as EXITS says; writes a log of what was not expected."""
    try:
        command.main(arguments, prog_name="lexikon-runbook", standalone_mode=False)
    except RunbookError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        sys.exit(_unexpected(error))


def _unexpected(error: Exception) -> int:
    """Keep the traceback in a file and name it."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="lexikon-runbook-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        file.write(_masked("".join(traceback.format_exception(error))))
    said = _masked(f"{type(error).__name__}: {error}").partition("\n")[0]
    click.echo(f"unexpected: {said:.200}", err=True)
    click.echo(f"  please paste this log into a report: {file.name}", err=True)
    return 3


def _masked(text: str) -> str:
    """The text without a secret of any target."""
    from ..targets import settings

    known = [settings.Target("default", Path(), url_env="DATABASE_URL")]
    with contextlib.suppress(RunbookError):
        known += settings.targets(settings.project_folder()).values()
    for target in known:
        text = target.mask(text)
    return text
