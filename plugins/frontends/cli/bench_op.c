/* SPDX-License-Identifier: Apache-2.0 */
/* bench_op.c - aios bench --op: single ops, of the command line's shapes or a model's. */
#include <string.h>

#include <aios/numerics.h>

#include "bench.h"

#define HERE 1 /* an address that says "this operand is there" */
#define CHUNK AIOS_ATTN_CHUNK

enum {
	PAGE = 16, /* keys of a page */
};

/* What the command line says of an op's shape. */
struct wish {
	uint32_t type, profile;
	uint32_t m, n, k, seqs, q, kv, heads, kv_heads, head_dim, act;
	uint32_t dtype, to; /* AIOS_NONE: not said */
	bool residual, bias, n_given;
};

/* A run over many ops. */
struct op_bench {
	struct cli *cli;
	struct aios_bench *bench;
	struct aios_bench_rates rates;
	struct report report;
	uint32_t only;    /* with a model: this type of op; AIOS_OP_NONE: all */
	uint32_t m;       /* with a model: the rows at hand */
	double ns, limit; /* with a model: sums over the ops */
	uint64_t bytes, flops;
};

static const struct report_column columns[] = {
	{ "op", "op", 12, -1, 0 },         { "shape", "shape", 52, -1, 0 },
	{ "count", "count", 5, 0, 0 },     { "us", "us", 10, 2, 0 },
	{ "us_min", NULL, 0, 2, 0 },       { "us_max", NULL, 0, 2, 0 },
	{ "gb_per_s", "GB/s", 8, 1, 0 },   { "tflop_per_s", "TFLOP/s", 8, 2, 0 },
	{ "share", "limit %", 7, 1, 100 }, { "bound", "by", 6, -1, 0 },
	{ "bytes", NULL, 0, 0, 0 },        { "flops", NULL, 0, 0, 0 },
	{ "samples", NULL, 0, 0, 0 },      { "launches", NULL, 0, 0, 0 },
	{ "copies", NULL, 0, 0, 0 },       { "whole", NULL, 0, 0, 0 },
	{ "graph", NULL, 0, 0, 0 },        { "device_clock", NULL, 0, 0, 0 },
	{ NULL, NULL, 0, 0, 0 },
};

/* ---- templates ------------------------------------------------------------------- */

static struct aios_tensor tensor(uint32_t dtype, uint32_t rows, uint32_t cols)
{
	return (struct aios_tensor){ .dtype = dtype, .rows = rows, .cols = cols };
}

static struct aios_tensor there(uint32_t dtype, uint32_t rows, uint32_t cols)
{
	return (struct aios_tensor){ .data = HERE, .dtype = dtype, .rows = rows, .cols = cols };
}

static uint32_t choose(uint32_t said, uint32_t otherwise)
{
	return said != AIOS_NONE ? said : otherwise;
}

/* Ops over rows of logits are as wide as a vocabulary unless --n says otherwise. */
static uint32_t vocabulary(const struct wish *w)
{
	return w->n_given ? w->n : 151936;
}

static uint32_t half_type(const struct wish *w)
{
	return w->dtype == AIOS_F16 ? AIOS_F16 : AIOS_BF16;
}

static void make_matmul(const struct wish *w, union aios_op_any *op)
{
	struct aios_profile_info unit = aios_profile_info_of(w->profile);
	uint32_t x = unit.act_dtype == AIOS_BF16 ? half_type(w) : unit.act_dtype;
	uint32_t weight = unit.weight_dtype == AIOS_BF16 ? half_type(w) : unit.weight_dtype;
	uint32_t out = w->residual ? AIOS_F32 : AIOS_BF16;

	op->matmul = (struct aios_op_matmul){
		.op = AIOS_OP_INIT(struct aios_op_matmul, AIOS_OP_MATMUL),
		.profile = (uint8_t)w->profile,
		.act = (uint8_t)w->act,
		.mid_type = AIOS_F32,
		.bias_dtype = AIOS_BF16,
		.segments = 1,
		.x = tensor(x, w->m, w->k),
		.w = tensor(weight, w->act ? 2 * w->n : w->n, w->k),
		.out = tensor(choose(w->to, out), w->m, w->n),
		.bias = w->bias ? HERE : 0,
	};
	if (w->residual)
		op->matmul.residual = there(AIOS_F32, w->m, w->n);
}

