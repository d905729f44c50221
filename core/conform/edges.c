// SPDX-License-Identifier: Apache-2.0
/*
 * edges.c - cases made by hand, where what may go wrong is too rare for chance: values
 * that meet in one block, sums as large as they get, a draw out of the tail, a graph
 * whose inputs change.
 */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"

#define SECOND 1000000000ull

/* One case; `build` fills the program. */
struct edge {
	const char *name;
	uint32_t type;     /* enum aios_op_type */
	uint32_t profiles; /* of matmul: bit p set: in profile p */
	void (*build)(struct prog *p, uint32_t profile);
};

static void put(void *row, uint32_t dtype, uint32_t i, float v)
{
	switch (dtype) {
	case AIOS_BF16:
		((uint16_t *)row)[i] = aios_f32_to_bf16(v);
		break;
	case AIOS_E4M3:
		((uint8_t *)row)[i] = aios_f32_to_e4m3(v);
		break;
	case AIOS_F32:
		((float *)row)[i] = v;
		break;
	default:
		((int8_t *)row)[i] = (int8_t)v;
		break;
	}
}

static float power(int32_t e)
{
	return aios_float((uint32_t)(e + 127) << 23);
}

/* m * 2^e, m in +-[1, 2). */
static float scaled(uint64_t r, int32_t e)
{
	return aios_mul(aios_float(((uint32_t)r & 0x807f0000u) | 0x3f800000u), power(e));
}

/* --- matmul ------------------------------------------------------------------------- */

/* Element k of row `row` of x (side 0) or w (side 1). */
typedef float (*dot_fn)(struct conform_key key, uint32_t dtype, uint32_t side, uint32_t row,
			uint32_t k);

static struct prog_tensor dot_side(struct prog *p, const char *name, uint32_t dtype, uint32_t side,
				   uint32_t rows, uint32_t k, dot_fn value)
{
	struct prog_tensor t =
		prog_tensor(p, name, PROG_IN, dtype, rows, k, 0, STREAM_A + side, 0, DIST_NORMAL);
	float *scale = t.scale < 0 ? NULL : prog_row(p, t.scale, 0);

	for (uint32_t r = 0; r < rows && prog_row(p, t.data, r); r++)
		for (uint32_t i = 0; i < k; i++)
			put(prog_row(p, t.data, r), dtype, i, value(p->key, dtype, side, r, i));
	for (uint32_t r = 0; scale && r < rows; r++)
		scale[r] = 1.0f;
	return t;
}

/* Nothing but dot products: what an epilogue would hide is seen. */
static struct aios_op_matmul *dot_product(struct prog *p, uint32_t profile, uint32_t rows,
					  uint32_t outputs, uint32_t k, dot_fn value)
{
	struct aios_profile_info info = aios_profile_info_of(profile);
	struct prog_tensor x, w, out;
	struct aios_op_matmul *op;

	x = dot_side(p, "x", info.act_dtype, 0, rows, k, value);
	w = dot_side(p, "w", info.weight_dtype, 1, outputs, k, value);
	out = prog_tensor(p, "out", PROG_OUT, AIOS_F32, rows, outputs, 0, 0, 0, 0);
	op = prog_op(p, AIOS_OP_MATMUL, sizeof(*op));
	op->profile = (uint8_t)profile;
	op->segments = 1;
	prog_put(p, &op->x, &x);
	prog_put(p, &op->w, &w);
	prog_put(p, &op->out, &out);
	return op;
}

/* Zeros beside the largest values of the type, and small products between them. */
static float apart(struct conform_key key, uint32_t dtype, uint32_t side, uint32_t row, uint32_t k)
{
	uint32_t kind = conform_below(key, STREAM_C, 0, k, 3);
	uint64_t r = conform_random(key, STREAM_D + side, row, k);

	if (kind == 2)
		return scaled(r, dtype == AIOS_E4M3 ? -5 : -11 - (int32_t)(r >> 40 & 3));
	if (kind == side)
		return (r & 1) ? -0.0f : 0.0f;
	return scaled(r, dtype == AIOS_E4M3 ? 7 : 120);
}

static void build_apart(struct prog *p, uint32_t profile)
{
	dot_product(p, profile, 8, 9, 64, apart);
}

