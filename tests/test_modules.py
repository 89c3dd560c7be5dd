"""Modules and scripts: reloaded, purged and imported, failing, run by %run. Real files, real kernels."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import Files
from kernels import Kernel

stock = pytest.mark.fails("stock")

HEAD = "import keras, tensorflow as tf\n"
LAYER = "@keras.utils.register_keras_serializable('PKG')\nclass Foo(keras.layers.Layer): number = 1\n"
GRADIENT = "@tf.RegisterGradient('PKGgrad')\ndef grad(op, g): return 1\n"
TEXT = HEAD + LAYER + GRADIENT

AGAIN = {
    "reload": "import importlib; importlib.reload(PKG)",
    "purge": "del sys.modules['PKG']; import PKG",
    "deep reload": "import PKG\nfrom IPython.lib import deepreload\ndeepreload.reload(PKG, exclude=[m for m in sys.modules if m != 'PKG'])",
    "by hand": "import importlib.util as u\nspec = u.find_spec('PKG')\nspec.loader.exec_module(sys.modules['PKG'])",
}


def gradients(nb) -> dict[str, int]:
    """The package's gradients, and what they return."""
    table = (
        "tf.__internal__  and __import__('tensorflow.python.framework.ops', fromlist='x')._gradient_registry._registry"
    )
    return nb.value(f"{{k.replace('PKG', ''): v['type'](0, 0) for k, v in ({table}).items() if k.startswith('PKG')}}")


def numbers(nb) -> dict[str, int]:
    """The package's custom objects by name, and their numbers."""
    return nb.value(
        "{k.partition('>')[2]: v.number for k, v in keras.utils.get_custom_objects().items() if k.startswith('PKG>')}"
    )


@stock
@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.needs("tensorflow")
def test_a_module_that_is_executed_again_replaces_what_it_registered(nb, files, again):
    files.write({"PKG.py": TEXT})
    nb.run("a", "import PKG")
    files.write({"PKG.py": TEXT.replace("= 1", "= 2").replace("Foo", "Bar").replace("return 1", "return 2")})
    nb.run("b", AGAIN[again])
    assert (numbers(nb), gradients(nb)) == ({"Bar": 2}, {"grad": 2})
    assert nb.value("keras.utils.get_custom_objects()['PKG>Bar'] is PKG.Bar")
    nb.run("a", "import PKG")  # it is cached, and registers nothing
    assert (numbers(nb), gradients(nb)) == ({"Bar": 2}, {"grad": 2})


@stock
def test_a_file_with_the_name_of_one_of_pythons_own_modules_is_the_users(nb, files):
    files.write({"wave.py": "import keras\n" + LAYER})
    nb.run("a", "sys.modules.pop('wave', None); import wave")
    files.write({"wave.py": "import keras\n" + LAYER.replace("Foo", "Bar")})
    nb.run("b", "del sys.modules['wave']; import wave")
    assert numbers(nb) == {"Bar": 1}


LOAD = """
import importlib.util as u
def load(path, listed):
    spec = u.spec_from_file_location("PKGplugin", path)
    module = u.module_from_spec(spec)
    if listed: sys.modules["PKGplugin"] = module
    spec.loader.exec_module(module)
    return module
"""
EXECUTED = {
    "exec": "exec(open(PATH).read())",
    "exec of a path": "from pathlib import Path\nexec(Path(PATH).read_text())",
    "exec of what was compiled": "exec(compile(open(PATH).read(), PATH, 'exec'))",
    "exec in a namespace": "names = {'__name__': 'PKG'}\nexec(open(PATH).read(), names)",
    "exec of a variable": "text = open(PATH).read()\nexec(text)",
    "exec in a function": "def execute(path):\n    exec(open(path).read(), globals())\nexecute(PATH)",
    "run_path": "import runpy\nnames = runpy.run_path(PATH)",
    "run_module": "import runpy\nnames = runpy.run_module('PKG')",
    "%run": "%run PKG",
    "not in sys.modules": f"{LOAD}m = load(PATH, False)",
}


