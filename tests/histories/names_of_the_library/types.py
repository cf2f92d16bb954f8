"""The application's own types, imported as part of nothing here."""

NAMES = ("types",)
