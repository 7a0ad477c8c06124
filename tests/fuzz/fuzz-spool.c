/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A spool file that anybody may have written, and then a life with it: two bytes of the input are an operation, the rest,
 * behind a zero, stands in the file at first. Whatever happens, what is in it is whole, in order, counted, and still there
 * for the next process. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/spool-file.h"

#define SIZE SPOOL_SIZE_MIN
#define SOURCE "00112233445566778899aabbccddeeff"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const SpoolFile *s) {
        uint64_t last = s->state.acknowledged;
        size_t n = 0, end = s->head, waiting[SPOOL_PRIORITIES] = {};
        SpoolLine l;

        for (bool more = spool_file_first(s, &l); more; more = spool_file_at(s, l.next, &l), n++) {
                if (l.sequence <= last || l.sequence >= s->next || l.next > s->tail)
                        abort();
                if (n >= s->n_taken)
                        waiting[l.priority] += l.next - end;
                last = l.sequence;
                end = l.next;
        }
        if (n != s->n_records || end != s->tail || s->tail > s->end || memcmp(waiting, s->waiting, sizeof(waiting)) != 0)
                abort();
}

static void check_next_process(const SpoolFile *s) {
        uint64_t *region = malloc(SIZE);
        SpoolFile next;

        if (!region)
                return;
        memcpy(region, s->base, SIZE);
        spool_file_open(&next, region, SIZE);
        check(&next);
        if (next.n_records != s->n_records || next.next < s->next || next.state.dropped != s->state.dropped)
                abort();
        free(region);
}

static void append(SpoolFile *s, uint8_t how) {
        Buffer text;

        if (spool_file_begin(s, how % 8, &text) < 0) {
                spool_file_skip(s);
                return;
        }
        for (unsigned i = 0; i < how && buffer_append(&text, "x", 1) >= 0; i++)
                ;
        spool_file_commit(s, how % 8, &text);
}

static void operate(SpoolFile *s, uint8_t what, uint8_t how) {
        Buffer out = BUFFER_NULL;

        switch (what % 8) {
        case 0:
        case 1:
                append(s, how);
                break;
        case 2:
                if (s->n_taken == 0)
                        (void) spool_file_take(s, how * 8u, how % 16u, &out);
                break;
        case 3:
                spool_file_acknowledge(s);
                break;
        case 4:
                spool_file_acknowledge_first(s);
                break;
        case 5:
                spool_file_give_back(s);
                break;
        case 6:
                (void) spool_file_notice_begin(s);
                if (s->state.announcing > 0 && how % 2)
                        spool_file_notice_done(s);
                break;
        case 7:
                spool_file_open(s, s->base, SIZE);
                spool_file_set_source(s, SOURCE, s->boot);
                break;
        }
        buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
        size_t n = zero ? (size_t) (zero - data) : size, rest = zero ? size - n - 1 : 0;
        uint64_t *region = calloc(1, SIZE);
        SpoolFile s;

        if (!region)
                return 0;
        if (rest > 0)
                memcpy(region, zero + 1, rest < SIZE ? rest : SIZE);
        spool_file_open(&s, region, SIZE);
        check(&s);
        /* Numbers at the very end of their range: nobody gets there by counting. */
        if (s.next < SPOOL_SEQUENCE_MAX / 2) {
                check_next_process(&s);
                for (size_t i = 0; i + 1 < n && i < 128; i += 2) {
                        operate(&s, data[i], data[i + 1]);
                        check(&s);
                        if (i % 16 == 14)
                                check_next_process(&s);
                }
        }
        free(region);
        return 0;
}
