"""The GitHub workflows: their own shell, executed as a job executes it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matrix
import pytest
import runs
import yaml
from runs import BIN, Ended, Project
from servers import PROJECT, Database

from lexikon_runbook.runbooks import notebooks, parameters

FOLDER = PROJECT / ".github" / "workflows"
EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")
RUNBOOK = re.compile(r"lexikon-runbook run (\w+)((?:[^\n]|\\\n)*)")
TOML = """
[targets.staging]
url_env = "STAGING_DATABASE_URL"

[targets.production]
url_env = "DATABASE_URL"
protection = "protected"
throwaway_url_env = "DATABASE_URL"
"""


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    return found


def step(job: dict[str, Any], name: str) -> dict[str, Any]:
    """The step of a job whose name begins so."""
    (found,) = (s for s in job["steps"] if s.get("name", "").startswith(name))
    return dict(found)


@dataclass(frozen=True)
class Job:
    """A job of a workflow in a project, its expressions filled in from `known`."""

    project: Project
    name: str
    known: dict[str, str]
    workflow: str = "deploy"

    def run(self, name: str) -> Ended:
        """One step's script, with the shell and the files that GitHub gives it."""
        whole = workflow(self.workflow)
        assert whole["defaults"]["run"]["shell"] == "bash"
        found = step(whole["jobs"][self.name], name)
        assert not EXPRESSION.search(found["run"]), "an expression in a script is an injection"
        script = self.project.folder / "step.sh"
        script.write_text(found["run"])
        variables = {
            variable: EXPRESSION.sub(lambda match: self.known[match[1]], str(value))
            for variable, value in found.get("env", {}).items()
        }
        variables |= {
            "PATH": f"{BIN}:{self.project.environment['PATH']}",
            "GITHUB_OUTPUT": str(self.file("output")),
            "GITHUB_STEP_SUMMARY": str(self.file("summary")),
        }
        bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        return self.project.wait(self.project.command(bash, environment=variables))

    def file(self, name: str) -> Path:
        """Where a step's output or summary goes."""
        return self.project.folder / f"{self.name}.{name}"

    @property
    def outputs(self) -> dict[str, str]:
        """What the job hands on."""
        written = dict(line.split("=", 1) for line in self.file("output").read_text().splitlines())
        outputs = workflow("deploy")["jobs"][self.name]["outputs"]
        steps = {f"steps.plan.outputs.{name}": value for name, value in written.items()}
        return {n: EXPRESSION.sub(lambda match: steps[match[1]], v) for n, v in outputs.items()}


Start = Callable[..., tuple[Job, Database]]


@pytest.fixture
def start(lexikon: Callable[..., Database], tmp_path: Path) -> Start:
    """The plan job of a deploy to production, and the database behind it."""

    def started(revision: str) -> tuple[Job, Database]:
        database = lexikon(revision)
        project = runs.make(tmp_path, database)
        (tmp_path / "runbook.toml").write_text(TOML)
        known = {
            "inputs.target": "production",
            "inputs.revision": "head",
            "inputs.reason": '#812, "Tuesday\'s" $(exit 1)',
            "secrets.DATABASE_URL": database.tcp_url,
            "secrets.STAGING_DATABASE_URL": "",
        }
        return Job(project, "plan", known), database

    return started


def apply_after(plan: Job) -> Job:
    """The apply job, with what the plan job hands on."""
    handed = {f"needs.plan.outputs.{name}": value for name, value in plan.outputs.items()}
    return Job(plan.project, "apply", plan.known | handed)


def test_a_deploy_shows_its_plan_and_applies_exactly_it(start: Start) -> None:
    """The summary has the SQL for the reviewers; the record says who let it run and why."""
    plan, database = start("b9d0965451a3")
    assert plan.run("Plan").exit_code == 0
    summary = plan.file("summary").read_text()
    assert "CREATE TABLE webhooks" in summary
    assert plan.outputs["pending"] == "1"
    assert plan.outputs["digest"] in summary
    apply = apply_after(plan)
    ended = apply.run("Run the deploy runbook")
    assert ended.exit_code == 0, ended.err
    assert runs.version(database) == "f36a73221bb3"
    assert ended.record["reason"] == plan.known["inputs.reason"]
    assert ended.record["plan"]["digest"] == plan.outputs["digest"]
    assert apply.run("Say how it ended").exit_code == 0
    assert "deploy on production: succeeded" in apply.file("summary").read_text()


