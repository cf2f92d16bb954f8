"""URLs: what is read from one, what is refused, and how one is written for others."""

from __future__ import annotations

import string
import subprocess
import sys
from configparser import ConfigParser
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn
from servers import PROJECT
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine import make_url

from lexikon_runbook.errors import SettingsError
from lexikon_runbook.targets import urls
from lexikon_runbook.targets.urls import Address

AWKWARD = "%@/:?#'\" &=+é\\"
DRIVERS = ["psycopg2", "psycopg", "psycopg_async", "psycopg2cffi", "asyncpg", "pg8000", "another"]


def of_sqlalchemy(url: str) -> dict[str, str]:
    """What SQLAlchemy hands to psycopg2 for a URL; libpq takes an empty one, or port, as none."""
    made = make_url(url).set(drivername="postgresql+psycopg2")
    given = PGDialect_psycopg2().create_connect_args(made)[1]
    return {
        key: str(value) for key, value in given.items() if value and (key, value) != ("port", ",")
    }


@pytest.mark.parametrize("scheme", ["postgres", *(f"postgresql+{word}" for word in DRIVERS)])
def test_every_spelling_of_the_scheme_is_postgresql(scheme: str) -> None:
    """Whatever driver the application has, the runbooks read the same address."""
    read = urls.address(f"{scheme}://u:p@h:6543/d?sslmode=require")
    expected = Address("h", "6543", "d", "u", "p", (("sslmode", "require"),))
    assert replace(read, scheme="postgresql") == expected
    assert read.driver == scheme.partition("+")[2]


def test_an_awkward_password_arrives_whole_when_it_is_percent_encoded() -> None:
    """Every character that means something in a URL, quotes and spaces too."""
    assert urls.address(f"postgres://u:{quote(AWKWARD, safe='')}@h/d").password == AWKWARD


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://u:hunter22@h/d", "it is for mysql, and these runbooks are for PostgreSQL"),
        ("mysql+pymysql://u:hunter22@h/d", "it is for mysql+pymysql"),
        ("sqlite:///hunter22.db", "it is for sqlite"),
        ("HUNTER22 hunter22://x", "it is for another scheme"),
        ("hunter22", "does not begin with postgresql://"),
        ("host=h password=hunter22", "does not begin with postgresql://"),
        ("postgresql:/u:hunter22@h/d", "does not begin with postgresql://"),
        ("postgresql://u:hunter22@h:port/d", "can't be taken apart"),
        ("postgresql://u:x@hunter22@h/d", "an @ or a / that is not percent-encoded"),
        ("postgresql://u:x?@hunter22@h/d", "an @ or a / that is not percent-encoded"),
        ("postgresql://u/x:hunter22@h/d", "an @ or a / that is not percent-encoded"),
        ("postgresql://u:hunter22@h:99999/d", "port is not between 1 and 65535"),
        ("postgresql://u:hunter22@h:0x1/d", "can't be taken apart"),
        ("postgresql://u:hunter22 @h/d", "white space or a NUL"),
        ("postgresql://u:hunter22%00@h/d", "white space or a NUL"),
        ("postgresql://u:hunter22@[::1/d", "can't be taken apart"),
        ("postgresql://u:hunter22@h:1:2/d", "can't be taken apart"),
        ("postgresql://u:hunter22@h,g/d?port=1,2,3", "hosts and ports can't be told apart"),
        ("postgresql://u:hunter22@/d?host=h:1&host=g:2&port=3", "can't be told apart"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_and_never_repeated(url: str, why: str) -> None:
    """The answer is why, and how to write it; not a character of the URL's secret."""
    with pytest.raises(SettingsError) as stop:
        urls.address(url)
    assert why in stop.value.happened
    assert "postgresql://USER:PASSWORD@HOST:5432/DATABASE" in stop.value.next_step
    assert "hunter22" not in str(stop.value)
    assert stop.value.__suppress_context__ or stop.value.__context__ is None


PRINTABLE = st.text(string.printable, max_size=12)


@given(
    user=PRINTABLE,
    password=PRINTABLE,
    host=st.sampled_from(["h", "10.0.0.1", "[::1]", ""]),
    port=st.sampled_from(["", ":1", ":65535"]),
    name=PRINTABLE,
    query=st.dictionaries(st.sampled_from(["host", "sslmode", "port", "service"]), PRINTABLE),
    encoded=st.booleans(),
)
def test_our_own_connections_read_a_url_as_sqlalchemy_does(
    user: str,
    password: str,
    host: str,
    port: str,
    name: str,
    query: dict[str, str],
    encoded: bool,
) -> None:
    """env.py and the runbooks reach the same database by the same URL."""
    spelled = (lambda text: quote(text, safe="")) if encoded else str
    keys = "&".join(f"{key}={spelled(value)}" for key, value in query.items())
    url = f"postgresql://{spelled(user)}:{spelled(password)}@{host}{port}/{spelled(name)}?{keys}"
    try:
        read = urls.address(url)
    except SettingsError:
        return
    assume("," not in read.host)  # of several, libpq's own reading counts
    assume("\n" not in read.host)  # SQLAlchemy's pattern for a port ends before it
    assert read.keywords == of_sqlalchemy(url)


PLACES = st.tuples(st.sampled_from(["h", "10.0.0.1", "[::1]", ""]), st.sampled_from(["", ":7"]))


@given(places=st.lists(PLACES, min_size=2, max_size=4), query=st.sampled_from(["", "?port=9"]))
def test_several_hosts_are_read_as_libpq_reads_them(
    places: list[tuple[str, str]], query: str
) -> None:
    """`h1:1,h2:2`, brackets, ports that are missing, one port for all."""
    url = f"postgresql://u@{','.join(host + port for host, port in places)}/d{query}"
    theirs = {key: value for key, value in parse_dsn(url).items() if value.strip(",")}
    assert {k: v for k, v in urls.address(url).keywords.items() if v.strip(",")} == theirs


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u@/d?host=h1:1&host=h2:2", "h1,h2", "1,2"),
        ("postgresql://u@/d?host=h1&host=h2:2", "h1,h2", ",2"),
        ("postgresql://u@/d?host=h1,h2&port=1,2", "h1,h2", "1,2"),
        ("postgresql://u@/d?host=/run/a&host=/run/b", "/run/a,/run/b", ""),
    ],
)
def test_several_hosts_behind_the_question_mark_are_read_as_sqlalchemy_does(
    url: str, host: str, port: str
) -> None:
    """Its two spellings, and sockets."""
    read = urls.address(url)
    assert (read.host, read.port) == (host, port)
    assert read.keywords == of_sqlalchemy(url)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u@[::1]:5433/d", "::1", "5433"),
        ("postgresql://u@/d?host=/var/run/postgresql&port=5433", "/var/run/postgresql", "5433"),
        ("postgresql://u@%2Fvar%2Frun%2Fpostgresql/d", "/var/run/postgresql", ""),
        ("postgresql+pg8000://u@/d?unix_sock=/run/x/.s.PGSQL.5433", "/run/x", "5433"),
    ],
)
def test_ipv6_and_socket_addresses_are_understood(url: str, host: str, port: str) -> None:
    """The folder of a socket, however it is spelled, is the host."""
    read = urls.address(url)
    assert (read.host, read.port) == (host, port)
    assert urls.address(read.url()) == read


