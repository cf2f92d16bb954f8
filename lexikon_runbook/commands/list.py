"""`lexikon-runbook list`."""

from __future__ import annotations

import click

from . import options


@click.command("list")
def list_() -> None:
    """List the runbooks of this project and their parameters. Reads only.

    \b
    Example
      lexikon-runbook list
    """
    from ..runbooks import notebooks, parameters

    for name, file in notebooks.known(options.project()).items():
        click.echo(f"{name}: {notebooks.about(file)}")
        for parameter in parameters.of_notebook(file).values():
            click.echo(f"    {parameter}")
