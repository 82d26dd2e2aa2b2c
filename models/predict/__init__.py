"""New images through a saved model: `from models.predict import Predictor`.

The name is imported when it is asked for: Python runs this file before any module of the folder, and those who need another
module pay nothing for this one.
"""

from typing import TYPE_CHECKING

__all__ = ["Predictor"]

if TYPE_CHECKING:
    from models.predict.predictor import Predictor
else:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name != "Predictor":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from models.predict.predictor import Predictor

        return Predictor
