"""From files to staging: which files, how each is loaded, and the account of every row.

What belongs here: ingest and what people do to loads later. What does not: reading a format
(``ecorse.clean``), where files come from (``ecorse.origins``).
"""
