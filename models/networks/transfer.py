"""A pretrained backbone with a new head: what photographs need where there are hundreds of them, and not millions.

The backbone is frozen. Its features of an image do not change then, so training computes them once and fits the head on them.
Afterwards the backbone's last layers may be trained too, at a lower rate: `fine_tune`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from platformdirs import user_cache_path
from pydantic import Field, model_validator

from dataprep.config.base import Name
from models.config.network_kinds import SAVED_NETWORKS, FineTune, Layers, NetworkConfig, Rate
from models.layers.blocks import dense_layers
from models.layers.build_context import Context
from models.layers.features import Pretrained, frozen_features

if TYPE_CHECKING:
    import keras

IMAGENET = "imagenet"
LITE0 = "efficientnet_lite0"

Backbone = Literal[
    "efficientnet_lite0",
    # and what keras.applications has
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetLarge",
    "NASNetMobile",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
]


class Transfer(NetworkConfig):
    """A backbone by name, the size of the images that it gets, and the layers between its features and the head."""

    takes_gray_levels: ClassVar[bool] = True

    kind: Literal["transfer"]
    backbone: Backbone
    weights: Name
    image_side: Annotated[int, Field(ge=32, le=1024)]
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
    dense_units: Layers
    dropout: Rate
    varied_copies: Annotated[int, Field(ge=0, le=1000)]
    fine_tune: FineTune | None

    @model_validator(mode="after")
    def _weights_are_known(self) -> "Transfer":
        if self.backbone == LITE0 and self.weights != IMAGENET:
            raise ValueError(
                f"weights must be {IMAGENET!r} for backbone {LITE0!r}, whose weights come with a package; "
                f"got {self.weights!r}. Set model.network.weights to {IMAGENET}"
            )
        is_file = Path(self.weights).name == self.weights and self.weights.endswith((".keras", ".weights.h5"))
        if self.weights != IMAGENET and not is_file:
            raise ValueError(
                f"weights must be {IMAGENET!r}, or the name of a .keras or .weights.h5 file in {SAVED_NETWORKS}/, which DVC "
                f"watches; got {self.weights!r}. Put the file there, and correct model.network.weights"
            )
        return self


def build(config: Transfer, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":
    """(N, H, W, C) levels of 0 to 255 to (N, D): the backbone's features, or the outputs of the last hidden layer.

    Raises:
        ArtifactError: the backbone or its weights are missing.
    """
    from models.backbones.backbone_input import rgb_levels

    levels = rgb_levels(inputs, side=config.image_side, interpolation=config.interpolation)
    features = frozen_features(levels, load_backbone(config))
    return dense_layers(features, config.dense_units, context, dropout=config.dropout, batch_normalisation=False, noise=0.0)


def load_backbone(config: Transfer) -> Pretrained:
    """The backbone with its weights.

    Raises:
        ArtifactError: it or its weights are missing.
    """
    from models.backbones.efficientnet_lite0 import load_efficientnet_lite0
    from models.backbones.keras_applications import download_application, read_application

    if config.backbone == LITE0:
        return load_efficientnet_lite0(config.image_side, user_cache_path("darkroom"))
    if config.weights == IMAGENET:
        return download_application(config.backbone, config.image_side)
    return read_application(config.backbone, SAVED_NETWORKS / config.weights, config.image_side)
