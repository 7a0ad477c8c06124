# SPDX-License-Identifier: LGPL-2.1-or-later
"""The man pages and the journal catalog say what the tables in the sources say, no more and no less."""
import re

import pytest

from tables import (DAEMONS, SOURCE, c_number, c_string, c_table, c_text, event_fields, events, man_entries, man_plain,
                    man_sections, man_text)

ROUTE = ("method", "path", "handler", "body_max", "flags")
METRIC = ("name", "type", "help", "read")
CONFIG = ("section", "key", "type", "offset", "fallback", "min", "max", "choices", "help")
COMMON_ROUTES = "src/runtime/service-routes.c"
CONFIGS = [*DAEMONS, "common"]
FOR_ANYBODY = {"post_session", "post_setup", "get_openapi"}
UNITS_OF_TIME = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
UNITS_OF_SIZE = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
# Fields that every line of a daemon has, see src/runtime/journal.c, or that journald adds.
FIELDS_ALWAYS = {"MESSAGE", "GRADEBOOK_SERVICE", "GRADEBOOK_INSTANCE", "_HOSTNAME", "_SYSTEMD_UNIT"}


def same(documented, coded, what):
    assert not set(coded) - set(documented), f"not documented: {sorted(set(coded) - set(documented))} ({what})"
    assert not set(documented) - set(coded), f"documented, but not there: {sorted(set(documented) - set(coded))} ({what})"


def routes(daemon):
    rows = c_table(COMMON_ROUTES, "Route", ROUTE) + c_table(daemon, "Route", ROUTE)
    # Later ones win: a daemon's own come before the common ones.
    return {f'{"ANY" if c_string(row["method"]) == "*" else c_string(row["method"])} {c_string(row["path"])}': row for row in rows}


@pytest.mark.parametrize("daemon", DAEMONS)
def test_urls(daemon):
    page, coded = f"gradebook-{daemon}.8", routes(daemon)
    documented = man_entries(man_sections(page)["URLS"])
    same(documented, coded, f"URLS of {page}")
    for route, row in coded.items():
        body_max = c_number(row.get("body_max", "0"), row["file"])
        limit = f"at most {body_max >> 20} MiB" if body_max >= 1 << 20 else f"at most {body_max >> 10} KiB"
        assert (limit in documented[route]) == (body_max > 0), f"{page}, {route}: the body is {limit}"
        # Of grading's own the handlers ask who it is: a session will do instead of the token. But for the ways to get one, and for what the paths are.
        asks = str(row["file"]) == "src/grading/routes.c" and row["handler"] not in FOR_ANYBODY
        is_public = "ROUTE_PUBLIC" in row.get("flags", "") and not asks
        assert ("needs no token" in documented[route].lower()) == is_public, f"{page}, {route}: public or not"


@pytest.mark.parametrize("daemon", DAEMONS)
def test_metrics(daemon):
    page = f"gradebook-{daemon}.8"
    rows = c_table(COMMON_ROUTES, "MetricItem", METRIC) + c_table(daemon, "MetricItem", METRIC)
    coded = [f'{c_string(row["name"])} ({row["type"].removeprefix("METRIC_").lower()})' for row in rows]
    same(man_entries(man_sections(page)["METRICS"]), coded, f"METRICS of {page}")


def config_rows(name):
    rows = c_table("src/runtime/common-config.c" if name == "common" else name, "ConfigItem", CONFIG)
    return {(c_string(row["section"]), c_string(row["key"])): row for row in rows}


def config_page(name):
    return "gradebook.conf.5" if name == "common" else f"gradebook-{name}.conf.5"


def config_entries(page):
    """(section, key) to text. The keys of a section stand below a heading that names it in brackets."""
    found = {}
    parts = re.split(r'^\.S[HS] "?([^"\n]+)"?$', man_text(page), flags=re.M)
    for heading, text in zip(parts[1::2], parts[2::2]):
        named = re.match(r"\[(\w+)\]", heading)
        if named:
            found.update({(named[1], tag.rstrip("=")): body for tag, body in man_entries(text).items()})
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_keys(name):
    same(config_entries(config_page(name)), config_rows(name), config_page(name))


@pytest.mark.parametrize("name", CONFIGS)
def test_defaults(name):
    documented = config_entries(config_page(name))
    for key, row in config_rows(name).items():
        default = c_string(row["fallback"]) or "empty"
        value = re.escape(default)
        said = rf"(efaults to|default is) {value}(?![\w/])|(?<![\w/]){value} ?(, the default|\(the default\))"
        assert re.search(said, documented.get(key, ""), flags=re.I), f"{config_page(name)}, {key}: Defaults to {default}."


def amount(text, units):
    number, unit = re.fullmatch(r"(\d+)([a-zA-Z]*)", text).groups()
    return int(number) * units[unit]


@pytest.mark.parametrize("name", CONFIGS)
def test_ranges(name):
    documented = config_entries(config_page(name))
    for key, row in config_rows(name).items():
        where, text = f"{config_page(name)}, {key}", documented.get(key, "")
        units = {"CONFIG_SPAN": UNITS_OF_TIME, "CONFIG_SIZE": UNITS_OF_SIZE, "CONFIG_UINT": {"": 1}}.get(row["type"])
        if not units:
            continue
        found = re.search(r"(?:from (\d+[a-zA-Z]*) |up )to (\d+[a-zA-Z]*)", text)
        assert found, f'{where}: says no range, "from … to …"'
        for given, bound in zip(found.groups("0"), ("min", "max")):
            assert amount(given, units | {"": 1}) == c_number(row.get(bound, "0"), row["file"]), f"{where}: {bound}"


