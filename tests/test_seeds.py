"""The situations that the project was started for, each as a whole."""

from __future__ import annotations

import pytest
from test_cells import naive, stock

OPTIMIZER = """
@keras.utils.register_keras_serializable("PKG")
class Momentum(keras.optimizers.Optimizer):
    VERSION = {version}

    def __init__(self, learning_rate=0.01, momentum={momentum}, name="momentum", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.velocities = [self.add_variable_from_reference(v, "velocity") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(velocity, self.momentum * velocity - learning_rate * gradient)
        self.assign_add(variable, velocity)

    def get_config(self):
        return {{**super().get_config(), "momentum": self.momentum}}
"""


@stock
@pytest.mark.needs("keras>=3")
def test_an_optimizer_that_is_edited_five_times_and_trained_and_loaded_in_between(nb, tmp_path):
    nb.run("z", "import numpy as np; x = np.ones((8, 2), 'float32'); y = np.ones((8, 1), 'float32'); classes = []")
    path = str(tmp_path / "model.keras")
    for version in range(5):
        nb.run("o", OPTIMIZER.format(version=version, momentum=version / 10) + "classes.append(weakref.ref(Momentum))")
        nb.run(
            "m",
            f"""
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(Momentum(), "mse")
        before = float(model.evaluate(x, y, verbose=0))
        model.fit(x, y, epochs=3, verbose=0)
        assert float(model.evaluate(x, y, verbose=0)) < before
        model.save({path!r})
        """,
        )
        nb.run("l", f"loaded = keras.models.load_model({path!r})")
        assert nb.value("[loaded.optimizer.VERSION, loaded.optimizer.momentum]") == [version, version / 10]
        assert nb.value("type(loaded.optimizer) is Momentum") is True
    nb.run("c", "model = loaded = None; keras.backend.clear_session(); gc.collect()")
    assert nb.value("[r() is not None for r in classes]") == [False] * 4 + [True]


@stock
@pytest.mark.needs("tensorflow")
def test_a_guided_backpropagation_cell_is_edited_and_run_again(nb):
    cell = """
    @tf.RegisterGradient("PKGGuidedRelu")
    def _guided_relu(op, grad):
        return SCALE * tf.cast(grad > 0, grad.dtype) * tf.cast(op.inputs[0] > 0, grad.dtype) * grad
    @tf.function
    def guided(x):
        with tf.compat.v1.get_default_graph().gradient_override_map({"Relu": "PKGGuidedRelu"}):
            return tf.nn.relu(x)
    x = tf.constant([-1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = guided(x)
    saliency = tape.gradient(y, x).numpy().tolist()
    """
    for scale in ("1.0", "2.0", "3.0"):
        nb.run("a", cell.replace("SCALE", scale))
        assert nb.value("saliency") == [0.0, float(scale)]


@pytest.mark.fails("stock", "tensorflow<2.22")
@pytest.mark.needs("tensorflow")
def test_an_extension_type_is_edited_run_again_and_saved(nb, tmp_path):
    cell = """
    class Masked(tf.experimental.ExtensionType):
        __name__ = "PKG.Masked"
        values: tf.Tensor
        mask: tf.Tensor
        def total(self): return FACTOR * tf.reduce_sum(tf.where(self.mask, self.values, 0))
    class Module(tf.Module):
        @tf.function(input_signature=[Masked.Spec(tf.TensorSpec([2], tf.int32), tf.TensorSpec([2], tf.bool))])
        def total(self, masked): return masked.total()
    """
    for factor in (1, 2, 3):
        nb.run("a", cell.replace("FACTOR", str(factor)))
        nb.run("s", f"tf.saved_model.save(Module(), {str(tmp_path / str(factor))!r})")
        nb.run("l", f"again = tf.saved_model.load({str(tmp_path / str(factor))!r})")
        assert nb.value("int(again.total(Masked([3, 4], [True, False])))") == 3 * factor


@naive
@pytest.mark.needs("tensorflow")
def test_a_model_of_an_extension_type_made_before_the_re_run_is_still_saved(nb, tmp_path):
    cell = """
    class Masked(tf.experimental.ExtensionType):
        __name__ = "PKG.Masked"
        values: tf.Tensor
    """
    nb.run("a", cell)
    nb.run(
        "m",
        """
    class Module(tf.Module):
        @tf.function(input_signature=[Masked.Spec(tf.TensorSpec([2], tf.int32))])
        def total(self, masked): return tf.reduce_sum(masked.values)
    module = Module()
    """,
    )
    nb.run("a", cell)
    nb.run("s", f"tf.saved_model.save(module, {str(tmp_path)!r})")


@pytest.mark.needs("tensorflow")
def test_a_thousand_runs_of_a_class_cell_leave_no_former_class_alive(nb):
    cell = """
    @keras.utils.register_keras_serializable("PKG")
    class Layer(keras.layers.Layer):
        def call(self, x): return x
    @tf_keras.utils.register_keras_serializable("PKG")
    class Metric(tf_keras.metrics.Metric): pass
    @tf.RegisterGradient("PKGOp")
    def gradient(op, grad): return grad
    for made in (Layer, Metric, gradient): references.append(weakref.ref(made))
    """
    nb.run("z", "references = []")
    nb.run("a", cell)
    nb.run(
        "loop",
        f"""
    shell, cell = get_ipython(), {cell.replace("    ", "").replace("def call", " def call")!r}
    import threading
    """,
    )
    for _ in range(1000):
        nb.kernel.send(cell.replace("PKG", nb.package).replace("\n    ", "\n"), {"cellId": "a"}, store_history=False)
    nb.run("c", "gc.collect()")
    assert nb.value("len(references)") == 3003
    assert nb.value("sum(r() is not None for r in references)") == 3
    assert len(nb.entries()) == 3


@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
def test_a_swept_class_in_a_live_model_keeps_its_name(nb, framework):
    nb.run("a", f"@{framework}.utils.register_keras_serializable('PKG')\nclass Foo({framework}.layers.Layer): pass")
    nb.run("m", "layer = Foo()")
    nb.run("a", "x = 1")
    assert nb.value(f"{framework}.utils.get_registered_name(type(layer)).partition('>')[2]") == "Foo"
