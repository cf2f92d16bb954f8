"""PostgreSQL's SQL as tokens, and the cursor that reads them.

A tokenizer of its own, because sqlglot's takes 0.7 s to import (this package: 0.04 s)
and stops at `a$b$`, which is an identifier. The lexical rules are those of the
manual's chapter 4.1, with `standard_conforming_strings` on (the default).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\r\f\v]+)
  | (?P<comment>--[^\n\r]*)
  | (?P<block>/\*)
  | (?P<string>[eE]'(?:[^'\\]|\\.|'')*+(?:'|\Z|\\\Z) | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+(?:'|\Z))
  | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*+(?:"|\Z))
  | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?)\$
        (?:.*?\$(?P=tag)\$|.*))
  | (?P<parameter>\$[0-9]+)
  | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
  | (?P<number>[0-9][A-Za-z0-9_.]*)
  | (?P<mark>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_QUIET = frozenset({"space", "comment"})
_SPOKEN = frozenset({"word", "mark"})


class Token(NamedTuple):
    """One token: its kind, its text, and where it stands in the SQL.

    `word` is a keyword in capitals or a mark; "" for strings, numbers and quoted names.
    """

    kind: str
    text: str
    start: int
    end: int
    word: str


_END = Token("end", "", 0, 0, "")


@lru_cache(maxsize=8)
def tokenize(sql: str) -> tuple[Token, ...]:
    """Every token, spaces and comments too: their texts joined are `sql`. Never raises.

    What is left open (a string, a comment) reaches to the end of the text. Cached: a statement is
    cut, read and searched for keywords, one after the other.
    """
    return tuple(_tokens(sql))


def _tokens(sql: str) -> Iterator[Token]:
    at = 0
    while match := _TOKEN.match(sql, at):
        kind, end = match.lastgroup or "", match.end()
        if kind == "tag":
            kind = "dollar"
        if kind == "block":
            kind, end = "comment", _comment_end(sql, end)
        text = sql[at:end]
        yield Token(kind, text, at, end, text.upper() if kind in _SPOKEN else "")
        at = end


def _comment_end(sql: str, at: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(sql, at):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


_UESCAPE = re.compile(r"\s+UESCAPE\s+'(.)'", re.I)


def plainly_named(sql: str) -> str:
    """The statement with its U&"..." names as they are: U&"gr\\00F6\\00DFe" is "größe"."""
    if "&" not in sql:
        return sql
    parts, at = [], 0
    for token in tokenize(sql):
        if token.kind == "quoted" and token.text[:2] in ("U&", "u&"):
            own = _UESCAPE.match(sql, token.end)
            escape = re.escape(own[1] if own else "\\")
            code = rf"{escape}(?:\+([0-9a-fA-F]{{6}})|([0-9a-fA-F]{{4}})|({escape}))"
            parts += [sql[at : token.start], re.sub(code, _character, token.text[2:])]
            at = own.end() if own else token.end
    return "".join([*parts, sql[at:]])


def _character(code: re.Match[str]) -> str:
    return code[3] or chr(int(code[1] or code[2], 16))


def split(sql: str) -> tuple[str, ...]:
    """The statements of one text, without their semicolons; comments stay with them.

    A semicolon inside quotes, comments, parentheses (CREATE RULE) or a BEGIN ATOMIC
    body ends nothing. Texts of comments alone are left out. Never raises.
    """
    statements: list[str] = []
    piece: list[Token] = []
    for token in tokenize(sql):
        if token.kind == "space":
            continue
        if token.text == ";" and _complete(piece):
            statements.append(_text(sql, piece))
            piece = []
        else:
            piece.append(token)
    statements.append(_text(sql, piece))
    return tuple(statement for statement in statements if statement)


def _complete(piece: Sequence[Token]) -> bool:
    words = [token.word for token in piece if token.kind in ("word", "mark")]
    if words.count("(") > words.count(")"):
        return False
    atomic = next((n for n, word in enumerate(words) if word == "ATOMIC"), 0)
    if not atomic or words[0] != "CREATE" or words[atomic - 1] != "BEGIN":
        return True
    body = words[atomic:]
    return body.count("END") > body.count("CASE")


def _text(sql: str, piece: Sequence[Token]) -> str:
    if all(token.kind in _QUIET for token in piece):
        return ""
    return sql[piece[0].start : piece[-1].end]


@lru_cache(maxsize=1024)
def keywords(sql: str) -> str:
    """The words and marks outside quotes, comments and parentheses, in capitals.

    For asking `" NOT VALID " in keywords(sql)`: a space stands around each word, and
    "()" for a parenthesis with all that is in it. Quoted parts are left out.
    """
    words, depth = [], 0
    for token in tokenize(sql):
        if token.word == ")":
            depth = max(0, depth - 1)
        elif depth == 0 and token.kind not in _QUIET and token.word:
            words.append("()" if token.word == "(" else token.word)
        if token.word == "(":
            depth += 1
    return f" {' '.join(words)} "


@lru_cache(maxsize=1024)
def _words(phrase: str) -> tuple[str, ...]:
    return tuple(phrase.split())


class Cursor:
    """A place in one statement's tokens, reading forward. It never runs past the end."""

    def __init__(self, sql: str, tokens: Sequence[Token] | None = None) -> None:
        self.sql = sql
        if tokens is None:
            tokens = [token for token in tokenize(sql) if token.kind not in _QUIET]
        self.tokens = tuple(tokens)
        self.at = 0

    def peek(self, ahead: int = 0) -> Token:
        """The token `ahead` of the place, or one of kind "end"."""
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else _END

    def sees(self, phrase: str) -> bool:
        """Whether the words of `phrase` come next."""
        at, tokens = self.at, self.tokens
        for place, word in enumerate(_words(phrase), at):
            if place >= len(tokens) or tokens[place].word != word:
                return False
        return True

    def take(self, *phrases: str) -> str:
        """Steps over the first of `phrases` that comes next, and returns it; else ""."""
        for phrase in phrases:
            if self.sees(phrase):
                self.at += len(phrase.split())
                return phrase
        return ""

    def name(self) -> str:
        """Steps over a name, qualified or not, and returns it normalised; else ""."""
        parts = []
        while self.peek().kind in ("word", "quoted"):
            parts.append(normal(self.peek().text))
            self.at += 1
            if not self.take("."):
                break
        return ".".join(parts)

    def inside(self) -> Cursor:
        """Steps over a parenthesis and returns a cursor on what it holds; empty if none."""
        if not self.sees("("):
            return Cursor(self.sql, ())
        start, depth = self.at + 1, 0
        while self.peek().kind != "end":
            depth += {"(": 1, ")": -1}.get(self.peek().word, 0)
            self.at += 1
            if depth == 0:
                return Cursor(self.sql, self.tokens[start : self.at - 1])
        return Cursor(self.sql, self.tokens[start:])

    def until(self, *words: str) -> Cursor:
        """Steps up to the first of `words` outside parentheses; a cursor on what was passed."""
        start = self.at
        while self.peek().kind != "end" and self.peek().word not in words:
            if self.sees("("):
                self.inside()
            else:
                self.at += 1
        return Cursor(self.sql, self.tokens[start : self.at])

    def clauses(self) -> list[Cursor]:
        """What is left, cut at the commas outside parentheses."""
        cut = []
        while self.peek().kind != "end":
            cut.append(self.until(","))
            self.take(",")
        return cut

    def text(self) -> str:
        """What is left, as it is written in the SQL."""
        left = self.tokens[self.at :]
        return self.sql[left[0].start : left[-1].end] if left else ""


def normal(identifier: str) -> str:
    """A name as the catalog has it: unquoted ones in small letters, quotes taken off.

    A quoted name that holds a dot or a quote keeps its quotes, so that it stays one part.
    """
    if not identifier.startswith('"'):
        return "".join(c.lower() if c.isascii() else c for c in identifier)
    bare = identifier[1:].removesuffix('"').replace('""', '"')
    return identifier if "." in bare or '"' in bare else bare