@pytest.mark.parametrize("name", CONFIGS)
def test_choices(name):
    documented = config_entries(config_page(name))
    for key, row in config_rows(name).items():
        if row["type"] == "CONFIG_BOOL":
            assert re.search("boolean|whether", documented.get(key, ""), flags=re.I), f"{config_page(name)}, {key}: yes or no"
        if row["type"] != "CONFIG_CHOICE":
            continue
        table = re.search(rf'\b{row["choices"]}\[\] = \{{(.*?)\}}', c_text(row["file"]), flags=re.S)
        choices = re.findall(r'"(\w+)"', table[1])
        assert choices, f'{row["file"]}: the choices of {key}'
        for choice in choices:
            assert re.search(rf"\b{choice}\b", documented.get(key, "")), f"{config_page(name)}, {key}: {choice}"


# The catalog

def catalog():
    """Message ID to entry, a dictionary of its headers with the explanation as "text"."""
    text = (SOURCE / "systemd/gradebook.catalog").read_text(encoding="utf-8")
    parts = re.split(r"^-- ([0-9a-f]{32})$", text, flags=re.M)
    found = {}
    for message_id, entry in zip(parts[1::2], parts[2::2]):
        assert message_id not in found, f"{message_id} is there twice"
        head, _, body = entry.strip().partition("\n\n")
        found[message_id] = dict(line.split(": ", 1) for line in head.splitlines()) | {"text": body}
    return found


def test_every_event_is_explained():
    names = {message_id: name for name, message_id in events().items()}
    same([names.get(i, i) for i in catalog()], names.values(), "systemd/gradebook.catalog")


def test_explanations_are_whole():
    pages = {path.name for path in (SOURCE / "man").glob("*.[1-8]")}
    for message_id, entry in catalog().items():
        assert entry.get("Defined-By") == "gradebook" and entry.get("Subject"), message_id
        assert len(entry["text"]) > 100, f'{entry["Subject"]}: is that all?'
        for name, number in re.findall(r"man:(gradebook[\w.-]*)\((\d)\)", entry["Documentation"]):
            assert f"{name}.{number}" in pages, f'{entry["Subject"]}: man/{name}.{number} is missing'


def test_explanations_name_fields_that_are_sent():
    names = {message_id: name for name, message_id in events().items()}
    sent = event_fields()
    for message_id, entry in catalog().items():
        name = names[message_id]
        for field in set(re.findall(r"@([A-Z_]+)@", entry["Subject"] + entry["text"])) - FIELDS_ALWAYS:
            assert sent[name], f"{name} is never logged, so that @{field}@ is never there"
            for where, fields in sent[name]:
                assert field in fields, f"{name}: @{field}@ is not sent by {where}"


def test_every_event_is_logged():
    silent = [name for name, places in event_fields().items() if not places]
    assert not silent, f"in src/runtime/events.h, but never logged: {silent}"


def test_events_in_overview():
    documented = man_entries(man_sections("gradebook.7")["EVENTS"])
    same(documented, events(), "EVENTS of gradebook.7")
    for name, message_id in events().items():
        assert message_id in documented[name], f"gradebook.7, {name}: {message_id}"


# gradebookctl

def commands():
    rows = c_table("src/ctl/main.c", "Command", ("name", "arguments", "n_arguments", "summary", "options", "run", "n_more"))
    return [c_string(row["name"]) for row in rows if row["name"] != "NULL"]


def test_commands_are_documented():
    text = man_plain(man_text("gradebookctl.1"))
    tags = [tag for section in man_sections("gradebookctl.1").values() for tag in man_entries(section)]
    for command in commands():
        assert command in text, f"gradebookctl.1: {command}"
        assert any(tag.startswith(command) for tag in tags), f"gradebookctl.1: no paragraph for {command}"


def test_commands_are_completed():
    scripts = [path for path in SOURCE.glob("src/ctl/*") if path.is_file() and path.suffix not in (".c", ".h", ".mk")]
    scripts = [path for path in scripts if re.search(r"\bcomplete -F \w+ gradebookctl\b", path.read_text(encoding="utf-8"))]
    assert scripts, "no bash completion for gradebookctl in src/ctl"
    text = scripts[0].read_text(encoding="utf-8")
    for command in commands():
        for word in command.split():
            assert re.search(rf"(?<![\w-]){word}(?![\w-])", text), f"{scripts[0].name}: {command}"


# Pages among each other

def test_pages_refer_to_pages_that_are_there():
    pages = {path.name for path in (SOURCE / "man").glob("*.[1-8]")}
    assert pages, "no man pages"
    for page in sorted(pages):
        for name, number in re.findall(r"\b(gradebook[\w.-]*?|(?:registry|log|grading|portal)\.conf) ?\((\d)\)", man_plain(man_text(page))):
            assert f"{name}.{number}" in pages, f"{page} refers to {name}({number})"


def test_every_page_is_installed():
    listed = set(re.findall(r"man/([\w.-]+\.[1-8])\b", (SOURCE / "man/local.mk").read_text(encoding="utf-8")))
    same(listed, [path.name for path in (SOURCE / "man").glob("*.[1-8]")], "man/local.mk")


def test_pages_name_the_version():
    version = re.search(r"AC_INIT\(\[gradebook\], \[([\d.]+)\]", (SOURCE / "configure.ac").read_text(encoding="utf-8"))[1]
    for path in sorted((SOURCE / "man").glob("*.[1-8]")):
        head = re.search(r'^\.TH \S+ \d \S+ "gradebook ([\d.]+)"', path.read_text(encoding="utf-8"), flags=re.M)
        assert head and head[1] == version, f"{path.name}: .TH names another version than configure.ac, {version}"
