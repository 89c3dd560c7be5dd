"""Every registry: an edited cell registers its last version once, a failed one restores, a deleted one is gone."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest
from conftest import is_met


@dataclass(frozen=True)
class Case:
    """A cell that registers ``VERSION``, and expressions for the version that stands and for how much stands at all."""

    registry: str
    source: str
    version: str
    count: str
    setup: str = "pass"
    raises: str | None = None
    """The error of running the cell again in stock IPython; None: it stays silent."""


OPS = "sys.modules['tensorflow.python.framework.ops']"
PY = "sys.modules['tensorflow.python.{}']"
TYPE = "class PKGType(tf.experimental.ExtensionType):\n    x: tf.Tensor\n"
HOLD = f"if 'PKGType' not in globals():\n    {TYPE.replace(chr(10), chr(10) + '    ')}\n"


def autograph(name: str) -> Case:
    home = (
        PY.format("autograph.operators.py_builtins")
        if name != "for_loop"
        else PY.format("autograph.operators.control_flow")
    )
    return Case(
        f"tensorflow.autograph_{name}",
        f"import tensorflow.python.autograph.operators.py_builtins\n"
        f"def override(*a): return VERSION\n{home}.{name}_registry.register(Held, override)",
        f"{home}.{name}_registry.lookup(Held())(0)",
        f"len({home}.{name}_registry._registry)",
        "class Held: pass",
        "has already been registered",
    )


REFUSED_SPEC = ".Spec has already been registered for class" if is_met("tensorflow<2.22") else None
"""What is said of an equally named type spec. Since 2.22 one of an equally named class replaces the former one."""

CASES = [
    Case(
        "keras.custom_objects" if is_met("keras>=2.13") else "keras2.custom_objects",
        "@keras.utils.register_keras_serializable('PKG')\ndef f(): return VERSION",
        "keras.utils.get_custom_objects()['PKG>f']()",
        "len(keras.utils.get_custom_objects())",
    ),
    Case(
        "tf_keras.custom_objects",
        "@tf_keras.utils.register_keras_serializable('PKG')\ndef f(): return VERSION",
        "tf_keras.utils.get_custom_objects()['PKG>f']()",
        "len(tf_keras.utils.get_custom_objects())",
    ),
    Case(
        "tensorflow.keras_custom_objects",
        "@generic_utils.register_keras_serializable('PKG')\ndef f(): return VERSION",
        "generic_utils.get_registered_object('PKG>f')()",
        "len(generic_utils.get_custom_objects())",
        "from tensorflow.python.keras.utils import generic_utils",
        "PKG>f has already been registered to",
    ),
    Case(
        "tensorflow.gradients",
        "@tf.RegisterGradient('PKGOp')\ndef _gradient(op, grad): return VERSION",
        f"{OPS}._gradient_registry.lookup('PKGOp')(0, 0)",
        f"len({OPS}._gradient_registry.list())",
        raises="Registering two gradient with name 'PKGOp'",
    ),
    Case(
        "tensorflow.gradients",
        "tf.no_gradient('PKGOp' + 'VERSION')",
        f"[int(k[-1]) for k in {OPS}._gradient_registry.list() if k.startswith('PKGOp')][-1]",
        f"len({OPS}._gradient_registry.list())",
    ),
    Case(
        "tensorflow.statistics",
        f"@{OPS}.RegisterStatistics('PKGOp', 'flops')\ndef statistic(*a): return VERSION",
        f"{OPS}._stats_registry.lookup('PKGOp,flops')()",
        f"len({OPS}._stats_registry.list())",
        raises="Registering two statistical functions with name",
    ),
    Case(
        "tensorflow.proto_functions",
        f"def to(*a): return VERSION\n{OPS}.register_proto_function('PKG', to_proto=to, from_proto=to)",
        f"{OPS}.get_to_proto_function('PKG')()",
        f"len({OPS}._proto_function_registry.list())",
        raises="Registering two proto functions with name",
    ),
    Case(
        "tensorflow.resource_resolvers",
        "@auto_control_deps.register_acd_resource_resolver\ndef PKG_resolver(*a): return VERSION",
        "auto_control_deps._acd_resource_resolvers_registry.lookup('PKG_resolver')()",
        "len(auto_control_deps._acd_resource_resolvers_registry.list())",
        "from tensorflow.python.framework import auto_control_deps",
        "Registering two acd_resource_resolvers with name",
    ),
    Case(
        "tensorflow.data_v2_callbacks",
        "def callback(): return VERSION\nv2_compat.register_data_v2_callback(callback)",
        "v2_compat._DATA_V2_CALLBACKS.lookup('__main__')()",
        "len(v2_compat._DATA_V2_CALLBACKS.list())",
        "from tensorflow.python.compat import v2_compat",
        "Registering two data_v2_callbacks with name",
    ),
    Case(
        "tensorflow.type_specs",
        "class Typed(tf.experimental.ExtensionType):\n    __name__ = 'PKG.Typed'\n    x: tf.Tensor\n    def version(): return VERSION",
        "int(Typed.Spec is specs.lookup('PKG.Typed.Spec')) and Typed.version()",
        "len(specs._NAME_TO_TYPE_SPEC)",
        "from tensorflow.python.framework import type_spec_registry as specs",
        REFUSED_SPEC,
    ),
    Case(
        "tensorflow.type_specs",
        "class Batch(tf.experimental.BatchableExtensionType):\n    __name__ = 'PKG.Batch'\n    x: tf.Tensor\n    def version(): return VERSION",
        "int(Batch.Spec is specs.lookup('PKG.Batch.Spec')) and Batch.version()",
        "len(specs._NAME_TO_TYPE_SPEC)",
        "from tensorflow.python.framework import type_spec_registry as specs",
        REFUSED_SPEC,
    ),
    Case(
        "tensorflow.saved_model_classes",
        "@registration.register_serializable('PKG', 'Saved')\nclass Saved(tf.Module):\n    V = VERSION",
        "registration.get_registered_class('PKG.Saved').V",
        "len(registration._class_registry._registered_map) + len(registration._class_registry._registered_predicates)"
        " + len(registration._class_registry._registered_names)",
        "from tensorflow.python.saved_model import registration\n"
        "registration = sys.modules['tensorflow.python.saved_model.registration.registration']",
        "The name 'PKG.Saved' has already been registered to a serializable class",
    ),
    Case(
        "tensorflow.checkpoint_savers",
        "def save(*a): return VERSION\n"
        "registration.register_checkpoint_saver('PKG', 'saver', lambda x: False, save_fn=save, restore_fn=save)",
        "registration.get_save_function('PKG.saver')()",
        "len(registration._saver_registry._registered_map) + len(registration._saver_registry._registered_names)",
        "from tensorflow.python.saved_model import registration\n"
        "registration = sys.modules['tensorflow.python.saved_model.registration.registration']",
        "The name 'PKG.saver' has already been registered to a checkpoint saver",
    ),
    Case(
        "tensorflow.revived_types",
        "def predicate(obj): return VERSION if obj is None else False\n"
        "load.register_revived_type('PKG', predicate, versions=[load.VersionedTypeRegistration(\n"
        "    object_factory=lambda proto: None, version=1, min_producer_version=1, min_consumer_version=1)])",
        "revived._REVIVED_TYPE_REGISTRY['PKG'][0](None)",
        "len(revived._REVIVED_TYPE_REGISTRY) + len(revived._TYPE_IDENTIFIERS)",
        "load = tf.__internal__.saved_model.load\nrevived = sys.modules['tensorflow.python.saved_model.revived_types']",
    ),
    Case(
        "tensorflow.tensor_conversions",
        "def convert(value, dtype=None, name=None, as_ref=False): return tf.constant(VERSION)\n"
        "tf.register_tensor_conversion_function(Held, convert)",
        "int(tf.convert_to_tensor(Held()))",
        "sum(map(len, conversions._tensor_conversion_func_registry.values()))",
        "class Held: pass\nconversions = sys.modules['tensorflow.python.framework.tensor_conversion_registry']",
    ),
    Case(
        "tensorflow.dispatch",
        "@tf.experimental.dispatch_for_api(tf.add, {'x': PKGType, 'y': PKGType})\n"
        "def add(x, y, name=None): return PKGType(tf.constant(VERSION))",
        "int(tf.add(PKGType(tf.constant(0)), PKGType(tf.constant(0))).x)",
        "sum(map(len, dispatch._TYPE_BASED_DISPATCH_SIGNATURES.values()))",
        f"{TYPE}dispatch = sys.modules['tensorflow.python.util.dispatch']",
    ),
    Case(
        "tensorflow.dispatch",
        "@tf.experimental.dispatch_for_api(tf.concat)\n"
        "def concat(values: __import__('typing').List[PKGType], axis): return PKGType(tf.constant(VERSION))",
        "int(tf.concat([PKGType(tf.constant(0))], 0).x)",
        "sum(map(len, dispatch._TYPE_BASED_DISPATCH_SIGNATURES.values()))",
        f"{TYPE}dispatch = sys.modules['tensorflow.python.util.dispatch']",
    ),
    Case(
        "tensorflow.elementwise_dispatch",
        "@tf.experimental.dispatch_for_unary_elementwise_apis(PKGType)\n"
        "def unary(api, x): return PKGType(tf.constant(VERSION))",
        "int(tf.abs(PKGType(tf.constant(0))).x)",
        "sum(map(len, dispatch._TYPE_BASED_DISPATCH_SIGNATURES.values())) + len(dispatch._ELEMENTWISE_API_HANDLERS)"
        " + sum(map(len, dispatch._ELEMENTWISE_API_TARGETS.values()))",
        f"{TYPE}dispatch = sys.modules['tensorflow.python.util.dispatch']",
        "A unary elementwise dispatch handler",
    ),
    Case(
        "tensorflow.elementwise_dispatch",
        "@tf.experimental.dispatch_for_binary_elementwise_apis(PKGType, PKGType)\n"
        "def binary(api, x, y): return PKGType(tf.constant(VERSION))\n"
        "@tf.experimental.dispatch_for_binary_elementwise_assert_apis(PKGType, PKGType)\n"
        "def asserting(api, x, y): checked.append(VERSION)",
        "(tf.debugging.assert_equal(PKGType(tf.constant(0)), PKGType(tf.constant(0))), checked.pop())[1]"
        " if int(tf.multiply(PKGType(tf.constant(0)), PKGType(tf.constant(0))).x) else 0",
        "sum(map(len, dispatch._TYPE_BASED_DISPATCH_SIGNATURES.values())) + len(dispatch._ELEMENTWISE_API_HANDLERS)"
        " + sum(map(len, dispatch._ELEMENTWISE_API_TARGETS.values()))",
        f"{TYPE}dispatch = sys.modules['tensorflow.python.util.dispatch']\nchecked = []",
        "A binary elementwise dispatch handler",
    ),
    Case(
        "tensorflow.op_dispatchers",
        "class Dispatcher(tf.__internal__.dispatch.OpDispatcher):\n"
        "    def handle(self, args, kwargs): return VERSION if args[0] is None else self.NOT_SUPPORTED\n"
        "Dispatcher().register(tf.math.abs)",
        "tf.math.abs(None)",
        "len(tf.math.abs._tf_fallback_dispatchers)",
    ),
    Case(
        "tensorflow.global_dispatchers",
        "class Global(tf.__internal__.dispatch.GlobalOpDispatcher):\n"
        "    def handle(self, op, args, kwargs): return VERSION if args[:1] == (None,) else self.NOT_SUPPORTED\n"
        "Global().register()",
        "tf.math.abs(None)",
        "len(dispatch._GLOBAL_DISPATCHERS)",
        "dispatch = sys.modules['tensorflow.python.util.dispatch']",
    ),
    Case(
        "tensorflow.kl_divergences",
        "@tf.compat.v1.distributions.RegisterKL(A, B)\ndef kl(a, b, name=None): return VERSION",
        "kullback_leibler._DIVERGENCES[A, B](0, 0)",
        "len(kullback_leibler._DIVERGENCES)",
        "class A: pass\nclass B: pass\ntf.compat.v1.distributions.RegisterKL\n"
        "kullback_leibler = sys.modules['tensorflow.python.ops.distributions.kullback_leibler']",
        "KL(A || B) has already been registered to",
    ),
    Case(
        "tensorflow_probability.kl_divergences",
        "@tfp.distributions.RegisterKL(A, B)\ndef kl(a, b, name=None): return VERSION",
        "kullback_leibler._DIVERGENCES[A, B](0, 0)",
        "len(kullback_leibler._DIVERGENCES)",
        "class A: pass\nclass B: pass\nimport tensorflow_probability as tfp; tfp.distributions.RegisterKL\n"
        "kullback_leibler = sys.modules['tensorflow_probability.python.distributions.kullback_leibler']",
        "has already been registered to",
    ),
    Case(
        "tensorflow.pfor_converters",
        "@pfor.RegisterPFor('PKGOp')\ndef converter(i): return VERSION",
        "pfor._pfor_converter_registry['PKGOp'](0)",
        "len(pfor._pfor_converter_registry)",
        "import tensorflow.python.ops.parallel_for.pfor; pfor = " + PY.format("ops.parallel_for.pfor"),
        "Re-registering PKGOp",
    ),
    Case(
        "tensorflow.pfor_converters",
        "@pfor.RegisterPForWithArgs('PKGOp', 1)\ndef converter(*a): return VERSION",
        "pfor._pfor_converter_registry['PKGOp'](0)",
        "len(pfor._pfor_converter_registry)",
        "import tensorflow.python.ops.parallel_for.pfor; pfor = " + PY.format("ops.parallel_for.pfor"),
        "Re-registering PKGOp",
    ),
    *map(
        autograph,
        ["abs", "len", "print", "enumerate", "zip", "map", "filter", "any", "all", "sorted", "next", "for_loop"],
    ),
    Case(
        "tensorflow.session_conversions",
        "def fetch(x): return VERSION\nsession.register_session_run_conversion_functions(Held, fetch, fetch, fetch)",
        "session._REGISTERED_EXPANSIONS[0][1](0)",
        "len(session._REGISTERED_EXPANSIONS)",
        "class Held: pass\nfrom tensorflow.python.client import session",
        "has already been registered so ignore it",
    ),
    Case(
        "tensorflow.saved_model_codecs",
        "class Codec:\n    V = VERSION\n    def can_encode(self, x): return False\n    def can_decode(self, x): return False\n"
        "    do_encode = do_decode = None\ncoder.register_codec(Codec())",
        "coder._codecs[-1].V",
        "len(coder._codecs)",
        "from tensorflow.python.saved_model import nested_structure_coder as coder",
    ),
    Case(
        "tensorflow.op_callbacks",
        "def callback(*a, seen=seen): seen.append(VERSION)\nop_callbacks.add_op_callback(callback)",
        "(tf.abs(-1), seen[-1], seen.clear())[1]",
        "len(context.context().op_callbacks)",
        "seen = []\nfrom tensorflow.python.framework import op_callbacks\nfrom tensorflow.python.eager import context",
    ),
    Case(
        "optree.nodes",
        "optree.register_pytree_node(Held, lambda h: ((), VERSION), lambda m, c: Held(), namespace='keras')",
        "sys.modules['optree.registry']._NODETYPE_REGISTRY['keras', Held].flatten_func(0)[1]",
        "len(sys.modules['optree.registry']._NODETYPE_REGISTRY)",
        "import optree\nclass Held: pass",
        "already registered",
    ),
    Case(
        "optree.nodes",
        "@tree_api.register_tree_node_class\nclass Node:\n    V = VERSION\n    def tree_flatten(self): return (), None\n"
        "    @classmethod\n    def tree_unflatten(cls, meta, children): return cls()",
        "[key[1].V for key in sys.modules['optree.registry']._NODETYPE_REGISTRY if isinstance(key, tuple)"
        " and key[1].__name__ == 'Node'][-1]",
        "len(sys.modules['optree.registry']._NODETYPE_REGISTRY)",
        "from keras.src.tree import tree_api",
    ),
    Case(
        "absl.flags",
        "flags.DEFINE_integer('PKG_rate', VERSION, 'help', short_name='PKGr')",
        "flags.FLAGS['PKG_rate'].default * (flags.FLAGS['PKGr'] is flags.FLAGS['PKG_rate'])",
        "len(flags.FLAGS) + sum(map(len, flags.FLAGS.flags_by_module_dict().values()))",
        raises="The flag 'PKG_rate' is defined twice",
    ),
    Case(
        "absl.flags",
        "tf.compat.v1.flags.DEFINE_string('PKG_name', 'VERSION', 'help')",
        "int(flags.FLAGS['PKG_name'].default)",
        "len(flags.FLAGS) + sum(map(len, flags.FLAGS.flags_by_module_dict().values()))",
        raises="is defined twice",
    ),
]
NEEDS = {
    "keras.tree_nodes": "optree",
    "optree.nodes": "optree",
    "tensorflow.autograph_print": "tensorflow>=2.16",
    "tensorflow.autograph_sorted": "tensorflow>=2.16",
    "tensorflow.data_v2_callbacks": "tensorflow>=2.16",
    "tensorflow_probability.kl_divergences": "tensorflow-probability",
    "tf_keras.custom_objects": "tf_keras",
}


def needs(case: Case) -> pytest.MarkDecorator:
    text = case.setup + case.source + case.version + case.count
    found = ["tensorflow"] if "tf." in text or "tensorflow" in text else []
    return pytest.mark.needs(*found, *filter(None, [NEEDS.get(case.registry)]))


if os.environ.get("KERAS_BACKEND") == "torch":  # Keras flattens by torch's own tree then, and not by optree's
    CASES = [case for case in CASES if "tree_api" not in case.source]
PARAMETERS = [pytest.param(case, id=f"{case.registry}-{n}", marks=needs(case)) for n, case in enumerate(CASES)]


def set_up(nb, case: Case) -> None:
    nb.silently("gc.collect()")  # what dies of other tests would be missing from a count
    nb.run("setup", case.setup)


@pytest.mark.fails("stock")
@pytest.mark.parametrize("case", PARAMETERS)
def test_an_edited_cell_registers_its_last_version_once(nb, case):
    set_up(nb, case)
    before = nb.value(case.count)
    nb.run("a", case.source.replace("VERSION", "1"))
    once = nb.value(case.count)
    assert once > before
    for version in (2, 3):
        nb.run("a", case.source.replace("VERSION", str(version)))
        assert nb.value(case.version) == version
        assert nb.value(case.count) == once
    assert {e["registry"] for e in nb.value(ENTRIES) if e["owner"]["id"] == "a"} == {case.registry}
    nb.run("a", "x = 1")
    assert nb.value(case.count) == before


ENTRIES = "get_ipython().run_line_magic('kreg', 'status').to_dict()['entries']"


@pytest.mark.parametrize("case", PARAMETERS)
def test_a_run_that_fails_before_it_registers_leaves_the_former_version(nb, case):
    set_up(nb, case)
    nb.run("a", case.source.replace("VERSION", "1"))
    once = nb.value(case.count)
    nb.run("a", "1/0\n" + case.source.replace("VERSION", "2"), fails=True)
    assert nb.value(case.version) == 1
    assert nb.value(case.count) == once
    nb.run("a", case.source.replace("VERSION", "3"))
    assert nb.value(case.version) == 3
    assert nb.value(case.count) == once


WITH_FUNCTIONS_OF_ITS_OWN = {"tensorflow.elementwise_dispatch", "optree.nodes", "absl.flags"}


@pytest.mark.parametrize(
    "case", [parameter for parameter in PARAMETERS if parameter.values[0].registry in WITH_FUNCTIONS_OF_ITS_OWN]
)
def test_a_cell_that_does_not_compile_stays_over_another_one_with_the_same_definition(nb, case):
    set_up(nb, case)
    nb.run("a", case.source.replace("VERSION", "1"))
    nb.run("b", case.source.replace("VERSION", "2"))
    both = nb.value(case.count)
    nb.run("b", "x = (", fails=True)
    assert nb.value(case.version) == 2
    assert nb.value(case.count) == both


@pytest.mark.parametrize("case", [parameter for parameter in PARAMETERS if parameter.values[0].raises])
def test_without_the_extension_the_second_run_raises(stock_nb, case):
    set_up(stock_nb, case)
    stock_nb.run("a", case.source.replace("VERSION", "1"))
    outcome = stock_nb.run("a", case.source.replace("VERSION", "2"), fails=True)
    assert case.raises.replace("PKG", stock_nb.package) in outcome.error


@pytest.mark.needs("tensorflow")
def test_order_matters_and_stays_that_of_the_last_runs(nb):
    """The first conversion function that fits wins; the last saved-model predicate is asked first."""
    convert = """
    def {0}(value, dtype=None, name=None, as_ref=False): return tf.constant("{0}")
    tf.register_tensor_conversion_function(Base, {0})
    """
    nb.run("setup", "class Base: pass")
    nb.run("a", convert.format("first"))
    nb.run("b", convert.format("second"))
    assert nb.value("tf.convert_to_tensor(Base()).numpy().decode()") == "first"
    nb.run("a", "1/0", fails=True)
    assert nb.value("tf.convert_to_tensor(Base()).numpy().decode()") == "first"
    nb.run("a", convert.format("first"))
    assert nb.value("tf.convert_to_tensor(Base()).numpy().decode()") == "second"


@pytest.mark.needs("tensorflow")
def test_after_loading_again_what_gives_way_to_a_cell_that_runs_as_it_is_stays_away(nb):
    """Both cells' functions are one definition, side by side, and their ids are not known any more."""
    convert = """
    def convert(value, **options): pass
    tf.register_tensor_conversion_function(Base, convert)
    # cell {0}"""
    nb.run(
        "setup", "class Base: pass\nregistered = sys.modules['tensorflow.python.framework.tensor_conversion_registry']"
    )
    count = "sum(pair[0] is Base for pair in registered._tensor_conversion_func_registry[100])"
    nb.run("a", convert.format("a"))
    nb.run("b", convert.format("b"))
    nb.run("other", "%unload_ext kreg_ipython")
    nb.silently("del get_ipython()._kreg_ipython")  # as if the cells had run before it was loaded first
    nb.run("other", "%load_ext kreg_ipython")
    assert nb.value(count) == 2
    nb.run("a", convert.format("a"))
    assert nb.value(count) == 1


