// SPDX-License-Identifier: LGPL-2.1-or-later

// What is said to people. The texts come from the page, in its language, with {names} for what is put in.

const texts = new Map([...(document.getElementById("grid-texts")?.content.querySelectorAll("[data-key]") || [])]
    .map((span) => [span.dataset.key, span.textContent]));
const statusLine = document.getElementById("grid-status");

function sayText(key, values = {}) {
    return texts.get(key).replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
}

function nameCell(place) {
    return { student: rows[place.row].name, assessment: columns[place.column].title, max: columns[place.column].max };
}

// The same again is not said again: a screen reader would repeat it.
function showStatus(text, isBad) {
    if (statusLine.textContent !== text)
        statusLine.textContent = text;
    statusLine.classList.toggle("bad", isBad);
}

// One line for all cells. What is wrong with what was typed last goes before it, until something else is typed.
let complaint = "";

function complain(text) {
    complaint = text;
    tellAll();
}

function tellAll() {
    const all = [...pending.values()];
    const count = (...states) => all.filter((p) => states.includes(p.state)).length;
    const undecided = count("conflict", "refused"), open = count("waiting", "saving");
    const said = [];
    if (!all.length)
        complaint = "";
    if (complaint)
        said.push(complaint);
    if (isSignedOut && open)
        said.push(sayText("signedOut", { n: open }));
    else if (isAway && open)
        said.push(sayText("waiting", { n: open }));
    else if (open)
        said.push(sayText("saving", { n: open }));
    if (undecided)
        said.push(sayText("conflicts", { n: undecided }));
    if (isOutdated)
        said.push(sayText("changed"));
    if (!said.length && !all.length && hasSaved)
        said.push(sayText("saved"));
    showStatus(said.join(" · "), Boolean(complaint || isSignedOut && open || isAway && open || undecided || isOutdated));
}
