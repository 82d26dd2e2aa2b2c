"""What is proposed for folders of several kinds, on made-up surveys; each proposal leads to parameters that can be."""

from dataclasses import replace
from pathlib import Path

import pytest

from dataprep.config.base import SplitName
from dataprep.config.ingest import LabelTableConfig
from dataprep.survey.dataset_survey import DatasetSurvey, Labelled, Look
from models.start.first_parameters import Proposal, propose_parameters
from pipelines.parameters.params import PARAMS_FILE, Params, check_params
from pipelines.project.proposed_params import proposed_params

DIGITS = {str(digit): 60 for digit in range(10)}
SCANS = Look(97, 98, 95, 100, 1.04, 0.0, 0.98, dark_ink=True, background=235, paper_noise=4.1, light_fall=0.0, images=256)
PHOTOS = Look(240, 250, 180, 320, 1.6, 0.95, 0.02, dark_ink=True, background=120, paper_noise=9.0, light_fall=0.0, images=256)
WRITERS = DatasetSurvey(Path("/scans"), (), 600, Labelled("{group}/{label}/{name}", None, DIGITS, 12), SCANS)
PETS = DatasetSurvey(Path("/pets"), (), 700, Labelled("{label}/{name}", None, {"cat": 350, "dog": 350}), PHOTOS)


def topics(survey: DatasetSurvey, *, has_pretrained: bool = False) -> dict[str, Proposal]:
    return {proposal.topic: proposal for proposal in propose_parameters(survey, has_pretrained=has_pretrained)}


def params(survey: DatasetSurvey, *, has_pretrained: bool = False) -> Params:
    return check_params(proposed_params(propose_parameters(survey, has_pretrained=has_pretrained)), PARAMS_FILE)


def drawn(survey: DatasetSurvey, **look: object) -> DatasetSurvey:
    return replace(survey, look=replace(survey.look, **look))  # type: ignore[arg-type]


def named(survey: DatasetSurvey, *names: str) -> DatasetSurvey:
    return replace(survey, labelled=replace(survey.labelled, class_files=dict.fromkeys(names, 60)))


def test_scans_by_writer() -> None:
    own = params(WRITERS)
    assert (own.ingest.source, own.ingest.pattern) == ("/scans", "{group}/{label}/{name}")
    assert (own.prepare.image_size, own.prepare.color, own.prepare.resize.mode) == ((96, 96), "gray", "stretch")
    assert (own.prepare.saturate.method, own.prepare.saturate.ink) == ("otsu", "dark")
    assert (own.augment.label_safe, own.augment.fill, own.augment.pen_width.ink) == (("digits",), 255, "dark")
    assert (own.split.method, own.model.network.kind, own.train.batch_size) == ("stratified", "cnn", 32)
    assert topics(WRITERS)["image size"].reason == "sides 95-100 px, of one shape"
    assert topics(WRITERS)["split"].reason == "12 groups; each stands in one split alone"


def test_light_ink_on_an_even_ground_stays_as_it_is() -> None:
    own = params(drawn(WRITERS, dark_ink=False, background=0, paper_noise=0.0, height=28, width=28, shortest=28, longest=28))
    assert (own.prepare.saturate.method, own.augment.fill, own.augment.pen_width.ink) == ("off", 0, "light")
    assert own.prepare.image_size == (28, 28)


def test_paper_under_a_lamp_stays_as_it_is() -> None:
    own = params(drawn(WRITERS, light_fall=80.0))
    assert (own.prepare.saturate.method, own.augment.fill) == ("off", 235)
    assert topics(drawn(WRITERS, light_fall=80.0))["paper"].reason.startswith("the light falls by 80 levels over it")
    assert params(drawn(WRITERS, light_fall=10.0)).prepare.saturate.method == "otsu"


def test_photographs_of_digits_are_not_mirrored() -> None:
    own = params(replace(PETS, labelled=WRITERS.labelled))
    assert (own.augment.label_safe, own.augment.horizontal_flip.probability) == (("digits",), 0.0)


