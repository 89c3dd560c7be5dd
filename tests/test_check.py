"""%kreg check: each rule finds the real mistake, which is shown to hurt, and leaves correct code that looks alike alone."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest
from kernels import CPU, Kernel

from kreg_ipython.lib.source import assigned

SETUP = """
import numpy as np
is_3 = K.__version__ >= "3"
def make(units=1, K=K):
    return K.Sequential([K.layers.Input((2,)), K.layers.Dense(3), K.layers.Dense(units, activation="sigmoid")])
x = np.random.rand(8, 2).astype("float32")
y = (x[:, :1] > 0.5).astype("float32")
"""


def findings(nb, names: str) -> list[dict]:
    found = nb.value(f"get_ipython().run_line_magic('kreg', 'check {names}').to_dict()")
    assert found["checked"] > 0
    assert not any("Error: " in said for said in found.get("faults", {}).values()), found["faults"]
    return found["findings"]


KERAS = {"keras": "keras>=2.13", "tf.keras": "keras<2.13", "tf_keras": "tf_keras"}
"""Where users have it from, and what must be installed. In 2.12 `keras.optimizers` has other classes than `tf.keras`."""


IMPORT = {
    "keras": "import keras as K",
    "tf_keras": "import tf_keras as K",
    "tf.keras": "from tensorflow import keras as K",
}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.needs(needed)) for name, needed in KERAS.items()])
def K(nb, request):
    """A notebook's Keras: 3, or 2."""
    nb.silently("for name in ('model', 'optimizer', 'a', 'b', 'step'): globals().pop(name, None)")  # of other tests
    nb.run("k", f"names = {{*globals()}}\nK = {request.param}\n{SETUP}")
    yield request.param
    nb.silently("for name in {*globals()} - names - {'names', 'name'}: del globals()[name]")


def of_backend(name: str, source: str) -> list[pytest.MarkDecorator]:
    """Return what a source needs besides Keras: all others run on JAX and torch, too."""
    elsewhere = name not in DIFFERENT_ON_JAX and re.search(r"\btf\.", source) is None
    return [] if elsewhere else [pytest.mark.needs("tensorflow")]


DIFFERENT_ON_JAX = {
    "one optimizer for two models",
    "one optimizer for two models, before training",
    "layers that are frozen and thawed",
    "a part of a model",
}


class Mistake(NamedTuple):
    """Cells that make it, as ``{id: source}``; the variables to check; the rule, what its message says, where it points
    to; a cell that shows what hurts, and the error there, for Keras 3 and for Keras 2 (empty: it raises none)."""

    cells: list[tuple[str, str]]
    names: str
    rule: str
    says: str
    line: int
    shows: str
    errors: tuple[str, str]
    fix: str = ""


COMPILE = "model = make()\nmodel.compile('sgd', 'binary_crossentropy', metrics={})"
COLUMNS = "history = model.fit(x, y, verbose=0).history\nassert len(history) == 3, history"
TWO_MODELS = (
    "a, b = make(), make()\noptimizer = K.optimizers.Adam()\na.compile(optimizer, 'mse')\nb.compile(optimizer, 'mse')"
)
STEP = """
@tf.function
def step(x):
    {}
    return x
"""
SLOTS = """
class Momentum(K.optimizers.Optimizer):
    def __init__(self, learning_rate=0.05, momentum=0.9, name="Momentum", **kwargs):
        super().__init__({}, **kwargs)
        {}
    def _create_slots(self, variables):
        for variable in variables:
            self.add_slot(variable, "velocity")
    def _resource_apply_dense(self, gradient, variable, apply_state=None):
        return variable.assign_sub(gradient)
"""
FIT = "model = make()\nmodel.compile(Momentum(), 'mse')\nmodel.fit(x, y, verbose=0)"
LAYER = """
@K.utils.register_keras_serializable("PKG")
class Foo(K.layers.Layer):
    def call(self, x): return x * {}
"""
CONFIGURED = """
@K.utils.register_keras_serializable("PKG")
class Foo(K.layers.Layer):
    def __init__(self, {0}):
        super().__init__(**(kw if "kw" in locals() else {{}}))
        self.units = units
    def call(self, x): return x
    def get_config(self): return {{**super().get_config(){1}}}
"""
NET = "net, opt = make(), K.optimizers.SGD(0.5)"
TRAIN = """
@tf.function
def train(x, y):
    with tf.GradientTape() as tape: loss = tf.reduce_mean((net(x) - y) ** 2)
    opt.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
    return loss
"""
TRAIN_ANY = TRAIN.replace("train(x, y)", "train(net, opt, x, y)")
ADAM = NET.replace("SGD(0.5)", "Adam()")
STANDS_STILL = """
before = [each.numpy() for each in net.trainable_variables]
{}
assert all((each == now.numpy()).all() for each, now in zip(before, net.trainable_variables))
"""
UNREGISTERED = LAYER.partition("\n")[2].partition("\n")[2]
SAVE = "import os, tempfile\npath = os.path.join(tempfile.mkdtemp(), 'm.keras')\nmodel.save(path)\nK.models.load_model(path)"
ONE = "K.Sequential([K.layers.Input((2,)), {}])"

SINGLETON = "tf.function only supports singleton"

