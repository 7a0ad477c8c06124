// SPDX-License-Identifier: LGPL-2.1-or-later

// From the cells to grading, in the background, a few at a time. What does not get there stays, and is sent again by itself.

const AT_ONCE = 4;
const ANSWER_MS = 5000;     // what takes longer has not come; with the same key it may be asked for again
const RETRY_MS = [1000, 2000, 4000, 8000];
let active = 0;
let failures = 0;           // one after the other
let retryTimer = 0;
let isAway = false;
let isSignedOut = false;
let hasSaved = false;
let saves = 0;              // so far

function api(path) {
    return "/api/GradingService" + path;
}

function pump() {
    if (retryTimer || isSignedOut)
        return;
    for (const p of pending.values()) {
        if (active >= AT_ONCE || (isAway && active > 0))
            break;          // while it is away one asks for all
        if (p.state === "waiting")
            send(p);
    }
    if (!active && dirty.size)
        freshenSoon();
}

async function send(p) {
    const text = p.text, grade = readGrade(text, columns[p.place.column].max), [student, assessment] = p.key.split("-");
    p.state = "saving";
    if (!p.sent.includes(text))
        p.sent.push(text);
    keep(p);
    active++;
    let answer = null, json = null;
    try {
        answer = await fetch(api(`/assessments/${assessment}/grades/${student}`), {
            method: "PUT",
            headers: {
                "Content-Type": "application/json",
                "Idempotency-Key": p.id,
                ...(p.version === "0" ? { "If-None-Match": "*" } : { "If-Match": `"v${p.version}"` }),
            },
            body: JSON.stringify(grade),
            signal: AbortSignal.timeout(ANSWER_MS),
        });
        json = await answer.json();
    } catch {
        // No answer, or only a part of one: it may have got there, and is asked for again with the same key.
        answer = answer && answer.status >= 400 ? answer : null;
    }
    active--;
    settle(p, text, answer, json);
    tellAll();
    pump();
}

function settle(p, text, answer, json) {
    if (!answer || answer.status >= 500 || answer.status === 429 || answer.status === 408)
        later(p, answer);
    else if (answer.status === 401)
        signedOut(p);
    else if (answer.ok)
        saved(p, text, json);
    else if (answer.status === 409 && json && "Yours" in json)
        conflict(p, json);
    else
        refuse(p, json);
}

function answered() {
    failures = 0;
    isAway = false;
}

function saved(p, text, grade) {
    answered();
    hasSaved = true;
    saves++;
    dirty.add(rows[p.place.row].id);
    rows[p.place.row].versions[p.place.column] = String(grade.Version);
    if (p.text === text) {
        forget(p);
        unmark(p.place, text);
        flash(cellAt(p.place.row, p.place.column), "saved");
        return;
    }
    // Something else was typed meanwhile: that is a change of what is there now.
    const isGood = readGrade(p.text, columns[p.place.column].max);
    Object.assign(p, { base: text, version: String(grade.Version), sent: [], id: newID(), state: isGood ? "waiting" : "wrong" });
    keep(p);
    mark(p);
}

function later(p, answer) {
    const wait = Number(answer && answer.headers.get("Retry-After"));
    p.state = "waiting";
    mark(p);
    // Too many at once is not being away.
    isAway = !(answer && answer.status === 429);
    if (retryTimer)
        return;
    const ms = wait > 0 && wait < 60 ? wait * 1000 : RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
    failures++;
    retryTimer = setTimeout(() => { retryTimer = 0; pump(); }, ms);
}

function signedOut(p) {
    p.state = "waiting";
    mark(p);
    isSignedOut = true;
    askWhoIn(3000);
}

let whoTimer = 0;

function askWhoIn(ms) {
    clearTimeout(whoTimer);
    whoTimer = setTimeout(askWhoIsThere, ms);
}

// Who comes back from signing in elsewhere has not to wait.
document.addEventListener("visibilitychange", () => {
    if (isSignedOut && !document.hidden)
        askWhoIn(0);
});

// After signing in, in another window. Who is another person then saves nothing of this one's.
async function askWhoIsThere() {
    if (!isSignedOut)
        return;
    try {
        const answer = await fetch(api("/sessions/current"), { cache: "no-store" });
        const json = answer.ok ? await answer.json() : null;
        if (json && String(json.Account ? json.Account.ID ?? json.Account : 0) === table.dataset.me) {
            isSignedOut = false;
            tellAll();
            pump();
            return;
        }
    } catch { /* the next time */ }
    askWhoIn(document.hidden ? 15000 : 3000);
}

// What was sent before, and got there though the answer did not, is no other's.
function conflict(p, problem) {
    answered();
    const now = problem.Current || { State: "blank", Version: 0 };
    const text = writeGrade(now), version = String(now.Version);
    if (text === p.text) {
        saved(p, p.text, now);
    } else if (p.sent.includes(text) && p.sent[p.sent.length - 1] !== text) {
        Object.assign(p, { base: text, version, sent: [], id: newID(), state: "waiting" });
        keep(p);
    } else {
        p.theirs = { text, version, at: problem.ChangedAt };
        p.state = "conflict";
        keep(p);
        askPerson(p);
    }
}

function refuse(p, problem) {
    answered();
    p.why = (problem && problem.detail) || "";
    p.state = "refused";
    askPerson(p);
}
