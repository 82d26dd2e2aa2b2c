"""Counts, times and the share of unlike images, as Prometheus reads them."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from models.predict.prediction import Prediction

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class ServiceMetrics:
    """What one service counted since it started."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Starts at 0.

        Args:
            paths: that are counted under their own name; all others are `other`, so that a stranger cannot make new series.
        """
        self._paths = frozenset(paths)
        own = self._registry = CollectorRegistry()
        self._requests = Counter("darkroom_requests", "Requests", ["path", "status"], registry=own)
        self._seconds = Histogram("darkroom_request_seconds", "Time to answer", ["path"], buckets=_SECONDS, registry=own)
        self._images = Counter("darkroom_images", "Images that were predicted", ["predicted"], registry=own)
        self._refused = Counter("darkroom_refused_images", "Images that could not be used", ["reason"], registry=own)
        self._unlike = Counter("darkroom_unlike_images", "Images unlike the training images", registry=own)
        self._compared = Counter("darkroom_compared_images", "Images compared with the training images", registry=own)
        self._unlike_fraction = Gauge("darkroom_unlike_fraction", "Unlike images, of those compared", registry=own)
        self._batches = Histogram("darkroom_batch_images", "Images together in the network", buckets=_IMAGES, registry=own)

    def note_request(self, path: str, status: int, seconds: float) -> None:
        """Counts one request."""
        known = path if path in self._paths else "other"
        self._requests.labels(known, str(status)).inc()
        self._seconds.labels(known).observe(seconds)

    def note_batch(self, num_images: int) -> None:
        """Counts one batch of the network."""
        self._batches.observe(num_images)

    def note_images(self, predictions: Iterable[Prediction]) -> None:
        """Counts what became of images."""
        for own in predictions:
            if own.refused:
                self._refused.labels(own.refused.reason).inc()
                continue
            self._images.labels(own.class_name or "").inc()
            if own.unlike is not None:
                self._compared.inc()
                self._unlike.inc(1 if own.unlike else 0)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        compared = self._value("darkroom_compared_images_total")
        self._unlike_fraction.set(self._value("darkroom_unlike_images_total") / compared if compared else 0)
        return generate_latest(self._registry)

    def _value(self, name: str) -> float:
        return self._registry.get_sample_value(name) or 0.0