MISTAKES = {
    "two equal metrics": Mistake(
        [("m", COMPILE.format("[K.metrics.AUC(), K.metrics.AUC()]"))],
        "model",
        "duplicate-metric",
        "model.compile gets 'auc",
        2,
        COLUMNS,
        ("", ""),
        "model.compile('sgd', 'binary_crossentropy', metrics=[K.metrics.AUC()])",
    ),
    "one metric twice": Mistake(
        [("m", "metric = K.metrics.AUC()\n" + COMPILE.format("[metric, metric]"))],
        "model",
        "duplicate-metric",
        " twice: ",
        3,
        COLUMNS,
        ("", ""),
        "metrics=[metric])",
    ),
    "a string twice": Mistake(
        [("m", COMPILE.format("['mae', 'accuracy', 'accuracy']"))],
        "model",
        "duplicate-metric",
        "'accuracy'",
        2,
        "history = model.fit(x, y, verbose=0).history\nassert len(history) == 4, history",
        ("", "Found two metrics with the same name"),
        "metrics=['mae', 'accuracy'])",
    ),
    "a string and its instance": Mistake(
        [("m", COMPILE.format("['mse', K.metrics.MeanSquaredError()]"))],
        "model",
        "duplicate-metric",
        "'mean_squared_error'",
        2,
        COLUMNS,
        ("", ""),
        "metrics=['mse'])",
    ),
    "accuracy and what it stands for": Mistake(
        [("m", COMPILE.format("['accuracy', K.metrics.BinaryAccuracy()]"))],
        "model",
        "duplicate-metric",
        "'binary_accuracy'",
        2,
        COLUMNS,
        ("", ""),
    ),
    "a metric of its own of the same name": Mistake(
        [("m", COMPILE.format("[K.metrics.AUC(name='auc')]") + "\nmodel.score = K.metrics.AUC(name='auc')")],
        "model",
        "duplicate-metric",
        "model has its own metric 'auc'",
        2,
        "history = model.fit(x, y, verbose=0).history\n"
        "assert len(model.evaluate(x, y, verbose=0)) == 1 + len(history), history",
        ("", ""),
    ),
    "a model and its optimizer made again, and not the function that trains": Mistake(
        [("n", NET), ("t", TRAIN), ("u", "train(x, y)"), ("n", NET)],
        "train",
        "former-trace",
        "train was traced with the former net of run [",
        2,
        STANDS_STILL.format("train(x, y)"),
        ("", ""),
        "which defines train",
    ),
    "another batch after that": Mistake(
        [("n", ADAM), ("t", TRAIN), ("u", "train(x, y)"), ("n", ADAM)],
        "train",
        "former-trace",
        "goes on using it: net and opt will not",
        2,
        "train(x[:3], y[:3])",
        (SINGLETON, SINGLETON),
    ),
    "an optimizer made again": Mistake(
        [("n", NET), ("t", TRAIN), ("u", "train(x, y)"), ("o", "opt = K.optimizers.SGD(0.0)")],
        "train",
        "former-trace",
        "train was traced with the former opt of run [",
        2,
        "before = net.layers[-1].kernel.numpy()\ntrain(x, y)\nassert (before != net.layers[-1].kernel.numpy()).any()",
        ("", ""),
    ),
    "a model that an output of the notebook still holds": Mistake(
        [("n", NET + "\nnet"), ("t", TRAIN), ("u", "train(x, y)"), ("n", NET)],
        "train",
        "former-trace",
        "train was traced with the former net of run [",
        2,
        STANDS_STILL.format("train(x, y)"),
        ("", ""),
    ),
    "a function that only another one holds": Mistake(
        [
            ("n", NET),
            (
                "t",
                f"def maker():\n{textwrap.indent(TRAIN, '    ')}\n    def loop(): train(x, y)\n    return loop\nloop = maker()",
            ),
            ("u", "loop()"),
            ("n", NET),
        ],
        "loop net",
        "former-trace",
        "train was traced with the former net of run [",
        3,
        STANDS_STILL.format("loop()"),
        ("", ""),
    ),
    "a method": Mistake(
        [
            (
                "c",
                "class Trainer:\n    def __init__(self): self.net = make()\n    @tf.function\n"
                "    def ask(self, x): return self.net(x)",
            ),
            ("t", "trainer = Trainer()\ntrainer.ask(x)"),
            ("n", "trainer.net = make()"),
        ],
        "trainer",
        "former-trace",
        "trainer.ask was traced with the former trainer.net",
        3,
        "assert np.abs(trainer.ask(x) - trainer.net(x)).max() > 1e-6",
        ("", ""),
        "which defines Trainer.ask, and then the cell that makes trainer",
    ),
    "a second optimizer for one function": Mistake(
        [
            ("n", ADAM),
            ("t", TRAIN_ANY),
            ("u", "train(net, opt, x, y)"),
            ("v", "if False: train(net, opt, x, y)"),
            ("n", ADAM),
        ],
        "train opt",
        "former-trace",
        "train was traced with another optimizer, and opt has no variables yet",
        2,
        "train(net, opt, x, y)",
        (SINGLETON, SINGLETON),
        "opt.build(",
    ),
    "a second optimizer in a loop": Mistake(
        [
            ("n", "pairs = [(make(), K.optimizers.Adam()) for _ in range(2)]\nopts = [opt for _, opt in pairs]"),
            ("t", TRAIN_ANY),
            ("u", "for (net, unused), opt in list(zip(pairs, opts))[:1]: train(net, opt, x, y)"),
        ],
        "train opts",
        "former-trace",
        "train was traced with another optimizer, and opts[1] has no variables yet",
        2,
        "for (net, unused), opt in zip(pairs, opts): train(net, opt, x, y)",
        (SINGLETON, SINGLETON),
        "opts[1].build(",
    ),
    "an optimizer in a tf.function": Mistake(
        [("f", STEP.format("optimizer = K.optimizers.Adam(0.1)\n    optimizer.build([w])"))],
        "step",
        "optimizer-in-function",
        "step creates an optimizer at each call",
        4,
        "w = K.layers.Dense(1); w.build((1, 2)); w = w.kernel\nstep(tf.constant(1.0))",
        ("tf.function only supports singleton", "tf.function only supports singleton"),
        "optimizer = K.optimizers.Adam(0.1)",
    ),
    "a metric in a function that a tf.function calls": Mistake(
        [("g", "def judge(x):\n    metric = K.metrics.Mean()\n    return metric(x)"), ("f", STEP.format("judge(x)"))],
        "step",
        "optimizer-in-function",
        "step creates a metric through judge() at each call",
        2,
        "step(tf.constant(1.0))",
        ("tf.function only supports singleton", "tf.function only supports singleton"),
        "metric = K.metrics.Mean()",
    ),
    "one optimizer for two models": Mistake(
        [("o", TWO_MODELS), ("t", "a.fit(x, y, verbose=0)")],
        "b",
        "optimizer-of-another-model",
        "the optimizer of b was built for the variables of a",
        4,
        "b.fit(x, y, verbose=0)",
        ("Unknown variable", "The optimizer cannot recognize variable"),
    ),
    "one optimizer for two models, before training": Mistake(
        [("o", TWO_MODELS)],
        "a",
        "optimizer-of-another-model",
        "a and b are compiled with one optimizer",
        3,
        "b.fit(x, y, verbose=0)\na.fit(x, y, verbose=0)",
        ("Unknown variable", "The optimizer cannot recognize variable"),
    ),
    "an optimizer kept while its model was built anew": Mistake(
        [
            ("o", "optimizer = K.optimizers.Adam()"),
            ("m", "model = make()\noptimizer.build(model.trainable_variables)"),
            ("m", "model = make()"),
        ],
        "model optimizer",
        "optimizer-of-another-model",
        "optimizer was built for the variables of a former model",
        1,
        "with tf.GradientTape() as tape: loss = tf.reduce_sum(model(x))\n"
        "optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))",
        ("Unknown variable", "The optimizer cannot recognize variable"),
        "optimizer = type(optimizer).from_config(optimizer.get_config())",
    ),
    "slots": Mistake(
        [
            (
                "c",
                SLOTS.format("name=name", "self.momentum = momentum").replace(
                    "(name=name", "(learning_rate=learning_rate, name=name"
                ),
            )
        ],
        "Momentum",
        "legacy-optimizer",
        "has _create_slots",
        2,
        FIT,
        ("NotImplementedError", "TypeError"),
    ),
    "hyperparameters as Keras 2 set them": Mistake(
        [("c", SLOTS.format("name=name", "self._set_hyper('momentum', momentum)"))],
        "Momentum",
        "legacy-optimizer",
        "calls _set_hyper",
        2,
        "Momentum()",
        ("missing 1 required positional argument: 'learning_rate'|_set_hyper", "_set_hyper"),
    ),
    "the name where the learning rate goes": Mistake(
        [
            (
                "c",
                "class Named(K.optimizers.SGD):\n    def __init__(self, name='Named', **kwargs):\n"
                "        super().__init__(name, **kwargs)",
            )
        ],
        "Named",
        "legacy-optimizer",
        "passes the name in the place of learning_rate",
        1,
        "Named().learning_rate + 1",
        ("Argument `learning_rate` should be float", "."),
    ),
    "a function with the name of one of Keras's own": Mistake(
        [("c", "def gelu(x): return x * 100"), ("m", "model = " + ONE.format("K.layers.Dense(1, activation=gelu)"))],
        "model",
        "will-not-load",
        "Keras's own gelu would be loaded",
        1,
        SAVE.replace("K.models", "loaded = K.models") + "\nassert loaded.layers[-1].activation is not gelu",
        ("", ""),
    ),
    "arguments that nobody is told": Mistake(
        [
            (
                "c",
                "@K.utils.register_keras_serializable('PKG')\n"
                "class Momentum(K.optimizers.SGD):\n"
                "    def __init__(self, learning_rate=0.1, power=2.0, **kwargs):\n"
                "        super().__init__(learning_rate=learning_rate, **kwargs)\n"
                "        self.power = power",
            )
        ],
        "Momentum",
        "legacy-optimizer",
        "has no get_config: a saved optimizer loses power",
        2,
        "model = make()\nmodel.compile(Momentum(power=3.0), 'mse')\nmodel.fit(x, y, verbose=0)\n"
        + SAVE.replace("K.models", "loaded = K.models")
        + "\nassert loaded.optimizer.power == 2.0",
        ("", ""),
    ),
    "a class that was renamed since": Mistake(
        [("c", LAYER.format(1)), ("m", "model = " + ONE.format("Foo()")), ("c", LAYER.format(1).replace("Foo", "Bar"))],
        "model",
        "will-not-load",
        "'PKG>Foo' was registered by cell [",
        1,
        SAVE,
        ("PKG>Foo", "PKG>Foo' was registered by"),
    ),
    "a class that is not registered": Mistake(
        [("c", LAYER.format(1).partition("\n")[2].partition("\n")[2]), ("m", "model = " + ONE.format("Foo()"))],
        "model",
        "will-not-load",
        "the class 'Foo' is not registered",
        1,
        SAVE,
        ("Could not locate class 'Foo'|Foo", "Foo"),
    ),
    "a lambda": Mistake(
        [("m", "model = " + ONE.format("K.layers.Lambda(lambda x: x)"))],
        "model",
        "will-not-load",
        " of a Lambda layer ",
        1,
        SAVE,
        ("Lambda", "Lambda"),
    ),
    "a loss that is not registered": Mistake(
        [("c", "def difference(a, b): return a - b"), ("m", "model = make()\nmodel.compile('sgd', difference)")],
        "model",
        "will-not-load",
        "the function 'difference' is not registered",
        1,
        SAVE,
        ("difference", "difference"),
    ),
    "a class that is not registered and whose cell was run again": Mistake(
        [
            ("c", UNREGISTERED.format(1)),
            ("m", "layer = Foo()\nmodel = " + ONE.format("Foo()")),
            ("c", UNREGISTERED.format(2)),
        ],
        "model layer",
        "former-class",
        "layer and model are built from the former Foo of run [",
        1,
        "assert float(layer(np.ones((1, 2), 'float32'))[0, 0]) == 1.0 and not isinstance(model.layers[-1], Foo)",
        ("", ""),
        "re-run cell [",
    ),
    "a class whose cell was run again": Mistake(
        [("c", LAYER.format(1)), ("m", "model = " + ONE.format("Foo()")), ("c", LAYER.format(2))],
        "model",
        "former-class",
        "model is built from the former Foo of run [",
        1,
        "assert float(model(np.ones((1, 2), 'float32'))[0, 0]) == 1.0 and type(Foo()) is not type(model.layers[-1])",
        ("", ""),
        "re-run cell [",
    ),
    "an argument that get_config leaves out": Mistake(
        [("c", CONFIGURED.format("units, **kw", "")), ("m", "model = " + ONE.format("Foo(3)"))],
        "model",
        "will-not-load",
        "Foo: get_config leaves out 'units', which __init__ requires",
        1,
        SAVE,
        ("units", "units"),
        "'units': self.units",
    ),
    "an argument that __init__ does not take": Mistake(
        [("c", CONFIGURED.format("units", ", 'units': self.units")), ("m", "model = " + ONE.format("Foo(3)"))],
        "model",
        "will-not-load",
        "Foo: __init__ does not take 'name', 'trainable', 'dtype', which get_config returns",
        1,
        SAVE,
        ("name", "name"),
        "**kwargs",
    ),
    "an initializer inside a layer": Mistake(
        [
            (
                "c",
                "@K.utils.register_keras_serializable('PKG')\n"
                "class Fill(K.initializers.Initializer):\n"
                "    def __init__(self, number): self.number = number\n"
                "    def __call__(self, shape, dtype=None, **kw): return np.full(shape, self.number, 'float32')\n"
                "    def get_config(self): return {}",
            ),
            ("m", "model = " + ONE.format("K.layers.Dense(1, kernel_initializer=Fill(2.0))")),
        ],
        "model",
        "will-not-load",
        "Fill: get_config leaves out 'number', which __init__ requires",
        1,
        SAVE,
        ("number|value", "number|value"),
    ),
    "a loss, a metric and an optimizer": Mistake(
        [
            (
                "c",
                "\n".join(
                    "@K.utils.register_keras_serializable('PKG')\n"
                    f"class My{kind}(K.{home}):\n    def __init__(self, number, **kw): super().__init__(**kw)"
                    for kind, home in [("SGD", "optimizers.SGD"), ("Loss", "losses.Loss")]
                )
                + "\n    def call(self, a, b): return (a - b) ** 2",
            ),
            ("m", "model = make()\nmodel.compile(MySGD(1), MyLoss(2))\nmodel.fit(x, y, verbose=0)"),
        ],
        "model",
        "will-not-load",
        ": get_config leaves out 'number', which __init__ requires",
        1,
        SAVE,
        ("number", "number"),
    ),
    "a key that from_config requires": Mistake(
        [
            (
                "c",
                CONFIGURED.format("units, **kw", "")
                + "    @classmethod\n    def from_config(cls, config):\n        units = config.pop('units')\n"
                "        return cls(units, **config)",
            ),
            ("m", "model = " + ONE.format("Foo(3)")),
        ],
        "model",
        "will-not-load",
        "Foo: get_config leaves out 'units', which from_config requires",
        1,
        SAVE,
        ("units", "units"),
        "'units': self.units",
    ),
    "an argument that neither get_config nor from_config gives": Mistake(
        [
            (
                "c",
                CONFIGURED.format("units, **kw", "")
                + "    @classmethod\n    def from_config(cls, config):\n        made = cls(**config)\n"
                "        made.loaded = True\n        return made",
            ),
            ("m", "model = " + ONE.format("K.Sequential([Foo(3)])")),
        ],
        "model",
        "will-not-load",
        "Foo: get_config leaves out 'units', which __init__ requires",
        1,
        SAVE,
        ("units", "units"),
        "'units': self.units",
    ),
    "an argument that from_config takes out": Mistake(
        [
            (
                "c",
                CONFIGURED.format("units, **kw", ", 'units': self.units")
                + "    @classmethod\n    def from_config(cls, config):\n        config.pop('units')\n"
                "        return super().from_config(config)",
            ),
            ("m", "model = " + ONE.format("Foo(3)")),
        ],
        "model",
        "will-not-load",
        "Foo: from_config does not hand on 'units', which __init__ requires",
        1,
        SAVE,
        ("units", "units"),
        "cls(units=…, **config)",
    ),
    "a metric, an initializer and an optimizer with from_configs of their own": Mistake(
        [
            (
                "c",
                "\n".join(
                    "@K.utils.register_keras_serializable('PKG')\n"
                    f"class My{kind}(K.{home}):\n    def __init__(self, number=1, **kw): super().__init__(**kw)\n"
                    "    @classmethod\n    def from_config(cls, config): return cls(config['number'], **config)"
                    for kind, home in [("SGD", "optimizers.SGD"), ("Mean", "metrics.MeanSquaredError")]
                ),
            ),
            (
                "m",
                "model, other = make(), make()\nmodel.compile(MySGD(1), 'mse')\n"
                "other.compile('sgd', 'mse', metrics=[MyMean(2)])\nmodel.fit(x, y, verbose=0)",
            ),
        ],
        "model other",
        "will-not-load",
        ": get_config leaves out 'number', which from_config requires",
        1,
        SAVE,
        ("number", "number"),
    ),
    "an initializer that is not registered": Mistake(
        [
            (
                "c",
                "class Fill(K.initializers.Initializer):\n"
                "    def __call__(self, shape, dtype=None, **kw): return np.ones(shape, 'float32')\n"
                "    def get_config(self): return {}",
            ),
            ("m", "model = " + ONE.format("K.layers.Dense(1, kernel_initializer=Fill())")),
        ],
        "model",
        "will-not-load",
        "the class 'Fill' is not registered",
        1,
        SAVE,
        ("Fill", "Fill"),
    ),
    "a built-in name": Mistake(
        [("h", "class Mine(K.initializers.Ones): pass\nK.utils.get_custom_objects()['zeros'] = Mine")],
        "Mine",
        "hijacked-name",
        "'zeros' is also a name in",
        2,
        "assert type(K.layers.Dense(1, kernel_initializer='zeros').kernel_initializer) is Mine",
        ("", ""),
    ),
    "an activation that has the name of Keras's": Mistake(
        [("h", "def swish(x): return 7 * x\nK.utils.get_custom_objects()['swish'] = swish")],
        "swish",
        "hijacked-name",
        "'swish' is",
        2,
        "assert (K.layers.Dense(1, activation='swish').activation is swish) is (not is_3)",
        ("", ""),
    ),
    "a layer under the name of an activation": Mistake(
        [("h", "class Foo(K.layers.Layer): pass\nK.utils.get_custom_objects()['relu'] = Foo")],
        "Foo",
        "hijacked-name",
        "'relu' is",
        2,
        "used = K.layers.Dense(1, activation='relu').activation\n"
        "assert (used is Foo or isinstance(used, Foo)) is (not is_3)",
        ("", ""),
    ),
    "the string of an optimizer": Mistake(
        [("h", "class Mine(K.optimizers.SGD): pass\nK.utils.get_custom_objects()['adam'] = Mine")],
        "Mine",
        "hijacked-name",
        "'adam' is also a name in",
        2,
        "assert type(K.optimizers.get('adam')) is Mine",
        ("", ""),
    ),
}


