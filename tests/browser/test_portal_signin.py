# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signing in, as people do it: from a gradebook without an administrator to one that each sees in their own way. Keeps pictures."""

import re

import pytest
from gradebook import wait_until
from people import CODE, PASSWORD, School
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from test_portal_pages import assert_fits, cells, contrast, heading


class Town:
    def __init__(self, cluster):
        cluster.configure("portal", {"Portal": {"RetrySec": "1s", "SiteName": "Hilltop School"}})
        cluster.start("registry")
        self.grading = cluster.daemon("grading", keep_listener=True).start()
        self.school = School(self.grading)
        self.portal = cluster.start("portal")
        wait_until(lambda: self.portal.get("/sign-in", token=False).status == 200, "the portal knows grading")
        self.url = f"http://localhost:{self.portal.port}"


@pytest.fixture
def town(cluster):
    return Town(cluster)


def fill(browser, **fields):
    for name, value in fields.items():
        field = browser.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)


def press(browser, selector="main form button"):
    with browser.next_page():
        browser.find_element(By.CSS_SELECTOR, selector).click()


def sign_in(browser, town, login, password=PASSWORD):
    browser.get(town.url + "/sign-in")
    fill(browser, Login=login, Password=password)
    press(browser)


CHECKS = """
const bad = [];
const doc = document;
if (!doc.documentElement.lang) bad.push('no language');
if (!doc.title.trim()) bad.push('no title');
if (doc.querySelectorAll('h1').length !== 1) bad.push('not one h1');
if (doc.querySelectorAll('main').length !== 1 || doc.querySelectorAll('header.site').length !== 1) bad.push('landmarks');
let level = 0;
for (const h of doc.querySelectorAll('h1,h2,h3,h4')) {
    const l = +h.tagName[1];
    if (l > level + 1) bad.push('heading jumps: ' + h.textContent);
    level = l;
}
const ids = [...doc.querySelectorAll('[id]')].map(e => e.id);
if (new Set(ids).size !== ids.length) bad.push('an id is there twice');
for (const e of doc.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!e.labels.length || !e.labels[0].textContent.trim()) bad.push('no label: ' + e.name);
for (const e of doc.querySelectorAll('button, a[href]'))
    if (!(e.textContent.trim() || e.getAttribute('aria-label'))) bad.push('no name: ' + e.outerHTML);
for (const e of doc.querySelectorAll('nav'))
    if (!e.getAttribute('aria-label')) bad.push('a nav without a name');
for (const e of doc.querySelectorAll('[aria-describedby]'))
    for (const id of e.getAttribute('aria-describedby').split(' '))
        if (!doc.getElementById(id)) bad.push('described by nothing: ' + id);
for (const e of doc.querySelectorAll('[aria-invalid]'))
    if (!e.getAttribute('aria-describedby')) bad.push('wrong and not said why: ' + e.name);
for (const e of doc.querySelectorAll('img')) if (!e.hasAttribute('alt')) bad.push('no alt');
if (doc.querySelector('script:not([src]), style, [style], [onclick]')) bad.push('inline code');
return bad;
"""

COLOURS = """
function ground(e) {
    for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)$|transparent/.test(c)) return c;
    }
    return 'rgb(255, 255, 255)';
}
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, box = e.getBoundingClientRect();
    if (walker.currentNode.textContent.trim() && box.width > 1 && box.height > 1)
        found.push([getComputedStyle(e).color, ground(e), walker.currentNode.textContent.trim().slice(0, 30)]);
}
return found;
"""


def hexadecimal(colour):
    return "#" + "".join(f"{int(float(n)):02x}" for n in re.findall(r"[\d.]+", colour)[:3])


def check(browser):
    """What a checker of accessibility looks at first, and that all can be read."""
    assert browser.execute_script(CHECKS) == [], browser.current_url
    texts = browser.execute_script(COLOURS)
    assert texts
    for text, ground, words in texts:
        assert contrast(hexadecimal(text), hexadecimal(ground)) >= 4.5, (words, text, ground)
    assert_fits(browser)
    policy = [e["message"] for e in browser.get_log("browser") if "Content Security Policy" in e["message"]]
    assert policy == []


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
    assert heading(browser) == "Emma Stone" and browser.find_elements(By.NAME, "Title") == []
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
