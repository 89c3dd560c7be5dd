"""%kreg verify: a model is said to load elsewhere exactly if it does. Fresh processes are real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import is_met

from kreg_ipython.export import worker
from kreg_ipython.export.fresh import Died, Fresh, OutOfTime
from kreg_ipython.export.verify import Result, _of_file
from kreg_ipython.export.worker import Answer
from kreg_ipython.report.verified import Verified


def verified(nb, names: str) -> dict[str, dict]:
    found = nb.value(f"get_ipython().run_line_magic('kreg', 'verify {names}').to_dict()")
    return {model["name"]: model for model in found["models"]}


# -- what loads

DEFINITIONS = """
FACTOR = 2.0

def helper(x):
    return FACTOR * x

@K.utils.register_keras_serializable("PKG")
class Inner(K.layers.Layer):
    def call(self, x): return helper(x)

@K.utils.register_keras_serializable("PKG")
class Outer(K.layers.Layer):
    def __init__(self, units=2, **kw):
        super().__init__(**kw)
        self.units, self.inner, self.dense = units, Inner(), K.layers.Dense(units)
    def call(self, x): return self.dense(self.inner(x))
    def get_config(self): return {**super().get_config(), "units": self.units}

@K.utils.register_keras_serializable("PKG")
def loss(wanted, given): return ops.mean((wanted - given) ** 2, axis=-1)

@K.utils.register_keras_serializable("PKG")
class Loss(K.losses.Loss):
    def call(self, wanted, given): return loss(wanted, given)

@K.utils.register_keras_serializable("PKG")
class Metric(K.metrics.Mean):
    def update_state(self, wanted, given, sample_weight=None): return super().update_state(ops.absolute(wanted - given))

@K.utils.register_keras_serializable("PKG")
class Optimizer(K.optimizers.SGD): pass

@K.utils.register_keras_serializable("PKG")
class Schedule(K.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate=0.1): self.rate = rate
    def __call__(self, step): return self.rate
    def get_config(self): return {"rate": self.rate}

@K.utils.register_keras_serializable("PKG")
def swish_like(x): return x * ops.sigmoid(1.7 * x)

@K.utils.register_keras_serializable("PKG")
class Small(K.initializers.Initializer):
    def __call__(self, shape, dtype=None, **kw): return 0.1 * ops.ones(shape, dtype)
    def get_config(self): return {}

@K.utils.register_keras_serializable("PKG")
class Weight(K.regularizers.Regularizer):
    def __call__(self, x): return 0.01 * ops.sum(x * x)
    def get_config(self): return {}

@K.utils.register_keras_serializable("PKG")
class Positive(K.constraints.Constraint):
    def __call__(self, w): return ops.maximum(w, 0.0)
    def get_config(self): return {}

@K.utils.register_keras_serializable("PKG")
class Sub(K.Model):
    def __init__(self, units=2, **kw):
        super().__init__(**kw)
        self.units, self.first = units, Outer(units)
    def call(self, x, training=False): return self.first(x)
    def get_config(self): return {**super().get_config(), "units": self.units}

@K.utils.register_keras_serializable("PKG")
class Tokens(K.layers.Layer):
    def __init__(self, words=7, **kw):
        super().__init__(**kw)
        self.words, self.embed = words, K.layers.Embedding(words, 3)
    def call(self, x): return self.embed(x)
    def get_config(self): return {**super().get_config(), "words": self.words}
