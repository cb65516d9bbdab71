"""Ten shops from ten ready-made sources publish one night; each shop's money is that of its books.

What belongs here: the whole way from an export to the marts, on a real Postgres. What does not:
single measures of one export (``tests/sources/test_ready_made.py``).
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from ecorse import flow
from ecorse.ingest.shops import load_shops
from ecorse.settings import get_settings
from ecorse.simulate import Plan
from ecorse.simulate.platforms import platform_names
from ecorse.simulate.platforms.write_platform import simulate_platform
from ecorse.warehouse.connect import connect

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
