"""Cells keep their identity over reload, unload and load; the log its events. What installed packages register is theirs."""

from __future__ import annotations

import textwrap

import pytest
from conftest import Files
from test_cells import LAYER

LAYERS = LAYER.format(1) + LAYER.format(1).replace("Foo", "Two")
HELPER = "def help(name, f): keras.utils.register_keras_serializable('PKG', name)(f)"
HELPED = "def helped(x): return x\nhelp('{0}', helped)"
AGAIN = {
    "reload": ["%reload_ext kreg_ipython"],
    "unload and load": ["%unload_ext kreg_ipython", "x = 1", "%load_ext kreg_ipython"],
    "unload and load in one cell": ["%unload_ext kreg_ipython\n%load_ext kreg_ipython"],
    "a program's owner after unloading": [
        "%unload_ext kreg_ipython",
        "import kreg_ipython\nwith kreg_ipython.owner('program'): pass",
        "%load_ext kreg_ipython",
    ],
    "off and on": ["%kreg off", "%kreg on"],
    "off, unload, load": ["%kreg off", "%unload_ext kreg_ipython", "%load_ext kreg_ipython"],
}

LOG = "get_ipython().run_line_magic('kreg', 'log').to_dict()['events']"


@pytest.mark.parametrize("again", AGAIN)
def test_cells_keep_their_identity_and_the_log_its_events(nb, again):
    nb.run("a", LAYERS)
    nb.run("a", LAYERS.replace("Two", "Three"))
    nb.run("h", HELPER)
    nb.run("b", HELPED.format("one"))
    log = nb.value(LOG)
    before = nb.status()
    for line in AGAIN[again]:
        told = nb.run("ext", line).stderr.splitlines()
        assert [text for text in told if "broken" not in text] == []  # of adapters that other tests have broken
    now = nb.status()
    assert {key: entry for key, entry in now.items() if key != "PKG>Two"} == {
        key: entry for key, entry in before.items() if key != "PKG>Two"
    }
    assert log and nb.value(LOG)[: len(log)] == log
    nb.run("b", HELPED.format("other"))
    nb.run("a", LAYER.format(2).replace("Foo", "Last"))
    assert sorted(nb.custom_objects()) == ["Last", "other"]


CLASS = """
from tensorflow.python.saved_model.registration import registration
@registration.register_serializable("PKG")
class Saved(tf.Module): pass
"""


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("again", AGAIN)
def test_what_a_script_registered_in_several_containers_is_still_the_scripts(nb, files, tmp_path, again):
    """The key that is looked up is equal to the one in them, and another object."""
    files.write({"PKG_script.py": "import tensorflow as tf" + CLASS, "PKG_module.py": "x = 1"})
    nb.run("m", "import importlib, PKG_module")
    nb.run("s", f"%run {tmp_path}/PKG_script.py")
    for line in AGAIN[again]:
        nb.run("ext", line)
    files.write({"PKG_script.py": "x = 1", "PKG_module.py": "import tensorflow as tf" + CLASS})
    nb.run("r", "importlib.reload(PKG_module)")
    (entry,) = [each for each in nb.entries() if each["state"] == "current"]
    assert entry["owner"]["id"] == f"{nb.package}_module"


@pytest.mark.parametrize("again", ["reload", "unload and load", "off and on"])
def test_a_decorator_that_was_made_before_registers_for_the_cell_and_no_former_class_lives_on(nb, again):
    nb.run("d", "import gc, weakref; made = []\nregister = keras.utils.register_keras_serializable('PKG')")
    text = "@register\nclass {0}(keras.layers.Layer): pass\nmade.append(weakref.ref({0}))\ndel {0}"
    nb.run("a", text.format("One"))
    for line in AGAIN[again]:
        nb.run("ext", line)
    for name in ("One", "One", "Two"):
        nb.run("a", text.format(name))
    assert list(nb.custom_objects()) == ["Two"] and nb.status()["PKG>Two"]["line"] == 1
    nb.run("c", "gc.collect()")
    assert nb.value("[ref() is None for ref in made]") == [True, True, False, False]  # the third one can be undone


