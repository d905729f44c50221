// SPDX-License-Identifier: Apache-2.0
/* plan_matmul.c - which matmul kernel for which shape. */
#include <string.h>

#include <aios/numerics.h>

#include "emit.h"
#include "panels.h"

/* Weight rows of a block of matmul_rows: as many as leave work for every unit. */
static uint32_t rows_w(const struct plan *p, const struct aios_op_matmul *m)
{
	uint64_t weights = (uint64_t)m->out.cols * (m->act ? 2 : 1);
	uint32_t w = GPU_ROWS_W;

	while (w > 8 && div_up(weights, w) < p->caps->units)
		w /= 2;
	return w;
}

static int plan_rows(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m, .rows_w = rows_w(p, m) };
	uint32_t per_block = m->act ? a.rows_w / 2 : a.rows_w, stage, budget = p->caps->shared_max;
	uint32_t kernel = m->x.dtype == AIOS_F16 ? GPU_K_matmul_rows_f16 : GPU_K_matmul_rows_bf16;

	a.n_tokens = m->x.rows < GPU_ROWS_MAX_T ? m->x.rows : GPU_ROWS_MAX_T;
	stage = (a.rows_w + a.n_tokens) * GPU_ROWS_PITCH;
	budget = budget < 98304 ? budget : 98304; /* leaves room for a second block */
	a.stages = budget / stage < GPU_ROWS_MAX_STAGES ? budget / stage : GPU_ROWS_MAX_STAGES;
	return gpu_emit(p, kernel, &a, div_up(m->out.cols, per_block),
			div_up(m->x.rows, a.n_tokens), 1, (size_t)a.stages * stage);
}

static int plan_tile(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	uint32_t n = m->act ? GPU_TILE_N / 2 : GPU_TILE_N, kernel, t = GPU_TILE_T;
	bool f16 = m->x.dtype == AIOS_F16;

	kernel = f16 ? GPU_K_matmul_tile_f16 : GPU_K_matmul_tile_bf16;
	if (m->segments > 1) {
		kernel = f16 ? GPU_K_matmul_tile_seg_f16 : GPU_K_matmul_tile_seg_bf16;
		t = 64;
	}
	return gpu_emit(p, kernel, &a, div_up(m->out.cols, n), div_up(m->x.rows, t), 1,
			sizeof(struct gpu_tile_shared));
}

static int plan_i8(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	uint32_t n = m->act ? GPU_I8_TILE / 2 : GPU_I8_TILE;

	if (m->x.rows <= 2 * GPU_I8_ROWS_MAX_T)
		return gpu_emit(p, GPU_K_matmul_i8_rows, &a, div_up(m->out.cols, GPU_I8_ROWS_N),
				div_up(m->x.rows, GPU_I8_ROWS_MAX_T), 1, 0);
	return gpu_emit(p, GPU_K_matmul_i8_tile, &a, div_up(m->out.cols, n),
			div_up(m->x.rows, GPU_I8_TILE), 1, sizeof(struct gpu_i8_tile_shared));
}

/* tc-sm90 for what no fast kernel takes. */
static int plan_any(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	bool f16 = m->x.dtype == AIOS_F16;

	return gpu_emit(p, f16 ? GPU_K_matmul_any_f16 : GPU_K_matmul_any_bf16, &a,
			div_up(m->out.cols, m->act ? 32 : 64), div_up(m->x.rows, 32), 1, 0);
}

/* The units of CDNA, any shape. */
static int plan_mfma(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	uint32_t n = m->act ? GPU_MFMA_TILE / 2 : GPU_MFMA_TILE;
	bool f16 = m->x.dtype == AIOS_F16;

	return gpu_emit(p, f16 ? GPU_K_matmul_mfma_f16 : GPU_K_matmul_mfma_bf16, &a,
			div_up(m->out.cols, n), div_up(m->x.rows, GPU_MFMA_TILE), 1,
			sizeof(struct gpu_mfma_tile_shared));
}

/* --- matmul_stream ---------------------------------------------------------------- */

/* Kernels by the most rows of x, without and with a second panel a warp. */
struct stream_kernels {
	uint32_t rows, one, two; /* GPU_KERNEL_COUNT: there is none */
};

