# SPDX-License-Identifier: LGPL-2.1-or-later
"""What things are called, and what the scripts of a page make of it: tests/integration/test_portal_security.py has what the portal does."""

import contextlib

import evil
import gradebook
import pytest
from browser import Browser, sign_in
from page_checks import errors
from pages import PAGES
from school import whole_town

FOUND = """
return [...document.querySelectorAll('*')].filter(e => /evil/.test(e.localName) || [...e.attributes].some(a => /evil|^on/.test(a.name))
        || /^\\s*javascript:/i.test(e.getAttribute('href') || e.getAttribute('src') || '')).map(e => e.outerHTML);
"""


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """Opens the window of somebody who is signed in, one for each."""
    directory, opened = tmp_path_factory.mktemp("town"), {}
    with contextlib.ExitStack() as stack:
        cluster = gradebook.Cluster(directory)
        stack.callback(cluster.close)
        town = whole_town(cluster)
        evil.taint(town, evil.Evil())

        def window(who):
            if who not in opened:
                opened[who] = Browser(directory / f"profile-{who}")
                stack.callback(opened[who].quit)
                if who:
                    sign_in(opened[who], town, who)
            return opened[who]
        yield town, window


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_page(readers, page):
    town, window = readers
    browser = window(page.who[0])
    browser.get_log("browser")
    browser.get(town.url + page.path_in(town.school))
    if page.then:
        page.then(browser)
    assert browser.execute_script(FOUND) == []
    assert errors(browser) == []
