"""No secret in a text: passwords and tokens, in a URL or behind a keyword. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

from .urls import spelled

URL_PASSWORD = re.compile(
    r"(?P<head>(?<!\w)\w{1,30}://[^\s:]{0,256}:)(?P<password>\S{1,1024})(?=@)"
)
QUERY_PASSWORD = re.compile(r"[?&](?:password|passwd)=(?P<password>[^&\s]+)", re.I)
QUERY_SECRET = re.compile(
    r"(?P<head>[?&](?:[\w-]{1,30}[_-])?(?:token|key|secret|sig|signature)=)[^&\s'\"]+", re.I
)
# A bare word is a password only behind a sign: PASSWORD 'x', password: x; but not password::text.
KEYWORD_PASSWORD = re.compile(
    r"(?P<head>\b(?:password|passwd|pwd)"
    r"(?:['\"]?\s*(?:==?>?|:=?(?!:))\s*|\s+(?=E?['\"])))"
    r"(?:E?'(?:[^'\n]|'')*'?|\"[^\"\n]*\"?|[^\s&'\"]+)",
    re.I,
)


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, and without any password or token in a URL."""
    for secret in secrets:
        text = text.replace(secret, "***")
    for pattern in (URL_PASSWORD, QUERY_SECRET, KEYWORD_PASSWORD):
        text = pattern.sub(r"\g<head>***", text)
    return text


@lru_cache(maxsize=64)
def secrets(urls: tuple[str, ...], password: str) -> tuple[str, ...]:
    """The passwords in these URLs, and this one, also as a cell's output shows them; longest first.

    Cached: each text of a record is masked by itself.
    """
    found = {password}
    for url in urls:
        found |= passwords(url)
    found |= {html.escape(secret) for secret in found}
    return tuple(sorted((s for s in found if len(s) > 2), key=len, reverse=True))


def passwords(url: str) -> set[str]:
    """The passwords in a URL, as written, decoded, and encoded in every way."""
    found = set()
    for pattern in (URL_PASSWORD, QUERY_PASSWORD):
        if match := pattern.search(url):
            password = unquote(match["password"])
            found |= {match["password"], password, quote(password, safe=""), spelled(password)}
    return found