@pytest.mark.needs("tensorflow")
def test_a_rebuilt_op_library_is_remarked_on_once(nb, tmp_path):
    library = tmp_path / "op.so"
    library.write_bytes(b"not a library")
    load = f"try: tf.load_op_library({str(library)!r})\nexcept tf.errors.NotFoundError: pass"
    import os

    os.utime(library, (1, 1))
    assert "kreg" not in nb.run("a", load).stderr
    os.utime(library, (2, 2))
    assert "restart the kernel" in nb.run("a", load).stderr
    assert "kreg" not in nb.run("a", load).stderr


@pytest.mark.parametrize(
    ("decorator", "function", "probe"),
    [
        (
            "dispatch_for_api(tf.add, {'x': PKGType, 'y': PKGType})",
            "def target(x, y, name=None)",
            "tf.add(PKGType(tf.constant(0)), PKGType(tf.constant(0)))",
        ),
        ("dispatch_for_unary_elementwise_apis(PKGType)", "def target(api, x)", "tf.abs(PKGType(tf.constant(0)))"),
    ],
)
@pytest.mark.needs("tensorflow")
def test_unregistering_the_former_dispatch_target_before_defining_it_again_works(nb, decorator, function, probe):
    nb.run("setup", TYPE)
    source = f"""
    if "target" in globals():
        tf.experimental.unregister_dispatch_for(target)
    @tf.experimental.{decorator}
    {function}: return PKGType(tf.constant(VERSION))
    """
    nb.run("z", "globals().pop('target', None)")
    nb.run("a", source.replace("VERSION", "1"))
    nb.run("a", source.replace("VERSION", "2"))
    assert nb.value(f"int({probe}.x)") == 2


