"""What `init` finds of a project by its text: its Python, its application, its own folder."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import HISTORIES

from lexikon_runbook.errors import SettingsError
from lexikon_runbook.project import discovery, settings_file
from lexikon_runbook.project.discovery import Found
from lexikon_runbook.runbooks.initialise import initialise
from lexikon_runbook.targets import settings

DROP_CAPABILITY, OVERRIDE = 24, 1  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE
FACTORY = "def create_app(): ..."


@pytest.fixture(autouse=True)
def _no_application_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASK_APP", raising=False)


def copy_of(name: str, to: Path) -> Path:
    """A copy of one of the small projects."""
    return shutil.copytree(HISTORIES / name, to)


def environment(folder: Path, packages: str = "") -> Path:
    """A virtual environment, as far as a text can tell."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    if packages:
        (folder / packages).mkdir(parents=True)
    python.symlink_to(sys.executable)
    return folder


def refused(start: Path, ini: str = "") -> SettingsError:
    """The refusal of an `init` there."""
    with pytest.raises(SettingsError) as stop:
        initialise(start, ini)
    return stop.value


# Its Python.


@pytest.mark.parametrize(
    ("places", "python"),
    [
        ([".venv"], ".venv/bin/python"),
        (["venv"], "venv/bin/python"),
        (["backend/.venv"], "backend/.venv/bin/python"),
        (["backend/.venv", "venv"], "venv/bin/python"),
        (["venv", ".venv"], ".venv/bin/python"),
        ([], ""),
    ],
)
def test_the_projects_own_python_is_found(places: list[str], python: str, tmp_path: Path) -> None:
    """Beside runbook.toml, else beside the ini; it then stands in the file for every target."""
    copy_of("plain", tmp_path / "backend")
    for place in places:
        environment(tmp_path / place)
    initialise(tmp_path)
    assert settings.targets(tmp_path)["production"].python == python
    assert settings.targets(tmp_path)["default"].python == python


def test_the_python_that_runs_the_runbooks_is_not_written(tmp_path: Path) -> None:
    """Nor is a link to nothing, which an environment that was moved leaves."""
    folder = copy_of("plain", tmp_path / "plain")
    (folder / ".venv").symlink_to(sys.prefix)
    environment(folder / "venv")
    assert discovery.find(folder).python == ""
    (folder / ".venv").unlink()
    (folder / "venv" / "bin" / "python").unlink()
    (folder / "venv" / "bin" / "python").symlink_to("/nowhere/at/all")
    assert discovery.find(folder).python == ""


# Its env.py.


def test_migrations_in_a_package_of_the_projects_environment_are_read(tmp_path: Path) -> None:
    """The package may be installed there only, and not here."""
    folder = copy_of("plain", tmp_path / "plain")
    packages = "lib/python3.9/site-packages"
    copy_of("url_from_myapp_dsn", environment(folder / ".venv") / packages / "inner" / "db")
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = inner:db\n")
    (section,) = discovery.find(folder).sections
    assert section.env_py == f".venv/{packages}/inner/db/env.py"
    assert section.source.variable == "MYAPP_DSN"


def test_a_package_that_is_not_found_is_no_refusal(tmp_path: Path) -> None:
    """The project's own Python finds it; what its env.py reads is asked for."""
    folder = copy_of("plain", tmp_path / "plain")
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = far.away:migrations\n")
    done = initialise(folder)
    assert "far.away:migrations was not found" in str(done)
    text = (folder / "runbook.toml").read_text()
    assert "# The env.py of far.away:migrations does not show where it takes its URL from" in text
    assert "not found" not in str(initialise(folder))


@pytest.mark.parametrize("started", ["", "deeper/still", "above"])
def test_a_project_without_an_ini_is_found_by_its_pyproject(started: str, tmp_path: Path) -> None:
    """Its folder is the project's, wherever init was started: Alembic finds it there only."""
    folder = copy_of("only_pyproject", tmp_path / "only")
    (folder / "deeper" / "still").mkdir(parents=True)
    done = initialise(tmp_path if started == "above" else folder / started)
    assert (done.found.project, done.found.ini) == (folder, "pyproject.toml")
    assert "alembic_ini" not in (folder / "runbook.toml").read_text()
    named = initialise(tmp_path, "only/pyproject.toml")
    assert {file.fate for file in named.files} == {"unchanged"}


@pytest.mark.parametrize(
    "text", ["tool = 1", "[tool]\nalembic = 2", "[[tool.alembic]]", "[tool", ""]
)
def test_a_pyproject_that_says_nothing_of_alembic_is_passed_by(text: str, tmp_path: Path) -> None:
    """Also one that is no TOML."""
    (tmp_path / "pyproject.toml").write_text(text)
    assert "there is no alembic.ini in" in refused(tmp_path).happened


# Its Flask application.


