"""The catalogue: every network of the zoo, as data. Importing it does not import torch.

`source` names the paper whose table an architecture is, and a repository where the paper leaves
details open. Parameters and MACs are those of the default arguments (see `summary`).
"""

from __future__ import annotations

from types import MappingProxyType

from edgekit.models.entry import Argument, Entry, InputKind, InputTemplate

_NORMALIZED = (-2.1, 2.6)  # an image of [0, 1] minus the ImageNet mean, over its deviation
_SIZES = (96, 128, 160, 192, 224, 256, 320, 384, 448)
_CLASSES = Argument("classes", 1000, "outputs of the classifier", low=1, high=100000)
_REDUCED_TAIL = Argument("reduced_tail", False, "halve the channels of the last stage and the head")


def _width(*choices: float) -> Argument:
    return Argument("width", 1.0, "multiplier of the channels", choices)


def _input(
    name: str, shape: tuple[int | str, ...], kind: InputKind, low: float, high: float
) -> InputTemplate:
    return InputTemplate(name, shape, kind, (low, high))


def _classifier(
    name: str,
    parameters: int,
    macs: int,
    builder: str,
    source: str,
    *arguments: Argument,
    family: str = "MobileNet",
    resolution: int = 224,
    calibrate_at: int = 192,
) -> Entry:
    """An ImageNet classifier: one image in, logits out, with the arguments they all share."""
    size = Argument("resolution", resolution, "height and width of the image", _SIZES, shapes_only=True)
    return Entry(
        name=name,
        family=family,
        source=source,
        builder=f"edgekit.models.{builder}",
        parameters=parameters,
        macs=macs,
        inputs=(_input("image", (1, 3, "resolution", "resolution"), "image", *_NORMALIZED),),
        outputs=("logits",),
        arguments=(*arguments, size, _CLASSES),
        calibration=MappingProxyType({"resolution": calibrate_at}),
    )


_V4 = "arXiv:2404.10518 (Conv-S, M, L as in tensorflow/models)"
_V4_HYBRID = "arXiv:2404.10518 (hybrids as in huggingface/pytorch-image-models)"
_GTCRN = "Rong et al., ICASSP 2024 (bands and layers as in Xiaobin-Rong/gtcrn)"
_SPECTRUM = (-5.0, 5.0)
_FRAMES = Argument("frames", 63, "frames of the clip, 16 ms each", low=2, high=2000, shapes_only=True)


def _gtcrn_states() -> tuple[InputTemplate, ...]:
    def block(name: str, dilation: int) -> tuple[InputTemplate, InputTemplate]:
        return (
            _input(f"{name}_history", (1, 16, 2 * dilation, 33), "state", -2.0, 2.0),
            _input(f"{name}_memory", (1, 16), "state", -1.0, 1.0),
        )

    def dual_path(name: str) -> tuple[InputTemplate, InputTemplate]:
        return (
            _input(f"{name}_memory1", (1, 33, 8), "state", -1.0, 1.0),
            _input(f"{name}_memory2", (1, 33, 8), "state", -1.0, 1.0),
        )

    return (
        *(one for index, dilation in enumerate((1, 2, 5)) for one in block(f"encoder{index}", dilation)),
        *(one for index in (1, 2) for one in dual_path(f"dual_path{index}")),
        *(one for index, dilation in enumerate((5, 2, 1)) for one in block(f"decoder{index}", dilation)),
    )


_GTCRN_STATES = _gtcrn_states()

