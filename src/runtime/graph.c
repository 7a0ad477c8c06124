/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/graph.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* Layers after Sugiyama: circles are cut, columns are the longest ways from those that nobody requires, edges over
 * several columns get a place in each that they cross, and barycentres put the places of a column in an order. */

#define COLUMN_GAP 72
#define ROW_GAP 24
#define LANE_GAP 18             /* around an edge that crosses a column */
#define MARGIN 4
#define BACK_OFFSET 14
#define SWEEPS 8
#define ITEMS_MAX 1024          /* beyond, long edges run straight */
#define LONE_COLUMNS 3

/* What takes a place in a column: a node, or an edge on its way. */
typedef struct Item {
        unsigned layer;
        double centre;
        double wish;
        size_t order;
        size_t edge;            /* n_edges: it is a node */
        uint16_t up[GRAPH_NODES_MAX], down[GRAPH_NODES_MAX];    /* neighbours; what is over that number pulls no more */
        size_t n_up, n_down;
} Item;

typedef struct Layout {
        Graph *graph;
        Item *items;            /* the nodes first */
        size_t n_items;
        size_t *columns;        /* items, column by column */
        size_t first[GRAPH_NODES_MAX + 1];
        unsigned n_layers;
        size_t degree[GRAPH_NODES_MAX];
} Layout;

int graph_new(Graph **ret) {
        Graph *g = calloc(1, sizeof(Graph));

        if (!g)
                return -ENOMEM;

        *ret = g;
        return 0;
}

Graph *graph_free(Graph *g) {
        free(g);
        return NULL;
}

int graph_add_node(Graph *g, size_t *ret) {
        if (g->n_nodes == GRAPH_NODES_MAX)
                return -ENOSPC;

        g->nodes[g->n_nodes] = (GraphNode) {};
        *ret = g->n_nodes++;
        return 0;
}

int graph_add_edge(Graph *g, size_t from, size_t to) {
        if (from >= g->n_nodes || to >= g->n_nodes)
                return -EINVAL;
        if (from == to)
                return 0;
        for (size_t i = 0; i < g->n_edges; i++)
                if (g->edges[i].from == from && g->edges[i].to == to)
                        return 0;
        if (g->n_edges == GRAPH_EDGES_MAX)
                return -ENOSPC;

        g->edges[g->n_edges++] = (GraphEdge) { .from = from, .to = to };
        return 0;
}

/* ---- columns ---- */

static size_t tail(const GraphEdge *e) {
        return e->back ? e->to : e->from;
}

static size_t head(const GraphEdge *e) {
        return e->back ? e->from : e->to;
}

typedef enum Visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE } Visit;

static void cut_circles(Graph *g, size_t node, Visit *visits) {
        visits[node] = VISIT_OPEN;
        for (size_t i = 0; i < g->n_edges; i++) {
                GraphEdge *e = &g->edges[i];

                if (e->from != node)
                        continue;
                if (visits[e->to] == VISIT_OPEN)
                        e->back = true;
                else if (visits[e->to] == VISIT_NEW)
                        cut_circles(g, e->to, visits);
        }
        visits[node] = VISIT_DONE;
}

static void assign_layers(Layout *l) {
        Graph *g = l->graph;
        Visit visits[GRAPH_NODES_MAX] = {};
        bool reached[GRAPH_NODES_MAX] = {}, changed = true;

        for (size_t i = 0; i < g->n_edges; i++) {
                g->edges[i].back = false;
                reached[g->edges[i].to] = true;
                l->degree[g->edges[i].from]++;
                l->degree[g->edges[i].to]++;
        }
        /* From those that nobody requires first, so that what is cut is an arrow back to them. */
        for (int again = 0; again < 2; again++)
                for (size_t i = 0; i < g->n_nodes; i++)
                        if (visits[i] == VISIT_NEW && (again || !reached[i]))
                                cut_circles(g, i, visits);

        for (size_t i = 0; i < g->n_nodes; i++)
                g->nodes[i].layer = 0;
        for (size_t round = 0; changed && round < g->n_nodes; round++) {
                changed = false;
                for (size_t i = 0; i < g->n_edges; i++) {
                        const GraphNode *from = &g->nodes[tail(&g->edges[i])];
                        GraphNode *to = &g->nodes[head(&g->edges[i])];

                        if (to->layer > from->layer)
                                continue;
                        to->layer = from->layer + 1;
                        changed = true;
                }
        }
        for (size_t i = 0; i < g->n_nodes; i++)
                if (l->degree[i] > 0 && g->nodes[i].layer >= l->n_layers)
                        l->n_layers = g->nodes[i].layer + 1;
}

