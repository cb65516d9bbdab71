"""Names that SQL, Python, the CLI and the documentation share.

What belongs here: names used in more than one part. What does not: types and comments, which
stand with the table (``include/sql/schema``, ``include/sql/marts``, ``models.Relation``).
"""

SIMULATED_PREFIX = "SIM-"  # order ids of simulated lines
SIMULATED_SUFFIX = "-simulated"  # their shop: <shop>-simulated


class Columns:
    """Column names, so that a typo is an AttributeError and not an empty result."""

    OrderId = "order_id"
