"""The settings of an application, read once and kept."""

import os
from dataclasses import dataclass, field
from functools import lru_cache


def _url() -> str:
    return os.environ["DATABASE_URL"]


@dataclass(frozen=True)
class Settings:
    """What the environment says when it is first asked."""

    database_url: str = field(default_factory=_url)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The one and only settings of the process."""
    return Settings()


settings = Settings()
