from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dataprep.config.base import SPLITS
from dataprep.core.errors import DarkroomError
from dataprep.decode.image import Pixels
from dataprep.feed.batches import ordered_batches
from dataprep.store.shards import read_index, write_index
from models.export.exported_images import export_images, file_stem


@pytest.fixture(scope="module")
def stored(tiny: Path) -> dict[str, dict[str, tuple[int, Pixels]]]:
    """Label and pixels of each image, by split and id."""
    return {
        split: {
            image_id: (int(label), image)
            for images, labels, ids in ordered_batches(tiny / "prepared", split, 7)
            for image, label, image_id in zip(images, labels, ids, strict=True)
        }
        for split in SPLITS
    }


Stored = dict[str, dict[str, tuple[int, Pixels]]]


def test_numpy_reads_the_same_images(tiny: Path, stored: Stored, tmp_path: Path) -> None:
    assert export_images(tiny / "prepared", form="npz", folder=tmp_path / "a") == sum(map(len, stored.values()))
    export_images(tiny / "prepared", form="npz", folder=tmp_path / "b")
    for split in SPLITS:
        with np.load(tmp_path / f"a/{split}.npz", allow_pickle=False) as arrays:
            assert arrays["images"].dtype == np.uint8
            assert arrays["class_names"].tolist() == read_index(tiny / "prepared", stage="prepare").class_names
            assert sorted(arrays["ids"]) == sorted(stored[split])
            for image_id, label, image in zip(arrays["ids"], arrays["labels"], arrays["images"], strict=True):
                assert label == stored[split][image_id][0]
                assert (image == stored[split][image_id][1]).all()
        assert (tmp_path / f"a/{split}.npz").read_bytes() == (tmp_path / f"b/{split}.npz").read_bytes()


def test_keras_reads_the_folder(tiny: Path, stored: Stored, tmp_path: Path) -> None:
    export_images(tiny / "prepared", form="folder", folder=tmp_path / "out")
    names = read_index(tiny / "prepared", stage="prepare").class_names
    for split in SPLITS:
        for image_id, (label, image) in stored[split].items():
            with Image.open(tmp_path / "out" / split / names[label] / f"{file_stem(image_id)}.png") as found:
                assert (np.asarray(found) == image[:, :, 0]).all()
        assert len(list((tmp_path / "out" / split).rglob("*.png"))) == len(stored[split])


def test_tensorflow_reads_the_records(tiny: Path, stored: Stored, tmp_path: Path) -> None:
    export_images(tiny / "prepared", form="tfrecord", folder=tmp_path / "out")
    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
    features |= {name: tf.io.FixedLenFeature([], tf.int64) for name in ("height", "width", "channels")}
    features |= {name: tf.io.FixedLenFeature([], tf.string) for name in ("id", "class_name")}
    for split in SPLITS:
        records = tf.data.TFRecordDataset(str(tmp_path / f"out/{split}.tfrecord"))
        rows = [tf.io.parse_single_example(row, features) for row in records]
        assert len(rows) == len(stored[split])
        for row in rows:
            label, image = stored[split][row["id"].numpy().decode()]
            shape = tuple(int(row[name]) for name in ("height", "width", "channels"))
            assert (np.frombuffer(row["image"].numpy(), np.uint8).reshape(shape) == image).all()
            assert int(row["label"]) == label


def test_names_that_could_meet_are_told_apart() -> None:
    ids = ["w/a.png", "w/a.jpg", "w-a.png", "w/a", "w/a.PNG", "x" * 300 + ".png", "x" * 301 + ".png"]
    stems = [file_stem(image_id) for image_id in ids]
    assert len(set(stems)) == len(ids)
    assert all(len(stem) <= 200 for stem in stems)


def test_a_class_that_is_no_name_of_a_folder_is_refused(tiny: Path, tmp_path: Path) -> None:
    index = read_index(tiny / "prepared", stage="prepare")
    (tmp_path / "prepared").mkdir()
    write_index(tmp_path / "prepared", index.model_copy(update={"class_names": ["..", "a/b", "c"], "shards": []}))
    with pytest.raises(DarkroomError, match=r"^class '\.\.' cannot be a folder .* Use --format npz$"):
        export_images(tmp_path / "prepared", form="folder", folder=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]