/* Products that cancel to nothing, the last of them negative; rows of -0. */
static float cancelling(struct conform_key key, uint32_t dtype, uint32_t side, uint32_t row,
			uint32_t k)
{
	(void)dtype;
	if (side == 1)
		return k % 2 ? -1.0f : 1.0f;
	if (row % 4 == 3)
		return -0.0f;
	return scaled(conform_random(key, STREAM_D, row, k / 2) & 0x7fffffffu, (int32_t)(row % 5));
}

static void build_cancelling(struct prog *p, uint32_t profile)
{
	dot_product(p, profile, 8, 5, 6, cancelling);
}

/* Products about the smallest normal number. */
static float tiny(struct conform_key key, uint32_t dtype, uint32_t side, uint32_t row, uint32_t k)
{
	uint64_t r = conform_random(key, STREAM_D + side, row, k);

	(void)dtype;
	return scaled(r, -62 - (int32_t)(r >> 40) % 12);
}

static void build_tiny(struct prog *p, uint32_t profile)
{
	dot_product(p, profile, 16, 17, 3, tiny);
}

/* Integer sums far past 24 bits. */
static float large(struct conform_key key, uint32_t dtype, uint32_t side, uint32_t row, uint32_t k)
{
	(void)dtype;
	return (float)(127 - (int32_t)(conform_random(key, STREAM_D + side, row, k) >> 61));
}

static void build_large(struct prog *p, uint32_t profile)
{
	dot_product(p, profile, 3, 17, 14336, large);
}

/* The label of a descriptor is for reports: two layers of it, each with a residual. */
static float ordinary(struct conform_key key, uint32_t dtype, uint32_t side, uint32_t row,
		      uint32_t k)
{
	(void)dtype;
	return conform_value(DIST_NORMAL, conform_random(key, STREAM_D + side, row, k));
}

static void build_label(struct prog *p, uint32_t profile)
{
	struct prog_tensor residual;
	struct aios_op_matmul *op;

	for (uint32_t layer = 1; layer <= 2; layer++) {
		residual = prog_tensor(p, layer == 1 ? "residual1" : "residual2", PROG_IN, AIOS_F32,
				       3, 5, 0, STREAM_IDS, 0, DIST_NORMAL);
		op = dot_product(p, profile, 3, 5, 17, ordinary);
		op->op.layer = (uint8_t)layer;
		prog_put(p, &op->residual, &residual);
	}
}

/* --- logits ------------------------------------------------------------------------- */

/* The largest logit of each row is a zero, of both signs. */
static void build_zeros(struct prog *p, uint32_t profile)
{
	static const float rows[4][5] = {
		{ -0.0f, 0.0f, -0.0f, 0.0f, -0.0f },
		{ -1.0f, -0.0f, -2.0f, 0.0f, -1.0f },
		{ 0.0f, -0.0f, 0.0f, -0.0f, -3.0f },
		{ -2.0f, -1.0f, -0.5f, -0.0f, 0.0f },
	};
	struct prog_tensor logits =
		prog_tensor(p, "logits", PROG_IN, AIOS_F32, 4, 5, 0, STREAM_A, 0, DIST_NORMAL);
	int ids = prog_buf(p, "ids", PROG_OUT, AIOS_I32, 1, 4, 0);
	struct aios_op_argmax *op = prog_op(p, AIOS_OP_ARGMAX, sizeof(*op));

	(void)profile;
	for (uint32_t r = 0; r < 4 && prog_row(p, logits.data, r); r++)
		memcpy(prog_row(p, logits.data, r), rows[r], sizeof(rows[r]));
	prog_put(p, &op->logits, &logits);
	prog_addr(p, &op->ids, ids, 0);
}

#define TAIL 4097
#define TAIL_LOGIT (-17.5f)

/* The next position at which the draw falls behind the one likely token. */
static uint32_t tail_position(uint64_t seed, uint32_t from)
{
	uint64_t first = (uint64_t)1 << 40;
	uint64_t total = first + (TAIL - 1) * aios_sample_weight(TAIL_LOGIT, 0.0f);

	while (aios_sample_target(aios_random64(seed, from, 0), total) < first)
		from++;
	return from;
}

