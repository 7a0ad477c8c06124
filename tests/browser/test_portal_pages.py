# SPDX-License-Identifier: LGPL-2.1-or-later
"""The portal as people meet it. Screenshots are kept in the build directory's screenshots/."""

import signal
import urllib.parse

import pytest
from browser import cells, fill, heading, press
from fakes import FakeGrading
from gradebook import BUILD, wait_until
from page_checks import assert_fits, contrast
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select


@pytest.fixture
def portal(cluster):
    cluster.configure("portal", {"Portal": {"RetrySec": "1s"}})
    return cluster.start("portal")


@pytest.fixture
def grading(cluster, portal):
    fake = FakeGrading()
    provide(portal, fake)
    yield fake
    fake.gate.set()
    fake.close()


def provide(portal, fake):
    assert portal.post("/services", {"Added": [{"Name": "GradingService", "URL": fake.url}], "Removed": []}).status == 200


def send(browser, title, kind, score):
    Select(browser.find_element(By.NAME, "Type")).select_by_visible_text(kind)
    fill(browser, Title=title, Score=score)
    press(browser)


def test_list_and_student(portal, grading, open_browser):
    browser = open_browser()
    browser.get(portal.url + "/")
    assert browser.current_url == portal.url + "/students" and heading(browser) == "Students"
    assert cells(browser)[0] == ["Nick Carter", "3", "87.0%"]
    assert_fits(browser)
    browser.shoot("students")
    with browser.next_page():
        browser.find_element(By.LINK_TEXT, "Nick Carter").click()
    assert heading(browser) == "Nick Carter" and "Nick Carter" in browser.title
    assert cells(browser) == [["Quiz 1", "Quiz", "85"], ["Final Exam", "Exam", "94"], ["Quiz 2", "Quiz", "82"]]
    assert browser.find_element(By.CSS_SELECTOR, "dl dd").text == "87.0%"
    browser.shoot("student")
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_adding_a_grade(portal, grading, open_browser, script):
    browser = open_browser(script=script)
    browser.get(portal.url + "/students/1")
    send(browser, "Quiz <3>", "Homework", "92.5")
    assert browser.current_url == portal.url + "/students/1"
    assert cells(browser)[-1] == ["Quiz <3>", "Homework", "92.5"]
    assert "Quiz <3> was added" in browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert "new" in browser.find_element(By.ID, "grade-4").get_attribute("class")
    browser.shoot(f"grade-added{'' if script else '-no-script'}")
    browser.refresh()
    assert cells(browser)[-1][0] == "Quiz <3>" and browser.find_elements(By.CSS_SELECTOR, "[role=status]") == []
    assert len(grading.students[1]["Grades"]) == 4


def test_with_the_keyboard_alone(portal, grading, open_browser):
    browser = open_browser()
    browser.get(portal.url + "/students/1")
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to content"
    for _ in range(4):      # the site's name, the language, the trail, the first field
        browser.switch_to.active_element.send_keys(Keys.TAB)
    for text in ("Essay on whales", "Test", "70"):
        field = browser.switch_to.active_element
        field.send_keys(text)
        field.send_keys(Keys.TAB)
    browser.shoot("focus")
    with browser.next_page():
        browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert cells(browser)[-1] == ["Essay on whales", "Test", "70"]


def test_errors_are_at_the_fields(portal, grading, open_browser):
    browser = open_browser()
    browser.get(portal.url + "/students/2")
    send(browser, "", "Exam", "lots")
    assert browser.title.startswith("Error: ")
    score = browser.find_element(By.NAME, "Score")
    assert score.get_attribute("value") == "lots" and score.get_attribute("aria-invalid") == "true"
    described = [browser.find_element(By.ID, i).text for i in score.get_attribute("aria-describedby").split()]
    assert any("0 to 100" in text for text in described)
    assert browser.find_element(By.ID, "title-error").is_displayed()
    assert Select(browser.find_element(By.NAME, "Type")).first_selected_option.text == "Exam"
    assert len(grading.students[2]["Grades"]) == 3
    browser.shoot("error")
    send(browser, "Second try", "Exam", "77")
    assert cells(browser)[-1] == ["Second try", "Exam", "77"]