@stock
@pytest.mark.parametrize("way", EXECUTED)
@pytest.mark.needs("tensorflow")
def test_a_file_is_the_owner_in_whatever_way_it_is_executed_and_each_time_is_a_run(nb, files, way):
    path = files.folder / f"{nb.package}.py"
    cell = f"%cd -q {files.folder}\n" + EXECUTED[way].replace("PATH", repr(str(path)))
    files.write({"PKG.py": TEXT})
    nb.run("a", cell)
    nb.run("a", cell)
    assert {(each["owner"]["kind"], each["owner"]["label"], each["line"]) for each in nb.entries()} == (
        {("module", f"module {nb.package}plugin ({nb.package}.py)", line) for line in lines()}
        if way == "not in sys.modules"
        else {("script", f"script {path.resolve()}", line) for line in lines()}
    )
    files.write({"PKG.py": TEXT.replace("= 1", "= 2").replace("Foo", "Bar").replace("return 1", "return 2")})
    nb.run("a", cell)
    assert (numbers(nb), gradients(nb)) == ({"Bar": 2}, {"grad": 2})
    files.write({"PKG.py": "1 / 0\n" + TEXT})
    nb.run("a", cell, fails=True)
    assert (numbers(nb), gradients(nb)) == ({"Bar": 2}, {"grad": 2})
    files.write({"PKG.py": HEAD + GRADIENT})
    nb.run("a", cell)
    assert (numbers(nb), gradients(nb)) == ({}, {"grad": 1})
    nb.run("a", "x = 1")
    assert (numbers(nb), gradients(nb)) == ({}, {})


def lines() -> set[int]:
    """The lines of `TEXT` at which it registers."""
    return {2, 4}


def test_two_files_under_one_name_are_two_owners(nb, files):
    files.write({"PKG_one.py": "import keras\n" + LAYER, "PKG_two.py": "import keras\n" + LAYER.replace("Foo", "Two")})
    paths = [str(files.folder / f"{nb.package}_{name}.py") for name in ("one", "two")]
    cell = f"{LOAD}one, two = [load(path, True) for path in {paths}]\n" + (
        "same = [type(keras.layers.deserialize(keras.layers.serialize(m()))) is m for m in (one.Foo, two.Two)]"
    )
    for _ in range(2):
        nb.run("a", cell)
        assert nb.value("same") == [True, True]
    labels = {f"module {nb.package}plugin ({nb.package}_{name}.py)" for name in ("one", "two")}
    assert {entry["owner"]["label"] for entry in nb.entries()} == labels
    files.write({"PKG_two.py": "import keras\n"})
    nb.run("b", f"two = load({paths[1]!r}, True)")
    assert numbers(nb) == {"Foo": 1}


HELPER = """
    import keras
    done = []
    def once(x): return x
    once.number = 1
    def setup():
        if not done:
            done.append(1)
            keras.utils.register_keras_serializable("PKG")(once)
"""


def test_what_another_module_registered_for_an_import_that_fails_stays_as_in_stock(nb, files):
    files.write(
        {
            "PKG_helper.py": HELPER,
            "PKG_fast.py": "import keras, PKG_helper\nPKG_helper.setup()\n" + LAYER + "raise ImportError",
            "PKG_slow.py": "import PKG_helper\nPKG_helper.setup()",
        }
    )
    cell = "try:\n    import PKG_fast\nexcept ImportError:\n    import PKG_slow"
    for _ in range(2):
        nb.run("a", cell)
        assert numbers(nb) == {"once": 1}
    files.write({"PKG_fast.py": "import PKG_helper\nPKG_helper.setup()"})
    nb.run("a", "import PKG_fast")
    assert numbers(nb) == {"once": 1}


@stock
@pytest.mark.parametrize("deleted", ["module", "package"])
def test_a_purged_package_loses_what_its_deleted_files_registered(nb, files, deleted):
    inner = "PKG/b.py" if deleted == "module" else "PKG/b/__init__.py"
    texts = {"PKG/__init__.py": "from PKG import a, b", "PKG/a.py": "import keras\n" + LAYER}
    (files.folder / nb.package / "b").mkdir(parents=True)
    files.write({**texts, inner: "import keras\n" + LAYER.replace("Foo", "Bar")})
    nb.run("a", "import PKG")
    files.write({"PKG/__init__.py": "from PKG import a", inner: None})
    nb.run("b", "x = 1")
    assert numbers(nb) == {"Foo": 1, "Bar": 1}
    nb.run("b", "for name in [n for n in sys.modules if n.startswith('PKG')]: del sys.modules[name]\nimport PKG")
    assert numbers(nb) == {"Foo": 1}


