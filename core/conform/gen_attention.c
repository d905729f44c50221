// SPDX-License-Identifier: Apache-2.0
/* gen_attention.c - cases of the ops on the KV cache: ragged batches over shuffled pages. */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/gen.h"
#include "core/lib/array.h"

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof((list)[0]))
#define MAX_SEQS 8

/* A batch with the pages of its sequences. */
struct paged {
	struct gen_seq seqs[MAX_SEQS];
	struct gen_batch batch;
	uint32_t *pages; /* of all sequences; malloc'ed */
	uint32_t n_pages;
};

/* Rows and past keys of each sequence below the bounds; the first has the most of both. */
static int paged_init(struct paged *g, const struct gen_case *c, uint32_t n_seqs, uint32_t rows,
		      uint32_t past, uint32_t page_size, uint32_t padding)
{
	uint32_t s, i, j, swap, at = 0, n = 0;

	memset(g, 0, sizeof(*g));
	if (n_seqs > MAX_SEQS || !page_size)
		return -EINVAL;
	for (s = 0; s < n_seqs; s++) {
		g->seqs[s].name = s;
		g->seqs[s].rows = s ? conform_below(c->key, STREAM_IDS, s, 0, rows + 1) : rows;
		g->seqs[s].past = s ? conform_below(c->key, STREAM_IDS, s, 1, past + 1) : past;
		n += (g->seqs[s].rows + g->seqs[s].past + page_size - 1) / page_size;
	}
	g->n_pages = n + 2;
	g->pages = malloc(g->n_pages * sizeof(*g->pages));
	if (!g->pages)
		return -ENOMEM;
	for (i = 0; i < g->n_pages; i++)
		g->pages[i] = i;
	for (i = g->n_pages - 1; i > 0; i--) {
		j = conform_below(c->key, STREAM_PAGES, 0, i, i + 1);
		swap = g->pages[i];
		g->pages[i] = g->pages[j];
		g->pages[j] = swap;
	}
	for (s = 0; s < n_seqs; s++) {
		g->seqs[s].pages = g->pages + at;
		at += (g->seqs[s].rows + g->seqs[s].past + page_size - 1) / page_size;
	}
	g->batch = (struct gen_batch){
		.seqs = g->seqs, .n_seqs = n_seqs, .padding = padding, .page_size = page_size
	};
	return 0;
}

/* Slots without a key stay NaN: who reads them without masking is found. */
static int fill_cache(struct prog *p, const struct paged *g, const char *name, enum prog_role role,
		      uint32_t dtype, uint32_t heads, uint32_t dim, uint32_t stream, uint32_t dist,
		      bool new_keys)
{
	uint32_t page = g->batch.page_size, s, key, h;
	int buf = prog_buf(p, name, role, dtype, g->n_pages * heads * page, dim, 0);

	for (s = 0; s < g->batch.n_seqs; s++) {
		const struct gen_seq *seq = &g->seqs[s];
		uint32_t keys = seq->past + (new_keys ? seq->rows : 0);

		for (key = 0; key < keys; key++) {
			for (h = 0; h < heads; h++) {
				uint32_t slot =
					(seq->pages[key / page] * heads + h) * page + key % page;
				void *row = prog_row(p, buf, slot);

				if (row)
					conform_fill_row(p->key, stream + seq->name * 64 + h, key,
							 dist, dtype, dim, row);
			}
		}
	}
	return buf;
}

static void put_kv(struct prog *p, struct aios_kv_layer *kv, const struct paged *g, int k, int v,
		   uint32_t dtype, uint32_t heads, uint32_t dim)
{
	kv->dtype = dtype;
	kv->n_pages = g->n_pages;
	kv->page_size = g->batch.page_size;
	kv->n_kv_heads = heads;
	kv->head_dim = dim;
	prog_addr(p, &kv->k, k, 0);
	prog_addr(p, &kv->v, v, 0);
}

/* Values per token row: those of a sequence belong to its name and position, not to its place. */
static void fill_tokens(struct prog *p, int buf, const struct gen_batch *b, uint32_t stream,
			uint32_t dist)
{
	uint32_t row = 0, s, i;

	for (s = 0; s < b->n_seqs; s++) {
		for (i = 0; i < b->seqs[s].rows; i++, row++) {
			void *to = prog_row(p, buf, row);

			if (to)
				conform_fill_row(p->key, stream + b->seqs[s].name,
						 b->seqs[s].past + i, dist, p->bufs[buf].dtype,
						 p->bufs[buf].cols, to);
		}
	}
}

