"""Automatic names: a cell that runs again gets those of its former run, and no two objects that stock keeps apart meet."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

import pytest
from test_cells import stock
from test_identity import AGAIN

from kreg_ipython.lib.holders import Opaque, reached
from kreg_ipython.lib.rebinding import rebound
from kreg_ipython.registries import OPAQUE

KERAS = [
    pytest.param("keras", marks=pytest.mark.needs("keras>=2.12")),
    pytest.param("tf_keras", marks=pytest.mark.needs("tensorflow>=2.19", "tf_keras")),
]

# -- which variables a text binds anew


class Box:
    """An object that somebody may hold."""


def reads_model():
    return model


def makes_model():
    model = Maker().model
    model += 1
    return model


class Maker:
    model = 0

    def f(self):
        return [model for model in self.model if model]


@pytest.mark.parametrize(
    ("text", "anew"),
    [
        ("m = build()\nm.compile()", "m"),
        ("a, (b, *c) = d", "a b c"),
        ("x = Dense(3)(x)", ""),
        ("m += [1]", ""),
        ("models[0] = m", ""),
        ("x: int", ""),
        ("x: int = 3\ndel y", "x y"),
        ("f(k := 3)", "k"),
        ("import a.b, c as d\nfrom e import f as g", "a d g"),
        ("if flag:\n    m = 1", ""),
        ("if flag:\n    m = 1\nelse:\n    m = n = 2", "m"),
        ("for i in range(3):\n    m = build()\n    n = m", "i m n"),
        ("for i in split():\n    if i: break\n    m = build()", "i"),
        ("for i in []:\n    m = build()", ""),
        ("for i in nothing:\n    m = build()", ""),
        ("for i in xs:\n    old = m\n    m = build()", "i old"),
        ("while True:\n    m = build()\n    break", "m"),
        ("while more():\n    m = build()", ""),
        ("with strategy.scope():\n    m = build()", "m"),
        ("with suppress(E) as s:\n    m = build()", ""),
        ("try:\n    m = k = 1\nexcept E:\n    m = 2", "m"),
        ("try:\n    m = 1\nfinally:\n    n = 2", "m n"),
        ("match x:\n    case 1:\n        m = 2", ""),
        ("def show():\n    return m\nm = 1\nshow()", "m show"),
        ("def show():\n    return m\nk = show()\nm = 1", "k show"),
        ("class A(B):\n    def f(self):\n        return m\nm = A().f()", "A"),
        ("def make():\n    m = build()\n    return m\nm = make()", "m make"),
        ("def make(m):\n    return m\nm = make(3)", "m make"),
        ("def make():\n    return trainer.m\nm = make()", "m make"),
        ("def make():\n    return [m for m in xs]\nm = make()", "m make"),
        ("def make():\n    global m\n    m = build()\nmake()\nm = 1", "m make"),
        ("def make():\n    def inner():\n        return m\n    return inner()\nm = make()", "make"),
        ("def make():\n    return [m for k in xs]\nm = make()", "make"),
        ("class A:\n    def f(self):\n        m = self.m\n        return m\nm = A().f()", "A m"),
        ("class A:\n    def f(self):\n        return (lambda: m)()\nm = A().f()", "A"),
        ("m = [m for m in xs]", "m"),
        ("m = [m for m in m]", ""),
        ("m = [m for k in xs]", ""),
        ("m = [m for k in xs for m in k if m]", "m"),
        ("m = build(lambda m, *args: m)", "m"),
        ("m = build(lambda m=m: m)", ""),
        ("m = build(lambda k: m)", ""),
        ("model = makes_model()", "model"),
        ("model = makes_model.__call__()", "model"),
        ("model = maker.f()", "model"),
        ("model = reads_model()", ""),
        ("model = 1\nreads_model()", "model"),
        ("k = globals()\nm = model = 1", "k m"),
        ("%time show(m)\nm = n = 1", "n"),
        ("%%time\nm = 1", "m"),
        ("m = %time build()", "m"),
        ("m = %time build(m)", ""),
        ("name = 'm'\nm = build(name)", "m name"),
        ("k = [build() for m in xs]", "k"),
        ("k = {m: n for m, n in xs if (j := m)}", "j k"),
        ("k = all(m for (m, _) in xs)", "k"),
        ("while True:\n    m = 1\nelse:\n    show(m, k)\nk = 1", ""),
        ("try:\n    k = 1\nexcept m:\n    k = 2\nm = 1", "k"),
        ("match x:\n    case 1 if m:\n        k = 2\nm = 1", ""),
        ("match x:\n    case m.RED:\n        k = 2\nm = 1", ""),
    ],
)
def test_a_variable_is_bound_anew_if_the_text_certainly_does_and_does_not_read_it_first(text, anew):
    namespace = {"reads_model": reads_model, "makes_model": makes_model, "maker": Maker(), "nothing": [], "model": 0}
    assert sorted(rebound(text, namespace, __name__)) == sorted(anew.split())


def test_a_search_for_holders_looks_into_no_data_and_says_if_there_is_too_much(monkeypatch):
    from kreg_ipython.lib import holders

    wanted = [Box(), Box()]
    values: list[Any] = [{"x": [wanted[0]]}, [[each, wanted[1]] for each in range(20_000)]]
    found = reached(values, {id(one) for one in wanted}, Opaque(lambda kind: False))
    assert found == {id(wanted[0])}
    monkeypatch.setattr(holders, "_MOST", 1)
    assert reached(values, {id(one) for one in wanted}, Opaque(lambda kind: False)) is None


def test_a_search_for_holders_does_not_look_into_annotations():
    box = Box()

    def function(x=Annotated[int, box]):
        pass

    assert reached([function], {id(box)}, OPAQUE) == set()
    assert reached([{"x": [box]}], {id(box)}, OPAQUE) == {id(box)}


# -- in a kernel


class Cells:
    """The cells of a notebook whose session was just cleared, for one of the Kerases, which sources call K."""

    def __init__(self, nb, framework: str) -> None:
        self.nb, self.framework = nb, framework
        nb.silently(
            f"""
            import numpy as np
            for name in [each for each in globals() if each.endswith("_v")]:
                del globals()[name]
            K = {framework}
            (getattr(K.backend, "reset_uids", None) or sys.modules["keras.src.utils.naming"].reset_uids)()
            def names(model):
                return [model.name, *(layer.name for layer in model.layers if "input" not in layer.name)]
            """
        )
        self.run("functions", BUILD)

    def run(self, cell: str | None, source: str, **options: Any) -> Any:
        return self.nb.run(cell, source, **options)

    def names(self, variable: str = "m_v") -> list[str]:
        """The names of a model and its layers."""
        return self.nb.value(f"names({variable})")

    def layers(self, variable: str = "m_v") -> list[str]:
        return self.names(variable)[1:]


BUILD = """
def build(n=1, **options):
    return K.Sequential([K.layers.Dense(2, **options) for _ in range(n)])

