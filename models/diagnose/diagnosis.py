"""The diagnosis: all findings that stand, the gravest first, and the scores in words."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from dataprep.core.artifacts import Document
from models.diagnose.error_parts import cut_error, in_words
from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, Severity
from models.diagnose.metrics import Metrics
from models.diagnose.registry import FINDINGS
from models.diagnose.significance import RARE, chance_above, times_to_tell_from
from models.diagnose.weak_classes import far_error, weakest_class


class Diagnosis(Document):
    """What diagnosis.json holds."""

    format_version: Literal[5] = 5
    target_accuracy: float
    summary: list[str]  # the scores in words, one sentence each
    findings: Annotated[list[Finding], Field(min_length=1)]  # the gravest first, then by points

    @property
    def first(self) -> Finding:
        return self.findings[0]

    def lines(self) -> list[str]:
        """For a terminal: the first finding with its actions, the scores in words, and the headlines of the others."""
        actions = [f"{action.text} {action.command}" if action.command else action.text for action in self.first.actions]
        return [
            self.first.headline,
            self.first.evidence,
            " ".join(self.summary),
            *(f"next: {action}" for action in actions),
            *(f"also: {finding.headline}" for finding in self.findings[1:]),
        ]


def diagnose(facts: Facts) -> Diagnosis:
    """Asks every finding; one of them always stands."""
    found = [finding for find in FINDINGS.values() if (finding := find(facts))]
    return Diagnosis(
        target_accuracy=facts.settings.target_accuracy,
        summary=summarise(facts.metrics, facts.settings.target_accuracy),
        findings=sorted(found, key=lambda finding: (_ORDER.index(finding.severity), -finding.points, finding.id)),
    )


def summarise(metrics: Metrics, target_accuracy: float) -> list[str]:
    """The scores in words: the error and its parts, the baseline, the weakest class, and what is not independent."""
    return [
        _errors(metrics, target_accuracy),
        _baseline(metrics),
        _weakest(metrics, target_accuracy),
        *_few_independent(metrics),
    ]


def _errors(metrics: Metrics, target_accuracy: float) -> str:
    parts = "; ".join(map(in_words, cut_error(metrics, target_accuracy)))
    return (
        f"Error is {metrics.train.error:.1%} on train, {metrics.validation.error:.1%} on validation and "
        f"{metrics.test.error:.1%} on test; the target is {1 - target_accuracy:.1%}. The parts: {parts}."
    )


def _baseline(metrics: Metrics) -> str:
    return (
        f"Answering {metrics.majority_class!r} for every image would be right in {metrics.validation.majority_accuracy:.1%} of "
        "validation."
    )


def _weakest(metrics: Metrics, target_accuracy: float) -> str:
    """The class that fares worst; where it is far below the target on few images, how many more would tell."""
    weakest = weakest_class(metrics)
    low, high = weakest.accuracy_interval
    sentence = (
        f"The lowest recall there is that of {weakest.class_name!r}: {weakest.accuracy:.1%} "
        f"({low:.1%} to {high:.1%}; {weakest.images:,} {'image' if weakest.images == 1 else 'images'})."
    )
    error, level = far_error(target_accuracy), RARE / len(metrics.recalls["validation"])
    if weakest.error <= error or chance_above(weakest, error) < level:
        return sentence  # it is not missed, or a finding says so
    times = times_to_tell_from(weakest, error, level)
    more = f"about {times} times as many" if times else "many more"
    return f"{sentence} That is too few to tell whether the class is missed; {more} would tell."


def _few_independent(metrics: Metrics) -> list[str]:
    """Says where images count less than one each."""
    few = [(name, metrics.of_split(name)) for name in ("validation", "test")]
    counts = [f"{own.images:,} {name} images count as {own.worth:,}" for name, own in few if own.worth < own.images]
    return [f"Groups and copies are not independent: {', '.join(counts)}."] if counts else []


_ORDER: tuple[Severity, ...] = get_args(Severity)
