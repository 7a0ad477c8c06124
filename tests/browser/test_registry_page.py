# SPDX-License-Identifier: LGPL-2.1-or-later
"""The registry's page as a browser shows it, on a screen and on a phone, by day and by night. Keeps pictures."""

import pytest

from gradebook import free_port, wait_until


def register(registry, name, requires=(), alive=True, port=None):
    """One that is well has no heartbeat and lives by its lease; where nothing listens, one soon is critical."""
    url = f"http://127.0.0.1:{port or free_port()}"
    record = {"ServiceName": name, "ServiceURL": url, "RequiredServices": list(requires)}
    if not alive:
        record["HeartbeatURL"] = url + "/heartbeat"
    assert registry.post("/services", record).status == 200


@pytest.fixture
def registry(cluster):
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "300ms", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms"}})
    return cluster.start("registry")


@pytest.fixture
def school(registry):
    register(registry, "Portald", ["GradingService", "LogService", "*"])
    register(registry, "Portald", ["GradingService", "LogService", "*"])
    register(registry, "GradingService", ["LogService"])
    register(registry, "LogService")
    register(registry, "LogService", alive=False)
    register(registry, "attendance", ["LogService", "GradingService", "mail-gateway-of-the-school"])
    register(registry, "timetable", ["attendance", "rooms"])
    register(registry, "rooms", ["timetable"], alive=False)
    register(registry, "canteen", port=4711)
    assert registry.request("/services/drain", "PUT", "http://127.0.0.1:4711", headers={"Content-Type": "text/plain"}).status == 200
    wait_until(lambda: sum(s["State"] == "critical" for s in registry.get("/services").json["Services"]) == 2, "two are critical")
    return registry


def address(registry):
    return f"http://admin:{registry.cluster.token}@127.0.0.1:{registry.port}/"


def overflow(browser):
    return browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("width,dark", [(1280, False), (1280, True), (390, False), (390, True)])
def test_page(school, open_browser, width, dark):
    browser = open_browser(width, 900, dark)
    browser.get(address(school))
    browser.shoot(f"registry-{width}-{'dark' if dark else 'light'}")
    assert browser.execute_script("return document.querySelector('h1').textContent") == "2 of 9 instances are critical"
    assert overflow(browser) == 0
    # The style was allowed and is in force; no box lies over another, no text leaves its box.
    assert browser.execute_script("return getComputedStyle(document.querySelector('.edge')).fill") == "none"
    assert browser.execute_script("""
        const boxes = [...document.querySelectorAll('.node')].map(n => [n.querySelector('.box').getBoundingClientRect(), n]);
        for (const [a, n] of boxes) {
            for (const t of n.querySelectorAll('text'))
                if (t.getBoundingClientRect().right > a.right - 4) return n.textContent;
            for (const [b, m] of boxes)
                if (m !== n && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) return m.textContent;
        }
        return ''""") == ""
    assert not [line for line in browser.get_log("browser") if "Content Security Policy" in line["message"]]


def test_follows_without_script(school, open_browser):
    browser = open_browser(script=False)
    browser.get(address(school))
    with browser.next_page():
        browser.find_element("link text", "follow").click()
    assert "every 5 s" in browser.page_source
    # The page may come anew at any moment now: found and clicked in one step, it is the same one.
    with browser.next_page():
        browser.execute_script("window.isLeft = true; [...document.links].find(a => a.textContent === 'stop').click()")
    assert "every 5 s" not in browser.page_source


@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_there(registry, open_browser, width):
    browser = open_browser(width, 700)
    browser.get(address(registry))
    browser.shoot(f"registry-empty-{width}")
    assert "Nothing is registered yet" in browser.page_source
    assert overflow(browser) == 0


def test_many(registry, open_browser):
    for i in range(80):
        register(registry, f"service-{i}", [f"service-{j}" for j in (i // 3, i * 7 % 80) if j < i], port=i + 1)
    browser = open_browser(1280, 900)
    browser.get(address(registry))
    browser.shoot("registry-many")
    assert len(browser.find_elements("css selector", ".node")) == 60
    assert "20 more are not drawn" in browser.page_source
    assert len(browser.find_elements("css selector", "tbody tr")) == 80
