/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/problem.h"
#include "wire/registration.h"

/* All registrations with their health as one JSON document:
 *
 *      {"Format":"gradebook-registry-backup","Version":1,"Time":…,"Checksum":"sha256:…",
 *       "Registrations":[{"Registration":{…},"State":"passing","Since":…,"Draining":true,"Instance":…}]}
 *
 * The checksum is of the compact text of Registrations, so that a document that was only formatted anew is still
 * good. */

#define BACKUP_FORMAT "gradebook-registry-backup"
#define BACKUP_VERSION 1
#define BACKUP_MAX_BYTES (64u << 20)

typedef struct BackupItem {
        Registration *registration;
        char *text;             /* of the registration, for the store */
        bool critical;
        bool draining;
        uint64_t since_usec;    /* realtime */
        char *process;          /* NULL: not known */
} BackupItem;

typedef struct Backup {
        BackupItem *items;
        size_t n_items;
} Backup;

Backup *backup_free(Backup *b);
DEFINE_CLEANUP(Backup, backup_free);

/* Writing: items are appended to an array that begins empty; takes the array. */
int backup_add(json_object *items, const Registration *r, const char *state, uint64_t since_usec, bool draining, const char *process);
int backup_seal(json_object *items, json_object **ret);

/* -EBADMSG with the problem filled: not such a document, of another version, damaged, with a registration that is not
 * valid or there twice, or with more than items_max. -ENOMEM */
int backup_read(json_object *document, size_t items_max, Backup **ret, Problem *problem);
