"""The section `statistics` of params.yaml."""

from typing import Literal

from dataprep.config.base import Section


class StatisticsConfig(Section):
    """Whether mean and standard deviation are computed for each channel or for each pixel."""

    per: Literal["channel", "pixel"]
