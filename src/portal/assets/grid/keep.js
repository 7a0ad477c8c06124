// SPDX-License-Identifier: LGPL-2.1-or-later

// What is typed and not saved yet, by cell. Each is kept in the browser, too, until it is saved: over a reload, a crash, the end of the session.
// Two windows on the same class keep the same cell in the same place; the one that comes second sends the same change with the same key.

const PREFIX = table ? `gradebook-grid-${table.dataset.me}-${table.dataset.class}-` : "";

// key: { key, place, text, base, version, state, id, sent, theirs }
//   text     what is typed
//   base     what stood there, and version which one it was: by it a conflict is known
//   state    waiting, saving, conflict, refused; wrong: it is no grade, and waits for being put right
//   id       names this change: asked for again, it is made once
//   sent     texts that may have reached the service
const pending = new Map();

function newID() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
}

// Without room, or where the browser keeps nothing, it is still in this window.
function keep(p) {
    try {
        localStorage.setItem(PREFIX + p.key, JSON.stringify({ text: p.text, base: p.base, version: p.version, id: p.id, sent: p.sent }));
    } catch { /* as above */ }
}

function forget(p) {
    pending.delete(p.key);
    try {
        localStorage.removeItem(PREFIX + p.key);
    } catch { /* as above */ }
}

function keptBefore() {
    const found = [];
    try {
        for (let i = 0; i < localStorage.length; i++) {
            const name = localStorage.key(i);
            if (name.startsWith(PREFIX))
                found.push({ key: name.slice(PREFIX.length), ...JSON.parse(localStorage.getItem(name)) });
        }
    } catch { /* as above */ }
    return found;
}

// After a reload. What is about a student or an assessment that has gone stays kept, and out of sight.
function takeUpKept() {
    let n = 0;
    for (const old of keptBefore()) {
        const place = placeOfKey(old.key);
        if (!place || typeof old.text !== "string")
            continue;
        const isGood = readGrade(old.text, columns[place.column].max);
        const p = { ...old, place, sent: old.sent || [], state: isGood ? "waiting" : "wrong" };
        pending.set(p.key, p);
        mark(p);
        n++;
    }
    return n;
}

// How a cell looks while it is on its way.
function mark(p) {
    const td = cellAt(p.place.row, p.place.column);
    showText(td, p.text);
    td.classList.toggle("saving", p.state === "waiting" || p.state === "saving");
    td.classList.toggle("bad", ["wrong", "conflict", "refused"].includes(p.state));
    if (p.state === "wrong")
        td.setAttribute("aria-invalid", "true");
    else
        td.removeAttribute("aria-invalid");
    if (p.state === "wrong")
        td.setAttribute("aria-describedby", "grid-status");
    else
        td.removeAttribute("aria-describedby");
}

function unmark(place, text) {
    const td = cellAt(place.row, place.column);
    showText(td, text);
    td.classList.remove("saving", "bad");
    td.removeAttribute("aria-invalid");
    td.removeAttribute("aria-describedby");
}

// What a cell says now: typed, or as it is saved.
function textAt(place) {
    const p = pending.get(keyOf(place));
    const td = cellAt(place.row, place.column);
    if (p)
        return p.text;
    return td === editedCell() ? originalText : td.textContent;
}

// Every change of a cell comes by here: typed, pasted, filled or undone. False: it is no grade, which is kept and shown all the same.
function setCell(place, typed) {
    const key = keyOf(place), grade = readGrade(typed, columns[place.column].max);
    const text = grade ? writeGrade(grade) : typed.trim();
    let p = pending.get(key);
    if (text === textAt(place)) {
        if (p)
            mark(p);
        return Boolean(grade);
    }
    if (!p) {
        p = { key, place, base: textAt(place), version: rows[place.row].versions[place.column], sent: [], state: "waiting" };
        pending.set(key, p);
    }
    p.text = text;
    if (p.state !== "saving") {
        p.id = newID();
        p.state = !grade ? "wrong" : p.state === "conflict" ? "conflict" : "waiting";
    }
    // As it was, and nothing of it is on its way: there is nothing to save.
    if (text === p.base && p.state === "waiting" && !p.sent.length) {
        forget(p);
        unmark(place, text);
    } else {
        keep(p);
        mark(p);
    }
    updateLine(p);
    return Boolean(grade);
}