def test_a_change_between_the_jobs_stops_the_second_and_leaves_a_record(start: Start) -> None:
    """An index made by hand is named, nothing is applied, and the record is where it is kept."""
    plan, database = start("b9d0965451a3")
    plan.run("Plan")
    database.execute("create index made_by_hand on terms (domain)")
    apply = apply_after(plan)
    ended = apply.run("Run the deploy runbook")
    assert ended.exit_code == 1
    assert "nothing was changed" in ended.err
    assert runs.version(database) == "b9d0965451a3"
    assert apply.run("Say how it ended").exit_code == 0
    summary = apply.file("summary").read_text()
    assert "deploy on production: stopped" in summary
    assert "**next**" in summary
    keep = step(workflow("deploy")["jobs"]["apply"], "Keep the record")
    assert keep["if"] == "always()"
    assert ended.folder is not None
    assert plan.project.folder / keep["with"]["path"] in ended.folder.parents


def test_with_nothing_pending_nobody_is_asked(start: Start) -> None:
    """The apply job, and with it the approval, is left out."""
    plan, _ = start("f36a73221bb3")
    assert plan.run("Plan").exit_code == 0
    assert plan.outputs["pending"] == "0"
    job = workflow("deploy")["jobs"]["apply"]
    assert (job["needs"], job["if"]) == ("plan", "needs.plan.outputs.pending != '0'")


def test_a_plan_that_cannot_be_made_fails_the_job(start: Start) -> None:
    """With the next step in the log, and nothing handed on."""
    plan, _ = start("b9d0965451a3")
    plan.known["secrets.DATABASE_URL"] = ""
    ended = plan.run("Plan")
    assert ended.exit_code == 1
    assert "export DATABASE_URL=" in ended.err
    assert not plan.file("output").exists()


def test_the_drift_check_passes_until_production_differs_and_keeps_its_record(
    start: Start,
) -> None:
    """Then it names the difference and fails; nothing is changed either time."""
    plan, database = start("f36a73221bb3")
    known = plan.known | {"secrets.DATABASE_URL": database.url}  # may make a throwaway database
    drift = Job(plan.project, "drift", known, "drift")
    ended = drift.run("Run the inspect_schema runbook")
    assert ended.exit_code == 0, ended.err
    database.execute("create index made_by_hand on terms (domain)")
    ended = drift.run("Run the inspect_schema runbook")
    assert ended.exit_code == 1
    assert "made_by_hand" in ended.out + ended.err
    keep = step(workflow("drift")["jobs"]["drift"], "Keep the record")
    assert keep["if"] == "always()"
    assert ended.folder is not None
    assert plan.project.folder / keep["with"]["path"] in ended.folder.parents


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yml")), ids=lambda file: file.name)
def test_every_runbook_that_a_workflow_runs_takes_the_parameters_it_is_given(file: Path) -> None:
    """A misspelt name would be found out at the first deploy only."""
    for runbook, given in RUNBOOK.findall(file.read_text(encoding="utf-8")):
        known = parameters.of_notebook(notebooks.find(PROJECT, runbook))
        names = re.findall(r"-p (\w+)=", given)
        assert "target" in names
        assert set(names) <= known.keys()


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yml")), ids=lambda file: file.name)
def test_every_action_is_pinned_by_its_commit(file: Path) -> None:
    """With its version beside it; a tag can be moved to other code."""
    for line in re.findall(r"uses: *(.+)", file.read_text(encoding="utf-8")):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


def test_what_depends_on_versions_runs_on_three_pythons_and_three_servers() -> None:
    """The files are those of `make matrix`, the Pythons those that the package says it runs on."""
    job = workflow("test")["jobs"]["versions"]
    versions = job["strategy"]["matrix"]
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert versions["python"] == re.findall(r"Python :: (3\.\d+)", text)
    assert len(versions["postgres"]) == 3
    command = step(job, "Test")["run"].replace(".venv/bin/python", sys.executable)
    collected = command.replace("pytest -q -n 2 --dist loadfile", "pytest -q --collect-only")
    said = subprocess.run(["bash", "-e", "-c", collected], cwd=PROJECT, capture_output=True)
    assert said.returncode == 0, said.stderr
    for name in (*matrix.ON_SERVERS, *matrix.ON_PYTHONS):
        assert f"tests/{name}::".encode() in said.stdout
