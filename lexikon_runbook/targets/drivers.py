"""What may follow the question mark of a URL, driver by driver. Pure.

SQLAlchemy hands it to the driver that the URL names; our own connections are libpq's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Options = tuple[tuple[str, str], ...]

# The drivers that hand all of it to libpq; "" is the one that SQLAlchemy chooses.
ON_LIBPQ = ("", "psycopg2", "psycopg", "psycopg_async", "psycopg2cffi")
# libpq 18, PQconndefaults, without what a URL says elsewhere.
OF_LIBPQ = frozenset(
    {
        *("application_name", "channel_binding", "client_encoding", "connect_timeout"),
        *("fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "hostaddr"),
        *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval"),
        *("krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version"),
        *("oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope", "options"),
        *("passfile", "replication", "require_auth", "requirepeer", "scram_client_key"),
        *("scram_server_key", "service", "ssl_max_protocol_version", "ssl_min_protocol_version"),
        *("sslcert", "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey"),
        *("sslkeylogfile", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni"),
        *("target_session_attrs", "tcp_user_timeout"),
    }
)
# Of SQLAlchemy and its drivers: also in a URL without a driver, which an env.py gives one.
OF_OTHERS = frozenset(
    {
        *("plugin", "async_fallback", "async_creator_fn"),
        *("prepared_statement_cache_size", "prepared_statement_name_func"),
        *("command_timeout", "direct_tls", "max_cacheable_statement_size"),  # asyncpg
        *("max_cached_statement_lifetime", "server_settings", "statement_cache_size", "timeout"),
        *("autocommit", "cursor_factory", "prepare_threshold", "row_factory"),  # psycopg
        *("init_params", "source_address", "ssl_context", "tcp_keepalive"),  # pg8000
    }
)
# asyncpg's `ssl` has libpq's words; an application may write a truth value.
SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


def for_libpq(driver: str, options: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """What libpq takes of the options of a URL for that driver.

    Where the driver is libpq's, an unknown one stays: libpq refuses a spelling mistake.
    """
    for key, value in options:
        if key == "ssl":
            yield "sslmode", SSL.get(value.lower(), value)
        elif key in OF_LIBPQ or (driver in ON_LIBPQ and key not in OF_OTHERS):
            yield key, value


def handed_over(driver: str, to: str, options: Options) -> Options:
    """The options of a URL for one driver in a URL for another."""
    if to in ON_LIBPQ and driver not in ON_LIBPQ:
        return tuple(for_libpq(driver, options))
    if to == "asyncpg":
        return tuple(("ssl" if key == "sslmode" else key, value) for key, value in options)
    return options
