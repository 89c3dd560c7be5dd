"""%kreg check writes an optimizer of Keras 2 anew: it takes the same steps, is saved, loaded, and trained on."""

from __future__ import annotations

import ast
import re

import pytest
from conftest import is_met
from optimizers import STEPS, WRITTEN, Written

from kreg_ipython.checks.rewriting.method import Method
from kreg_ipython.checks.rewriting.syntax import statements
from kreg_ipython.checks.rewriting.target import Target
from kreg_ipython.checks.rewriting.translator import Translator

RUNS = """
import os, re, tempfile
import numpy as np
x = np.random.RandomState(0).rand(16, 3).astype("float32")
y = np.random.RandomState(1).rand(16, 2).astype("float32")

def steps(optimizer, variable, tensor):
    '''The weights of a linear regression after five steps.'''
    weights = [variable(each) for each in (np.linspace(-1, 1, 6).reshape(3, 2).astype("float32"), np.zeros(2, "float32"))]
    for _ in range(5):
        w, b = (np.array(each.numpy()) for each in weights)
        slope = (x @ w + b - y) * 2 / y.size
        optimizer.apply_gradients(list(zip([tensor(x.T @ slope), tensor(slope.sum(0))], weights)))
    return [float(each) for weight in weights for each in np.ravel(weight.numpy())]

def rows(optimizer, K):
    '''The weights of an embedding after steps that repeat some rows and leave others out.'''
    layers = K.layers.Input((2,), dtype="int32"), K.layers.Embedding(5, 2), K.layers.Flatten(), K.layers.Dense(1)
    model = begun(K.Sequential(layers), optimizer)
    for given in ([[1, 1], [2, 1]], [[0, 3], [3, 3]]):
        model.train_on_batch(np.array(given), np.ones((2, 1)))
    return [float(each) for weight in model.get_weights() for each in weight.ravel()]

def begun(model, optimizer, eager=True):
    model.set_weights([np.linspace(-1, 1, each.size).reshape(each.shape) for each in model.get_weights()])
    model.compile(optimizer, "mse", run_eagerly=eager)
    return model

def resumed(optimizer, K, eager=True, suffix=".keras"):
    '''The weights of a model that is saved and trained on, those of the loaded one, and whether the optimizers are alike.'''
    model = begun(K.Sequential([K.layers.Input((3,)), K.layers.Dense(2)]), optimizer, eager)
    model.train_on_batch(x, y)
    path = os.path.join(tempfile.mkdtemp(), "m" + suffix)
    model.save(path)
    loaded = K.models.load_model(path)
    loaded.run_eagerly = eager
    alike = type(loaded.optimizer) is type(optimizer) and loaded.optimizer.get_config().keys() == optimizer.get_config().keys()
    results = []
    for each in (model, loaded):
        each.train_on_batch(x, y)
        results.append([float(one) for weight in each.get_weights() for one in weight.ravel()])
    return [*results, alike]
"""
OF_KERAS_2 = [
    pytest.param("tf_keras", marks=pytest.mark.needs("tf_keras")),
    pytest.param("tf.keras", marks=pytest.mark.needs("keras<2.13")),
    pytest.param("keras", marks=pytest.mark.needs("keras>=2.13", "keras<3")),
]
"""Where users have Keras 2 from: it has the bases of today and those with slots."""
FAMILIES = [pytest.param("keras", marks=pytest.mark.needs("keras>=3", "tensorflow", "tf_keras")), *OF_KERAS_2]


RESUMED = (
    "AliasedRate",
    "Belief",
    "Cached",
    "Computed",
    "Derived",
    "Listed",
    "Matrices",
    "MyAdagrad",
    "Nesterov",
    "Scheduled",
)
"""The optimizers that are saved and loaded in Keras 2, too, where there is less to translate."""


def text_of(name: str, written: Written, keras: str, *, legacy: bool = False) -> str:
    """The cell that defines a class and registers it, under the base with slots or under today's."""
    home = f"{keras}.optimizers.{'legacy.' * legacy}"
    text = written.text.replace("OPTIMIZER", "O.Optimizer" if legacy else "Optimizer").replace("O.", home)
    if not is_met("tf_keras"):
        text = re.sub("from (KERAS|tf_keras)", f"from {keras.replace('tf.', 'tensorflow.')}", text)
    if "@KERAS" not in text:
        text = re.sub(
            rf"^class {name}\(", f"@KERAS.utils.register_keras_serializable('PKG')\nclass {name}(", text, flags=re.M
        )
    return text.replace("KERAS", keras)


