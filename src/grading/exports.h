/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/export-spool.h"

/* The handlers of what goes out. */
void get_class_export(Request *r, void *service);
void get_student_export(Request *r, void *service);
void get_export(Request *r, void *service);

/* What they write, in the files of their nouns. */
int export_write_class(Export *e, Txn *t, Spool *out);          /* export-class.c: as import-layout.h has it */
int export_write_student(Export *e, Txn *t, Spool *out);        /* export-student.c */
int export_write_all(Export *e, Txn *t, Spool *out);            /* exports.c */
