# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is asked of every page in Chromium, whatever it shows: that it can be read, used and heard by everybody, and fits its window."""

import functools
import re

from gradebook import BUILD
from portal_texts import LANGUAGES, texts

CHECKS = """
const bad = [];
const doc = document;
if (!doc.documentElement.lang) bad.push('no language');
if (!doc.title.trim()) bad.push('no title');
if (doc.querySelectorAll('h1').length !== 1) bad.push('not one h1');
if (doc.querySelectorAll('main').length !== 1 || doc.querySelectorAll('header.site').length !== 1) bad.push('landmarks');
let level = 0;
for (const h of doc.querySelectorAll('h1,h2,h3,h4')) {
    const l = +h.tagName[1];
    if (l > level + 1) bad.push('heading jumps: ' + h.textContent);
    level = l;
}
const ids = [...doc.querySelectorAll('[id]')].map(e => e.id);
if (new Set(ids).size !== ids.length) bad.push('an id is there twice');
for (const e of doc.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!e.labels.length || !e.labels[0].textContent.trim()) bad.push('no label: ' + e.name);
for (const e of doc.querySelectorAll('button, a[href]'))
    if (!(e.textContent.trim() || e.getAttribute('aria-label'))) bad.push('no name: ' + e.outerHTML);
for (const e of doc.querySelectorAll('nav'))
    if (!e.getAttribute('aria-label')) bad.push('a nav without a name');
for (const e of doc.querySelectorAll('[aria-describedby]'))
    for (const id of e.getAttribute('aria-describedby').split(' '))
        if (!doc.getElementById(id)) bad.push('described by nothing: ' + id);
for (const e of doc.querySelectorAll('[aria-invalid]'))
    if (!e.getAttribute('aria-describedby')) bad.push('wrong and not said why: ' + e.name);
for (const e of doc.querySelectorAll('img')) if (!e.hasAttribute('alt')) bad.push('no alt');
if (doc.querySelector('script:not([src]), style, [style], [onclick]')) bad.push('inline code');
return bad;
"""

COLOURS = """
function ground(e) {
    for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)$|transparent/.test(c)) return c;
    }
    return 'rgb(255, 255, 255)';
}
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, box = e.getBoundingClientRect();
    if (walker.currentNode.textContent.trim() && box.width > 1 && box.height > 1)
        found.push([getComputedStyle(e).color, ground(e), walker.currentNode.textContent.trim().slice(0, 30)]);
}
return found;
"""

# The elements that go beyond the window, but for what is in a box of its own that can be scrolled.
WIDER = """
const width = document.documentElement.clientWidth;
function scrolls(e) {
    for (; e && e !== document.body; e = e.parentElement)
        if (getComputedStyle(e).overflowX !== 'visible') return true;
    return false;
}
if (document.documentElement.scrollWidth <= width) return [];
return [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > width + 0.5 && !scrolls(e.parentElement))
    .map(e => `<${e.localName} class="${e.className}"> ${e.textContent.trim().slice(0, 30)}`).concat(document.documentElement.scrollWidth);
"""

# Each run of text that is the portal's own: what people or services are called says so by lang or translate=no, or is code.
OWN_TEXTS = """
const found = [];
const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
    if (text && !e.closest('body [lang], [translate=no], code, pre, samp, kbd, script, textarea')) found.push(text);
}
for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'data-text'])
    for (const e of document.querySelectorAll(`[${name}]`)) if (!e.closest('body [lang], [translate=no]')) found.push(e.getAttribute(name));
return found;
"""

AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
AXE_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']})
    .then(found => done(found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`))))
    .catch(error => done([String(error)]));
"""


@functools.cache
def axe_script():
    path = BUILD / "axe/node_modules/axe-core/axe.min.js"
    if not path.exists():
        raise AssertionError(f"axe-core is not there: ./check browser fetches it, and so does tests/browser/fetch-axe {BUILD}")
    return path.read_text(encoding="utf-8")


def violations(browser):
    """Of WCAG 2.2, levels A and AA, as far as axe finds them."""
    # From outside, as the page's own policy lets in no script but the portal's.
    browser.execute_script(axe_script())
    return browser.execute_async_script(AXE_RUN, AXE_TAGS)


def status_of(browser):
    return browser.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus")


def errors(browser):
    """What the console says is wrong. Of a page that is refused it says so, which is right."""
    status = status_of(browser)
    refused = f"{browser.current_url} - Failed to load resource: the server responded with a status of {status}"
    return [entry["message"] for entry in browser.get_log("browser")
            if (entry["level"] == "SEVERE" or "Content Security Policy" in entry["message"])
            and not (status >= 400 and entry["message"].startswith(refused))]


def assert_fits(browser):
    """Nothing is wider than the window."""
    assert browser.execute_script(WIDER) == [], browser.current_url


def hexadecimal(colour):
    return "#" + "".join(f"{int(float(n)):02x}" for n in re.findall(r"[\d.]+", colour)[:3])


def contrast(a, b):
    def light(color):
        parts = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def check(browser):
    """What a checker of accessibility looks at first, and that all can be read."""
    assert browser.execute_script(CHECKS) == [], browser.current_url
    seen = browser.execute_script(COLOURS)
    assert seen
    for text, ground, words in seen:
        assert contrast(hexadecimal(text), hexadecimal(ground)) >= 4.5, (words, text, ground)
    assert_fits(browser)
    policy = [e["message"] for e in browser.get_log("browser") if "Content Security Policy" in e["message"]]
    assert policy == []


@functools.cache
def whole_texts(language):
    """{key: text} without those that data or a tag is put into."""
    return {key: text for key, text in texts(language) if not re.search(r"\{\{|<|\\", text)}


def foreign_texts(browser, language):
    """Those of the page's texts that hold a key or a placeholder, unless they are meant to, or are what another language says."""
    own = whole_texts(language)
    others = {text for other in LANGUAGES if other != language for key, text in whole_texts(other).items() if text not in own.values()}
    keys = {key for key in own if re.search(r"[a-z][A-Z]", key)}
    return [text for text in browser.execute_script(OWN_TEXTS)
            if text in others or "{{" in text or re.search(r"\btext\.\w", text)
            or (text not in own.values() and keys & set(re.findall(r"\w+", text)))]
