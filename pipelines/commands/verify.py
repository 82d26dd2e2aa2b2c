"""`darkroom verify`: whether all that the last run made is whole."""

import typer


def verify() -> None:
    """Reads again all that the last run made, and DVC's copies of it; names what is damaged and what mends it."""
    from pipelines.repair.verify import files_of, find_damage, hash_files, read_outputs
    from pipelines.run.stage_runner import track
    from pipelines.workspace.dvc_graph import cache_folder
    from pipelines.workspace.lock import only_run

    outputs, cache = read_outputs(), cache_folder()
    with only_run():  # what a stage is just writing is not damaged
        paths = files_of(outputs, cache)
        hashed = {entry.path: entry for entry in track(hash_files(paths), title="verify", total=len(paths), count=lambda _: 1)}
        found = list(find_damage(outputs, cache, hashed))
    for damage in found:
        print(damage)
    if found:
        print(f"verify: {len(found):,} of {len({*paths, *(damage.path for damage in found)}):,} files damaged or missing")
        raise typer.Exit(2)
    copies = sum(path.is_relative_to(cache) for path in paths)
    num_bytes = sum(entry.num_bytes for entry in hashed.values())
    print(f"verify: {len(paths):,} files ({copies:,} of them in DVC's cache), {num_bytes / 1e6:,.1f} MB: all whole")
