// SPDX-License-Identifier: Apache-2.0
/*
 * level2.c - every op, bit for bit: the generated cases; descriptors that must be
 * refused; descriptors of a later minor ABI; profiles that are not declared.
 */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"

/* --- what the driver declares ------------------------------------------------- */

/* A device that does not declare an op or a profile must say NO when asked all the same. */
static int run_undeclared(struct aios_conform *c, const struct conform_job *job,
			  struct aios_conform_case *r)
{
	struct prog_how how = conform_how(0);
	struct prog_result got;
	struct gen_case one;
	struct prog p;
	int rc;

	gen_make(job->gen, job->profile, job->index, c->options.seed, &one);
	gen_describe(&one, r->shape, sizeof(r->shape));
	rc = gen_build(&one, &p);
	if (rc) {
		prog_finish(&p);
		return rc == -EINVAL ? conform_fail(r, "the generator made no case of this") : rc;
	}
	rc = prog_run(&p, c->dut.queues, &how, &got);
	if (!rc && got.outcome == PROG_BROKEN)
		conform_fail(r, "%s", got.why);
	else if (!rc && got.outcome == PROG_RAN)
		conform_fail(r, "query_op says EXACT, but device_info does not declare %s",
			     job->arg ? "this profile" : "this op");
	prog_result_finish(&got);
	prog_finish(&p);
	return rc;
}

static bool declares(const struct aios_conform *c, const struct gen *g)
{
	return (c->dut.dev->info.op_types >> g->type & 1) != 0;
}

/* --- descriptors that must be refused ------------------------------------------- */

/* Spoil a good descriptor. False: does not apply to this one. */
typedef bool (*spoil_fn)(struct aios_op *op);

static bool spoil_size_zero(struct aios_op *op)
{
	op->size = 0;
	return true;
}

static bool spoil_size_header(struct aios_op *op)
{
	op->size = sizeof(*op);
	return true;
}

static bool spoil_size_short(struct aios_op *op)
{
	op->size -= 4;
	return true;
}

static bool spoil_type_none(struct aios_op *op)
{
	op->type = AIOS_OP_NONE;
	return true;
}

static bool spoil_type_unknown(struct aios_op *op)
{
	op->type = AIOS_OP_COUNT;
	return true;
}

static bool spoil_type_large(struct aios_op *op)
{
	op->type = 0xffff;
	return true;
}

static bool spoil_flags(struct aios_op *op)
{
	op->flags = 0x80;
	return true;
}

/* The output tensor of an op that has one. */
static struct aios_tensor *out_of(struct aios_op *op)
{
	switch (op->type) {
	case AIOS_OP_EMBED:
		return &((struct aios_op_embed *)op)->out;
	case AIOS_OP_RMSNORM:
		return &((struct aios_op_rmsnorm *)op)->out;
	case AIOS_OP_MATMUL:
		return &((struct aios_op_matmul *)op)->out;
	case AIOS_OP_ROPE_KV:
		return &((struct aios_op_rope_kv *)op)->q;
	case AIOS_OP_ATTENTION:
		return &((struct aios_op_attention *)op)->out;
	case AIOS_OP_GLU:
		return &((struct aios_op_glu *)op)->out;
	case AIOS_OP_ADD:
		return &((struct aios_op_add *)op)->out;
	case AIOS_OP_GATHER_ROWS:
		return &((struct aios_op_gather_rows *)op)->out;
	case AIOS_OP_CAST:
		return &((struct aios_op_cast *)op)->out;
	case AIOS_OP_QUANTISE:
		return &((struct aios_op_quantise *)op)->out;
	case AIOS_OP_ALL_REDUCE:
		return &((struct aios_op_all_reduce *)op)->out;
	case AIOS_OP_ALL_GATHER:
		return &((struct aios_op_all_gather *)op)->out;
	case AIOS_OP_LOGITS:
		return &((struct aios_op_logits *)op)->logits;
	case AIOS_OP_ARGMAX:
		return &((struct aios_op_argmax *)op)->logits;
	case AIOS_OP_SAMPLE:
		return &((struct aios_op_sample *)op)->logits;
	case AIOS_OP_LOGPROBS:
		return &((struct aios_op_logprobs *)op)->logits;
	default:
		return NULL;
	}
}