def graph(n=1):
    inputs = x = K.Input((2,))
    for _ in range(n):
        x = K.layers.Dense(2)(x)
    return K.Model(inputs, x)

def merge(*models):
    inputs = K.Input((2,))
    outputs = [inputs]
    for model in models:
        for layer in model.layers:
            if "input" not in layer.name:
                outputs.append(layer(inputs))
    return K.Model(inputs, outputs)
"""


@pytest.fixture(params=KERAS)
def cells(nb, request) -> Cells:
    return Cells(nb, request.param)


MODEL = """
m_v = K.Sequential([K.Input((2,)), K.layers.Dense(4), K.layers.Dense(1, activation="sigmoid")])
m_v.compile(K.optimizers.Adam(), "mse", metrics=[K.metrics.AUC(), K.metrics.Precision()], run_eagerly=True)
"""
FIT = """
h_v = m_v.fit(np.ones((8, 2)), np.ones((8, 1)), validation_split=0.5, verbose=0, callbacks=[
    K.callbacks.EarlyStopping(monitor="val_auc", mode="max", restore_best_weights=True)])
assert h_v.history["val_auc"]
h_v
"""


@stock
def test_a_model_cell_that_runs_three_times_has_the_names_of_a_fresh_kernel(cells):
    for _ in range(3):
        cells.run("m", MODEL)
        cells.run("f", FIT)
        assert cells.names() == ["sequential", "dense", "dense_1"]
        assert cells.nb.value("sorted(h_v.history)") == sorted(
            f"{prefix}{name}" for prefix in ("", "val_") for name in ("auc", "loss", "precision")
        )
        assert (
            cells.nb.value("m_v.get_layer('dense') is not None and getattr(m_v.optimizer, 'name', 'adam').lower()")
            == "adam"
        )


@stock
def test_a_model_whose_compiling_is_a_cell_of_its_own_keeps_its_metrics_names(cells):
    build, compile_ = MODEL.strip().splitlines()
    cells.run("b", build)
    for _ in range(3):
        cells.run("c", compile_)
        cells.run("f", FIT)
    for _ in range(2):
        cells.run("b", build), cells.run("c", compile_), cells.run("f", FIT)
    assert cells.names() == ["sequential", "dense", "dense_1"]


@stock
@pytest.mark.needs("keras>=3")
def test_a_checkpoint_that_monitors_a_metric_works_each_time(nb, tmp_path):
    cells = Cells(nb, "keras")
    path = str(tmp_path / "best.keras")
    for _ in range(3):
        cells.run("m", MODEL)
        cells.run(
            "f",
            f"""
            best = K.callbacks.ModelCheckpoint({path!r}, monitor="val_auc", save_best_only=True)
            m_v.fit(np.ones((8, 2)), np.ones((8, 1)), validation_split=0.5, verbose=0, callbacks=[best]);
            """,
        )


@stock
@pytest.mark.needs("tensorflow>=2.19", "tf_keras")
def test_weights_that_are_loaded_by_name_are_loaded(nb, tmp_path):
    cells = Cells(nb, "tf_keras")
    path = str(tmp_path / "w.h5")
    cells.run("m", "m_v = K.Sequential([K.Input((2,)), K.layers.Dense(1)])")
    cells.run("s", f"weights = m_v.get_weights()[0]; m_v.save_weights({path!r})")
    cells.run("m", "m_v = K.Sequential([K.Input((2,)), K.layers.Dense(1)])")
    cells.run("l", f"m_v.load_weights({path!r}, by_name=True)")
    assert cells.nb.value("bool((m_v.get_weights()[0] == weights).all())")


@stock
def test_an_edited_cell_leaves_other_cells_their_numbers(cells):
    cells.run("a", "a_v = build(2)")
    cells.run("b", "b_v = build(1)")
    for n, names, beside in ((3, ["dense", "dense_1", "dense_3"], "dense_2"), (1, ["dense"], "dense_1")):
        cells.run("a", f"a_v = build({n})")
        assert cells.layers("a_v") == names
        cells.run("b", "b_v = build(1)")
        assert cells.layers("b_v") == [beside], "that of a fresh kernel, if it is free"


@stock
def test_two_cells_that_alternate_and_share_a_variable_keep_their_names(cells):
    for _ in range(3):
        cells.run("a", "m_v = build(2)")
        assert cells.names() == ["sequential", "dense", "dense_1"]
        cells.run("b", "m_v = build(1)")
        assert cells.names() == ["sequential_1", "dense_2"]


def test_code_that_moves_to_another_cell_takes_its_names_along(cells):
    cells.run("a", "m_v = build(2)")
    cells.run("a", "x_v = 1")
    cells.run("b", "m_v = build(2)")
    assert cells.names() == ["sequential", "dense", "dense_1"]


@stock
def test_a_loop_gets_the_same_names_in_each_run(cells):
    for _ in range(3):
        cells.run("a", "for n in (1, 2):\n    m_v = build(n)\n    m_v.compile('adam', 'mse')")
        assert cells.names() == ["sequential_1", "dense_1", "dense_2"]


@stock
def test_a_failed_run_takes_nothing_for_good(cells):
    cells.run("a", "m_v = build(2)")
    for fails in ("1 / 0", "raise KeyboardInterrupt"):
        cells.run("a", f"build(3)\n{fails}\nm_v = build(2)", fails=True)
    cells.run("b", "b_v = build(1)")
    cells.run("a", "m_v = build(2)")
    assert cells.layers() == ["dense", "dense_1"]
    assert cells.layers("b_v") == ["dense_3"]


def test_a_cell_that_does_not_compile_changes_nothing(cells):
    cells.run("a", "m_v = build(2)")
    cells.run("a", "m_v = build(2) +", fails=True)
    cells.run("b", "b_v = build(1)")
    assert cells.layers("b_v") == ["dense_2"]


@stock
def test_names_that_a_modules_function_takes_are_the_cells(cells, files):
    files.write({"PKG_nets.py": f"import {cells.framework} as K\n{BUILD}"})
    cells.run("i", "from PKG_nets import build as build_there")
    for _ in range(3):
        cells.run("a", "m_v = build_there(2)")
        assert cells.layers() == ["dense", "dense_1"]


@stock
def test_names_of_a_modules_body_and_of_a_script_are_taken_again(cells, files):
    text = f"import {cells.framework} as K\nm_v = K.Sequential([K.layers.Dense(2)])\n"
    files.write({"PKG_net.py": text, "PKG_script.py": text})
    cells.run("i", "import PKG_net, importlib")
    for _ in range(2):
        cells.run("r", "importlib.reload(PKG_net)")
        cells.run("s", f"%run {files.folder}/PKG_script.py")
        assert cells.layers("PKG_net.m_v") == ["dense"] and cells.layers() == ["dense_1"]
    cells.run("p", "import sys; del sys.modules['PKG_net']; import PKG_net")
    assert cells.layers("PKG_net.m_v") == ["dense"]


# -- no collision that stock does not have


def test_cells_that_collect_models_can_merge_them(cells):
    cells.run("l", "models_v = []")
    for _ in range(5):
        cells.run("a", "models_v.append(build(2))")
    cells.run("m", "m_v = merge(*models_v)")
    assert len(set(cells.layers())) == 10


UNSEEN = {
    "a file that is executed twice": [
        "import runpy",
        "t_v = [runpy.run_path('PKG_tower.py')['tower'] for _ in range(2)]; m_v = K.Model(inp, t_v[1](t_v[0](inp)))",
    ],
    "two variables of one file": [
        "import runpy; one_v = runpy.run_path('PKG_tower.py')['tower']",
        "two_v = runpy.run_path('PKG_tower.py')['tower']",
        "m_v = K.Model(inp, two_v(one_v(inp)))",
    ],
    "copies": [
        "k_v = []",
        *["k_v.append(K.models.clone_model(build(2)))"] * 2,
        "m_v = K.Model(inp, [each(inp) for each in k_v])",
    ],
    "off and on within a cell": [
        "a_v = K.layers.Dense(2)\n%kreg off\n%kreg on\nb_v = K.layers.Dense(2); m_v = K.Sequential([inp, a_v, b_v])",
    ],
    "off and on between": [
        "l_v = []",
        "l_v.append(build())",
        "%kreg off\n%kreg on",
        "m_v = K.Sequential([inp, *l_v, build()])",
    ],
    "a function that is wrapped": [
        "import functools\ndef decorate(f): return functools.wraps(f)(lambda: f())\nm_v = None\n@decorate\ndef grow():\n"
        "    former = globals()['m_v']\n    x = former.output if former else inp\n    return K.Model(inp, K.layers.Dense(2)(x))",
        *["m_v = grow()"] * 3,
    ],
    "an assignment that may not happen": [
        "import itertools; c_v = itertools.count()",
        *["next(c_v) or (k_v := K.layers.Dense(2)); n_v = K.layers.Dense(2); m_v = K.Model(inp, n_v(k_v(inp)))"] * 3,
    ],
    "a history that is built upon": [
        "h_v = None",
        *[
            "former = h_v.model.layers if h_v else []\nm_v = K.Sequential([inp, *former, K.layers.Dense(2)])\n"
            "h_v = K.callbacks.History(); h_v.set_model(m_v)"
        ]
        * 3,
    ],
    "an array of objects": [
        "k_v = np.empty(3, object); i_v = 0",
        *["k_v[i_v] = build(); i_v += 1"] * 3,
        "m_v = K.Sequential([inp, *k_v])",
    ],
}


@pytest.mark.parametrize("case", UNSEEN)
def test_what_nobody_sees_being_held_can_be_combined_with_what_is_new(cells, files, case):
    files.write({"PKG_tower.py": f"import {cells.framework} as K\ntower = K.layers.Dense(2)"})
    cells.run("0", f"inp = K.Input((2,))\nimport os; os.chdir({str(files.folder)!r})")
    same: dict[str, str] = {}
    for source in UNSEEN[case]:
        outcome = cells.run(same.setdefault(source, f"c{len(same)}"), source)
        assert "kreg: " not in outcome.stderr
    assert len(set(cells.names())) == len(cells.names()) > 1


HOLDS = [
    "k_v = m_v",
    "k_v = {'x': (m_v.layers,)}",
    "k_v = m_v.layers[-1].output",
    "k_v = lambda m_v=m_v: m_v",
    "k_v = (lambda m_v: lambda: m_v)(m_v)",
    "class k_v: best = m_v",
    "class Box: pass\nk_v = Box(); k_v.model = m_v",
    "import functools; k_v = functools.partial(print, m_v)",
    "import PKG_box; PKG_box.models[:] = [m_v]",
    "import types; k_v = types.ModuleType('box'); k_v.m = m_v",
    "k_v = K.Model(m_v.inputs, m_v.layers[-1].output)",
    "k_v = K.Sequential([m_v])",
    "k_v = m_v.summary",
    "k_v = (each for each in [m_v])",
]


def test_what_another_cell_holds_of_a_former_model_keeps_its_name(cells, files):
    files.write({"PKG_box.py": "models = []"})
    for keep in HOLDS:
        cells.run("a", "m_v = graph(2)")
        free = cells.layers()
        cells.run("k", keep)
        cells.run("a", "m_v = graph(2)")
        assert not {*free} & {*cells.layers()}, keep
        cells.run("k", "k_v = None\nif 'PKG_box' in sys.modules: PKG_box.models.clear()")
        cells.run("a", "m_v = graph(2)")
        assert cells.layers() == free == ["dense", "dense_1"], keep


HOLDS_NOT = [
    "m_v",
    "k_v = K.callbacks.EarlyStopping(); k_v.set_model(m_v)",
    "class Watch(K.callbacks.Callback): pass\nk_v = Watch(); k_v.set_model(m_v)",
    "k_v = m_v.optimizer; k_v.build(m_v.trainable_variables)",
    "def k_v(): return m_v.layers",
    "k_v = [each.name for each in m_v.layers], m_v.get_weights()",
    "k_v = m_v.fit(np.ones((8, 2)), np.ones((8, 2)), verbose=0)\nk_v",
]


@stock
def test_what_holds_a_model_without_anybody_building_upon_it_is_no_holder(cells):
    for keep in HOLDS_NOT:
        cells.run("a", "m_v = graph(2)\nm_v.compile('sgd', 'mse', run_eagerly=True)")
        assert cells.layers() == ["dense", "dense_1"], keep
        cells.run("k", keep)
    cells.run("a", "m_v = graph(2)")
    assert cells.layers() == ["dense", "dense_1"]


@stock
@pytest.mark.needs("tensorflow")
def test_a_compiled_function_is_no_holder(cells):
    for _ in range(3):
        cells.run("a", "m_v = graph(2)")
        cells.run("k", "k_v = (lambda m: tf.function(lambda x: m(x)))(m_v); k_v(tf.ones((1, 2)))")
        assert cells.layers() == ["dense", "dense_1"]


def test_a_cell_that_builds_upon_its_own_former_value_counts_on(cells):
    cells.run("i", "x_v = i_v = K.Input((2,))")
    for _ in range(3):
        cells.run("a", "x_v = K.layers.Dense(2)(x_v)")
    cells.run("m", "m_v = K.Model(i_v, x_v)")
    assert cells.layers() == ["dense", "dense_1", "dense_2"]
    cells.run("s", "m_v = build()")
    cells.run("f", "def grow(): return K.Sequential([*m_v.layers, K.layers.Dense(2)])")
    for _ in range(3):
        cells.run("g", "m_v = grow()")
    assert len(set(cells.layers())) == 4


def test_a_branch_that_is_not_taken_leaves_its_model_its_names(cells):
    for train in (True, False):
        cells.run("t", f"train = {train}")
        cells.run("a", "if train:\n    b_v = build(2)\nt_v = build(2)\nm_v = merge(b_v, t_v)")
    assert len(set(cells.layers())) == 4


@pytest.mark.parametrize("share", ["s_v", "K.Sequential([s_v])"])
def test_shared_and_nested_layers_meet_nothing(cells, share):
    cells.run("s", "s_v = K.layers.Dense(2)")
    for _ in range(3):
        cells.run("a", f"i_v = K.Input((2,))\nm_v = K.Model(i_v, K.layers.Dense(2)({share}(K.layers.Dense(2)(i_v))))")
        cells.run("b", "b_v = merge(m_v, build(2))")
        assert len(set(cells.layers("b_v"))) == len(cells.layers("b_v"))


def test_clearing_the_session_counts_from_the_start_as_in_stock(cells):
    cells.run("a", "a_v = build(2)")
    cells.run("b", "b_v = build(1)")
    for _ in range(2):
        cells.run("a", "K.backend.clear_session()\na_v = build(2)")
        cells.run("b", "b_v = build(1)")
        assert cells.layers("a_v") == ["dense", "dense_1"] and cells.layers("b_v") == ["dense_2"]


@pytest.mark.needs("keras>=3")
def test_threads_count_for_themselves_as_in_stock(nb):
    cells = Cells(nb, "keras")
    for _ in range(2):
        cells.run("a", "import threading\nt = threading.Thread(target=lambda: globals().update(m_v=build(2)))")
        cells.run("t", "t = threading.Thread(target=lambda: globals().update(m_v=build(2))); t.start(); t.join()")
        assert cells.layers() == ["dense", "dense_1"]
        cells.run("b", "b_v = build(1)")
        assert cells.layers("b_v") == ["dense"]


def test_names_that_users_give_or_number_themselves_are_theirs(cells):
    cells.run("i", "i_v = []")
    for _ in range(3):
        cells.run("a", "m_v = build(1, name='mine')\ni_v.append(K.backend.get_uid('mine'))")
        assert cells.layers() == ["mine"]
    assert cells.nb.value("i_v") == [1, 2, 3]


# -- what is told when Keras raises about a name


def note(cells, source: str) -> tuple[str, list[str]]:
    """Return what Keras says when a cell brings two objects of one name together, and our notes, without cells' numbers."""
    raised = cells.run("merge", source, fails=True)
    assert re.search("should have unique names|is used 2 times in the model", raised.error), raised.error
    shown = raised.traceback + "\n" + raised.stderr  # IPython before 8.15 knows no notes
    return raised.error, re.findall(r"^kreg: (.*)", shown, re.MULTILINE)