@pytest.mark.parametrize(
    "mistake", [pytest.param(each, id=name, marks=of_backend(name, repr(each))) for name, each in MISTAKES.items()]
)
def test_a_mistake_that_hurts_is_found(nb, K, mistake):
    numbers = {}
    is_2 = nb.value("not is_3")
    if is_2 and mistake is MISTAKES["one metric twice"]:
        assert "Found duplicated metrics" in nb.run("m", mistake.cells[0][1], fails=True).error
        return  # there is no model to look at
    if K == "tf.keras" and mistake is MISTAKES["a lambda"]:
        nb.run("m", mistake.cells[0][1])
        assert findings(nb, mistake.names) == []
        nb.run("s", mistake.shows)
        return  # Keras 2.12 loads it
    for cell, source in mistake.cells:
        nb.run(cell, source)
        numbers[cell] = nb.value("get_ipython().execution_count - 1")
    found = [finding for finding in findings(nb, mistake.names) if finding["rule"] == mistake.rule]
    if K == "tf.keras" and "a second optimizer" in mistake_name(mistake):
        shown = " ".join(nb.run("q", f"%kreg check {mistake.names}").text.split())
        assert "former-trace could not check everything: this TensorFlow does not tell which models train got" in shown
        return
    assert found, findings(nb, mistake.names)
    assert mistake.says.replace("PKG", nb.package) in found[0]["message"]
    assert re.fullmatch(rf"cell \[({'|'.join(map(str, numbers.values()))})\], line {mistake.line}", found[0]["where"])
    assert mistake.fix in found[0]["fix"]
    error = mistake.errors[is_2].replace("PKG", nb.package)
    shown = nb.run("s", mistake.shows, fails=bool(error))
    if error:
        assert re.search(error, shown.traceback + shown.stderr)  # IPython before 8.15 shows no notes


