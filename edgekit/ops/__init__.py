"""What ncnn's layer types are: parameters, weights, cost and shapes."""

from edgekit.ops.describe import Activation, activation, describe
from edgekit.ops.spec import LayerSpec, Params, ParamSpec, WeightSpec, decode, problems
from edgekit.ops.table import OFF_BY_DEFAULT, REGISTERED, SPECS, UnknownLayerType, spec_of

__all__ = [
    "OFF_BY_DEFAULT",
    "REGISTERED",
    "SPECS",
    "Activation",
    "LayerSpec",
    "ParamSpec",
    "Params",
    "UnknownLayerType",
    "WeightSpec",
    "activation",
    "decode",
    "describe",
    "problems",
    "spec_of",
]
