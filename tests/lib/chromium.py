# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headless Chromium for tests. Needs nothing of ours, so that its text can be sent into a machine and run there."""

import contextlib
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars")
LOAD_SECONDS = 20


def open_chromium(profile, script=True):
    """profile: an empty directory, or one that is not there yet."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if not script:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(LOAD_SECONDS)
    return driver


@contextlib.contextmanager
def next_page(driver):
    """What is done within leads to another page. A click may return while the old one is still there; this ends when the new one
    is, whole. The old page is known by a mark on its window, which no other page has."""
    driver.execute_script("window.isLeft = true")
    yield
    deadline = time.monotonic() + LOAD_SECONDS
    while True:
        try:
            state = driver.execute_script("return window.isLeft ? 'the old page' : document.readyState")
        except WebDriverException as e:  # what the driver says in the middle of the change
            state = e.msg
        if state == "complete":
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"after {LOAD_SECONDS} s no next page: {state}")
        time.sleep(0.01)
