"""What the service answers, as OpenAPI documents it. No answer holds metadata of an image or a path of this machine."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dataprep.core.errors import on_one_line
from dataprep.store.manifest import Reason
from models.predict.prediction import Prediction
from models.predict.prediction import Refusal as RefusedImage

_LONGEST_NAME = 200

ProblemReason = Literal[
    "bad_request",
    "unknown_host",
    "foreign_origin",
    "not_found",
    "method_not_allowed",
    "too_many_bytes",
    "too_many_images",
    "no_usable_image",
    "busy",
    "model_failed",
]
"""Why a whole request was refused."""

Probability = float


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Refused(_Answer):
    """Why an image could not be used."""

    reason: Reason = Field(description="One of the reasons for which ingest leaves a file out.")
    message: str


class ClassProbability(_Answer):
    """A class and its probability."""

    class_name: str
    probability: Probability = Field(ge=0, le=1.001)


class ImageAnswer(_Answer):
    """What the model says of one image; all but the name is empty where it was refused."""

    name: str = Field(description="The name that was sent, without folders.")
    predicted: str | None = Field(description="The most probable class.")
    confidence: Probability | None = Field(description="Its probability, 0 to 1.")
    top: list[ClassProbability] = Field(description="The most probable classes, the surest first.")
    accepted: bool | None = Field(
        description="Whether the confidence reaches the threshold for the precision asked for; null where none was asked for."
    )
    unlike: list[str] | None = Field(
        description="In what the image is unlike all training images; empty of a usual one, null where that is not known."
    )
    refused: Refused | None = Field(description="Why the image could not be used; null where it could.")


class Answers(_Answer):
    """One answer for each image, in the order in which they were sent."""

    images: list[ImageAnswer]


class Problem(_Answer):
    """Why a request was refused."""

    reason: ProblemReason
    message: str
    images: list[ImageAnswer] = Field(default=[], description="What was wrong with each image, where that is the reason.")


class Health(_Answer):
    """That the service answers, and with what."""

    status: Literal["ok"] = "ok"
    classes: int = Field(description="Number of classes.")
    image_shape: Annotated[list[int], Field(min_length=3, max_length=3)] = Field(
        description="Height, width and channels of an image as the network takes it."
    )


def answer_of(prediction: Prediction) -> ImageAnswer:
    """A prediction as it is answered."""
    return ImageAnswer(
        name=prediction.name,
        predicted=prediction.class_name,
        confidence=prediction.confidence,
        top=[ClassProbability(class_name=own.class_name, probability=own.probability) for own in prediction.top],
        accepted=prediction.accepted,
        unlike=None if prediction.unlike is None else list(prediction.unlike),
        refused=refused_of(prediction.refused),
    )


def refused_of(refusal: RefusedImage | None) -> Refused | None:
    """A refusal as it is answered."""
    return None if refusal is None else Refused(reason=refusal.reason, message=refusal.message)


def shown_name(sent: str | None) -> str:
    r"""A file name as a client sent it, without folders, on one line and not longer than 200 characters.

    >>> shown_name("C:\\Users\\me\\a.png"), shown_name("/home/me/a\nb.png"), shown_name(None)
    ('a.png', 'a\\nb.png', '')
    """
    return on_one_line(re.split(r"[/\\]", sent or "")[-1])[:_LONGEST_NAME]
