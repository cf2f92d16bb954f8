"""Targets: which database a name means, by which URL, and no secret of it in a text."""
