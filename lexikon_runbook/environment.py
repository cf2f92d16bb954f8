"""The project's own env.py, run as it is, on the target's database only.

Alembic executes env.py, and env.py opens its own engine from wherever it likes; the
guard sees to it that this is the target's database.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from .database import Identity, url_from
from .errors import NOTHING_CHANGED, HistoryError, RunbookError
from .guard import READING, Limits, guarded
from .render import shorten
from .settings import Target
from .surroundings import surroundings
from .watch import Watch
from .working import Working

__all__ = ["Migrations", "config_for", "execute", "run", "surroundings"]

Migrations = Callable[[Any, MigrationContext], Iterable[Any]]
READ_ONLY = "25006"  # read_only_sql_transaction
PLACE = re.compile(r"(local socket|[\w.:/-]*):\d+/[\w.$-]*")


def config_for(target: Target) -> Config:
    """Alembic's configuration of a target's project, with the target's URL in it. Reads only.

    Raises HistoryError when the ini is missing or can't be read.
    """
    try:
        target.ini.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HistoryError(
            f"{target.ini} can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}.",
            state=NOTHING_CHANGED,
            next_step=f"set alembic_ini of target {target.name} in runbook.toml, relative to "
            f"{target.project}.",
        ) from error
    config = _config(target)
    try:
        # Raw: env.py may fill the placeholders in it only later.
        written = config.file_config.get(
            target.alembic_section, "sqlalchemy.url", raw=True, fallback=""
        )
        config.get_main_option("script_location")
    except Exception as error:
        raise HistoryError(
            f"{target.ini}: {target.mask(str(error)).splitlines()[0]}",
            state=NOTHING_CHANGED,
            next_step="mend the ini; `alembic current` must be able to read it, too.",
        ) from None
    url = _url_for_env_py(target, written)
    config.set_main_option(target.env_py_option, url.replace("%", "%%"))
    return config


def _config(target: Target) -> Config:
    """As the `alembic` command makes it; what the command prints goes nowhere."""
    options = argparse.Namespace(
        config=str(target.ini), name=target.alembic_section, x=None, raiseerr=False
    )
    more: dict[str, Any] = {}
    pyproject = target.ini.parent / "pyproject.toml"
    if "toml_file" in inspect.signature(Config).parameters and pyproject.exists():
        more["toml_file"] = str(pyproject)  # Alembic 1.16 and later
    return Config(
        str(target.ini),
        ini_section=target.alembic_section,
        stdout=io.StringIO(),
        cmd_opts=options,
        **more,
    )


def _url_for_env_py(target: Target, written: str) -> str:
    """The target's URL with the driver that the project uses: its own, else psycopg2."""
    text = target.url()
    url = url_from(text)
    for candidate in (text, written):
        with contextlib.suppress(ArgumentError, ValueError):
            driver = make_url(candidate).drivername
            if driver.startswith("postgresql+"):
                url = url.set(drivername=driver)
                break
    return url.render_as_string(hide_password=False)


def run(
    target: Target,
    identity: Identity,
    migrations: Migrations,
    limits: Limits = READING,
    watch: Watch | None = None,
    **context: Any,
) -> None:
    """Execute env.py in a thread of its own; its connection is read-only by default.

    `context` goes to Alembic's EnvironmentContext (`as_sql`, `starting_rev`,
    `destination_rev`, `output_buffer`). Raises WrongDatabase before the first statement
    on any other database than `identity`, and HistoryError when env.py fails.
    """
    watch = watch or Watch()

    def work() -> None:
        # What env.py prints is not part of a plan that another program reads.
        with contextlib.redirect_stdout(sys.stderr):
            execute(target, identity, migrations, limits, watch, **context)

    # An async env.py calls asyncio.run(), which refuses a thread with a loop: a notebook's.
    working = Working(work, "lexikon-runbook read")
    working.start()
    try:
        working.ended.wait()
    except KeyboardInterrupt:
        watch.stopped = True
        working.ended.wait(limits.lock_timeout_s + 1)
        raise
    if isinstance(working.error, RunbookError):
        raise working.error
    if working.error is not None:
        raise _env_py_failed(target, working.error, watch) from None


def execute(
    target: Target,
    identity: Identity,
    migrations: Migrations,
    limits: Limits,
    watch: Watch,
    **context: Any,
) -> None:
    """Execute env.py with `migrations` as what it runs, guarded, in this thread.

    Writes what the migrations write, within `limits`. Raises what env.py and they raise,
    or the guard's refusal where env.py swallowed it.
    """
    called = False

    def called_migrations(revision: Any, migration_context: MigrationContext) -> Iterable[Any]:
        nonlocal called
        called = True
        return migrations(revision, migration_context)

    with surroundings(target), guarded(target, identity, limits, watch):
        config = config_for(target)
        config.output_buffer = context.pop("output_buffer", config.output_buffer)
        script = ScriptDirectory.from_config(config)
        with EnvironmentContext(config, script, fn=called_migrations, **context):
            try:
                script.run_env()
            except BaseException:
                if watch.refusal is not None:
                    raise watch.refusal from None
                raise
    if watch.refusal is not None:
        raise watch.refusal
    if not called:
        raise _stopped(target, "env.py ran without calling context.run_migrations()")


def _env_py_failed(target: Target, error: BaseException, watch: Watch) -> HistoryError:
    """What env.py raised while it was only read with, without a secret."""
    if isinstance(error, SystemExit):
        return _stopped(target, f"env.py ended itself with exit({error.code!r})")
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    text = shorten(target.mask(text), 300)
    if isinstance(error, DBAPIError) and _sqlstate(error) == READ_ONLY:
        return _stopped(
            target,
            f"{_where(target, error)}{text}: env.py writes to the database before migrations run "
            "(CREATE SCHEMA or EXTENSION IF NOT EXISTS, say), which a preflight does not allow",
            "move that statement into a migration, or run it once by hand and take it out of "
            "env.py.",
        )
    if isinstance(error, DBAPIError) and error.statement is None and not watch.backend_pid:
        known = PLACE.fullmatch(watch.reaching)
        place = watch.reaching if known else "a place whose name may hold part of a password"
        return _stopped(
            target,
            f"env.py of {target.alembic_ini} can't connect to {place}"
            + (f": {text}" if known else ""),
            f'[targets.{target.name}] env_py_variable = "NAME" or env_py_option = "KEY" in '
            "runbook.toml names where env.py reads its URL, so that it gets this target's.",
        )
    return _stopped(target, f"{_where(target, error)}{type(error).__name__}: {text}")


def _sqlstate(error: DBAPIError) -> str:
    """As the driver names it: psycopg2 pgcode, others sqlstate."""
    return getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None) or ""


def _where(target: Target, error: BaseException) -> str:
    """The last line of the project itself that the error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename.startswith(str(target.project))]
    return f"{own[-1].filename}:{own[-1].lineno}: " if own else "env.py failed: "


def _stopped(target: Target, happened: str, next_step: str = "") -> HistoryError:
    return HistoryError(
        f"{happened}.",
        state="what the database holds is shown by `lexikon-runbook status`.",
        next_step=next_step
        or f"run `alembic -c {target.alembic_ini} current` in {target.project} and mend env.py.",
    )
