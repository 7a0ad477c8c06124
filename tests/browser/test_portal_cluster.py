# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cluster and the log as they change before somebody's eyes, and without a script after a reload. Keeps pictures."""

import datetime
import json

import pytest
from browser import fill, heading, press, sign_in
from gradebook import wait_until
from page_checks import check
from school import Town
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

SIZES = pytest.mark.parametrize("width, height", [(1280, 900), (390, 844)], ids=["desktop", "phone"])


@pytest.fixture
def town(cluster):
    town = Town(cluster, daemons=("log",))
    town.school.open()
    return town


def text_of(browser, selector):
    """"" while it is not there, or just being replaced."""
    try:
        return browser.find_element(By.CSS_SELECTOR, selector).text
    except WebDriverException:
        return ""


def wait_for(browser, selector, words):
    return wait_until(lambda: words in text_of(browser, selector), f"{selector} says {words!r}", timeout=20)


def write(town, *messages):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    lines = "\n".join(json.dumps({"Time": now, "Priority": 4, "Service": "library", "Message": message}) for message in messages)
    assert town.log.post("/log", lines, headers={"Content-Type": "application/x-ndjson"}).status == 200


@SIZES
def test_the_cluster_changes_by_itself(town, open_browser, width, height):
    browser = open_browser(width, height)
    sign_in(browser, town, "head")
    browser.get(town.url + "/cluster")
    wait_for(browser, ".live", "up to date")
    assert text_of(browser, ".summary") == "All services are well"
    browser.execute_script("window.isSame = true; document.getElementById('instances').focus()")
    town.log.kill()
    wait_for(browser, ".summary", "Does not answer: LogService")
    assert browser.execute_script("return window.isSame") is True
    assert browser.execute_script("return document.activeElement.id") == "instances"
    # Hidden from the eye, and read aloud.
    assert browser.execute_script("return document.querySelector('p[role=status]').textContent") == "Does not answer: LogService"
    assert browser.find_elements(By.CSS_SELECTOR, ".edge.broken")
    check(browser)
    browser.shoot(f"cluster-log-down-{width}")
    town.log.start()
    wait_for(browser, ".summary", "All services are well")
    town.registry.kill()
    wait_for(browser, ".cluster .notice", "The registry does not answer")
    check(browser)
    browser.shoot(f"cluster-registry-away-{width}")
    town.registry.start()
    wait_until(lambda: not browser.find_elements(By.CSS_SELECTOR, ".cluster .notice"), "the registry is back", timeout=20)
    assert browser.execute_script("return window.isSame") is True


def test_the_cluster_after_the_portal_was_away(town, open_browser):
    browser = open_browser()
    sign_in(browser, town, "head")
    browser.get(town.url + "/cluster")
    wait_for(browser, ".live", "up to date")
    town.portal.stop()
    wait_for(browser, ".live", "connection is lost")
    town.portal.start()
    wait_for(browser, ".live", "up to date")
    assert text_of(browser, ".summary") == "All services are well"


@SIZES
def test_the_cluster_without_a_script(town, open_browser, width, height):
    browser = open_browser(width, height, script=False)
    sign_in(browser, town, "head")
    browser.get(town.url + "/cluster")
    assert text_of(browser, ".summary") == "All services are well" and "when the page was loaded" in text_of(browser, "header.page")
    assert text_of(browser, ".live") == ""
    town.log.kill()

    def reload():
        with browser.next_page():
            browser.find_element(By.LINK_TEXT, "Reload").click()
        return "Does not answer: LogService" in text_of(browser, ".summary")
    wait_until(reload, "the page says so once it is loaded anew")
    check(browser)


@SIZES
def test_the_log_is_followed(town, open_browser, width, height):
    browser = open_browser(width, height)
    sign_in(browser, town, "head")
    browser.get(town.url + "/log?service=library")
    assert "No line fits" in text_of(browser, "p.empty")
    wait_for(browser, "#follow", "New lines appear at the top")
    write(town, "<img src=x onerror='window.isHacked = true'>")
    wait_for(browser, ".lines tbody tr", "<img src=x")
    assert browser.find_elements(By.CSS_SELECTOR, "p.empty") == []
    assert browser.execute_script("return window.isHacked === undefined && document.querySelector('.lines img') === null")
    write(town, *[f"line {n}" for n in range(700)])
    wait_for(browser, ".lines tbody tr", "line 699")
    assert browser.execute_script("return document.querySelectorAll('.lines tbody tr').length") == 500
    wait_until(lambda: "New lines:" in browser.execute_script("return document.querySelector('p[role=status][data-label]').textContent"), "the number is said")
    check(browser)
    browser.shoot(f"log-followed-{width}")

    button = browser.find_element(By.CSS_SELECTOR, "#follow button")
    button.send_keys(Keys.ENTER)
    wait_for(browser, "#follow", "Paused")
    write(town, "while it was paused")
    assert "line 699" in text_of(browser, ".lines tbody tr")
    button.send_keys(Keys.SPACE)
    wait_for(browser, ".lines tbody tr", "while it was paused")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_log_by_keyboard(town, open_browser, script):
    """Look for a line, and go on to its request."""
    browser = open_browser(script=script)
    sign_in(browser, town, "head")
    browser.get(town.url + town.school.path("Carter"))
    path = town.school.path("Carter")

    def search():
        browser.get(town.url + "/log")
        fill(browser, text=path)
        with browser.next_page():
            browser.find_element(By.NAME, "text").send_keys(Keys.ENTER)
        return browser.find_elements(By.CSS_SELECTOR, ".trace-link a")
    link = wait_until(search, "the log has the request")[0]
    check(browser)
    with browser.next_page():
        link.send_keys(Keys.ENTER)
    assert heading(browser) == "The way of a request" and "+0.000 ms" in text_of(browser, ".lines tbody tr")
    check(browser)
    browser.shoot("log-trace")

    browser.get(town.url + "/log")
    browser.find_element(By.CSS_SELECTOR, "details summary").click()
    fill(browser, since="never")
    press(browser, ".filters button")
    assert browser.find_element(By.NAME, "since").get_attribute("value") == "never" and "2026-11-27 10:02" in text_of(browser, "#since-error")
    check(browser)
