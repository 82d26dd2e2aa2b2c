"""What a network needs in memory to evaluate a batch at most, found before anything is allocated: often it takes a tenth."""

import math

import keras

from dataprep.core.errors import ArtifactError

MAX_BYTES = 2**36
"""64 GiB for what the layers put out; as much as params.yaml may ask for."""

_VALUE_BYTES = 4  # float32


def check_batch(network: keras.Model, batch_size: int) -> None:
    """Refuses a batch on which the layers would put out more than a machine at hand can hold.

    Raises:
        ArtifactError: with the sum.
    """
    values = _num_values(network)
    needed = values * batch_size * _VALUE_BYTES
    if needed > MAX_BYTES:
        raise ArtifactError(
            f"the network must evaluate a batch in at most {MAX_BYTES // 2**30} GiB; its layers put out {values:,} values "
            f"of an image, x evaluate.batch_size {batch_size:,} x {_VALUE_BYTES} bytes = {needed / 2**30:,.0f} GiB. "
            "Reduce evaluate.batch_size, or run: dvc repro train"
        )


def _num_values(network: keras.Model) -> int:
    """Numbers that the layers put out for one image."""
    total = 0
    for operation in network.layers if isinstance(network, keras.Sequential) else network.operations:
        if isinstance(operation, keras.Model):
            total += _num_values(operation)
        else:
            outputs = keras.tree.flatten(operation.output)
            total += sum(math.prod(length or 1 for length in output.shape[1:]) for output in outputs)
    return total
