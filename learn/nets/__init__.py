"""Nets of torch whose weights are integers: layers, an optimizer that steps them by rules, and their circuits.

Importing this package imports torch.
"""

from learn.errors import NetError

try:
    import torch  # noqa: F401 -- so that what is missing is said once
except ModuleNotFoundError:
    raise NetError("nets: torch is not installed; pip install 'gatewright[torch]'") from None

from learn.nets.circuit import agreeing, to_circuit
from learn.nets.gradients import QuantisedGradients, dq_hook
from learn.nets.layers import (
    BooleanConv2d,
    BooleanLinear,
    GroupSum,
    IntegerBias,
    IntegerConv2d,
    IntegerLinear,
    LUTLayer,
    Threshold,
    integer_cross_entropy,
    zim_weights,
)
from learn.nets.narrow import narrowed
from learn.nets.optimizer import DiscreteOptimizer, parameter_groups
from learn.nets.share import shared_by

__all__ = [
    "BooleanConv2d",
    "BooleanLinear",
    "DiscreteOptimizer",
    "GroupSum",
    "IntegerBias",
    "IntegerConv2d",
    "IntegerLinear",
    "LUTLayer",
    "NetError",
    "QuantisedGradients",
    "Threshold",
    "agreeing",
    "dq_hook",
    "integer_cross_entropy",
    "narrowed",
    "parameter_groups",
    "shared_by",
    "to_circuit",
    "zim_weights",
]
