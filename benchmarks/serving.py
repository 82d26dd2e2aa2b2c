"""How fast the service answers: `python -m benchmarks.serving`, after `dvc repro` on the embedded digits. About two minutes.

`darkroom try` runs in a process of its own and the clients in this one, all on the same cores. Against it stands what one would
write first: a loop that opens one file after the other, and calls `model.predict` of Keras on it. The two take turns; medians.
"""

import http.client
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.ingest_stage import ROOT
from dataprep.source.digits_dataset import write_digits

ROUNDS = 3
CLIENTS = 16
REQUESTS = 1600
LOOPED = 200  # images of the plain loop
DRAWINGS = 60
MODEL = ROOT / "artifacts/model.keras"
DRAWING_MS = 100.0


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each request, and images per second of all together."""

    milliseconds: list[float]
    images_per_second: float

    def quantile(self, part: float) -> float:
        return float(np.quantile(self.milliseconds, part))


def main() -> None:
    with TemporaryDirectory() as folder:
        write_digits(Path(folder) / "digits")
        contents = [path.read_bytes() for path in sorted((Path(folder) / "digits").rglob("*.png"))]
    loop = plain_loop(MODEL)
    darkroom = str(Path(sys.executable).with_name("darkroom"))
    with subprocess.Popen([darkroom, "try", "--no-browser"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        line = next(line for line in served.stdout or () if line.startswith("try the model: "))
        port = int(line.split()[3].rstrip("/").rpartition(":")[2])
        singles = [form("files", [content]) for content in contents]
        drawings = [drawing(number) for number in range(DRAWINGS)]
        packs = [form("files", contents[start : start + 16]) for start in range(0, 1600, 16)]
        contenders: dict[str, Callable[[], Times]] = {
            "model.predict, one image at a time": lambda: loop(contents[:LOOPED]),
            "1 client, one image a request": lambda: ask(port, "/predict", singles[:LOOPED], clients=1),
            "16 clients, one image a request": lambda: ask(port, "/predict", (singles * 2)[:REQUESTS], clients=CLIENTS),
            "16 clients, 16 images a request": lambda: ask(port, "/predict", packs, clients=CLIENTS, images=16),
            "a drawing, with saliency and neighbours": lambda: ask(port, "/try", drawings, clients=1),
        }
        rounds = [{name: run() for name, run in contenders.items()} for _ in range(ROUNDS)]
        served.terminate()
    print("| what | p50 | p99 | images/s | of the loop |\n|---|---|---|---|---|")
    rate = {name: statistics.median(own[name].images_per_second for own in rounds) for name in contenders}
    first = next(iter(contenders))
    for name in contenders:
        p50, p99 = (statistics.median(own[name].quantile(part) for own in rounds) for part in (0.5, 0.99))
        print(f"| {name} | {p50:.1f} ms | {p99:.1f} ms | {rate[name]:,.0f} | {rate[name] / rate[first]:.1f} |")
    drawn = statistics.median(own["a drawing, with saliency and neighbours"].quantile(0.5) for own in rounds)
    if rate["16 clients, one image a request"] < rate[first] or drawn > DRAWING_MS:
        sys.exit(f"expected more than the plain loop, and a drawing within {DRAWING_MS:.0f} ms")


def plain_loop(model: Path) -> Callable[[Sequence[bytes]], Times]:
    """What one would write first; the images are resized as the model wants them, and nothing else is done."""
    import keras
    from PIL import Image

    network = keras.saving.load_model(model)
    _, height, width, channels = network.input_shape

    def one(content: bytes) -> None:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB").resize((width, height)))
        network.predict(pixels.reshape(1, height, width, channels), verbose=0)

    def loop(contents: Sequence[bytes]) -> Times:
        one(contents[0])
        began = time.perf_counter()
        taken = [timed(one, content) for content in contents]
        return Times(taken, len(contents) / (time.perf_counter() - began))

    return loop


def ask(port: int, path: str, bodies: Sequence[bytes], *, clients: int, images: int = 1) -> Times:
    """Sends requests by so many clients, each over a connection that it keeps."""

    def client(own: Sequence[bytes]) -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", port)

        def send(body: bytes) -> None:
            connection.request("POST", path, body, {"Content-Type": "multipart/form-data; boundary=x"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                sys.exit(f"{path} answered {answer.status}")

        return [timed(send, body) for body in own]

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        parts = threads.map(client, [bodies[number::clients] for number in range(clients)])
        taken = [own for part in parts for own in part]
    return Times(taken, images * len(bodies) / (time.perf_counter() - began))


def timed(run: Callable[[bytes], None], content: bytes) -> float:
    began = time.perf_counter()
    run(content)
    return 1000 * (time.perf_counter() - began)


def form(field: str, contents: Sequence[bytes], **others: str) -> bytes:
    """A body of multipart/form-data with the boundary x."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode() for name, text in others.items()
    ]
    for content in contents:
        head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join([*parts, b"--x--\r\n"])


def drawing(number: int) -> bytes:
    """A line on the page's canvas, each time another one."""
    import cv2

    canvas = np.zeros((320, 320, 3), np.uint8)
    cv2.line(canvas, (100 + number, 40), (200 - number, 280), (255, 255, 255), 32, cv2.LINE_AA)
    return form("image", [cv2.imencode(".png", canvas)[1].tobytes()], is_drawing="true")


if __name__ == "__main__":
    main()
