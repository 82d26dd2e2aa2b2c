import numpy as np
import pytest

from models.predict.prediction import PreparedImage
from models.predict.preparation import refused
from models.serve.model_worker import BusyError, ModelWorker
from tests.models.serve.stub_model import StubModel


def images(*levels: int) -> list[PreparedImage]:
    return [PreparedImage(str(level), np.full((8, 8, 1), level, np.uint8), 8, 8) for level in levels]


def test_what_waits_goes_through_the_network_together(model: StubModel) -> None:
    model.free.clear()
    sizes: list[int] = []
    with ModelWorker(model, on_batch=sizes.append) as worker:
        waiting = [worker.predict(images(20))]
        while not sizes:  # the first is in the network now
            pass
        waiting += [worker.predict(images(20, 200)) for _ in range(20)]
        model.free.set()
        assert [[own.class_name for own in done.result(10)] for done in waiting] == [["0"]] + [["0", model.class_names[2]]] * 20
    assert model.batches == [1, 32, 8]  # of at most batch_size
    assert sizes == model.batches
    assert not worker.is_alive


def test_more_than_may_wait_is_refused(model: StubModel) -> None:
    model.free.clear()
    with ModelWorker(model, most_waiting=3) as worker:
        first = worker.predict(images(20))
        while worker.num_waiting:
            pass
        worker.predict(images(20, 20))
        with pytest.raises(BusyError):
            worker.predict(images(20, 20))
        last = worker.predict(images(20))
        model.free.set()
        assert len(first.result(10)) == len(last.result(10)) == 1


def test_an_image_that_nobody_waits_for_any_more_is_left_out(model: StubModel) -> None:
    model.free.clear()
    with ModelWorker(model) as worker:
        first = worker.predict(images(20))
        while worker.num_waiting:
            pass
        left, kept = worker.predict(images(20)), worker.predict(images(200))
        assert left.cancel()
        model.free.set()
        assert [own.name for own in kept.result(10)] == ["200"]
        first.result(10)
    assert model.batches == [1, 1]


def test_an_error_reaches_those_who_wait_and_the_thread_goes_on(model: StubModel) -> None:
    with ModelWorker(model) as worker:
        model.fails = True
        with pytest.raises(RuntimeError, match="no memory"):
            worker.predict(images(20)).result(10)
        model.fails = False
        assert len(worker.predict(images(20)).result(10)) == 1


def test_a_look_has_saliency_and_neighbours_and_a_refused_image_none(model: StubModel) -> None:
    with ModelWorker(model) as worker:
        worker.warm_up()
        look = worker.look(images(200)[0]).result(10)
        assert look.saliency is not None
        assert (look.saliency.shape, len(look.nearest)) == ((2, 2), 5)
        empty = worker.look(refused("x", "empty", "it has no bytes")).result(10)
    assert (empty.saliency, empty.nearest, empty.prediction.class_name) == (None, (), None)