TOGETHER = {
    "sequential": "K.Sequential([first_v, second_v])",
    "functional": "i_v = K.Input((2,))\nK.Model(i_v, second_v(first_v(i_v)))",
}
NUMBERED = r"cell \[\d+\]"


@pytest.mark.parametrize("source", TOGETHER.values(), ids=TOGETHER)
def test_an_error_about_a_name_says_which_cell_cleared_the_session(cells, source):
    cells.run("a", "first_v = K.layers.Dense(2)")
    cells.run("c", "# nothing\nK.backend.clear_session()")
    cells.run("b", "second_v = K.layers.Dense(2)")
    error, [text] = note(cells, source)
    assert "dense" in error
    a, c, b = (cells.nb.value("get_ipython().execution_count") - back for back in (4, 3, 2))
    assert text == (
        f"'dense' is the name of two layers: one that cell [{a}] made, and one that cell [{b}] made; clear_session() in "
        f"cell [{c}], line 2, let names be counted anew in between. Give one of them a name of its own"
    )
    cells.run("a", "first_v = K.layers.Dense(2, name='other')")
    cells.run("merge", source)


def test_the_cell_itself_may_have_cleared_the_session(cells):
    _, [text] = note(
        cells, "first_v = K.layers.Dense(2)\nK.backend.clear_session()\nK.Sequential([first_v, K.layers.Dense(2)])"
    )
    assert re.search(rf"; clear_session\(\) in {NUMBERED}, line 2, let names be counted anew in between", text)


