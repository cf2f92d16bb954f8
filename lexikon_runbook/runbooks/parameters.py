"""What a notebook's `parameters` cell declares, and whether given values fit it.

The notebook is the one place that names a parameter, its type, its default and its
help. The command line reads the cell from the file; a running kernel reads the cells
that ran, and so also sees what Papermill injected.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NOTHING_CHANGED, ParameterError
from . import notebooks

INJECTED = "# Parameters"  # the first line of every cell that Papermill injects
NO_LITERALS = ("float('inf')", "float('-inf')", "float('nan')")  # as Papermill writes them
TYPES: dict[str, type] = {"str": str, "bool": bool, "int": int, "float": float}
LONGEST_S = 86400.0
MOST_ATTEMPTS = 1000
LONGEST_TEXT = 4000
ASKED_ANEW = ("target", "revision", "approve", "dry_run")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """One line of a `parameters` cell: `name: type = default  # help`."""

    name: str
    type: type
    default: Any
    help: str

    def __str__(self) -> str:
        return f"{self.name}: {self.type.__name__} = {self.default!r}  # {self.help}"


def declared(source: str) -> dict[str, Parameter]:
    """The parameters that a cell declares, by name. Pure."""
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        kind = TYPES.get(ast.unparse(node.annotation))
        if kind is None or node.value is None:
            continue
        try:
            default = ast.literal_eval(node.value)
        except ValueError:
            continue
        # Python's offsets count bytes.
        rest = lines[(node.end_lineno or 1) - 1].encode()[node.end_col_offset or 0 :].decode()
        comment = rest.strip().lstrip("# ")
        found[node.target.id] = Parameter(node.target.id, kind, default, comment)
    return found


def of_notebook(file: Path) -> dict[str, Parameter]:
    """The parameters that a notebook file declares. Reads the file only.

    Raises ParameterError when it is no notebook.
    """
    for cell in notebooks.cells(file):
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            return declared("".join(cell["source"]))
    return {}


def of_kernel(
    history: Iterable[str], namespace: Mapping[str, Any]
) -> tuple[dict[str, Parameter], dict[str, Any]]:
    """What the cells that ran declare, and the values now in the namespace. Reads only.

    `history` is IPython's list of sources; a client that keeps none (nbval) leaves the
    namespace's annotations. Raises ParameterError for an injected name that the notebook
    does not declare, and for an injected name that holds code.
    """
    ran = list(history)
    known = _annotated(namespace)
    for source in ran:
        if ":" in source and not source.startswith(INJECTED):
            try:
                known |= declared(source)
            except (SyntaxError, ValueError):
                continue
    for source in ran:
        if source.startswith(INJECTED):
            _only_known(_injected_names(source), known)
    return known, {name: namespace[name] for name in known if name in namespace}


def _annotated(namespace: Mapping[str, Any]) -> dict[str, Parameter]:
    """The annotated names of a namespace; their defaults are the values they have now."""
    return {
        name: Parameter(name, kind, namespace.get(name), "")
        for name, kind in namespace.get("__annotations__", {}).items()
        if kind in TYPES.values()
    }


def _injected_names(source: str) -> list[str]:
    """The names a Papermill cell assigns; a refusal when it does anything else."""
    lines = [line for line in source.split("\n")[1:] if line.strip()]
    names = [line.partition(" = ")[0] for line in lines]
    for line, name in zip(lines, names, strict=True):
        if not _assigns_a_literal(line):
            raise _code(name if not PLAIN.fullmatch(name) else line)
    return names


def _assigns_a_literal(line: str) -> bool:
    """Whether a line is one assignment to one name, of a value that runs no code."""
    try:
        (node,) = ast.parse(line).body
        whole = node.end_col_offset == len(line.rstrip().encode())
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and whole):
            return False
        return ast.unparse(node.value) in NO_LITERALS or ast.literal_eval(node.value) is not ...
    except (SyntaxError, ValueError):
        return False


def checked(known: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter with its value, the defaults filled in. Pure.

    Raises ParameterError for an unknown name, a wrong type, or a number out of range.
    """
    _only_known(values, known)
    return {
        name: _value(parameter, values.get(name, parameter.default))
        for name, parameter in known.items()
    }


