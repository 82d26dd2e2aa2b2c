"""The sections of params.yaml that concern the data set, typed and frozen.

There are no defaults: a value that stands in code is one that DVC cannot see change.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from dataprep.errors import did_you_mean, shortened

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Deviations = Annotated[float, Field(gt=0.0, allow_inf_nan=True)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Field(gt=0, le=2**31 - 1)]
Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Pair = Annotated[tuple[int, int], Field(strict=False)]
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
PinField = Literal["origin", "group", "label"]
MAX_SIDE_PX = 32_766  # OpenCV resizes no longer side
MAX_IMAGE_PX = 2**24
MAX_SHARD_BYTES = 2**32
SIMULATED = "simulated"
"""The origin of images that are for training only."""


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _is_level(value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if is_number or value in ("auto", "full"):
        return value
    raise ValueError(f"must be auto, full or a number; got {value!r}. Correct the value")


Level = Annotated[Literal["auto", "full"] | float, BeforeValidator(_is_level)]
"""A value as files of more than 8 bits store it, or how it is found."""


class DecodeConfig(Section):
    """How the bytes of a file become pixels; ingest and prepare share it."""

    max_pixels: Annotated[int, Field(gt=0, le=89_478_485)]  # above that Pillow itself suspects a bomb
    background: Annotated[int, Field(ge=0, le=255)]
    black_level: Level
    white_level: Level

    @model_validator(mode="after")
    def _black_below_white(self) -> "DecodeConfig":
        black, white = self.black_level, self.white_level
        if isinstance(black, float) and isinstance(white, float) and not black < white:
            raise ValueError(
                f"black_level must lie below white_level; got {black:g} and {white:g}. Lower one or raise the other"
            )
        return self


class Decoding(DecodeConfig):
    """The section with what ingest found: of each type of samples of more than 8 bits, what becomes 0 and what becomes 255."""

    levels: dict[str, Annotated[tuple[float, float], Field(strict=False)]]


class LimitsConfig(Section):
    """What one file may cost; what passes a limit is quarantined, and the run goes on."""

    max_bytes: Annotated[int, Field(gt=0, le=2**50)]
    min_side: Positive
    seconds: Annotated[float, Field(gt=0.0, le=3600.0)]
    memory_mib: Annotated[int, Field(ge=64, le=2**20)]


class QualityConfig(Section):
    """How far from the data set's own median an image may lie, in robust standard deviations, before it is an issue."""

    dark: Deviations
    bright: Deviations
    low_contrast: Deviations
    blurred: Deviations
    noisy: Deviations
    low_information: Deviations
    odd_ink: Deviations
    odd_aspect: Deviations
    odd_pixel_count: Deviations


class NearDuplicatesConfig(Section):
    """When two images count as the same picture, re-encoded, resized, brightened or lightly cropped."""

    max_hash_distance: Annotated[int, Field(ge=0, le=3)]  # up to 2 the search is exhaustive, and of 3 it finds most
    max_difference: Annotated[float, Field(ge=0.0, lt=1.0)]


class IngestConfig(Section):
    """Where the images are, what their paths say, and which of them are used."""

    source: Name
    pattern: Name
    skip: Annotated[tuple[Name, ...], Field(strict=False, max_length=1000)]
    decode: DecodeConfig
    limits: LimitsConfig
    quality: QualityConfig
    near_duplicates: NearDuplicatesConfig
    label_conflict: Literal["quarantine", "keep"]
    min_class_images: Positive
    max_quarantined_fraction: Fraction


