"""`lexikon-runbook status`."""

from __future__ import annotations

import click

from . import options


@click.command()
@options.target
@options.x
def status(target: str, x: str) -> None:
    """Show where a target's database is, its health, and who waits. Reads only.

    \b
    Example
      lexikon-runbook status --target production
    """
    from ..diagnosis.exact import exact
    from ..project import preflight
    from ..record import earlier_runs
    from ..runbooks import investigation

    known = options.awake(target, x)
    with exact(known):
        found = preflight.check(known, "downgrade", options.opened(known))
    click.echo(str(found))
    click.echo(str(investigation.status(found)))
    for folder, facts in earlier_runs.cut_short(found.target):
        click.echo(f"  cut short: {facts['runbook']} of {facts['started']}: {folder}")
