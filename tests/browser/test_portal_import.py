# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables, accounts and API tokens in a browser: with and without scripts, on a screen and on a phone, and by the keyboard alone."""

import re

import pytest
from browser import fill, heading, press, sign_in
from page_checks import assert_fits
from people import PASSWORD
from school import Town
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

TABLE = "ID,Title,Type,Score\n{nick},Quiz 1,Quiz,90\n{nick},Quiz 7,Quiz,55.5\n"


@pytest.fixture
def town(cluster):
    town = Town(cluster)
    town.school.open()
    return town


@pytest.fixture
def table(town, tmp_path):
    path = tmp_path / "grades of May.csv"
    path.write_text(TABLE.format(nick=town.school.students["Carter"]), encoding="utf-8")
    return path


def scores(town):
    return {g["Title"]: g["Score"] for g in town.school.grades("Carter")}


@pytest.mark.parametrize("width, script", [(1280, True), (390, False)], ids=["desktop", "phone-without-scripts"])
def test_a_file_is_looked_at_imported_and_taken_back(town, table, open_browser, width, script):
    browser = open_browser(width, 900, script=script)
    sign_in(browser, town, "ada")
    browser.get(town.url + "/import")
    Select(browser.find_element(By.ID, "class")).select_by_index(1)
    browser.find_element(By.ID, "file").send_keys(str(table))
    press(browser, "form.import button[type=submit]")
    assert heading(browser) == "Check the import"
    assert_fits(browser)
    assert scores(town) == {"Quiz 1": 85}
    press(browser, "form.import button[type=submit]")
    assert re.search(r"/imports/\d+$", browser.current_url) and heading(browser) == "grades of May.csv"
    assert_fits(browser)
    assert scores(town) == {"Quiz 1": 90, "Quiz 7": 55.5}
    fill(browser, Reason="the wrong class")
    press(browser, ".panel form button")
    assert "taken back" in browser.find_element(By.CSS_SELECTOR, ".notice.good").text
    assert scores(town) == {"Quiz 1": 85}


def test_by_the_keyboard_alone(town, open_browser):
    """From the list to the button: each stop of the tab key is one of the form's, in its order."""
    browser = open_browser()
    sign_in(browser, town, "ada")
    browser.get(town.url + "/import")
    browser.find_element(By.ID, "class").send_keys(Keys.ARROW_DOWN)
    stops = []
    for _ in range(6):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()      # to the browser: a file's field would take it for a name
        stops.append(browser.switch_to.active_element.get_attribute("id"))
        if stops[-1] == "pasted":
            browser.switch_to.active_element.send_keys(TABLE.format(nick=town.school.students["Carter"]))
    assert stops[:5] == ["file", "pasted", "overwrite", "released", "reason"]
    with browser.next_page():
        browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert heading(browser) == "Check the import"


def test_what_is_too_long_is_told_before_it_is_sent(town, tmp_path, open_browser):
    long = tmp_path / "long.csv"
    long.write_bytes(b"x" * (4 << 20) + b"x")
    browser = open_browser()
    sign_in(browser, town, "ada")
    browser.get(town.url + "/import")
    browser.find_element(By.ID, "file").send_keys(str(long))
    assert "at most 4 MB" in browser.find_element(By.ID, "file-error").text


def test_an_account_and_a_token(town, open_browser):
    browser = open_browser(390, 844)
    sign_in(browser, town, "head")
    browser.get(town.url + "/accounts/new")
    fill(browser, Login="grace", Name="Grace Hopper", Password=PASSWORD)
    Select(browser.find_element(By.NAME, "Role")).select_by_value("teacher")
    press(browser)
    assert heading(browser) == "Grace Hopper"
    assert_fits(browser)
    browser.get(town.url + "/tokens")
    fill(browser, Name="A backup")
    press(browser, ".panel form button")
    assert browser.find_element(By.ID, "secret").get_attribute("value").startswith("gbt_")
    assert_fits(browser)
    browser.get(town.url + "/tokens")
    assert "gbt_" not in browser.page_source
    press(browser, "td form button")
    assert "has ended" in browser.find_element(By.CSS_SELECTOR, ".notice.good").text
