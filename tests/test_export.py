"""%kreg export: definitions leave the notebook as a module, which is imported elsewhere and here. Kernels are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LAYER = """
# the number of units
UNITS = 3
SCALE = float(np.float64(0.5)) + 1

def scaled(x):
    return SCALE * x

@keras.saving.register_keras_serializable("PKG")
class Scaled(keras.layers.Layer):
    # multiplies
    def call(self, x):
        return scaled(x)
"""
BESIDE = """
def act(x): return keras.ops.relu(x) + 1
keras.saving.register_keras_serializable("PKG")(act)
keras.saving.get_custom_objects()["PKGact"] = act

for name in ("PKGOne", "PKGTwo"):
    @tf.RegisterGradient(name)
    def gradient(op, grad): return grad

class Pair(tf.experimental.ExtensionType):
    __name__ = "PKG.Pair"
    first: tf.Tensor
"""
MODEL = """
net = keras.Sequential([keras.Input((UNITS,)), Scaled(), keras.layers.Dense(2, activation=act)])
net.compile("sgd", "mse")
history = net.fit(np.ones((4, UNITS)), np.ones((4, 2)), verbose=0)
"""


@pytest.fixture
def here(nb, tmp_path: Path):
    """A notebook with a model, in an empty directory that it can import from."""
    nb.silently(f"import os, sys; before = os.getcwd(); os.chdir({str(tmp_path)!r}); sys.path.insert(0, '')")
    nb.run("import", "import keras, numpy as np\nimport tensorflow as tf")
    for cell, text in (("layer", LAYER), ("beside", BESIDE), ("model", MODEL)):
        nb.run(cell, text)
    nb.run("plain", "plain = keras.Sequential([keras.layers.Dense(1)])  # needs nothing, and has no input shape yet")
    yield nb
    nb.silently("os.chdir(before); sys.path.remove('')")


def words(shown) -> str:
    """Return what was shown, without its line breaks."""
    return " ".join(shown.text.split())


def export(nb, line: str) -> dict:
    return nb.value(f"get_ipython().run_line_magic('kreg', 'export {line}').to_dict()")


@pytest.mark.needs("keras>=3", "tensorflow")
def test_a_notebook_goes_on_with_the_module_in_the_place_of_its_cells(here, tmp_path):
    nb, module = here, f"{here.package}_mine"
    found = export(nb, f"{module}.py")
    keys = {key.replace(nb.package, "PKG") for key in found["objects"]}
    assert keys == {"PKG>Scaled", "PKG>act", "PKGact", "PKGOne", "PKGTwo", "PKG.Pair.Spec"}
    assert found["verified"] is True and found["left_out"] == []
    text = (tmp_path / f"{module}.py").read_text()
    assert "SCALE = 1.5  # computed in cell [" in text and "    # multiplies\n" in text
    assert not re.search(r"fit\(|net|history|UNITS|kreg_ipython$", text.replace("kreg_ipython. Edit", ""))
    nb.run("autoreload", "%load_ext autoreload\n%autoreload 2")
    nb.silently("answer = net.predict(np.ones((2, 3)), verbose=0).tolist(); net.save('net.keras')")
    nb.run("layer", "UNITS = 3", deletedCells=["beside"])
    nb.run("beside", "")
    assert nb.custom_objects() == {}
    nb.run("layer", f"UNITS = 3\nimport {module}\nfrom {module} import Scaled, act")
    assert nb.custom_objects() == {"Scaled": "Scaled", "act": "act"}
    assert {entry["owner"]["id"] for entry in nb.entries() if entry["state"] == "current"} == {module}
    nb.run("load", "again = keras.models.load_model('net.keras')")
    assert nb.value("again.predict(np.ones((2, 3)), verbose=0).tolist() == answer")
    path = tmp_path / f"{module}.py"
    path.write_text(path.read_text().replace("SCALE = 1.5", "SCALE = 3.0"))
    nb.run("model", MODEL)
    assert nb.value("float(net.layers[0](np.ones((1,)))[0])") == 3.0
    told = nb.run("again", f"%kreg export {module}.py").stderr
    assert told.strip() == "UsageError: %kreg export: nothing to export: no cell has registered anything; " + (
        "name a class, a function, or a model that is made of yours (net and again)."
    )
    nb.run("autoreload", "%autoreload 0")


@pytest.mark.needs("keras>=3", "tensorflow")
def test_names_choose_what_is_written(here):
    nb = here

    def keys(names: str) -> list[str]:
        found = export(nb, f"PKG_some.py {names} --timeout 0.01".replace("PKG", nb.package))
        assert found["verified"] is None, "there was no time"
        return [key.replace(nb.package, "PKG") for key in found["objects"]]

    assert keys("net") == ["PKG>Scaled", "PKG>act", "PKGact"]
    assert keys("Scaled") == ["PKG>Scaled"]
    assert keys("PKGTwo".replace("PKG", nb.package)) == ["PKGOne", "PKGTwo"], "one statement registers both"
    nb.run("other", "def uses(): return net")
    found = export(nb, f"{nb.package}_some.py uses --timeout 0.01")
    (left_out,) = found["left_out"]
    assert left_out["name"] == "net"
    assert left_out["why"] == "its statement calls keras.Sequential(), and a Sequential is no small plain value"
    text = nb.value(f"open('{nb.package}_some.py').read()")
    assert f"# left out: net of cell [{left_out['cell']}]: {left_out['why']}\n" in text


IN_THREAD = """
def NAME(layer, scale=1.0):BEFORE
    @tf.RegisterGradient('PKGNAME' + str(layer))
    def graded(op, x): return MADE
