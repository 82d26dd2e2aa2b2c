"""The section `statistics` of params.yaml."""

from typing import Literal

from dataprep.config.base import Section


class StatisticsConfig(Section):
    """Over what the mean and the standard deviation are taken."""

    per: Literal["channel", "pixel"]
