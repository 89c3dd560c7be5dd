"""The tables of docs/registries.md: what becomes of a registration that is made a second time, measured without kreg.

``python docs/registry_table.py`` writes them into the page; `check`, which the page executes when it is built, fails if
they are no longer true. Names and homes come from the adapters, registrations from the cases of the tests:
tests/test_registries.py, tests/library_cases.py. What libraries do is measured by tests/test_libraries.py.
"""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from conftest import IMPORTS  # noqa: E402
from library_cases import CASES as LIBRARY_CASES  # noqa: E402
from test_registries import CASES, Case  # noqa: E402

from kreg_ipython.registries import LIBRARIES, builtin, of_library  # noqa: E402
from kreg_ipython.registries.registry import Registry, is_there  # noqa: E402

PAGE = HERE / "registries.md"
HEAD = "| registry, and where it lives | users call | a second run, without kreg |\n| --- | --- | --- |\n"
LIBRARY_HEAD = HEAD.replace("registry, and", "registry of a library, and")

CALLS = {
    "keras.custom_objects": "`keras.saving.register_keras_serializable`, `get_custom_objects()[…] = …`",
    "keras2.custom_objects": "the same in Keras 2.11 and 2.12",
    "keras2.legacy_custom_objects": "the same in Keras up to 2.10",
    "tf_keras.custom_objects": "`tf_keras.utils.register_keras_serializable`",
    "tensorflow.keras_custom_objects": "the same in the copy of Keras inside TensorFlow",
    "tensorflow.gradients": "`tf.RegisterGradient`, `tf.no_gradient`",
    "tensorflow.statistics": "`ops.RegisterStatistics`",
    "tensorflow.proto_functions": "`ops.register_proto_function`",
    "tensorflow.resource_resolvers": "`auto_control_deps.register_acd_resource_resolver`",
    "tensorflow.data_v2_callbacks": "`v2_compat.register_data_v2_callback`",
    "tensorflow.type_specs": "`class …(tf.experimental.ExtensionType)` with a `__name__`",
    "tensorflow.saved_model_classes": "`saved_model.registration.register_serializable`",
    "tensorflow.checkpoint_savers": "`saved_model.registration.register_checkpoint_saver`",
    "tensorflow.revived_types": "`saved_model.load.register_revived_type`",
    "tensorflow.tensor_conversions": "`tf.register_tensor_conversion_function`",
    "tensorflow.dispatch": "`tf.experimental.dispatch_for_api`",
    "tensorflow.elementwise_dispatch": "`tf.experimental.dispatch_for_unary_elementwise_apis`, `…binary…`, `…assert…`",
    "tensorflow.op_dispatchers": "`OpDispatcher.register`, `dispatch_for_types`",
    "tensorflow.global_dispatchers": "`GlobalOpDispatcher.register`",
    "tensorflow.kl_divergences": "`tf.compat.v1.distributions.RegisterKL`",
    "tensorflow.pfor_converters": "`pfor.RegisterPFor`, `RegisterPForWithArgs`",
    **{
        f"tensorflow.autograph_{name}": f"`{name}_registry.register`, how AutoGraph converts `{name}`"
        for name in ("abs", "len", "print", "enumerate", "zip", "map", "filter", "any", "all", "sorted", "next")
    },
    "tensorflow.autograph_for_loop": "`for_loop_registry.register`, how AutoGraph converts `for`",
    "tensorflow.session_conversions": "`session.register_session_run_conversion_functions`",
    "tensorflow.saved_model_codecs": "`nested_structure_coder.register_codec`",
    "tensorflow.op_callbacks": "`op_callbacks.add_op_callback`",
    "tensorflow.op_libraries": "`tf.load_op_library`",
    "tensorflow.gauges": "nobody: a Keras that is imported again",
    "tensorflow_probability.kl_divergences": "`tfp.distributions.RegisterKL`",
    "optree.nodes": "`optree.register_pytree_node`, `keras.tree.register_tree_node_class`",
    "absl.flags": "`absl.flags.DEFINE_…`, `tf.compat.v1.flags.DEFINE_…`",
}

