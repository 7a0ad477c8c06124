/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/grading.h"

/* What an administrator does to the store as a whole: copies it, checks it, makes it compact, restores it. One at a time, on a thread of its own
 * and in slices on the store's, so that readers and writers go on. */

#define ADMIN_KEPT_NAME "grades.before-restore.db"      /* what the last restore replaced */
#define ADMIN_RESTORE_NAME "restore.db"                 /* what the next one shall restore, put there by gradebookctl */

/* Removes what an earlier process left of its work. */
int admin_new(Admin **ret, Grading *g);
void admin_stop(Admin *a);              /* what can be given up is: 503 */
Admin *admin_free(Admin *a);            /* after the store; takes NULL */
DEFINE_CLEANUP(Admin, admin_free);

/* For metrics. */
uint64_t admin_last_backup_usec(const Admin *a);        /* realtime; 0: none that is known */
uint64_t admin_last_check_usec(const Admin *a);         /* likewise, since the start */
uint64_t admin_faults(const Admin *a);                  /* that the last check found */

void get_backup(Request *r, void *service);
void post_restore(Request *r, void *service);
void post_vacuum(Request *r, void *service);
void post_fsck(Request *r, void *service);
