# SPDX-License-Identifier: LGPL-2.1-or-later
"""The house as ARCHITECTURE.md draws it: arrows point one way, files stay small, each says its licence."""
import re

from conftest import SOURCE, source_files, text_of

DAEMONS = ("registry", "log", "grading", "portal")
BELOW_RUNTIME = {"base", "wire"}
MAY_INCLUDE = {
    "base": {"base"},
    "wire": {"base", "wire"},
    "runtime": {"base", "wire", "runtime"},
    **{name: {"base", "wire", "runtime", name} for name in (*DAEMONS, "ctl")},
}
# Libraries that one part of runtime/ hides from everybody else.
HIDDEN = {"microhttpd.h": r"src/runtime/http-server[^/]*\.[ch]", "curl/curl.h": r"src/runtime/http-client[^/]*\.[ch]",
          "gnutls/gnutls.h": r"src/runtime/(tls-|http-server-tls)[^/]*\.[ch]",
          "libpq-fe.h": r"src/runtime/postgres[^/]*\.[ch]"}
LINES_MAX = 500
MAIN_LINES_MAX = 60
LICENCE = "SPDX-License-Identifier: LGPL-2.1-or-later"
# What can hold a comment, and is written by hand.
COMMENTABLE = {".ac", ".am", ".c", ".catalog", ".conf", ".css", ".h", ".in", ".js", ".mk", ".mustache", ".py", ".service",
               ".sh", ".socket", ".target", ".1", ".5", ".7", ".8"}

C_FILES = [path for path in source_files() if path.parts[0] == "src" and path.suffix in (".c", ".h")]


def none_of(wrong):
    wrong = list(wrong)
    assert not wrong, "\n" + "\n".join(wrong)


def includes(path):
    for number, line in enumerate(text_of(path).splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if found:
            yield f"{path}:{number}", *found.groups()


def test_arrows_point_one_way():
    wrong = []
    for path in C_FILES:
        allowed = MAY_INCLUDE.get(path.parts[1], {path.parts[1]} | BELOW_RUNTIME | {"runtime"})
        for where, bracket, header in includes(path):
            if bracket == '"' and header.split("/")[0] not in allowed:
                wrong.append(f'{where} includes "{header}"')
    none_of(wrong)


def test_every_header_is_named_by_its_path():
    wrong = [f'{where} includes "{header}"' for path in C_FILES for where, bracket, header in includes(path)
             if bracket == '"' and "/" not in header]
    none_of(wrong)


def test_every_source_is_in_a_release():
    rules = [text_of(path) for path in source_files() if path.suffix == ".mk" or path.name == "Makefile.am"]
    named = set(re.findall(r"[\w./-]+\.[ch]\b", "\n".join(rules)))
    none_of(f"{path} stands in no local.mk: make dist would leave it out" for path in C_FILES if str(path) not in named)


def test_libraries_stay_hidden():
    wrong = [f"{where} includes <{header}>" for path in C_FILES for where, _, header in includes(path)
             if header in HIDDEN and not re.fullmatch(HIDDEN[header], str(path))]
    none_of(wrong)


def test_files_stay_small():
    long = {str(path): len(text_of(path).splitlines()) for path in C_FILES}
    none_of(f"{path} has {lines} lines" for path, lines in long.items() if lines > LINES_MAX)


def test_a_main_is_a_table_and_a_call():
    long = {str(path): len(text_of(path).splitlines()) for path in C_FILES if path.name == "main.c"}
    none_of(f"{path} has {lines} lines" for path, lines in long.items() if lines > MAIN_LINES_MAX)


def test_every_file_says_its_licence():
    def is_source(path):
        return path.suffix in COMMENTABLE or text_of(path).startswith("#!")
    silent = [str(path) for path in source_files() if is_source(path)
              and LICENCE not in "\n".join(text_of(path).splitlines()[:6])]
    none_of(silent)


def test_no_paths_of_one_machine():
    pattern = re.compile(r"(?<![\w.$}])/(?:work|home/\w+|farm)/")
    wrong = [f"{path}: {found.group()}" for path in source_files() if path.parts[:2] != ("tests", "lint")
             for found in pattern.finditer(text_of(path))]
    none_of(wrong)


def test_nothing_is_left_unfinished():
    mark = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    wrong = [f"{path}:{number}" for path in source_files() if path.parts[:2] != ("tests", "lint")
             for number, line in enumerate(text_of(path).splitlines(), 1) if mark.search(line)]
    none_of(wrong)


def test_templates_escape_all_they_show():
    templates = [path for path in source_files() if path.suffix == ".mustache"]
    assert templates
    raw = re.compile(r"\{\{(?:\{|\s*&|=)")
    none_of(f"{path}:{number}: {line.strip()}" for path in templates
            for number, line in enumerate(text_of(path).splitlines(), 1) if raw.search(line))


def test_a_service_is_a_folder_units_a_configuration_and_a_page():
    wanted = [file.format(name) for name in DAEMONS for file in (
        "src/{}/main.c", "systemd/gradebook-{}.service.in", "systemd/gradebook-{}.socket",
        "systemd/gradebook-{}@.service.in", "systemd/gradebook-{}@.socket", "etc/{}.conf", "man/gradebook-{}.8")]
    none_of(f"{file} is missing" for file in wanted if not (SOURCE / file).exists())


def test_packages_are_installed_that_configure_wants():
    wanted = set(re.findall(r"GB_NEED\(\[\w+\], \[[^]]*\], \[([\w.+-]+)\]", text_of("configure.ac")))
    assert wanted, "configure.ac names its packages in another way now"
    listed = set(re.findall(r"[\w.+-]+", text_of("tests/lib/packages.sh")))
    none_of(f"{package} is not in packages.sh" for package in sorted(wanted - listed))
