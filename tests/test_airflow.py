"""The DAG of docs/airflow, as far as it can be read without Airflow; in_airflow.py runs it."""

from __future__ import annotations

import ast
import re

from servers import PROJECT

from lexikon_runbook.runbooks import notebooks, parameters

DAG = PROJECT / "docs" / "airflow" / "lexikon_deploy.py"


def call(name: str) -> dict[str, ast.expr]:
    """The keyword arguments of the one call of that name."""
    tree = ast.parse(DAG.read_text(encoding="utf-8"))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == name]
    (found,) = calls
    return {str(keyword.arg): keyword.value for keyword in found.keywords}


def test_the_operator_passes_text_that_the_runbook_takes() -> None:
    """A template renders to text: each of these parameters is one, in the runbook."""
    operator = call("PapermillOperator")
    assert "runbooks/deploy.ipynb" in ast.unparse(operator["input_nb"])
    passed = ast.literal_eval(operator["parameters"])
    known = parameters.of_notebook(notebooks.find(PROJECT, "deploy"))
    assert {name: known[name].type for name in passed} == dict.fromkeys(passed, str)
    assert {"target", "revision", "approve", "reason"} == passed.keys()


def test_every_value_comes_from_the_form_of_the_dag() -> None:
    """Under the same name, with the runbook's default, and no production by default."""
    form = call("DAG")["params"]
    assert isinstance(form, ast.Dict)
    asked = {
        ast.literal_eval(name): ast.literal_eval(value.args[0])
        for name, value in zip(form.keys, form.values, strict=True)
        if name is not None and isinstance(value, ast.Call)
    }
    passed = ast.literal_eval(call("PapermillOperator")["parameters"])
    assert {re.sub(r"\W", "", v.removeprefix("{{ params")) for v in passed.values()} == asked.keys()
    assert asked == {"target": "staging", "revision": "head", "approve": "", "reason": ""}


def test_a_deploy_is_never_started_twice_or_by_the_clock() -> None:
    """No schedule, one run at a time, no second try by itself."""
    dag, operator = call("DAG"), call("PapermillOperator")
    assert ast.literal_eval(dag["schedule"]) is None
    assert ast.literal_eval(dag["max_active_runs"]) == 1
    assert ast.literal_eval(operator["retries"]) == 0
