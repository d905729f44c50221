// SPDX-License-Identifier: Apache-2.0
/*
 * check.c - see check.h. Every function returns true when all is well, else writes the reason
 * and returns false, so that checks are joined by &&.
 */
#include <stdarg.h>
#include <stdio.h>

#include <aios/numerics.h>

#include "args.h"
#include "check.h"
#include "panels.h"

#define ALIGN 16
#define ANY UINT32_MAX /* of rows or columns: not compared */

/* Sets of element types. */
#define T(dtype) (1u << (dtype))
#define HALF (T(AIOS_BF16) | T(AIOS_F16))
#define FLOAT (T(AIOS_F32) | HALF)
#define SCALED (T(AIOS_E4M3) | T(AIOS_I8) | T(AIOS_I8X2))
#define MOVED (FLOAT | T(AIOS_I32) | T(AIOS_U8) | T(AIOS_I64)) /* what all_gather takes */
#define ALL ((1u << AIOS_DTYPE_COUNT) - 1 - T(AIOS_NONE))

/* A check in progress: of a query (addresses may be 0) or of a launch (they may not). */
struct check {
	const struct gpu_caps *caps;
	struct aios_op_support *out;
	bool launch;
};

/* Write the reason; always false. */
__attribute__((format(printf, 2, 3))) static bool no(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->out->reason, sizeof(c->out->reason), fmt, ap);
	va_end(ap);
	return false;
}

static bool check_dtype(struct check *c, const char *name, uint32_t dtype, uint32_t types)
{
	if (dtype < AIOS_DTYPE_COUNT && (types & T(dtype)))
		return true;
	return no(c, "%s is of type %s (%u)", name, aios_dtype_name(dtype), dtype);
}

static bool check_addr(struct check *c, const char *name, aios_addr addr)
{
	if (!c->launch)
		return true;
	if (!addr)
		return no(c, "%s has no address", name);
	if (addr % ALIGN)
		return no(c, "%s at 0x%llx is not aligned to %d bytes", name,
			  (unsigned long long)addr, ALIGN);
	return true;
}

static bool check_shape(struct check *c, const char *name, const struct aios_tensor *t,
			uint32_t rows, uint32_t cols)
{
	if (t->layout != AIOS_LAYOUT_ROWS)
		return no(c, "%s has layout %u; only plain rows", name, t->layout);
	if ((rows != ANY && t->rows != rows) || (cols != ANY && t->cols != cols))
		return no(c, "%s is [%u][%u], expected [%d][%d]", name, t->rows, t->cols, (int)rows,
			  (int)cols);
	if (t->cols == 0)
		return no(c, "%s has no columns", name);
	return true;
}

static bool check_tensor(struct check *c, const char *name, const struct aios_tensor *t,
			 uint32_t types, uint32_t rows, uint32_t cols)
{
	uint64_t need = (uint64_t)t->cols * aios_dtype_bytes(t->dtype);

	if (!check_dtype(c, name, t->dtype, types) || !check_shape(c, name, t, rows, cols))
		return false;
	if (t->row_bytes % ALIGN || t->row_bytes < need || t->row_bytes > UINT64_MAX >> 33)
		return no(c, "%s.row_bytes is %llu, expected a multiple of %d from %llu on", name,
			  (unsigned long long)t->row_bytes, ALIGN, (unsigned long long)need);
	if (t->dtype == AIOS_I8X2 && (t->plane_bytes % ALIGN || t->plane_bytes < need))
		return no(c, "%s.plane_bytes is %llu, expected a multiple of %d from %llu on", name,
			  (unsigned long long)t->plane_bytes, ALIGN, (unsigned long long)need);
	if (t->rows == 0)
		return true;
	if (aios_dtype_scaled(t->dtype) && !check_addr(c, name, t->scale))
		return false;
	return check_addr(c, name, t->data);
}