def made(written: Written, keras: str, amsgrad: bool = True) -> str:
    return written.made.replace("KERAS", keras).replace("AMSGRAD", str(amsgrad))


def findings(nb, name: str) -> list[dict]:
    found = nb.value(f"get_ipython().run_line_magic('kreg', 'check {name}').to_dict()")["findings"]
    return [finding for finding in found if finding["rule"] == "legacy-optimizer"]


def rewritten(nb, keras: str, *names: str) -> dict[str, str]:
    """Define classes under today's base, and then as the check writes them; what it says of each."""
    for name in names:
        nb.run(name, text_of(name, WRITTEN[name], keras))
    found = {each["object"]: each for each in findings(nb, " ".join(names))}
    for name in names:
        nb.run(name, found[name]["fix"])
    return {name: found[name]["message"] for name in names}


def variable_and_tensor(keras: str) -> str:
    is_3 = keras == "keras" and is_met("keras>=3")
    return "keras.Variable, keras.ops.convert_to_tensor" if is_3 else "tf.Variable, tf.constant"


@pytest.mark.parametrize("keras", OF_KERAS_2)
def test_the_steps_in_the_table_are_those_of_the_originals(nb, keras):
    nb.silently(RUNS)
    for name, written in WRITTEN.items():
        nb.silently(text_of(name, written, keras, legacy=True))
        taken = nb.value(f"steps({made(written, keras)}, {variable_and_tensor(keras)})")
        assert taken == pytest.approx(STEPS[name], abs=2e-5), name


@pytest.mark.parametrize("keras", FAMILIES)
def test_an_optimizer_takes_the_steps_of_the_original_and_is_saved_and_loaded(nb, keras):
    nb.silently(RUNS)
    said = rewritten(nb, keras, *WRITTEN)
    assert findings(nb, " ".join(WRITTEN)) == []
    for name, written in WRITTEN.items():
        assert "leaves to you" not in said[name]
        taken = nb.value(f"steps({made(written, keras)}, {variable_and_tensor(keras)})")
        assert taken == pytest.approx(STEPS[name], abs=2e-5), name
        if keras == "keras" or name in RESUMED:
            there, loaded, alike = nb.value(f"resumed({made(written, keras)}, {keras})")
            assert alike, name
            assert there == pytest.approx(loaded, abs=1e-6), name


@pytest.mark.parametrize("keras", FAMILIES)
def test_an_optimizer_that_is_compiled_takes_the_steps_that_it_takes_without(nb, keras):
    nb.silently(RUNS)
    rewritten(nb, keras, "MyAdam", "Switched")
    for name in ("MyAdam", "Switched"):
        compiled, loaded, _ = nb.value(f"resumed({made(WRITTEN[name], keras)}, {keras}, False)")
        eager, _, _ = nb.value(f"resumed({made(WRITTEN[name], keras)}, {keras})")
        assert compiled == pytest.approx(eager, abs=1e-5)
        assert compiled == pytest.approx(loaded, abs=1e-5)


@pytest.mark.parametrize("keras", OF_KERAS_2)
def test_an_optimizer_without_slots_is_saved_and_loaded_in_the_older_format_of_keras_2(nb, keras):
    nb.silently(RUNS)
    rewritten(nb, keras, "Scheduled")
    there, loaded, alike = nb.value(f"resumed({made(WRITTEN['Scheduled'], keras)}, {keras}, suffix='.h5')")
    assert alike
    assert there == pytest.approx(loaded, abs=1e-6), "its steps are counted on"


@pytest.mark.parametrize("keras", FAMILIES)
def test_the_gradient_of_an_embedding_is_applied_as_before(nb, keras):
    nb.silently(RUNS)
    for name in ("MyAdam", "Grouped"):
        old = "tf_keras" if is_met("tf_keras") else keras
        nb.silently(text_of(name, WRITTEN[name], old, legacy=True))
        before = nb.value(f"rows({made(WRITTEN[name], old, False)}, {old})")
        rewritten(nb, keras, name)
        assert nb.value(f"rows({made(WRITTEN[name], keras, False)}, {keras})") == pytest.approx(before, abs=1e-6)
    rewritten(nb, keras, "Plain")  # which knows no such gradient
    there = nb.value(f"rows({made(WRITTEN['Plain'], keras)}, {keras})")
    assert there == pytest.approx(nb.value(f"rows({keras}.optimizers.SGD(0.1), {keras})"), abs=1e-6)


