"""The shape of the package and of the notebooks, held by tests."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import PROJECT

PACKAGE = PROJECT / "lexikon_runbook"
MODULES = sorted(PACKAGE.rglob("*.py"))
NOTEBOOKS = sorted((PROJECT / "runbooks").glob("*.ipynb"))
FORBIDDEN = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.If,
    ast.IfExp,
    ast.For,
    ast.While,
    ast.Try,
    ast.With,
    ast.Assert,
    ast.comprehension,
)
SQL = re.compile(r"\b(select|insert|update|delete|alter|create|drop|grant|truncate)\s", re.I)
MOST_LINES = 5
LONGEST_MODULE, LONGEST_FUNCTION = 300, 60


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def code_cells(notebook: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The code cells with their sources, the parameters cell left out."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", []):
            yield cell, "".join(cell["source"])


def test_import_arrows_run_downward_only() -> None:
    """And in no circle. The rooms stand in pyproject.toml; one that is missing there fails, too."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_modules_and_functions_stay_small(module: Path) -> None:
    """Somebody reads them at night."""
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


def test_only_one_module_knows_the_driver() -> None:
    """Everybody else reads through `postgres.connections`; the worker has the project's own."""
    driver = re.compile(r"^\s*(import|from) psycopg", re.MULTILINE)
    ours = [module for module in MODULES if module.parent.name != "worker"]
    knowing = [name(module) for module in ours if driver.search(module.read_text())]
    assert knowing == ["lexikon_runbook/postgres/connections.py"]


def test_only_the_worker_and_the_demo_import_alembic_or_sqlalchemy() -> None:
    """Our process never does: the project's code runs in its own."""
    theirs = re.compile(r"^\s*(import|from) (alembic|sqlalchemy)\b", re.MULTILINE)
    knowing = {module.parent.name for module in MODULES if theirs.search(module.read_text())}
    assert knowing == {"worker", "demo"}


def test_the_worker_imports_nothing_of_ours_and_compiles_for_python_3_9() -> None:
    """It runs in the project's own Python, where this package is not."""
    for module in (PACKAGE / "worker").glob("*.py"):
        text = module.read_text(encoding="utf-8")
        tree = ast.parse(text, feature_version=(3, 9))
        absolute = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0]
        assert not [n for n in absolute if (n.module or "").startswith("lexikon_runbook")]
        beyond = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level > 1]
        assert not beyond


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    """A name says what is in a module; and nothing shadows Alembic."""
    stems = {module.stem for module in MODULES} | {folder.name for folder in PACKAGE.iterdir()}
    assert not {s for s in stems if re.search(r"utils?|helpers?|manager|common|misc", s)}
    assert not (PROJECT / "alembic" / "__init__.py").exists()


def test_every_module_says_what_it_is_for() -> None:
    """In its first line; and every public function and class says what it does."""
    silent = []
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        named = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        public = [n for n in named if not n.name.startswith("_")]
        silent += [
            f"{name(module)}:{getattr(n, 'name', '')}"
            for n in (tree, *public)
            if not ast.get_docstring(n)
        ]
    assert silent == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_code_cells_only_call_the_package(notebook: Path) -> None:
    """At most five lines, nothing that decides, loops, asks, or talks to the database itself."""
    for _, source in code_cells(notebook):
        tree = ast.parse(source)
        assert len(source.strip().splitlines()) <= MOST_LINES
        for node in ast.walk(tree):
            assert not isinstance(node, FORBIDDEN), ast.unparse(node)
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("input", "exit", "quit", "print", "sys.exit", "exec", "eval")
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not SQL.search(node.value)
            if isinstance(node, ast.Import):
                assert [alias.name for alias in node.names] == ["lexikon_runbook"]
            assert not isinstance(node, ast.ImportFrom)
        assert isinstance(tree.body[-1], ast.Expr), f"the last line shows nothing: {source}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_every_parameter_is_typed_and_explained(notebook: Path) -> None:
    """One parameters cell, each line `name: type = default  # help`."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    source = "".join(cell["source"])
    assert all(isinstance(node, ast.AnnAssign) for node in ast.parse(source).body)
    for line in source.splitlines():
        assert re.fullmatch(r"\w+: (str|bool|int|float) = \S.*  # \S.+", line), line


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_prose_comes_before_code(notebook: Path) -> None:
    """A title and its table first; no code cell before the prose that says what to expect of it."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    kinds = [cell["cell_type"] for cell in cells]
    assert kinds[0] == "markdown"
    assert "".join(cells[0]["source"]).startswith("# ")
    assert set(kinds) == {"markdown", "code"}
    for number, kind in enumerate(kinds):
        if kind == "code":
            before = kinds[:number]
            run_of_code = len(before) - 1 - max(i for i, k in enumerate(before) if k == "markdown")
            assert run_of_code < 3, f"cell {number} stands far from its prose"
    told = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert "*You should see*" in told
    assert "If it failed" in told


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_notebooks_name_no_machine_and_no_secret(notebook: Path) -> None:
    """What is committed runs anywhere: no absolute path, no URL with a password."""
    text = notebook.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|work|tmp)/", text)
    assert not re.search(r"\w+://[^/\s\"]*:[^/\s\"]*@", text)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_notebooks_are_committed_without_outputs(notebook: Path) -> None:
    """What looks live must be live: no output, no count, nothing that a run leaves in metadata."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    clear = f"jupyter nbconvert --clear-output --inplace {name(notebook)}"
    assert book["metadata"].keys() == {"kernelspec", "language_info"}
    assert book["metadata"]["language_info"] == {"name": "python"}
    for cell in book["cells"]:
        assert not cell.get("outputs"), f"{cell['id']} has outputs: {clear}"
        assert cell.get("execution_count") is None, f"{cell['id']} was executed: {clear}"
        assert cell["metadata"].keys() <= {"tags"}, cell["id"]


def rooms() -> dict[str, set[str]]:
    """The rooms of the package, and the modules and packages in each."""
    inside = {
        room.parent.name: {
            path.stem
            for path in room.parent.iterdir()
            if (path.suffix == ".py" and path != room) or (path / "__init__.py").exists()
        }
        for room in PACKAGE.glob("*/__init__.py")
    }
    return inside | {"errors": set(), "facts": set()}


def test_the_architecture_page_names_every_room_and_what_lives_in_it() -> None:
    """A module that the page does not explain is one that a stranger can't find."""
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## Rooms")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    assert {room: set(re.findall(r"`(\w+)`", told)) for room, told in rows} == rooms()


def test_the_architecture_page_draws_the_arrows_that_are_held() -> None:
    """Line by line the layers of the contract, in fewer than fifteen."""
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = page.partition("## Rooms")[2].split("```")[1]
    drawn = [set(line.split()) for line in drawing.splitlines() if re.search(r"\w", line)]
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    assert drawn == [set(re.findall(r"\w+", layer)) for layer in layers if layer != "__main__"]
    assert len(drawn) < 15


def test_every_room_has_its_tests_in_a_folder_of_its_name() -> None:
    """Whoever changes a room finds them."""
    folders = {file.parent.name for file in (PROJECT / "tests").glob("*/test_*.py")}
    assert rooms().keys() - {"errors", "facts"} - folders == set()
