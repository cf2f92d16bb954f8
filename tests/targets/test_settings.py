"""runbook.toml: what it may say, and what a mistake in it is answered with."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import checkouts
import pytest
from servers import PROJECT, Database

from lexikon_runbook.errors import SettingsError, TargetUnreachable
from lexikon_runbook.postgres import connections
from lexikon_runbook.project import preflight
from lexikon_runbook.targets import settings
from lexikon_runbook.targets.keys import FOR_ALL, KEYS
from lexikon_runbook.targets.settings import Target

TOP = [key for key in FOR_ALL if key != "archive"]
TEXTS = [key.name for key in KEYS.values() if key.kind in ("text", "command")]


def written(folder: Path, text: str) -> Path:
    (folder / "runbook.toml").write_text(text, encoding="utf-8")
    return folder


def refusal(folder: Path, text: str) -> SettingsError:
    """What reading this runbook.toml raises."""
    with pytest.raises(SettingsError) as stop:
        settings.targets(written(folder, text))
    assert stop.value.state == "nothing was changed."
    return stop.value


def test_without_a_file_there_are_default_and_demo(tmp_path: Path) -> None:
    """DATABASE_URL is target `default`, the embedded server is `demo`; both are open."""
    known = settings.targets(tmp_path)
    assert list(known) == ["default", "demo"]
    assert known["default"].source == "environment variable DATABASE_URL"
    assert known["demo"].source == "embedded server"
    assert not known["default"].protected
    assert known["default"].archive == tmp_path / "archive"


def test_a_full_target_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """Every key that the file may hold arrives in the target."""
    text = """
    archive = "/var/lib/runbooks"
    [targets.production]
    url_env = "PROD_URL"
    alembic_ini = "db/alembic.ini"
    alembic_section = "prod"
    env_py_variable = "SQLALCHEMY_URL"
    env_py_option = "db.url"
    python = ".venv/bin/python"
    worker = "ssh db python"
    worker_url_env = "PROD_URL_INSIDE"
    worker_throwaway_url_env = "THROWAWAY_URL_INSIDE"
    flask = "app:create_app"
    x = ["tenant=acme", "dry"]
    extensions = ["uuid-ossp"]
    ignore = ["table:partman.*", "extension:postgis"]
    throwaway_url_env = "THROWAWAY_URL"
    rehearsal_may_reach = ["vault.internal:8200", "[::1]:53"]
    rehearsal_may_run = ["git"]
    protection = "protected"
    health_url = "http://127.0.0.1:8000/health"
    restart = "systemctl restart api"
    logs = "journalctl -u api -n 100"
    lock_timeout_max_s = 5
    statement_timeout_max_s = 600.5
    """
    found = settings.targets(written(tmp_path, text))["production"]
    assert found == Target(
        name="production",
        project=tmp_path,
        alembic_ini="db/alembic.ini",
        alembic_section="prod",
        url_env="PROD_URL",
        env_py_variable="SQLALCHEMY_URL",
        env_py_option="db.url",
        python=".venv/bin/python",
        worker="ssh db python",
        worker_url_env="PROD_URL_INSIDE",
        worker_throwaway_url_env="THROWAWAY_URL_INSIDE",
        flask="app:create_app",
        x=("tenant=acme", "dry"),
        extensions=("uuid-ossp",),
        ignore=("table:partman.*", "extension:postgis"),
        throwaway_url_env="THROWAWAY_URL",
        rehearsal_may_reach=("vault.internal:8200", "[::1]:53"),
        rehearsal_may_run=("git",),
        protection="protected",
        health_url="http://127.0.0.1:8000/health",
        restart="systemctl restart api",
        logs="journalctl -u api -n 100",
        lock_timeout_max_s=5,
        statement_timeout_max_s=600.5,
        archive=Path("/var/lib/runbooks"),
    )
    assert found.ini == tmp_path / "db" / "alembic.ini"
    assert found.protected
    assert found.reach == (("vault.internal", 8200), ("::1", 53))


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    """A quotation mark that is missing on line 3 is looked for on line 3."""
    error = refusal(tmp_path, '[targets.a]\nurl_env = "A"\nlogs = "tail\n')
    assert f"{tmp_path}/runbook.toml:3: not valid TOML" in error.happened
    assert error.next_step == "mend that line."


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    """Bytes that are no text are a refusal, not a crash."""
    (tmp_path / "runbook.toml").write_bytes(b"archive = '\xff\xfe'")
    with pytest.raises(SettingsError, match="can't be read") as stop:
        settings.targets(tmp_path)
    assert "UTF-8" in stop.value.next_step


def test_a_misspelt_key_is_named_with_its_line_and_the_right_spelling(tmp_path: Path) -> None:
    """The line is the one in the right table, though another table has the key, too."""
    text = '[targets.prod-eu]\nurl_env = "A"\n[targets.prod]\nurl_env = "B"\nprotecton = "open"\n'
    error = refusal(tmp_path, text)
    assert "runbook.toml:5: unknown key 'protecton'; did you mean 'protection'?" in error.happened
    assert error.next_step.startswith("known keys: alembic_ini, ")
    again = refusal(tmp_path, text.replace("url_env", "url_evn", 1))
    assert "runbook.toml:2: unknown key 'url_evn'; did you mean 'url_env'?" in again.happened


def test_a_key_above_the_tables_is_named_with_its_line(tmp_path: Path) -> None:
    """Also where a table's name resembles it."""
    error = refusal(tmp_path, '[targets.archiv]\nurl_env = "A"\n[target.x]\nurl_env = "B"\n')
    assert "runbook.toml:3: unknown key 'target'; did you mean 'targets'?" in error.happened
    assert error.next_step.startswith("at the top may stand archive, alembic_ini, ")
    assert error.next_step.endswith(" and [targets.NAME].")


