// SPDX-License-Identifier: LGPL-2.1-or-later

// What somebody has to decide: a line for each, with two buttons.

const conflictList = document.getElementById("grid-conflicts");

function timeOf(text) {
    const time = new Date(text || Date.now());
    return new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }).format(time);
}

function describe(p) {
    const name = nameCell(p.place), mine = p.text || sayText("empty");
    if (p.state === "refused")
        return sayText("refused", { ...name, mine, why: p.why });
    return sayText("conflict", { ...name, mine, theirs: p.theirs.text || sayText("empty"), time: timeOf(p.theirs.at) });
}

function addButton(line, key, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sayText(key);
    button.addEventListener("click", act);
    line.append(button);
}

// Where one was is gone with the line: the next one's button, or else the cell.
function decide(p, line, next) {
    const other = line.nextElementSibling || line.previousElementSibling;
    line.remove();
    next();
    if (other)
        other.querySelector("button").focus();
    else
        goTo(p.place.row, p.place.column);
    tellAll();
    pump();
}

function keepMine(p) {
    if (p.theirs) {
        p.version = p.theirs.version;
        p.base = p.theirs.text;
        rows[p.place.row].versions[p.place.column] = p.version;
    }
    const grade = readGrade(p.text, columns[p.place.column].max);
    Object.assign(p, { theirs: null, sent: [], id: newID(), state: grade ? "waiting" : "wrong" });
    keep(p);
    mark(p);
}

function takeTheirs(p) {
    const text = p.theirs ? p.theirs.text : p.base;
    if (p.theirs)
        rows[p.place.row].versions[p.place.column] = p.theirs.version;
    forget(p);
    unmark(p.place, text);
}

function lineOf(p) {
    return [...conflictList.children].find((line) => line.dataset.key === p.key);
}

// The cell is typed into again: what was refused is sent anew, a conflict is about another text.
function updateLine(p) {
    const line = lineOf(p);
    if (line && p.state === "conflict")
        line.firstChild.textContent = describe(p);
    else if (line)
        line.remove();
}

function askPerson(p) {
    let line = lineOf(p);
    if (!line) {
        line = document.createElement("p");
        line.dataset.key = p.key;
        line.append(document.createElement("span"));
        addButton(line, "mine", () => decide(p, line, () => keepMine(p)));
        addButton(line, "theirs", () => decide(p, line, () => takeTheirs(p)));
        conflictList.append(line);
    }
    line.firstChild.textContent = describe(p);
    mark(p);
}
