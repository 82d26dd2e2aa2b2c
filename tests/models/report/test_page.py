"""The page without a browser: its content, its bytes, and its silence towards the network."""

import dataclasses
import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from models.report.charts import _draw, learning_curves
from models.report.content import Content, _balance, _duplicates
from models.report.name_wrapping import breakable
from models.report.page import render
from models.report.raw_links import raw_file_link, raw_folder_link
from pipelines.parameters.params import Params
from tests.models.made_up import robustness_of
from tests.models.report.made_up_page import HISTORY, HOSTILE, NETWORK, ROWS, UNUSUAL


def test_the_page_is_the_same_bytes_twice(content: Content, html: str) -> None:
    assert render(content) == html
    assert learning_curves(HISTORY, 2) == learning_curves(HISTORY, 2)
    assert learning_curves(HISTORY, 2) != learning_curves(HISTORY, 3)  # the epoch that was kept is marked


def test_a_curve_goes_on_where_the_error_is_zero() -> None:
    curves = pl.DataFrame({"epoch": [1, 2, 3, 4], "train": [9.0, 0.5, 0.0, 0.0], "validation": [20.0, 1.0, 0.1, 2.0]})
    axes = Figure().subplots()
    _draw(axes, curves, "error", 3)
    places = [axes.transData.transform(np.column_stack(line.get_data()))[:, 1] for line in axes.lines[:2]]
    assert np.isfinite(places).all()
    train, validation = places
    assert train[2] == train[3] < validation.min() < validation.max()
    assert axes.bbox.y0 < train[3]
    assert train[0] - train[1] > 2 * (validation[3] - validation[1])  # a factor of 18 against one of 2
    assert "0" in [label.get_text() for label in axes.get_yticklabels()]


def test_the_page_shows_augmentation_and_warns_of_what_destroys_labels(content: Content, html: str) -> None:
    assert '<img class="sheet fits" src="data:image/png;base64,' in html
    assert "Denoised test images, 60 of them with noise of 76.5 gray levels: peak signal-to-noise ratio 13.31 dB before" in html
    assert "Superposed validation images, 60 of them: all classes found, and no other, in 73.1% (60.0% to 80.0%)" in html
    assert "Augmentation: rotation is on, and under it alone the network reads much worse." in html  # a flip is worse, and off
    untried = dataclasses.replace(content, robustness=robustness_of(None))
    assert "None was tried: evaluate.images_per_operation is 0." in render(untried)


def test_the_page_shows_how_often_each_class_is_seen(content: Content, params: Params) -> None:
    assert [(row.num_images, row.num_shown) for row in content.balance] == [(40, 40)] * 3
    copies = params.augment.model_copy(update={"copies": 2})
    assert [row.num_shown for row in _balance(content.data, copies)] == [120] * 3


def test_the_page_names_figures_mistakes_and_quarantined_files(content: Content, html: str) -> None:
    assert content.diagnosis.first.headline in html
    assert "85.0%" in html
    assert "120 x 100 RGB -&gt; 16 x 16 gray: 0.71% of the values" in html
    assert len(content.worst) == 12
    assert all(image_id in html for image_id in content.worst if HOSTILE not in image_id)
    assert len(content.correct) == 9
    assert "the file has 0 bytes" in html
    assert "split.pin.origin names what no image has" in html


def test_the_page_counts_unusual_images_and_how_they_fare(content: Content, html: str) -> None:
    assert content.shown_split == "validation"
    mistakes = ROWS.filter(pl.col("id").is_in(UNUSUAL) & (pl.col("label") != pl.col("predicted"))).height
    dark, low_contrast = content.unusual
    assert (dark.issue, dark.num_images, dark.num_shown, dark.num_mistakes) == ("dark", 2, 2, mistakes)
    assert (low_contrast.issue, low_contrast.num_images, low_contrast.example) == ("low_contrast", 1, UNUSUAL[0])
    assert f"<td>{mistakes} of 2</td>" in html
    assert [own.shown for own in content.unusual] == [sorted(UNUSUAL), [UNUSUAL[0]]]
    section = html[html.index("Unusual images") : html.index("Quarantined files")]
    assert re.findall(r"<h3>(.*?)</h3>", section) == ["Dark", "Low contrast"]
    assert re.findall(r'class="path" title="([^"]*)"', section) == [*sorted(UNUSUAL), UNUSUAL[0]]
    assert "Skipped by their names (<code>ingest.skip</code>): 1." in html


