# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenAPI document of gradebook-grading: valid as such, and one with the routes, the table of fields and the man page."""
import json
import pathlib
import re
import sys

import pytest

from conftest import SOURCE, text_of
from tables import c_number, c_string, c_table, c_text, man_entries, man_plain, man_sections, split_top, c_row

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import openapi  # noqa: E402  # pylint: disable=wrong-import-position

DOCUMENT = openapi.load()
OPERATIONS = openapi.operations(DOCUMENT)
SCHEMAS = DOCUMENT["components"]["schemas"]
ROUTES = [{"method": c_string(row["method"]), "path": c_string(row["path"]), **row_}
          for file in ("src/grading/routes.c", "src/runtime/service-routes.c")
          for row in c_table(file, "Route", ("method", "path", "handler", "body_max", "flags")) if row["method"] != "NULL" and "path" in row
          for row_ in ({name: row.get(name, "0") for name in ("handler", "body_max", "flags")} | {"file": file},)]


def walk(value, path=()):
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from walk(inner, (*path, str(name)))


# The document itself

def test_the_parts_are_written_in_one_way():
    """So that a change of one member is a change of one line."""
    paths, schemas = openapi.part_names()
    names = ["head", *paths, "components", *schemas]
    assert sorted(f"{name}.json" for name in names) == sorted(path.name for path in openapi.PARTS.iterdir()), "local.mk lists other parts"
    for name in names:
        forced = 3 if name in paths else 1 if name == "head" else 2
        written = (openapi.PARTS / f"{name}.json").read_text(encoding="utf-8")
        assert written == openapi.dumps(openapi.part(name), forced=forced) + "\n", f"{name}.json: python3 tests/lib/openapi.py puts it right"


def test_it_is_what_the_program_holds(build):
    text = (pathlib.Path(build) / "src/grading/openapi.inc").read_text(encoding="utf-8")
    assert json.loads(json.loads(text)) == DOCUMENT


def test_its_frame():
    assert DOCUMENT["openapi"] == "3.1.0"
    version = re.search(r"AC_INIT\(\[gradebook\], \[([\d.]+)\]", text_of("configure.ac"))[1]
    assert DOCUMENT["info"]["version"] == version
    assert {"title", "version", "license"} <= set(DOCUMENT["info"])
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    used = [tag for o in OPERATIONS for tag in o.raw["tags"]]
    assert set(tags) == set(used) and len(tags) == len(set(tags))
    for need in [DOCUMENT["security"], *(o.raw["security"] for o in OPERATIONS if "security" in o.raw)]:
        assert {name for one in need for name in one} <= set(DOCUMENT["components"]["securitySchemes"])


def test_every_reference_leads_somewhere_and_nothing_is_left_over():
    used = set()
    for path, value in walk(DOCUMENT):
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            assert openapi.resolve(DOCUMENT, {"$ref": value["$ref"]}) is not None, path
            used.add(value["$ref"])
    for kind, things in DOCUMENT["components"].items():
        for name in things:
            assert kind == "securitySchemes" or f"#/components/{kind}/{name}" in used, f"components/{kind}/{name} is used nowhere"


def test_operations_are_whole():
    ids = [o.id for o in OPERATIONS]
    assert len(ids) == len(set(ids)), "an operationId is there twice"
    for o in OPERATIONS:
        assert o.raw["summary"] and not o.raw["summary"].endswith("."), o
        in_path = [p["name"] for p in o.parameters if p["in"] == "path"]
        assert in_path == re.findall(r"\{(\w+)\}", o.path), f"{o}: {in_path}"
        assert all(p["required"] for p in o.parameters if p["in"] == "path"), o
        names = [(p["in"], p["name"].lower()) for p in o.parameters]
        assert len(names) == len(set(names)), f"{o}: a parameter is there twice"
        assert all("schema" in p for p in o.parameters), o
        assert list(o.responses) == sorted(o.responses), f"{o}: statuses out of order"
        assert any(status[0] == "2" for status in o.responses) and "5XX" in o.responses, o
        assert o.public or "401" in o.responses, f"{o}: 401 is missing"
        assert ("304" in o.responses) == (o.takes("If-None-Match") and o.method == "GET"), o
        assert "422" in o.responses or not o.takes("Idempotency-Key"), o
        for status, response in o.responses.items():
            assert re.fullmatch(r"[2-5]\d\d|5XX", status) and response["description"], f"{o}: {status}"
            for media, content in response.get("content", {}).items():
                assert media.startswith("application/problem+json") == (status[0] in "45"), f"{o}: {status} {media}"
                assert "schema" in content, f"{o}: {status}"


