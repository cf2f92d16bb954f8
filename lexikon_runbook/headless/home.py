"""A home folder for Jupyter, which asks for one though it can do without."""

from __future__ import annotations

import os
from pathlib import Path

NOWHERE = "/nonexistent"


def ensure() -> None:
    """Name one where the user has none, as in a container whose uid is in no passwd file.

    Changes HOME of this process, and so of the kernel and of the view.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NOWHERE
