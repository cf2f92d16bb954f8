"""`lexikon-runbook`: its verbs, and how it begins and ends."""

from __future__ import annotations

from collections.abc import Sequence

import click

from .. import __version__
from . import completion, demo, exits, explain, init, list, plan, run, status


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


for verb in (
    init.init,
    list.list_,
    run.run,
    plan.plan,
    status.status,
    explain.explain,
    demo.demo,
    completion.completion,
):
    cli.add_command(verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits 0, 1, 3 or 130; see `exits.EXITS`."""
    exits.run(cli, arguments)
