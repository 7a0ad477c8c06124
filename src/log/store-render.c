/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "log/gap.h"
#include "log/store-internal.h"
#include "wire/log-line.h"

/* What of an append is new, and its lines as they go into the file. All of this runs on the worker thread: nothing is logged here. */

#define LINE_END_BYTES 24               /* behind a line's message; so that the commit's memory grows once */

static char *own_host(LogStore *s) {
        return *s->host ? s->host : NULL;
}

/* Whoever has no source is known by the service and the address. */
static void write_sender(char ret[static LIMITS_NAME_SIZE], const char *service, const LogAppend *a) {
        char *end = ret + LIMITS_NAME_SIZE - 1, *p = stpncpy(ret, service, LIMITS_NAME_SIZE - 1);

        if (p < end)
                *p++ = '@';
        *stpncpy(p, a->client, (size_t) (end - p)) = 0;
}

static int render_text(LogStore *s, LogAppend *a) {
        const char *p = a->text, *end = p + a->text_size;
        char sender[LIMITS_NAME_SIZE];
        LogTextHead *head = &s->head;
        int r;

        write_sender(sender, a->service, a);
        a->retry_usec = limits_take(s->limits, sender, s->now_usec, a->n_lines);
        if (a->retry_usec > 0)
                return 0;
        r = log_text_head_set(head, a->received_usec, a->priority, a->service, a->host);
        if (r >= 0)
                r = buffer_reserve(&s->text, a->text_size + a->n_lines * (head->text.size + LINE_END_BYTES));
        while (r >= 0 && p < end) {
                const char *newline = memchr(p, '\n', (size_t) (end - p));
                size_t size = (size_t) ((newline ? newline : end) - p), length = size;

                if (length > 0 && p[length - 1] == '\r')
                        length--;
                if (length > 0) {
                        r = log_line_write_text_record(&s->text, head, p, length);
                        a->stored++;
                        store_write_ahead(s);
                }
                p += size + 1;
        }
        return r;
}

/* 1: it is known already. A gap that it reveals is told before it, in the same commit. */
static int note(LogStore *s, LogAppend *a, const LogRecord *record) {
        DedupGap gap;
        int r = dedup_note(s->dedup, record->source, record->sequence, a->acknowledged, &gap);

        if (r != 0 || gap.first == 0)
                return r;
        a->gaps++;
        a->missing += gap.last - gap.first + 1;
        return gap_write(&s->text, &gap, record, own_host(s), a->received_usec);
}

/* Events and errors are never suppressed: they are few, and what everything else is for. */
static bool is_suppressed(LogStore *s, const LogAppend *a, const LogRecord *r) {
        char name[LIMITS_NAME_SIZE];
        const char *sender = r->source;

        if (a->own || r->message_id || r->priority <= LOG_ERR)
                return false;
        if (!sender) {
                write_sender(name, r->service, a);
                sender = name;
        }
        if (limits_take(s->limits, sender, s->now_usec, 1) == 0)
                return false;
        limits_suppress(s->limits, sender, r->service);
        return true;
}

static int render_records(LogStore *s, LogAppend *a) {
        for (size_t i = 0; i < a->n_records; i++) {
                const LogRecord *record = a->records[i];
                int r = record->sequence > 0 ? note(s, a, record) : 0;

                if (r < 0)
                        return r;
                if (r > 0) {
                        a->duplicates++;
                } else if (is_suppressed(s, a, record)) {
                        a->suppressed++;
                } else {
                        (void) log_line_write(&s->text, record, a->received_usec);
                        a->stored++;
                        store_write_ahead(s);
                }
        }
        return 0;
}

static void take_reports(LogStore *s, LogAppend *a) {
        while (a->n_reports < a->reports_max && limits_report(s->limits, s->now_usec, a->all_reports, &a->reports[a->n_reports]))
                a->n_reports++;
        a->next_report_usec = limits_next_report(s->limits);
}

int store_render(LogStore *s, LogAppend *a) {
        int r = 0;

        if (a->text)
                r = render_text(s, a);
        if (r >= 0 && a->n_records > 0)
                r = render_records(s, a);
        if (a->reports_max > 0)
                take_reports(s, a);
        return r < 0 ? r : s->text.error;
}
