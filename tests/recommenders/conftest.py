"""One night of a method on the products and lines of a tiny shop."""

from __future__ import annotations

import pytest

from ecorse.training.run import run_model

# Cosines of tiny shops are exact where no pair is too rare, too weak or too unlike to be listed.
EVERYTHING = {"min_co_purchases": 1, "min_lift": 0.0}


@pytest.fixture(scope="module")
def run(declare):
    """One night of a method; ``parameters`` beside ``EVERYTHING``, without a floor for likeness."""

    def night(catalogue, lines, method="item_similarity", top_n=20, **parameters):
        given = EVERYTHING | {"neighbours": top_n} | parameters
        if method == "item_similarity":
            given = {"min_attribute_cosine": 0.0} | given
        declaration = declare(f"recommend_{method}", top_n=top_n, parameters=given)
        inputs = {"products": catalogue, "interactions": lines}
        return run_model(declaration, "s", inputs, None)

    return night
