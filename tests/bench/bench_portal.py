# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench, the portal: the page of a session, a large class as a page, what the gateway costs, and a page beside very many connections."""

import contextlib
import statistics
import tempfile
import time

import bench_gateway
from against_bare import bare, compare
from bench_grading import Reader, row
from gradebook import BUILD, Cluster, wait_until
from people import PASSWORD, Person
from school import add_five_students, whole_town

STUDENTS, ASSESSMENTS = 480, 18
WIRE_KB, SERVER_MSEC, INTERACTIVE_MSEC = 300, 100, 1000
ROUNDS = 20
# As Chromium asks over plain HTTP.
ENCODINGS = "Accept-Encoding: gzip, deflate"

# Put into the page before its own scripts: looks at each frame whether all rows are there and the first cell takes the keyboard.
WATCH = """
addEventListener('DOMContentLoaded', function look() {
    const cell = document.querySelector('#grid tbody [tabindex="0"], #grid tbody input:not([type=hidden])');
    if (document.querySelectorAll('#grid tbody tr').length === %d && cell) {
        cell.focus();
        if (document.activeElement === cell) {
            window.interactiveAt = performance.now();
            return;
        }
    }
    requestAnimationFrame(look);
});
"""


def cookie_line(person):
    return "Cookie: " + "; ".join(f"{name}={value}" for (name, _), value in person.cookies.items())


@contextlib.contextmanager
def a_cluster():
    # On a real disk: a tmpfs would make every fdatasync free.
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        try:
            yield cluster
        finally:
            cluster.close()


def page_of_a_session(arguments):
    """Asked for by 64 connections: grading says at each request whether the session goes on."""
    with a_cluster() as cluster, bare() as reference:
        _, _, grading, portal = cluster.start("registry", "log", "grading", "portal")
        add_five_students(grading)
        assert grading.post("/accounts", {"Login": "head", "Role": "admin", "Password": PASSWORD}).status == 201
        wait_until(lambda: portal.get("/sign-in", token=False).status == 200, "the portal knows the grading service")
        person = Person(portal).sign_in("head")
        assert person.page.status == 303, person.page
        return compare("portal GET /students, signed in", 0.40, arguments, reference, portal.url + "/students", None, headers=[cookie_line(person)])


def as_answered(town, path):
    """Made anew each time, as after a change. KB and milliseconds."""
    reader, times = Reader(town.portal, f"{cookie_line(town.person('ada'))}\r\n{ENCODINGS}"), []
    for n in range(ROUNDS):
        changed = town.grading.request(path, "PATCH", {"Name": f"A large class, {n}"})
        assert changed.status == 200, changed
        times.append(1000 * reader.get(path))
    reader.close()
    return reader.size / 1000, times


def as_shown(town, path, directory):
    """Milliseconds from the beginning of the navigation until all rows are there and the first cell has the focus."""
    from browser import Browser, sign_in    # the other parts need no browser
    browser = Browser(f"{directory}/profile", 1280, 900)
    try:
        sign_in(browser, town, "ada")
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH % STUDENTS})
        times = []
        for _ in range(5):
            browser.get(town.url + path)
            times.append(wait_until(lambda: browser.execute_script("return window.interactiveAt"), "the page is interactive", 30))
        return times
    finally:
        browser.quit()


def large_class(_):
    with a_cluster() as cluster:
        town = whole_town(cluster)
        path = f"/classes/{town.school.big_class(STUDENTS, ASSESSMENTS)}"
        if town.person("ada").get(path).status != 200:
            return True     # this portal has no page of a class
        size, times = as_answered(town, path)
        name, median = f"a class of {STUDENTS} × {ASSESSMENTS} as a page", statistics.median(times)
        met = [row(f"{name}, sent", f"{size:.0f} KB", f"at most {WIRE_KB} KB", size <= WIRE_KB),
               row(f"{name}, made", f"{median:.1f} ms ({min(times):.1f}–{max(times):.1f})", f"at most {SERVER_MSEC} ms", median <= SERVER_MSEC)]
        with tempfile.TemporaryDirectory(prefix="bench.") as directory:
            times = as_shown(town, path, directory)
        median = statistics.median(times)
        met.append(row(f"{name}, in Chromium", f"{median:.0f} ms ({min(times):.0f}–{max(times):.0f})", f"at most {INTERACTIVE_MSEC} ms",
                       median <= INTERACTIVE_MSEC))
        return all(met)


def run(arguments):
    """Prints a row for each; true where all were met."""
    parts = {"portal GET /students, signed in": page_of_a_session, "a class as a page": large_class, "the gateway adds": bench_gateway.adds,
             "the gateway carries 1 GiB": bench_gateway.carries, "idle and slow clients": bench_gateway.beside_many}
    return all([part(arguments) for name, part in parts.items() if not arguments.row or arguments.row in name])
