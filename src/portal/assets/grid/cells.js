// SPDX-License-Identifier: LGPL-2.1-or-later
"use strict";

// The class as the page has it. The parts of this script are one file for the browser: what one declares, the later ones use.

const table = document.getElementById("grid");
const body = table ? table.tBodies[0] : null;
// Without an account there is no session that a script could save with: the form of a row does.
const canChange = Boolean(table) && !("locked" in table.dataset) && table.dataset.me !== "0";
const columns = table ? [...table.tHead.rows[0].cells].filter((th) => th.dataset.id)
    .map((th) => ({ id: th.dataset.id, max: Number(th.dataset.max), title: th.querySelector("a").textContent })) : [];
const rows = body ? [...body.rows].map((tr) => ({ tr, id: tr.dataset.id, versions: tr.dataset.v.split(" "), name: tr.cells[0].textContent })) : [];
const rowOf = new Map(rows.map((row, i) => [row.id, i]));
const columnOf = new Map(columns.map((column, i) => [column.id, i]));

const LETTERS = { M: "missing", E: "excused", L: "late", A: "absent" };
const STATES = Object.fromEntries(Object.entries(LETTERS).map(([letter, state]) => [state, letter]));

// A cell is named by its place; what is known of it is at its row, and its text is the table's own.
function cellAt(row, column) {
    return rows[row] && column >= 0 && column < columns.length ? rows[row].tr.cells[column + 1] : null;
}

function placeOf(td) {
    const row = rowOf.get(td.parentElement.dataset.id), column = td.cellIndex - 1;
    return row !== undefined && column >= 0 && column < columns.length ? { row, column } : null;
}

function keyOf({ row, column }) {
    return `${rows[row].id}-${columns[column].id}`;
}

function placeOfKey(key) {
    const [student, assessment] = key.split("-");
    const row = rowOf.get(student), column = columnOf.get(assessment);
    return row === undefined || column === undefined ? null : { row, column };
}

// "85 L" as grading has it, without the comment, which stays; null: it is no grade. An export's words and a decimal comma are understood, too.
function readGrade(text, max) {
    const word = text.trim().toLowerCase();
    if (word === "")
        return { State: "blank" };
    for (const [letter, state] of Object.entries(LETTERS))
        if (state !== "late" && (word === letter.toLowerCase() || word === state))
            return { State: state };
    const found = /^(l |l|late )?(\d{1,6}(?:[.,]\d{1,2})?)( ?l| late)?$/.exec(word);
    if (!found)
        return null;
    const score = Number(found[2].replace(",", "."));
    return score > max ? null : { State: found[1] || found[3] ? "late" : "graded", Score: score };
}

// The same as it stands in a cell.
function writeGrade(grade) {
    const letter = STATES[grade.State] || "";
    const score = grade.Score === undefined || grade.Score === null ? "" : String(grade.Score);
    return score && letter ? `${score} ${letter}` : score || letter;
}

// Of the cell where the field is, it is what comes back when nothing is typed.
function showText(td, text) {
    if (td === editedCell()) {
        originalText = text;
        return;
    }
    const state = /[MELA]$/.exec(text);
    td.textContent = text;
    td.classList.remove("M", "E", "L", "A");
    if (state)
        td.classList.add(state[0]);
}

// For a moment: that is enough to be seen.
function flash(td, name) {
    td.classList.add(name);
    setTimeout(() => td.classList.remove(name), 1500);
}