@pytest.mark.parametrize(
    ("files", "flask"),
    [
        ({"app.py": FACTORY}, "app:create_app"),
        ({"app.py": "app = Flask(__name__)"}, "app:app"),
        ({"app.py": "from shop import make_app\n"}, "app:make_app"),
        ({"app.py": FACTORY, "wsgi.py": "application = create_app()"}, "wsgi:application"),
        ({"app/__init__.py": FACTORY}, "app:create_app"),
        ({"shop/__init__.py": "def create_app(config=None): ..."}, "shop:create_app"),
        ({"shop/__init__.py": "def create_app(config): ..."}, ""),
        ({"shop/__init__.py": FACTORY, "stock/__init__.py": FACTORY}, ""),
        ({"app.py": "this is no Python"}, ""),
        (
            {"app.py": FACTORY, ".flaskenv": "A=1\nexport FLASK_APP='shop:app'  # ours\n"},
            "shop:app",
        ),
        ({".flaskenv": "FLASK_APP=shop.py # ours\nFLASK_DEBUG=1"}, "shop.py"),
        (
            {".env": "FLASK_APP = \"shop:create_app('dev')\"\nKEY=t0ps3cret"},
            "shop:create_app('dev')",
        ),
        ({".flaskenv": "FLASK_APP=\n# FLASK_APP=shop"}, ""),
    ],
)
def test_the_application_is_told_from_text(
    files: dict[str, str], flask: str, tmp_path: Path
) -> None:
    """As `flask --app` takes it; one that is not seen is asked for."""
    folder = copy_of("flask_app", tmp_path / "shop")
    (folder / "app.py").unlink()
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    done = initialise(folder)
    assert settings.targets(folder)["production"].flask == flask
    assert settings.targets(folder)["default"].alembic_ini == "migrations/alembic.ini"
    asked = 'flask = "app:create_app"' in str(done)
    assert asked == (not flask)
    assert ('# flask = "app:create_app"' in (folder / "runbook.toml").read_text()) == asked
    assert "t0ps3cret" not in (folder / "runbook.toml").read_text()


def test_the_environment_names_the_application_before_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for Flask itself."""
    folder = copy_of("flask_app", tmp_path / "shop")
    monkeypatch.setenv("FLASK_APP", "elsewhere:application")
    assert discovery.find(folder).flask == "elsewhere:application"


@pytest.mark.parametrize("started", ["", "backend", "backend/migrations", "backend/shop"])
def test_the_project_is_where_the_application_is(started: str, tmp_path: Path) -> None:
    """In a monorepo, too; and it needs no ini at all."""
    backend = copy_of("flask_app", tmp_path / "backend")
    (backend / "shop").mkdir()
    for ini, alembic_ini in [("migrations/alembic.ini", True), ("migrations/env.py", False)]:
        found = discovery.find(tmp_path / started)
        assert (found.project, found.flask, found.ini) == (backend, "app:create_app", ini)
        assert ("alembic_ini" in settings_file.text(found)) == alembic_ini
        (backend / "migrations" / "alembic.ini").unlink(missing_ok=True)


def test_migrations_in_a_flask_package_belong_to_the_folder_above(tmp_path: Path) -> None:
    """`flask` is not called in a package's own folder."""
    package = copy_of("flask_app", tmp_path / "src" / "shop")
    (package / "__init__.py").touch()
    (tmp_path / "wsgi.py").write_text("from shop.app import create_app\n")
    found = discovery.find(tmp_path)
    assert (found.project, found.flask) == (tmp_path, "wsgi:create_app")
    assert found.alembic_ini == "src/shop/migrations/alembic.ini"


def test_the_variable_of_a_flask_application_is_seen_in_its_settings(tmp_path: Path) -> None:
    """Its env.py knows nothing of it; one that no file shows is asked for."""
    folder = copy_of("flask_app", tmp_path / "shop")
    assert "app.py reads it" in settings_file.text(discovery.find(folder))
    (folder / "app.py").write_text(FACTORY)
    text = settings_file.text(discovery.find(folder))
    assert "# The application does not show where it takes its URL from" in text
    (folder / "config.py").write_text("import os\nuri = os.environ.get('SHOP_DATABASE_URI')")
    (section,) = discovery.find(folder).sections
    assert (section.source.variable, section.source.read_by) == ("SHOP_DATABASE_URI", "config.py")
    (folder / "config.py").write_text(
        "import os\ntests = os.environ.get('TESTING_DATABASE_URI')\n"
        "uri = os.environ.get('SHOP_DATABASE_URI')"
    )
    (section,) = discovery.find(folder).sections
    assert section.source.variable == "SHOP_DATABASE_URI"


def test_an_env_py_that_enters_the_context_itself_is_plain_alembics(tmp_path: Path) -> None:
    """It needs no `flask db`."""
    folder = copy_of("plain", tmp_path / "plain")
    (folder / "env.py").write_text(
        "from flask import current_app\nfrom app import app\napp.app_context().push()\n"
    )
    assert discovery.find(folder).flask is None


# Where nothing is written.


