from dataclasses import replace

from models.diagnose.findings.shared_images import find
from models.diagnose.metrics import measure
from models.diagnose.shared_images import Shared
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions, quiet_evidence

METRICS = measure(predictions({"train": (1.0, 300), "validation": (1.0, 300), "test": (1.0, 300)}))
SHARED = replace(
    quiet_evidence(), shared=Shared(images=30, held_out=600, groups=0, pictures=30, clusters=29, ids=("a/1.png", "a/2.png"))
)


def test_what_splits_share_comes_first_and_its_images_are_named(params: Params) -> None:
    assert find(facts_of(METRICS, params)) is None
    finding = find(facts_of(METRICS, params, evidence=SHARED))
    assert finding is not None
    assert finding.severity == "blocker"
    assert (finding.points, finding.interval) == (5.0, (0.0, 5.0))
    assert finding.headline == "Leak: 30 held-out images have their group, or themselves, in another split."
    assert "30 pictures pixel by pixel, 29 clusters" in finding.evidence
    assert finding.images == ["a/1.png", "a/2.png"]
