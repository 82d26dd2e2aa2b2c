import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.serve.answers import Answers, Problem
from models.serve.model_worker import BusyError
from tests.models.serve.conftest import LIMITS, Served

Png = Callable[..., bytes]


def files(*contents: bytes, name: str = "a.png") -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (name, content)) for content in contents]


def reason(response: Any) -> str:
    return Problem.model_validate_json(response.content).reason


def test_each_image_gets_its_answer_in_order(served: Served, png: Png) -> None:
    response = served.client.post("/predict", files=files(png(20), png(200), b"no image"))
    assert response.status_code == 200
    found = Answers.model_validate_json(response.content).images
    assert [own.predicted for own in found] == ["0", '<b>"two"</b>', None]
    assert [own.class_name for own in found[0].top] == ["0", "1", '<b>"two"</b>']
    assert found[0].confidence == pytest.approx(0.8)
    assert (found[0].accepted, found[0].unlike) == (True, [])
    assert found[2].refused is not None
    assert (found[2].refused.reason, found[2].top) == ("not_an_image", [])


def test_where_no_image_can_be_used_the_status_says_so(served: Served) -> None:
    response = served.client.post("/predict", files=files(b"", b"no image"))
    assert response.status_code == 422
    found = Problem.model_validate_json(response.content)
    assert found.reason == "no_usable_image"
    assert [own.refused.reason for own in found.images if own.refused] == ["empty", "not_an_image"]


def test_names_come_back_without_folders(served: Served, png: Png) -> None:
    name = "/home/me/<script>alert(1)</script>\n.png"
    response = served.client.post("/predict", files=files(png(20), name=name))
    assert "home" not in response.text
    assert response.json()["images"][0]["name"] == "script>%0A.png"
    assert response.headers["content-type"] == "application/json"


def test_limits_on_bytes_pixels_and_count(served: Served, png: Png) -> None:
    post = served.client.post
    too_many = post("/predict", files=files(*[png(20)] * 5))
    assert (too_many.status_code, reason(too_many)) == (413, "too_many_images")
    large = post("/predict", files=files(png(20), png(20) + bytes(LIMITS.image_bytes)))
    assert large.json()["images"][1]["refused"] == {
        "reason": "too_many_bytes",
        "message": f"has {len(png(20)) + LIMITS.image_bytes:,} bytes; one image may have 100,000",
    }
    wide = post("/predict", files=files(png(20, (2001, 2000))))
    assert wide.json()["images"][0]["refused"]["reason"] == "too_many_pixels"
    whole = post("/predict", files=files(bytes(400_000)))
    assert (whole.status_code, reason(whole)) == (413, "too_many_bytes")
    assert served.model.batches == [2, 1]  # the requests that were refused as a whole cost the network nothing


def test_a_body_that_hides_its_length_is_refused_while_it_comes(served: Served) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for _ in range(100):
            yield bytes(10_000)

    response = served.client.post("/predict", content=body(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert (response.status_code, reason(response)) == (413, "too_many_bytes")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "127.0.0.1.evil.example"])
