"""The section `augment` of params.yaml.

To add an operation, write its section here, as a field of `AugmentConfig` where it is to be applied, and what it does in
`dataprep.augment.apply`. What is drawn for it is read from its section.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from dataprep.config.base import Fraction, Name, Section, Seed
from dataprep.core.errors import did_you_mean, shortened


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if not all(map(math.isfinite, ends)):
        raise ValueError(f"must be two numbers; got {list(ends)}. Correct the value")
    if ends[0] > ends[1]:
        raise ValueError(f"must be [lowest, highest]; got {list(ends)}. Exchange the two")
    return ends


def _within(lowest: float, highest: float) -> Callable[[tuple[float, float]], tuple[float, float]]:
    def check(ends: tuple[float, float]) -> tuple[float, float]:
        if not (lowest <= ends[0] and ends[1] <= highest):
            raise ValueError(f"must lie within {lowest:g} to {highest:g}; got {list(ends)}. Correct the value")
        return ends

    return check


Range = Annotated[tuple[float, float], Field(strict=False), AfterValidator(_ascending)]
"""The lowest and the highest value of a parameter, which is drawn uniformly between them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Which operations change a label of one kind, and from which angle on a rotation does."""

    changed_by: tuple[str, ...]
    most_degrees: float


# A mirrored 2 is no digit, and a mirrored b is a d; 6 and 9, or N and Z, are the same shape, rotated.
LABELS = {
    "digits": Kind(changed_by=("horizontal_flip", "vertical_flip"), most_degrees=60.0),
    "letters": Kind(changed_by=("horizontal_flip", "vertical_flip"), most_degrees=40.0),
}
Turn = Annotated[Range, AfterValidator(_within(-180, 180))]
Slant = Annotated[Range, AfterValidator(_within(-60, 60))]
Offset = Annotated[Range, AfterValidator(_within(-1, 1))]
Factor = Annotated[Range, AfterValidator(_within(0.1, 10))]
AreaFraction = Annotated[Range, AfterValidator(_within(0, 1))]
Levels = Annotated[Range, AfterValidator(_within(0, 255))]


class OperationConfig(Section):
    """One operation: its probability for an image. Subclasses add its parameters; one number is drawn from each range."""

    probability: Fraction

    neutral: ClassVar[float] = 0.0
    """The value of its ranges that changes nothing."""

    chances: ClassVar[tuple[str, ...]] = ()
    """What else is drawn for an image, evenly from [0, 1)."""

    channels: ClassVar[Literal[1, 3]] = 1
    """3 where it takes RGB images only."""

    @classmethod
    def ranges(cls) -> Mapping[str, str]:
        """The numbers that are drawn from ranges, by name, each with the name of its range."""
        return {name: name for name, field in cls.model_fields.items() if field.annotation == tuple[float, float]}


class MixingConfig(Section):
    """One way to mix images with others: its probability for an image."""

    probability: Fraction


class RotationConfig(OperationConfig):
    """Rotation about the image's centre, counter-clockwise."""

    degrees: Turn


class ShiftConfig(OperationConfig):
    """Shift to the right and down, each drawn separately, as a fraction of the image's width and height."""

    fraction: Offset

    @classmethod
    def ranges(cls) -> Mapping[str, str]:
        return {"x_fraction": "fraction", "y_fraction": "fraction"}


class ZoomConfig(OperationConfig):
    """Zoom about the image's centre; a factor above 1 enlarges."""

    factor: Factor
    neutral = 1.0


class ShearConfig(OperationConfig):
    """Horizontal shear about the image's centre: an upright line leans by an angle."""

    degrees: Slant


class PenWidthConfig(OperationConfig):
    """Strokes thicker (above 0) or thinner (below 0) by so many pixels at each edge; `ink` is their color."""

    px: Annotated[Range, AfterValidator(_within(-16, 16))]
    ink: Literal["dark", "light"]


class ElasticConfig(OperationConfig):
    """Elastic distortion: each pixel moves by a random field, smoothed over `smoothness_px` and scaled by `strength`."""

    strength: Annotated[Range, AfterValidator(_within(0, 10_000))]
    smoothness_px: Annotated[float, Field(gt=0.0, le=1000.0)]
    chances = ("field",)


class GridDistortionConfig(OperationConfig):
    """Grid distortion: the cells of a grid of `num_cells` x `num_cells` grow and shrink by up to a fraction."""

    strength: Annotated[Range, AfterValidator(_within(0, 0.9))]
    num_cells: Annotated[int, Field(ge=2, le=64)]
    chances = ("field",)


class GaussianBlurConfig(OperationConfig):
    """Blur by a Gaussian of the given standard deviation."""

    sigma_px: Annotated[Range, AfterValidator(_within(0, 100))]


class MotionBlurConfig(OperationConfig):
    """Blur along a straight line of the given length in any direction."""

    length_px: Annotated[Range, AfterValidator(_within(1, 199))]
    chances = ("direction",)
    neutral = 1.0


class BrightnessConfig(OperationConfig):
    """Gray levels added to all pixels, as a fraction of 255."""

    fraction: Offset


class ContrastConfig(OperationConfig):
    """Distance of each gray level from middle gray, times a factor."""

    factor: Factor
    neutral = 1.0


class ChannelShuffleConfig(OperationConfig):
    """Another order of the three channels."""

    chances = ("order",)
    channels = 3