static bool spoil_dtype_unknown(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (t)
		t->dtype = 99;
	return t != NULL;
}

static bool spoil_dtype_wrong(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (!t || op->type == AIOS_OP_GATHER_ROWS)
		return false;
	t->dtype = AIOS_F64;
	return true;
}

static bool spoil_layout(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (t)
		t->layout = 0x7fffffff;
	return t != NULL;
}

static bool spoil_row_bytes_odd(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (t)
		t->row_bytes += 8;
	return t != NULL;
}

static bool spoil_row_bytes_small(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (t)
		t->row_bytes = 0;
	return t != NULL;
}

static bool spoil_cols_zero(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (t)
		t->cols = 0;
	return t != NULL;
}

/* Only where the output's shape must equal another tensor's. */
static bool has_partner(const struct aios_op *op)
{
	return op->type != AIOS_OP_LOGITS && op->type != AIOS_OP_ARGMAX &&
	       op->type != AIOS_OP_SAMPLE && op->type != AIOS_OP_LOGPROBS &&
	       op->type != AIOS_OP_ALL_REDUCE && op->type != AIOS_OP_ALL_GATHER;
}

static bool spoil_rows_differ(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (!t || !has_partner(op))
		return false;
	t->rows++;
	return true;
}

static bool spoil_cols_differ(struct aios_op *op)
{
	struct aios_tensor *t = out_of(op);

	if (!t || (!has_partner(op) && op->type != AIOS_OP_ALL_GATHER))
		return false;
	t->cols++;
	t->row_bytes += 16;
	return true;
}

static bool spoil_profile(struct aios_op *op)
{
	if (op->type == AIOS_OP_MATMUL)
		((struct aios_op_matmul *)op)->profile = 200;
	else if (op->type == AIOS_OP_ATTENTION)
		((struct aios_op_attention *)op)->profile = 200;
	else
		return false;
	return true;
}

static bool spoil_act(struct aios_op *op)
{
	if (op->type == AIOS_OP_MATMUL)
		((struct aios_op_matmul *)op)->act = 77;
	else if (op->type == AIOS_OP_GLU)
		((struct aios_op_glu *)op)->act = AIOS_ACT_NONE;
	else
		return false;
	return true;
}

static bool spoil_segments(struct aios_op *op)
{
	if (op->type != AIOS_OP_MATMUL)
		return false;
	((struct aios_op_matmul *)op)->segments = 3;
	return true;
}

static bool spoil_segments_zero(struct aios_op *op)
{
	if (op->type != AIOS_OP_MATMUL)
		return false;
	((struct aios_op_matmul *)op)->segments = 0;
	return true;
}

static bool spoil_weight_type(struct aios_op *op)
{
	if (op->type != AIOS_OP_MATMUL)
		return false;
	((struct aios_op_matmul *)op)->w.dtype = AIOS_F32;
	return true;
}

static bool spoil_chunk(struct aios_op *op)
{
	if (op->type != AIOS_OP_ATTENTION)
		return false;
	((struct aios_op_attention *)op)->chunk = 100;
	return true;
}

static bool spoil_chunk_zero(struct aios_op *op)
{
	if (op->type != AIOS_OP_ATTENTION)
		return false;
	((struct aios_op_attention *)op)->chunk = 0;
	return true;
}

static struct aios_kv_layer *kv_of(struct aios_op *op)
{
	switch (op->type) {
	case AIOS_OP_ROPE_KV:
		return &((struct aios_op_rope_kv *)op)->kv;
	case AIOS_OP_ATTENTION:
		return &((struct aios_op_attention *)op)->kv;
	case AIOS_OP_COPY_PAGES:
		return &((struct aios_op_copy_pages *)op)->kv;
	default:
		return NULL;
	}
}

static bool spoil_kv_type(struct aios_op *op)
{
	struct aios_kv_layer *kv = kv_of(op);

	if (kv)
		kv->dtype = AIOS_I32;
	return kv != NULL;
}