def mistake_name(mistake: Mistake) -> str:
    return next(name for name, each in MISTAKES.items() if each is mistake)


CORRECT = {
    "metrics that differ": COMPILE.format("['accuracy', K.metrics.AUC(curve='PR'), K.metrics.AUC(curve='ROC')]"),
    "metrics with names of their own": COMPILE.format("[K.metrics.AUC(name='a'), K.metrics.AUC(name='b')]"),
    "thresholds": COMPILE.format("[K.metrics.Precision(thresholds=0.3), K.metrics.Precision(thresholds=0.7)]"),
    "another accuracy": COMPILE.format("['accuracy', K.metrics.BinaryAccuracy(threshold=0.9)]"),
    "one metric for each output": """
        given = K.layers.Input((2,))
        model = K.Model(given, {"a": K.layers.Dense(1, name="a")(given), "b": K.layers.Dense(1, name="b")(given)})
        model.compile("sgd", {"a": "mse", "b": "mse"}, metrics={"a": ["mae"], "b": ["mae"]})
        """,
    "an optimizer that is made once": """
        class Trainer:
            def __init__(self): self.optimizer = None
            @tf.function
            def step(self, x):
                if self.optimizer is None:
                    self.optimizer = K.optimizers.Adam()
                return x
        trainer = Trainer()
        trainer.step(tf.constant(1.0))
        trainer.step(tf.constant(1.0))
        """,
    "a function that trains what the notebook has": NET + TRAIN + "train(x, y)\ntrain(x[:3], y[:3])",
    "a model and the function made again": f"""
        {NET}
        {textwrap.indent(TRAIN, "        ")}
        train(x, y)
        {NET}
        {textwrap.indent(TRAIN, "        ")}
        train(x, y)
        """,
    "a model that only a closure holds": f"""
        def maker():
            {NET}
        {textwrap.indent(TRAIN, "            ")}
            return train
        train = maker()
        train(x, y)
        """,
    "a model that only a default holds": """
        @tf.function
        def ask(x, net=make()): return net(x)
        ask(x)
        """,
    "a model that is passed": NET + TRAIN_ANY + "train(net, opt, x, y)\nnet = make()\nopt = K.optimizers.SGD()\n"
    "opt.build(net.trainable_variables)",
    "a function for each model": NET
    + TRAIN_ANY
    + "train(net, opt, x, y)\nother = tf.function(train.python_function)\nnet, opt = make(), K.optimizers.Adam()\nother(net, opt, x, y)\n",
    "optimizers that are built": ADAM
    + TRAIN_ANY
    + "train(net, opt, x, y)\n"
    + NET
    + "\nopt.build(net.trainable_variables)\ntrain(net, opt, x, y)\n",
    "metrics, random numbers and data": """
        mean, data = K.metrics.Mean(), tf.data.Dataset.from_tensor_slices(x).batch(2)
        dropout = K.layers.Dropout(0.5)
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0)
        @tf.function
        def score():
            for batch in data: mean.update_state(dropout(batch, training=True) + tf.random.get_global_generator().normal([2]))
            return mean.result(), table.lookup(tf.constant(["a"]))
        score()
        """,
    "a method that makes what it needs once": """
        class Once:
            @tf.function
            def __call__(self, x):
                if not hasattr(self, "net"): self.net = make()
                return self.net(x)
        once, other = Once(), Once()
        once(x), other(x)
        """,
    "an optimizer outside": "optimizer = K.optimizers.Adam()\n@tf.function\ndef step(x):\n    return x * optimizer.learning_rate",
    "a loss in a tf.function": STEP.format("K.losses.MeanSquaredError()(x, x)"),
    "an optimizer in a function that is no tf.function": "def make_optimizer():\n    return K.optimizers.Adam()\noptimizer = make_optimizer()",
    "an optimizer for each model": "a, b = make(), make()\na.compile('adam', 'mse')\nb.compile('adam', 'mse')\na.fit(x, y, verbose=0)",
    "layers that are frozen and thawed": """
        model = make()
        model.layers[0].trainable = False
        model.compile("adam", "mse")
        model.fit(x, y, verbose=0)
        model.layers[0].trainable = True
        model.fit(x, y, verbose=0)
        """,
    "metrics for several outputs, one each": """
        given = K.layers.Input((2,))
        model = K.Model(given, [K.layers.Dense(1, name="a")(given), K.layers.Dense(1, name="b")(given)])
        metrics = ["mae", "mae"] if is_3 else [["mae"], ["mae"]]
        model.compile("sgd", ["mse", "mse"], metrics=metrics)
        model.fit(x, [y, y], verbose=0)
        """,
    "metrics whose arguments get_config does not tell": """
        # only duplicate-metric
        class Only(K.metrics.Metric):
            def __init__(self, number, name=None):
                super().__init__(name=name or f"only_{number}")
                self.number = number
            def update_state(self, *args, **kwargs): pass
            def result(self): return float(self.number)
        model = make()
        model.compile("sgd", "mse", metrics=[Only(0), Only(1), Only(2)])
        """,
    "numbered names": COMPILE.format(
        "[K.metrics.MeanSquaredError(name='mse_1'), K.metrics.MeanSquaredError(name='mse_2')]"
    ),
    "odd metrics": """
        # only duplicate-metric
        import functools
        class Odd:
            __hash__ = None
            def __call__(self, a, b): return a - b
            def __eq__(self, other): return np.array([1, 2])
        model = make()
        model.compile("sgd", "mse", metrics=[lambda a, b: a - b])
        """,
    "a registered function in a Lambda": """
        @K.utils.register_keras_serializable("PKG")
        def half(x): return x / 2
        model = K.Sequential([K.layers.Input((2,)), K.layers.Lambda(half) if is_3 else K.layers.Dense(1)])
        """,
    "another default": """
        @K.utils.register_keras_serializable("PKG")
        class Mine(K.optimizers.Adam):
            def __init__(self, learning_rate=1e-3, beta_1=0.95, **kwargs):
                super().__init__(learning_rate=learning_rate, beta_1=beta_1, **kwargs)
        assert Mine.from_config(Mine(beta_1=0.5).get_config()).beta_1 == 0.5
        """,
    "a training step for a part of a model": """
        @K.utils.register_keras_serializable("PKG")
        class Part(K.Model):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.one, self.two = K.layers.Dense(3), K.layers.Dense(1)
            def call(self, x): return self.two(self.one(x))
            def train_step(self, data):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((self(data[0]) - data[1]) ** 2)
                variables = self.two.trainable_variables
                self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
                return {"loss": loss}
        model = Part()
        model.compile("adam")
        model.fit(x, y, verbose=0)
        model.fit(x, y, verbose=0)
        """,
    "a model that is held deep inside": """
        hidden = [[make()], {"a": {"b": make()}}]
        one, two, other = K.optimizers.Adam(), K.optimizers.Adam(), make()
        one.build(hidden[0][0].trainable_variables)
        two.build(hidden[1]["a"]["b"].trainable_variables)
        """,
    "a parameter that is called like a metric": """
        Mean = K.metrics.Mean
        @tf.function
        def step(x, Mean): return Mean(x)
        step(tf.constant([1.0]), tf.reduce_mean)
        """,
    "an optimizer that is got from one": """
        optimizer = K.optimizers.Adam()
        @tf.function
        def step(x): return x * K.optimizers.get(optimizer).learning_rate
        step(tf.constant([1.0]))
        """,
    "a part of a model": """
        model = make()
        model.compile("adam", "mse")
        model.fit(x, y, verbose=0)
        part = K.Model(model.inputs, model.layers[0].output)
        part.compile(model.optimizer, "mse")
        part.fit(x, np.zeros((8, 3)), verbose=0)
        """,
    "one optimizer for the variables of two models": """
        a, b = make(), make()
        optimizer = K.optimizers.Adam()
        optimizer.build(a.trainable_variables + b.trainable_variables)
        """,
    "an optimizer of variables that are no model's": """
        dense = K.layers.Dense(1)
        dense.build((None, 2))
        model, optimizer = make(), K.optimizers.Adam()
        optimizer.build(dense.trainable_variables)
        """,
    "an optimizer of today": """
        @K.utils.register_keras_serializable("PKG")
        class Momentum(K.optimizers.SGD):
            def __init__(self, learning_rate=0.1, power=2.0, **kwargs):
                super().__init__(learning_rate=learning_rate, **kwargs)
                self.power = power
            def get_config(self): return {**super().get_config(), "power": self.power}
        model = make()
        model.compile(Momentum(), "mse")
        """,
    "everything registered": LAYER.format(1)
    + "@K.utils.register_keras_serializable('PKG')\ndef scaled(x): return x * 2\n"
    + "@K.utils.register_keras_serializable('PKG')\ndef difference(a, b): return a - b\n"
    + "model = "
    + ONE.format("Foo(), K.layers.Dense(1, activation=scaled)")
    + "\nmodel.compile('sgd', difference, metrics=[difference])",
    "a name in a package": "@K.utils.register_keras_serializable('PKG', 'relu')\ndef relu(x): return 2 * x",
    "a name that this Keras asks nobody about": """
        K.utils.get_custom_objects()["Adam"] = relu2 = K.optimizers.SGD
        assert type(K.optimizers.deserialize(K.optimizers.serialize(K.optimizers.Adam()))) is K.optimizers.Adam
        """,
    "a name that nobody has": "K.utils.get_custom_objects()['PKGactivation'] = relu2 = lambda x: x",
    "classes of one name that are no versions of one": """
        # only former-class
        def define(n):
            class Foo(K.layers.Layer):
                def call(self, x): return x * n
            return Foo
        one, two = define(1), define(2)
        Foo = two
        class Bar(K.layers.Layer):
            class Foo(K.layers.Layer): pass
            def call(self, x): return x
        model = K.Sequential([K.layers.Input((2,)), one(), two(), Bar()])
        layer, inner = one(), Bar.Foo()
        """,
    "a from_config that gives what get_config leaves out": """
        calls = []
        @K.utils.register_keras_serializable("PKG")
        class Foo(K.layers.Layer):
            def __init__(self, inner, units, **kw):
                super().__init__(**kw)
                calls.append(units)
                self.inner, self.units = inner, units
            def call(self, x): return self.inner(x)
            def get_config(self): return {**super().get_config(), "inner": K.layers.serialize(self.inner)}
            @classmethod
            def from_config(cls, config):
                made = cls(K.layers.deserialize(config.pop("inner")), units=7, **config)
                made.more = 1
                return made
        model = K.Sequential([K.layers.Input((2,)), Foo(K.layers.Dense(2), 7)])
        """,
    "a from_config that remembers what it makes": """
        made = {}
        @K.utils.register_keras_serializable("PKG")
        class Foo(K.layers.Layer):
            def call(self, x): return x
            @classmethod
            def from_config(cls, config):
                if "foo" not in made: made["foo"] = cls(**config)
                return made["foo"]
        model = K.Sequential([K.layers.Input((2,)), Foo()])
        """,
    "a function that a layer keeps for itself": """
        def scaled(x): return x * 2
        @K.utils.register_keras_serializable("PKG")
        class Foo(K.layers.Layer):
            def __init__(self, **kw):
                super().__init__(**kw)
                self.helper = scaled
            def call(self, x): return self.helper(x)
        model = K.Sequential([K.layers.Input((2,)), Foo(name="scaled")])
        """,
    "a from_config that completes what it gets": """
        calls = []
        def upgraded(config): return {"units": 7, **config}
        @K.utils.register_keras_serializable("PKG")
        class Foo(K.layers.Layer):
            def __init__(self, units, **kw):
                super().__init__(**kw)
                self.units = units
            def call(self, x): return x
            @classmethod
            def from_config(cls, config):
                calls.append(config)
                if "scale" in config: config["units"] = config.pop("scale")
                config = upgraded(config)
                return cls(**config)
        model = K.Sequential([K.layers.Input((2,)), Foo(7)])
        K.Sequential.from_config(model.get_config())
        calls = []
        """,
    "arguments with defaults and of Keras's own": """
        @K.utils.register_keras_serializable("PKG")
        class Foo(K.layers.Dense):
            def __init__(self, units, scale=2.0, **kw):
                super().__init__(units, **kw)
                self.scale = scale
            def get_config(self): return {**super().get_config(), "scale": self.scale}
        @K.utils.register_keras_serializable("PKG")
        class Around(K.layers.Wrapper):
            def call(self, x): return self.layer(x)
        @K.utils.register_keras_serializable("PKG")
        class Net(K.Model):
            def __init__(self, units, **kw):
                super().__init__(**kw)
                self.units, self.dense = units, Foo(units)
            def call(self, x): return self.dense(x)
            def get_config(self): return {**super().get_config(), "units": self.units}
        net = Net(2)
        net(x)
        model = K.Sequential([K.layers.Input((2,)), Foo(3), Around(Foo(2)), net, K.layers.Bidirectional(K.layers.LSTM(2)) if 0 else Foo(1)])
        model.compile(K.optimizers.Adam(K.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)), "mse")
        """,
    "a model that is not built": "model = K.Sequential([K.layers.Dense(1)])\nmodel.compile('sgd', 'mse', metrics=['mae'])",
}


