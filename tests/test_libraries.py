"""Real libraries that register for themselves, in rows of the matrix of their own: ``make test-matrix STACKS=torch``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel
from library_cases import CASES, Case

from kreg_ipython.registries import LIBRARIES

STATUS = "get_ipython().run_line_magic('kreg', '').to_dict()"
DOCS = Path(__file__).parent.parent / "docs"
GONE = ("superseded", "swept")
LAYER = "@keras.utils.register_keras_serializable('P')\nclass {}(keras.layers.Layer): pass\n"


@pytest.mark.needs("torch")
@pytest.mark.parametrize("late", [False, True])
def test_torchs_tree_nodes_are_torchs(bare_kernel, late):
    load = ["%load_ext kreg_ipython", "import keras, optree, torch"]
    for cell in load[::-1] if late else load:
        bare_kernel.run("i", cell)
    bare_kernel.run("a", LAYER.format("Mine"))
    status = bare_kernel.value(STATUS)
    assert [entry["key"] for entry in status["entries"]] == ["P>Mine"]
    assert status["framework"].get("optree.nodes", 0) >= 1
    flat = "str(optree.tree_flatten(torch.Size([1, 2]), namespace='torch'))"
    before = bare_kernel.value(flat)
    assert "1 entry" in bare_kernel.run("c", "%kreg clear --all").text
    assert bare_kernel.value(flat) == before
    assert bare_kernel.value("keras.tree.flatten({'b': 1, 'a': [torch.Size([1, 2])]})") in ([[1, 2], 1], [1, 2, 1])
    bare_kernel.run("a", LAYER.format("Mine"))
    bare_kernel.run("a", LAYER.format("Renamed"))
    keys = "[k for k in keras.utils.get_custom_objects() if k.startswith('P>')]"
    assert bare_kernel.value(keys) == ["P>Renamed"]


@pytest.mark.needs("torch")
def test_torchs_copy_of_its_tree_nodes_may_be_imported_later(bare_kernel):
    """Until then torch keeps a list of what it must register there."""
    bare_kernel.run("i", "import torch.utils._pytree as tree\n%load_ext kreg_ipython\nclass one: pass\nclass two: pass")
    node = "tree.register_pytree_node({}, lambda node: ([1], None), lambda leaves, context: None)"
    for name in ("one", "one", "two"):
        bare_kernel.run("a", node.format(name))
    bare_kernel.run("a", "1 / 0", fails=True)
    bare_kernel.run("c", "import torch.utils._cxx_pytree as copy")
    assert bare_kernel.value("[isinstance(copy.tree_leaves(each())[0], int) for each in (one, two)]") == [False, True]
    bare_kernel.run("a", "x = 1")
    assert bare_kernel.value("isinstance(copy.tree_leaves(two())[0], int)") is False


BUILDER = """
class {}(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    def _info(self): return tfds.core.DatasetInfo(builder=self)
    def _split_generators(self, dl_manager): return {{}}
    def _generate_examples(self): yield from ()
"""


@pytest.mark.needs("tensorflow-datasets")
def test_the_datasets_of_tensorflow_datasets_are_its_own(bare_kernel):
    bare_kernel.run(
        "i",
        "import tensorflow_datasets as tfds, tensorflow_datasets.image_classification.mnist\n%load_ext kreg_ipython",
    )
    bare_kernel.run("a", BUILDER.format("MyOwnSet"))
    assert [entry["key"] for entry in bare_kernel.value(STATUS)["entries"]] == ["my_own_set"]
    bare_kernel.run("a", BUILDER.format("MyOtherSet"))
    names = "[name in tfds.core.registered._DATASET_REGISTRY for name in ('my_own_set', 'my_other_set', 'mnist')]"
    assert bare_kernel.value(names) == [False, True, True]
    bare_kernel.run("c", "%kreg clear --all")
    assert bare_kernel.value(names) == [False, False, True]


@pytest.mark.needs("spyder-kernels")
def test_spyders_reloader_may_delete_our_modules(bare_kernel):
    """It deletes what is in no site-packages before it runs a file: an editable install of ours, too."""
    bare_kernel.run(
        "i",
        "import keras, sys\nfrom spyder_kernels.customize.umr import UserModuleReloader\nreloader = UserModuleReloader()\n%load_ext kreg_ipython",
    )
    bare_kernel.run("a", LAYER.format("One"))
    for name in ("Two", "Three"):
        bare_kernel.run("r", "gone = reloader.run()")
        assert bare_kernel.value("'kreg_ipython.guard.gates' not in sys.modules")
        bare_kernel.run("a", LAYER.format(name))
        assert bare_kernel.value("[k for k in keras.utils.get_custom_objects() if k.startswith('P>')]") == [f"P>{name}"]
    assert "P>Three" in bare_kernel.run("q", "%kreg").text


@pytest.fixture(scope="module")
def kernels() -> Iterator[dict[str, Kernel]]:
    """A kernel with the extension, and one without, which the libraries share: each is started when it is asked for."""
    started: dict[str, Kernel] = {}
    yield started
    for kernel in started.values():
        kernel.close()


@pytest.fixture
def library(kernels: dict[str, Kernel], mode: str) -> Kernel:
    if mode not in kernels:
        kernels[mode] = Kernel()
        if mode == "kreg":
            kernels[mode].run("load", "%load_ext kreg_ipython")
    return kernels[mode]


cases = pytest.mark.parametrize(
    "case", [pytest.param(each, id=each.registry, marks=pytest.mark.needs(each.needs)) for each in CASES]
)


INSTALLABLE = [case for case in CASES if case.needs != "detectron2"]  # which is on no index


def text(case: Case, name: str, version: int) -> str:
    return case.source.replace("NAME", name).replace("VERSION", str(version), 1)


@cases
def test_what_the_registries_page_says_of_a_library_is_so(kernels, case):
    """It comes first: the other tests leave the names in the kernel without the extension."""
    kernel = kernels["stock"] = kernels.get("stock") or Kernel()
    kernel.run("setup", case.setup)
    kernel.run("a", text(case, "one", 1))
    if case.stock.startswith("raises"):
        kernel.run("a", text(case, "one", 2 if "edited" in case.stock else 1), fails=True)
        return
    kernel.run("a", text(case, "one", 2))
    kernel.run("a", text(case, "two", 2))
    assert kernel.value(case.shows) == {"one": 2, "two": 2}


@cases
@pytest.mark.fails("stock")
def test_a_cell_that_registers_with_a_library_leaves_its_last_version_once(library, case):
    """Run, again, edited, renamed, a run that fails, emptied."""
    library.run("setup", case.setup)
    cell = case.registry
    acts = [(text(case, "one", 1), {"one": 1}), (text(case, "one", 1), {"one": 1}), (text(case, "one", 2), {"one": 2})]
    acts += [(text(case, "two", 2), {"two": 2}), ("1 / 0\n" + text(case, "two", 1), {"two": 2}), ("x = 1", {})]
    for source, expected in acts:
        told = library.run(cell, source, fails="ZeroDivisionError" if source.startswith("1") else None)
        assert library.value(case.shows) == expected, source
        assert "kreg: " not in told.stderr
    rows = library.value("get_ipython().run_line_magic('kreg', 'status').to_dict()")
    standing = [row for row in rows["entries"] if row["registry"] == case.registry and row["state"] not in GONE]
    assert not standing and not rows["faults"]


GUARDED = {
    "matplotlib.colormaps": "if 'NAME' not in matplotlib.colormaps:",
    "pandas.accessors": "if not hasattr(pandas.DataFrame, 'NAME'):",
    "fvcore.registries": "if 'NAME' not in BACKBONES:",
    "gymnasium.envs": "if 'NAME-v0' not in gymnasium.registry:",
    "sqlalchemy.tables": "if 'NAME' not in metadata.tables:",
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(each, id=each.registry, marks=pytest.mark.needs(each.needs))
        for each in CASES
        if each.registry in GUARDED
    ],
)
@pytest.mark.fails("stock")
def test_a_guard_that_asks_the_library_lets_an_edit_through_and_keeps_what_it_skips(library, case):
    library.run("setup", case.setup)
    cell = f"guarded {case.registry}"

    def guarded(name: str, version: int) -> str:
        guard = GUARDED[case.registry].replace("NAME", name)
        return guard + "".join(f"\n    {line}" for line in text(case, name, version).splitlines())

    for version, expected in ((1, {"one": 1}), (1, {"one": 1}), (2, {"one": 2})):
        library.run(cell, guarded("one", version))
        assert library.value(case.shows) == expected
    library.run(cell, guarded("two", 2))
    assert library.value(case.shows) == {"two": 2}
    library.run(cell, "x = 1")
    assert library.value(case.shows) == {}


MODULE = """
import matplotlib
from matplotlib.colors import ListedColormap
matplotlib.colormaps.register(ListedColormap(["red"], name="NAME"))
def setup():
    matplotlib.colormaps.register(ListedColormap(["red"], name="by_setup"), force=True)
"""


@pytest.mark.needs("matplotlib")
@pytest.mark.fails("stock")
def test_a_module_that_registers_with_a_library_is_reloaded(library, tmp_path):
    path = tmp_path / "my_colors.py"
    path.write_text(MODULE.replace("NAME", "by_module"))
    library.run(
        "i", f"import importlib, sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport my_colors\nmy_colors.setup()"
    )
    library.run("i", "import importlib, sys\nimport my_colors\nmy_colors.setup()")
    path.write_text(MODULE.replace("NAME", "by_the_new_module"))
    library.run("r", "importlib.invalidate_caches()\nimportlib.reload(my_colors)")
    names = "[name for name in matplotlib.colormaps if name.startswith('by_')]"
    assert sorted(library.value(names)) == ["by_setup", "by_the_new_module"]
    library.run("i", "x = 1")
    library.run("r", "%kreg clear --module my_colors")
    assert library.value(names) == []


@cases
@pytest.mark.fails("stock")
def test_a_module_that_registers_with_a_library_is_autoreloaded(library, case, tmp_path):
    """What it registers stays as its file says, whatever a cell does meanwhile."""
    home = case.registry.replace(".", "_")
    (tmp_path / f"home_{home}.py").write_text(case.setup)
    path = tmp_path / f"registering_{home}.py"

    def write(source: str, seconds: int) -> None:
        path.write_text(f"from home_{home} import *\n{source}\n")
        os.utime(path, (seconds, seconds))

    write(text(case, "one", 1), 1)
    library.run("path", f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n%load_ext autoreload\n%autoreload 2")
    try:
        library.run("import", f"from home_{home} import *\nimport registering_{home}")
        assert library.value(case.shows) == {"one": 1}
        for at, (name, version) in enumerate([("one", 2), ("two", 2)], 2):
            write(text(case, name, version), at)
            library.run("x", "x = 1")
            assert library.value(case.shows) == {name: version}
        write("", 9)
        library.run("x", "x = 1")
        assert library.value(case.shows) == {}
    finally:
        library.run("path", "%autoreload 0")


@pytest.mark.needs("jax")
@pytest.mark.fails("stock")
def test_jax_accepts_a_class_of_another_cell_again(library):
    node = "jax.tree_util.register_pytree_node(Node, lambda node: ((VERSION,), None), lambda context, leaves: Node())"
    library.run("class", "import jax\nclass Node: pass")
    for _ in range(2):
        library.run("node", node.replace("VERSION", "1"))
    assert library.value("jax.tree_util.tree_leaves(Node())") == [1]
    outcome = library.run("node", node.replace("VERSION", "2"), fails=True)
    assert "Duplicate custom PyTreeDef" in outcome.error and "kreg: jax keeps the first functions" in outcome.traceback
    library.run("class", "class Node: pass")
    library.run("node", node.replace("VERSION", "2"))
    assert library.value("jax.tree_util.tree_leaves(Node())") == [2]


@pytest.mark.needs("jax")
@pytest.mark.fails("stock")
def test_jax_accepts_a_dataclass_again(library):
    library.run("class", "import jax, dataclasses\n@dataclasses.dataclass\nclass Point:\n    x: int\n    y: int")
    for _ in range(2):
        library.run("node", "assert jax.tree_util.register_dataclass(Point, ['x'], meta_fields=['y']) is Point")
    assert library.value("jax.tree_util.tree_leaves(Point(1, 2))") == [1]
    library.run("node", "jax.tree_util.register_dataclass(Point, ['x', 'y'], [])", fails=True)


@pytest.mark.needs("prometheus_client")
def test_a_metric_that_has_a_name_of_another_cells_metric_is_told_its_place(library):
    library.run("counter", "import prometheus_client\nruns = prometheus_client.Counter('runs', 'text')")
    outcome = library.run("gauge", "prometheus_client.Gauge('runs_total', 'text')", fails=True)
    assert "kreg: 'runs' is registered by cell" in outcome.traceback
    library.run("counter", "runs = prometheus_client.Counter('others', 'text')")
    library.run("gauge", "prometheus_client.Gauge('runs_total', 'text')")


@pytest.mark.needs("mmengine")
@pytest.mark.fails("stock")
def test_a_class_of_mmengine_may_have_several_names(library):
    library.run("setup", "from mmengine.registry import Registry\nNETS = Registry('nets')")
    for names in (["a", "b"], ["a", "b"], ["b", "c"]):
        library.run("net", f"@NETS.register_module({names!r})\nclass Net: pass")
        assert library.value("{name: kind is Net for name, kind in NETS.module_dict.items()}") == dict.fromkeys(
            names, True
        )
    library.run("net", "x = 1")
    assert library.value("len(NETS)") == 0


@pytest.mark.needs("Flask")
@pytest.mark.fails("stock")
def test_a_view_of_a_blueprint_is_edited_and_goes(library):
    """The blueprint is in one cell, its view in another, and a third one registers it, with one inside another."""
    library.run("app", "import flask\nsite = flask.Flask('site')")
    blueprint = "outer, inner = flask.Blueprint('outer', 'm'), flask.Blueprint('inner', 'm', url_prefix='/inner')\nouter.register_blueprint(inner)"
    answers = "lambda path: site.test_client().get(path).get_data(as_text=True)"
    for version in (1, 2):
        library.run("blueprint", blueprint)
        library.run("view", f"@inner.route('/view')\ndef view(): return 'version {version}'")
        for _ in range(2):
            library.run("register", "site.register_blueprint(outer)")
        assert library.value("[*site.blueprints, len([*site.url_map.iter_rules('outer.inner.view')])]") == [
            "outer",
            "outer.inner",
            1,
        ]
    library.run("mine", "@site.route('/mine')\ndef mine(): return 'mine'")
    library.run("mine", "x = 1")
    library.run("ask", f"ask = {answers}\nassert ask('/inner/view') == 'version 2' and '404' in ask('/mine')")
    library.run("register", "x = 1")
    assert library.value("[*site.blueprints, 'outer.inner.view' in site.view_functions]") == [False]


DASH = "import dash\none, two = dash.Dash('one'), dash.Dash('two')\none.layout = two.layout = dash.html.Div()"
OUTPUT = "dash.Output('NAME', 'children'), dash.Input('in', 'value')"
LISTED = "[[each['output'] for each in app._callback_list if each['output'] in app.callback_map] for app in (one, two)]"


@pytest.mark.needs("dash")
@pytest.mark.fails("stock")
def test_each_app_of_dash_has_its_callbacks_once_also_when_it_serves(library):
    library.run("apps", DASH)
    for app in ("one", "two"):
        library.run(app, f"@{app}.callback({OUTPUT.replace('NAME', 'a')})\ndef update(value): pass")
    library.run("js", f"one.clientside_callback('v => v', {OUTPUT.replace('NAME', 'b')})")
    library.run("serve", "for app in (one, two): app._setup_server()")
    assert library.value(LISTED) == [["a.children", "b.children"], ["a.children"]]
    library.run("js", f"one.clientside_callback('v => 1', {OUTPUT.replace('NAME', 'c')})")
    library.run("two", f"@two.callback({OUTPUT.replace('NAME', 'a')})\ndef update(value): return 2")
    assert library.value(LISTED) == [["a.children", "c.children"], ["a.children"]]
    library.run("one", "1 / 0", fails=True)
    assert library.value(f"sorted({LISTED}[0])") == ["a.children", "c.children"]
    library.run("one", "x = 1")
    library.run("js", "x = 1")
    assert library.value(LISTED) == [[], ["a.children"]]


@pytest.mark.needs("dash")
def test_what_an_app_of_dash_takes_over_is_the_apps(library):
    library.run("apps", DASH)
    library.run("global", f"@dash.callback({OUTPUT.replace('NAME', 'a')})\ndef update(value): pass")
    assert library.run("serve", "one._setup_server()").stderr == ""
    assert library.run("x", "x = 1").stderr == ""
    assert library.run("global", "x = 1").stderr == ""
    assert library.value(LISTED) == [["a.children"], []]


@pytest.mark.needs("altair")
def test_a_theme_that_altair_loads_on_first_use_can_be_loaded_again(library):
    library.run("theme", "import altair\naltair.theme.enable('dark')")
    library.run("theme", "altair.theme.enable('dark')\naltair.renderers.enable('mimetype')")
    library.run("theme", "x = 1")
    library.run("other", "with altair.theme.enable('dark'): assert altair.theme.get()()['usermeta']")


@pytest.mark.needs("hydra-core")
def test_what_hydra_stores_for_itself_stays(library):
    library.run("store", "import hydra\nfrom hydra.core.config_store import ConfigStore\nkept = ConfigStore.instance()")
    own = "kept.list('hydra')"
    before = library.value(own)
    library.run("mine", "kept.store('mine', {}, group='hydra')\nkept.store('top', {})")
    assert "mine.yaml" in library.value(own)
    library.run("mine", "x = 1")
    assert library.value(own) == before and library.value("'top.yaml' in kept.repo") is False


REFUSED = """[
    (gate.function, name)
    for package in {packages!r} if package in sys.modules
    for registry in sys.modules['kreg_ipython.registries'].of_library(package) for gate in registry.gates
    for function in [sys.modules['kreg_ipython.registries.registry'].locate(gate.function)]
    for said in [inspect.signature(gate.announce).parameters]
    if not any(each.kind == each.VAR_KEYWORD for each in said.values())
    for name, each in inspect.signature(function).parameters.items()
    if name not in said and each.kind != each.VAR_POSITIONAL
]"""


@pytest.mark.needs(*{case.needs for case in INSTALLABLE})
def test_an_adapter_takes_each_argument_by_the_librarys_name(library):
    for case in INSTALLABLE:
        library.run("setup", case.setup)
    library.run("i", "import inspect, sys")
    assert library.value(REFUSED.format(packages=sorted(LIBRARIES))) == []


@pytest.mark.needs("spacy")
def test_what_spacy_registers_for_itself_on_first_use_stays(library):
    """Its cell is edited: spaCy thinks that it has done it."""
    library.run("nlp", "import spacy\nnlp = spacy.blank('en')\nnlp.add_pipe('sentencizer')")
    own = "len(spacy.registry.factories.get_all())"
    before = library.value(own)
    component = "@spacy.language.Language.component('NAME')\ndef component(doc): return doc"
    library.run("mine", component.replace("NAME", "mine"))
    library.run("mine", component.replace("NAME", "mine") + " ")
    library.run("nlp", "x = 1")
    library.run("mine", component.replace("NAME", "other"))
    assert library.value(own) == before + 1
    library.run("mine", "nlp = spacy.blank('de')\nnlp.add_pipe('sentencizer')")
    assert library.value(own) == before


@pytest.mark.needs("SQLAlchemy")
def test_classes_that_know_each_other_by_name_can_be_defined_again(library):
    orm = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship"
    library.run("base", f"import sqlalchemy as sa\n{orm}\nclass Base(DeclarativeBase): pass")
    parent = (
        "class Parent(Base):\n    __tablename__ = 'parent'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
        "    children = relationship('Child', back_populates='parent')"
    )
    child = (
        "class Child(Base):\n    __tablename__ = 'child'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
        "    of = mapped_column(sa.ForeignKey('parent.id'))\n    parent = relationship('Parent', back_populates='children')"
    )
    for _ in range(3):  # the second time, one of them has not been used
        library.run("parent", parent)
        library.run("child", child)
        library.run("child", child)
        assert library.value("type(Child(parent=Parent()).parent.children[0]) is Child")


@pytest.mark.needs("SQLAlchemy")
def test_a_table_that_means_the_former_one_is_no_definition(library):
    library.run("metadata", "import sqlalchemy as sa\nmeaning = sa.MetaData()")
    library.run("t", "sa.Table('t', meaning, sa.Column('id', sa.Integer))")
    again = (
        "t = sa.Table('t', meaning)\nu = sa.Table('t', meaning, sa.Column('more', sa.Integer), extend_existing=True)"
    )
    for _ in range(2):
        library.run("again", again)
        assert library.value("[t is u, [column.name for column in t.columns]]") == [True, ["id", "more"]]


@pytest.mark.needs("fvcore")
def test_two_cells_that_claim_a_name_get_the_librarys_error_and_both_places(library):
    library.run("setup", "from fvcore.common.registry import Registry\nHEADS = Registry('HEADS')")
    library.run("one", "@HEADS.register()\nclass Net: pass")
    other = "def Net(): pass\nNet.__qualname__ = 'Another'\nHEADS.register(Net)"
    outcome = library.run("other", other, fails=True)
    assert "was already registered in 'HEADS'" in outcome.traceback and "kreg: 'HEADS, Net'" in outcome.traceback


@pytest.mark.needs("matplotlib")
def test_half_of_a_registry_is_not_watched(library):
    library.run("setup", "import matplotlib.scale, matplotlib")
    for path, name in (
        ("matplotlib.scale:_scale_has_axis_parameter", "matplotlib.scales"),
        ("matplotlib:colormaps._cmaps", "matplotlib.colormaps"),
    ):
        outcome = library.run("w", f"%kreg watch {path}", fails=None)
        assert f"{path} is already guarded, as {name}" in outcome.stderr + outcome.traceback


DIVERTED = """[
    gate.function for package in {packages!r} if package in sys.modules
    for registry in sys.modules['kreg_ipython.registries'].of_library(package) for gate in registry.gates
    for function in [sys.modules['kreg_ipython.registries.registry'].locate(gate.function)]
    if any(type(each).__name__ == '_Around' for each in function.__code__.co_consts)
]"""


@pytest.mark.needs(*{case.needs for case in INSTALLABLE})
def test_unloading_gives_every_function_back(library):
    for case in INSTALLABLE:
        library.run("setup", case.setup)
    diverted = DIVERTED.format(packages=sorted(LIBRARIES))
    library.run("i", "import sys")
    assert len(library.value(diverted)) >= len(INSTALLABLE)
    try:
        library.run("u", "%unload_ext kreg_ipython")
        assert library.value(diverted) == []
    finally:
        library.run("u", "%load_ext kreg_ipython")
    assert len(library.value(diverted)) >= len(INSTALLABLE)


WATCHED = {
    "matplotlib": (
        "import matplotlib.style",
        "matplotlib.style:library",
        "matplotlib.style.library['NAME'] = {}",
        "matplotlib.style.library",
    ),
    "plotly": (
        "import plotly.io, plotly.graph_objects as go",
        "plotly.io:templates._templates",
        "plotly.io.templates['NAME'] = go.layout.Template()",
        "plotly.io.templates",
    ),
}


@pytest.mark.parametrize("needs", [pytest.param(each, marks=pytest.mark.needs(each)) for each in WATCHED])
@pytest.mark.fails("stock")
def test_what_needs_no_adapter_is_watched_by_a_line(library, mode, needs):
    """The lines of the reference."""
    setup, path, source, names = WATCHED[needs]
    library.run("setup", setup)
    assert mode == "stock" or f"%kreg watch {path}" in (DOCS / "commands.md").read_text()
    if mode == "kreg":
        library.run("watch", f"%kreg watch {path}")
    shown = f"[name for name in ('first', 'second') if name in {names}]"
    for name in ("first", "first", "second"):
        library.run(needs, source.replace("NAME", name))
        assert library.value(shown) == [name]
    library.run(needs, "x = 1")
    assert library.value(shown) == []
    if mode == "kreg":
        library.run("watch", f"%kreg unwatch {path}")


@pytest.mark.needs("torch")
def test_what_two_cells_may_load_goes_with_the_last_of_them(library):
    library.run("classes", "import torch.serialization as loading\nclass A: pass\nclass B: pass\nclass C: pass")
    library.run("both", "loading.add_safe_globals([A, B])")
    library.run("one", "loading.add_safe_globals([A])")
    mine = "sorted(each.__name__ for each in loading.get_safe_globals() if each in (A, B))"
    library.run("one", "x = 1")
    assert library.value(mine) == ["A", "B"]
    library.run("one", "with loading.safe_globals([C]): pass")
    library.run("both", "loading.add_safe_globals([B])")
    library.run("one", "x = 1")
    assert library.value(mine) == ["B"]
    library.run("both", "x = 1")
    assert library.value(mine) == []


MODELS = {
    "Flask-SQLAlchemy": (
        "import flask, flask_sqlalchemy\nweb = flask.Flask('web')\n"
        "web.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite://'\ndb = flask_sqlalchemy.SQLAlchemy(web)\nmetadata = db.metadata",
        "class Model(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n    version = VERSION",
    ),
    "sqlmodel": (
        "import sqlmodel\nfrom typing import ClassVar\nmetadata = sqlmodel.SQLModel.metadata",
        "class Model(sqlmodel.SQLModel, table=True):\n    id: int = sqlmodel.Field(primary_key=True)\n"
        "    version: ClassVar[int] = VERSION",
    ),
}


@pytest.mark.parametrize("needs", [pytest.param(each, marks=pytest.mark.needs(each)) for each in MODELS])
@pytest.mark.fails("stock")
def test_models_on_top_of_sqlalchemy_can_be_defined_again(library, needs):
    setup, model = MODELS[needs]
    library.run("setup", setup)
    for version in (1, 1, 2):
        library.run(needs, model.replace("VERSION", str(version)))
        assert library.value("[*metadata.tables, Model.version]") == ["model", version]
    library.run(needs, "x = 1")
    assert library.value("[*metadata.tables]") == []
