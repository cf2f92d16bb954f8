"""The house style of a revision: docstrings that say what it does, and which data goes. Pure.

A template asks for them by the two docstrings that are still to be written: the project's own
script.py.mako does, and any other that has the same words.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from .layout import WIDTH
from .operations import Operation, read

UP_UNSAID = "SAY WHAT THIS CREATES OR CHANGES."
DOWN_UNSAID = "SAY WHAT THIS DROPS, AND WHICH DATA WITH IT."
INDENT = "    "


def said(text: str, upgrade: str, downgrade: str) -> str:
    """A file's text, with the docstrings of its functions where it asks for them."""
    text = text.replace(_docstring(UP_UNSAID), upgrade_says(upgrade))
    return text.replace(_docstring(DOWN_UNSAID), downgrade_says(downgrade))


def upgrade_says(code: str) -> str:
    """The docstring of upgrade(): `Create tags with its index; add terms.note.`"""
    operations = read(str(code or ""))
    return _docstring("; ".join(_said(operations, {})) or UP_UNSAID)


def downgrade_says(code: str) -> str:
    """The docstring of downgrade(), with the data that it drops."""
    operations = read(str(code or ""))
    if not operations:
        return _docstring(DOWN_UNSAID)
    losses = {"drop_table": " with every row", "drop_column": " with every value"}
    said = "; ".join(_said(operations, losses))
    gone = any(operation.verb in losses for operation in operations)
    return _docstring(said if gone else f"{said}; no data goes with it")


def _docstring(text: str) -> str:
    """A sentence between its quotes, wrapped."""
    sentence = text[:1].upper() + text[1:].rstrip(".") + "."
    lines = textwrap.wrap(sentence, WIDTH - len(INDENT) - 6, break_on_hyphens=False)
    ending = '"""' if len(lines) == 1 else f'\n{INDENT}"""'
    return '"""' + f"\n{INDENT}".join(lines) + ending


def _said(operations: tuple[Operation, ...], losses: dict[str, str]) -> Iterator[str]:
    """The operations in words, those of one kind together."""
    groups: dict[str, list[Operation]] = {}
    tables = {o.table for o in operations if o.verb in ("create_table", "drop_table")}
    inside = [o for o in operations if o.verb in ("create_index", "drop_index")]
    inside = [o for o in inside if o.table in tables]
    for operation in operations:
        if operation not in inside:
            groups.setdefault(operation.verb, []).append(operation)
    for verb, found in groups.items():
        action, _, kind = verb.partition("_")
        names = _listed([o.what or "an unnamed one" for o in found])
        if verb in ("create_table", "drop_table"):
            with_indexes = _indexes(len(inside), len(found)) if verb == "create_table" else ""
            yield f"{action} {names}{with_indexes}{losses.get(verb, '')}"
        elif kind == "column":
            yield f"{'change' if action == 'alter' else action} {names}{losses.get(verb, '')}"
        elif verb in ("execute", "bulk_insert"):
            yield "run SQL" if verb == "execute" else "insert rows"
        else:
            words = kind.replace("_", " ") + _many(kind, len(found))
            on = _listed(sorted({o.table for o in found if o.table and o.what != o.table}))
            yield f"{action} {words} {names}{f' on {on}' if on else ''}"


def _indexes(number: int, tables: int) -> str:
    if not number:
        return ""
    whose = "its" if tables == 1 else "their"
    return f" with {whose} {'index' if number == 1 else f'{number} indexes'}"


def _many(kind: str, number: int) -> str:
    ending = "es" if kind.endswith("x") else "s"
    return ending if number > 1 else ""


def _listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`; from ten on the first three and how many more."""
    if len(names) > 9:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
