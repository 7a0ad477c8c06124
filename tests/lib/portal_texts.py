# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the portal says, as the tables in src/portal/text-*.c have it."""

import re

from gradebook import SOURCE

LANGUAGES = ("en", "zh")
TABLES = sorted(path.name for path in (SOURCE / "src/portal").glob("text-*.c"))
STRING = r'"(?:[^"\\]|\\.)*"'
LITERAL = rf"{STRING}(?:\s+{STRING})*"


def joined(literals):
    return "".join(s[1:-1] for s in re.findall(STRING, literals))


def table(name):
    """[(key, {language: text})] in the file's order."""
    source = (SOURCE / "src/portal" / name).read_text(encoding="utf-8")
    body = re.search(r"const LanguageText text_\w+\[\] = \{(.*?)\n\};", source, flags=re.S)[1]
    rows = re.findall(rf"\{{ ({STRING}), \{{ ({LITERAL}),\s+({LITERAL}) \}} \}},", body)
    assert len(rows) == body.count("{ \"") // 2 and rows, f"{name} has rows that this cannot read"
    return [(key[1:-1], dict(zip(LANGUAGES, (joined(en), joined(zh))))) for key, en, zh in rows]


def texts(language):
    """[(key, text)] of all tables."""
    return [(key, row[language]) for name in TABLES for key, row in table(name)]
