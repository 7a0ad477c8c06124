/* SPDX-License-Identifier: LGPL-2.1-or-later */
"use strict";

/* Keeps the middle of the page as it is now. It comes whole, written where the page was: what is kept here is only where somebody was in it. */
(() => {
        const middle = document.querySelector(".cluster");
        const live = document.querySelector(".live");
        const status = document.querySelector("p[role=status].unseen");

        const places = () => new Map([...middle.querySelectorAll(".scroll")].map((box) => [box.id, box.scrollLeft]));

        const show = (html) => {
                const before = middle.querySelector(".summary")?.textContent;
                const left = places();
                const focused = middle.contains(document.activeElement) ? document.activeElement.id : "";

                middle.innerHTML = html;
                for (const [id, at] of left) {
                        const box = document.getElementById(id);
                        if (box)
                                box.scrollLeft = at;
                }
                if (focused)
                        document.getElementById(focused)?.focus({ preventScroll: true });

                /* Only what it all amounts to is said aloud, and only when that is another thing than before. */
                const now = middle.querySelector(".summary")?.textContent ?? middle.querySelector(".notice")?.textContent ?? "";
                if (now !== before)
                        status.textContent = now.trim();
        };

        const tell = (lost) => {
                live.classList.toggle("lost", lost);
                live.querySelector(".live-text").hidden = lost;
                live.querySelector(".lost-text").hidden = !lost;
        };

        let timer = 0;

        const follow = () => {
                const events = new EventSource(middle.dataset.events);

                events.addEventListener("open", () => {
                        clearTimeout(timer);
                        timer = 0;
                        tell(false);
                });
                events.addEventListener("cluster", (event) => show(event.data));
                events.addEventListener("error", () => {
                        /* It ends once a minute in good order, and comes back at once: only what lasts is worth a word. */
                        timer ||= setTimeout(() => tell(true), 3000);
                        if (events.readyState === EventSource.CLOSED)
                                setTimeout(follow, 5000);
                });
        };

        live.hidden = false;
        follow();
})();
