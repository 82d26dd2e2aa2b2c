"""The service with a stub in the place of the network."""

import io
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.store.shards import ShardIndex
from models.predict.preparation import Preparation
from models.serve.image_reader import ReadHere
from models.serve.labelled_drawings import RawFolder
from models.serve.limits import RequestLimits, within_limits
from models.serve.model_worker import ModelWorker
from models.serve.service import Service, make_service
from models.serve.try_page import PATHS, Tryout, add_try_page
from models.serve.user_drawings import Easel
from pipelines.parameters.params import Params
from tests.models.serve.stub_model import CLASS_NAMES, StubModel

LIMITS = RequestLimits(images=4, image_bytes=100_000, request_bytes=300_000, pixels=4_000_000)


@dataclass(frozen=True, slots=True)
class Served:
    """An application and what stands behind it."""

    app: FastAPI
    service: Service
    model: StubModel
    client: TestClient
    raw: Path


@pytest.fixture
def model(params: Params) -> StubModel:
    prepare = params.prepare.model_copy(update={"image_size": (8, 8)})
    decode = Decoding(**params.ingest.decode.model_dump(), levels={})
    index = ShardIndex(shape=(8, 8, 1), class_names=CLASS_NAMES, decode=decode, prepare=prepare.pixels, shards=[])
    return StubModel(within_limits(Preparation(index, params.ingest.limits), LIMITS))


@pytest.fixture
def served(model: StubModel, params: Params, tmp_path: Path) -> Iterator[Served]:
    raw = tmp_path / "raw"
    raw.mkdir()
    with ModelWorker(model) as worker:
        app, service = make_service(
            worker,
            ReadHere(model.preparation.index, model.preparation.limits),
            limits=LIMITS,
            host_names=("Digits.local",),
            paths=PATHS,
        )
        add_try_page(app, service, Tryout(Easel(8, 8, paper=0, ink=255), RawFolder(raw, "{label}/{name}", params.ingest.skip)))
        with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
            yield Served(app, service, model, client, raw)


@pytest.fixture
def address(served: Served) -> Iterator[str]:
    """Where the application is served."""
    config = uvicorn.Config(served.app, port=0, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with config.bind_socket() as bound:
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as `darkroom try` does, or each answer waits 40 ms
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def png() -> Callable[[int], bytes]:
    """A PNG of 8 x 8 whose pixels are near a gray level."""

    def png(level: int, size: tuple[int, int] = (8, 8)) -> bytes:
        buffer = io.BytesIO()
        pixels = np.full(size, level, np.uint8)
        pixels[0, 0] = level - 1 if level else 1
        Image.fromarray(pixels).save(buffer, format="PNG")
        return buffer.getvalue()

    return png
