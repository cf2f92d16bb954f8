"""What a revision sends, and what that does, held against what was shown. Pure.

Statements are compared before they are sent, with their values; before the COMMIT what the
transaction holds and wrote is compared with what it did when it was rehearsed. That catches what
no event shows: a DO block, a function, a cursor of the driver's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import NotShown
from ..plan.plan import Plan
from ..plan.step import Step
from ..postgres.statements import strength
from ..project.history import named
from ..project.process import Message
from ..rehearsal.expected import Comparison
from ..rehearsal.observed import Whole
from ..show.render import shorten

RELATIONS = ("table", "foreign table", "materialized view", "view")
WRITES, BLOCKS = strength("ROW EXCLUSIVE"), strength("SHARE UPDATE EXCLUSIVE")
READ_ONLY = {"read_only": True}


class Compared:
    """One try at one revision. One that was not rehearsed is compared with nothing.

    `committed` is whether it did so by itself already.
    """

    def __init__(self, plan: Plan, step: Step, version_table: str) -> None:
        self.plan, self.step, self.committed = plan, step, False
        self.version_table = version_table
        self.comparison = Comparison(step.expected) if step.expected is not None else None

    def sends(self, message: Message) -> Mapping[str, Any] | None:
        """What goes along with the "go" for a statement that was shown, or may only read.

        Raises NotShown for a statement that can only write, and was not shown.
        """
        if self.comparison is None or message["of_env_py"] or message["of_alembic"]:
            return None
        if self.comparison.takes(str(message["text"]), str(message["key"])):
            return None
        if message["may_read"]:
            return READ_ONLY
        raise self._not_shown(str(message["text"]))

    def writes(self, message: Message) -> None:
        """A statement that was to read only wants to write: raises NotShown."""
        raise self._not_shown(str(message["sql"]))

    def applied(self, message: Message) -> None:
        """Before its COMMIT: raises NotShown for what is missing, and for what else it did."""
        if self.comparison is None:
            return
        if missing := self.comparison.missing:
            raise self._refusal(
                "did not send what was shown",
                f"shown, and not sent: {self._said(missing[0].text)}",
            )
        if beyond := next(
            self._beyond(Whole.told(message["whole"]).without(self.version_table)), ""
        ):
            raise self._refusal("does what was not shown", beyond)

    def _beyond(self, whole: Whole) -> Iterator[str]:
        """What the transaction did to tables of before that it did not when it was rehearsed."""
        before = {name for kind, name in self.plan.catalog.objects if kind in RELATIONS}
        shown: dict[str, int] = {}
        for leg in self.step.legs:
            for name, mode in leg.whole.locks.items():
                shown[name] = max(strength(mode), shown.get(name, 0))
        for name, mode in whole.locks.items():
            rank, known = strength(mode), shown.get(name, 0)
            if name not in before or rank <= known or rank < WRITES:
                continue
            if rank >= BLOCKS:
                yield f"it holds {mode} on {name}"
            elif not self._follows(name, shown):
                a, b, c = whole.wrote.get(name, (0, 0, 0))
                yield f"it writes {name}: {a} rows inserted, {b} updated, {c} deleted"

    def _follows(self, name: str, shown: Mapping[str, int]) -> bool:
        """Whether a table may be written as a consequence: a foreign key's action, a trigger."""
        written = {each for each, rank in shown.items() if rank >= WRITES}
        for (kind, own), text in self.plan.catalog.objects.items():
            table = own.rpartition(".")[0]
            if kind == "trigger" and table in written:
                return True
            refers = kind == "constraint" and table == name
            if refers and any(f"REFERENCES {each}(" in text for each in written):
                return True
        return False

    def _not_shown(self, text: str) -> NotShown:
        missing = self.comparison.missing if self.comparison else ()
        expected = self._said(missing[0].text) if missing else "nothing more"
        return self._refusal(
            "sends what was not shown", f"sent: {self._said(text)}\n  shown next: {expected}"
        )

    def _refusal(self, what: str, detail: str) -> NotShown:
        id_, file = self.step.revision.id, self.step.revision.file.name
        stays = "what it committed by itself before stays" if self.committed else "and undone"
        return NotShown(
            f"{id_} {what} ({file}):\n  {detail}",
            state=f"{id_} was stopped before its COMMIT, {stays}; the database is at "
            f"{named(self.step.before)}.",
            next_step=f"read {self.step.direction}() of {file}: it chooses by something that was "
            "other when it was rehearsed (rows, the time, the environment). Plan again, and read "
            f"what is shown then.{self._other_there()}",
        )

    def _other_there(self) -> str:
        """What was other where it was rehearsed, as far as that is known."""
        done, own = self.plan.rehearsed.done, self.plan.identity.version
        if done is None:
            return ""
        said = ""
        if done.server.partition(".")[0] != own.partition(".")[0]:
            said += (
                f" It was rehearsed on PostgreSQL {done.server}, and the database is on {own}: "
                "throwaway_url_env in runbook.toml names another server for that."
            )
        if done.without:
            table, why = next(iter(done.without.items()))
            said += f" No row could be made for {table} there ({why})."
        return said

    def _said(self, text: str) -> str:
        return shorten(" ".join(text.split()), 300)