@pytest.mark.parametrize("key", ["url", "password", "dsn"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    """The advice is the variable to use in its place."""
    error = refusal(tmp_path, f'[targets.x]\n{key} = "postgresql://u:hunter22@h/d"\n')
    assert f"runbook.toml:2: {key}: secrets are not read from here" in error.happened
    assert error.next_step == 'delete it, and write url_env = "DATABASE_URL" in [targets.x].'
    assert "hunter22" not in str(error)


@pytest.mark.parametrize("key", ["url_env", "service", "env_py_variable"])
def test_a_url_where_a_name_belongs_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    """`url_env = "postgresql://..."` is an easy mistake, and its value is a secret."""
    source = "" if key == "url_env" else 'url_env = "A"\n'
    text = f'[targets.x]\n{source}{key} = "postgresql://u:hunter22@h/d"\n'
    error = refusal(tmp_path, text)
    assert f"{key} does not hold a name" in error.happened
    assert error.next_step.startswith(f"write a name, {key} = ")
    assert "hunter22" not in str(error)


@pytest.mark.parametrize(
    ("line", "happened", "advice"),
    [
        ("health_url = 8000", "health_url must be text", 'health_url = "http'),
        ("protection = true", "protection must be text", 'protection = "open"'),
        ('protection = "high"', "'high' is no protection level", 'protection = "protected"'),
        ('health_url = "localhost:8000"', "is no web address", 'health_url = "http://'),
        ('lock_timeout_max_s = "5"', "lock_timeout_max_s must be seconds, above 0", "= 2.0"),
        ("lock_timeout_max_s = true", "lock_timeout_max_s must be seconds, above 0", "= 2.0"),
        ("lock_timeout_max_s = 0", "lock_timeout_max_s must be seconds, above 0", "= 2.0"),
        ("lock_timeout_max_s = -1", "lock_timeout_max_s must be seconds, above 0", "= 2.0"),
        ("lock_timeout_max_s = nan", "lock_timeout_max_s must be seconds, above 0", "= 2.0"),
        ("statement_timeout_max_s = inf", "must be seconds, above 0", "= 2.0"),
        ("python = 3.11", "python must be text", 'python = ".venv/bin/python"'),
        ('worker = "docker \'run"', "worker can't be split into words: No closing", "worker ="),
        ('worker = "-"', "worker names no program", 'worker = "docker compose run'),
        ('flask = ["app"]', "flask must be text", 'flask = "app:create_app"'),
        ('x = "tenant=acme"', "x must be a list of texts", 'x = ["tenant=acme"]'),
        ("x = [1]", "x must be a list of texts", 'x = ["tenant=acme"]'),
        ('x = ["-x tenant=acme"]', "x must hold NAME=VALUE", 'x = ["tenant=acme"]'),
        ('extensions = ["a b"]', "'a b' is no name of an extension", '["uuid-ossp"]'),
        ('ignore = ["public.x"]', "'public.x' is no KIND:SCHEMA.NAME", "table:partman.*"),
        ('rehearsal_may_reach = ["vault"]', "must hold HOST:PORT", "vault.internal:8200"),
        ('rehearsal_may_reach = ["tmp"]', "or a folder from / on", "vault.internal:8200"),
        ('rehearsal_may_reach = ["h:0"]', "must hold HOST:PORT", "vault.internal:8200"),
        ('rehearsal_may_reach = ["h:65536"]', "must hold HOST:PORT", "vault.internal:8200"),
        ('rehearsal_may_reach = ["http://h:80"]', "must hold HOST:PORT", "vault.internal:8200"),
        ('archive = "a"', "archive is for all targets", "at the top of the file"),
    ],
)
def test_a_wrong_value_is_refused_with_the_line_and_an_example(
    tmp_path: Path, line: str, happened: str, advice: str
) -> None:
    """Types and ranges are checked when the file is read, not when a run needs them."""
    error = refusal(tmp_path, f'[targets.x]\nurl_env = "A"\n{line}\n')
    assert "runbook.toml:3: " in error.happened
    assert happened in error.happened
    assert advice in error.next_step


@pytest.mark.parametrize("key", TEXTS)
def test_an_empty_text_is_refused_with_the_line_and_an_example(tmp_path: Path, key: str) -> None:
    """`python = ""` would silently mean the Python that runs this, which nobody has written."""
    source = "" if key in ("url_env", "service") else 'url_env = "A"\n'
    error = refusal(tmp_path, f'[targets.x]\n{source}{key} = ""\n')
    assert f"runbook.toml:{3 if source else 2}: {key} is empty" in error.happened
    assert error.next_step.startswith(f"{key} = ")
    assert error.next_step.endswith("or leave it out.")


@pytest.mark.parametrize("key", ["archive", *(key for key in TEXTS if key in FOR_ALL)])
def test_an_empty_text_at_the_top_is_refused(tmp_path: Path, key: str) -> None:
    """There is nothing that it could take away."""
    assert f"runbook.toml:1: {key} is empty" in refusal(tmp_path, f'{key} = ""\n').happened


@pytest.mark.parametrize("key", ["alembic_ini", "alembic_section", "env_py_option"])
def test_what_a_target_always_has_is_not_taken_away(tmp_path: Path, key: str) -> None:
    """Where it is said of all targets, either."""
    error = refusal(tmp_path, f'{key} = "a"\n[targets.x]\nurl_env = "A"\n{key} = ""\n')
    assert f"runbook.toml:4: {key} is empty" in error.happened


@pytest.mark.parametrize("lines", ['url_env = "A"\nservice = "b"', 'logs = "tail x"'])
def test_a_target_needs_exactly_one_source_of_its_url(tmp_path: Path, lines: str) -> None:
    """Both, or none, is refused with both spellings."""
    error = refusal(tmp_path, f"[targets.x]\n{lines}\n")
    assert "runbook.toml:1: target x needs one source of its URL" in error.happened
    assert 'either url_env = "DATABASE_URL" or service = "NAME"' in error.next_step


@pytest.mark.parametrize(
    ("text", "happened"),
    [
        ("targets = 3", "targets must hold tables"),
        ("[targets]\nprod = 1", "targets must hold tables"),
        ("archive = 3", "archive must be text"),
        ('[targets."a b"]\nurl_env = "A"', "'a b' can't name a target"),
    ],
)
def test_the_wrong_shape_of_the_file_is_refused_with_the_line(
    tmp_path: Path, text: str, happened: str
) -> None:
    """Each says what should stand there."""
    error = refusal(tmp_path, text)
    assert "runbook.toml:1: " in error.happened
    assert happened in error.happened
    assert error.next_step


def test_an_unknown_target_names_the_known_ones_and_the_likely_one(tmp_path: Path) -> None:
    """The next step is the list, or the table to add."""
    folder = written(tmp_path, '[targets.production]\nurl_env = "A"\n')
    with pytest.raises(SettingsError, match="did you mean 'production'") as stop:
        settings.target("prodution", folder)
    assert stop.value.next_step == (
        "use one of default, demo, production, or add [targets.prodution] to runbook.toml."
    )
    with pytest.raises(SettingsError) as stop:
        settings.target("x]\nurl_env = 1", folder)
    assert "[targets.NAME]" in stop.value.next_step


def test_the_project_is_found_from_a_folder_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook in runbooks/, and a shell anywhere in the checkout, mean the same project."""
    (tmp_path / "runbook.toml").touch()
    below = tmp_path / "services" / "api"
    below.mkdir(parents=True)
    (below / "alembic.ini").touch()
    monkeypatch.chdir(below)
    assert settings.project_folder() == tmp_path
    (tmp_path / "runbook.toml").unlink()
    assert settings.project_folder() == below


def test_the_project_can_be_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LEXIKON_RUNBOOK_PROJECT counts more than the working folder."""
    written(tmp_path, "")
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("LEXIKON_RUNBOOK_PROJECT", str(tmp_path))
    assert settings.project_folder() == tmp_path


def test_no_project_says_where_to_go(tmp_path: Path) -> None:
    """A folder without either file is answered with the command."""
    with pytest.raises(SettingsError, match=r"no runbook\.toml and no alembic\.ini") as stop:
        settings.project_folder(tmp_path)
    assert "LEXIKON_RUNBOOK_PROJECT" in stop.value.next_step


def test_what_stands_at_the_top_is_said_of_every_target(tmp_path: Path) -> None:
    """Also of `default`, which the file does not name; a target's own word counts more."""
    text = """
    python = ".venv/bin/python"
    x = ["tenant=acme", "region=eu"]
    rehearsal_may_reach = ["vault.internal:8200"]
    protection = "protected"
    lock_timeout_max_s = 5
    [targets.production]
    url_env = "PROD_URL"
    [targets.staging]
    url_env = "STAGING_URL"
    python = ""
    x = ["tenant=test"]
    protection = "open"
    """
    known = settings.targets(written(tmp_path, text))
    for name in ("default", "production"):
        assert known[name].python == ".venv/bin/python"
        assert known[name].x == ("tenant=acme", "region=eu")
        assert known[name].rehearsal_may_reach == ("vault.internal:8200",)
        assert known[name].protected
        assert known[name].lock_timeout_max_s == 5
    assert known["staging"].python == ""
    assert known["staging"].x == ("tenant=test",)
    assert not known["staging"].protected


def test_the_demo_is_lexikon_s_whatever_is_said_of_all_targets(tmp_path: Path) -> None:
    """Another project's Python can't run it; a database of one's own that is named demo is one."""
    text = 'python = "python9"\nalembic_ini = "db/alembic.ini"\n'
    demo = settings.targets(written(tmp_path, text))["demo"]
    assert (demo.python, demo.alembic_ini) == ("", "alembic.ini")
    own = settings.targets(written(tmp_path, f'{text}[targets.demo]\nurl_env = "A"\n'))["demo"]
    assert (own.python, own.alembic_ini) == ("python9", "db/alembic.ini")


def test_a_python_of_its_own_goes_before_a_worker_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one target names both, the worker is meant."""
    monkeypatch.delenv(settings.PYTHON_VARIABLE, raising=False)
    text = 'worker = "docker compose run -T api python -"\n[targets.{}]\nurl_env = "A"\n'
    known = settings.targets(written(tmp_path, f'{text.format("a")}python = "bin/python"\n'))
    assert known["a"].worker_command == (f"{tmp_path}/bin/python",)
    assert known["default"].worker_command == ("docker", "compose", "run", "-T", "api", "python")
    known = settings.targets(written(tmp_path, f'{text.format("a")}worker = ""\n'))
    assert known["a"].worker_command == (sys.executable,)


@pytest.mark.parametrize("key", ["url_env", "service", "health_url", "restart", "logs"])
def test_what_belongs_to_one_database_is_refused_at_the_top(tmp_path: Path, key: str) -> None:
    """A restart of the wrong application is worse than a line too many."""
    error = refusal(tmp_path, f'archive = "a"\n{key} = "x"\n')
    assert f"runbook.toml:2: {key} is of one target" in error.happened
    assert "[targets.NAME]" in error.next_step


@pytest.mark.parametrize("key", TOP)
def test_a_wrong_value_at_the_top_is_refused_with_its_line(tmp_path: Path, key: str) -> None:
    """As in a target's table, and before any target is made of it."""
    error = refusal(tmp_path, f'# all of them\n{key} = {{ a = "postgresql://u:hunter22@h/d" }}\n')
    assert f"runbook.toml:2: {key} must be" in error.happened
    assert "hunter22" not in str(error)


def test_a_secret_at_the_top_is_refused_too(tmp_path: Path) -> None:
    """With the table where the variable's name belongs."""
    error = refusal(tmp_path, 'url = "postgresql://u:hunter22@h/d"\n')
    assert "runbook.toml:1: url: secrets are not read from here" in error.happened
    assert "[targets.NAME]" in error.next_step
    assert "hunter22" not in str(error)


def test_a_target_is_made_from_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry's row names where the URL is; what the file says of all is said of it, too."""
    folder = written(tmp_path, 'archive = "a"\npython = ".venv/bin/python"\nx = ["region=eu"]\n')
    row = {"url_env": "ACME_URL", "x": ["tenant=acme"], "service": None, "lock_timeout_max_s": 1}
    made = settings.from_row("acme", folder, row)
    assert made == replace(
        settings.targets(folder)["default"],
        name="acme",
        url_env="ACME_URL",
        x=("tenant=acme",),
        lock_timeout_max_s=1,
    )
    assert made.archive == tmp_path / "a"
    monkeypatch.setenv("ACME_URL", "postgresql://h/acme")
    assert made.url() == "postgresql://h/acme"


@pytest.mark.parametrize(
    ("name", "row", "happened"),
    [
        ("acme", {"url": "postgresql://u:hunter22@h/d"}, "url: secrets are not read from here"),
        ("acme", {"url_env": "postgresql://u:hunter22@h/d"}, "url_env does not hold a name"),
        ("acme", {"url_evn": "A"}, "unknown key 'url_evn'; did you mean 'url_env'?"),
        ("acme", {"x": ["a=b"]}, "target acme needs one source of its URL"),
        ("a b", {"url_env": "A"}, "'a b' can't name a target"),
    ],
)
def test_a_row_is_refused_as_a_table_of_the_file_is(
    tmp_path: Path, name: str, row: dict[str, object], happened: str
) -> None:
    """It has no line: the row is named."""
    with pytest.raises(SettingsError) as stop:
        settings.from_row(name, tmp_path, row)
    assert stop.value.happened.startswith(f"the row of target {name!r}: {happened}")
    assert "hunter22" not in str(stop.value)


PRODUCTION = '[targets.production]\nurl_env = "B"\nprotection = "protected"\n'
DEFAULT = '[targets.default]\nurl_env = "A"\n'


@pytest.mark.parametrize("text", ["", DEFAULT, '[targets.main]\nservice = "main"\n'])
def test_a_run_that_names_no_target_takes_the_only_one(tmp_path: Path, text: str) -> None:
    """Without a file it is DATABASE_URL; never the demo, which is another project's."""
    name = "main" if "main" in text else "default"
    for changes in (False, True):
        assert settings.chosen("", written(tmp_path, text), changes=changes).name == name
    with_demo = written(tmp_path, f'[targets.demo]\nrestart = "x"\n{text}')
    assert settings.chosen("", with_demo, changes=True).name == name


@pytest.mark.parametrize(
    ("text", "first", "names"),
    [
        (DEFAULT + PRODUCTION, "default", "default, production"),
        (PRODUCTION + DEFAULT, "production", "production, default"),
        (PRODUCTION, "production", "production"),
    ],
)
def test_a_change_that_names_no_target_is_asked_which_one(
    tmp_path: Path, text: str, first: str, names: str
) -> None:
    """When there are several, or the only one is protected; looking takes the first."""
    folder = written(tmp_path, text)
    assert settings.chosen("", folder, changes=False).name == first
    with pytest.raises(SettingsError) as stop:
        settings.chosen("", folder, changes=True)
    assert stop.value.happened.startswith(f"which one? {names}.")
    assert f"-p target={first} " in stop.value.next_step


def test_in_this_checkout_a_run_that_names_no_target_takes_the_demo() -> None:
    """Nobody misses it, so also one that changes."""
    for changes in (False, True):
        assert settings.chosen("", PROJECT, changes=changes).name == "demo"


def test_a_python_in_a_home_folder_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's user may have no home; the path is written from the project then."""
    monkeypatch.delenv(settings.PYTHON_VARIABLE, raising=False)
    text = '[targets.a]\nurl_env = "A"\npython = "~nobody-of-that-name/bin/python"\n'
    target = settings.targets(written(tmp_path, text))["a"]
    with pytest.raises(SettingsError, match="no such home folder") as stop:
        _ = target.worker_command
    assert "from the project's folder" in stop.value.next_step


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_unset_variable_is_answered_with_the_export_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Also one that is set and empty."""
    if value is not None:
        monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(SettingsError, match="DATABASE_URL, which is not set") as stop:
        settings.target("default", tmp_path).url()
    assert stop.value.next_step.startswith("export DATABASE_URL=postgresql://")


def test_a_libpq_service_is_a_target_like_any_other(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_service.conf holds the address; runs, and the project's env.py, get there by its name."""
    project = checkouts.checkout(tmp_path / "project")
    project.revision("aaaa0001", None)
    project.settings('[targets.served]\nservice = "our-db"\n')
    given = database.server.arguments
    lines = [f"{key}={value}" for key, value in given.items()]
    services = tmp_path / "services"
    services.write_text("\n".join(["[our-db]", *lines, f"dbname={database.name}"]))
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    target = settings.target("served", project.folder)
    assert target.source == "libpq service our-db"
    found = preflight.check(target, "upgrade")
    assert found.identity.database == database.name
    assert len(found.pending or ()) == 1


def test_an_unknown_libpq_service_names_the_file_to_look_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cause is the service's name, not the network."""
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "none"))
    folder = written(tmp_path, '[targets.served]\nservice = "nowhere"\n')
    with pytest.raises(TargetUnreachable, match="libpq can't use that service") as stop:
        connections.connect(settings.target("served", folder))
    assert "PGSERVICEFILE" in stop.value.next_step


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cr%40t/x@h/d",
        "postgresql://u@corp:s3cr%40t/x@h/d",
        "postgresql://u/x:s3cr%40t/x@h/d",
        "postgresql://h/d?user=u&password=s3cr%40t/x",
    ],
)
def test_a_password_is_masked_however_it_is_spelt(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """In the URL, alone, decoded, encoded; and what is no secret stays readable."""
    target = Target("t", Path(), url_env="HERE_URL")
    monkeypatch.setenv("HERE_URL", url)
    for text in (url, "it was s3cr%40t/x", "it was s3cr@t/x", "it was s3cr%40t%2Fx"):
        masked = target.mask(text)
        assert "s3cr" not in masked
        assert "***" in masked
    assert target.mask("12 rows at http://127.0.0.1:8000/health") == (
        "12 rows at http://127.0.0.1:8000/health"
    )
    monkeypatch.delenv("HERE_URL")
    assert "s3cr" not in target.mask(f"postgresql://{url.partition('://')[2]}")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("alter role x password 'hunter22' login", "alter role x password *** login"),
        ("PASSWORD E'hun''hunter22';", "PASSWORD ***;"),
        ("options (user 'a', password 'hunter22')", "options (user 'a', password ***)"),
        ("password: hunter22 next", "password: *** next"),
        ('{"password": "hunter22", "a": 1}', '{"password": ***, "a": 1}'),
        ("pwd := 'hunter22'", "pwd := ***"),
        ("password => 'hunter22'", "password => ***"),
        ("password=:hunter22", "password=***"),
        ("password 'hunter22", "password ***"),
        ("GET /h?a=1&access_token=hunter22&b=2", "GET /h?a=1&access_token=***&b=2"),
        ("/h?X-Amz-Signature=hunter22", "/h?X-Amz-Signature=***"),
        ("select password::text, 'password', 'x'", "select password::text, 'password', 'x'"),
        ("add column password varchar(60)", "add column password varchar(60)"),
        ("/h?monkey=1&page=2", "/h?monkey=1&page=2"),
    ],
)
def test_a_password_is_masked_in_sql_and_settings_and_nothing_else(text: str, masked: str) -> None:
    """However PostgreSQL, YAML, JSON or a web address writes it."""
    assert Target("t", Path()).mask(text) == masked


