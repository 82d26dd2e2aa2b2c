"""What every kind of network shares beside its own settings."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.config.model import Head

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Context:
    """What the head is, penalties on weights, and the momentum of the averages of batch normalisation."""

    num_classes: int
    head: Head

    l1: float
    l2: float
    momentum: float  # 0 to 1

    def penalty(self) -> "keras.Regularizer | None":
        """A new penalty for the weights of one layer; None without one."""
        import keras

        return keras.regularizers.L1L2(l1=self.l1, l2=self.l2) if self.l1 or self.l2 else None
