"""Settings of all kinds of networks: the file of tests of each says which are worth a try."""

import importlib

from models.config.network_kinds import NetworkConfig

VARIANTS: dict[str, dict[str, object]] = {
    f"{kind}: {name}": {"kind": kind, **settings}
    for kind in NetworkConfig.kinds
    for name, settings in importlib.import_module(f"tests.models.networks.test_{kind}").VARIANTS.items()
}
