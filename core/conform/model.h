/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - a small decoder with made-up weights as a program: embedding, layers
 * (norm, qkv, rope, attention, output, mlp), final norm, logits, sampling. Steps
 * say which sequences compute which positions, so that one model can be run in any
 * batching, order, chunking and paging and the logits compared by (sequence, position).
 */
#ifndef CORE_CONFORM_MODEL_H
#define CORE_CONFORM_MODEL_H

#include "core/conform/gen.h"

#define MODEL_SEQS 6
#define MODEL_STEPS 96

struct model_shape {
	uint32_t profile, act; /* act: BF16, F16, or the profile's scaled type */
	uint32_t kv, qkv;      /* types of the cache and of the fused qkv rows */
	uint32_t layers, heads, kv_heads, dim, rot, hidden, inter, vocab;
	uint32_t segments, window;
	bool norm; /* q_norm and k_norm */
};

/* Rows of one sequence in one step. */
struct model_rows {
	uint32_t name, past, rows;
};

struct model_step {
	struct model_rows seqs[MODEL_SEQS];
	uint32_t n_seqs, padding;
};

struct model_plan {
	struct model_shape shape;
	struct model_step steps[MODEL_STEPS];
	uint32_t n_steps;
	uint32_t page_size, page_order; /* order: which permutation of the pages */
	uint32_t lengths[MODEL_SEQS];   /* of sequence `name`, once all steps have run */
};

/* Where the logits of (name, position) are. */
struct model_row {
	uint32_t name, position, row;
	int buf;
};

struct model_rows_map {
	struct model_row *rows; /* malloc'ed */
	size_t n, cap;
};

/* A shape for `profile` from the key: dims about the boundaries. */
void model_shape_pick(struct conform_key key, uint32_t profile, struct model_shape *out);

/* "layers=2 hidden=96 ...". */
char *model_describe(const struct model_plan *plan, char *out, size_t size);

/* Build the plan; `map` (may be NULL) gets the place of every row's logits. */
int model_build(const struct model_plan *plan, struct prog *p, struct model_rows_map *map);

#endif /* CORE_CONFORM_MODEL_H */