"""
MODELS = """
I, L, S = K.layers.Input, K.layers, K.Sequential
nested = S([I((3,)), S([I((3,)), Outer()]), L.Dense(1)])
full = S([
    I((3,)),
    L.Dense(4, swish_like, kernel_initializer=Small(), kernel_regularizer=Weight(), kernel_constraint=Positive()),
    Outer(2),
])
full.compile(Optimizer(Schedule(0.2)), Loss(), metrics=[Metric(name="metric")])
full.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
function = S([I((3,)), L.Dense(4)])
function.compile("sgd", loss)
sub = Sub(3)
sub(np.ones((2, 5), "float32"))
a, b = I((3,), name="a"), I((3,), name="b")
listed = K.Model([a, b], [L.Dense(1)(L.Concatenate()([a, b])), Inner()(a)])
dicted = K.Model({"a": a, "b": b}, {"x": L.Dense(1)(L.Concatenate()([b, a]))})
words = S([I((4,), dtype="int32"), L.Embedding(9, 3), L.Flatten()])
tokens = S([I((4,)), Tokens(5), L.GlobalAveragePooling1D()])
image = S([I((None, None, 3)), L.Conv2D(2, 5), L.Conv2D(2, 5), L.GlobalAveragePooling2D()])
half_precision = S([I((3,)), L.Dense(2, dtype="mixed_float16"), L.Dense(2, dtype="float64")])
stateful = S([I((4, 2), batch_size=2), L.SimpleRNN(3, stateful=True)])
"""
WITH_TENSORFLOW = """
@K.utils.register_keras_serializable("PKG")
class Noise(K.layers.Layer):
    def call(self, x): return x + tf.random.normal(tf.shape(x))

@tf.RegisterGradient("PKGHalf")
def half(op, grad): return 0.5 * grad

@K.utils.register_keras_serializable("PKG")
class Halved(K.layers.Layer):
    @tf.function
    def call(self, x):
        with tf.compat.v1.get_default_graph().gradient_override_map({"Identity": "PKGHalf"}):
            return tf.identity(x)

text = S([I((2,), dtype="string"), L.StringLookup(vocabulary=["a", "the"]), L.Embedding(4, 2), L.Flatten()])
slope = S([I((3,)), L.Dense(3), Halved()])
noise = S([I((3,)), Noise()])

class Masked(tf.experimental.ExtensionType):
    __name__ = "PKG.Masked"
    values: tf.Tensor
    mask: tf.Tensor

class Total(tf.Module):
    @tf.function(input_signature=[Masked.Spec(tf.TensorSpec([3]), tf.TensorSpec([3], tf.bool))])
    def __call__(self, masked): return tf.reduce_sum(tf.where(masked.mask, masked.values, 0.0))

@tf.RegisterGradient("PKGThird")
def of_third(op, grad): return grad / 3.0

class Slope(tf.Module):
    def __init__(self): self.w = tf.Variable(3.0)
    @tf.function
    def f(self, x, twice=True):
        with tf.compat.v1.get_default_graph().gradient_override_map({"Identity": "PKGThird"}):
            return self.w * tf.identity(x) * (2.0 if twice else 1.0)
    @tf.function
    def never_called(self, x): return x

class Unknown(tf.Module):
    @tf.function
    def __call__(self, x): return x

