"""The section `publish` of params.yaml."""

from dataprep.config.base import Name, Section


class PublishConfig(Section):
    """What becomes of a model that has passed the gate. No stage reads it."""

    commit: bool
    push: bool
    remote: Name | None
