# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenAPI document of gradebook-grading: its parts joined as the Makefile joins them, its operations, and answers held against it."""

import copy
import datetime
import json
import os
import pathlib
import re
from decimal import Decimal

SOURCE = pathlib.Path(os.environ.get("GRADEBOOK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PARTS = SOURCE / "src/grading/openapi"
METHODS = ("get", "put", "post", "delete", "patch")
WIDTH = 140

# What the HTTP server adds to any answer.
USUAL_HEADERS = {"Connection", "Content-Length", "Content-Type", "Date", "Keep-Alive", "Transfer-Encoding"}


def part_names():
    """The lists of local.mk: of the paths and of the schemas."""
    text = (SOURCE / "src/grading/local.mk").read_text(encoding="utf-8").replace("\\\n", " ")
    return [re.search(rf"^openapi_{name} = (.*)$", text, flags=re.M)[1].split() for name in ("paths", "schemas")]


def part(name):
    return json.loads((PARTS / f"{name}.json").read_text(encoding="utf-8"), object_pairs_hook=unique)


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"twice in one object: {names}"
    return dict(pairs)


def merge(names):
    return unique([pair for name in names for pair in part(name).items()])


def load():
    paths, schemas = part_names()
    return {**part("head"), "paths": merge(paths), "components": {**part("components"), "schemas": merge(schemas)}}


def dumps(value, indent=0, before=0, forced=0):
    """JSON as the parts are written: a value is on one line where it fits, but not the outer levels."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or (forced <= 0 and indent + before + len(flat) < WIDTH):
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, list):
        lines = [pad + dumps(item, indent + 2, 0, forced - 1) for item in value]
        return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"
    names = {name: json.dumps(name, ensure_ascii=False) + ": " for name in value}
    lines = [pad + names[name] + dumps(item, indent + 2, len(names[name]), forced - 1) for name, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"


def resolve(document, value):
    """What a $ref refers to, with what stands beside it."""
    while isinstance(value, dict) and "$ref" in value:
        path = value["$ref"]
        assert path.startswith("#/"), path
        found = document
        for name in path[2:].split("/"):
            assert name in found, f"{path} is not in the document"
            found = found[name]
        value = {**found, **{name: v for name, v in value.items() if name != "$ref"}}
    return value


class Operation:
    def __init__(self, document, path, method):
        self.document = document
        self.path = path
        self.method = method.upper()
        item = document["paths"][path]
        self.raw = item[method]
        self.id = self.raw["operationId"]
        self.parameters = [resolve(document, p) for p in [*item.get("parameters", ()), *self.raw.get("parameters", ())]]
        self.public = self.raw.get("security") == []
        content = self.raw.get("requestBody", {}).get("content", {})
        self.body_required = self.raw.get("requestBody", {}).get("required", False)
        self.body_type = next(iter(content), None)
        self.body = resolve(document, content["application/json"]["schema"]) if "application/json" in content else None
        self.responses = {status: resolve(document, response) for status, response in self.raw["responses"].items()}

    def __repr__(self):
        return self.id

    def takes(self, name):
        """A header or a query parameter."""
        return any(p["name"] == name for p in self.parameters)

    def response(self, status):
        found = self.responses.get(str(status), self.responses.get(f"{status // 100}XX"))
        assert found, f"{self.method} {self.path}: {status} is not documented"
        return found

    def successes(self):
        return {int(status) for status in self.responses if status[0] in "23"}


def operations(document):
    return [Operation(document, path, method) for path, item in document["paths"].items() for method in item if method in METHODS]


def strict(value):
    """A copy in which objects have no other members than those that are documented: clients must not rely on that, and we do."""
    value = copy.deepcopy(value)
    todo = [value]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            if isinstance(at.get("properties"), dict) and at.get("type") == "object":
                at.setdefault("additionalProperties", False)
            todo += at.values()
        elif isinstance(at, list):
            todo += at
    return value


def parse(text):
    return json.loads(text, parse_float=Decimal, object_pairs_hook=unique)


def is_time(value):
    return not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value) is not None


def is_date(value):
    try:
        return not isinstance(value, str) or datetime.date.fromisoformat(value) is not None
    except ValueError:
        return False


class Checker:
    """Holds answers against the document."""

    def __init__(self, document):
        import jsonschema  # pylint: disable=import-outside-toplevel  # what only reads the document does not need it

        self.document = strict(json.loads(json.dumps(document), parse_float=Decimal))
        formats = jsonschema.FormatChecker(formats=())
        formats.checks("date-time")(is_time)
        formats.checks("date")(is_date)
        self.make = lambda schema: jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver("", self.document), format_checker=formats)

    def check_value(self, schema, value, what):
        errors = [f"{'/'.join(map(str, e.absolute_path)) or '.'}: {e.message[:300]}" for e in self.make(strict(schema)).iter_errors(value)]
        assert not errors, f"{what}: " + "; ".join(errors)

    def check_headers(self, response, answer, what):
        documented = {name: resolve(self.document, header) for name, header in response.get("headers", {}).items()}
        for name, header in documented.items():
            value = answer.headers.get(name)
            assert value is not None or not header.get("required"), f"{what}: header {name} is missing"
            if value is not None:
                self.check_value(header["schema"], value, f"{what}: header {name}")
        for name in answer.headers:
            assert name in documented or name in USUAL_HEADERS, f"{what}: header {name} is not documented"

    def check_body(self, response, answer, what):
        content = response.get("content")
        if not content:
            assert answer.body == b"", f"{what}: has a body, which is not documented"
            return
        kind = answer.headers["Content-Type"].split(";")[0]
        assert kind in content, f"{what}: Content-Type is {kind}, and not {list(content)}"
        schema = content[kind]["schema"]
        if kind == "application/x-ndjson":
            assert answer.text.endswith("\n") or answer.text == "", f"{what}: the last line has no end"
            for line in answer.text.split("\n")[:-1]:
                self.check_value(schema, parse(line), what)
        else:
            self.check_value(schema, parse(answer.text) if kind.endswith("json") else answer.body.decode(errors="replace"), what)

    def check(self, operation, answer, head=False):
        what = f"{operation.method} {operation.path}: {answer.status}"
        response = Operation(self.document, operation.path, operation.method.lower()).response(answer.status)
        self.check_headers(response, answer, what)
        if head:
            assert answer.body == b"", f"{what}: an answer to HEAD has a body"
        else:
            self.check_body(response, answer, what)
        if answer.status >= 400 and not head:
            assert answer.json["status"] == answer.status and answer.json["detail"], f"{what}: {answer.json}"


def write_parts():
    """Writes each part in its one form."""
    paths, schemas = part_names()
    for names, forced in ((["head"], 1), (paths, 3), (["components", *schemas], 2)):
        for name in names:
            (PARTS / f"{name}.json").write_text(dumps(part(name), forced=forced) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_parts()
