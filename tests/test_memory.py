"""Code that remembers what it has done: guards, memos, libraries that set themselves up once. It may not meet a registry
without its own entries, and what it leaves out for good goes."""

from __future__ import annotations

import pytest
from test_cells import naive, stock

FOO = """
@keras.utils.register_keras_serializable("PKG")
class Foo(keras.layers.Layer):
    VERSION = {}
    def call(self, x): return x * 1.0
"""
GUARDED = "if 'Foo' not in globals():" + FOO.replace("\n", "\n    ")
LOADS = "\nloaded = keras.layers.deserialize(keras.layers.serialize(Foo()))"
SAVED = "\nm = keras.Sequential([keras.Input((2,)), Foo()]); copied = keras.models.clone_model(m)"
MAKE = "def make(name='Foo'):\n    global Foo\n"
BODY = FOO.format(1).replace("\n", "\n    ") + "\n"
MEMOS = {
    "a cache": "import functools\n@functools.cache\n" + MAKE + BODY,
    "a dict": "made = {}\n"
    + MAKE
    + "    if name in made: return made[name]\n"
    + BODY
    + "    return made.setdefault(name, Foo)",
    "a flag": "done = False\ndef make():\n    global Foo, done\n    if not done:"
    + FOO.format(1).replace("\n", "\n        ")
    + "\n        done = True",
    "a wrapped name": "import functools\n" + MAKE + BODY + "make = functools.lru_cache(make)",
}


@pytest.fixture(autouse=True)
def nothing_is_there(nb):
    nb.run("z", "for name in ('Foo', 'make', 'done'): globals().pop(name, None)")


@naive
@pytest.mark.parametrize("use", [LOADS, SAVED])
@pytest.mark.parametrize("edit", ["", "\nepochs = 4"])
def test_a_cell_that_only_guards_what_it_registers_runs_again(nb, use, edit):
    for text in (GUARDED.format(1) + use, GUARDED.format(1) + use, GUARDED.format(1) + edit + use):
        nb.run("a", text)
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
@pytest.mark.parametrize("memo", MEMOS.values(), ids=MEMOS)
@pytest.mark.parametrize(
    "call", ["make()", "%time make()", "x = make()", "def go(): return make()\ngo()", "if True: make()"]
)
def test_a_factory_of_another_cell_that_remembers_is_called_again(nb, memo, call):
    nb.run("h", memo)
    for text in ("make()" + LOADS, "make()" + LOADS, call + LOADS, "epochs = 3\n" + call + LOADS):
        nb.run("a", text)
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
@pytest.mark.parametrize(
    "start",
    [
        "import threading; t = threading.Thread(target=make); t.start(); t.join()",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(1) as pool: pool.submit(make).result()",
        "import asyncio; await asyncio.to_thread(make)",
        "import asyncio\nasync def task(): make()\nawait asyncio.create_task(task())",
    ],
)
def test_a_memo_that_is_filled_in_a_thread_or_a_task_survives_an_unrelated_edit(nb, start):
    nb.run("h", MEMOS["a cache"])
    for epochs in (3, 3, 4):
        nb.run("a", f"epochs = {epochs}\n{start}{LOADS}")
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
@pytest.mark.parametrize(
    ("library", "calls"),
    [
        ("_done = []\ndef setup():\n    if not _done:\n        _done.append(1)\n        {}", ["lib.setup()", "lib.setup()", "x = lib.setup()"]),
        (
            "def use():\n    if not hasattr(use, 'layer'):\n        {}\n        use.layer = Foo\n"
            "    return keras.layers.deserialize(keras.layers.serialize(use.layer()))",
            ["lib.use()", "lib.use()", "[lib.use() for _ in range(2)]"],
        ),
    ],
    ids=["sets itself up once", "registers on first use"],
)  # fmt: skip
@pytest.mark.parametrize("home", ["PKGlib.py", "site-packages/PKGlib.py"])
def test_a_library_that_remembers_works_again(nb, files, library, calls, home):
    files.write({home: "import keras\n" + library.format(FOO.format(1).strip().replace("\n", "\n        "))})
    nb.run("i", f"sys.path.insert(0, {str(files.folder / 'site-packages')!r})\nimport PKGlib as lib")
    for call in calls:
        nb.run("a", call)
    assert set(nb.custom_objects()) == {"Foo"}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@naive
