"""What takes %kreg export several processes, or minutes: `make test-long`."""

from __future__ import annotations

import pytest
from conftest import is_met
from test_verify import DEFINITIONS, KERAS_2, MODELS, WITH_TENSORFLOW


@pytest.mark.parametrize(
    "K",
    [
        pytest.param("keras", marks=pytest.mark.needs("keras>=3")),
        pytest.param("tf_keras", marks=pytest.mark.needs("tf_keras")),
    ],
)
def test_each_kind_of_object_is_as_in_the_notebook_after_models_were_trained_with_it(nb, K, tmp_path):
    definitions = DEFINITIONS
    for new, old in KERAS_2.items() if K == "tf_keras" else ():
        definitions = definitions.replace(new, old)
    imports = "from keras import ops" if K == "keras" else "import tensorflow as tf"
    nb.run("i", f"import {K} as K, numpy as np\n{imports}")
    nb.run("d", definitions)
    nb.run("m", MODELS)
    if is_met("tensorflow"):
        nb.run("t", "import tensorflow as tf\n" + WITH_TENSORFLOW)
    path = tmp_path / f"{nb.package}_all.py"
    found = nb.value(f"get_ipython().run_line_magic('kreg', 'export {path}').to_dict()")
    assert (found["verified"], found["left_out"]) == (True, [])
