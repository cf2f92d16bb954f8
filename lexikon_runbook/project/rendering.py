"""The SQL that a way would run, from Alembic's offline mode, rendered in two workers.

What differs between the two varies by itself: a set that is walked, a random id, and the time,
as the clock of the second one is ahead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..targets.settings import Target
from . import syntax
from .failures import died, refused
from .process import Message
from .seen import Outside
from .variables import NOWHERE
from .ways import Move
from .worker import QUIET_S, ProjectFailed, Worker, WorkerDied

# As for op.drop_constraint(None); a value that only offline mode can't render is another one.
COMPILE_ERROR, NAMELESS = "sqlalchemy.exc.CompileError", "it has no name"
STATEMENT_ERROR, VALUELESS = "sqlalchemy.exc.StatementError", "A value is required for bind"
LITERAL = re.compile(r"E?'(?:[^']|'')*'|\b\d[\w.:+-]*")
TOKEN = re.compile(r'"(?:[^"]|"")*"|\w+|\s+|.')


@dataclass(frozen=True)
class Rendered:
    """One revision's SQL; None where it can't be told, then `why`, in which `line` of its file.

    `fails` says that it will fail in the same way when it runs: it raises by itself, whatever the
    database holds, names nothing that could be dropped, or asks for a variable or a value that is
    missing.
    `varies` are the statements that were other ones in the second rendering, `renamed` those of
    them in which not only values were, `digested` what a digest holds: the statements in no
    order, and of one that varies the shape. `tried` is what its code tried outside of the
    database, which was refused.
    """

    sql: tuple[str, ...] | None
    why: str = ""
    line: int = 0
    fails: bool = False
    varies: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    digested: tuple[str, ...] = ()
    tried: tuple[Outside, ...] = ()


def shape(text: str, others: Iterable[str]) -> str:
    """A statement without its values, and without the names that the nearest other one lacks.

    Pure. The nearest has as many tokens, and the fewest other ones.
    """
    tokens = _tokens(text)
    alike = [found for other in others if len(found := _tokens(other)) == len(tokens)]
    nearest = min(alike, key=lambda found: _distance(tokens, found), default=tokens)
    return "".join(own if own == other else "?" for own, other in zip(tokens, nearest, strict=True))


def _tokens(text: str) -> list[str]:
    return TOKEN.findall(LITERAL.sub("?", text))


def _distance(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def read(
    target: Target, workers: Sequence[Worker], way: Sequence[Move], translated: Sequence[Any]
) -> dict[str, Rendered]:
    """Each revision of a way by its id, rendered in each of these workers. Changes nothing.

    What a revision raises is told. Raises HistoryError where the project itself is refused.
    """
    if not way:
        return {}
    told, tried = [], []
    for worker in workers:
        _take(target, worker, way)
        ahead = worker is not workers[0]
        worker.post("render", translated=translated, ahead=ahead, deadline_s=QUIET_S)
    for worker in workers:
        try:
            told.append(worker.answer(deadline_s=QUIET_S))
        except ProjectFailed as error:
            raise refused(target, error) from None
        except WorkerDied as error:
            told.append(_ended(error, way))
        tried += worker.seen.refused if worker is workers[0] else []
    first, *others = told
    rows = {row["revision"]: row for row in first["steps"]}
    return {
        move.revision.id: _rendered(
            move,
            rows[move.revision.id],
            [_row(other, move.revision.id) for other in others],
            tuple(_named(each) for each in tried if each.file == str(move.revision.file)),
        )
        for move in way
    }


def _named(tried: Outside) -> Outside:
    """What was tried, the address that stands for the target's in this worker by its meaning."""
    nowhere = str((NOWHERE.host, int(NOWHERE.port)))
    return replace(tried, about="the target's database") if tried.about == nowhere else tried


def _take(target: Target, worker: Worker, way: Sequence[Move]) -> None:
    ids = [move.revision.id for move in way]
    try:
        worker.ask("steps", direction=way[0].direction, ids=ids)
    except ProjectFailed as error:
        raise refused(target, error) from None
    except WorkerDied as error:
        raise died(target, error) from None


def _ended(error: WorkerDied, way: Sequence[Move]) -> Message:
    """A revision that ends the process: none of the way is known, and which one is told."""
    tried = f" after {error.seen.refused[-1]}" if error.seen.refused else ""
    why = f"rendering ended the process ({error}){tried}"
    unknown = {
        "sql": None,
        "why": why,
        "line": 0,
        "itself": False,
        "of_environ": False,
        "cls": "",
    }
    rows = [{"revision": move.revision.id, **unknown} for move in way]
    return {"steps": rows}


def _row(told: Message, id_: str) -> Message:
    found: Message = next(row for row in told["steps"] if row["revision"] == id_)
    return found


def _fails(move: Move, row: Message) -> bool:
    """Whether what kept it from being rendered keeps it from running, too."""
    if row["of_environ"]:
        return True
    if row["cls"] == STATEMENT_ERROR:
        return VALUELESS in str(row["why"])
    if row["cls"] == COMPILE_ERROR:
        return NAMELESS in str(row["why"])
    source, function = move.revision.source, move.direction
    return bool(row["itself"]) and syntax.refuses(source, function)


def _rendered(
    move: Move, row: Message, others: Sequence[Message], tried: tuple[Outside, ...]
) -> Rendered:
    if row["sql"] is None or any(other["sql"] is None for other in others):
        why = row if row["sql"] is None else next(o for o in others if o["sql"] is None)
        fails = _fails(move, why)
        return Rendered(None, str(why["why"]), int(why["line"]), fails=fails, tried=tried)
    sent: Counter[str] = Counter(row["sql"])
    varies: Counter[str] = Counter()
    for other in others:
        varies |= sent - Counter(other["sql"])
    elsewhere = [text for other in others for text in other["sql"] if text not in sent]
    digested = [*(sent - varies).elements()]
    digested += [shape(text, elsewhere) for text in varies.elements()]
    others_named = [text for text in varies if shape(text, elsewhere) != LITERAL.sub("?", text)]
    return Rendered(
        tuple(row["sql"]),
        varies=tuple(varies.elements()),
        renamed=tuple(others_named),
        digested=tuple(sorted(digested)),
        tried=tried,
    )