def test_a_function_of_a_module_and_a_callback_clear_the_session_for_the_cell_that_calls_them(cells, files):
    files.write({"PKGtools.py": "def clear(K):\n    K.backend.clear_session()"})
    cells.run("a", "import PKGtools\nfirst_v = K.layers.Dense(2)")
    cells.run("c", "PKGtools.clear(K)")
    _, [text] = note(cells, "K.Sequential([first_v, K.layers.Dense(2)])")
    assert re.search(rf"; clear_session\(\) in {NUMBERED}, line 1, let names", text)


def test_layers_of_an_old_model_are_said_to_be_from_before(cells):
    cells.run("a", "m_v = build(2)")
    cells.run("c", "K.backend.clear_session()")
    cells.run("n", "n_v = build(1)")
    cells.run("c", "K.backend.clear_session()")
    last = cells.nb.value("get_ipython().execution_count - 1")
    _, [text] = note(cells, "K.Sequential([*m_v.layers, K.layers.Dense(2)])")
    assert f"clear_session() in cell [{last}], line 1" in text, "the last one: it began what was counted last"


@pytest.mark.parametrize("source", TOGETHER.values(), ids=TOGETHER)
def test_two_cells_that_gave_one_name_are_named(cells, source):
    cells.run("a", "first_v = K.layers.Dense(2, name='head')")
    cells.run("b", "x_v = 1\nsecond_v = K.layers.Dense(2, name='head')")
    _, [text] = note(cells, source)
    where = rf"first_v \({NUMBERED}, line 1\), and second_v \({NUMBERED}, line 2\)"
    assert re.fullmatch(rf"'head' is the name of two layers: {where}. Give one of them a name of its own", text)


