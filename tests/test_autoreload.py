"""A module that is edited on disk under %autoreload: the registries are as after a fresh import of the edited file."""

from __future__ import annotations

from collections.abc import Iterator

import IPython
import pytest
from conftest import FREEZE, Files, Notebook, is_met
from forks import Forks
from kernels import IMPORTS, ForkedKernel, Kernel

ORDERS = {
    "kreg last": ("autoreload", "kreg_ipython"),
    "kreg first": ("kreg_ipython", "autoreload"),
    "stock": ("autoreload",),
    "fresh": (),
}
MODES = ["1", "2", "3", "2-", "2 --full"] if IPython.version_info >= (9,) else ["1", "2"]
IN_PLACE = ["1", "2"] if IPython.version_info >= (9,) else []
"""The modes in which functions and classes are patched one by one, if nothing else has changed in a file."""

HEAD = "import keras\n"
THINGS = {
    "class": """
@keras.utils.register_keras_serializable("PKG")
class Thing(keras.layers.Layer):
    def call(self, x): return x + 1
""",
    "function": """
@keras.utils.register_keras_serializable("PKG")
def Thing(x): return x + 1
""",
    "gradient": """
import tensorflow as tf
@tf.RegisterGradient("PKGThing")
def Thing(op, grad): return grad + 1
""",
}
EDITS = {
    "body": lambda text: (text.replace("+ 1", "+ 2"), ""),
    "renamed": lambda text: (text.replace("Thing", "Other"), ""),
    "removed": lambda text: ("", ""),
    "decorator removed": lambda text: ("".join(line for line in text.splitlines(True) if "@" not in line), ""),
    "name": lambda text: (text.replace('("PKG")', '("PKG", name="Named")').replace('"PKGThing"', '"PKGNamed"'), ""),
    "package": lambda text: (text.replace('("PKG")', '("PKG_new")').replace('"PKGThing"', '"PKG_newThing"'), ""),
    "base class": lambda text: (text.replace("keras.layers.Layer", "keras.layers.Flatten"), ""),
    "moved": lambda text: ("", text),
    "moved up": lambda text: ("", text),
}

TABLE = [(thing, edit) for thing in THINGS for edit in EDITS if edit != "base class" or thing == "class"]
TABLE = [case for case in TABLE if case[0] != "gradient" or is_met("tensorflow")]

LOOK = """
def look(package):
    def says(value):
        code = getattr(getattr(value, "call", value), "__code__", None)
        mine = getattr(sys.modules[value.__module__], value.__qualname__, None) is value
        bases = [base.__qualname__ for base in getattr(value, "__mro__", [])]
        return [value.__module__, value.__qualname__, [repr(c) for c in code.co_consts if c is not None], bases, mine]
    tables = [keras.utils.get_custom_objects(), {}]
    if "tf" in globals():
        from tensorflow.python.framework import ops
        tables[1] = {key: stored["type"] for key, stored in ops._gradient_registry._registry.items()}
    return [{key: says(value) for key, value in table.copy().items() if key.startswith(package)} for table in tables]
"""


@pytest.fixture(scope="module")
def autoreload_kernels(frameworks: Forks) -> Iterator[dict[str, Kernel]]:
    """Kernels where the extensions were loaded in each order, and one where none is."""
    made: dict[str, Kernel] = {}
    for name, extensions in ORDERS.items():
        made[name] = ForkedKernel(frameworks)
        loads = "".join(f"%load_ext {extension}\n" for extension in extensions)
        made[name].run(None, loads + IMPORTS + LOOK)
        made[name].silently(FREEZE)
    yield made
    for kernel in made.values():
        kernel.close()


@pytest.fixture
def order(request) -> str:
    return getattr(request, "param", "kreg last")


@pytest.fixture
def nb(autoreload_kernels, mode, order) -> Iterator[Notebook]:
    notebook = Notebook(autoreload_kernels[order if mode == "kreg" else mode], mode)
    yield notebook
    notebook.run("off", "%autoreload 0")


def fresh_import(nb: Notebook, files: Files, kernels: dict[str, Kernel], *modules: str) -> list:
    """Return what a fresh kernel has after importing these modules of the package."""
    names = ", ".join(f"{nb.package}.{module}" for module in modules)
    kernels["fresh"].run(None, f"sys.path.insert(0, {str(files.folder)!r})\nimport {names}")
    return kernels["fresh"].value(f"look('{nb.package}')")


