"""Guards on the architecture: what may import what, and that dvc.yaml says all that a stage depends on."""

import ast
import importlib
import itertools
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from models.config.network_kinds import NETWORKS, NetworkConfig
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import outputs_of
from tests.closure import PACKAGES, ROOT, SHIPPED, import_closure, imported_names, module_path

DVC_TEXT = (ROOT / "dvc.yaml").read_text()
KIND = "${model.network.kind}"
"""What DVC replaces in dvc.yaml by the value in params.yaml: a network that was not chosen is no dependency."""

STAGES = YAML(typ="safe").load(DVC_TEXT.replace(KIND, read_params(SHIPPED).model.network.kind))["stages"]
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# Where, how fast and how safely a stage runs never changes what it makes, so no stage is out of date because of it.
NO_DEPENDENCY = {"execute"}

UNPICKLES = "models/backbones/pytorch_file.py"
"""The only module that reads pickles, by an unpickler that knows four names."""

SCHEDULE = {
    "pipelines/flows.py",
    "pipelines/schedule/prefect_artifacts.py",
    "pipelines/schedule/prefect_server.py",
    "pipelines/schedule/prefect_settings.py",
    "pipelines/schedule/serve.py",
}
"""The modules that know Prefect. Removed with their two verbs and their tests, they leave every other test green."""

FOLDERS = {
    "dataprep": (
        "core",
        "config",
        "decode",
        "source",
        "store",
        "execute",
        "ingest",
        "survey",
        "split",
        "prepare",
        "augment",
        "feed",
        "draw",
    ),
    "models": (
        "config",
        "layers",
        "backbones",
        "networks",
        "train",
        "evaluate",
        "predict",
        "diagnose",
        "report",
        "compare",
        "search",
        "start",
        "serve",
        "export",
    ),
    "pipelines": (
        "parameters",
        "workspace",
        "project",
        "run",
        "repair",
        "versions",
        "experiments",
        "prediction",
        "schedule",
        "commands",
        "stages",
    ),
}
"""In the order of the line: each folder imports from those before it only."""

DOORS = {"cli.py", "flows.py", "environment_variables.py"}
"""What stands beside the folders of `pipelines`: two ways in, and what is settled before any library is imported."""


def top_level(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_names(path)}


def relative(paths: set[Path]) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in paths}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = PACKAGES[: PACKAGES.index(package) + 1]
    assert top_level(path) & set(PACKAGES) <= set(allowed)
    foreign = {
        "dataprep": {"tensorflow", "keras", "dvc", "dvclive", "prefect", "typer", "rich"},
        "models": {"dvc", "dvclive", "prefect", "typer"},
    }
    assert not top_level(path) & foreign.get(package, set())
    if path != ROOT / UNPICKLES:
        assert not top_level(path) & {"pickle", "joblib", "dill"}


def test_the_ground_floor_imports_nothing_above_it_and_there_are_no_cycles() -> None:
    ground_floor = {"dataprep/core/errors.py", "dataprep/core/rng.py", "dataprep/config/base.py"}
    for name in ground_floor:
        assert relative(import_closure(ROOT / name)) <= ground_floor
    for path in SOURCES:
        below = set(filter(None, map(module_path, imported_names(path))))
        assert all(path not in import_closure(other) for other in below), path


@pytest.mark.parametrize("package", FOLDERS)
def test_folders_import_in_the_order_of_the_line(package: str) -> None:
    folders = FOLDERS[package]
    without_code = {"__pycache__", "shipped"}
    assert {path.name for path in (ROOT / package).iterdir() if path.is_dir()} - without_code == set(folders)
    doors = {path.name for path in (ROOT / package).glob("*.py")} - {"__init__.py"}
    assert doors <= (DOORS if package == "pipelines" else set())
    for path in (ROOT / package).rglob("*.py"):
        place = path.relative_to(ROOT / package).parts[0]
        if place in folders:
            used = {
                other.relative_to(ROOT / package).parts[0]
                for name in imported_names(path)
                if (other := module_path(name)) and other.is_relative_to(ROOT / package)
            }
            assert used - DOORS <= set(folders[: folders.index(place) + 1]), path


