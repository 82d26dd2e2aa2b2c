import base64
import io

import numpy as np
import polars as pl
from PIL import Image

from models.evaluate.saliency_table import SALIENCY
from models.report.heat import heat_addresses


def test_a_map_is_clear_where_nothing_is_and_red_where_most_is() -> None:
    rows = [("a.png", 2, 3, bytes([0, 120, 255, 255, 0, 0]))]
    address = heat_addresses(pl.DataFrame(rows, schema=SALIENCY.columns, orient="row"))["a.png"]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA")).astype(int)
    assert picture.shape == (2, 3, 4)
    opacity = picture[:, :, 3]
    assert opacity[0, 0] == opacity[1, 1] == 0 < opacity[0, 1] < opacity[0, 2] == opacity[1, 0]
    red, green, _ = picture[0, 2, :3]
    assert red > 5 * green
    assert len(address) < 300