def edit_under_autoreload(nb: Notebook, files: Files, autoreload: str, thing: str, edit: str) -> str:
    """Import a module, edit its file, run another cell; what autoreload says then."""
    first, second = ("b", "a") if edit == "moved up" else ("a", "b")
    files.write({f"PKG/{first}.py": HEAD + THINGS[thing], f"PKG/{second}.py": HEAD, "PKG/__init__.py": ""})
    nb.run("m", f"%autoreload {autoreload}")
    nb.run("i", "%aimport PKG.a, PKG.b" if autoreload == "1" else "import PKG.a, PKG.b")
    nb.run("x", "pass")  # autoreload takes note of the files' texts
    text, moved = EDITS[edit](THINGS[thing])
    files.write({f"PKG/{first}.py": HEAD + text, f"PKG/{second}.py": HEAD + moved})
    return nb.run("x", "pass").stderr


@pytest.mark.parametrize(
    "order, autoreload",
    [*(("kreg last", each) for each in MODES), *(("kreg first", each) for each in MODES[:2])],
    indirect=["order"],
)
@pytest.mark.parametrize("thing, edit", TABLE)
def test_an_edit_leaves_what_a_fresh_import_of_the_edited_file_has(
    nb, files, autoreload_kernels, autoreload, thing, edit
):
    assert edit_under_autoreload(nb, files, autoreload, thing, edit) == ""
    assert nb.value("look('PKG')") == fresh_import(nb, files, autoreload_kernels, "a", "b")


def stock_copes(thing: str, edit: str, autoreload: str) -> bool:
    """Return whether IPython alone gets it right: where a registry overwrites silently, if the whole file is executed."""
    in_place = autoreload in IN_PLACE and (edit == "base class" or (thing, edit) == ("function", "body"))
    return thing != "gradient" and edit in ("body", "base class", "moved", "moved up") and not in_place


@pytest.mark.parametrize("mode", ["stock"], indirect=True)
@pytest.mark.parametrize(
    "thing, edit, autoreload", [(*case, mode) for case in TABLE for mode in MODES[1:3] if not stock_copes(*case, mode)]
)
def test_without_the_extension_it_does_not(nb, files, autoreload_kernels, thing, edit, autoreload):
    assert edit_under_autoreload(nb, files, autoreload, thing, edit) == ""
    assert nb.value("look('PKG')") == fresh_import(nb, files, autoreload_kernels, "a", "b")


def started(nb: Notebook, files: Files, **texts: str) -> None:
    """Import the package's modules, with autoreload on and knowing their texts."""
    files.write({f"PKG/{name}.py": text for name, text in texts.items()})
    nb.run("m", "%autoreload 2")
    nb.run("i", "import " + ", ".join(f"PKG.{name}" for name in texts))
    nb.run("x", "pass")


@pytest.mark.needs("ipython>=9")
@pytest.mark.fails("stock")
@pytest.mark.parametrize(
    "helper, decorator",
    [
        ("register = keras.utils.register_keras_serializable", '@register("PKG")'),
        ("def register(cls): return keras.utils.register_keras_serializable('PKG')(cls)", "@register"),
    ],
)
def test_a_decorator_that_is_added_registers_whoever_defines_it(nb, files, autoreload_kernels, helper, decorator):
    started(
        nb,
        files,
        helper="import keras\nLayer = keras.layers.Layer\n" + helper,
        a="from PKG.helper import Layer, register\nclass Thing(Layer): pass",
    )
    files.write({"PKG/a.py": f"from PKG.helper import Layer, register\n{decorator}\nclass Thing(Layer): pass"})
    assert nb.run("x", "pass").stderr == ""
    assert nb.value("{k: v is PKG.a.Thing for k, v in keras.utils.get_custom_objects().items() if 'PKG' in k}") == {
        f"{nb.package}>Thing": True
    }


def edited(nb: Notebook, files: Files, text: str, new: str) -> None:
    """Import a file with a list in it, put something into the list, and edit the file."""
    started(nb, files, a=text)
    nb.run("y", "PKG.a.state.append(7)")
    files.write({"PKG/a.py": new})
    nb.run("x", "pass")


PLAIN = "state = []\ndef f(): return 1"
OF_KERAS = "import keras\nstate = []\ndef f(): return 1\nclass A(keras.layers.Layer):\n    def g(self): return 1"
REGISTERS = OF_KERAS.replace("class", "@keras.utils.register_keras_serializable('PKG')\nclass")


