// SPDX-License-Identifier: LGPL-2.1-or-later

function reveal(...ids) {
    for (const id of ids)
        document.getElementById(id).hidden = false;
}

function warnBeforeLeaving(event) {
    endEdit(true);
    if (pending.size)
        event.preventDefault();
}

// Tab goes to the grid, not to each name in it: the arrows lead there.
function becomeGrid() {
    table.setAttribute("role", "grid");
    for (const link of table.querySelectorAll("th a"))
        link.tabIndex = -1;
    standAt({ row: 0, column: 0 });
    table.addEventListener("keydown", onKey);
    table.addEventListener("pointerdown", onPointerDown);
    table.addEventListener("click", onPress);
    table.addEventListener("copy", onCopy);
}

function becomeEditable() {
    prepareInput();
    table.addEventListener("focusout", onLeave);
    table.addEventListener("paste", onPaste);
    document.getElementById("grid-fill").addEventListener("click", fillDown);
    document.getElementById("grid-undo").addEventListener("click", undo);
    document.getElementById("grid-help-plain").hidden = true;
    reveal("grid-fill", "grid-undo", "grid-help");
    window.addEventListener("beforeunload", warnBeforeLeaving);
    window.addEventListener("online", () => { clearTimeout(retryTimer); retryTimer = 0; pump(); });
    if (takeUpKept())
        complain(sayText("kept"));
    pump();
}

if (table) {
    becomeGrid();
    if (canChange)
        becomeEditable();
    beginRefreshing();
}