@stock
@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("place", ["cell", "file"])
def test_a_decorator_of_the_users_whose_package_is_edited(nb, files, made, place):
    decorator = "def register(cls): return keras.utils.register_keras_serializable(PACKAGE)(cls)\n"
    if made:
        decorator = (
            "def made(package=PACKAGE):\n    def wrap(cls): return keras.utils.register_keras_serializable(package)(cls)\n"
            "    return wrap\nregister = made()\n"
        )
    used = "@register\nclass Foo(keras.layers.Layer): number = 1\n"
    cell = "import PKG, importlib\nimportlib.reload(PKG)\n" + (
        "from PKG import register\n" + used if place == "cell" else ""
    )
    for package in ("PKG_former", "PKG"):
        text = f"import keras\nPACKAGE = {package!r}\n" + decorator + (used if place == "file" else "")
        files.write({"PKG.py": text})
        nb.run("a", cell)
    assert nb.value("[k for k in keras.utils.get_custom_objects() if k.startswith('PKG')]") == [f"{nb.package}>Foo"]


@stock
@pytest.mark.needs("spyder-kernels")
@pytest.mark.parametrize("options", ["", "--current-namespace"])
def test_a_file_that_spyder_runs_is_an_owner(mode, options):
    """In a kernel as Spyder starts it."""
    kernel = Kernel(argv=[sys.executable, "-m", "spyder_kernels.console", "-f", "{connection_file}"])
    folder = tempfile.TemporaryDirectory()  # the path is short: a long one is cut off where it is shown
    try:
        kernel.run(None, "import keras" + ("\n%load_ext kreg_ipython" if mode == "kreg" else ""))
        path = Path(folder.name) / "a file.py"
        for text in (LAYER, LAYER.replace("Foo", "Bar"), "\n\n" + LAYER.replace("Foo", "Last")):
            path.write_text("import keras\n" + text)
            kernel.run(None, f"%runfile '{path}' --wdir {options}")
        keys = "[key for key in keras.utils.get_custom_objects() if key.startswith('PKG>')]"
        assert kernel.value(keys) == ["PKG>Last"]
        assert f"script {path.resolve()}: " in kernel.run(None, "%kreg").text
        path.write_text("x = 1")
        kernel.run(None, f"%runfile '{path}' --wdir {options}")
        assert kernel.value(keys) == []
    finally:
        kernel.close()
        folder.cleanup()


def notebook_of(*cells: str) -> str:
    """Return the text of a notebook's file with these cells of code."""
    empty = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    code = [{**empty, "source": source} for source in cells]
    return json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def test_a_notebook_that_loads_kreg_and_is_run_again_leaves_nothing_of_before(stock_nb, tmp_path):
    files = Files(tmp_path, stock_nb.package)
    for name in ("One", "Two"):
        layer = "import keras\n" + LAYER.replace("Foo", name)
        files.write({"PKG.ipynb": notebook_of("%load_ext kreg_ipython", layer)})
        stock_nb.run("a", f"%run {files.folder / 'PKG.ipynb'}")
    assert list(numbers(stock_nb)) == ["Two"]
    stock_nb.unload()