/* A matmul's weight: plain rows, or panels; what CAST and QUANTISE may write as well. */
static bool check_weight(struct check *c, const char *name, const struct aios_tensor *t,
			 uint32_t types, uint32_t rows, uint32_t cols)
{
	uint64_t row_bytes = GPU_PANEL_ROW_BYTES(t->cols, aios_dtype_bytes(t->dtype));
	struct aios_tensor plain = *t;

	if (t->layout != GPU_LAYOUT_PANELS)
		return check_tensor(c, name, t, types, rows, cols);
	plain.layout = AIOS_LAYOUT_ROWS;
	if (!check_dtype(c, name, t->dtype, types & (HALF | T(AIOS_I8))) ||
	    !check_tensor(c, name, &plain, types, rows, cols))
		return false;
	if (t->row_bytes != row_bytes)
		return no(c, "%s.row_bytes is %llu, expected %llu in panels", name,
			  (unsigned long long)t->row_bytes, (unsigned long long)row_bytes);
	return true;
}

static bool check_power(struct check *c, const char *name, uint32_t n, uint32_t max)
{
	if (n == 0 || (n & (n - 1)) || n > max)
		return no(c, "%s is %u, expected a power of two up to %u", name, n, max);
	return true;
}

static bool check_kv(struct check *c, const struct aios_kv_layer *kv, uint32_t n_heads)
{
	if (!check_dtype(c, "kv", kv->dtype, HALF))
		return false;
	if (kv->n_kv_heads == 0 || n_heads % kv->n_kv_heads)
		return no(c, "%u heads over %u KV heads: not a multiple", n_heads, kv->n_kv_heads);
	if (kv->head_dim == 0 || kv->head_dim % 8 || kv->head_dim > GPU_MAX_HEAD_DIM)
		return no(c, "head_dim is %u, expected a multiple of 8 up to %u", kv->head_dim,
			  GPU_MAX_HEAD_DIM);
	if (kv->page_size == 0 || kv->n_pages == 0 || kv->n_pages > INT32_MAX)
		return no(c, "kv has %u pages of %u keys", kv->n_pages, kv->page_size);
	return check_addr(c, "kv.k", kv->k) && check_addr(c, "kv.v", kv->v);
}

static bool check_batch(struct check *c, const struct aios_batch *b)
{
	if (b->n_tokens == 0)
		return true;
	if (b->n_tokens > INT32_MAX || b->n_seqs == 0 || b->n_seqs > INT32_MAX)
		return no(c, "a batch of %u rows of %u sequences", b->n_tokens, b->n_seqs);
	if (b->max_blocks == 0)
		return no(c, "the batch's block table has no columns");
	return check_addr(c, "batch.positions", b->positions) &&
	       check_addr(c, "batch.seq_ids", b->seq_ids) &&
	       check_addr(c, "batch.seq_start", b->seq_start) &&
	       check_addr(c, "batch.seq_len", b->seq_len) &&
	       check_addr(c, "batch.block_table", b->block_table);
}

/* --- one function an op ------------------------------------------------------- */

static bool check_embed(struct check *c, const struct aios_op_embed *e)
{
	return check_tensor(c, "table", &e->table, FLOAT, ANY, ANY) &&
	       check_tensor(c, "out", &e->out, T(AIOS_F32), e->n_tokens, e->table.cols) &&
	       (e->n_tokens == 0 || check_addr(c, "ids", e->ids));
}

static bool check_rmsnorm(struct check *c, const struct aios_op_rmsnorm *r)
{
	return check_tensor(c, "x", &r->x, T(AIOS_F32), ANY, ANY) &&
	       (!r->add.data || check_tensor(c, "add", &r->add, T(AIOS_F32) | T(AIOS_BF16),
					     r->x.rows, r->x.cols)) &&
	       check_dtype(c, "weight", r->weight_dtype, FLOAT) &&
	       check_addr(c, "weight", r->weight) &&
	       check_tensor(c, "out", &r->out, FLOAT | SCALED, r->x.rows, r->x.cols);
}

static bool cdna_there(struct check *c, uint32_t profile)
{
	if (profile == gpu_cdna_profile(c->caps))
		return true;
	return no(c, "%s needs the matrix units of CDNA%u, which this device lacks",
		  aios_profile_info_of(profile).name, profile - AIOS_PROFILE_TC_CDNA1 + 1);
}

