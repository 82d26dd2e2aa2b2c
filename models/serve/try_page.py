"""The page to try a model: one draws or drops an image, and sees what the network sees and says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
import numpy as np
from fastapi import FastAPI, File, Form, UploadFile
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from models.predict.prediction import PreparedImage
from models.report.heat import heat_address
from models.report.page import page_environment, policy_hash, read_style
from models.report.pictures import picture_address
from models.serve.answers import ClassProbability, ImageAnswer, answer_of, shown_name
from models.serve.labelled_drawings import CannotAddError, RawFolder, add_image
from models.serve.model_worker import Look, NearImage
from models.serve.service import PROBLEMS, Service
from models.serve.user_drawings import Easel

PATHS = ("/", "/try", "/add")
"""Routes of the page."""

_HERE = Path(__file__).parent
_BARS = 20  # classes, the most probable first
_LISTED_LABELS = 1000
_SEEN_PX, _SEEN_QUALITY = 512, 90


class NearTrainImage(BaseModel):
    """A train image that resembles the image that was tried."""

    model_config = ConfigDict(frozen=True)

    id: str
    class_name: str
    picture: str | None


class Tried(BaseModel):
    """What is shown of one image; pictures are data addresses. Of a refused image there are none."""

    model_config = ConfigDict(frozen=True)

    answer: ImageAnswer
    size: Annotated[list[int], Field(min_length=2, max_length=2, description="Height and width of the file, in pixels.")]
    probabilities: list[ClassProbability]
    seen: str | None
    saliency: str | None
    nearest: list[NearTrainImage]


class Added(BaseModel):
    """Where a drawing was put, relative to the raw folder, or why it was not."""

    model_config = ConfigDict(frozen=True)

    path: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Tryout:
    """What the page offers.

    Attributes:
        easel: what one draws on.
        raw: where drawings are added; a sentence where they cannot be.
        picture: the data address of a train image by its id; None where there is none.
        note: what the model lacks, in a sentence.
    """

    easel: Easel
    raw: RawFolder | str
    picture: Callable[[str], str | None] = field(default=lambda _: None)
    note: str | None = None


def add_try_page(app: FastAPI, service: Service, tryout: Tryout) -> None:
    """Adds the page and what it asks for."""
    page, policy = render_page(service, tryout)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": policy})

    @app.post("/try", responses=PROBLEMS)
    async def try_image(
        image: Annotated[UploadFile, File(description="An image file, or the PNG of a drawing.")],
        is_drawing: Annotated[bool, Form(description="Whether it is a drawing, which is reduced to the usual size.")] = False,  # noqa: FBT002  # of a form
    ) -> Tried:
        """Says all that is known of one image; status 200 also where it is refused, for the page to show why."""
        name, content = shown_name(image.filename), await image.read()
        if is_drawing:
            prepared = (await service.drawn(name, content, tryout.easel)).image
        else:
            [prepared] = await service.prepared([(name, content)])
        look = await asyncio.wrap_future(service.worker.look(prepared))
        service.metrics.note_images([look.prediction])
        return await anyio.to_thread.run_sync(tried, look, prepared, service.worker.model.class_names, tryout)

    @app.post("/add", responses=PROBLEMS)
    async def add_drawing(
        image: Annotated[UploadFile, File(description="The PNG of a drawing.")],
        label: Annotated[str, Form(description="The class of what was drawn; an empty one is refused.")] = "",
    ) -> Added:
        """Saves a drawing in the raw folder, for the next rebuild; status 200 also where that is refused."""
        if isinstance(tryout.raw, str):
            return Added(refused=tryout.raw)
        read = await service.drawn(shown_name(image.filename), await image.read(), tryout.easel)
        if not read.content:
            return Added(refused=read.image.refused.message if read.image.refused else None)
        try:
            return Added(path=await anyio.to_thread.run_sync(add_image, tryout.raw, label, read.content))
        except CannotAddError as error:
            return Added(refused=str(error))


def tried(look: Look, prepared: PreparedImage, class_names: list[str], tryout: Tryout) -> Tried:
    """What is shown of one image.

    Args:
        look: what the model said.
        prepared: the image.
        class_names: in the order of the probabilities.
        tryout: what the page offers.
    """
    prediction = look.prediction
    order = np.argsort(-prediction.probabilities, kind="stable")[:_BARS].tolist()
    return Tried(
        answer=answer_of(prediction),
        size=[prepared.height, prepared.width],
        probabilities=[
            ClassProbability(class_name=class_names[place], probability=float(prediction.probabilities[place]))
            for place in order
        ],
        seen=None if prediction.pixels is None else picture_address(prediction.pixels, max_px=_SEEN_PX, quality=_SEEN_QUALITY),
        saliency=None if look.saliency is None else heat_address(look.saliency),
        nearest=[_near(own, tryout) for own in look.nearest],
    )


def render_page(service: Service, tryout: Tryout) -> tuple[str, str]:
    """The page as HTML, and its content security policy: it loads nothing, and asks this service alone."""
    style = read_style() + (_HERE / "try.css").read_text(encoding="utf-8")
    script = (_HERE / "try.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; img-src data: blob:; style-src '{policy_hash(style)}'; script-src '{policy_hash(script)}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    page = (
        page_environment(_HERE)
        .get_template("try.html")
        .render(style=style, script=script, settings=_settings(service, tryout), note=tryout.note, why_not=_why_not(tryout))
    )
    return page, policy


def _settings(service: Service, tryout: Tryout) -> dict[str, Any]:
    model, easel = service.worker.model, tryout.easel
    height, width = easel.canvas
    return {
        "classNames": model.class_names[:_LISTED_LABELS],
        "canvas": {"height": height, "width": width, "penFraction": easel.pen_fraction, "paper": easel.paper, "ink": easel.ink},
        "file": {"height": easel.height, "width": easel.width},
        "imageBytes": service.limits.image_bytes,
        "mayAdd": _why_not(tryout) is None,
    }


def _why_not(tryout: Tryout) -> str | None:
    return tryout.raw if isinstance(tryout.raw, str) else None


def _near(image: NearImage, tryout: Tryout) -> NearTrainImage:
    return NearTrainImage(id=image.id, class_name=image.class_name, picture=tryout.picture(image.id))
