import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dataprep.core.errors import ParamsError
from models.config.network_kinds import NetworkConfig
from pipelines.parameters.params import Params, check_params, read_params
from tests.closure import SHIPPED
from tests.pipelines.parameters.params_lines import put

TEXT = SHIPPED.read_text()
TREES = "{kind: xgboost, rounds: 9, patience: 3, max_depth: 6, learning_rate: 0.1, subsample: 1.0}"
CUTMIX_OFF = "labels by area\n    probability: 0.0"


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def in_augment(name: str, key: str, value: str) -> str:
    """Sets one key of an operation, which many of them have."""
    return put(TEXT, {f"augment.{name}.{key}": value})


def with_value(where: str, value: str) -> str:
    return put(TEXT, {where: value})


def boosted(classifier: str) -> str:
    """Another classifier."""
    return re.sub(r"  classifier:.*\n    kind: head.*", f"  classifier: {classifier}", TEXT)


AUGMENT_CASES = [
    (
        in_augment("rotation", "probability", "-0.1"),
        "params.yaml: augment.rotation.probability should be greater than or equal to 0; got -0.1. Correct the value",
    ),
    (
        in_augment("noise", "probability", "1.5"),
        "params.yaml: augment.noise.probability should be less than or equal to 1",
    ),
    (
        in_augment("rotation", "degrees", "[10.0, -10.0]"),
        "params.yaml: augment.rotation.degrees must be [lowest, highest]; got [10.0, -10.0]. Exchange the two",
    ),
    (
        in_augment("zoom", "factor", "[0.0, 1.0]"),
        "params.yaml: augment.zoom.factor must lie within 0.1 to 10; got [0.0, 1.0]. Correct the value",
    ),
    (in_augment("noise", "std", "[.nan, 1.0]"), "params.yaml: value 1 of augment.noise.std should be a finite number; got nan"),
    (
        in_augment("noise", "std", "8.0"),
        "params.yaml: augment.noise.std must be a list of two numbers; got 8.0",
    ),
    (in_augment("noise", "std", "[8.0]"), "params.yaml: augment.noise.std must be a list of two numbers; got [8.0]"),
    (in_augment("mixup", "alpha", ".inf"), "params.yaml: augment.mixup.alpha should be a finite number; got inf"),
    (
        in_augment("mixup", "probability", "0.2").replace("  online: true", "  online: false"),
        "params.yaml: augment mixup must have probability 0 for online false, since images are mixed anew in each",
    ),
    (
        in_augment("channel_shuffle", "probability", "0.5"),
        "params.yaml: augment.channel_shuffle must have probability 0 for prepare.color 'gray', which has one channel; got 0.5",
    ),
    (
        in_augment("horizontal_flip", "probability", "0.5"),
        "params.yaml: augment horizontal_flip must have probability 0, since label_safe has 'digits' and it changes such a "
        "class; got 0.5. Set it to 0, or take 'digits' out of augment.label_safe",
    ),
    (
        in_augment("rotation", "degrees", "[-10.0, 180.0]"),
        "params.yaml: augment rotation.degrees must lie within -60 to 60, since label_safe has 'digits' (a 6 that is turned "
        "too far is a 9); got [-10.0, 180.0]. Narrow it",
    ),
    (
        put(TEXT, {"augment.inversion.probability": "0.5", "augment.label_safe": "[digits, inversion]"}),
        "params.yaml: augment inversion must have probability 0, since label_safe has 'inversion'",
    ),
    (
        with_value("augment.label_safe", "[digit]"),
        "params.yaml: augment.label_safe must name kinds of labels (digits, letters) or operations that change a class; got "
        "'digit'. Did you mean digits?",
    ),
    (
        in_augment("mixup", "probability", "0.7").replace(CUTMIX_OFF, CUTMIX_OFF.replace("0.0", "0.7")),
        "params.yaml: augment mixup, cutmix and superpose must have probabilities whose sum is at most 1, since an image gets "
        "one of them; got 0.7 + 0.7 + 0. Lower one",
    ),
    (
        in_augment("superpose", "probability", "1.0"),
        "params.yaml: model.head must be 'sigmoid' for augment.superpose.probability 1, since an image then has several "
        "labels; got 'softmax'",
    ),
    (
        boosted(TREES).replace("head: softmax", "head: sigmoid"),
        "params.yaml: model must have head 'softmax' or 'binary' for classifier.kind 'xgboost', whose trees give an image one "
        "class; got 'sigmoid'. Set model.classifier to {kind: head}, or model.head to softmax",
    ),
    (
        boosted(TREES.replace("0.1", "2.0")),
        "params.yaml: model.classifier.learning_rate should be less than or equal to 1; got 2.0",
    ),
    (
        in_augment("grid_distortion", "probability", "0.5").replace("num_cells: 4", "num_cells: 20"),
        "params.yaml: augment.grid_distortion.num_cells must be at most 16, so that a cell of prepare.image_size [16, 16] has "
        "a pixel; got 20",
    ),
    (
        changed("    smoothness_px:", "    smoothnes_px:"),
        "params.yaml: unknown key augment.elastic.smoothnes_px. Did you mean smoothness_px?",
    ),
    (
        changed("batch_size: 32", "batch_size: 1"),
        "params.yaml: train.batch_size must be at least 2 for model.network.batch_normalisation true, since one image has no "
        "variance; got 1. Enlarge it, or set model.network.batch_normalisation to false",
    ),
    (changed("balance: none", "balance: all"), "params.yaml: augment.balance should be 'none', 'oversample' or 'to_fraction'"),
    (
        changed("balance_fraction: 0.5", "balance_fraction: 0.0"),
        "params.yaml: augment.balance_fraction should be greater than 0",
    ),
    (
        changed("input_noise: 0.0", "input_noise: 2.0"),
        "params.yaml: model.input_noise should be less than or equal to 1; got 2.0",
    ),
]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            with_value("split.fractions", "[0.7, 0.2, 0.2]"),
            "params.yaml: split.fractions must sum to 1; got 0.7 + 0.2 + 0.2 = 1.1. Reduce one of them",
        ),
        (
            with_value("split.fractions", "[0.6, 0.4, 0.0]"),
            "params.yaml: split.fractions must be three numbers above 0; got 0.6 + 0.4 + 0. Each split needs images",
        ),
        (
            changed("learning_rate:", "learningrate:"),
            "params.yaml: unknown key train.optimizer.learningrate. Did you mean learning_rate?",
        ),
        (
            changed("    interpolation:", "    interpolate:"),
            "params.yaml: unknown key prepare.resize.interpolate. Did you mean interpolation?",
        ),
        (changed("statistics:\n", "statistic:\n"), "params.yaml: unknown key statistic. Did you mean statistics?"),
        (
            changed("    beta_1:", "    momentum: 0.9\n    beta_1:"),
            "params.yaml: unknown key train.optimizer.momentum of train.optimizer.kind 'adam'; 'sgd' or 'rmsprop' has it.",
        ),
        (
            changed("  batch_size: 32", "  learning_rate: 0.002\n  batch_size: 32"),
            "params.yaml: unknown key train.learning_rate. It is now train.optimizer.learning_rate. Write it there",
        ),
        (
            changed("    patience: 8", "    xyz: 8"),
            "params.yaml: unknown key train.early_stopping.xyz. Known here: metric, patience",
        ),
        (
            changed("  batch_size: 32", "  patience: 8\n  batch_size: 32"),
            "params.yaml: unknown key train.patience. It is now train.early_stopping.patience. Write it there",
        ),
        (
            with_value("prepare.image_size", "32"),
            "params.yaml: prepare.image_size must be a list of two whole numbers; got 32. Correct the list",
        ),
        (
            with_value("split.fractions", "[0.6, 0.4]"),
            "params.yaml: split.fractions must be a list of three numbers; got [0.6, 0.4]",
        ),
        (
            with_value("split.fractions", "[0.6, 0.2, 0.1, 0.1]"),
            "params.yaml: split.fractions must be a list of three numbers; got [0.6, 0.2, 0.1, 0.1]. Correct the list",
        ),
        (
            changed("  epochs: 40", "  epochs: true"),
            "params.yaml: train.epochs should be a whole number; got True. Correct the value",
        ),
        (changed("  epochs: 40", "  epochs: '40'"), "params.yaml: train.epochs should be a whole number; got '40'. Write 40"),
        (
            with_value("split.fractions", "[.nan, 0.2, 0.2]"),
            "params.yaml: value 1 of split.fractions should be a finite number; got nan",
        ),
        (changed("  copies: 0", "  copies: -1"), "params.yaml: augment.copies should be greater than or equal to 0; got -1"),
        (changed("pooling: max", "pooling: min"), "params.yaml: model.network.pooling should be 'max' or 'average'; got 'min'"),
        (
            changed("  kernel_size: 3", "  kernel_size: 4"),
            "params.yaml: model.network.kernel_size must be odd, so that a kernel has a centre; got 4. Use 5",
        ),
        (
            with_value("model.network.filters", "[8, 8, 8, 8, 8]"),
            "params.yaml: model.network.filters must have at most 4 blocks, since they leave 1 x 1 of prepare.image_size [16, "
            "16], which block 5 cannot halve; got 5. Remove blocks",
        ),
        (
            changed("method: stratified", "method: given"),
            "params.yaml: split.method 'given' must have {split} in ingest.pattern; got '{label}/{name}'. Put {split} where",
        ),
        (
            changed("method: stratified", "method: random"),
            "params.yaml: split.method should be 'stratified', 'hash' or 'given'",
        ),
        (
            changed("pin: {}", "pin: {orign: {simulated: train}}"),
            "params.yaml: split.pin has the key 'orign', which should be 'origin', 'group' or 'label'. Correct the key",
        ),
        (
            changed("pin: {}", "pin: {label: {7: train}}"),
            "params.yaml: split.pin.label has the key 7, which should be text. Put it in quotes: '7'",
        ),
        (
            changed("pin: {}", "pin: {origin: {simulated: training}}"),
            "params.yaml: split.pin.origin.simulated should be 'train', 'validation' or 'test'; got 'training'",
        ),
        (
            changed("color: gray", "color: rgb").replace("method: off", "method: threshold"),
            "params.yaml: prepare must have color 'gray' for saturate.method 'threshold'; got 'rgb'. Set color to gray, or",
        ),
        (
            changed("pin: {}", "pin: {origin: {simulated: test}}"),
            "params.yaml: split.pin must leave origin 'simulated' in train, since scores on simulated images say nothing of "
            "real ones; got 'test'. Take the pin out",
        ),
        (
            put(TEXT, {"prepare.image_size": "[4, 16]", "model.network.padding": "valid"}),
            "params.yaml: model.network.kernel_size must be at most 1 for convolution_2 with padding 'valid', which sees 1 x 7 "
            "values; got 3. Reduce it, remove blocks, or enlarge prepare.image_size",
        ),
        (
            changed("kind: cnn", "kind: mlp"),
            "params.yaml: model.network has 'filters', 'kernel_size', 'strides', 'padding', 'pooling' and 3 more, of kind cnn; "
            "kind is mlp, whose keys are kind, dense_units, dropout, batch_normalisation, noise. Remove what is "
            "not its own; "
            "with dvc exp run: -S '~model.network' -S '+model.network={kind: mlp, ...}'",
        ),
        (put(TEXT, {"model.network.kind": "mpl"}), f"params.yaml: model.network.kind should be {min(NetworkConfig.kinds)!r},"),
        (changed("    strides:", "    stride:"), "params.yaml: unknown key model.network.stride. Did you mean strides?"),
        (
            changed("    padding: same", "    padding: sam"),
            "params.yaml: model.network.padding should be 'same' or 'valid'; got 'sam'. Did you mean same?",
        ),
        (
            changed("  l1: 0.0", "  l1: 0.0\n  filters: [32]"),
            "params.yaml: unknown key model.filters. It is now model.network.filters. Write it there",
        ),
        *AUGMENT_CASES,
        (changed("denoise_px: 0", "denoise_px: 4"), "params.yaml: prepare.denoise_px should be 0, 3, 5 or 7; got 4"),
        (changed("denoise_px: 0", "denoise_px: off"), "params.yaml: prepare.denoise_px should be 0, 3, 5 or 7; got 'off'"),
        (
            changed("method: off", "method: false"),
            "params.yaml: prepare.saturate.method should be 'off', 'threshold', 'otsu' or 'sauvola'; got False",
        ),
        (
            changed("mode: stretch", "mode: cover"),
            "params.yaml: prepare.resize.mode should be 'stretch', 'pad', 'fit' or 'crop'; got 'cover'",
        ),
        (
            with_value("execute.address", "tcp://10.0.0.5:8786"),
            "params.yaml: execute address needs backend 'dask'; got backend 'local' and address 'tcp://10.0.0.5:8786'. Set",
        ),
        (
            put(TEXT, {"execute.address": "10.0.0.5:8786", "execute.backend": "dask"}),
            "params.yaml: execute address must be like tcp://10.0.0.5:8786, which the scheduler prints when it starts; got '10",
        ),
        (changed("  backend: local", "  backend: threads"), "params.yaml: execute.backend should be 'local' or 'dask'; got"),
        (TEXT.split("execute:")[0], "params.yaml: execute is missing"),
        (changed("image_size:", "size:"), "params.yaml: prepare.size cannot be a key, since DVC would not see it change"),
        (changed("workers:", "nfiles:"), "params.yaml: execute.nfiles cannot be a key, since DVC would not see it change"),
        ("a: [1", "params.yaml is not valid YAML"),
        ("", "params.yaml must hold sections; got None"),
    ],
)
def test_a_wrong_value_is_explained_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ParamsError) as error:
        check_params(text, Path("params.yaml"))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params.yaml is missing\. Run from the project's root"):
        read_params(tmp_path / "params.yaml")