static bool matmul_types(struct check *c, const struct aios_op_matmul *m)
{
	switch (m->profile) {
	case AIOS_PROFILE_TC_SM90:
		if (c->caps->arch != 90)
			return no(c, "tc-sm90 needs compute capability 9.0, this is %u.%u",
				  c->caps->arch / 10, c->caps->arch % 10);
		return check_dtype(c, "x", m->x.dtype, HALF) &&
		       check_dtype(c, "w", m->w.dtype, T(m->x.dtype));
	case AIOS_PROFILE_TC_CDNA1:
	case AIOS_PROFILE_TC_CDNA2:
	case AIOS_PROFILE_TC_CDNA3:
		return cdna_there(c, m->profile) && check_dtype(c, "x", m->x.dtype, HALF) &&
		       check_dtype(c, "w", m->w.dtype, T(m->x.dtype));
	case AIOS_PROFILE_FMA32:
		if (m->w.layout != AIOS_LAYOUT_ROWS)
			return no(c, "w has layout %u; only plain rows in fma32", m->w.layout);
		return check_dtype(c, "x", m->x.dtype, HALF) &&
		       check_dtype(c, "w", m->w.dtype, T(m->x.dtype));
	case AIOS_PROFILE_I8:
		return check_dtype(c, "x", m->x.dtype, T(AIOS_I8)) &&
		       check_dtype(c, "w", m->w.dtype, T(AIOS_I8));
	case AIOS_PROFILE_I8X2:
		return check_dtype(c, "x", m->x.dtype, T(AIOS_I8X2)) &&
		       check_dtype(c, "w", m->w.dtype, T(AIOS_I8));
	default:
		return no(c, "no kernels for profile %u (%s)", m->profile,
			  aios_profile_info_of(m->profile).name ?
				  aios_profile_info_of(m->profile).name :
				  "unknown");
	}
}

static bool matmul_epilogue(struct check *c, const struct aios_op_matmul *m)
{
	if (m->act > AIOS_ACT_GELU_TANH_MUL)
		return no(c, "activation %u is unknown", m->act);
	if (m->act && !check_dtype(c, "mid_type", m->mid_type, FLOAT))
		return false;
	if (m->act && m->residual.data)
		return no(c, "an activation and a residual in one matmul");
	if (m->residual.data &&
	    !check_tensor(c, "residual", &m->residual, T(AIOS_F32), m->out.rows, m->out.cols))
		return false;
	if (m->bias)
		return check_dtype(c, "bias", m->bias_dtype, FLOAT) &&
		       check_addr(c, "bias", m->bias);
	return true;
}

/* S divides K; in the integer profiles too, where it changes nothing. */
static bool matmul_segments(struct check *c, const struct aios_op_matmul *m)
{
	uint32_t k = m->x.cols, l = aios_profile_info_of(m->profile).dot_l;

	if (!check_power(c, "segments", m->segments, GPU_MAX_SEGMENTS))
		return false;
	if (m->segments > 1 && k % (l * m->segments))
		return no(c, "K = %u is not cut by %u segments of blocks of %u", k, m->segments, l);
	if (aios_dtype_scaled(m->x.dtype) && k > GPU_MAX_K)
		return no(c, "K = %u > %u: the integer sum would not fit", k, GPU_MAX_K);
	return true;
}

static bool check_matmul(struct check *c, const struct aios_op_matmul *m)
{
	uint32_t outputs = m->out.cols;

	if (m->act) {
		if (outputs > UINT32_MAX / 2)
			return no(c, "out has %u columns", outputs);
		outputs *= 2;
	}
	return matmul_types(c, m) && check_tensor(c, "x", &m->x, T(m->x.dtype), ANY, ANY) &&
	       check_weight(c, "w", &m->w, T(m->w.dtype), outputs, m->x.cols) &&
	       check_tensor(c, "out", &m->out, FLOAT, m->x.rows, ANY) && matmul_segments(c, m) &&
	       matmul_epilogue(c, m);
}

static bool rope_norms(struct check *c, const struct aios_op_rope_kv *r)
{
	if (!r->q_norm && !r->k_norm)
		return true;
	if (!(r->q_norm && r->k_norm))
		return no(c, "one of q_norm and k_norm is absent");
	return check_dtype(c, "norm", r->norm_dtype, FLOAT) && check_addr(c, "q_norm", r->q_norm) &&
	       check_addr(c, "k_norm", r->k_norm);
}

