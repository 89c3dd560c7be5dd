"""TensorFlow 2.12 to 2.15 with their Keras 2: the errors that people search for, without the extension and with it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.needs("tensorflow<2.16")
stock = pytest.mark.fails("stock")

PURGE = "for name in [n for n in sys.modules if n.partition('.')[0] == 'keras']: del sys.modules[name]\nimport keras"
RELOAD = """
import importlib
try: from keras.src.optimizers import optimizer
except ImportError: from keras.optimizers import optimizer
importlib.reload(optimizer)
"""
DUPLICATE = "Duplicate registrations for type 'experimentalOptimizer'"
TRAIN = """
model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
model.compile('adam', 'mse')
model.fit(tf.ones((4, 3)), tf.ones((4, 1)), verbose=0)
"""


@pytest.mark.needs("tensorflow<2.14")
@pytest.mark.parametrize("again", [PURGE, RELOAD])
def test_without_the_extension_keras_cannot_be_imported_or_reloaded_again(bare_kernel, again):
    bare_kernel.run("i", "import sys, tensorflow as tf, keras, keras.optimizers")
    assert DUPLICATE in bare_kernel.run("p", again, fails=True).error


@pytest.mark.parametrize("late", [False, True])
def test_keras_may_be_purged_and_imported_and_reloaded_again(bare_kernel, tmp_path, late):
    load, frameworks = "%load_ext kreg_ipython", "import sys, tensorflow as tf, keras, keras.optimizers"
    bare_kernel.run("l", frameworks if late else load)
    bare_kernel.run("i", load if late else frameworks)
    bare_kernel.run("m", TRAIN + "former = model")  # which keeps the former Keras alive
    bare_kernel.run("f", "@keras.utils.register_keras_serializable('P')\nclass Foo(keras.layers.Dense): pass")
    for again in (PURGE, RELOAD, PURGE):
        bare_kernel.run("p", again)
    bare_kernel.run("f", "@keras.utils.register_keras_serializable('P')\nclass Foo(keras.layers.Dense): pass")
    bare_kernel.run("m", TRAIN.replace("Dense(1, ", "Dense(4, ").replace("])", ", Foo(1)])", 1))
    for name in ("model.keras", "model.h5", "model"):
        bare_kernel.run("s", f"model.save({str(tmp_path / name)!r})")
        bare_kernel.run("s", f"keras.models.load_model({str(tmp_path / name)!r}).predict(tf.ones((1, 3)), verbose=0)")
    bare_kernel.run("r", "former.fit(tf.ones((4, 3)), tf.ones((4, 1)), verbose=0)")
    status = bare_kernel.value("get_ipython().run_line_magic('kreg', 'status').to_dict()")
    assert status["faults"] == {}
    assert [entry["key"] for entry in status["entries"] if entry["state"] == "current"] == ["P>Foo"]


@pytest.mark.needs("keras<2.13")
def test_without_the_extension_a_class_cell_that_is_run_twice_raises(stock_nb):
    source = "@keras.utils.register_keras_serializable('PKG')\nclass Foo(keras.layers.Layer): pass"
    stock_nb.run("a", source)
    assert f"{stock_nb.package}>Foo has already been registered to" in stock_nb.run("a", source, fails=True).error


@pytest.mark.needs("keras<2.13")
@stock
def test_a_class_cell_may_be_run_twice_and_edited(nb):
    source = "@keras.utils.register_keras_serializable('PKG')\nclass Foo(keras.layers.Layer): pass"
    for _ in range(3):
        nb.run("a", source)
    nb.run("a", source.replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Bar": "Bar"}


LEGACY_OPTIMIZER = """
@keras.utils.register_keras_serializable("PKG")
class Momentum(tf.keras.optimizers.legacy.Optimizer):
    def __init__(self, learning_rate=0.05, momentum={momentum}, name="Momentum", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("momentum", momentum)

    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "velocity")

    def _resource_apply_dense(self, grad, var, apply_state=None):
        velocity = self.get_slot(var, "velocity")
        velocity.assign(self._get_hyper("momentum", tf.float32) * velocity + grad)
        return var.assign_sub(self._get_hyper("learning_rate", tf.float32) * velocity)

    def get_config(self):
        config = {{name: self._serialize_hyperparameter(name) for name in ("learning_rate", "momentum")}}
        return {{**super().get_config(), **config}}
