"""The revision that `alembic revision --autogenerate` would write: its Python, and its file.

Through the project's own env.py, with its options and hooks, and its own Alembic's rendering.
Nothing is written here but in a scratch folder.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import tempfile
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from alembic.autogenerate import RevisionContext, render
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from mako.exceptions import RichTraceback  # type: ignore[import-untyped]
from mako.template import Template  # type: ignore[import-untyped]
from sqlalchemy import inspect

from alembic import util

from . import enums, generated, hooks, metadata, project, told

Look = Callable[[Any, Any, dict[str, Any]], list[Any]]

OF_ALEMBIC = re.compile(r"[ \t]*# ### .* ###\n?")


class _Taken(BaseException):
    """Alembic has come to where it would write the file."""


def code(
    worker: Any, settings: dict[str, str], argv: list[str], models: str, folder: str
) -> dict[str, Any]:
    """What the models change against the database, as if it were at the heads, as Python.

    As `alembic ARGV`; `folder` is where named models may be, too. Writes what env.py writes.
    """
    draft = Draft(worker.config, worker.script, "", "")
    look = draft.compare(models, folder, worker.script.get_heads())
    asked = _compared(worker, draft, look, settings, argv)
    return {**asked, **(draft.code() if asked["compared"] else {})}


def file(
    worker: Any,
    settings: dict[str, str],
    argv: list[str],
    models: str,
    folder: str,
    message: str,
    id_: str,
    heads: list[str],
) -> dict[str, Any]:
    """The file that `alembic ARGV` would write with that message and that id.

    The files are read anew; only their heads are told where these are others.
    """
    script = ScriptDirectory.from_config(worker.config)
    if set(script.get_heads()) != set(heads):
        return {"heads": list(script.get_heads())}
    draft = Draft(worker.config, script, message, id_)
    asked = _compared(worker, draft, draft.compare(models, folder), settings, argv)
    return {"heads": heads, **asked, **(draft.file() if asked["compared"] else {})}


def _compared(
    worker: Any, draft: Draft, look: Look, settings: dict[str, str], argv: list[str]
) -> dict[str, Any]:
    worker.do_command(argv)
    if not hasattr(worker.config.cmd_opts, "autogenerate"):  # Flask-Migrate's own way
        worker.config.cmd_opts.autogenerate = True
    worker.connections.begin(settings, asking=False, looking=False)
    calls = project.run_env_py(
        worker.config,
        draft.script,
        look,
        template_args=draft.made.template_args,
        revision_context=draft.made,
    )
    worker.files.note(worker.config, worker.script)
    compared = bool(calls) and draft.refused is None
    return {"calls": calls, "refused": draft.refused, "compared": compared}


class Draft:
    """A revision in the making. `refused` is why there are no models to make it from."""

    def __init__(self, config: Config, script: ScriptDirectory, message: str, id_: str) -> None:
        given = dict.fromkeys(("head", "branch_label", "version_path", "depends_on"))
        asked = {**given, "message": message, "rev_id": id_, "sql": False, "splice": False}
        self.script = script
        self.made = RevisionContext(config, script, asked)
        self.refused: dict[str, Any] | None = None

    def compare(self, models: str, folder: str, rows: Sequence[str] | None = None) -> Look:
        """What env.py is to run in place of migrations: the comparison. Reads only.

        `rows` are taken for the database's version rows: Alembic compares at the heads only.
        """

        def look(found: Any, context: Any, _given: dict[str, Any]) -> list[Any]:
            try:
                kept = metadata.to_compare(context, models, folder)
            except metadata.Unusable as error:
                self.refused = error.told
                return []
            self.made.run_autogenerate(found if rows is None else tuple(rows), context)
            self._complete(context.connection, kept)
            return []

        return look

    def _complete(self, connection: Any, kept: Any) -> None:
        seen: Any = inspect(connection)
        there = [(found["schema"], found["name"]) for found in seen.get_enums(schema="*")]
        several = kept if isinstance(kept, (list, tuple)) else [kept]
        for script in self.made.generated_revisions:
            # An env.py that compares several databases adds to these, one after the other.
            for up, down in zip(script.upgrade_ops_list[-1:], script.downgrade_ops_list[-1:]):
                generated.complete(up, down, self.made._last_autogen_context)
                enums.complete(up, down, there, seen.default_schema_name, several)

    def code(self) -> dict[str, str]:
        """The upgrade and the downgrade as Python; empty where a hook took the revision away."""
        up, down = [], []
        for script in self.made.generated_revisions:
            texts: dict[str, Any] = {}
            with _unwarned():
                render._render_python_into_templatevars(
                    self.made._last_autogen_context, script, texts
                )
            # Each database of several has names of its own for its texts.
            up += [_lines(texts[each.upgrade_token]) for each in script.upgrade_ops_list]
            down += [_lines(texts[each.downgrade_token]) for each in script.downgrade_ops_list]
        return {"upgrade": "\n".join(up), "downgrade": "\n".join(down)}

    def file(self) -> dict[str, Any]:
        """The one file that Alembic would write: where, and what; the number of them otherwise.

        `not_made` is why Alembic refuses it, `fails` what its import raises: Alembic would have
        imported it.
        """
        made = self.made.generated_revisions
        if len(made) != 1:
            return {"number": len(made)}
        taken: dict[str, Any] = {}

        def take(src: Any, dest: Any, **given: Any) -> None:
            data = _rendered(str(src), self.script.output_encoding, given)
            taken.update(
                path=os.path.abspath(dest),
                data=base64.b64encode(data).decode("ascii"),
                revision=given["up_revision"],
                fails=_fails(data),
            )
            raise _Taken

        own: Any = self.script
        own._generate_template, own._ensure_directory = take, _leave
        not_made = ""
        try:
            with _unwarned(), contextlib.suppress(_Taken):
                self.made._to_script(made[0])
        except CommandError as error:
            not_made = str(error)
        except Exception as error:
            not_made = f"{type(error).__name__}: {error}"
        return {
            "number": 1,
            "not_made": not_made,
            "encoding": self.script.output_encoding,
            "hooks": bool(hooks.of(self.script)),
            **taken,
        }


def _lines(text: str) -> str:
    """A function's lines as Alembic renders them, indented but for the first, without remarks."""
    return OF_ALEMBIC.sub("", textwrap.dedent("    " + text) + "\n").strip("\n")


def _rendered(template: str, encoding: str, given: dict[str, Any]) -> bytes:
    try:
        text: str = Template(filename=template).render_unicode(**given)
        return text.encode(encoding)
    except Exception as error:
        line = RichTraceback().lineno
        words = f"{type(error).__name__}: {str(error).strip()}"
        raise CommandError(f"{template}:{line}: {words}") from error


def _fails(data: bytes) -> dict[str, Any] | None:
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "revision.py"), "wb") as file:
            file.write(data)
        try:
            util.load_python_file(folder, "revision.py")
        except (Exception, SystemExit) as error:
            return told.of(error)
    return None


def _leave(_path: Any) -> None:
    """A folder that is not there is made by whoever writes the file."""


@contextlib.contextmanager
def _unwarned() -> Iterator[None]:
    """Without warnings of unnamed constraints, which the review names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
