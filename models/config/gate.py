"""The section `gate` of params.yaml."""

from dataprep.config.base import Fraction, Section


class GateConfig(Section):
    """What a new model must meet before it is published. No stage reads it."""

    min_accuracy: Fraction
    min_class_recall: Fraction
    not_worse: bool
    max_quarantined_fraction: Fraction
    max_unlike_fraction: Fraction