def test_a_name_that_was_given_meets_one_that_was_counted(cells):
    cells.run("a", "first_v = K.layers.Dense(2, name='dense')")
    cells.run("b", "second_v = K.layers.Dense(2)")
    _, [text] = note(cells, TOGETHER["sequential"])
    assert re.search(rf"first_v \({NUMBERED}, line 1\), and one that {NUMBERED} made. Give", text)


def test_two_copies_of_one_model_are_named_by_the_variables_that_hold_them(cells):
    cells.run("a", "a_v = build(1)")
    cells.run("b", "b_v = K.models.clone_model(a_v)")
    _, [text] = note(cells, "i_v = K.Input((2,))\nK.Model(i_v, b_v.layers[-1](a_v.layers[-1](i_v)))")
    assert re.search(rf": one that {NUMBERED} made, and one in b_v \({NUMBERED}, line 1\)\. Give", text)


@pytest.mark.parametrize(
    "source",
    [
        "K.Sequential([K.layers.Dense(2, name='head'), K.layers.Dense(2, name='head')])",
        "K.Sequential([K.layers.Input((2,), name='head'), K.layers.Dense(2, name='head')])",
        "first_v, second_v = (K.layers.Dense(2, name='head') for _ in range(2))\n" + TOGETHER["functional"],
        "K.backend.clear_session()\nK.Sequential([K.layers.Dense(2, name='head'), K.layers.Dense(2, name='head')])",
    ],
)
def test_of_names_that_one_cell_gave_twice_nothing_is_said(cells, source):
    cells.run("c", "K.backend.clear_session()")
    assert note(cells, source)[1] == []


