"""`lexikon-runbook init`: what it finds, what it writes, what it never touches."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import checkouts
import pytest
from checkouts import Checkout
from projects import HISTORIES
from servers import PROJECT, Database

from lexikon_runbook.commands.main import cli, main
from lexikon_runbook.errors import SettingsError
from lexikon_runbook.project import discovery
from lexikon_runbook.runbooks import notebooks
from lexikon_runbook.runbooks.initialise import Initialised, initialise
from lexikon_runbook.targets import settings

WITHOUT_INI = ("only_pyproject",)
SHIPPED = {f"runbooks/{name}.ipynb" for name in notebooks.shipped()}
ENV_PY = """
from alembic import context
{}
"""


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    """A small Alembic project without a runbook.toml."""
    made = checkouts.checkout(tmp_path / "project")
    (made.folder / "runbook.toml").unlink()
    made.revision("aaaa0001", None, "create table a (id int);", "drop table a;")
    return made


def everything(folder: Path) -> dict[str, bytes | None]:
    """Every path under a folder, with what a file holds."""
    paths = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in paths}


def fates(done: Initialised) -> dict[str, str]:
    """What became of each file."""
    return {file.name: file.fate for file in done.files}


def refusal(folder: Path, **options: str) -> SettingsError:
    """The refusal of an `init` there, which changed nothing in it."""
    before = everything(folder)
    with pytest.raises(SettingsError) as stop:
        initialise(folder, **options)
    assert everything(folder) == before
    assert "nothing was changed" in stop.value.state
    return stop.value


# What it writes.


def test_a_project_gets_what_the_runbooks_need(project: Checkout) -> None:
    """The settings, every runbook that ships, and the lines of .gitignore; nothing else."""
    before = everything(project.folder)
    done = initialise(project.folder)
    new = everything(project.folder).keys() - before.keys()
    assert new == {"runbook.toml", "runbooks", ".gitignore"} | SHIPPED
    assert set(fates(done).values()) == {"written"}
    for name, notebook in notebooks.shipped().items():
        copy = project.folder / "runbooks" / f"{name}.ipynb"
        assert copy.read_bytes() == notebook.read_bytes()
    ignored = (project.folder / ".gitignore").read_text().splitlines()
    assert ignored == ["archive/", ".demo*/", ".demo*.lock", "*.out.ipynb", ".ipynb_checkpoints/"]


def test_the_next_three_commands_name_the_users_own_target(
    project: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable's export is not asked of somebody who has it already."""
    assert initialise(project.folder).commands == (
        "export DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/DATABASE",
        "lexikon-runbook plan --target default",
        "lexikon-runbook run deploy -p target=default",
    )
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:hunter22@h/d")
    again = initialise(project.folder)
    assert again.commands[0] == "lexikon-runbook status --target default"
    assert "hunter22" not in str(again)


@pytest.mark.parametrize("name", sorted(f.name for f in HISTORIES.iterdir() if f.is_dir()))
def test_the_settings_load_for_every_kind_of_project(name: str, tmp_path: Path) -> None:
    """Whatever env.py does; and no secret of the ini or of env.py is in them."""
    shutil.copytree(HISTORIES, tmp_path / "histories")
    folder = tmp_path / "histories" / name
    initialise(folder)
    known = settings.targets(folder)
    production = [target for name, target in known.items() if name.endswith("production")]
    assert production
    assert all(target.protected for target in production)
    assert all(target.ini.is_file() or name in WITHOUT_INI for target in production)
    text = (folder / "runbook.toml").read_text()
    assert "t0ps3cret" not in text
    assert "://" not in text.replace("http://127.0.0.1:8000/health", "")


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("plain", {}),
        ("url_from_database_url", {"env_py_variable": "DATABASE_URL"}),
        ("url_from_myapp_dsn", {"url_env": "MYAPP_DSN", "env_py_variable": "MYAPP_DSN"}),
        ("url_from_ini_key", {"env_py_option": "myapp.database"}),
        ("other_section", {"alembic_section": "production"}),
        ("pyproject", {}),
    ],
)
def test_env_py_is_read_for_where_it_takes_the_url_from(
    name: str, keys: dict[str, str], tmp_path: Path
) -> None:
    """So that a target's URL reaches it without an edit."""
    shutil.copytree(HISTORIES, tmp_path / "histories")
    initialise(tmp_path / "histories" / name)
    target = settings.targets(tmp_path / "histories" / name)["default"]
    expected = {"url_env": "DATABASE_URL", "env_py_variable": "", "env_py_option": "sqlalchemy.url"}
    found = {key: getattr(target, key) for key in expected | keys}
    assert found == expected | keys


