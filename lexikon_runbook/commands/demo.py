"""`lexikon-runbook demo`: start, stop, reset."""

from __future__ import annotations

import click

from . import options


@click.group()
def demo() -> None:
    """The embedded PostgreSQL with believable Lexikon data, for trying things.

    \b
    Examples
      lexikon-runbook demo start
      lexikon-runbook demo reset
      lexikon-runbook demo stop
    """


@demo.command()
def start() -> None:
    """Start it, and make its database at b9d0965451a3 when there is none. Writes .demo/."""
    from ..demo import server

    server.start(options.project())
    click.echo("demo: running; its target name is demo")


@demo.command()
def stop() -> None:
    """Stop it; its data stay."""
    from ..demo import server

    server.stop(options.project())
    click.echo("demo: stopped")


@demo.command()
def reset() -> None:
    """Make its database anew at b9d0965451a3. What it held is gone."""
    from ..demo import server

    server.reset(options.project())
    click.echo("demo: fresh, at b9d0965451a3")
