"""Optimizers as people wrote them for the slots of Keras 2. ``O`` stands for the module of their base."""

from __future__ import annotations

from typing import NamedTuple


class Written(NamedTuple):
    """An optimizer class: its text, how it is created, and whether its steps can be translated without TensorFlow."""

    text: str
    made: str
    everywhere: bool = True
    bases: tuple[str, ...] = ("keras", "tf_keras")


INIT = """
    def __init__(self, learning_rate=0.05{0}, name="{1}", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
"""

WRITTEN = {
    "Plain": Written(
        "class Plain(O.Optimizer):"
        + INIT.format("", "Plain")
        + """
    def _resource_apply_dense(self, grad, var, apply_state=None):
        var_device, var_dtype = var.device, var.dtype.base_dtype
        coefficients = (apply_state or {}).get((var_device, var_dtype)) or self._fallback_apply_state(var_device, var_dtype)
        return var.assign_sub(coefficients["lr_t"] * grad, use_locking=self._use_locking)
    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        raise NotImplementedError("sparse gradients")
    def get_config(self):
        config = super().get_config()
        config.update({"learning_rate": self._serialize_hyperparameter("learning_rate")})
        return config
""",
        "Plain(learning_rate=0.1)",
    ),
    "Scheduled": Written(
        "class Scheduled(O.Optimizer):"
        + INIT.format("", "Scheduled")
        + """
    def _resource_apply_dense(self, grad, var):
        lr_t = self._decayed_lr(var.dtype.base_dtype)
        return var.assign_sub(lr_t * grad)
    def get_config(self):
        return {**super().get_config(), "learning_rate": self._serialize_hyperparameter("learning_rate")}
""",
        "Scheduled(KERAS.optimizers.schedules.ExponentialDecay(0.2, 3, 0.5))",
    ),
    "Momentum": Written(
        "class Momentum(O.Optimizer):"
        + INIT.format(", momentum=0.9", "Momentum")
        + """
        self._set_hyper("momentum", momentum)
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "momentum")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        velocity = self.get_slot(var, "momentum")
        momentum = self._get_hyper("momentum", var.dtype.base_dtype)
        velocity_t = velocity.assign(momentum * velocity + grad)
        return var.assign_sub(self._get_hyper("learning_rate", tf.float32) * velocity_t)
    def get_config(self):
        config = {name: self._serialize_hyperparameter(name) for name in ("learning_rate", "momentum")}
        return {**super().get_config(), **config}
""",
        "Momentum(momentum=0.7)",
    ),
    "Nesterov": Written(
        "class Nesterov(O.Optimizer):"
        + INIT.format(", momentum=0.0, nesterov=False", "Nesterov")
        + """
        self._set_hyper("decay", self._initial_decay)
        self._momentum = False
        if isinstance(momentum, tf.Tensor) or callable(momentum) or momentum > 0:
            self._momentum = True
        if isinstance(momentum, (int, float)) and (momentum < 0 or momentum > 1):
            raise ValueError("`momentum` must be between [0, 1].")
        self._set_hyper("momentum", momentum)
        self.nesterov = nesterov
    def _create_slots(self, var_list):
        if self._momentum:
            for var in var_list:
                self.add_slot(var, "momentum")
    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        apply_state[(var_device, var_dtype)]["momentum"] = tf.identity(self._get_hyper("momentum", var_dtype))
    def _resource_apply_dense(self, grad, var, apply_state=None):
        var_device, var_dtype = var.device, var.dtype.base_dtype
        coefficients = ((apply_state or {}).get((var_device, var_dtype))
                        or self._fallback_apply_state(var_device, var_dtype))
        step = coefficients["lr_t"] * grad
        if self._momentum:
            accum = self.get_slot(var, "momentum")
            accum.assign(coefficients["momentum"] * accum - step)
            if self.nesterov:
                return var.assign_add(coefficients["momentum"] * accum - step)
            return var.assign_add(accum)
        return var.assign_sub(step)
    def get_config(self):
        config = super(Nesterov, self).get_config()
        config.update({
            "learning_rate": self._serialize_hyperparameter("learning_rate"),
            "decay": self._serialize_hyperparameter("decay"),
            "momentum": self._serialize_hyperparameter("momentum"),
            "nesterov": self.nesterov,
        })
        return config
""",
        "Nesterov(0.1, momentum=0.5, nesterov=True, decay=0.3)",
    ),
    "MyAdam": Written(
        '''class MyAdam(O.Optimizer):
    """Adam, as it stood in Keras 2."""
    _HAS_AGGREGATE_GRAD = True
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, name="MyAdam", **kwargs):
        super(MyAdam, self).__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("beta_1", beta_1)
        self._set_hyper("beta_2", beta_2)
        self.epsilon = epsilon or 1e-7
        self.amsgrad = amsgrad
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "m")
        for var in var_list:
            self.add_slot(var, "v")
        if self.amsgrad:
            for var in var_list:
                self.add_slot(var, "vhat")
    def _prepare_local(self, var_device, var_dtype, apply_state):
        super(MyAdam, self)._prepare_local(var_device, var_dtype, apply_state)
        local_step = tf.cast(self.iterations + 1, var_dtype)
        beta_1_t = tf.identity(self._get_hyper("beta_1", var_dtype))
        beta_2_t = tf.identity(self._get_hyper("beta_2", var_dtype))
        beta_1_power = tf.pow(beta_1_t, local_step)
        beta_2_power = tf.pow(beta_2_t, local_step)
        lr = apply_state[(var_device, var_dtype)]["lr_t"] * (tf.sqrt(1 - beta_2_power) / (1 - beta_1_power))
        apply_state[(var_device, var_dtype)].update(
            dict(lr=lr, epsilon=tf.convert_to_tensor(self.epsilon, var_dtype), beta_1_t=beta_1_t,
                 one_minus_beta_1_t=1 - beta_1_t, beta_2_t=beta_2_t, one_minus_beta_2_t=1 - beta_2_t))
    def _resource_apply_dense(self, grad, var, apply_state=None):
        var_device, var_dtype = var.device, var.dtype.base_dtype
        coefficients = ((apply_state or {}).get((var_device, var_dtype))
                        or self._fallback_apply_state(var_device, var_dtype))
        m = self.get_slot(var, "m")
        m_t = m.assign(m * coefficients["beta_1_t"] + grad * coefficients["one_minus_beta_1_t"], use_locking=self._use_locking)
        v = self.get_slot(var, "v")
        v_t = v.assign(v * coefficients["beta_2_t"] + tf.square(grad) * coefficients["one_minus_beta_2_t"])
        if not self.amsgrad:
            var_update = var.assign_sub(coefficients["lr"] * m_t / (tf.sqrt(v_t) + coefficients["epsilon"]))
            return tf.group(*[var_update, m_t, v_t])
        vhat = self.get_slot(var, "vhat")
        vhat_t = vhat.assign(tf.maximum(vhat, v_t))
        var_update = var.assign_sub(coefficients["lr"] * m_t / (tf.sqrt(vhat_t) + coefficients["epsilon"]))
        return tf.group(*[var_update, m_t, v_t, vhat_t])
    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        var_device, var_dtype = var.device, var.dtype.base_dtype
        coefficients = ((apply_state or {}).get((var_device, var_dtype))
                        or self._fallback_apply_state(var_device, var_dtype))
        m = self.get_slot(var, "m")
        m_scaled_g_values = grad * coefficients["one_minus_beta_1_t"]
        m_t = m.assign(m * coefficients["beta_1_t"])
        with tf.control_dependencies([m_t]):
            m_t = self._resource_scatter_add(m, indices, m_scaled_g_values)
        v = self.get_slot(var, "v")
        v_scaled_g_values = (grad * grad) * coefficients["one_minus_beta_2_t"]
        v_t = v.assign(v * coefficients["beta_2_t"])
        with tf.control_dependencies([v_t]):
            v_t = self._resource_scatter_add(v, indices, v_scaled_g_values)
        var_update = var.assign_sub(coefficients["lr"] * m_t / (tf.sqrt(v_t) + coefficients["epsilon"]))
        return tf.group(*[var_update, m_t, v_t])
    def get_config(self):
        config = super(MyAdam, self).get_config()
        config.update({
            "learning_rate": self._serialize_hyperparameter("learning_rate"),
            "decay": self._serialize_hyperparameter("decay"),
            "beta_1": self._serialize_hyperparameter("beta_1"),
            "beta_2": self._serialize_hyperparameter("beta_2"),
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        })
        return config
''',
        "MyAdam(0.05, beta_1=0.8, amsgrad=AMSGRAD)",
    ),
    "AliasedRate": Written(
        """class AliasedRate(O.Optimizer):
    def __init__(self, momentum=0.9, lr=0.1, name="AliasedRate", **kwargs):
        super().__init__(name=name, **kwargs)
        self._lr = lr
        self._momentum = momentum
    def _create_slots(self, var_list):
        for v in var_list:
            self.add_slot(v, "velocity")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        v = self.get_slot(var, "velocity")
        v.assign(self._momentum * v - self._lr * grad)
        return var.assign_add(v)
    def get_config(self):
        base_config = super().get_config()
        config = {"lr": self._lr, "momentum": self._momentum}
        return dict(list(base_config.items()) + list(config.items()))
""",
        "AliasedRate(lr=0.2)",
    ),
    "Belief": Written(
        """class Belief(O.Optimizer):
    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.0, rectify=True, **kwargs):
        super().__init__(name=kwargs.pop("name", "Belief"), **kwargs)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("beta_1", beta_1)
        self._set_hyper("beta_2", beta_2)
        self._set_hyper("weight_decay", weight_decay)
        self.epsilon = epsilon or tf.keras.backend.epsilon()
        self.rectify = rectify
        self._has_weight_decay = weight_decay != 0.0
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "m")
            self.add_slot(var, "v")
    def _resource_apply_dense(self, grad, var):
        var_dtype = var.dtype.base_dtype
        lr_t = self._decayed_lr(var_dtype)
        m = self.get_slot(var, "m")
        v = self.get_slot(var, "v")
        beta_1_t = self._get_hyper("beta_1", var_dtype)
        beta_2_t = self._get_hyper("beta_2", var_dtype)
        epsilon_t = tf.convert_to_tensor(self.epsilon, var_dtype)
        local_step = tf.cast(self.iterations + 1, var_dtype)
        beta_1_power = tf.math.pow(beta_1_t, local_step)
        beta_2_power = tf.pow(beta_2_t, local_step)
        sma_inf = 2.0 / (1.0 - beta_2_t) - 1.0
        sma_t = sma_inf - 2.0 * local_step * beta_2_power / (1.0 - beta_2_power)
        m_t = m.assign(beta_1_t * m + (1.0 - beta_1_t) * grad, use_locking=self._use_locking)
        m_corr_t = m_t / (1.0 - beta_1_power)
        v_t = v.assign(beta_2_t * v + (1.0 - beta_2_t) * tf.square(grad - m_t) + epsilon_t, use_locking=self._use_locking)
        v_corr_t = tf.sqrt(v_t / (1.0 - beta_2_power))
        if self.rectify:
            r_t = tf.sqrt(tf.abs((sma_t - 4.0) / (sma_inf - 4.0) * (sma_t - 2.0) / (sma_inf - 2.0) * sma_inf / sma_t))
            var_t = tf.where(sma_t >= 5.0, r_t * m_corr_t / (v_corr_t + epsilon_t), m_corr_t)
        else:
            var_t = m_corr_t / (v_corr_t + epsilon_t)
        if self._has_weight_decay:
            var_t += self._get_hyper("weight_decay", var_dtype) * var
        var_update = var.assign_sub(lr_t * var_t, use_locking=self._use_locking)
        updates = [var_update, m_t, v_t]
        return tf.group(*updates)
    def get_config(self):
        config = super().get_config()
        config["learning_rate"] = self._serialize_hyperparameter("learning_rate")
        config["beta_1"] = self._serialize_hyperparameter("beta_1")
        config["beta_2"] = self._serialize_hyperparameter("beta_2")
        config["weight_decay"] = self._serialize_hyperparameter("weight_decay")
        config["epsilon"] = self.epsilon
        config["rectify"] = self.rectify
        return config
""",
        "Belief(0.05, weight_decay=0.01)",
    ),
    "Lion": Written(
        "class Lion(O.Optimizer):"
        + INIT.format(", beta_1=0.9, beta_2=0.99, wd=0", "Lion")
        + """
        self._set_hyper("beta_1", beta_1)
        self._set_hyper("beta_2", beta_2)
        self._set_hyper("wd", wd)
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "m", initializer="zeros")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        var_dtype = var.dtype.base_dtype
        lr_t = self._decayed_lr(var_dtype)
        beta_1_t = self._get_hyper("beta_1", var_dtype)
        beta_2_t = self._get_hyper("beta_2", var_dtype)
        wd_t = self._get_hyper("wd", var_dtype)
        m = self.get_slot(var, "m")
        with tf.control_dependencies([var.assign(var * (1 - lr_t * wd_t))]):
            var_update = var.assign_sub(lr_t * tf.sign(m * beta_1_t + grad * (1 - beta_1_t)))
        with tf.control_dependencies([var_update]):
            m_update = m.assign(m * beta_2_t + grad * (1 - beta_2_t))
        return tf.group(*[var_update, m_update])
""",
        "Lion(0.01, wd=0.1)",
    ),
    "Yogi": Written(
        "class Yogi(O.Optimizer):"
        + INIT.format(", beta=0.9, initial_accumulator_value=1e-3", "Yogi")
        + """
        self._beta = beta
        self._initial_accumulator_value = initial_accumulator_value
    def _create_slots(self, var_list):
        for var in var_list:
            init = tf.constant_initializer(self._initial_accumulator_value)
            self.add_slot(var, "v", init)
            self.add_slot(var, "scale", "ones")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        v, scale = self.get_slot(var, "v"), self.get_slot(var, "scale")
        grad2 = grad * grad
        v.assign_sub((1 - self._beta) * tf.sign(v - grad2) * grad2)
        scale.assign(scale * 0.9)
        return var.assign_sub(self.learning_rate * scale * grad / (tf.sqrt(v) + 1e-3))
""",
        "Yogi(0.01, beta=0.8, initial_accumulator_value=0.1)",
    ),
    "Rprop": Written(
        "class Rprop(O.Optimizer):"
        + INIT.format(", scale_up=1.2, scale_down=0.5, min_lr=1e-6, max_lr=50.0", "Rprop")
        + """
        self.scale_up = scale_up
        self.scale_down = scale_down
        self.min_lr = min_lr
        self.max_lr = max_lr
        self.initial = learning_rate
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "previous")
        for var in var_list:
            self.add_slot(var, "lrs", initializer=tf.keras.initializers.Constant(0.05))
    def _resource_apply_dense(self, grad, var, apply_state=None):
        previous = self.get_slot(var, "previous")
        lrs = self.get_slot(var, "lrs")
        change = tf.sign(tf.multiply(grad, previous))
        new = tf.where(tf.equal(change, 1), tf.minimum(lrs * self.scale_up, self.max_lr),
                       tf.where(tf.equal(change, -1), tf.maximum(lrs * self.scale_down, self.min_lr), lrs))
        grad = tf.where(tf.equal(change, -1), tf.zeros_like(grad), grad)
        lrs.assign(tf.clip_by_value(new, self.min_lr, self.max_lr))
        previous.assign(grad)
        return var.assign_sub(tf.sign(grad) * lrs)
""",
        "Rprop()",
    ),
    "Lars": Written(
        "class Lars(O.Optimizer):"
        + INIT.format(", eeta=0.1, epsilon=1e-6", "Lars")
        + """
        self.eeta, self.epsilon = eeta, epsilon
    def _trust(self, w, g):
        w_norm = tf.norm(w)
        g_norm = tf.sqrt(tf.reduce_sum(tf.square(g), axis=None, keepdims=False))
        ratio = self.eeta * w_norm / (g_norm + self.epsilon)
        return tf.where(tf.logical_and(tf.greater(w_norm, 0.0), tf.greater(g_norm, 0.0)), ratio, 1.0)
    def _resource_apply_dense(self, grad, var, apply_state=None):
        learning_rate = self._get_hyper("learning_rate", var.dtype)
        learning_rate = learning_rate * self._trust(var, grad)
        again = 0.0 * self._get_hyper("learning_rate", var.dtype)
        return var.assign_sub((learning_rate + again) * grad)
    def get_config(self):
        return dict(super().get_config(), learning_rate=self._serialize_hyperparameter("learning_rate"),
                    eeta=self.eeta, epsilon=self.epsilon)
""",
        "Lars(0.5)",
    ),
    "Cached": Written(
        "class Cached(O.Optimizer):"
        + INIT.format(", decay=0.1", "Cached")
        + """
        self._set_hyper("decay", decay)
        self.schedule = self.add_weight("schedule", shape=[], dtype=tf.float32, initializer="ones", trainable=False)
        self.seen = self.add_weight("seen", shape=(), initializer=0.5)
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "average")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        average = self.get_slot(var, "average")
        step = tf.cast(self.iterations, tf.float32)
        average.assign_add((grad - average) / (step + 1.0))
        self.schedule.assign(self.schedule * 0.99)
        self.seen.assign_add(0.25)
        rate = self.lr / (1.0 + self._get_hyper("decay", tf.float32) * step) * self.schedule
        return var.assign_sub(rate * average * self.seen)
""",
        "Cached(0.1, decay=0.5)",
    ),
    "Snapshot": Written(
        "class Snapshot(O.Optimizer):"
        + INIT.format(", k=2, ratio=0.5", "Snapshot")
        + """
        self.k, self._ratio = k, ratio
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "slow", initializer=tf.identity(var))
    def _resource_apply_dense(self, grad, var, apply_state=None):
        before = var.read_value()
        var.assign_sub(self._get_hyper("learning_rate", tf.float32) * grad)
        var.assign(0.9 * var + 0.1 * before)
        slow = self.get_slot(var, "slow")
        sync = tf.equal(tf.math.floormod(self.iterations + 1, self.k), 0)
        mixed = slow + self._ratio * (var - slow)
        new = tf.where(sync, mixed, tf.convert_to_tensor(var))
        slow.assign(tf.where(sync, new, tf.identity(slow)))
        return var.assign(new)
""",
        "Snapshot(k=2)",
    ),
    "Matrices": Written(
        "class Matrices(O.Optimizer):"
        + INIT.format(", beta=0.5", "Matrices")
        + """
        self.beta = beta
    def _create_slots(self, var_list):
        for var in var_list:
            if len(var.shape) > 1:
                self.add_slot(var, "rows", shape=(var.shape[0], 1))
            else:
                self.add_slot(var, "all")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        if len(var.shape) > 1:
            slot = self.get_slot(var, "rows")
            slot.assign(self.beta * slot + tf.reduce_mean(grad, axis=1, keepdims=True))
        else:
            slot = self.get_slot(var, slot_name="all")
            slot.assign(self.beta * slot + grad)
        return var.assign_sub(self.learning_rate * slot * tf.ones_like(grad))
""",
        "Matrices(0.1)",
    ),
    "Computed": Written(
        "class Computed(O.Optimizer):"
        + INIT.format(", powers=(1, 2)", "Computed")
        + """
        self.powers = tuple(powers)
    def _create_slots(self, var_list):
        for power in self.powers:
            for var in var_list:
                self.add_slot(var, f"moment_{power}")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        total = 0.0
        for power in self.powers:
            moment = self.get_slot(var, f"moment_{power}")
            moment.assign(0.9 * moment + 0.1 * grad ** power)
            total += moment
        return var.assign_sub(self.learning_rate * total)
""",
        "Computed(0.1)",
    ),
    "Grouped": Written(
        """from tensorflow.python.ops import control_flow_ops, math_ops, state_ops
class Grouped(O.Optimizer):
    def __init__(self, lr=0.05, beta=0.9, use_locking=False, name="Grouped"):
        super(Grouped, self).__init__(name)
        self._set_hyper("learning_rate", lr)
        self._beta = beta
    def _create_slots(self, var_list):
        for v in var_list:
            self.add_slot(v, "m")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        lr_t = math_ops.cast(self._get_hyper("learning_rate"), var.dtype.base_dtype)
        m = self.get_slot(var, "m")
        m_t = state_ops.assign(m, self._beta * m + (1 - self._beta) * math_ops.square(grad), use_locking=False)
        with tf.control_dependencies([m_t]):
            var_update = state_ops.assign_sub(var, lr_t * grad / (math_ops.sqrt(m_t) + 1e-2))
        return control_flow_ops.group(*[var_update, m_t])
    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        lr_t = self._get_hyper("learning_rate", tf.float32)
        return tf.group(var.scatter_sub(tf.IndexedSlices(lr_t * grad, indices)), tf.no_op())
    def get_config(self):
        return {**super().get_config(), "lr": self._serialize_hyperparameter("learning_rate"), "beta": self._beta}
""",
        "Grouped(0.1)",
    ),
    "Backend": Written(
        """from tf_keras import backend as B
class Backend(O.Optimizer):"""
        + INIT.format(", beta=0.9", "Backend")
        + """
        self._set_hyper("beta", beta)
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "ms")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        ms = self.get_slot(var, "ms")
        beta = self._get_hyper("beta", tf.float32)
        B.update(ms, beta * ms + (1.0 - beta) * B.square(grad))
        return B.update_sub(var, self.learning_rate * B.clip(grad / (B.sqrt(ms) + B.epsilon()), -2.0, 2.0))
""",
        "Backend(0.05)",
    ),
    "Raw": Written(
        "class Raw(O.Optimizer):"
        + INIT.format(", momentum=0.9", "Raw")
        + """
        self._set_hyper("momentum", momentum)
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "accum")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        accum = self.get_slot(var, "accum")
        return tf.raw_ops.ResourceApplyMomentum(
            var=var.handle, accum=accum.handle, lr=self._get_hyper("learning_rate", var.dtype), grad=grad,
            momentum=self._get_hyper("momentum", var.dtype), use_locking=self._use_locking)
""",
        "Raw(momentum=0.5)",
        everywhere=False,
    ),
    "Branched": Written(
        "class Branched(O.Optimizer):"
        + INIT.format(", warmup=2", "Branched")
        + """
        self.warmup = warmup
    def _resource_apply_dense(self, grad, var, apply_state=None):
        lr_t = self._get_hyper("learning_rate", var.dtype)
        step = tf.cast(self.iterations, var.dtype)
        rate = tf.cond(step < self.warmup, lambda: lr_t * (step + 1.0) / self.warmup, lambda: lr_t)
        return var.assign_sub(rate * (grad if self.warmup else -grad))
""",
        "Branched(warmup=3)",
    ),
    "WeightDecayed": Written(
        """import re
class WeightDecayed(O.Adam):
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, weight_decay_rate=0.0,
                 exclude_from_weight_decay=None, name="WeightDecayed", **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, name, **kwargs)
        self.weight_decay_rate = weight_decay_rate
        self._exclude_from_weight_decay_names = exclude_from_weight_decay
    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        apply_state[(var_device, var_dtype)]["weight_decay_rate"] = tf.constant(self.weight_decay_rate, name="decay")
    def _decay_weights_op(self, var, learning_rate, apply_state):
        if self._do_use_weight_decay(var.name):
            return var.assign_sub(
                learning_rate * var * apply_state[(var.device, var.dtype.base_dtype)]["weight_decay_rate"],
                use_locking=self._use_locking)
        return tf.no_op()
    def _get_lr(self, var_device, var_dtype, apply_state):
        apply_state = apply_state or {}
        coefficients = apply_state.get((var_device, var_dtype))
        return coefficients["lr_t"], dict(apply_state=apply_state)
    def _resource_apply_dense(self, grad, var, apply_state=None):
        lr_t, kwargs = self._get_lr(var.device, var.dtype.base_dtype, apply_state)
        decay = self._decay_weights_op(var, lr_t, apply_state)
        with tf.control_dependencies([decay]):
            return super()._resource_apply_dense(grad, var, **kwargs)
    def _do_use_weight_decay(self, param_name):
        for r in self._exclude_from_weight_decay_names or ():
            if re.search(r, param_name) is not None:
                return False
        return True
    def get_config(self):
        config = super().get_config()
        config.update({"weight_decay_rate": self.weight_decay_rate})
        return config
""",
        "WeightDecayed(0.05, weight_decay_rate=0.1)",
    ),
    "SgdDecayed": Written(
        """class SgdDecayed(O.SGD):
    def __init__(self, weight_decay=1e-2, learning_rate=0.1, momentum=0.0, nesterov=False, name="SgdDecayed", **kwargs):
        super(SgdDecayed, self).__init__(learning_rate, momentum, nesterov, name=name, **kwargs)
        self._set_hyper("weight_decay", weight_decay)
    def _resource_apply_dense(self, grad, var, apply_state=None):
        decay = self._get_hyper("weight_decay", var.dtype.base_dtype)
        op = super()._resource_apply_dense(grad, var, apply_state)
        with tf.control_dependencies([op]):
            return var.assign_sub(decay * self._get_hyper("learning_rate", tf.float32) * var)
    def get_config(self):
        return {**super().get_config(), "weight_decay": self._serialize_hyperparameter("weight_decay")}
""",
        "SgdDecayed(0.05, momentum=0.5)",
    ),
    "MyAdagrad": Written(
        """class MyAdagrad(O.Adagrad):
    def __init__(self, momentum=0.9, lr=0.2, initial_accumulator_value=0.3, name="MyAdagrad", **kwargs):
        super().__init__(learning_rate=lr, initial_accumulator_value=initial_accumulator_value, name=name, **kwargs)
        self.momentum = momentum
    def _create_slots(self, var_list):
        super()._create_slots(var_list)
        for var in var_list:
            self.add_slot(var, "momentum")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        accumulator, momentum = self.get_slot(var, "accumulator"), self.get_slot(var, "momentum")
        accumulator.assign_add(tf.square(grad))
        momentum.assign(self.momentum * momentum + grad / tf.sqrt(accumulator))
        return var.assign_sub(self._get_hyper("learning_rate", tf.float32) * momentum)
    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}
""",
        "MyAdagrad(0.5)",
    ),
    "Derived": Written(
        """class Rooted(O.Optimizer):
    def __init__(self, learning_rate=0.01, beta=0.9, name="Rooted", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("beta", beta)
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "m")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        m = self.get_slot(var, "m")
        m.assign(self._get_hyper("beta", var.dtype) * m + grad)
        return var.assign_sub(self._get_hyper("learning_rate", var.dtype) * m)
    def get_config(self):
        return {**super().get_config(), "learning_rate": self._serialize_hyperparameter("learning_rate"),
                "beta": self._serialize_hyperparameter("beta")}
@KERAS.utils.register_keras_serializable("PKG")
class Derived(Rooted):
    def __init__(self, learning_rate=0.01, gamma=0.5, name="Derived", **kwargs):
        super().__init__(learning_rate, name=name, **kwargs)
        self.gamma = gamma
    def _create_slots(self, var_list):
        super()._create_slots(var_list)
        for var in var_list:
            self.add_slot(var, "n")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        n = self.get_slot(var, "n")
        n.assign(self.gamma * n + (1 - self.gamma) * grad)
        return super()._resource_apply_dense(n, var, apply_state)
    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}
""",
        "Derived(0.1, gamma=0.25)",
    ),
    "Listed": Written(
        """from KERAS.optimizers import Optimizer
class Listed(OPTIMIZER):
    @staticmethod
    def _mix(a, b, t):
        return a * t + b * (1 - t)
    @property
    def half(self):
        return self.beta / 2
    def __init__(self, learning_rate, *, beta=0.9, **kw):
        super().__init__("Listed", **kw)
        self._set_hyper("learning_rate", learning_rate)
        self.count = tf.Variable(0.0, trainable=False)
        self.beta = beta
    def _create_slots(self, var_list):
        [self.add_slot(var, "m/1") for var in var_list]
    @tf.function(reduce_retracing=True)
    def _limited(self, m):
        return m / tf.minimum(self.count, 3.0)
    def _resource_apply_dense(self, grad, var, apply_state=None):
        def scaled(value):
            return value * 0.5
        updates = []
        m = self.get_slot(var, "m/1")
        m_t = m.assign(self._mix(m, grad, self.half)) if self.beta else m.assign(grad)
        updates.append(m_t)
        updates.append(self.count.assign_add(1.0))
        lr = self._get_hyper("learning_rate")
        if isinstance(lr, tf.keras.optimizers.schedules.LearningRateSchedule):
            lr = self._get_hyper("learning_rate")(self.iterations)
        updates.append(var.assign_sub(scaled(lr) * self._limited(m) + 0.0 * m_t))
        return tf.group(*updates)
""",
        "Listed(0.3, beta=0.8)",
    ),
    "Eta": Written(
        """class Eta(O.Optimizer):
    def __init__(self, eta=1, title="Eta", mu=0.5):
        "With names of its own."
        super().__init__(title)
        self.eta = eta
        self._set_hyper("learning_rate", eta)
        self._set_hyper("mu", mu)
    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "eta")
    def _resource_apply_dense(self, grad, var, apply_state=None):
        eta = self.get_slot(var, "eta")
        eta.assign(self._get_hyper("mu", var.dtype) * eta + grad)
        return var.assign_sub(self._get_hyper("learning_rate", var.dtype) * eta)
    def get_config(self):
        return {**super().get_config(), "eta": self.eta, "mu": self._serialize_hyperparameter("mu")}
""",
        "Eta(0.1)",
    ),
    "Switched": Written(
        "class Switched(O.Optimizer):"
        + INIT.format("", "Switched")
        + """
    def _resource_apply_dense(self, grad, var, apply_state=None):
        rate = self._get_hyper("learning_rate", tf.float32)
        direction = tf.math.l2_normalize(grad)
        return tf.cond(tf.equal(self.iterations % 2, 0), lambda: var.assign_sub(rate * grad),
                       lambda: var.assign_sub(rate * direction))
""",
        "Switched(0.1)",
        everywhere=False,
    ),
}

