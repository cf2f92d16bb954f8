"""What is wrong with a database or a checkout: the table of diagnoses, and what they look at."""
