"""The section `predict` of params.yaml."""

from typing import Annotated

from pydantic import Field

from dataprep.config.base import Section


class PredictConfig(Section):
    """What is asked of answers at prediction time; no stage reads it."""

    precision: Annotated[float, Field(gt=0.0, lt=1.0)]
