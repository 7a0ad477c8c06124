/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/service.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

int log_service_new(Runtime *rt, void **ret) {
        LogService *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->rt = rt;
        l->config = rt->config;
        r = log_config_check(l->config);
        if (r >= 0)
                r = store_new(&l->store, rt->event, rt->logs_directory, l->config, get_grown, l);
        if (r >= 0) {
                r = suppressed_new(&l->suppressed, rt->event, l->store);
                if (r >= 0)
                        r = http_body_new(&l->empty, NULL, "", 0);
                if (r >= 0)
                        r = get_init(l);
                if (r < 0)
                        log_error("The log cannot be served: %s", strerror(-r));
        }
        if (r < 0) {
                (void) log_service_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

int log_service_reload(void *service, const void *old) {
        LogService *l = service;
        const LogConfig *new = l->rt->config;
        int r;

        r = log_config_check(new);
        if (r < 0)
                return r;
        if (strcmp(new->store, l->config->store) != 0) {
                log_error("log.conf: Store= cannot be changed while the log runs: restart it, or put back what was there");
                return -EINVAL;
        }
        l->config = new;
        store_set_limits(l->store, l->config);
        return 0;
}

void log_service_stop(void *service) {
        LogService *l = service;

        l->stopping = true;
        get_stop(l);
}

static void append_grouped(Buffer *out, uint64_t n) {
        if (n >= 1000) {
                append_grouped(out, n / 1000);
                (void) buffer_printf(out, ",%03" PRIu64, n % 1000);
        } else {
                (void) buffer_printf(out, "%" PRIu64, n);
        }
}

void log_service_status(void *service, Buffer *out) {
        LogService *l = service;
        LogStoreCounters c = store_counters(l->store);
        ArchiveTotal total = archive_total(store_archive(l->store));
        char since[CLOCK_TEXT_SIZE], why[STORE_WHY_SIZE];

        append_grouped(out, c.records);
        (void) buffer_printf(out, " records, %" PRIu64 " MiB in %zu %s%s, %zu follower%s", total.bytes >> 20, total.files,
                             c.database ? "partition" : "file", total.files == 1 ? "" : "s", l->n_followers, l->n_followers == 1 ? "" : "s");
        if (c.error < 0) {
                clock_format_utc(c.failed_since_usec, since);
                store_why(l->store, c.error, why);
                (void) buffer_printf(out, "; cannot write since %s: %s", since, why);
        }
}

void *log_service_free(void *service) {
        LogService *l = service;

        if (!l)
                return NULL;
        l->stopping = true;
        get_deinit(l);                  /* answers who still waits, as the time to do it better is over */
        if (l->suppressed)
                suppressed_finish(l->suppressed);
        l->store = store_free(l->store);
        l->suppressed = suppressed_free(l->suppressed);
        l->empty = http_body_unref(l->empty);
        free(l);
        return NULL;
}

/* ---- metrics ---- */

#define LOG_METRIC(name, value)                                          \
        static void read_##name(MetricWriter *w, void *service) {        \
                LogService *l = service;                                 \
                LogStoreCounters c = store_counters(l->store);           \
                                                                         \
                (void) c;                                                \
                metric_write(w, value);                                  \
        }

LOG_METRIC(records, c.stored)
LOG_METRIC(duplicates, c.duplicates)
LOG_METRIC(bytes, c.bytes)
LOG_METRIC(commits, c.commits)
LOG_METRIC(suppressed, c.suppressed)
LOG_METRIC(limited, c.limited)
LOG_METRIC(gaps, c.gaps)
LOG_METRIC(missing, c.missing)
LOG_METRIC(open_gaps, c.open_gaps)
LOG_METRIC(failures, c.failures)
LOG_METRIC(failed, c.error < 0)
LOG_METRIC(sources, c.sources)
LOG_METRIC(files, archive_total(store_archive(l->store)).files)
LOG_METRIC(file_bytes, archive_total(store_archive(l->store)).bytes)
LOG_METRIC(raw_bytes, archive_total(store_archive(l->store)).raw_bytes)
LOG_METRIC(compressed_files, archive_total(store_archive(l->store)).compressed)
LOG_METRIC(expired_files, c.expired)
LOG_METRIC(compressions, c.tidy.compressed)
LOG_METRIC(reindexed_files, c.tidy.indexed)
LOG_METRIC(tidy_failures, c.tidy.failures)
LOG_METRIC(damaged, c.damaged)
LOG_METRIC(followers, l->n_followers)
LOG_METRIC(followers_cut, l->followers_cut)
LOG_METRIC(relists, l->relists)
LOG_METRIC(connected, c.connected)
LOG_METRIC(connects, c.connects)
LOG_METRIC(unknown, c.unknown)
LOG_METRIC(searches, l->searches)
LOG_METRIC(scanned_bytes, l->scanned_bytes)

const MetricItem log_metrics[] = {
        { "gradebook_log_records_total", METRIC_COUNTER, "Records stored since the start", read_records },
        { "gradebook_log_duplicates_total", METRIC_COUNTER, "Records that came again and were not stored twice", read_duplicates },
        { "gradebook_log_suppressed_total", METRIC_COUNTER, "Records that their sender's rate limit kept out", read_suppressed },
        { "gradebook_log_limited_requests_total", METRIC_COUNTER, "Bodies of text that were refused by their sender's rate limit", read_limited },
        { "gradebook_log_gaps_total", METRIC_COUNTER, "Gaps that were found in what sources send", read_gaps },
        { "gradebook_log_missing_records_total", METRIC_COUNTER, "Records that were missing when their gap was found", read_missing },
        { "gradebook_log_open_gaps", METRIC_GAUGE, "Gaps that late records may still fill", read_open_gaps },
        { "gradebook_log_bytes_total", METRIC_COUNTER, "Bytes written", read_bytes },
        { "gradebook_log_commits_total", METRIC_COUNTER, "Commits; records by commits is how many share one", read_commits },
        { "gradebook_log_failures_total", METRIC_COUNTER, "Requests whose records could not be stored", read_failures },
        { "gradebook_log_failed", METRIC_GAUGE, "1 while the store cannot write", read_failed },
        { "gradebook_log_sources", METRIC_GAUGE, "Sources whose last sequence number is known", read_sources },
        { "gradebook_log_files", METRIC_GAUGE, "Files of the log", read_files },
        { "gradebook_log_file_bytes", METRIC_GAUGE, "Bytes of all files of the log", read_file_bytes },
        { "gradebook_log_raw_bytes", METRIC_GAUGE, "Bytes that all files of the log hold, before compression", read_raw_bytes },
        { "gradebook_log_compressed_files", METRIC_GAUGE, "Files of the log that are compressed", read_compressed_files },
        { "gradebook_log_expired_files_total", METRIC_COUNTER, "Files deleted, because of their age, size or what had to stay free", read_expired_files },
        { "gradebook_log_compressions_total", METRIC_COUNTER, "Files compressed since the start", read_compressions },
        { "gradebook_log_reindexed_files_total", METRIC_COUNTER, "Files whose index was made again", read_reindexed_files },
        { "gradebook_log_tidy_failures_total", METRIC_COUNTER, "Files that could not be compressed or given a new index", read_tidy_failures },
        { "gradebook_log_damaged_total", METRIC_COUNTER, "Places where something damaged was found in the log, each counted once", read_damaged },
        { "gradebook_log_followers", METRIC_GAUGE, "Readers that follow", read_followers },
        { "gradebook_log_followers_cut_total", METRIC_COUNTER, "Followers cut off because they were too slow", read_followers_cut },
        { "gradebook_log_relists_total", METRIC_COUNTER, "Event streams that were told to list anew", read_relists },
        { "gradebook_log_searches_total", METRIC_COUNTER, "Questions answered, followers among them", read_searches },
        { "gradebook_log_scanned_bytes_total", METRIC_COUNTER, "Bytes of the log looked through for answers", read_scanned_bytes },
        { "gradebook_log_postgres_connected", METRIC_GAUGE, "1 while there is a connection to PostgreSQL that writes; 0 also with files", read_connected },
        { "gradebook_log_postgres_connects_total", METRIC_COUNTER, "Connections to PostgreSQL for writing that were made", read_connects },
        { "gradebook_log_postgres_unknown_total", METRIC_COUNTER, "Commits whose answer was lost, and which were then looked up", read_unknown },
        METRIC_END,
};