@pytest.mark.needs("keras>=3")
@pytest.mark.skipif(is_met("tensorflow"), reason="the backend is another one")
def test_without_tensorflow_an_optimizer_takes_the_steps_of_the_original_or_says_that_it_cannot(nb):
    nb.silently(RUNS)
    of_tensorflow = ("tf_keras", "@tf", "tensorflow.python")
    names = [name for name, each in WRITTEN.items() if not any(part in each.text for part in of_tensorflow)]
    said = rewritten(nb, "keras", *names)
    for name in names:
        act = f"steps({made(WRITTEN[name], 'keras')}, {variable_and_tensor('keras')})"
        if WRITTEN[name].everywhere:
            assert nb.value(act) == pytest.approx(STEPS[name], abs=2e-5), name
            there, loaded, alike = nb.value(f"resumed({made(WRITTEN[name], 'keras')}, keras)")
            assert alike and there == pytest.approx(loaded, abs=1e-6), name
        else:
            assert "needs TensorFlow" in said[name] or "JAX cannot" in said[name]
            assert "not translated" in nb.run("f", act, fails=True).error


HEALTHY = {
    "today's": """
class Healthy(K.optimizers.Optimizer):
    def __init__(self, learning_rate=0.1, momentum=0.9, name="Healthy", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
    def build(self, variables):
        super().build(variables)
        self.velocities = [self.add_variable_from_reference(each, name="velocity") for each in variables]
    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, learning_rate * gradient)
    def get_config(self): return {**super().get_config(), "momentum": self.momentum}
""",
    "for both": """
class Healthy(K.optimizers.SGD):
    def _resource_apply_dense(self, grad, var, apply_state=None):
        return var.assign_sub(grad)
    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, learning_rate * gradient)
""",
    "named by a keyword": """
class Healthy(K.optimizers.Adam):
    def __init__(self, rate=0.1, title="Healthy", **kwargs):
        super().__init__(rate, name=title, **kwargs)
    def get_config(self): return {**super().get_config(), "rate": 0.1, "title": self.name}
""",
}


@pytest.mark.needs("keras>=3")
@pytest.mark.parametrize("kind", HEALTHY)
def test_a_healthy_optimizer_is_no_finding(nb, kind):
    nb.run("c", "K = keras\n" + HEALTHY[kind])
    assert findings(nb, "Healthy") == []


NAMED = """
class Named(K.optimizers.{base}):
    def __init__(self, {given}**kwargs):
        super().__init__({passed}, **kwargs)
    def get_config(self): return super().get_config()
"""


@pytest.mark.needs("keras>=3")
@pytest.mark.parametrize(
    ("base", "given", "passed"),
    [
        ("SGD", "", "'Named'"),
        ("SGD", "name='Named', ", "name"),
        ("SGD", "title='Named', ", "title"),
        ("Adam", "name='Named', ", "learning_rate=name"),
        ("Adam", "", "learning_rate='Named'"),
        ("Optimizer", "learning_rate=0.1, ", "self.__class__.__name__"),
    ],
)
def test_a_name_in_the_place_of_the_learning_rate_is_seen_in_any_form(nb, base, given, passed):
    nb.run("c", "K = keras\n" + NAMED.format(base=base, given=given, passed=passed))
    nb.run("f", "float(Named().learning_rate)", fails=True)
    [found] = findings(nb, "Named")
    assert "passes the name in the place of learning_rate" in found["message"]
    nb.run("c", found["fix"])
    assert nb.value("0 < float(Named().learning_rate) < 1")
    assert findings(nb, "Named") == []


@pytest.mark.needs("keras>=3")
def test_the_facts_are_those_of_the_base(nb):
    nb.silently(RUNS)
    for base, says in (
        ("Optimizer", "fit raises NotImplementedError"),
        ("Adagrad", "training takes the steps of Adagrad"),
    ):
        nb.run(
            "c",
            f"""
            class Ours(keras.optimizers.{base}):
                def _resource_apply_dense(self, grad, var, apply_state=None): return var.assign_sub(0.0 * grad)
            """,
        )
        [found] = findings(nb, "Ours")
        assert says in found["message"]
        act = f"moved = steps(Ours(0.1), {variable_and_tensor('keras')})"
        assert (nb.run("f", act, fails=None).error or "").startswith(
            "NotImplementedError" if base == "Optimizer" else ""
        )
        nb.run("c", found["fix"])
        assert nb.value(f"steps(Ours(0.1), {variable_and_tensor('keras')})[:2]") == [-1.0, pytest.approx(-0.6)]