/* ---- places in the columns ---- */

static void link_items(Layout *l, size_t left, size_t right) {
        Item *a = &l->items[left], *b = &l->items[right];

        if (a->n_down < ELEMENTSOF(a->down))
                a->down[a->n_down++] = (uint16_t) right;
        if (b->n_up < ELEMENTSOF(b->up))
                b->up[b->n_up++] = (uint16_t) left;
}

static void make_items(Layout *l) {
        const Graph *g = l->graph;

        for (size_t i = 0; i < g->n_nodes; i++)
                l->items[i] = (Item) { .layer = g->nodes[i].layer, .edge = g->n_edges, .order = i };
        l->n_items = g->n_nodes;

        for (size_t i = 0; i < g->n_edges; i++) {
                size_t from = tail(&g->edges[i]), to = head(&g->edges[i]), previous = from;
                unsigned last = g->nodes[to].layer, span = last - g->nodes[from].layer;

                if (span - 1 > GRAPH_POINTS_MAX / 2 - 1 || l->n_items + span > ITEMS_MAX) {
                        link_items(l, from, to);
                        continue;
                }
                for (unsigned layer = g->nodes[from].layer + 1; layer < last; layer++) {
                        size_t item = l->n_items++;

                        l->items[item] = (Item) { .layer = layer, .edge = i, .order = item };
                        link_items(l, previous, item);
                        previous = item;
                }
                link_items(l, previous, to);
        }
}

static bool is_placed(const Layout *l, size_t item) {
        return l->items[item].edge < l->graph->n_edges || l->degree[item] > 0;
}

static void fill_columns(Layout *l) {
        size_t n = 0;

        for (unsigned layer = 0; layer < l->n_layers; layer++) {
                l->first[layer] = n;
                for (size_t i = 0; i < l->n_items; i++)
                        if (l->items[i].layer == layer && is_placed(l, i))
                                l->columns[n++] = i;
        }
        l->first[l->n_layers] = n;
}

static double mean(const Layout *l, const uint16_t *items, size_t n, double otherwise) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += l->items[items[i]].centre;
        return n > 0 ? sum / (double) n : otherwise;
}