@pytest.mark.parametrize(
    "source", [pytest.param(each, id=name, marks=of_backend(name, each)) for name, each in CORRECT.items()]
)
def test_correct_code_that_looks_alike_is_left_alone(nb, K, source):
    nb.run("c", source)
    found = findings(nb, " ".join(assigned(textwrap.dedent(source))))
    only = re.search("# only (.+)", source)
    assert [finding for finding in found if only is None or finding["rule"] == only[1]] == []


ON_JAX = {
    "another model of the same shapes": (
        "a, b = make(), make()\noptimizer = K.optimizers.Adam()\na.compile(optimizer, 'mse')\n"
        "a.fit(x, y, verbose=0)\nb.compile(optimizer, 'mse')",
        "b",
        "the optimizer of b was built for the variables of a: training goes on with the momenta",
        "b.fit(x, y, verbose=0)\nassert float(optimizer.iterations) == 2 and 'sequential' in optimizer.variables[2].path",
        "",
    ),
    "another model of other shapes": (
        "a, b = make(), make(2)\noptimizer = K.optimizers.Adam()\na.compile(optimizer, 'mse')\n"
        "a.fit(x, y, verbose=0)\nb.compile(optimizer, 'mse')",
        "b",
        "the optimizer of b was built for the variables of a: training raises ValueError: Invalid variable value",
        "b.fit(x, np.zeros((8, 2)), verbose=0)",
        "Invalid variable value in StatelessScope",
    ),
    "before training": (
        TWO_MODELS,
        "a",
        "a and b are compiled with one optimizer, which can train only one of them: training goes on with",
        "a.fit(x, y, verbose=0)\nb.fit(x, y, verbose=0)\nassert float(optimizer.iterations) == 2",
        "",
    ),
    "layers that are thawed": (
        "model = make()\nmodel.layers[0].trainable = False\nmodel.compile('adam', 'mse')\n"
        "model.fit(x, y, verbose=0)\nmodel.layers[0].trainable = True",
        "model",
        "the optimizer of model was built for 2 variables of model, which trains others now: training raises ValueError",
        "model.fit(x, y, verbose=0)",
        "Argument `optimizer_variables` must be a list of tensors",
    ),
    "a part of a model": (
        "model = make()\nmodel.compile('adam', 'mse')\nmodel.fit(x, y, verbose=0)\n"
        "part = K.Model(model.inputs, model.layers[0].output)\npart.compile(model.optimizer, 'mse')",
        "part",
        "the optimizer of part was built for the variables of model: training raises ValueError",
        "part.fit(x, np.zeros((8, 3)), verbose=0)",
        "Argument `optimizer_variables` must be a list of tensors",
    ),
}


