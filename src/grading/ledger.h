/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/grading.h"

/* The routes of the ledger. */
void get_ledger(Request *r, void *service);             /* ledger-pages.c */
void get_ledger_head(Request *r, void *service);
void get_grade_history(Request *r, void *service);      /* history.c */
void get_student_history(Request *r, void *service);
void get_class_history(Request *r, void *service);
void undo_entry(Request *r, void *service);             /* undo.c */
void undo_set(Request *r, void *service);
void undo_import(Request *r, void *service);
void check_ledger(Request *r, void *service);           /* ledger-check.c */
/* As of a moment, by the parameter "at" (as-of.c): a student in the simple view, and a row of any kind as GET has it now. */
void get_student_as_of(Grading *g, Request *r);
void get_row_as_of(Grading *g, Request *r, Kind kind);
