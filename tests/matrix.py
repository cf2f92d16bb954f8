"""Run the tests that depend on versions, on every server, Python and Alembic that is here.

`make matrix` runs it; with RUNBOOK_TEST_SEED, on one of each kind. Prints what it ran on
and what it did not find; ends with 1 when a test failed. Each pytest
header names its server and its Python.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Row = TypeVar("Row")

PROJECT = Path(__file__).parent.parent
DEBIAN = Path("/usr/lib/postgresql/15/bin")
PYTHONS = ("3.12", "3.13")
# Installs the locked packages in seconds, where pip takes most of a minute.
UV = (str(Path(sys.executable).with_name("uv")), "pip", "install", "-q")
# The project's own environments: a Python, and what is installed there. Ours is not.
PROJECTS = (
    ("3.9", ("alembic==1.8.1", "sqlalchemy==1.4.54", "psycopg2-binary==2.9.9")),
    ("3.13", ("alembic==1.16.4", "sqlalchemy==2.0.43", "psycopg2-binary==2.9.10")),
)
OF_PROJECTS = "LEXIKON_RUNBOOK_PYTHON"
ON_EMBEDDED_16 = (
    "demo/test_lexikon_migrations.py",
    "postgres/test_catalog.py",
    "plan/test_plan.py",
)
ON_SERVERS = (
    "demo/test_lexikon_migrations.py",
    "apply/test_migrate.py",
    "postgres/test_catalog.py",
    "plan/test_plan.py",
    "schema/test_inspection.py",
    "schema/test_inspection_table.py",
)
ON_PYTHONS = (
    "demo/test_lexikon_migrations.py",
    "runbooks/test_parameters.py",
    "commands/test_cli.py",
)
AIRFLOW = ("apache-airflow==3.3.2", "apache-airflow-providers-papermill==3.13.3")
ON_PROJECTS = ("apply/test_migrate.py", "project/test_offline.py")
# SQLAlchemy 1.4 begins no transaction by itself, so these two lose nothing there.
NOT_ON_1_4 = "before_configure or data_alone"


@dataclass(frozen=True)
class Combination:
    """One place to run tests in: an interpreter, its environment, the files."""

    name: str
    python: Path
    files: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    without: str = ""

    def passes(self) -> bool:
        """Run the tests there. Writes nothing but pytest's temporary folders."""
        print(f"== {self.name}", flush=True)
        files = [str(PROJECT / "tests" / name) for name in self.files]
        command = [str(self.python), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
        if self.without:
            command += ["-k", f"not ({self.without})"]
        ended = subprocess.run(
            [*command, *files], cwd=PROJECT, env={**os.environ, **self.variables}, check=False
        )
        return ended.returncode == 0


def combinations() -> Iterator[Combination]:
    """What this machine can run; says what it lacks."""
    here = Path(sys.executable)
    for of_server in sampled((on_embedded_16, on_debian_15)):
        yield from of_server(here)
    for version in sampled(PYTHONS):
        if base := interpreter(version):
            yield Combination(f"Python {version}", environment(base, version), ON_PYTHONS)
        else:
            print(f"== Python {version}: not here")
    for version, packages in sampled(PROJECTS):
        if base := interpreter(version):
            own = of_project(base, version, packages)
            name = f"projects in Python {version}: {', '.join(packages)}"
            of_1_4 = any(package.startswith("sqlalchemy==1.4") for package in packages)
            without = NOT_ON_1_4 if of_1_4 else ""
            yield Combination(name, here, ON_PROJECTS, {OF_PROJECTS: str(own)}, without)
        else:
            print(f"== projects in Python {version}: not here")
    if "AIRFLOW" not in os.environ:  # 700 MB to install
        print("== Airflow: not asked for (AIRFLOW=1 make matrix)")
        return
    yield Combination(
        f"Airflow: {', '.join(AIRFLOW)}",
        with_airflow(here),
        ("in_airflow.py",),
        {"AIRFLOW_HOME": str(PROJECT / ".venv-airflow" / "home")},
    )


def on_embedded_16(here: Path) -> Iterator[Combination]:
    """The older one of the embedded servers; the tests are run on the newer one already."""
    yield Combination("PostgreSQL 16, embedded", here, ON_EMBEDDED_16, {"RUNBOOK_TEST_PG": "16"})


def on_debian_15(here: Path) -> Iterator[Combination]:
    """Debian's own, where it is."""
    if DEBIAN.exists():
        variables = {"RUNBOOK_TEST_PG_BIN": str(DEBIAN)}
        yield Combination("PostgreSQL 15, Debian", here, ON_SERVERS, variables)
    else:
        print(f"== PostgreSQL 15: not here ({DEBIAN})")


def sampled(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """All rows; one of them, named by RUNBOOK_TEST_SEED, where that is set."""
    seed = os.environ.get("RUNBOOK_TEST_SEED", "")
    return (random.Random(seed).choice(rows),) if seed else rows


def interpreter(version: str) -> Path | None:
    """A Python of that version which starts, from PATH or from pyenv."""
    found = [shutil.which(f"python{version}")]
    found += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in filter(None, found):
        started = subprocess.run([candidate, "-c", ""], capture_output=True, check=False)
        if started.returncode == 0:
            return Path(candidate)
    return None


def environment(base: Path, name: str) -> Path:
    """A virtual environment with the locked packages."""
    folder = PROJECT / f".venv-{name}"
    python = folder / "bin" / "python"
    if not (folder / ".done").exists():
        subprocess.run([str(base), "-m", "venv", "--clear", str(folder)], check=True)
        install = [*UV, "--python", str(python), "--no-deps"]
        lock = ["--require-hashes", "-r", "requirements-dev.lock"]
        subprocess.run([*install, *lock], cwd=PROJECT, check=True)
        subprocess.run([*install, "--no-build-isolation", "-e", "."], cwd=PROJECT, check=True)
        (folder / ".done").touch()
    return python


def of_project(base: Path, version: str, packages: tuple[str, ...]) -> Path:
    """A virtual environment as a project has one, without ours."""
    folder = PROJECT / f".venv-project-{version}"
    python = folder / "bin" / "python"
    if not (folder / ".done").exists():
        subprocess.run([str(base), "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([*UV, "--python", str(python), *packages], check=True)
        (folder / ".done").touch()
    return python


def with_airflow(base: Path) -> Path:
    """A virtual environment with Airflow and what it resolves, and this checkout in it."""
    folder = PROJECT / ".venv-airflow"
    python = folder / "bin" / "python"
    if not (folder / ".done").exists():
        subprocess.run([str(base), "-m", "venv", "--clear", str(folder)], check=True)
        tools = ("pytest", "pytest-xdist", "-e", ".[demo]")
        subprocess.run([*UV, "--python", str(python), *AIRFLOW, *tools], cwd=PROJECT, check=True)
        (folder / ".done").touch()
    return python


if __name__ == "__main__":
    if sys.argv[1:] == ["files"]:  # for a job that brings its own Python and server
        print(*sorted({f"tests/{name}" for name in (*ON_SERVERS, *ON_PYTHONS)}))
        sys.exit()
    results = [(each.name, each.passes()) for each in combinations()]
    for name, passed in results:
        print(f"{'passed' if passed else 'FAILED'}  {name}")
    sys.exit(0 if all(passed for _, passed in results) else 1)