@pytest.mark.parametrize(
    ("env_py", "module", "variable", "option"),
    [
        ("import os\nurl = os.environ['APP_DATABASE_URI']", "", "APP_DATABASE_URI", ""),
        ("from os import getenv\nurl = getenv('DB_URL', 'postgresql://a:b@c/d')", "", "DB_URL", ""),
        ("import os\nos.environ['REDIS_URL'], os.environ['PG_DSN']", "", "PG_DSN", ""),
        ("import os\nos.environ['DATABASE_HOST'], os.environ['DATABASE_PASSWORD']", "", "", ""),
        ("import os\nos.getenv('OLD_URL'), os.getenv('DATABASE_URL')", "", "DATABASE_URL", ""),
        ("import os\nos.environ['DATABASE_URL'] = 'postgresql://a:b@c/d'", "", "", ""),
        (
            "from app.settings import DATABASE_URL",
            "import os\nDATABASE_URL = os.environ.get('SERVICE_DSN')",
            "SERVICE_DSN",
            "",
        ),
        (
            "from app import settings",
            "class Settings(BaseSettings):\n    debug: bool\n    database_url: str",
            "DATABASE_URL",
            "",
        ),
        (
            "c = context.config\nif not c.get_section(c.config_ini_section).get('sqlalchemy.url')"
            ":\n"
            "    from app.settings import DATABASE_URL",
            "import os\nDATABASE_URL = os.getenv('DATABASE_URL')",
            "DATABASE_URL",
            "sqlalchemy.url",
        ),
        ("engine_from_config(section, prefix='db.')", "", "", "db.url"),
        ("context.config.get_section_option('alembic', 'own.dsn')", "", "", "own.dsn"),
        ("context.config.get_section('alembic')['main.url']", "", "", "main.url"),
        ("this is no Python", "", "", ""),
    ],
)
def test_a_variable_or_a_key_is_seen_however_env_py_spells_it(
    project: Checkout, env_py: str, module: str, variable: str, option: str
) -> None:
    """Also one module away; a part of an address and another server's address are not it."""
    (project.folder / "migrations" / "env.py").write_text(ENV_PY.format(env_py))
    (project.folder / "app").mkdir()
    (project.folder / "app" / "__init__.py").write_text("")
    (project.folder / "app" / "settings.py").write_text(module)
    (section,) = discovery.find(project.folder).sections
    assert (section.source.variable, section.source.option) == (variable, option)
    initialise(project.folder)
    target = settings.targets(project.folder)["default"]
    assert target.url_env == (variable or "DATABASE_URL")
    said = "does not show where it takes its URL from" in (
        (project.folder / "runbook.toml").read_text()
    )
    assert said == (not variable and not option)


def test_an_env_py_is_read_and_never_executed(project: Checkout) -> None:
    """Nor a module that it imports."""
    trap = "open(__file__ + '.ran', 'w')\n"
    (project.folder / "migrations" / "env.py").write_text(trap + "import settings_of_the_app\n")
    (project.folder / "settings_of_the_app.py").write_text(trap)
    initialise(project.folder)
    assert not list(project.folder.rglob("*.ran"))