thread = threading.Thread(target=NAME, args=(3,))
thread.start()
thread.join()
"""
REGISTRATIONS = {
    "decorated": "mine = keras.saving.register_keras_serializable('PKG')\n@mine\nclass A(keras.layers.Layer): pass",
    "inside": "with tf.device('CPU:0'):\n    print('EFFECT')\n    @mine\n    class B(A): pass\n    B.more = 3",
    "loop": "def g(op, grad): return grad\nfor n, f in {'PKGg': g, 'PKGh': lambda op, x: x}.items(): tf.RegisterGradient(n)(f)",
    "helper": "def register(name, f):\n    tf.RegisterGradient(name)(f)\nregister('PKGhelped', lambda op, x: x)",
    "made": "def make(n):\n    @mine\n    class Made(keras.layers.Layer): times = n\n    return Made\nMade3 = make(3)",
    "nested": "class Outer:\n    @mine\n    class Inner(keras.layers.Layer): pass",
    "tried": "try: tf.RegisterGradient('PKGtried')(g)\nexcept KeyError: pass",
    "update": "keras.saving.get_custom_objects().update({'PKGupdated': g})",
    "called": "def setup():\n    print('EFFECT')\n    keras.saving.get_custom_objects()['PKGcalled'] = g\nsetup()",
    "thread": "import threading" + IN_THREAD.replace("NAME", "known").replace("MADE", "x * layer * scale"),
    "thread, an effect": IN_THREAD.replace("NAME", "loud")
    .replace("BEFORE", "\n    print('EFFECT')")
    .replace("MADE", "layer"),
    "thread, unknown": IN_THREAD.replace("NAME", "lost").replace("MADE", "scale"),
    "effect": "for n in ['PKGi']:\n    print('EFFECT')\n    tf.RegisterGradient(n)(lambda op, x: x)",
}


@pytest.mark.needs("keras>=3", "tensorflow")
def test_registrations_in_all_kinds_of_statements(nb, tmp_path):
    nb.run("import", "import keras\nimport tensorflow as tf")
    for cell, text in REGISTRATIONS.items():
        nb.run(cell, text.replace("BEFORE", ""))
    path = tmp_path / f"{nb.package}_all.py"
    found = export(nb, str(path))
    keys = {key.replace(nb.package, "PKG").removeprefix("PKG>") for key in found["objects"]}
    assert keys == {"A", "B", "PKGg", "PKGh", "PKGhelped", "Made", "Inner", "PKGtried", "PKGupdated", "PKGknown3"}
    left_out = {each["name"].replace(nb.package, "PKG") for each in found["left_out"]}
    assert left_out == {"PKGcalled", "PKGi", "PKGloud3", "PKGlost3"}
    text = path.read_text()
    assert "\nknown(layer=3, scale=1.0)\n" in text
    assert "EFFECT" not in text and "\n@mine\nclass B(A): pass\n\n\nB.more = 3\n" in text


@pytest.mark.needs("keras>=3", "tensorflow")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "the following arguments are required: PATH"),
        (".", ". is a directory; name a file in it"),
        ("no/such.py", "there is no directory no; make it first"),
        ("keras.py", "keras.py would stand in the way of the module keras"),
        ("mine.py Scald", "no variable and no key 'Scald'. Did you mean 'Scaled'"),
        ("mine.py UNITS", "'UNITS' is no model, class or function"),
    ],
)
def test_what_cannot_be_done_is_one_line(here, line, message):
    shown = here.run("x", f"%kreg export {line}", fails=None)
    told = f"{shown.stderr}{shown.stdout}{shown.error}{shown.traceback}"
    assert message in told and "Traceback" not in told


STATE = """
import sys
sys.kreg_flag = 1
if getattr(sys, "kreg_flag", 0):
    def chosen(): return 1