/* One likely token, and so many unlikely ones that only exact sums find those. */
static void build_tail(struct prog *p, uint32_t profile)
{
	struct prog_tensor logits =
		prog_tensor(p, "logits", PROG_IN, AIOS_F32, 3, TAIL, 0, STREAM_A, 0, DIST_NORMAL);
	int params = prog_buf(p, "params", PROG_IN, AIOS_U8, 3, sizeof(struct aios_sample_row), 0);
	int ids = prog_buf(p, "ids", PROG_OUT, AIOS_I32, 1, 3, 0);
	struct aios_op_sample *op = prog_op(p, AIOS_OP_SAMPLE, sizeof(*op));
	uint32_t position = 0;

	(void)profile;
	for (uint32_t r = 0; r < 3 && prog_row(p, logits.data, r) && prog_row(p, params, r); r++) {
		struct aios_sample_row row = { .seed = 7, .temperature = 1.0f };
		float *logit = prog_row(p, logits.data, r);

		position = tail_position(row.seed, position + 1);
		row.position = position;
		memcpy(prog_row(p, params, r), &row, sizeof(row));
		for (uint32_t i = 0; i < TAIL; i++)
			logit[i] = i ? TAIL_LOGIT : 0.0f;
	}
	prog_put(p, &op->logits, &logits);
	prog_addr(p, &op->params, params, 0);
	prog_addr(p, &op->ids, ids, 0);
}

/* --- the list ------------------------------------------------------------------------ */

#define FMA32 (1u << AIOS_PROFILE_FMA32)
#define TC (1u << AIOS_PROFILE_TC_SM90 | 1u << AIOS_PROFILE_TC_SM80)
#define CDNA                                                                                       \
	(1u << AIOS_PROFILE_TC_CDNA1 | 1u << AIOS_PROFILE_TC_CDNA2 | 1u << AIOS_PROFILE_TC_CDNA3)
#define E4M3 (1u << AIOS_PROFILE_TC_SM90_E4M3)
#define INTEGER (1u << AIOS_PROFILE_I8 | 1u << AIOS_PROFILE_I8X2)

static const struct edge edges[] = {
	{ "zeros-apart", AIOS_OP_MATMUL, FMA32 | TC | CDNA | E4M3, build_apart },
	{ "cancelling", AIOS_OP_MATMUL, FMA32 | TC | CDNA | E4M3, build_cancelling },
	{ "tiny", AIOS_OP_MATMUL, FMA32 | TC | CDNA, build_tiny },
	{ "large-sums", AIOS_OP_MATMUL, INTEGER, build_large },
	{ "label", AIOS_OP_MATMUL, FMA32, build_label },
	{ "zeros", AIOS_OP_ARGMAX, 0, build_zeros },
	{ "tail", AIOS_OP_SAMPLE, 0, build_tail },
};

static int run_edge(struct aios_conform *c, const struct conform_job *job,
		    struct aios_conform_case *r)
{
	const struct edge *edge = job->arg;
	struct prog p;
	int rc = -ENOMEM;

	prog_init(&p, conform_key_of(c->options.seed, r->id));
	edge->build(&p, job->profile);
	if (!p.failed)
		rc = conform_run_prog(c, &p, r);
	prog_finish(&p);
	return rc;
}

int conform_edges(struct aios_conform *c)
{
	struct conform_job job = { .level = 2, .run = run_edge };
	int rc = 0;

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]) && !rc; i++) {
		const char *op = aios_op_name(edges[i].type);

		if (!(c->dut.dev->info.op_types >> edges[i].type & 1))
			continue;
		job.arg = &edges[i];
		if (!edges[i].profiles)
			rc = conform_add(c, &job, "l2/%s/any/edge-%s", op, edges[i].name);
		for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && !rc; p++) {
			job.profile = p;
			if ((edges[i].profiles >> p & 1) && conform_has_profile(c, p))
				rc = conform_add(c, &job, "l2/%s/%s/edge-%s", op,
						 aios_profile_info_of(p).name, edges[i].name);
		}
	}
	return rc;
}

/* --- a graph whose inputs change -------------------------------------------------------- */

#define ROWS 6u
#define COLS 4u

struct gather_graph {
	struct aios_mem src, rows, out;
	void *graph;
};