@pytest.fixture(scope="module")
def jax_kernel():
    kernel = Kernel(KERAS_BACKEND="jax", PYTHONPATH=str(Path(__file__).parent))
    kernel.run(None, "%load_ext kreg_ipython\nimport sys, keras as K\n" + SETUP)
    yield kernel
    kernel.close()


@pytest.mark.needs("keras>=3", "jax")
@pytest.mark.parametrize("case", ON_JAX)
def test_on_jax_an_optimizer_meets_variables_by_their_places(jax_kernel, case):
    source, names, says, shows, error = ON_JAX[case]
    jax_kernel.run("c", "for each in ('a', 'b', 'model', 'part', 'optimizer'): globals().pop(each, None)\n" + source)
    [found] = findings(jax_kernel, names)
    assert found["rule"] == "optimizer-of-another-model" and found["message"].startswith(says)
    jax_kernel.run("f", found["fix"].replace(", …", ", loss='mse'"))
    assert findings(jax_kernel, names) == []
    jax_kernel.run("c", source)
    assert error in (jax_kernel.run("s", shows, fails=bool(error)).error or "")


@pytest.mark.needs("keras>=3", "jax")
def test_on_jax_nothing_is_advised_that_only_tensorflow_has_and_nothing_is_imported(jax_kernel):
    jax_kernel.run(
        "m", "model = make()\nmodel.compile('adam', 'mse')\nmodel.fit(x, y, verbose=0)\nbefore = {*sys.modules}"
    )
    [found] = findings(jax_kernel, "--convert model")
    assert "cannot be converted: TFLite takes TensorFlow's models, and this one is built on jax" in found["message"]
    assert found["fix"] == "run the notebook in a kernel with KERAS_BACKEND=tensorflow"
    assert findings(jax_kernel, "model") == []
    new = jax_kernel.value("sorted(each for each in {*sys.modules} - before if not each.startswith('kreg_ipython'))")
    assert [each for each in new if each.partition(".")[0] in ("tensorflow", "tf_keras", "torch", "keras", "jax")] == []


NESTED = """
class Inner(K.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.score = K.layers.Dense(1, activation="sigmoid"), K.metrics.AUC(name="auc")
    def call(self, x): return self.dense(x)
given = K.layers.Input((2,))
model = K.Model(given, Inner()(given))
model.compile("sgd", "binary_crossentropy", metrics=[K.metrics.AUC(name="auc")])
columns = len(model.fit(x, y, verbose=0).history)
values = len(model.evaluate(x, y, verbose=0))
"""


def test_a_metric_of_a_model_inside_counts_where_keras_reports_it(nb, K):
    nb.run("m", NESTED)
    rules = [finding["rule"] for finding in findings(nb, "model")]
    assert (nb.value("values") > nb.value("columns")) is ("duplicate-metric" in rules)
    assert nb.value("is_3") is ("duplicate-metric" not in rules)


@pytest.mark.parametrize(
    "keras",
    [
        pytest.param("tf_keras", marks=pytest.mark.needs("tf_keras")),
        pytest.param("tf.keras", marks=pytest.mark.needs("keras<2.13")),
    ],
)
def test_a_slot_based_optimizer_that_returns_nothing_is_found_and_one_that_returns_is_not(nb, keras):
    nb.run("k", f"K = {keras}\n{SETUP}")
    cell = """
        class Old(K.optimizers.legacy.Optimizer):
            def __init__(self, learning_rate=0.1, name="Old", **kwargs):
                super().__init__(name, **kwargs)
                self._set_hyper("learning_rate", learning_rate)
            def _resource_apply_dense(self, gradient, variable, apply_state=None):
                RETURN variable.assign_sub(0.1 * gradient)
            def get_config(self): return {**super().get_config(), "learning_rate": 0.1}
        model = make()
        model.compile(Old(), "mse")
        """
    nb.run("c", cell.replace("RETURN ", "return "))
    nb.run("f", "model.fit(x, y, verbose=0)")
    assert [finding for finding in findings(nb, "Old") if finding["rule"] == "legacy-optimizer"] == []
    nb.run("c", cell.replace("RETURN ", ""))
    [found] = [finding for finding in findings(nb, "Old") if finding["rule"] == "legacy-optimizer"]
    assert "returns nothing from _resource_apply_dense" in found["message"]
    assert "TypeError" in nb.run("f", "model.fit(x, y, verbose=0)", fails=True).error


def test_an_optimizer_that_is_written_anew_trains_and_keeps_its_arguments(nb, K):
    nb.run("c", SLOTS.format("name", "self._set_hyper('momentum', momentum)"))
    [found] = findings(nb, "Momentum")
    html = nb.run("q", "%kreg check Momentum").results[0]["text/html"]
    assert "\n    def update_step(self, gradient, variable" in re.sub("<[^>]*>", "", html)
    nb.run(
        "c2",
        f"{K}.utils.get_custom_objects().pop('PKG>Momentum', None)\n"
        f"@{K}.utils.register_keras_serializable('PKG')\n" + found["fix"],
    )
    nb.run(
        "m", "model = make()\nmodel.compile(Momentum(momentum=0.5), 'mse')\nbefore = model.evaluate(x, y, verbose=0)"
    )
    nb.run("f", "model.fit(x, y, epochs=3, verbose=0)\n" + SAVE.replace("K.models", "loaded = K.models"))
    assert nb.value("[bool(model.evaluate(x, y, verbose=0) < before), loaded.optimizer.momentum]") == [True, 0.5]
    assert nb.value("[hasattr(model.optimizer, 'velocity'), float(loaded.optimizer.learning_rate) > 0.04]") == [
        True,
        True,
    ]
    assert findings(nb, "Momentum model") == []


