"""Diagnoses of the version table: missing, elsewhere, several rows, rows of another checkout."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from .evidence import Configure, VersionTable
from .proofs import Match
from .row import Diagnosis, Edit, Remedy, Sign
from .situation import Situation, Unknown, of


def _missing(situation: Situation) -> Iterator[Sign]:
    version, tables = of(situation.version), of(situation.schema).tables
    if version.tracked or not tables or _elsewhere_tables(situation):
        return
    seen = f"there is no {version.name}, and there are {tables} tables"
    match = situation.match
    if isinstance(match, Unknown):
        remedy = Remedy(
            "find out first which revision the tables are those of, and don't stamp before: "
            f"{match.why}."
        )
    else:
        seen += f". {proof(match)}"
        remedy = stamped(situation, match)
    yield Sign(seen, remedy)


def proof(match: Match) -> str:
    """What the comparison with every revision said, in words. Pure."""
    built = f"{match.built} states of the migrations were built on PostgreSQL {match.on}"
    if match.stopped:
        built += f" (the next failed: {match.stopped})"
    if match.exact:
        return f"{built}; the catalog is exactly that of {match.exact[-1]}" + (
            f" (and of {', '.join(match.exact[:-1])}, which differ from it in no object)"
            if match.exact[1:]
            else ""
        )
    if not match.nearest:
        return f"{built}; none is like this catalog"
    lines = "\n".join(drifted.line for drifted in match.difference)
    return f"{built}; none is this catalog. The nearest is {match.nearest}; against it:\n{lines}"


def stamped(situation: Situation, match: Match) -> Remedy:
    """The stamp command, where there is a proof for it. Pure."""
    if match.exact[1:]:
        return Remedy(
            "more than one revision fits: they differ in rows only, which no catalog shows. See "
            f"of each of {', '.join(match.exact[1:])} whether its rows were changed; stamp the "
            f"last of which they were, else {match.exact[0]}, in {situation.names.where}:",
            shell=(situation.names.target.alembic("stamp --purge REVISION"),),
        )
    if match.exact:
        ids = " ".join(match.exact[-1].split(", "))
        return Remedy(
            "record what is there; it writes the version row only. See first, by "
            f"`{situation.names.target.alembic('current -v')}`, that it reaches "
            f"{situation.names.where}:",
            shell=(situation.names.target.alembic(f"stamp --purge {ids}"),),
        )
    if match.stopped:
        return Remedy("mend what keeps the revisions from being built, and prove it again.")
    return Remedy(
        "no stamp would be true. Mend the differences first (each line is one), or write a "
        "migration that begins from what is there:",
        shell=(situation.names.target.run("inspect_schema"),),
    )


def _stamped_empty(situation: Situation) -> Iterator[Sign]:
    version, tables, match = of(situation.version), of(situation.schema).tables, situation.match
    named = ", ".join(version.ids)
    right = not isinstance(match, Unknown) and named in match.exact
    if version.ids and not tables and not right:
        yield Sign(
            f"{version.name} says {named}, and there is no table",
            Remedy(
                "when this is a new database, take the row away, and deploy:",
                shell=(situation.names.target.alembic("stamp --purge base"),),
            ),
        )


def _elsewhere_tables(situation: Situation) -> list[VersionTable]:
    """Version tables that env.py does not look at, with rows that this checkout knows."""
    others, graph = of(situation.others), situation.graph
    known = frozenset[str]() if isinstance(graph, Unknown) else frozenset(graph.order)
    return [table for table in others if known & set(table.ids)]


def _elsewhere(situation: Situation) -> Iterator[Sign]:
    version = of(situation.version)
    if version.ids:
        return
    for table in _elsewhere_tables(situation)[:1]:
        yield Sign(
            f"env.py looks for {version.name}, which "
            + ("is empty" if version.tracked else "is not there")
            + f"; {table.name} holds {', '.join(table.ids)}, which this checkout has",
            Remedy("let env.py look there:", edits=tuple(_configured(situation, table.name))),
        )


def _configured(situation: Situation, table: str) -> Iterator[Edit]:
    checkout = situation.checkout
    if isinstance(checkout, Unknown) or checkout.env_py is None:
        return
    for call in checkout.env_py.configures:
        lines: dict[int, str] = {}
        for keyword, value in _names(call, table):
            new = f'{keyword}="{value}"'
            line, text, old = call.line, call.text, "configure("
            if keyword in call.names:
                line, text, old = call.names[keyword]
            else:
                new = f"configure({new}, "
            lines[line] = lines.get(line, text).replace(old, new, 1).rstrip()
        for line in sorted(lines):
            yield Edit(checkout.env_py.path, line, lines[line])


def _names(call: Configure, table: str) -> Iterator[tuple[str, str]]:
    """The keywords that lead env.py to that table; its default name needs none."""
    schema, _, name = table.replace('"', "").rpartition(".")
    if schema:
        yield "version_table_schema", schema
    if name != "alembic_version" or "version_table" in call.names:
        yield "version_table", name


def _twice(situation: Situation) -> Iterator[Sign]:
    version = of(situation.version)
    bare = version.name.rpartition(".")[2].replace('"', "")
    for table in of(situation.others):
        same = table.name.rpartition(".")[2].replace('"', "") == bare
        if version.ids and same and table.ids != version.ids:
            yield Sign(
                f"{table.name} holds {', '.join(table.ids) or 'nothing'}; {version.name}, "
                f"which env.py finds by the search_path, holds {', '.join(version.ids)}",
                Remedy(
                    "name the schema, so that another search_path does not change the version:",
                    edits=tuple(_configured(situation, f"{_schema(version)}.{bare}")),
                ),
            )


def _schema(version: VersionTable) -> str:
    return version.name.rpartition(".")[0] or version.schema


def _implied(situation: Situation) -> Iterator[Sign]:
    """Rows of several branches are as they should be; one that another implies is not."""
    version = of(situation.version)
    if len(version.ids) < 2:
        return
    graph = of(situation.graph)
    behind = [
        id_ for id_ in version.ids if any(id_ in graph.behind.get(o, ()) for o in version.ids)
    ]
    if behind:
        rows = (f"DELETE FROM {version.name} WHERE version_num = '{id_}'" for id_ in behind)
        yield Sign(
            f"{version.name} holds {', '.join(version.ids)}; {', '.join(behind)} came before "
            "another of them",
            Remedy("take the rows away that another implies:", sql=tuple(rows)),
        )


def _unknown(situation: Situation) -> Iterator[Sign]:
    version, graph, git = of(situation.version), of(situation.graph), situation.git
    for id_ in version.ids:
        if id_ in graph.behind:
            continue
        seen = f"the database is at {id_}, and no revision file has it: the code is older"
        if not isinstance(git, Unknown) and id_ in git.commits:
            commit, path = git.commits[id_]
            shell = f"git checkout {commit}"
            yield Sign(
                f"{seen}. Commit {commit} has it, in {path}",
                Remedy("use that code, or newer:", shell=(shell,)),
            )
        else:
            yield Sign(
                seen,
                Remedy(
                    "get the code that was deployed last; this finds the commit in a repository "
                    "that has it:",
                    shell=(f"git log --all --oneline -S{shlex.quote(id_)}",),
                ),
            )


ROWS = (
    Diagnosis(
        id="version-table-missing",
        title="There is no version table",
        severity="danger",
        likelihood="certain",
        condition="The database has tables, and no version table of Alembic.",
        evidence=(
            "The catalogs; run.prove() builds every revision on a throwaway database and compares."
        ),
        remedy="alembic stamp, with the revision that the catalog is proved to be.",
        match=_missing,
        errors=("42P07",),
        runbook="inspect_schema",
    ),
    Diagnosis(
        id="version-table-elsewhere",
        title="The version table is another than env.py's",
        severity="danger",
        likelihood="certain",
        condition=(
            "The version table of env.py is missing or empty, and another table holds a "
            "revision of this checkout."
        ),
        evidence="Every table with a column version_num.",
        remedy="Name table and schema in context.configure().",
        match=_elsewhere,
        errors=("42P07",),
    ),
    Diagnosis(
        id="version-table-twice",
        title="Two schemas have a version table",
        severity="warning",
        likelihood="possible",
        condition=(
            "A table of the same name as env.py's version table stands in another schema, with "
            "other rows."
        ),
        evidence="Every table with a column version_num.",
        remedy="Name the schema in context.configure().",
        match=_twice,
    ),
    Diagnosis(
        id="stamped-empty",
        title="A version row, and no table",
        severity="danger",
        likelihood="likely",
        condition="The version table names a revision, and the database has no table.",
        evidence="The version rows and the catalogs.",
        remedy="alembic stamp base, then deploy.",
        match=_stamped_empty,
        errors=("42P01",),
        runbook="deploy",
    ),
    Diagnosis(
        id="several-version-rows",
        title="The version table has a row that another one implies",
        severity="danger",
        likelihood="certain",
        condition=(
            "The version table has a row for a revision and one for what came before it: "
            "Alembic refuses both. A row for each of several branches is no trouble."
        ),
        evidence="The version rows and the revision graph.",
        remedy="Delete the rows that another implies.",
        match=_implied,
        errors=("overlaps with other requested revisions",),
        runbook="deploy",
    ),
    Diagnosis(
        id="revision-unknown",
        title="The database is at a revision that the checkout does not have",
        severity="danger",
        likelihood="certain",
        condition="A version row is none of the checkout's revisions.",
        evidence="The version rows, the revision files, and git's history where there is git.",
        remedy="Check out the commit that has it.",
        match=_unknown,
        errors=("Can't locate revision identified by",),
    ),
)
