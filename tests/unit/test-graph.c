/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "runtime/graph.h"

static Graph *graph_of(size_t n, const size_t (*edges)[2], size_t n_edges) {
        Graph *g;
        size_t node;

        assert_int_equal(graph_new(&g), 0);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(graph_add_node(g, &node), 0);
                assert_int_equal(node, i);
        }
        for (size_t i = 0; i < n_edges; i++)
                assert_int_equal(graph_add_edge(g, edges[i][0], edges[i][1]), 0);
        assert_int_equal(graph_layout(g), 0);
        return g;
}

static void check_nodes(const Graph *g) {
        for (size_t i = 0; i < g->n_nodes; i++) {
                GraphPoint a = g->nodes[i].corner;

                assert_true(a.x >= 0 && a.x + GRAPH_NODE_WIDTH <= g->width);
                assert_true(a.y >= 0 && a.y + GRAPH_NODE_HEIGHT <= g->height);
                for (size_t k = 0; k < i; k++) {
                        GraphPoint b = g->nodes[k].corner;

                        assert_true(abs(a.x - b.x) >= GRAPH_NODE_WIDTH || abs(a.y - b.y) >= GRAPH_NODE_HEIGHT);
                }
        }
}

/* Whatever the graph: boxes are in the picture and apart, arrows begin and end at their boxes, circles apart they run to
 * the right. */
static void check(const Graph *g) {
        check_nodes(g);
        for (size_t i = 0; i < g->n_edges; i++) {
                const GraphEdge *e = &g->edges[i];
                GraphPoint from = g->nodes[e->from].corner, to = g->nodes[e->to].corner;

                assert_in_range(e->n_points, 2, GRAPH_POINTS_MAX);
                assert_int_equal(e->back, from.x > to.x);
                assert_int_not_equal(from.x, to.x);
                assert_int_equal(e->points[0].x, from.x + (e->back ? 0 : GRAPH_NODE_WIDTH));
                assert_int_equal(e->points[e->n_points - 1].x, to.x + (e->back ? GRAPH_NODE_WIDTH : 0));
                assert_in_range(e->points[0].y, from.y, from.y + GRAPH_NODE_HEIGHT);
                assert_in_range(e->points[e->n_points - 1].y, to.y, to.y + GRAPH_NODE_HEIGHT);
                for (size_t k = 1; k < e->n_points; k++)
                        assert_true(e->back ? e->points[k].x < e->points[k - 1].x : e->points[k].x > e->points[k - 1].x);
        }
}

static void test_a_school(void **state) {
        /* portal, grading, log */
        static const size_t edges[][2] = { { 0, 1 }, { 0, 2 }, { 1, 2 } };
        _cleanup_(graph_freep) Graph *g = graph_of(3, edges, 3);

        check(g);
        assert_int_equal(g->nodes[0].layer, 0);
        assert_int_equal(g->nodes[1].layer, 1);
        assert_int_equal(g->nodes[2].layer, 2);
        /* The long arrow goes around grading's box. */
        assert_int_equal(g->edges[1].n_points, 4);
        int y = g->edges[1].points[1].y, top = g->nodes[1].corner.y;
        assert_true(y < top || y > top + GRAPH_NODE_HEIGHT);
}

static void test_none_and_one(void **state) {
        _cleanup_(graph_freep) Graph *none = graph_of(0, NULL, 0), *one = graph_of(1, NULL, 0);

        check(none);
        check(one);
}

static void test_circle(void **state) {
        static const size_t edges[][2] = { { 0, 1 }, { 1, 2 }, { 2, 0 }, { 2, 1 }, { 2, 2 }, { 0, 1 } };
        _cleanup_(graph_freep) Graph *g = graph_of(3, edges, 6);

        /* One to itself and one that is there already are left out. */
        assert_int_equal(g->n_edges, 4);
        check(g);
        assert_int_equal(g->edges[0].back + g->edges[1].back + g->edges[2].back, 1);
}

static void test_lone_ones_stand_below(void **state) {
        static const size_t edges[][2] = { { 1, 3 } };
        _cleanup_(graph_freep) Graph *g = graph_of(6, edges, 1);

        check(g);
        for (size_t i = 0; i < 6; i++)
                if (i != 1 && i != 3)
                        assert_true(g->nodes[i].corner.y > g->nodes[1].corner.y);
}

static void test_crossing_is_undone(void **state) {
        /* In the order given, these two would cross. */
        static const size_t edges[][2] = { { 0, 3 }, { 1, 2 } };
        _cleanup_(graph_freep) Graph *g = graph_of(4, edges, 2);

        check(g);
        assert_true((g->nodes[0].corner.y < g->nodes[1].corner.y) == (g->nodes[3].corner.y < g->nodes[2].corner.y));
}

static void test_limits(void **state) {
        Graph *g;
        size_t node, n = 0;

        assert_int_equal(graph_new(&g), 0);
        while (graph_add_node(g, &node) == 0)
                n++;
        assert_int_equal(n, GRAPH_NODES_MAX);
        assert_int_equal(graph_add_edge(g, 0, GRAPH_NODES_MAX), -EINVAL);
        /* Everybody with everybody: as tangled as it gets. */
        n = 0;
        for (size_t i = 0; i < GRAPH_NODES_MAX; i++)
                for (size_t k = 0; k < GRAPH_NODES_MAX; k++)
                        if (i != k && graph_add_edge(g, i, k) == 0)
                                n++;
        assert_int_equal(n, GRAPH_EDGES_MAX);
        assert_int_equal(graph_layout(g), 0);
        check(g);
        graph_free(g);
}

static void test_any(void **state) {
        srand(4711);
        for (int round = 0; round < 300; round++) {
                _cleanup_(graph_freep) Graph *g = NULL;
                size_t node, n = 1 + (size_t) rand() % GRAPH_NODES_MAX, edges = (size_t) rand() % (2 * n);

                assert_int_equal(graph_new(&g), 0);
                for (size_t i = 0; i < n; i++)
                        assert_int_equal(graph_add_node(g, &node), 0);
                for (size_t i = 0; i < edges; i++)
                        assert_int_equal(graph_add_edge(g, (size_t) rand() % n, (size_t) rand() % n), 0);
                assert_int_equal(graph_layout(g), 0);
                check(g);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_school),
                cmocka_unit_test(test_none_and_one),
                cmocka_unit_test(test_circle),
                cmocka_unit_test(test_lone_ones_stand_below),
                cmocka_unit_test(test_crossing_is_undone),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_any),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