FIRST = """
class First(keras.optimizers.Optimizer):
    def __init__(self, lr=0.1, momentum=0.5, **kwargs):
        super().__init__(**kwargs)
        with tf.name_scope("First"):
            self.iterations = tf_keras.backend.variable(0, dtype="int64", name="iterations")
            self.lr = tf_keras.backend.variable(lr, name="lr")
            self.momentum = momentum
    def get_updates(self, loss, params):
        return [p.assign_sub(g) for p, g in zip(params, self.get_gradients(loss, params))]
"""


@pytest.mark.needs("keras>=3", "tensorflow", "tf_keras")
def test_the_updates_of_the_first_keras_2_are_left_to_the_user_and_nothing_is_imported(nb):
    nb.silently(RUNS)
    nb.run("c", FIRST)
    nb.silently("before = set(sys.modules)")
    [found] = findings(nb, "First")
    new = nb.value("sorted(set(sys.modules) - before)")
    assert [name for name in new if name.partition(".")[0] in ("keras", "tensorflow", "tf_keras")] == []
    assert "has get_updates, which Keras 3's Optimizer never calls" in found["message"]
    assert "leaves to you what it could not translate: get_updates" in found["message"]
    nb.run("c", found["fix"])
    assert nb.value("First.from_config(First(0.25).get_config()).get_config()['learning_rate']") == 0.25
    act = f"steps(First(), {variable_and_tensor('keras')})"
    assert "NotImplementedError: get_updates" in nb.run("f", act, fails=True).error


@pytest.mark.needs("keras>=3")
def test_a_class_of_a_file_is_written_anew_and_one_without_source_says_so(nb, files):
    files.write({"PKGopt.py": "import keras\n" + WRITTEN["Plain"].text.replace("O.", "keras.optimizers.")})
    nb.run("i", "from PKGopt import Plain")
    [found] = findings(nb, "Plain")
    assert "PKGopt.py, line" in found["where"].replace(nb.package, "PKG") and "def update_step" in found["fix"]
    files.write({"PKGopt.py": "# saved since, and not reloaded\nimport keras\nclass Plain: pass\n"})
    assert [each["fix"] for each in findings(nb, "Plain")] == ["# the source of Plain is not known"]
    nb.run("i", f"exec({WRITTEN['Plain'].text.replace('O.', 'keras.optimizers.')!r})")
    assert [each["fix"] for each in findings(nb, "Plain")] in ([], ["# the source of Plain is not known"])


# -- one statement at a time

