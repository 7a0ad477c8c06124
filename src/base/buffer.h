/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Bytes that grow. The content is always NUL-terminated (the NUL is not counted in size), data is never NULL after
 * the first append. An append that fails (-ENOMEM, or -EFBIG past max) leaves the content as it was and marks the
 * buffer failed, so that a run of appends needs one check at its end. */
typedef struct Buffer {
        char *data;
        size_t size;
        size_t allocated;
        size_t max;     /* bytes; 0: no limit */
        int error;      /* 0 or the first append's negative errno */
} Buffer;

#define BUFFER_NULL ((Buffer) {})
#define BUFFER_MAX(bytes) ((Buffer) { .max = (bytes) })

void buffer_deinit(Buffer *b);          /* safe on a zeroed one; leaves it empty, ready for use */
void buffer_clear(Buffer *b);           /* keeps the memory */
int buffer_reserve(Buffer *b, size_t more);
int buffer_append(Buffer *b, const void *data, size_t size);
int buffer_puts(Buffer *b, const char *s);
int buffer_printf(Buffer *b, const char *format, ...) _printf_(2, 3);
void buffer_consume(Buffer *b, size_t n);       /* drops the first n bytes */
const char *buffer_text(const Buffer *b);       /* never NULL */

/* Hands the bytes to the caller (free()), leaving the buffer empty. NULL if the buffer failed or memory is short. */
char *buffer_take(Buffer *b, size_t *ret_size);
