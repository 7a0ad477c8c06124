// SPDX-License-Identifier: LGPL-2.1-or-later

// Many cells at once: filled down, pasted from a spreadsheet, emptied, undone.

// Of a selection the first row goes into the others; of one cell, its text goes into the empty ones below it.
function fillDown() {
    if (!here || !canChange)
        return;
    endEdit(true);
    const s = selection(), changes = [];
    if (s.bottom > s.top) {
        for (let row = s.top + 1; row <= s.bottom; row++)
            for (let column = s.left; column <= s.right; column++)
                changes.push([{ row, column }, textAt({ row: s.top, column })]);
    } else {
        for (let row = here.row + 1; row < rows.length; row++)
            if (textAt({ row, column: here.column }) === "")
                changes.push([{ row, column: here.column }, textAt(here)]);
    }
    if (changes.length)
        change(changes);
    cellAt(here.row, here.column).focus();
}

function readBlock(text) {
    return text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
}

// An empty cell of what is pasted says nothing, as in a file that is imported. One value goes into all that is selected.
function pasteBlock(text) {
    const block = readBlock(text), s = selection();
    const changes = [];
    if (block.length === 1 && block[0].length === 1) {
        for (const place of selectedPlaces())
            changes.push([place, block[0][0]]);
    } else {
        block.forEach((line, i) => line.forEach((value, k) => {
            const place = { row: s.top + i, column: s.left + k };
            if (value.trim() !== "" && cellAt(place.row, place.column))
                changes.push([place, value]);
        }));
    }
    if (changes.length)
        change(changes);
}

function onPaste(event) {
    const text = event.clipboardData.getData("text/plain"), isBlock = /[\t\n]/.test(text.trim());
    if (!here || !canChange || !text || (editedCell() && !isBlock))
        return;
    event.preventDefault();
    if (editedCell()) {
        endEdit(false);
        cellAt(here.row, here.column).focus();
    }
    pasteBlock(text);
}

function onCopy(event) {
    if (!here || editedCell())
        return;
    const s = selection(), lines = [];
    for (let row = s.top; row <= s.bottom; row++)
        lines.push(columns.slice(s.left, s.right + 1).map((_, k) => textAt({ row, column: s.left + k })).join("\t"));
    event.clipboardData.setData("text/plain", lines.join("\n"));
    event.preventDefault();
}

function clearSelection() {
    change([...selectedPlaces()].map((place) => [place, ""]));
}

function undo() {
    const step = steps.pop();
    if (!step)
        return;
    endEdit(false);
    for (const [place, text] of step)
        setCell(place, text);
    document.getElementById("grid-undo").disabled = !steps.length;
    complain("");
    goTo(step[0][0].row, step[0][0].column);
    pump();
}
