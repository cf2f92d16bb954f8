"""Parameters: what a notebook declares, and what is said of a value that does not fit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from papermill.translators import papermill_translators
from servers import PROJECT

from lexikon_runbook.errors import ParameterError
from lexikon_runbook.runbooks import parameters

DEPLOY = parameters.of_notebook(PROJECT / "runbooks" / "deploy.ipynb")
CELL = """
target: str = "demo"  # which database
revision: str = "head"
approve: str = ""
dry_run: bool = False
lock_timeout_s: float = 2.0  # seconds, as in déjà vu
lock_attempts: int = 10
"""


def refused(act: Any, *arguments: Any) -> ParameterError:
    with pytest.raises(ParameterError) as stop:
        act(*arguments)
    assert stop.value.state == "nothing was changed."
    return stop.value


def injected(values: dict[str, Any]) -> list[str]:
    """What IPython has kept when Papermill injected these values: its list of sources."""
    cell = papermill_translators.find_translator("python3", "python").codify(values, "Parameters")
    return ["", CELL, str(cell)]


def in_kernel(sources: list[str]) -> dict[str, Any]:
    """The checked parameters of a kernel in which these cells ran."""
    namespace: dict[str, Any] = {}
    for source in sources:
        exec(source, namespace)
    known, values = parameters.of_kernel(sources, namespace)
    return parameters.checked(known, values)


def test_the_interface_of_the_two_runbooks_is_what_the_documentation_promises() -> None:
    """Names, types and defaults may be relied on by a CI job."""
    expected = {
        "target": "",
        "x": "",
        "revision": "head",
        "approve": "",
        "dry_run": False,
        "lock_timeout_s": 2.0,
        "statement_timeout_s": 300.0,
        "lock_attempts": 10,
        "health_deadline_s": 60.0,
        "reason": "",
    }
    assert {p.name: p.default for p in DEPLOY.values()} == expected
    assert all(type(p.default) is p.type for p in DEPLOY.values())
    rollback = parameters.of_notebook(PROJECT / "runbooks" / "rollback.ipynb")
    assert {p.name: p.default for p in rollback.values()} == expected | {"revision": "-1"}
    assert all(p.help for p in (*DEPLOY.values(), *rollback.values()))


def test_a_cell_declares_names_types_defaults_and_help() -> None:
    """Lines that are no parameters are left alone."""
    source = CELL + 'x = 1\ny: list = []\nz: int = len("abc")\nname: str = "é"  # für später\n'
    found = parameters.declared(source)
    assert str(found["target"]) == "target: str = 'demo'  # which database"
    assert found["name"].help == "für später"
    assert list(found) == [*parameters.declared(CELL), "name"]


def test_a_notebook_without_a_parameters_cell_declares_none(tmp_path: Path) -> None:
    """Then every parameter is an unknown one."""
    file = tmp_path / "bare.ipynb"
    file.write_text('{"cells": [{"cell_type": "code", "metadata": {}, "source": ["x: int = 1"]}]}')
    assert parameters.of_notebook(file) == {}
    assert refused(parameters.from_text, {}, {"x": "1"}).next_step == "use one of: none."


@pytest.mark.parametrize("revision", ["12345678e901", "0123", "1e5", "-1", "+1", "True", "None"])
def test_a_revision_that_looks_like_something_else_stays_the_text_it_is(revision: str) -> None:
    """`lexikon-runbook run -p revision=12345678e901` means that revision."""
    assert parameters.from_text(DEPLOY, {"revision": revision})["revision"] == revision


@given(st.text(st.characters(exclude_categories=("C", "Z")), max_size=4000))
def test_every_printable_text_arrives_unchanged(text: str) -> None:
    """Nothing is stripped, unquoted, or read as a number."""
    assert parameters.from_text(DEPLOY, {"reason": text})["reason"] == text
    assert parameters.from_text(DEPLOY, {"reason": f"a {text} b"})["reason"] == f"a {text} b"


@given(st.floats() | st.integers())
def test_a_number_is_taken_or_refused_and_never_anything_else(number: float) -> None:
    """Within the range it arrives as a float; outside, and NaN, it is refused with an example."""
    if math.isfinite(number) and 0.001 <= number <= 86400:
        checked = parameters.from_text(DEPLOY, {"lock_timeout_s": repr(number)})
        assert checked["lock_timeout_s"] == number
        assert type(checked["lock_timeout_s"]) is float
    else:
        error = refused(parameters.from_text, DEPLOY, {"lock_timeout_s": repr(number)})
        assert error.next_step == (
            "for example `lexikon-runbook run ... -p lock_timeout_s=2.0`, or "
            "`papermill ... -p lock_timeout_s 2.0`."
        )


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "0", "-2", "86401", "1e400", "0.0001"])
def test_a_timeout_that_is_none_is_refused_with_its_range(text: str) -> None:
    """Zero would switch PostgreSQL's limit off, so it is refused, too."""
    error = refused(parameters.from_text, DEPLOY, {"lock_timeout_s": text})
    assert "lock_timeout_s must lie between 0.001 and 86400" in error.happened