static bool check_rope_kv(struct check *c, const struct aios_op_rope_kv *r)
{
	uint32_t dim = r->kv.head_dim;

	if (r->n_heads == 0 || r->n_heads > 65536 || r->kv.n_kv_heads > 65536)
		return no(c, "%u heads over %u KV heads", r->n_heads, r->kv.n_kv_heads);
	if (!check_kv(c, &r->kv, r->n_heads) || !check_batch(c, &r->batch))
		return false;
	if (r->rot_dim == 0 || r->rot_dim % 2 || r->rot_dim > dim)
		return no(c, "rot_dim is %u, expected even, up to head_dim %u", r->rot_dim, dim);
	if (r->table_rows == 0)
		return no(c, "the cos and sin tables have no rows");
	return rope_norms(c, r) && check_addr(c, "cos", r->cos) && check_addr(c, "sin", r->sin) &&
	       check_tensor(c, "qkv", &r->qkv, T(AIOS_F32) | T(AIOS_BF16), r->batch.n_tokens,
			    (r->n_heads + 2 * r->kv.n_kv_heads) * dim) &&
	       check_tensor(c, "q", &r->q, T(r->kv.dtype), r->batch.n_tokens, r->n_heads * dim);
}

/* Are there kernels for the dot unit that the profile's attention uses? */
static bool check_unit(struct check *c, uint32_t profile)
{
	const struct aios_profile_info info = aios_profile_info_of(profile);

	if (info.attention == AIOS_PROFILE_FMA32)
		return true;
	if (profile >= AIOS_PROFILE_TC_CDNA1 && profile <= AIOS_PROFILE_TC_CDNA3)
		return cdna_there(c, profile);
	if (profile != AIOS_PROFILE_TC_SM90)
		return no(c, "no kernels for profile %s", info.name);
	if (c->caps->arch != 90)
		return no(c, "%s needs compute capability 9.0, this is %u.%u", info.name,
			  c->caps->arch / 10, c->caps->arch % 10);
	return true;
}

static bool check_attention(struct check *c, const struct aios_op_attention *a)
{
	uint32_t rows = a->batch.n_tokens, cols;

	if (!aios_profile_info_of(a->profile).name)
		return no(c, "profile %u is unknown", a->profile);
	if (!check_unit(c, a->profile))
		return false;
	if (a->n_heads == 0 || a->n_heads > 65536)
		return no(c, "%u heads", a->n_heads);
	if (a->chunk == 0 || a->chunk % AIOS_ATTN_BLOCK)
		return no(c, "chunk is %u, expected a multiple of %d", a->chunk, AIOS_ATTN_BLOCK);
	if (!(a->softcap >= 0.0f))
		return no(c, "softcap is %g, expected 0 or more", (double)a->softcap);
	if (!check_kv(c, &a->kv, a->n_heads) || !check_batch(c, &a->batch))
		return false;
	cols = a->n_heads * a->kv.head_dim;
	return check_tensor(c, "q", &a->q, T(a->kv.dtype), rows, cols) &&
	       check_tensor(c, "out", &a->out, FLOAT | SCALED, rows, cols);
}

static bool check_glu(struct check *c, const struct aios_op_glu *g)
{
	if (g->act != AIOS_ACT_SILU_MUL && g->act != AIOS_ACT_GELU_TANH_MUL)
		return no(c, "activation %u is unknown", g->act);
	if (g->out.cols > UINT32_MAX / 2)
		return no(c, "out has %u columns", g->out.cols);
	return check_tensor(c, "out", &g->out, FLOAT | SCALED, ANY, ANY) &&
	       check_tensor(c, "in", &g->in, T(AIOS_F32) | T(AIOS_BF16), g->out.rows,
			    2 * g->out.cols);
}

static bool check_add(struct check *c, const struct aios_op_add *a)
{
	return check_tensor(c, "a", &a->a, T(AIOS_F32), a->out.rows, a->out.cols) &&
	       check_tensor(c, "b", &a->b, T(AIOS_F32) | T(AIOS_BF16), a->out.rows, a->out.cols) &&
	       check_tensor(c, "out", &a->out, T(AIOS_F32), ANY, ANY);
}

static bool check_gather_rows(struct check *c, const struct aios_op_gather_rows *g)
{
	return check_tensor(c, "src", &g->src, ALL, ANY, ANY) &&
	       check_tensor(c, "out", &g->out, T(g->src.dtype), g->n_rows, g->src.cols) &&
	       (g->n_rows == 0 || check_addr(c, "rows", g->rows));
}

static bool check_cast(struct check *c, const struct aios_op_cast *t)
{
	return check_tensor(c, "in", &t->in, FLOAT, ANY, ANY) &&
	       check_weight(c, "out", &t->out, FLOAT, t->in.rows, t->in.cols);
}