def test_a_service_keeps_its_address_to_itself() -> None:
    """libpq looks it up; another database of it is asked for by name."""
    assert urls.address("postgresql:///?service=prod").keywords == {"service": "prod"}
    other = urls.of_database("postgresql:///?service=prod", "throwaway_1")
    assert urls.address(other).keywords == {"service": "prod", "dbname": "throwaway_1"}


def test_what_another_driver_takes_stays_in_its_url_and_out_of_libpq_s_keywords() -> None:
    """`ssl` is asyncpg's word for sslmode: leaving it out would give up TLS."""
    url = "postgresql+asyncpg://h/d?prepared_statement_cache_size=0&ssl=verify-full&own=1"
    assert urls.address(url).keywords == {"host": "h", "dbname": "d", "sslmode": "verify-full"}
    assert urls.for_env_py(url, "postgresql+psycopg2://") == url
    assert urls.of_database(url, "e") == url.replace("/d?", "/e?")
    plain = "postgresql://h/d?server_settings=x&command_timeout=5&ssl=true"
    assert urls.address(plain).keywords == {"host": "h", "dbname": "d", "sslmode": "require"}
    assert urls.for_env_py(plain) == plain


def test_a_key_that_libpq_does_not_know_reaches_it_where_its_driver_is_asked_for() -> None:
    """So that it refuses `sslmod=verify-full`, as env.py's connection would."""
    for scheme in ("postgresql", "postgresql+psycopg2", "postgresql+psycopg"):
        assert urls.address(f"{scheme}://h/d?sslmod=verify-full").keywords["sslmod"]


