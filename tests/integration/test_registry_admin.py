# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an administrator gets from the registry: its page, its backups, its audit."""

import base64
import re

import pytest
from gradebook import request

@pytest.fixture
def registry(cluster):
    return cluster.start("registry")


def register(registry, name, port, **members):
    answer = registry.post("/services", {"ServiceName": name, "ServiceURL": f"http://127.0.0.1:{port}", **members})
    assert answer.status == 200, answer


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


# ---- the page ----

def test_page(registry):
    register(registry, "Cook", 8, RequiredServices=["Bakery", "*"])
    register(registry, "Bakery", 9)
    register(registry, "Bakery", 10, RequiredServices=["Mill"])
    page = registry.get("/")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>1 required service is missing</h1>" in page.text
    assert "3 instances" in page.text and "http://127.0.0.1:10" in page.text
    words = re.search(r"<desc[^>]*>(.*?)</desc>", page.text)[1]
    assert "Cook requires Bakery and every other service." in words and "Bakery requires Mill." in words
    assert page.text.count('<g class="node') == 3 and page.text.count('<path class="edge') == 2
    assert re.search(r'<g class="node missing".*?Mill: not registered', page.text)
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text and " style=" not in page.text
    style = registry.get("/style.css")
    assert style.status == 200 and style.headers["Content-Type"] == "text/css; charset=utf-8" and ".node" in style.text


def test_page_escapes(registry):
    register(registry, "Cook", "8/a&amp;b'c")
    text = registry.get("/").text
    assert "8/a&amp;amp;b&#39;c</span>" in text


def test_page_refreshes(registry):
    assert "http-equiv" not in registry.get("/").text
    assert '<meta http-equiv="refresh" content="5">' in registry.get("/?refresh=5").text
    for wrong in ("1", "x", "", "3601"):
        assert registry.get(f"/?refresh={wrong}").status == 400


def test_page_needs_the_token(registry):
    """A browser can send no Bearer; it asks for a password where it is told Basic."""
    for path in ("/", "/style.css"):
        refused = registry.get(path, token=None)
        assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert "127.0.0.1" not in refused.text
        for user in ("", "admin", "anybody"):
            assert request(registry.url + path, headers=basic(user, registry.cluster.token)).status == 200
        for wrong in ("", "x", registry.cluster.token[:-1], registry.cluster.token + "0", "a:" + registry.cluster.token, "x" * 2000):
            assert request(registry.url + path, headers=basic("admin", wrong)).status == 401
        for garbage in ("Basic", "Basic !!!", "Basic " + base64.b64encode(registry.cluster.token.encode()).decode(), "Basic YTpi!"):
            assert request(registry.url + path, headers={"Authorization": garbage}).status == 401
    # For the page alone.
    refused = request(registry.url + "/services", headers=basic("admin", registry.cluster.token))
    assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_page_of_an_open_registry(open_cluster):
    registry = open_cluster.start("registry")
    assert registry.get("/", token=None).status == 200


def test_page_is_bounded(registry):
    for i in range(520):
        register(registry, f"S{i}", i + 1, RequiredServices=[f"S{i // 2}"])
    text = registry.get("/").text
    assert text.count('<g class="node') == 60 and text.count("<tr ") == 501
    assert "20 more, all no worse" in text and "460 more are not drawn" in text
