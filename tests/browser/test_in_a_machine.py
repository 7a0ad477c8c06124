# SPDX-License-Identifier: LGPL-2.1-or-later
"""A grade added in Chromium, on a machine with a real systemd: shown at once, and there after systemd had to restart grading."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))

from gradebook import BUILD, SOURCE  # noqa: E402
from machine import Machine, wait_until  # noqa: E402

# Runs inside the machine, whose network is its own: adds a grade if one is named, prints the rows of the page.
ADD_AND_READ = (SOURCE / "tests/lib/chromium.py").read_text() + """
import sys, tempfile
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

driver = open_chromium(tempfile.mkdtemp())
try:
    driver.get("http://127.0.0.1:5005/students")
    with next_page(driver):
        driver.find_element(By.LINK_TEXT, "Nick Carter").click()
    if len(sys.argv) > 1:
        driver.find_element(By.NAME, "Title").send_keys(sys.argv[1])
        Select(driver.find_element(By.NAME, "Type")).select_by_visible_text("Quiz")
        driver.find_element(By.NAME, "Score").send_keys("92.5")
        with next_page(driver):
            driver.find_element(By.CSS_SELECTOR, "form button").click()
    for row in driver.find_elements(By.CSS_SELECTOR, "tbody tr"):
        print(row.text)
finally:
    driver.quit()
"""


@pytest.fixture(scope="module")
def machine():
    if os.geteuid() != 0:
        pytest.fail("this boots a machine, which only root may: sudo ./check browser")
    with Machine("browser", build=BUILD) as m:
        m.systemctl("start", "gradebook.target")
        # The tree itself may be where the machine has a file system of its own, as in /tmp.
        m.write("/run/sample.csv", (SOURCE / "tests/data/sample.csv").read_text())
        m.run("gradebookctl", "students", "import", "/run/sample.csv")
        yield m


def rows(machine, *arguments):
    return machine.run("/usr/bin/python3", "-", *arguments, input=ADD_AND_READ, timeout=120).stdout.splitlines()


def test_a_grade_is_shown_at_once_and_survives_sigkill(machine):
    assert rows(machine) == ["Quiz 1 Quiz 85", "Final Exam Exam 94", "Quiz 2 Quiz 82"]
    with_new = [*rows(machine), "Quiz 3 Quiz 92.5"]
    assert rows(machine, "Quiz 3") == with_new
    before = machine.property("gradebook-grading.service", "MainPID")
    machine.systemctl("kill", "--signal=KILL", "gradebook-grading")
    wait_until(lambda: machine.property("gradebook-grading.service", "MainPID") not in ("0", before), "systemd started grading again")
    assert rows(machine) == with_new