@stock
@pytest.mark.needs("tensorflow")
def test_a_package_with_submodules_and_relative_imports_may_be_purged(nb, files):
    files.write(
        {
            "PKG/__init__.py": "from .layers import Foo\nfrom . import grads",
            "PKG/layers.py": "from .base import Base, keras\n" + LAYER.replace("keras.layers.Layer", "Base"),
            "PKG/base.py": "import keras\n" + LAYER.replace("Foo", "Base").replace("= 1", "= 7"),
            "PKG/grads.py": HEAD + GRADIENT,
        }
    )
    nb.run("a", "import PKG")
    assert {key: entry["owner"]["id"].replace(nb.package, "PKG") for key, entry in nb.status().items()} == {
        "PKG>Base": "PKG.base",
        "PKG>Foo": "PKG.layers",
        "PKGgrad": "PKG.grads",
    }
    files.write({"PKG/grads.py": HEAD + GRADIENT.replace("PKGgrad", "PKGother")})
    nb.run("b", "for name in [n for n in sys.modules if n.startswith('PKG')]: del sys.modules[name]\nimport PKG")
    assert (numbers(nb), gradients(nb)) == ({"Base": 7, "Foo": 1}, {"other": 1})
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'] is PKG.Foo")


@stock
@pytest.mark.needs("tensorflow")
def test_a_definition_that_moved_to_another_file_may_be_reloaded_there_first(nb, files):
    files.write({"PKG/a.py": TEXT, "PKG/b.py": HEAD})  # and no __init__: a namespace package
    nb.run("i", "import importlib, PKG.a, PKG.b")
    files.write({"PKG/a.py": HEAD, "PKG/b.py": TEXT})
    nb.run("b", "importlib.reload(PKG.b)")
    nb.run("a", "importlib.reload(PKG.a)")
    assert (numbers(nb), gradients(nb)) == ({"Foo": 1}, {"grad": 1})
    assert {entry["owner"]["id"] for entry in nb.entries() if entry["state"] == "current"} == {f"{nb.package}.b"}


@stock
@pytest.mark.parametrize("to", ["module", "cell", "script", "renamed file"])
@pytest.mark.needs("tensorflow")
def test_a_definition_may_move_between_files_and_cells(nb, files, to):
    files.write({"PKG.py": TEXT, "PKG_run.py": TEXT.replace("= 1", "= 2")})
    if to == "module":
        nb.run("a", TEXT)
        nb.run("a", "import PKG")
    else:
        nb.run("a", "import PKG")
        files.write({"PKG.py": None} if to == "renamed file" else {"PKG.py": HEAD})
        script = str(files.folder / f"{nb.package}_run.py")
        nb.run("b", {"cell": TEXT, "script": f"%run {script}", "renamed file": "import PKG_run"}[to])
    assert list(numbers(nb)) == ["Foo"]
    assert gradients(nb) == {"grad": 1}


@pytest.mark.needs("keras>=2.13")  # older ones raise
def test_a_file_that_is_broken_at_the_moment_does_not_lose_what_its_module_registered(nb, files):
    files.write({"PKG.py": "import keras\n" + LAYER})
    nb.run("a", "import PKG")
    files.write({"PKG.py": "import keras\n" + LAYER + "def half(:"})
    nb.run("b", LAYER.replace("= 1", "= 2"))
    nb.run("b", "x = 1")
    assert numbers(nb) == {"Foo": 1}


@pytest.mark.needs("tensorflow")
def test_two_files_that_really_register_one_name_differently_collide(nb, files):
    files.write({"PKG/a.py": HEAD + GRADIENT, "PKG/b.py": HEAD + GRADIENT})
    nb.run("a", "import PKG.a")
    error = nb.run("b", "import PKG.b", fails=True)
    assert "Registering two gradient with name" in error.error
    assert f"is registered by module {nb.package}.a, line 2; this is module {nb.package}.b, line 2" in (
        error.traceback + error.stderr
    )
    assert gradients(nb) == {"grad": 1}
    files.write({"PKG/b.py": HEAD + GRADIENT.replace("PKGgrad", "PKGother")})
    nb.run("b", "import PKG.b")
    assert gradients(nb) == {"grad": 1, "other": 1}