class ErasingConfig(OperationConfig):
    """A rectangle that covers this fraction of the image becomes `augment.fill`."""

    fraction: AreaFraction
    chances = ("aspect", "x", "y")


class NoiseConfig(OperationConfig):
    """Gaussian noise added to each pixel and channel; std in gray levels."""

    std: Levels
    chances = ("offset",)


class SaltAndPepperConfig(OperationConfig):
    """A fraction of the pixels becomes white or black, one as often as the other."""

    fraction: AreaFraction
    chances = ("offset",)


class MixupConfig(MixingConfig):
    """Linear superposition of two images and of their labels; the weight is drawn from Beta(alpha, alpha)."""

    alpha: Annotated[float, Field(gt=0.0, le=1000.0)]


class CutmixConfig(MixingConfig):
    """A rectangle of another image, whose area's fraction is drawn from Beta(alpha, alpha); labels by area."""

    alpha: Annotated[float, Field(gt=0.0, le=1000.0)]


class SuperposeConfig(MixingConfig):
    """Sum or mean of images of different classes; the target is the union of their labels."""

    num_images: Annotated[int, Field(ge=2, le=16)]
    combine: Literal["sum", "mean"]


class AugmentConfig(Section):
    """The augmentation of train images; other images are never augmented."""

    online: bool
    copies: Annotated[int, Field(ge=0, le=1000)]
    seed: Seed
    balance: Literal["none", "oversample", "to_fraction"]
    balance_fraction: Annotated[float, Field(gt=0.0, le=1.0)]
    label_safe: Annotated[tuple[Name, ...], Field(strict=False, max_length=100)]
    fill: Annotated[int, Field(ge=0, le=255)]
    # Each field is an operation, in the order in which they are applied; then come the ways to mix images.
    pen_width: PenWidthConfig
    horizontal_flip: OperationConfig
    vertical_flip: OperationConfig
    zoom: ZoomConfig
    shear: ShearConfig
    rotation: RotationConfig
    shift: ShiftConfig
    elastic: ElasticConfig
    grid_distortion: GridDistortionConfig
    gaussian_blur: GaussianBlurConfig
    motion_blur: MotionBlurConfig
    brightness: BrightnessConfig
    contrast: ContrastConfig
    inversion: OperationConfig
    channel_shuffle: ChannelShuffleConfig
    erasing: ErasingConfig
    noise: NoiseConfig
    salt_and_pepper: SaltAndPepperConfig
    mixup: MixupConfig
    cutmix: CutmixConfig
    superpose: SuperposeConfig

    @field_validator("label_safe")
    @classmethod
    def _known(cls, label_safe: tuple[str, ...]) -> tuple[str, ...]:
        known = [*LABELS, *OPERATIONS, *MIXINGS]
        for entry in label_safe:
            if entry not in known:
                raise ValueError(
                    f"must name kinds of labels ({', '.join(LABELS)}) or operations that change a class; "
                    f"got {shortened(entry)}. "
                    f"{did_you_mean(entry, known)}"
                )
        return label_safe

    @model_validator(mode="after")
    def _labels_stay_true(self) -> "AugmentConfig":
        for entry in self.label_safe:
            kind = LABELS.get(entry, Kind(changed_by=(entry,), most_degrees=180.0))
            for name in kind.changed_by:
                if (probability := getattr(self, name).probability) > 0:
                    raise ValueError(
                        f"{name} must have probability 0, since label_safe has {entry!r} and it changes such a class; "
                        f"got {probability:g}. Set it to 0, or take {entry!r} out of augment.label_safe"
                    )
            farthest = max(map(abs, self.rotation.degrees))
            if self.rotation.probability > 0 and farthest > kind.most_degrees:
                raise ValueError(
                    f"rotation.degrees must lie within {-kind.most_degrees:g} to {kind.most_degrees:g}, since label_safe has "
                    f"{entry!r} (a 6 that is turned too far is a 9); got {list(self.rotation.degrees)}. Narrow it"
                )
        return self

    @model_validator(mode="after")
    def _one_partner_operation_an_image(self) -> "AugmentConfig":
        shares = {name: getattr(self, name).probability for name in MIXINGS}
        if not self.online and any(shares.values()):
            raise ValueError(
                f"{', '.join(name for name, share in shares.items() if share)} must have probability 0 for online false, since "
                "images are mixed anew in each epoch or never. Set online to true, or the probability to 0"
            )
        if sum(shares.values()) > 1 + 1e-9:
            terms = " + ".join(f"{share:g}" for share in shares.values())
            raise ValueError(
                f"mixup, cutmix and superpose must have probabilities whose sum is at most 1, since an image gets one of them; "
                f"got {terms}. Lower one"
            )
        return self

    @property
    def varies(self) -> bool:
        """Whether any image can be augmented."""
        return self.online or self.copies > 0


S = TypeVar("S", bound=Section)


def _sections_of(kind: type[S]) -> dict[str, type[S]]:
    annotations = {name: field.annotation for name, field in AugmentConfig.model_fields.items()}
    return {name: own for name, own in annotations.items() if isinstance(own, type) and issubclass(own, kind)}


OPERATIONS = _sections_of(OperationConfig)
"""The section of each operation, by name, in the order in which they are applied."""

MIXINGS = tuple(_sections_of(MixingConfig))
