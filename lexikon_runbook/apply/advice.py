"""What there is to mend after a statement failed: rights, rows, the server, or the file. Pure."""

from __future__ import annotations

import re

from ..plan.step import Step
from ..postgres.names import spelled
from ..project.seen import FailedStatement
from ..project.worker import ProjectFailed
from .attempt import Attempt

STATEMENT_CANCELED, DEPENDENT = "57014", "2BP01"
INSUFFICIENT_PRIVILEGE, INVALID_SCHEMA_NAME = "42501", "3F000"
FEATURE_NOT_SUPPORTED, OBJECT_IN_USE, UNDEFINED_OBJECT = "0A000", "55006", "42704"
OF_THE_SERVER = {
    "53100": "make room on the server's disk",
    "53200": "the server is out of memory: see its log",
    "25006": "the database is read-only for this role: see who set that, and why",
    "28000": "the role may not log in there",
    "58P01": "install on the server what it says is missing (an extension's files)",
}
# What raises where an option is asked for that nobody has registered, or set.
CONFIGURATIONS = ("configparser", "decouple", "dynaconf", "environs", "oslo_config")
OF_OTHERS = "site-packages"
OF_ROWS = ("23502", "23503", "23505", "23514", "23P01", "22001", "22003", "22P02", "23000")

# The server's words where lc_messages is English; in any other language only the role is named.
DENIED = re.compile(r"permission denied for ([a-z ]+) (\S+)")
NOT_OWNER = re.compile(r"must be owner of ([a-z ]+) (\S+)")
USED = re.compile(r"cannot alter type of a column used (?!by a generated)")
MAY_NOT_MAKE = re.compile(r"permission denied to create ([a-z ]+)")
ATTRIBUTES = {"role": "CREATEROLE", "database": "CREATEDB"}
NO_EXTENSION = re.compile(r'extension "(.+)" is not available')
NO_OBJECT = re.compile(r'(role|tablespace|type|operator class) "(.+?)" does not exist')
NO_SCHEMA = re.compile(r'schema "(.+)" does not exist')
OF_A_TABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
RIGHTS = {
    "database": "CREATE",
    "function": "EXECUTE",
    "procedure": "EXECUTE",
    "type": "USAGE",
    "language": "USAGE",
    "sequence": "USAGE, SELECT, UPDATE",
}


def of(step: Step, last: Attempt, role: str, project: str, *, swallowed: bool) -> str:
    """The next step after a revision of that project failed, when `role` migrates. Pure."""
    file, statement = step.revision.file.name, last.failure
    if statement is None and swallowed:
        return f"take the rollback out of {file}, then run again."
    if statement is None:
        return _elsewhere(step, last, project) or _file(step)
    if swallowed:
        return f"let {file} fail: take the try/except out, or put the statement in a SAVEPOINT."
    if beside := _beside_the_file(statement, role):
        return f"{beside}; then run again. {file} may stay as it is."
    if statement.sqlstate in OF_ROWS:
        return (
            f"mend the rows that the server names (they break what {file} asks for), or let the "
            "revision mend them first; then run again."
        )
    if statement.sqlstate == DEPENDENT or USED.match(statement.message):
        return (
            "drop what depends on it first (the server names it above), and create it again "
            f"afterwards: in {file}, or by hand; then run again."
        )
    if statement.sqlstate == OBJECT_IN_USE and "pending trigger events" in statement.message:
        return (
            f"in {file}, send SET CONSTRAINTS ALL IMMEDIATE before this statement, or give it a "
            "revision of its own: rows that were changed before it wait for a deferred constraint."
        )
    if statement.sqlstate == STATEMENT_CANCELED:
        return "raise statement_timeout_s, or split the statement into smaller ones; run again."
    return _file(step)


def in_revision(step: Step, last: Attempt) -> bool:
    """Whether the error of a try came through the revision, as far as that can be told. Pure."""
    error = last.error
    frames = error.told["frames"] if isinstance(error, ProjectFailed) else ()
    return not frames or any(frame[0] == str(step.revision.file) for frame in frames)