total, third, unknown = Total(), Slope(), Unknown()
third.f(tf.ones((2,)))
"""
NAMES = [
    *(
        "nested",
        "full",
        "function",
        "sub",
        "listed",
        "dicted",
        "words",
        "tokens",
        "image",
        "half_precision",
        "stateful",
    ),
    *(("text", "slope", "noise", "total", "third", "unknown") if is_met("tensorflow") else ()),
]
NEEDS_NOTHING = {"dicted", "words", "image", "text", "half_precision", "stateful", "unknown"}
KERAS_2 = {"ops.mean": "tf.reduce_mean", "ops.sum": "tf.reduce_sum", "ops.absolute": "tf.abs", "ops.": "tf."}
REASONS = {
    "noise": "its answers are random, and were not compared",
    "unknown": "it loads, but its answers were not compared: none of its functions has an input_signature, or was called",
}


@pytest.mark.parametrize(
    "K",
    [
        pytest.param("keras", marks=pytest.mark.needs("keras>=3")),
        pytest.param("tf_keras", marks=pytest.mark.needs("tf_keras")),
    ],
)
def test_each_kind_of_object_is_taken_along_and_answers_the_same(nb, K):
    definitions = DEFINITIONS
    for new, old in KERAS_2.items() if K == "tf_keras" else ():
        definitions = definitions.replace(new, old)
    nb.run(
        "i",
        f"import {K} as K, numpy as np\n" + ("from keras import ops" if K == "keras" else "import tensorflow as tf"),
    )
    nb.run("d", definitions)
    nb.run("m", MODELS)
    first = nb.value("get_ipython().execution_count - 2")
    if is_met("tensorflow"):
        nb.run("t", "import tensorflow as tf\n" + WITH_TENSORFLOW)
    states = "[float(np.sum(np.array(each))) for each in stateful.layers[0].states]"
    before = nb.value(states)
    found = verified(nb, " ".join(NAMES))
    assert {name: model["reason"] for name, model in found.items() if model["reason"]} == {
        name: reason for name, reason in REASONS.items() if name in NAMES
    }
    assert {name for name, model in found.items() if model["max_difference"] != 0.0} == REASONS.keys() & NAMES
    assert {name for name, model in found.items() if model["verdict"] != "loads"} == {"unknown"} & {*NAMES}
    cells = {name: first + 2 if name in ("slope", "noise", "total", "third") else first for name in NAMES}
    assert {name: model["cells"] for name, model in found.items()} == {
        name: [] if name in NEEDS_NOTHING else [cells[name]] for name in NAMES
    }
    assert nb.value(states) == before


# -- what does not

LAYER = """
@keras.saving.register_keras_serializable("PKG")
class Foo(keras.layers.Layer):
    def call(self, x): return {} * x
"""
OTHERS = """
import os
class Unregistered(keras.layers.Layer): pass
@keras.saving.register_keras_serializable("PKG")
class Dies(keras.layers.Layer):
    @classmethod
    def from_config(cls, config):
        if "get_ipython" not in globals():
            os._exit(3)
        return cls(**config)
class Unsaved(keras.layers.Layer):
    def get_config(self): raise RuntimeError("no config")
