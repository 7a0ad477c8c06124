/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/import-view.h"
#include "portal/page-show.h"
#include "portal/upload.h"

typedef struct ImportWait ImportWait;

/* What somebody wants to have imported. The portal keeps nothing between the look at it and the doing: each form holds the whole table, in base64url,
 * which no form changes on its way, and may so be sent to any instance. */
typedef struct ImportAsk {
        Portal *portal;
        Request *request;
        PageFrame frame;
        Upload *upload;                 /* owns what is borrowed here */
        const char *table;
        size_t table_size;
        char *decoded;                  /* table, where it came in base64url */
        char *encoded;                  /* the same the other way */
        char *account;                  /* as grading said it; frame.account borrows it */
        char *class_name;
        const char *name, *reason;      /* NULL: none */
        const char *key;                /* of the one change that it is, however often it is sent; NULL: not given yet */
        const char *plan;               /* the digest of what was shown; NULL: nothing was */
        uint64_t class_id, page;
        sd_event_source *timer;         /* import_wait_begin() */
        ImportWait *wait;               /* the request has been answered by a page that waits; NULL: it has not */
        bool overwrite, released;
        bool is_pasted;                 /* it was typed, and not chosen as a file */
        bool is_run;                    /* it is to be done, and not to be looked at */
        bool is_sent;                   /* it may have been done: its answer was lost */
} ImportAsk;

/* Takes u. The keys of what is wrong with the form, by field, go into errors (texts). -ENOMEM. */
int import_ask_new(Request *r, Portal *p, Upload *u, json_object *errors, ImportAsk **ret);
ImportAsk *import_ask_free(ImportAsk *a);
DEFINE_CLEANUP(ImportAsk, import_ask_free);

/* Path and query of POST /imports at grading. -ENOMEM. */
int import_ask_path(const ImportAsk *a, bool is_dry_run, char **ret);

/* What every form with the table in it carries, for the template "import-kept-fields". -ENOMEM. */
int import_ask_add_fields(ImportAsk *a, const char *plan, bool is_sent, json_object *view);

/* The form's page again, with what was typed but for the file. Takes a and errors. */
void import_ask_reply_again(ImportAsk *a, unsigned status, json_object *errors);

/* While it is being done: an answer that takes longer than a moment is a page that says that it goes on, and goes on by itself when it is
 * there. end: path is where to; NULL: nobody knows whether it was done, and it may be sent again. */
void import_wait_begin(ImportAsk *a);
void import_wait_end(ImportAsk *a, const char *path);

/* The page of the form that begins an import. */
extern const PagePlan import_form_page;
#define IMPORT_FORM_PATHS { "/classes?limit=10000", "/imports?limit=5" }
