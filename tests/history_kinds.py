"""What the cells of the histories register: one kind of item for each registry, and how to look at what stands there."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal

from conftest import is_met

IMPORTS = "from history_frameworks import *\n"


@dataclass(frozen=True)
class Kind:
    """One way of registering.

    In ``source``, NAME is what is defined, SLOT the digit in its key, VERSION a number. ``table`` says, in the registry's
    order, what stands there: pairs of a key and an object that has its ``version``, or is it. Registering a key that
    another definition has ``replaces`` it, ``raises``, or stands ``beside`` it. What makes two definitions the same is
    their module and name, or ``definition``: the "slot" (what is registered is a type that they share), the "file", the
    "owner" (nothing), the "name" alone; "object" if the object itself is the key.
    """

    source: str
    table: str
    shape: Literal["replaces", "raises", "beside"] = "replaces"
    ordered: bool = False
    place: str = ""
    """What kinds have in common that register the same keys."""
    definition: str = ""
    adopted: bool = True
    """Whether one can tell from the object who registered it."""
    of_thread: bool = False
    """Whether each thread has a registry of its own."""
    seen: bool = True
    """Whether it passes a gate, so that a thread that registers it is known."""
    says_version: bool = False
    """Whether the statement that registers it says the version."""

    @property
    def by_definition(self) -> bool:
        """Return whether the statement that registers it is a definition: decorated, or of a base that registers it."""
        return self.source.startswith(("@", "class NAME(tf.experimental.ExtensionType)"))


FUNCTION = "def NAME(*a, **k): pass\nNAME.version = VERSION\n"
CODEC = "    def can_encode(self, x): return False\n    can_decode = do_encode = do_decode = can_encode\n"
DISPATCHER = "    def handle(self, *a): return self.NOT_SUPPORTED\n"


def framework_registry(source: str, home: str, object_: str = "", **options: Any) -> Kind:
    """A kind for an instance of TensorFlow's class `Registry`."""
    table = f"[(k, v['type']{object_}) for k, v in {home}._registry.items()]"
    return Kind(source, table, "raises", **options)


def elementwise(name: str, types: str, parameters: str) -> Kind:
    length = parameters.count(",") + 1 + ("assert" in name) - 1
    return Kind(
        f"@tf.experimental.dispatch_for_{name}_apis({types})\ndef NAME({parameters}): pass\nNAME.version = VERSION\n",
        "[(k[0], v) for k, v in dispatch._ELEMENTWISE_API_HANDLERS.items()"
        f" if len(k) == {length} and k[:2] in dispatch._ELEMENTWISE_API_TARGETS]",
        "raises",
    )


def autograph(name: str) -> Kind:
    home = f"{'control_flow' if name == 'for_loop' else 'py_builtins'}.{name}_registry"
    return Kind(
        f"{FUNCTION}{home}.register(BaseSLOT, NAME)\n",
        f"[(k, v) for k, v in {home}._registry.items()]",
        "raises",
        ordered=True,
    )


AUTOGRAPH = ["abs", "len", "print", "enumerate", "zip", "map", "filter", "any", "all", "sorted", "next", "for_loop"]
CORE = {
    "keras": Kind(
        f"@keras.utils.register_keras_serializable('H', 'sSLOT')\n{FUNCTION}",
        "keras.utils.get_custom_objects().items()",
    ),
    "direct": Kind(f"{FUNCTION}keras.utils.get_custom_objects()['H>sSLOT'] = NAME\n", "[]", place="keras", seen=False),
    "tf_keras": Kind(
        f"@tf_keras.utils.register_keras_serializable('H', 'sSLOT')\n{FUNCTION}",
        "tf_keras.utils.get_custom_objects().items()",
    ),
    "gradient": framework_registry(f"@tf.RegisterGradient('HSLOT')\n{FUNCTION}", "ops._gradient_registry"),
    "spec": Kind(
        "class NAME(tf.experimental.ExtensionType):\n    __name__ = 'H.sSLOT'\n    x: tf.Tensor\n"
        "    def version(): return VERSION\nNAME.Spec.version = VERSION\n",
        "[(k, v) for k, v in type_spec_registry._NAME_TO_TYPE_SPEC.items() if v in type_spec_registry._TYPE_SPEC_TO_NAME]",
        "raises",
    ),
    "conversion": Kind(
        f"{FUNCTION}tf.register_tensor_conversion_function(Base0, NAME)\n",
        "[(None, f) for t, f in tensor_conversion_registry._tensor_conversion_func_registry.get(100, [])]",
        "beside",
        ordered=True,
    ),
}
"""Each shape that a registry has, and the registries that most cells use: half of all items are of these kinds."""