/* Allocate, and capture one gather_rows. -ENOSYS: no graphs. */
static int gather_capture(struct aios_conform *c, struct gather_graph *g, struct aios_status *st)
{
	struct device *dev = c->dut.dev;
	struct queue *q = &c->dut.queues[0];
	struct aios_tensor t = {
		.dtype = AIOS_F32, .rows = ROWS, .cols = COLS, .row_bytes = COLS * sizeof(float)
	};
	struct aios_op_gather_rows op = {
		.op = AIOS_OP_INIT(op, AIOS_OP_GATHER_ROWS), .n_rows = ROWS, .src = t, .out = t
	};
	int rc = device_alloc(dev, AIOS_HEAP_DEVICE, ROWS * t.row_bytes, "a test", &g->src, st);

	if (!rc)
		rc = device_alloc(dev, AIOS_HEAP_DEVICE, ROWS * 4, "a test", &g->rows, st);
	if (!rc)
		rc = device_alloc(dev, AIOS_HEAP_DEVICE, ROWS * t.row_bytes, "a test", &g->out, st);
	if (!rc)
		rc = queue_fill(q, g->rows.addr, 0, ROWS * 4, st);
	if (!rc)
		rc = queue_sync(q, 30 * SECOND, st);
	if (!rc)
		rc = dev->ops->graph_begin(dev->dev, q->queue, st);
	if (rc)
		return rc;
	op.rows = g->rows.addr;
	op.src.data = g->src.addr;
	op.out.data = g->out.addr;
	rc = queue_launch(q, &op.op, st);
	if (dev->ops->graph_end(dev->dev, q->queue, &g->graph, st))
		g->graph = NULL;
	return rc ? rc : g->graph ? 0 : -EIO;
}

/* Round n: other numbers in the source, other rows. */
static int gather_round(struct aios_conform *c, const struct gather_graph *g, uint32_t n,
			struct aios_conform_case *r, struct aios_status *st)
{
	struct queue *q = &c->dut.queues[0];
	float src[ROWS][COLS], got[ROWS][COLS];
	int32_t rows[ROWS];
	int rc;

	for (uint32_t i = 0; i < ROWS; i++) {
		rows[i] = (int32_t)((i * 5 + n) % ROWS);
		for (uint32_t k = 0; k < COLS; k++)
			src[i][k] = (float)(100 * n + 10 * i + k);
	}
	rc = queue_upload(q, g->src.addr, src, sizeof(src), st);
	if (!rc)
		rc = queue_upload(q, g->rows.addr, rows, sizeof(rows), st);
	if (!rc)
		rc = c->dut.dev->ops->graph_launch(c->dut.dev->dev, q->queue, g->graph, st);
	if (!rc)
		rc = queue_download(q, got, g->out.addr, sizeof(got), st);
	if (!rc)
		rc = queue_sync(q, 30 * SECOND, st);
	for (uint32_t i = 0; i < ROWS && !rc; i++)
		for (uint32_t k = 0; k < COLS; k++)
			if (got[i][k] != src[rows[i]][k])
				conform_fail(
					r,
					"launch %u of a graph, with other contents in its inputs: "
					"out[%u][%u] is %g, expected %g",
					n + 1, i, k, (double)got[i][k], (double)src[rows[i]][k]);
	return rc;
}

static int run_graph_inputs(struct aios_conform *c, const struct conform_job *job,
			    struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_status st = { 0 };
	struct gather_graph g;
	int rc;

	(void)job;
	memset(&g, 0, sizeof(g));
	rc = gather_capture(c, &g, &st);
	for (uint32_t n = 0; n < 4 && !rc && r->status == AIOS_CONFORM_PASS; n++)
		rc = gather_round(c, &g, n, r, &st);
	if (rc == -ENOSYS)
		conform_skip(r, "the driver has no graphs");
	else if (rc)
		conform_fail(r, "%s (%d): %s", st.where[0] ? st.where : "call", rc, st.message);
	queue_sync(&c->dut.queues[0], 30 * SECOND, NULL);
	if (g.graph)
		dev->ops->graph_destroy(dev->dev, g.graph);
	device_free(dev, &g.out);
	device_free(dev, &g.rows);
	device_free(dev, &g.src);
	return 0;
}

int conform_edges_graph(struct aios_conform *c)
{
	struct conform_job job = { .level = 4, .run = run_graph_inputs };

	if (!(c->dut.dev->info.op_types >> AIOS_OP_GATHER_ROWS & 1))
		return 0;
	return conform_add(c, &job, "l4/graph/inputs");
}
