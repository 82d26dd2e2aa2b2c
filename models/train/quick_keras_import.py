"""The start of Keras, the longest part of a stage that needs it."""

import gc
import sys

_LOADED_IN_VAIN = ("matplotlib", "sklearn")


def load_keras() -> None:
    """Imports Keras without what it loads where it finds it and training does not use: a quarter of its imports.

    To be called before any other module imports it. These libraries can be imported afterwards. The half million objects of
    Keras stay to the end, so garbage collection leaves them out: it would look through them again and again.
    """
    hidden = [name for name in _LOADED_IN_VAIN if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python notes a module that cannot be had
    gc.disable()
    try:
        import keras  # noqa: F401

        gc.freeze()
    finally:
        gc.enable()
        for name in hidden:
            del sys.modules[name]
