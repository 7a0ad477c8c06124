/* SPDX-License-Identifier: LGPL-2.1-or-later */
"use strict";

/* The button that copies what is shown once; without this file it stays hidden, and the text is selected by hand. */
for (const button of document.querySelectorAll("button[data-copy]")) {
        const field = document.getElementById(button.dataset.copy), said = document.getElementById(button.dataset.said);

        button.hidden = !navigator.clipboard;
        field.addEventListener("focus", () => field.select());
        button.addEventListener("click", async () => {
                await navigator.clipboard.writeText(field.value);
                said.textContent = button.dataset.done;
        });
}
