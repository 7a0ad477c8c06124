/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* gradebook-grading copy FROM TO, which gradebookctl database copy runs: all that one database has into an empty other one, each sqlite:PATH or
 * postgresql://…, while no daemon uses either. All or nothing: it is there when the copy's ledger is whole, is that of the original, and every row
 * follows from it. argv[0] is "copy". Returns an exit status. */
int copy_main(int argc, char *argv[]);
