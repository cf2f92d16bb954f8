"""`lexikon-runbook plan`."""

from __future__ import annotations

import json

import click

from . import options


@click.command()
@options.target
@options.x
@click.option(
    "--revision",
    default="head",
    show_default=True,
    help="A revision id, head, heads, base, +N, -N, ID+N, ID-N or LABEL@head; an older one is "
    "planned as a rollback.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, digest included.")
def plan(target: str, x: str, revision: str, as_json: bool) -> None:
    """Print the plan a runbook would run, with its digest. Reads only.

    \b
    Examples
      lexikon-runbook plan --target production
      lexikon-runbook plan --target production --revision -1
      lexikon-runbook plan --target production --json | jq -r .digest
    """
    from ..diagnosis.exact import exact
    from ..plan import making
    from ..project import preflight

    known = options.awake(target, x)
    with exact(known):
        found = preflight.check(known, "downgrade", options.opened(known))
        direction = found.history.direction(revision, found.version.ids)
        made = making.make(found, direction, revision, options.DEFAULT_LOCK_TIMEOUT_S)
    if as_json:
        click.echo(json.dumps(made.document(), indent=2))
    else:
        click.echo(str(made))