@pytest.mark.parametrize("packages", ["lib/python3.9/site-packages", "lib/dist-packages"])
def test_an_installed_package_is_never_written_into(packages: str, tmp_path: Path) -> None:
    """The project is the folder that init was started in, with the package's own Python."""
    inside = environment(tmp_path / "opt", packages) / packages / "inner"
    copy_of("url_from_database_url", inside)
    before = sorted(inside.rglob("*"))
    start = tmp_path / "ops"
    start.mkdir()
    for ini in (str(inside / "alembic.ini"), os.path.relpath(inside / "alembic.ini", start)):
        done = initialise(start, ini)
        assert done.found.project == start
        target = settings.targets(start)["default"]
        assert target.alembic_ini == str(inside / "alembic.ini")
        assert target.python == str(tmp_path / "opt" / "bin" / "python")
    assert sorted(inside.rglob("*")) == before
    error = refused(inside)
    assert "belongs to an installed package" in error.happened
    assert f"lexikon-runbook init --ini {inside}/alembic.ini" in error.next_step


def test_an_installed_package_below_is_named_relative_to_the_project(tmp_path: Path) -> None:
    """So that runbook.toml holds for another checkout."""
    inside = tmp_path / ".venv" / "lib" / "python3.9" / "site-packages" / "inner"
    copy_of("plain", environment(tmp_path / ".venv") / inside)
    found = discovery.find(tmp_path, str(inside / "alembic.ini"))
    assert found.alembic_ini == ".venv/lib/python3.9/site-packages/inner/alembic.ini"
    assert found.python == ".venv/bin/python"


def test_a_pyproject_where_nothing_is_written_is_refused(tmp_path: Path) -> None:
    """Alembic reads it in its own folder only; an ini of one's own is the way."""
    inside = tmp_path / "site-packages" / "inner"
    copy_of("only_pyproject", inside)
    start = tmp_path / "ops"
    start.mkdir()
    error = refused(start, str(inside / "pyproject.toml"))
    assert "pyproject.toml configures Alembic there only" in error.happened
    assert "write an alembic.ini here" in error.next_step
    assert list(start.iterdir()) == []


def as_anybody() -> None:
    """Give up root's right to write everywhere; others do not have it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DROP_CAPABILITY, OVERRIDE, 0, 0, 0)


def test_a_folder_that_can_not_be_written_is_left_for_the_one_it_was_started_in(
    tmp_path: Path,
) -> None:
    """A checkout of somebody else's, or an image's own."""
    read_only, start = copy_of("plain", tmp_path / "image"), tmp_path / "ops"
    start.mkdir()
    read_only.chmod(0o555)
    ended = subprocess.run(
        [sys.executable, "-m", "lexikon_runbook", "init", "--ini", "../image/alembic.ini"],
        cwd=start,
        env={**os.environ, "LEXIKON_RUNBOOK_PROJECT": ""},
        preexec_fn=as_anybody,
        capture_output=True,
        text=True,
    )
    read_only.chmod(0o755)
    assert ended.returncode == 0, ended.stderr
    assert settings.targets(start)["default"].alembic_ini == str(read_only / "alembic.ini")
    assert not (read_only / "runbook.toml").exists()


# Trees that are odd.


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    """By the command, in one sentence."""
    (tmp_path / "gone").mkdir()
    command = f"rmdir ../gone; exec {sys.executable} -m lexikon_runbook init"
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path / "gone",
        env={k: v for k, v in os.environ.items() if k != "LEXIKON_RUNBOOK_PROJECT"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1, ended.stderr
    assert "the folder that init was started in is gone" in ended.stderr


def test_a_name_of_two_lines_can_not_become_a_setting(tmp_path: Path) -> None:
    """It would end the comment that it stands in."""
    copy_of("plain", tmp_path / 'a\n[targets.x]\nurl = "y"')
    assert "can't be written in runbook.toml" in refused(tmp_path).happened
    assert not (tmp_path / "runbook.toml").exists()


def test_what_looks_like_an_ini_and_is_no_file_is_passed_by(tmp_path: Path) -> None:
    """A pipe would hang it, a folder and a link to itself can't be read."""
    for name in ("pipe", "folder", "loop", "sound"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / "alembic.ini")
    (tmp_path / "folder" / "alembic.ini").mkdir()
    (tmp_path / "loop" / "alembic.ini").symlink_to("alembic.ini")
    (tmp_path / "sound").rmdir()
    copy_of("plain", tmp_path / "sound")
    found: Found = discovery.find(tmp_path)
    assert found.ini == "sound/alembic.ini"


def test_an_env_py_nested_more_deeply_than_a_parser_follows_says_nothing(tmp_path: Path) -> None:
    """It is Alembic's to refuse."""
    folder = copy_of("plain", tmp_path / "plain")
    for text in (f"{'(' * 5000}1{')' * 5000}", f"x = a{'.b()' * 5000}\nx.get_main_option('u.url')"):
        (folder / "env.py").write_text(text)
        (section,) = discovery.find(folder).sections
        assert section.source.variable == ""
