"""What the texts of the histories import: the frameworks' modules, and types to register things for."""

import keras
import optree
import tensorflow as tf
import tensorflow.python.autograph.operators.py_builtins
import tensorflow.python.ops.parallel_for.pfor
import tf_keras
from absl import flags
from keras.src.tree import tree_api
from tensorflow.python.autograph.operators import control_flow, py_builtins
from tensorflow.python.client import session
from tensorflow.python.compat import v2_compat
from tensorflow.python.eager import context
from tensorflow.python.framework import (
    auto_control_deps,
    op_callbacks,
    ops,
    tensor_conversion_registry,
    type_spec_registry,
)
from tensorflow.python.keras.utils import generic_utils
from tensorflow.python.ops.distributions import kullback_leibler
from tensorflow.python.ops.parallel_for import pfor
from tensorflow.python.saved_model import nested_structure_coder, revived_types
from tensorflow.python.saved_model.registration import registration
from tensorflow.python.util import dispatch

try:
    import tensorflow_probability as tfp
except ImportError:  # its kind of item is left out then
    tfp = None

tf.compat.v1.distributions.RegisterKL  # is imported when it is asked for
if tfp is not None:
    tfp.distributions.RegisterKL


class Base0: ...


class Base1: ...