@stock
@pytest.mark.parametrize("failure", ["1 / 0", "raise KeyboardInterrupt", "import sys; sys.exit(3)"])
@pytest.mark.needs("tensorflow")
def test_a_first_import_that_fails_leaves_nothing_and_the_mended_one_meets_no_ghosts(nb, files, failure):
    files.write(
        {
            "PKG/__init__.py": f"import PKG.sub\n{TEXT}\n{failure}",
            "PKG/sub.py": "import keras\n" + LAYER.replace("Foo", "Sub"),
        }
    )
    nb.run("a", "import PKG", fails=True)
    assert gradients(nb) == {}
    assert numbers(nb) == {"Sub": 1}  # the submodule's, which Python keeps
    moved = TEXT.replace("Foo", "Bar").replace("grad(op", "renamed(op")  # another definition of the same gradient
    files.write({"PKG/__init__.py": moved})
    nb.run("a", "import PKG")
    assert (numbers(nb), gradients(nb)) == ({"Sub": 1, "Bar": 1}, {"grad": 1})


@stock
@pytest.mark.parametrize("broken", ["1 / 0", "def (", "raise KeyboardInterrupt"])
@pytest.mark.needs("tensorflow")
def test_a_reload_that_fails_loses_nothing(nb, files, broken):
    more = GRADIENT.replace("grad", "more")
    files.write({"PKG.py": TEXT + more})
    nb.run("a", "import importlib, PKG")
    files.write({"PKG.py": TEXT.replace("return 1", "return 2") + broken})
    nb.run("b", "importlib.reload(PKG)", fails=True)
    executed = 1 if broken == "def (" else 2
    assert (numbers(nb), gradients(nb)) == ({"Foo": 1}, {"grad": executed, "more": 1})
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'] is PKG.Foo")
    files.write({"PKG.py": TEXT.replace("return 1", "return 3")})
    nb.run("b", "importlib.reload(PKG)")
    assert (numbers(nb), gradients(nb)) == ({"Foo": 1}, {"grad": 3})


@stock
@pytest.mark.needs("tensorflow")
def test_a_purge_whose_import_fails_keeps_what_there_was(nb, files):
    files.write({"PKG.py": TEXT})
    nb.run("a", "import PKG")
    files.write({"PKG.py": TEXT.replace("return 1", "return 2") + "1 / 0"})
    nb.run("b", "del sys.modules['PKG']; import PKG", fails=True)
    assert (numbers(nb), gradients(nb)) == ({"Foo": 1}, {"grad": 1})
    files.write({"PKG.py": TEXT.replace("return 1", "return 3")})
    nb.run("b", "import PKG")
    assert gradients(nb) == {"grad": 3}


@pytest.mark.needs("tensorflow")
def test_what_a_reload_only_guards_is_kept(nb, files):
    guarded = HEAD + "if 'Foo' not in globals():\n" + "".join(f"    {line}\n" for line in LAYER.splitlines())
    files.write({"PKG.py": guarded})
    nb.run("a", "import importlib, PKG")
    nb.run("b", "importlib.reload(PKG)")
    assert numbers(nb) == {"Foo": 1}


@stock
@pytest.mark.needs("tensorflow")
def test_a_module_writes_to_the_dict_itself_and_is_reloaded(nb, files):
    text = HEAD + "class Foo: number = 1\nkeras.utils.get_custom_objects()['PKG>' + 'Foo'] = Foo\n"
    files.write({"PKG.py": text})
    nb.run("a", "d = keras.utils.get_custom_objects(); d['PKG>mine'] = type('Mine', (), {'number': 5})\nimport PKG")
    owners = {key: entry["owner"]["kind"] for key, entry in nb.status().items()}
    assert owners == {"PKG>Foo": "module", "PKG>mine": "cell"}
    nb.run("a", "pass")
    assert numbers(nb) == {"Foo": 1}
    files.write({"PKG.py": text.replace("'Foo'", "'Bar'")})
    nb.run("b", "import importlib; importlib.reload(PKG)")
    assert numbers(nb) == {"Bar": 1}


