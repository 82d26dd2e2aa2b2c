"""The section `evaluate` of params.yaml."""

from dataprep.config.base import Positive, Section
from dataprep.config.split import Count


class EvaluateConfig(Section):
    """How predictions are made, and on how many images the robustness test is made."""

    batch_size: Positive
    images_per_operation: Count
