/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/overview.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/json.h"

#define LABEL_MAX 16            /* characters that a box has room for */
#define FITS_MAX 1400           /* what is wider is not made smaller, but scrolled */

static int add_nodes(Overview *o, Graph *g) {
        for (size_t i = 0; o->ranked[i] && i < GRAPH_NODES_MAX; i++) {
                Team *t = (Team *) o->ranked[i];

                int r = graph_add_node(g, &t->node);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_edges(const Overview *o, Graph *g) {
        for (size_t i = 0; i < g->n_nodes; i++) {
                const Team *t = o->ranked[i];

                for (size_t k = 0; k < t->n_required; k++) {
                        int r = t->required[k]->node == SIZE_MAX ? 0 : graph_add_edge(g, t->node, t->required[k]->node);

                        if (r == -ENOSPC)
                                return 0;
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int node_to_json(const Team *t, const GraphNode *node, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        char label[LABEL_MAX + sizeof("…")];

        if (!o)
                return -ENOMEM;

        (void) snprintf(label, sizeof(label), strlen(t->name) > LABEL_MAX ? "%.*s…" : "%.*s",
                        strlen(t->name) > LABEL_MAX ? LABEL_MAX - 1 : LABEL_MAX, t->name);

        int r = json_add_uint64(o, "X", (uint64_t) node->corner.x);
        if (r >= 0)
                r = json_add_uint64(o, "Y", (uint64_t) node->corner.y);
        if (r >= 0)
                r = json_add_text(o, "Name", t->name);
        if (r >= 0)
                r = json_add_text(o, "Label", label);
        if (r >= 0)
                r = json_add_text(o, "Class", team_state(t));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}

/* Level where it leaves and where it arrives, so that arrows are horizontal. */
static int edge_to_json(const Overview *o, const GraphEdge *e, json_object **ret) {
        _cleanup_(json_unrefp) json_object *edge = json_object_new_object();
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;
        const Team *to = o->ranked[e->to];

        if (!edge)
                return -ENOMEM;

        (void) buffer_printf(&path, "M%d %d", e->points[0].x, e->points[0].y);
        for (size_t i = 1; i < e->n_points; i++) {
                GraphPoint a = e->points[i - 1], b = e->points[i];
                int middle = (a.x + b.x) / 2;

                (void) buffer_printf(&path, "C%d %d %d %d %d %d", middle, a.y, middle, b.y, b.x, b.y);
        }
        if (path.error < 0)
                return path.error;

        int r = json_add_text(edge, "Path", buffer_text(&path));
        if (r >= 0)
                r = json_add(edge, "Broken", json_object_new_boolean(to->n_present == 0));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(edge);
        return 0;
}

static int add_item(json_object *array, json_object *item) {
        if (item && json_object_array_add(array, item) >= 0)
                return 0;
        json_object_put(item);
        return -ENOMEM;
}

static int draw_boxes(const Overview *o, const Graph *g, OverviewTell tell, void *userdata, json_object *picture) {
        json_object *nodes = json_object_new_array(), *edges = json_object_new_array(), *item;
        int r = json_add(picture, "Nodes", nodes), k = json_add(picture, "Edges", edges);

        if (k < 0)
                r = k;
        for (size_t i = 0; i < g->n_nodes && r >= 0; i++) {
                r = node_to_json(o->ranked[i], &g->nodes[i], &item);
                if (r >= 0)
                        r = add_item(nodes, item);
                if (r >= 0)
                        r = tell(o->ranked[i], item, userdata);
        }
        for (size_t i = 0; i < g->n_edges && r >= 0; i++) {
                r = edge_to_json(o, &g->edges[i], &item);
                if (r >= 0)
                        r = add_item(edges, item);
        }
        return r;
}

static int draw_frame(const Overview *o, const Graph *g, json_object *picture) {
        bool all = false;

        for (size_t i = 0; i < g->n_nodes; i++)
                all = all || o->ranked[i]->requires_all;

        int r = json_add_uint64(picture, "Width", (uint64_t) g->width);
        if (r >= 0)
                r = json_add_uint64(picture, "Height", (uint64_t) g->height);
        if (r >= 0)
                r = json_add_uint64(picture, "NodeWidth", GRAPH_NODE_WIDTH);
        if (r >= 0)
                r = json_add_uint64(picture, "NodeHeight", GRAPH_NODE_HEIGHT);
        if (r >= 0)
                r = json_add(picture, "SomeRequireAll", json_object_new_boolean(all));
        if (r >= 0)
                r = json_add(picture, "Fits", json_object_new_boolean(g->width <= FITS_MAX));
        if (r >= 0 && o->n_teams > g->n_nodes)
                r = json_add_uint64(picture, "NotDrawn", o->n_teams - g->n_nodes);
        return r;
}

int overview_draw(Overview *o, OverviewTell tell, void *userdata, json_object **ret, Graph **ret_graph) {
        _cleanup_(json_unrefp) json_object *picture = json_object_new_object();
        _cleanup_(graph_freep) Graph *g = NULL;

        *ret = NULL;
        if (ret_graph)
                *ret_graph = NULL;
        if (!picture)
                return -ENOMEM;
        if (o->n_teams == 0)
                return 0;

        int r = graph_new(&g);
        if (r >= 0)
                r = add_nodes(o, g);
        if (r >= 0)
                r = add_edges(o, g);
        if (r >= 0)
                r = graph_layout(g);
        if (r >= 0)
                r = draw_frame(o, g, picture);
        if (r >= 0)
                r = draw_boxes(o, g, tell, userdata, picture);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(picture);
        if (ret_graph)
                *ret_graph = TAKE_PTR(g);
        return 0;
}
