"""The kinds of networks: one file each in `models/networks/`, found by listing that folder; only the chosen one is imported.

To add a kind, write `models/networks/<kind>.py`, or `saved_networks/<kind>.py` in a project that is no clone. Nothing else
names it. It holds

- one subclass of `NetworkConfig` with `kind: Literal["<kind>"]`; its other fields are the keys of `model.network`;
- `build(config, inputs, context) -> keras.KerasTensor`: the layers between the normalised images and the head. `inputs` are
  images (N, H, W, C) float32, normalised as `model.normalise` says. What comes back is what the head sees, of any shape: the
  head flattens it. `context` (`models.layers.build_context.Context`) has what all kinds share: the penalty on weights, and the
  momentum of batch normalisation. Weights are drawn from Keras' global seed, so layers take no seed of their own;
- if it can, `sizes(config, shape) -> Iterator[LayerSize]` (`models.layers.memory_estimate`): the weights and values of each
  layer for images of that shape (H, W, C), from the settings alone. It raises `ValueError` where such images are too small, in
  one line that begins with the key. A network without `sizes` is not checked when params.yaml is read.

Keras is imported inside `build`, never at the top of the file: commands that only read params.yaml must not wait for it. No
layer is a Lambda, which Keras' safe mode refuses.

What a kind may say beside:

- `takes_gray_levels: ClassVar[bool] = True`: it normalises by itself, as a pretrained backbone does, and wants gray levels 0 to
  255. `model.normalise.method` must then be `none`;
- `gives_probabilities: ClassVar[bool] = True`: it has a head of its own. What `build` gives are then probabilities
  (N, num_classes) of the sort that `model.head` names, which it checks;
- an autoencoder, in layers that are named as `models.layers.autoencoder_lookup` says: it is then trained to give clean images
  beside the probabilities, and `evaluate` measures how well it does;
- a key `batch_normalisation`: where it is true, a batch needs two images, and the verdict on training names it;
- keys `varied_copies` and `fine_tune`, where `build` calls `models.layers.features.frozen_features`: training then computes
  these features once, or for that many variations of each image; `fine_tune` (`FineTune` or null) is its second phase.

A network that is built may have layers with `trainable` false; training leaves these as they are.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny
from pydantic_core import SchemaValidator, core_schema

from dataprep.config.base import Name, Positive, Section
from dataprep.core.errors import ParamsError, first_five, in_short, shortened

Layers = Annotated[tuple[Positive, ...], Field(strict=False, max_length=100)]
"""A number for each layer: its filters, or its units."""

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
"""Of dropout."""


def _centred(kernel_size: int) -> int:
    if kernel_size % 2 == 0:
        raise ValueError(f"must be odd, so that a kernel has a centre; got {kernel_size}. Use {kernel_size + 1}")
    return kernel_size


KernelSize = Annotated[int, Field(gt=0, le=255), AfterValidator(_centred)]
"""Pixels, along each side."""


class FineTune(Section):
    """The second phase of training: the last layers of a backbone too, at a rate of its own."""

    layers: Positive
    epochs: Positive
    learning_rate: Annotated[float, Field(ge=1e-12, le=1000.0)]


SAVED_NETWORKS = Path("saved_networks")
"""Where files of networks and weights stand, and the user's own kinds of networks: training depends on this folder, so that DVC
sees a file in it change."""


def _is_a_name(file: str) -> str:
    if Path(file).name != file or not file.endswith(".keras"):
        raise ValueError(
            f"must be the name of a .keras file in {SAVED_NETWORKS}/, which DVC watches; got {shortened(file)}. Put "
            "it there, as keras.Model.save writes it"
        )
    return file


SavedNetwork = Annotated[Name, AfterValidator(_is_a_name)]
"""A file in that folder that `keras.Model.save` wrote."""

NETWORKS = Path(__file__).parents[1] / "networks"
_PACKAGE = "models.networks"


class NetworkConfig(Section):
    """Base of the section `model.network`: each kind has a subclass in its own file."""

    kind: str

    takes_gray_levels: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool] = False
    kinds: ClassVar[Mapping[str, type[Section]]]


class _Kinds(Mapping[str, type[Section]]):
    """The section of each kind; asking for one imports its file."""

    def __iter__(self) -> Iterator[str]:
        paths = (path for folder in (NETWORKS, SAVED_NETWORKS) for path in folder.glob("*.py"))
        return iter(sorted({path.stem for path in paths if path.stem.isidentifier() and path.stem[0] != "_"}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, kind: object) -> bool:
        return kind in list(iter(self))

    def __getitem__(self, kind: str) -> type[Section]:
        if kind not in self:
            raise KeyError(kind)
        module = network_module(kind)
        own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
        sections = [value for value in own if issubclass(value, NetworkConfig)]
        if [get_args(section.model_fields["kind"].annotation) for section in sections] != [(kind,)]:
            names = first_five(section.__name__ for section in sections) if sections else "none"
            raise ParamsError(
                f"{_file_of(kind)} must have one class of NetworkConfig, with kind: Literal[{kind!r}]; it has {names}. "
                "docs/networks.md shows one"
            )
        return sections[0]


def network_module(kind: str) -> ModuleType:
    """Imports the file of a kind: of the package, or of the project.

    Raises:
        ParamsError: it cannot be imported, or has no function `build`.
    """
    own = (SAVED_NETWORKS / f"{kind}.py").absolute()
    try:
        module = importlib.import_module(f"{_PACKAGE}.{kind}") if _is_shipped(kind) else _own_module(own)
    except Exception as error:  # a user's own file may fail in any way
        raise ParamsError(f"{_file_of(kind)} cannot be imported ({in_short(error)}). Correct it") from error
    if not callable(getattr(module, "build", None)):
        raise ParamsError(f"{_file_of(kind)} must have a function build; it has none. docs/networks.md shows one")
    return module


@cache
def _own_module(path: Path) -> ModuleType:
    """Imports a file by its path alone: its folder is no place to import from."""
    spec = importlib.util.spec_from_file_location(f"{SAVED_NETWORKS}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pydantic looks for names in annotations
    spec.loader.exec_module(module)
    return module


def _is_shipped(kind: str) -> bool:
    return (NETWORKS / f"{kind}.py").is_file()


def _file_of(kind: str) -> str:
    return f"{_PACKAGE.replace('.', '/') if _is_shipped(kind) else SAVED_NETWORKS}/{kind}.py"


def _of_its_kind(value: object) -> object:
    """Checks a section by its kind; pydantic's place of a mistake then names the kind, as for a union by kind."""
    if not isinstance(value, Mapping):
        return value
    kind = value.get("kind")
    choices: dict[Any, core_schema.CoreSchema] = {"": core_schema.any_schema()}
    if isinstance(kind, str) and kind in NetworkConfig.kinds:
        section = NetworkConfig.kinds[kind]
        _refuse_keys_of_other_kinds(section, kind, value)
        choices = {kind: section.__pydantic_core_schema__}
    return SchemaValidator(core_schema.tagged_union_schema(choices, "kind", from_attributes=False)).validate_python(value)


