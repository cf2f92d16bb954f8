"""Diagnoses of env.py, the ini, and of what lies around the revision files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from . import of_files, of_rights
from .evidence import EnvPy
from .row import Diagnosis, Edit, Remedy, Sign
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
        ini = situation.names.target.alembic_ini
        yield Sign(
            f"{ini}:{line} names time zone {name}, which this machine does not know: "
            "`alembic revision` fails",
            Remedy(
                "name one that is known, or install tzdata "
                f"({situation.names.target.pip('install tzdata')}):",
                edits=(Edit(ini, line, "timezone = UTC"),),
            ),
        )


ROWS = (
    Diagnosis(
        id="checkout-unreadable",
        title="The revisions can't be read",
        severity="danger",
        likelihood="certain",
        condition=(
            "The ini, the script folder or a revision file can't be used, and no other row says "
            "why."
        ),
        evidence="The ini, and every revision file, imported as Alembic would.",
        remedy="What the error says, with file and line.",
        match=_unreadable,
    ),
    Diagnosis(
        id="env-py-fails",
        title="env.py does not run",
        severity="danger",
        likelihood="certain",
        condition="env.py raises, exits, writes before the migrations run, or never runs them.",
        evidence="env.py, run on a read-only connection with no migration.",
        remedy="What the error says, with file and line.",
        match=_fails,
    ),
    Diagnosis(
        id="statement-before-configure",
        title="env.py runs a statement before context.configure()",
        severity="danger",
        likelihood="likely",
        condition=(
            "A call of execute() stands before context.configure() in the same function, and no "
            "commit() after it."
        ),
        evidence="The Python of env.py.",
        remedy="Commit after it, or give settings as connect_args.",
        match=_early,
    ),
    Diagnosis(
        id="nothing-persists",
        title="Migrations run and nothing is kept",
        severity="danger",
        likelihood="certain",
        condition=(
            "The pending revisions ran on a throwaway database, and its version table is as before."
        ),
        evidence="The version rows of the throwaway database, on a new connection.",
        remedy="Leave the transaction to Alembic.",
        match=_nothing_kept,
        proof=True,
    ),
    Diagnosis(
        id="percent-in-url",
        title="A % in the URL breaks the configuration",
        severity="danger",
        likelihood="certain",
        condition=(
            "The URL holds a %, and env.py passes it to set_main_option() without doubling it."
        ),
        evidence="The Python of env.py; of the URL only whether it holds a %.",
        remedy='Write .replace("%", "%%").',
        match=_percent,
        errors=("invalid interpolation syntax", "InterpolationSyntaxError"),
    ),
    Diagnosis(
        id="library-shadowed",
        title="A folder of the project shadows the alembic library",
        severity="danger",
        likelihood="certain",
        condition="alembic/__init__.py or alembic.py stands in the project's folder.",
        evidence="The project's folder.",
        remedy="Delete it.",
        match=_shadowed,
        errors=(
            "cannot import name 'context' from 'alembic'",
            "cannot import name 'op' from 'alembic'",
        ),
    ),
    Diagnosis(
        id="sourceless-leftover",
        title="A compiled revision has no source",
        severity="warning",
        likelihood="likely",
        condition="`sourceless = true`, and a .pyc in the versions folder has no .py beside it.",
        evidence="The ini and the versions folder.",
        remedy="Delete the .pyc.",
        match=_sourceless,
    ),
    Diagnosis(
        id="loggers-disabled",
        title="env.py switches off the application's loggers",
        severity="note",
        likelihood="possible",
        condition="env.py calls fileConfig() without disable_existing_loggers=False.",
        evidence="The Python of env.py.",
        remedy="Add disable_existing_loggers=False.",
        match=_loggers,
    ),
    Diagnosis(
        id="timezone-unknown",
        title="The ini names a time zone that is not known here",
        severity="note",
        likelihood="possible",
        condition="`timezone` in the ini is none that zoneinfo finds.",
        evidence="The ini, and the machine's time zones.",
        remedy="Name one that is known.",
        match=_timezone,
        errors=("Can't locate timezone",),
        runbook="create_migration",
    ),
)
