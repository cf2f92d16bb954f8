"""Requests from the other side, one after the other: what each does, and what it answers."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import sys
from typing import Any

from . import told
from .files import Files
from .wire import Stopped, Wire

OLDEST_ALEMBIC, OLDEST_SQLALCHEMY = (1, 8), (1, 4)


class Worker:
    """One project, opened for one database and one URL."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.config: Any = None
        self.script: Any = None
        self.connections: Any = None
        self.fence: Any = None
        self.outside: Any = None
        self.folder = ""
        self.steps: list[Any] = []
        self.files = Files()
        self.inside = contextlib.ExitStack()

    def serve(self) -> None:
        """Answer requests until the input ends."""
        while True:
            request = self.wire.hear()
            if request.get("do") in ("go", "stop"):
                continue  # an answer to a question that is over
            self.wire.stopped = False
            self.wire.watch(request.get("deadline_s") or 0)
            try:
                answer = getattr(self, "do_" + request["do"])(**request.get("with", {})) or {}
                if self.wire.stopped:
                    raise Stopped
                self.wire.say("done", **answer)
            except Stopped:
                self.wire.say("stopped")
            except BaseException as error:
                kind = "stopped" if self.wire.stopped else "error"
                self.wire.say(kind, **told.of(error))
            finally:
                self.wire.watch(0)
                if self.connections is not None:
                    self.connections.close()

    def do_open(
        self,
        folder: str,
        argv: list[str],
        urls: dict[str, str],
        variables: dict[str, str],
        flask: dict[str, Any] | None = None,
        fence: dict[str, Any] | None = None,
        settings: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Read the configuration as `alembic ARGV` in that folder would; raise the fence first.

        `urls` are ini keys and `variables` names, each with the URL that it is to hold. An
        application that connects while it loads is only let look, by these `settings`.
        """
        os.chdir(folder)
        self.folder = folder
        logging.disable(logging.INFO)
        sys.argv[:] = ["flask", "db", *argv] if flask else ["alembic", *argv]
        versions = _versions()
        from . import drivers

        for name, url in variables.items():
            os.environ[name] = drivers.named(url)
        if fence is not None:
            from .fence import Fence

            self.fence = Fence(self.wire, folder, **fence)
            self.fence.raise_up()
        from . import project
        from .connections import Connections

        self.connections = Connections(self.wire)
        self.connections.install()
        self.connections.begin(settings or {}, asking=False, looking=True)
        if flask:
            self.config = self.inside.enter_context(project.config_of_flask(**flask))
        else:
            self.config = project.config_of_alembic(argv)
        self.config.stdout = io.StringIO()
        for key, url in urls.items():
            self.config.set_main_option(key, drivers.named(url).replace("%", "%%"))
        from alembic.script import ScriptDirectory

        self.script = ScriptDirectory.from_config(self.config)
        return {**versions, **project.folders(self.script)}

    def do_command(self, argv: list[str]) -> None:
        """From now on be the command that `alembic ARGV` is: its `cmd_opts`, its `sys.argv`."""
        from . import project

        sys.argv[1:] = argv
        if sys.argv[0] == "alembic":
            self.config.cmd_opts = project.config_of_alembic(argv).cmd_opts

    def do_history(self) -> dict[str, Any]:
        """Every revision of the checkout. Imports the revision files."""
        from . import graph

        found = graph.revisions(self.script)
        self.files.note(self.config, self.script)
        return found

    def do_changed(self) -> dict[str, Any]:
        """The files that were changed since the project's code was read from them."""
        return {"changed": self.files.changed()}

    def do_current(self, settings: dict[str, str]) -> dict[str, Any]:
        """Where env.py's own configuration finds the version rows. Reads only."""
        from . import place, project

        found: list[dict[str, Any]] = []
        self.connections.begin(settings, asking=False, looking=True)
        looking = place.noting(found)
        try:
            project.run_env_py(self.config, self.script, looking, dont_mutate=True)
        except Exception:
            # What env.py does after the migrations may need what it was not let write here.
            if not (found and self.connections.undone):
                raise
        return {"places": found}

    def do_steps(
        self,
        direction: str,
        to: str = "",
        rows: list[str] | None = None,
        ids: list[str] | None = None,
    ) -> dict[str, Any]:
        """The way from these version rows to `to`, or exactly the revisions `ids`; kept.

        Described where the rows are given.
        """
        from . import graph

        if ids is not None:
            self.steps = graph.alone(self.script, direction, ids)
            self.files.note(self.config, self.script)
        else:
            self.steps = graph.way(self.script, direction, to, rows or [])
        return {} if rows is None else {"steps": graph.described(self.steps, rows)}

    def do_render(self, translated: list[Any], ahead: bool = False) -> dict[str, Any]:
        """The SQL of the kept steps, from offline mode; nothing is connected to.

        `translated` is what `place` told of env.py's connection; `ahead` is whether the
        revisions' clock is to be another one.
        """
        from . import project, render

        around = self._ahead if ahead else contextlib.nullcontext

        buffer = render.Pieces()
        self.config.output_buffer = buffer
        self.connections.begin({}, asking=False, looking=True)
        start = self.steps[0].from_revisions
        with contextlib.suppress(Exception, SystemExit):  # it may have no offline mode
            project.run_env_py(
                self.config,
                self.script,
                render.each(self.steps, buffer, translated, around),
                as_sql=True,
                starting_rev=start[0] if start else "base",
                destination_rev=self.steps[-1].revision.revision,
            )
        rows = render.rows(self.steps)
        if rows is None:
            render.without_env_py(self.steps, buffer, translated, around)
            rows = render.rows(self.steps)
        self.files.note(self.config, self.script)
        return {"steps": rows}

    def do_migrate(
        self,
        settings: dict[str, str],
        asking: bool = True,
        bounds: dict[str, Any] | None = None,
        traced: bool = False,
        ahead: bool = False,
    ) -> dict[str, Any]:
        """Run the kept steps, as many in one run of env.py as it commits one by one.

        What they do outside of the database and of `bounds`, where these are given, is told; and
        what each statement does to what was there, where it is `traced`. `ahead` is whether the
        revisions' clock is to be another one.
        """
        from . import project
        from .migrate import Chain
        from .outside import Outside
        from .trace import Trace

        self.connections.trace = Trace() if traced else None
        if bounds is not None and self.outside is None:
            self.outside = Outside(self.wire, self.connections, self.folder, **bounds)

        def env_py(migrations: Any) -> int:
            self.connections.begin(settings, asking=asking, looking=False)
            return project.run_env_py(
                self.config,
                self.script,
                migrations,
                each_alone=True,
                destination_rev=self.steps[-1].revision.revision,
            )

        around = self._ahead if ahead else contextlib.nullcontext
        return Chain(self.wire, self.connections, self.steps, self.outside, around).run(env_py)

    def _ahead(self, step: Any) -> Any:
        """The clock of a revision that is ahead; env.py and the models are loaded by then."""
        from . import clock

        return clock.ahead([step.revision.module], self.folder)

    def do_env_py(self, settings: dict[str, str]) -> dict[str, Any]:
        """Run env.py without any revision: what it does itself. Writes what it writes."""
        from . import place, project

        found: list[dict[str, Any]] = []
        self.connections.begin(settings, asking=False, looking=False)
        project.run_env_py(self.config, self.script, place.noting(found), dont_mutate=True)
        self.files.note(self.config, self.script)
        return {"places": found}

    def do_compare(self, settings: dict[str, str]) -> dict[str, Any]:
        """How the database differs from env.py's target_metadata, in rows. Reads only."""
        from . import drift, project

        found: list[dict[str, Any]] = []
        self.connections.begin(settings, asking=False, looking=True)
        project.run_env_py(self.config, self.script, drift.noting(found), dont_mutate=True)
        return found[-1] if found else {"changes": None, "default_schema": ""}

    def do_left_out(self, settings: dict[str, str], asked: list[list[str]]) -> dict[str, Any]:
        """Which of these objects env.py's include_name and include_object leave out. Reads only."""
        from . import filters, project

        found: list[set[int]] = []
        self.connections.begin(settings, asking=False, looking=True)
        looking = filters.noting(asked, found)
        try:
            project.run_env_py(self.config, self.script, looking, dont_mutate=True)
        except filters.Raised as error:
            return {"raised": error.told}
        return {"raised": None, "left_out": sorted(set.intersection(*found) if found else ())}

    def do_draft(self, **asked: Any) -> dict[str, Any]:
        """What the models change against the database, as Python. Writes what env.py writes."""
        from . import drafting

        return drafting.code(self, **asked)

    def do_write(self, **asked: Any) -> dict[str, Any]:
        """The file that `alembic revision` would write, which is not written here."""
        from . import drafting

        return drafting.file(self, **asked)

    def do_hooks(self, settings: dict[str, str], path: str) -> None:
        """Run the project's post_write_hooks on that file. Writes what they write."""
        from . import hooks, place, project

        if hooks.unknown(self.script):
            self.connections.begin(settings, asking=False, looking=True)
            project.run_env_py(self.config, self.script, place.noting([]), dont_mutate=True)
        hooks.run(self.script, path)


def _versions() -> dict[str, Any]:
    """The versions of what runs here. Raises ImportError for what is missing or too old."""
    from . import drivers

    found = {}
    for name, oldest in (("alembic", OLDEST_ALEMBIC), ("sqlalchemy", OLDEST_SQLALCHEMY)):
        found[name] = version = str(importlib.import_module(name).__version__)
        if tuple(int(part) for part in version.split(".")[:2]) < oldest:
            least = ".".join(map(str, oldest))
            raise ImportError(f"{name} is {version} here; the oldest supported is {least}")
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        **found,
        "drivers": [each for each in drivers.DRIVERS if importlib.util.find_spec(each)],
    }
