/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/templates.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/mustache.h"

#define SUFFIX ".mustache"
#define TEXT "text."
#define TEMPLATE_MAX (256u << 10)

typedef struct Template {
        char *name;
        Mustache *mustache;
        UT_hash_handle hh;
} Template;

struct Templates {
        Template *all;
};

static const char *const needed[] = {
        "about",
        "assessment",
        "assessment-edit",
        "assessment-new",
        "assessments",
        "class-enrol",
        "class-history",
        "class-new",
        "class-people",
        "class-settings",
        "classes",
        "cluster",
        "cluster-now",
        "grade-page",
        "history-entry",
        "kept",
        "log",
        "log-row",
        "my-grades",
        "password",
        "problem",
        "report",
        "setup",
        "sign-in",
        "student",
        "student-page",
        "students",
        "term",
        "terms",
        "unavailable",
};

static void template_free(Template *t) {
        free(t->name);
        mustache_free(t->mustache);
        free(t);
}

Templates *templates_free(Templates *t) {
        Template *one, *following;

        if (!t)
                return NULL;
        HASH_ITER(hh, t->all, one, following) {
                HASH_DEL(t->all, one);
                template_free(one);
        }
        free(t);
        return NULL;
}

static Template *find(const Templates *t, const char *name) {
        Template *one;

        HASH_FIND_STR(t->all, name, one);
        return one;
}

static int add(Templates *t, const char *name, Mustache *m) {
        Template *one = calloc(1, sizeof(*one));

        if (!one) {
                mustache_free(m);
                return -ENOMEM;
        }
        one->mustache = m;
        one->name = strdup(name);
        if (one->name)
                HASH_ADD_KEYPTR(hh, t->all, one->name, strlen(one->name), one);
        if (!one->name || !one->hh.tbl) {
                template_free(one);
                return -ENOMEM;
        }
        return 0;
}

/* file is NAME.mustache */
static int load_one(Templates *t, const char *directory, const char *file) {
        _cleanup_(freep) char *path = NULL, *text = NULL, *error = NULL, *name = NULL;
        Mustache *m = NULL;
        size_t size;
        int r;

        if (asprintf(&path, "%s/%s", directory, file) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = file_read(path, TEMPLATE_MAX, &text, &size);
        if (r < 0) {
                log_error("Cannot read the template %s: %s", path, strerror(-r));
                return r;
        }
        r = mustache_new(&m, path, text, size, &error);
        if (r < 0) {
                log_error("%s", error ? error : strerror(-r));
                return r;
        }
        name = strndup(file, strlen(file) - strlen(SUFFIX));
        if (!name) {
                mustache_free(m);
                return -ENOMEM;
        }
        return add(t, name, m);
}

static bool is_template(const char *file) {
        size_t size = strlen(file);

        return file[0] != '.' && size > strlen(SUFFIX) && strcmp(file + size - strlen(SUFFIX), SUFFIX) == 0;
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

int templates_load(Templates **ret, const char *directory) {
        _cleanup_(templates_freep) Templates *t = calloc(1, sizeof(*t));
        _cleanup_(closedirp) DIR *d = opendir(directory);
        struct dirent *entry;
        int r = d ? 0 : -errno;

        if (r < 0) {
                log_error("Cannot read the templates in %s: %s", directory, strerror(-r));
                return r;
        }
        if (!t)
                return -ENOMEM;
        while (r >= 0 && (errno = 0, entry = readdir(d)))
                if (is_template(entry->d_name))
                        r = load_one(t, directory, entry->d_name);
        if (r >= 0 && errno > 0)
                r = -errno;
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (!find(t, needed[i])) {
                        log_error("The template %s/%s" SUFFIX " is missing", directory, needed[i]);
                        return -ENOENT;
                }
        *ret = TAKE_PTR(t);
        return 0;
}

typedef struct Partials {
        const Templates *templates;
        const Languages *languages;
        Language language;
} Partials;

static const Mustache *find_partial(const char *name, void *userdata) {
        const Partials *p = userdata;
        Template *one;

        if (strncmp(name, TEXT, strlen(TEXT)) == 0)
                return languages_message(p->languages, p->language, name + strlen(TEXT));
        one = find(p->templates, name);
        return one ? one->mustache : NULL;
}

int templates_render(const Templates *t, const char *name, const Languages *languages, Language language, json_object *view, Buffer *out) {
        Partials partials = { t, languages, language };
        Template *one = find(t, name);

        if (!one)
                return -ENOENT;
        return mustache_render(one->mustache, view, find_partial, &partials, out);
}
