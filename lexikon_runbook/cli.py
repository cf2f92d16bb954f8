"""The command line: parse, call, print."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__, exits
from .errors import NOTHING_CHANGED, ParameterError, RunbookError
from .init_command import init

if TYPE_CHECKING:
    from .settings import Target

DEFAULT_LOCK_TIMEOUT_S = 2.0  # as the runbooks declare it


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=exits.EXITS,
    invoke_without_command=True,
)
@click.version_option(__version__)
@click.pass_context
def cli(context: click.Context) -> None:
    """Executable runbooks for PostgreSQL schema changes with Alembic.

    \b
    First steps
      lexikon-runbook demo start                     a database to try things on
      lexikon-runbook plan --target demo             what a deploy would run
      lexikon-runbook run deploy -p target=demo      run it, and keep the record
      lexikon-runbook run rollback -p target=demo    and back
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


cli.add_command(init)


def _project() -> Path:
    from . import settings

    return settings.project_folder()


def _complete_runbook(_c: Any, _p: Any, incomplete: str) -> list[str]:
    from . import notebooks

    with contextlib.suppress(RunbookError):
        return [name for name in notebooks.known(_project()) if name.startswith(incomplete)]
    return []


def _complete_target(_c: Any, _p: Any, incomplete: str) -> list[str]:
    from . import settings

    with contextlib.suppress(RunbookError):
        return [name for name in settings.targets(_project()) if name.startswith(incomplete)]
    return []


_target_option = click.option(
    "--target",
    default="demo",
    show_default=True,
    shell_complete=_complete_target,
    help="A name from runbook.toml, `default` or `demo`.",
)


@cli.command("list")
def list_() -> None:
    """List the runbooks of this project and their parameters. Reads only.

    \b
    Example
      lexikon-runbook list
    """
    from . import notebooks, parameters

    for name, file in notebooks.known(_project()).items():
        click.echo(f"{name}: {notebooks.about(file)}")
        for parameter in parameters.of_notebook(file).values():
            click.echo(f"    {parameter}")


@cli.command()
@click.argument("runbook", shell_complete=_complete_runbook)
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
    from . import demo as server
    from . import ending, notebooks, parameters, record, settings

    project = _project()
    notebook = notebooks.find(project, runbook)
    pairs: dict[str, str] = {}
    try:
        pairs = parameters.pairs(given)
        values = parameters.from_text(parameters.of_notebook(notebook), pairs)
        target = settings.target(values.get("target", settings.DEMO), project)
        server.wake(target)
    except RunbookError as error:
        ending.refusal(notebook.stem, project, pairs, error)
        raise
    folder = _new_folder(target.archive, output, notebook.stem, target.name)

    from .view import View

    view = View()  # before Papermill is imported, which takes as long as this gets ready
    from . import headless

    # Only what was given is injected: the notebook shows the rest as its defaults.
    injected = {name: values[name] for name in pairs}
    facts = headless.run(notebook, injected, target, folder, view)
    _tell(facts, record.Record(folder, facts, target.mask).folder)
    sys.exit(facts["exit_code"])


def _awake(name: str) -> Target:
    """The target of that name; its server is started when it is the demo."""
    from . import demo as server
    from . import settings

    found = settings.target(name, _project())
    server.wake(found)
    return found


def _new_folder(archive: Path, output: Path | None, runbook: str, target: str) -> Path:
    from . import record

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


def _tell(facts: dict[str, Any], folder: Path) -> None:
    error = facts["error"] or {}
    if error:
        click.echo(f"{error['type']}: {error['happened']}", err=True)
        for label, name in (("State now", "state"), ("Next", "next")):
            if name in error:
                click.echo(f"  {label}: {error[name]}", err=True)
    click.echo(f"outcome: {facts['outcome']}")
    click.echo(f"record:  {folder}")


@cli.command()
@_target_option
@click.option(
    "--revision",
    default="head",
    show_default=True,
    help="A revision id, head, base, +N or -N; an older one is planned as a rollback.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, digest included.")
def plan(target: str, revision: str, as_json: bool) -> None:
    """Print the plan a runbook would run, with its digest. Reads only.

    \b
    Examples
      lexikon-runbook plan --target production
      lexikon-runbook plan --target production --revision -1
      lexikon-runbook plan --target production --json | jq -r .digest
    """
    from . import history, preflight
    from . import plan as plans

    found = preflight.check(_awake(target), "downgrade")
    direction = found.history.direction(revision, found.version.current)
    if direction == "upgrade":
        history.require_one_head(found.history)
    made = plans.make(found, direction, revision, DEFAULT_LOCK_TIMEOUT_S)
    if as_json:
        click.echo(json.dumps(made.document(), indent=2))
    else:
        click.echo(str(made))


@cli.command()
@_target_option
def status(target: str) -> None:
    """Show where a target's database is, its health, and who waits. Reads only.

    \b
    Example
      lexikon-runbook status --target production
    """
    from . import investigation, past, preflight

    found = preflight.check(_awake(target), "downgrade")
    click.echo(str(found))
    click.echo(str(investigation.status(found)))
    for folder, facts in past.cut_short(found.target):
        click.echo(f"  cut short: {facts['runbook']} of {facts['started']}: {folder}")


@cli.group()
def demo() -> None:
    """The embedded PostgreSQL with believable Lexikon data, for trying things.

    \b
    Examples
      lexikon-runbook demo start
      lexikon-runbook demo reset
      lexikon-runbook demo stop
    """


@demo.command("start")
def demo_start() -> None:
    """Start it, and make its database at b9d0965451a3 when there is none. Writes .demo/."""
    from . import demo as server

    server.start(_project())
    click.echo("demo: running; its target name is demo")


@demo.command("stop")
def demo_stop() -> None:
    """Stop it; its data stay."""
    from . import demo as server

    server.stop(_project())
    click.echo("demo: stopped")


@demo.command("reset")
def demo_reset() -> None:
    """Make its database anew at b9d0965451a3. What it held is gone."""
    from . import demo as server

    server.reset(_project())
    click.echo("demo: fresh, at b9d0965451a3")


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL, for your shell's start file.

    \b
    Examples
      lexikon-runbook completion bash >> ~/.bashrc
      lexikon-runbook completion zsh >> ~/.zshrc
      lexikon-runbook completion fish > ~/.config/fish/completions/lexikon-runbook.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(cli, {}, "lexikon-runbook", "_LEXIKON_RUNBOOK_COMPLETE").source())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits 0, 1, 3 or 130; see `exits.EXITS`."""
    exits.run(cli, arguments)
