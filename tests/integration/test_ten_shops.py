"""Ten shops from ten ready-made sources publish one night; each shop's money is that of its books.

What belongs here: the whole way from an export to the marts, on a real Postgres. What does not:
single measures of one export (``tests/sources/test_ready_made.py``).
"""

from __future__ import annotations

ZONE = "America/New_York"
SHOP = """
[[shops]]
shop_id = "{shop}"
shop_name = "{shop}"
time_zone = "{zone}"
currency = "{currency}"
[[shops.sources]]
source = "{source}"
origin = "folder"
options = {{ path = "{path}", pattern = "{pattern}" }}
"""
