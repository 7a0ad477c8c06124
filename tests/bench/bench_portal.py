# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench, the portal: pages of somebody who is signed in, a large class as a page, and what passes through its gateway."""

import tempfile

from against_bare import bare, compare
from gradebook import BUILD, Cluster, wait_until
from people import PASSWORD, Person
from school import add_five_students


def signed_in(portal, login):
    person = Person(portal).sign_in(login)
    if person.page.status != 303:
        raise SystemExit(f"signing in: {person.page}")
    return person


def cookie_header(person):
    return "Cookie: " + "; ".join(f"{name}={value}" for (name, _), value in person.cookies.items())


def page_of_a_session(arguments, directory):
    """The page of one session, asked for by 64 connections: grading says at each request whether the session goes on."""
    cluster = Cluster(directory)
    cluster.configure("gradebook", {"Log": {"Level": "info"}})
    try:
        _, _, grading, portal = cluster.start("registry", "log", "grading", "portal")
        add_five_students(grading)
        assert grading.post("/accounts", {"Login": "head", "Role": "admin", "Password": PASSWORD}).status == 201
        wait_until(lambda: portal.get("/sign-in", token=False).status == 200, "the portal knows the grading service")
        person = signed_in(portal, "head")
        with bare() as reference:
            return compare("portal GET /students, signed in", 0.40, arguments, reference, portal.url + "/students", None,
                           headers=[cookie_header(person)])
    finally:
        cluster.close()


def run(arguments):
    """Prints a row for each; true where all were met."""
    # On a real disk: a tmpfs would make every fdatasync free.
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        return page_of_a_session(arguments, directory)