@pytest.mark.parametrize(
    ("text", "new"),
    {
        "no framework": (PLAIN, PLAIN.replace("1", "2")),
        "bodies": (OF_KERAS, OF_KERAS.replace("1", "2")),
        "a comment": (OF_KERAS, "# of ours\n" + OF_KERAS),
        "another function": (OF_KERAS, OF_KERAS.replace("class", "def h(): return 3\nclass")),
        "a registered class's method": (REGISTERS, REGISTERS.replace("1", "2")),
    }.values(),
)
def test_a_file_in_which_only_functions_differ_is_patched_in_place_as_in_stock(nb, files, text, new):
    edited(nb, files, text, new)
    assert nb.value("[PKG.a.f(), PKG.a.state]") == [2 if "return 2" in new else 1, [7] if IN_PLACE else []]


@pytest.mark.needs("ipython>=9", "tensorflow")
@pytest.mark.parametrize(
    ("text", "new"),
    {
        "AutoGraph may read it": (
            "from tensorflow import abs\n" + OF_KERAS,
            "from tensorflow import abs\n" + OF_KERAS.replace("1", "2"),
        ),
        "it executes the function": (OF_KERAS + "\nx = f()", OF_KERAS.replace("1", "2") + "\nx = f()"),
    }.values(),
)
def test_any_other_file_of_a_frameworks_is_executed_as_a_whole(nb, files, text, new):
    edited(nb, files, text, new)
    assert nb.value("[PKG.a.f(), PKG.a.A().g(), PKG.a.state]") == [2, 2, []]


@pytest.mark.needs("ipython>=9")
@pytest.mark.fails("stock")
def test_a_function_of_a_file_that_was_patched_is_found_by_its_lines(nb, files):
    text = OF_KERAS + "\ndef h():\n    return 'h'"
    started(nb, files, a=text)
    files.write({"PKG/a.py": "# of ours\n" + text.replace("def f(): return 1", "def f():\n    return 2")})
    nb.run("x", "pass")
    nb.run("s", "import inspect\ntexts = [inspect.getsource(each) for each in (PKG.a.f, PKG.a.h)]")
    assert nb.value("[text.strip() for text in texts]") == ["def f():\n    return 2", "def h():\n    return 'h'"]
    assert nb.value("[PKG.a.f(), PKG.a.h(), PKG.a.state]") == [2, "h", []]


LONG = """
def helper(x): return x

@keras.utils.register_keras_serializable("PKG")
class Thing(keras.layers.Layer):
    def __init__(self, **kwargs):
        super(Thing, self).__init__(**kwargs)
    def call(self, x): return helper(x) + 1
"""


@pytest.mark.parametrize("order", ["kreg last", "kreg first"], indirect=True)
@pytest.mark.parametrize("autoreload", MODES[:2])
def test_what_was_imported_by_its_name_follows_the_file(nb, files, order, autoreload):
    files.write({"PKG/a.py": HEAD + LONG, "PKG/b.py": "from PKG.a import Thing"})
    nb.run("m", f"%autoreload {autoreload}")
    nb.run("i", "%aimport PKG.a, PKG.b" if autoreload == "1" else "import PKG.a, PKG.b")
    nb.run("from", "from PKG.a import Thing, helper\nfrom PKG.a import Thing as other\nformer = Thing()")
    files.write({"PKG/a.py": HEAD + LONG.replace("+ 1", "+ 2").replace("return x", "return -x")})
    assert nb.run("x", "pass").stderr == ""
    assert nb.value("Thing is PKG.b.Thing is PKG.a.Thing is keras.utils.get_custom_objects()['PKG>Thing']")
    assert nb.value("other is Thing and helper is PKG.a.helper")
    assert nb.value("[isinstance(former, Thing), former.call(3), Thing().call(3)]") == [True, -1, -1]


def test_a_variable_of_the_same_name_that_is_something_else_stays(nb, files):
    text = HEAD + LONG + "limit = None\n"
    started(nb, files, a=text)
    nb.run("mine", "def Thing(): return 1\nhelper, limit = PKG.a.Thing, None")
    files.write({"PKG/a.py": text.replace("None", "5")})
    assert nb.run("x", "pass").stderr == ""
    assert nb.value("[Thing(), helper is PKG.a.helper, limit, PKG.a.limit]") == [1, False, None, 5]