def test_numbers_are_read_as_dvc_reads_them() -> None:
    read = check_params(changed("learning_rate: 0.002", "learning_rate: 1e-3"), Path("params.yaml"))
    assert read.train.optimizer.learning_rate == 0.001  # PyYAML would read a string


def test_off_is_a_word_as_it_is_for_dvc() -> None:
    assert "    method: off #" in TEXT
    assert check_params(TEXT, Path("params.yaml")).prepare.saturate.method == "off"  # PyYAML would read False


def test_parameters_are_frozen_and_have_no_defaults(params: Params) -> None:
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3
    pending: list[type] = [Params]
    while pending:
        model = pending.pop()
        for name, field in model.model_fields.items():  # type: ignore[attr-defined]
            assert field.is_required(), name
            if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
                pending.append(field.annotation)


def test_every_value_has_a_comment() -> None:
    section, lines = "", TEXT.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if re.match(r"\w+:", line):
            section = line
        if re.match(r"\s+\w+: [^#]", line) and "seed" not in line and not section.startswith("execute"):
            parent_says = "probability" in line or " fill" in line
            above_says = line.endswith(" []") and above.strip().startswith("#")  # as DVC writes an empty list
            assert "#" in line or parent_says or above_says, line
    for above, line, below in zip(lines, lines[1:], lines[2:], strict=False):
        if below.strip().startswith("- ") and not line.strip().startswith("- "):
            assert above.strip().startswith("#"), line


def test_the_file_names_every_key() -> None:
    loaded = YAML(typ="safe").load(TEXT)
    assert set(loaded) == set(Params.model_fields)


def test_a_regular_expression_may_give_the_split() -> None:
    text = changed("method: stratified", "method: given")
    regex = put(text, {"ingest.pattern": "'regex:(?P<split>\\w+)/(?P<label>\\d)/.*'"})
    assert check_params(regex, Path("params.yaml")).split.method == "given"


@pytest.mark.parametrize(("split", "refused"), [("set", False), ("", True)])
def test_a_split_is_given_by_the_table_where_a_table_has_the_labels(split: str, refused: bool) -> None:
    table = f"labels: {{file: l.csv, path: id, label: kind, group: , split: {split}, origin: }}"
    text = TEXT.replace("method: stratified", "method: given").replace("\n  labels:\n", f"\n  {table}\n")
    if refused:
        with pytest.raises(ParamsError, match=r"split.method 'given' must have a column of the table in ingest.labels.split"):
            check_params(text, Path("params.yaml"))
    else:
        labels = check_params(text, Path("params.yaml")).ingest.labels
        assert labels is not None
        assert (labels.split, labels.group) == ("set", None)
