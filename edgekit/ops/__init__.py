"""What ncnn's layer types are: parameters, weights, cost and shapes."""

from edgekit.ops.check import Finding, check_graph
from edgekit.ops.cost import Cost, cost
from edgekit.ops.describe import Activation, activation, describe
from edgekit.ops.shape import Inferred, Unknown, infer_graph, infer_shapes
from edgekit.ops.spec import LayerSpec, Params, ParamSpec, WeightSpec, decode, problems
from edgekit.ops.table import OFF_BY_DEFAULT, REGISTERED, SPECS, UnknownLayerType, spec_of
from edgekit.ops.validate import refusal
from edgekit.ops.weights import weight_layout

__all__ = [
    "OFF_BY_DEFAULT",
    "REGISTERED",
    "SPECS",
    "Activation",
    "Cost",
    "Finding",
    "Inferred",
    "LayerSpec",
    "ParamSpec",
    "Params",
    "Unknown",
    "UnknownLayerType",
    "WeightSpec",
    "activation",
    "check_graph",
    "cost",
    "decode",
    "describe",
    "infer_graph",
    "infer_shapes",
    "problems",
    "refusal",
    "spec_of",
    "weight_layout",
]