static bool spoil_head_dim(struct aios_op *op)
{
	struct aios_kv_layer *kv = kv_of(op);

	if (kv)
		kv->head_dim = 0;
	return kv != NULL;
}

static bool spoil_page_size(struct aios_op *op)
{
	struct aios_kv_layer *kv = kv_of(op);

	if (kv)
		kv->page_size = 0;
	return kv != NULL;
}

static bool spoil_rot_dim(struct aios_op *op)
{
	if (op->type != AIOS_OP_ROPE_KV)
		return false;
	((struct aios_op_rope_kv *)op)->rot_dim = ((struct aios_op_rope_kv *)op)->kv.head_dim + 2;
	return true;
}

static bool spoil_ranks(struct aios_op *op)
{
	if (op->type == AIOS_OP_ALL_REDUCE)
		((struct aios_op_all_reduce *)op)->n_ranks = 3;
	else if (op->type == AIOS_OP_ALL_GATHER)
		((struct aios_op_all_gather *)op)->n_ranks = AIOS_MAX_RANKS + 1;
	else
		return false;
	return true;
}

static bool spoil_top(struct aios_op *op)
{
	if (op->type != AIOS_OP_LOGPROBS)
		return false;
	((struct aios_op_logprobs *)op)->n_top = 33;
	return true;
}

static const struct spoil {
	const char *name;
	spoil_fn fn;
} spoils[] = {
	{ "size-0", spoil_size_zero },
	{ "size-header", spoil_size_header },
	{ "size-short", spoil_size_short },
	{ "type-0", spoil_type_none },
	{ "type-unknown", spoil_type_unknown },
	{ "type-65535", spoil_type_large },
	{ "flags", spoil_flags },
	{ "dtype-99", spoil_dtype_unknown },
	{ "dtype-f64", spoil_dtype_wrong },
	{ "layout", spoil_layout },
	{ "row-bytes-odd", spoil_row_bytes_odd },
	{ "row-bytes-0", spoil_row_bytes_small },
	{ "cols-0", spoil_cols_zero },
	{ "rows-differ", spoil_rows_differ },
	{ "cols-differ", spoil_cols_differ },
	{ "profile-200", spoil_profile },
	{ "act", spoil_act },
	{ "segments-3", spoil_segments },
	{ "segments-0", spoil_segments_zero },
	{ "weight-f32", spoil_weight_type },
	{ "chunk-100", spoil_chunk },
	{ "chunk-0", spoil_chunk_zero },
	{ "kv-i32", spoil_kv_type },
	{ "head-dim-0", spoil_head_dim },
	{ "page-size-0", spoil_page_size },
	{ "rot-dim", spoil_rot_dim },
	{ "ranks", spoil_ranks },
	{ "top-33", spoil_top },
};

/* The first case of a generator that the device can run, built into *p. 0, 1 when there is none, -ENOMEM. */
static int good_case(struct aios_conform *c, const struct gen *g, uint32_t profile, struct prog *p)
{
	struct prog_how how = conform_how(0);
	struct prog_result got;
	struct gen_case one;
	bool ran;
	int rc;

	for (uint32_t i = 0; i < g->quick; i++) {
		gen_make(g, profile, i, c->options.seed, &one);
		rc = gen_build(&one, p);
		if (!rc) {
			rc = prog_run(p, c->dut.queues, &how, &got);
			ran = !rc && got.outcome == PROG_RAN;
			prog_result_finish(&got);
			if (ran)
				return 0;
		}
		prog_finish(p);
		if (rc == -ENOMEM)
			return rc;
	}
	return 1;
}

static int run_spoiled(struct aios_conform *c, const struct conform_job *job,
		       struct aios_conform_case *r)
{
	const struct spoil *spoil = job->arg;
	struct prog_how how = conform_how(0);
	struct prog_result got;
	struct prog p;
	int rc = good_case(c, job->gen, job->profile, &p);

	if (rc)
		return rc > 0 ? conform_skip(r, "the driver runs no case of %s", job->gen->name) :
				rc;
	spoil->fn(p.ops[0]);
	rc = prog_run(&p, c->dut.queues, &how, &got);
	if (!rc && got.outcome == PROG_RAN)
		conform_fail(r, "query_op says EXACT to a wrong descriptor (%s); expected NO",
			     spoil->name);
	else if (!rc && got.outcome == PROG_BROKEN)
		conform_fail(r, "%s", got.why);
	prog_result_finish(&got);
	prog_finish(&p);
	return rc;
}