KINDS = {
    **CORE,
    "keras_copy": Kind(
        f"@generic_utils.register_keras_serializable('H', 'sSLOT')\n{FUNCTION}",
        "generic_utils.get_custom_objects().items()",
        "raises",
    ),
    "statistic": framework_registry(f"@ops.RegisterStatistics('HSLOT', 'flops')\n{FUNCTION}", "ops._stats_registry"),
    "proto": framework_registry(
        f"{FUNCTION}ops.register_proto_function('HSLOT', to_proto=NAME, from_proto=NAME)\n",
        "ops._proto_function_registry",
        "[1]",
        adopted=False,
    ),
    "resolver": framework_registry(
        f"{FUNCTION}NAME.__name__ = 'HSLOT'\nauto_control_deps.register_acd_resource_resolver(NAME)\n",
        "auto_control_deps._acd_resource_resolvers_registry",
    ),
    "data_v2": framework_registry(
        f"{FUNCTION}NAME.__module__ = 'HSLOT'\nv2_compat.register_data_v2_callback(NAME)\n",
        "v2_compat._DATA_V2_CALLBACKS",
        definition="name",
        adopted=False,
    ),
    "saved_class": Kind(
        "@registration.register_serializable('H', 'sSLOT')\nclass NAME(tf.Module): pass\nNAME.version = VERSION\n",
        "[(k, registration._class_registry._registered_map[k]) for k in registration._class_registry._registered_names"
        " if k in registration._class_registry._registered_predicates]",
        "raises",
        ordered=True,
    ),
    "saver": Kind(
        f"{FUNCTION}registration.register_checkpoint_saver('H', 'sSLOT', lambda x: False, save_fn=NAME, restore_fn=NAME)\n",
        "[(k, registration._saver_registry._registered_map[k][0]) for k in registration._saver_registry._registered_names"
        " if k in registration._saver_registry._registered_predicates]",
        "raises",
        ordered=True,
        adopted=False,
    ),
    "revived": Kind(
        f"{FUNCTION}tf.__internal__.saved_model.load.register_revived_type('HSLOT', NAME, versions=["
        "tf.__internal__.saved_model.load.VersionedTypeRegistration(lambda proto: None, 1, 1, 1)])\n",
        "[(k, revived_types._REVIVED_TYPE_REGISTRY[k][0]) for k in reversed(dict.fromkeys("
        "reversed(revived_types._TYPE_IDENTIFIERS)))]",  # one that was registered over another stands there twice
        ordered=True,
    ),
    "api": Kind(
        "@tf.experimental.dispatch_for_api(tf.add, {'x': Base0, 'y': Base0})\ndef NAME(x, y, name=None): pass\n"
        "NAME.version = VERSION\n",
        "[(None, f) for f in dispatch._TYPE_BASED_DISPATCH_SIGNATURES[tf.add]]",
        "beside",
    ),
    "unary": elementwise("unary_elementwise", "BaseSLOT", "api, x"),
    "binary": elementwise("binary_elementwise", "BaseSLOT, BaseSLOT", "api, x, y"),
    "asserting": elementwise("binary_elementwise_assert", "BaseSLOT, BaseSLOT", "api, x, y"),
    "dispatcher": Kind(
        f"class NAME(tf.__internal__.dispatch.OpDispatcher):\n    version = VERSION\n{DISPATCHER}NAME().register(tf.math.abs)\n",
        "[(None, each) for each in tf.math.abs._tf_fallback_dispatchers]",
        "beside",
        ordered=True,
        adopted=False,
    ),
    "types": Kind(
        "@dispatch.dispatch_for_types(tf.math.sign, Base0)\ndef NAME(x, name=None): pass\nNAME.version = VERSION\n",
        "[(None, getattr(each, '_override_func', None)) for each in tf.math.sign._tf_fallback_dispatchers]",
        "beside",
        ordered=True,
    ),
    "global": Kind(
        f"class NAME(tf.__internal__.dispatch.GlobalOpDispatcher):\n    version = VERSION\n{DISPATCHER}NAME().register()\n",
        "[(None, each) for each in dispatch._GLOBAL_DISPATCHERS]",
        "beside",
        ordered=True,
        adopted=False,
    ),
    "kl": Kind(
        f"@tf.compat.v1.distributions.RegisterKL(BaseSLOT, BaseSLOT)\n{FUNCTION}",
        "[(k[0], f) for k, f in kullback_leibler._DIVERGENCES.items()]",
        "raises",
    ),
    "pfor": Kind(f"@pfor.RegisterPFor('HSLOT')\n{FUNCTION}", "pfor._pfor_converter_registry.items()", "raises"),
    **{f"autograph_{name}": autograph(name) for name in AUTOGRAPH},
    "session": Kind(
        f"{FUNCTION}session.register_session_run_conversion_functions(BaseSLOT, NAME, NAME, NAME)\n",
        "[(e[0], e[1]) for e in reversed(session._REGISTERED_EXPANSIONS)]",
        "raises",
        ordered=True,
        definition="owner",
        adopted=False,
    ),
    "codec": Kind(
        f"class NAME:\n    version = VERSION\n{CODEC}nested_structure_coder.register_codec(NAME())\n",
        "[(None, each) for each in nested_structure_coder._codecs]",
        "beside",
        ordered=True,
        adopted=False,
    ),
    "callback": Kind(
        f"{FUNCTION}op_callbacks.add_op_callback(NAME)\n",
        "[(None, each) for each in context.context().op_callbacks]",
        "beside",
        ordered=True,
        of_thread=True,
    ),
    "node": Kind(
        f"{FUNCTION}optree.register_pytree_node(BaseSLOT, NAME, lambda m, c: None, namespace='keras')\n",
        "[(k[1], e.flatten_func) for k, e in optree.registry._NODETYPE_REGISTRY.items() if isinstance(k, tuple)]",
        "raises",
        definition="slot",
        adopted=False,
    ),
    "node_class": Kind(
        "@tree_api.register_tree_node_class\nclass NAME:\n    def tree_flatten(self): return (), None\n"
        "    @classmethod\n    def tree_unflatten(cls, meta, children): return cls()\nNAME.version = VERSION\n",
        "[(None, k[1]) for k in optree.registry._NODETYPE_REGISTRY if isinstance(k, tuple)]",
        "beside",
        definition="object",
        adopted=False,
    ),
    "flag": Kind(
        "flags.DEFINE_integer('kregSLOT', VERSION, 'help', short_name='kregshortSLOT')\n",
        "[(f.name, f.default) for fs in flags.FLAGS.flags_by_module_dict().values() for f in fs"
        " if f.name[:-1] == 'kreg' and flags.FLAGS[f.short_name] is flags.FLAGS[f.name] is f]",
        "raises",
        definition="file",
        adopted=False,
        says_version=True,
    ),
}
if is_met("tensorflow-probability"):
    KINDS["tfp_kl"] = Kind(
        f"@tfp.distributions.RegisterKL(BaseSLOT, BaseSLOT)\n{FUNCTION}",
        "[(k[0], f) for k, f in tfp.python.distributions.kullback_leibler._DIVERGENCES.items()]",
        "raises",
    )


