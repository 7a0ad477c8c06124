/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/change.h"

/* What is the same for every kind: one row is read, made, changed and deleted in its JSON (row_write(), row_read()), with its version as the
 * ETag. Each answers the request. */

void resource_get(Grading *g, Request *r, Kind kind);                   /* the id is the route's "id" */
void resource_patch(Grading *g, Request *r, Kind kind);                 /* members that are there replace those of the row (RFC 7396) */
void resource_delete(Grading *g, Request *r, Kind kind);

/* Makes the row of the body. prepare (NULL: nothing) fills what the path says of it, before the body is read, and refuses with -EBADMSG or
 * -ENOENT. */
void resource_post(Grading *g, Request *r, Kind kind, int (*prepare)(const Grading *g, const Request *r, Row *row, Problem *problem));

/* All rows of a kind that may be read and that match (NULL: all), by id: {"Items":[…],"Next":after}. Parameters "after" and "limit" make pages. */
void resource_list(Grading *g, Request *r, Kind kind, bool (*matches)(const Row *row, void *userdata), void *userdata);

/* The same after access_begin(), of one list of the book alone where there is one (NULL: of all), each written by write (NULL: row_write()). */
typedef struct ResourceList {
        Kind kind;
        const RowList *rows;
        bool (*matches)(const Row *row, void *userdata);
        void *userdata;
        int (*write)(const Row *row, Buffer *out);
} ResourceList;
void resource_list_for(Grading *g, Request *r, const Access *access, const ResourceList *l);

/* On the store's thread, behind -ENOENT of a row that was to be written: -EBADMSG with a problem that names the member whose row is not there. */
int resource_refuse_dangling(Txn *t, Kind kind, const Row *row, Problem *problem);

/* Answers with the JSON, tagged by what it says. */
void resource_reply(Request *r, const Buffer *text, const char *what);

/* Parameters "after" and "limit" (at most max). -EBADMSG. */
int resource_parse_page(Request *r, uint64_t max, uint64_t *ret_after, uint64_t *ret_limit, Problem *problem);

/* The row that the route's "id" names, if it may be read; else NULL, and the request was answered. */
const Row *resource_find(Grading *g, Request *r, const Access *access, Kind kind);
