"""Lexikon's own database: its models, its words, its data, and the server that shows them."""