def test_few_photographs_are_for_a_pretrained_network_where_there_is_one() -> None:
    own = params(PETS, has_pretrained=True)
    assert (own.model.network.kind, own.model.normalise.method) == ("transfer", "none")
    assert (own.prepare.image_size, own.prepare.color, own.prepare.resize.mode) == ((224, 224), "rgb", "fit")
    one_shape = drawn(PETS, height=150, width=200, aspect_spread=1.0)
    assert topics(one_shape, has_pretrained=True)["image size"].reason.endswith(
        "of one shape, not square; what lies outside the middle is cut"
    )
    without = topics(PETS)["network"]
    assert params(PETS).model.network.kind == "cnn"
    assert without.reason.endswith("pip install 'darkroom[pretrained]'")
    many = replace(PETS, num_files=80_000)
    assert topics(many, has_pretrained=True)["network"].reason == "photographs"


@pytest.mark.parametrize(
    ("names", "label_safe"),
    [
        (("0", "1", "23"), ("digits",)),
        (("a", "B", "7"), ("letters", "digits")),
        (("sun", "moon"), ("horizontal_flip", "vertical_flip", "inversion")),
    ],
)
def test_names_of_drawn_classes_say_what_would_change_them(names: tuple[str, ...], label_safe: tuple[str, ...]) -> None:
    assert params(named(WRITERS, *names)).augment.label_safe == label_safe


def test_photographs_are_mirrored_unless_their_classes_have_sides() -> None:
    assert params(PETS).augment.horizontal_flip.probability == 0.5
    own = params(named(PETS, "turn-left", "turn-right"))
    assert own.augment.horizontal_flip.probability == 0.0
    assert "horizontal_flip" in own.augment.label_safe


@pytest.mark.parametrize(
    ("given", "straddle", "method"),
    [
        ({"train": 500, "test": 100}, False, "given"),
        ({"train": 500, "validation": 100}, False, "given"),
        ({"train": 500, "test": 100}, True, "stratified"),
        ({"test": 100}, False, "stratified"),
        ({"train": 500}, False, "stratified"),
        ({}, False, "stratified"),
    ],
)
def test_a_split_is_kept_where_it_is_given_and_cuts_through_no_group(
    given: dict[SplitName, int], straddle: bool, method: str
) -> None:
    labelled = replace(WRITERS.labelled, pattern="{split}/{group}/{label}/{name}", given_splits=given, groups_straddle=straddle)
    assert params(replace(WRITERS, labelled=labelled)).split.method == method


@pytest.mark.parametrize(
    ("look", "size", "mode"),
    [
        ({"height": 480, "width": 640, "aspect_spread": 1.0}, (96, 128), "stretch"),
        ({"height": 640, "width": 480, "aspect_spread": 1.0}, (128, 96), "stretch"),
        ({"height": 480, "width": 640, "aspect_spread": 1.5}, (128, 128), "fit"),
        ({"height": 32, "width": 32, "aspect_spread": 1.0}, (32, 32), "stretch"),
        ({"height": 4, "width": 90, "aspect_spread": 1.0}, (8, 96), "stretch"),
        ({"height": 97, "width": 98, "aspect_spread": 1.4, "drawing_fraction": 1.0}, (96, 96), "pad"),
    ],
)
def test_images_are_shrunk_in_their_own_shape(look: dict[str, object], size: tuple[int, int], mode: str) -> None:
    own = params(drawn(PETS, **look))
    assert (own.prepare.image_size, own.prepare.resize.mode) == (size, mode)


def test_a_table_and_names_to_skip_go_into_the_parameters() -> None:
    table = LabelTableConfig(file="/pets/l.csv", path="id", label="species", group=None, split="set", origin=None)
    labelled = replace(PETS.labelled, table=table, given_splits={"train": 500, "test": 200})
    own = params(replace(PETS, labelled=labelled, skip=("copy",)))
    assert own.ingest.labels == table
    assert own.split.method == "given"
    assert own.ingest.skip[-1] == "copy"
    assert "__MACOSX" in own.ingest.skip
    assert topics(replace(PETS, labelled=labelled))["labels"].chosen == (
        "path from 'id', label from 'species', split from 'set' of /pets/l.csv"
    )


@pytest.mark.parametrize(("files", "batch"), [(100, 32), (5_000, 64), (60_000, 128), (1_000_000, 128)])
def test_training_grows_with_the_images(files: int, batch: int) -> None:
    own = params(replace(PETS, num_files=files))
    assert own.train.batch_size == batch
    assert 12 <= own.train.epochs <= 60
