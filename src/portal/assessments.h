/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/page-show.h"

/* Handlers of the pages of assessments, in the files that are named after what they serve. */

void get_assessments(Request *r, void *service);
void get_new_assessment(Request *r, void *service);
void post_assessment(Request *r, void *service);

void get_assessment(Request *r, void *service);
void get_assessment_edit(Request *r, void *service);
void post_assessment_change(Request *r, void *service);
void post_assessment_release(Request *r, void *service);
void post_assessment_delete(Request *r, void *service);

/* What is said of one in its row and on its page. */
int assessment_facts_add(Language language, json_object *row, json_object *view);
