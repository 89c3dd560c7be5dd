"""The cells that are measured."""

from __future__ import annotations

CLASS = """
@keras.saving.register_keras_serializable("Bench")
class Layer(keras.layers.Layer):
    pass
"""
LAYER = '''
@keras.saving.register_keras_serializable("Bench")
class Scale(keras.layers.Layer):
    """Multiplies its input by a trained factor."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.factor = self.add_weight(shape=(self.units,), initializer="ones")
        super().build(shape)

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "units": self.units}
'''
IMPORT = """
sys.modules.pop("bench_module", None)
import bench_module
"""
MODEL = """
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
model.compile("adam", "mse")
"""
KINDS = {"empty": "", "pass": "pass", "pass, dict held": "pass", "layer": LAYER, "class": CLASS, "import": IMPORT}
IN_A_KERNEL = {kind: KINDS[kind] for kind in ("pass", "layer", "class")} | {"model": MODEL}


def _loop(count: int, edit: str) -> str:
    return f"for i in range({count}): keras.saving.register_keras_serializable('Many', f'{edit}{{i}}')(function)"


def _classes(count: int, edit: str) -> str:
    """One of the classes is renamed."""
    names = [f"C{i}{edit if i == 7 else ''}" for i in range(count)]
    body = "    def get_config(self): return {}"
    return "\n".join(f"@keras.saving.register_keras_serializable('Many')\nclass {name}:\n{body}" for name in names)


def _conversions(count: int, edit: str) -> str:
    function = f"lambda v, dtype=None, name=None, as_ref=False: '{edit}'"
    return f"for i in range({count}): tf.register_tensor_conversion_function(Many, {function})"


def _writes(count: int, edit: str) -> str:
    return "\n".join(f"objects['Many>{edit}{i}'] = function" for i in range(count))


MANY = {
    "a loop over names": _loop,
    "class statements, one renamed": _classes,
    "conversions of one class": _conversions,
    "direct writes": _writes,
}
"""Cells that register much: each makes the text of a cell, of a number of registrations and an edit."""