@pytest.mark.parametrize(
    ("name", "text", "happened", "advice"),
    [
        ("lock_attempts", "0", "must lie between 1 and 1000", "-p lock_attempts 10"),
        ("lock_attempts", "2.5", "must be int, and '2.5' is not", "-p lock_attempts 10"),
        ("lock_timeout_s", "2s", "must be float, and '2s' is not", "-p lock_timeout_s 2.0"),
        ("lock_timeout_s", "", "must be float, and '' is not", "-p lock_timeout_s 2.0"),
        ("dry_run", "maybe", "must be bool, and 'maybe' is not", "-p dry_run=False"),
        ("reason", "a\nb", "must be one line", "-p reason TEXT"),
        ("reason", "a\x00b", "must be one line", "-p reason TEXT"),
        ("reason", "\x1b[31mred", "must be one line", "-p reason TEXT"),
        ("reason", "\udc80", "must be one line", "-p reason TEXT"),
        ("revision", "x" * 4001, "at most 4000 printable characters", "-p revision head"),
    ],
)
def test_text_that_is_no_such_value_is_refused_with_an_example(
    name: str, text: str, happened: str, advice: str
) -> None:
    """The message names the parameter, and stays short."""
    error = refused(parameters.from_text, DEPLOY, {name: text})
    assert happened in error.happened
    assert name in error.happened
    assert advice in error.next_step
    assert len(str(error)) < 400


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), ("1", True)])
def test_yes_and_no_have_the_usual_spellings(word: str, value: bool) -> None:
    """`-p dry_run=true` is as good as `-p dry_run=True`."""
    assert parameters.from_text(DEPLOY, {"dry_run": word})["dry_run"] is value


@pytest.mark.parametrize(
    ("name", "near"), [("aprove", "approve"), ("lock_timeout", "lock_timeout_s"), ("Target", "")]
)
def test_an_unknown_parameter_is_answered_with_the_likely_one(name: str, near: str) -> None:
    """The next step lists them all."""
    error = refused(parameters.from_text, DEPLOY, {name: "x"})
    assert f"this runbook has no parameter {name!r}" in error.happened
    assert near in error.happened
    assert error.next_step.startswith("use one of: target, x, revision, approve, ")


@pytest.mark.parametrize(
    "name", ["a;b", "x=1\ny", "__import__('os').system('id')", "", "a b", "x.y", "x" * 300 + ";"]
)
def test_a_name_that_holds_code_is_called_that(name: str) -> None:
    """It is never looked up, and shown in short."""
    error = refused(parameters.from_text, DEPLOY, {name: "1"})
    assert "which is code and not a name" in error.happened
    assert error.next_step.startswith("give each parameter as -p NAME VALUE")
    assert len(error.happened) < 150