def test_keras_is_imported_where_the_design_says_and_nowhere_else() -> None:
    users = {str(path.relative_to(ROOT)) for path in SOURCES if top_level(path) & {"tensorflow", "keras"}}
    assert {user.rpartition("/")[0] for user in users} == {
        "models/layers",
        "models/backbones",
        "models/networks",
        "models/train",
        "models/evaluate",
        "models/search",
        "models/export",
    }
    prefect = {str(path.relative_to(ROOT)) for path in SOURCES if "prefect" in top_level(path)}
    assert prefect <= SCHEDULE


def test_the_schedule_can_be_removed_and_nothing_else_is_lost() -> None:
    verbs = {"pipelines/commands/flow.py", "pipelines/commands/serve.py"}
    users = {path for path in SOURCES if relative(import_closure(path)) & SCHEDULE}
    assert relative(users) <= SCHEDULE | verbs


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in ("train", "evaluate")])
def test_only_train_and_evaluate_load_tensorflow(stage: str) -> None:
    loaded = set().union(*(top_level(path) for path in import_closure(ROOT / f"pipelines/stages/{stage}.py")))
    assert not loaded & {"tensorflow", "keras"}


def test_networks_are_imported_by_name_and_nowhere_else() -> None:
    for path in SOURCES:
        if path.parent != NETWORKS:
            assert not {name for name in imported_names(path) if name.startswith("models.networks")}, path
    assert DVC_TEXT.count(KIND) == 1


LAZY = {"models/predict/__init__.py"}
"""Packages that users import a name from; it is imported when it is asked for (tests/models/predict/test_package.py)."""