NOT_MEASURED = {
    "keras2.custom_objects": "raises `ValueError: … has already been registered to …`, up to Keras 2.12",
    "keras2.legacy_custom_objects": "raises `ValueError: … has already been registered to …`",
    "tensorflow.op_libraries": "a rebuilt library stays the former one: kreg says so",
    "tensorflow.gauges": "raises `AlreadyExistsError` in TensorFlow 2.12",
}
"""What other versions do, and what leaves no entry."""


def rows() -> list[str]:
    """A row for each registry that is guarded, in the order of the adapters."""
    names: dict[str, Any] = vars(sys.modules["__main__"])
    exec(IMPORTS, names)
    logging.getLogger("tensorflow").setLevel("ERROR")  # some of these functions are deprecated
    return [
        f"| `{registry.name}`<br>`{registry.module}` | {CALLS[registry.name]} | {second_run(registry, names)} |"
        for registry in builtin()
    ]


STOCK = {
    "raises": "raises",
    "raises if edited": "raises if it is edited",
    "stays": "**silent**: the second one stands, and what is renamed stays beside it",
}
"""What becomes of a library's registration, by the word of its case."""

WITHOUT_CASE = {
    "jax.tree_nodes": (
        "`jax.tree_util.register_pytree_node`",
        "raises for a class of another cell, which jax never forgets: kreg accepts it with the same functions",
    ),
    "tensorflow_datasets.collections": ("`class …(tfds.core.DatasetCollection)`", "as the builders"),
}


def library_rows() -> list[str]:
    """A row for each registry of a library that is guarded, in the order of the libraries."""
    known = {case.registry: (case.calls, STOCK[case.stock]) for case in LIBRARY_CASES} | WITHOUT_CASE
    registries = [registry for package in sorted(LIBRARIES) for registry in of_library(package)]
    return [f"| `{each.name}`<br>`{each.module}` | {' | '.join(known[each.name])} |" for each in registries]


def second_run(registry: Registry, names: dict[str, Any]) -> str:
    """What becomes of a cell's registration when the cell is run again."""
    if registry.name in NOT_MEASURED:
        return NOT_MEASURED[registry.name]
    case: Case = next(case for case in CASES if case.registry == registry.name)
    exec(case.setup.replace("PKG", "Mine"), names)
    assert is_there(registry), registry.name
    counts = []
    for version in ("1", "2"):
        try:
            exec(case.source.replace("PKG", "Mine").replace("VERSION", version), names)
        except Exception as error:
            return f"raises `{message(error)}`"
        counts.append(len(list(registry.entries())))
    return "**silent**: both stand" if counts[1] > counts[0] else "**silent**: the second one stands"


def message(error: Exception) -> str:
    """The beginning of an error, without what differs from machine to machine, for a cell of a table."""
    text = re.sub(r" at 0x\w+|<locals>\.", "", " ".join(str(error.args[0] if error.args else error).split()))
    short = text[:70].rsplit(" ", 1)[0] + " …" if len(text) > 70 else text
    return f"{type(error).__name__}: {short}".replace("|", r"\|")


def written() -> list[str]:
    """The rows that stand in the page."""
    return [line for line in PAGE.read_text().splitlines() if re.match(r"\| `\w+\.\w+`<br>", line)]


def check() -> None:
    """Measure again, and compare.

    Raises:
        AssertionError: with the rows that differ.
    """
    now, then = rows() + library_rows(), written()
    differ = [row for row in now if row not in then] + [row for row in then if row not in now]
    assert now == then, "python docs/registry_table.py writes anew:\n" + "\n".join(differ or ["the order"])
    print(f"{len(now)} registries: the table says what was measured.")


if __name__ == "__main__":
    for head, now in ((HEAD, rows()), (LIBRARY_HEAD, library_rows())):
        text = PAGE.read_text()
        start = text.index(head) + len(head)
        end = text.index("\n\n", start - 1)  # also of a table without rows
        PAGE.write_text(text[:start] + "\n".join(now) + text[end:])
