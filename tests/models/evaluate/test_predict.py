import io
import json
import os
import re
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import polars as pl
import pytest

from dataprep.core.artifacts import write_table
from dataprep.core.errors import ArtifactError
from dataprep.feed.batches import ordered_batches
from dataprep.store.shards import ShardIndex, read_index
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.evaluate.model_memory import check_batch
from models.evaluate.predict import Classifier, load_model, predict
from models.evaluate.predictions import PREDICTIONS, class_names_of, predictions_frame, read_predictions
from models.train.model_bytes import encode_model
from models.train.model_file import recipe_of
from pipelines.parameters.params import Params
from tests.models.made_up import predictions
from tests.models.untrained_model import write_untrained

Change = Callable[[dict[str, bytes]], Any]


def index_of(tiny: Path) -> ShardIndex:
    return read_index(tiny / "prepared", stage="prepare")


@pytest.fixture(scope="module")
def model(tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained(tmp_path_factory.mktemp("model") / "model.keras", tiny, small, short, params)


def test_every_image_of_every_split_is_predicted_once(tiny: Path, model: Path, params: Params, tmp_path: Path) -> None:
    rows = pl.concat(
        seen.predictions for seen in predict(load_model(model, index_of(tiny)), tiny / "prepared", params.evaluate)
    )
    assert sorted(rows["id"]) == sorted(str(path.relative_to(tiny / "raw")) for path in (tiny / "raw").rglob("*.png"))
    assert class_names_of(rows) == ["class0", "class1", "class2"]
    assert all(row["id"].startswith(row["label"]) for row in rows.iter_rows(named=True))
    assert {split: len(ids) for split in ("train", "test") for ids in [rows.filter(pl.col("split") == split)]} == {
        split: sum(len(names) for _, _, names in ordered_batches(tiny / "prepared", split, 50)) for split in ("train", "test")
    }
    rows = rows.sort("id")
    write_table(tmp_path / "predictions.parquet", rows, PREDICTIONS)
    assert read_predictions(tmp_path / "predictions.parquet", rows.select("id", "split")).equals(rows)


def test_the_batch_size_changes_no_verdict(tiny: Path, model: Path, params: Params) -> None:
    network = load_model(model, index_of(tiny))
    small, large = (
        pl.concat(
            seen.predictions
            for seen in predict(network, tiny / "prepared", params.evaluate.model_copy(update={"batch_size": size}))
        )
        for size in (7, 256)
    )
    assert small["id"].equals(large["id"])
    assert np.allclose(small["loss"].to_numpy(), large["loss"].to_numpy(), atol=1e-4)


def test_rows_hold_confidence_and_loss_of_the_true_class() -> None:
    probabilities = np.array([[0.2, 0.8], [1.0, 0.0]], dtype=np.float32)
    rows = predictions_frame(["x", "y"], "test", np.array([0, 1]), probabilities, ["a", "b"])
    assert rows["predicted"].to_list() == ["b", "a"]
    assert np.allclose(rows["confidence"].to_numpy(), [0.8, 1.0])
    assert rows["loss"][0] == pytest.approx(-np.log(0.2), rel=1e-5)
    assert np.isfinite(rows["loss"][1])
    assert rows["probability_b"].to_list() == [pytest.approx(0.8), 0.0]


def rewritten(model: Path, path: Path, change: Change) -> Path:
    """A copy of a model file whose members are changed."""
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def recipe(**changes: object) -> Change:
    def change(members: dict[str, bytes]) -> None:
        metadata = json.loads(members["metadata.json"])
        metadata["darkroom"].update(changes)
        members["metadata.json"] = json.dumps(metadata).encode()

    return change


def of_size_9(members: dict[str, bytes]) -> None:
    metadata = json.loads(members["metadata.json"])
    metadata["darkroom"]["prepare"]["image_size"] = [9, 9]
    members["metadata.json"] = json.dumps(metadata).encode()


def without_recipe(members: dict[str, bytes]) -> None:
    members["metadata.json"] = b"{}"


def weights_of(value: float) -> Change:
    def change(members: dict[str, bytes]) -> None:
        buffer = io.BytesIO(members["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            file["layers/dense/vars/0"][0, 0] = value
        members["model.weights.h5"] = buffer.getvalue()

    return change


def with_code(members: dict[str, bytes]) -> None:
    config = json.loads(members["config.json"])
    layer = config["config"]["layers"][1]
    code = {"class_name": "__lambda__", "config": {"code": "4wE=", "defaults": None, "closure": None}}
    layer |= {"class_name": "Lambda", "config": {"name": layer["name"], "function": code}}
    members["config.json"] = json.dumps(config).encode()


def layer(**changes: object) -> Change:
    """Changes the last layer of the network."""

    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        last = config["config"]["layers"][-1]
        config["config"]["layers"][-1] = {**last, **changes, "config": {**last["config"], **changes.get("config", {})}}  # type: ignore[dict-item]
        members["config.json"] = json.dumps(config).encode()

    return change


def with_packed_array(members: dict[str, bytes]) -> None:
    """An array of 8 GiB of which nothing is written: the file stays small."""
    buffer = io.BytesIO(members["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", (2**16, 2**15), "f4", chunks=(2**10, 2**10), compression="gzip")
    members["model.weights.h5"] = buffer.getvalue()


ELSEWHERE = {"module": "os", "class_name": "system", "registered_name": None}
REGISTERED = {"module": "mine", "class_name": "Layer", "registered_name": "mine>Layer"}
SAVED_MODEL = {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/etc"}}
FROM_A_FILE = {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}


def put(name: str, content: bytes) -> Change:
    return lambda members: members.__setitem__(name, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (recipe(class_names=["a", "b"]), r"its class_names is \['a', 'b'\], theirs is \['class0', 'class1', 'class2'\]"),
        (of_size_9, r"its prepare\.image_size is \[9, 9\], theirs is \[8, 8\]"),
        (recipe(decode=None), "its decode is None"),
        (recipe(version=3), r"must say in metadata\.json, under 'darkroom\.version', 2; it says 3"),
        (without_recipe, "must say in metadata.json, under 'darkroom', what it was trained on; it does not"),
        (put("metadata.json", b"[]"), "must say in metadata.json"),
        (put("metadata.json", b"{"), r"cannot be loaded as a Keras model \(metadata\.json: JSONDecodeError"),
        (put("metadata.json", b"\xff"), r"cannot be loaded as a Keras model \(metadata\.json: UnicodeDecodeError"),
        (put("metadata.json", b"[" * 100_000), r"cannot be loaded as a Keras model \(metadata\.json: RecursionError"),
        (put("config.json", b"{"), "cannot be loaded as a Keras model"),
        (put("config.json", b"[" * 100_000), "cannot be loaded as a Keras model"),
        (put("model.weights.h5", b""), "cannot be loaded as a Keras model"),
        (put("more.py", b"print()"), "must hold config.json, metadata.json, model.weights.h5, each once, and nothing else"),
        (put("../more", b""), "and nothing else; it holds"),
        (lambda members: members.pop("config.json"), "must hold config.json"),
        (weights_of(float("nan")), "must have weights that are finite numbers; 1 of .* arrays hold others"),
        (weights_of(float("inf")), "must have weights that are finite numbers"),
        (with_code, "cannot be loaded as a Keras model .*[Ll]ambda"),
        (
            layer(config={"units": 10**11}),
            r"must take \(None, 8, 8, 1\) and give \(None, 3\); it takes .* and gives \(None, 100000000000\)",
        ),
        (layer(**ELSEWHERE), "cannot be loaded as a Keras model"),
        (layer(**REGISTERED), "cannot be loaded as a Keras model"),
        (layer(**SAVED_MODEL), "cannot be loaded as a Keras model"),
        (layer(**FROM_A_FILE), "cannot be loaded as a Keras model"),
        (with_packed_array, r"must hold its weights unpacked; model\.weights\.h5 has [\d,]+ bytes and claims 8,589,"),
    ],
)
def test_a_doctored_model_is_one_line(change: Change, message: str, tiny: Path, model: Path, tmp_path: Path) -> None:
    path = rewritten(model, tmp_path / "model.keras", change)
    with pytest.raises(ArtifactError, match=message) as refused:
        load_model(path, index_of(tiny))
    assert str(refused.value).startswith(f"{path} ")
    assert str(refused.value).endswith("Run: dvc repro train")
    assert "\n" not in str(refused.value)


def large_inside(units: int) -> keras.Model:
    """A network whose weights are few enough to make, and which config.json can ask many more of."""
    inner = keras.layers.Dense(units, name="inner")
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.GlobalMaxPooling2D(), inner, keras.layers.Dense(3)])


def test_weights_that_the_file_does_not_hold_are_never_made(tiny: Path, tmp_path: Path) -> None:
    network = large_inside(4)
    network.compile(loss="categorical_crossentropy")
    small, large = tmp_path / "small.keras", tmp_path / "large.keras"
    small.write_bytes(encode_model(network, recipe=recipe_of(index_of(tiny))))
    load_model(small, index_of(tiny))

    def ask_for_more(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        for own in config["config"]["layers"]:
            own.pop("build_config", None)
            if own["config"]["name"] == "inner":
                own["config"]["units"] = 10**11
        members["config.json"] = json.dumps(config).encode()

    rewritten(small, large, ask_for_more)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArtifactError) as refused:
        load_model(large, index_of(tiny))
    assert re.fullmatch(
        rf"{large} must hold the weights of its layers; these have 500,000,000,003 and model\.weights\.h5 [\d,]+ bytes\. "
        "Run: dvc repro train",
        str(refused.value),
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17  # KiB
    load_model(small, index_of(tiny))


def test_layers_that_put_out_too_much_are_never_asked(tiny: Path, params: Params) -> None:
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.UpSampling2D(10**4),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(3),
    ]
    one = params.evaluate.model_copy(update={"batch_size": 1})
    network = keras.Sequential([layers[0], keras.Sequential(layers), keras.layers.Softmax()])
    check_batch(network, 2)
    with pytest.raises(ArtifactError) as refused:
        list(predict(Classifier(network, None, None), tiny / "prepared", one.model_copy(update={"batch_size": 3})))
    assert str(refused.value) == (
        "the network must evaluate a batch in at most 64 GiB; its layers put out 6,400,000,007 values of an image, "
        "x evaluate.batch_size 3 x 4 bytes = 72 GiB. Reduce evaluate.batch_size, or run: dvc repro train"
    )


@pytest.mark.parametrize(("shape", "classes"), [((9, 9, 1), 3), ((8, 8, 3), 3), ((8, 8, 1), 4), ((None, None, 1), 3)], ids=str)
def test_a_model_of_another_shape_is_one_line_whatever_it_says_of_itself(
    shape: tuple[int | None, ...], classes: int, tiny: Path, tmp_path: Path
) -> None:
    pooled = keras.Sequential([keras.Input(shape), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(classes)])
    pooled.compile(loss="categorical_crossentropy")
    path = tmp_path / "model.keras"
    path.write_bytes(encode_model(pooled, recipe=recipe_of(index_of(tiny))))
    with pytest.raises(ArtifactError, match=r"must take \(None, 8, 8, 1\) and give \(None, 3\); it takes"):
        load_model(path, index_of(tiny))


def test_a_packed_model_file_is_not_unpacked(tiny: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("config.json", "metadata.json", "model.weights.h5"):
            archive.writestr(name, bytes(10**7))
    with pytest.raises(ArtifactError, match=r"must be stored as it is; its [\d,]+ bytes are packed and claim to be 30,000,000"):
        load_model(path, index_of(tiny))


def test_a_missing_or_damaged_model_is_one_line(tiny: Path, model: Path, tmp_path: Path) -> None:
    whole = model.read_bytes()
    with pytest.raises(ArtifactError, match=r"absent.keras is missing\. Run: dvc repro train"):
        load_model(tmp_path / "absent.keras", index_of(tiny))
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(ArtifactError, match=r"pipe\.keras must be a file; it is a named pipe"):
        load_model(tmp_path / "pipe.keras", index_of(tiny))
    with zipfile.ZipFile(model) as archive:
        hdf5 = archive.read("model.weights.h5")
    for content in (b"", whole[:2000], whole[2000:], whole[:-100], hdf5, b"PK\x05\x06" + bytes(18)):
        (tmp_path / "half.keras").write_bytes(content)
        with pytest.raises(
            ArtifactError, match=r"half\.keras (cannot be loaded as a Keras model|must hold|must be stored)"
        ) as error:
            load_model(tmp_path / "half.keras", index_of(tiny))
        assert "\n" not in str(error.value)


def test_what_is_no_probability_is_refused(tiny: Path, params: Params) -> None:
    class Broken:
        operations: tuple[()] = ()

        def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 3), np.nan, dtype=np.float32)

    with pytest.raises(ArtifactError, match=r"the network must give probabilities, 0 to 1; for '.*' .* it gives nan to nan"):
        list(predict(Classifier(Broken(), None, None), tiny / "prepared", params.evaluate))


PREDICTED = predictions({"train": (0.9, 12), "validation": (0.8, 6), "test": (0.7, 6)}).drop("cluster").sort("id")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": float("nan")}, "row 0: confidence must be a finite number"),
        ({"probability_a": 1.5}, "row 0: probability_a must be at most 1"),
        ({"probability_b": -0.1}, "row 0: probability_b must be at least 0"),
        ({"probability_b": None}, "row 0: probability_b must have a value"),
        ({"loss": float("inf")}, "row 0: loss must be a finite number"),
        ({"loss": -1.0}, "row 0: loss must be at least 0"),
        ({"label": "d"}, "row 0: label must be one of 'a', 'b', 'c'; got 'd'"),
        ({"predicted": "d"}, "row 0: predicted must be one of 'a', 'b', 'c'; got 'd'"),
        ({"split": "excluded"}, "row 0: split must be one of"),
        ({"split": "train"}, "must hold the 24 images of the split, each where it stands there; it holds 24 others"),
        ({"id": "x"}, "row 1: id must be above"),
    ],
)
def test_predictions_that_cannot_be_are_one_line(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    split = PREDICTED.select("id", "split")
    write_table(path, PREDICTED, PREDICTIONS)
    assert read_predictions(path, split).equals(PREDICTED)
    rows = PREDICTED.with_columns(pl.lit(value).cast(PREDICTED.schema[name]).alias(name) for name, value in changes.items())
    write_table(path, rows, PREDICTIONS)
    with pytest.raises(ArtifactError, match=message) as refused:
        read_predictions(path, split)
    assert str(refused.value).endswith("Run: dvc repro evaluate")


def test_predictions_of_other_images_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_table(path, PREDICTED, PREDICTIONS)
    for split in (PREDICTED.head(20), PREDICTED.with_columns(id=pl.format("x{}", "id"))):
        with pytest.raises(ArtifactError, match=r"images of the split, .* it holds 24 others\. Run: dvc repro evaluate"):
            read_predictions(path, split.select("id", "split"))
    with_excluded = pl.concat([PREDICTED.select("id", "split"), pl.DataFrame({"id": ["z"], "split": ["excluded"]})])
    assert read_predictions(path, with_excluded).equals(PREDICTED)
    write_table(path, PREDICTED.drop("probability_c"), PREDICTIONS)
    with pytest.raises(ArtifactError, match=r"label must be one of 'a', 'b'; got 'c'"):
        read_predictions(path, with_excluded)