#define STREAM_ROWS(kind)                                                                          \
	{                                                                                          \
		{ 8, GPU_K_matmul_stream_##kind##_8_1, GPU_K_matmul_stream_##kind##_8_2 },         \
			{ 16, GPU_K_matmul_stream_##kind##_16_1,                                   \
			  GPU_K_matmul_stream_##kind##_16_2 },                                     \
			{ 32, GPU_KERNEL_COUNT, GPU_K_matmul_stream_##kind##_32_2 },               \
	}

static const struct stream_kernels stream_bf16[3] = STREAM_ROWS(bf16);
static const struct stream_kernels stream_f16[3] = STREAM_ROWS(f16);
static const struct stream_kernels stream_i8[3] = STREAM_ROWS(i8);
static const struct stream_kernels stream_i8x2[3] = {
	{ 8, GPU_K_matmul_stream_i8x2_8_1, GPU_K_matmul_stream_i8x2_8_2 },
	{ 16, GPU_KERNEL_COUNT, GPU_K_matmul_stream_i8x2_16_2 },
	{ 32, GPU_KERNEL_COUNT, GPU_K_matmul_stream_i8x2_32_2 },
};
static const struct stream_kernels stream_seg_bf16 = { 16, GPU_K_matmul_stream_seg_bf16,
						       GPU_KERNEL_COUNT };
static const struct stream_kernels stream_seg_f16 = { 16, GPU_K_matmul_stream_seg_f16,
						      GPU_KERNEL_COUNT };

static const struct stream_kernels *stream_kernels(const struct aios_op_matmul *m)
{
	const struct stream_kernels *k = m->x.dtype == AIOS_BF16 ? stream_bf16 : stream_f16;
	if (m->segments > 1 && !aios_dtype_scaled(m->x.dtype))
		return m->x.dtype == AIOS_BF16 ? &stream_seg_bf16 : &stream_seg_f16;
	if (aios_dtype_scaled(m->x.dtype))
		k = m->x.dtype == AIOS_I8 ? stream_i8 : stream_i8x2;
	return m->x.rows <= 8 ? &k[0] : m->x.rows <= 16 ? &k[1] : &k[2];
}

/*
 * Shared memory of a block. Where a block has little to read, what hides the latencies between
 * launches is that the next launch's blocks fit beside this one's and fetch theirs, or this one's
 * beside those of the launch ahead; else a deep ring is better.
 */
#define STREAM_SMALL (112u << 10)
#define STREAM_LARGE (200u << 10)
#define STREAM_SHORT (288u << 10) /* bytes to read that are little */
#define STREAM_ONCE 2             /* rows of x up to which weights are one slice, if they fit */
#define STREAM_STILL 256          /* bytes along k for a rehearsal */

/* Panels of a warp and warps: all items of a block at once where that is possible. */
static bool stream_split(const struct aios_op_matmul *m, const struct stream_kernels *k,
			 const struct gpu_stream_tune *tune, uint32_t grid,
			 struct gpu_stream_args *a)
{
	uint32_t kernel = k->two == GPU_KERNEL_COUNT ? k->one : k->two, per, warps;
	uint32_t most = (gpu_kernel_threads(kernel) - GPU_STREAM_FETCH) / 32;
	uint32_t share = (uint32_t)div_up(a->items, grid);

	if (tune->warps && tune->warps < most)
		most = tune->warps;
	a->panels = tune->panels ? tune->panels : share > most ? 2 : 1;
	if (m->act || k->one == GPU_KERNEL_COUNT)
		a->panels = 2;
	else if (k->two == GPU_KERNEL_COUNT)
		a->panels = 1;
	if ((a->panels == 1 ? k->one : k->two) == GPU_KERNEL_COUNT)
		return false;
	per = m->act ? a->panels / 2 : a->panels;
	warps = (uint32_t)div_up(share, per);
	a->warps = (uint32_t)div_up(warps, div_up(warps, most));
	return true;
}

/* Bytes of x in shared memory, rows of `bytes` each; planes count as rows. */
static uint64_t stream_x_bytes(const struct aios_op_matmul *m, uint32_t rows, uint64_t bytes)
{
	return (m->x.dtype == AIOS_I8X2 ? 2 : 1) * rows * (bytes + 16);
}

static uint64_t stream_stage(const struct aios_op_matmul *m, const struct gpu_stream_args *a)
{
	uint64_t w = (uint64_t)a->warps * a->panels * GPU_PANEL_ROWS * a->slice;

	return a->whole ? w : w + stream_x_bytes(m, a->rows, a->slice);
}

/* Behind the ring: the panel that a rehearsal's warps multiply, 8 bytes that each thread writes. */
static uint32_t stream_still(const struct gpu_stream_args *a)
{
	return a->rehearse ? GPU_PANEL_ROWS * a->still + a->warps * 32 * 8 : 0;
}

/* How many stages a block fills in all. */
static uint32_t stream_fills(const struct aios_op_matmul *m, const struct gpu_stream_args *a,
			     uint32_t grid)
{
	uint64_t pass = (uint64_t)a->warps * a->panels / (m->act ? 2 : 1);
	uint64_t fills = div_up(div_up(a->items, grid), pass) * div_up(m->w.row_bytes, a->slice);

	return fills < GPU_STREAM_STAGES ? (uint32_t)fills : GPU_STREAM_STAGES;
}

/*
 * All weights of a block as one slice, where they fit beside x: then the chain along k is what takes
 * time, and it goes from end to end without another wait. False: they do not.
 */
static bool stream_at_once(const struct gpu_caps *caps, const struct aios_op_matmul *m,
			   const struct gpu_stream_tune *tune, uint32_t grid,
			   struct gpu_stream_args *a)
{
	uint64_t pass = (uint64_t)a->warps * a->panels / (m->act ? 2 : 1);
	uint64_t x = stream_x_bytes(m, a->rows, m->w.row_bytes);

	if (m->x.rows > STREAM_ONCE || tune->slice || tune->budget || tune->whole == 2 ||
	    div_up(a->items, grid) > pass)
		return false;
	a->slice = (uint32_t)m->w.row_bytes;
	a->whole = (uint32_t)x;
	a->still = a->slice < STREAM_STILL ? a->slice : STREAM_STILL;
	a->stages = 1;
	a->units = m->x.dtype != AIOS_I8X2 && a->rows == 1;
	return GPU_STREAM_BARS + a->whole + stream_stage(m, a) + stream_still(a) <=
	       (caps->shared_max < STREAM_SMALL ? caps->shared_max : STREAM_SMALL);
}

/* The slice and the stages: large copies, but enough of them on their way. */
static bool stream_ring(const struct gpu_caps *caps, const struct aios_op_matmul *m,
			const struct gpu_stream_tune *tune, uint32_t grid,
			struct gpu_stream_args *a)
{
	uint64_t whole = stream_x_bytes(m, a->rows, m->w.row_bytes);
	uint64_t all =
		whole + div_up(a->items, grid) * (m->act ? 2 : 1) * GPU_PANEL_ROWS * m->w.row_bytes;
	bool small = all <= STREAM_SHORT, x_whole = false;
	uint64_t budget = small ? STREAM_SMALL : STREAM_LARGE;
	uint32_t need;

	if (tune->budget)
		budget = tune->budget;
	a->whole = a->units = 0;
	a->slice = a->still = tune->slice ? tune->slice : 512;
	if (budget > caps->shared_max - stream_still(a))
		budget = caps->shared_max - stream_still(a);
	if (tune->whole ? tune->whole == 1 : all <= STREAM_SMALL && a->warps * a->panels > 1)
		x_whole = true;
	if (x_whole && whole <= budget / 2)
		a->whole = (uint32_t)whole;
	budget -= GPU_STREAM_BARS + a->whole;
	for (; a->slice > 128; a->slice /= 2)
		if (a->slice <= m->w.row_bytes && stream_stage(m, a) * 5 <= budget)
			break;
	a->still = a->slice;
	for (a->shift = 0; 16u << a->shift < a->slice;)
		a->shift++;
	a->stages = (uint32_t)(budget / stream_stage(m, a));
	if (a->stages > GPU_STREAM_STAGES)
		a->stages = GPU_STREAM_STAGES;
	need = stream_fills(m, a, grid);
	if (a->stages > need)
		a->stages = need > 2 ? need : 2; /* the rest is room for other launches' blocks */
	return a->stages >= 2;
}

bool gpu_stream_shape(const struct gpu_caps *caps, const struct aios_op_matmul *m,
		      const struct gpu_stream_tune *tune, struct gpu_stream_args *a,
		      struct gpu_launch *l)
{
	const struct stream_kernels *k = stream_kernels(m);
	uint32_t grid = tune->grid ? tune->grid : caps->units;

	memset(a, 0, sizeof(*a));
	a->op = *m;
	a->items = (uint32_t)div_up(m->out.cols, GPU_PANEL_ROWS);
	a->rows = m->x.rows < k->rows ? m->x.rows : k->rows;
	a->blocks16 = m->x.cols / m->segments / 16;
	grid = grid < a->items ? grid : a->items;
	a->rehearse = m->x.rows <= a->rows;
	if (!stream_split(m, k, tune, grid, a))
		return false;
	if (!stream_at_once(caps, m, tune, grid, a) && !stream_ring(caps, m, tune, grid, a))
		return false;
	l->kernel = a->panels == 1 ? k->one : k->two;
	l->grid[0] = grid;
	l->grid[1] = (uint32_t)div_up(m->x.rows, a->rows);
	l->block[0] = GPU_STREAM_FETCH + 32 * a->warps;
	l->shared = (uint32_t)(GPU_STREAM_BARS + a->whole + a->stages * stream_stage(m, a) +
			       stream_still(a));
	return true;
}

/* Is it one for matmul_stream? Whole slices of k; with act gates and ups in panels of their own. */
static bool stream_takes(const struct aios_op_matmul *m)
{
	uint64_t k_bytes = (uint64_t)m->x.cols * aios_dtype_bytes(m->x.dtype);

	if (m->w.layout != GPU_LAYOUT_PANELS || k_bytes != m->w.row_bytes)
		return false;
	if (m->act && m->out.cols % GPU_PANEL_ROWS)
		return false;
	return !(m->act && m->segments > 1 && m->profile == AIOS_PROFILE_TC_SM90);
}

/* Rows of x up to which it is the best there is; from there on, batch. */
#define STREAM_ROWS_MAX 16

/* 1: planned, 0: not one for it, or -errno. */
static int plan_stream(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_stream_tune tune = { 0 };
	struct gpu_stream_args a;
	struct gpu_launch l;
	int ret;

	if (!stream_takes(m) || !gpu_stream_shape(p->caps, m, &tune, &a, &l))
		return 0;
	ret = gpu_emit(p, l.kernel, &a, l.grid[0], l.grid[1], 1, l.shared);
	if (ret)
		return ret;
	p->launches[p->n - 1].block[0] = l.block[0];
	return 1;
}

/* --- matmul_batch ------------------------------------------------------------------ */

/* A kernel: weight rows of its tile, units of k in a stage of x. */
struct batch_kernel {
	uint32_t kernel, rows, units;
};

#define BATCH_SIZES 6

#define BATCH_KERNELS(kind, units_16, units_32, units_48)                                          \
	{                                                                                          \
		{ GPU_K_matmul_batch_##kind##_16, 16, units_16 },                                  \
			{ GPU_K_matmul_batch_##kind##_32, 32, units_32 },                          \
			{ GPU_K_matmul_batch_##kind##_48, 48, units_48 },                          \
			{ GPU_K_matmul_batch_##kind##_64, 64, 1 },                                 \
			{ GPU_K_matmul_batch_##kind##_96, 96, 1 },                                 \
			{ GPU_K_matmul_batch_##kind##_192, 192, 1 },                               \
	}

static const struct batch_kernel batch_bf16[BATCH_SIZES] = BATCH_KERNELS(bf16, 4, 2, 2);
static const struct batch_kernel batch_f16[BATCH_SIZES] = BATCH_KERNELS(f16, 4, 2, 2);
static const struct batch_kernel batch_i8[BATCH_SIZES] = BATCH_KERNELS(i8, 4, 2, 2);
static const struct batch_kernel batch_i8x2[BATCH_SIZES] = BATCH_KERNELS(i8x2, 2, 1, 1);

/*
 * Shared memory of a block: little where it has little to read and two planes of x, so that the
 * next launch's blocks fit beside it; otherwise whole decode steps are faster with all of it. Of it
 * for x what covers the way to the cache; the fewer weight rows there are to a row of x, the more.
 */
#define BATCH_SMALL (110u << 10)
#define BATCH_LARGE (226u << 10)
#define BATCH_SHORT (96u << 10) /* bytes of weights that are little */
#define BATCH_X (64u << 10)
#define BATCH_X_MORE (96u << 10)
#define BATCH_STAGES (GPU_BATCH_BARS / 16)

static uint64_t batch_tiles(const struct aios_op_matmul *m, uint32_t rows)
{
	return div_up(m->out.cols, m->act ? rows / 2 : rows);
}

/*
 * The tile with which the busiest block has least to fetch; its share of x comes out of the cache,
 * which is twice as fast.
 */
static const struct batch_kernel *batch_kernel(const struct gpu_caps *caps,
					       const struct aios_op_matmul *m, uint32_t planes)
{
	const struct batch_kernel *kernels = m->x.dtype == AIOS_BF16 ? batch_bf16 :
					     m->x.dtype == AIOS_F16  ? batch_f16 :
					     m->x.dtype == AIOS_I8   ? batch_i8 :
								       batch_i8x2;
	const struct batch_kernel *best = NULL;
	uint64_t least = 0;
	uint32_t i;

	for (i = 0; i < BATCH_SIZES; i++) {
		uint64_t passes = div_up(batch_tiles(m, kernels[i].rows), caps->units);
		uint64_t cost = passes * (kernels[i].rows + planes * GPU_BATCH_ROWS / 2);

		if (!best || cost < least) {
			best = &kernels[i];
			least = cost;
		}
	}
	return best;
}

static void batch_maps(const struct gpu_batch_args *a, uint32_t rows, struct gpu_launch *l)
{
	const struct aios_op_matmul *m = &a->op;
	const uint32_t elem = aios_dtype_bytes(m->w.dtype), pair = m->act ? 2 : 1;
	const uint64_t panel = GPU_PANEL_ROWS * m->w.row_bytes;

	l->n_maps = 2;
	l->maps[0] = (struct gpu_map){
		.at = offsetof(struct gpu_batch_args, x_map),
		.elem_bytes = elem,
		.rank = 3,
		.swizzle = 128,
		.base = m->x.data,
		.dims = { m->x.cols, m->x.rows, m->x.dtype == AIOS_I8X2 ? 2 : 1 },
		.strides = { m->x.row_bytes,
			     m->x.dtype == AIOS_I8X2 ? m->x.plane_bytes : m->x.row_bytes },
		.box = { GPU_BATCH_UNIT / elem, a->rows, 1 },
	};
	l->maps[1] = (struct gpu_map){
		.at = offsetof(struct gpu_batch_args, w_map),
		.elem_bytes = elem,
		.rank = 4,
		.base = m->w.data,
		.dims = { GPU_PANEL_UNIT_BYTES / elem, m->w.row_bytes / GPU_PANEL_UNIT, pair,
			  div_up(m->out.cols, GPU_PANEL_ROWS) },
		.strides = { GPU_PANEL_UNIT_BYTES, m->out.cols / GPU_PANEL_ROWS * panel, panel },
		.box = { GPU_PANEL_UNIT_BYTES / elem, GPU_BATCH_UNIT / GPU_PANEL_UNIT * a->w_slice,
			 pair, rows / GPU_PANEL_ROWS / pair },
	};
	if (!m->act)
		l->maps[1].strides[1] = panel; /* of one: it only has to be a stride */
}

bool gpu_batch_shape(const struct gpu_caps *caps, const struct aios_op_matmul *m,
		     const struct gpu_stream_tune *tune, struct gpu_batch_args *a,
		     struct gpu_launch *l)
{
	const uint32_t planes = m->x.dtype == AIOS_I8X2 ? 2 : 1;
	const struct batch_kernel *k = batch_kernel(caps, m, planes);
	const uint32_t stage = planes * k->units * GPU_BATCH_ROWS * GPU_BATCH_UNIT;
	uint32_t grid = tune->grid ? tune->grid : caps->units, slice, passes, budget, most;
	bool small;

	memset(a, 0, sizeof(*a));
	a->op = *m;
	a->tiles = (uint32_t)batch_tiles(m, k->rows);
	a->rows = m->x.rows < GPU_BATCH_ROWS ? m->x.rows : GPU_BATCH_ROWS;
	a->units = (uint32_t)(m->w.row_bytes / GPU_BATCH_UNIT);
	grid = grid < a->tiles ? grid : a->tiles;
	passes = (uint32_t)div_up(a->tiles, grid);
	small = planes == 2 && k->rows > 16 && k->rows <= 48 &&
		passes * k->rows * m->w.row_bytes <= BATCH_SHORT;
	budget = tune->budget ? tune->budget : small ? BATCH_SMALL : BATCH_LARGE;
	if (budget > caps->shared_max)
		budget = caps->shared_max;
	a->x_stages = (small || k->rows > 48 ? BATCH_X : BATCH_X_MORE) / stage;
	a->w_slice = k->rows <= 32 && k->units == 1 ? 2 : k->units;
	slice = a->w_slice * k->rows * GPU_BATCH_UNIT;
	if (budget < GPU_BATCH_BARS + 1024 + a->x_stages * stage + 2 * slice)
		return false; /* a stage is given back when the next one is there */
	budget -= GPU_BATCH_BARS + 1024 + a->x_stages * stage;
	a->w_stages = budget / slice;
	most = passes * (uint32_t)div_up(a->units, a->w_slice);
	most = most < BATCH_STAGES - a->x_stages ? most : BATCH_STAGES - a->x_stages;
	a->w_stages = a->w_stages < most ? a->w_stages : most;
	l->kernel = k->kernel;
	l->grid[0] = grid;
	l->grid[1] = (uint32_t)div_up(m->x.rows, GPU_BATCH_ROWS);
	l->block[0] = gpu_kernel_threads(k->kernel);
	l->shared = GPU_BATCH_BARS + 1024 + a->x_stages * stage + a->w_stages * slice;
	batch_maps(a, k->rows, l);
	return true;
}

/* 1: planned, 0: not one for it, or -errno. */
static int plan_batch(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_stream_tune tune = { 0 };
	struct gpu_batch_args a;
	struct gpu_launch l, *out;
	int ret;

	if (!p->caps->maps || !stream_takes(m) || !gpu_batch_shape(p->caps, m, &tune, &a, &l))
		return 0;
	ret = gpu_emit(p, l.kernel, &a, l.grid[0], l.grid[1], 1, l.shared);
	if (ret)
		return ret;
	out = &p->launches[p->n - 1];
	out->n_maps = l.n_maps;
	memcpy(out->maps, l.maps, sizeof(out->maps));
	return 1;
}

int gpu_plan_matmul(struct plan *p, const struct aios_op_matmul *m)
{
	bool tree = m->segments > 1 && !aios_dtype_scaled(m->x.dtype);
	int ret = 0;

	if (m->x.rows == 0)
		return 0;
	if (m->profile == gpu_cdna_profile(p->caps))
		return plan_mfma(p, m);
	if (m->x.rows <= STREAM_ROWS_MAX || (tree && m->x.rows <= GPU_BATCH_ROWS))
		ret = plan_stream(p, m);
	else if (m->x.rows <= GPU_BATCH_ROWS) {
		ret = plan_batch(p, m);
		if (!ret)
			ret = plan_stream(p, m);
	}
	if (ret)
		return ret < 0 ? ret : 0;
	if (gpu_wgmma_takes(p->caps, m))
		return gpu_plan_wgmma(p, m);
	if (m->profile == AIOS_PROFILE_TC_SM90)
		return plan_any(p, m);
	if (m->profile != AIOS_PROFILE_FMA32)
		return plan_i8(p, m);
	if (m->x.rows <= 2 * GPU_ROWS_MAX_T)
		return plan_rows(p, m);
	return plan_tile(p, m);
}

/* --- weights --------------------------------------------------------------------- */

int gpu_weight_layout(const struct gpu_caps *caps, uint32_t profile, struct aios_tensor *w,
		      uint64_t *bytes, struct aios_status *st)
{
	uint32_t elem = aios_dtype_bytes(w->dtype);
	bool panels = w->dtype == AIOS_I8 || w->dtype == AIOS_BF16 || w->dtype == AIOS_F16;

	if (elem == 0)
		return aios_fail(st, -EINVAL, "weight_layout: a weight of type %s (%u)",
				 aios_dtype_name(w->dtype), w->dtype);
	panels = panels && caps->arch == 90 &&
		 (profile == AIOS_PROFILE_TC_SM90 || profile == AIOS_PROFILE_I8 ||
		  profile == AIOS_PROFILE_I8X2);
	w->plane_bytes = 0;
	if (panels) {
		w->layout = GPU_LAYOUT_PANELS;
		w->row_bytes = GPU_PANEL_ROW_BYTES(w->cols, elem);
		*bytes = GPU_PANEL_PAD_ROWS(w->rows) * w->row_bytes;
	} else {
		w->layout = AIOS_LAYOUT_ROWS;
		w->row_bytes = div_up((uint64_t)w->cols * elem, 16) * 16;
		*bytes = w->rows * w->row_bytes;
	}
	return 0;
}
