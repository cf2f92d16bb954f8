"""Run the tests that depend on versions, on every server, Python and Alembic that is here.

`make matrix` runs it. Prints what it ran on and what it did not find; ends with 1 when a
test failed. Each pytest header names its server and its Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parent.parent
DEBIAN = Path("/usr/lib/postgresql/15/bin")
PYTHONS = ("3.12", "3.13")
# Installs the locked packages in seconds, where pip takes most of a minute.
UV = (str(Path(sys.executable).with_name("uv")), "pip", "install", "-q")
OLDEST = ("alembic==1.12.1", "sqlalchemy==2.0.30")
ON_SERVERS = (
    *("test_lexikon_migrations.py", "test_migrate.py", "test_catalog.py", "test_plan.py"),
    *("test_inspection.py", "test_inspection_table.py"),
)
ON_PYTHONS = ("test_lexikon_migrations.py", "test_parameters.py", "test_cli.py")
AIRFLOW = ("apache-airflow==3.3.2", "apache-airflow-providers-papermill==3.13.3")
ON_OLDEST = (
    *("test_lexikon_migrations.py", "test_migrate.py", "test_history.py", "test_drivers.py"),
    *("test_authoring.py", "test_authoring_file.py", "test_authoring_proof.py", "test_drift.py"),
    "test_authoring_enums.py",
)


@dataclass(frozen=True)
class Combination:
    """One place to run tests in: an interpreter, its environment, the files."""

    name: str
    python: Path
    files: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)

    def passes(self) -> bool:
        """Run the tests there. Writes nothing but pytest's temporary folders."""
        print(f"== {self.name}", flush=True)
        files = [str(PROJECT / "tests" / name) for name in self.files]
        command = [str(self.python), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
        ended = subprocess.run(
            [*command, *files], cwd=PROJECT, env={**os.environ, **self.variables}, check=False
        )
        return ended.returncode == 0


def combinations() -> Iterator[Combination]:
    """What this machine can run; says what it lacks."""
    here = Path(sys.executable)
    yield Combination("PostgreSQL 16, embedded", here, ON_SERVERS, {"RUNBOOK_TEST_PG": "16"})
    if DEBIAN.exists():
        variables = {"RUNBOOK_TEST_PG_BIN": str(DEBIAN)}
        yield Combination("PostgreSQL 15, Debian", here, ON_SERVERS, variables)
    else:
        print(f"== PostgreSQL 15: not here ({DEBIAN})")
    for version in PYTHONS:
        if base := interpreter(version):
            yield Combination(f"Python {version}", environment(base, version), ON_PYTHONS)
        else:
            print(f"== Python {version}: not here")
    oldest = environment(here, "oldest", *OLDEST)
    yield Combination(f"oldest: {', '.join(OLDEST)}", oldest, ON_OLDEST)
    if "AIRFLOW" not in os.environ:  # 700 MB to install
        print("== Airflow: not asked for (AIRFLOW=1 make matrix)")
        return
    yield Combination(
        f"Airflow: {', '.join(AIRFLOW)}",
        with_airflow(here),
        ("in_airflow.py",),
        {"AIRFLOW_HOME": str(PROJECT / ".venv-airflow" / "home")},
    )


def interpreter(version: str) -> Path | None:
    """A Python of that version which starts, from PATH or from pyenv."""
    found = [shutil.which(f"python{version}")]
    found += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in filter(None, found):
        started = subprocess.run([candidate, "-c", ""], capture_output=True, check=False)
        if started.returncode == 0:
            return Path(candidate)
    return None


def environment(base: Path, name: str, *instead: str) -> Path:
    """A virtual environment with the locked packages, and `instead` in place of some of them."""
    folder = PROJECT / f".venv-{name}"
    python = folder / "bin" / "python"
    if not (folder / ".done").exists():
        subprocess.run([str(base), "-m", "venv", "--clear", str(folder)], check=True)
        install = [*UV, "--python", str(python), "--no-deps"]
        lock = ["--require-hashes", "-r", "requirements-dev.lock"]
        subprocess.run([*install, *lock], cwd=PROJECT, check=True)
        subprocess.run([*install, "--no-build-isolation", "-e", "."], cwd=PROJECT, check=True)
        if instead:
            subprocess.run([*install, *instead], check=True)
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