@pytest.mark.needs("keras>=2.13")  # before, Keras itself refuses the second run
def test_what_shadows_gives_way_after_a_reload_too(nb):
    nb.run("a", LAYER.format(1))
    nb.run("b", "@keras.utils.register_keras_serializable('PKG', 'Foo')\ndef over(x): return x")
    nb.run("ext", "%reload_ext kreg_ipython")
    assert nb.status()["PKG>Foo"]["state"] in ("current", "shadowed") and len(nb.entries()) == 2
    nb.run("b", "x = 1")
    assert nb.custom_objects() == {"Foo": "Foo"}


def test_loading_again_is_silent_and_only_for_us(nb):
    outcome = nb.run("ext", "%load_ext kreg_ipython")
    assert outcome.stdout + outcome.stderr == ""
    nb.run("ext", "%load_ext autoreload")
    assert "already loaded" in nb.run("ext", "%load_ext autoreload").stdout
    nb.run("ext", "%unload_ext kreg_ipython\n%load_ext kreg_ipython")
    assert nb.run("ext", "%load_ext kreg_ipython").stdout == ""
    diverted = "bool(vars(type(get_ipython().extension_manager).load_extension))"
    assert nb.value(diverted)
    nb.run("ext", "%unload_ext kreg_ipython")
    assert not nb.value(diverted)


@pytest.mark.needs("keras>=3")  # Keras 2 keeps its classes in another place, too
def test_what_is_remembered_while_unloaded_keeps_nothing_alive(nb):
    nb.run("a", LAYER.format(1) + "alive = weakref.ref(Foo)")
    nb.run("ext", "%unload_ext kreg_ipython")
    nb.run("a", LAYER.format(2))
    nb.run(
        "g",
        "sys.modules[keras.utils.register_keras_serializable.__module__].__dict__.get('GLOBAL_CUSTOM_NAMES', {}).clear()",
    )
    nb.run("g", "gc.collect()")
    assert nb.value("alive() is None")
    nb.run("ext", "%load_ext kreg_ipython")
    nb.run("a", LAYER.format(2))
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


# -- the same definition in two cells


GRADIENT = "@tf.RegisterGradient('PKGTwice')\ndef gradient(op, grad): return grad"


@pytest.mark.needs("tensorflow")
def test_a_definition_that_two_cells_say_is_told_once_where_a_restart_would_raise(nb):
    assert nb.run("a", GRADIENT).stderr == ""
    told = nb.run("b", GRADIENT).stderr
    assert told.count("\n") == 1 and "after a restart the second raises" in told and "cell [" in told
    assert nb.run("b", GRADIENT).stderr == nb.run("b", GRADIENT + "\nx = 1").stderr == ""
    nb.run("a", "x = 1")
    nb.run("b", "x = 1")
    assert [entry for entry in nb.entries() if entry["state"] != "swept"] == []


@pytest.mark.needs("tensorflow", "keras>=2.13")
def test_a_definition_that_moves_or_that_a_restart_accepts_is_not_told(nb):
    nb.run("a", GRADIENT)
    nb.run("a", "x = 1")
    assert nb.run("b", GRADIENT).stderr == ""
    nb.run("c", LAYER.format(1))
    assert nb.run("d", LAYER.format(1)).stderr == ""


# -- without ids


PLAIN = "class PKGPlain: pass"
HANDLERS = {
    "conversion": (
        "def convert(v, dtype=None, name=None, as_ref=False): return tf.constant(1.)\n"
        "tf.register_tensor_conversion_function(PKGPlain, convert)"
    ),
    "dispatch": "@tf.experimental.dispatch_for_api(tf.add, {'x': PKGPlain, 'y': PKGPlain})\ndef add(x, y, name=None): return x",
    "elementwise": "@tf.experimental.dispatch_for_unary_elementwise_apis(PKGPlain)\ndef handler(api, x): return x",
    "optree": (
        "import optree\n"
        "optree.register_pytree_node(PKGPlain, lambda x: ((), None, None), lambda *a: PKGPlain(), namespace='keras')"
    ),
}


@pytest.mark.parametrize("edit", ["", "\nx = 1"])
@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.needs("tensorflow>=2.19")
def test_without_ids_an_equally_named_key_takes_the_formers_place(nb, kind, edit):
    for run in range(3):
        nb.run(None, PLAIN)
        nb.run(None, HANDLERS[kind] + edit * run)
    standing = [entry for entry in nb.entries() if entry["state"] not in ("swept", "superseded")]
    assert [entry["state"] for entry in standing] == ["current"]


