# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables in the C sources, and the entries in man pages and catalog that speak of them.

Nothing here knows C or roff: it reads the one form in which the tables and the pages are written, and fails where it
finds nothing."""
import os
import pathlib
import re

SOURCE = pathlib.Path(os.environ.get("GRADEBOOK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
DAEMONS = ("registry", "log", "grading", "portal")

# What configure puts in, with Debian's directories.
CONFIGURED = {"GRADEBOOK_PORTAL_DATADIR": "/usr/share/gradebook/portal"}
STRING = r'"(?:[^"\\]|\\.)*"'


def c_text(path):
    return re.sub(rf"({STRING})|/\*.*?\*/", lambda m: m[1] or " ", (SOURCE / path).read_text(encoding="utf-8"), flags=re.S)


def c_files(*folders):
    found = [path.relative_to(SOURCE) for folder in folders for path in sorted((SOURCE / "src" / folder).glob("*.c"))]
    assert found, f"no C files in src/{folders}"
    return found


def split_top(text):
    """The parts between commas that no bracket or string holds."""
    parts, depth = [""], 0
    for token in re.findall(rf"{STRING}|.", text, flags=re.S):
        depth += (token in "({[") - (token in ")}]")
        if token == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts if part.strip()]


def c_table(folder, kind, fields):
    """The rows of all tables of a type in a folder (or one file), as dictionaries of C expressions."""
    paths = c_files(folder) if not folder.endswith(".c") else [pathlib.Path(folder)]
    rows = []
    for path in paths:
        for table in re.findall(rf"const {kind} \w+\[\] = \{{(.*?)\n\}};", c_text(path), flags=re.S):
            for row in split_top(table):
                if row.startswith("{"):
                    rows.append(c_row(row[1:-1], fields) | {"file": path})
    assert rows, f"no table of {kind} found in {folder}: has its form changed?"
    return rows


def c_row(text, fields):
    row, position = {}, 0
    for value in split_top(text):
        named = re.match(r"\.(\w+)\s*=\s*(.*)", value, flags=re.S)
        if named:
            row[named[1]] = named[2]
            position = fields.index(named[1]) + 1
        else:
            row[fields[position]] = value
            position += 1
    return row


def c_string(expression):
    if expression in CONFIGURED:
        return CONFIGURED[expression]
    parts = re.findall(STRING, expression)
    assert parts, f"{expression} is no text"
    return "".join(part[1:-1] for part in parts).replace('\\"', '"')


def c_defines(path):
    """Every #define with a value; those of the file itself win."""
    found = {}
    files = sorted((SOURCE / "src").glob("*/*.[ch]"))
    for file in sorted(files, key=lambda f: f == SOURCE / path):
        found.update(re.findall(r"^\s*#\s*define (\w+) +(\S.*)$", file.read_text(encoding="utf-8"), flags=re.M))
    return found


def c_number(expression, path):
    defines = c_defines(path)
    expression = re.sub(r"/\*.*", "", expression)
    while True:
        expression = re.sub(r"UINT64_C\((\w+)\)", r"\1", expression)
        expression = re.sub(r"\b(\d+)[uUlL]+\b", r"\1", expression)
        names = re.findall(r"\b[A-Z_a-z]\w*\b", expression)
        if not names:
            break
        for name in names:
            assert name in defines, f"{path}: {name} is not defined anywhere"
            expression = re.sub(rf"\b{name}\b", f"({re.sub(r'/[*].*', '', defines[name]).strip()})", expression)
    assert re.fullmatch(r"[\d\s()+*<\-]+", expression), f"{path}: {expression} is no number"
    return eval(expression)  # pylint: disable=eval-used


def events():
    found = dict(re.findall(r'X\((\w+), "([0-9a-f]{32})"\)', c_text("src/runtime/events.h")))
    assert found, "no events in src/runtime/events.h"
    return found


def functions(path):
    """Name and text of each function of a file."""
    return re.findall(r"^[a-zA-Z_][^\n;=]*?\b(\w+)\([^;{]*\) \{\n(.*?)^\}", c_text(path), flags=re.S | re.M)


def event_fields():
    """For each event, every place that logs it, and the fields that it sends there."""
    found = {name: [] for name in events()}
    for folder in ("base", "runtime", *DAEMONS):
        everything = "\n".join(c_text(path) for path in c_files(folder))
        for path in c_files(folder):
            for function, body in functions(path):
                fields = set(re.findall(r'\{ "([A-Z][A-Z0-9_]*)",', body))
                # Logged as a line, or, by the log itself, written as a record.
                for event in re.findall(r"\b(?:log_event(?:_local)?\(\s*[^,]+,\s*|message_id = \(char \*\) event_id\()(\w+)[,)]", body):
                    # Where the event is a parameter, the callers say which.
                    calls = [event] if event.startswith("EVENT_") else re.findall(
                        rf"\b{function}\([^;]*?\b(EVENT_[A-Z_]+)\b", everything)
                    for name in set(calls):
                        found[name.removeprefix("EVENT_")].append((f"{path}: {function}()", fields))
    return found


# Man pages

def man_text(name):
    path = SOURCE / "man" / name
    assert path.exists(), f"man/{name} is missing"
    return path.read_text(encoding="utf-8")


def man_plain(text):
    """What a reader reads, without the macros: words and spaces."""
    lines = []
    for line in text.splitlines():
        if re.match(r"\.(\\\"|TP|PP|RS|RE|EX|EE|SH|SS|nf|fi)", line):
            continue
        macro = re.match(r"\.([BIR]{1,2}) (.*)", line)
        if macro:
            words = [word.strip('"') if word.startswith('"') else word for word in re.findall(r'"[^"]*"|\S+', macro[2])]
            line = (" " if len(macro[1]) == 1 else "").join(words)
        lines.append(line)
    text = re.sub(r"\\f[BIRP]|\\&", "", " ".join(lines)).replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\")
    return re.sub(r"\s+", " ", text)


def man_sections(name):
    parts = re.split(r'^\.SH "?([^"\n]+)"?$', man_text(name), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def man_entries(text):
    """The tagged paragraphs of a section, without those inside of others: tag to text."""
    found, depth, tag = {}, 0, None
    lines = iter(text.splitlines())
    for line in lines:
        depth += (line.startswith(".RS")) - (line.startswith(".RE"))
        if depth == 0 and line in (".TP", ".TQ"):
            tag = man_plain(next(lines)).strip()
            assert tag not in found, f"{tag} is there twice"
            found[tag] = ""
        elif depth == 0 and line.startswith((".SS", ".PP")):
            tag = None
        elif tag:
            found[tag] += line + "\n"
    return {tag: man_plain(body) for tag, body in found.items()}
