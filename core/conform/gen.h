/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen.h - the generators of cases: for each op a list of parameters (shapes, types,
 * options, distribution), how case number i chooses them, and how a program is built
 * from them. A case is its parameters; shrinking one is making them smaller.
 */
#ifndef CORE_CONFORM_GEN_H
#define CORE_CONFORM_GEN_H

#include "core/conform/prog.h"

#define GEN_PARAMS 24
#define GEN_ID 64

enum gen_kind {
	GEN_DIM,   /* a size: shrunk towards `least` */
	GEN_FLAG,  /* a choice: tried at `least` when shrinking */
	GEN_DTYPE, /* an element type: not shrunk */
	GEN_DIST   /* a distribution: not shrunk */
};

struct gen_param {
	const char *name;
	enum gen_kind kind;
	uint32_t least;
};

/* What choosing depends on: the generator's own key and the number of the case. */
struct gen_pick {
	struct conform_key key;
	uint32_t profile, index;
	uint64_t work; /* multiplications a case may cost */
};

struct gen_case;

/* One op's generator. Static. */
struct gen {
	uint32_t type;
	const char *name;
	bool profiled; /* made once for each profile */
	bool mandatory;
	uint32_t full, quick; /* cases (of each profile) */
	const struct gen_param *params;
	uint32_t n_params;
	void (*pick)(const struct gen_pick *k, uint32_t v[GEN_PARAMS]);
	/* 0, or -EINVAL when the parameters make no case (while shrinking). */
	int (*build)(const struct gen_case *c, struct prog *p);
};

struct gen_case {
	const struct gen *gen;
	char id[GEN_ID];
	struct conform_key key;
	uint32_t profile; /* UINT32_MAX: none */
	uint32_t v[GEN_PARAMS];
	uint32_t row0; /* rows begin at this number: row 0 of the case is row `row0` of its values */
};

extern const struct gen *const gen_all[];
extern const size_t gen_n;

/* The generator called `name`, or NULL. */
const struct gen *gen_find(const char *name);

/* Case `index` of a generator: chooses its parameters. */
void gen_make(const struct gen *g, uint32_t profile, uint32_t index, uint64_t seed,
	      struct gen_case *out);

/* Initialise `p` and build the case into it: 0, -EINVAL, -ENOMEM. prog_finish() it always. */
int gen_build(const struct gen_case *c, struct prog *p);

/* "T=3 N=17 x=bf16 dist=ties". Returns `out`. */
char *gen_describe(const struct gen_case *c, char *out, size_t size);

/* ---- for the generators ------------------------------------------------------- */

/*
 * Choice `slot` among n: every run of n cases in a row takes each value once, in an
 * order of its own, so that few cases cover all values and many cover all pairs.
 */
uint32_t pick_cycle(const struct gen_pick *k, uint32_t slot, uint32_t n);

/* Any number below n. */
uint32_t pick_below(const struct gen_pick *k, uint32_t slot, uint32_t n);

/* True once in n cases, on average. */
bool pick_once_in(const struct gen_pick *k, uint32_t slot, uint32_t n);

/* Sizes about the boundaries of everybody's tiles. */
uint32_t pick_cols(const struct gen_pick *k, uint32_t slot);
uint32_t pick_rows(const struct gen_pick *k, uint32_t slot);
uint32_t pick_dist(const struct gen_pick *k, uint32_t slot);
uint32_t pick_float(const struct gen_pick *k, uint32_t slot); /* F32, BF16, F16 */
uint32_t pick_half(const struct gen_pick *k, uint32_t slot);  /* BF16, F16 */
uint32_t pick_out(const struct gen_pick *k, uint32_t slot);   /* a float or scaled type */

/* The value of parameter `name`. The name must exist. */
uint32_t gen_get(const struct gen_case *c, const char *name);

/* Streams of values that generators share. */
enum gen_stream {
	STREAM_SHAPE = 1, /* choices */
	STREAM_A = 16,
	STREAM_B,
	STREAM_C,
	STREAM_D,
	STREAM_IDS,
	STREAM_PAGES,
	STREAM_KV = 64 /* and on: sequences and heads */
};

/* A buffer of int32, contents zero. *data may be NULL when memory is short. */
int gen_ints(struct prog *p, const char *name, uint32_t rows, uint32_t cols, int32_t **data);

/* ---- ragged batches (batch.c) --------------------------------------------------- */

struct gen_seq {
	uint32_t past, rows; /* keys in the cache before this step, rows of this step */
	uint32_t name;       /* which sequence's values: its number whatever its place */
	const uint32_t *pages;
};

struct gen_batch {
	const struct gen_seq *seqs;
	uint32_t n_seqs, padding, page_size;
	uint32_t n_tokens, max_blocks, max_q, max_kv;      /* made */
	int positions, seq_ids, seq_start, seq_len, table; /* buffers */
};

/* The arrays of a batch as buffers of `p`. */
void gen_batch_make(struct prog *p, struct gen_batch *b);

/* Into the op made last. */
void gen_batch_put(struct prog *p, struct aios_batch *out, const struct gen_batch *b);

#endif /* CORE_CONFORM_GEN_H */
