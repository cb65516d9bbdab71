"""Ecorse: sales exports in, a published night of marts, segments and recommendations out.

Nothing heavy is imported here: DAG files import this package at every parse.
"""

__version__ = "0.1.0"