@pytest.mark.needs("tensorflow")
def test_one_function_for_two_signatures_of_an_api_survives_a_failure(nb):
    nb.run("setup", TYPE + TYPE.replace("PKGType", "PKGOther"))
    source = """
    @tf.experimental.dispatch_for_api(tf.add, {'x': PKGType})
    @tf.experimental.dispatch_for_api(tf.add, {'x': PKGOther})
    def add(x, y, name=None): return PKGType(tf.constant(VERSION))
    """
    probe = "[int(tf.add(T(tf.constant(0)), 1).x) for T in (PKGType, PKGOther)]"
    nb.run("a", source.replace("VERSION", "1"))
    nb.run("a", "1/0" + source, fails=True)
    assert nb.value(probe) == [1, 1]
    nb.run("a", source.replace("VERSION", "2"))
    assert nb.value(probe) == [2, 2]


def test_a_frameworks_flag_that_is_in_use_is_not_the_cells_that_defines_it_in_vain(nb):
    nb.silently("flags.FLAGS['verbosity'].using_default_value = False")  # as TensorFlow leaves it when it saves a model
    for _ in range(2):
        nb.run("a", "flags.DEFINE_integer('verbosity', 3, 'help', allow_override=True)")
    nb.run("a", "x = 1")
    assert nb.value("[type(flags.FLAGS['verbosity']).__module__, flags.FLAGS['verbosity'].default]") == [
        "absl.logging",
        -1,
    ]
    nb.silently("flags.FLAGS['verbosity'].using_default_value = True")


