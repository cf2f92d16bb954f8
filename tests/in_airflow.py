"""The DAG of docs/airflow where Airflow is: imported by it, and its task executed.

`make matrix` runs this in an environment with Airflow; no other test needs it.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runs
from runs import Project
from servers import PROJECT, Database

DAG = PROJECT / "docs" / "airflow" / "lexikon_deploy.py"


@pytest.fixture
def project(
    lexikon: Callable[..., Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project as a worker has it: its folder and its URL are in the environment."""
    database = lexikon("b9d0965451a3")
    made = runs.make(tmp_path / "project", database)
    monkeypatch.setenv("LEXIKON_RUNBOOK_PROJECT", str(made.folder))
    monkeypatch.setenv("STAGING_URL", database.tcp_url)
    return made


def task(**given: Any) -> Any:
    """The deploy task, its templates filled in from the form's defaults and `given`."""
    dag = runpy.run_path(str(DAG))["dag"]
    (found,) = dag.tasks
    found.render_template_fields({"params": dict(dag.params) | given, "run_id": "manual__1"})
    return found


def test_airflow_imports_the_dag(project: Project) -> None:
    """As a DAG with one task and a form."""
    found = task(revision="12345678e901")
    assert (found.dag.dag_id, found.task_id) == ("lexikon_deploy", "deploy")
    assert found.parameters["revision"] == "12345678e901"


def test_its_task_deploys_and_leaves_a_record(project: Project) -> None:
    """To the database of the target that the form named."""
    task(reason="the form").execute({})
    assert runs.version(project.database) == "f36a73221bb3"
    assert (project.folder / "deploy-manual__1.out.ipynb").is_file()
    (folder,) = project.folders()
    assert '"reason": "the form"' in (folder / "record.json").read_text()


def test_its_task_fails_when_the_runbook_stops(project: Project) -> None:
    """So that Airflow marks it, and nobody takes a refusal for a deploy."""
    with pytest.raises(Exception, match="ApprovalNeeded"):
        task(target="production").execute({})
    assert runs.version(project.database) == "b9d0965451a3"
