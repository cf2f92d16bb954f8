"""`lexikon-runbook explain`."""

from __future__ import annotations

import difflib

import click


@click.command()
@click.argument("name", required=False)
def explain(name: str | None) -> None:
    """Tell more of a finding, a diagnosis or a refusal, by the NAME that its card shows.

    Without NAME, list them all. Reads nothing of a target.

    \b
    Examples
      lexikon-runbook explain lock-timeout
      lexikon-runbook explain
    """
    from ..diagnosis import findings_page

    entries = findings_page.entries()
    if name is None:
        click.echo("\n".join(entries))
        return
    if name not in entries:
        near = difflib.get_close_matches(name, entries, 3)
        meant = f"; near: {', '.join(near)}" if near else ""
        raise click.UsageError(
            f"there is no entry {name!r}{meant}. `lexikon-runbook explain` lists them all."
        )
    click.echo(entries[name].strip())
