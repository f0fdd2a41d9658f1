"""Layers that move, cut, pool or resample data: parameters as ncnn's `load_param` reads them."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.graph import Param
from edgekit.ops import layouts
from edgekit.ops.spec import LayerSpec, array, choice, f, i, same, string
from edgekit.ops.table_convolution import WINDOW_2D


def _quarter(values: Mapping[str, Param]) -> int:
    size = values["n_fft"]
    assert isinstance(size, int)
    return size // 4


_BLOB_SHAPE = (i(0, "w"), i(1, "h"), i(11, "d"), i(2, "c"))
_POOL_1D = (
    choice(0, "pooling_type", "max", "average"),
    i(1, "kernel_w"),
    i(2, "stride_w", 1),
    i(3, "pad_left"),
    i(14, "pad_right", same("pad_left")),
    i(4, "global_pooling"),
    choice(5, "pad_mode", "full", "valid", "same_upper", "same_lower"),
    i(6, "avgpool_count_include_pad"),
    i(7, "adaptive_pooling"),
    i(8, "out_w"),
)
_POOL_2D = (
    *_POOL_1D,
    i(11, "kernel_h", same("kernel_w")),
    i(12, "stride_h", same("stride_w")),
    i(13, "pad_top", same("pad_left")),
    i(15, "pad_bottom", same("pad_top")),
    i(18, "out_h", same("out_w")),
)
_POOL_3D = (
    *_POOL_2D,
    i(21, "kernel_d", same("kernel_w")),
    i(22, "stride_d", same("stride_w")),
    i(23, "pad_front", same("pad_left")),
    i(16, "pad_behind", same("pad_front")),
    i(28, "out_d", same("out_w")),
)
_FOURIER = (
    i(0, "n_fft"),
    i(2, "hoplen", _quarter),
    i(3, "winlen", same("n_fft")),
    choice(4, "window_type", "ones", "hann", "hamming"),
    i(5, "center", 1),
    i(7, "normalized"),
)
_CROP_OFFSETS = (i(0, "woffset"), i(1, "hoffset"), i(13, "doffset"), i(2, "coffset"))

SOURCES = (
    LayerSpec("Input", "input of the network; a size of 0 is left open", _BLOB_SHAPE),
    LayerSpec(
        "MemoryData",
        "constant",
        (*_BLOB_SHAPE, i(21, "load_type", 1, "0 tagged, 1 raw float32")),
        layouts.memory_data,
    ),
    LayerSpec("Split", "one blob for several readers"),
    LayerSpec("Noop", "nothing"),
    LayerSpec("DeepCopy", "copy"),
)

POOLING = (
    LayerSpec("Pooling", "2-D pooling", _POOL_2D),
    LayerSpec("Pooling1D", "1-D pooling", _POOL_1D),
    LayerSpec("Pooling3D", "3-D pooling", _POOL_3D),
    LayerSpec("StatisticsPooling", "mean and optionally deviation by channel", (i(0, "include_stddev"),)),
    LayerSpec(
        "SPP",
        "spatial pyramid pooling",
        (choice(0, "pooling_type", "max", "average"), i(1, "pyramid_height", 1)),
    ),
)

SHAPING = (
    LayerSpec("Concat", "blobs joined along an axis", (i(0, "axis"),)),
    LayerSpec(
        "CopyTo",
        "second blob written into the first",
        (*_CROP_OFFSETS, array(9, "starts", "ints"), array(11, "axes", "ints")),
    ),
    LayerSpec(
        "Crop",
        "a part of a blob",
        (
            *_CROP_OFFSETS,
            i(3, "outw"),
            i(4, "outh"),
            i(14, "outd"),
            i(5, "outc"),
            i(6, "woffset2"),
            i(7, "hoffset2"),
            i(15, "doffset2"),
            i(8, "coffset2"),
            array(9, "starts", "ints"),
            array(10, "ends", "ints"),
            array(11, "axes", "ints"),
            string(19, "starts_expr"),
            string(20, "ends_expr"),
            string(21, "axes_expr"),
        ),
    ),
    LayerSpec("Diag", "diagonal of a matrix, or a matrix of a diagonal", (i(0, "diagonal"),)),
    LayerSpec("ExpandDims", "axes of length 1 put in", (array(3, "axes", "ints"),)),
    LayerSpec("Flatten", "all axes joined"),
    LayerSpec("Flip", "order reversed along axes", (array(0, "axes", "ints"),)),
    LayerSpec(
        "Padding",
        "border put on",
        (
            i(0, "top"),
            i(1, "bottom"),
            i(2, "left"),
            i(3, "right"),
            choice(4, "type", "constant", "replicate", "reflect"),
            f(5, "value"),
            i(6, "per_channel_pad_data_size"),
            i(7, "front"),
            i(8, "behind"),
        ),
        layouts.vectors(
            "per_channel_pad_data", size="per_channel_pad_data_size", when="per_channel_pad_data_size"
        ),
    ),
    LayerSpec("Permute", "axes reordered", (i(0, "order_type"),)),
    LayerSpec(
        "PixelShuffle",
        "channels to pixels",
        (i(0, "upscale_factor", 1), choice(1, "mode", "pytorch", "tensorflow")),
    ),
    LayerSpec("Reorg", "pixels to channels", (i(0, "stride", 1), choice(1, "mode", "pytorch", "tensorflow"))),
    LayerSpec(
        "Reshape",
        "axes regrouped",
        (
            i(0, "w", -233, "0 keeps, -1 is what is left, -233 is no such axis"),
            i(1, "h", -233),
            i(11, "d", -233),
            i(2, "c", -233),
            i(12, "input_batch_axis", 233),
            i(13, "output_batch_axis", 233),
            string(6, "shape_expr"),
        ),
    ),
    LayerSpec("ShuffleChannel", "channels interleaved by group", (i(0, "group", 1), i(1, "reverse"))),
    LayerSpec(
        "Slice",
        "a blob cut along an axis",
        (
            array(0, "slices", "ints", "lengths, -233 is an even share"),
            i(1, "axis"),
            array(2, "indices", "ints"),
        ),
    ),
    LayerSpec(
        "Squeeze",
        "axes of length 1 taken out",
        (
            i(0, "squeeze_w"),
            i(1, "squeeze_h"),
            i(11, "squeeze_d"),
            i(2, "squeeze_c"),
            array(3, "axes", "ints"),
        ),
    ),
    LayerSpec("Tile", "a blob repeated", (i(0, "axis"), i(1, "tiles", 1), array(2, "repeats", "ints"))),
    LayerSpec(
        "Fold",
        "patches added up to an image",
        (*WINDOW_2D, i(20, "output_w"), i(21, "output_h", same("output_w"))),
    ),
    LayerSpec("Unfold", "patches of an image as columns", (*WINDOW_2D, f(18, "pad_value"))),
)

SAMPLING = (
    LayerSpec(
        "Interp",
        "resampling to another size",
        (
            choice(0, "resize_type", "none", "nearest", "bilinear", "bicubic"),
            f(1, "height_scale", 1.0),
            f(2, "width_scale", 1.0),
            i(3, "output_height"),
            i(4, "output_width"),
            i(5, "dynamic_target_size"),
            i(6, "align_corner"),
            string(9, "size_expr"),
        ),
    ),
    LayerSpec(
        "GridSample",
        "sampling at given coordinates",
        (
            choice(0, "sample_type", "", "bilinear", "nearest", "bicubic", default=1),
            choice(1, "padding_mode", "", "zeros", "border", "reflection", default=1),
            i(2, "align_corner"),
            i(3, "permute_fusion"),
        ),
    ),
    LayerSpec(
        "Spectrogram",
        "short-time Fourier transform",
        (
            *_FOURIER,
            choice(1, "power", "complex", "magnitude", "power"),
            choice(6, "pad_type", "constant", "replicate", "reflect", default=2),
            i(8, "onesided", 1),
        ),
    ),
    LayerSpec(
        "InverseSpectrogram",
        "inverse short-time Fourier transform",
        (*_FOURIER, choice(1, "returns", "complex", "real", "imaginary")),
    ),
)

DETECTION = (
    LayerSpec(
        "PriorBox",
        "anchor boxes",
        (
            array(0, "min_sizes", "floats"),
            array(1, "max_sizes", "floats"),
            array(2, "aspect_ratios", "floats"),
            f(3, "variance_0", 0.1),
            f(4, "variance_1", 0.1),
            f(5, "variance_2", 0.2),
            f(6, "variance_3", 0.2),
            i(7, "flip", 1),
            i(8, "clip"),
            i(9, "image_width"),
            i(10, "image_height"),
            f(11, "step_width", -233.0),
            f(12, "step_height", -233.0),
            f(13, "offset"),
            i(14, "step_mmdetection"),
            i(15, "center_mmdetection"),
        ),
    ),
    LayerSpec(
        "DetectionOutput",
        "boxes of a single-shot detector",
        (
            i(0, "num_class"),
            f(1, "nms_threshold", 0.05),
            i(2, "nms_top_k", 300),
            i(3, "keep_top_k", 100),
            f(4, "confidence_threshold", 0.5),
            f(5, "variance_0", 0.1),
            f(6, "variance_1", 0.1),
            f(7, "variance_2", 0.2),
            f(8, "variance_3", 0.2),
        ),
    ),
    LayerSpec(
        "Proposal",
        "region proposals",
        (
            i(0, "feat_stride", 16),
            i(1, "base_size", 16),
            i(2, "pre_nms_topN", 6000),
            i(3, "after_nms_topN", 300),
            f(4, "nms_thresh", 0.7),
            i(5, "min_size", 16),
        ),
    ),
    LayerSpec(
        "YoloDetectionOutput",
        "boxes of YOLO v2",
        (
            i(0, "num_class", 20),
            i(1, "num_box", 5),
            f(2, "confidence_threshold", 0.01),
            f(3, "nms_threshold", 0.45),
            array(4, "biases", "floats"),
        ),
    ),
    LayerSpec(
        "Yolov3DetectionOutput",
        "boxes of YOLO v3",
        (
            i(0, "num_class", 20),
            i(1, "num_box", 5),
            f(2, "confidence_threshold", 0.01),
            f(3, "nms_threshold", 0.45),
            array(4, "biases", "floats"),
            array(5, "mask", "bits"),
            array(6, "anchors_scale", "floats"),
        ),
    ),
    LayerSpec(
        "ROIPooling",
        "max pooling of regions",
        (i(0, "pooled_width"), i(1, "pooled_height"), f(2, "spatial_scale", 1.0)),
    ),
    LayerSpec(
        "PSROIPooling",
        "position-sensitive pooling of regions",
        (
            i(0, "pooled_width", 7),
            i(1, "pooled_height", 7),
            f(2, "spatial_scale", 0.0625),
            i(3, "output_dim"),
        ),
    ),
    LayerSpec(
        "ROIAlign",
        "bilinear pooling of regions",
        (
            i(0, "pooled_width"),
            i(1, "pooled_height"),
            f(2, "spatial_scale", 1.0),
            i(3, "sampling_ratio"),
            i(4, "aligned"),
            i(5, "version"),
        ),
    ),
)
