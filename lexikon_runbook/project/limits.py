"""The settings that a session of the project's gets, over those of its role and database. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..postgres.connections import ENDING


@dataclass(frozen=True)
class Limits:
    """The timeouts of a session, in seconds; 0 is none."""

    lock_timeout_s: float
    statement_timeout_s: float
    read_only: bool = False
    application: str = "lexikon-runbook read"

    def settings(self, server_version: int) -> dict[str, str]:
        """The server's settings that carry them, for a server of that version number.

        `client_connection_check_interval` ends a statement whose client was killed. A session
        that may write stays read-only where its role or database is: that is somebody's word.
        """
        read_only = {"default_transaction_read_only": "on"} if self.read_only else {}
        return {
            "lock_timeout": milliseconds(self.lock_timeout_s),
            "statement_timeout": milliseconds(self.statement_timeout_s),
            "application_name": self.application,
            "client_connection_check_interval": "1000",
            **{name: "0" for name, since in ENDING if server_version >= since},
            **read_only,
        }


READING = Limits(lock_timeout_s=2.0, statement_timeout_s=60.0, read_only=True)


def milliseconds(seconds: float) -> str:
    """Seconds as the server's settings take them; never rounded down to 0, which is none."""
    return str(max(1, round(seconds * 1000)) if seconds else 0)