static int compare_wishes(const void *a, const void *b, void *userdata) {
        const Item *items = userdata, *x = &items[*(const size_t *) a], *y = &items[*(const size_t *) b];

        if (x->wish != y->wish)
                return x->wish < y->wish ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

static double half_height(const Layout *l, const Item *i) {
        return i->edge == l->graph->n_edges ? (GRAPH_NODE_HEIGHT + ROW_GAP) / 2.0 : LANE_GAP / 2.0;
}

/* One below the other in their order, as near to where they wish to be as that allows; on average just there. */
static void settle(Layout *l, unsigned layer, bool sorted) {
        size_t first = l->first[layer], n = l->first[layer + 1] - first;
        double end = -1e9, drift = 0;

        if (sorted)
                qsort_r(l->columns + first, n, sizeof(size_t), compare_wishes, l->items);
        for (size_t k = 0; k < n; k++) {
                Item *i = &l->items[l->columns[first + k]];
                double half = half_height(l, i);

                i->centre = i->wish - half < end ? end + half : i->wish;
                end = i->centre + half;
                drift += i->centre - i->wish;
                i->order = k;
        }
        for (size_t k = 0; k < n; k++)
                l->items[l->columns[first + k]].centre -= drift / (double) n;
}

static void order_columns(Layout *l) {
        for (unsigned layer = 0; layer < l->n_layers; layer++)
                settle(l, layer, false);
        for (int sweep = 0; sweep < SWEEPS; sweep++)
                for (unsigned k = 0; k < l->n_layers; k++) {
                        unsigned layer = sweep % 2 ? l->n_layers - 1 - k : k;

                        for (size_t p = l->first[layer]; p < l->first[layer + 1]; p++) {
                                Item *i = &l->items[l->columns[p]];
                                double up = mean(l, i->up, i->n_up, i->centre), down = mean(l, i->down, i->n_down, i->centre);

                                i->wish = sweep >= SWEEPS - 2 ? (up + down) / 2 : sweep % 2 ? down : up;
                        }
                        /* The last two only move what has its order. */
                        settle(l, layer, sweep < SWEEPS - 2);
                }
}

/* ---- the picture ---- */

static int column_x(unsigned layer) {
        return MARGIN + (int) layer * (GRAPH_NODE_WIDTH + COLUMN_GAP);
}

static void place_nodes(Layout *l) {
        Graph *g = l->graph;
        double top = 1e9;
        size_t lone = 0;
        unsigned columns = l->n_layers > LONE_COLUMNS ? l->n_layers : LONE_COLUMNS;

        for (size_t p = 0; p < l->first[l->n_layers]; p++) {
                const Item *i = &l->items[l->columns[p]];

                if (i->centre - half_height(l, i) < top)
                        top = i->centre - half_height(l, i);
        }
        for (size_t p = 0; p < l->n_items; p++)
                l->items[p].centre += MARGIN - ROW_GAP / 2.0 - top;

        for (size_t n = 0; n < g->n_nodes; n++) {
                if (l->degree[n] == 0)
                        continue;
                g->nodes[n].corner = (GraphPoint) { column_x(g->nodes[n].layer), (int) l->items[n].centre - GRAPH_NODE_HEIGHT / 2 };
                if (g->nodes[n].corner.y + GRAPH_NODE_HEIGHT + MARGIN > g->height)
                        g->height = g->nodes[n].corner.y + GRAPH_NODE_HEIGHT + MARGIN;
        }
        for (size_t p = g->n_nodes; p < l->n_items; p++)
                if ((int) l->items[p].centre + MARGIN > g->height)
                        g->height = (int) l->items[p].centre + MARGIN;
        g->width = column_x(l->n_layers) - COLUMN_GAP + MARGIN;

        /* Below, those that have to do with nobody. */
        int below = l->n_layers > 0 ? g->height + ROW_GAP : MARGIN;
        for (size_t n = 0; n < g->n_nodes; n++) {
                if (l->degree[n] > 0)
                        continue;
                g->nodes[n].layer = (unsigned) (lone % columns);
                g->nodes[n].corner = (GraphPoint) { column_x(g->nodes[n].layer),
                                                    below + (int) (lone / columns) * (GRAPH_NODE_HEIGHT + ROW_GAP) };
                g->height = g->nodes[n].corner.y + GRAPH_NODE_HEIGHT + MARGIN;
                if (g->nodes[n].corner.x + GRAPH_NODE_WIDTH + MARGIN > g->width)
                        g->width = g->nodes[n].corner.x + GRAPH_NODE_WIDTH + MARGIN;
                lone++;
        }
}

static void add_point(GraphEdge *e, int x, int y) {
        e->points[e->n_points++] = (GraphPoint) { x, y };
}

static void draw_edges(Layout *l) {
        Graph *g = l->graph;
        size_t item = g->n_nodes;

        for (size_t i = 0; i < g->n_edges; i++) {
                GraphEdge *e = &g->edges[i];
                const GraphNode *from = &g->nodes[tail(e)], *to = &g->nodes[head(e)];

                e->n_points = 0;
                add_point(e, from->corner.x + GRAPH_NODE_WIDTH, from->corner.y + GRAPH_NODE_HEIGHT / 2);
                for (; item < l->n_items && l->items[item].edge == i; item++) {
                        add_point(e, column_x(l->items[item].layer), (int) l->items[item].centre);
                        add_point(e, column_x(l->items[item].layer) + GRAPH_NODE_WIDTH, (int) l->items[item].centre);
                }
                add_point(e, to->corner.x, to->corner.y + GRAPH_NODE_HEIGHT / 2);

                /* Beside the arrow that runs the other way. */
                e->points[0].y += e->back ? BACK_OFFSET : 0;
                e->points[e->n_points - 1].y += e->back ? BACK_OFFSET : 0;
                for (size_t a = 0, b = e->n_points - 1; e->back && a < b; a++, b--) {
                        GraphPoint point = e->points[a];

                        e->points[a] = e->points[b];
                        e->points[b] = point;
                }
        }
}

int graph_layout(Graph *g) {
        _cleanup_(freep) Item *items = calloc(ITEMS_MAX + GRAPH_NODES_MAX, sizeof(Item));
        _cleanup_(freep) size_t *columns = calloc(ITEMS_MAX + GRAPH_NODES_MAX, sizeof(size_t));
        Layout l = { .graph = g, .items = items, .columns = columns };

        if (!items || !columns)
                return -ENOMEM;

        g->width = g->height = 0;
        assign_layers(&l);
        make_items(&l);
        fill_columns(&l);
        order_columns(&l);
        place_nodes(&l);
        draw_edges(&l);
        return 0;
}