def test_packages_import_nothing() -> None:
    packages = [path for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    assert relative({path for path in packages if path.read_text() != ""}) == LAZY


def test_a_name_that_a_package_offers_counts_as_an_import_of_its_module(tmp_path: Path) -> None:
    user = tmp_path / "user.py"
    user.write_text("from models.predict import Predictor\n")
    assert ROOT / "models/predict/predictor.py" in import_closure(user)


def decides_how_it_runs(path: Path) -> bool:
    """Whether a module says only where, how fast or how safely a stage runs, which changes no byte of what it makes.

    All of `pipelines` does, but the stages and what they settle first: parameters are refused or handed on as they stand, and
    DVC sees these by itself. `test_how_a_stage_is_run_changes_no_byte` holds it.
    """
    name = str(path.relative_to(ROOT))
    runs = (
        name.startswith("pipelines/")
        and not name.startswith("pipelines/stages/")
        and name != "pipelines/environment_variables.py"
    )
    return runs or name.startswith("dataprep/execute/") or name == "dataprep/config/execute.py"


def code_of(stage: str, kind: str) -> set[str]:
    """All files of this project that decide what a stage makes with a network of that kind, whose file is imported by name."""
    closure = relative(import_closure(ROOT / f"pipelines/stages/{stage}.py", without=decides_how_it_runs))
    if "models/config/network_kinds.py" in closure:
        closure |= relative(import_closure(NETWORKS / f"{kind}.py", without=decides_how_it_runs))
    if "models/diagnose/registry.py" in closure:  # which imports every file of its folder
        findings = (ROOT / "models/diagnose/findings").glob("*.py")
        closure |= relative(set().union(*(import_closure(path, without=decides_how_it_runs) for path in findings)))
    if "models/report/page.py" in closure:  # what it reads beside Python
        closure |= {
            str(path.relative_to(ROOT))
            for ending in ("html", "css", "js")
            for path in (ROOT / "models/report").rglob(f"*.{ending}")
        }
    return closure


@pytest.mark.parametrize("stage", STAGES)
def test_what_decides_the_result_of_a_stage_lies_within_its_deps(stage: str) -> None:
    used = set()
    for kind in NetworkConfig.kinds:
        closure = code_of(stage, kind)
        deps = YAML(typ="safe").load(DVC_TEXT.replace(KIND, kind))["stages"][stage]["deps"]
        code = {dep for dep in deps if dep.split("/")[0] in PACKAGES}
        assert not [name for name in closure if not code & {name, *map(str, Path(name).parents)}]
        used |= {dep for dep in code if any(name == dep or name.startswith(f"{dep}/") for name in closure)}
    of_all = {dep for dep in STAGES[stage]["deps"] if dep.split("/")[0] in PACKAGES}
    assert of_all <= used  # none is idle


def chains(path: Path) -> set[str]:
    """What a stage reads of the parameters: `params.a.b` or `read_params().a`, as `a.b` and `a`."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        names: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            names.append(root.attr)
            root = root.value
        is_params = (isinstance(root, ast.Name) and root.id == "params") or (
            isinstance(root, ast.Call) and isinstance(root.func, ast.Name) and root.func.id == "read_params"
        )
        if is_params:
            found.add(".".join(reversed(names)))
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_stage_params_are_what_the_stage_reads(stage: str) -> None:
    assert chains(ROOT / f"pipelines/stages/{stage}.py") - NO_DEPENDENCY == set(STAGES[stage]["params"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_s_paths_are_declared(stage: str) -> None:
    declared = STAGES[stage]
    outputs = [*declared.get("outs", []), *declared.get("metrics", [])]
    known = set(declared["deps"]) | {out if isinstance(out, str) else next(iter(out)) for out in outputs}
    words = declared["cmd"].split()
    paths = {value for option, value in itertools.pairwise(words) if option.startswith("--")}
    own = {
        "raw",
        ".darkroom/scan.parquet",
        ".darkroom/splits",
        ".darkroom/checkpoints",
        ".darkroom/tensorboard",
    }  # the raw folder and what stages remember, outside DVC
    assert paths - own <= known


@pytest.mark.processes  # a library asks the machine when it is imported
@pytest.mark.parametrize("stage", [name for name in STAGES if name not in ("train", "evaluate")])
def test_a_stage_says_which_of_its_paths_it_writes(stage: str) -> None:
    declared = STAGES[stage]
    written = {out if isinstance(out, str) else next(iter(out)) for out in [*declared["outs"], *declared.get("metrics", [])]}
    main = importlib.import_module(f"pipelines.stages.{stage}").main
    words = itertools.pairwise(declared["cmd"].split())
    options = {option.removeprefix("--").replace("-", "_"): path for option, path in words if option.startswith("--")}
    assert {options[name] for name in outputs_of(main)} - {".darkroom/scan.parquet"} == written


def test_the_graph_is_short() -> None:
    assert len(DVC_TEXT.splitlines()) < 200, "dvc.yaml: let stages depend on folders, and write lists on few lines"


def test_stages_are_nouns_with_one_name_everywhere() -> None:
    for stage in STAGES:
        assert (ROOT / f"pipelines/stages/{stage}.py").is_file()
        assert any(
            (ROOT / package / stage).is_dir() or (ROOT / package / "store" / f"{stage}.py").is_file()
            for package in ("dataprep", "models")
        )
        assert f"-m pipelines.stages.{stage} " in STAGES[stage]["cmd"]


def test_a_stage_is_short_and_decides_nothing() -> None:
    for path in (ROOT / "pipelines/stages").glob("*.py"):
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        main = next((node for node in functions if node.name == "main"), None)
        if main is not None:
            assert (main.end_lineno or 0) - main.lineno <= 40, path
            assert not any(isinstance(node, ast.If | ast.Match) for node in ast.walk(main)), path


def test_a_stage_settles_the_environment_before_it_imports_a_library() -> None:
    for path in (ROOT / "pipelines/stages").glob("[a-z]*.py"):
        body = ast.parse(path.read_text()).body
        calls = [number for number, node in enumerate(body) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
        assert ast.unparse(body[calls[0]]) == "settle()", path
        before = {name.split(".")[0] for node in body[: calls[0]] for name in imported_by(node)}
        assert before <= {"pipelines", "sys"}, path
    assert import_closure(ROOT / "pipelines/environment_variables.py") == {ROOT / "pipelines/environment_variables.py"}


def imported_by(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_tests_read_the_default_parameters_and_not_the_user_s() -> None:
    own = [path for path in (ROOT / "tests").rglob("*.py") if 'ROOT / "params.yaml"' in path.read_text(encoding="utf-8")]
    assert {path.name for path in own} <= {"test_shipped_params.py", "test_guards.py"}, "take tests.closure.SHIPPED"


def test_the_lock_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--hash=sha256:" in lock