@pytest.mark.parametrize("method", ["add", "insert", "setdefault", "update"])
def test_a_method_that_is_named_as_a_containers_may_remember(nb, method):
    nb.run(
        "h",
        f"class Registry:\n    done = set()\n    def {method}(self, name):\n        if name not in self.done:\n"
        "            self.done.add(name)\n            tf_keras.utils.get_custom_objects()[name] = len\nregistry = Registry()",
    )
    for x in (1, 1, 2):
        nb.run("a", f"x = {x}\nregistry.{method}('PKGk')")
        assert nb.value("'PKGk' in tf_keras.utils.get_custom_objects()"), x
    nb.run("a", "x = 1")
    assert not nb.value("'PKGk' in tf_keras.utils.get_custom_objects()")


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize(
    ("define", "use", "expected"),
    [
        (
            "class C:\n        def __array__(self, dtype=None, copy=None): return np.array(0.5)\n"
            "    tf.register_tensor_conversion_function(C, lambda v, dtype=None, name=None, as_ref=False: tf.constant(1.0))",
            "float(tf.convert_to_tensor(C()))",
            1.0,
        ),
        (
            "@keras.src.tree.tree_api.register_tree_node_class\n    class C:\n        def tree_flatten(self): return (1, 2), None\n"
            "        @classmethod\n        def tree_unflatten(cls, meta, children): return cls()",
            "keras.tree.flatten(C())",
            [1, 2],
        ),
    ],
    ids=["a conversion", "a tree node"],
)
@pytest.mark.needs("keras>=3.10")
def test_a_guarded_registration_whose_loss_nobody_would_tell_stays(nb, define, use, expected):
    nb.run("i", "import numpy as np; globals().pop('C', None)")
    for _ in range(3):
        nb.run("a", f"if 'C' not in globals():\n    {define}\nfound = {use}")
        assert nb.value("found") == expected


@naive
@pytest.mark.parametrize(
    "run",
    [
        "exec(compile(open(PATH).read(), PATH, 'exec'))",
        "get_ipython().run_cell(open(PATH).read())",
        "exec(open(PATH).read())",
    ],
)
def test_a_guard_inside_of_what_is_executed_is_kept(nb, tmp_path, run):
    (tmp_path / "x.py").write_text(GUARDED.format(1).replace("PKG", nb.package))
    for _ in range(3):
        nb.run("a", f"PATH = {str(tmp_path / 'x.py')!r}\n{run}{LOADS}")
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
def test_a_guarded_helper_whose_name_is_defined_again_further_down_is_kept(nb):
    text = "def _setup():\n    global Foo\n    if 'Foo' not in globals():" + FOO.format(1).replace("\n", "\n        ")
    for _ in range(3):
        nb.run("a", text + "\n_setup()\ndef _setup(): pass" + LOADS)
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
def test_a_guarded_class_that_is_wrapped_into_a_function_is_kept(nb):
    nb.run("a", GUARDED.format(1) + LOADS)
    wrapped = "def build():\n    global Foo\n    " + GUARDED.format(1).replace("\n", "\n    ")
    for _ in range(2):
        nb.run("a", wrapped + "\nbuild()" + LOADS)
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
def test_what_a_module_asks_for_too_stays_when_its_cell_drops_it(nb, files):
    files.write(
        {
            "PKGsetup.py": "import functools, keras\n@functools.cache\n" + MAKE + BODY,
            "PKGuse.py": "import PKGsetup\nPKGsetup.make()",
        }
    )
    nb.run("a", "import PKGsetup\nPKGsetup.make()\nFoo = PKGsetup.Foo" + LOADS)
    nb.run("b", "import PKGuse")
    for edit in (1, 2):
        nb.run("a", f"x = {edit}" + LOADS)
    assert nb.custom_objects() == {"Foo": "Foo"}


@pytest.mark.parametrize("back", ["a", "b"])
def test_a_call_that_was_taken_out_and_comes_back_finds_what_it_registered(nb, back):
    nb.run("h", MEMOS["a cache"])
    nb.run("a", "make()" + LOADS)
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}
    nb.run(back, "make()" + LOADS)
    assert nb.custom_objects() == {"Foo": "Foo"}
    assert nb.status()["PKG>Foo"]["owner"]["id"] == back


@stock
@pytest.mark.parametrize(
    "guard",
    [
        "if 'PKG>Foo' not in keras.utils.get_custom_objects():",
        pytest.param(
            "if keras.utils.get_registered_object('PKG>Foo') is None:", marks=pytest.mark.needs("keras>=2.13")
        ),
        "try: keras.utils.get_custom_objects()['PKG>Foo']\nexcept KeyError:",
    ],
)
def test_a_guard_that_asks_the_registry_lets_an_edit_through(nb, guard):
    for version in (1, 2):
        nb.run("a", guard + FOO.format(version).replace("\n", "\n    "))
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == 2


def test_what_such_a_guard_skips_all_the_same_is_there_when_it_is_looked_up(nb):
    guard = "if 'PKG>Foo' not in keras.utils.get_custom_objects() and not done:"
    nb.run("d", "done = False")
    for version in (1, 2):
        nb.run("a", guard + FOO.format(version).replace("\n", "\n    ") + "\ndone = True" + LOADS)
        assert nb.custom_objects() == {"Foo": "Foo"}