static uint32_t pick_page(const struct gen_pick *k, uint32_t slot)
{
	static const uint8_t sizes[] = { 1, 5, 8, 16, 16, 32, 64 };

	return sizes[pick_cycle(k, slot, COUNT(sizes))];
}

static uint32_t pick_dim(const struct gen_pick *k, uint32_t slot)
{
	static const uint16_t dims[] = { 8, 16, 24, 32, 64, 64, 80, 96, 128, 128, 192, 256 };

	return dims[pick_cycle(k, slot, COUNT(dims))];
}

/* --- rope_kv -------------------------------------------------------------------- */

enum {
	RO_SEQS,
	RO_ROWS,
	RO_PAST,
	RO_PADDING,
	RO_PAGE,
	RO_KVH,
	RO_GROUP,
	RO_DIM,
	RO_ROT,
	RO_KV,
	RO_QKV,
	RO_NORM,
	RO_OFFSET,
	RO_PAD,
	RO_DIST
};

static const struct gen_param rope_params[] = {
	[RO_SEQS] = { "seqs", GEN_DIM, 1 },      [RO_ROWS] = { "rows", GEN_DIM, 1 },
	[RO_PAST] = { "past", GEN_DIM, 0 },      [RO_PADDING] = { "padding", GEN_DIM, 0 },
	[RO_PAGE] = { "page", GEN_DIM, 1 },      [RO_KVH] = { "kv-heads", GEN_DIM, 1 },
	[RO_GROUP] = { "group", GEN_DIM, 1 },    [RO_DIM] = { "dim", GEN_DIM, 8 },
	[RO_ROT] = { "rot", GEN_DIM, 2 },        [RO_KV] = { "kv", GEN_DTYPE, 0 },
	[RO_QKV] = { "qkv", GEN_DTYPE, 0 },      [RO_NORM] = { "norm", GEN_DTYPE, 0 },
	[RO_OFFSET] = { "offset", GEN_FLAG, 0 }, [RO_PAD] = { "pad", GEN_FLAG, 0 },
	[RO_DIST] = { "dist", GEN_DIST, 0 },
};

static void rope_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t norms[] = { AIOS_NONE, AIOS_F32, AIOS_BF16, AIOS_F16 };
	static const uint8_t groups[] = { 1, 2, 3, 4, 8 };

	v[RO_SEQS] = 1 + pick_cycle(k, 0, 5);
	v[RO_ROWS] = pick_cycle(k, 1, 3) ? 1 + pick_below(k, 2, 20) : 1;
	v[RO_PAST] = pick_below(k, 3, 70);
	v[RO_PADDING] = pick_cycle(k, 4, 4);
	v[RO_PAGE] = pick_page(k, 5);
	v[RO_KVH] = 1 + pick_cycle(k, 6, 3);
	v[RO_GROUP] = groups[pick_cycle(k, 7, COUNT(groups))];
	v[RO_DIM] = pick_dim(k, 8);
	v[RO_ROT] = pick_once_in(k, 9, 3) ? 2 * (1 + pick_below(k, 10, v[RO_DIM] / 2)) : v[RO_DIM];
	v[RO_KV] = pick_half(k, 11);
	v[RO_QKV] = pick_cycle(k, 12, 2) ? AIOS_BF16 : AIOS_F32;
	v[RO_NORM] = norms[pick_cycle(k, 13, COUNT(norms))];
	v[RO_OFFSET] = v[RO_NORM] ? pick_cycle(k, 14, 2) : 0;
	v[RO_PAD] = pick_cycle(k, 15, 3);
	v[RO_DIST] = pick_dist(k, 16);
}

/* Cosines and sines: any numbers in [-1, 1] do; the op takes them as they are. */
static int rope_table(struct prog *p, const char *name, uint32_t rows, uint32_t half,
		      uint32_t stream)
{
	int buf = prog_buf(p, name, PROG_IN, AIOS_F32, 1, rows * half, 0);
	float *row = prog_row(p, buf, 0);

	for (uint32_t i = 0; row && i < rows * half; i++)
		row[i] = (float)((int32_t)(conform_random(p->key, stream, i / half, i % half) >>
					   40) -
				 (1 << 23)) *
			 0x1p-23f;
	return buf;
}

static int rope_norm_weight(struct prog *p, const char *name, const struct gen_case *c,
			    uint32_t stream)
{
	int buf = prog_buf(p, name, PROG_IN, c->v[RO_NORM], 1, c->v[RO_DIM], 0);

	prog_fill(p, buf, stream, 0, DIST_NORMAL);
	return buf;
}

