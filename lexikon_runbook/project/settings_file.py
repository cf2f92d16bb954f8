"""The first runbook.toml of an Alembic project, with comments. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .discovery import Found
from .env_py import DEFAULT_OPTION
from .sections import Section

HEAD = """\
# The databases of this project, for the runbooks. No URL and no password stands here: each
# target says where its URL comes from. `lexikon-runbook init` wrote this from {files};
# it is yours to edit.

archive = "archive"  # every run leaves its record in this folder
"""
PYTHON = """\
python = {python}  # env.py and the revisions run in it
"""
FLASK = """\
flask = {application}  # the application, as `flask --app` takes it
"""
FLASK_UNSEEN = """\
# The application of Flask-Migrate was not seen. Name it, as `flask --app` takes it:
# flask = "app:create_app"
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
UNSEEN_BY_FLASK = """\
# The application does not show where it takes its URL from. Name the variable:
# env_py_variable = "DATABASE_URL"
"""
LONGEST = 40  # of a section's name in a target's


def text(found: Found) -> str:
    """What stands in it: two targets for each section of the ini, and no secret. Pure."""
    files = dict.fromkeys([found.ini, *(s.env_py for s in found.sections if s.env_py)])
    pages = [HEAD.format(files=" and ".join(files))]
    if found.python:
        pages.append(PYTHON.format(python=_quoted(found.python)))
    if found.flask is not None:
        application = _quoted(found.flask)
        pages.append(FLASK.format(application=application) if found.flask else FLASK_UNSEEN)
    for section, own in zip(found.sections, _names(found.sections), strict=True):
        pages += _targets(found, section, own)
    return "".join(pages)


def _names(sections: tuple[Section, ...]) -> Iterator[str]:
    """What tells the sections of one ini apart, in targets and variables; "" for a single one."""
    taken: set[str] = set()
    for section in sections:
        plain = re.sub(r"[^A-Za-z0-9_-]", "-", section.name).lstrip("_-")[:LONGEST]
        plain = name = (plain or "database") if len(sections) > 1 else ""
        number = 2
        while taken & {_prefix(name), _prefix(f"{name}-production")}:
            name, number = f"{plain}-{number}", number + 1
        taken |= {_prefix(name), _prefix(f"{name}-production")}
        yield name


def _prefix(name: str) -> str:
    return name.upper().replace("-", "_")


def _targets(found: Found, section: Section, own: str) -> tuple[str, str]:
    """The database at hand and production; `own` tells the sections of one ini apart."""
    variable = section.source.variable or "DATABASE_URL"
    if own:
        variable = re.sub(r"^(?=\d)", "_", f"{_prefix(own)}_{variable}")  # no name begins so
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
    if found.alembic_ini:
        lines.append(f"alembic_ini = {_quoted(found.alembic_ini)}")
    if section.name != "alembic":
        lines.append(f"alembic_section = {_quoted(section.name)}")
    if source.variable:
        lines.append(f"env_py_variable = {_quoted(source.variable)}  # {source.read_by} reads it")
    if source.option not in ("", DEFAULT_OPTION):
        lines.append(f"env_py_option = {_quoted(source.option)}  # env.py reads it from the ini")
    return "".join(f"{line}\n" for line in lines) + _unseen(section)


def _unseen(section: Section) -> str:
    if section.source.variable or section.source.option:
        return ""
    if section.flask:
        return UNSEEN_BY_FLASK
    return UNSEEN.format(env_py=section.env_py or f"The env.py of {section.location}")


def _quoted(value: str) -> str:
    """A TOML string, which has JSON's escapes."""
    return json.dumps(value, ensure_ascii=False)
