"""The project as its own command sees it: Alembic's Config, the script folder, env.py."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from alembic.config import CommandLine, Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from . import beside

TWO_DATABASES = (
    "env.py runs the migrations on a second database, too, which it may only read here; make that "
    "a target of its own, and let env.py run for one of them (by -x, or by a section)"
)
OF_A_DEPLOY = {"revision": "heads", "sql": False, "tag": None}


class _Taken(BaseException):
    """Alembic's command line has made its Config, and is not to run the command."""


def config_of_alembic(argv: Sequence[str]) -> Config:
    """The Config that `alembic ARGV` would use, with its complete `cmd_opts`. Reads files only."""
    made: list[Config] = []

    class Taking(CommandLine):
        def run_cmd(self, config: Config, options: Any) -> None:
            made.append(config)
            raise _Taken

    with contextlib.suppress(_Taken):
        Taking(prog="alembic").main(argv=list(argv))
    # An env.py that reads where a deploy goes is also looked with, as `current`.
    for name, value in OF_A_DEPLOY.items():
        if not hasattr(made[0].cmd_opts, name):
            setattr(made[0].cmd_opts, name, value)
    return made[0]


@contextlib.contextmanager
def config_of_flask(app: str, directory: str, x: Sequence[str]) -> Iterator[Config]:
    """The Config that `flask db` would use, inside the application's context."""
    from flask.cli import ScriptInfo

    os.environ["FLASK_RUN_FROM_CLI"] = "true"  # as its command has it
    made = ScriptInfo(app_import_path=app).load_app()
    with made.app_context():
        migrate = made.extensions["migrate"].migrate
        yield migrate.get_config(directory, x_arg=list(x) or None)


def run_env_py(
    config: Config,
    script: ScriptDirectory,
    migrations: Callable[[Any, Any, dict[str, Any]], Any],
    each_alone: bool = False,
    **context: Any,
) -> int:
    """Execute env.py; how often it called `run_migrations()`, and so `migrations`.

    `migrations` gets the version rows, Alembic's context and what env.py handed to
    `run_migrations()`. With `each_alone` every revision is a transaction of its own, whatever
    env.py says. `context` goes to Alembic's EnvironmentContext.
    """
    calls: list[dict[str, Any]] = []
    returned: list[bool] = []

    def called(rows: Any, of: Any) -> Any:
        if beside.of(of.connection):
            raise RuntimeError(TWO_DATABASES)
        return migrations(rows, of, calls[-1] if calls else {})

    # Not a subclass: `alembic.context` finds its proxy by the exact class.
    made = EnvironmentContext(config, script, fn=called, **context)
    configure, run_migrations = made.configure, made.run_migrations

    def configured(*given: Any, **more: Any) -> None:
        if each_alone:
            more["transaction_per_migration"] = True
        configure(*given, **more)

    def running(**given: Any) -> None:
        calls.append(given)
        run_migrations(**given)
        returned.append(True)

    made.configure = configured  # type: ignore[method-assign]
    made.run_migrations = running  # type: ignore[method-assign]
    with made:
        try:
            script.run_env()
        except SystemExit as end:  # a good end, once the migrations are done
            if end.code not in (None, 0) or not returned or len(returned) < len(calls):
                raise
    return len(calls)


def folders(script: ScriptDirectory) -> dict[str, Any]:
    """Where env.py and the revision files are, as Alembic has resolved it. Reads no file."""
    own: Any = script
    return {
        "dir": os.path.abspath(str(script.dir)),
        "folders": [os.path.abspath(str(each)) for each in own._version_locations],
        "recursive": bool(getattr(script, "recursive_version_locations", False)),
        "sourceless": bool(script.sourceless),
    }