static void rope_op(const struct gen_case *c, struct prog *p, struct paged *g)
{
	const uint32_t *v = c->v;
	uint32_t heads = v[RO_GROUP] * v[RO_KVH], half = v[RO_ROT] / 2;
	int q_norm = -1, k_norm = -1, k, val, cos, sin;
	struct prog_tensor qkv, q;
	struct aios_op_rope_kv *op;
	uint32_t table;

	gen_batch_make(p, &g->batch);
	table = g->batch.max_kv + 3;
	k = fill_cache(p, g, "k", PROG_INOUT, v[RO_KV], v[RO_KVH], v[RO_DIM], STREAM_KV,
		       DIST_NORMAL, false);
	val = fill_cache(p, g, "v", PROG_INOUT, v[RO_KV], v[RO_KVH], v[RO_DIM], STREAM_KV + 4096,
			 DIST_NORMAL, false);
	qkv = prog_tensor(p, "qkv", PROG_IN, v[RO_QKV], g->batch.n_tokens,
			  (heads + 2 * v[RO_KVH]) * v[RO_DIM], v[RO_PAD], 0, 0, DIST_NORMAL);
	fill_tokens(p, qkv.data, &g->batch, STREAM_A, v[RO_DIST]);
	q = prog_tensor(p, "q", PROG_OUT, v[RO_KV], g->batch.n_tokens, heads * v[RO_DIM],
			v[RO_PAD] / 2, 0, 0, 0);
	cos = rope_table(p, "cos", table, half, STREAM_B);
	sin = rope_table(p, "sin", table, half, STREAM_C);
	if (v[RO_NORM]) {
		q_norm = rope_norm_weight(p, "q_norm", c, STREAM_D);
		k_norm = rope_norm_weight(p, "k_norm", c, STREAM_D + 1);
	}
	op = prog_op(p, AIOS_OP_ROPE_KV, sizeof(*op));
	op->eps = 1e-6f;
	op->weight_offset = v[RO_OFFSET] ? 1.0f : 0.0f;
	op->n_heads = heads;
	op->rot_dim = v[RO_ROT];
	op->table_rows = table;
	op->norm_dtype = v[RO_NORM];
	gen_batch_put(p, &op->batch, &g->batch);
	put_kv(p, &op->kv, g, k, val, v[RO_KV], v[RO_KVH], v[RO_DIM]);
	prog_put(p, &op->qkv, &qkv);
	prog_put(p, &op->q, &q);
	prog_addr(p, &op->cos, cos, 0);
	prog_addr(p, &op->sin, sin, 0);
	if (v[RO_NORM]) {
		prog_addr(p, &op->q_norm, q_norm, 0);
		prog_addr(p, &op->k_norm, k_norm, 0);
	}
}

static int rope_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct paged g;
	int rc;

	if (v[RO_DIM] % 8 || v[RO_ROT] % 2 || v[RO_ROT] > v[RO_DIM])
		return -EINVAL;
	rc = paged_init(&g, c, v[RO_SEQS], v[RO_ROWS], v[RO_PAST], v[RO_PAGE], v[RO_PADDING]);
	if (!rc)
		rope_op(c, p, &g);
	free(g.pages);
	return rc;
}

const struct gen gen_rope_kv = { AIOS_OP_ROPE_KV, "rope_kv",          false,     true,      200, 30,
				 rope_params,     COUNT(rope_params), rope_pick, rope_build };

/* --- attention ------------------------------------------------------------------ */

enum {
	AT_SEQS,
	AT_ROWS,
	AT_PAST,
	AT_PADDING,
	AT_PAGE,
	AT_KVH,
	AT_GROUP,
	AT_DIM,
	AT_KV,
	AT_OUT,
	AT_CHUNK,
	AT_WINDOW,
	AT_CAP,
	AT_PAD,
	AT_SHARP,
	AT_DIST
};

static const struct gen_param attention_params[] = {
	[AT_SEQS] = { "seqs", GEN_DIM, 1 },    [AT_ROWS] = { "rows", GEN_DIM, 1 },
	[AT_PAST] = { "past", GEN_DIM, 0 },    [AT_PADDING] = { "padding", GEN_DIM, 0 },
	[AT_PAGE] = { "page", GEN_DIM, 1 },    [AT_KVH] = { "kv-heads", GEN_DIM, 1 },
	[AT_GROUP] = { "group", GEN_DIM, 1 },  [AT_DIM] = { "dim", GEN_DIM, 8 },
	[AT_KV] = { "kv", GEN_DTYPE, 0 },      [AT_OUT] = { "out", GEN_DTYPE, 0 },
	[AT_CHUNK] = { "chunk", GEN_DIM, 64 }, [AT_WINDOW] = { "window", GEN_DIM, 0 },
	[AT_CAP] = { "softcap", GEN_FLAG, 0 }, [AT_PAD] = { "pad", GEN_FLAG, 0 },
	[AT_SHARP] = { "sharp", GEN_FLAG, 0 }, [AT_DIST] = { "dist", GEN_DIST, 0 },
};

