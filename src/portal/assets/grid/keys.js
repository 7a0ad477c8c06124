// SPDX-License-Identifier: LGPL-2.1-or-later

// The keys, as in a spreadsheet and in the ARIA grid pattern (https://www.w3.org/WAI/ARIA/apg/patterns/grid/).

const MOVES = {
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-15, 0], PageDown: [15, 0],
};

// Left of the first cell is the student's name, above it the assessment: links.
function goOut(move) {
    if (move === MOVES.ArrowLeft && here.column === 0)
        rows[here.row].tr.cells[0].querySelector("a").focus();
    else if (move === MOVES.ArrowUp && here.row === 0)
        table.tHead.rows[0].cells[here.column + 1].querySelector("a").focus();
    else
        return false;
    return true;
}

function onHeaderKey(event, cell) {
    const isName = cell.parentElement.parentElement === body;
    if (isName && event.key === "ArrowRight")
        goTo(rowOf.get(cell.parentElement.dataset.id), 0);
    else if (isName && (event.key === "ArrowDown" || event.key === "ArrowUp"))
        (cell.parentElement[event.key === "ArrowDown" ? "nextElementSibling" : "previousElementSibling"] || cell.parentElement).querySelector("a").focus();
    else if (!isName && event.key === "ArrowDown")
        goTo(0, cell.cellIndex - 1);
    else
        return;
    event.preventDefault();
}

// The next cell to the right, or the first of the next row; null: there is none.
function beside(step) {
    const n = here.row * columns.length + here.column + step;
    return n < 0 || n >= rows.length * columns.length ? null : { row: Math.floor(n / columns.length), column: n % columns.length };
}

// What is no grade stays in the field, and is said.
function leaveBy(event, go) {
    event.preventDefault();
    if (!endEdit(true)) {
        edit(pending.get(keyOf(here)).text);
        return;
    }
    go();
}

// What is no grade and was not put right goes.
function restore(place) {
    const p = pending.get(keyOf(place));
    if (p && p.state === "wrong")
        setCell(place, p.base);
    complain("");
}

function onEditKey(event) {
    if (event.isComposing)
        return;
    if (event.key === "Enter") {
        leaveBy(event, () => goTo(here.row + (event.shiftKey ? -1 : 1), here.column));
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
        leaveBy(event, () => goTo(here.row + MOVES[event.key][0], here.column));
    } else if (event.key === "Tab") {
        const next = beside(event.shiftKey ? -1 : 1);
        if (next)
            leaveBy(event, () => { goTo(next.row, next.column); edit(); });
    } else if (event.key === "Escape") {
        event.preventDefault();
        endEdit(false);
        restore(here);
        goTo(here.row, here.column);
    } else if (event.ctrlKey && event.key.toLowerCase() === "d") {
        event.preventDefault();
        fillDown();
    }
}

function onGridKey(event) {
    const isControl = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (isControl && key === "d") {
        fillDown();
    } else if (isControl && key === "z") {
        undo();
    } else if (isControl && (key === "Home" || key === "End")) {
        goTo(key === "Home" ? 0 : rows.length, key === "Home" ? 0 : columns.length, event.shiftKey);
    } else if (isControl || event.altKey) {
        return;
    } else if (MOVES[key]) {
        if (event.shiftKey || !goOut(MOVES[key]))
            goTo(here.row + MOVES[key][0], here.column + MOVES[key][1], event.shiftKey);
    } else if (key === "Home" || key === "End") {
        goTo(here.row, key === "Home" ? 0 : columns.length, event.shiftKey);
    } else if (key === "Enter" || key === "F2") {
        edit();
    } else if ((key === "Delete" || key === "Backspace") && canChange) {
        clearSelection();
    } else if (event.key.length === 1 && key !== " " && canChange) {
        edit(event.key);
    } else {
        return;
    }
    event.preventDefault();
}

function onKey(event) {
    const header = event.target.closest("th");
    if (header)
        onHeaderKey(event, header);
    else if (event.target === input)
        onEditKey(event);
    else if (event.target.localName === "td" && here)
        onGridKey(event);
}

// Before the press itself moves the focus.
let focusBefore = null;

function onPointerDown() {
    focusBefore = document.activeElement;
}

// The first click goes there, the second one opens the field; a finger has no wish to tap twice.
function onPress(event) {
    const td = event.target.closest("td"), place = td && placeOf(td);
    if (!place || td === editedCell())
        return;
    const wasThere = focusBefore === td;
    event.preventDefault();
    endEdit(true);
    goTo(place.row, place.column, event.shiftKey);
    if (wasThere || event.pointerType === "touch")
        edit();
}

// Gone to something else by a click or by Tab: what was typed counts. To another window: it stays as it is.
function onLeave(event) {
    if (event.target === input && !isEnding && document.hasFocus() && editedCell() && event.relatedTarget !== input)
        endEdit(true);
}