"""


@pytest.mark.needs("keras>=3")
def test_each_verdict_has_its_reason_and_one_process_after_the_other_serves_what_comes_after_a_death(nb):
    nb.run("f", "import keras\nS, I = keras.Sequential, keras.layers.Input\n" + LAYER.format(2))
    nb.run("m", "edited = S([I((3,)), Foo()])")
    built = nb.value("get_ipython().execution_count - 1")
    nb.run("f", "import keras\nS, I = keras.Sequential, keras.layers.Input\n" + LAYER.format(3))
    nb.run("o", OTHERS)
    nb.run(
        "n",
        """
        bare = S([I((3,)), Unregistered()])
        dies = S([I((3,)), Dies()])
        unsaved = S([I((3,)), Unsaved()])
        unbuilt = S([keras.layers.Dense(1)])
        good = S([I((3,)), Foo()])
        """,
    )
    outcome = nb.run("v", "found = %kreg verify edited bare dies unsaved unbuilt good\nfound")
    found = {model["name"]: model for model in nb.value("found.to_dict()['models']")}
    assert {name: model["verdict"] for name, model in found.items()} == {
        "edited": "differs",
        "bare": "fails",
        "dies": "fails",
        "unsaved": "skipped",
        "unbuilt": "skipped",
        "good": "loads",
    }
    reasons = {name: model["reason"] for name, model in found.items()}
    assert reasons["edited"].startswith("it loads, but its answers differ: by 3.3e-01 of the largest value; edited is ")
    assert f"the former Foo of run [{built - 1}]: re-run cell [{built}], which builds edited" in reasons["edited"]
    assert reasons["bare"].startswith(
        "TypeError: Could not locate class 'Unregistered'; the class 'Unregistered' is not "
    )
    assert reasons["dies"] == "the fresh process ended with code 3 while it loads"
    assert reasons["unsaved"] == "it cannot be saved: RuntimeError: no config"
    assert "Give it a keras.Input, or call it once" in reasons["unbuilt"]
    assert 0.33 < found["edited"]["max_difference"] < 0.34 and found["good"]["max_difference"] == 0.0
    assert outcome.text.startswith("kreg: 1 of 6 models load in a fresh kernel and answer the same\n")
    assert "\rkreg: good (6 of 6): loads, " in outcome.stderr and outcome.stderr.endswith(" \r")


@pytest.mark.needs("keras>=3")
def test_strict_raises_one_line_also_if_the_time_is_out(nb):
    nb.run("f", "import keras\n" + LAYER.format(2) + "model = keras.Sequential([keras.layers.Input((3,)), Foo()])")
    failed = nb.run("s", "%kreg verify --strict --timeout 0.01 model", fails=True)
    assert failed.error.startswith("NotVerified: 1 of 1 model: model skipped: out of time after 0.01 s (model, ")
    assert len(failed.traceback.splitlines()) == 1


@pytest.mark.needs("keras>=3")
def test_what_is_no_model_is_refused_in_one_line(nb):
    nb.run("m", "import keras\nmodel_of_mine = keras.Sequential([keras.layers.Input((3,))])\nnumber = 1")
    for line, said in [
        ("model_of_mein", "no variable 'model_of_mein'. Did you mean 'model_of_mine'"),
        ("number", "'number' is no model"),
        ("--timeout soon model_of_mine", "argument --timeout: 'soon' is not a number of seconds"),
        ("--timeout -1 model_of_mine", "argument --timeout: "),
    ]:
        assert nb.run("q", f"%kreg verify {line}").stderr.startswith(f"UsageError: %kreg verify: {said}")
    assert "model_of_mine" in {match for _, match in nb.kernel.complete("%kreg verify model_of")}


@pytest.mark.needs("keras>=3")
def test_a_directory_that_cannot_be_written_to_is_one_line(nb, tmp_path):
    nb.run("m", "import keras\nmodel = keras.Sequential([keras.layers.Input((3,))])")
    nb.silently(f"import tempfile; tempfile.tempdir = {str(tmp_path / 'none')!r}")
    found = verified(nb, "model")["model"]
    nb.silently("tempfile.tempdir = None")
    assert found["verdict"] == "skipped"
    assert found["reason"].startswith("nothing can be saved: FileNotFoundError: ")


@pytest.mark.needs("keras>=3")
def test_ctrl_c_ends_it_and_all_that_it_started(nb, tmp_path):
    fifo = tmp_path / "pids"
    os.mkfifo(fifo)
    nb.silently("import signal; signal.signal(signal.SIGINT, signal.default_int_handler)")
    nb.run(
        "f",
        f"""
        import keras, os, subprocess, sys
        @keras.saving.register_keras_serializable("PKG")
        class Hangs(keras.layers.Layer):
            @classmethod
            def from_config(cls, config):
                import subprocess, sys
                started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
                with open({str(fifo)!r}, "w") as file:
                    file.write(f"{{os.getpid()}} {{started.pid}}")
                started.wait()
        model = keras.Sequential([keras.layers.Input((3,)), Hangs()])
        """,
    )
    kernel = nb.value("os.getpid()")
    request = nb.kernel.send("%kreg verify model", {"cellId": "v"})
    pids = [int(pid) for pid in fifo.read_text().split()]
    os.kill(kernel, signal.SIGINT)
    outcome = nb.kernel.collect(request)
    assert outcome.error == "Interrupted: %kreg verify was interrupted; its process is ended"
    assert outcome.traceback == "KeyboardInterrupt: %kreg verify was interrupted; its process is ended"
    assert [pid for pid in pids if is_running(pid)] == []


def is_running(pid: int) -> bool:
    """Return whether a process does anything: one that is dead may wait for its parent to ask."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return state[:1] not in ("", "Z")


# -- the process alone, without any framework


