"""What changed between two manifests."""

import polars as pl

from models.compare.data_changes import find_changes


def manifest(**rows: tuple[str, str, str]) -> pl.DataFrame:
    """Rows by id: label, digest, status."""
    names = sorted(rows)
    columns = dict(
        zip(("label", "digest", "status"), map(list, zip(*(rows[name] for name in names), strict=True)), strict=True)
    )
    return pl.DataFrame({"id": names, **columns})


def test_images_are_known_by_their_pixels() -> None:
    before = manifest(
        a=("x", "1", "ok"), b=("x", "2", "ok"), c=("y", "3", "ok"), d=("y", "4", "ok"), e=("y", "5", "quarantined")
    )
    after = manifest(
        a=("x", "1", "ok"),
        b=("x", "7", "ok"),  # painted over
        cc=("y", "3", "ok"),  # renamed
        d=("x", "4", "ok"),  # in another class
        e=("y", "5", "quarantined"),
        f=("y", "6", "quarantined"),
    )
    found = find_changes(before, after)
    assert found.counts.in_words == "1 new, 1 removed, 1 relabelled, 1 newly quarantined"
    assert found.counts.images == 4
    assert found.new_ids.to_list() == ["b"]


def test_of_the_first_version_all_are_new() -> None:
    found = find_changes(None, manifest(a=("x", "1", "ok"), b=("y", "2", "quarantined")))
    assert (found.counts.new, found.counts.removed, found.counts.quarantined) == (1, 0, 1)


def test_nothing_changed() -> None:
    same = manifest(a=("x", "1", "ok"), b=("y", "2", "quarantined"))
    assert find_changes(same, same).counts.is_nothing