static void make_rmsnorm(const struct wish *w, union aios_op_any *op)
{
	op->rmsnorm = (struct aios_op_rmsnorm){
		.op = AIOS_OP_INIT(struct aios_op_rmsnorm, AIOS_OP_RMSNORM),
		.eps = 1e-6f,
		.x = tensor(AIOS_F32, w->m, w->n),
		.weight = HERE,
		.weight_dtype = AIOS_BF16,
		.out = tensor(choose(w->to, aios_profile_info_of(w->profile).act_dtype), w->m,
			      w->n),
	};
	if (w->residual)
		op->rmsnorm.add = there(AIOS_F32, w->m, w->n);
}

static struct aios_batch batch(const struct wish *w)
{
	return (struct aios_batch){
		.n_tokens = w->seqs * w->q, .n_seqs = w->seqs, .max_q = w->q, .max_kv = w->kv
	};
}

static struct aios_kv_layer layer(const struct wish *w)
{
	return (struct aios_kv_layer){ .dtype = half_type(w),
				       .page_size = PAGE,
				       .n_kv_heads = w->kv_heads,
				       .head_dim = w->head_dim };
}

static void make_attention(const struct wish *w, union aios_op_any *op)
{
	uint32_t rows = w->seqs * w->q, cols = w->heads * w->head_dim;

	op->attention = (struct aios_op_attention){
		.op = AIOS_OP_INIT(struct aios_op_attention, AIOS_OP_ATTENTION),
		.profile = (uint8_t)w->profile,
		.n_heads = w->heads,
		.batch = batch(w),
		.kv = layer(w),
		.q = tensor(half_type(w), rows, cols),
		.out = tensor(choose(w->to, aios_profile_info_of(w->profile).act_dtype), rows,
			      cols),
		.scale = 0.088388348f,
		.scale_log2 = 0.127517432f,
		.chunk = CHUNK,
	};
}

static void make_rope(const struct wish *w, union aios_op_any *op)
{
	uint32_t rows = w->seqs * w->q, heads = w->heads + 2 * w->kv_heads;

	op->rope_kv = (struct aios_op_rope_kv){
		.op = AIOS_OP_INIT(struct aios_op_rope_kv, AIOS_OP_ROPE_KV),
		.eps = 1e-6f,
		.batch = batch(w),
		.kv = layer(w),
		.qkv = tensor(AIOS_BF16, rows, heads * w->head_dim),
		.q = tensor(half_type(w), rows, w->heads * w->head_dim),
		.n_heads = w->heads,
		.rot_dim = w->head_dim,
		.norm_dtype = AIOS_BF16,
		.q_norm = HERE,
		.k_norm = HERE,
	};
}

static void make_glu(const struct wish *w, union aios_op_any *op)
{
	op->glu = (struct aios_op_glu){
		.op = AIOS_OP_INIT(struct aios_op_glu, AIOS_OP_GLU),
		.act = (uint8_t)(w->act ? w->act : AIOS_ACT_SILU_MUL),
		.in = tensor(choose(w->dtype, AIOS_BF16), w->m, 2 * w->n),
		.out = tensor(choose(w->to, AIOS_BF16), w->m, w->n),
	};
}

static void make_add(const struct wish *w, union aios_op_any *op)
{
	op->add = (struct aios_op_add){
		.op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD),
		.a = tensor(AIOS_F32, w->m, w->n),
		.b = tensor(choose(w->dtype, AIOS_F32), w->m, w->n),
		.out = tensor(AIOS_F32, w->m, w->n),
	};
}

static void make_embed(const struct wish *w, union aios_op_any *op)
{
	op->embed = (struct aios_op_embed){
		.op = AIOS_OP_INIT(struct aios_op_embed, AIOS_OP_EMBED),
		.scale = 1,
		.n_tokens = w->m,
		.table = tensor(choose(w->dtype, AIOS_BF16), 151936, w->n),
		.out = tensor(AIOS_F32, w->m, w->n),
	};
}

static void make_gather(const struct wish *w, union aios_op_any *op)
{
	uint32_t dtype = choose(w->dtype, AIOS_F32);

	op->gather_rows = (struct aios_op_gather_rows){
		.op = AIOS_OP_INIT(struct aios_op_gather_rows, AIOS_OP_GATHER_ROWS),
		.n_rows = w->m,
		.src = tensor(dtype, 4 * w->m, w->n),
		.out = tensor(dtype, w->m, w->n),
	};
}

static void make_cast(const struct wish *w, union aios_op_any *op)
{
	op->cast = (struct aios_op_cast){
		.op = AIOS_OP_INIT(struct aios_op_cast, AIOS_OP_CAST),
		.in = tensor(choose(w->dtype, AIOS_F32), w->m, w->n),
		.out = tensor(choose(w->to, AIOS_BF16), w->m, w->n),
	};
}