def begun(tmp_path, text: str, *, imports=(), seconds: float = 600) -> str:
    path = tmp_path / "definitions.py"
    path.write_text(text)
    with Fresh(lambda shown: None, time.monotonic() + seconds) as fresh:
        fresh.begin(str(path), "__main__", imports)
        return fresh.begun("model")


def test_the_definitions_are_executed_as_a_notebooks_cells_are_and_may_print_and_read(tmp_path):
    text = """
import inspect, os, sys
print("noise"); os.write(1, b"more noise\\n"); sys.stderr.write("noise")
class A:
    pass
assert A.__module__ == "__main__" and inspect.getsource(A) == "class A:\\n    pass\\n"
assert sys.stdin.read() == "" and not {"kreg_ipython", "worker"} & {*sys.modules, *globals()}
"""
    assert begun(tmp_path, text) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 / 0", "the definitions cannot be executed: ZeroDivisionError: division by zero"),
        ("if", "the definitions cannot be executed: SyntaxError: invalid syntax (definitions.py, line 1)"),
        ("raise SystemExit(3)", "the definitions cannot be executed: SystemExit: 3"),
    ],
)
def test_definitions_that_raise_are_one_line(tmp_path, text, says):
    assert begun(tmp_path, text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import os; os._exit(3)", "the fresh process ended with code 3 while it executes the definitions"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "the fresh process was killed by SIGKILL, as when memory runs out, while it executes the definitions",
        ),
        ("import os; os.abort()", "the fresh process was killed by SIGABRT while it executes the definitions"),
    ],
)
def test_a_process_that_dies_is_one_line(tmp_path, text, says):
    with pytest.raises(Died) as died:
        begun(tmp_path, text)
    assert str(died.value) == says


def test_a_process_that_hangs_is_ended_when_the_time_is_out(tmp_path):
    with pytest.raises(OutOfTime) as late:
        begun(tmp_path, f"open({str(tmp_path / 'pid')!r}, 'w').write('x')\nwhile True: pass", seconds=1)
    assert str(late.value).startswith("model, ")


def test_a_module_that_the_process_does_not_have_is_one_line(tmp_path):
    said = begun(tmp_path, "", imports=["no_such_module"])
    assert said == "no_such_module cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"


@pytest.mark.needs("keras>=3")
def test_a_backend_that_the_process_does_not_have_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "none_such")
    monkeypatch.delitem(sys.modules, "keras", raising=False)  # another test's
    said = begun(tmp_path, "", imports=["keras"])
    assert said.startswith("keras cannot be imported: ") and "none_such" in said


def test_an_interpreter_that_cannot_be_started_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(Died, match="python cannot be started: No such file or directory"):
        begun(tmp_path, "")
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(Died, match=r"sys\.executable"):
        begun(tmp_path, "")


def test_a_process_whose_parent_is_gone_ends(tmp_path):
    path = tmp_path / "definitions.py"
    path.write_text("")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.path.insert(0, sys.argv[1]); import worker; worker.main()",
            os.path.dirname(worker.__file__),
        ],
        stdin=subprocess.PIPE,
    )
    process.stdin.close()
    assert process.wait() == 0


# -- answers


def answer(values, dtype="float32") -> Answer:
    return Answer(np.asarray(values, "float32" if dtype == "bfloat16" else dtype), dtype)