@pytest.mark.needs("tensorflow>=2.19")
def test_without_ids_two_classes_of_one_name_that_both_live_keep_their_handlers(nb):
    nb.run(
        None,
        "def make():\n    class PKGInner: pass\n    def convert(v, dtype=None, name=None, as_ref=False): return tf.constant(1.)\n    tf.register_tensor_conversion_function(PKGInner, convert)\n    return PKGInner",
    )
    nb.run(None, "one = make()")
    nb.run(None, "two = make()")
    assert [entry["state"] for entry in nb.entries()] == ["current"] * 2


# -- installed packages


PACKAGE = """
import keras
@keras.utils.register_keras_serializable("PKG")
class {0}(keras.layers.Layer):
    pass
def setup():
    keras.utils.register_keras_serializable("PKG", "{0}setup")({0})
"""


@pytest.mark.parametrize("value", ["[1]", "lambda: 1"])
@pytest.mark.parametrize("again", AGAIN)
def test_after_unloading_what_cannot_be_referenced_weakly_stays(nb, files, again, value):
    """Another cell may have written an equal number since: nothing tells."""
    files.write({"PKGreg.py": "TABLE = {}\n"})
    nb.run("i", "from PKGreg import TABLE\n%kreg watch PKGreg:TABLE")
    nb.run("a", f"TABLE['one'] = {value}")
    for line in AGAIN[again]:
        nb.run("ext", line)
    nb.run("a", f"TABLE['two'] = {value}")
    is_known = "lambda" in value or again in ("reload", "off and on")
    assert nb.value("list(TABLE)") == (["two"] if is_known else ["one", "two"])


@pytest.mark.parametrize("folder", ["my-packages", "packages", "site-packages-of-mine"])
def test_a_folder_whose_name_is_like_that_of_installed_packages_is_the_users(nb, tmp_path, folder):
    (tmp_path / folder).mkdir()
    nb.silently(f"import sys; sys.path.insert(0, {str(tmp_path / folder)!r})")
    Files(tmp_path / folder, nb.package).write({"PKGown.py": textwrap.dedent(PACKAGE.format("Mine"))})
    nb.run("a", "import PKGown")
    assert list(nb.status()) == ["PKG>Mine"]


@pytest.mark.parametrize("late", [False, True])
def test_what_an_installed_package_registers_is_counted_and_spared(stock_nb, tmp_path, late):
    nb = stock_nb
    installed, own = tmp_path / "site-packages", tmp_path / "src"
    for folder in (installed, own):
        folder.mkdir()
        nb.silently(f"import sys; sys.path.insert(0, {str(folder)!r})")
    Files(installed, nb.package).write({"PKGinstalled.py": textwrap.dedent(PACKAGE.format("Theirs"))})
    Files(own, nb.package).write({"PKGeditable.py": textwrap.dedent(PACKAGE.format("Mine"))})
    nb.mode = "kreg"
    if not late:
        nb.load()
    nb.run("a", "import PKGinstalled, PKGeditable")
    if late:
        nb.load()
    assert sorted(nb.status()) == ["PKG>Mine"]
    status = nb.value("get_ipython().run_line_magic('kreg', '').to_dict()")
    assert status["library"] == {nb.custom_registry: 1} and "1 of installed packages'" in nb.run("q", "%kreg").text
    everything = nb.value("get_ipython().run_line_magic('kreg', '--all').to_dict()['entries']")
    theirs = [entry for entry in everything if entry["key"] == f"{nb.package}>Theirs"]
    assert [entry["state"] for entry in theirs] == ["framework"]
    nb.run("b", "PKGinstalled.setup()")
    assert nb.status()["PKG>Theirssetup"]["owner"]["id"] == "b"
    assert "2 entries" in nb.run("c", "%kreg clear --all").text
    assert nb.custom_objects() == {"Theirs": "Theirs"}
    nb.run("c", "%kreg clear PKG>Theirs")
    assert nb.custom_objects() == {}
    nb.unload()