def test_service_down_and_back_by_itself(portal, open_browser):
    browser = open_browser()
    browser.get(portal.url + "/students")
    assert heading(browser) == "The grades are not available right now"
    browser.shoot("service-down")
    fake = FakeGrading()
    provide(portal, fake)
    wait_until(lambda: heading(browser) == "Students", "the page comes back by itself")

    browser.get(portal.url + "/students/1")
    fake.close()
    send(browser, "Kept", "Test", "66")
    assert heading(browser).startswith("The grade")
    assert browser.find_element(By.NAME, "Title").get_attribute("value") == "Kept"
    browser.shoot("service-down-form")
    fake = FakeGrading(fake.port)
    press(browser)
    assert heading(browser) == "Nick Carter"
    assert cells(browser)[-1] == ["Kept", "Test", "66"]
    fake.close()


def test_not_found_and_empty(portal, grading, open_browser):
    browser = open_browser()
    browser.get(portal.url + "/students/99")
    assert heading(browser) == "Page not found"
    browser.shoot("not-found")
    grading.students.clear()
    browser.get(portal.url + "/students")
    assert "no students yet" in browser.find_element(By.TAG_NAME, "main").text
    browser.shoot("no-students")
    grading.add(1, "Ada", "Lovelace")
    browser.get(portal.url + "/students/1")
    assert "No grades yet" in browser.find_element(By.TAG_NAME, "main").text
    browser.shoot("no-grades")


LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_looks(portal, grading, open_browser, width, dark):
    name = f"{'phone' if width < 600 else 'desktop'}-{'dark' if dark else 'light'}"
    browser = open_browser(width, 844 if width < 600 else 900, dark)
    grading.add(6, "张", "伟", [("期中考试", "Exam", 88.25), (LONG, "Homework", 100), ("Oral presentation on the history of the Danube", "Test", 7.5)])
    grading.add(7, "Wolfeschlegelsteinhausenbergerdorff", "von und zu Hohenlohe-Schillingsfürst", [])
    for path, page in (("/students", "students"), ("/students/1", "student"), ("/students/6", "long"), ("/students/7", "name"), ("/none", "none")):
        browser.get(portal.url + path)
        assert_fits(browser)
        ground = browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(int(c) for c in ground[4:-1].split(",")) < 200) == dark
        browser.shoot(f"{name}-{page}")
    browser.get(portal.url + "/students/1")
    send(browser, "", "Quiz", "")
    assert_fits(browser)
    browser.shoot(f"{name}-error")
    send(browser, "Quiz 3", "Quiz", "91.5")
    assert_fits(browser)
    browser.shoot(f"{name}-added")
    grading.close()
    browser.get(portal.url + "/students")
    assert_fits(browser)
    browser.shoot(f"{name}-down")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_can_be_told_apart(portal, grading, open_browser, dark):
    """WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what shows that something can be used."""
    browser = open_browser(dark=dark)
    browser.get(portal.url + "/students")
    names = ("ground", "surface", "text", "quiet", "edge", "accent", "accent-strong", "on-accent", "focus", "good", "bad", "bad-text", "bad-edge")
    c = browser.execute_script("const s = getComputedStyle(document.documentElement);"
                               "return Object.fromEntries(arguments[0].map(n => [n, s.getPropertyValue('--' + n).trim()]))", names)
    for ground in ("ground", "surface", "good", "bad"):
        for text in ("text", "quiet", "accent"):
            assert contrast(c[ground], c[text]) >= 4.5, (ground, text)
    for ground in ("ground", "surface"):
        assert contrast(c[ground], c["bad-text"]) >= 4.5
        for part in ("edge", "focus", "bad-edge"):
            assert contrast(c[ground], c[part]) >= 3, (ground, part)
    assert contrast(c["accent"], c["on-accent"]) >= 4.5 and contrast(c["accent-strong"], c["on-accent"]) >= 4.5


@pytest.mark.skipif(not all((BUILD / f"gradebook-{n}").exists() for n in ("registry", "grading")), reason="the daemons are not built")
def test_a_grade_survives_the_death_of_grading(cluster, open_browser):
    registry, grading = cluster.start("registry"), cluster.daemon("grading", keep_listener=True).start()
    portal = cluster.start("portal")
    student = grading.post("/students", {"FirstName": "Nick", "LastName": "Carter"}).json["ID"]
    browser = open_browser()
    wait_until(lambda: portal.get("/students", token=False).status == 200, "the portal knows grading")
    browser.get(f"{portal.url}/students/{urllib.parse.quote(str(student))}")
    send(browser, "Quiz 1", "Quiz", "85")
    assert cells(browser) == [["Quiz 1", "Quiz", "85"]]
    grading.signal(signal.SIGKILL)
    grading.process.wait()
    grading.start()
    wait_until(lambda: browser.refresh() or heading(browser) == "Nick Carter", "grading is back")
    assert cells(browser) == [["Quiz 1", "Quiz", "85"]]
    assert registry.process.poll() is None