@pytest.mark.fails("stock")
@pytest.mark.needs("ipython>=9")
@pytest.mark.needs("tensorflow")
def test_a_graph_is_traced_from_the_edited_file_where_lines_have_moved(nb, files):
    text = "import tensorflow as tf\n\ndef first(x):\n    return x * 100\n\ndef second(x):\n    return x + 1\n"
    started(nb, files, a=text)
    files.write({"PKG/a.py": text.replace("def first", "# first\n# stands where\n# second stood\ndef first")})
    nb.run("x", "pass")
    assert nb.value("float(tf.function(PKG.a.second)(1.0))") == 2


@pytest.mark.parametrize("order", ["kreg last", "kreg first"], indirect=True)
@pytest.mark.needs("tensorflow")
def test_a_reload_that_fails_loses_nothing_and_the_mended_file_reloads_at_the_next_cell(nb, files, order):
    text = HEAD + THINGS["class"] + THINGS["gradient"].replace("Thing(", "grad(")
    started(nb, files, a=text)
    before = nb.value("look('PKG')")
    for broken in (
        text.replace("+ 1", "+ 2") + "\n1 / 0",
        text.replace("+ 1", "+ 2").replace("@tf", "1 / 0\n@tf"),
        "def (",
    ):
        files.write({"PKG/a.py": broken})
        assert "[autoreload of PKG.a failed".replace("PKG", nb.package) in nb.run("x", "pass").stderr
        assert nb.value("look('PKG')") == before
    files.write({"PKG/a.py": text.replace("+ 1", "+ 3")})
    assert nb.run("x", "pass").stderr == ""
    after = nb.value("look('PKG')")
    assert (list(after[0]), list(after[1])) == ([f"{nb.package}>Thing"], [f"{nb.package}Thing"])
    assert "3" in after[0][f"{nb.package}>Thing"][2] and after[1][f"{nb.package}Thing"][4]


WRITTEN = "class Thing(keras.layers.Layer): pass\nkeras.utils.get_custom_objects()['PKG>Thing'] = Thing\n"


@pytest.mark.fails("stock")
@pytest.mark.needs("keras>=2.13")  # before, registering it raises
@pytest.mark.parametrize("edited", [THINGS["class"].replace("+ 1", "+ 2"), WRITTEN], ids=["registers", "writes"])
def test_a_cells_override_of_a_modules_key_outlives_the_modules_edit(nb, files, edited):
    started(nb, files, a=HEAD + THINGS["class"])
    nb.run("mine", "@keras.utils.register_keras_serializable('PKG')\nclass Thing(keras.layers.Layer): mine = True")
    files.write({"PKG/a.py": HEAD + edited})
    nb.run("x", "pass")
    mine = "getattr(keras.utils.get_custom_objects()['PKG>Thing'], 'mine', False)"
    assert nb.value(mine)
    nb.run("mine", "pass")
    assert not nb.value(mine)
    assert nb.value("keras.utils.get_custom_objects()['PKG>Thing'] is PKG.a.Thing")


@pytest.mark.parametrize("edit", ["body", "base class", "name", "renamed", "decorator removed", "moved"])
@pytest.mark.needs("tensorflow")
def test_a_model_made_before_an_edit_predicts_is_saved_and_loads(nb, files, tmp_path, edit):
    started(nb, files, a=HEAD + THINGS["class"], b=HEAD)
    nb.run("build", "model = keras.Sequential([keras.Input((2,)), PKG.a.Thing()])\nformer = PKG.a.Thing")
    text, moved = EDITS[edit](THINGS["class"])
    files.write({"PKG/a.py": HEAD + text, "PKG/b.py": HEAD + moved})
    objects = "" if edit in ("body", "base class", "moved") else "{'PKG>Thing': former, 'Thing': former}"
    nb.run("save", f"model.predict(tf.ones((1, 2)), verbose=0)\nmodel.save({str(tmp_path / 'm.keras')!r})")
    nb.run("load", f"again = keras.models.load_model({str(tmp_path / 'm.keras')!r}, {objects or None})")
    assert nb.value("look('PKG')[0].keys() >= {'PKG>Thing'}") == (edit in ("body", "base class", "moved"))