class SplitConfig(Section):
    """How images come to train, validation and test."""

    method: Literal["stratified", "hash", "given"]
    fractions: Annotated[tuple[float, float, float], Field(strict=False)]
    pin: dict[PinField, dict[str, SplitName]]
    min_test_images: Count
    seed: Seed

    @field_validator("pin")
    @classmethod
    def _simulated_is_for_training(cls, pin: dict[PinField, dict[str, SplitName]]) -> dict[PinField, dict[str, SplitName]]:
        if (split := pin.get("origin", {}).get(SIMULATED, "train")) != "train":
            raise ValueError(
                f"must leave origin {SIMULATED!r} in train, since scores on simulated images say nothing of real ones; "
                f"got {split!r}. Take the pin out, or give those images another origin"
            )
        return pin

    @field_validator("fractions")
    @classmethod
    def _partition(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        terms = " + ".join(f"{fraction:g}" for fraction in fractions)
        if not min(fractions) > 0 or not sum(fractions) < math.inf:  # not a number is neither
            raise ValueError(f"must be three numbers above 0; got {terms}. Each split needs images")
        total = sum(fractions)
        if abs(total - 1) > 1e-6:
            fix = "Reduce one of them" if total > 1 else "Enlarge one of them"
            raise ValueError(f"must sum to 1; got {terms} = {total:g}. {fix}")
        return fractions


class ResizeConfig(Section):
    """How an image of any shape is brought to the one shape that a network takes."""

    mode: Literal["stretch", "pad", "fit", "crop"]
    interpolation: Literal["nearest", "linear", "cubic", "area", "lanczos"]
    pad_value: Annotated[int, Field(ge=0, le=255)]


class SaturateConfig(Section):
    """Whether the paper of a gray image is made uniform, and how it is told from ink."""

    method: Literal["off", "threshold", "otsu"]
    threshold: Annotated[int, Field(ge=0, le=255)]
    ink: Literal["dark", "light"]


class PrepareConfig(Section):
    """What is done to the pixels of each image before they are stored."""

    image_size: Pair
    color: Literal["gray", "rgb"]
    resize: ResizeConfig
    denoise_px: Literal[0, 3, 5, 7]
    saturate: SaturateConfig
    invert: bool
    images_per_shard: Positive
    mib_per_shard: Annotated[int, Field(gt=0, le=2**20)]

    @field_validator("image_size")
    @classmethod
    def _drawable(cls, image_size: tuple[int, int]) -> tuple[int, int]:
        if min(image_size) < 1:
            raise ValueError(f"must be [height, width], each at least 1 pixel; got {shortened(list(image_size))}. Enlarge it")
        if max(image_size) > MAX_SIDE_PX or image_size[0] * image_size[1] > MAX_IMAGE_PX:
            raise ValueError(
                f"must be [height, width], each at most {MAX_SIDE_PX:,} pixels and {MAX_IMAGE_PX:,} together; "
                f"got {shortened(list(image_size))}. Reduce it"
            )
        return image_size

    @model_validator(mode="after")
    def _shard_can_be_held(self) -> "PrepareConfig":
        height, width = self.image_size
        image_bytes = height * width * (3 if self.color == "rgb" else 1)
        num_bytes = self.images_per_shard * image_bytes
        if num_bytes > MAX_SHARD_BYTES:
            raise ValueError(
                f"must make shards of at most {MAX_SHARD_BYTES / 2**30:g} GiB, since a worker holds one in memory; "
                f"images_per_shard {self.images_per_shard:,} x {height:,} x {width:,} pixels x "
                f"{image_bytes // (height * width)} = {num_bytes / 2**30:,.1f} GiB. "
                f"Set images_per_shard to at most {MAX_SHARD_BYTES // image_bytes:,}"
            )
        return self

    @model_validator(mode="after")
    def _gray_before_saturation(self) -> "PrepareConfig":
        if self.saturate.method != "off" and self.color != "gray":  # each channel by itself would tint the paper's edge
            raise ValueError(
                f"must have color 'gray' for saturate.method {self.saturate.method!r}; got {self.color!r}. "
                "Set color to gray, or saturate.method to off"
            )
        return self


class PrepareSection(PrepareConfig):
    """The section `prepare` of params.yaml: what is done to the pixels, and when the stage warns."""

    warn_below_fraction: Fraction

    @property
    def pixels(self) -> PrepareConfig:
        """What shapes the shards; the rest must not make them anew."""
        return PrepareConfig.model_validate(self.model_dump(exclude={"warn_below_fraction"}))


class StatisticsConfig(Section):
    """Over what the mean and the standard deviation are taken."""

    per: Literal["channel", "pixel"]


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
"""What a parameter is drawn from, evenly: its lowest and its highest value."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What turns labels of one kind into others, or into none."""

    changed_by: tuple[str, ...]
    most_degrees: float


MIXINGS = ("mixup", "cutmix", "superpose")

# A 2 in the mirror is no digit, b and d are each other's; 6 and 9, or N and Z, are the same shape turned.
LABELS = {
    "digits": Kind(changed_by=("horizontal_flip", "vertical_flip"), most_degrees=60.0),
    "letters": Kind(changed_by=("horizontal_flip", "vertical_flip"), most_degrees=40.0),
}

Turn = Annotated[Range, AfterValidator(_within(-180, 180))]
Slant = Annotated[Range, AfterValidator(_within(-60, 60))]
Offset = Annotated[Range, AfterValidator(_within(-1, 1))]
Factor = Annotated[Range, AfterValidator(_within(0.1, 10))]
Part = Annotated[Range, AfterValidator(_within(0, 1))]
Levels = Annotated[Range, AfterValidator(_within(0, 255))]


class OperationConfig(Section):
    """One entry of the menu: how often it happens to an image; subclasses say from what its parameters are drawn."""

    probability: Fraction


class RotationConfig(OperationConfig):
    """Rotation about the image's centre, counter-clockwise."""

    degrees: Turn


class ShiftConfig(OperationConfig):
    """Shift to the right and down, each drawn by itself, as a fraction of the image's width and height."""

    fraction: Offset


class ZoomConfig(OperationConfig):
    """Zoom about the image's centre; a factor above 1 enlarges."""

    factor: Factor


class ShearConfig(OperationConfig):
    """Horizontal shear about the image's centre: an upright line leans by an angle."""

    degrees: Slant


class PenWidthConfig(OperationConfig):
    """Strokes thicker (above 0) or thinner (below 0) by so many pixels at each edge; `ink` says what is a stroke."""

    px: Annotated[Range, AfterValidator(_within(-16, 16))]
    ink: Literal["dark", "light"]


class ElasticConfig(OperationConfig):
    """Elastic distortion: each pixel moves by a random field, smoothed over `smoothness_px` and scaled by `strength`."""

    strength: Annotated[Range, AfterValidator(_within(0, 10_000))]
    smoothness_px: Annotated[float, Field(gt=0.0, le=1000.0)]


class GridDistortionConfig(OperationConfig):
    """Grid distortion: the cells of a grid of `num_cells` x `num_cells` grow and shrink by up to a fraction."""

    strength: Annotated[Range, AfterValidator(_within(0, 0.9))]
    num_cells: Annotated[int, Field(ge=2, le=64)]


class GaussianBlurConfig(OperationConfig):
    """Blur by a Gaussian of the given standard deviation."""

    sigma_px: Annotated[Range, AfterValidator(_within(0, 100))]


class MotionBlurConfig(OperationConfig):
    """Blur along a straight line of the given length in any direction."""

    length_px: Annotated[Range, AfterValidator(_within(1, 199))]


class BrightnessConfig(OperationConfig):
    """Gray levels added to all pixels, as a fraction of 255."""

    fraction: Offset


class ContrastConfig(OperationConfig):
    """Distance of each gray level from middle gray, times a factor."""

    factor: Factor


class ErasingConfig(OperationConfig):
    """A rectangle that covers this fraction of the image becomes `augment.fill`."""

    fraction: Part


class NoiseConfig(OperationConfig):
    """Gaussian noise added to each pixel and channel; std in gray levels."""

    std: Levels


class SaltAndPepperConfig(OperationConfig):
    """A fraction of the pixels becomes white or black, one as often as the other."""

    fraction: Part


class MixupConfig(OperationConfig):
    """Linear superposition of two images and of their labels; the weight is drawn from Beta(alpha, alpha)."""

    alpha: Annotated[float, Field(gt=0.0, le=1000.0)]


class CutmixConfig(OperationConfig):
    """A rectangle of another image, whose area's fraction is drawn from Beta(alpha, alpha); labels by area."""

    alpha: Annotated[float, Field(gt=0.0, le=1000.0)]


class SuperposeConfig(OperationConfig):
    """Sum or mean of images of different classes; the target is the union of their labels."""

    num_images: Annotated[int, Field(ge=2, le=16)]
    combine: Literal["sum", "mean"]


class AugmentConfig(Section):
    """What may happen to a train image, and only to a train image."""

    online: bool
    copies: Annotated[int, Field(ge=0, le=1000)]
    seed: Seed
    balance: Literal["none", "oversample", "to_fraction"]
    balance_fraction: Annotated[float, Field(gt=0.0, le=1.0)]
    label_safe: Annotated[tuple[Name, ...], Field(strict=False, max_length=100)]
    fill: Annotated[int, Field(ge=0, le=255)]
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
    channel_shuffle: OperationConfig
    erasing: ErasingConfig
    noise: NoiseConfig
    salt_and_pepper: SaltAndPepperConfig
    mixup: MixupConfig
    cutmix: CutmixConfig
    superpose: SuperposeConfig

    @field_validator("label_safe")
    @classmethod
    def _known(cls, label_safe: tuple[str, ...]) -> tuple[str, ...]:
        known = [*LABELS, *cls._operations()]
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
        """Whether any operation can reach an image."""
        return self.online or self.copies > 0

    @classmethod
    def _operations(cls) -> list[str]:
        return [
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, OperationConfig)
        ]


class ExecuteConfig(Section):
    """Where the heavy work runs. It changes how long a run takes, never what it makes."""

    backend: Literal["local", "dask"]
    workers: Annotated[int, Field(ge=0, le=4096)]
    address: Name | None

    @model_validator(mode="after")
    def _address_can_be_used(self) -> "ExecuteConfig":
        if self.address is None:
            return self
        if self.backend == "local":
            raise ValueError(
                f"address needs backend 'dask'; got backend 'local' and address {shortened(self.address)}. Set address to null"
            )
        match = re.fullmatch(r"(tcp|tls)://[^\s/]+:(?P<port>\d{1,5})", self.address)
        if match is None or not 0 < int(match["port"]) < 65536:
            raise ValueError(
                f"address must be like tcp://10.0.0.5:8786, which the scheduler tells when it starts; "
                f"got {shortened(self.address)}. "
                "Correct the value"
            )
        return self
