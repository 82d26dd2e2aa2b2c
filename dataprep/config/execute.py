"""The section `execute` of params.yaml."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dataprep.config.base import Name, Section
from dataprep.core.errors import shortened


class ExecuteConfig(Section):
    """Where the heavy work runs. It changes how long a run takes, never its results."""

    backend: Literal["local", "dask"]
    workers: Annotated[int, Field(ge=0, le=4096)]
    address: Name | None

    @model_validator(mode="after")
    def _address_can_be_used(self) -> "ExecuteConfig":
        if self.address is None:
            return self
        if self.backend == "local":
            raise ValueError(
                f"address needs backend 'dask'; got backend 'local' and address {shortened(self.address)}. Set address to null"
            )
        match = re.fullmatch(r"(tcp|tls)://[^\s/]+:(?P<port>\d{1,5})", self.address)
        if match is None or not 0 < int(match["port"]) < 65536:
            raise ValueError(
                f"address must be like tcp://10.0.0.5:8786, which the scheduler prints when it starts; "
                f"got {shortened(self.address)}. "
                "Correct the value"
            )
        return self
