"""Histories of cells and files, played in stock IPython, with us, and their last texts in a fresh process: the promise.

`python tests/differential/harness.py NAME` or `--seed N` plays one of them and shows the three outcomes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest
from differential import families, generate, notebooks
from differential.harness import History, Stem

COUNT = int(os.environ.get("KREG_DIFFERENTIAL", "300"))
"""How many histories are played: two of three are made by hand until all of those are, the others are random."""
SEED = int(os.environ.get("KREG_SEED", random.randrange(10**9) if "KREG_DIFFERENTIAL" in os.environ else 0))
"""The first random history's seed: `make test` plays the same ones each time, `make test-long` others."""
LATER: list[str] = ["C"]
"""The faults that are to be mended later, by how they begin: their histories are left out."""
WITHOUT_REFERENCE = 0.1
"""The part of all histories that may have nothing to be compared with, because a fresh process cannot run them."""

NEEDS = pytest.mark.needs("tf_keras", "optree", "tensorflow-probability", "keras>=3.10")
"""What the notebook of a history imports."""


def chosen() -> list[History]:
    """Return what is played: an even choice of what is made by hand, then random histories."""
    made = [each for each in families.histories() if not (each.later and each.later.startswith(tuple(LATER)))]
    count = min(len(made), COUNT * 2 // 3)
    by_hand = [made[at * len(made) // count] for at in range(count)]
    return [*by_hand, *(generate.history(SEED + number) for number in range(COUNT - count))]


@pytest.fixture(scope="module")
def stem() -> Iterator[Stem]:
    with Stem() as running:
        yield running


@NEEDS
def test_histories_end_as_in_a_fresh_kernel_and_nothing_fails_that_works_in_stock(stem):
    print(f"KREG_SEED={SEED} KREG_DIFFERENTIAL={COUNT} plays the same histories again")  # shown if it fails
    outcomes = stem.play(chosen())
    differing = [outcome for outcome in outcomes if outcome.differences]
    shown = "\n\n".join(map(str, differing))
    assert not differing, f"{len(differing)} of {len(outcomes)} histories differ:\n\n{shown}"
    unfounded = [f"{each.history.name}: {each.no_reference}" for each in outcomes if each.no_reference]
    assert len(unfounded) <= WITHOUT_REFERENCE * len(outcomes), "\n".join(unfounded)


def test_the_histories_made_by_hand_have_names_of_their_own():
    names = [history.name for history in families.histories()]
    assert len(names) == len({*names}) > 120


NOTEBOOK = [
    "%matplotlib inline\nimport keras",
    "%%bash\nls",
    """
@keras.saving.register_keras_serializable("Made")
class Scaled(keras.layers.Layer):
    def call(self, x):
        return x * 2.0
""",
    "no_such_data",
    """
@tf.RegisterGradient("MadeGradient")
def gradient(op, grad):
    return grad
""",
    """
def create_model():
    model = keras.Sequential([keras.Input((2,)), Scaled(), keras.layers.Dense(1)])
    return model
model = create_model()
""",
    "again = keras.models.clone_model(model)",
]


@NEEDS
def test_a_notebook_that_is_developed_ends_as_in_a_fresh_kernel(stem):
    texts = notebooks.cells({"cells": [{"cell_type": "code", "source": [text]} for text in NOTEBOOK]})
    assert texts == ["pass\nimport keras", *NOTEBOOK[2:]]
    texts = notebooks.playable(stem, texts)
    assert texts == ["pass\nimport keras", *NOTEBOOK[2:3], *NOTEBOOK[4:]]
    outcomes = stem.play(notebooks.histories("made", texts))
    assert [outcome for outcome in outcomes if outcome.differences] == []
    twice = outcomes[0]
    [stock] = stem.ask([{"mode": "stock", "steps": twice.history.played(), "probes": twice.history.probes}])
    assert any("two gradient with name" in (step["error"] or "") for step in stock["steps"])
    assert stock["probes"] != twice.kreg["probes"]  # the names


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("x = 1", "x = 1\nedited = 3"),
        ("class A:\n    x = 1\ny = 2", "class A:\n    x = 1\n    def edited_3(self): return 3\ny = 2"),
        ("class A:\n    class B:\n        x = 1", None),
        ("class A: pass", "class A: pass"),
    ],
)
def test_a_cell_is_edited_in_each_of_its_classes(text, new):
    wanted = new or f"{text}\n        def edited_3(self): return 3\n    def edited_3(self): return 3"
    assert notebooks.edited(text, 3) == wanted