def test_a_url_in_the_ini_is_neither_copied_nor_shown(project: Checkout) -> None:
    """It is said that there is one."""
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace(".url =", ".url = postgresql://app:hunter22@h/d"))
    done = initialise(project.folder)
    assert "alembic.ini holds a URL" in str(done)
    assert "hunter22" not in str(done)
    assert b"hunter22" not in (project.folder / "runbook.toml").read_bytes()


def test_the_databases_of_one_ini_become_pairs_of_targets(project: Checkout) -> None:
    """Named by their sections, each with a variable of its own."""
    with (project.folder / "alembic.ini").open("a") as ini:
        for section in ("stock db", "2nd"):
            ini.write(f"\n[{section}]\nscript_location = %(here)s/migrations\n")
    initialise(project.folder)
    known = settings.targets(project.folder)
    assert list(known)[2:6] == ["alembic", "alembic-production", "stock-db", "stock-db-production"]
    assert known["stock-db"].alembic_section == "stock db"
    assert known["stock-db"].url_env == "STOCK_DB_DATABASE_URL"
    assert known["stock-db-production"].url_env == "PRODUCTION_STOCK_DB_DATABASE_URL"
    assert known["2nd"].url_env == "_2ND_DATABASE_URL"


def test_names_that_would_be_one_target_or_one_variable_are_told_apart(project: Checkout) -> None:
    """Whatever the sections are called; those of the logging are no databases."""
    odd = ("a b", "a-b", "A_B", "a b-production", "_x", "\u65e5\u672c", "y" * 90, "handler_console")
    ini = ["[DEFAULT]\nscript_location = %(here)s/migrations\n", *(f"[{name}]\n" for name in odd)]
    (project.folder / "alembic.ini").write_text("\n".join(ini))
    initialise(project.folder)
    known = [t for t in settings.targets(project.folder).values() if t.alembic_section in odd]
    assert {target.alembic_section for target in known} == {*odd[:-1]}
    assert len({target.url_env for target in known}) == len(known) == 2 * len(odd[:-1])


# Where the project is.


def test_an_ini_in_a_folder_below_is_found(project: Checkout, database: Database) -> None:
    """As in a backend/ beside a frontend/; the target then leads to it."""
    top = project.folder.parent
    project.folder.rename(top / "backend")
    environment = top / "backend" / "env"
    (environment / "lib").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text("")
    (environment / "lib" / "alembic.ini").write_text("[alembic]\n")
    assert initialise(top).found.ini == "backend/alembic.ini"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database.url)
        patch.setenv("LEXIKON_RUNBOOK_PROJECT", str(top))
        cli.main(["plan", "--target", "default"], standalone_mode=False)
    again = initialise(top / "backend")
    assert again.found.project == top
    assert set(fates(again).values()) == {"unchanged"}


def test_several_projects_are_named_and_one_can_be_chosen(tmp_path: Path) -> None:
    """And from then on no choice is needed."""
    for name in ("shop", "stock"):
        made = checkouts.checkout(tmp_path / name)
        (made.folder / "runbook.toml").unlink()
    error = refusal(tmp_path)
    assert error.happened == "there are 2 Alembic projects: shop/alembic.ini, stock/alembic.ini."
    assert error.next_step == "name one: lexikon-runbook init --ini shop/alembic.ini"
    assert initialise(tmp_path, "stock/alembic.ini").found.project == tmp_path
    assert settings.targets(tmp_path)["default"].alembic_ini == "stock/alembic.ini"
    assert set(fates(initialise(tmp_path)).values()) == {"unchanged"}


def test_no_project_says_how_one_begins(tmp_path: Path) -> None:
    """An ini that is named and not there is said, too."""
    assert "there is no alembic.ini in" in refusal(tmp_path).happened
    assert "alembic init migrations" in refusal(tmp_path).next_step
    assert refusal(tmp_path, ini="x.ini").happened == f"there is no file {tmp_path}/x.ini."


