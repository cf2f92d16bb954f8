"""A database beside the target's, which env.py may read: its session, and how it is known."""

from __future__ import annotations

from typing import Any

MARK = "lexikon-runbook beside"
SETTINGS = {
    "default_transaction_read_only": "on",
    "lock_timeout": "2s",
    "statement_timeout": "60s",
}
# Whatever env.py or its driver has said of its session, or of this transaction.
STILL_READ_ONLY = """
select set_config('transaction_read_only', 'on', true),
       set_config('default_transaction_read_only', 'on', false)
"""
AS_READER = "-c default_transaction_read_only=on"  # as an option of libpq's


def of(connection: Any) -> bool:
    """Whether that connection is to such a one; no while SQLAlchemy itself first looks."""
    try:
        return bool(connection.info.get(MARK))
    except Exception:
        return False