# What JSON Schema 2020-12 has, and this document needs.
KEYWORDS = {"$ref", "type", "properties", "required", "items", "enum", "const", "oneOf", "minimum", "maximum", "multipleOf",
            "minLength", "maxLength", "minItems", "maxItems", "pattern", "format", "default", "description", "example", "readOnly"}
TYPES = {"null", "boolean", "object", "array", "number", "string", "integer"}


def check_schema(schema, where):
    assert isinstance(schema, dict), where
    assert set(schema) <= KEYWORDS, f"{where}: {set(schema) - KEYWORDS}"
    kinds = schema.get("type", [])
    assert set([kinds] if isinstance(kinds, str) else kinds) <= TYPES, where
    for name, inner in schema.get("properties", {}).items():
        check_schema(inner, f"{where}/{name}")
    if "$ref" not in schema:
        needed = set(schema.get("required", ()))
        assert needed <= set(schema.get("properties", needed)), f"{where}: required, and not described"
    for inner in [*schema.get("oneOf", ()), *([schema["items"]] if "items" in schema else ())]:
        check_schema(inner, where)
    if "enum" in schema and "default" in schema:
        assert schema["default"] in schema["enum"], where


def test_schemas_are_schemas():
    for path, value in walk(DOCUMENT["paths"]):
        if path[-1:] == ("schema",):
            check_schema(value, "/".join(path))
    for kind in ("parameters", "headers"):
        for name, value in DOCUMENT["components"][kind].items():
            check_schema(value["schema"], name)
    for name, schema in SCHEMAS.items():
        check_schema(schema, name)


# Against the routes

def test_it_has_the_routes_and_nothing_else():
    documented = [(o.method, o.path) for o in OPERATIONS]
    assert sorted(documented) == sorted((route["method"], route["path"]) for route in ROUTES)
    order = list(dict.fromkeys(route["path"] for route in ROUTES))
    assert list(DOCUMENT["paths"]) == order, "in another order than the routes"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route['method']} {route['path']}")
def test_a_route_is_what_is_documented(route):
    o = next(o for o in OPERATIONS if (o.method, o.path) == (route["method"], route["path"]))
    assert o.id == route["handler"], "operationId is the handler's name"
    assert bool(c_number(route["body_max"], route["file"])) == ("requestBody" in o.raw), "a body is taken, or is not"
    assert ("413" in o.responses) == ("requestBody" in o.raw)
    if route["file"].endswith("service-routes.c"):
        assert o.public == ("ROUTE_PUBLIC" in route["flags"])
    else:
        assert "ROUTE_PUBLIC" in route["flags"], "access_begin() asks who it is"


# Against the table of fields

MACROS = {
    "REFERENCE": ("type", "member", "name", "refers", "flags"), "TEXT": ("type", "member", "name", "max", "flags"),
    "FLAG": ("type", "member", "name"), "DATE": ("type", "member", "name"), "TIME": ("type", "member", "name", "flags"),
    "CHOICE": ("type", "member", "name", "choices", "fallback", "flags"),
    "HUNDREDTHS": ("type", "member", "name", "min", "fallback"),
}
NAMES = {"term": "Term", "class": "Class", "student": "StudentRow", "account": "Account", "token": "Token", "teaching": "Teaching",
         "enrolment": "Enrolment", "assessment": "Assessment", "grade": "GradeRow"}
NEW = {"term": "NewTerm", "class": "NewClass", "student": "NewStudent", "account": "NewAccount", "token": "NewToken",
       "teaching": "NewTeaching", "enrolment": "NewEnrolment", "assessment": "NewAssessment"}
PATCH = {"term": "TermPatch", "class": "ClassPatch", "student": "StudentPatch", "account": "AccountPatch",
         "assessment": "AssessmentPatch", "grade": "GradePatch"}
# What the path says of a new row, and what a request says besides the fields.
GIVEN = {"NewTeaching": {"Class"}, "NewEnrolment": {"Class"}, "NewAssessment": {"Class"}}
BESIDES = {"NewStudent": {"ID", "Grades"}, "NewAccount": {"Password"}}
# Whose it is goes without saying.
NOT_NEEDED = {"NewToken": {"Account"}}


def number(expression):
    return c_number(expression, "src/grading/fields.c")