def test_the_page_proves_that_nothing_leaks_and_what_each_class_got(html: str) -> None:
    assert "<strong>31</strong><small>7 groups, 11 exact and 13 near duplicates shared</small>" in html
    assert "<tr><th>train and validation</th><td>7</td><td>11</td><td>13</td></tr>" in html
    assert "<tr><th>train and test</th><td>0</td><td>0</td><td>0</td></tr>" in html
    assert "<tr><th>kept together</th><td>1,234</td><td>0</td><td>0</td></tr>" in html
    assert "<th>got (60.0% asked)</th>" in html
    assert '<tr><th>a</th><td>40</td><td class="got">50.0%</td><td>20</td><td class="got">25.0%</td>' in html


def test_the_page_says_what_a_random_split_would_have_overestimated(content: Content, html: str) -> None:
    sentence = (
        "A random split would have overestimated the accuracy: 0.97 instead of 0.84 "
        "(nearest-neighbour probe; the split keeps 60 groups apart)."
    )
    assert sentence in html
    without = content.diagnosis.model_copy(update={"findings": content.diagnosis.findings[:1]})
    assert "overestimated" not in render(dataclasses.replace(content, diagnosis=without))


def test_the_page_lists_every_finding_with_its_causes_and_commands(content: Content, html: str) -> None:
    ids = [finding.id for finding in content.diagnosis.findings]
    assert ids == ["harmful_augmentation", "high_variance", "small_pictures", "miscalibrated", "leakage"]
    first = content.diagnosis.first
    assert first.evidence in html
    assert "; ".join(first.causes) in html
    commands = re.findall(r"<code>(dvc exp run [^<]*)</code>", html)
    proposed = [action.command for finding in content.diagnosis.findings for action in finding.actions if action.command]
    assert list(map(unescape, commands)) == proposed
    assert all(finding.headline in html for finding in content.diagnosis.findings)
    assert [html.count(f'data-copy="{command}"') for command in commands] == [1] * len(commands)


def test_a_finding_shows_its_images_and_none_that_is_not_there(content: Content, html: str) -> None:
    strip = html.partition('<div class="cards strip">')[2].partition("</div>")[0]
    assert re.findall(r'title="([^"]+)"', strip) == content.diagnosis.first.images[:1]


def test_headline_figures_have_their_intervals(content: Content, html: str) -> None:
    low, high = content.metrics.test.macro_f1_interval
    assert f"<small>95% interval {low:.3f} to {high:.3f}</small>" in html
    low, high = content.metrics.validation.accuracy_interval
    assert f"<small>95% interval {100 * low:.1f}% to {100 * high:.1f}%</small><small>target 99.0%</small>" in html


def test_classes_stand_with_precision_recall_and_f1_the_lowest_first(content: Content, html: str) -> None:
    table = html.partition('<section id="classes">')[2].partition("</table>")[0]
    scores = {own.class_name: own for own in content.metrics.classes["validation"]}
    names = re.findall(r'<th scope="row">(.)</th>', table)
    assert names == sorted("abc", key=lambda name: scores[name].f1)
    assert f"<td>{scores['a'].f1:.3f}</td>" in table


def test_the_page_fetches_nothing(html: str) -> None:
    assert set(re.findall(r"""(?:src|href)=["']?([a-z]+):""", html)) == {"data"}
    assert "default-src 'none'" in html
    assert not re.search(r"<link|@import|url\(", html)


