// SPDX-License-Identifier: LGPL-2.1-or-later

// What others have saved comes in quietly, and never over what is being typed.

const REFRESH_MS = 10000;
const FEW = 4;              // rows, whose averages are asked for one by one
const dirty = new Set();    // students whose averages have changed
let tag = table ? table.dataset.tag : "";
let isOutdated = false;     // the page has other rows or columns by now
let freshenTimer = 0;
let isRefreshing = false;

function freshenSoon() {
    if (!freshenTimer)
        freshenTimer = setTimeout(() => { freshenTimer = 0; freshenAverages(); }, 400);
}

function writeAverage(average) {
    const parts = [];
    if (average.Average !== null && average.Average !== undefined)
        parts.push(String(average.Average));
    if (average.Letter) {
        const letter = document.createElement("b");
        letter.textContent = average.Letter;
        parts.push(" ", letter);
    }
    return parts;
}

function showAverages(row, soFar, zero) {
    const cells = row.tr.cells;
    cells[columns.length + 1].replaceChildren(...soFar);
    cells[columns.length + 2].replaceChildren(...zero);
}

async function freshenAverages() {
    const students = [...dirty];
    dirty.clear();
    if (students.length > FEW) {
        refresh();
        return;
    }
    for (const student of students) {
        try {
            const answer = await fetch(api(`/students/${student}/averages`), { cache: "no-store" });
            const json = answer.ok ? await answer.json() : { Items: [] };
            const found = json.Items.find((item) => String(item.Class) === table.dataset.class);
            if (found)
                showAverages(rows[rowOf.get(student)], writeAverage(found.SoFar), writeAverage(found.BlanksAsZero));
        } catch {
            // The next look at the whole page brings them.
        }
    }
}

function hasSameShape(other) {
    const ids = [...other.tHead.rows[0].cells].map((th) => th.dataset.id).filter(Boolean);
    return other.tBodies[0].rows.length === rows.length && ids.join() === columns.map((column) => column.id).join() &&
        rows.every((row, i) => other.tBodies[0].rows[i].dataset.id === row.id);
}

// wasQuiet: nothing was being saved while it was made, so that it is not older than what is here. True: it has to be looked at again.
function takeCell(row, i, td, version, wasQuiet) {
    const place = { row: i, column: td.cellIndex - 1 }, mine = row.tr.cells[td.cellIndex];
    const p = pending.get(keyOf(place));
    if (version === row.versions[place.column])
        return false;
    if (p || mine === editedCell())
        return true;        // saving finds out that there is another version
    if (!wasQuiet && Number(version) <= Number(row.versions[place.column]))
        return true;
    const isOther = mine.textContent !== td.textContent;
    row.versions[place.column] = version;
    mine.className = td.className;
    mine.textContent = td.textContent;
    if (isOther)
        flash(mine, "fresh");
    return false;
}

function takePage(other, wasQuiet) {
    let isWhole = wasQuiet;
    isOutdated = !hasSameShape(other);
    if (isOutdated)
        return true;
    rows.forEach((row, i) => {
        const tr = other.tBodies[0].rows[i], versions = tr.dataset.v.split(" ");
        // Most rows are as they were.
        if (tr.dataset.v !== row.versions.join(" "))
            versions.forEach((version, column) => {
                if (takeCell(row, i, tr.cells[column + 1], version, wasQuiet))
                    isWhole = false;
            });
        if (!dirty.has(row.id) && wasQuiet)
            showAverages(row, [...tr.cells[columns.length + 1].childNodes], [...tr.cells[columns.length + 2].childNodes]);
    });
    return isWhole;
}

async function refresh() {
    if (isRefreshing || isSignedOut)
        return;
    isRefreshing = true;
    const before = saves;
    try {
        const answer = await fetch(location.pathname, { cache: "no-store", redirect: "manual", headers: { "If-None-Match": `W/"${tag}"` } });
        if (answer.ok) {
            const other = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("grid");
            if (other) {
                // Where something was left out, the next one shall not be a 304.
                tag = takePage(other, saves === before && active === 0) ? other.dataset.tag : "";
            } else {
                isOutdated = true;
            }
            tellAll();
        }
    } catch {
        // It is away; the next time.
    }
    isRefreshing = false;
}

function beginRefreshing() {
    setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
    window.addEventListener("focus", refresh);
}
