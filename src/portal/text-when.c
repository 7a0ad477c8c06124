/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/language.h"

#include <stddef.h>

/* Dates and times. */
const LanguageText text_when[] = {
        { "Month01", { "Jan", "1月" } },
        { "Month02", { "Feb", "2月" } },
        { "Month03", { "Mar", "3月" } },
        { "Month04", { "Apr", "4月" } },
        { "Month05", { "May", "5月" } },
        { "Month06", { "Jun", "6月" } },
        { "Month07", { "Jul", "7月" } },
        { "Month08", { "Aug", "8月" } },
        { "Month09", { "Sep", "9月" } },
        { "Month10", { "Oct", "10月" } },
        { "Month11", { "Nov", "11月" } },
        { "Month12", { "Dec", "12月" } },
        { "WhenDate", { "{{Day}} {{Month}} {{Year}}", "{{Year}}年{{Month}}{{Day}}日" } },
        { "WhenTime", { "{{Day}} {{Month}} {{Year}}, {{Clock}} {{Zone}}", "{{Year}}年{{Month}}{{Day}}日 {{Clock}} {{Zone}}" } },
        {},
};
