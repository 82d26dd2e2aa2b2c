"""Scores the predictions, judges them, and writes the report."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from typing import Any

from dataprep.core.artifacts import encode_document, read_document, write_files
from dataprep.store.manifest import read_manifest
from dataprep.store.split_report import SplitMetrics
from dataprep.store.split_table import read_split
from models.config.diagnose import DiagnoseConfig
from models.diagnose.diagnosis import diagnose
from models.diagnose.evidence import ImageTables, gather_evidence
from models.diagnose.facts import Settings, gather, look_at
from models.diagnose.leakage_estimate import estimate_leakage
from models.diagnose.metrics import measure
from models.diagnose.plot_tables import encode_plots
from models.evaluate.feature_table import read_features
from models.evaluate.image_facts import read_facts
from models.evaluate.predictions import read_predictions, with_clusters
from models.evaluate.robustness import read_robustness
from models.evaluate.saliency_table import read_saliency
from models.report.content import Sources, collect
from models.report.page import render
from models.report.raw_links import raw_folder_link
from models.train.history_table import read_history
from models.train.network_sheet import read_network_sheet
from models.train.out_of_fold_table import read_folds
from pipelines.parameters.params import read_params
from pipelines.project.recipes import default_params
from pipelines.run.stage_runner import OutputOption, PathOption, PlaceOption, run
from pipelines.workspace.raw_folder import locate_raw_folder


def main(
    manifest: PathOption,
    split: PathOption,
    split_metrics: PathOption,
    prepared: PlaceOption,
    network: PathOption,
    history: PathOption,
    predictions: PathOption,
    label_folds: PathOption,
    image_facts: PathOption,
    features: PathOption,
    robustness: PathOption,
    saliency: PathOption,
    embedded: PathOption,
    metrics: OutputOption,
    diagnosis: OutputOption,
    report: OutputOption,
    plots: OutputOption,
) -> None:
    config, settings, source = _read_settings()
    data = read_document(split_metrics, SplitMetrics, stage="split")
    assigned, epochs, found = read_split(split), read_history(history), read_manifest(manifest)
    rows = with_clusters(read_predictions(predictions, assigned), assigned)
    measured, leakage = measure(rows), estimate_leakage(prepared, assigned, data, seed=config.seed)
    tables = ImageTables(read_facts(image_facts, rows), read_features(features, rows), read_folds(label_folds, rows))
    tried = read_robustness(robustness)
    evidence = gather_evidence(
        rows, tables, manifest=found, split=assigned, prepared=prepared, robustness=tried, seed=config.seed
    )
    facts = gather(measured, epochs, look_at(found, prepared, measured), leakage, evidence, settings)
    judged = diagnose(facts)
    sheet = read_network_sheet(network)
    raw = raw_folder_link(locate_raw_folder(source, embedded), report)
    sources = Sources(epochs, found, data, prepared, tables.features, read_saliency(saliency), sheet, _defaults(), raw)
    content = collect(rows, facts, judged, sources, config)
    documents = {metrics: encode_document(measured), diagnosis: encode_document(judged), report: render(content).encode()}
    write_files({**encode_plots(plots, rows, facts, config.split), **documents})
    print(f"diagnose: {judged.first.headline} -> {report}")


def _defaults() -> dict[str, dict[str, Any]]:
    """The sections of params.yaml that make a network, as they are shipped."""
    shipped = default_params()
    return {name: getattr(shipped, name).model_dump(mode="json") for name in ("augment", "model", "train")}


def _read_settings() -> tuple[DiagnoseConfig, Settings, str]:
    """How to diagnose, what findings propose to change, and the raw folder."""
    params = read_params()
    config, network = params.diagnose, params.model.network
    settings = Settings(
        target_accuracy=config.target_accuracy,
        augment=params.augment,
        epochs=params.train.epochs,
        batch_size=params.train.batch_size,
        optimizer=params.train.optimizer.kind,
        learning_rate=params.train.optimizer.learning_rate,
        early_stopping=params.train.early_stopping,
        batch_normalisation=getattr(network, "batch_normalisation", False),  # not every kind has it
        network=network.kind,
        layers=network.model_dump(mode="json"),
        l1=params.model.l1,
        l2=params.model.l2,
        fine_tunes=getattr(network, "fine_tune", None) is not None,
        head_classifies=params.model.classifier.kind == "head",
    )
    return config, settings, params.ingest.source


if __name__ == "__main__":
    run(main)