static void make_quantise(const struct wish *w, union aios_op_any *op)
{
	op->quantise = (struct aios_op_quantise){
		.op = AIOS_OP_INIT(struct aios_op_quantise, AIOS_OP_QUANTISE),
		.in = tensor(choose(w->dtype, AIOS_BF16), w->m, w->n),
		.out = tensor(choose(w->to, AIOS_I8X2), w->m, w->n),
	};
}

static void make_copy_pages(const struct wish *w, union aios_op_any *op)
{
	op->copy_pages = (struct aios_op_copy_pages){
		.op = AIOS_OP_INIT(struct aios_op_copy_pages, AIOS_OP_COPY_PAGES),
		.n_pairs = w->m,
		.kv = layer(w),
	};
}

static void make_logits(const struct wish *w, union aios_op_any *op)
{
	op->logits = (struct aios_op_logits){
		.op = AIOS_OP_INIT(struct aios_op_logits, AIOS_OP_LOGITS),
		.logits = tensor(AIOS_F32, w->m, vocabulary(w)),
	};
}

static void make_argmax(const struct wish *w, union aios_op_any *op)
{
	op->argmax = (struct aios_op_argmax){
		.op = AIOS_OP_INIT(struct aios_op_argmax, AIOS_OP_ARGMAX),
		.logits = tensor(AIOS_F32, w->m, vocabulary(w)),
	};
}

static void make_sample(const struct wish *w, union aios_op_any *op)
{
	op->sample = (struct aios_op_sample){
		.op = AIOS_OP_INIT(struct aios_op_sample, AIOS_OP_SAMPLE),
		.logits = tensor(AIOS_F32, w->m, vocabulary(w)),
	};
}

static void make_logprobs(const struct wish *w, union aios_op_any *op)
{
	op->logprobs = (struct aios_op_logprobs){
		.op = AIOS_OP_INIT(struct aios_op_logprobs, AIOS_OP_LOGPROBS),
		.n_top = 5,
		.logits = tensor(AIOS_F32, w->m, vocabulary(w)),
	};
}

static void make_all_reduce(const struct wish *w, union aios_op_any *op)
{
	op->all_reduce = (struct aios_op_all_reduce){
		.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE),
		.n_ranks = 2,
		.out = tensor(AIOS_F32, w->m, w->n),
	};
}

static void make_all_gather(const struct wish *w, union aios_op_any *op)
{
	op->all_gather = (struct aios_op_all_gather){
		.op = AIOS_OP_INIT(struct aios_op_all_gather, AIOS_OP_ALL_GATHER),
		.n_ranks = 2,
		.part_cols = w->n,
		.out = tensor(choose(w->dtype, AIOS_BF16), w->m, 2 * w->n),
	};
}

static void (*const makers[AIOS_OP_COUNT])(const struct wish *w, union aios_op_any *op) = {
	[AIOS_OP_EMBED] = make_embed,
	[AIOS_OP_RMSNORM] = make_rmsnorm,
	[AIOS_OP_MATMUL] = make_matmul,
	[AIOS_OP_ROPE_KV] = make_rope,
	[AIOS_OP_ATTENTION] = make_attention,
	[AIOS_OP_GLU] = make_glu,
	[AIOS_OP_ADD] = make_add,
	[AIOS_OP_GATHER_ROWS] = make_gather,
	[AIOS_OP_CAST] = make_cast,
	[AIOS_OP_QUANTISE] = make_quantise,
	[AIOS_OP_COPY_PAGES] = make_copy_pages,
	[AIOS_OP_LOGITS] = make_logits,
	[AIOS_OP_ARGMAX] = make_argmax,
	[AIOS_OP_SAMPLE] = make_sample,
	[AIOS_OP_LOGPROBS] = make_logprobs,
	[AIOS_OP_ALL_REDUCE] = make_all_reduce,
	[AIOS_OP_ALL_GATHER] = make_all_gather,
};

/* ---- measuring --------------------------------------------------------------------- */

