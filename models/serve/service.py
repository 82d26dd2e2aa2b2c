"""The FastAPI application: images in, predictions out. The page to try a model is added to it by `try_page`."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.predict.prediction import Prediction, PreparedImage
from models.predict.preparation import refused
from models.serve.answers import Answers, Health, Problem, ProblemReason, answer_of, shown_name
from models.serve.image_reader import NUM_PROCESSES, ImageReader, ReadImage, SentImage
from models.serve.limits import RequestLimits
from models.serve.model_worker import BusyError, ModelWorker
from models.serve.request_guards import RequestGuards, problem
from models.serve.service_metrics import CONTENT_TYPE, ServiceMetrics
from models.serve.user_drawings import Easel

_REASONS: dict[int, ProblemReason] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_many_bytes",
    422: "bad_request",
}

T = TypeVar("T")


class Service:
    """What the routes share: the model's thread, the processes that read images, the limits, the counts."""

    def __init__(self, worker: ModelWorker, reader: ImageReader, limits: RequestLimits, metrics: ServiceMetrics) -> None:
        self.worker, self.limits, self.metrics = worker, limits, metrics
        self._reader = reader
        self._reading = CapacityLimiter(NUM_PROCESSES)

    async def prepared(self, files: Sequence[tuple[str, bytes]]) -> list[PreparedImage]:
        """Prepares files, each a name and its content, beside the event loop; one that is too large or slow is refused.

        Raises:
            BusyError: others are read for too long.
        """
        return [own.image for own in await self._beside(lambda: self._read(files, None))]

    async def drawn(self, name: str, content: bytes, easel: Easel) -> ReadImage:
        """Makes a file of a drawing and prepares it; errors as of `prepared`."""
        return (await self._beside(lambda: self._read([(name, content)], easel)))[0]

    def _read(self, files: Sequence[tuple[str, bytes]], easel: Easel | None) -> list[ReadImage]:
        end = time.monotonic() + self.limits.request_seconds
        return [self._read_one(name, content, easel, end - time.monotonic()) for name, content in files]

    def _read_one(self, name: str, content: bytes, easel: Easel | None, seconds_left: float) -> ReadImage:
        if len(content) > self.limits.image_bytes:
            words = f"has {len(content):,} bytes; one image may have {self.limits.image_bytes:,}"
            return ReadImage(refused(name, "too_many_bytes", words), b"")
        if seconds_left <= 0:
            words = f"its turn did not come within the {self.limits.request_seconds:g} s of its request"
            return ReadImage(refused(name, "too_slow", words), b"")
        return self._reader.read(SentImage(name, content, min(self.limits.image_seconds, seconds_left), easel))

    async def _beside(self, calculate: Callable[[], T]) -> T:
        """Calculates something in a thread; no more of them than there are processes that read."""
        borrower = object()
        try:
            with anyio.fail_after(self.limits.wait_seconds):
                await self._reading.acquire_on_behalf_of(borrower)
        except TimeoutError as error:
            raise BusyError from error
        try:
            return await anyio.to_thread.run_sync(calculate)
        finally:
            self._reading.release_on_behalf_of(borrower)


