"""The work of `darkroom serve-model` and `darkroom try`: a model is loaded, warmed up, and answers on a port."""

import logging
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from dataprep.core.artifacts import locate
from dataprep.core.errors import ArtifactError, DarkroomError
from dataprep.store.manifest import read_manifest, usable
from models.predict.predictor import Predictor
from models.predict.preparation import Preparation
from models.predict.recipe import read_preparation
from models.serve.image_reader import GuardedReader, ReadHere
from models.serve.labelled_drawings import CannotAddError, RawFolder, raw_folder
from models.serve.limits import RequestLimits, within_limits
from models.serve.model_worker import ModelWorker
from models.serve.service import make_service
from models.serve.train_pictures import TrainPictures
from models.serve.try_page import PATHS, Tryout, add_try_page, tried
from models.serve.user_drawings import Easel, easel_like
from pipelines.parameters.params import PARAMS_FILE, Params, read_params
from pipelines.run.stage_runner import need_docstrings, need_temporary_folder
from pipelines.workspace.dvc_graph import option_value, output_path
from pipelines.workspace.raw_folder import locate_raw_folder

_SAMPLE = 200  # train images by which pen and paper are chosen
_SECONDS_TO_END = 5
_MEMORY_MIB = 2048  # that an image may add to the process that reads it, where no params.yaml says it


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a service listens and under which names it may be asked."""

    host: str
    port: int
    host_names: Sequence[str] = ()


def serve_model(model: Path, listening: Listening, limits: RequestLimits) -> None:
    """Serves a model until it is interrupted.

    Args:
        model: the model file.
        listening: where.
        limits: of one request.

    Raises:
        DarkroomError: the model cannot be used, or the port is taken.
    """
    with _loaded(model, _params(), limits) as (predictor, reader), ModelWorker(predictor) as worker:
        app, _ = make_service(worker, reader, limits=limits, host_names=listening.host_names)
        _say(predictor)
        worker.warm_up()
        _listen(app, listening, lambda address: print(f"serving {model}: {address}/predict", flush=True))


def try_model(model: Path, listening: Listening, *, opens_browser: bool) -> None:
    """Serves the page to try a model until it is interrupted; arguments and errors as of `serve_model`."""
    params, limits = _params(), RequestLimits()
    with _loaded(model, params, limits) as (predictor, reader), ModelWorker(predictor) as worker:
        app, service = make_service(worker, reader, limits=limits, host_names=listening.host_names, paths=PATHS)
        tryout = _tryout(predictor, params)
        add_try_page(app, service, tryout)
        _say(predictor)
        image, look = worker.warm_up()
        tried(look, image, predictor.class_names, tryout)  # which opens the shards and encodes pictures for the first time
        _listen(app, listening, lambda address: _show(address, opens_browser=opens_browser))


def _params() -> Params | None:
    """Those of the project in this folder; None where there is none, as beside a model alone."""
    return read_params() if PARAMS_FILE.is_file() else None


@contextmanager
def _loaded(model: Path, params: Params | None, limits: RequestLimits) -> Iterator[tuple[Predictor, GuardedReader]]:
    """The model, and the processes that read images for it, which start while TensorFlow is imported."""
    need_temporary_folder()
    need_docstrings()
    own = params.ingest.limits if params else None
    preparation = within_limits(Preparation(read_preparation(model), own), limits)
    read = ReadHere(preparation.index, own).read
    with GuardedReader(read, memory_mib=own.memory_mib if own else _MEMORY_MIB) as reader:
        predictor = Predictor.load(model, limits=own, precision=params.predict.precision if params else None)
        reader.warm_up(Easel(*predictor.shape[:2]))
        yield predictor, reader


def _say(predictor: Predictor) -> None:
    if predictor.note:
        print(f"warning: {predictor.note}", flush=True)


def _tryout(predictor: Predictor, params: Params | None) -> Tryout:
    height, width, _ = predictor.shape
    is_inverted = predictor.preparation.index.prepare.invert
    if params is None:
        easel = easel_like(None, height=height, width=width, is_inverted=is_inverted)
        return Tryout(
            easel, "there is no params.yaml in this folder, and so no raw folder to add a drawing to", note=_note(predictor)
        )
    pictures = _pictures(predictor)
    images = pictures.sample(_SAMPLE) if pictures else None
    usual_height, usual_width = _usual_size() or (height, width)
    easel = easel_like(images, height=usual_height, width=usual_width, is_inverted=is_inverted)
    raw = _raw(params, predictor.class_names)
    if pictures is None:
        return Tryout(easel, raw, note=_note(predictor))
    return Tryout(easel, raw, pictures.picture, note=_note(predictor))


def _note(predictor: Predictor) -> str | None:
    """What the page says; the line in the terminal names files."""
    if predictor.note:
        return "Images are not compared with the training images, and none is accepted or declined: the terminal says why."
    if predictor.precision is not None and predictor.threshold is None:
        return (
            "No answer is accepted: the validation images are too few, or too many of them are read wrongly, to be certain of "
            f"a precision of {predictor.precision:g} (predict.precision)."
        )
    return None


def _pictures(predictor: Predictor) -> TrainPictures | None:
    """The train images, where they are at hand and prepared as for this model."""
    try:
        pictures = TrainPictures(locate(option_value("prepare", "--prepared")))
    except (ArtifactError, OSError):
        return None
    return pictures if pictures.shape == predictor.shape else None


def _usual_size() -> tuple[int, int] | None:
    """Median height and width of the files that are used; None where that is not known."""
    try:
        rows = usable(read_manifest(output_path("ingest", "manifest.parquet")))
    except ArtifactError:
        return None
    height, width = rows["height"].median(), rows["width"].median()
    return (round(height), round(width)) if isinstance(height, float) and isinstance(width, float) else None


def _raw(params: Params, class_names: Sequence[str]) -> RawFolder | str:
    try:
        source = locate_raw_folder(params.ingest.source, Path(option_value("ingest", "--embedded")))
        return raw_folder(params.ingest, source, class_names)
    except CannotAddError as error:
        return str(error)
    except DarkroomError:  # its words may name folders of this machine
        return "the folder of ingest.source is not found. `darkroom labels` says why"


def _listen(app: FastAPI, listening: Listening, begin: Callable[[str], None]) -> None:
    with closing(_bound(listening)) as bound:
        host, port = bound.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        begin(f"http://{shown}:{port}")
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        logging.getLogger("python_multipart").setLevel(logging.ERROR)  # else each malformed form of a stranger is some lines
        try:
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:
            print("stopped")


def _bound(listening: Listening) -> socket.socket:
    """A socket that listens, so that a browser may connect before the server takes over."""
    try:
        family = socket.getaddrinfo(listening.host, listening.port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((listening.host, listening.port), family=family, backlog=2048)
        # asyncio does so for its own sockets alone; without it an answer waits 40 ms for the client's acknowledgement.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return bound
    except OSError as error:
        raise DarkroomError(
            f"--host {listening.host} --port {listening.port} cannot be listened on ({error.strerror or error}). Name another "
            "port, or 0 for any that is free"
        ) from error


def _show(address: str, *, opens_browser: bool) -> None:
    print(f"try the model: {address}/ (Ctrl+C ends it)", flush=True)
    if opens_browser:  # beside, since a browser in the terminal does not return
        threading.Thread(target=webbrowser.open, args=(f"{address}/",), daemon=True).start()