def from_text(known: Mapping[str, Parameter], values: Mapping[str, str]) -> dict[str, Any]:
    """Values given on the command line, each read as its parameter's type. Pure.

    Text stays text: a revision `12e456789012` is not a number here.
    """
    _only_known(values, known)
    return checked(known, {name: _read(known[name], text) for name, text in values.items()})


def _read(parameter: Parameter, text: str) -> Any:
    if parameter.type is str:
        return text
    try:
        if parameter.type is bool:
            return WORDS[text.strip().lower()]
        return parameter.type(text)
    except (KeyError, ValueError):
        raise _wrong_type(parameter, text, read_from_text=True) from None


def text(name: str, value: Any) -> str:
    """A text that a cell passes on, checked as the parameter it is. Pure; raises ParameterError."""
    return str(checked({name: Parameter(name, str, "", "")}, {name: value})[name])


def pairs(given: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE texts, as the command line gets them, by name. Pure; raises ParameterError."""
    values: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or name in values:
            raise ParameterError(
                f"-p {name} has no value." if not equals else f"-p {name} is given twice.",
                state=NOTHING_CHANGED,
                next_step="write -p NAME=VALUE once for each parameter.",
            )
        values[name] = value
    return values


def _only_known(names: Iterable[str], known: Mapping[str, Parameter]) -> None:
    for name in names:
        if name in known:
            continue
        if not PLAIN.fullmatch(name):
            raise _code(name)
        near = difflib.get_close_matches(name, list(known), 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ParameterError(
            f"this runbook has no parameter {name!r}.{hint}",
            state=NOTHING_CHANGED,
            next_step=f"use one of: {', '.join(known) or 'none'}.",
        )


def _value(parameter: Parameter, value: Any) -> Any:
    if parameter.type is float and type(value) is int:
        value = float(value)
    if type(value) is not parameter.type:
        raise _wrong_type(parameter, value)
    if isinstance(value, str):
        return _text(parameter, value)
    if isinstance(value, float | int) and not isinstance(value, bool):
        _in_range(parameter, value)
    return value


def _text(parameter: Parameter, value: str) -> str:
    fine = all(character.isprintable() for character in value)
    if len(value) > LONGEST_TEXT or not fine:
        raise ParameterError(
            f"{parameter.name} must be one line of at most {LONGEST_TEXT} printable characters.",
            state=NOTHING_CHANGED,
            next_step=_example(parameter),
        )
    return value


def _in_range(parameter: Parameter, value: float) -> None:
    most = MOST_ATTEMPTS if parameter.type is int else LONGEST_S
    least = 1 if parameter.type is int else 0.001
    if least <= value <= most:  # which NaN does not
        return
    raise ParameterError(
        f"{parameter.name} must lie between {least} and {most:g}, and {value} does not.",
        state=NOTHING_CHANGED,
        next_step=_example(parameter),
    )


def _example(parameter: Parameter) -> str:
    """How a value is given, in both spellings."""
    name, value = parameter.name, parameter.default if parameter.default != "" else "TEXT"
    return (
        f"for example `lexikon-runbook run ... -p {name}={value}`, or `papermill ... "
        f"-p {name} {value}`."
    )


def _wrong_type(
    parameter: Parameter, value: Any, *, read_from_text: bool = False
) -> ParameterError:
    kind = parameter.type.__name__
    if parameter.type is str:
        advice = (
            f"`papermill -p` reads what looks like a number as one: write -r {parameter.name} "
            f"VALUE in place of -p, or `lexikon-runbook run`, which keeps text as it is."
        )
    elif parameter.type is bool:
        advice = _example(parameter)
    else:
        advice = _example(parameter)
    found = "not" if read_from_text else type(value).__name__
    return ParameterError(
        f"{parameter.name} must be {kind}, and {_shown(value)} is {found}.",
        state=NOTHING_CHANGED,
        next_step=advice,
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _code(name: str) -> ParameterError:
    return ParameterError(
        f"a parameter is called {_shown(name)}, which is code and not a name.",
        state=NOTHING_CHANGED,
        next_step="give each parameter as -p NAME VALUE, with NAME from the parameters cell.",
    )


def given_besides(known: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """What a command that an approval prints must repeat: what is not the default. Pure.

    Not what that command gives anew itself.
    """
    return {
        name: value
        for name, value in values.items()
        if name not in ASKED_ANEW and value != known[name].default
    }
