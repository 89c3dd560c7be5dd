"""The obvious build, which the rules are there to improve on: pop what a cell added before it runs again.

Tests marked ``fails("naive")`` run with this in place of kreg_ipython too, and must fail there.
"""

import sys

_MAPS = {
    "keras.saving.object_registration": ("_GLOBAL_CUSTOM_OBJECTS", "_GLOBAL_CUSTOM_NAMES"),
    "keras.src.saving.object_registration": (
        "GLOBAL_CUSTOM_OBJECTS",
        "GLOBAL_CUSTOM_NAMES",
        "_GLOBAL_CUSTOM_OBJECTS",  # Keras 2.13 to 2.15
        "_GLOBAL_CUSTOM_NAMES",
    ),
    "tf_keras.src.saving.object_registration": ("_GLOBAL_CUSTOM_OBJECTS", "_GLOBAL_CUSTOM_NAMES"),
    "tensorflow.python.framework.type_spec_registry": ("_NAME_TO_TYPE_SPEC", "_TYPE_SPEC_TO_NAME"),
    "tensorflow.python.framework.ops": ("_gradient_registry",),
}
_added = {}
_before = {}


def _maps():
    for module, names in _MAPS.items():
        for name in names if module in sys.modules else ():
            state = getattr(sys.modules[module], name, None)
            if state is not None:
                yield f"{module}:{name}", getattr(state, "_registry", state)


def pre_run_cell(info):
    for name, state in _maps():
        for key in _added.pop((info.cell_id, name), ()):
            state.pop(key, None)
        _before[name] = set(state)


def post_run_cell(result):
    for name, state in _maps():
        _added[result.info.cell_id, name] = set(state) - _before.get(name, set())


def load_ipython_extension(shell):
    shell.events.register("pre_run_cell", pre_run_cell)
    shell.events.register("post_run_cell", post_run_cell)


def unload_ipython_extension(shell):
    shell.events.unregister("pre_run_cell", pre_run_cell)
    shell.events.unregister("post_run_cell", post_run_cell)
