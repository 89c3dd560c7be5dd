"""Say what replaces what: functions of TensorFlow and of `keras.backend`, and what Keras 2's optimizers had."""

from __future__ import annotations

_UNARY = "abs ceil exp expm1 floor log log1p round rsqrt reciprocal sigmoid sign sin cos softplus sqrt square tanh"
_BINARY = "add divide greater greater_equal less less_equal logical_and logical_or maximum minimum multiply not_equal"
_BINARY += " equal subtract"
_REDUCTIONS = "sum mean max min prod any all"

OPERATIONS: dict[str, tuple[str, str]] = {
    **{name: (name, "x=x") for name in _UNARY.split()},
    **{name: (name, "x=x1 y=x2") for name in _BINARY.split()},
    **{f"reduce_{name}": (name, "input_tensor=x axis=axis keepdims=keepdims") for name in _REDUCTIONS.split()},
    "cast": ("cast", "x=x dtype=dtype"),
    "clip_by_value": ("clip", "t=x clip_value_min=x_min clip_value_max=x_max"),
    "concat": ("concatenate", "values=xs axis=axis"),
    "cond": ("cond", "pred=pred true_fn=true_fn false_fn=false_fn"),
    "constant": ("convert_to_tensor", "value=x dtype=dtype"),
    "convert_to_tensor": ("convert_to_tensor", "value=x dtype=dtype"),
    "divide_no_nan": ("divide_no_nan", "x=x1 y=x2"),
    "expand_dims": ("expand_dims", "input=x axis=axis"),
    "floordiv": ("floor_divide", "x=x1 y=x2"),
    "floormod": ("mod", "x=x1 y=x2"),
    "identity": ("copy", "input=x"),
    "is_finite": ("isfinite", "x=x"),
    "is_nan": ("isnan", "x=x"),
    "logical_not": ("logical_not", "x=x"),
    "matmul": ("matmul", "a=x1 b=x2"),
    "mod": ("mod", "x=x1 y=x2"),
    "negative": ("negative", "x=x"),
    "norm": ("norm", "tensor=x -=- axis=axis keepdims=keepdims"),
    "ones": ("ones", "shape=shape dtype=dtype"),
    "ones_like": ("ones_like", "input=x dtype=dtype"),
    "pow": ("power", "x=x1 y=x2"),
    "reshape": ("reshape", "tensor=x shape=newshape"),
    "size": ("size", "input=x"),
    "stack": ("stack", "values=x axis=axis"),
    "stop_gradient": ("stop_gradient", "input=variable"),
    "tensordot": ("tensordot", "a=x1 b=x2 axes=axes"),
    "transpose": ("transpose", "a=x perm=axes"),
    "truediv": ("divide", "x=x1 y=x2"),
    "where": ("where", "condition=condition x=x1 y=x2"),
    "zeros": ("zeros", "shape=shape dtype=dtype"),
    "zeros_like": ("zeros_like", "input=x dtype=dtype"),
}
"""By TensorFlow's function: that of `keras.ops` with the same values, and what its parameters are called there."""

BACKEND: dict[str, tuple[str, str]] = {
    **{name: (name, "x=x") for name in ("abs", "exp", "log", "sign", "square", "zeros_like", "ones_like", "ndim")},
    **{name: (name, "x=x1 y=x2") for name in ("maximum", "minimum", "equal", "not_equal", "greater", "less")},
    **{name: (name, "x=x axis=axis keepdims=keepdims") for name in _REDUCTIONS.split()},
    "cast": ("cast", "x=x dtype=dtype"),
    "clip": ("clip", "x=x min_value=x_min max_value=x_max"),
    "constant": ("convert_to_tensor", "value=x dtype=dtype"),
    "pow": ("power", "x=x1 a=x2"),
}
"""The same for the functions of `keras.backend`."""

ASSIGNS = {
    **{name: name for name in ("assign", "assign_add", "assign_sub")},
    "scatter_update": "assign",
    "scatter_add": "assign_add",
    "scatter_sub": "assign_sub",
}
"""By the method of a TensorFlow variable: that of Keras 3's optimizers."""

UPDATES = {"update": "assign", "update_add": "assign_add", "update_sub": "assign_sub"}
"""By the function of `keras.backend`: the method of a variable."""

HOMES = frozenset({"backend", "compat", "keras", "linalg", "math", "nn", "v1", "v2"})
"""The modules of TensorFlow whose functions of these names are those of the tables."""

_BETAS = "learning_rate beta_1 beta_2 epsilon"
FORMER_ARGUMENTS = {
    "Adadelta": "learning_rate rho epsilon name",
    "Adagrad": "learning_rate initial_accumulator_value epsilon name",
    "Adam": f"{_BETAS} amsgrad name",
    "Adamax": f"{_BETAS} name",
    "Nadam": f"{_BETAS} name",
    "RMSprop": "learning_rate rho momentum epsilon centered name",
    "SGD": "learning_rate momentum nesterov name",
}
"""The order of the constructor's arguments in Keras 2, by class."""

FORMER_SLOTS = {
    "Adadelta": {"accum_grad": "_accumulated_grads", "accum_var": "_accumulated_delta_vars"},
    "Adagrad": {"accumulator": "_accumulators"},
    "Adam": {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"},
    "Adamax": {"m": "_m", "v": "_u"},
    "Nadam": {"m": "_momentums", "v": "_velocities"},
    "RMSprop": {"rms": "_velocities", "momentum": "_momentums", "mg": "_average_gradients"},
    "SGD": {"momentum": "momentums"},
}
"""The attributes that have the slots of Keras 2's classes today."""

FORMER_COEFFICIENTS = {
    "Adam": {
        "beta_1_t": "{cast}(self.beta_1, {dtype})",
        "beta_2_t": "{cast}(self.beta_2, {dtype})",
        "one_minus_beta_1_t": "1 - {cast}(self.beta_1, {dtype})",
        "one_minus_beta_2_t": "1 - {cast}(self.beta_2, {dtype})",
        "beta_1_power": "{cast}(self.beta_1, {dtype}) ** {cast}(self.iterations + 1, {dtype})",
        "beta_2_power": "{cast}(self.beta_2, {dtype}) ** {cast}(self.iterations + 1, {dtype})",
        "epsilon": "{cast}(self.epsilon, {dtype})",
    },
    "SGD": {"momentum": "{cast}(self.momentum, {dtype})"},
}
"""The coefficients that Keras 2's classes put into ``apply_state`` besides the learning rate."""
