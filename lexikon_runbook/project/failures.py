"""What the project's own code did instead of answering, as a refusal. Reads files only."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from ..errors import HistoryError
from ..show.render import shorten
from ..targets.target import Target
from . import admission
from .process import Message
from .seen import Outside, Seen
from .worker import ProjectFailed, WorkerDied, words

# What an event of a socket is about.
OF_PROGRAMS = ("subprocess.Popen", "os.posix_spawn")
ADDRESS = re.compile(r"\('([^']+)', (\d+)(?:, .*)?\)")


def refused(target: Target, error: ProjectFailed) -> HistoryError:
    """What the project's own code raised while it was only read with, without a secret."""
    told, seen = error.told, error.seen
    if told["cls"] == "SystemExit":
        return stopped(target, f"env.py ended itself with exit({told['code']!r})")
    text = shorten(target.mask(str(told["message"])), 300)
    where = error.line_in(str(target.project)) or "env.py failed: "
    connecting = told["of_database"] and not told["statement"]
    if connecting and (_is_beside(target, seen) or not seen.pid):
        return _not_reached(target, seen, text)
    if seen.refused and told["fenced"]:
        return _reached_outside(target, seen.refused[-1])
    words = f"{told['cls']}: {text}"
    if seen.writes:
        words += "; env.py itself sends, and while it is only looked with is not let: " + "; ".join(
            shorten(sql, 120) for sql in seen.writes
        )
    return stopped(target, f"{where}{words}", _option_wanted(target, error))


def _reached_outside(target: Target, tried: Outside) -> HistoryError:
    """What was refused when the project's code was only read with, and the key that lets it."""
    what = f"{tried.what} of {tried.about} at {tried.file}:{tried.line}"
    key, named = "rehearsal_may_reach", "HOST:PORT"
    if tried.what in OF_PROGRAMS:
        key, named = "rehearsal_may_run", posixpath.basename(tried.about)
    elif tried.of_file:
        named = posixpath.dirname(tried.about)
    elif address := ADDRESS.fullmatch(tried.about):
        named = "{}:{}".format(*address.groups())
    else:
        what = str(tried)
    return stopped(
        target,
        target.mask(f"{what}: what reaches outside is refused while a plan is made"),
        f'{key} = ["{named}"] in runbook.toml names what the project needs when it is read; what a '
        "revision does when it is imported belongs into its upgrade().",
    )


def raised(target: Target, told: Message) -> HistoryError:
    """What include_name or include_object of env.py raised when it was asked about an object."""
    error, hook = ProjectFailed(told["error"], Seen()), told["hook"]
    words = shorten(target.mask(error.words), 300)
    return stopped(
        target,
        f"{error.line_in(str(target.project))}{hook} of env.py raised {words}, asked about "
        f"{told['about']}",
        f"mend {hook}: it must answer for whatever the database holds, also what no model names.",
    )


def without_migrations(target: Target) -> HistoryError:
    """An env.py that ran, and ran no migrations."""
    return stopped(target, "env.py ran without calling context.run_migrations()")


def _option_wanted(target: Target, error: ProjectFailed) -> str:
    """What to write where env.py asks for a value of -x that it did not get."""
    files = {Path(frame[0]) for frame in error.told["frames"] if frame[0].endswith("env.py")}
    if not any("get_x_argument" in _text_of(file) for file in files):
        return ""
    return (
        f'env.py takes values of -x: give them by x = ["NAME=VALUE"] in [targets.{target.name}] of '
        "runbook.toml, or for one run by -p x=NAME=VALUE; else mend env.py."
    )


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_beside(target: Target, seen: Seen) -> bool:
    """Whether the last place that it connected to is one that the target lets it reach."""
    return seen.reached.partition("/")[0] in target.rehearsal_may_reach


def _not_reached(target: Target, seen: Seen, text: str) -> HistoryError:
    known = admission.PLACE.fullmatch(seen.reached)
    place = seen.reached if known else "a place whose name may hold part of a password"
    happened = f"env.py of {target.alembic_ini} can't connect to {place}"
    if target.worker:
        return stopped(
            target,
            happened + (f": {text}" if known else ""),
            "what `worker` starts must reach it. worker_url_env in runbook.toml names the URL as "
            "it is written there; for throwaway databases throwaway_url_env and "
            "worker_throwaway_url_env do, as no container reaches the embedded server.",
        )
    if _is_beside(target, seen):
        return stopped(
            target,
            happened + (f": {text}" if known else ""),
            "rehearsal_may_reach names that place as one that env.py needs: start it, or mend the "
            "URL that env.py has of it.",
        )
    return stopped(
        target,
        happened + (f": {text}" if known else ""),
        f'[targets.{target.name}] env_py_variable = "NAME" or env_py_option = "KEY" in '
        "runbook.toml names where env.py reads its URL, so that it gets this target's.",
    )


def died(target: Target, error: WorkerDied) -> HistoryError:
    """The project's code ended its own process while it was only read with."""
    tried = f" after {error.seen.refused[-1]}" if error.seen.refused else ""
    said = words(target, error.said)
    return stopped(target, f"the project's own code ended its process ({error}){tried}{said}")


def stopped(target: Target, happened: str, next_step: str = "") -> HistoryError:
    """A refusal of env.py, while nothing but looking was done, without a secret."""
    return HistoryError(
        f"{target.mask(happened)}.",
        state="looking changed nothing; where the database is, env.py alone tells, and it has not.",
        next_step=next_step
        or f"run `{target.alembic('current')}` in {target.project} and mend env.py.",
        finding="env-py-fails",
    )


def looked(target: Target, request: Callable[[], Message]) -> Message:
    """A request that only looks: what the project's code does instead of answering is refused."""
    try:
        return request()
    except ProjectFailed as error:
        raise refused(target, error) from None
    except WorkerDied as error:
        raise died(target, error) from None
