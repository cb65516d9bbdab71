"""What every segmentation must do.

What belongs here: promises of the kind. What does not: whether segments are good ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from ecorse import declared
from ecorse.errors import ConfigError
from ecorse.models.base import Segmentation, Task
from ecorse.models.segmentation_file import Feature
from ecorse.models.space import FeatureSpace
from ecorse.testing.shop import DEFAULT_FEATURES, tiny_lines, tiny_space

TASK = Task("segment_tested", "main", seed=1)


class SegmentationContract:
    """Mix-in for pytest: set ``model``, and what of the rest does not fit.

    ``parameters`` is what ``[parameters]`` of a declaration would say, ``features`` its
    ``[[features]]``, ``entity_column`` order_id or customer_id.
    """

    model: ClassVar[type[Segmentation]]
    parameters: ClassVar[Mapping[str, Any]] = {}
    features: ClassVar[Sequence[Feature]] = DEFAULT_FEATURES
    entity_column: ClassVar[str] = "order_id"

    @classmethod
    def make(cls) -> Segmentation:
        """A new, unfitted segmentation."""
        config = declared.check(cls.parameters, cls.model.config_class, "parameters")
        return cls.model(config)

    @classmethod
    def lines(cls) -> pl.DataFrame:
        """The small shop's order lines; add the columns that your ``[inputs]`` select beside."""
        return tiny_lines()

    @classmethod
    def space_of(cls, lines: pl.DataFrame) -> FeatureSpace:
        """Lines as the segmentation gets them."""
        return tiny_space(lines, cls.features, cls.entity_column)

    @pytest.fixture(scope="class")
    @classmethod
    def space(cls) -> FeatureSpace:
        """The small shop."""
        return cls.space_of(cls.lines())

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, space: FeatureSpace) -> Segmentation:
        """The segmentation, fitted once for all tests that only ask."""
        return cls.make().fit(space, TASK)

    def test_parameters_that_it_does_not_know_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="no such key"):
            declared.check({"no_such_thing": 1}, self.model.config_class, "parameters")

    def test_fit_gives_the_segmentation_itself(self, space: FeatureSpace) -> None:
        made = self.make()
        assert made.fit(space, TASK) is made

    def test_everyone_has_a_label(self, fitted: Segmentation, space: FeatureSpace) -> None:
        labels = fitted.assign(space)
        assert labels.shape == (space.n,)
        assert np.issubdtype(labels.dtype, np.integer)
        assert labels.min() >= -1
        if (size := fitted.size()) is not None:
            assert labels.max() < size

    def test_names_are_those_of_its_labels(self, fitted: Segmentation, space: FeatureSpace) -> None:
        names = fitted.names()
        if names is None:
            return
        assert set(fitted.assign(space)) <= {*names, -1}
        assert len(set(names.values())) == len(names)
        assert all(name.strip() for name in names.values())

    def test_the_same_rows_in_any_order_give_the_same_labels(
        self, fitted: Segmentation, space: FeatureSpace
    ) -> None:
        shuffled = self.space_of(self.lines().sample(fraction=1.0, shuffle=True, seed=5))
        again = self.make().fit(shuffled, TASK)
        np.testing.assert_array_equal(again.assign(shuffled), fitted.assign(space))

    def test_its_files_bring_it_back(self, fitted: Segmentation, space: FeatureSpace) -> None:
        files = fitted.dump()
        for name, content in files.items():
            assert not content.startswith(b"\x80"), f"{name} is a pickle, which can run code"
        loaded = self.model.load(files, fitted.config)
        np.testing.assert_array_equal(loaded.assign(space), fitted.assign(space))
        assert loaded.names() == fitted.names()

    def test_its_files_have_the_same_bytes_each_time(self, space: FeatureSpace) -> None:
        once, again = (self.make().fit(space, TASK).dump() for _ in range(2))
        assert dict(once) == dict(again)

    def test_a_second_night_keeps_the_labels(
        self, fitted: Segmentation, space: FeatureSpace
    ) -> None:
        second = self.make().fit(space, TASK, fitted)
        assert second.why_changed() == ""
        np.testing.assert_array_equal(second.assign(space), fitted.assign(space))

    def test_points_are_places_of_rows(self, fitted: Segmentation, space: FeatureSpace) -> None:
        rows = np.arange(0, space.n, 7)
        places = fitted.points(space, rows)
        if places is not None:
            assert places.shape == (len(rows), 2)
            assert np.isfinite(places).all()

    def test_its_own_segment_is_the_nearest(
        self, fitted: Segmentation, space: FeatureSpace
    ) -> None:
        rows = np.arange(0, space.n, 7)
        apart = fitted.distances(space, rows)
        if apart is None:
            return
        assert apart.shape == (len(rows), fitted.size())
        assert np.isfinite(apart).all()
        assert (apart >= 0).all()
        own = fitted.assign(space)[rows]
        placed = own >= 0
        np.testing.assert_allclose(
            apart[placed, own[placed]], apart[placed].min(axis=1), rtol=1e-6, atol=1e-6
        )

    def test_figures_are_numbers_by_name(self, fitted: Segmentation, space: FeatureSpace) -> None:
        figures = fitted.metrics(space, fitted.assign(space), 1)
        assert all(isinstance(name, str) for name in figures)

    def test_that_it_says_little_has_a_reason(self, fitted: Segmentation) -> None:
        assert fitted.is_degenerate() == bool(fitted.why_degenerate())
        assert fitted.why_degenerate() == fitted.why_degenerate().strip().rstrip(".")

    def test_diagnostics_fit_their_tables(self, fitted: Segmentation) -> None:
        own = fitted.diagnose()
        tables = {table.name: table for table in self.model.diagnostics}
        assert own.keys() <= tables.keys()
        for name, table in tables.items():
            assert "segmentation" in table.columns
            assert table.writer_column == "segmentation"
            left = set(table.columns) - {"shop_id", "segmentation"}
            rows = own.get(name, [])
            if isinstance(rows, pl.DataFrame):
                assert set(rows.columns) == left
            else:
                assert all(set(row) == left for row in rows)

    def test_a_shop_of_one_is_no_accident(self) -> None:
        lines = self.lines()
        first = lines[self.entity_column].min()
        alone = self.space_of(lines.filter(pl.col(self.entity_column) == first))
        assert self.make().fit(alone, TASK).assign(alone).shape == (1,)
