# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values that a schema of a request allows, up to its limits, and such that it does not."""

import json
import urllib.parse
from decimal import Decimal

from openapi import resolve

A_NAME = "x"


def types_of(document, schema):
    schema = resolve(document, schema)
    if "oneOf" in schema:
        return {t for one in schema["oneOf"] for t in types_of(document, one)}
    found = schema.get("type", "string")
    return set(found) if isinstance(found, list) else {found}


def inner(document, schema):
    """Without its null."""
    schema = resolve(document, schema)
    if "oneOf" in schema:
        return next(resolve(document, one) for one in schema["oneOf"] if resolve(document, one).get("type") != "null")
    return schema


def good(document, schema):
    """Values to try one by one; the first is the plainest."""
    found = inner(document, schema)
    types = types_of(document, schema)
    if "const" in found:
        values = [found["const"]]
    elif "enum" in found:
        values = list(found["enum"])
    elif found.get("format") == "date":
        values = ["2026-11-27", "2024-02-29"]
    elif found.get("format") == "date-time":
        values = ["2026-11-27T08:00:00Z", "2026-11-27T09:30:00.25+01:00"]
    elif "string" in types:
        least = max(found.get("minLength", 0), 1)
        values = [(A_NAME * least), *([("ö" * found["maxLength"])] if "maxLength" in found else ())]
    elif types & {"integer", "number"}:
        values = [found.get("minimum", 1), *([found["maximum"]] if "maximum" in found else ())]
        if "number" in types:
            values.append(round(found.get("minimum", 0) + 1.25, 2))
    elif "boolean" in types:
        values = [False, True]
    elif "array" in types:
        values = [[]]
    else:
        values = [{}]
    return values + ([None] if "null" in types else [])


def bad(document, schema):
    found = inner(document, schema)
    types = types_of(document, schema)
    values = [7 if "object" in types or "array" in types else {}, "x" if types & {"integer", "number", "boolean"} else -7]
    if "null" not in types:
        values.append(None)
    if "enum" in found:
        values.append("none of them")
    if found.get("format") == "date":
        values += ["2026-02-29", "27.11.2026"]
    if found.get("format") == "date-time":
        values += ["2026-11-27", "soon"]
    if "maxLength" in found:
        values.append("x" * (found["maxLength"] + 1))
    if found.get("minLength", 0) > 0:
        values.append("")
    if found.get("minLength", 0) > 1:
        values.append("q7" * found["minLength"])
        values[-1] = values[-1][:found["minLength"] - 1]
    if "maximum" in found:
        values.append(found["maximum"] + 1)
    if "minimum" in found:
        values.append(found["minimum"] - 1)
    if found.get("multipleOf") == 0.01:
        values.append(Decimal("1.255"))
    if "maxItems" in found:
        values.append([{}] * (found["maxItems"] + 1))
    return values


def good_queries(document, parameter):
    return [str(value) for value in good(document, parameter["schema"]) if value is not None]


def bad_queries(document, parameter):
    """Everything is a text there."""
    found, types = inner(document, parameter["schema"]), types_of(document, parameter["schema"])
    values = []
    if "enum" in found:
        values.append("perhaps")
    elif found.get("format") == "date-time":
        values += ["soon", ""]
    elif "integer" in types:
        values += ["x", "-1", "1.5", *(str(found[name] + step) for name, step in (("minimum", -1), ("maximum", 1)) if name in found)]
    elif "maxLength" in found:
        values.append("x" * (found["maxLength"] + 1))
    return values


def quote(value):
    return urllib.parse.quote(value, safe="")


class Encoder(json.JSONEncoder):
    def default(self, o):
        return float(o) if isinstance(o, Decimal) else super().default(o)


def encode(body):
    return json.dumps(body, cls=Encoder, ensure_ascii=False)
