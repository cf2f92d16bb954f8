"""The first runbook.toml of an Alembic project, with comments. Pure."""

from __future__ import annotations

import json
import re

from .discovery import INI, Found, Section
from .env_py import DEFAULT_OPTION

HEAD = """\
# The databases of this project, for the runbooks. No URL and no password stands here: each
# target says where its URL comes from. `lexikon-runbook init` wrote this from {ini}
# and {env_py}; it is yours to edit.

archive = "archive"  # every run leaves its record in this folder
"""
AT_HAND = "The database at hand: of your own machine, or of a CI job."
PRODUCTION = 'Production. On a host where {0} is production\'s own, write url_env = "{0}".'
TARGET = """
# {meaning}
[targets.{name}]
url_env = "{variable}"
{keys}"""
OPTIONAL = """\
protection = "protected"  # every change needs its plan's digest in `approve`
# health_url = "http://127.0.0.1:8000/health"     # asked after a change, until it answers well
# restart = "docker compose restart backend"      # run by the rollback
# logs = "docker logs --tail 100 backend"         # shown by the rollback
"""
UNSEEN = """\
# {env_py} does not show where it takes its URL from. Name the variable or the ini key:
# env_py_variable = "DATABASE_URL"
# env_py_option = "sqlalchemy.url"
"""


def text(found: Found) -> str:
    """What stands in it: two targets for each section of the ini, and no secret. Pure."""
    env_pys = ", ".join(dict.fromkeys(section.env_py for section in found.sections))
    pages = [HEAD.format(ini=found.ini, env_py=env_pys)]
    for section in found.sections:
        own = section.name if len(found.sections) > 1 else ""
        pages += _targets(found, section, re.sub(r"[^A-Za-z0-9_-]", "-", own))
    return "".join(pages)


def _targets(found: Found, section: Section, own: str) -> tuple[str, str]:
    """The database at hand and production; `own` tells the sections of one ini apart."""
    variable = section.source.variable or "DATABASE_URL"
    if own:
        prefix = own.upper().replace("-", "_")
        variable = re.sub(r"^(?=\d)", "_", f"{prefix}_{variable}")  # no name begins with a digit
    keys = _keys(found, section)
    return (
        TARGET.format(name=own or "default", meaning=AT_HAND, variable=variable, keys=keys),
        TARGET.format(
            name=f"{own}-production".lstrip("-"),
            meaning=PRODUCTION.format(variable),
            variable=f"PRODUCTION_{variable}",
            keys=keys + OPTIONAL,
        ),
    )


def _keys(found: Found, section: Section) -> str:
    """The lines of a target that lead to this ini, and hand its URL to this env.py."""
    source, lines = section.source, []
    if found.ini != INI:
        lines.append(f"alembic_ini = {_quoted(found.ini)}")
    if section.name != "alembic":
        lines.append(f"alembic_section = {_quoted(section.name)}")
    if source.variable:
        lines.append(f"env_py_variable = {_quoted(source.variable)}  # {source.read_by} reads it")
    if source.option not in ("", DEFAULT_OPTION):
        lines.append(f"env_py_option = {_quoted(source.option)}  # env.py reads it from the ini")
    shown = source.variable or source.option
    return "".join(f"{line}\n" for line in lines) + (
        "" if shown else UNSEEN.format(env_py=section.env_py)
    )


def _quoted(value: str) -> str:
    """A TOML string, which has JSON's escapes."""
    return json.dumps(value, ensure_ascii=False)