static json_t *row_json(const struct aios_op *op, const char *shape, uint32_t count,
			const struct aios_bench_result *r, double limit, bool memory)
{
	json_t *row = json_object();

	json_put(&row, "op", json_string(aios_op_name(op->type)));
	json_put(&row, "shape", json_string(shape));
	if (count)
		json_put(&row, "count", json_integer(count));
	json_put(&row, "us", json_real(r->ns / 1e3));
	json_put(&row, "us_min", json_real(r->min_ns / 1e3));
	json_put(&row, "us_max", json_real(r->max_ns / 1e3));
	json_put(&row, "gb_per_s", json_real((double)r->bytes / r->ns));
	if (r->flops)
		json_put(&row, "tflop_per_s", json_real((double)r->flops / r->ns / 1e3));
	if (limit > 0) {
		json_put(&row, "share", json_real(limit / r->ns));
		json_put(&row, "bound", json_string(memory ? "memory" : "matmul"));
	}
	json_put(&row, "bytes", json_integer((json_int_t)r->bytes));
	json_put(&row, "flops", json_integer((json_int_t)r->flops));
	json_put(&row, "samples", json_integer(r->samples));
	json_put(&row, "launches", json_integer(r->launches));
	json_put(&row, "copies", json_integer(r->copies));
	json_put(&row, "whole", json_boolean(r->parts == 1));
	json_put(&row, "graph", json_boolean(r->graph));
	json_put(&row, "device_clock", json_boolean(r->device_clock));
	return row;
}

static int measure(struct op_bench *ob, const struct aios_op *op, uint32_t count,
		   struct aios_status *st)
{
	struct aios_bench_result r;
	char shape[160];
	double limit;
	bool memory;
	int rc = aios_bench_op(ob->bench, op, &r, st);

	aios_bench_shape(op, shape, sizeof(shape));
	if (rc < 0) {
		char why[300];

		snprintf(why, sizeof(why), "%.299s", st->message);
		return aios_fail(st, rc, "%s %s: %s", aios_op_name(op->type), shape, why);
	}
	limit = aios_bench_limit(&r, ob->rates.read, ob->rates.matmul, &memory);
	report_row(&ob->report, row_json(op, shape, count, &r, limit, memory));
	ob->ns += r.ns * (count ? count : 1);
	ob->limit += limit * (count ? count : 1);
	ob->bytes += r.bytes * (count ? count : 1);
	ob->flops += r.flops * (count ? count : 1);
	return 0;
}

/* ---- ops of a model ------------------------------------------------------------------ */

static int on_model_op(void *ctx, const union aios_op_any *op, uint32_t count,
		       struct aios_status *st)
{
	struct op_bench *ob = ctx;

	if (ob->only != AIOS_OP_NONE && op->op.type != ob->only)
		return 0;
	return measure(ob, &op->op, count, st);
}

/* The sum over a pass. */
static void total_row(struct op_bench *ob, uint32_t kv)
{
	json_t *row = json_object();
	char shape[64];

	snprintf(shape, sizeof(shape), "m=%u kv=%u, %s of a pass", ob->m, kv,
		 ob->only == AIOS_OP_NONE ? "all ops" : aios_op_name(ob->only));
	json_put(&row, "op", json_string("sum"));
	json_put(&row, "shape", json_string(shape));
	json_put(&row, "us", json_real(ob->ns / 1e3));
	json_put(&row, "gb_per_s", json_real((double)ob->bytes / ob->ns));
	json_put(&row, "tflop_per_s", json_real((double)ob->flops / ob->ns / 1e3));
	if (ob->limit > 0)
		json_put(&row, "share", json_real(ob->limit / ob->ns));
	json_put(&row, "bytes", json_integer((json_int_t)ob->bytes));
	json_put(&row, "flops", json_integer((json_int_t)ob->flops));
	report_row(&ob->report, row);
}

static int run_model(struct op_bench *ob, const char *path, const struct bench_list *m,
		     const struct bench_list *kv, uint32_t q, struct aios_status *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < m->n * kv->n && rc == 0; i++) {
		uint32_t rows = m->of[i % m->n], keys = kv->of[i / m->n];

		if (rows % q)
			return cli_usage(st, "--m %u is no multiple of --q %u", rows, q);
		ob->m = rows;
		ob->ns = ob->limit = 0;
		ob->bytes = ob->flops = 0;
		rc = aios_bench_model(ob->bench, path, rows / q, q, keys, on_model_op, ob, st);
		if (rc == 0 && ob->ns > 0)
			total_row(ob, keys);
		else if (rc == 0)
			rc = aios_fail(st, -ENOENT, "%s has no op %s", path,
				       aios_op_name(ob->only));
	}
	return rc;
}

/* ---- ops of the command line ------------------------------------------------------------ */

static int run_shapes(struct op_bench *ob, struct wish *w, const struct bench_list *m,
		      const struct bench_list *seqs, const struct bench_list *kv,
		      struct aios_status *st)
{
	bool keys = w->type == AIOS_OP_ATTENTION || w->type == AIOS_OP_ROPE_KV;
	const struct bench_list *rows = keys && seqs->n ? seqs : m;
	uint32_t n_kv = keys ? kv->n : 1;
	union aios_op_any op;
	int rc = 0;

