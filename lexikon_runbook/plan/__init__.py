"""What would run: the steps of a plan, their SQL, and what the rules find in it."""
