"""The catalogue: every network of the zoo, as data. Importing it does not import torch.

`document N` is the N-th source document of the project; a paper or repository beside it is
where a table comes from on which the documents are silent.
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
    source: str,
    builder: str,
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
        inputs=(_input("image", (1, 3, "resolution", "resolution"), "image", *_NORMALIZED),),
        outputs=("logits",),
        arguments=(*arguments, size, _CLASSES),
        calibration=MappingProxyType({"resolution": calibrate_at}),
    )


_V4 = "arXiv:2404.10518; document 2"
_V4_HYBRID = "arXiv:2404.10518 tables 12 and 13, blocks as in huggingface/pytorch-image-models"
_GTCRN = "Rong et al., ICASSP 2024; Xiaobin-Rong/gtcrn; document 4"
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
        "arXiv:1704.04861 table 1; documents 1, 2 and 3 (amc: arXiv:1802.03494; document 1)",
        "mobilenet_v1:build",
        Argument("profile", "normal", "channel list", ("normal", "amc")),
        _width(0.25, 0.5, 0.75, 1.0),
    ),
    _classifier(
        "mobilenet_v2",
        "arXiv:1801.04381 table 2; documents 1, 2 and 3",
        "mobilenet_v2:build",
        _width(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    ),
    _classifier(
        "mobilenet_v3_large",
        "arXiv:1905.02244 table 1; documents 2 and 3",
        "mobilenet_v3:build_large",
        _width(0.35, 0.5, 0.75, 1.0, 1.25),
        _REDUCED_TAIL,
    ),
    _classifier(
        "mobilenet_v3_small",
        "arXiv:1905.02244 table 2; documents 2 and 3",
        "mobilenet_v3:build_small",
        _width(0.35, 0.5, 0.75, 1.0, 1.25),
        _REDUCED_TAIL,
    ),
    _classifier("mobilenet_v4_conv_small", _V4, "mobilenet_v4:build_conv_small"),
    _classifier("mobilenet_v4_conv_medium", _V4, "mobilenet_v4:build_conv_medium", resolution=256),
    _classifier("mobilenet_v4_conv_large", _V4, "mobilenet_v4:build_conv_large", resolution=384),
    _classifier(
        "mobilenet_v4_hybrid_medium",
        _V4_HYBRID,
        "mobilenet_v4:build_hybrid_medium",
        resolution=256,
        calibrate_at=256,
    ),
    _classifier(
        "mobilenet_v4_hybrid_large",
        _V4_HYBRID,
        "mobilenet_v4:build_hybrid_large",
        resolution=384,
        calibrate_at=320,
    ),
    _classifier(
        "shufflenet_v1",
        "arXiv:1707.01083 table 1, stems as in megvii-model/ShuffleNet-Series; document 3",
        "shufflenet:build_v1",
        Argument("groups", 3, "groups of the 1x1 convolutions", (1, 2, 3, 4, 8)),
        _width(0.5, 1.0, 1.5, 2.0),
        family="ShuffleNet",
    ),
    _classifier(
        "shufflenet_v2",
        "arXiv:1807.11164 table 5; document 3",
        "shufflenet:build_v2",
        _width(0.5, 1.0, 1.5, 2.0),
        family="ShuffleNet",
    ),
    _classifier(
        "se_resnet18",
        "arXiv:1709.01507 on the ResNet-18 of arXiv:1512.03385; document 3",
        "attention_resnet:build_se",
        family="Attention",
    ),
    _classifier(
        "cbam_resnet18",
        "arXiv:1807.06521 table 4; document 3",
        "attention_resnet:build_cbam",
        family="Attention",
    ),
    Entry(
        name="hybridsn",
        family="Hyperspectral",
        source="arXiv:1902.06701 table I; document 3",
        builder="edgekit.models.hybridsn:build",
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
        source="document 4",
        builder="edgekit.models.separable:build",
        inputs=(_input("features", (1, "in_channels", 50, 129), "features", -3.0, 3.0),),
        outputs=("features",),
        arguments=(
            Argument("in_channels", 16, "input channels", low=1, high=4096),
            Argument("out_channels", 32, "output channels", low=1, high=4096),
            Argument("kernel", 3, "height and width of the depthwise kernel", (3, 5, 7)),
        ),
    ),
    Entry(
        name="gtconv_block",
        family="Block",
        source="document 4, attention and padding as in Xiaobin-Rong/gtcrn",
        builder="edgekit.models.gtcrn:build_block",
        inputs=(_input("features", (1, 16, "frames", 33), "features", -3.0, 3.0),),
        outputs=("features",),
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
        inputs=(_input("spectrum", (1, 2, "frames", 257), "spectrum", *_SPECTRUM),),
        outputs=("spectrum",),
        arguments=(_FRAMES,),
        calibration_batch=1,
    ),
    Entry(
        name="gtcrn_stream",
        family="Speech",
        source=_GTCRN,
        builder="edgekit.models.gtcrn_stream:build",
        finisher="edgekit.models.gtcrn_stream:finish",
        inputs=(_input("frame", (1, 2, 1, 257), "spectrum", *_SPECTRUM), *_GTCRN_STATES),
        outputs=("frame", *(f"next_{state.name}" for state in _GTCRN_STATES)),
    ),
    Entry(
        name="audio_encoder",
        family="Talking face",
        source="document 0",
        builder="edgekit.models.audio_face:build_encoder",
        inputs=(_input("audio", (1, 1, 256, 20), "mel", -4.0, 4.0),),
        outputs=("features",),
    ),
    Entry(
        name="audio_face_unet",
        family="Talking face",
        source="document 0",
        builder="edgekit.models.audio_face:build",
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
