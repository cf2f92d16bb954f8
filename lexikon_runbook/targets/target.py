"""One target: which database a name means, and the policy for changing it. Reads only."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from ..errors import NOTHING_CHANGED, SettingsError
from . import embedded, masking

PYTHON_VARIABLE = "LEXIKON_RUNBOOK_PYTHON"


@dataclass(frozen=True)
class Target:
    """One named database environment. Holds where its URL comes from, never the URL.

    `given_x` are the `-x` values of this run only, which commands to be typed later repeat.
    """

    name: str
    project: Path
    alembic_ini: str = "alembic.ini"
    alembic_section: str = "alembic"
    url_env: str = ""
    service: str = ""
    env_py_variable: str = ""
    env_py_option: str = "sqlalchemy.url"
    python: str = ""
    worker: str = ""
    worker_folder: str = ""
    worker_url_env: str = ""
    worker_throwaway_url_env: str = ""
    flask: str = ""
    x: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    throwaway_url_env: str = ""
    rehearsal_may_reach: tuple[str, ...] = ()
    rehearsal_may_run: tuple[str, ...] = ()
    rehearsal_deadline_s: float = 60.0
    without_rehearsal: Literal["approve", "allow", "refuse"] = "approve"
    protection: Literal["open", "protected"] = "open"
    health_url: str = ""
    restart: str = ""
    logs: str = ""
    lock_timeout_max_s: float = 30.0
    statement_timeout_max_s: float = 86400.0
    archive: Path = field(default=Path("archive"))
    given_x: str = ""

    @property
    def ini(self) -> Path:
        """Where the project's alembic.ini is."""
        return self.project / self.alembic_ini

    @property
    def protected(self) -> bool:
        """Whether every change, also one without a finding, needs the plan's digest."""
        return self.protection == "protected"

    @property
    def worker_command(self) -> tuple[str, ...]:
        """The words up to and including the Python that the project runs in.

        The target's `worker`, else LEXIKON_RUNBOOK_PYTHON, else its `python` (from the project's
        folder), else the Python that runs this. Raises SettingsError for a `~` that leads nowhere.
        """
        if self.worker:
            words = shlex.split(self.worker)
            return tuple(words[:-1] if words[-1] == "-" else words)
        named = os.environ.get(PYTHON_VARIABLE, "").strip() or self.python
        if not named:
            return (sys.executable,)
        if "/" not in named:
            return (named,)
        # Not resolved: a virtual environment's Python is a link, and knows itself by its place.
        return (str(self.project / self._expanded(named)),)

    def _expanded(self, path: str) -> Path:
        try:
            return Path(path).expanduser()
        except RuntimeError as error:  # no HOME, and no entry in passwd
            raise SettingsError(
                f"the python of target {self.name} is {path}, and there is no such home folder "
                "for the user who runs this.",
                state=NOTHING_CHANGED,
                next_step="write the path from the project's folder, or from /.",
            ) from error

    @property
    def reach(self) -> tuple[tuple[str, int], ...]:
        """Each host and port that a rehearsal may reach."""
        places = (each for each in self.rehearsal_may_reach if not each.startswith("/"))
        parted = (place.rpartition(":") for place in places)
        return tuple((host.strip("[]"), int(port)) for host, _, port in parted)

    @property
    def bounds(self) -> dict[str, Any]:
        """What its code may reach, write and run while a plan is made, as a worker is given it."""
        return {
            "allow": self.reach,
            "writable": self.writable,
            "programs": self.rehearsal_may_run,
        }

    @property
    def writable(self) -> tuple[str, ...]:
        """Each folder in which a rehearsal may write files."""
        return tuple(each for each in self.rehearsal_may_reach if each.startswith("/"))

    @property
    def embedded(self) -> bool:
        """Whether the database is the demo's, on the embedded server."""
        return not self.url_env and not self.service

    @property
    def source(self) -> str:
        """Where the URL comes from, in words."""
        if self.url_env:
            return f"environment variable {self.url_env}"
        return f"libpq service {self.service}" if self.service else "embedded server"

    def url(self) -> str:
        """The URL of the database, as the user wrote it. A secret: never print it.

        Reads only. Raises SettingsError when the variable is not set, or the embedded
        server does not run.
        """
        if self.service:
            return f"postgresql:///?service={quote(self.service, safe='')}"
        if self.url_env:
            return self._url_from_environment()
        return self._url_of_embedded()

    def _url_of_embedded(self) -> str:
        running = embedded.url(self.project)
        if running is None:
            raise SettingsError(
                "the demo's server does not run.",
                state=NOTHING_CHANGED,
                next_step="lexikon-runbook demo start",
            )
        return running

    def _url_from_environment(self) -> str:
        value = os.environ.get(self.url_env, "").strip()
        if not value:
            raise SettingsError(
                f"target {self.name} takes its URL from {self.url_env}, which is not set.",
                state=NOTHING_CHANGED,
                next_step=f"export {self.url_env}=postgresql://USER:PASSWORD@HOST:5432/DATABASE",
                finding="not-configured",
            )
        return value

    def mask(self, text: str) -> str:
        """The text without this target's password, and without any password or token in a URL."""
        return masking.mask(text, self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        """The passwords in the environment and the health URL: as written, decoded, escaped."""
        named = (
            self.url_env,
            self.throwaway_url_env,
            self.worker_url_env,
            self.worker_throwaway_url_env,
        )
        urls = (*(os.environ.get(name, "") for name in named if name), self.health_url)
        if self.reach:  # what is there may be a database, whose URL env.py finds where it likes
            urls += tuple(value for value in os.environ.values() if "://" in value)
        return masking.secrets(urls, os.environ.get("PGPASSWORD", ""))

    def with_x(self, values: str) -> Target:
        """The target with these `-x` values (`tenant=acme,region=eu`) before its own. Pure.

        One of its own by the same name is left out. Raises SettingsError for what is no
        `name=value`.
        """
        given = [each.strip() for each in values.split(",") if each.strip()]
        for each in given:
            if "=" not in each or each.startswith(("=", "-")):
                raise SettingsError(
                    f"x={values!r} holds {each!r}, which is no name=value.",
                    state=NOTHING_CHANGED,
                    next_step='write x="tenant=acme,region=eu" for -x tenant=acme -x region=eu.',
                )
        names = {each.partition("=")[0] for each in given}
        kept = [each for each in self.x if each.partition("=")[0] not in names]
        return replace(self, x=(*given, *kept), given_x=",".join(given))

    def verb(self, name: str) -> str:
        """`lexikon-runbook NAME` on this target, as one types it. Pure."""
        x = f" -x {shlex.quote(self.given_x)}" if self.given_x else ""
        return f"lexikon-runbook {name} --target {self.name}{x}"

    def run(self, runbook: str) -> str:
        """`lexikon-runbook run RUNBOOK` on this target, as one types it. Pure."""
        x = f" -p x={shlex.quote(self.given_x)}" if self.given_x else ""
        return f"lexikon-runbook run {runbook} -p target={self.name}{x}"

    def alembic(self, words: str) -> str:
        """`alembic WORDS`, or `flask db WORDS`, as one types it in the project's folder.

        In the Python that `python` or `worker` names, on this target where that can be said. Pure.
        """
        variable = self.env_py_variable
        own = variable and self.url_env and variable != self.url_env
        url = f'{variable}="${self.url_env}" ' if own else ""
        x = "".join(f" -x {shlex.quote(each)}" for each in self.x)
        if self.flask:
            verb, _, rest = words.partition(" ")
            folder = str(Path(self.alembic_ini).parent)
            where = "" if folder == "migrations" else f" -d {shlex.quote(folder)}"
            started = f"{self._module('flask')} --app {shlex.quote(self.flask)} db"
            return f"{url}{started} {verb}{where}{x}{' ' * bool(rest)}{rest}"
        ini = "" if self.alembic_ini == "alembic.ini" else f" -c {shlex.quote(self.alembic_ini)}"
        section = "" if self.alembic_section == "alembic" else f" -n {self.alembic_section}"
        return f"{url}{self._module('alembic')}{ini}{section}{x} {words}"

    def pip(self, words: str) -> str:
        """`pip WORDS` for the project's own Python, as one types it in its folder. Pure."""
        return f"{self._module('pip')} {words}"

    def _module(self, name: str) -> str:
        python = self.worker.removesuffix(" -") or self.python
        return f"{python} -m {name}" if python else name