def test_it_keeps_the_base_and_the_order_and_a_slot_may_have_the_name_of_an_argument(nb, K):
    nb.run(
        "c",
        """
        class Mine(K.optimizers.Adagrad):
            def __init__(self, momentum=0.9, lr=0.2, initial_accumulator_value=0.3, name="Mine", **kwargs):
                super().__init__(learning_rate=lr, name=name, **kwargs)
            def _create_slots(self, variables):
                for variable in variables: self.add_slot(variable, "momentum")
            def _resource_apply_dense(self, gradient, variable, apply_state=None): return variable.assign(variable * 0)
        """,
    )
    [found] = findings(nb, "Mine")
    assert "training takes the steps of Adagrad, without a word" in found["message"]
    train = "model = make()\nmodel.compile(Mine(), 'mse')\nmodel.fit(x, y, epochs=3, verbose=0)\n"
    nb.run("f", train + "assert np.abs(model.get_weights()[0]).max() > 0")
    head = "def __init__(self, momentum=0.9, learning_rate=0.2, initial_accumulator_value=0.3, name='Mine', **kwargs)"
    assert head in found["fix"]
    nb.run("c", f"@{K}.utils.register_keras_serializable('PKG')\n" + found["fix"])
    nb.run("f", train + SAVE.replace("K.models", "loaded = K.models"))
    config = "{k: loaded.optimizer.get_config()[k] for k in ('momentum', 'initial_accumulator_value')}"
    assert nb.value(config) == {"momentum": 0.9, "initial_accumulator_value": 0.3}
    assert nb.value("len(model.optimizer.momentum_slot) == len(model.trainable_variables)")
    assert findings(nb, "Mine model") == []


def test_a_module_does_not_spare_registering_a_class_and_a_cell_that_was_deleted_does_not_register_it(nb, K, files):
    kinds = "class Plain(K.layers.Layer):\n    def call(self, x): return x\n"
    kinds += "class Whole(K.Model):\n    def call(self, x): return x\n"
    files.write({"PKGkinds.py": f"{IMPORT[K]}\n{kinds}"})
    made_by = ["model = " + ONE.format("PKGkinds.Plain()")]
    if K != "tf.keras":  # there such a model is saved as a SavedModel only
        made_by.append("model = PKGkinds.Whole()\nmodel(x)\nmodel.predict(x, verbose=0)")
    for made in made_by:
        nb.run("m", f"import PKGkinds\n{made}")
        loads = nb.run("s", SAVE, fails=None).error is None
        assert [finding["rule"] for finding in findings(nb, "model")] == ["will-not-load"] * (not loads)
    nb.run("c", LAYER.format(1))
    nb.run("m", "model = " + ONE.format("Foo()"))
    assert findings(nb, "model") == []
    nb.run("o", "other = 1", deletedCells=["c"])
    [found] = findings(nb, "model")
    assert "is registered by a cell that was deleted" in found["message"]


def test_one_cause_is_one_finding_that_names_all_models(nb, K):
    nb.run("c", LAYER.format(1))
    nb.run("m", "\n".join(f"{name} = " + ONE.format("Foo()") for name in ("one", "two", "three")) + "\nlayer = Foo()")
    nb.run("c", LAYER.format(1).replace("Foo", "Bar"))
    [found] = findings(nb, "one two three layer")
    assert "saved now, one, two and three would not load" in found["message"]
    assert found["message"].endswith("; layer is of that class, too")
    [found] = findings(nb, "layer Bar")
    assert "layer is an instance of the former Foo" in found["message"]
    nb.run("c", LAYER.format(2))
    nb.run("m", "\n".join(f"{name} = " + ONE.format("Foo()") for name in ("one", "two", "three")))
    nb.run("c", LAYER.format(3))
    [found] = findings(nb, "one two three")
    assert "one, two and three are built from the former Foo of run [" in found["message"]
    shown = nb.run("q", "%kreg check one").text
    assert "\n      re-run cell [" in shown and "    > " not in shown, "what is prose does not look like code"


@pytest.mark.needs("tensorflow")
def test_the_findings_that_do_most_harm_come_first(nb, K):
    nb.run("c", LAYER.format(1))
    metrics = "metrics=['mse', K.metrics.MeanSquaredError()]"
    nb.run("m", f"{NET}\nmodel = {ONE.format('Foo()')}\nother = make()\nother.compile('sgd', 'mse', {metrics})")
    nb.run("s", "class Plain(K.layers.Layer): pass\nthird = " + ONE.format("Plain()"))
    nb.run("t", STEP.format("K.optimizers.Adam()") + TRAIN)
    nb.run("u", "train(x, y)")
    nb.run("n", NET)
    nb.run("c", LAYER.format(2))
    rules = [finding["rule"] for finding in findings(nb, "other step third train model")]
    silent = ["former-trace", "former-class"]  # another model is trained than the one that is seen
    assert rules == [*silent, "optimizer-in-function", "will-not-load", "duplicate-metric"]


def test_what_is_code_is_set_as_code_and_what_is_a_sentence_is_not():
    from kreg_ipython.checks import Finding
    from kreg_ipython.report.findings import Findings

    fixes = {
        "re-run cell [3], which defines train": False,
        "put @keras.utils.register_keras_serializable(package='mine') before the class, and rebuild the model": False,
        "give the class a get_config() that returns its arguments": False,
        "run the text of that cell in another cell": False,
        "compile(metrics=[…]) with each metric once": False,
        "a.compile(optimizer=SGD(), …), or b.build(a.trainable_variables) to move it over": False,
        "import Foo again, then re-run cell [3], which builds model": False,
        "compare layer by layer: keras.Model(model.inputs, layer.output)": False,
        "@keras.utils.register_keras_serializable(package='mine', name='relu')": True,
        "a.compile(optimizer=SGD(), …)": True,
        "cls(units=…, **config)  # in Foo.from_config": True,
        "class A:\n    def f(self):\n        return 1": True,
        "opt.build(model.trainable_variables)  # first\n# or make another one": True,
    }
    for fix, is_code in fixes.items():
        shown = Findings((Finding("rule", "a", "cell [1], line 1", "wrong", fix),), 1)
        assert ("    > " in "\n".join(shown.text())) == ("<pre" in "".join(shown.html())) == is_code, fix


# -- conversion

CONVERTED = {
    "several optimizers": (
        "model = make()\nmodel.compile('adam', 'mse')\nmodel.former = K.optimizers.SGD()",
        "model holds 2 optimizers (",
        "del model.former",
    ),
    "two functions of one signature": (
        """
        model = make()
        signature = [tf.TensorSpec([None, 2])]
        model.one = tf.function(lambda x: model(x), input_signature=signature)
        model.two = tf.function(lambda x: model(x), input_signature=signature)
        """,
        "model.one and model.two have the same signature",
        "del model.two",
    ),
    "an operation that TFLite does not have": (
        """
        @K.utils.register_keras_serializable("PKG")
        class Python(K.layers.Layer):
            def call(self, x): return tf.ensure_shape(tf.py_function(lambda x: x, [x], tf.float32), [None, 2])
            def compute_output_shape(self, shape): return shape
        given = K.layers.Input((2,))
        model = K.Model(given, Python()(given))
        """,
        "model cannot be converted: ConverterError",
        "SELECT_TF_OPS",
    ),
}


def converted(nb, names: str) -> list[dict]:
    return [finding for finding in findings(nb, f"--convert {names}") if finding["rule"] == "conversion"]


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("case", CONVERTED)
def test_what_stands_in_the_way_of_tflite_is_found(nb, K, case):
    source, says, fix = CONVERTED[case]
    nb.run("m", source)
    assert [each for each in findings(nb, "model") if each["rule"] == "conversion"] == [], "only if it is asked for"
    [found] = converted(nb, "model")
    assert says in found["message"] and fix in found["fix"]


@pytest.mark.needs("tensorflow")
def test_a_converted_model_that_answers_as_keras_does_is_left_alone(nb, K):
    nb.run(
        "m",
        """
        plain = make()
        zeta, alpha = K.layers.Input((2,), name="zeta"), K.layers.Input((3,), name="alpha")
        both = K.layers.Concatenate()([zeta, alpha])
        several = K.Model([zeta, alpha], [K.layers.Dense(1)(both), K.layers.Dense(2)(zeta)])
        words = K.Sequential([K.layers.Input((4,), dtype="int32"), K.layers.Embedding(9, 3), K.layers.Flatten()])
        """,
    )
    assert converted(nb, "plain several words") == []


@pytest.mark.needs("tensorflow")
def test_a_converted_model_that_answers_differently_is_found(nb, K):
    """A layer that counts its calls is such a model: no conversion can be right."""
    nb.run(
        "m",
        """
        calls = []
        @K.utils.register_keras_serializable("PKG")
        class Counting(K.layers.Layer):
            def call(self, x):
                calls.append(1)
                return x + float(len(calls))
        model = K.Sequential([K.layers.Input((2,)), Counting()])
        """,
    )
    [found] = converted(nb, "model")
    assert "model gives other outputs as TFLite: they differ by " in found["message"]