def make_service(
    worker: ModelWorker,
    reader: ImageReader,
    *,
    limits: RequestLimits,
    host_names: Collection[str] = (),
    paths: Sequence[str] = (),
) -> tuple[FastAPI, Service]:
    """Makes the application.

    Args:
        worker: owns the model; it must run before the first request.
        reader: reads the images of requests.
        limits: of one request.
        host_names: names, beside localhost and IP addresses, under which it may be asked.
        paths: of routes that are added to it, to be counted under their own names.
    """
    metrics = ServiceMetrics(("/predict", "/healthz", "/metrics", "/openapi.json", *paths))
    worker.on_batch = metrics.note_batch
    service = Service(worker, reader, limits, metrics)
    # No pages of documentation: those of FastAPI load scripts from elsewhere. The document itself is /openapi.json.
    app = FastAPI(title="Darkroom", summary="Classifies images.", version="1", docs_url=None, redoc_url=None)
    _add_predict(app, service)
    _add_state(app, service)
    _add_problems(app)
    app.add_middleware(
        RequestGuards,
        host_names=host_names,
        most_bytes=limits.request_bytes,
        on_request=metrics.note_request,
    )
    return app, service


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be read, or names another host."},
    403: {"model": Problem, "description": "A page of another site asked."},
    413: {"model": Problem, "description": "Too many bytes or images."},
    422: {"model": Problem, "description": "A part is missing, or no image could be used."},
    500: {"model": Problem, "description": "The network failed."},
    503: {"model": Problem, "description": "Too many images wait to be read, or for the network."},
}
"""What a route that takes images may answer beside its answer."""

_GUARDED: dict[int | str, dict[str, Any]] = {status: PROBLEMS[status] for status in (400, 403, 413)}


def _add_predict(app: FastAPI, service: Service) -> None:
    limits = service.limits

    @app.post("/predict", responses=PROBLEMS)
    async def predict(
        files: Annotated[
            list[UploadFile],
            # The most is only documented: more are refused below, with a status and a reason of their own.
            File(
                description="Image files: JPEG, PNG, BMP, GIF, TIFF, WebP, PNM.",
                min_length=1,
                json_schema_extra={"maxItems": limits.images},
            ),
        ],
    ) -> Answers:
        """Classifies images. Those that cannot be used have a reason; status 422 says that none could be used."""
        if len(files) > limits.images:
            raise ProblemError(413, "too_many_images", f"a request may have {limits.images:,} images; got {len(files):,}")
        prepared = await service.prepared([(shown_name(file.filename), await file.read()) for file in files])
        predictions: list[Prediction] = await asyncio.wrap_future(service.worker.predict(prepared))
        service.metrics.note_images(predictions)
        answers = [answer_of(own) for own in predictions]
        if all(own.refused for own in answers):
            raise ProblemError(422, "no_usable_image", "no image could be used; `images` says why", answers)
        return Answers(images=answers)


def _add_state(app: FastAPI, service: Service) -> None:
    model = service.worker.model

    @app.get("/healthz", responses={**_GUARDED, 503: {"model": Problem, "description": "The thread of the model ended."}})
    async def healthz() -> Health:
        """Whether the service answers."""
        if not service.worker.is_alive:
            raise ProblemError(503, "model_failed", "the thread of the model ended. Start the service again")
        return Health(classes=len(model.class_names), image_shape=list(model.shape))

    @app.get("/metrics", responses={**_GUARDED, 200: {"content": {"text/plain": {}}}}, response_class=Response)
    async def metrics() -> Response:
        """Counts and times in Prometheus' text format."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


class ProblemError(Exception):
    """A request that is refused, with what is answered."""

    def __init__(self, status: int, reason: ProblemReason, message: str, images: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.status, self.answer = status, Problem(reason=reason, message=message, images=list(images))


def _add_problems(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def refused_by_route(_: Request, error: ProblemError) -> Response:
        return Response(error.answer.model_dump_json(), error.status, media_type="application/json")

    @app.exception_handler(HTTPException)
    async def refused_by_framework(_: Request, error: HTTPException) -> Response:
        answer = problem(error.status_code, _REASONS.get(error.status_code, "bad_request"), str(error.detail))
        answer.headers.update(error.headers or {})  # of status 405, which methods are allowed
        return answer

    @app.exception_handler(RequestValidationError)
    async def not_as_documented(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, "bad_request", f"{where}: {first['msg']}. GET /openapi.json describes the request")

    @app.exception_handler(BusyError)
    async def busy(_: Request, __: BusyError) -> Response:
        return problem(503, "busy", "too many images wait. Send fewer at once, or again in a second")

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        return problem(500, "model_failed", "the request could not be answered. The log of the service says why")