def choices():
    text = c_text("src/grading/fields.c")
    return {name: re.findall(r'"(\w+)"', values) for name, values in re.findall(r"const char \*const (\w+)\[\] = \{(.*?)\};", text)}


def enum_value(name):
    """Of an enumerator, by its place: GRADE_BLANK is 1."""
    for path in ("src/grading/rows.h", "src/wire/student.h"):
        for body in re.findall(r"typedef enum \w+ \{(.*?)\}", c_text(path), flags=re.S):
            names = [n.strip() for n in body.split(",")]
            if name in names:
                return names.index(name)
    return number(name)


def fields():
    """{kind: [field]} as the table of fields.c has them."""
    text = c_text("src/grading/fields.c")
    found = {}
    for kind, table in re.findall(r'= KIND\("(\w+)", "\w+", \w+, (\w+)\)', text):
        rows = re.search(rf"const Field {table}\[\] = \{{(.*?)\n\}};", text, flags=re.S)[1]
        found[kind] = []
        for row in split_top(rows):
            macro = re.match(r"([A-Z]+)\((.*)\)$", row, flags=re.S)
            if macro:
                field = dict(zip(MACROS[macro[1]], split_top(macro[2]), strict=True)) | {"kind": macro[1]}
            else:
                field = c_row(row[1:-1], ("member", "column", "type", "offset", "flags", "min", "max"))
                field["kind"] = field["type"].removeprefix("FIELD_")
            field["member"] = c_string(field["member"])
            field["flags"] = set(re.findall(r"FIELD_(\w+)", field.get("flags", "")))
            found[kind].append(field)
    assert set(found) == set(NAMES), "a kind was added: describe it as well"
    return found


def expected(kind, field):
    """The schema that a field has, but for its words and its default."""
    nullable = "REQUIRED" not in field["flags"]
    maybe = lambda name: [name, "null"] if nullable else name  # noqa: E731
    most = number("ROW_ID_MAX")
    if field["kind"] == "REFERENCE":
        return {"type": maybe("integer"), "minimum": 1, "maximum": most}
    if field["kind"] in ("TEXT", "LINES"):
        return {"type": maybe("string"), **({} if nullable else {"minLength": 1}), "maxLength": number(field["max"])}
    if field["kind"] == "DATE":
        return {"type": maybe("string"), "format": "date"}
    if field["kind"] == "TIME":
        return {"type": maybe("string"), "format": "date-time"}
    if field["kind"] == "CHOICE":
        return {"type": "string", "enum": choices()[field["choices"]]}
    if field["kind"] == "FLAG":
        return {"type": "boolean"}
    if field["kind"] == "HUNDREDTHS":
        # A grade may have no score.
        return {"type": ["number", "null"] if kind == "grade" else "number", "minimum": number(field["min"]) / 100,
                "maximum": number("POINTS_MAX_HUNDREDTHS") / 100, "multipleOf": 0.01}
    assert field["kind"] == "JSON", field
    return {"oneOf": [{"$ref": f"#/components/schemas/{field['member']}"}, {"type": "null"}]}


def default(kind, field):
    if "REQUIRED" in field["flags"] or kind == "grade":
        return None
    if field["kind"] == "FLAG":
        return False
    if field["kind"] == "CHOICE":
        return choices()[field["choices"]][enum_value(field["fallback"])]
    return number(field["fallback"]) / 100 if field["kind"] == "HUNDREDTHS" else None


def bare(schema):
    return {name: value for name, value in schema.items() if name not in ("description", "default", "readOnly")}


@pytest.mark.parametrize("kind", NAMES)
def test_rows_are_described_as_they_are(kind):
    schema = SCHEMAS[NAMES[kind]]
    shown = [field for field in fields()[kind] if "SECRET" not in field["flags"]]
    assert list(schema["properties"]) == schema["required"] == ["ID", "Version", *(field["member"] for field in shown)]
    for field in shown:
        found = schema["properties"][field["member"]]
        assert bare(found) == expected(kind, field), field["member"]
        assert found.get("readOnly", False) == ("OURS" in field["flags"]), f"{field['member']}: readOnly"
    assert all(schema["properties"][name]["readOnly"] for name in ("ID", "Version"))


