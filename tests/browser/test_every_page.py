# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every page of the table in tests/lib/pages.py, as everybody sees it who may, on a screen and on a phone, by day and by night, in both
languages. Keeps a picture of each."""

import contextlib

import gradebook
import pytest
from browser import Browser, heading, sign_in
from page_checks import check, foreign_texts, violations
from pages import VISIT_NAMES, VISITS
from school import whole_town

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
STATUS = "return performance.getEntriesByType('navigation')[0].responseStatus"


class Audience:
    """One browser for each of the people, signed in and in one language at a time."""

    def __init__(self, town, directory, stack):
        self.town = town
        self.directory = directory
        self.stack = stack
        self.browsers = {}
        self.languages = {}

    def browser(self, who, language):
        if who not in self.browsers:
            browser = self.browsers[who] = Browser(self.directory / f"profile-{who}")
            self.stack.callback(browser.quit)
            if who:
                sign_in(browser, self.town, who)
                assert heading(browser) != "Sign in"
        if self.languages.get(who) != language:
            self.browsers[who].get(f"{self.town.url}/language/{language}")
            self.languages[who] = language
        return self.browsers[who]


@pytest.fixture(scope="module")
def audience(tmp_path_factory):
    directory = tmp_path_factory.mktemp("town")
    with contextlib.ExitStack() as stack:
        cluster = gradebook.Cluster(directory)
        stack.callback(cluster.close)
        yield Audience(whole_town(cluster), directory, stack)


def errors(browser, status):
    """What the console says is wrong. Of a page that is meant to be refused it says so, which is right."""
    refused = f"{browser.current_url} - Failed to load resource: the server responded with a status of {status}"
    return [entry["message"] for entry in browser.get_log("browser")
            if (entry["level"] == "SEVERE" or "Content Security Policy" in entry["message"])
            and not (status >= 400 and entry["message"].startswith(refused))]


# In the order of languages first: choosing one is a page of its own.
@pytest.mark.parametrize("page, who", VISITS, ids=VISIT_NAMES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_page(audience, page, who, dark, size, language):
    browser = audience.browser(who, language)
    browser.look(*SIZES[size], dark)
    browser.get_log("browser")
    browser.get(audience.town.url + page.path_in(audience.town.school))
    assert browser.execute_script(STATUS) == page.status, heading(browser)
    if page.then:
        page.then(browser)
    browser.shoot(f"{page.name}-{who or 'nobody'}-{size}-{'dark' if dark else 'light'}-{language}")
    said = errors(browser, browser.execute_script(STATUS))
    assert said == []
    assert browser.execute_script("return document.documentElement.lang").startswith(language)
    assert foreign_texts(browser, language) == []
    check(browser)
    found = violations(browser)
    assert found == [], "\n\n".join(found)
