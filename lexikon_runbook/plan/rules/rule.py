"""What a rule is, what it looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ...postgres.statements import Effect, Statement
from ...project.seen import Outside
from ..risk import Column

Severity = Literal["danger", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("danger", "warning", "note")
"""Worst first."""

LARGE_ROWS = 100_000
"""Above it a change that touches every row blocks for a time that users notice: at 100,000
rows (24 MB) an index took 0.13 s and a rewrite 1.3 s, at a million 2.4 s and 7.3 s
(PostgreSQL 18.4, two cores)."""

SMALL_ROWS = 10_000
"""Up to it nobody notices: an index took 0.014 s, a rewrite 0.065 s (same machine)."""

LARGE_BYTES = 100 * 1024 * 1024
"""A table of wide rows is large by its size: 100 MB take seconds to read or to rewrite."""


class Hit(NamedTuple):
    """One place where a rule applies: its severity here, the SQL ("" for none), and the words."""

    severity: Severity
    statement: str
    detail: str
    remedy: str


@dataclass(frozen=True)
class Seen:
    """What a statement did: locks that its transaction then `held`, tables written anew or read."""

    held: tuple[tuple[str, str], ...] = ()
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    touched: bool = False


@dataclass(frozen=True)
class Context:
    """One revision, up or down, before it runs.

    `rows` and `bytes` tell the estimated size of each relation that exists before the plan,
    by its name with or without a schema: an index has its table's rows, -1 means unknown.
    A table that is not in `rows`, or has 0, is new: locks and rewrites do not hurt there.
    `lock_timeout_s` is the runner's (None or 0: it waits for ever). `sql_known` is false
    when the revision could not be rendered offline; then `statements` may be empty. `tried` is
    what its code tried outside of the database while it was rendered, `varies` are statements
    that were other ones when it was rendered again. `qualified` has the names that another
    session may look for in another schema, with theirs. `columns` are those that it
    would drop, by table and name.

    From a rehearsal: `seen` is what each statement did to what was there, by its text, and is empty
    where there was none; `foretold` what will go wrong, `breaks` what the application
    can't do then, `not_known` what nobody could ask;
    `not_rehearsed` why there was none, with what would mend it in a second line, how bad that is
    `without_rehearsal`; `depending` are statements that are sent or not by what rows there are,
    `unseen` what was done by none that was seen.
    """

    direction: Literal["upgrade", "downgrade"]
    revision: str
    statements: tuple[Statement, ...]
    source: str
    rows: Mapping[str, int] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    lock_timeout_s: float | None = None
    sql_known: bool = True
    tried: tuple[Outside, ...] = ()
    varies: tuple[str, ...] = ()
    qualified: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], Column] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)
    foretold: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    not_rehearsed: str = ""
    without_rehearsal: Severity = "danger"
    depending: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    def effects(self, *verbs: str) -> Iterator[tuple[Statement, Effect]]:
        """The effects with one of these verbs, each with its statement, in order."""
        for statement in self.statements:
            for effect in statement.effects:
                if effect.verb in verbs:
                    yield statement, effect

    def size(self, relation: str) -> int | None:
        """Its rows as estimated; -1 when unknown; None when the plan itself creates it."""
        return _of(self.rows, relation)

    def exists(self, relation: str) -> bool:
        """Whether it exists before the plan and may hold rows."""
        return (self.size(relation) or 0) != 0

    def graded(self, relation: str, small: Severity | None) -> Severity | None:
        """How bad work on every row is: danger, warning, `small`, or None for a new table."""
        rows = self.size(relation) or 0
        if rows == 0:
            return None
        if rows < 0 or rows > LARGE_ROWS or (_of(self.bytes, relation) or 0) > LARGE_BYTES:
            return "danger"
        return "warning" if rows > SMALL_ROWS else small

    def counted(self, relation: str) -> str:
        """Its size in words: `terms (about 6,000 rows)`."""
        rows = self.size(relation)
        if rows is None or rows < 0:
            return f"{relation} (rows not known)"
        return f"{relation} (about {rows:,} {'row' if rows == 1 else 'rows'})"


def _of(sizes: Mapping[str, int], relation: str) -> int | None:
    """By the exact name, or by the same name with or without a schema (the largest)."""
    if relation in sizes:
        return sizes[relation]
    if "." in relation:
        return sizes.get(relation.removeprefix("public."))
    return max((n for name, n in sizes.items() if name.endswith(f".{relation}")), default=None)


@dataclass(frozen=True)
class Rule:
    """One row of the table: when it applies, what then happens, what to do instead.

    `severity` is the worst it can be; in a finding it is what it is there. `bad` and `good`
    are examples, SQL or the Python of a revision; the docs show them and a test runs them.
    """

    id: str
    title: str
    severity: Severity
    meaning: str
    effect: str
    remedy: str
    bad: str
    good: str
    match: Callable[[Context], Iterator[Hit]] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Finding:
    """A rule that applies to a revision: what it is about, and the corrected SQL or code."""

    rule: Rule
    revision: str
    statement: str
    detail: str
    remedy: str

    @property
    def severity(self) -> Severity:
        """danger stops the run until the plan's digest approves it."""
        return self.rule.severity

    def __str__(self) -> str:
        return f"{self.severity} {self.rule.id} in {self.revision}: {self.detail}\n{self.remedy}"


def execute(sql: str) -> str:
    """The SQL as a call in a revision."""
    plain = not set('"\\\n') & set(sql)
    return f'op.execute("{sql}")' if plain else f"op.execute({sql!r})"


def autocommit(*sql: str) -> str:
    """The SQL as a revision must say it to run outside its transaction."""
    lines = [f"    {execute(each)}" for each in sql]
    return "\n".join(["with op.get_context().autocommit_block():", *lines])