def test_the_password_of_a_place_that_may_be_reached_is_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the variable is called that env.py has its URL from."""
    monkeypatch.setenv("OF_ALL_TENANTS", "postgresql://reader:hunter22@registry:5432/all")
    near = Target("here", tmp_path, url_env="A")
    assert near.mask("login of hunter22") == "login of hunter22"
    assert replace(near, rehearsal_may_reach=("registry:5432",)).mask("of hunter22") == "of ***"


def test_pgpassword_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq reads it by itself, so it is a secret of every target."""
    monkeypatch.setenv("PGPASSWORD", "tr0ub4dor")
    assert Target("t", Path()).mask("got tr0ub4dor") == "got ***"


def test_the_archive_is_found_though_the_file_is_broken(tmp_path: Path) -> None:
    """A run that a broken file kept from beginning leaves a record, too."""
    assert settings.archive_folder(written(tmp_path, "[[")) == tmp_path / "archive"
    assert settings.archive_folder(written(tmp_path, 'archive = "a"')) == tmp_path / "a"


def test_every_key_of_the_file_is_documented() -> None:
    """docs/targets.md has a row for each key: its default, and whether it may stand at the top."""
    page = (PROJECT / "docs" / "targets.md").read_text(encoding="utf-8")
    page = page.partition("## Keys")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", page, re.MULTILINE)
    rows = {name: (default, top) for name, default, top in cells}
    assert list(rows) == ["archive", *KEYS]
    defaults = {field.name: field.default for field in fields(Target)}
    for name, key in KEYS.items():
        default = defaults[name]
        shown = f"`{default!r}`".replace("'", '"') if default else "-"
        assert rows[name] == (shown, "yes" if key.for_all else "-"), name