def test_an_error_that_is_about_no_name_gets_no_note(cells):
    cells.run("a", "first_v = K.layers.Dense(2)")
    cells.run("c", "K.backend.clear_session()")
    for source in ("K.Sequential([first_v, 7])", "K.Sequential([first_v]).add(None)", "K.layers.Dense(-1)"):
        assert "kreg: " not in cells.run("e", source, fails=True).traceback
    cells.run("o", "K.Sequential([K.Input((2,)), first_v, K.layers.Dense(3, name='other')])")


# -- what users see and switch


def test_status_counts_the_names_of_each_cell(cells):
    cells.run("a", "a_v = build(2)")
    cells.run("b", "b_v = build(3)")
    shown = cells.run("s", "%kreg status").text
    line = next(line for line in shown.splitlines() if line.startswith("automatic names: "))
    assert line.count(" of cell [") == 2 and line.index("3 of") < line.index("4 of")
    counted = cells.nb.value("get_ipython().run_line_magic('kreg', 'status').to_dict()['names']")
    assert list(counted.values()) == [3, 4]


@pytest.mark.parametrize("end", ["%config KregMagics.names = False", "%kreg off", "%unload_ext kreg_ipython"])
def test_ended_keras_counts_as_if_it_had_always_counted(cells, end):
    for _ in range(4):
        cells.run("a", "m_v = build(2)")
    cells.run("e", end)
    cells.run("a", "m_v = build(2)")
    assert cells.names() == ["sequential_4", "dense_8", "dense_9"]
    assert "names:" not in (cells.run("s", "%kreg status").text if "unload" not in end else "")
    if "unload" not in end:
        cells.run("e", end.replace("False", "True").replace("off", "on"))
        cells.run("a", "m_v = build(2)")
        assert cells.names() == ["sequential", "dense", "dense_1"]
        cells.run("b", "b_v = build(1)")
        assert cells.layers("b_v") == ["dense_2"]