# -- what the command shows


@pytest.mark.needs("tensorflow")
def test_a_check_of_fifty_models_and_twenty_functions_takes_under_a_second_and_changes_nothing(nb, K):
    nb.run(
        "m",
        """
        models = [make() for _ in range(45)] + [K.Sequential([K.layers.Dense(1)]) for _ in range(5)]
        for model in models:
            model.compile("adam", "mse", metrics=["mae", K.metrics.AUC(name="auc")])
        models[0].fit(x, y, verbose=0)
        def asking(model):
            @tf.function
            def step(x): return model(x)
            step(x)
            return step
        steps = [asking(model) for model in models[1:15]] + [asking(make()) for _ in range(5)]  # which only they hold
        step = asking(models[0])
        def state():
            variables = sum(isinstance(each, tf.Variable) for each in gc.get_objects())
            built = [model.built for model in models], [model.optimizer is models[0].optimizer for model in models]
            traced = [each.experimental_get_tracing_count() for each in [step, *steps]]
            return variables, built, traced, sorted(K.utils.get_custom_objects()), sorted(sys.modules)
        """,
    )
    nb.run("w", "kreg = get_ipython().run_line_magic; kreg('kreg', 'check models step steps')  # imports its code")
    nb.run("b", "gc.collect(); before = state()")
    nb.run("c", CPU)
    nb.run("t", "took = cpu(lambda: globals().update(found=kreg('kreg', 'check models step steps')))")
    assert nb.value("took / calibration") < 100  # a second, where a calibration takes 10 ms; measured: 40
    assert nb.value("gc.collect() >= 0 and before == state()")
    assert nb.value("found.to_dict()") == {"findings": [], "checked": 70}


def test_no_rule_fires_on_a_model_that_keras_brings(nb, K):
    """tests/long has all of them."""
    nb.run("z", "model = K.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3))")
    nb.run("c", "model.compile('adam', 'categorical_crossentropy', metrics=['accuracy', K.metrics.AUC()])")
    assert findings(nb, "model") == []


def test_the_findings_have_three_faces_and_strict_raises_one_line(nb, K):
    nb.run("m", COMPILE.format("['<b>mse</b>', K.metrics.MeanSquaredError(name='<b>mse</b>')]"))
    outcome = nb.run("q", "%kreg check model")
    assert outcome.text.startswith("kreg: 1 finding in 1 object\n  duplicate-metric  model  cell [")
    assert "    > model.compile('sgd', 'binary_crossentropy', metrics=['<b>mse</b>'])" in outcome.text
    html = outcome.results[0]["text/html"]
    assert "&lt;b&gt;mse" in html and "<b>" not in html and "<script" not in html
    assert '"rule": "duplicate-metric"' in nb.run("q", "%kreg check --json model").stdout
    failed = nb.run("s", "%kreg check --strict model", fails=True)
    assert failed.error.startswith("MistakesFound: 1 finding: duplicate-metric: model, cell [")
    assert len(failed.traceback.splitlines()) == 1
    assert nb.run("s", "%kreg check --strict make K").text.startswith("kreg: nothing found")


def test_a_name_that_is_no_variable_is_refused_in_one_line(nb):
    nb.run("m", "model_of_mine = 1")
    said = nb.run("q", "%kreg check model_of_mein").stderr
    assert said.startswith("UsageError: %kreg check: no variable 'model_of_mein'. Did you mean 'model_of_mine'")
    assert len(said.splitlines()) == 1


def test_the_cell_that_builds_is_named_not_the_one_that_defines_how(nb, K):
    nb.run("d", LAYER.format(1) + "def build():\n    model = " + ONE.format("Foo()") + "\n    return model")
    nb.run("m", "model = build()\nmodel.compile('adam', 'mse', metrics=['mae', 'mae'])")
    number = nb.value("get_ipython().execution_count - 1")
    nb.run(
        "d",
        LAYER.format(2)
        + "def build():\n    model = "
        + ONE.format("Foo()")
        + "\n    model.compile()\n    return model",
    )
    where = {finding["rule"]: finding["where"] for finding in findings(nb, "model")}
    assert (
        where["former-class"] == f"cell [{number}], line 1" and where["duplicate-metric"] == f"cell [{number}], line 2"
    )


ODD = """
import weakref
class Raising:
    __class__ = property(lambda self: 1 / 0)
    def __getattribute__(self, name): raise RuntimeError(name)
class Anything:
    __slots__ = ()
    def __getattr__(self, name): return 5
    __eq__ = None
class Meta(type):
    __hash__ = None
    def __eq__(self, other): raise RuntimeError("no")
class Kind(metaclass=Meta): pass
class Dict:
    @property
    def __dict__(self): raise RuntimeError("no")
class Set(set): pass
gone = Set()
proxy = weakref.proxy(gone)
del gone
raising, anything, kind, named = Raising(), Anything(), Kind(), Dict()
array, odd = np.array([1, 2]), [Raising(), np.array([1]), {"a": Raising()}]
"""


def test_odd_objects_in_the_notebook_break_nothing(nb, K):
    nb.run("o", ODD)
    nb.run("c", LAYER.format(1))
    nb.run("m", COMPILE.format("['mae', 'mae']") + "\nheld = Foo()")
    nb.run("c", LAYER.format(2))
    found = nb.value("get_ipython().run_line_magic('kreg', 'check').to_dict()")
    assert "faults" not in found
    assert {"duplicate-metric", "former-class"} <= {finding["rule"] for finding in found["findings"]}
    assert "held is an instance of" in nb.run("s", "%kreg show PKG>Foo").text


def test_a_rule_that_cannot_look_at_an_object_is_a_line_and_the_others_go_on(nb, K):
    nb.run("m", COMPILE.format("['mae', 'mae']"))
    nb.run("b", "class Broken(K.Model): pass\nbroken = Broken()\nBroken._flatten_layers = lambda self, *a, **k: 1 / 0")
    outcome = nb.run("q", "%kreg check model broken")
    assert "duplicate-metric  model" in outcome.text and "ZeroDivisionError" in outcome.text
    assert nb.value("_.to_dict()['faults']")


def test_without_any_keras_there_is_nothing_to_find(bare_kernel):
    bare_kernel.run("l", "%load_ext kreg_ipython")
    bare_kernel.run("a", "x = [1, {'a': object}]\nclass A: pass\na = A()\na.b = 1")
    assert bare_kernel.run("q", "%kreg check").text.startswith("kreg: nothing found")
    assert bare_kernel.value("sorted({'keras', 'tf_keras', 'tensorflow'} & {*__import__('sys').modules})") == []


def test_each_rule_has_a_section_in_the_docs():
    from kreg_ipython.checks import RULES

    sections = re.findall(r"^## (.+)$", (Path(__file__).parent.parent / "docs" / "checks.md").read_text(), re.MULTILINE)
    assert sections == [rule.__name__.replace("_", "-") for rule in RULES]


def test_what_was_built_again_is_of_no_former_class(nb, K):
    for version in (1, 2):
        nb.run("c", LAYER.format(version))
        nb.run("m", "model = " + ONE.format("Foo()") + "\nlayer = Foo()")
        assert findings(nb, "model layer Foo") == []


def test_a_class_that_was_imported_by_name_is_imported_again_before_what_is_built_from_it(nb, files, K):
    files.write({"PKG/a.py": f"{IMPORT[K]}\n" + LAYER.format(1)})
    nb.run("i", "import importlib, PKG.a\nfrom PKG.a import Foo")
    nb.run("r", "importlib.reload(PKG.a)")
    nb.run("m", "model = " + ONE.format("Foo()"))
    [former] = [found for found in findings(nb, "model") if found["rule"] == "former-class"]
    assert f"module {nb.package}.a now defines another one" in former["message"]
    assert former["fix"].startswith("import Foo again, then re-run cell [")
    assert "Foo still is the former Foo; import it again" in nb.run("q", "%kreg show PKG>Foo").text
    nb.run("i", "from PKG.a import Foo")
    nb.run("m", "model = " + ONE.format("Foo()"))
    assert findings(nb, "model") == []
