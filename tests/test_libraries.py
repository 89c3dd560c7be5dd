"""Real libraries that register for themselves, in rows of the matrix of their own: ``make test-matrix STACKS=torch``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernels import Kernel
from library_cases import CASES, Case

STATUS = "get_ipython().run_line_magic('kreg', '').to_dict()"
GONE = ("superseded", "swept")
LAYER = "@keras.utils.register_keras_serializable('P')\nclass {}(keras.layers.Layer): pass\n"


@pytest.mark.needs("torch")
@pytest.mark.parametrize("late", [False, True])
def test_torchs_tree_nodes_are_torchs(own_kernel, late):
    load = ["%load_ext kreg_ipython", "import keras, optree, torch"]
    for cell in load[::-1] if late else load:
        own_kernel.run("i", cell)
    own_kernel.run("a", LAYER.format("Mine"))
    status = own_kernel.value(STATUS)
    assert [entry["key"] for entry in status["entries"]] == ["P>Mine"]
    assert status["library"].get("optree.nodes", 0) >= 1
    flat = "str(optree.tree_flatten(torch.Size([1, 2]), namespace='torch'))"
    before = own_kernel.value(flat)
    assert "1 entry" in own_kernel.run("c", "%kreg clear --all").text
    assert own_kernel.value(flat) == before
    assert own_kernel.value("keras.tree.flatten({'b': 1, 'a': [torch.Size([1, 2])]})") in ([[1, 2], 1], [1, 2, 1])
    own_kernel.run("a", LAYER.format("Mine"))
    own_kernel.run("a", LAYER.format("Renamed"))
    keys = "[k for k in keras.utils.get_custom_objects() if k.startswith('P>')]"
    assert own_kernel.value(keys) == ["P>Renamed"]


BUILDER = """
class {}(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    def _info(self): return tfds.core.DatasetInfo(builder=self)
    def _split_generators(self, dl_manager): return {{}}
    def _generate_examples(self): yield from ()
"""


@pytest.mark.needs("tensorflow-datasets")
def test_the_datasets_of_tensorflow_datasets_do_not_flood_the_status(own_kernel):
    registry = "tensorflow_datasets.core.registered:_DATASET_REGISTRY"
    own_kernel.run(
        "i",
        "import tensorflow_datasets as tfds, tensorflow_datasets.image_classification.mnist\n%load_ext kreg_ipython",
    )
    own_kernel.run("w", f"%kreg watch {registry}")
    own_kernel.run("a", BUILDER.format("MyOwnSet"))
    status = own_kernel.value(STATUS)
    assert [entry["key"] for entry in status["entries"]] == ["my_own_set"]
    assert status["library"][registry] >= 1
    own_kernel.run("a", BUILDER.format("MyOtherSet"))
    own_kernel.run("b", "import tensorflow_datasets.text.imdb")
    names = "sorted(name for name in tfds.core.registered._DATASET_REGISTRY if name.startswith('my_'))"
    assert own_kernel.value(names) == ["my_other_set", "my_own_set"]  # a library wrote it for the class: it is kept
    assert {entry["key"] for entry in own_kernel.value(STATUS)["entries"]} == {"my_other_set", "my_own_set"}
    own_kernel.run("c", "%kreg clear --all")
    assert own_kernel.value(
        "[name in tfds.core.registered._DATASET_REGISTRY for name in ('mnist', 'my_other_set')]"
    ) == [True, False]


@pytest.mark.needs("spyder-kernels")
def test_spyders_reloader_may_delete_our_modules(own_kernel):
    """It deletes what is in no site-packages before it runs a file: an editable install of ours, too."""
    own_kernel.run(
        "i",
        "import keras, sys\nfrom spyder_kernels.customize.umr import UserModuleReloader\nreloader = UserModuleReloader()\n%load_ext kreg_ipython",
    )
    own_kernel.run("a", LAYER.format("One"))
    for name in ("Two", "Three"):
        own_kernel.run("r", "gone = reloader.run()")
        assert own_kernel.value("'kreg_ipython.guard.gates' not in sys.modules")
        own_kernel.run("a", LAYER.format(name))
        assert own_kernel.value("[k for k in keras.utils.get_custom_objects() if k.startswith('P>')]") == [f"P>{name}"]
    assert "P>Three" in own_kernel.run("q", "%kreg").text


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


def text(case: Case, name: str, version: int) -> str:
    return case.source.replace("NAME", name).replace("VERSION", str(version), 1)


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