def test_a_cell_gets_its_names_again_after_reload_unload_and_off(cells):
    cells.run("a", "m_v = build(2)")
    for again, lines in AGAIN.items():
        for line in lines:
            cells.run("e", line)
        cells.run("a", "m_v = build(2)")
        assert cells.names() == ["sequential", "dense", "dense_1"], again


def test_the_variable_of_a_comprehension_binds_nothing_anew(cells):
    cells.run("a", "m_v = build(1)")
    cells.run("a", "k_v = [build(1) for m_v in range(2)]")
    assert cells.layers("m_v") == ["dense"] and cells.layers("k_v[0]") == ["dense_1"]


def test_unloading_gives_the_functions_back(nb):
    functions = """[f.__code__.co_filename for module, name in (
        ("keras.src.utils.naming", "uniquify"), ("keras.src.utils.naming", "get_uid"),
        ("tf_keras.src.backend", "unique_object_name"), ("tf_keras.src.backend", "get_uid"),
        ("keras.src.backend", "unique_object_name"), ("keras.backend", "unique_object_name"),
    ) for f in [getattr(sys.modules.get(module), name, None)] if f and f.__code__.co_consts.__repr__().count("Numbering")]"""
    assert nb.value(functions) != []
    nb.run("u", "%unload_ext kreg_ipython")
    assert nb.value(functions) == []


