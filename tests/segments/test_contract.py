"""Every segmentation passes the contract of its kind; so does the example of the how-to."""

import runpy

import numpy as np

from ecorse.segments.dbscan import Dbscan
from ecorse.segments.hdbscan import Hdbscan
from ecorse.segments.hierarchical import Hierarchical
from ecorse.segments.kmeans import PcaKMeans
from ecorse.settings import PROJECT_DIR
from ecorse.testing import SegmentationContract

EXAMPLE = runpy.run_path(str(PROJECT_DIR / "docs" / "examples" / "by_spending.py"))


class TestKMeansOfOrders(SegmentationContract):
    model = PcaKMeans


class TestKMeansOfCustomers(SegmentationContract):
    model = PcaKMeans
    entity_column = "customer_id"


class TestDbscanOfOrders(SegmentationContract):
    model = Dbscan


class TestDbscanOfCustomers(SegmentationContract):
    model = Dbscan
    entity_column = "customer_id"


class TestHdbscanOfOrders(SegmentationContract):
    model = Hdbscan


class TestHdbscanOfCustomers(SegmentationContract):
    model = Hdbscan
    entity_column = "customer_id"


class TestHierarchicalOfOrders(SegmentationContract):
    model = Hierarchical

    def test_who_is_on_a_border_can_be_told(self, fitted, space):
        assert fitted.distances(space, np.arange(3)) is not None


class TestHierarchicalOfCustomers(SegmentationContract):
    model = Hierarchical
    entity_column = "customer_id"


class TestBySpendingOfTheHowTo(SegmentationContract):
    model = EXAMPLE["SEGMENTATION"]
    parameters = {"big_from": 500.0}
    entity_column = "customer_id"
