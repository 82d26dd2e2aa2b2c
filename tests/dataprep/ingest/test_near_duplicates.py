import io
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dataprep.config.ingest import NearDuplicatesConfig
from dataprep.decode.image import Pixels
from dataprep.ingest import near_duplicates
from dataprep.ingest.near_duplicates import difference_of, find_clusters, hashes_of
from dataprep.ingest.perceptual_features import HASH_BITS, LENGTH, Features, extract_features, shrunk
from tests.conftest import random_image

CONFIG = NearDuplicatesConfig(max_hash_distance=3, max_difference=0.001)


def scene(seed: int, side: int = 96) -> Image.Image:
    """A random picture with large and small shapes, in color."""
    rng = np.random.default_rng(seed)
    layers = [Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)) for size in (4, 9, 20)]
    stack = [np.asarray(layer.resize((side, side), Image.Resampling.BICUBIC), dtype=float) for layer in layers]
    return Image.fromarray((stack[0] * 0.6 + stack[1] * 0.3 + stack[2] * 0.1).astype(np.uint8))


def pixels_of(picture: Image.Image) -> Pixels:
    pixels = np.asarray(picture)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def features_of(pictures: list[Image.Image]) -> Features:
    return extract_features(np.stack([shrunk(pixels_of(picture)) for picture in pictures]))


def clusters_of(pictures: list[Image.Image], config: NearDuplicatesConfig = CONFIG) -> list[int]:
    return list(find_clusters(features_of(pictures), config))


def as_jpeg(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": as_jpeg,
    "resized to 80% and back": lambda picture: picture.resize((77, 77), 3).resize((96, 96), 3),
    "twice as large": lambda picture: picture.resize((192, 192), 3),
    "stretched": lambda picture: picture.resize((96, 150), 3),
    "cropped by 2% on the right": lambda picture: picture.crop((0, 0, 94, 96)),
    "cropped by 2% on the top left": lambda picture: picture.crop((2, 2, 96, 96)),
    "cropped by 1% all round": lambda picture: picture.crop((1, 1, 95, 95)),
    "5% brighter": lambda picture: picture.point(lambda level: level * 1.05),
    "less contrast": lambda picture: picture.point(lambda level: level * 0.8 + 20),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_a_near_duplicate_whichever_comes_first(how: str) -> None:
    pictures = [scene(seed) for seed in range(20)]
    copies = [COPIES[how](picture) for picture in pictures]
    assert clusters_of(pictures + copies) == [*range(20), *range(20)]
    assert clusters_of(copies + pictures) == [*range(20), *range(20)]


OTHERS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned": lambda picture: picture.rotate(90),
    "negative": lambda picture: picture.point(lambda level: 255 - level),
    "other colors": lambda picture: Image.merge("RGB", (picture.getchannel(1), picture.getchannel(0), picture.getchannel(2))),
    "cropped by a tenth": lambda picture: picture.crop((0, 0, 86, 96)),
    "half of another": lambda picture: Image.composite(picture, scene(999), Image.linear_gradient("L").resize((96, 96))),
}


@pytest.mark.parametrize("how", OTHERS)
def test_another_picture_is_none(how: str) -> None:
    pictures = [scene(seed) for seed in range(20)]
    assert clusters_of([*pictures, *(OTHERS[how](picture) for picture in pictures)]) == list(range(40))


def test_the_same_shape_in_another_color_is_another_picture() -> None:
    shape = Image.linear_gradient("L").resize((40, 40)).rotate(30)
    red, green = (
        Image.merge("RGB", channels) for channels in ((shape, shape.point(lambda _: 40), shape), (shape, shape, shape))
    )
    assert clusters_of([red, green]) == [0, 1]
    assert clusters_of([green, shape]) == [0, 0]


def test_a_crop_beyond_the_largest_is_not_explained_away() -> None:
    """The linear problem would stretch; bounds keep it within small crops."""
    pictures = [(scene(seed, 200), scene(seed, 200).crop((0, 0, width, 200))) for seed in range(10) for width in (196, 188)]
    differences = np.array([difference_of(features_of(list(pair))) for pair in pictures]).reshape(10, 2)
    assert differences[:, 0].max() < 0.0005
    assert differences[:, 1].min() > 0.005


def test_pictures_without_contrast_have_no_near_duplicates() -> None:
    rng = np.random.default_rng(0)
    page = scene(0).convert("L").point(lambda level: 120 + level / 100)
    faint = [Image.fromarray((np.asarray(page) + rng.integers(0, 2, (96, 96))).astype(np.uint8)) for _ in range(3)]
    assert clusters_of(faint) == [0, 1, 2]
    assert clusters_of([scene(0).convert("L"), scene(0).convert("L").point(lambda level: level / 4)]) == [0, 0]


