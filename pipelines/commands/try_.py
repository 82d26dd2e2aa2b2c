"""`darkroom try`: a page on which one draws, or drops images, and sees what the model says."""

from pathlib import Path
from typing import Annotated

import typer


def try_(
    model: Annotated[Path, typer.Option(help="The model; reference.npz beside it knows the training images.")] = Path(
        "artifacts/model.keras"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 = any that is free.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Opens the page.")] = True,  # noqa: FBT002  # a flag
) -> None:
    """Opens a page to draw on or drop images on: what the network sees, what it says, and the nearest training images."""
    from pipelines.environment_variables import settle

    settle()  # before any library reads it
    from pipelines.prediction.model_server import Listening, try_model

    try_model(model, Listening("127.0.0.1", port), opens_browser=browser)
