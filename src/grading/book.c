/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/book.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "grading/token-index.h"

struct Book {
        RowList tables[_KIND_MAX];      /* by id */
        TokenIndex *tokens;
        void (*account_changed)(const AccountRow *old, const AccountRow *new, void *userdata);
        void *account_userdata;
        uint64_t revision;
};

int book_new(Book **ret) {
        _cleanup_(book_freep) Book *b = calloc(1, sizeof(*b));

        if (!b || token_index_new(&b->tokens) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(b);
        return 0;
}

Book *book_free(Book *b) {
        if (!b)
                return NULL;
        for (Kind kind = 0; kind < _KIND_MAX; kind++) {
                for (size_t i = 0; i < b->tables[kind].n; i++)
                        row_free(kind, b->tables[kind].rows[i]);
                free(b->tables[kind].rows);
        }
        token_index_free(b->tokens);
        free(b);
        return NULL;
}

/* The index of the first whose id is not smaller. Ids mostly have no gaps and come in order: then it is at once the right one. */
static uint32_t list_position(const RowList *l, uint64_t id) {
        uint32_t low = 0, high = l->n;

        if (high == 0 || l->rows[high - 1]->id < id)
                return high;
        if (id > 0 && id <= high) {
                if (l->rows[id - 1]->id == id)
                        return (uint32_t) id - 1;
                high = (uint32_t) id; /* n ids before it at most */
        }
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (l->rows[middle]->id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int list_reserve(RowList *l) {
        uint32_t allocated = l->allocated ? 2 * l->allocated : 4;
        Row **rows;

        if (l->n < l->allocated)
                return 0;
        if (allocated <= l->n)
                return -ENOMEM;
        rows = reallocarray(l->rows, allocated, sizeof(*rows));
        if (!rows)
                return -ENOMEM;
        l->rows = rows;
        l->allocated = allocated;
        return 0;
}

/* There is room. */
static void list_add(RowList *l, Row *row) {
        uint32_t at = list_position(l, row->id);

        memmove(l->rows + at + 1, l->rows + at, (l->n - at) * sizeof(*l->rows));
        l->rows[at] = row;
        l->n++;
}

static void list_remove(RowList *l, const Row *row) {
        uint32_t at = list_position(l, row->id);

        if (at == l->n || l->rows[at] != row)
                return;
        l->n--;
        memmove(l->rows + at, l->rows + at + 1, (l->n - at) * sizeof(*l->rows));
}

Row *book_find(const Book *b, Kind kind, uint64_t id) {
        const RowList *table = &b->tables[kind];
        uint32_t at = list_position(table, id);

        return at < table->n && table->rows[at]->id == id ? table->rows[at] : NULL;
}

Row *book_next(const Book *b, Kind kind, uint64_t after) {
        const RowList *table = &b->tables[kind];
        uint32_t at = after < UINT64_MAX ? list_position(table, after + 1) : table->n;

        return at < table->n ? table->rows[at] : NULL;
}

size_t book_count(const Book *b, Kind kind) {
        return b->tables[kind].n;
}

uint64_t book_revision(const Book *b) {
        return b->revision;
}

/* The lists of other rows that a row stands in. -EBADMSG: one of those is not there. */
static int book_lists(const Book *b, Kind kind, const Row *row, RowList *ret[static 2]) {
        ClassRow *class;
        StudentRow *student;
        AccountRow *account;
        AssessmentRow *assessment;

        ret[0] = ret[1] = NULL;
        switch (kind) {
        case KIND_TOKEN:
                account = (AccountRow *) book_find(b, KIND_ACCOUNT, ((const TokenRow *) row)->account_id);
                if (!account)
                        return -EBADMSG;
                ret[0] = &account->tokens;
                return 0;
        case KIND_TEACHING:
                class = (ClassRow *) book_find(b, KIND_CLASS, ((const TeachingRow *) row)->class_id);
                account = (AccountRow *) book_find(b, KIND_ACCOUNT, ((const TeachingRow *) row)->account_id);
                if (!class || !account)
                        return -EBADMSG;
                ret[0] = &class->teachings;
                ret[1] = &account->teachings;
                return 0;
        case KIND_ENROLMENT:
                class = (ClassRow *) book_find(b, KIND_CLASS, ((const EnrolmentRow *) row)->class_id);
                student = (StudentRow *) book_find(b, KIND_STUDENT, ((const EnrolmentRow *) row)->student_id);
                if (!class || !student)
                        return -EBADMSG;
                ret[0] = &class->enrolments;
                ret[1] = &student->enrolments;
                return 0;
        case KIND_ASSESSMENT:
                class = (ClassRow *) book_find(b, KIND_CLASS, ((const AssessmentRow *) row)->class_id);
                if (!class)
                        return -EBADMSG;
                ret[0] = &class->assessments;
                return 0;
        case KIND_GRADE:
                student = (StudentRow *) book_find(b, KIND_STUDENT, ((const GradeRow *) row)->student_id);
                assessment = (AssessmentRow *) book_find(b, KIND_ASSESSMENT, ((const GradeRow *) row)->assessment_id);
                if (!student || !assessment)
                        return -EBADMSG;
                ret[0] = &student->grades;
                ret[1] = &assessment->grades;
                return 0;
        default:
                return 0;
        }
}

static void touch_class(Book *b, uint64_t id) {
        ClassRow *class = (ClassRow *) book_find(b, KIND_CLASS, id);

        if (class)
                class->revision = b->revision;
}

static void touch_student(Book *b, uint64_t id) {
        StudentRow *student = (StudentRow *) book_find(b, KIND_STUDENT, id);

        if (student)
                student->revision = b->revision;
}

/* Gives the new revision to all whose renderings show something of the row. */
static void book_touch(Book *b, Kind kind, const Row *row) {
        b->revision++;
        switch (kind) {
        case KIND_TERM:
                for (size_t i = 0; i < b->tables[KIND_CLASS].n; i++) {
                        ClassRow *class = (ClassRow *) b->tables[KIND_CLASS].rows[i];

                        if (class->term_id == row->id)
                                class->revision = b->revision;
                }
                break;
        case KIND_CLASS:
                touch_class(b, row->id);
                break;
        case KIND_STUDENT:
                touch_student(b, row->id);
                for (size_t i = 0; i < ((const StudentRow *) row)->enrolments.n; i++)
                        touch_class(b, ((const EnrolmentRow *) ((const StudentRow *) row)->enrolments.rows[i])->class_id);
                break;
        case KIND_TEACHING:
                touch_class(b, ((const TeachingRow *) row)->class_id);
                break;
        case KIND_ENROLMENT:
                touch_class(b, ((const EnrolmentRow *) row)->class_id);
                touch_student(b, ((const EnrolmentRow *) row)->student_id);
                break;
        case KIND_ASSESSMENT:
                touch_class(b, ((const AssessmentRow *) row)->class_id);
                for (size_t i = 0; i < ((const AssessmentRow *) row)->grades.n; i++)
                        touch_student(b, ((const GradeRow *) ((const AssessmentRow *) row)->grades.rows[i])->student_id);
                break;
        case KIND_GRADE:
                touch_student(b, ((const GradeRow *) row)->student_id);
                touch_class(b, ((const GradeRow *) row)->assessment->class_id);
                break;
        default:
                break;
        }
}

static int book_add(Book *b, Kind kind, Row *row) {
        RowList *table = &b->tables[kind], *lists[2];
        int r;

        r = book_lists(b, kind, row, lists);
        if (r >= 0)
                r = list_reserve(table);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(lists); i++)
                if (lists[i])
                        r = list_reserve(lists[i]);
        if (r >= 0 && kind == KIND_TOKEN)
                r = token_index_add(b->tokens, (const TokenRow *) row);
        if (r < 0)
                return r;
        if (kind == KIND_GRADE)
                ((GradeRow *) row)->assessment = (AssessmentRow *) book_find(b, KIND_ASSESSMENT, ((GradeRow *) row)->assessment_id);
        list_add(table, row);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                if (lists[i])
                        list_add(lists[i], row);
        return 0;
}

int book_put(Book *b, Kind kind, Row *row) {
        Row *known = book_find(b, kind, row->id);
        int r;

        if (known) {
                /* What rows are linked by is fixed: their lists are right as they are. */
                if (kind == KIND_ACCOUNT && b->account_changed)
                        b->account_changed((const AccountRow *) known, (const AccountRow *) row, b->account_userdata);
                row_move(kind, known, row);
                row_free(kind, row);
                book_touch(b, kind, known);
                return 0;
        }
        r = book_add(b, kind, row);
        if (r >= 0)
                book_touch(b, kind, row);
        return r;
}

int book_remove(Book *b, Kind kind, uint64_t id) {
        Row *row = book_find(b, kind, id);
        RowList *lists[2];

        if (!row)
                return -ENOENT;
        book_touch(b, kind, row);
        if (kind == KIND_TOKEN)
                token_index_remove(b->tokens, (const TokenRow *) row);
        if (kind == KIND_ACCOUNT && b->account_changed)
                b->account_changed((const AccountRow *) row, NULL, b->account_userdata);
        if (book_lists(b, kind, row, lists) >= 0)
                for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                        if (lists[i])
                                list_remove(lists[i], row);
        list_remove(&b->tables[kind], row);
        row_free(kind, row);
        return 0;
}

void book_replace(Book *b, Book *with) {
        Book before = *b;

        /* Its revisions count on behind ours, so that none of them was ours before. */
        for (size_t i = 0; i < with->tables[KIND_STUDENT].n; i++)
                ((StudentRow *) with->tables[KIND_STUDENT].rows[i])->revision += b->revision;
        for (size_t i = 0; i < with->tables[KIND_CLASS].n; i++)
                ((ClassRow *) with->tables[KIND_CLASS].rows[i])->revision += b->revision;
        with->revision += b->revision + 1;
        *b = *with;
        *with = before;
        b->account_changed = before.account_changed;
        b->account_userdata = before.account_userdata;
}

void book_watch_accounts(Book *b, void (*changed)(const AccountRow *old, const AccountRow *new, void *userdata), void *userdata) {
        b->account_changed = changed;
        b->account_userdata = userdata;
}

const TokenRow *book_token_by_digest(const Book *b, const char *digest) {
        return (const TokenRow *) book_find(b, KIND_TOKEN, token_index_find(b->tokens, digest));
}

const AccountRow *book_account_by_login(const Book *b, const char *login) {
        const RowList *table = &b->tables[KIND_ACCOUNT];

        for (size_t i = 0; i < table->n; i++)
                if (strcasecmp(((const AccountRow *) table->rows[i])->login, login) == 0)
                        return (const AccountRow *) table->rows[i];
        return NULL;
}

const GradeRow *book_grade_of(const Book *b, const StudentRow *s, const AssessmentRow *a) {
        const RowList *list = s->grades.n < a->grades.n ? &s->grades : &a->grades;

        for (size_t i = 0; i < list->n; i++) {
                const GradeRow *g = (const GradeRow *) list->rows[i];

                if (g->student_id == s->row.id && g->assessment_id == a->row.id)
                        return g;
        }
        return NULL;
}

const EnrolmentRow *book_enrolment_of(const Book *b, const ClassRow *c, uint64_t student_id) {
        const StudentRow *s = book_student(b, student_id);

        for (size_t i = 0; s && i < s->enrolments.n; i++)
                if (((const EnrolmentRow *) s->enrolments.rows[i])->class_id == c->row.id)
                        return (const EnrolmentRow *) s->enrolments.rows[i];
        return NULL;
}

bool book_teaches(const Book *b, const AccountRow *a, uint64_t class_id) {
        for (size_t i = 0; i < a->teachings.n; i++)
                if (((const TeachingRow *) a->teachings.rows[i])->class_id == class_id)
                        return true;
        return false;
}
