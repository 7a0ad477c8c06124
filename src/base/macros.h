/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few macros the whole tree uses; see gcc's manual, "Common Variable Attributes", for cleanup. */

#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

/* Hands a pointer's ownership on: yields the value and leaves NULL, so that a cleanup attribute finds nothing. */
#define TAKE_PTR(ptr) ({ typeof(ptr) *pp_ = &(ptr); typeof(ptr) p_ = *pp_; *pp_ = NULL; p_; })

/* Defines void FUNCp(TYPE **) for _cleanup_, from a destructor that takes NULL. */
#define DEFINE_CLEANUP(type, func)                      \
        static inline void func##p(type **p) {          \
                func(*p);                               \
        }                                               \
        struct cleanup_needs_semicolon_

static inline void freep(void *p) {
        free(*(void **) p);
}
