"""Diagnoses of env.py, the ini, and of what lies around the revision files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from . import of_files, of_rights
from .diagnosis import Diagnosis, Edit, Remedy, Sign
from .evidence import EnvPy
from .situation import NotKnown, Situation, Unknown, of


def _env_py(situation: Situation) -> EnvPy:
    return of(situation.checkout).env_py or EnvPy(situation.names.env_py)


def _fails(situation: Situation) -> Iterator[Sign]:
    failed = situation.env_failed
    if failed is None or failed.kind == "WrongDatabase" or situation.unreadable:
        return
    if not _explained(situation):
        yield Sign(failed.happened, Remedy(failed.next_step))


def _unreadable(situation: Situation) -> Iterator[Sign]:
    broken = situation.unreadable
    if broken is not None and not _explained(situation):
        yield Sign(broken.happened, Remedy(broken.next_step))


def _explained(situation: Situation) -> bool:
    """Whether another row, which knows the file and the line, says why."""
    rows = [*of_files.ROWS, *of_rights.ROWS]
    signs = (row.match(situation) for row in rows if row.likelihood == "certain")
    return any(_has_one(sign) for sign in signs)


def _has_one(signs: Iterator[Sign]) -> bool:
    try:
        return next(signs, None) is not None
    except NotKnown:
        return False


def _early(situation: Situation) -> Iterator[Sign]:
    env_py = _env_py(situation)
    for line, text in env_py.early:
        yield Sign(
            f"{env_py.path}:{line} runs a statement before context.configure(): Alembic takes the "
            "transaction that it begins for somebody else's, logs every revision, exits 0, and "
            "commits nothing",
            Remedy(
                "end that transaction at once, or give a setting as "
                'connect_args={"options": "-c lock_timeout=2000"}:',
                edits=(Edit(env_py.path, line, text),),
            ),
        )


def _nothing_kept(situation: Situation) -> Iterator[Sign]:
    trial = of(situation.trial)
    if trial.tried and not trial.persisted:
        yield Sign(
            f"on a throwaway database env.py ran {', '.join(trial.tried)} without an error, and "
            "afterwards nothing of it was there",
            Remedy(
                f"let {_path(situation)} run no statement before context.configure(), begin no "
                "transaction around it, and leave COMMIT to context.begin_transaction()."
            ),
        )


def _path(situation: Situation) -> str:
    checkout = situation.checkout
    known = not isinstance(checkout, Unknown) and checkout.env_py
    return known.path if known else situation.names.env_py


def _percent(situation: Situation) -> Iterator[Sign]:
    env_py, address = _env_py(situation), of(situation.address)
    if address.percent:
        for line, text in env_py.unescaped:
            yield Sign(
                f"the URL holds a %, and {env_py.path}:{line} puts it into the configuration as "
                "it is: a ValueError that prints the whole URL, password and all",
                Remedy("write it doubled:", edits=(Edit(env_py.path, line, text),)),
            )


def _loggers(situation: Situation) -> Iterator[Sign]:
    env_py = _env_py(situation)
    for line, text in env_py.disables_loggers:
        yield Sign(
            f"{env_py.path}:{line}: fileConfig() switches off every logger that exists already: "
            "an application that migrates itself falls silent",
            Remedy("leave the others alone:", edits=(Edit(env_py.path, line, text),)),
        )


def _shadowed(situation: Situation) -> Iterator[Sign]:
    for path in of(situation.checkout).shadows:
        yield Sign(
            f"{path} makes a package of the project's folder, which Python finds before the "
            "alembic library",
            Remedy("delete it: the folder works without.", shell=(f"rm {shlex.quote(path)}",)),
        )


def _sourceless(situation: Situation) -> Iterator[Sign]:
    for path in of(situation.checkout).sourceless:
        yield Sign(
            f"{path} has no source any more, and `sourceless = true` lets Alembic load it as a "
            "revision",
            Remedy("delete what was compiled:", shell=(f"rm {shlex.quote(path)}",)),
        )


def _timezone(situation: Situation) -> Iterator[Sign]:
    name, line = of(situation.checkout).timezone
    if name:
        ini = situation.names.ini
        yield Sign(
            f"{ini}:{line} names time zone {name}, which this machine does not know: "
            "`alembic revision` fails",
            Remedy(
                "name one that is known, or install tzdata (pip install tzdata):",
                edits=(Edit(ini, line, "timezone = UTC"),),
            ),
        )


ROWS = (
    Diagnosis(
        "checkout-unreadable",
        "The revisions can't be read",
        "danger",
        "certain",
        "The ini, the script folder or a revision file can't be used, and no other row says why.",
        "The ini, and every revision file, imported as Alembic would.",
        "What the error says, with file and line.",
        _unreadable,
    ),
    Diagnosis(
        "env-py-fails",
        "env.py does not run",
        "danger",
        "certain",
        "env.py raises, exits, writes before the migrations run, or never runs them.",
        "env.py, run on a read-only connection with no migration.",
        "What the error says, with file and line.",
        _fails,
    ),
    Diagnosis(
        "statement-before-configure",
        "env.py runs a statement before context.configure()",
        "danger",
        "likely",
        "A call of execute() stands before context.configure() in the same function, and no "
        "commit() after it.",
        "The Python of env.py.",
        "Commit after it, or give settings as connect_args.",
        _early,
    ),
    Diagnosis(
        "nothing-persists",
        "Migrations run and nothing is kept",
        "danger",
        "certain",
        "The pending revisions ran on a throwaway database, and its version table is as before.",
        "The version rows of the throwaway database, on a new connection.",
        "Leave the transaction to Alembic.",
        _nothing_kept,
        proof=True,
    ),
    Diagnosis(
        "percent-in-url",
        "A % in the URL breaks the configuration",
        "danger",
        "certain",
        "The URL holds a %, and env.py passes it to set_main_option() without doubling it.",
        "The Python of env.py; of the URL only whether it holds a %.",
        'Write .replace("%", "%%").',
        _percent,
        ("invalid interpolation syntax", "InterpolationSyntaxError"),
    ),
    Diagnosis(
        "library-shadowed",
        "A folder of the project shadows the alembic library",
        "danger",
        "certain",
        "alembic/__init__.py or alembic.py stands in the project's folder.",
        "The project's folder.",
        "Delete it.",
        _shadowed,
        ("cannot import name 'context' from 'alembic'", "cannot import name 'op' from 'alembic'"),
    ),
    Diagnosis(
        "sourceless-leftover",
        "A compiled revision has no source",
        "warning",
        "likely",
        "`sourceless = true`, and a .pyc in the versions folder has no .py beside it.",
        "The ini and the versions folder.",
        "Delete the .pyc.",
        _sourceless,
    ),
    Diagnosis(
        "loggers-disabled",
        "env.py switches off the application's loggers",
        "note",
        "possible",
        "env.py calls fileConfig() without disable_existing_loggers=False.",
        "The Python of env.py.",
        "Add disable_existing_loggers=False.",
        _loggers,
    ),
    Diagnosis(
        "timezone-unknown",
        "The ini names a time zone that is not known here",
        "note",
        "possible",
        "`timezone` in the ini is none that zoneinfo finds.",
        "The ini, and the machine's time zones.",
        "Name one that is known.",
        _timezone,
        ("Can't locate timezone",),
        "create_migration",
    ),
)