ENTRIES: tuple[Entry, ...] = (
    _classifier(
        "mobilenet_v1",
        4_231_976,
        568_740_352,
        "mobilenet_v1:build",
        "arXiv:1704.04861 table 1 (amc: arXiv:1802.03494, mit-han-lab/amc)",
        Argument("profile", "normal", "channel list", ("normal", "amc")),
        _width(0.25, 0.5, 0.75, 1.0),
    ),
    _classifier(
        "mobilenet_v2",
        3_504_872,
        300_774_272,
        "mobilenet_v2:build",
        "arXiv:1801.04381 table 2",
        _width(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    ),
    _classifier(
        "mobilenet_v3_large",
        5_483_032,
        216_589_760,
        "mobilenet_v3:build_large",
        "arXiv:1905.02244 table 1",
        _width(0.35, 0.5, 0.75, 1.0, 1.25),
        _REDUCED_TAIL,
    ),
    _classifier(
        "mobilenet_v3_small",
        2_542_856,
        56_510_400,
        "mobilenet_v3:build_small",
        "arXiv:1905.02244 table 2",
        _width(0.35, 0.5, 0.75, 1.0, 1.25),
        _REDUCED_TAIL,
    ),
    _classifier(
        "mobilenet_v4_conv_small",
        3_774_024,
        186_005_568,
        "mobilenet_v4:build_conv_small",
        _V4,
    ),
    _classifier(
        "mobilenet_v4_conv_medium",
        9_715_512,
        1_080_244_224,
        "mobilenet_v4:build_conv_medium",
        _V4,
        resolution=256,
    ),
    _classifier(
        "mobilenet_v4_conv_large",
        32_590_864,
        6_376_220_672,
        "mobilenet_v4:build_conv_large",
        _V4,
        resolution=384,
        calibrate_at=256,
    ),
    _classifier(
        "mobilenet_v4_hybrid_medium",
        11_074_648,
        1_271_183_360,
        "mobilenet_v4:build_hybrid_medium",
        _V4_HYBRID,
        resolution=256,
        calibrate_at=256,
    ),
    _classifier(
        "mobilenet_v4_hybrid_large",
        37_764_624,
        7_711_877_120,
        "mobilenet_v4:build_hybrid_large",
        _V4_HYBRID,
        resolution=384,
        calibrate_at=320,
    ),
    _classifier(
        "shufflenet_v1",
        1_865_728,
        137_460_672,
        "shufflenet:build_v1",
        "arXiv:1707.01083 table 1 (stems as in megvii-model/ShuffleNet-Series)",
        Argument("groups", 3, "groups of the 1x1 convolutions", (1, 2, 3, 4, 8)),
        _width(0.5, 1.0, 1.5, 2.0),
        family="ShuffleNet",
    ),
    _classifier(
        "shufflenet_v2",
        2_278_604,
        144_907_992,
        "shufflenet:build_v2",
        "arXiv:1807.11164 table 5",
        _width(0.5, 1.0, 1.5, 2.0),
        family="ShuffleNet",
    ),
    _classifier(
        "se_resnet18",
        11_778_592,
        1_814_160_384,
        "attention_resnet:build_se",
        "arXiv:1709.01507 on the ResNet-18 of arXiv:1512.03385",
        family="Attention",
    ),
    _classifier(
        "cbam_resnet18",
        11_779_392,
        1_815_063_764,
        "attention_resnet:build_cbam",
        "arXiv:1807.06521 table 4",
        family="Attention",
    ),
    Entry(
        name="hybridsn",
        family="Hyperspectral",
        source="arXiv:1902.06701 table I",
        builder="edgekit.models.hybridsn:build",
        parameters=5_122_176,
        macs=247_683_392,
        inputs=(_input("patch", (1, 1, "bands", "window", "window"), "cube", -2.0, 2.0),),
        outputs=("logits",),
        arguments=(
            Argument("bands", 30, "spectral bands after reduction", low=13, high=200),
            Argument("window", 25, "height and width of the patch", low=9, high=65),
            Argument("classes", 16, "outputs of the classifier", low=1, high=100000),
        ),
    ),
    Entry(
        name="depthwise_separable",
        family="Block",
        source="the plain block of depthwise separable convolution with PReLU",
        builder="edgekit.models.separable:build",
        parameters=769,
        macs=4_231_200,
        inputs=(_input("features", (1, "in_channels", 50, 129), "features", -3.0, 3.0),),
        outputs=("out",),
        arguments=(
            Argument("in_channels", 16, "input channels", low=1, high=4096),
            Argument("out_channels", 32, "output channels", low=1, high=4096),
            Argument("kernel", 3, "height and width of the depthwise kernel", (3, 5, 7)),
        ),
    ),
    Entry(
        name="gtconv_block",
        family="Block",
        source=_GTCRN,
        builder="edgekit.models.gtcrn:build_block",
        parameters=2_162,
        macs=1_594_152,
        inputs=(_input("features", (1, 16, "frames", 33), "features", -3.0, 3.0),),
        outputs=("out",),
        arguments=(
            Argument("dilation", 1, "dilation in time of the depthwise convolution", (1, 2, 5)),
            Argument("transposed", False, "the decoder's transposed convolutions"),
            _FRAMES,
        ),
        calibration_batch=1,
    ),
    Entry(
        name="gtcrn",
        family="Speech",
        source=_GTCRN,
        builder="edgekit.models.gtcrn:build",
        parameters=23_669,
        macs=27_713_061,
        inputs=(_input("spectrum", (1, 2, "frames", 257), "spectrum", *_SPECTRUM),),
        outputs=("enhanced",),
        arguments=(_FRAMES,),
        calibration_batch=1,
    ),
    Entry(
        name="gtcrn_stream",
        family="Speech",
        source=_GTCRN,
        builder="edgekit.models.gtcrn_stream:build",
        parameters=23_669,
        macs=438_683,
        finisher="edgekit.models.gtcrn_stream:finish",
        inputs=(_input("frame", (1, 2, 1, 257), "spectrum", *_SPECTRUM), *_GTCRN_STATES),
        outputs=("enhanced", *(f"next_{state.name}" for state in _GTCRN_STATES)),
    ),
    Entry(
        name="digits",
        family="MobileNet",
        source="arXiv:1801.04381 in miniature, trained on scikit-learn's digits",
        builder="edgekit.models.digits:build",
        parameters=39_082,
        macs=356_096,
        finisher="edgekit.models.digits:finish",
        inputs=(_input("image", (1, 1, 8, 8), "image", 0.0, 1.0),),
        outputs=("logits",),
    ),
    Entry(
        name="audio_encoder",
        family="Talking face",
        source="a lip-sync network shipped for ncnn, from a published table of its layers",
        builder="edgekit.models.audio_face:build_encoder",
        parameters=549_808,
        macs=11_096_064,
        inputs=(_input("audio", (1, 1, 256, 20), "mel", -4.0, 4.0),),
        outputs=("out",),
    ),
    Entry(
        name="audio_face_unet",
        family="Talking face",
        source="a lip-sync network shipped for ncnn, from a published table of its layers",
        builder="edgekit.models.audio_face:build",
        parameters=3_788_039,
        macs=405_492_864,
        inputs=(
            _input("audio", (1, 1, 256, 20), "mel", -4.0, 4.0),
            _input("face", (1, 6, "resolution", "resolution"), "image", -1.0, 1.0),
        ),
        outputs=("image",),
        arguments=(
            Argument(
                "resolution", 160, "height and width of the face", (96, 128, 160, 256), shapes_only=True
            ),
        ),
        calibration=MappingProxyType({"resolution": 160}),
    ),
)
