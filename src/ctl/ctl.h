/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

/* gradebookctl: a table of subcommands, one file each. */

/* The exit codes, as in gradebookctl(1). */
typedef enum CtlExit {
        CTL_OK,
        CTL_FAILURE,
        CTL_USAGE,
        CTL_UNREACHABLE,
        CTL_NOT_FOUND,
        CTL_REFUSED,
} CtlExit;

typedef struct CtlOption {
        const char *name;       /* NULL ends a table */
        char letter;            /* 0: none */
        const char *argument;   /* what --help calls it; NULL: takes none */
        const char *help;
        const char *otherwise;  /* what it is where its argument is left out; NULL: that must not be */
        bool (*takes)(const char *word);        /* with otherwise: the word behind it is its argument after all; NULL: never */
} CtlOption;

#define CTL_OPTIONS_MAX 32

/* An option as it was given. */
typedef struct CtlGiven {
        size_t option;          /* index into the command's */
        const char *value;
} CtlGiven;

typedef struct Ctl Ctl;

typedef struct Command {
        const char *name;       /* "status", "students add": one or two words; NULL ends the table */
        const char *arguments;  /* "FIRST LAST" */
        int n_arguments;        /* at least so many */
        const char *summary;
        const CtlOption *options;       /* may be NULL */
        /* The arguments end with a NULL. Has said what is wrong when it returns another than CTL_OK. */
        int (*run)(Ctl *ctl, char *arguments[]);
        int n_more;             /* so many more may follow */
} Command;

#define CTL_MANY 10000

struct Ctl {
        bool json;              /* --json */
        bool colour;            /* stdout is a terminal that wants it */
        const char *config_dir; /* NULL: the usual one */
        const char *token_file;
        const char *registry_url;       /* one or more; NULL: RegistryURL= of gradebook.conf */
        const Command *command;
        CtlGiven *given;        /* the command's options in the order of the command line */
        size_t n_given;
};

int ctl_main(const Command *commands, int argc, char *argv[]);

/* The value of an option of the command, the last one given; "" for one without an argument that was given, NULL for one that
 * was not. */
const char *ctl_option(const Ctl *ctl, const char *name);

/* One after the other of an option that may be given several times; *at is 0 before the first. NULL: no more. */
const char *ctl_option_next(const Ctl *ctl, const char *name, size_t *at);

/* Says "gradebookctl: …" on stderr and returns code, for "return ctl_fail(…)". */
int ctl_fail(CtlExit code, const char *format, ...) _printf_(2, 3);

int ctl_status(Ctl *ctl, char *arguments[]);
int ctl_services(Ctl *ctl, char *arguments[]);
int ctl_services_show(Ctl *ctl, char *arguments[]);
int ctl_watch(Ctl *ctl, char *arguments[]);
int ctl_drain(Ctl *ctl, char *arguments[]);
int ctl_undrain(Ctl *ctl, char *arguments[]);
int ctl_deregister(Ctl *ctl, char *arguments[]);
int ctl_rollout(Ctl *ctl, char *arguments[]);
int ctl_registry_backup(Ctl *ctl, char *arguments[]);
int ctl_registry_restore(Ctl *ctl, char *arguments[]);
int ctl_log(Ctl *ctl, char *arguments[]);
int ctl_log_verify(Ctl *ctl, char *arguments[]);
int ctl_trace(Ctl *ctl, char *arguments[]);
int ctl_students_list(Ctl *ctl, char *arguments[]);
int ctl_students_show(Ctl *ctl, char *arguments[]);
int ctl_students_add(Ctl *ctl, char *arguments[]);
int ctl_students_import(Ctl *ctl, char *arguments[]);
int ctl_grading_backup(Ctl *ctl, char *arguments[]);
int ctl_grading_restore(Ctl *ctl, char *arguments[]);
int ctl_grading_vacuum(Ctl *ctl, char *arguments[]);
int ctl_grading_fsck(Ctl *ctl, char *arguments[]);
int ctl_database_copy(Ctl *ctl, char *arguments[]);
int ctl_import(Ctl *ctl, char *arguments[]);
int ctl_export_class(Ctl *ctl, char *arguments[]);
int ctl_export_student(Ctl *ctl, char *arguments[]);
int ctl_export_all(Ctl *ctl, char *arguments[]);
int ctl_grade_add(Ctl *ctl, char *arguments[]);
int ctl_ledger_show(Ctl *ctl, char *arguments[]);
int ctl_ledger_verify(Ctl *ctl, char *arguments[]);
int ctl_ledger_undo(Ctl *ctl, char *arguments[]);
int ctl_user_add(Ctl *ctl, char *arguments[]);
int ctl_user_passwd(Ctl *ctl, char *arguments[]);
int ctl_user_list(Ctl *ctl, char *arguments[]);
int ctl_user_disable(Ctl *ctl, char *arguments[]);
int ctl_user_enable(Ctl *ctl, char *arguments[]);
int ctl_token_add(Ctl *ctl, char *arguments[]);
int ctl_token_list(Ctl *ctl, char *arguments[]);
int ctl_token_end(Ctl *ctl, char *arguments[]);
int ctl_cluster_token_create(Ctl *ctl, char *arguments[]);

extern const CtlOption ctl_grading_restore_options[];
extern const CtlOption ctl_log_options[];
extern const CtlOption ctl_log_verify_options[];
extern const CtlOption ctl_ledger_show_options[];
extern const CtlOption ctl_ledger_verify_options[];
extern const CtlOption ctl_ledger_undo_options[];
extern const CtlOption ctl_trace_options[];
extern const CtlOption ctl_rollout_options[];
extern const CtlOption ctl_services_options[];
extern const CtlOption ctl_students_add_options[];
extern const CtlOption ctl_import_options[];
extern const CtlOption ctl_export_options[];
extern const CtlOption ctl_export_class_options[];
extern const CtlOption ctl_user_add_options[];
extern const CtlOption ctl_user_passwd_options[];
extern const CtlOption ctl_token_add_options[];
