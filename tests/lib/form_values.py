# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a browser sends of a form if nothing is typed into it: fields, areas, boxes that have their mark, and what is selected."""

import html.parser


class _Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []         # (action, {name: value})
        self.area = self.select = None

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "form":
            self.forms.append((a.get("action"), {}))
        if not self.forms:
            return
        values = self.forms[-1][1]
        if tag == "input" and "name" in a and (a.get("type") != "checkbox" or "checked" in a):
            values[a["name"]] = a.get("value") or ""
        elif tag == "textarea":
            self.area = a["name"]
            values[self.area] = ""
        elif tag == "select":
            self.select = a["name"]
        elif tag == "option" and self.select and ("selected" in a or self.select not in values):
            values[self.select] = a.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.forms[-1][1][self.area] = self.forms[-1][1][self.area].removeprefix("\n")
            self.area = None
        elif tag == "select":
            self.select = None

    def handle_data(self, data):
        if self.area:
            self.forms[-1][1][self.area] += data


def _forms(page):
    reader = _Reader()
    reader.feed(page.text)
    return reader.forms


def form_values(page, action, nth=0):
    """{name: value} of the nth form of the page that goes there."""
    forms = _forms(page)
    found = [values for where, values in forms if where == action]
    assert len(found) > nth, (action, [where for where, _ in forms], page)
    return found[nth]


def values_to_send(page, action, fields):
    """What is sent of a form that stands on the page, filled in: with its token, or that of another form if it is not there."""
    with_token = [(where, values) for where, values in _forms(page) if "csrf" in values]
    ours = [values for where, values in with_token if where == action]
    assert with_token, page
    return {**(ours or [{"csrf": with_token[0][1]["csrf"]}])[0], **fields}
