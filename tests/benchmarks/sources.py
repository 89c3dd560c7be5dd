"""The cells that are measured."""

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
KINDS = {"empty": "", "pass": "pass", "pass, dict held": "pass", "layer": LAYER, "class": CLASS, "import": IMPORT}
