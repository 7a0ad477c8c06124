/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/url-list.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/url.h"

#define SEPARATORS " \t\r\n,"

static size_t item_size(const char *item) {
        return strcspn(item, SEPARATORS);
}

/* The next one; NULL: that was the last. */
static const char *next_item(const char *item) {
        item += item_size(item);
        item += strspn(item, SEPARATORS);
        return *item ? item : NULL;
}

static const char *first_item(const char *list) {
        list += strspn(list, SEPARATORS);
        return *list ? list : NULL;
}

bool url_list_has(const char *list, const char *url) {
        size_t size = strlen(url);

        for (const char *item = first_item(list); item; item = next_item(item))
                if (item_size(item) == size && memcmp(item, url, size) == 0)
                        return true;
        return false;
}

size_t url_list_count(const char *list) {
        size_t n = 0;

        for (const char *item = first_item(list); item; item = next_item(item))
                n++;
        return n;
}

char *url_list_item(const char *list, size_t n) {
        size_t count = url_list_count(list);
        const char *item = first_item(list);

        for (n = count > 0 ? n % count : 0; item && n > 0; n--)
                item = next_item(item);
        return item ? strndup(item, item_size(item)) : strdup("");
}

int url_list_read(const char *text, const char *member, char **ret, Problem *problem) {
        _cleanup_(buffer_deinit) Buffer list = BUFFER_NULL;
        size_t n = 0;
        int r;

        for (const char *item = first_item(text); item; item = next_item(item)) {
                _cleanup_(freep) char *url = strndup(item, item_size(item));

                if (!url)
                        return -ENOMEM;
                r = url_check(url, member, problem);
                if (r < 0)
                        return r;
                if (url_list_has(buffer_text(&list), url))
                        continue;
                if (++n > URL_LIST_MAX)
                        return problem_set(problem, 400, "Member '%s' must have at most %d URLs", member, URL_LIST_MAX);
                (void) buffer_printf(&list, "%s%s", list.size > 0 ? " " : "", url);
        }
        if (n == 0)
                return url_check("", member, problem);

        *ret = buffer_take(&list, NULL);
        return *ret ? 0 : -ENOMEM;
}