/* A descriptor of a later minor version: longer, with fields this driver has never seen. */
static int run_longer(struct aios_conform *c, const struct conform_job *job,
		      struct aios_conform_case *r)
{
	struct aios_op *op;
	struct prog p;
	int rc = good_case(c, job->gen, job->profile, &p);

	if (rc)
		return rc > 0 ? conform_skip(r, "the driver runs no case of %s", job->gen->name) :
				rc;
	op = p.ops[0];
	memset((char *)op + op->size, 0xa5, 32);
	op->size += 32;
	rc = conform_run_prog(c, &p, r);
	if (!rc && r->status == AIOS_CONFORM_SKIP) {
		r->status = AIOS_CONFORM_PASS;
		conform_fail(r,
			     "a descriptor with fields appended is refused; a driver reads what it "
			     "knows and ignores the rest");
	}
	prog_finish(&p);
	return rc;
}

/* --- the list ------------------------------------------------------------------ */

static bool applies(const struct spoil *spoil, const struct gen *g)
{
	union {
		struct aios_op op;
		uint8_t room[PROG_OP_BYTES];
	} probe;

	memset(&probe, 0, sizeof(probe));
	probe.op.type = (uint16_t)g->type;
	return spoil->fn(&probe.op);
}

static int add_cases(struct aios_conform *c, const struct gen *g, uint32_t profile, const char *set)
{
	uint32_t n = c->options.quick ? g->quick : g->full;
	struct conform_job job = {
		.level = 2, .profile = profile, .gen = g, .run = conform_run_gen
	};
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++) {
		job.index = i;
		rc = conform_add(c, &job, "l2/%s/%s/%u", g->name, set, i);
	}
	return rc;
}

static int add_undeclared(struct aios_conform *c, const struct gen *g, uint32_t profile,
			  const char *set, const void *why)
{
	struct conform_job job = {
		.level = 2, .profile = profile, .gen = g, .run = run_undeclared, .arg = why
	};
	int rc = 0;

	for (uint32_t i = 0; i < 3 && !rc; i++) {
		job.index = i;
		rc = conform_add(c, &job, "l2/%s/%s/undeclared-%u", g->name, set, i);
	}
	return rc;
}

static int add_wrong(struct aios_conform *c, const struct gen *g)
{
	struct conform_job job = { .level = 2, .profile = AIOS_PROFILE_FMA32, .gen = g };
	int rc;

	job.run = run_longer;
	rc = conform_add(c, &job, "l2/%s/any/longer", g->name);
	job.run = run_spoiled;
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]) && !rc; i++) {
		job.arg = &spoils[i];
		if (applies(&spoils[i], g))
			rc = conform_add(c, &job, "l2/%s/any/refuse-%s", g->name, spoils[i].name);
	}
	return rc;
}

static int add_gen(struct aios_conform *c, const struct gen *g)
{
	static const char profile_reason[] = "profile";
	int rc = 0;

	if (!declares(c, g))
		return add_undeclared(c, g, AIOS_PROFILE_FMA32, g->profiled ? "fma32" : "any",
				      NULL);
	if (!g->profiled)
		rc = add_cases(c, g, AIOS_PROFILE_FMA32, "any");
	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && g->profiled && !rc; p++) {
		const char *set = aios_profile_info_of(p).name;

		if (conform_has_profile(c, p))
			rc = add_cases(c, g, p, set);
		else if (!(c->summary.profiles >> p & 1) && g->mandatory)
			rc = add_undeclared(c, g, p, set, profile_reason);
	}
	if (!rc && g != gen_find("weights"))
		rc = add_wrong(c, g);
	return rc;
}

int conform_level2(struct aios_conform *c)
{
	int rc = 0;

	for (size_t i = 0; i < gen_n && !rc; i++)
		rc = add_gen(c, gen_all[i]);
	return rc ? rc : conform_edges(c);
}
