/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

/* Where the boxes of a small directed graph stand, in columns: whoever an arrow leaves is left of whom it reaches, but in
 * circles, of which one arrow goes back. Pure geometry, in the units of a picture. */

#define GRAPH_NODES_MAX 60
#define GRAPH_EDGES_MAX 400
#define GRAPH_POINTS_MAX 16             /* of one edge */

#define GRAPH_NODE_WIDTH 200
#define GRAPH_NODE_HEIGHT 60

typedef struct GraphPoint {
        int x, y;
} GraphPoint;

typedef struct GraphNode {
        GraphPoint corner;              /* upper left */
        unsigned layer;                 /* column, from 0 */
} GraphNode;

typedef struct GraphEdge {
        size_t from, to;                /* index of nodes */
        bool back;                      /* runs from right to left */
        GraphPoint points[GRAPH_POINTS_MAX];    /* from the edge of one box to the edge of the other, level at each */
        size_t n_points;
} GraphEdge;

typedef struct Graph {
        GraphNode nodes[GRAPH_NODES_MAX];
        GraphEdge edges[GRAPH_EDGES_MAX];
        size_t n_nodes, n_edges;
        int width, height;
} Graph;

int graph_new(Graph **ret);             /* -ENOMEM */
Graph *graph_free(Graph *g);
DEFINE_CLEANUP(Graph, graph_free);

/* -ENOSPC: it is full. ret: its index. */
int graph_add_node(Graph *g, size_t *ret);
/* Once for each pair at most; from one to itself is left out. -ENOSPC, -EINVAL for a node that is not there. */
int graph_add_edge(Graph *g, size_t from, size_t to);

/* Sets all but from and to. -ENOMEM */
int graph_layout(Graph *g);