@stock
@pytest.mark.needs("tensorflow", "tf_keras|keras<3", "keras>=2.13")  # Keras 2.12 refuses the key
@pytest.mark.parametrize("edit", ["x = 1", "for each in range(1): pass"])
def test_a_librarys_entry_comes_back_however_often_a_run_registered_its_key(nb, edit):
    nb.run("i", "class Mine(tf_keras.optimizers.Adam): pass")
    nb.run("a", "for each in range(2): tf_keras.utils.register_keras_serializable(package='Custom', name='Adam')(Mine)")
    nb.run("a", "for each in range(3): tf_keras.utils.register_keras_serializable(package='Custom', name='Adam')(Mine)")
    nb.run("a", edit)
    assert nb.value("tf_keras.utils.get_custom_objects()['Custom>Adam'] is library['Custom>Adam']")


@stock
@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize(
    "inner", ["def conv(v, dtype=None, name=None, as_ref=False): return tf.constant(1.)", "conv = lambda v, **k: 1"]
)
def test_a_function_that_registers_a_class_of_its_own_leaves_one_entry(nb, inner):
    nb.run(
        "i",
        "registered = sys.modules['tensorflow.python.framework.tensor_conversion_registry']._tensor_conversion_func_registry",
    )
    text = f"def make():\n    class PKGN: pass\n    {inner}\n    tf.register_tensor_conversion_function(PKGN, conv)\nmake()"
    for _ in range(6):
        nb.run("a", text)
    assert nb.value("sum('PKGN' in str(pair[0]) for pair in registered[100])") == 1


@stock
def test_a_key_that_takes_anothers_place_in_a_held_dict_is_seen(nb):
    nb.run("h", "objects = keras.utils.get_custom_objects()\ndef f(x): return x")
    nb.run("a", "former = dict(objects)\nobjects.update({'PKG>a': f, 'PKG>b': f})")
    nb.run("a", "objects.clear(); objects.update(former); objects.update({'PKG>c': f, 'PKG>b': f})")
    assert set(nb.custom_objects()) == {"c", "b"}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


BASE = """
class Base(keras.layers.Layer):
    package = "PKG"
    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        keras.utils.register_keras_serializable(cls.package, cls.__dict__.get("key", cls.__name__))(cls)
"""


@stock
@pytest.mark.parametrize("edit", ["class Foo(keras.layers.Layer): pass", "class Foo(Base):\n    key = 'Bar'"])
def test_what_a_base_class_registers_follows_the_subclass(nb, edit):
    nb.run("b", BASE)
    nb.run("a", "class Foo(Base): pass")
    nb.run("a", edit)
    assert set(nb.custom_objects()) == ({"Bar"} if "Bar" in edit else set())


@stock
@pytest.mark.parametrize("loop", ["{{'{}': f}}.items()", "zip(['{}'], [f])", "[('{}', f)]"])
def test_a_loop_over_what_its_own_head_says_follows_it(nb, loop):
    nb.run("h", "def f(x): return x")
    for name in ("old", "new"):
        nb.run("a", f"for n, g in {loop.format(name)}: keras.utils.register_keras_serializable('PKG', n)(g)")
    assert set(nb.custom_objects()) == {"new"}


def test_a_task_that_runs_a_cell_while_its_cell_awaits_ends_nobodys_run(nb):
    text = FOO.format(1) + (
        "import asyncio\nasync def task(): get_ipython().run_cell('nested = 1')\n"
        "await asyncio.create_task(task())\nawait asyncio.sleep(0)\n"
        "@keras.utils.register_keras_serializable('PKG')\nclass Bar(keras.layers.Layer): pass"
    )
    for _ in range(2):
        nb.run("a", text)
    assert {key: each["state"] for key, each in nb.status().items()} == {"PKG>Foo": "current", "PKG>Bar": "current"}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@pytest.mark.parametrize("end", [pytest.param("", marks=naive, id="succeeded"), pytest.param("\n1 / 0", id="failed")])
def test_what_another_cell_has_skipped_stays_whether_or_not_that_cell_failed(nb, end):
    objects = "tf_keras.utils.get_custom_objects()"
    once = f"if 'PKGk' not in {objects}: {objects}['PKGk'] = len"
    nb.run("a", once)
    nb.run("b", once + end, fails=bool(end))
    nb.run("a", "x = 1")
    assert nb.value(f"'PKGk' in {objects}")
    nb.run("b", once)
    assert nb.value(f"'PKGk' in {objects}")


@pytest.mark.parametrize("magic", ["", "%%time", "%%capture", "%%prun -q"])
def test_a_function_of_another_cell_that_remembers_is_not_of_the_calling_cells_text(nb, magic):
    nb.run("d", "done = set()")
    setup = f"""{magic}
def setup():
    if "PKG>Foo" in done: return
    done.add("PKG>Foo")
    @keras.utils.register_keras_serializable("PKG")
    class Foo(keras.layers.Layer): pass
"""
    nb.run("a", setup.lstrip())
    for number in (1, 2):
        nb.run("b", f"{magic}\nsetup()\n".lstrip() + f"x = {number}\n" * 5)
        assert list(nb.custom_objects()) == ["Foo"]