static void attention_keys(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint16_t lengths[] = { 0,   1,   15,  16,  63,  64,  65,  100, 127, 128,
					    129, 191, 255, 256, 320, 511, 512, 513, 600, 1030 };
	static const uint16_t windows[] = { 0, 0, 0, 1, 16, 63, 64, 65, 130, 600 };

	v[AT_ROWS] = pick_cycle(k, 1, 3) ? 1 + pick_below(k, 2, 40) : 1;
	v[AT_PAST] = lengths[pick_cycle(k, 3, COUNT(lengths))];
	v[AT_CHUNK] = pick_cycle(k, 4, 3) == 0 ? AIOS_ATTN_CHUNK : 64u << pick_cycle(k, 5, 3);
	v[AT_WINDOW] = windows[pick_cycle(k, 6, COUNT(windows))];
}

static void attention_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t groups[] = { 1, 2, 3, 4, 7, 8 };
	uint64_t cost;

	attention_keys(k, v);
	v[AT_SEQS] = 1 + pick_cycle(k, 0, 4);
	v[AT_PADDING] = pick_cycle(k, 7, 3);
	v[AT_PAGE] = pick_page(k, 8);
	v[AT_KVH] = 1 + pick_cycle(k, 9, 2);
	v[AT_GROUP] = groups[pick_cycle(k, 10, COUNT(groups))];
	v[AT_DIM] = pick_dim(k, 11);
	v[AT_KV] = pick_half(k, 12);
	v[AT_OUT] = pick_out(k, 13);
	v[AT_CAP] = pick_once_in(k, 14, 4) ? 1 : 0;
	v[AT_PAD] = pick_cycle(k, 15, 2);
	v[AT_SHARP] = pick_cycle(k, 17, 4);
	v[AT_DIST] = pick_dist(k, 16);
	cost = 2ull * v[AT_SEQS] * (v[AT_PAST] + v[AT_ROWS]) * v[AT_KVH] * v[AT_GROUP] * v[AT_DIM];
	if (cost * v[AT_ROWS] > k->work * 4)
		v[AT_ROWS] = (uint32_t)(k->work * 4 / cost ? k->work * 4 / cost : 1);
}

static void attention_op(const struct gen_case *c, struct prog *p, struct paged *g)
{
	static const float sharpness[] = { 1.0f, 4.0f, 12.0f, 0.25f };
	const uint32_t *v = c->v;
	uint32_t heads = v[AT_GROUP] * v[AT_KVH], cols = heads * v[AT_DIM];
	struct prog_tensor q, out;
	struct aios_op_attention *op;
	int k, val;

	gen_batch_make(p, &g->batch);
	k = fill_cache(p, g, "k", PROG_IN, v[AT_KV], v[AT_KVH], v[AT_DIM], STREAM_KV, v[AT_DIST],
		       true);
	val = fill_cache(p, g, "v", PROG_IN, v[AT_KV], v[AT_KVH], v[AT_DIM], STREAM_KV + 4096,
			 v[AT_DIST], true);
	q = prog_tensor(p, "q", PROG_IN, v[AT_KV], g->batch.n_tokens, cols, v[AT_PAD], 0, 0,
			DIST_NORMAL);
	fill_tokens(p, q.data, &g->batch, STREAM_A, v[AT_DIST]);
	out = prog_tensor(p, "out", PROG_OUT, v[AT_OUT], g->batch.n_tokens, cols, v[AT_PAD], 0, 0,
			  0);
	op = prog_op(p, AIOS_OP_ATTENTION, sizeof(*op));
	op->profile = (uint8_t)c->profile;
	op->n_heads = heads;
	/* Scores far apart: weights whose sum depends on its order. */
	op->scale = aios_mul(sharpness[v[AT_SHARP] % 4], 1.0f / __builtin_sqrtf((float)v[AT_DIM]));
	op->scale_log2 = aios_mul(op->scale, AIOS_LOG2E);
	op->softcap = v[AT_CAP] ? 30.0f : 0.0f;
	op->window = v[AT_WINDOW];
	op->chunk = v[AT_CHUNK];
	gen_batch_put(p, &op->batch, &g->batch);
	put_kv(p, &op->kv, g, k, val, v[AT_KV], v[AT_KVH], v[AT_DIM]);
	prog_put(p, &op->q, &q);
	prog_put(p, &op->out, &out);
}