def _elsewhere(step: Step, last: Attempt, project: str) -> str:
    """What to mend where Python's error is not the revision's own; "" where it is."""
    error, file = last.error, step.revision.file
    if not isinstance(error, ProjectFailed) or not error.told["frames"]:
        return ""
    frames = [f for f in error.told["frames"] if OF_OTHERS not in f[0]]
    own = [f for f in frames if f[0].startswith(project) or f[0] == str(file)]
    stays = f"then run again. {file.name} may stay as it is"
    if not own:
        return ""
    where, line = own[-1][:2]
    if not in_revision(step, last):
        return f"mend {where}:{line}, {stays}: the error came through no line of it."
    if where != str(file):
        return (
            f"mend {where}:{line}, which {file.name} calls, or what it is configured by; {stays}."
        )
    if str(error.told["module"]).partition(".")[0] in CONFIGURATIONS:
        return (
            f"{file.name}:{line} asks for the application's configuration, which env.py has not "
            f"loaded: let env.py load it as the application's own command does, {stays}."
        )
    return ""


def _file(step: Step) -> str:
    file = step.revision.file.name
    if step.direction == "downgrade":
        return (
            f"mend downgrade() of {file} (the revision is applied still: leave upgrade() as it "
            "is), then run again."
        )
    return f"mend {file} (it is not applied, so it may be edited), then run again."


def _beside_the_file(failed: FailedStatement, role: str) -> str:
    if failed.sqlstate == INSUFFICIENT_PRIVILEGE:
        return _right(failed, spelled(role))
    if failed.sqlstate == INVALID_SCHEMA_NAME:
        missing = NO_SCHEMA.match(failed.message)
        what = f"`CREATE SCHEMA {spelled(missing[1])};`" if missing else "CREATE SCHEMA"
        return f"create the schema ({what}), or let the revision create it"
    if failed.sqlstate == FEATURE_NOT_SUPPORTED and NO_EXTENSION.match(failed.message):
        return "install the extension on the server first"
    if failed.sqlstate == UNDEFINED_OBJECT and (lacking := NO_OBJECT.match(failed.message)):
        return _lacking(*lacking.groups())
    return OF_THE_SERVER.get(failed.sqlstate, "")


def _lacking(kind: str, name: str) -> str:
    if kind == "role":
        return f"let an administrator run `CREATE ROLE {spelled(name)};`"
    if kind == "tablespace":
        return f"let an administrator make the tablespace {name}, or spell it right in the file"
    return f"create what brings the {kind} {name}: an extension, by `CREATE EXTENSION`, it may be"


def _right(failed: FailedStatement, role: str) -> str:
    if owned := NOT_OWNER.match(failed.message):
        kind, name = owned.groups()
        return (
            f"migrate as the owner of {kind} {name}, or let a superuser run `GRANT` of that role "
            f"`TO {role};`"
        )
    if made := MAY_NOT_MAKE.match(failed.message):
        return _making(made[1], failed.sql, role)
    if denied := DENIED.match(failed.message):
        kind, name = denied.groups()
        rights = _rights(kind, next(iter(failed.sql.upper().split()), ""))
        on = "TABLE" if kind in ("table", "view", "relation") else kind.upper()
        return f"let its owner run `GRANT {rights} ON {on} {spelled(name)} TO {role};`"
    return f"give role {role} the right that the server names above"


def _making(kind: str, sql: str, role: str) -> str:
    if kind in ATTRIBUTES:
        return f"let a superuser run `ALTER ROLE {role} {ATTRIBUTES[kind]};`"
    return f"let a superuser send it: `{sql.strip().rstrip(';')};`"


def _rights(kind: str, verb: str) -> str:
    if kind == "schema":
        return "USAGE, CREATE" if verb in ("CREATE", "ALTER") else "USAGE"
    return RIGHTS.get(kind, verb if verb in OF_A_TABLE else "ALL")
