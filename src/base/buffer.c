/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buffer_deinit(Buffer *b) {
        size_t max = b->max;

        free(b->data);
        *b = BUFFER_MAX(max);
}

void buffer_clear(Buffer *b) {
        b->size = 0;
        b->error = 0;
        if (b->data)
                b->data[0] = 0;
}

static int buffer_fail(Buffer *b, int error) {
        if (b->error == 0)
                b->error = error;
        return error;
}

int buffer_reserve(Buffer *b, size_t more) {
        size_t need, allocated;
        char *data;

        if (b->max > 0 && (b->size > b->max || more > b->max - b->size))
                return buffer_fail(b, -EFBIG);
        if (__builtin_add_overflow(b->size, more, &need) || __builtin_add_overflow(need, 1, &need))
                return buffer_fail(b, -ENOMEM);
        if (need <= b->allocated)
                return 0;

        allocated = b->allocated ? b->allocated : 64;
        while (allocated < need)
                if (__builtin_mul_overflow(allocated, 2, &allocated))
                        return buffer_fail(b, -ENOMEM);
        data = realloc(b->data, allocated);
        if (!data)
                return buffer_fail(b, -ENOMEM);
        b->data = data;
        b->allocated = allocated;
        return 0;
}

int buffer_append(Buffer *b, const void *data, size_t size) {
        int r = buffer_reserve(b, size);

        if (r < 0)
                return r;
        if (size > 0)
                memcpy(b->data + b->size, data, size);
        b->size += size;
        b->data[b->size] = 0;
        return 0;
}

int buffer_puts(Buffer *b, const char *s) {
        return buffer_append(b, s, strlen(s));
}

int buffer_printf(Buffer *b, const char *format, ...) {
        va_list ap;
        int n, r;

        va_start(ap, format);
        n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (n < 0)
                return buffer_fail(b, -EINVAL);
        r = buffer_reserve(b, (size_t) n);
        if (r < 0)
                return r;
        va_start(ap, format);
        (void) vsnprintf(b->data + b->size, (size_t) n + 1, format, ap);
        va_end(ap);
        b->size += (size_t) n;
        return 0;
}

void buffer_consume(Buffer *b, size_t n) {
        if (n >= b->size) {
                b->size = 0;
        } else if (n > 0) {
                memmove(b->data, b->data + n, b->size - n);
                b->size -= n;
        }
        if (b->data)
                b->data[b->size] = 0;
}

const char *buffer_text(const Buffer *b) {
        return b->data ? b->data : "";
}

char *buffer_take(Buffer *b, size_t *ret_size) {
        char *data;

        if (b->error < 0 || buffer_reserve(b, 0) < 0) {
                buffer_deinit(b);
                return NULL;
        }
        b->data[b->size] = 0;
        if (ret_size)
                *ret_size = b->size;
        data = TAKE_PTR(b->data);
        buffer_deinit(b);
        return data;
}
