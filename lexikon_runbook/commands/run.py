"""`lexikon-runbook run`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..errors import NOTHING_CHANGED, ParameterError, RunbookError
from ..facts import Facts
from . import options


@click.command()
@click.argument("runbook", shell_complete=options.complete_runbook)
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the runbook; may be given several times. Text stays text.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The record's folder, new, inside the archive. Default: named by time.",
)
def run(runbook: str, given: tuple[str, ...], output: Path | None) -> None:
    """Execute RUNBOOK headlessly and archive its record. Writes what the runbook writes.

    \b
    Examples
      lexikon-runbook run deploy -p target=staging
      lexikon-runbook run deploy -p target=production -p dry_run=true
      lexikon-runbook run rollback -p target=production -p approve=DIGEST -p reason="#812"
    """
    from ..demo import server
    from ..record import ending, record
    from ..runbooks import kinds, notebooks, parameters

    project = options.project()
    notebook = notebooks.find(project, runbook)
    pairs: dict[str, str] = {}
    try:
        pairs = parameters.pairs(given)
        values = parameters.from_text(parameters.of_notebook(notebook), pairs)
        target = kinds.target(notebook.stem, values.get("target", ""), project)
        server.wake(target)
    except RunbookError as error:
        ending.refusal(notebook.stem, project, pairs, error)
        raise
    folder = _new_folder(target.archive, output, notebook.stem, target.name)

    from ..headless.page import View

    view = View()  # before Papermill is imported, which takes as long as this gets ready
    from ..headless import run as headless

    # Only what was given is injected: the notebook shows the rest as its defaults.
    injected = {name: values[name] for name in pairs}
    facts = headless.run(notebook, injected, target, folder, view)
    _tell(facts, record.Record(folder, facts, target.mask).folder)
    sys.exit(facts["exit_code"])


def _new_folder(archive: Path, output: Path | None, runbook: str, target: str) -> Path:
    from ..record import record

    if output is None:
        return record.new_folder(archive, runbook, target)
    folder = (output if output.is_absolute() else archive / output).resolve()
    if archive.resolve() not in folder.parents:
        raise ParameterError(
            f"{folder} is not inside the archive {archive}.",
            state=NOTHING_CHANGED,
            next_step="leave --output out, or name a new folder inside the archive.",
        )
    if folder.exists():
        raise ParameterError(
            f"{folder} exists; a record is never overwritten.",
            state=NOTHING_CHANGED,
            next_step="leave --output out, or name a folder that does not exist.",
        )
    return record.reserve(archive, folder)


def _tell(facts: Facts, folder: Path) -> None:
    error = facts["error"]
    if error:
        click.echo(f"{error['type']}: {error['happened']}", err=True)
        lines = {"State now": error.get("state"), "Next": error.get("next")}
        if finding := error.get("finding"):
            lines["More"] = f"lexikon-runbook explain {finding}"
        for label, text in lines.items():
            if text:
                click.echo(f"  {label}: {text}", err=True)
    click.echo(f"outcome: {facts['outcome']}")
    click.echo(f"record:  {folder}")