static int attention_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct paged g;
	int rc;

	if (v[AT_DIM] % 8 || v[AT_CHUNK] % 64)
		return -EINVAL;
	rc = paged_init(&g, c, v[AT_SEQS], v[AT_ROWS], v[AT_PAST], v[AT_PAGE], v[AT_PADDING]);
	if (!rc)
		attention_op(c, p, &g);
	free(g.pages);
	return rc;
}

const struct gen gen_attention = {
	AIOS_OP_ATTENTION,       "attention",    true,           true, 120, 24, attention_params,
	COUNT(attention_params), attention_pick, attention_build
};

/* --- copy_pages ------------------------------------------------------------------ */

enum {
	CP_PAIRS,
	CP_PAGES,
	CP_PAGE,
	CP_KVH,
	CP_DIM,
	CP_KV,
	CP_DIST
};
static const struct gen_param copy_params[] = {
	[CP_PAIRS] = { "pairs", GEN_DIM, 1 }, [CP_PAGES] = { "pages", GEN_DIM, 2 },
	[CP_PAGE] = { "page", GEN_DIM, 1 },   [CP_KVH] = { "kv-heads", GEN_DIM, 1 },
	[CP_DIM] = { "dim", GEN_DIM, 8 },     [CP_KV] = { "kv", GEN_DTYPE, 0 },
	[CP_DIST] = { "dist", GEN_DIST, 0 },
};

static void copy_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[CP_PAIRS] = pick_rows(k, 0);
	v[CP_PAGES] = 2 * v[CP_PAIRS] + pick_cycle(k, 1, 3);
	v[CP_PAGE] = pick_page(k, 2);
	v[CP_KVH] = 1 + pick_cycle(k, 3, 3);
	v[CP_DIM] = pick_dim(k, 4);
	v[CP_KV] = pick_half(k, 5);
	v[CP_DIST] = pick_dist(k, 6);
	while (v[CP_PAIRS] > 1 &&
	       2ull * v[CP_PAIRS] * v[CP_PAGE] * v[CP_KVH] * v[CP_DIM] > k->work / 4) {
		v[CP_PAIRS] /= 2;
		v[CP_PAGES] = 2 * v[CP_PAIRS] + 1;
	}
}

/* Sources are even pages (any may serve twice), destinations odd ones, each once. */
static int copy_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	uint32_t rows = v[CP_PAGES] * v[CP_KVH] * v[CP_PAGE], half = v[CP_PAGES] / 2, i;
	struct aios_op_copy_pages *op;
	int32_t *pairs;
	int buf, k, val;

	if (v[CP_DIM] % 8 || v[CP_PAIRS] > half)
		return -EINVAL;
	buf = gen_ints(p, "pairs", 1, 2 * v[CP_PAIRS], &pairs);
	for (i = 0; pairs && i < v[CP_PAIRS]; i++) {
		pairs[2 * i] = (int32_t)(2 * conform_below(c->key, STREAM_IDS, i, 0, half));
		pairs[2 * i + 1] = (int32_t)(2 * i + 1);
	}
	k = prog_buf(p, "k", PROG_INOUT, v[CP_KV], rows, v[CP_DIM], 0);
	val = prog_buf(p, "v", PROG_INOUT, v[CP_KV], rows, v[CP_DIM], 0);
	prog_fill(p, k, STREAM_A, 0, v[CP_DIST]);
	prog_fill(p, val, STREAM_B, 0, v[CP_DIST]);
	op = prog_op(p, AIOS_OP_COPY_PAGES, sizeof(*op));
	op->n_pairs = v[CP_PAIRS];
	op->kv.dtype = v[CP_KV];
	op->kv.n_pages = v[CP_PAGES];
	op->kv.page_size = v[CP_PAGE];
	op->kv.n_kv_heads = v[CP_KVH];
	op->kv.head_dim = v[CP_DIM];
	prog_addr(p, &op->pairs, buf, 0);
	prog_addr(p, &op->kv.k, k, 0);
	prog_addr(p, &op->kv.v, val, 0);
	return 0;
}

const struct gen gen_copy_pages = {
	AIOS_OP_COPY_PAGES, "copy_pages",       false,     true,      100, 16,
	copy_params,        COUNT(copy_params), copy_pick, copy_build
};