IN_KERAS_3 = {
    "x = tf.sqrt(g)": "x = ops.sqrt(g)",
    "x = tf.math.rsqrt(x=g, name='r')": "x = ops.rsqrt(x=g)",
    "x = tf.reduce_sum(g, axis=0, keepdims=True)": "x = ops.sum(g, axis=0, keepdims=True)",
    "x = tf.reduce_mean(input_tensor=g)": "x = ops.mean(x=g)",
    "x = tf.clip_by_value(g, clip_value_min=-1, clip_value_max=1)": "x = ops.clip(g, x_min=-1, x_max=1)",
    "x = tf.cast(g, tf.float32)": "x = ops.cast(g, 'float32')",
    "x = tf.keras.backend.epsilon()": "x = keras.config.epsilon()",
    "x = K.pow(g, 2)": "x = ops.power(g, 2)",
    "x = K.sqrt(g)": "x = ops.sqrt(ops.maximum(g, 0))",
    "x = tf.constant_initializer(0.5)": "x = keras.initializers.Constant(0.5)",
    "v.assign(v + g, use_locking=True)": "self.assign(v, v + g)",
    "state_ops.assign_add(v, g)": "self.assign_add(v, g)",
    "K.update_sub(v, g)": "self.assign_sub(v, g)",
    "return tf.group(v.assign(g), m.assign_add(g))": "self.assign(v, g)\nself.assign_add(m, g)",
    "x = v.assign(g)\nreturn use(x)": "self.assign(v, g)\nx = v\nreturn use(x)",
    "x = v.assign(g) if self.on else v.assign_sub(g)\nuse(x)": (
        "if self.on:\n    self.assign(v, g)\n    x = v\nelse:\n    self.assign_sub(v, g)\n    x = v\nuse(x)"
    ),
    "with tf.control_dependencies([v.assign(g)]):\n    return m.assign(v)": "self.assign(v, g)\nself.assign(m, v)",
    "with tf.name_scope('s'):\n    use(g)": "use(g)",
    "m.scatter_sub(tf.IndexedSlices(g, i))": "self.assign_sub(m, tf.IndexedSlices(g, i))",
    "self._resource_scatter_add(m, i, g)": "self.assign_add(m, tf.IndexedSlices(g, i))",
    "x = self._get_hyper('beta', tf.float32)": "x = ops.cast(self.beta, 'float32')",
    "x = self._get_hyper('learning_rate')": "x = rate",
    "x = self._get_hyper('weight_decay')": "x = self.own_weight_decay",
    "x = self._decayed_lr(v.dtype.base_dtype)": "x = ops.cast(rate, v.dtype)",
    "x = self.lr": "x = rate",
    "m = self.get_slot(v, 'm')": "m = self.m[self._get_variable_index(v)]",
    "m = self.get_slot(var=v, slot_name='momentum')": "m = self.momentum_slot[self._get_variable_index(v)]",
    "c = (state or {}).get((v.device, v.dtype)) or self._fallback_apply_state(v.device, v.dtype)": "c = state",
    "x = state[v.device, v.dtype]['lr_t']": "x = state['lr_t']",
    "x = v.read_value()": "x = ops.copy(v)",
    "x = isinstance(g, tf.Tensor)": "x = ops.is_tensor(g)",
    "x = tf.where(c, m, g)": "x = ops.where(c, m, g)",
    "for each in vs:\n    each.assign(g)": "for each in vs:\n    self.assign(each, g)",
    "return super()._resource_apply_dense(g, v, state)": "super().update_step(g, v, rate)",
    "x = np.sqrt(g)": "x = np.sqrt(g)",
    "x = tf.linalg.inv(g)": (
        "# tf.linalg.inv has no counterpart in keras.ops: this line needs the TensorFlow backend\nx = tf.linalg.inv(g)"
    ),
    "x = tf.norm(g, 1)": (
        "# tf.norm has no counterpart in keras.ops: this line needs the TensorFlow backend\nx = tf.norm(g, 1)"
    ),
}
IN_KERAS_2 = {
    "return tf.group(v.assign(g, use_locking=self._use_locking), m.assign_add(g))": "v.assign(g)\nm.assign_add(g)",
    "x = tf.sqrt(g)": "x = tf.sqrt(g)",
    "x = self._get_hyper('learning_rate', tf.float32)": "x = tf.cast(rate, tf.float32)",
    "m = self.get_slot(v, 'm')": "m = self.m[self._index_dict[self._var_key(v)]]",
    "return super()._resource_apply_dense(g, v, state)": "super().update_step(g, v)",
    "tf.raw_ops.A(var=v.handle, use_locking=self._use_locking)": "tf.raw_ops.A(var=v.handle)",
}
ON_JAX = {
    "x = tf.sqrt(g)": "x = ops.sqrt(g)",
    "x = tf.linalg.inv(g)": (
        "# not translated: tf.linalg.inv needs TensorFlow, the backend is jax\n# x = tf.linalg.inv(g)\n"
        "raise NotImplementedError('the statement above is not translated')"
    ),
    "tf.cond(c, lambda: v.assign(g), lambda: v)": (
        "# not translated: JAX cannot assign under a condition of the graph\n"
        "# tf.cond(c, lambda: v.assign(g), lambda: v)\n"
        "raise NotImplementedError('the statement above is not translated')"
    ),
}
MODULES = {"tf": "tensorflow", "K": "keras.backend", "state_ops": "tensorflow.python.ops.state_ops", "np": "numpy"}


@pytest.mark.parametrize(
    ("is_3", "backend", "table"),
    [(True, "tensorflow", IN_KERAS_3), (False, "tensorflow", IN_KERAS_2), (True, "jax", ON_JAX)],
)
def test_a_statement_is_translated(is_3, backend, table):
    target = Target(
        "keras" if is_3 else "tf_keras",
        is_3,
        backend,
        modules=MODULES,
        slots={"m": "m", "momentum": "momentum_slot"},
        attributes={"weight_decay": "own_weight_decay"},
    )
    for old, new in table.items():
        used = "" if "return" in old else "\nuse(x, m, c)"
        [method] = statements(
            "def step(self, g, v, state):\n" + "\n".join(f"    {line}" for line in (old + used).splitlines())
        )
        translator = Translator(Method(target, method, rate="rate", state="state", variable="v", is_step=True))
        text = "\n".join(ast.unparse(ast.fix_missing_locations(each)) for each in translator.body())
        assert text == new + used, old
        assert bool(translator.missed) is ("not translated" in new)
