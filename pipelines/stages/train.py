"""Fits the network; writes the model, its history, and each epoch's metrics as they come for DVC to show."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from pipelines.run.program import run_program
from pipelines.run.stage_runner import need_docstrings, need_temporary_folder

run_program(need_temporary_folder)  # without one tensorflow cannot be imported
run_program(need_docstrings)

from models.train.quick_keras_import import load_keras

load_keras()  # before any other module imports it

from pathlib import Path

from dvclive import Live
from dvclive.keras import DVCLiveCallback

from dataprep.core.artifacts import Place, encode_document, encode_table, write_files
from dataprep.execute.executor import num_workers
from dataprep.feed.batches import TrainSet, find_train_set
from dataprep.store.shards import ShardIndex, read_index
from dataprep.store.statistics import Statistics, read_statistics
from models.layers.features import source_of_weights
from models.train.checkpoints import Checkpoints, fingerprint_of
from models.train.compiled_network import compile_network
from models.train.describe_network import describe_network
from models.train.devices import device_line, settle_devices
from models.train.final_classifier import fit_classifier
from models.train.image_weights import with_weights
from models.train.keras_environment import Environment
from models.train.label_folds import predict_folds
from models.train.model_bytes import encode_model
from models.train.model_file import recipe_of
from models.train.out_of_fold_table import LABEL_FOLDS
from models.train.progress import Progress
from models.train.tensorboard import tensorboard_callbacks
from models.train.two_phases import fit_in_phases
from pipelines.parameters.params import Params, read_params
from pipelines.run.stage_runner import OutputOption, PathOption, PlaceOption, run
from pipelines.run.training_display import training_display


def main(
    prepared: PlaceOption,
    augmented: PlaceOption,
    groups: PathOption,
    statistics: PathOption,
    model: OutputOption,
    sheet: OutputOption,
    history: OutputOption,
    label_folds: OutputOption,
    live: OutputOption,
    checkpoints: PathOption,
    tensorboard: PathOption,
) -> None:
    params, index = read_params(), read_index(prepared, stage="prepare")
    print(f"train: {device_line(environment := settle_devices(config := params.train), config.devices)}", flush=True)
    train_set = with_weights(find_train_set(prepared, augmented), config.weights, params.augment, groups)
    measured = read_statistics(statistics, index)
    network = compile_network(params.model, config, train_set, measured, augment=params.augment)
    documents = params.augment, params.model, config, index, read_index(augmented, stage="augment"), measured, environment
    kept = Checkpoints(checkpoints, fingerprint_of(network, *documents, image_weights=train_set.weights))
    with training_display() as shown, Live(str(live), save_dvc_exp=False, dvcyaml=None) as log:
        curve = fit_in_phases(
            network,
            train_set,
            model=params.model,
            prepared=prepared,
            config=config,
            augment=params.augment,
            workers=num_workers(params.execute),
            callbacks=[DVCLiveCallback(live=log), *tensorboard_callbacks(tensorboard, asked=config.tensorboard)],
            checkpoints=kept,
            progress=shown,
        )
        fitted = fit_classifier(network, train_set, curve, model=params.model, prepared=prepared, config=config, progress=shown)
        content = encode_model(network, _recipe(source_of_weights(network), index, params, environment), fitted.members)
        said = describe_network(network, environment, augment=params.augment, model=params.model, train=config)
        folds = _predict_folds(params, train_set, measured, groups=groups, prepared=prepared, progress=shown)
    write_files({model: content, sheet: encode_document(said), history: curve.write_csv().encode(), label_folds: folds})
    kept.remove()
    print(f"train: {train_set.num_images:,} images, {network.count_params():,} weights, {fitted.summary}")


def _predict_folds(
    params: Params, train_set: TrainSet, measured: Statistics, *, groups: Path, prepared: Place, progress: Progress
) -> memoryview:
    """The table of what networks say of train images that they were not trained on."""
    folds = predict_folds(
        params.diagnose.label_folds,
        train_set,
        measured,
        groups,
        model=params.model,
        train=params.train,
        augment=params.augment,
        prepared=prepared,
        workers=num_workers(params.execute),
        progress=progress,
    )
    return encode_table(folds, LABEL_FOLDS)


def _recipe(
    pretrained: dict[str, dict[str, str]], index: ShardIndex, params: Params, environment: Environment
) -> dict[str, object]:
    """What the model file says of itself."""
    sections = {"model": params.model, "environment": environment}
    dumped = {name: section.model_dump(mode="json") for name, section in sections.items()}
    return {**recipe_of(index), **pretrained, **dumped}


if __name__ == "__main__":
    run(main)
