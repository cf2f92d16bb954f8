"""The runbooks: how each begins, its stages, and what they share."""
