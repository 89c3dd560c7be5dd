"""Real libraries that register for themselves, in rows of the matrix of their own: ``make test-matrix STACKS=torch``."""

from __future__ import annotations

import pytest

STATUS = "get_ipython().run_line_magic('kreg', '').to_dict()"
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
