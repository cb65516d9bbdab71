"""What a row is: contracts, canonical rows, and the tables of staging.

What belongs here: what rows are, said once. What does not: reading, casting, loading them.
"""
