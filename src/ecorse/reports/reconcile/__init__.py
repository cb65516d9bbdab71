"""Proof against the shop's own report: every cent of difference, by its cause.

What belongs here: reading a platform's report, and explaining how it differs from what was loaded.
What does not: loading, marts.
"""
