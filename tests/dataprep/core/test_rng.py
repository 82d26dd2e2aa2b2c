import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.core.rng import rng_for, stable_hash, stable_hashes, uniforms_for


def test_uniforms_do_not_depend_on_what_stands_beside_an_item() -> None:
    keys = stable_hashes([f"{number}.png" for number in range(100)])
    together = uniforms_for(keys, 7, "rotation", 3)
    assert np.array_equal(uniforms_for(keys[::-1], 7, "rotation", 3), together[::-1])
    assert uniforms_for(keys[40:41], 7, "rotation", 3)[0] == together[40]


@given(st.integers(0, 2**31), st.text(max_size=5), st.integers(0, 1000))
def test_uniforms_are_uniform_and_uncorrelated_between_purposes(seed: int, purpose: str, epoch: int) -> None:
    keys = stable_hashes([str(number) for number in range(4000)])
    first = uniforms_for(keys, seed, purpose, epoch)
    second = uniforms_for(keys, seed, purpose + "'", epoch)
    assert first.min() >= 0
    assert first.max() < 1
    # 5.5 standard errors: hypothesis tries hundreds of seeds
    assert abs(first.mean() - 0.5) < 5.5 * np.sqrt(1 / 12 / 4000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5.5 / np.sqrt(4000)
    counts, _ = np.histogram(first, bins=20, range=(0, 1))
    assert np.abs(counts - 200).max() < 5.5 * np.sqrt(200)


def test_generators_differ_by_seed_and_by_key() -> None:
    draws = {float(rng_for(seed, key, epoch).random()) for seed in (0, 1) for key in "ab" for epoch in (0, 1)}
    assert len(draws) == 8


@given(st.lists(st.text(st.characters())))
def test_hashes_of_many_names_are_those_of_each(names: list[str]) -> None:
    assert stable_hashes(names).tolist() == [stable_hash(name) for name in names]