def test_a_frameworks_flag_that_a_cell_overrides_comes_back(nb):
    nb.silently("flags.FLAGS['verbosity'].using_default_value = True")
    nb.run("a", "flags.DEFINE_integer('verbosity', 3, 'help', allow_override=True)")
    assert nb.value("flags.FLAGS['verbosity'].default") == 3
    nb.run("a", "x = 1")
    assert nb.value("type(flags.FLAGS['verbosity']).__module__") == "absl.logging"
    assert nb.value("get_ipython().run_line_magic('kreg', 'status').to_dict()['faults']") == {}


@pytest.mark.parametrize(
    ("setup", "source"),
    [
        (
            "import optree\nclass Held: pass",
            "if once: optree.unregister_pytree_node(Held, namespace='keras')\n"
            "optree.register_pytree_node(Held, lambda h: ((), None), lambda m, c: Held(), namespace='keras')\nonce.append(1)",
        ),
        (
            "pass",
            "if once: delattr(flags.FLAGS, 'PKG_rate')\nflags.DEFINE_integer('PKG_rate', 1, 'help')\nonce.append(1)",
        ),
    ],
)
@pytest.mark.needs("optree")
def test_unregistering_ones_own_former_entry_first_works(nb, setup, source):
    nb.run("setup", setup + "\nonce = []")
    for _ in range(3):
        nb.run("a", source)
    assert len([e for e in nb.value(ENTRIES) if e["owner"]["id"] == "a"]) == 1