else:
    def chosen(): return 2
def make(n): return lambda x: n * x
twice = make(2)
def remembers(x, seen=[]):
    seen.append(x)
    return len(seen)
@keras.saving.register_keras_serializable("PKG")
class Uses(keras.layers.Layer):
    def call(self, x): return twice(x) * chosen()
    def other(self): return remembers(1)
uses = keras.Sequential([keras.Input((3,)), Uses()])
number = uses.layers[0].other()
"""


@pytest.mark.needs("keras>=3", "tensorflow")
def test_a_module_has_what_was_decided_here_and_names_what_calls_have_changed(here, tmp_path):
    here.run("state", STATE)
    path = tmp_path / f"{here.package}_state.py"
    found = export(here, f"{path} uses")
    (differs,) = found["left_out"]
    assert (differs["name"], differs["why"]) == (
        "remembers",
        "its default seen is [1] in the notebook, and [] in a fresh process",
    )
    assert found["verified"] is None and "def remembers(x, seen=[]):" in path.read_text()
    shown = here.run("again", f"remembers.__defaults__[0].clear()\n%kreg export {path} uses")
    assert "verified: a fresh process imported it, and 1 of 1 model loaded and answered the same" in words(shown)
    text = path.read_text()
    assert "def chosen(): return 1\n" in text and "kreg_flag" not in text and "\ntwice = make(2)\n" in text


@pytest.mark.needs("keras>=3", "tensorflow")
def test_a_module_that_cannot_be_imported_is_written_and_said_to_fail(here, tmp_path):
    def problem(text: str) -> str:
        here.run("of", f"def leave(code): import os; os._exit(code)\nmine = 'get_ipython' in globals()\n{text}")
        shown = here.run("x", f"exported = %kreg export {tmp_path}/{here.package}_of.py g\nexported")
        assert here.value("exported.verified") is False
        return words(shown).rpartition("]")[2].strip()

    told = problem("def g(n=1 if 'get_ipython' in globals() else leave(3)): return n")
    assert told == "it does not work elsewhere: the fresh process ended with code 3 while it executes the definitions"
    told = problem("def g(n=1 / ('get_ipython' in globals())): return n")
    assert told.startswith("it does not work elsewhere: in a fresh kernel the definitions cannot be executed: Zero")


@pytest.mark.needs("keras>=3", "tensorflow")
def test_a_module_that_would_be_empty_is_not_written(here, tmp_path):
    here.run("of", "def magical():\n    %time x = 1\n    return x")
    shown = here.run("x", "%kreg export empty.py magical", fails=None)
    told = f"{shown.stderr}{shown.stdout}{shown.error}{shown.traceback}"
    assert "nothing of it can be written: there is a magic in its statement." in told and "Traceback" not in told
    assert not (tmp_path / "empty.py").exists()
