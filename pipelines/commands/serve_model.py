"""`darkroom serve-model`: a model that answers over HTTP."""

from pathlib import Path
from typing import Annotated

import typer


def serve_model(
    model: Annotated[Path, typer.Option(help="The model; reference.npz beside it knows the training images.")] = Path(
        "artifacts/model.keras"
    ),
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 = all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 = any that is free.")] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name under which it may be asked, beside localhost; repeatable.")
    ] = None,
    max_images: Annotated[int, typer.Option(min=1, help="In one request.")] = 64,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Of one request.")] = 64,
    max_megapixels: Annotated[int, typer.Option(min=1, help="Of one image.")] = 20,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="To decode and prepare one image.")] = 5,
) -> None:
    """Answers with a trained model over HTTP (a schedule of runs: `darkroom serve`).

    POST /predict, GET /healthz, /metrics, /openapi.json. See docs/serve.md.
    """
    from pipelines.environment_variables import settle

    settle()  # before any library reads it
    from models.serve.limits import IMAGE_BYTES, RequestLimits
    from pipelines.prediction.model_server import Listening
    from pipelines.prediction.model_server import serve_model as serve

    whole = max_megabytes * 1_000_000
    limits = RequestLimits(
        images=max_images,
        image_bytes=min(IMAGE_BYTES, whole),
        request_bytes=whole,
        pixels=max_megapixels * 1_000_000,
        image_seconds=max_seconds,
    )
    serve(model, Listening(host, port, tuple(allow_host or ())), limits)