def test_the_example_in_the_documentation_is_a_valid_file(tmp_path: Path) -> None:
    """What docs/targets.md shows can be copied."""
    page = (PROJECT / "docs" / "targets.md").read_text(encoding="utf-8")
    for example in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        assert len(settings.targets(written(tmp_path, example))) > 2


def test_the_projects_own_file_is_valid() -> None:
    """The runbook.toml of this checkout names staging and production, production protected."""
    known = settings.targets(PROJECT)
    assert {"default", "demo", "staging", "production"} <= set(known)
    assert known["production"].protected


@pytest.mark.parametrize("piece", ["a", "a:", "x://a:", "password=", "password '", "pwd ", "?a-"])
def test_masking_takes_time_in_proportion_to_the_output(piece: str) -> None:
    """Whatever a migration prints, hiding passwords in it must not hang the run."""
    target = Target("here", Path())

    def cost(pieces: int) -> float:
        began = time.process_time()
        target.mask(piece * pieces)
        return time.process_time() - began

    short, long = (min(cost(pieces) for _ in range(3)) for pieces in (4_000, 16_000))
    assert long < 9 * max(short, 0.001)  # 4 times as long; 16 when it looked back over all of it


def test_the_password_of_the_throwaway_server_is_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message about a throwaway database may quote what the driver said."""
    monkeypatch.setenv("THROWAWAY_URL", "postgresql://ci:s%40crew@127.0.0.1/postgres")
    target = Target("t", tmp_path, url_env="HERE_URL", throwaway_url_env="THROWAWAY_URL")
    assert target.mask("role ci: s@crew or s%40crew") == "role ci: *** or ***"
