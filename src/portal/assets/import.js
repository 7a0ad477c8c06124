/* SPDX-License-Identifier: LGPL-2.1-or-later */
"use strict";

/* A table is long on its way: says so, and that it is sent once. Without this file the browser's own sign of loading says it. */

/* What is too long is not even sent. */
function checkSize(form) {
        const file = form.querySelector("input[type=file]"), error = form.querySelector("#file-error");
        const isTooLong = file && file.files.length > 0 && file.files[0].size > Number(form.dataset.max);

        if (!error)
                return true;
        if (isTooLong) {
                error.textContent = error.dataset.tooLong;
                file.setAttribute("aria-invalid", "true");
                file.setAttribute("aria-describedby", "file-hint file-error");
                file.focus();
        }
        error.hidden = !isTooLong;
        return !isTooLong;
}

function showBusy(form) {
        const place = form.querySelector(".busy"), bar = document.createElement("progress");

        place.textContent = place.dataset.busy;
        bar.setAttribute("aria-label", place.dataset.busy);
        place.append(bar);
        place.scrollIntoView({ block: "nearest" });
        form.setAttribute("aria-busy", "true");
}

function endBusy(form) {
        form.querySelector(".busy").textContent = "";
        form.removeAttribute("aria-busy");
}

for (const form of document.querySelectorAll("form.import")) {
        const file = form.querySelector("input[type=file]");

        if (file)
                file.addEventListener("change", () => checkSize(form));
        form.addEventListener("submit", event => {
                /* Another page of the plan is no import. */
                if (event.submitter && event.submitter.hasAttribute("formaction"))
                        return;
                if (form.hasAttribute("aria-busy") || !checkSize(form))
                        event.preventDefault();
                else
                        showBusy(form);
        });
        /* Back to a page that the browser has kept. */
        window.addEventListener("pageshow", () => endBusy(form));
}
