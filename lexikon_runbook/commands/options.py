"""What several verbs take: the project, a target and its completion, the names to complete."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import RunbookError

if TYPE_CHECKING:
    from ..project.project import Project
    from ..targets.settings import Target

DEFAULT_LOCK_TIMEOUT_S = 2.0  # as the runbooks declare it


def project() -> Path:
    """The project's folder. Reads only; see `settings.project_folder`."""
    from ..targets import settings

    return settings.project_folder()


def awake(name: str, x: str = "") -> Target:
    """The target of that name ("" is the first), with these -x values; the demo is started."""
    from ..demo import server
    from ..targets import settings

    found = settings.chosen(name, project(), changes=False)
    server.wake(found)
    return found.with_x(x)


def opened(target: Target) -> Project:
    """The target's project; what its code prints goes to standard error."""
    from ..project.project import Project

    return Project(target, on_line=lambda line: click.echo(target.mask(line), err=True))


def complete_runbook(_c: Any, _p: Any, incomplete: str) -> list[str]:
    """The runbooks whose names begin so; none where the project can't be read."""
    from ..runbooks import notebooks

    with contextlib.suppress(RunbookError):
        return [name for name in notebooks.known(project()) if name.startswith(incomplete)]
    return []


def complete_target(_c: Any, _p: Any, incomplete: str) -> list[str]:
    """The targets whose names begin so; none where the settings can't be read."""
    from ..targets import settings

    with contextlib.suppress(RunbookError):
        return [name for name in settings.targets(project()) if name.startswith(incomplete)]
    return []


x = click.option(
    "-x",
    "x",
    default="",
    metavar="NAME=VALUE,...",
    help="Values for env.py's -x option, before the target's own.",
)
target = click.option(
    "--target",
    default="",
    shell_complete=complete_target,
    help="A name from runbook.toml, `default` or `demo`. Default: the first of the file.",
)
