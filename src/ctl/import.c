/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/text.h"
#include "ctl/connection.h"
#include "ctl/import-report.h"
#include "ctl/log-options.h"
#include "ctl/progress.h"
#include "wire/json.h"

#define FILE_MAX ((size_t) 32 << 20)    /* as much as GradingService takes */
#define IMPORT_USEC (UINT64_C(600) * 1000000)
#define DEFAULT_CLASS "1"               /* of GradingService, for those that are in no other */

const CtlOption ctl_import_options[] = {
        { "class", 0, "ID", "The class that it is for" },
        { "dry-run", 'n', NULL, "Only tell what would be done" },
        { "released", 0, NULL, "Students see new assessments; otherwise they are drafts" },
        { "keep", 0, NULL, "Change nothing that is there: a row that would is an error" },
        { "reason", 0, "TEXT", "Why, for the ledger" },
        { .name = NULL },
};

typedef struct Import {
        const Ctl *ctl;
        const char *file;               /* as it is called in messages */
        char *text;
        size_t size;
        Buffer path;                    /* with its query */
} Import;

static void import_deinit(Import *i) {
        free(i->text);
        buffer_deinit(&i->path);
}

static int read_input(Import *i) {
        Buffer all = BUFFER_MAX(FILE_MAX + 1);

        for (;;) {
                char block[65536];
                ssize_t n = read(STDIN_FILENO, block, sizeof(block));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 || (n > 0 && buffer_append(&all, block, (size_t) n) < 0)) {
                        int r = n < 0 ? -errno : all.error;

                        buffer_deinit(&all);
                        return r;
                }
                if (n == 0)
                        break;
        }
        i->text = buffer_take(&all, &i->size);
        return !i->text ? -ENOMEM : i->size > FILE_MAX ? -EFBIG : 0;
}

static int read_file(Import *i, const char *path) {
        bool is_stdin = strcmp(path, "-") == 0;
        size_t length;
        unsigned line = 1;
        int r;

        i->file = is_stdin ? "<stdin>" : path;
        r = is_stdin ? read_input(i) : file_read(path, FILE_MAX, &i->text, &i->size);
        if (r == -EFBIG)
                return ctl_fail(CTL_FAILURE, "%s: a table has at most 32 MiB", i->file);
        if (r < 0)
                return ctl_fail(r == -ENOENT ? CTL_NOT_FOUND : CTL_FAILURE, "%s: %s", i->file, strerror(-r));
        length = strlen(i->text);
        if (length == i->size)
                return CTL_OK;
        for (size_t k = 0; k < length; k++)
                line += i->text[k] == '\n';
        (void) fprintf(stderr, "%s:%u: the file contains a NUL\n", i->file, line);
        return ctl_fail(CTL_FAILURE, "%s has 1 error: nothing was changed", i->file);
}

static int send_table(Import *i, Call *call) {
        _cleanup_(connection_freep) Connection *c = NULL;
        Progress progress;
        size_t rows = 0;
        int code;

        if (i->path.error < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(-i->path.error));
        code = connection_open(i->ctl, &c);
        if (code == CTL_OK)
                code = connection_prepare(c, PEER_GRADING, i->path.data, call);
        if (code != CTL_OK)
                return code;
        call->method = "POST";
        call->text = i->text;
        call->content_type = "text/csv; charset=utf-8";
        call->timeout_usec = IMPORT_USEC;
        for (size_t k = 0; k < i->size; k++)
                rows += i->text[k] == '\n';
        /* The service does it in one go, or not at all: there is nothing between none and all. */
        progress_begin(&progress, "lines", rows, i->ctl->json);
        code = connection_run(c, call, 1);
        if (code == CTL_OK && call->error >= 0 && call->status < 300)
                progress_advance(&progress, rows);
        progress_end(&progress);
        return code;
}

static int run(Import *i, bool dry_run) {
        _cleanup_(json_unrefp) json_object *report = NULL;
        _cleanup_(call_deinit) Call call = {};
        int code = send_table(i, &call);

        if (code != CTL_OK)
                return code;
        if (call.error < 0 || (call.status >= 300 && call.status != 422))
                return connection_check(PEER_GRADING, &call);
        if (json_parse_object(call.answer, call.answer_size, &report, NULL) < 0)
                return ctl_fail(CTL_FAILURE, "GradingService answers what is no report");
        if (call.status == 422 && !json_object_object_get_ex(report, "Errors", NULL))
                return connection_check(PEER_GRADING, &call);
        return import_report_print(i->ctl, report, i->file, dry_run);
}

static int add_name(Import *i) {
        _cleanup_(freep) char *copy = strdup(i->file);
        const char *name;

        if (!copy)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        name = basename(copy);
        /* A name that cannot be told is left out. */
        if (text_is_utf8(name, strlen(name)) && text_is_plain(name, strlen(name)) && text_length(name) <= 200)
                log_query_add(&i->path, "name", name);
        return CTL_OK;
}

int ctl_import(Ctl *ctl, char *arguments[]) {
        _cleanup_(import_deinit) Import i = { .ctl = ctl };
        const char *class = ctl_option(ctl, "class"), *reason = ctl_option(ctl, "reason");
        bool dry_run = ctl_option(ctl, "dry-run");
        uint64_t id;
        int code;

        if (!class)
                return ctl_fail(CTL_USAGE, "import: --class=ID is missing");
        if (parse_uint64(class, &id) < 0)
                return ctl_fail(CTL_USAGE, "import: \"%s\" is not a class's ID", class);
        code = read_file(&i, arguments[0]);
        if (code != CTL_OK)
                return code;
        (void) buffer_printf(&i.path, "/imports?class=%" PRIu64, id);
        if (dry_run)
                log_query_add(&i.path, "dry-run", "yes");
        if (ctl_option(ctl, "released"))
                log_query_add(&i.path, "released", "yes");
        if (ctl_option(ctl, "keep"))
                log_query_add(&i.path, "overwrite", "no");
        if (reason)
                log_query_add(&i.path, "reason", reason);
        code = add_name(&i);
        return code == CTL_OK ? run(&i, dry_run) : code;
}

/* Into the default class, as grades in the fixed form go, and overwriting nothing. */
int ctl_students_import(Ctl *ctl, char *arguments[]) {
        _cleanup_(import_deinit) Import i = { .ctl = ctl };
        int code = read_file(&i, arguments[0]);

        if (code != CTL_OK)
                return code;
        (void) buffer_puts(&i.path, "/imports?class=" DEFAULT_CLASS "&released=yes&overwrite=no");
        code = add_name(&i);
        return code == CTL_OK ? run(&i, false) : code;
}
