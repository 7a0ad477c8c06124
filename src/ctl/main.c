/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

static const Command commands[] = {
        { "status", "", 0, "Show the daemons' units and health", NULL, ctl_status },
        { "services", "", 0, "Show what is registered, and how it is", ctl_services_options, ctl_services },
        { "services show", "NAME|URL", 1, "Show all of a service, and who depends on it", NULL, ctl_services_show },
        { "watch", "[NAME|URL]", 0, "Show what happens to services, as it happens", NULL, ctl_watch, 1 },
        { "drain", "NAME|URL…", 1, "Send a service no new requests; those under way are finished", NULL, ctl_drain, CTL_MANY },
        { "undrain", "NAME|URL…", 1, "Take back drain", NULL, ctl_undrain, CTL_MANY },
        { "deregister", "URL…", 1, "End registrations", NULL, ctl_deregister, CTL_MANY },
        { "rollout", "SERVICE", 1, "Restart a service's units here one by one, failing no request", ctl_rollout_options, ctl_rollout },
        { "registry backup", "FILE", 1, "Save all registrations, with their health", NULL, ctl_registry_backup },
        { "registry restore", "FILE", 1, "Replace all registrations by those of a backup", NULL, ctl_registry_restore },
        { "log", "", 0, "Show the central log", ctl_log_options, ctl_log },
        { "log verify", "", 0, "Compare the central log with this machine's journal", ctl_log_verify_options, ctl_log_verify },
        { "trace", "ID", 1, "Show one request's way through all services", ctl_trace_options, ctl_trace },
        { "students list", "", 0, "Show all students with their averages", NULL, ctl_students_list },
        { "students show", "ID", 1, "Show a student's grades", NULL, ctl_students_show },
        { "students add", "FIRST LAST", 2, "Add a student", ctl_students_add_options, ctl_students_add },
        { "students import", "FILE.csv", 1, "Add students and grades from a table", NULL, ctl_students_import },
        { "import", "FILE", 1, "Take a table of grades into a class (- is the standard input)", ctl_import_options, ctl_import },
        { "export class", "ID", 1, "Write a class as a table, which can be imported again", ctl_export_class_options, ctl_export_class },
        { "export student", "ID", 1, "Write all that is kept about a student, as JSON", ctl_export_options, ctl_export_student },
        { "export all", "", 0, "Write everything, one JSON object a line", ctl_export_options, ctl_export_all },
        { "grade add", "ID TITLE TYPE SCORE", 4, "Give a student a grade (Quiz, Test, Exam or Homework)", NULL, ctl_grade_add },
        { "grading backup", "FILE", 1, "Save all that the grading service keeps, verified", NULL, ctl_grading_backup },
        { "grading restore", "FILE", 1, "Replace all that the grading service keeps by a backup", ctl_grading_restore_options, ctl_grading_restore },
        { "grading vacuum", "", 0, "Make the grading service's file compact", NULL, ctl_grading_vacuum },
        { "grading fsck", "", 0, "Verify all that the grading service keeps", NULL, ctl_grading_fsck },
        { "ledger show", "", 0, "Show who changed what, when and why, the newest first", ctl_ledger_show_options, ctl_ledger_show },
        { "ledger verify", "", 0, "Check that the ledger is whole, and that all follows from it", ctl_ledger_verify_options, ctl_ledger_verify },
        { "ledger undo", "ENTRY", 1, "Take back a change", ctl_ledger_undo_options, ctl_ledger_undo },
        { "user add", "LOGIN", 1, "Make an account, and set its password", ctl_user_add_options, ctl_user_add },
        { "user passwd", "LOGIN", 1, "Set an account's password, and end its sessions", ctl_user_passwd_options, ctl_user_passwd },
        { "user list", "", 0, "Show all accounts", NULL, ctl_user_list },
        { "user disable", "LOGIN", 1, "Let nobody sign in with an account, and end its sessions", NULL, ctl_user_disable },
        { "user enable", "LOGIN", 1, "Take back disable", NULL, ctl_user_enable },
        { "token add", "LOGIN NAME", 2, "Make an API token for an account, and show it once", ctl_token_add_options, ctl_token_add },
        { "token list", "[LOGIN]", 0, "Show API tokens, without their secret", NULL, ctl_token_list, 1 },
        { "token end", "ID", 1, "End an API token", NULL, ctl_token_end },
        { "cluster-token create", "FILE", 1, "Make the secret by which the daemons know each other", NULL,
          ctl_cluster_token_create },
        { .name = NULL },
};

int main(int argc, char *argv[]) {
        return ctl_main(commands, argc, argv);
}
