/* SPDX-License-Identifier: LGPL-2.1-or-later */
"use strict";

/* Puts new lines at the top as they come. They come as rows, written where the page was. */
(() => {
        const rowsMax = 500;            /* the oldest go: a page that is left open stays as small as it is */
        const sayEvery = 5000;          /* milliseconds */
        const box = document.getElementById("follow");
        if (!box)
                return;

        const lines = document.getElementById("lines");
        const body = lines.querySelector("tbody");
        const status = document.querySelector("p[role=status][data-label]");
        const empty = document.querySelector("p.empty");
        const button = box.querySelector("button");
        let events = null, last = "", waiting = [], unsaid = 0, lostTimer = 0, againTimer = 0;

        const showOne = (selector, shown) => {
                box.querySelector(selector).hidden = !shown;
        };

        const tell = (state) => {
                box.dataset.state = state;
                showOne(".live-text", state === "live");
                showOne(".paused-text", state === "paused");
                showOne(".lost-text", state === "lost");
                showOne(".pause", state !== "paused");
                showOne(".go-on", state === "paused");
        };

        /* All that came since the last frame at once: a burst costs one layout. */
        const flush = () => {
                const rows = waiting.splice(0).slice(-rowsMax);

                if (rows.length === 0)
                        return;
                empty?.remove();
                lines.hidden = false;
                body.insertAdjacentHTML("afterbegin", rows.reverse().join(""));
                while (body.rows.length > rowsMax)
                        body.rows[body.rows.length - 1].remove();
        };

        const take = (event) => {
                last = event.lastEventId;
                unsaid++;
                waiting.push(event.data);
                if (waiting.length === 1)
                        requestAnimationFrame(flush);
                else if (waiting.length > rowsMax)
                        waiting.shift();        /* no frames come while the page is not seen */
        };

        const follow = () => {
                const url = new URL(box.dataset.follow, location.href);

                if (last)
                        url.searchParams.set("after", last);
                events = new EventSource(url);
                events.addEventListener("open", () => {
                        clearTimeout(lostTimer);
                        lostTimer = 0;
                        tell("live");
                });
                events.addEventListener("line", take);
                events.addEventListener("error", () => {
                        /* It ends once a minute in good order, and comes back at once: only what lasts is worth a word. */
                        lostTimer ||= setTimeout(() => tell("lost"), 3000);
                        if (events.readyState === EventSource.CLOSED)
                                againTimer = setTimeout(follow, 5000);
                });
        };

        button.addEventListener("click", () => {
                if (box.dataset.state === "paused") {
                        tell("live");
                        follow();
                } else {
                        clearTimeout(lostTimer);
                        clearTimeout(againTimer);
                        lostTimer = 0;
                        events.close();
                        flush();
                        tell("paused");
                }
        });

        /* How many, now and then: nobody wants to have each line read aloud. */
        setInterval(() => {
                if (unsaid > 0)
                        status.textContent = `${status.dataset.label} ${unsaid}`;
                unsaid = 0;
        }, sayEvery);

        box.hidden = false;
        tell("live");
        follow();
})();
