"""The keys of runbook.toml, a row each: what a value must be, and where it may stand. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any, Literal

SECRET = ("url", "password", "dsn")
LONGEST_S = 86400


@dataclass(frozen=True)
class Key:
    """One key. `pattern` is of its text, or of each text of its list.

    `for_all`: it may stand at the top of the file, and is then said of every target. `shown`:
    the refusal may repeat the value, which is no secret by mistake. `needed`: a target has a value
    of it in any case, so that none can't be meant.
    """

    name: str
    example: str = '"..."'
    kind: Literal["text", "seconds", "texts", "command"] = "text"
    pattern: str = ".*"
    must: str = ""
    advice: str = "{line}"
    for_all: bool = True
    shown: bool = False
    needed: bool = False

    def fault(self, value: Any, *, instead: bool = False) -> tuple[str, str] | None:
        """What is wrong with a value, and how to write one; None when nothing is.

        An empty text is none, which only takes away what is said of all targets: `instead`.
        """
        line = f"{self.name} = {self.example}"
        if value == "":
            none = instead and not self.needed
            return None if none else (f"{self.name} is empty", f"{line}, or leave it out.")
        if self.kind == "seconds":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = number and 0 < value <= LONGEST_S
            return None if fits else (f"{self.name} must be seconds, above 0", line)
        texts = value if self.kind == "texts" else [value]
        if not isinstance(texts, list | tuple) or not all(isinstance(t, str) for t in texts):
            of_what = "a list of texts" if self.kind == "texts" else "text"
            return f"{self.name} must be {of_what}", line
        if self.kind == "command" and (reason := _no_command(value)):
            return f"{self.name} {reason}", line
        wrong = [text for text in texts if not re.fullmatch(self.pattern, text)]
        if not wrong:
            return None
        what = repr(wrong[0]) if self.shown else self.name
        return f"{what} {self.must}", self.advice.format(line=line)


def _no_command(text: str) -> str:
    """Why a text is no command; "" when it is one."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"can't be split into words: {error}"
    return "names no program" if words in ([], ["-"]) else ""


def _variable(name: str, example: str, *, for_all: bool = True) -> Key:
    """A key that names an environment variable: a URL in its place is an easy mistake."""
    return _name(name, example, r"[A-Za-z_][A-Za-z0-9_]*", for_all=for_all)


def _name(name: str, example: str, pattern: str, *, for_all: bool) -> Key:
    return Key(
        name=name,
        example=f'"{example}"',
        pattern=pattern,
        must="does not hold a name",
        advice="write a name, {line}, and keep the URL out of this file.",
        for_all=for_all,
    )


PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
# What belongs to one database, or to the application beside it, is never said of every target.
KEYS = {
    key.name: key
    for key in (
        Key("alembic_ini", '"alembic.ini"', needed=True),
        Key("alembic_section", '"alembic"', needed=True),
        _variable("url_env", "DATABASE_URL", for_all=False),
        _name("service", "production", r"[^\s/=@]+", for_all=False),
        _variable("env_py_variable", "DB_URL"),
        Key("env_py_option", '"sqlalchemy.url"', needed=True),
        Key("python", '".venv/bin/python"'),
        Key("worker", '"docker compose run --rm -T backend python"', kind="command"),
        Key(
            name="worker_folder",
            example='"/app"',
            pattern=r"/.*[^/]",
            must="must be an absolute path without a slash at its end",
        ),
        _variable("worker_url_env", "WORKER_URL"),
        _variable("worker_throwaway_url_env", "WORKER_THROWAWAY_URL"),
        Key("flask", '"app:create_app"', pattern=r"\S.*", must="must be MODULE:FACTORY"),
        Key(
            name="x",
            example='["tenant=acme"]',
            kind="texts",
            pattern=r"[^\s=-][^\s=]*(=.*)?",
            must="must hold NAME=VALUE",
        ),
        Key(
            name="extensions",
            example='["uuid-ossp"]',
            kind="texts",
            pattern=r"[A-Za-z_][A-Za-z0-9_-]{0,62}",
            must="is no name of an extension",
            shown=True,
        ),
        Key(
            name="ignore",
            example='["table:partman.*"]',
            kind="texts",
            pattern=r"[a-z *?\[\]!-]+:\S(.*\S)?",
            must="is no KIND:SCHEMA.NAME",
            shown=True,
        ),
        _variable("throwaway_url_env", "THROWAWAY_URL"),
        Key(
            name="rehearsal_may_reach",
            example='["vault.internal:8200"]',
            kind="texts",
            pattern=rf"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):{PORT}|/.+",
            must="must hold HOST:PORT, or a folder from / on",
        ),
        Key(
            name="rehearsal_may_run",
            example='["git"]',
            kind="texts",
            pattern=r"[\w.+-]+",
            must="must hold names of programs, without their folders",
        ),
        Key("rehearsal_deadline_s", "60.0", kind="seconds"),
        Key(
            name="without_rehearsal",
            example='"approve"',
            pattern="approve|allow|refuse",
            must="is not approve, allow or refuse",
            shown=True,
        ),
        Key(
            name="protection",
            example='"open" or protection = "protected"',
            pattern="open|protected",
            must="is no protection level",
            shown=True,
        ),
        Key(
            name="health_url",
            example='"http://127.0.0.1:8000/health"',
            pattern=r"https?://.*",
            must="is no web address",
            for_all=False,
            shown=True,
        ),
        Key("restart", for_all=False),
        Key("logs", for_all=False),
        Key("lock_timeout_max_s", "2.0", kind="seconds"),
        Key("statement_timeout_max_s", "2.0", kind="seconds"),
    )
}
FOR_ALL = ("archive", *(key.name for key in KEYS.values() if key.for_all))