def test_an_address_is_written_as_another_driver_takes_it() -> None:
    """A throwaway database has one address, and the project its own driver."""
    socket = Address("/run/x", "5433", "d", "u", options=(("sslmode", "disable"),))
    assert socket.url("postgresql+asyncpg") == (
        "postgresql+asyncpg://u@/d?host=/run/x&port=5433&ssl=disable"
    )
    assert socket.url("postgresql+pg8000") == (
        "postgresql+pg8000://u@/d?unix_sock=/run/x/.s.PGSQL.5433&sslmode=disable"
    )
    asynchronous = urls.address("postgresql+asyncpg://h/d?ssl=require&command_timeout=5")
    assert asynchronous.url("postgresql+psycopg") == "postgresql+psycopg://h/d?sslmode=require"


@pytest.mark.parametrize(
    ("url", "others", "expected"),
    [
        ("postgres://u:p%40w@h/d", (), "postgresql://u:p%40w@h/d"),
        ("postgresql://h/d", ("driver://x", "postgresql+psycopg://x"), "postgresql+psycopg://h/d"),
        ("postgresql+asyncpg://h/d", ("postgresql+psycopg://x",), "postgresql+asyncpg://h/d"),
        (
            "postgresql://u@h1:1,h2/d?target_session_attrs=any",
            ("postgresql+psycopg2://",),
            "postgresql+psycopg2://u@/d?host=h1,h2&port=1,5432&target_session_attrs=any",
        ),
        (
            "postgresql://u@/d?host=h1&host=h2&port=1&port=2",
            (),
            "postgresql://u@/d?host=h1,h2&port=1,2",
        ),
        ("postgresql://u@%2Frun%2Fx/d", (), "postgresql://u@/d?host=/run/x"),
    ],
)
def test_env_py_gets_the_url_as_it_was_written_where_sqlalchemy_can_read_it(
    url: str, others: tuple[str, ...], expected: str
) -> None:
    """Only its scheme names SQLAlchemy's dialect and the project's driver."""
    written = urls.for_env_py(url, *others)
    assert written == expected
    assert of_sqlalchemy(written)["dbname"] == "d"


def test_a_url_of_ours_has_no_percent_sign_where_none_is_needed() -> None:
    """Many an env.py gives it to `config.set_main_option`, for which a % begins a placeholder."""
    address = Address("/tmp/demo-x/pg", "5432", "lexikon", "post.gres", "a:b-c+d$e!é")
    parser = ConfigParser()
    parser["alembic"] = {"sqlalchemy.url": address.url("postgresql+psycopg2")}
    assert urls.address(parser["alembic"]["sqlalchemy.url"]).password == "a:b-c+d$e!é"
    assert "%" in replace(address, password="a%b").url()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(
    user=TEXT,
    password=TEXT,
    name=TEXT.filter(lambda text: "@" not in text),
    place=st.sampled_from(
        [("", ""), ("h", "7"), ("::1", "7"), ("/tmp/a b%@", "7"), ("a,::1,/x", "1,2,3")]
    ),
    value=TEXT,
)
def test_what_we_write_is_read_by_us_by_sqlalchemy_and_by_libpq(
    user: str, password: str, name: str, place: tuple[str, str], value: str
) -> None:
    """All three see the same address, whatever characters are in it."""
    options = (("application_name", value),) if value else ()
    address = Address(*place, name, user, password, options)
    written = address.url()
    assert urls.address(written) == address
    assert of_sqlalchemy(written) == address.keywords
    if "=" not in value:  # which is plain to SQLAlchemy, and a mistake to libpq
        assert {k: v for k, v in parse_dsn(written).items() if v} == address.keywords


@given(st.text(max_size=30))
def test_no_text_ends_in_anything_but_an_address_or_a_refusal(text: str) -> None:
    """Whatever stands in the variable."""
    try:
        address = urls.address(f"postgresql://{text}")
    except SettingsError:
        return
    assert urls.address(address.url()).dsn == address.dsn


def test_no_url_makes_this_process_import_sqlalchemy() -> None:
    """The project's own may be another version; and importing one takes longer than a look."""
    program = (
        "import sys\n"
        "from lexikon_runbook.postgres import connections, unreachable\n"
        "from lexikon_runbook.targets import settings, urls\n"
        "for url in sys.argv[1:]:\n"
        "    urls.of_user(urls.of_database(urls.for_env_py(url), 'd'), 'u')\n"
        "    urls.address(url).keywords\n"
        "print('sqlalchemy' in sys.modules)"
    )
    given = ["postgresql+asyncpg://u:p@a:1,b:2/d?ssl=require", "postgresql://h/d?host=a&host=b"]
    words = [sys.executable, "-c", program, *given]
    ended = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_libpq_would_refuse_what_it_is_not_handed() -> None:
    """The reason for leaving it out."""
    with pytest.raises(ProgrammingError, match="prepared_statement_cache_size"):
        parse_dsn("postgresql://h/d?prepared_statement_cache_size=0")