UNREGISTERED = [
    (
        "import optree\nclass Held: pass",
        "optree.register_pytree_node(Held, lambda h: ((), VERSION), lambda m, c: Held(), namespace='PKG')",
        "optree.unregister_pytree_node(Held, namespace='PKG')",
        "optree.tree_flatten(Held(), namespace='PKG')[1].num_leaves == 0",
    ),
    (
        "pass",
        "flags.DEFINE_integer('PKG_rate', VERSION, 'help')",
        "del flags.FLAGS.PKG_rate",
        "'PKG_rate' in flags.FLAGS",
    ),
]


@pytest.mark.parametrize(("setup", "register", "unregister", "stands"), UNREGISTERED)
@pytest.mark.needs("optree")
def test_what_another_cell_unregistered_does_not_come_back(nb, setup, register, unregister, stands):
    nb.run("setup", setup)
    nb.run("a", register.replace("VERSION", "1"))
    nb.run("b", unregister)
    nb.run("c", register.replace("VERSION", "2"))
    nb.run("c", register.replace("VERSION", "3"))
    assert nb.value(stands)
    nb.run("c", "x = 1")
    assert not nb.value(stands)


@pytest.mark.parametrize(("setup", "register", "unregister", "stands"), UNREGISTERED)
@pytest.mark.needs("optree")
def test_what_a_cell_unregistered_to_register_its_own_comes_back_with_its_edit(nb, setup, register, unregister, stands):
    nb.run("setup", setup)
    nb.run("a", register.replace("VERSION", "1"))
    for version in ("2", "3"):
        nb.run("b", unregister + "\n" + register.replace("VERSION", version))
    nb.run("b", "x = 1")
    assert nb.value(stands)
    nb.run("b", unregister)
    assert not nb.value(stands)


