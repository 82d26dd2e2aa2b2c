"""`darkroom search`: other parameters of model, train and augment, tried on the prepared images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.config.search import SearchConfig, Value
    from models.search.study import Report, Tried


def search(
    space: Annotated[Path, typer.Argument(metavar="SPACE.yaml", help="What varies; docs/search.md shows one.")],
    experiments: Annotated[
        int, typer.Option(min=0, max=20, help="How many of the best then run through the whole line, for dvc exp show.")
    ] = 3,
    apply: Annotated[bool, typer.Option("--apply", help="Writes the best into params.yaml.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Tries parameters at random, then around the best of them; it goes on where it was stopped. Sees no test image."""
    from pipelines.environment_variables import settle

    settle()  # before any library reads it
    from dataprep.core.artifacts import write_text
    from models.search.page import render, table
    from models.search.space import setting
    from models.search.study import open_study, ranked, run_trials, trials_of
    from pipelines.experiments.search_params import FOLDER, PAGES, apply_values, read_space
    from pipelines.workspace.lock import only_run

    config = read_space(space)
    with only_run():
        train = _trainer(config, space)
        study = open_study(FOLDER / f"{space.stem}.log", config)
        if known := trials_of(study, config):
            print(f"search: goes on after trial {len(known)} of {2 * config.trials}")
        run_trials(study, config, train, lambda own: _print_trial(own, config))
    tried = trials_of(study, config)
    best = ranked(tried, config)
    page = PAGES / f"{space.stem}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_text(page, render(tried, config, command=f"darkroom search {space} --apply"))
    write_text(page.with_suffix(".csv"), table(tried, config).write_csv())
    settings = " ".join(f"{key}={value}" for key, value in best[0].values.items())
    print(f"search: {len(tried)} trials -> best {config.metric} {best[0].score:.4f}, trial {best[0].number}: {settings}")
    print(f"page: {page}")
    _run_experiments([setting(own.values) for own in best[:experiments]], space.stem)
    if apply:
        apply_values(best[0].values)
        print("search: the best stands in params.yaml. Next: dvc repro")


def _trainer(config: "SearchConfig", space: Path) -> "Callable[[Mapping[str, Value], Report], float]":
    """What trains one trial on the prepared images, as they are now."""
    from collections.abc import Mapping

    from dataprep.core.artifacts import locate
    from dataprep.core.errors import ParamsError
    from dataprep.execute.executor import num_workers
    from dataprep.feed.batches import find_train_set
    from dataprep.store.shards import read_index
    from dataprep.store.statistics import read_statistics
    from models.train.image_weights import with_weights
    from pipelines.experiments.search_params import check_keys, need_prepared, params_of_trial
    from pipelines.parameters.params import PARAMS_FILE, read_params
    from pipelines.parameters.yaml_reading import load_yaml, read_text
    from pipelines.workspace.dvc_graph import option_value, out_of_date

    base = read_params()
    need_prepared(out_of_date())
    document = load_yaml(read_text(PARAMS_FILE), PARAMS_FILE)
    if not isinstance(document, Mapping):
        raise ParamsError(f"{PARAMS_FILE} must hold sections. Restore it: git checkout {PARAMS_FILE}")
    check_keys(document, config, space)
    prepared, augmented = (locate(option_value("train", option)) for option in ("--prepared", "--augmented"))
    statistics = read_statistics(Path(option_value("train", "--statistics")), read_index(prepared, stage="prepare"))
    train_set, groups = find_train_set(prepared, augmented), Path(option_value("train", "--groups"))

    said: list[str] = []

    def train(values: "Mapping[str, Value]", report: "Report") -> float:
        from models.search.trial import train_trial  # and TensorFlow, which a refusal and a search that is done do without
        from models.train.devices import device_line, settle_devices

        line = f"search: {device_line(settle_devices(base.train), base.train.devices)}"
        if line not in said:
            print(line, flush=True)
            said.append(line)
        params = params_of_trial(document, values, epochs=config.epochs)
        return train_trial(
            with_weights(train_set, params.train.weights, params.augment, groups),
            statistics,
            prepared=prepared,
            model=params.model,
            train=params.train,
            augment=params.augment,
            workers=num_workers(params.execute),
            metric=config.metric,
            report=report,
        )

    return train


def _print_trial(own: "Tried", config: "SearchConfig") -> None:
    score = own.failure or f"{config.metric} {own.score:.4f}"
    ended = f" after {own.num_epochs} epochs, stopped early" if own.is_pruned else ""
    settings = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in own.values.items())
    print(f"trial {own.number} of {2 * config.trials}, round {own.round}: {score}{ended}; {settings}", flush=True)


def _run_experiments(settings: list[list[str]], name: str) -> None:
    """Runs each through the whole line as an experiment of DVC, the best last, and puts the workspace back."""
    from dataprep.core.errors import DarkroomError
    from pipelines.versions.kept_workspace import workspace_kept
    from pipelines.workspace.dvc_graph import dvc, reason_of

    with workspace_kept():
        for rank, arguments in reversed(list(enumerate(settings, start=1))):
            experiment = f"{name}-{rank}"
            ended = dvc("exp", "run", "--force", "--name", experiment, *arguments)
            if ended.exit_code:
                raise DarkroomError(
                    f"experiment {experiment} must run through; it ended with {reason_of(ended.output)!r}. "
                    f"Run: dvc exp run {' '.join(arguments)}"
                )
            print(f"search: rank {rank} ran through the whole line. To take it: dvc exp apply {experiment}", flush=True)