@pytest.mark.parametrize("name", ["flask_app", "location_in_a_package", "only_pyproject"])
def test_a_plan_follows_an_init_without_an_edit(
    name: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a Flask application, migrations in a package, and a project without an ini."""
    shutil.copytree(HISTORIES / name, tmp_path / name)
    monkeypatch.delenv("FLASK_APP", raising=False)
    initialise(tmp_path / name)
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("LEXIKON_RUNBOOK_PROJECT", str(tmp_path / name))
    cli.main(["plan", "--target", "default"], standalone_mode=False)


@pytest.mark.parametrize(
    ("ini", "said", "advice"),
    [
        ("[alembic]\nurl = x\nhunter22 alone\n", ":3: not a valid ini", "mend that line."),
        ("postgresql://app:hunter22@h/d\n", ":1: not a valid ini file", "mend that line."),
        ("[alembic]\nscript_location = gone\n", "no section whose script_location", "alembic -c"),
        ("", "no section whose script_location", "must work first"),
        (f"[alembic]\nscript_location = {'x' * 5000}\n", "no section whose", "must work first"),
        ("[alembic]\nscript_location = /gone:away\n", "no section whose", "must work first"),
    ],
)
def test_an_ini_that_leads_nowhere_is_refused_without_its_text(
    project: Checkout, ini: str, said: str, advice: str
) -> None:
    """The line is named; what stands in it may be a secret."""
    (project.folder / "alembic.ini").write_text(ini)
    error = refusal(project.folder)
    assert said in error.happened
    assert advice in error.next_step
    assert "hunter22" not in str(error)


# What it never touches.


def test_a_second_init_changes_nothing_and_says_so(project: Checkout) -> None:
    """Each file is named as unchanged."""
    initialise(project.folder)
    before = everything(project.folder)
    again = initialise(project.folder)
    assert everything(project.folder) == before
    assert set(fates(again).values()) == {"unchanged"}
    assert "Nothing was changed" in str(again)


def test_what_a_user_edited_stays_and_can_be_replaced_by_name(project: Checkout) -> None:
    """The command for it is printed, and replaces that file only."""
    initialise(project.folder)
    toml, notebook = project.folder / "runbook.toml", project.folder / "runbooks" / "deploy.ipynb"
    toml.write_text('archive = "records"\n[targets.mine]\nurl_env = "MINE_URL"\n')
    notebook.write_text(notebook.read_text().replace("Deploy", "Our deploy"))
    before = everything(project.folder)
    again = initialise(project.folder)
    assert fates(again)["runbook.toml"] == fates(again)["runbooks/deploy.ipynb"] == "left alone"
    assert "lexikon-runbook init --replace runbooks/deploy.ipynb" in str(again)
    after = everything(project.folder)
    assert {name for name in after if after[name] != before.get(name)} == {".gitignore"}
    assert (project.folder / ".gitignore").read_text().endswith("records/\n")
    done = initialise(project.folder, replacing=["./runbooks/deploy.ipynb"])
    assert fates(done)["runbooks/deploy.ipynb"] == "replaced"
    assert fates(done)["runbook.toml"] == "left alone"
    assert "Our deploy" not in notebook.read_text()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_lines_of_a_gitignore_stay_and_only_missing_ones_are_added(
    project: Checkout, end: str
) -> None:
    """With the file's own line ends; one without a last line end keeps its last line."""
    own = f"/archive{end}*.pyc"
    (project.folder / ".gitignore").write_bytes(own.encode())
    assert fates(initialise(project.folder))[".gitignore"] == "added to"
    lines = [own.split(end)[0], "*.pyc", ".demo*/", ".demo*.lock", "*.out.ipynb"]
    expected = end.join([*lines, ".ipynb_checkpoints/", ""])
    assert (project.folder / ".gitignore").read_bytes() == expected.encode()


def test_a_broken_runbook_toml_stops_it_with_the_line(project: Checkout) -> None:
    """Before anything is written; or it is replaced by name."""
    (project.folder / "runbook.toml").write_text("archive = \n")
    assert "runbook.toml:1: not valid TOML" in refusal(project.folder).happened
    assert fates(initialise(project.folder, "", ["runbook.toml"]))["runbook.toml"] == "replaced"


def test_a_name_that_init_does_not_write_is_refused(project: Checkout) -> None:
    """The ones that can be replaced are listed."""
    before = everything(project.folder)
    with pytest.raises(SettingsError, match=r"init does not write alembic\.ini") as stop:
        initialise(project.folder, replacing=["alembic.ini"])
    assert "runbooks/deploy.ipynb" in stop.value.next_step
    assert everything(project.folder) == before


def a_file(folder: Path) -> None:
    (folder / "runbooks").write_text("")


def a_folder(folder: Path) -> None:
    (folder / "runbook.toml").mkdir()


def a_link(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "runbooks").symlink_to(folder.parent / "elsewhere")


def a_loop(folder: Path) -> None:
    (folder / ".gitignore").symlink_to(".gitignore")


def a_broken_link(folder: Path) -> None:
    (folder / ".gitignore").symlink_to("/nowhere/at/all")


def no_text(folder: Path) -> None:
    (folder / ".gitignore").write_bytes(b"\xff\xfe")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (a_file, "runbooks is a file"),
        (a_folder, "runbook.toml is no file"),
        (a_link, "leads out of the project"),
        (a_broken_link, "leads out of the project"),
        (a_loop, "a link that leads to itself"),
        (no_text, ".gitignore can't be read"),
    ],
)
def test_what_is_in_the_way_is_refused_before_anything_is_written(
    project: Checkout, spoil: Callable[[Path], None], said: str
) -> None:
    """Nothing outside the project is ever written."""
    spoil(project.folder)
    outside = everything(project.folder.parent)
    error = refusal(project.folder)
    assert said in error.happened
    assert error.next_step
    assert everything(project.folder.parent) == outside