@pytest.mark.needs("tensorflow")
def test_an_interrupt_while_reloading_is_a_failure_like_any_other(nb, files):
    text = HEAD + THINGS["gradient"]
    started(nb, files, a=text)
    before = nb.value("list(look('PKG')[1])")
    files.write({"PKG/a.py": text.replace("Thing", "Other") + "\nraise KeyboardInterrupt"})
    nb.run("x", "pass", fails=IPython.version_info >= (9,))  # which shows the interrupt; before, autoreload's line
    assert nb.value("list(look('PKG')[1])") == before
    files.write({"PKG/a.py": text.replace("+ 1", "+ 2")})
    assert nb.run("x", "pass").stderr == ""
    assert nb.value("look('PKG')[1]['PKGThing'][2:]") == [["2"], [], True]


@pytest.mark.fails("stock")
@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("order", ["kreg last", "kreg first"], indirect=True)
def test_a_definition_moves_from_the_cell_to_a_module_that_is_reloaded_before_it_runs(nb, files, order):
    started(nb, files, a=HEAD)
    nb.run("cell", "import PKG.a" + THINGS["gradient"])
    files.write({"PKG/a.py": HEAD + THINGS["gradient"]})
    assert nb.run("cell", "import PKG.a").stderr == ""
    assert nb.value("[stored[0] for stored in look('PKG')[1].values()]") == [f"{nb.package}.a"]


BASE = """
class Base(keras.layers.Layer):
    def __init__(self, units=1, **options):
        super(Base, self).__init__(**options)
        self.units = units
    def call(self, x): return x + 1
    class Inner:
        def go(self): return 1
class Plain:
    def __init__(self, number):
        super(Plain, self).__init__()
        self.number = number
    def go(self): return 1
def double(x): return x + 1
"""
DERIVED = """
from PKG.base import Base, Plain
class Derived(Base):
    def __init__(self, **options): super(Derived, self).__init__(3, **options)
class Second(Plain):
    def __init__(self): super(Second, self).__init__(7)
"""
USERS = """
from PKG.base import Base, Plain, double
from PKG.base import Base as B
from PKG.derived import Derived, Second
Inner, kept = Base.Inner, [Base, Plain, double]
class InCell(Base): pass
class Has: kind = Base
def build(kind=Base): return kind(2)
instances = [Base(2), InCell(2), Derived()]
plain, inner, call = Plain(1), Inner(), instances[0].call
"""
LAYERS = "[Base(2), B(2), Derived(), InCell(2), Has.kind(2), build(), kept[0](2), *instances]"
OTHERS = "[Plain(1).go(), plain.go(), Second().go(), kept[1](1).go(), Inner().go(), inner.go(), double(1), kept[2](1), call(1)]"
SAME = "B is Base is PKG.base.Base is PKG.derived.Base and Inner is Base.Inner and isinstance(plain, Plain)"


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("autoreload", MODES)
def test_all_that_uses_a_former_class_or_function_goes_on_as_in_stock(nb, files, autoreload, registered):
    text = HEAD + (
        BASE.replace("class Base", "@keras.utils.register_keras_serializable('PKG')\nclass Base")
        if registered
        else BASE
    )
    for loaded in (True, False) if autoreload in IN_PLACE else (True,):
        number = 1
        files.write({"PKG/base.py": text, "PKG/derived.py": DERIVED})
        nb.run("m", f"%autoreload {autoreload}")
        nb.run("i", "%aimport PKG.base, PKG.derived" if autoreload == "1" else "import PKG.base, PKG.derived")
        nb.run("u", USERS)
        for number in (2, 3):
            files.write({"PKG/base.py": text.replace("+ 1", f"+ {number}").replace("return 1", f"return {number}")})
            assert nb.run("x", "pass").stderr == ""
            assert nb.value(f"[layer.call(0) for layer in {LAYERS}]") == [number] * 10
            assert nb.value(OTHERS) == [number] * 6 + [number + 1] * 3
            assert nb.value(SAME)
        nb.run("u", USERS)
        assert nb.value(f"[layer.call(0) for layer in {LAYERS}]") == [3] * 10
        if loaded:
            assert nb.value("all(type(layer) in (Base, Derived, InCell) for layer in LAYERS)".replace("LAYERS", LAYERS))
            nb.run(
                "off",
                "%unload_ext kreg_ipython\nfor name in [n for n in sys.modules if n.startswith('PKG')]: del sys.modules[name]",
            )
    nb.run("on", "%load_ext kreg_ipython")


