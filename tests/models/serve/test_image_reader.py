"""Images whose decoder hangs or dies, in the processes that the service reads images in."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from fastapi.testclient import TestClient

from models.serve.answers import Answers, Problem
from models.serve.image_reader import NUM_PROCESSES, GuardedReader, ReadHere, ReadImage, SentImage
from models.serve.model_worker import ModelWorker
from models.serve.service import make_service
from models.serve.user_drawings import Easel
from tests.models.serve.conftest import LIMITS
from tests.models.serve.odd_decoder import DIES, HANGS, OddDecoder
from tests.models.serve.stub_model import StubModel

pytestmark = pytest.mark.processes

Png = Callable[..., bytes]
LIMITED = replace(LIMITS, image_seconds=1.0, request_seconds=300, wait_seconds=300)


@pytest.fixture
def client(model: StubModel) -> Iterator[TestClient]:
    odd = OddDecoder(model.preparation.index, model.preparation.limits).read
    with GuardedReader(odd, memory_mib=1024, num_processes=1) as reader, ModelWorker(model) as worker:
        reader.warm_up(Easel(8, 8))
        app, _ = make_service(worker, reader, limits=LIMITED)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield client


def test_a_file_that_hangs_or_kills_costs_itself_and_the_service_goes_on(client: TestClient, png: Png) -> None:
    def post(*contents: bytes) -> object:
        response = client.post("/predict", files=[("files", ("a.png", content)) for content in contents])
        if response.status_code == 200:
            found = Answers.model_validate_json(response.content).images
        else:
            assert response.status_code == 422
            found = Problem.model_validate_json(response.content).images
        return [own.refused.reason if own.refused else own.predicted for own in found]

    assert post(png(20), b"no image") == ["0", "not_an_image"]
    assert post(HANGS, png(20)) == ["too_slow", "0"]
    assert post(DIES, png(20)) == ["worker_died", "0"]
    assert post(HANGS) == ["too_slow"]
    assert post(png(200)) == ['<b>"two"</b>']
    assert client.get("/healthz").status_code == 200


class Slow:
    """A decoder that waits until it is let go."""

    def __init__(self) -> None:
        self.free, self.began = threading.Event(), threading.Semaphore(0)

    def read(self, sent: SentImage) -> ReadImage:
        self.began.release()
        self.free.wait(10)
        raise AssertionError(sent.name)


def test_who_waits_too_long_for_others_is_answered_busy(model: StubModel, png: Png) -> None:
    slow = Slow()
    with ModelWorker(model) as worker:
        app, _ = make_service(worker, slow, limits=replace(LIMITED, wait_seconds=0.1))
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            ask = partial(client.post, "/predict", files={"files": png(20)})
            others = [threading.Thread(target=ask) for _ in range(NUM_PROCESSES)]
            for other in others:
                other.start()
                slow.began.acquire()
            response = ask()
            slow.free.set()
            for other in others:
                other.join()
    assert response.status_code == 503
    assert Problem.model_validate_json(response.content).reason == "busy"


def test_the_images_of_a_request_share_its_time(model: StubModel, png: Png) -> None:
    reader = ReadHere(model.preparation.index, model.preparation.limits)
    with ModelWorker(model) as worker:
        app, _ = make_service(worker, reader, limits=replace(LIMITED, request_seconds=0))
        with TestClient(app, base_url="http://127.0.0.1") as client:
            response = client.post("/predict", files={"files": png(20)})
    [own] = Problem.model_validate_json(response.content).images
    assert own.refused is not None
    assert (own.refused.reason, own.refused.message) == ("too_slow", "its turn did not come within the 0 s of its request")