@pytest.mark.parametrize(
    ("one", "other", "much", "why"),
    [
        ([answer([1.0, 2.0])], [answer([1.0, 2.0])], 0.0, ""),
        ([answer([1.0, 2.0])], [answer([1.0, 2.00001])], 5e-06, ""),
        ([answer([1.0, 2.0])], [answer([1.0, 2.2])], 0.0909, "by 9.1e-02 of the largest value"),
        ([answer([0.0])], [answer([0.0])], 0.0, ""),
        ([answer([0.0])], [answer([1e-9])], 1.0, "by 1.0e+00 of the largest value"),
        ([answer([1.0], "float64")], [answer([1.00001], "float64")], 1e-05, "by 1.0e-05 of the largest value"),
        ([answer([1.0], "float16")], [answer([1.01], "float16")], 0.0097, ""),
        ([answer([1.0], "bfloat16")], [answer([1.03], "bfloat16")], 0.029, ""),
        ([answer([np.nan, np.inf])], [answer([np.nan, np.inf])], 0.0, ""),
        ([answer([np.nan, 1.0])], [answer([1.0, 1.0])], None, "other values"),
        ([answer([np.inf])], [answer([-np.inf])], None, "other values"),
        ([answer([1, 2], "int64")], [answer([1, 3], "int64")], 0.3333, "by 3.3e-01 of the largest value"),
        ([answer([True], "bool")], [answer([True], "bool")], 0.0, ""),
        ([answer([1 + 1j], "complex64")], [answer([1 + 1j], "complex64")], 0.0, ""),
        ([Answer(np.array([b"a"]), "string")], [Answer(np.array([b"a"]), "string")], 0.0, ""),
        ([Answer(np.array([b"a"]), "string")], [Answer(np.array([b"b"]), "string")], None, "other values"),
        ([answer([1.0])], [answer([[1.0]])], None, "shapes (1, 1) instead of (1,)"),
        ([answer([1.0])], [], None, "shapes none instead of (1,)"),
        ([answer([1.0])], [answer([1.0], "float64")], None, "float64 instead of float32"),
        ([answer([])], [answer([])], 0.0, ""),
    ],
)
def test_answers_differ_if_they_are_farther_apart_than_their_dtype_rounds(one, other, much, why):
    found = worker.difference(one, other)
    assert found.why == why
    assert found.much is much or found.much == pytest.approx(much, rel=0.05)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "ValueError"),
        ("one\n\ntwo", "ValueError: one"),
        ("cannot be read. Exception encountered: 'no  units'\nmore", "ValueError: 'no units'"),
        (
            "Exception encountered when calling A.call().\n\n\x1b[1mno entry\x1b[0m\n\nArguments: x",
            "ValueError: no entry",
        ),
    ],
)
def test_an_error_of_keras_is_told_by_its_cause(text, line):
    assert worker.error_line(ValueError(text)) == line


def test_answers_are_read_back_as_they_were_written(tmp_path):
    written = [answer([1.5]), answer([1.5], "bfloat16"), Answer(np.array([b"a", b"bc"]), "string"), answer(3, "int64")]
    worker.write_answers(str(tmp_path / "a.npz"), written)
    read = worker.read_answers(str(tmp_path / "a.npz"))
    assert worker.difference(written, read) == (0.0, "")


# -- what is shown


def test_a_full_disk_says_which_directory_is_full():
    text = _of_file(OSError(28, "No space left on device"), "it cannot be saved")
    assert text.startswith("it cannot be saved: no space is left in /") and text.endswith(
        "TMPDIR names another directory"
    )


def test_results_have_three_faces():
    results = (Result("<b>m</b>", "loads", "", (3, 4), 1e-07, 2.25), Result("n", "fails", "E: <b>", (), None, 0.1))
    shown = Verified(results, ("VOCAB of cell [3]: it is <b>computed</b>",))
    assert repr(shown) == (
        "kreg: 1 of 2 models load in a fresh kernel and answer the same\n"
        "  loads  <b>m</b>  difference 1e-07  cells [3], [4]  2.2 s\n"
        "  fails  n                                           0.1 s\n"
        "         E: <b>\n"
        "left out: VOCAB of cell [3]: it is <b>computed</b>"
    )
    assert "<b>" not in shown._repr_html_() and "&lt;b&gt;m" in shown._repr_html_()
    assert shown.to_dict()["models"][0] == {
        "name": "<b>m</b>",
        "verdict": "loads",
        "reason": "",
        "cells": [3, 4],
        "max_difference": 1e-07,
        "seconds": 2.25,
    }
    assert repr(Verified(())) == "kreg: there is no model"