@stock
@pytest.mark.needs("tensorflow")
def test_a_module_imported_before_loading_is_adopted_and_reloaded(stock_nb, tmp_path, mode):
    from conftest import Files

    files, nb = Files(tmp_path, stock_nb.package), stock_nb
    nb.silently(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    files.write({"PKG.py": TEXT})
    nb.run("a", "import importlib, PKG")
    nb.mode = mode
    nb.load()
    try:
        files.write({"PKG.py": TEXT.replace("Foo", "Bar").replace("PKGgrad", "PKGother")})
        nb.run("b", "importlib.reload(PKG)")
        assert (numbers(nb), gradients(nb)) == ({"Bar": 1}, {"other": 1})
    finally:
        nb.unload()


def test_a_modules_loader_spec_source_pickle_and_traceback_are_as_without_us(nb, stock_nb, files):
    files.write({"PKG.py": "class Plain: pass\ndef boom(): 1 / 0\n", "PKG_bad.py": "1 / 0", "PKG_syntax.py": "def ("})
    look = """
        import importlib, inspect, pickle, traceback
        def trace(act):
            try: act()
            except Exception as error:
                return [(f.filename, f.name) for f in traceback.extract_tb(error.__traceback__)][1:]
        import PKG
        def bad(): import PKG_bad
        seen = [
            type(PKG.__loader__).__qualname__, PKG.__spec__.loader is PKG.__loader__, str(PKG.__spec__).split("0x")[0],
            inspect.getsource(PKG.Plain), type(pickle.loads(pickle.dumps(PKG.Plain()))).__qualname__,
            trace(PKG.boom), trace(bad), trace(lambda: importlib.import_module("PKG_bad")),
            trace(lambda: importlib.import_module("PKG_syntax")), trace(lambda: importlib.reload(PKG)),
            [type(finder).__name__ for finder in sys.meta_path],
        ]
        del sys.modules["PKG"]
    """
    nb.run("a", look)
    with_us = nb.value("seen")
    nb.unload()
    nb.run("a", look)
    assert with_us == nb.value("seen")
    nb.load()


SCRIPT = "import keras, tensorflow as tf\n" + LAYER + GRADIENT


@stock
@pytest.mark.parametrize("options", ["", "-i", "-n", "-t -N2", "-m"])
@pytest.mark.needs("tensorflow")
def test_a_script_that_is_run_again_replaces_what_it_registered(nb, files, options):
    name = f"{nb.package}_script" + ("" if options == "-m" else ".py")
    run = f"%cd -q {files.folder}\n%run {options} {name}"
    files.write({"PKG_script.py": SCRIPT})
    assert "Traceback" not in nb.run("a", run).stdout
    owner = {"kind": "script", "id": str((files.folder / f"{nb.package}_script.py").resolve())}
    assert {tuple(entry["owner"].items())[:2] for entry in nb.entries()} == {tuple(owner.items())}
    files.write({"PKG_script.py": SCRIPT.replace("Foo", "Bar").replace("return 1", "return 2")})
    assert "Traceback" not in nb.run("b", run).stdout
    assert (numbers(nb), gradients(nb)) == ({"Bar": 1}, {"grad": 2})
    nb.run("a", "pass")
    assert (numbers(nb), gradients(nb)) == ({"Bar": 1}, {"grad": 2})
    nb.run("b", "pass")
    assert (numbers(nb), gradients(nb)) == ({}, {})


@stock
@pytest.mark.needs("tensorflow")
def test_a_script_that_fails_loses_nothing(nb, files):
    path = files.folder / f"{nb.package}_script.py"
    files.write({"PKG_script.py": SCRIPT})
    nb.run("a", f"%run {path}")
    files.write({"PKG_script.py": SCRIPT.replace("return 1", "return 2").replace("@tf", "1 / 0\n@tf")})
    nb.run("a", f"%run {path}", fails=True)
    assert (numbers(nb), gradients(nb)) == ({"Foo": 1}, {"grad": 1})
    files.write({"PKG_script.py": SCRIPT.replace("return 1", "return 3")})
    nb.run("a", f"%run {path}")
    assert (numbers(nb), gradients(nb)) == ({"Foo": 1}, {"grad": 3})


@stock
@pytest.mark.needs("tensorflow")
def test_a_notebook_that_is_run_again_replaces_what_it_registered(nb, files):
    path = files.folder / "other.ipynb"

    def write(*cells):
        files.write({path.name: notebook_of(*cells)})

    write(HEAD, LAYER, GRADIENT)
    nb.run("a", f"%run {path}")
    assert {entry["owner"]["kind"] for entry in nb.entries()} == {"script"}
    nb.run("b", "pass")
    assert (numbers(nb), gradients(nb)) == ({"Foo": 1}, {"grad": 1})
    write(HEAD, LAYER.replace("Foo", "Bar"), GRADIENT.replace("return 1", "return 2"))
    nb.run("b", f"%run {path}")
    assert (numbers(nb), gradients(nb)) == ({"Bar": 1}, {"grad": 2})
    write(HEAD, "1 / 0", GRADIENT.replace("return 1", "return 3"))
    nb.run("b", f"%run {path}", fails=True)
    assert (numbers(nb), gradients(nb)) == ({"Bar": 1}, {"grad": 2})


@stock
@pytest.mark.parametrize("above", ["", "a = 1\nb = 2\nif a:\n    pass", "%%time\na = 1", "\n\n%%time\n", "%%capture"])
@pytest.mark.parametrize(
    "first",
    [
        "",
        "%%bash\necho '|'",
        "%%javascript\nlet x = 1;",
        "def f():\n    pass\n\n\nf()\n",
        "  x = 1",
        ">>> x = 1",
        "/print 1",
        f"text = '''\n{LAYER.strip()}\n'''",
    ],
)
def test_lines_count_in_the_notebooks_whole_text_whatever_stands_above_them(nb, files, first, above):
    path = files.folder / "other.ipynb"
    cells = [first, "import keras", f"{above}\n{LAYER.strip()}", "x = 1"]
    for name in ("One", "Two"):
        files.write({path.name: notebook_of(*(cell.replace("Foo", name) for cell in cells))})
        nb.run("a", f"%run {path}")
        assert list(numbers(nb)) == [name]
    if nb.mode == "kreg":
        text = "\n# %%\n".join(cells).splitlines()
        (entry,) = [each for each in nb.entries() if each["state"] == "current"]
        layers = [line for line, each in enumerate(text, 1) if each == LAYER.splitlines()[0]]
        assert entry["line"] == layers[-1]


GUARDED = """if "PKG>Foo" not in done:
    done.add("PKG>Foo")
    @keras.utils.register_keras_serializable("PKG")
    class Foo(keras.layers.Layer): pass"""


def test_a_cell_that_another_cell_has_in_a_string_is_not_that_string(nb, files):
    nb.run("b", "done = set()")
    for first in (f"text = '''\n{GUARDED}\n'''", f"text = '''\n# edited\n{GUARDED}\n'''", "pass"):
        files.write({"other.ipynb": notebook_of("import keras", first, GUARDED)})
        nb.run("a", f"%run -i {files.folder / 'other.ipynb'}")
        assert nb.custom_objects() == {"Foo": "Foo"}


@pytest.mark.parametrize("kind", ["py", "ipy", "ipynb", "module"])
def test_a_file_that_is_saved_while_it_is_executed_is_what_was_executed(nb, files, kind):
    name = "PKG_saved.py" if kind == "module" else f"PKG_saved.{kind}"
    execute = "import PKG_saved, importlib\nimportlib.reload(PKG_saved)" if kind == "module" else f"%run -i {name}"
    nb.run("b", f"import os\nos.chdir({str(files.folder)!r})\ndone, save = set(), lambda: None")

    def text(*more: str) -> str:
        head = ["import __main__", "done, save = __main__.done, __main__.save"] if kind == "module" else []
        lines = "\n".join([*head, "import keras", "save()", *more, "q = 1", GUARDED])
        return notebook_of(lines) if kind == "ipynb" else lines

    later = [text(*(f"import {module} as o{n}" for n in range(9))) for module in ("os", "sys")]
    files.write({name: text()})
    path = str(files.folder / name.replace("PKG", nb.package))
    nb.run("c", f"save = lambda: open({path!r}, 'w').write({later[0].replace('PKG', nb.package)!r})")
    nb.run("a", execute)
    assert nb.custom_objects() == {"Foo": "Foo"}
    nb.run("c", "save = lambda: None")
    files.write({name: later[1]})
    nb.run("a", execute)
    assert nb.custom_objects() == {"Foo": "Foo"}
    nb.silently("os.chdir('/')")