def test_a_link_inside_the_project_is_followed_and_stays(project: Checkout) -> None:
    """A team may keep its notebooks elsewhere in the repository."""
    (project.folder / "ops").mkdir()
    (project.folder / "runbooks").symlink_to("ops")
    initialise(project.folder)
    assert (project.folder / "runbooks").is_symlink()
    assert (project.folder / "ops" / "deploy.ipynb").is_file()


@contextlib.contextmanager
def files_of_at_most(most: int) -> Iterator[None]:
    """A limit on what this process may write to one file, as a full disk has."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing_half_written(project: Checkout) -> None:
    """Neither a file nor the folder; a file that was replaced already has its text again."""
    (project.folder / "runbook.toml").write_text("# mine\n")
    before = everything(project.folder)
    with files_of_at_most(3000), pytest.raises(SettingsError) as stop:
        initialise(project.folder, replacing=["runbook.toml"])
    assert everything(project.folder) == before
    assert stop.value.happened == f"{project.folder} can't be written: File too large."
    assert set(fates(initialise(project.folder)).values()) == {"written", "left alone"}


def test_init_here_changes_nothing() -> None:
    """This checkout is a project of runbooks already."""
    before = subprocess.run(["git", "status", "--porcelain"], cwd=PROJECT, capture_output=True)
    done = initialise(PROJECT)
    assert not {"written", "replaced", "added to"} & set(fates(done).values())
    after = subprocess.run(["git", "status", "--porcelain"], cwd=PROJECT, capture_output=True)
    assert after.stdout == before.stdout


def test_the_command_ends_as_every_command_does(
    project: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when it wrote and when it found nothing to do; 1 for a refusal, with the next step."""
    monkeypatch.setenv("LEXIKON_RUNBOOK_PROJECT", str(project.folder))
    for title in ("Initialised", "Nothing was changed"):
        main(["init"])
        assert title in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["init", "--ini", "gone.ini"])
    assert end.value.code == 1
    assert "Next: name the ini: lexikon-runbook init --ini PATH" in capsys.readouterr().err
