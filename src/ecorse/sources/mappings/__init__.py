"""Sources without Python: a TOML file in ``include/sources`` is a source of its name.

What belongs here: reading such a file (``declare``), making canonical rows by it (``source``),
joining the files it looks things up in (``lookups``), proposing one (``draft``). What does not:
reading, casting and loading data files, which all sources share.
"""
