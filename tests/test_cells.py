"""Cells in a real kernel: each test reads as one sentence of the promise."""

from __future__ import annotations

import pytest

stock = pytest.mark.fails("stock")
naive = pytest.mark.fails("naive")

LAYER = """
@keras.utils.register_keras_serializable("PKG")
class Foo(keras.layers.Layer):
    VERSION = {}
    def call(self, x):
        return x
"""
GRADIENT = """
@tf.RegisterGradient("PKGGrad")
def _gradient(op, grad):
    return {} * grad
"""


@stock
def test_a_renamed_class_is_not_resolvable_under_its_former_name(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", LAYER.format(2).replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Bar": "Bar"}


@stock
def test_a_deleted_class_is_not_resolvable(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@stock
def test_a_class_that_lost_its_decorator_is_not_registered(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", LAYER.format(1).replace("@keras", "# @keras"))
    assert nb.custom_objects() == {}


@stock
@pytest.mark.parametrize("edit", ['"PKG", name="Two"', '"PKG", "Two"', 'package="PKG", name="Two"'])
def test_a_changed_name_is_the_only_one(nb, edit):
    nb.run("a", LAYER.format(1))
    nb.run("a", LAYER.format(1).replace('"PKG"', edit))
    assert nb.custom_objects() == {"Two": "Foo"}


@stock
def test_tf_keras_is_guarded_like_keras(nb):
    source = LAYER.format(1).replace("keras.", "tf_keras.")
    nb.run("a", source)
    nb.run("a", source.replace("Foo", "Bar"))
    assert nb.custom_objects("tf_keras") == {"Bar": "Bar"}


@stock
@pytest.mark.needs("tensorflow")
def test_a_gradient_cell_runs_again_with_the_edited_function(nb):
    nb.run("a", GRADIENT.format(2))
    nb.run("a", GRADIENT.format(3))
    assert nb.value("sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')(None, 1)") == 3


@stock
@pytest.mark.needs("tensorflow")
def test_a_renamed_gradient_is_gone_and_its_name_is_free_for_another_cell(nb):
    nb.run("a", GRADIENT.format(2))
    nb.run("a", GRADIENT.format(2).replace("PKGGrad", "PKGOther"))
    nb.run("b", GRADIENT.format(3).replace("_gradient", "_another"))


@pytest.mark.fails("stock", "tensorflow<2.22")
@pytest.mark.needs("tensorflow")
def test_an_extension_type_with_a_name_runs_again(nb):
    source = """
    class Masked(tf.experimental.ExtensionType):
        __name__ = "PKG.Masked"
        values: tf.Tensor
    """
    nb.run("a", source)
    nb.run("a", source + "    extra: int = 0\n")
    nb.run(
        "b",
        """
        @tf.function
        def double(m): return Masked(2 * m.values, 7)
        assert double(Masked(tf.constant(2))).extra == 7
    """,
    )


@stock
def test_a_shared_key_goes_back_to_the_other_cell(nb):
    nb.run("a", LAYER.format("'of a'"))
    nb.run("b", LAYER.format("'of b'"))
    nb.run("b", "x = 1")
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == "of a"


@naive
def test_another_cells_entry_stays_when_the_cell_that_had_its_key_before_runs_again(nb):
    nb.run("a", LAYER.format("'of a'"))
    nb.run("b", LAYER.format("'of b'"))
    nb.run("a", "x = 1")
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == "of b"


@stock
def test_the_last_run_wins_a_shared_key(nb):
    nb.run("a", LAYER.format("'of a'"))
    nb.run("b", LAYER.format("'of b'"))
    nb.run("a", LAYER.format("'of a again'"))
    nb.run("a", "x = 1")
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == "of b"


@naive
@pytest.mark.needs("keras>=2.13")
@pytest.mark.needs("tf_keras")
def test_the_librarys_own_entry_comes_back(nb):
    assert nb.value("tf_keras.utils.get_custom_objects()['Custom>Adam'] is library['Custom>Adam']")
    nb.run(
        "a",
        """
        @tf_keras.utils.register_keras_serializable()
        class Adam(tf_keras.optimizers.Adam): pass
    """,
    )
    nb.run("a", "x = 1")
    assert nb.value("tf_keras.utils.get_custom_objects()['Custom>Adam'] is library['Custom>Adam']")


@stock
@pytest.mark.needs("tensorflow")
def test_a_class_moved_to_another_cell_is_there_once(nb):
    nb.run("a", LAYER.format(1) + GRADIENT.format(1))
    nb.run("b", LAYER.format(2) + GRADIENT.format(2))
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {"Foo": "Foo"}
    assert nb.status()["PKG>Foo"]["owner"]["id"] == "b"


# -- direct writes


@stock
def test_a_key_that_was_written_directly_goes_with_its_line(nb):
    nb.run("a", "def swish(x): return x\nkeras.utils.get_custom_objects()['PKG>swish'] = swish")
    assert nb.status()["PKG>swish"]["line"] == 2
    nb.run("a", "def swish(x): return x")
    assert nb.custom_objects() == {}


@stock
def test_update_and_overwriting_are_direct_writes_too(nb):
    nb.run("a", "one = lambda x: 1\ntwo = lambda x: 2\nkeras.utils.get_custom_objects().update({'PKG>f': one})")
    nb.run("b", "keras.utils.get_custom_objects()['PKG>f'] = two")
    assert nb.value("keras.utils.get_custom_objects()['PKG>f'](0)") == 2
    nb.run("b", "x = 1")
    assert nb.value("keras.utils.get_custom_objects()['PKG>f'](0)") == 1


def test_what_users_take_out_themselves_stays_out(nb):
    nb.run("a", LAYER.format(1))
    nb.run("b", LAYER.format(2))
    nb.run("c", "saved = dict(keras.utils.get_custom_objects()); keras.utils.get_custom_objects().pop('PKG>Foo')")
    nb.run("b", "x = 1")
    nb.run("a", "1/0", fails=True)
    assert nb.custom_objects() == {}


@pytest.mark.needs("keras>=2.13")
def test_clearing_all_custom_objects_is_the_users_word(nb):
    nb.run("a", LAYER.format(1))
    nb.run("c", "saved = dict(tf_keras.utils.get_custom_objects())")
    nb.run("d", "@tf_keras.utils.register_keras_serializable()\nclass Adam(tf_keras.optimizers.Adam): pass")
    nb.run("c", "tf_keras.utils.get_custom_objects().clear(); keras.utils.get_custom_objects().clear()")
    nb.run("a", "x = 1")
    nb.run("d", "x = 1")
    assert nb.value("list(tf_keras.utils.get_custom_objects()) + list(keras.utils.get_custom_objects())") == []
    nb.silently("tf_keras.utils.get_custom_objects().update(saved)")


@pytest.mark.needs("keras>=3")
def test_the_frameworks_dicts_stay_the_same_objects(nb):
    nb.run(
        "z",
        "held = keras.utils.get_custom_objects(); names = sys.modules['keras.src.saving.object_registration'].GLOBAL_CUSTOM_NAMES",
    )
    nb.run("a", LAYER.format(1))
    nb.run("a", LAYER.format(2))
    assert nb.value("held is keras.utils.get_custom_objects() and 'PKG>Foo' in held")
    assert nb.value(
        "names is sys.modules['keras.src.saving.object_registration'].GLOBAL_CUSTOM_NAMES and type(names) is dict"
    )


# -- a run is a transaction


@naive
@pytest.mark.parametrize("broken", ["def f(:\n", "1 +", "x = 'abc", "%%time\nfor"])
@pytest.mark.needs("tensorflow")
def test_code_that_does_not_compile_changes_nothing(nb, broken):
    nb.run("a", LAYER.format(1) + GRADIENT.format(1))
    before = nb.value("id(keras.utils.get_custom_objects()['PKG>Foo'])")
    nb.run("a", LAYER.format(2) + GRADIENT.format(2) + broken, fails=True)
    assert nb.value("id(keras.utils.get_custom_objects()['PKG>Foo'])") == before
    nb.run("a", GRADIENT.format(1))
    assert nb.custom_objects() == {}


@naive
@pytest.mark.needs("tensorflow")
def test_a_run_that_fails_early_loses_nothing(nb):
    nb.run("a", LAYER.format(1) + GRADIENT.format(1))
    nb.run("a", "1/0\n" + LAYER.format(2) + GRADIENT.format(2), fails=True)
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == 1
    assert nb.status()["PKG>Foo"]["state"] == "partial"
    assert nb.status()["PKGGrad"]["state"] == "partial"


@stock
@pytest.mark.needs("tensorflow")
def test_what_a_failing_run_registered_anew_stays_and_the_next_run_mends_it(nb):
    nb.run("a", LAYER.format(1) + GRADIENT.format(1))
    nb.run("a", LAYER.format(2) + "1/0\n" + GRADIENT.format(2), fails=True)
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == 2
    assert nb.value("sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')(None, 1)") == 1
    nb.run("a", GRADIENT.format(3))
    assert nb.custom_objects() == {}
    assert nb.status()["PKGGrad"]["state"] == "current"


@naive
@pytest.mark.needs("tensorflow")
def test_an_interrupted_run_loses_nothing(nb):
    nb.run("a", LAYER.format(1) + GRADIENT.format(1))
    outcome = nb.run("a", "raise KeyboardInterrupt\n" + GRADIENT.format(2), fails=True)
    assert "KeyboardInterrupt" in outcome.error
    assert nb.custom_objects() == {"Foo": "Foo"}
    assert nb.value("sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')(None, 1)") == 1


@naive
def test_an_interrupted_async_run_loses_nothing(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", "import asyncio\nawait asyncio.sleep(0)\nraise asyncio.CancelledError", fails=True)
    assert nb.custom_objects() == {"Foo": "Foo"}


# -- what the cell only guarded

GUARDS = {
    "not in globals": "if 'Foo' not in globals():\n",
    "try": "try:\n    Foo\nexcept NameError:\n",
    "a flag": "done = globals().get('done', False)\nif not done:\n    done = True\n",
}


@naive
@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
@pytest.mark.parametrize("edit", ["", "# edited\n"])
def test_a_class_that_is_only_guarded_stays_registered(nb, guard, edit):
    nb.run("z", "globals().pop('Foo', None); globals().pop('done', None)")
    source = guard + LAYER.format(1).replace("\n", "\n    ")
    nb.run("a", source)
    nb.run("a", edit + source)
    assert nb.custom_objects() == {"Foo": "Foo"}
    assert nb.status()["PKG>Foo"]["state"] == "kept"
    nb.run("a", LAYER.format(2))
    assert nb.status()["PKG>Foo"]["state"] == "current"


FOO = "keras.utils.register_keras_serializable('PKG', 'Foo')(lambda x: x)"
REGISTER = "keras.utils.register_keras_serializable('PKG', name)(lambda x: x)"
WRITTEN = """
if 'PKG>A' not in globals():
    globals()['PKG>A'] = 1
    keras.utils.get_custom_objects()['PKG>A'] = len
"""
ONCE = {  # what registers the second time less than the first time, and why
    "an expression": f"Foo = globals().get('Foo') or {FOO}",
    "a conditional expression": f"Foo = Foo if 'Foo' in globals() else {FOO}",
    "a comprehension": "[register(name) for name in 'AB' if count(name) < 2 or name == 'A']",
    "a loop": "for name in 'AB':\n    if count(name) < 2 or name == 'A': register(name)",
    "a with statement": f"with contextlib.suppress(KeyError):\n    if count('Foo') > 1: raise KeyError\n    {FOO}",
    "a cell magic": f"%%once\n{FOO}",
    "a helper": "once_and_always()",
    "a loop that continues": f"for name in 'AB':\n    if count(name) > 1: continue\n    {REGISTER}",
    "a loop over what is left": f"for name in {{'A', 'B'}} - {{*counts}}:\n    count(name)\n    {REGISTER}",
    "a comprehension over what is left": f"[({REGISTER}, count(name)) for name in {{'A', 'B'}} - {{*counts}}]",
    "a loop over an iterator": f"for name in names:\n    {REGISTER}",
    "a while loop": f"while queue:\n    name = queue.pop()\n    {REGISTER}",
    "a text": f"exec(\"if count('Foo') < 2: {FOO}\")",
    "a library's writes": "write_once()\nkeras.utils.get_custom_objects  # is mentioned\nwrite('B')",
    "a write beside another": WRITTEN + "keras.utils.get_custom_objects()['PKG>' + 'B'] = len",
    "an assignment": "KEY = 'PKG>k'\nif count(KEY) < 2:\n    keras.utils.get_custom_objects()[KEY] = len",
    "an update": "def f(x):\n    return x\nif count('f') < 2:\n    keras.utils.get_custom_objects().update({'PKG>%s' % 'f': f})",
}


@naive
@pytest.mark.parametrize("source", ONCE.values(), ids=ONCE)
def test_what_is_registered_only_once_stays_whatever_the_cell_registers_each_time(nb, source):
    nb.run(
        "h",
        """
        import collections, contextlib, functools
        for name in ("Foo", "PKG>A"): globals().pop(name, None)
        counts = collections.Counter()
        names, queue = iter("AB"), [*"AB"]

        def write(name):
            keras.utils.get_custom_objects()["PKG>" + name] = lambda x: x

        def write_once():
            if count("written") < 2:
                write("A")

        def count(name):
            counts[name] += 1
            return counts[name]

        def register(name):
            return keras.utils.register_keras_serializable("PKG", name)(lambda x: x)

        @functools.cache
        def once():
            return keras.utils.register_keras_serializable("PKG", "Once")(lambda x: x)

        def once_and_always():
            once()
            keras.utils.register_keras_serializable("PKG", "Always")(lambda x: x)

        get_ipython().register_magic_function(
            lambda line, cell: count("magic") < 2 and get_ipython().run_cell(cell) and None, "cell", "once"
        )
        """,
    )
    nb.run("a", source)
    before = nb.custom_objects()
    nb.run("a", source)
    assert before and nb.custom_objects() == before


MEMO = """
made = set()

def make(name):
    if name not in made:
        made.add(name)
        keras.utils.register_keras_serializable('PKG', name)(lambda x: x)

def make_all(names):
    for name in names:
        make(name)

NAMES = 'AB'
"""
LOGGED = """
import functools

def logged(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)
    return call

make = logged(make)
"""
SCOPE = """
import contextlib

@contextlib.contextmanager
def scope(name):
    make(name)
    yield
"""
CALLED = "if 'PKGonce' not in globals():\n    PKGonce = 1\n    make('A')\n"
EDITED = {  # a cell that calls what registers only once, and its edit or that of another one
    "a comprehension": (
        MEMO,
        "[make(name) for name in NAMES]",
        "NAMES = 'ABC'",
        "[make(name) for name in NAMES]",
        "ABC",
    ),
    "a helper's loop": (MEMO, "make_all(NAMES)", "NAMES = 'ABC'", "make_all(NAMES)", "ABC"),
    "the helper's cell": ("", MEMO + "make('A')", "", MEMO.replace("set()", "made") + "make('A')\nmake('C')", "AC"),
    "an edited helper": (
        MEMO,
        "make('A')",
        MEMO.replace("set()", "{'A'}").replace("    if", "    1\n    if"),
        "make('A')",
        "A",
    ),
    "a line beside it": ("", WRITTEN + "x = 1", "", WRITTEN + "x = 2", "A"),
    "a decorated helper": (MEMO + LOGGED, "make('A')", "", "make('A')", "A"),
    "a helper that forgets one": (MEMO, "make_all(NAMES)", "made.discard('A')", "make_all(NAMES)", "AB"),
    "a body that does something else": (
        MEMO + SCOPE,
        "with scope('A'):\n    x = 1",
        "",
        "with scope('A'):\n    x = 2",
        "A",
    ),
    "a chain without end": (MEMO, CALLED, "", CALLED + "if 0: pass\n" + "elif 0: pass\n" * 300, "A"),
    "a helper that wraps itself": (MEMO, "make('A')", "make.__wrapped__ = make", "make('A')", "A"),
    "a line that nobody can read": (MEMO, CALLED, "", CALLED + "/print 1", "A"),
}


@naive
@pytest.mark.parametrize(("helper", "before", "between", "after", "names"), EDITED.values(), ids=EDITED)
def test_what_is_registered_only_once_survives_an_edit(nb, helper, before, between, after, names):
    nb.run("z", "for name in ('PKGonce', 'PKG>A', 'made'): globals().pop(name, None)")
    nb.run("h", helper)
    nb.run("a", before)
    nb.run("h" if "def " in between else "n", between)
    nb.run("a", after)
    assert sorted(nb.custom_objects()) == [*names]


@pytest.mark.needs("tensorflow")
def test_what_a_run_kept_makes_way_for_what_its_own_cell_registers_later(nb):
    nb.run("a", GRADIENT.format(1))
    nb.run("k", "%kreg keep PKGGrad")
    nb.run(
        "a",
        """
        from threading import Event, Thread
        ready = Event()

        def work():
            ready.wait()
            tf.RegisterGradient("PKGGrad")(lambda op, grad: 2 * grad)

        thread = Thread(target=work)
        thread.start()
        """,
    )
    assert nb.status()["PKGGrad"]["state"] == "kept"
    nb.run("b", "ready.set(); thread.join()")
    assert nb.value("sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')(None, 1)") == 2


MAKE = "def make(name):\n    keras.utils.register_keras_serializable('PKG', name)(lambda x: x)\n"
LOOP = "for name in ['{}']:\n    keras.utils.register_keras_serializable('PKG', name)(lambda x: x)"
MARK = "def mark(defined):\n    return keras.utils.register_keras_serializable('PKG', 'A')(defined)\n"
METHOD = "class A(keras.layers.Layer):\n    def build(self, shape):\n        self.parts.append(shape)\n"
GONE = {
    "a call of the cell's own function": ("", MAKE + "make('A')", "", MAKE + "make('B')", "B"),
    "a loop that lists other names": ("", LOOP.format("A"), "", LOOP.format("B"), "B"),
    "a loop in which a name is missing": (
        MAKE + "NAMES = 'AB'",
        "[make(name) for name in NAMES]",
        "NAMES = 'BC'",
        "[make(name) for name in NAMES]",
        "BC",
    ),
    "a dict in which a name is missing": (
        "NEW = {'PKG>A': len, 'PKG>B': len}",
        "keras.utils.get_custom_objects().update(NEW)",
        "NEW = {'PKG>B': len, 'PKG>C': len}",
        "keras.utils.get_custom_objects().update(NEW)",
        "BC",
    ),
    "a write by its class's name": (
        "",
        METHOD + "keras.utils.get_custom_objects()['PKG>' + A.__name__] = A",
        "",
        METHOD,
        "",
    ),
    "one of two decorators": (
        MARK,
        "@mark\n@functools.cache\ndef f(): pass",
        "",
        "@functools.cache\ndef f(): pass",
        "",
    ),
}


@stock
@pytest.mark.parametrize(("helper", "before", "between", "after", "names"), GONE.values(), ids=GONE)
def test_what_is_certainly_gone_is_swept(nb, helper, before, between, after, names):
    nb.run("h", "import functools\n" + helper)
    nb.run("a", before)
    nb.run("n", between)
    nb.run("a", after)
    assert sorted(nb.custom_objects()) == [*names]


@naive
def test_a_librarys_setup_that_registers_only_once_is_not_undone(nb, tmp_path):
    (tmp_path / f"{nb.package}lib.py").write_text(
        f"import keras\n_done = False\ndef setup():\n    global _done\n    if not _done:\n        _done = True\n"
        f"        keras.utils.register_keras_serializable('{nb.package}')(swish)\ndef swish(x): return x\n"
    )
    nb.run("z", f"sys.path.insert(0, {str(tmp_path)!r})")
    nb.run("a", "import PKGlib\nPKGlib.setup()")
    assert nb.status()["PKG>swish"]["owner"]["id"] == "a"
    nb.run("a", "import PKGlib\nPKGlib.setup()")
    assert nb.custom_objects() == {"swish": "swish"}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@stock
def test_a_guard_on_the_registry_itself_lets_edits_through(nb):
    source = "if 'PKG>Foo' not in keras.utils.get_custom_objects():" + LAYER.replace("\n", "\n    ")
    nb.run("a", source.format(1))
    nb.run("a", source.format(2))
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == 2


@stock
@pytest.mark.needs("tensorflow")
def test_names_made_with_counters_do_not_pile_up(nb):
    nb.run("c", "count = 0")
    source = "count += 1\n" + GRADIENT.format(1).replace('"PKGGrad"', '"PKGGrad%d" % count')
    for _ in range(3):
        nb.run("a", source)
    assert [key for key in nb.status() if "PKGGrad" in key and nb.status()[key]["state"] == "current"] == ["PKGGrad3"]
    assert nb.value(
        "[k[-1] for k in sys.modules['tensorflow.python.framework.ops']._gradient_registry.list() if 'PKG' in k]"
    ) == ["3"]


@stock
def test_a_helper_that_was_edited_in_its_own_cell_registers_only_what_it_says_now(nb):
    helper = "def setup():" + LAYER.format(1).replace("\n", "\n    ")
    nb.run("h", helper)
    nb.run("a", "setup()")
    assert nb.status()["PKG>Foo"]["owner"]["id"] == "a"
    nb.run("h", helper.replace("Foo", "Bar"))
    nb.run("a", "setup()")
    assert nb.custom_objects() == {"Bar": "setup.<locals>.Bar"}


# -- who owns an entry


@naive
def test_a_library_imported_by_a_cell_keeps_its_entries(nb, tmp_path):
    (tmp_path / f"{nb.package}mod.py").write_text(
        f"import keras\n@keras.utils.register_keras_serializable('{nb.package}')\nclass Lib(keras.layers.Layer): pass\n"
        f"def direct(x): return x\nkeras.utils.get_custom_objects()['{nb.package}>direct'] = direct\n"
    )
    nb.run("z", f"sys.path.insert(0, {str(tmp_path)!r})")
    for _ in range(3):
        nb.run("a", "import PKGmod")
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {"Lib": "Lib", "direct": "direct"}
    assert nb.status()["PKG>Lib"]["owner"] == {
        "kind": "module",
        "id": f"{nb.package}mod",
        "label": f"module {nb.package}mod",
    }
    assert nb.status()["PKG>Lib"]["line"] == 2


@stock
def test_a_library_function_called_by_a_cell_registers_for_the_cell(nb, tmp_path):
    (tmp_path / f"{nb.package}set.py").write_text(
        f"import keras\ndef setup(name):\n    keras.utils.register_keras_serializable('{nb.package}', name)(lambda x: x)\n"
    )
    nb.run("z", f"sys.path.insert(0, {str(tmp_path)!r})")
    nb.run("a", "import PKGset\nPKGset.setup('one')")
    nb.run("a", "import PKGset\nPKGset.setup('two')")
    assert list(nb.custom_objects()) == ["two"]
    assert nb.status()["PKG>two"]["line"] == 2


@naive
@pytest.mark.needs("tensorflow")
def test_gradients_that_tracing_registers_are_never_withdrawn(nb):
    source = """
        @tf.custom_gradient
        def clip(x): return x, lambda dy: 5 * dy
        @tf.function
        def loss(x): return clip(x) * 1.0
        loss(tf.constant(1.0))
    """
    nb.run("a", source)
    nb.run(
        "z",
        "former = loss; count = len(list(sys.modules['tensorflow.python.framework.ops']._gradient_registry.list()))",
    )
    nb.run("a", source)
    nb.run(
        "b",
        """
        x = tf.constant(1.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = former(x)
        assert float(tape.gradient(y, x)) == 5.0
    """,
    )
    assert (
        not [
            key
            for key in nb.value(
                "[e['key'] for e in get_ipython().run_line_magic('kreg', 'status').to_dict()['entries']]"
            )
            if "CustomGradient" in key
        ]
        if nb.mode == "kreg"
        else True
    )


@stock
@pytest.mark.needs("tensorflow")
def test_a_swept_gradient_is_still_found_by_a_graph_that_was_traced_before(nb):
    nb.run("a", GRADIENT.format(3))
    nb.run(
        "b",
        """
        @tf.function
        def f(x):
            with tf.compat.v1.get_default_graph().gradient_override_map({"Identity": "PKGGrad"}):
                return tf.identity(x)
        x = tf.constant(1.0)
        f(x)
    """,
    )
    nb.run("a", "y = 1")
    outcome = nb.run(
        "c",
        """
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        assert float(tape.gradient(y, x)) == 3.0
    """,
    )
    assert outcome.stderr.count("kreg:") == 1 and nb.package in outcome.stderr
    nb.run(
        "d",
        """
        try: sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')
        except LookupError: found = False
        else: found = True
    """,
    )
    assert nb.value("found") is False


# -- former objects


@naive
def test_a_model_built_before_the_re_run_is_saved_for_a_fresh_kernel(nb, tmp_path, own_kernel):
    source = "import numpy as np, keras\n" + LAYER.format(1)
    nb.run("a", source)
    nb.run("m", "model = keras.Sequential([keras.Input((3,)), Foo(name='foo')])")
    nb.run("a", source.replace("VERSION = 1", "VERSION = 2"))
    path = str(tmp_path / "model.keras")
    nb.run("s", f"model.save({path!r})")
    own_kernel.run("a", source.replace("PKG", nb.package))
    own_kernel.run("l", f"loaded = keras.models.load_model({path!r})")
    assert own_kernel.value("loaded.layers[-1].name") == "foo"


@stock
def test_former_classes_are_freed(nb):
    nb.run("z", "references = []")
    for _ in range(5):
        nb.run("a", LAYER.format(1) + "references.append(weakref.ref(Foo))")
    nb.run("c", "gc.collect()")
    assert nb.value("[r() is not None for r in references]") == [False] * 4 + [True]


def test_a_model_of_a_former_class_shows_as_superseded(nb):
    nb.run("a", LAYER.format(1))
    nb.run("m", "layer = Foo()")
    nb.run("a", LAYER.format(2))
    nb.run("q", "s = get_ipython().run_line_magic('kreg', 'status')")
    entries = [e for e in nb.value("s.to_dict()['entries']") if nb.package in e["key"]]
    assert [e["state"] for e in entries] == ["superseded", "current"]
    nb.run("m", "layer = None")
    nb.run("q", "s = None")
    assert nb.status()["PKG>Foo"]["state"] == "current"


def test_objects_that_cannot_be_weakly_referenced_register(nb):
    nb.run(
        "a",
        """
        class Slotted:
            __slots__ = ()
            __name__ = "slotted"
        keras.utils.register_keras_serializable("PKG")(Slotted())
    """,
    )
    assert list(nb.custom_objects()) == ["slotted"]
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


# -- the same definition again, and true collisions


@stock
@pytest.mark.needs("tensorflow")
def test_a_true_collision_is_the_frameworks_error_with_both_places(nb):
    nb.run("a", "\n" + GRADIENT.format(1))
    number = nb.status()["PKGGrad"]["owner"]["label"] if nb.mode == "kreg" else ""
    outcome = nb.run("b", GRADIENT.format(2).replace("_gradient", "_mine"), fails=True)
    assert "Registering two gradient with name" in outcome.error
    shown = outcome.traceback + "\n" + outcome.stderr  # IPython before 8.15 knows no notes
    line = [line for line in shown.splitlines() if line.startswith("kreg:")]
    assert len(line) == 1
    assert f"'{nb.package}Grad' is registered by {number}, line {3}; this is cell [" in line[0]
    assert line[0].endswith(f"], line {2}. Rename one, or run this again after %kreg clear {nb.package}Grad")
    assert "kreg_ipython" not in outcome.traceback
    assert nb.value("sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')(None, 1)") == 1


def test_registering_a_key_twice_in_one_run_is_refused_as_in_a_fresh_kernel(nb):
    nb.run("a", GRADIENT.format(1) + GRADIENT.format(2), fails=True)


@stock
@pytest.mark.needs("tensorflow")
def test_the_same_definition_is_accepted_from_a_cell_whose_id_changed(nb):
    nb.run("a", GRADIENT.format(1))
    nb.run("other", GRADIENT.format(2))
    assert nb.value("sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')(None, 1)") == 2


@stock
@pytest.mark.needs("tensorflow")
def test_a_deleted_cell_keeps_nobody_from_its_names_and_loses_nothing(nb):
    nb.run("a", LAYER.format(1) + GRADIENT.format(1))
    nb.run("b", GRADIENT.format(2).replace("_gradient", "_mine"), deletedCells=["a"])
    assert nb.status()["PKGGrad"]["owner"]["id"] == "b"
    assert nb.status()["PKG>Foo"]["state"] == "kept"


def test_a_cell_that_was_cut_and_pasted_is_not_deleted(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", LAYER.format(1), deletedCells=["a"])
    nb.run("b", "x = 1", deletedCells=["a"])
    assert nb.status()["PKG>Foo"]["state"] == "current"


def test_a_cell_that_came_back_can_be_deleted_again(nb):
    for _ in range(2):
        nb.run("a", LAYER.format(1))
        nb.run("b", "x = 1", deletedCells=["a"])
        assert nb.status()["PKG>Foo"]["state"] == "kept"


# -- histories that were lost or stale once


@naive
@pytest.mark.parametrize("again", ["class G(keras.layers.Layer): pass", "G = type('G', (keras.layers.Layer,), {})"])
def test_a_guarded_call_stays_registered_although_its_class_is_defined_again(nb, again):
    nb.run("z", "globals().pop('once', None)")
    source = again + "\nif 'once' not in globals():\n    keras.utils.register_keras_serializable('PKG')(G); once = 1"
    nb.run("a", source)
    nb.run("a", source)
    assert nb.custom_objects() == {"G": "G"}


@naive
@pytest.mark.parametrize("inner", ["%%capture\n1/0\n", "%%capture\nx = = 2\n"])
def test_a_failure_inside_a_cell_magic_is_a_failure(nb, inner):
    nb.run("a", "%%capture" + LAYER.format(1))
    nb.kernel.collect(nb.kernel.send(inner + LAYER.format(2).replace("Foo", "Bar"), {"cellId": "a"}))
    assert nb.custom_objects() == {"Foo": "Foo"}
    assert nb.status()["PKG>Foo"]["state"] == "partial"


@naive
def test_a_nested_run_cell_that_fails_loses_nothing(nb):
    nb.run("a", LAYER.format(1))
    nb.kernel.collect(nb.kernel.send("get_ipython().run_cell('1/0')", {"cellId": "a"}))
    assert nb.custom_objects() == {"Foo": "Foo"}


@pytest.mark.needs("tensorflow")
def test_a_factory_called_by_two_cells_registers_for_both(nb):
    nb.run(
        "f",
        """
    def make(value):
        class T: pass
        def convert(v, dtype=None, name=None, as_ref=False): return tf.constant(value)
        tf.register_tensor_conversion_function(T, convert)
        return T
    """,
    )
    nb.run("b", "A = make(1)")
    nb.run("c", "B = make(2)")
    assert nb.value("[int(tf.convert_to_tensor(A())), int(tf.convert_to_tensor(B()))]") == [1, 2]
    nb.run("b", "A = make(3)")
    assert nb.value("[int(tf.convert_to_tensor(A())), int(tf.convert_to_tensor(B()))]") == [3, 2]


@naive
def test_a_loop_that_skips_what_is_done_loses_nothing(nb):
    nb.run("z", "done = set()")
    source = """
    for n in {}:
        if n not in done:
            done.add(n)
            keras.utils.register_keras_serializable("PKG", n)(lambda x: x)
    """
    nb.run("a", source.format(["a"]))
    nb.run("a", source.format(["a", "b"]))
    nb.run("a", source.format(["a", "b", "c"]))
    assert set(nb.custom_objects()) == {"a", "b", "c"}


@naive
@pytest.mark.needs("keras>=2.13")
@pytest.mark.parametrize("run", ["class Foo: pass((", "1/0", "if 0:{}"])
def test_a_class_with_two_keys_is_still_known_by_the_newest(nb, run):
    twice = "\n@keras.saving.register_keras_serializable('PKG', 'second')" + LAYER.format(1)
    nb.run("a", twice)
    nb.run("a", run.format(twice.replace("\n", "\n    ")), fails=None)
    assert nb.value("keras.saving.get_registered_name(Foo)") == f"{nb.package}>second"


@pytest.mark.needs("keras>=2.13")
@pytest.mark.parametrize("run", ["(((", "1/0"])
def test_a_key_that_is_written_to_the_dict_names_no_object(nb, run):
    nb.run("a", LAYER.format(1) + "OBJECTS = keras.utils.get_custom_objects()")
    nb.run("b", "OBJECTS['PKGother'] = Foo")
    nb.run("b", run, fails=None)
    assert nb.value("keras.saving.get_registered_name(Foo)") == f"{nb.package}>Foo"


@stock
def test_keys_that_were_all_renamed_go_with_the_cell_that_renamed_them(nb):
    nb.run("a", LAYER.format(1))
    nb.run("c", LAYER.format(1).replace("Foo", "Last"))
    nb.run("q", "len(keras.utils.get_custom_objects())")
    nb.run(
        "b",
        """
        objects = keras.utils.get_custom_objects()
        renamed = {key.replace("PKG>Foo", "PKG>New"): value for key, value in objects.items()}
        objects.clear()
        objects.update(renamed)
        del objects
    """,
    )
    assert nb.custom_objects() == {"New": "Foo", "Last": "Last"}
    nb.run("b", "x = 1")
    assert nb.custom_objects() == {"Last": "Last"}


@stock
def test_a_name_that_left_the_loop_is_gone(nb):
    source = "for n in {}:\n    keras.utils.register_keras_serializable('PKG', n)(lambda x: x)"
    nb.run("a", source.format(["a", "b", "c"]))
    nb.run("a", source.format(["a"]))
    assert set(nb.custom_objects()) == {"a"}


@naive
def test_a_once_only_helper_that_merely_moved_in_its_cell_loses_nothing(nb):
    helper = """
def setup():
    if "PKGonce" not in globals():
        globals()["PKGonce"] = 1
        keras.utils.register_keras_serializable("PKG", "one")(lambda x: x)
"""
    nb.run("h", helper)
    nb.run("a", "setup()")
    nb.run("h", "# a comment above" + helper)
    nb.run("a", "setup()")
    assert list(nb.custom_objects()) == ["one"]


@naive
@pytest.mark.needs("tensorflow", "tf_keras|keras<3")
def test_a_direct_write_over_a_librarys_key_gives_it_back(nb):
    nb.run("a", "tf_keras.utils.get_custom_objects()['Custom>Adam'] = 1")
    nb.run("a", "x = 1")
    assert nb.value("tf_keras.utils.get_custom_objects()['Custom>Adam'] is library['Custom>Adam']")


@pytest.mark.needs("tensorflow", "tf_keras|keras<3")
@pytest.mark.parametrize(
    "source",
    [
        "tf_keras.utils.register_keras_serializable()(library['Custom>Adam'])",
        pytest.param(
            "tf_keras.utils.get_custom_objects()['Custom>Adam'] = 1\n"
            "tf_keras.utils.register_keras_serializable()(type('Adam', (tf_keras.optimizers.Adam,), {}))",
            marks=pytest.mark.needs("keras>=2.13"),  # older ones raise
        ),
    ],
)
def test_a_library_gets_its_own_object_back_also_if_a_cell_has_registered_it(nb, source):
    nb.run("a", source)
    nb.run("a", "x = 1")
    assert nb.value("tf_keras.utils.get_custom_objects()['Custom>Adam'] is library['Custom>Adam']")


@naive
def test_a_library_that_writes_directly_keeps_its_entries_whatever_they_are(nb, tmp_path):
    (tmp_path / f"{nb.package}swish.py").write_text(
        "import functools, keras\n"
        f"keras.utils.get_custom_objects().update({{'{nb.package}>swish': keras.layers.Activation('relu')}})\n"
        f"keras.utils.get_custom_objects()['{nb.package}>p'] = functools.partial(max, 1)\n"
    )
    nb.run("z", f"sys.path.insert(0, {str(tmp_path)!r})")
    nb.run("a", "import PKGswish")
    nb.run("a", "import PKGswish; x = 1")
    assert set(nb.custom_objects()) == {"swish", "p"}


@stock
@pytest.mark.needs("tensorflow")
def test_a_frameworks_object_that_a_cell_wrote_directly_is_the_cells(nb):
    nb.run("a", "keras.utils.get_custom_objects()['PKG>relu6'] = tf.nn.relu6")
    assert nb.status()["PKG>relu6"]["owner"]["id"] == "a"
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


def test_what_a_thread_writes_directly_between_cells_is_not_the_next_cells(nb):
    nb.run(
        "a",
        """
    import threading
    def between():
        go.wait()
        keras.utils.get_custom_objects()["PKG>between"] = work
        wrote.set()
    def work(x): return x
    go, wrote = threading.Event(), threading.Event()
    threading.Thread(target=between).start()
    """,
    )
    nb.silently("go.set(); wrote.wait()")
    nb.run("b", "y = 1")
    nb.run("b", "y = 2")
    assert list(nb.custom_objects()) == ["between"]


@stock
@pytest.mark.needs("keras>=2.13")
@pytest.mark.needs("tensorflow")
def test_a_direct_write_and_a_registration_of_one_key_in_one_cell_both_go(nb):
    nb.run(
        "a",
        """
    keras.utils.get_custom_objects()["PKG>act"] = tf.nn.relu
    @keras.utils.register_keras_serializable("PKG")
    def act(x): return x
    """,
    )
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


def test_a_line_magic_does_not_hide_the_line(nb):
    nb.run("a", "x = 1\ny = 2\n%time keras.utils.register_keras_serializable('PKG', 'one')(lambda x: x)")
    assert nb.status()["PKG>one"]["line"] == 3
    nb.run("a", "x = 1\ny = 2")
    assert nb.custom_objects() == {}


@stock
@pytest.mark.parametrize(
    "before", ["len?\n", "?len\n", "str.is*?\n", "!true \\\n  and so on\n", "files = !ls \\\n  -l\n"]
)
@pytest.mark.parametrize("after", ["", "x = 1"])
def test_what_is_no_python_does_not_hide_what_is_gone(nb, before, after):
    nb.run("a", before + LAYER.format(1))
    nb.run("a", before + after)
    assert nb.custom_objects() == {}


@stock
def test_a_key_written_by_keyword_through_an_earlier_cells_variable_goes_with_its_line(nb):
    nb.run("a", "objects = keras.utils.get_custom_objects()")
    nb.run("b", "def act(x): return x\nobjects.update(PKGact=act)")
    assert nb.status()["PKGact"]["line"] == 2
    nb.run("b", "def act(x): return x")
    assert nb.status()["PKGact"]["state"] == "swept"


def test_a_key_that_another_cell_sets_by_default_is_its_own_too(nb):
    nb.run("a", "keras.utils.get_custom_objects()['PKG>act'] = len")
    nb.run("b", "keras.utils.get_custom_objects().setdefault('PKG>act', len)")
    nb.run("a", "x = 1")
    assert list(nb.custom_objects()) == ["act"]
    nb.run("b", "x = 1")
    assert nb.custom_objects() == {}


def test_an_object_that_invents_attributes_is_harmless(nb):
    nb.run("a", "from unittest import mock\nkeras.utils.get_custom_objects()['PKG>m'] = mock.Mock()")
    assert nb.status()["PKG>m"]["owner"]["id"] == "a"
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@pytest.mark.needs("tensorflow")
def test_a_key_that_the_framework_refuses_is_its_own_error_and_nothing_else(nb):
    nb.run(
        "a",
        """
    from tensorflow.python.autograph.operators import py_builtins
    py_builtins.len_registry.register([], len)
    """,
        fails=True,
    )
    nb.run("b", GRADIENT.format(1))
    nb.run("b", GRADIENT.format(2))


def test_a_bound_method_keeps_its_name(nb):
    nb.run(
        "a",
        """
    class Owner:
        def method(self, x): return x
    owner = Owner()
    keras.utils.register_keras_serializable("PKG")(owner.method)
    """,
    )
    assert nb.value("keras.utils.get_registered_name(owner.method).partition('>')[2]") == "method"


@naive
def test_one_object_under_two_keys_is_known_by_the_one_that_stays(nb):
    nb.run("f", "def act(x): return x")
    nb.run("a", "keras.utils.register_keras_serializable('PKG', 'one')(act)")
    nb.run("b", "keras.utils.register_keras_serializable('PKG', 'two')(act)")
    nb.run("b", "x = 1")
    assert nb.value("keras.utils.get_registered_name(act).partition('>')[2]") == "one"


@stock
def test_a_dict_that_was_kept_in_a_variable_is_followed_too(nb):
    nb.run("z", "objects = keras.utils.get_custom_objects()")
    nb.run("a", "objects['PKG>kept'] = abs")
    nb.run("b", "objects['PKG>kept'] = min")
    nb.run("b", "x = 1")
    assert nb.value("objects['PKG>kept'] is abs") is True
    nb.run("a", "x = 1")
    nb.run("z", "objects = None")
    assert nb.custom_objects() == {}


@naive
def test_a_library_that_writes_under_computed_keys_keeps_them(nb, tmp_path):
    (tmp_path / f"{nb.package}dyn.py").write_text(
        f"import keras\nclass A: pass\nclass B: pass\nfor c in (A, B): keras.utils.get_custom_objects()['{nb.package}' + '>' + c.__name__] = c\n"
    )
    nb.run("z", f"sys.path.insert(0, {str(tmp_path)!r})")
    nb.run("a", "import PKGdyn")
    nb.run("a", "import PKGdyn; x = 1")
    assert set(nb.custom_objects()) == {"A", "B"}


@naive
def test_a_once_only_helper_that_writes_directly_loses_nothing(nb):
    nb.run(
        "h",
        """
    once = []
    def setup():
        if not once:
            once.append(1)
            keras.utils.get_custom_objects()["PKG>" + "direct"] = abs
    """,
    )
    nb.run("a", "setup()")
    nb.run("a", "setup(); y = 1")
    assert list(nb.custom_objects()) == ["direct"]


@naive
def test_a_direct_write_that_moved_to_a_cell_which_ran_first_loses_nothing(nb):
    nb.run("z", "def act(x): return x")
    nb.run("a", "keras.utils.get_custom_objects()['PKG>act'] = act")
    nb.run("b", "keras.utils.get_custom_objects().update({'PKG>act': act})")
    nb.run("a", "y = 1")
    assert nb.custom_objects() == {"act": "act"}
    nb.run("b", "1/0", fails=True)
    assert nb.custom_objects() == {"act": "act"}
    nb.run("b", "objects = keras.utils.get_custom_objects()")
    assert nb.custom_objects() == {}


def test_what_a_library_registers_in_the_pool_of_another_cell_is_not_lost_with_the_pool(nb, files):
    files.write({"PKGpool.py": "import keras\ndef setup():" + LAYER.replace("\n", "\n    ").format(1)})
    nb.run("z", "import PKGpool")
    pool = "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor({}); pool.submit(int).result()"
    nb.run("a", pool.format(1))
    nb.run("b", "pool.submit(PKGpool.setup).result()")
    nb.run("a", pool.format(2))
    assert len(nb.custom_objects()) == 1


@stock
def test_what_a_base_class_registered_goes_when_it_does_not_any_more(nb):
    registering = """
        class Base(keras.layers.Layer):
            def __init_subclass__(cls): keras.utils.register_keras_serializable("PKG")(cls)
    """
    nb.run("b", registering)
    nb.run("d", "class Derived(Base): pass")
    nb.run("b", "class Base(keras.layers.Layer): pass")
    nb.run("d", "class Derived(Base): pass")
    assert nb.custom_objects() == {}


@stock
def test_one_magic_is_not_another(nb):
    nb.run("h", "def setup():" + LAYER.format(1).replace("\n", "\n    ") + "\ndef other(): pass")
    nb.run("a", "%time setup()")
    nb.run("a", "%time other()")
    assert nb.custom_objects() == {}


@naive
@pytest.mark.parametrize("odd", ["len?", "!echo a \\\n  b", "x = %time 1"])
def test_a_guard_stays_in_a_cell_that_only_ipython_can_parse(nb, odd):
    nb.run("z", "globals().pop('Foo', None)")
    source = odd + "\nif 'Foo' not in globals():" + LAYER.format(1).replace("\n", "\n    ")
    nb.run("a", source)
    nb.run("a", source + "\nz = 1")
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
def test_a_guarded_nested_run_cell_loses_nothing_and_the_line_is_the_outer_one(nb):
    nb.run("z", "globals().pop('Foo', None)")
    source = f"a = {{}}\nb = 2\nif 'Foo' not in globals():\n    get_ipython().run_cell({LAYER.format(1)!r})"
    nb.run("a", source.format(1))
    assert nb.status()["PKG>Foo"]["line"] == 4
    nb.run("a", source.format(2))
    assert nb.custom_objects() == {"Foo": "Foo"}


@naive
@pytest.mark.parametrize("rebind", ["class Foo(Foo): pass", "Foo = type('Foo', (Foo,), {})"])
def test_a_guarded_class_whose_name_is_bound_again_stays(nb, rebind):
    nb.run("z", "globals().pop('Foo', None)")
    source = "if 'Foo' not in globals():" + LAYER.format(1).replace("\n", "\n    ") + "\n" + rebind
    nb.run("a", source)
    nb.run("a", source + "\nz = 1")
    assert list(nb.custom_objects()) == ["Foo"]


@stock
def test_a_cell_that_python_does_not_run_any_more_registers_nothing(nb, tmp_path):
    nb.run("a", LAYER.format(1))
    nb.run("a", f"%%writefile {tmp_path / 'f.py'}\n" + LAYER.format(1))
    assert nb.custom_objects() == {}


def test_clearing_a_key_in_the_cell_that_registers_it_works(nb):
    for _ in range(2):
        nb.run("a", LAYER.format(1))
        nb.run("a", "%kreg clear PKG>Foo\nafter = 1" + LAYER.format(2))
    assert nb.custom_objects() == {"Foo": "Foo"}


@stock
@pytest.mark.parametrize(
    "text",
    [
        ">>> @keras.utils.register_keras_serializable('PKG', '{}')\n... def f(x):\n...     return x",
        "keras.utils.get_custom_objects()['PKG>{}'] = %time len",
        "made = {{}}\nmade['f'] = %time keras.utils.register_keras_serializable('PKG', '{}')(len)",
    ],
    ids=["prompts", "a write", "a call"],
)
def test_a_rename_in_a_cell_that_only_ipython_can_read_leaves_nothing(nb, text):
    for name in ("Foo", "Bar"):
        nb.run("a", text.format(name))
        assert set(nb.custom_objects()) == {name}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


def test_cells_that_ipython_does_not_count_have_numbers_of_their_own(nb):
    """nbval's requests are such: each one would be cell [1]."""
    for name in ("one", "two"):
        source = f"@keras.utils.register_keras_serializable('{nb.package}')\ndef {name}(): pass"
        nb.kernel.collect(nb.kernel.send(source, {"cellId": name}, store_history=False))
    assert len({str(entry["owner"]) for entry in nb.entries()}) == 2
    notebook = "get_ipython().magics_manager.registry['KregMagics'].notebook"
    for name in ("one", "two"):
        assert f"def {name}()" in nb.value(f"{notebook}.cells()[{notebook}.cell_of({name}.__code__)]")
