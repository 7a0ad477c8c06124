/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/router.h"

/* Handlers of the pages of terms and classes, in the files that are named after what they serve. */

void get_classes(Request *r, void *service);
void get_new_class(Request *r, void *service);
void post_class(Request *r, void *service);

void get_terms(Request *r, void *service);
void get_new_term(Request *r, void *service);
void post_term(Request *r, void *service);
void get_term(Request *r, void *service);
void post_term_change(Request *r, void *service);
void post_term_state(Request *r, void *service);
void post_term_delete(Request *r, void *service);

void get_class_settings(Request *r, void *service);
void post_class_settings(Request *r, void *service);
void post_class_state(Request *r, void *service);
void post_class_delete(Request *r, void *service);

void get_class_people(Request *r, void *service);
void get_class_enrol(Request *r, void *service);
void post_class_enrol(Request *r, void *service);
void post_enrolment_end(Request *r, void *service);
void post_teaching(Request *r, void *service);
void post_teaching_end(Request *r, void *service);

void get_class_history(Request *r, void *service);
void get_history_entry(Request *r, void *service);
void post_history_undo(Request *r, void *service);