@pytest.mark.needs("tensorflow")
def test_an_elementwise_handler_that_was_unregistered_makes_way_for_good(nb):
    nb.run(
        "setup",
        """
        class T(tf.experimental.ExtensionType):
            value: tf.Tensor
            __name__ = "PKG.T"
        """,
    )
    handler = "@tf.experimental.dispatch_for_unary_elementwise_apis(T)\ndef {}(api, x): return '{}'"
    nb.run("a", handler.format("first", "first"))
    nb.run("b", "tf.experimental.unregister_dispatch_for(first)")
    for version in ("second", "third"):
        nb.run("c", handler.format("mine", version))
        assert nb.value("tf.abs(T(tf.constant(1.0)))") == version


@pytest.mark.needs("optree")
def test_what_a_failing_call_of_another_cell_found_there_still_goes_with_its_own_cell(nb):
    nb.run("setup", "import optree\nclass Held: pass")
    functions = "Held, lambda h: ((), None), lambda m, c: Held(), namespace='PKG'"
    nb.run("a", f"optree.register_pytree_node({functions})")
    nb.run("b", f"optree.register_pytree_node({functions}, path_entry_type=0)", fails=True)
    assert nb.value("('PKG', Held) in sys.modules['optree.registry']._NODETYPE_REGISTRY")
    nb.run("a", "x = 1")
    assert not nb.value("('PKG', Held) in sys.modules['optree.registry']._NODETYPE_REGISTRY")