STEPS = {
    "Eta": [-0.81908, -0.52827, -0.02031, 0.23584, 0.73921, 1.01647, 0.30265, 0.1086],
    "Plain": [-0.87858, -0.55268, -0.0796, 0.22493, 0.69615, 1.01318, 0.20411, 0.07236],
    "Scheduled": [-0.85485, -0.54212, -0.05577, 0.2284, 0.71059, 1.01236, 0.24241, 0.08734],
    "Momentum": [-0.85791, -0.54612, -0.05944, 0.23077, 0.71749, 1.01928, 0.2407, 0.08375],
    "Nesterov": [-0.85243, -0.54218, -0.0536, 0.22996, 0.71581, 1.0152, 0.24769, 0.08815],
    "MyAdam": [-0.77248, -0.44653, 0.02793, 0.2482, 0.81612, 0.97371, 0.22608, 0.12994],
    "AliasedRate": [-0.65528, -0.4417, 0.14728, 0.24524, 0.79353, 0.97558, 0.5503, 0.22057],
    "Belief": [-0.91891, -0.56932, -0.12191, 0.21724, 0.66564, 1.00988, 0.13392, 0.04597],
    "Lion": [-0.94511, -0.54711, -0.1491, 0.2489, 0.64691, 1.04491, 0.0499, 0.0499],
    "Yogi": [-0.96378, -0.58572, -0.16262, 0.2085, 0.63667, 1.00593, 0.04231, 0.02422],
    "Rprop": [-0.7316, -0.52, 0.0684, 0.244, 0.8684, 0.959, 0.2684, 0.08],
    "Lars": [-0.78979, -0.4643, 0.01851, 0.20877, 0.62727, 0.92502, 0.34223, 0.14271],
    "Cached": [-0.88059, -0.55525, -0.08194, 0.22626, 0.70024, 1.01727, 0.23718, 0.08173],
    "Snapshot": [-0.95783, -0.58434, -0.15836, 0.20948, 0.63595, 1.00656, 0.07183, 0.02465],
    "Matrices": [-0.87367, -0.47367, -0.09223, 0.30777, 0.67784, 1.07784, 0.33083, 0.08043],
    "Computed": [-0.9705, -0.5858, -0.17071, 0.20935, 0.62738, 1.00696, 0.03194, 0.02065],
    "Grouped": [-0.71482, -0.42594, 0.09027, 0.21359, 0.64881, 0.91612, 0.25605, 0.1503],
    "Backend": [-0.7548, -0.39382, 0.04824, 0.21717, 0.74549, 0.91773, 0.23171, 0.16323],
    "Raw": [-0.88696, -0.55719, -0.08819, 0.22453, 0.69363, 1.01547, 0.19154, 0.06659],
    "Branched": [-0.93959, -0.57743, -0.14032, 0.21344, 0.65107, 1.00906, 0.10274, 0.03539],
    "WeightDecayed": [-0.74394, -0.42307, 0.03668, 0.25831, 0.80714, 0.96639, 0.23023, 0.14044],
    "SgdDecayed": [-0.79764, -0.5134, -0.0184, 0.23164, 0.7222, 0.99324, 0.29754, 0.10928],
    "MyAdagrad": [-0.74827, -0.47651, 0.05524, 0.20466, 0.71454, 0.92557, 0.31614, 0.14965],
    "Derived": [-0.71148, -0.48759, 0.08612, 0.25928, 0.82859, 1.0314, 0.48509, 0.17194],
    "Listed": [-0.91612, -0.56861, -0.11719, 0.21874, 0.67092, 1.0127, 0.11597, 0.04022],
    "Switched": [-0.8216, -0.52667, -0.02229, 0.23273, 0.7289, 1.00984, 0.28298, 0.10424],
}
"""The weights after five steps of each original, under Keras 2's own base: see `test_optimizers.STEPS`."""