def many_features(seed: int) -> tuple[Features, NDArray[np.int64]]:
    """Fingerprints of 60 pictures, of which some are copies of copies, in random order; and the same search in one piece."""
    rng = np.random.default_rng(seed)
    pictures = [scene(int(number)) for number in rng.integers(0, 40, 45)]
    pictures += [COPIES[how](pictures[int(rng.integers(45))]) for how in rng.choice(list(COPIES), 15)]
    features = features_of(pictures)
    return features, find_clusters(features, CONFIG)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 59))
def test_searching_for_new_pictures_alone_finds_what_searching_for_all_finds(seed: int, num_old: int) -> None:
    features, whole = many_features(seed)
    known = np.concatenate([find_clusters(features[:num_old], CONFIG), np.full(60 - num_old, -1)])
    assert np.array_equal(find_clusters(features, CONFIG, known=known), whole)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_clusters_do_not_depend_on_order_blocks_or_workers(seed: int) -> None:
    features, whole = many_features(seed)
    order = np.random.default_rng(seed).permutation(60)
    shuffled = find_clusters(features[order], CONFIG, workers=3)
    same = whole[order][:, np.newaxis] == whole[order]
    assert np.array_equal(shuffled[:, np.newaxis] == shuffled, same)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_QUERIES_PER_BLOCK", "_CANDIDATES_AT_ONCE", "_PAIRS_AT_ONCE", "_EDGES_HELD"):
            patch.setattr(near_duplicates, name, 7)
        assert np.array_equal(find_clusters(features, CONFIG), whole)


def test_hashes_of_random_pictures_use_every_bit() -> None:
    features = extract_features(np.stack([shrunk(random_image(seed, (40, 40, 1))) for seed in range(300)]))
    assert features.shape == (300, LENGTH)
    bits = hashes_of(features)[:, np.newaxis] >> np.arange(HASH_BITS, dtype=np.uint64) & np.uint64(1)
    assert 0.3 < bits.mean(axis=0).min() <= bits.mean(axis=0).max() < 0.7


def test_a_stricter_search_finds_less() -> None:
    pictures = [scene(0), as_jpeg(scene(0))]
    assert clusters_of(pictures) == [0, 0]
    assert clusters_of(pictures, CONFIG.model_copy(update={"max_difference": 1e-7})) == [0, 1]
    many = [scene(seed) for seed in range(20)] + [scene(seed).crop((1, 1, 95, 95)) for seed in range(20)]
    found = [len(set(clusters_of(many, CONFIG.model_copy(update={"max_hash_distance": bits})))) for bits in (0, 3)]
    assert found[0] > 22
    assert found[1] == 20


def symmetric(seed: int) -> Image.Image:
    """A picture that is its own mirror image: half of its frequencies are 0."""
    half = np.asarray(scene(seed))[:, :48]
    return Image.fromarray(np.concatenate([half, half[:, ::-1]], axis=1))


@pytest.mark.parametrize("how", ["re-encoded", "resized to 80% and back", "5% brighter"])
def test_copies_of_symmetric_pictures_are_found(how: str) -> None:
    pictures = [symmetric(seed) for seed in range(20)]
    found = clusters_of([*pictures, *(COPIES[how](picture) for picture in pictures)])
    assert found[:20] == list(range(20))
    assert sum(one == other for one, other in zip(found[20:], range(20), strict=True)) >= 18


@pytest.mark.slow
def test_many_pictures_that_are_all_alike_cost_no_square_of_memory() -> None:
    """As of a camera that does not move: 1,500 frames make two million pairs."""
    base = np.asarray(scene(0).convert("L"), dtype=float)
    rng = np.random.default_rng(0)
    frames = [(base + rng.normal(0, 2, base.shape)).clip(0, 255).astype(np.uint8)[..., np.newaxis] for _ in range(1500)]
    features = extract_features(np.stack([shrunk(frame) for frame in frames]))
    tracemalloc.start()
    assert set(find_clusters(features, CONFIG).tolist()) == {0}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300 * 2**20


def test_of_nothing_and_of_one_picture_there_are_no_duplicates() -> None:
    assert find_clusters(np.zeros((0, LENGTH), np.float16), CONFIG).tolist() == []
    assert clusters_of([scene(0)]) == [0]
