// SPDX-License-Identifier: Apache-2.0
/*
 * graph.c - capture and replay: an array of copied descriptors, copies and fills.
 */
#include <stdlib.h>
#include <string.h>

#include "ref.h"

enum graph_what {
	GRAPH_OP,
	GRAPH_COPY,
	GRAPH_FILL
};

struct graph_node {
	enum graph_what what;
	uint8_t value; /* FILL */
	uint64_t dst, src, bytes;
	void *data; /* OP: the descriptor; COPY: the source's bytes, or NULL */
};

struct ref_graph {
	struct graph_node *nodes;
	size_t n, cap;
};

int ref_graph_begin(void *dev, void *q, struct aios_status *st)
{
	struct ref_queue *queue = q;

	(void)dev;
	if (queue->capture)
		return aios_fail(st, -EBUSY, "graph_begin: the queue is capturing already");
	queue->capture = calloc(1, sizeof(*queue->capture));
	if (!queue->capture)
		return aios_fail(st, -ENOMEM, "no memory for a graph");
	return 0;
}

int ref_graph_end(void *dev, void *q, void **graph, struct aios_status *st)
{
	struct ref_queue *queue = q;

	(void)dev;
	if (!queue->capture)
		return aios_fail(st, -EINVAL, "graph_end without graph_begin");
	*graph = queue->capture;
	queue->capture = NULL;
	return 0;
}

void ref_graph_destroy(void *dev, void *g)
{
	struct ref_graph *graph = g;
	size_t i;

	(void)dev;
	if (!graph)
		return;
	for (i = 0; i < graph->n; i++)
		free(graph->nodes[i].data);
	free(graph->nodes);
	free(graph);
}

/* Append a node; takes over node->data, which it frees when it fails. */
static int graph_add(struct ref_graph *graph, const struct graph_node *node, struct aios_status *st)
{
	size_t cap = graph->cap ? graph->cap * 2 : 64;
	struct graph_node *nodes = graph->nodes;

	if (graph->n == graph->cap) {
		nodes = realloc(nodes, cap * sizeof(*nodes));
		if (!nodes) {
			free(node->data);
			return aios_fail(st, -ENOMEM, "no memory for %zu nodes of a graph", cap);
		}
		graph->nodes = nodes;
		graph->cap = cap;
	}
	nodes[graph->n++] = *node;
	return 0;
}

static void *graph_keep(const void *data, uint64_t bytes, struct aios_status *st)
{
	void *copy = malloc(bytes);

	if (copy)
		memcpy(copy, data, bytes);
	else
		aios_fail(st, -ENOMEM, "no memory for %llu bytes of a graph",
			  (unsigned long long)bytes);
	return copy;
}

int ref_graph_add_op(struct ref_graph *graph, const struct aios_op *op, struct aios_status *st)
{
	struct graph_node node = { .what = GRAPH_OP };

	node.data = graph_keep(op, op->size, st);
	return node.data ? graph_add(graph, &node, st) : -ENOMEM;
}

int ref_graph_add_copy(struct ref_graph *graph, uint64_t dst, uint64_t src, uint64_t bytes,
		       bool snapshot, struct aios_status *st)
{
	struct graph_node node = { .what = GRAPH_COPY, .dst = dst, .src = src, .bytes = bytes };

	if (snapshot) {
		node.data = graph_keep(ref_ptr(src), bytes, st);
		if (!node.data)
			return -ENOMEM;
	}
	return graph_add(graph, &node, st);
}

int ref_graph_add_fill(struct ref_graph *graph, aios_addr dst, uint8_t value, uint64_t bytes,
		       struct aios_status *st)
{
	struct graph_node node = { .what = GRAPH_FILL, .value = value, .dst = dst, .bytes = bytes };

	return graph_add(graph, &node, st);
}

int ref_graph_launch(void *dev, void *q, void *g, struct aios_status *st)
{
	const struct ref_queue *queue = q;
	const struct ref_graph *graph = g;
	const struct graph_node *node;
	int ret;

	if (queue->capture)
		return aios_fail(st, -EINVAL, "graph_launch: the queue is capturing a graph");
	for (node = graph->nodes; node < graph->nodes + graph->n; node++) {
		switch (node->what) {
		case GRAPH_OP:
			ret = ref_op_run(dev, node->data, st);
			if (ret)
				return ret;
			break;
		case GRAPH_COPY:
			memmove(ref_ptr(node->dst), node->data ? node->data : ref_ptr(node->src),
				node->bytes);
			break;
		case GRAPH_FILL:
			memset(ref_ptr(node->dst), node->value, node->bytes);
			break;
		}
	}
	return 0;
}
