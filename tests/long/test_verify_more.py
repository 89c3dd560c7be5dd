"""What takes %kreg verify several processes: `make test-long`."""

from __future__ import annotations

import pytest
from test_verify import verified


@pytest.mark.needs("keras>=3")
def test_definitions_that_only_a_notebook_can_execute_fail_the_models_that_need_them_and_no_others(nb):
    nb.run(
        "d",
        """
        import keras
        @keras.saving.register_keras_serializable("PKG")
        class Good(keras.layers.Layer):
            def call(self, x): return 2 * x
        @keras.saving.register_keras_serializable("PKG")
        class Shell(keras.layers.Layer):
            scale = 1 / ("get_ipython" in globals())
            def call(self, x): return self.scale * x
        S, I = keras.Sequential, keras.layers.Input
        good, bad, plain = S([I((3,)), Good()]), S([I((3,)), Shell()]), S([I((3,)), keras.layers.Dense(1)])
        """,
    )
    found = verified(nb, "good bad plain")
    assert {name: model["verdict"] for name, model in found.items()} == {
        "good": "loads",
        "bad": "fails",
        "plain": "loads",
    }
    assert found["bad"]["reason"].startswith(
        "in a fresh kernel the definitions cannot be executed: ZeroDivisionError: "
    )


@pytest.mark.needs("keras>=3", "tensorflow")
def test_a_gradient_that_the_definitions_lack_fails_the_model_whose_answers_are_the_same(nb):
    nb.run(
        "d",
        """
        import sys
        import keras, tensorflow as tf
        @tf.RegisterGradient("PKGHalf")
        def half(op, grad): return 0.5 * grad
        @keras.saving.register_keras_serializable("PKG")
        class Halved(keras.layers.Layer):
            @tf.function
            def call(self, x):
                with tf.compat.v1.get_default_graph().gradient_override_map({"Identity": "PKGHalf"}):
                    return tf.identity(x)
        model = keras.Sequential([keras.layers.Input((3,)), Halved()])
        """,
    )
    nb.run(
        "v",
        """
        from kreg_ipython.checks import Notebook
        from kreg_ipython.checks.cells import Cells
        from kreg_ipython.export import models, verify
        from kreg_ipython.export.module import module_for
        mine = get_ipython().magics_manager.registry["KregMagics"].notebook
        looked_at = Notebook(mine.variables(), mine.process.guard, Cells(mine.cells(), mine.cell_of), ["model"])
        subjects = models.subjects(looked_at)
        text = module_for(looked_at, subjects[0].roots).text
        assert "PKGHalf" in text
        without = text.replace('@tf.RegisterGradient("PKGHalf")', "")
        results = verify.verify_models(subjects, text) + verify.verify_models(subjects, without)
        """,
    )
    assert nb.value("[each.verdict for each in results]") == ["loads", "fails"]
    assert nb.value("results[1].reason").startswith("LookupError: No gradient defined for operation")
