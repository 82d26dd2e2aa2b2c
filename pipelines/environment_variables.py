"""The environment variables that change what the libraries compute: set to one value, or removed, before any is imported.

Each stage calls `settle` first. Worker processes inherit what it leaves. What says where files, devices and logs are stays.
"""

import os
from collections.abc import MutableMapping

_FIXED = {
    "KERAS_HOME": os.devnull,  # no folder: Keras finds no keras.json there, and writes none
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "svg",  # of the charts; notebooks hand down their own, whose package may not be installed
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",  # no lines about CUDA on machines without it
}

# Float type, layout, epochs; threads and instruction sets of the numerical libraries; the code that resizes and decodes;
# how a graphics card rounds and which algorithm it takes; whether a log of metrics goes on where an earlier one ended.
_REMOVED = (
    "BLIS_",
    "CUBLAS_",
    "CUDNN_",
    "DNNL_",
    "DVCLIVE_",
    "GOMP_",
    "GOTO_",
    "JSIMD_",
    "KERAS_",
    "KMP_",
    "MKL_",
    "NPY_",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "OPENCV_",
    "TF_",
    "VECLIB_",
    "XLA_",
)

_KEPT = ("TF_CPP_", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR")
"""Logs, and how the memory of a graphics card is reserved."""


def settle(variables: MutableMapping[str, str] = os.environ) -> None:
    """Sets or removes what would change a result; to be called before numpy, OpenCV or TensorFlow is imported.

    >>> variables = {"KERAS_MAX_EPOCHS": "1", "OPENCV_IPP": "disabled", "TF_CPP_MIN_LOG_LEVEL": "0", "HOME": "/root"}
    >>> settle(variables)
    >>> sorted(variables)
    ['HOME', 'KERAS_BACKEND', 'KERAS_HOME', 'MPLBACKEND', 'NO_ALBUMENTATIONS_UPDATE', 'TF_CPP_MIN_LOG_LEVEL']
    >>> variables["TF_CPP_MIN_LOG_LEVEL"]
    '0'
    """
    for name in list(variables):
        if name.startswith(_REMOVED) and not name.startswith(_KEPT):
            del variables[name]
    for name, value in _FIXED.items():
        if name.startswith(_KEPT):
            variables.setdefault(name, value)
        else:
            variables[name] = value