def test_loaded_late_it_takes_no_number_that_was_there(nb):
    nb.run("u", "%unload_ext kreg_ipython")
    cells = Cells(nb, "keras")
    cells.run("a", "a_v = build(2)")
    cells.run("l", "%load_ext kreg_ipython")
    for _ in range(2):
        cells.run("b", "b_v = build(1)")
        assert cells.layers("b_v") == ["dense_2"]
    cells.run("a", "a_v = build(2)")
    assert cells.layers("a_v") == ["dense_3", "dense_4"]


def test_a_fault_leaves_the_names_to_keras_and_is_told_once(cells):
    broken = "sys.modules['kreg_ipython.guard.numbering'].asker"
    cells.nb.silently(f"asker = {broken}; {broken} = None")
    try:
        shown = cells.run("a", "m_v = build(2)").stderr + cells.run("a", "m_v = build(2)").stderr
        assert shown.count("kreg: ") == 1 and cells.layers() == ["dense_2", "dense_3"]
    finally:
        cells.nb.silently(f"{broken} = asker")


# -- any history


@pytest.mark.parametrize(
    "framework",
    [
        pytest.param("keras", marks=pytest.mark.needs("keras>=2.12")),
        pytest.param("tf_keras", marks=pytest.mark.needs("tensorflow>=2.19", "tf_keras")),
    ],
)
def test_any_history_of_cells_has_the_names_of_the_rule_and_no_collision_that_stock_has_not(
    frameworks, framework, tmp_path
):
    said = tmp_path / "stderr"
    machine = f"import names_machine\nnames_machine.main({framework!r})"
    child = frameworks.start(machine, stderr=said, paths=(os.getcwd(),))
    assert frameworks.wait(child) == 0, said.read_text()