def test_the_page_says_nothing_of_where_it_was_made(html: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert str(tmp_path_factory.getbasetemp()) not in html
    assert not re.search(r"/(?:home|root|tmp|Users)/", html)


def test_other_people_s_text_is_text(html: str) -> None:
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    embedded = re.search(r'<script type="application/json" id="shown">(.*?)</script>', html, re.DOTALL)
    assert embedded is not None
    assert any(HOSTILE in image[0] for image in json.loads(embedded[1])["images"])


LONG_NAMES = [
    "cat/IMG_4341.JPG",
    "Siamese_cat/2024-01-31_holiday/DSC_00017.final.jpeg",
    "w03/7/a.png",
    f"x/{'y' * 60}.png",
    "tabby cat/IMG_4341 (copy).JPG",
]


def test_a_name_is_marked_where_it_may_break_and_nowhere_else() -> None:
    assert breakable("cat/IMG_4341.JPG") == "cat/<wbr>IMG_<wbr>4341.<wbr>JPG"
    assert breakable("a--b") == "a--<wbr>b"
    assert breakable("<b>.png") == "&lt;b&gt;.<wbr>png"
    assert breakable("y" * 18 + ".png") == f'<span class="long">{"y" * 18}.</span><wbr>png'
    assert breakable("") == ""
    for name in LONG_NAMES:
        assert breakable(name).striptags().replace(" ", "") == name.replace(" ", "")


def test_the_page_shows_slices_calibration_levels_and_corrections(content: Content, html: str) -> None:
    slices = html.partition('<section id="slices">')[2].partition("</section>")[0]
    assert re.findall(r'<tr><th class="words">(.*?)</th><td>validation</td><td>20</td>', slices) == ["group &#39;w2&#39;"]
    assert "<td>&lt; 0.001</td>" in slices
    calibration = html.partition('<section id="calibration">')[2].partition("</section>")[0]
    assert f"<td>{100 * content.calibration.coverage[0].accuracy:.2f}%</td>" in calibration
    assert "one chart for each operation" in html
    assert "one chart for each operation" not in render(dataclasses.replace(content, robustness=robustness_of(None)))
    corrected = html.partition("Corrected by a person")[2].partition("</table>")[0]
    assert "wrong label" in corrected
    assert "<td>b</td><td>a</td>" in corrected


def test_suspects_are_those_of_train_and_of_the_shown_split(content: Content, html: str) -> None:
    splits = {image.id: image.split for image in content.gallery.images}
    assert {splits[image_id] for image_id in content.suspects} <= {"train", "validation"}
    assert content.num_suspects["test"] > 0
    section = html.partition('<section id="suspects">')[2].partition("</section>")[0]
    assert section.count("<figure") == len(content.suspects)
    assert "Those of test are counted and not shown." in section


def test_the_page_shows_layers_settings_and_versions(html: str) -> None:
    section = html.partition('<section id="network">')[2].partition("</section>")[0]
    assert "3,099 weights, 99 of them trained" in section
    assert "<td>16 x 16 x 1</td>" in section
    assert "3,000 (frozen)" in section
    assert "&lt;b&gt;" in section
    assert "backbone.keras, SHA-256 0123456789abcdef..." in section
    assert "keras 3.15.1" in section
    assert "noise" not in section.partition("All settings of this training")[2]


def test_settings_are_listed_by_their_keys() -> None:
    assert NETWORK.listed_settings() == {
        "augment.label_safe": "none",
        "train.optimizer.kind": "adam",
        "train.weights": "none",
        "train.deterministic": "true",
    }


def test_settings_that_are_not_the_default_ones_stand_apart(content: Content, html: str) -> None:
    changed = [(own.key, own.value, own.default) for own in content.changed_settings]
    assert changed == [
        ("augment.noise.probability", None, "0.5"),
        ("augment.noise.std", None, "0.0, 1.0"),
        ("train.optimizer.kind", "adam", "<i>sgd</i>"),
    ]
    section = html[html.index("Settings that differ") : html.index("All settings of this training")]
    rows = [row.replace("<wbr>", "") for row in re.findall(r"<tr><th scope.*?</tr>", section)]
    assert [tuple(map(unescape, re.findall(r">([^<>]+)<", row))) for row in rows] == [
        (key, own or "off", default) for key, own, default in changed
    ]
    same = dataclasses.replace(content, changed_settings=NETWORK.changed_settings(NETWORK.settings))
    assert "All settings of this training are the default ones." in render(same)


def test_duplicates_stand_side_by_side(content: Content, html: str) -> None:
    assert content.duplicates == [sorted(UNUSUAL)]
    assert content.num_duplicates == 1
    row = html[html.index('strip twins">') :]
    assert re.findall(r'class="path" title="([^"]*)"', row[: row.index("</div>")]) == sorted(UNUSUAL)


def test_copies_are_duplicates_those_of_two_labels_first() -> None:
    manifest = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d", "e", "f", "g", "hidden", "broken"],
            "label": ["1", "1", "1", "2", "3", "1", "1", "1", None],
            "digest": ["x", "x", "x", "y", "y", "p", "q", "q", None],
            "near_duplicate": [None, None, None, None, None, "f", "f", "f", "f"],
            "status": ["ok"] * 8 + ["quarantined"],
        }
    )
    assert _duplicates(manifest, set("abcdefg")) == [["d", "e"], ["a", "b", "c"], ["f", "g"]]


def test_a_quarantined_file_is_linked_to(content: Content, html: str) -> None:
    assert [own.link for own in content.quarantined] == [raw_file_link("../raw", f"{HOSTILE}.jpg".encode())]
    assert f'<a href="{content.quarantined[0].link}" target="_blank" rel="noopener noreferrer">' in html


@pytest.mark.parametrize("source", [Path("/home/me/scans"), "s3://bucket/scans"])
def test_a_page_links_to_no_raw_folder_elsewhere(source: Path | str) -> None:
    assert raw_folder_link(source, Path("reports/index.html")) is None
    assert raw_file_link(None, b"a.png") is None
