"""%kreg check finds nothing in the models of `keras.applications`: `make test-long`, and the matrix for old Keras."""

from __future__ import annotations

import re

import pytest

SMALLEST = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
"""The edge of the smallest picture that a model takes; 32 for all others."""

ONLY_IN_KERAS_2 = r"RegNet(?!.002)|ResNetRS(?!50)"
"""The larger models of two families that Keras 3 does not have: the smallest ones are looked at."""

ONE = """
if issubclass(type(model), K.Model): del model
gc.collect()
model = getattr(K.applications, {name!r})(weights=None, input_shape=({edge}, {edge}, 3), classes=2)
model.compile("adam", "categorical_crossentropy", metrics=["accuracy", K.metrics.AUC()])
"""


@pytest.mark.parametrize(
    "keras",
    [
        pytest.param("keras", marks=pytest.mark.needs("keras>=2.13")),
        pytest.param("tf_keras", marks=pytest.mark.needs("tf_keras")),
        pytest.param("tf.keras", marks=pytest.mark.needs("keras<2.13")),
    ],
)
def test_no_rule_fires_on_the_models_that_keras_brings(nb, keras):
    nb.run("k", f"K, model = {keras}, None")
    names = nb.value("[name for name in dir(K.applications) if name[0].isupper()]")
    names = [name for name in names if not re.match(ONLY_IN_KERAS_2, name)]
    assert len(names) >= 40
    for name in names:
        nb.run("m", ONE.format(name=name, edge=SMALLEST.get(name, 32)))
        found = nb.value("get_ipython().run_line_magic('kreg', 'check model').to_dict()")
        assert found == {"findings": [], "checked": 1}, name
    nb.silently("del model")