	for (uint32_t i = 0; i < rows->n * n_kv && rc == 0; i++) {
		w->m = w->seqs = rows->of[i % rows->n];
		w->kv = kv->of[i / rows->n];
		memset(&op, 0, sizeof(op));
		makers[w->type](w, &op);
		rc = measure(ob, &op.op, 0, st);
	}
	return rc;
}

/* ---- the command line --------------------------------------------------------------------- */

static int parse_op(const char *name, uint32_t *type, struct aios_status *st)
{
	char list[256] = "";
	size_t at = 0;

	for (uint32_t t = AIOS_OP_NONE + 1; t < AIOS_OP_COUNT; t++) {
		if (strcmp(aios_op_name(t), name) == 0) {
			*type = t;
			return 0;
		}
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? ", " : "",
				       aios_op_name(t));
	}
	return cli_usage(st, "--op: there is no op '%s'; the ops are %s", name, list);
}

static int parse_dtype(const struct cli *cli, const char *key, uint32_t *dtype,
		       struct aios_status *st)
{
	const char *name = cli_text(cli, AIOS_SECTION_COMMAND, key);

	*dtype = AIOS_NONE;
	if (!name)
		return 0;
	for (uint32_t t = AIOS_F32; t <= AIOS_I8X2; t++)
		if (strcmp(aios_dtype_name(t), name) == 0)
			*dtype = t;
	return *dtype != AIOS_NONE ? 0 :
				     cli_usage(st,
					       "--%s: there is no type '%s'; the types are f32, "
					       "f16, bf16, e4m3, i8, i8x2",
					       key, name);
}

static uint32_t number(const struct cli *cli, const char *key)
{
	return (uint32_t)cli_int(cli, AIOS_SECTION_COMMAND, key);
}

static int read_wish(const struct cli *cli, struct wish *w, struct aios_status *st)
{
	const char *act = cli_text(cli, AIOS_SECTION_COMMAND, "act");
	int rc = parse_dtype(cli, "dtype", &w->dtype, st);

	if (!rc)
		rc = parse_dtype(cli, "to", &w->to, st);
	w->n = number(cli, "n");
	w->k = number(cli, "k");
	w->q = number(cli, "q");
	w->heads = number(cli, "heads");
	w->kv_heads = number(cli, "kv_heads");
	w->head_dim = number(cli, "head_dim");
	w->n_given = aios_config_is_set(cli->config, AIOS_SECTION_COMMAND, "n");
	w->residual = cli_flag(cli, AIOS_SECTION_COMMAND, "residual");
	w->bias = cli_flag(cli, AIOS_SECTION_COMMAND, "bias");
	w->act = act && strcmp(act, "silu") == 0 ? AIOS_ACT_SILU_MUL :
		 act && strcmp(act, "gelu") == 0 ? AIOS_ACT_GELU_TANH_MUL :
						   AIOS_ACT_NONE;
	return rc;
}

int bench_op_main(struct cli *cli, struct aios_status *st)
{
	const char *name = cli_text(cli, AIOS_SECTION_COMMAND, "op"), *model = bench_model(cli);
	struct bench_list m, seqs, kv;
	struct op_bench ob = { .cli = cli };
	struct wish w = { 0 };
	bool all = model && strcmp(name, "all") == 0;
	int rc = all ? 0 : parse_op(name, &w.type, st);

	if (!rc)
		rc = read_wish(cli, &w, st);
	if (!rc)
		rc = bench_list(cli, "m", false, 1, &m, st);
	if (!rc)
		rc = bench_list(cli, "seqs", false, 1, &seqs, st);
	if (!rc)
		rc = bench_list(cli, "kv", false, 1, &kv, st);
	if (!rc && (!m.n || !kv.n))
		rc = cli_usage(st, "--m and --kv need a number at least");
	if (!rc)
		rc = bench_open(cli, &ob.bench, st);
	if (rc)
		return rc;
	ob.only = w.type;
	report_init(&ob.report, cli, columns);
	rc = aios_bench_profile(ob.bench, &w.profile, st);
	if (!rc) {
		bench_facts(ob.bench, w.profile, &ob.report);
		rc = bench_rates(cli, ob.bench, w.profile, &ob.rates, &ob.report, st);
	}
	if (!rc && model)
		rc = run_model(&ob, model, &m, &kv, w.q, st);
	else if (!rc)
		rc = run_shapes(&ob, &w, &m, &seqs, &kv, st);
	if (!rc)
		rc = report_end(&ob.report, st);
	report_finish(&ob.report);
	aios_bench_destroy(ob.bench);
	return rc;
}