@pytest.mark.parametrize("autoreload", MODES)
def test_a_file_with_a_metaclass_is_reloaded_quietly_and_its_classes_follow(nb, files, autoreload):
    text = HEAD + "class Meta(type): number = 1\nclass Made(metaclass=Meta): pass\nclass Other: number = 1\n"
    files.write({"PKG/__init__.py": "", "PKG/a.py": text})
    nb.run("m", f"%autoreload {autoreload}")
    nb.run("i", "%aimport PKG.a" if autoreload == "1" else "import PKG.a")
    nb.run("from", "from PKG.a import Made, Other\nclass Mine(Other): pass")
    files.write({"PKG/a.py": text.replace("1", "2")})
    outcome = nb.run("x", "print(Made.number, Other.number, Mine.number)")
    assert (outcome.stderr, outcome.stdout) == ("", "2 2 2\n")


TYPES = """
import tensorflow as tf
class Pair(tf.experimental.ExtensionType):
    __name__ = "PKG.Pair"
    one: tf.Tensor
    other: tf.Tensor
    def number(self): return 1
"""


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("order", ["kreg last", "kreg first"], indirect=True)
@pytest.mark.parametrize("autoreload", MODES)
def test_a_file_with_an_extension_type_is_reloaded_quietly(nb, files, autoreload, order):
    files.write({"PKG/a.py": TYPES})
    nb.run("m", f"%autoreload {autoreload}")
    nb.run("i", "%aimport PKG.a" if autoreload == "1" else "import PKG.a")
    nb.run("from", "from PKG.a import Pair\npair = Pair(1.0, 2.0)")
    for number in (2, 3):
        files.write({"PKG/a.py": TYPES.replace("return 1", f"return {number}")})
        outcome = nb.run("x", "print(Pair(1.0, 2.0).number(), pair.number())")
        assert (outcome.stderr, outcome.stdout) == ("", f"{number} {number}\n")
        assert nb.value("Pair is PKG.a.Pair and isinstance(pair, Pair)")
        nb.run("f", "@tf.function\ndef f(pair): return pair.one + pair.other\nsum = float(f(Pair(1.0, 2.0)))")
        assert nb.value("sum") == 3


SLOTS = "class Slim:\n    __slots__ = ('a',)\n    def go(self): return 1\n"


def test_what_cannot_become_an_instance_of_the_new_class_is_left_alone(nb, files):
    started(nb, files, a=HEAD + SLOTS)
    nb.run("s", "from PKG.a import Slim\nslim = Slim()\nslim.a = 5")
    files.write({"PKG/a.py": HEAD + SLOTS.replace("'a',", "'a', 'b'").replace("return 1", "return 2")})
    assert nb.run("x", "pass").stderr == ""
    assert nb.value("[Slim is PKG.a.Slim, Slim().go(), slim.go(), slim.a]") == [True, 2, 2, 5]
    nb.run("c", "import copy\nagain = copy.copy(slim)")
    assert nb.value("[type(again) is type(slim), again.a]") == [True, 5]


def test_a_class_that_is_reloaded_many_times_leaves_no_former_self(nb, files):
    started(nb, files, a=HEAD + THINGS["class"])
    nb.run("g", "import weakref\nformer = []")
    for number in range(2, 6):
        nb.run("x", "former.append(weakref.ref(PKG.a.Thing))")
        files.write({"PKG/a.py": HEAD + THINGS["class"] + f"    number = {number}\n"})
    nb.run("x", "gc.collect()")
    assert nb.value("[each() is not None for each in former]") == [False] * 4


@pytest.mark.needs("SQLAlchemy", "ipython>=9")
def test_a_file_that_only_uses_a_library_is_patched_as_ipython_does(nb, files):
    """It registers nothing: IPython changes the former class, and no variable is led to the new one."""
    text = "import sqlalchemy\nfrom sqlalchemy import Table\nclass Uses: version = 1\n"
    files.write({"PKGuses.py": text})
    nb.run("l", "%load_ext autoreload\n%autoreload 2\nimport PKGuses\nbefore = PKGuses.Uses")
    files.write({"PKGuses.py": text.replace("1", "2")})
    nb.run("c", "x = 1")
    assert nb.value("[before is PKGuses.Uses, before.version]") == [False, 2]
    nb.run("l", "%autoreload 0")
