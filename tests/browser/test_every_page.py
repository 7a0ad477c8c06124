# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every page of the table in tests/lib/pages.py, as everybody sees it who may, on a screen and on a phone, by day and by night, in both
languages. Keeps a picture of each."""

import contextlib

import gradebook
import pytest
from browser import Browser, heading, sign_in
from page_checks import check, errors, foreign_texts, status_of, violations
from pages import VISIT_NAMES, VISITS
from school import whole_town

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
# Each pair of a language, a size and a light is there once. In the order of languages: choosing one is a page of its own.
LOOKS = (("en", "desktop", False), ("en", "phone", True), ("zh", "phone", False), ("zh", "desktop", True))
LOOK_NAMES = [f"{language}-{size}-{'dark' if dark else 'light'}" for language, size, dark in LOOKS]


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


@pytest.mark.parametrize("page, who", VISITS, ids=VISIT_NAMES)
@pytest.mark.parametrize("language, size, dark", LOOKS, ids=LOOK_NAMES)
def test_page(audience, page, who, language, size, dark):
    browser = audience.browser(who, language)
    browser.look(*SIZES[size], dark)
    browser.get_log("browser")
    browser.get(audience.town.url + page.path_in(audience.town.school))
    assert status_of(browser) == page.status, heading(browser)
    if page.then:
        page.then(browser)
    browser.shoot(f"{page.name}-{who or 'nobody'}-{size}-{'dark' if dark else 'light'}-{language}")
    assert errors(browser) == []
    assert browser.execute_script("return document.documentElement.lang").startswith(language)
    assert foreign_texts(browser, language) == []
    check(browser)
    found = violations(browser)
    assert found == [], "\n\n".join(found)
