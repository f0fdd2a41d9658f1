"""The catalogue: every network of the zoo, as data. Importing it does not import torch."""

from __future__ import annotations

from edgekit.models.entry import Argument, Entry, InputTemplate

_NORMALIZED = (-2.1, 2.6)  # an image of [0, 1] minus the ImageNet mean, over its deviation
_RESOLUTIONS = (96, 128, 160, 192, 224)

_CLASSES = Argument("classes", 1000, "outputs of the classifier", low=1, high=100000)
_RESOLUTION = Argument("resolution", 224, "height and width of the image", _RESOLUTIONS, shapes_only=True)
_IMAGE = (InputTemplate("image", (1, 3, "resolution", "resolution"), "image", _NORMALIZED),)
_SMALL_IMAGE = {"resolution": 96}


def _width(*choices: float) -> Argument:
    return Argument("width", 1.0, "multiplier of the channels", choices)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="mobilenet_v2",
        family="MobileNet",
        source="arXiv:1801.04381 table 2; documents 1, 2 and 3",
        builder="edgekit.models.mobilenet_v2:build",
        inputs=_IMAGE,
        outputs=("logits",),
        arguments=(_width(0.35, 0.5, 0.75, 1.0, 1.3, 1.4), _RESOLUTION, _CLASSES),
        calibration=_SMALL_IMAGE,
    ),
)
