# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signing in, as people do it: from a gradebook without an administrator to one that each sees in their own way. Keeps pictures."""

import re

import pytest
from browser import cells, fill, heading, press, sign_in
from page_checks import check
from people import CODE, PASSWORD
from school import Town
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select


@pytest.fixture
def town(cluster):
    return Town(cluster)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_from_the_first_administrator_on(town, open_browser, script):
    browser = open_browser(script=script)
    browser.get(town.url + "/")
    assert heading(browser) == "Students"
    check(browser)
    browser.shoot("signin-open")
    with browser.next_page():
        browser.find_element(By.CSS_SELECTOR, ".banner a").click()
    assert heading(browser) == "The first administrator" and "journalctl -u gradebook-grading" in browser.find_element(By.TAG_NAME, "pre").text
    check(browser)
    browser.shoot("signin-setup")
    fill(browser, Code="not the code", Login="head", Name="Ada Byron", Password=PASSWORD, Again=PASSWORD)
    press(browser)
    code = browser.find_element(By.NAME, "Code")
    assert code.get_attribute("aria-invalid") == "true" and "not the code in the journal" in browser.find_element(By.ID, "code-error").text
    assert browser.find_element(By.NAME, "Login").get_attribute("value") == "head" and browser.find_element(By.NAME, "Password").get_attribute("value") == ""
    check(browser)
    browser.shoot("signin-setup-wrong")
    fill(browser, Code=re.search(CODE, town.grading.stderr)[1], Password=PASSWORD, Again=PASSWORD)
    press(browser)
    assert heading(browser) == "Students" and "Ada Byron" in browser.find_element(By.CSS_SELECTOR, ".me").text
    assert browser.find_elements(By.CSS_SELECTOR, ".banner") == []
    cookie = browser.get_cookie("__Host-gradebook")
    assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
    check(browser)
    browser.shoot("signin-students")

    with browser.next_page():
        browser.find_element(By.LINK_TEXT, "Nick Carter").click()
    fill(browser, Title="Essay <1>", Score="92.5")
    Select(browser.find_element(By.NAME, "Type")).select_by_visible_text("Homework")
    press(browser)
    assert cells(browser)[-1] == ["Essay <1>", "Homework", "92.5"] and "Essay <1> was added" in browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    check(browser)
    browser.shoot("signin-student")

    with browser.next_page():
        browser.find_element(By.LINK_TEXT, "中文").click()
    assert browser.current_url == town.url + town.school.path("Carter") and heading(browser) == "Carter Nick"
    assert cells(browser)[-1] == ["Essay <1>", "作业", "92.5"]
    check(browser)
    browser.shoot("signin-chinese")
    with browser.next_page():
        browser.find_element(By.LINK_TEXT, "English").click()

    page = browser.current_url
    press(browser, ".me form button")
    assert heading(browser) == "Sign in" and "You are signed out" in browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert browser.get_cookie("__Host-gradebook") is None
    check(browser)
    browser.shoot("signin-signed-out")
    # Neither the history nor the address brings anything back.
    for _ in range(3):
        browser.back()
        assert "Essay" not in browser.page_source and "Ada Byron" not in browser.page_source
    browser.get(page)
    assert heading(browser) == "Sign in" and "next=/students/" in browser.current_url
    fill(browser, Login="head", Password="a wrong one")
    press(browser)
    assert "Login or password is wrong" in browser.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert browser.find_element(By.NAME, "Login").get_attribute("value") == "head"
    assert browser.find_element(By.NAME, "Password").get_attribute("value") == ""
    check(browser)
    browser.shoot("signin-wrong")
    fill(browser, Password=PASSWORD)
    press(browser)
    assert browser.current_url == page and cells(browser)[-1][0] == "Essay <1>"


def test_with_the_keyboard_alone(town, open_browser):
    town.school.open()
    browser = open_browser()
    browser.get(town.url + "/students")
    browser.switch_to.active_element.send_keys("ada")
    browser.switch_to.active_element.send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(PASSWORD)
    with browser.next_page():
        browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert heading(browser) == "Students"
    frame = ["Skip to content", "Hilltop School", *(link.text for link in browser.find_elements(By.CSS_SELECTOR, ".sections a")),
             "Ada <Byron> teacher", "Sign out", "中文"]
    seen = []
    while "Nick Carter" not in seen and len(seen) < 40:
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB) if not seen else browser.switch_to.active_element.send_keys(Keys.TAB)
        e = browser.switch_to.active_element
        seen.append(e.text.replace("\n", " "))
        assert browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", e) != "none", e.text
    assert seen[:len(frame)] == frame and seen[-1] == "Nick Carter"
    browser.shoot("signin-focus")


def test_what_was_typed_when_the_session_ended(town, open_browser):
    town.school.open()
    browser = open_browser(390, 844)
    sign_in(browser, town, "ada")
    browser.get(town.url + town.school.path("Carter"))
    fill(browser, Title="Kept & safe", Score="66")
    assert town.grading.request(f"/sessions?account={town.school.account_id('ada')}", "DELETE").status == 204
    press(browser)
    assert heading(browser) == "Sign in"
    fill(browser, Login="ada", Password=PASSWORD)
    press(browser)
    assert heading(browser) == "Nick Carter" and "What you typed is still here" in browser.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert browser.find_element(By.NAME, "Title").get_attribute("value") == "Kept & safe"
    check(browser)
    browser.shoot("signin-kept")
    press(browser)
    assert cells(browser)[-1] == ["Kept & safe", "Quiz", "66"]


def test_another_password(town, open_browser):
    town.school.open()
    browser = open_browser()
    sign_in(browser, town, "emma")
    assert heading(browser) == "My grades" and browser.find_elements(By.NAME, "Title") == []
    check(browser)
    browser.shoot("signin-own")
    with browser.next_page():
        browser.find_element(By.CSS_SELECTOR, ".me .who").click()
    check(browser)
    fill(browser, OldPassword="wrong horse", Password="the quick brown fox 9", Again="the quick brown fox 9")
    press(browser)
    assert browser.find_element(By.NAME, "OldPassword").get_attribute("aria-invalid") == "true"
    check(browser)
    browser.shoot("signin-password")
    fill(browser, OldPassword=PASSWORD, Password="the quick brown fox 9", Again="the quick brown fox 9")
    press(browser)
    assert "another one now" in browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    press(browser, "form[action='/sign-out-everywhere'] button")
    assert heading(browser) == "Sign in"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_looks(town, open_browser, width, dark):
    name = f"signin-{'phone' if width < 600 else 'desktop'}-{'dark' if dark else 'light'}"
    browser = open_browser(width, 844 if width < 600 else 900, dark)
    for path in ("/students", "/setup", "/sign-in"):
        browser.get(town.url + path)
        check(browser)
        browser.shoot(f"{name}-open{path.replace('/', '-')}")
    town.school.open()
    town.school.account("long", "teacher", Name="Wolfeschlegelsteinhausenbergerdorff von und zu Hohenlohe-Schillingsfürst")
    for login in ("head", "long"):
        sign_in(browser, town, login)
        for path in ("/students", "/password") + ((town.school.path("Carter"),) if login == "head" else ()):
            browser.get(town.url + path)
            check(browser)
            browser.shoot(f"{name}-{login}{path.replace('/', '-')}")
        browser.get(town.url + "/language/zh")
        browser.get(town.url + "/students")
        check(browser)
        browser.shoot(f"{name}-{login}-chinese")
        browser.get(town.url + "/language/en")
    browser.get(town.url + "/sign-in")
    press(browser)
    check(browser)
    browser.shoot(f"{name}-missing")