def _refuse_keys_of_other_kinds(section: type[Section], kind: str, value: Mapping[object, object]) -> None:
    """What stays behind when the kind alone is changed, in one line and not key by key."""
    unknown = [key for key in value if key not in section.model_fields]
    owners = {key: _owners(key) for key in unknown} if unknown else {}
    foreign = [key for key in unknown if owners[key]]
    if not foreign:
        return
    keys = ", ".join(section.model_fields)
    some = {owner for key in foreign for owner in owners[key]}
    others = " and ".join(sorted({owner for owner in some if all(owner in owners[key] for key in foreign)} or some))
    raise ValueError(
        f"has {first_five(foreign)}, of kind {others}; kind is {kind}, whose keys are {keys}. Remove what is not its own; with "
        f"dvc exp run: -S '~model.network' -S '+model.network={{kind: {kind}, ...}}'"
    )


def _owners(key: object) -> list[str]:
    """The kinds that have a key; a file that cannot be imported is not the one that was asked for, and says nothing here."""
    owners = []
    for kind in NetworkConfig.kinds:
        try:
            if key in NetworkConfig.kinds[kind].model_fields:
                owners.append(kind)
        except ParamsError:
            continue
    return owners


NetworkConfig.kinds = _Kinds()

Network = Annotated[SerializeAsAny[NetworkConfig], BeforeValidator(_of_its_kind)]
"""The section `model.network`, of the kind that it names."""
