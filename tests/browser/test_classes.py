# SPDX-License-Identifier: LGPL-2.1-or-later
"""A class and its assessments by the keyboard alone, on a phone and on a screen, with scripts and without."""

import pytest
from browser import heading, sign_in
from school import whole_town
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


def keys(browser, *what):
    ActionChains(browser.driver).send_keys(*what).perform()


def tab_to(browser, wanted):
    """Goes on by Tab until what has the focus is wanted: its name, or the text of a link or a button."""
    for _ in range(60):
        keys(browser, Keys.TAB)
        at = browser.switch_to.active_element
        if wanted in (at.get_attribute("name"), at.text.strip()):
            box = at.rect
            assert box["height"] >= 22 and box["width"] >= 22, (wanted, box)
            return
    raise AssertionError(f"no Tab leads to {wanted} on {browser.current_url}")


def enter(browser, wanted):
    tab_to(browser, wanted)
    with browser.next_page():
        keys(browser, Keys.ENTER)


@pytest.mark.parametrize("width, script", [(390, False), (1280, True)])
def test_a_teacher_with_the_keyboard(cluster, open_browser, width, script):
    town = whole_town(cluster)
    browser = open_browser(width=width, script=script)
    sign_in(browser, town, "ada")
    enter(browser, "Classes")
    tab_to(browser, "Physics 7a")
    assessments = f"/classes/{town.school.classes['Physics 7a']}/assessments"
    browser.get(town.url + assessments)
    enter(browser, "New assessment")
    tab_to(browser, "Title")
    keys(browser, "Lenses")
    enter(browser, "Add assessment")
    assert browser.switch_to.active_element.get_attribute("role") == "alert"
    tab_to(browser, "Type")
    keys(browser, "E")
    enter(browser, "Add assessment")
    assert browser.find_element(By.CSS_SELECTOR, "[role=status]").text == "The assessment was added."
    enter(browser, "Lenses Draft")
    assert heading(browser) == "Lenses" and "There are no scores yet." in browser.page_source
    enter(browser, "Release to students")
    assert browser.find_element(By.CSS_SELECTOR, "[role=status]").text.startswith("It is released")
    told = town.grading.get(assessments).json["Items"]
    assert [(a["Type"], a["Released"]) for a in told if a["Title"] == "Lenses"] == [("Exam", True)]
