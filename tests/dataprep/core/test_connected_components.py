import polars as pl
from hypothesis import given

from dataprep.core.connected_components import KEYS, find_clusters
from dataprep.split.split_methods import split_images
from tests.dataprep.split.test_split_methods import CONFIG, Row, images_of, plain, tangled


@given(tangled())
def test_a_cluster_is_what_chains_of_shared_keys_link(images: pl.DataFrame) -> None:
    """Against the slowest algorithm there is."""
    rows = images.select(KEYS).rows()
    expected = list(range(len(rows)))
    changed = True
    while changed:
        changed = False
        for place in range(3):
            lowest: dict[str, int] = {}
            for row, cluster in zip(rows, expected, strict=True):
                if row[place] is not None:
                    lowest[row[place]] = min(lowest.get(row[place], cluster), cluster)
            lowered = [min(cluster, lowest.get(row[place], cluster)) for row, cluster in zip(rows, expected, strict=True)]
            changed |= lowered != expected
            expected = lowered
    assert find_clusters(images).tolist() == expected


def test_a_chain_of_groups_and_duplicates_is_one_cluster() -> None:
    rows: list[Row] = [("a", "w1", None, "p"), ("b", "w2", None, "p"), ("a", "w2", None, "q"), ("b", None, None, "q")]
    images = pl.concat([images_of(rows), plain({"a": 6, "b": 6}).with_columns(id=pl.format("z/{}", "id"))])
    split = split_images(images, CONFIG)
    assert split.head(4)["cluster"].to_list() == ["a/00000.png"] * 4
    assert split["cluster"].n_unique() == 13
