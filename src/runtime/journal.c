/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"

#define OWN_FIELDS 8
#define ENTRY_BYTES_MAX (256 * 1024)
#define WAITING_BYTES (64 * 1024)

struct JournalSink {
        char *service;
        char *instance;
        bool connected;         /* stderr is a stream of journald: there is one that listens */
        Buffer text;            /* of the line at hand; kept to spare the allocation */
        sd_event_source *flush; /* NULL: nothing waits */
        Buffer waiting;         /* entries, each an Entry with its text behind it */
};

/* The fields of one entry, "NAME=value" one after the other. */
typedef struct Entry {
        size_t ends[OWN_FIELDS + LOG_FIELDS_MAX];
        size_t n;
} Entry;

static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;

        if (!stream || sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) != 2)
                return false;
        return fstat(STDERR_FILENO, &st) >= 0 && (uint64_t) st.st_dev == device && (uint64_t) st.st_ino == inode &&
               access("/run/systemd/journal/socket", F_OK) >= 0;
}

static void entry_add(Entry *e, Buffer *text, const char *name, const char *value) {
        if (!value || e->n >= ELEMENTSOF(e->ends))
                return;
        (void) buffer_puts(text, name);
        (void) buffer_append(text, "=", 1);
        (void) buffer_puts(text, value);
        e->ends[e->n++] = text->size;
}

static int send_entry(const Entry *e, char *text) {
        struct iovec iov[ELEMENTSOF(e->ends)];
        size_t start = 0;

        for (size_t i = 0; i < e->n; i++) {
                iov[i] = (struct iovec) { .iov_base = text + start, .iov_len = e->ends[i] - start };
                start = e->ends[i];
        }
        return sd_journal_sendv(iov, (int) e->n);
}

static int write_entry(JournalSink *j, const LogLine *line, Entry *e) {
        const char priority[] = { (char) ('0' + line->priority), 0 };
        char sequence[24];

        (void) snprintf(sequence, sizeof(sequence), "%" PRIu64, line->sequence);
        *e = (Entry) {};
        buffer_clear(&j->text);
        entry_add(e, &j->text, "MESSAGE", line->message);
        entry_add(e, &j->text, "PRIORITY", priority);
        entry_add(e, &j->text, "SYSLOG_IDENTIFIER", j->service);
        entry_add(e, &j->text, "GRADEBOOK_SERVICE", j->service);
        entry_add(e, &j->text, "GRADEBOOK_INSTANCE", j->instance);
        entry_add(e, &j->text, "GRADEBOOK_SOURCE", line->source);
        entry_add(e, &j->text, "GRADEBOOK_SEQUENCE", line->source ? sequence : NULL);
        entry_add(e, &j->text, "MESSAGE_ID", line->message_id);
        for (size_t i = 0; i < line->n_fields; i++)
                entry_add(e, &j->text, line->fields[i].name, line->fields[i].value);
        return j->text.error;
}

/* false: there is no room, or nothing may wait. */
static bool add_waiting(JournalSink *j, const Entry *e) {
        size_t before = j->waiting.size;

        if (!j->flush)
                return false;
        (void) buffer_append(&j->waiting, e, sizeof(*e));
        (void) buffer_append(&j->waiting, j->text.data, j->text.size);
        if (j->waiting.error == 0 && sd_event_source_set_enabled(j->flush, SD_EVENT_ONESHOT) >= 0)
                return true;
        j->waiting.error = 0;
        j->waiting.size = before;
        return false;
}

static void flush(JournalSink *j) {
        Entry e;

        for (size_t at = 0; at < j->waiting.size; at += e.ends[e.n - 1]) {
                memcpy(&e, j->waiting.data + at, sizeof(e));
                at += sizeof(e);
                (void) send_entry(&e, j->waiting.data + at);
        }
        buffer_clear(&j->waiting);
}

static int on_flush(sd_event_source *source, void *userdata) {
        flush(userdata);
        return 0;
}

/* What is wrong is told at once: who knows whether this loop turns once more. */
static int take_entry(JournalSink *j, const LogLine *line) {
        Entry e;
        int r = write_entry(j, line, &e);

        if (r < 0)
                return r;
        if (line->priority > LOG_ERR && add_waiting(j, &e))
                return 0;
        flush(j);
        return send_entry(&e, j->text.data);
}

static void write_stderr(JournalSink *j, const LogLine *line) {
        buffer_clear(&j->text);
        (void) buffer_printf(&j->text, "%s: %s", log_priority_name(line->priority), line->message);
        for (size_t i = 0; i < line->n_fields; i++)
                if (line->fields[i].value)
                        (void) buffer_printf(&j->text, " %s=%s", line->fields[i].name, line->fields[i].value);
        (void) buffer_append(&j->text, "\n", 1);
        /* One write, so that lines of several daemons on one terminal stay whole; where stderr is gone nobody reads. */
        if (j->text.size > 0)
                (void) fd_write_all(STDERR_FILENO, j->text.data, j->text.size);
}

static void journal_sink(const LogLine *line, void *userdata) {
        JournalSink *j = userdata;

        if (!j->connected || take_entry(j, line) < 0)
                write_stderr(j, line);
}

int journal_sink_new(JournalSink **ret, const char *service) {
        _cleanup_(journal_sink_freep) JournalSink *j = calloc(1, sizeof(*j));

        if (!j)
                return -ENOMEM;
        j->text = BUFFER_MAX(ENTRY_BYTES_MAX);
        j->waiting = BUFFER_MAX(WAITING_BYTES);
        j->connected = stderr_is_journal();
        if (text_replace(&j->service, service) < 0)
                return -ENOMEM;
        log_add_sink(journal_sink, j);
        *ret = TAKE_PTR(j);
        return 0;
}

int journal_sink_set_instance(JournalSink *j, const char *instance) {
        return text_replace(&j->instance, instance);
}

int journal_sink_set_event(JournalSink *j, sd_event *event) {
        int r = sd_event_add_defer(event, &j->flush, on_flush, j);

        return r < 0 ? r : sd_event_source_set_enabled(j->flush, SD_EVENT_OFF);
}

JournalSink *journal_sink_free(JournalSink *j) {
        if (!j)
                return NULL;
        log_remove_sink(journal_sink, j);
        flush(j);
        (void) sd_event_source_disable_unref(j->flush);
        buffer_deinit(&j->text);
        buffer_deinit(&j->waiting);
        free(j->service);
        free(j->instance);
        free(j);
        return NULL;
}