def test_what_papermill_injects_is_what_the_runbook_takes() -> None:
    """The values of `papermill -p`, in a kernel, over the defaults of the cell."""
    values = {"target": "prod", "lock_timeout_s": 3, "dry_run": True, "approve": 'a "q" \\ é\u2028'}
    namespace = in_kernel(injected(values | {"approve": "x"}))
    assert namespace == {
        "target": "prod",
        "revision": "head",
        "approve": "x",
        "dry_run": True,
        "lock_timeout_s": 3.0,
        "lock_attempts": 10,
    }
    error = refused(in_kernel, injected(values))
    assert "approve must be one line" in error.happened


@pytest.mark.parametrize(
    ("value", "shown"),
    [(float("inf"), "inf is float"), (123, "123 is int"), (None, "None is NoneType")],
)
def test_a_revision_that_papermill_took_for_a_number_names_the_way_to_give_it(
    value: Any, shown: str
) -> None:
    """`papermill -p revision 12345678e901` arrives as inf; `-r` keeps the text."""
    error = refused(in_kernel, injected({"revision": value}))
    assert error.happened == f"revision must be str, and {shown}."
    assert "write -r revision VALUE in place of -p" in error.next_step
    assert "lexikon-runbook run" in error.next_step


@pytest.mark.parametrize(
    ("name", "value", "happened"),
    [
        ("lock_timeout_s", float("nan"), "must lie between"),
        ("lock_timeout_s", float("inf"), "must lie between"),
        ("lock_timeout_s", 0, "must lie between"),
        ("lock_timeout_s", -1.5, "must lie between"),
        ("lock_timeout_s", True, "must be float, and True is bool"),
        ("lock_attempts", 2.0, "must be int, and 2.0 is float"),
        ("dry_run", "False", "must be bool, and 'False' is str"),
        ("dry_run", 0, "must be bool, and 0 is int"),
        ("target", ["prod"], "must be str, and ['prod'] is list"),
        ("aprove", "x", "no parameter 'aprove'. Did you mean approve?"),
    ],
)
def test_a_wrong_injected_value_stops_the_run_at_its_first_cell(
    name: str, value: Any, happened: str
) -> None:
    """Papermill only warns of an unknown name, and knows no types."""
    error = refused(in_kernel, injected({name: value}))
    assert happened in error.happened
    assert error.next_step


@pytest.mark.parametrize(
    "line",
    [
        "dry_run = False; approve = 'x'",
        "dry_run=False;approve = 'x'",
        "target = approve = 'x'",
        "target = str(1)",
        "target = 'staging' # = 'demo'",
        "import os; target = 'x'",
        "target.__class__ = 'x'",
        "target: str = 'x'",
        "[target] = 'x'",
    ],
)
def test_code_in_an_injected_name_is_refused_though_the_names_in_it_exist(line: str) -> None:
    """`papermill -p 'dry_run=False;approve' x` would set two parameters."""
    sources = ["", CELL, f"# Parameters\n{line}\n"]
    error = refused(parameters.of_kernel, sources, {"target": "demo"})
    assert "which is code and not a name" in error.happened
    assert "NAME from the parameters cell" in error.next_step


def test_a_cell_run_again_in_jupyterlab_counts_with_its_new_values() -> None:
    """The newest declaration and the namespace decide; cells that are no Python do no harm."""
    again = CELL.replace('"demo"', '"staging"')
    assert in_kernel(["", CELL, "y: int = 1", again])["target"] == "staging"
    known, _ = parameters.of_kernel(["", CELL, "%timeit a: b", "1 +: 2"], {"target": "demo"})
    assert set(known) == set(parameters.declared(CELL))


def test_papermill_itself_marks_its_cell_as_these_tests_do() -> None:
    """The first line that the check relies on is the one that Papermill writes."""
    notebook = load_notebook_node(str(PROJECT / "runbooks" / "deploy.ipynb"))
    made = parameterize_notebook(notebook, {"target": "x"}, report_mode=False)
    sources = [cell.source for cell in made.cells if "injected-parameters" in cell.metadata.tags]
    assert sources == [f'{parameters.INJECTED}\ntarget = "x"\n']
