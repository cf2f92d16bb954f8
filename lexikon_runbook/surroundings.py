"""What env.py finds around it, and what is put back after it: it may change all of this."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from .settings import Target


@contextlib.contextmanager
def surroundings(target: Target) -> Iterator[None]:
    """The working folder, variables and log level that `alembic` itself would give env.py."""
    with _folder(target), _environment(target), _logging():
        logging.disable(logging.INFO)
        yield


@contextlib.contextmanager
def _folder(target: Target) -> Iterator[None]:
    folder, path = os.getcwd(), sys.path[:]
    os.chdir(target.ini.parent)
    try:
        yield
    finally:
        os.chdir(folder)
        sys.path[:] = path


@contextlib.contextmanager
def _environment(target: Target) -> Iterator[None]:
    """Put back what is replaced: load_dotenv(override=True) may take the URL of the target.

    What is added stays: a module that loads a .env file does so at its first import only.
    """
    before = dict(os.environ)
    if target.env_py_variable:
        os.environ[target.env_py_variable] = target.url()
    try:
        yield
    finally:
        os.environ.update(before)
        if target.env_py_variable and target.env_py_variable not in before:
            os.environ.pop(target.env_py_variable, None)


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """Undo fileConfig(), which replaces the root's handlers and disables other loggers."""
    root, manager = logging.root, logging.root.manager
    disabled, level, handlers = manager.disable, root.level, root.handlers[:]
    known = {
        logger: (logger.disabled, logger.level, logger.propagate, logger.handlers[:])
        for logger in manager.loggerDict.values()
        if isinstance(logger, logging.Logger)
    }
    try:
        yield
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        root.handlers[:] = handlers
        for logger, (off, own_level, propagate, own_handlers) in known.items():
            logger.disabled, logger.propagate = off, propagate
            logger.setLevel(own_level)
            logger.handlers[:] = own_handlers
