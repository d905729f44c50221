/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graphs.h - captured decode steps. A step in which every sequence brings one row
 * is padded to one of a few sizes; the launches of such a size are captured once
 * and replayed from then on with the batch arrays' new contents. Padding has its
 * own rows and sequences, so no bit of an answer depends on the size.
 *
 * A driver without graphs, or a capture that fails, means plain launches.
 */
#ifndef CORE_ENGINE_GRAPHS_H
#define CORE_ENGINE_GRAPHS_H

#include "core/device/device.h"
#include "core/engine/batch.h"

#define GRAPHS_MAX 64     /* captured graphs an engine keeps */
#define GRAPHS_MIN_KV 512 /* smallest bucket of max_kv */

/* What follows the model's pass inside the graph. */
enum graph_tail {
	GRAPH_TAIL_NONE = 0, /* the tail is launched by itself */
	GRAPH_TAIL_ARGMAX = 1,
	GRAPH_TAIL_SAMPLE = 2,
};

/* What the captured launches depend on, besides addresses that never change. */
struct graph_key {
	uint32_t seqs; /* rows of the padded batch */
	uint32_t kv;   /* its max_kv */
	uint32_t tail; /* enum graph_tail */
};

struct step_graph {
	struct graph_key key;
	void *graph;
	uint64_t used; /* when, in launches */
};

struct step_graphs {
	bool off; /* switched off, absent, or given up */
	uint32_t n, failures;
	uint64_t launches, captures;
	struct step_graph slots[GRAPHS_MAX];
};

/* Sizes a batch of `seqs` decoding sequences is padded to; 0: too large for a graph. */
uint32_t graphs_seqs(uint32_t seqs, uint32_t max_seqs);
uint32_t graphs_kv(uint32_t kv, uint32_t context);

/* Enqueues what a graph shall contain. */
typedef int (*graphs_emit_fn)(void *ctx, struct aios_status *st);

/*
 * Launch the graph of `key`, capturing it from `emit` first when it is not there.
 * 1: enqueued. 0: it was not and the caller launches by itself; *st then says why
 * when a capture failed (else it is clear). Negative: the queue failed.
 */
int graphs_run(struct step_graphs *g, struct queue *q, const struct graph_key *key,
	       graphs_emit_fn emit, void *ctx, struct aios_status *st);

/* Is there a graph of `key`? */
bool graphs_has(const struct step_graphs *g, const struct graph_key *key);

void graphs_finish(struct step_graphs *g, struct device *dev); /* the queue is idle */

#endif /* CORE_ENGINE_GRAPHS_H */