@pytest.mark.parametrize("kind", NEW)
def test_what_is_made_is_described_as_it_is_read(kind):
    name, schema = NEW[kind], SCHEMAS[NEW[kind]]
    taken = [field for field in fields()[kind] if not field["flags"] & {"SECRET", "OURS"} and field["member"] not in GIVEN.get(name, ())]
    assert set(schema["properties"]) == {field["member"] for field in taken} | BESIDES.get(name, set()) | {"Reason"}
    assert schema["required"] == [f["member"] for f in taken if "REQUIRED" in f["flags"] and f["member"] not in NOT_NEEDED.get(name, ())]
    for field in taken:
        found = schema["properties"][field["member"]]
        assert bare(found) == expected(kind, field), field["member"]
        assert found.get("default") == default(kind, field), f"{field['member']}: default"


@pytest.mark.parametrize("kind", PATCH)
def test_what_is_changed_is_described_as_it_is_read(kind):
    schema = SCHEMAS[PATCH[kind]]
    taken = [field for field in fields()[kind] if not field["flags"] & {"SECRET", "OURS", "FIXED"}]
    assert list(schema["properties"]) == [*(field["member"] for field in taken), "Reason"]
    assert "required" not in schema
    for field in taken:
        assert bare(schema["properties"][field["member"]]) == expected(kind, field), field["member"]
        assert "default" not in schema["properties"][field["member"]], "what is not sent stays"


def test_other_limits():
    """Those that are no field's."""
    names = (*NEW.values(), *PATCH.values(), "NewGrade", "NewPassword", "Setup", "WithReason")
    assert {SCHEMAS[name]["properties"]["Reason"]["maxLength"] for name in names} == {c_number("REASON_MAX", "src/grading/change.c")}
    assert SCHEMAS["Password"]["minLength"] == c_number("PASSWORD_MIN", "src/grading/password.h")
    assert SCHEMAS["Password"]["maxLength"] == c_number("PASSWORD_MAX", "src/grading/password.h")
    policy = SCHEMAS["Policy"]["properties"]
    assert policy["Scale"]["maxItems"] == number("POLICY_SCALE_MAX")
    assert SCHEMAS["Letter"]["properties"]["Letter"]["maxLength"] == number("POLICY_LETTER_MAX")
    assert {s["maximum"] for s in policy["DropLowest"]["properties"].values()} == {number("POLICY_DROP_MAX")}
    assert {s["maximum"] for s in policy["TypeWeights"]["properties"].values()} == {number("POLICY_TYPE_WEIGHT_MAX_HUNDREDTHS") / 100}
    for name in ("TypeWeights", "DropLowest"):
        assert list(policy[name]["properties"]) == choices()["type_choices"]
    assert SCHEMAS["ID"]["maximum"] == number("ROW_ID_MAX")
    key = DOCUMENT["components"]["parameters"]["IdempotencyKey"]["schema"]
    assert key["maxLength"] == number("IDEMPOTENCY_KEY_MAX")
    assert SCHEMAS["Statistics"]["properties"]["Histogram"]["maxItems"] == number("STATISTICS_BINS")
    assert SCHEMAS["Checked"]["properties"]["Faults"]["maxItems"] == number("VERIFY_FAULTS_KEPT")
    for name, limit in (("Errors", "IMPORT_ERRORS_MAX"), ("Changes", "IMPORT_CHANGES_MAX")):
        assert SCHEMAS["ImportReport"]["properties"][name]["maxItems"] == number(limit)


# Against the man page

def test_the_man_page_has_every_route():
    """First in a table, then each with a paragraph of its own, in the order of the routes."""
    section = man_sections("gradebook-grading.8")["URLS"]
    table = re.search(r"^\.TS\n.*?^\.TE$", section, flags=re.S | re.M)
    assert table, "no table of the routes"
    listed = []
    for line in table[0].splitlines():
        cells = line.split("\t")
        if len(cells) == 2 and cells[0].startswith("/"):
            listed += [(method, cells[0].replace("\\-", "-")) for method in cells[1].split(", ")]
    routes = [(route["method"], route["path"]) for route in ROUTES]
    # Those of one path stand together.
    paths = list(dict.fromkeys(path for _, path in routes))
    routes.sort(key=lambda route: paths.index(route[1]))
    assert listed == routes
    entries = [entry for entry in man_entries(section) if re.match(r"(GET|POST|PUT|PATCH|DELETE) ", entry)]
    assert entries == [f"{method} {path}" for method, path in routes]


def test_it_is_mentioned_where_one_looks():
    assert "/openapi.json" in text_of("README.md")
    for page in ("gradebook-grading.8", "gradebook.7"):
        assert "/openapi.json" in man_plain(text_of(f"man/{page}")), page
