"""Public contract tests: what every recommender, segmentation and rule for actions must do.

What belongs here: mix-ins for pytest and the small shop they run on. What does not: fixtures and
tests of Ecorse itself. A model's test file is a few lines::

    from ecorse.testing import RecommenderContract
    from my_package.best_sellers import BestSellers

    class TestBestSellers(RecommenderContract):
        model = BestSellers

The tests need no database. They describe the kind: what one model promises beyond it is for its own
tests.
"""

from ecorse.testing.action import ActionContract
from ecorse.testing.recommender import RecommenderContract
from ecorse.testing.segmentation import SegmentationContract
from ecorse.testing.shop import tiny_interactions, tiny_space

__all__ = [
    "ActionContract",
    "RecommenderContract",
    "SegmentationContract",
    "tiny_interactions",
    "tiny_space",
]