static bool check_quantise(struct check *c, const struct aios_op_quantise *t)
{
	return check_tensor(c, "in", &t->in, FLOAT, ANY, ANY) &&
	       check_weight(c, "out", &t->out, SCALED, t->in.rows, t->in.cols);
}

static bool check_copy_pages(struct check *c, const struct aios_op_copy_pages *p)
{
	return check_kv(c, &p->kv, p->kv.n_kv_heads) &&
	       (p->n_pairs == 0 || check_addr(c, "pairs", p->pairs));
}

static bool check_logits(struct check *c, const struct aios_op_logits *l)
{
	if (!(l->softcap >= 0.0f))
		return no(c, "softcap is %g, expected 0 or more", (double)l->softcap);
	return check_tensor(c, "logits", &l->logits, T(AIOS_F32), ANY, ANY) &&
	       (!l->params || check_addr(c, "params", l->params)) &&
	       (!l->counts || check_addr(c, "counts", l->counts)) &&
	       (!l->bias || check_addr(c, "bias", l->bias));
}

static bool check_argmax(struct check *c, const struct aios_op_argmax *a)
{
	return check_tensor(c, "logits", &a->logits, T(AIOS_F32), ANY, ANY) &&
	       (a->logits.rows == 0 || check_addr(c, "ids", a->ids));
}

static bool check_sample(struct check *c, const struct aios_op_sample *s)
{
	return check_tensor(c, "logits", &s->logits, T(AIOS_F32), ANY, ANY) &&
	       (s->logits.rows == 0 ||
		(check_addr(c, "params", s->params) && check_addr(c, "ids", s->ids)));
}

static bool check_logprobs(struct check *c, const struct aios_op_logprobs *l)
{
	if (l->n_top > GPU_MAX_TOP)
		return no(c, "n_top is %u, expected up to %d", l->n_top, GPU_MAX_TOP);
	if (!check_tensor(c, "logits", &l->logits, T(AIOS_F32), ANY, ANY))
		return false;
	if (l->n_top > l->logits.cols)
		return no(c, "n_top is %u, but there are %u logits", l->n_top, l->logits.cols);
	if (l->logits.rows == 0)
		return true;
	return check_addr(c, "ids", l->ids) && check_addr(c, "out", l->out) &&
	       (l->n_top == 0 ||
		(check_addr(c, "top_ids", l->top_ids) && check_addr(c, "top", l->top)));
}

static bool check_parts(struct check *c, const aios_addr *parts, uint32_t n)
{
	uint32_t r;

	for (r = 0; r < n; r++)
		if (!check_addr(c, "a part", parts[r]))
			return false;
	return true;
}

static bool check_all_reduce(struct check *c, const struct aios_op_all_reduce *a)
{
	return check_power(c, "n_ranks", a->n_ranks, AIOS_MAX_RANKS) &&
	       check_tensor(c, "out", &a->out, T(AIOS_F32), ANY, ANY) &&
	       (a->out.rows == 0 || check_parts(c, a->parts, a->n_ranks));
}

static bool check_all_gather(struct check *c, const struct aios_op_all_gather *a)
{
	if (a->n_ranks == 0 || a->n_ranks > AIOS_MAX_RANKS)
		return no(c, "%u ranks, expected 1 to %d", a->n_ranks, AIOS_MAX_RANKS);
	if (a->part_cols == 0 || a->part_cols > UINT32_MAX / AIOS_MAX_RANKS)
		return no(c, "parts of %u columns", a->part_cols);
	if (!check_tensor(c, "out", &a->out, MOVED, ANY, a->n_ranks * a->part_cols))
		return false;
	if (a->part_row_bytes < (uint64_t)a->part_cols * aios_dtype_bytes(a->out.dtype) ||
	    a->part_row_bytes % ALIGN)
		return no(c, "part_row_bytes is %llu for %u columns",
			  (unsigned long long)a->part_row_bytes, a->part_cols);
	return a->out.rows == 0 || check_parts(c, a->parts, a->n_ranks);
}

/* --- all ops ------------------------------------------------------------------ */

#define SIZE(name) [AIOS_OP_##name]

