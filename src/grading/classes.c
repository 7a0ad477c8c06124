/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/classes.h"

#include <errno.h>

#include "base/parse.h"
#include "grading/resource.h"

/* Classes, and who is in them. */

typedef struct ClassQuery {
        uint64_t term_id;               /* 0: of any */
        bool archived;                  /* those too */
} ClassQuery;

static bool matches_class(const Row *row, void *userdata) {
        const ClassRow *c = (const ClassRow *) row;
        const ClassQuery *q = userdata;

        return (q->term_id == 0 || c->term_id == q->term_id) && (q->archived || !c->archived);
}

static int parse_query(Request *r, ClassQuery *q, Problem *problem) {
        const char *term = request_query(r, "term"), *archived = request_query(r, "archived");

        if (term && (parse_uint64(term, &q->term_id) < 0 || q->term_id < 1 || q->term_id > ROW_ID_MAX))
                return problem_set(problem, 400, "Parameter 'term' must be a term's ID");
        if (archived && parse_bool(archived, &q->archived) < 0)
                return problem_set(problem, 400, "Parameter 'archived' must be yes or no");
        return 0;
}

void get_classes(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        ClassQuery q = {};
        Access access;

        if (!access_begin(service, r, &access))
                return;
        if (parse_query(r, &q, &problem) < 0)
                request_reply_problem(r, &problem);
        else
                resource_list_for(service, r, &access, &(ResourceList) { .kind = KIND_CLASS, .matches = matches_class, .userdata = &q });
}

void post_class(Request *r, void *service) {
        resource_post(service, r, KIND_CLASS, NULL);
}

void get_class(Request *r, void *service) {
        resource_get(service, r, KIND_CLASS);
}

void patch_class(Request *r, void *service) {
        resource_patch(service, r, KIND_CLASS);
}

void delete_class(Request *r, void *service) {
        resource_delete(service, r, KIND_CLASS);
}

/* The class of the path; whether it may be seen is asked with what is to be made in it. */
static int find_class(const Grading *g, const Request *r, uint64_t *ret) {
        int k = request_param_uint64(r, "id", ret);

        return k < 0 || !book_class(g->book, *ret) ? -ENOENT : 0;
}

void get_enrolments_of_class(Request *r, void *service) {
        const ClassRow *c;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        c = (const ClassRow *) resource_find(service, r, &access, KIND_CLASS);
        if (c)
                resource_list_for(service, r, &access, &(ResourceList) { .kind = KIND_ENROLMENT, .rows = &c->enrolments });
}

static int prepare_enrolment(const Grading *g, const Request *r, Row *row, Problem *problem) {
        return find_class(g, r, &((EnrolmentRow *) row)->class_id);
}

void post_enrolment(Request *r, void *service) {
        resource_post(service, r, KIND_ENROLMENT, prepare_enrolment);
}

void get_enrolment(Request *r, void *service) {
        resource_get(service, r, KIND_ENROLMENT);
}

void delete_enrolment(Request *r, void *service) {
        resource_delete(service, r, KIND_ENROLMENT);
}

void get_enrolments_of_student(Request *r, void *service) {
        const StudentRow *s;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        s = (const StudentRow *) resource_find(service, r, &access, KIND_STUDENT);
        if (s)
                resource_list_for(service, r, &access, &(ResourceList) { .kind = KIND_ENROLMENT, .rows = &s->enrolments });
}

void get_teachings_of_class(Request *r, void *service) {
        const ClassRow *c;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        c = (const ClassRow *) resource_find(service, r, &access, KIND_CLASS);
        if (c)
                resource_list_for(service, r, &access, &(ResourceList) { .kind = KIND_TEACHING, .rows = &c->teachings });
}

static int prepare_teaching(const Grading *g, const Request *r, Row *row, Problem *problem) {
        return find_class(g, r, &((TeachingRow *) row)->class_id);
}

void post_teaching(Request *r, void *service) {
        resource_post(service, r, KIND_TEACHING, prepare_teaching);
}

void get_teaching(Request *r, void *service) {
        resource_get(service, r, KIND_TEACHING);
}

void delete_teaching(Request *r, void *service) {
        resource_delete(service, r, KIND_TEACHING);
}
