// SPDX-License-Identifier: LGPL-2.1-or-later

// Where one is in the grid, and the one field that goes from cell to cell. Only the cell where one is can be reached by Tab, so that Tab leads
// into the grid and out of it.

const input = document.createElement("input");
const inputLabel = document.createElement("label");
let isEnding = false;
let originalText = "";      // of the cell where the field is
let here = null;            // a place
let anchor = null;          // where a selection begins; null: there is none
let steps = [];             // to undo: lists of [place, text]
const STEPS_MAX = 100;

function prepareInput() {
    input.id = "grid-input";
    input.autocomplete = "off";
    input.maxLength = 20;
    input.enterKeyHint = "next";
    input.setAttribute("aria-describedby", "grid-status");
    inputLabel.htmlFor = input.id;
    inputLabel.className = "unseen";
}

function editedCell() {
    return input.closest("td");
}

function selection() {
    const from = anchor || here;
    return { top: Math.min(from.row, here.row), bottom: Math.max(from.row, here.row),
        left: Math.min(from.column, here.column), right: Math.max(from.column, here.column) };
}

function* selectedPlaces() {
    const s = selection();
    for (let row = s.top; row <= s.bottom; row++)
        for (let column = s.left; column <= s.right; column++)
            yield { row, column };
}

function showSelection() {
    for (const td of body.querySelectorAll(".chosen")) {
        td.classList.remove("chosen");
        td.removeAttribute("aria-selected");
    }
    if (!anchor || !here)
        return;
    for (const place of selectedPlaces()) {
        const td = cellAt(place.row, place.column);
        td.classList.add("chosen");
        td.setAttribute("aria-selected", "true");
    }
}

// Without focus: that comes by itself with a click.
function standAt(place) {
    const old = here && cellAt(here.row, here.column);
    if (old)
        old.removeAttribute("tabindex");
    here = place;
    cellAt(here.row, here.column).tabIndex = 0;
}

function goTo(row, column, extend) {
    const from = here;
    row = Math.max(0, Math.min(rows.length - 1, row));
    column = Math.max(0, Math.min(columns.length - 1, column));
    anchor = extend ? anchor || from : null;
    standAt({ row, column });
    cellAt(row, column).focus();
    showSelection();
}

// text: what was typed to begin with; without it, what is there, to be replaced or mended.
function edit(text) {
    const td = cellAt(here.row, here.column), old = textAt(here);
    if (!canChange || editedCell() === td)
        return;
    anchor = null;
    showSelection();
    inputLabel.textContent = sayText("cell", nameCell(here));
    input.value = text === undefined ? old : text;
    if (pending.get(keyOf(here))?.state === "wrong")
        input.setAttribute("aria-invalid", "true");
    else
        input.removeAttribute("aria-invalid");
    originalText = old;
    td.classList.add("editing");
    td.removeAttribute("tabindex");
    td.replaceChildren(inputLabel, input);
    input.focus();
    if (text === undefined)
        input.select();
}

function remember(changes) {
    steps.push(changes);
    steps = steps.slice(-STEPS_MAX);
    document.getElementById("grid-undo").disabled = false;
}

// Makes several changes as one that can be undone. Returns how many were no grades.
function change(places) {
    const before = [];
    let wrong = null, n = 0;
    for (const [place, text] of places) {
        before.push([place, textAt(place)]);
        if (!setCell(place, text)) {
            wrong = place;
            n++;
        }
    }
    remember(before);
    complain(wrong ? sayText("wrong", nameCell(wrong)) : "");
    pump();
    return n;
}

// Takes the field out of its cell. keepText false: as if nothing had been typed.
function endEdit(keepText) {
    const td = editedCell();
    if (!td)
        return true;
    const place = placeOf(td), typed = input.value, old = pending.get(keyOf(place));
    td.classList.remove("editing");
    if (here && td === cellAt(here.row, here.column))
        td.tabIndex = 0;
    isEnding = true;        // what is taken out loses the focus, and that is not leaving the cell
    input.remove();
    isEnding = false;
    td.replaceChildren();
    if (old)
        mark(old);
    else
        showText(td, originalText);
    if (!keepText || typed.trim() === textAt(place))
        return true;
    return change([[place, typed]]) === 0;
}
