"""Every segmentation passes the contract of its kind; so does the example of the how-to."""

import runpy

from ecorse.segments.kmeans import PcaKMeans
from ecorse.settings import PROJECT_DIR
from ecorse.testing import SegmentationContract

EXAMPLE = runpy.run_path(str(PROJECT_DIR / "docs" / "examples" / "by_spending.py"))


class TestKMeansOfOrders(SegmentationContract):
    model = PcaKMeans


class TestKMeansOfCustomers(SegmentationContract):
    model = PcaKMeans
    entity_column = "customer_id"


class TestBySpendingOfTheHowTo(SegmentationContract):
    model = EXAMPLE["SEGMENTATION"]
    parameters = {"big_from": 500.0}
    entity_column = "customer_id"
