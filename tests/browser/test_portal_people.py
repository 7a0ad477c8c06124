# SPDX-License-Identifier: LGPL-2.1-or-later
"""A teacher finds a student, changes a grade and takes that back, with the keyboard alone, on a screen and on a phone; and a report card on paper."""

import base64
import re

import pytest
from browser import heading, sign_in
from page_checks import check, violations
from school import whole_town
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# What reaches an element is in the order of the tabulator, and not out of sight.
REACHABLE = "const e = arguments[0]; e.focus(); return document.activeElement === e && e.tabIndex >= 0 && e.getClientRects().length > 0"


@pytest.fixture
def town(cluster):
    return whole_town(cluster)


def tab_to(browser, selector):
    """The element, with the focus, if the keyboard can give it that."""
    wanted = browser.find_element(By.CSS_SELECTOR, selector)
    assert browser.execute_script(REACHABLE, wanted), f"{selector} is not reached by the keyboard on {browser.current_url}"
    return wanted


def enter(browser, selector, text=""):
    field = tab_to(browser, selector)
    with browser.next_page():
        field.send_keys(text + Keys.ENTER)


@pytest.mark.parametrize("size, script", [((1280, 900), False), ((390, 844), True)], ids=["desktop-no-script", "phone"])
def test_a_grade_is_changed_and_taken_back(town, open_browser, size, script):
    browser, path = open_browser(script=script), town.school.path("Fischer")
    grade = town.grading.get(path + "/grades").json["Items"][0]
    sign_in(browser, town, "ada")
    browser.look(*size, False)
    browser.get(town.url + "/students")
    enter(browser, "#q", "fischer")
    enter(browser, f'a[href="{path}"]')
    assert heading(browser) == "Mia Fischer"
    enter(browser, f'a[href="{path}/grades/{grade["ID"]}"]')
    assert heading(browser) == grade["Title"]
    score = tab_to(browser, "#editScore")
    score.send_keys(Keys.CONTROL + "a")
    score.send_keys("19.5")
    enter(browser, "#editReason", "second look")
    assert heading(browser) == "Mia Fischer" and "The grade was saved." in browser.find_element(By.CSS_SELECTOR, ".notice").text
    assert town.grading.get(path + "/grades").json["Items"][0]["Score"] == 19.5
    enter(browser, f'a[href="{path}/grades/{grade["ID"]}"]')
    tab_to(browser, "details.act summary").send_keys(Keys.ENTER)
    enter(browser, "#undoReason", "wrong row")
    assert "The change was undone." in browser.find_element(By.CSS_SELECTOR, ".notice").text
    assert town.grading.get(path + "/grades").json["Items"][0]["Score"] == grade["Score"]
    assert "second look" in browser.find_element(By.CSS_SELECTOR, "ol.history").text
    enter(browser, "form.delete button")
    assert "The grade was deleted." in browser.find_element(By.CSS_SELECTOR, ".notice").text
    if script:
        check(browser)
        assert violations(browser) == []


def test_a_report_card_is_one_page(town, open_browser):
    browser = open_browser()
    sign_in(browser, town, "head")
    browser.get(town.url + town.school.path("Carter") + "/report")
    paper = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = [e for e in browser.find_elements(By.CSS_SELECTOR, ".site, .trail, .on-screen, .links") if e.is_displayed()]
    assert shown == [] and browser.find_element(By.CSS_SELECTOR, ".report table").is_displayed()