/* What a descriptor of each type has at least; 0: no such op. */
static const uint32_t op_sizes[AIOS_OP_COUNT] = {
	SIZE(EMBED) = sizeof(struct aios_op_embed),
	SIZE(RMSNORM) = sizeof(struct aios_op_rmsnorm),
	SIZE(MATMUL) = sizeof(struct aios_op_matmul),
	SIZE(ROPE_KV) = sizeof(struct aios_op_rope_kv),
	SIZE(ATTENTION) = sizeof(struct aios_op_attention),
	SIZE(GLU) = sizeof(struct aios_op_glu),
	SIZE(ADD) = sizeof(struct aios_op_add),
	SIZE(GATHER_ROWS) = sizeof(struct aios_op_gather_rows),
	SIZE(CAST) = sizeof(struct aios_op_cast),
	SIZE(QUANTISE) = sizeof(struct aios_op_quantise),
	SIZE(COPY_PAGES) = sizeof(struct aios_op_copy_pages),
	SIZE(LOGITS) = sizeof(struct aios_op_logits),
	SIZE(ARGMAX) = sizeof(struct aios_op_argmax),
	SIZE(SAMPLE) = sizeof(struct aios_op_sample),
	SIZE(LOGPROBS) = sizeof(struct aios_op_logprobs),
	SIZE(ALL_REDUCE) = sizeof(struct aios_op_all_reduce),
	SIZE(ALL_GATHER) = sizeof(struct aios_op_all_gather),
};

static bool check_op(struct check *c, const struct aios_op *op)
{
	const union aios_op_any *any = (const void *)op;

	switch (op->type) {
	case AIOS_OP_EMBED:
		return check_embed(c, &any->embed);
	case AIOS_OP_RMSNORM:
		return check_rmsnorm(c, &any->rmsnorm);
	case AIOS_OP_MATMUL:
		return check_matmul(c, &any->matmul);
	case AIOS_OP_ROPE_KV:
		return check_rope_kv(c, &any->rope_kv);
	case AIOS_OP_ATTENTION:
		return check_attention(c, &any->attention);
	case AIOS_OP_GLU:
		return check_glu(c, &any->glu);
	case AIOS_OP_ADD:
		return check_add(c, &any->add);
	case AIOS_OP_GATHER_ROWS:
		return check_gather_rows(c, &any->gather_rows);
	case AIOS_OP_CAST:
		return check_cast(c, &any->cast);
	case AIOS_OP_QUANTISE:
		return check_quantise(c, &any->quantise);
	case AIOS_OP_COPY_PAGES:
		return check_copy_pages(c, &any->copy_pages);
	case AIOS_OP_LOGITS:
		return check_logits(c, &any->logits);
	case AIOS_OP_ARGMAX:
		return check_argmax(c, &any->argmax);
	case AIOS_OP_SAMPLE:
		return check_sample(c, &any->sample);
	case AIOS_OP_LOGPROBS:
		return check_logprobs(c, &any->logprobs);
	case AIOS_OP_ALL_REDUCE:
		return check_all_reduce(c, &any->all_reduce);
	default:
		return check_all_gather(c, &any->all_gather);
	}
}

bool gpu_check(const struct gpu_caps *caps, const struct aios_op *op, bool launch,
	       struct aios_op_support *out)
{
	struct check c = { .caps = caps, .out = out, .launch = launch };

	if (op->type >= AIOS_OP_COUNT || !op_sizes[op->type])
		return no(&c, "op type %u is unknown", op->type);
	if (op->size < op_sizes[op->type])
		return no(&c, "descriptor has %u bytes, expected at least %u", op->size,
			  op_sizes[op->type]);
	if (op->flags)
		return no(&c, "flags 0x%x are unknown", op->flags);
	return check_op(&c, op);
}

bool gpu_check_scratch(const struct aios_scratch *s, uint64_t bytes, struct aios_op_support *out)
{
	struct check c = { .out = out, .launch = true };

	if (!bytes)
		return true;
	if (s->bytes < bytes)
		return no(&c, "scratch has %llu bytes, expected %llu", (unsigned long long)s->bytes,
			  (unsigned long long)bytes);
	return check_addr(&c, "scratch", s->data);
}

uint64_t gpu_op_types(void)
{
	uint64_t types = 0;
	uint32_t type;

	for (type = 0; type < AIOS_OP_COUNT; type++)
		if (op_sizes[type])
			types |= (uint64_t)1 << type;
	return types;
}