@dataclass(frozen=True)
class Item:
    """One registration of a cell. Two definitions of one key collide where registering raises."""

    name: str
    slot: int
    number: int = 0

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def key(self) -> tuple[str, int]:
        return self.kind.place or self.name, self.slot

    def source(self, version: int) -> str:
        named = self.kind.source.replace("NAME", f"{self.name}_{self.slot}_{self.number}")
        return named.replace("SLOT", str(self.slot)).replace("VERSION", str(version))


@functools.cache
def _compiled(table: str) -> CodeType:
    return compile(table, "<table>", "eval")


def live() -> dict[Any, Any]:
    """Return what stands in the registries, from the frameworks' own state, as `FreshKernel.versions` says it."""
    import history_frameworks

    found: dict[Any, Any] = {}
    for name, kind in KINDS.items():
        standing = [(key, version) for key, version in _versions(kind, vars(history_frameworks))]
        if kind.shape == "beside":
            versions = [version for _, version in standing]
            standing = [("all", versions if kind.ordered else sorted(versions))] if versions else []
        elif kind.ordered and standing:
            standing.append(("order", [slot for slot, _ in standing]))
        for slot, version in standing:
            assert (name, slot) not in found, f"{name} {slot} stands there twice"
            found[name, slot] = version
    return found


def _versions(kind: Kind, namespace: dict[str, Any]) -> Iterator[tuple[Any, int]]:
    """The slot and the version of each of our entries."""
    for key, value in list(eval(_compiled(kind.table), namespace)):
        version = value if isinstance(value, int) else getattr(value, "version", None)
        if isinstance(version, int):
            yield None if key is None else int(re.findall(r"\d", getattr(key, "__name__", key))[0]), version
