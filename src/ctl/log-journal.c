/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/parse.h"
#include "ctl/ctl.h"

struct LogJournal {
        sd_journal *journal;
        bool empty;             /* no daemon has ever written to it */
        uint64_t damaged;
        Buffer source, service, message, other;
};

LogJournal *log_journal_free(LogJournal *j) {
        if (!j)
                return NULL;
        sd_journal_close(j->journal);
        buffer_deinit(&j->source);
        buffer_deinit(&j->service);
        buffer_deinit(&j->message);
        buffer_deinit(&j->other);
        free(j);
        return NULL;
}

/* libsystemd leaves out files that one may not read without a word, and nothing would seem to be there. */
static int check_access(void) {
        static const char *const directories[] = { "/var/log/journal", "/run/log/journal" };
        char path[128], id[SD_ID128_STRING_MAX];
        sd_id128_t machine;
        bool found = false;

        if (sd_id128_get_machine(&machine) < 0)
                return ctl_fail(CTL_FAILURE, "this machine has no machine-id(5), and so no journal");
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                (void) snprintf(path, sizeof(path), "%s/%s/system.journal", directories[i], sd_id128_to_string(machine, id));
                if (access(path, R_OK) >= 0) {
                        found = true;
                } else if (errno == EACCES) {
                        return ctl_fail(CTL_REFUSED, "no permission to read this machine's journal (%s): run it with sudo, or as a member of the "
                                        "group systemd-journal or adm", path);
                }
        }
        return found ? CTL_OK : ctl_fail(CTL_NOT_FOUND, "this machine has no journal: systemd-journald(8) does not run, or keeps none (Storage= in journald.conf(5))");
}

/* Only entries of daemons of gradebook: one match for each that is there. */
static int add_matches(LogJournal *j) {
        const void *data;
        size_t size;
        int r;

        r = sd_journal_query_unique(j->journal, "GRADEBOOK_SERVICE");
        if (r < 0)
                return r;
        j->empty = true;
        SD_JOURNAL_FOREACH_UNIQUE(j->journal, data, size) {
                j->empty = false;
                r = sd_journal_add_match(j->journal, data, size);
                if (r < 0)
                        return r;
        }
        return 0;
}

int log_journal_open(LogJournal **ret) {
        _cleanup_(log_journal_freep) LogJournal *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return ctl_fail(CTL_FAILURE, "out of memory");
        r = check_access();
        if (r != CTL_OK)
                return r;
        r = sd_journal_open(&j->journal, SD_JOURNAL_LOCAL_ONLY);
        if (r >= 0)
                r = sd_journal_set_data_threshold(j->journal, 0);
        if (r >= 0)
                r = add_matches(j);
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "this machine's journal cannot be read: %s", strerror(-r));
        *ret = TAKE_PTR(j);
        return CTL_OK;
}

int log_journal_seek(LogJournal *j, uint64_t since_usec) {
        return sd_journal_seek_realtime_usec(j->journal, since_usec);
}

/* A field's value; -ENOENT if the entry has none. */
static int get(LogJournal *j, const char *field, Buffer *ret) {
        const void *data;
        size_t size, skip = strlen(field) + 1;
        int r;

        r = sd_journal_get_data(j->journal, field, &data, &size);
        if (r < 0)
                return r;
        buffer_clear(ret);
        return size < skip ? -EBADMSG : buffer_append(ret, (const char *) data + skip, size - skip);
}

/* 1; 0 if the entry is none of those. */
static int read_entry(LogJournal *j, ComparedLine *ret) {
        uint64_t priority = LOG_INFO, sequence, usec;
        int r;

        r = sd_journal_get_realtime_usec(j->journal, &usec);
        if (r >= 0)
                r = get(j, "GRADEBOOK_SEQUENCE", &j->other);
        if (r >= 0)
                r = parse_uint64(buffer_text(&j->other), &sequence);
        if (r >= 0)
                r = get(j, "PRIORITY", &j->other);
        if (r >= 0)
                (void) parse_uint64(buffer_text(&j->other), &priority);
        if (r >= 0)
                r = get(j, "GRADEBOOK_SOURCE", &j->source);
        if (r >= 0)
                r = get(j, "GRADEBOOK_SERVICE", &j->service);
        if (r >= 0)
                r = get(j, "MESSAGE", &j->message);
        if (r == -ENOENT || r == -EINVAL || r == -ERANGE || (r >= 0 && sequence == 0))
                return 0;
        if (r < 0)
                return r;
        *ret = (ComparedLine) {
                .source = buffer_text(&j->source),
                .sequence = sequence,
                .time_usec = usec,
                .service = buffer_text(&j->service),
                .message = buffer_text(&j->message),
        };
        ret->important = priority <= LOG_ERR || get(j, "MESSAGE_ID", &j->other) >= 0;
        return 1;
}

int log_journal_next(LogJournal *j, ComparedLine *ret) {
        for (;;) {
                int r = j->empty ? 0 : sd_journal_next(j->journal);

                if (r <= 0)
                        return r;
                r = read_entry(j, ret);
                if (r > 0 || r == -ENOMEM)
                        return r;
                /* journald's own word for what is damaged. */
                j->damaged += r < 0;
        }
}

uint64_t log_journal_damaged(const LogJournal *j) {
        return j->damaged;
}