"""


@pytest.mark.needs("keras<2.13")  # where registering it again raises
@stock
@pytest.mark.parametrize("name", ["model.h5", "model"])
def test_a_slot_based_optimizer_is_edited_trained_saved_and_loaded(nb, tmp_path, name):
    legacy_optimizer_is_edited(nb, str(tmp_path / name))


@pytest.mark.needs("keras>=2.13")
def test_a_slot_based_optimizer_is_edited_where_registering_overwrites(nb, tmp_path):
    legacy_optimizer_is_edited(nb, str(tmp_path / "model.h5"))


def legacy_optimizer_is_edited(nb, path: str) -> None:
    build = """
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
        model.compile(Momentum(), "mse")
        before = model.evaluate(tf.ones((4, 3)), tf.ones((4, 1)), verbose=0)
        model.fit(tf.ones((4, 3)), tf.ones((4, 1)), epochs=5, verbose=0)
        after = model.evaluate(tf.ones((4, 3)), tf.ones((4, 1)), verbose=0)
    """
    for momentum in (0.1, 0.5, 0.2):
        nb.run("o", LEGACY_OPTIMIZER.format(momentum=momentum))
        nb.run("b", build)
        assert nb.value("after < before")
        nb.run("s", f"model.save({path!r}); again = keras.models.load_model({path!r})")
        assert nb.value("type(again.optimizer) is Momentum")
        assert nb.value("round(float(again.optimizer.get_config()['momentum']), 3)") == momentum
    nb.run("o", LEGACY_OPTIMIZER.format(momentum=0.2).replace("Momentum", "Inertia"))
    assert nb.custom_objects() == {"Inertia": "Inertia"}


STEP = """
@tf.function
def train(x, y):
    with tf.GradientTape() as tape: loss = tf.reduce_mean((net(x) - y) ** 2)
    opt.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
    return loss
@tf.function
def ask(net, x): return net(x)
"""
OLD = """
class Old(tf.keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.1, name="Old", **kwargs): super().__init__(name, **kwargs)
    def _create_slots(self, variables): pass
    def _resource_apply_dense(self, gradient, variable, apply_state=None): return variable
"""


@pytest.mark.needs("tensorflow<2.13")
def test_the_rules_of_optimizers_and_traces_hold(nb):
    make = "tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])"
    nb.run("n", f"net, opt = {make}, tf.keras.optimizers.SGD()")
    nb.run("s", STEP)
    nb.run("u", "x = tf.ones((3, 2))\nz = train(x, x[:, :1]), ask(net, x)")
    check = "get_ipython().run_line_magic('kreg', 'check {}').to_dict()['findings']"
    assert nb.value(check.format("train ask net opt")) == []
    nb.run("n", f"net, opt = {make}, tf.keras.optimizers.SGD()")
    found = nb.value(check.format("train ask net opt"))
    assert [(each["rule"], each["object"]) for each in found] == [("former-trace", "train")]
    nb.run("k", "before = net.layers[-1].kernel.numpy()\nz = train(x, x[:, :1])")
    assert nb.value("bool((before == net.layers[-1].kernel.numpy()).all())")
    nb.run("o", OLD)
    [old] = nb.value(check.format("Old"))
    assert "has _create_slots, which tf.keras.optimizers.Optimizer never calls" in old["message"]
    nb.run("o", "@tf.keras.utils.register_keras_serializable('PKG')\n" + old["fix"])
    nb.run("f", f"model = {make}\nmodel.compile(Old(), 'mse')\nmodel.fit(x, x[:, :1], verbose=0)")
    assert nb.value(check.format("Old model")) == []
