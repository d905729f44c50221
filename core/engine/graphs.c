// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "core/engine/graphs.h"

#define MAX_FAILURES 3 /* captures that may fail before graphs are given up */

static const uint32_t sizes[] = { 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256 };

uint32_t graphs_seqs(uint32_t seqs, uint32_t max_seqs)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (seqs <= sizes[i])
			return sizes[i] < max_seqs ? sizes[i] : max_seqs;
	}
	return 0;
}

uint32_t graphs_kv(uint32_t kv, uint32_t context)
{
	uint64_t bucket = GRAPHS_MIN_KV;

	while (bucket < kv)
		bucket *= 2;
	return bucket < context ? (uint32_t)bucket : context;
}

static uint32_t find(const struct step_graphs *g, const struct graph_key *key)
{
	uint32_t i = 0;

	while (i < g->n && memcmp(&g->slots[i].key, key, sizeof(*key)) != 0)
		i++;
	return i;
}

bool graphs_has(const struct step_graphs *g, const struct graph_key *key)
{
	return !g->off && find(g, key) < g->n;
}

/* A free slot, or that of the graph that was not used for longest. */
static struct step_graph *take_slot(struct step_graphs *g, struct device *dev)
{
	struct step_graph *oldest = &g->slots[0];

	if (g->n < GRAPHS_MAX)
		return &g->slots[g->n++];
	for (uint32_t i = 1; i < g->n; i++) {
		if (g->slots[i].used < oldest->used)
			oldest = &g->slots[i];
	}
	device_graph_destroy(dev, oldest->graph);
	return oldest;
}

static int capture(struct queue *q, graphs_emit_fn emit, void *ctx, void **graph,
		   struct aios_status *st)
{
	struct aios_status end;
	int rc = queue_graph_begin(q, st), ended;

	if (rc < 0)
		return rc;
	rc = emit(ctx, st);
	aios_status_clear(&end);
	ended = queue_graph_end(q, graph, &end);
	if (rc == 0 && ended < 0) {
		*st = end;
		return ended;
	}
	if (rc < 0 && ended == 0)
		device_graph_destroy(q->device, *graph);
	return rc;
}

/* The graph of `key`, or NULL with the reason in *st; a driver without graphs is asked once. */
static struct step_graph *make(struct step_graphs *g, struct queue *q, const struct graph_key *key,
			       graphs_emit_fn emit, void *ctx, struct aios_status *st)
{
	struct step_graph *slot;
	void *graph = NULL;
	int rc = capture(q, emit, ctx, &graph, st);

	if (rc < 0) {
		g->failures++;
		g->off = rc == -ENOSYS || g->failures >= MAX_FAILURES;
		return NULL;
	}
	slot = take_slot(g, q->device);
	slot->key = *key;
	slot->graph = graph;
	g->captures++;
	return slot;
}

int graphs_run(struct step_graphs *g, struct queue *q, const struct graph_key *key,
	       graphs_emit_fn emit, void *ctx, struct aios_status *st)
{
	struct step_graph *slot;
	int rc;

	aios_status_clear(st);
	if (g->off)
		return 0;
	slot = graphs_has(g, key) ? &g->slots[find(g, key)] : NULL;
	if (!slot)
		slot = make(g, q, key, emit, ctx, st);
	if (!slot)
		return q->device->lost ? -AIOS_DEVICE_LOST : 0;
	slot->used = ++g->launches;
	rc = queue_graph_launch(q, slot->graph, st);
	return rc < 0 ? rc : 1;
}

void graphs_finish(struct step_graphs *g, struct device *dev)
{
	for (uint32_t i = 0; i < g->n; i++)
		device_graph_destroy(dev, g->slots[i].graph);
	memset(g, 0, sizeof(*g));
}
