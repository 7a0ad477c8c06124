/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "ctl/import.h"

#define HEADER "ID,FirstName,LastName,Title,Type,Score\n"

static void complain_of_cell(const CsvFault *fault, void *userdata) {
        fail_msg("line %u, column %u: %s", fault->line, fault->column, fault->what);
}

static void complain(unsigned line, const char *what, void *userdata) {
        assert_int_equal(buffer_printf(userdata, "%u: %s\n", line, what), 0);
}

/* What is there already: 1 Nick Carter with Quiz 1 (85), 2 and 3 both called Emma Stone. */
static Grade nick_grades[] = { { (char *) "Quiz 1", GRADE_QUIZ, 8500 } };
static Student nick = { 1, (char *) "Nick", (char *) "Carter", nick_grades, 1 };
static Student emma = { 2, (char *) "Emma", (char *) "Stone", NULL, 0 };
static Student namesake = { 3, (char *) "Emma", (char *) "Stone", NULL, 0 };

/* Reads and plans; the result as "students/grades/unchanged/conflicts" and, for each student, "ID name+grades". */
static void check(const char *text, int result, const char *plan, const char *complaints) {
        Student *students[] = { &nick, &emma, &namesake };
        StudentList present = { students, 3 };
        Buffer said = BUFFER_NULL, got = BUFFER_NULL;
        ImportRows rows = {};
        ImportPlan p = {};
        CsvTable t;
        int r;

        assert_int_equal(csv_table_read(text, strlen(text), &(CsvOptions) { .ragged = true }, complain_of_cell, NULL, &t), 0);
        r = import_rows_read(&t, complain, &said, &rows);
        if (r == 0)
                r = import_plan_make(&rows, &present, complain, &said, &p);
        assert_string_equal(buffer_text(&said), complaints);
        assert_int_equal(r, result);
        if (r == 0) {
                assert_int_equal(buffer_printf(&got, "%zu/%zu/%zu/%zu", p.n_new_students, p.n_new_grades, p.n_unchanged, p.n_conflicts), 0);
                for (size_t i = 0; i < p.n_students; i++)
                        if (!p.students[i]->existing || p.students[i]->n_grades > 0)
                                assert_int_equal(buffer_printf(&got, " %" PRIu64 " %s+%zu", p.students[i]->id, p.students[i]->first_name,
                                                               p.students[i]->n_grades), 0);
                assert_string_equal(buffer_text(&got), plan);
        }
        import_plan_deinit(&p);
        import_rows_deinit(&rows);
        csv_table_deinit(&t);
        buffer_deinit(&said);
        buffer_deinit(&got);
}

static void test_adds(void **state) {
        check(HEADER, 0, "0/0/0/0", "");
        check(HEADER "7,Ada,Lovelace,Quiz 1,Quiz,85\n7,Ada,Lovelace,Exam,Exam,99.5\n", 0, "1/2/0/0 7 Ada+2", "");
        check(HEADER "7,Ada,Lovelace,,,\n", 0, "1/0/0/0 7 Ada+0", "");
        check(HEADER ",Ada,Lovelace,Quiz 1,Quiz,85\n,Ada,Lovelace,Quiz 2,Quiz,86\n", 0, "1/2/0/0 0 Ada+2", "");
        check("FirstName,LastName,Title,Type,Score\nNick,Carter,Quiz 2,Quiz,82\n", 0, "0/1/0/0 1 Nick+1", "");
        check("score,TYPE,title,lastname,firstname,id\n82,Quiz,Quiz 2,Carter,Nick,1\n", 0, "0/1/0/0 1 Nick+1", "");
        /* A name without ID may mean somebody who gets one further down. */
        check(HEADER ",Ada,Lovelace,Quiz 1,Quiz,85\n7,Ada,Lovelace,,,\n", 0, "1/1/0/0 7 Ada+1", "");
}

static void test_idempotent(void **state) {
        check(HEADER "1,Nick,Carter,Quiz 1,Quiz,85\n", 0, "0/0/1/0", "");
        check(HEADER "1,Nick,Carter,Quiz 1,Quiz,85.00\n1,Nick,Carter,,,\n", 0, "0/0/2/0", "");
        check(HEADER "1,Nick,Carter,Quiz 1,Quiz,86\n", 0, "0/0/0/1", "");
        check(HEADER "1,Nick,Carter,Quiz 1,Test,86\n", 0, "0/1/0/0 1 Nick+1", "");
        check(HEADER "7,Ada,Lovelace,Quiz 1,Quiz,85\n7,Ada,Lovelace,Quiz 1,Quiz,85\n", 0, "1/1/1/0 7 Ada+1", "");
}

static void test_contradictions(void **state) {
        check(HEADER "1,Nick,Cage,,,\n", -EINVAL, "", "2: ID 1 is Nick Carter already\n");
        check(HEADER "7,Ada,Lovelace,,,\n7,Ada,Byron,,,\n", -EINVAL, "", "3: ID 7 is Ada Lovelace in line 2\n");
        check(HEADER ",Emma,Stone,,,\n", -EINVAL, "", "2: there are several students called Emma Stone: give the ID\n");
        check(HEADER "7,Ada,Lovelace,Q,Quiz,85\n7,Ada,Lovelace,Q,Quiz,86\n", -EINVAL, "", "3: Q of Ada Lovelace is 85 in line 2\n");
}

static void test_bad_rows(void **state) {
        check("", -EINVAL, "", "1: the header is missing: ID,FirstName,LastName,Title,Type,Score\n");
        check("ID,FirstName,LastNam,Title,Type\n", -EINVAL, "",
              "1: unknown column \"LastNam\": did you mean LastName?\n"
              "1: column LastName is missing: the header is ID,FirstName,LastName,Title,Type,Score\n"
              "1: column Score is missing: the header is ID,FirstName,LastName,Title,Type,Score\n");
        check("ID,ID,FirstName,LastName,Title,Type,Score\n", -EINVAL, "", "1: column ID is there twice\n");
        /* Every bad row is told, not only the first. */
        check(HEADER "x,Nick,Carter,,,\n1,Nick\n0,,Carter,,,\n1,Nick,Carter,Quiz 3,,5\n1,Nick,Carter,Quiz 3,Quiz,101\n"
                     "1,Nick,Carter,Quiz 3,Riddle,5\n",
              -EINVAL, "",
              "2: ID \"x\" is not a whole number from 1 to 2^53-1\n"
              "3: 2 cells, where the header has 6\n"
              "4: ID \"0\" is not a whole number from 1 to 2^53-1\n"
              "4: FirstName must be a text of 1 to 100 characters, without control characters\n"
              "5: Type is empty: a grade needs Title, Type and Score (a student without a grade has none of them)\n"
              "6: 'Score' must be a number from 0 to 100 with at most two decimals\n"
              "7: 'Type' must be one of Quiz, Test, Exam, Homework\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_adds),
                cmocka_unit_test(test_idempotent),
                cmocka_unit_test(test_contradictions),
                cmocka_unit_test(test_bad_rows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