def test_another_name_of_this_machine_is_refused(served: Served, host: str) -> None:
    response = served.client.get("/healthz", headers={"host": host})
    assert (response.status_code, reason(response)) == (400, "unknown_host")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "192.168.1.7:8000", "digits.LOCAL"]
)
def test_own_names_and_addresses_are_answered(served: Served, host: str) -> None:
    assert served.client.get("/healthz", headers={"host": host}).json() == {
        "status": "ok",
        "classes": 3,
        "image_shape": [8, 8, 1],
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/try", "/add"])
def test_a_page_of_another_site_cannot_ask(served: Served, png: Png, path: str, headers: dict[str, str]) -> None:
    sent = {"files": files(png(20))} if path == "/predict" else {"files": {"image": png(20)}, "data": {"label": "7"}}
    response = served.client.post(path, headers=headers, **sent)
    assert (response.status_code, reason(response)) == (403, "foreign_origin")
    assert list(served.raw.iterdir()) == []


def test_the_own_page_may_ask_and_nobody_gets_cors(served: Served, png: Png) -> None:
    headers = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
    response = served.client.post("/predict", files=files(png(20)), headers=headers)
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert served.client.options("/predict", headers=headers).status_code == 405


def test_every_answer_forbids_scripts_and_frames(served: Served) -> None:
    for path in ("/", "/healthz", "/nowhere"):
        headers = served.client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_openapi_says_what_is_answered(served: Served) -> None:
    document = served.client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/healthz", "/metrics", "/try", "/add"}
    predict = document["paths"]["/predict"]["post"]
    assert set(predict["responses"]) == {"200", "400", "403", "413", "422", "500", "503"}
    assert set(predict["requestBody"]["content"]) == {"multipart/form-data"}
    assert "not_an_image" in json.dumps(document["components"]["schemas"]["Refused"]["properties"]["reason"])
    for status, answer in predict["responses"].items():
        assert "Problem" in json.dumps(answer) or status == "200"
    assert served.client.get("/docs").status_code == 404  # FastAPI's page loads scripts from elsewhere


def test_metrics_count_what_happened(served: Served, png: Png) -> None:
    served.client.post("/predict", files=files(png(20), png(1), b"no image"))
    served.client.get("/" + "x" * 20)
    text = served.client.get("/metrics").text
    for line in (
        'darkroom_requests_total{path="/predict",status="200"} 1.0',
        'darkroom_requests_total{path="other",status="404"} 1.0',
        'darkroom_images_total{predicted="0"} 2.0',
        'darkroom_refused_images_total{reason="not_an_image"} 1.0',
        "darkroom_unlike_images_total 1.0",
        "darkroom_unlike_fraction 0.5",
        "darkroom_batch_images_sum 2.0",
        'darkroom_request_seconds_count{path="/predict"} 1.0',
    ):
        assert line in text.splitlines()


def test_a_network_that_fails_is_an_answer_without_its_words(served: Served, png: Png) -> None:
    served.model.fails = True
    response = served.client.post("/predict", files=files(png(20)))
    assert (response.status_code, reason(response)) == (500, "model_failed")
    assert "secret" not in response.text
    served.model.fails = False
    assert served.client.post("/predict", files=files(png(20))).status_code == 200


def test_a_service_that_is_busy_or_lost_its_thread_says_so(served: Served, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BusyError

    with monkeypatch.context() as patch:
        patch.setattr(served.service.worker, "predict", refuse)
        response = served.client.post("/predict", files=files(png(20)))
    assert (response.status_code, reason(response), response.headers["retry-after"]) == (503, "busy", "1")
    served.service.worker.__exit__(None, None, None)
    response = served.client.get("/healthz")
    assert (response.status_code, reason(response)) == (503, "model_failed")


def test_one_thread_answers_many_clients_in_batches(served: Served, png: Png) -> None:
    with ThreadPoolExecutor(16) as clients:
        found = list(
            clients.map(lambda level: served.client.post("/predict", files=files(png(level))), [20, 120, 200, 20] * 25)
        )
    assert {own.status_code for own in found} == {200}
    assert [own.json()["images"][0]["predicted"] for own in found[:4]] == ["0", "1", '<b>"two"</b>', "0"]
    assert served.model.threads == {"model"}


PARTS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda name, disposition, content: b"--x\r\n" + disposition + name + b"\r\n\r\n" + content + b"\r\n--x--\r\n",
        st.binary(max_size=40),
        st.sampled_from(
            [
                b'Content-Disposition: form-data; name="files"; filename="',
                b'Content-Disposition: form-data; name="image"; filename*=',
                b'Content-Disposition: form-data; name="label',
                b"Content-Type: ",
                b"",
            ]
        ),
        st.binary(max_size=200),
    ),
)
TYPES = st.one_of(
    st.sampled_from(
        [
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=x; charset=klingon",
            "multipart/form-data; boundary=" + "y" * 300,
            "application/json",
            "application/x-www-form-urlencoded",
            "image/png",
        ]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]),
    path=st.sampled_from(["/predict", "/try", "/add", "/healthz", "/metrics", "/openapi.json", "/", "/%00", "/..%2f..%2fetc"]),
    kind=TYPES,
    body=PARTS,
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
)
def test_malformed_requests_get_a_documented_answer(
    served: Served, method: str, path: str, kind: str, body: bytes, query: str
) -> None:
    response = served.client.request(method, path, content=body, headers={"content-type": kind}, params={"q": query})
    assert response.status_code < 500
    if response.status_code >= 400:
        if method != "HEAD":
            Problem.model_validate_json(response.content)
        documented = served.client.get("/openapi.json").json()["paths"].get(path, {}).get(method.lower())
        assert documented is None or str(response.status_code) in documented["responses"]
    assert list(served.raw.iterdir()) == []
