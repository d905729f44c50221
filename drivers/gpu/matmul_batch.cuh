/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_batch.cuh - 17 to 64 rows of x, weights in panels: one or two warpgroups multiply from
 * shared memory. 64 rows of x are the M side of wgmma, weight rows the N side; a block does a tile
 * of outputs after the other, each over all of k.
 *
 * There are two rings, each filled by a warp of its own with boxes of tensor maps. Weights never
 * wait for the launch ahead, so their ring is full when that one ends; x comes out of the cache. A
 * unit is 128 bytes of k. A stage of x has 64 rows of one or more units for each plane, 16-byte
 * pieces permuted (wgmma.h); a stage of weights has a.w_slice units of each panel of the tile.
 */
#ifndef GPU_MATMUL_BATCH_CUH
#define GPU_MATMUL_BATCH_CUH

#include "matmul_finish.cuh"
#include "wgmma_unit.cuh"

#define BATCH_PLANE (GPU_BATCH_ROWS * GPU_BATCH_UNIT) /* a unit of x */
#define BATCH_PANEL (GPU_PANEL_ROWS * GPU_BATCH_UNIT) /* a unit of a panel */

/*
 * What follows from the unit, the weight rows of a warpgroup, the number of warpgroups, and the
 * units of k that a stage of x has and that are multiplied together.
 */
template <class U, int N, int GROUPS, int UNITS> struct batch_shape {
	static const int rows = N * GROUPS;                              /* of a tile */
	static const uint32_t x_bytes = UNITS * U::planes * BATCH_PLANE; /* of a stage */
	static const uint32_t w_bytes = rows * GPU_BATCH_UNIT;           /* of a unit */
	static const uint32_t elems = U::scaled ? 128 : 64;              /* of a unit */
	static const uint32_t warps = GROUPS * 4;                        /* that multiply */
};

/* A block's share of the op, the same in all its threads. */
struct batch_job {
	uint32_t passes;
	uint32_t t0;
	gpu_place x_full, x_empty, w_full, w_empty; /* barriers, 8 bytes for each stage */
	unsigned char *x, *w;                       /* the rings */
};

template <class S> GPU_FN struct batch_job batch_job_of(const struct gpu_batch_args &a)
{
	const uintptr_t from = (uintptr_t)gpu_shared() + GPU_BATCH_BARS;
	struct batch_job j;

	j.passes = (a.tiles + gpu_grid_x() - 1) / gpu_grid_x();
	j.t0 = gpu_by() * GPU_BATCH_ROWS;
	j.x_full = gpu_place_of(gpu_shared());
	j.x_empty = j.x_full + a.x_stages * 8;
	j.w_full = j.x_empty + a.x_stages * 8;
	j.w_empty = j.w_full + a.w_stages * 8;
	j.x = (unsigned char *)((from + 1023) & ~(uintptr_t)1023);
	j.w = j.x + a.x_stages * S::x_bytes;
	return j;
}

/* A stage of a ring, and the parity of its barriers' current phase. */
struct batch_turn {
	uint32_t stage, parity;
};

GPU_FN void batch_next(struct batch_turn *t, uint32_t stages)
{
	if (++t->stage < stages)
		return;
	t->stage = 0;
	t->parity ^= 1;
}

/* --- the threads that fetch ---------------------------------------------------------------- */

template <class S>
GPU_FN void batch_fetch_w(const struct gpu_batch_args &a, const struct batch_job &j)
{
	const uint32_t bytes = a.w_slice * S::w_bytes;
	const uint32_t panels = S::rows / GPU_PANEL_ROWS / (a.op.act ? 2 : 1);
	const gpu_place ring = gpu_place_of(j.w);
	const gpu_keep keep = gpu_keep_short();
	struct batch_turn t = { 0, 1 };

	gpu_map_prefetch(a.w_map);
	for (uint32_t pass = 0; pass < j.passes; pass++) {
		const uint32_t panel = (pass * gpu_grid_x() + gpu_bx()) * panels;

		for (uint32_t u = 0; u < a.units; u += a.w_slice) {
			const uint32_t at[4] = { 0, u * (GPU_BATCH_UNIT / GPU_PANEL_UNIT), 0,
						 panel };

			gpu_mbar_wait(j.w_empty + t.stage * 8, t.parity);
			gpu_mbar_expect(j.w_full + t.stage * 8, bytes);
			gpu_map_copy(ring + t.stage * bytes, a.w_map, at, j.w_full + t.stage * 8,
				     keep);
			batch_next(&t, a.w_stages);
		}
	}
}

/* Rows that do not exist are not fetched: zeros take longer, and no one stores what they give. */
template <class U, class S, int UNITS>
GPU_FN void batch_fetch_x(const struct gpu_batch_args &a, const struct batch_job &j)
{
	const gpu_place ring = gpu_place_of(j.x);
	const gpu_keep keep = gpu_keep_long();
	struct batch_turn t = { 0, 1 };

	gpu_map_prefetch(a.x_map);
	gpu_grid_wait();
	for (uint32_t pass = 0; pass < j.passes; pass++)
		for (uint32_t u = 0; u < a.units; u += UNITS) {
			const gpu_place full = j.x_full + t.stage * 8;
			const uint32_t units = a.units - u < UNITS ? a.units - u : UNITS;

			gpu_mbar_wait(j.x_empty + t.stage * 8, t.parity);
			gpu_mbar_expect(full, units * U::planes * a.rows * GPU_BATCH_UNIT);
			GPU_UNROLL
			for (uint32_t i = 0; i < UNITS * U::planes; i++) {
				const uint32_t at[3] = { (u + i / U::planes) * S::elems, j.t0,
							 i % U::planes };
				const gpu_place to = ring + t.stage * S::x_bytes + i * BATCH_PLANE;

				if (i / U::planes >= units)
					break;
				gpu_map_copy_3(to, a.x_map, at, full, keep);
			}
			batch_next(&t, a.x_stages);
		}
}

/* --- the warpgroups that multiply ------------------------------------------------------------ */

/* Where a warpgroup is: in the rings, in a stage of weights. */
struct batch_walk {
	struct batch_turn x, w;
	uint32_t in;
	uint32_t last_x, last_w; /* stages that were multiplied before */
	gpu_operand x0, w0;      /* in the first stages */
};

/* This warp no longer reads a stage. */
GPU_FN void batch_release(gpu_place empty, uint32_t stage)
{
	if (gpu_tid() % 32 == 0)
		gpu_mbar_arrive(empty + stage * 8);
}

/* The chain goes on by a unit; `more`: it has begun. */
template <class U, int N>
GPU_FN void batch_unit(gpu_operand x, gpu_operand w, uint32_t more,
		       typename U::acc (&d)[U::planes][N / 2])
{
	GPU_UNROLL
	for (uint32_t s = 0; s < 4; s++) {
		GPU_UNROLL
		for (uint32_t p = 0; p < U::planes; p++)
			U::step(d[p], gpu_operand_at(x, p * BATCH_PLANE + s * 32),
				gpu_operand_at(w, s * 256), s ? 1 : more);
	}
}

/* Until the next stage of x, and of weights, is there; then where they are. */
template <class S>
GPU_FN void batch_enter(const struct gpu_batch_args &a, const struct batch_job &j,
			const struct batch_walk &k, gpu_operand *x, gpu_operand *w)
{
	if (k.in == 0)
		gpu_mbar_wait(j.w_full + k.w.stage * 8, k.w.parity);
	gpu_mbar_wait(j.x_full + k.x.stage * 8, k.x.parity);
	*x = gpu_operand_at(k.x0, k.x.stage * S::x_bytes);
	*w = gpu_operand_at(k.w0, k.w.stage * a.w_slice * S::w_bytes + k.in * BATCH_PANEL);
}

/* To the stage after this one. */
GPU_FN void batch_leave(const struct gpu_batch_args &a, struct batch_walk *k, uint32_t units)
{
	k->last_x = k->x.stage;
	k->last_w = k->w.stage;
	batch_next(&k->x, a.x_stages);
	k->in += units;
	if (k->in < a.w_slice)
		return;
	k->in = 0;
	batch_next(&k->w, a.w_stages);
}

/* All of k, into d; a stage behind the multiplication, stages are given back. */
template <class U, class S, int N, int UNITS>
GPU_FN void batch_pass(const struct gpu_batch_args &a, const struct batch_job &j,
		       struct batch_walk *k, typename U::acc (&d)[U::planes][N / 2])
{
	gpu_operand x, w;
	uint32_t u;

	for (u = 0; u + UNITS <= a.units; u += UNITS) {
		const bool entered = k->in == 0;

		batch_enter<S>(a, j, *k, &x, &w);
		gpu_wgmma_fence();
		GPU_UNROLL
		for (uint32_t i = 0; i < UNITS; i++)
			batch_unit<U, N>(gpu_operand_at(x, i * U::planes * BATCH_PLANE),
					 gpu_operand_at(w, i * BATCH_PANEL), i ? 1 : u, d);
		gpu_wgmma_commit();
		gpu_wgmma_wait<1>();
		if (u) {
			batch_release(j.x_empty, k->last_x);
			if (entered)
				batch_release(j.w_empty, k->last_w);
		}
		batch_leave(a, k, UNITS);
	}
	gpu_wgmma_wait<0>();
	if (u) {
		batch_release(j.x_empty, k->last_x);
		if (k->in == 0)
			batch_release(j.w_empty, k->last_w);
	}
	if (u < a.units) { /* what is left of k: no step that does not exist */
		batch_enter<S>(a, j, *k, &x, &w);
		for (uint32_t i = 0; u < a.units; u++, i++) {
			gpu_wgmma_fence();
			batch_unit<U, N>(gpu_operand_at(x, i * U::planes * BATCH_PLANE),
					 gpu_operand_at(w, i * BATCH_PANEL), u, d);
			gpu_wgmma_commit();
			gpu_wgmma_wait<0>();
		}
		batch_leave(a, k, 1);
		batch_release(j.x_empty, k->last_x);
	}
	if (k->in) { /* the last stage of weights was not full */
		batch_release(j.w_empty, k->w.stage);
		k->in = 0;
		batch_next(&k->w, a.w_stages);
	}
}

/* --- the epilogue ------------------------------------------------------------------------ */

/* Two neighbouring values in memory. */
struct alignas(8) batch_pair {
	float v[2];
};

/* A thread's outputs: of rows t and t + 8, columns n and n + 1 of each panel, from n on. */
struct batch_part {
	uint32_t t, n;
	float scale_x[2];
};

/* Panels of outputs that the epilogue does together, of so many. */
template <int PANELS> struct batch_together {
	static const int n = PANELS % 4 == 0 ? 4 : PANELS % 3 == 0 ? 3 : PANELS % 2 == 0 ? 2 : 1;
};

/* Values n and n + 1 of a row of floats that ends before `cols`. */
GPU_FN struct batch_pair batch_load(const float *row, uint32_t n, uint32_t cols)
{
	struct batch_pair p = { { 0.0f, 0.0f } };

	if (n + 1 < cols)
		p = *(const struct batch_pair *)(row + n);
	else if (n < cols)
		p.v[0] = row[n];
	return p;
}

/* The residual of G panels of outputs from n on. */
template <int G>
GPU_FN void batch_residual(const struct aios_op_matmul &op, const struct batch_part &part,
			   uint32_t n, struct batch_pair (&r)[2][G])
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 2 * G; i++) {
		const uint32_t t = part.t + i / G * 8;

		r[i / G][i % G] = batch_pair{ { 0.0f, 0.0f } };
		if (t < op.x.rows)
			r[i / G][i % G] = batch_load((const float *)gpu_row(&op.residual, t),
						     n + i % G * 8, op.out.cols);
	}
}

/*
 * Dots of G panels, every step-th from `first` on: weight rows row, row + 1, and so on by panels,
 * of outputs n, n + 1, ...; neither counts where there is no output.
 */
template <class U, int N, int G>
GPU_FN void batch_dots(const struct aios_op_matmul &op, const struct batch_part &part,
		       const typename U::acc (&d)[U::planes][N / 2], int first, int step,
		       uint32_t row, uint32_t n, struct wgmma_values<G> *out)
{
	GPU_UNROLL
	for (int i = 0; i < 4 * G; i++) {
		const int at = 4 * (first + i / 4 * step) + i % 4;

		out->v[i / 2 % 2][i / 4][i % 2] = U::value(d[0][at], d[U::planes - 1][at]);
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < 2 * G && (U::scaled || op.bias); i++) {
		const uint32_t col = i / 2 * 8 + i % 2;
		const uint32_t at = n + col < op.out.cols ? row + col : 0;
		float *v[2] = { &out->v[0][i / 2][i % 2], &out->v[1][i / 2][i % 2] };

		if (U::scaled) {
			const float scale = ((const float *)gpu_ptr(op.w.scale))[at];

			*v[0] = aios_dequant(*v[0], part.scale_x[0], scale);
			*v[1] = aios_dequant(*v[1], part.scale_x[1], scale);
		}
		if (op.bias) {
			const float bias = gpu_load(gpu_ptr(op.bias), op.bias_dtype, at);

			*v[0] = aios_add(*v[0], bias);
			*v[1] = aios_add(*v[1], bias);
		}
	}
}

GPU_FN void batch_store(const struct aios_op_matmul &op, uint32_t t, uint32_t n, float a, float b)
{
	unsigned char *row = gpu_row(&op.out, t);

	if (t >= op.x.rows || n >= op.out.cols)
		return;
	if (op.out.dtype == AIOS_F32 && n + 1 < op.out.cols) {
		((struct batch_pair *)row)[n / 2] = batch_pair{ { aios_canon(a), aios_canon(b) } };
	} else if (n + 1 == op.out.cols) {
		gpu_store(row, op.out.dtype, n, a);
	} else if (aios_is_nan(a) || aios_is_nan(b)) {
		gpu_store(row, op.out.dtype, n, a);
		gpu_store(row, op.out.dtype, n + 1, b);
	} else if (op.out.dtype == AIOS_F16) {
		((uint32_t *)row)[n / 2] = gpu_round_pair<true>(a, b);
	} else {
		((uint32_t *)row)[n / 2] = gpu_round_pair<false>(a, b);
	}
}

/* Outputs of all sums; `next`: the residual of the first panels. */
template <class U, int N, bool ACT, int G>
GPU_FN void batch_finish(const struct aios_op_matmul &op, const struct batch_part &part,
			 const typename U::acc (&d)[U::planes][N / 2],
			 struct batch_pair (&next)[2][G])
{
	GPU_UNROLL
	for (int p = 0; p < N / (ACT ? 16 : 8); p += G) {
		const uint32_t n = part.n + (uint32_t)p * 8;
		struct batch_pair add[2][G];
		struct wgmma_values<G> v;

		GPU_UNROLL
		for (int i = 0; i < 2 * G; i++)
			add[i / G][i % G] = next[i / G][i % G];
		if (op.residual.data && p + G < N / (ACT ? 16 : 8))   /* before any store: the */
			batch_residual<G>(op, part, n + G * 8, next); /* same memory maybe */
		batch_dots<U, N, G>(op, part, d, ACT ? 2 * p : p, ACT ? 2 : 1, n, n, &v);
		if constexpr (ACT) {
			struct wgmma_values<G> up;

			batch_dots<U, N, G>(op, part, d, 2 * p + 1, 2, op.out.cols + n, n, &up);
			wgmma_mid<G>(op, &v);
			wgmma_mid<G>(op, &up);
			wgmma_act<G>(op, up, &v);
		}
		GPU_UNROLL
		for (int i = 0; i < 2 * G; i++) {
			float *o = v.v[i % 2][i / 2];

			if (op.residual.data) {
				o[0] = aios_add(add[i % 2][i / 2].v[0], o[0]);
				o[1] = aios_add(add[i % 2][i / 2].v[1], o[1]);
			}
			batch_store(op, part.t + (uint32_t)(i % 2) * 8, n + (uint32_t)(i / 2) * 8,
				    o[0], o[1]);
		}
	}
}

template <class U, int N, int GROUPS, int UNITS, bool ACT>
GPU_FN void batch_tiles(const struct gpu_batch_args &a, const struct batch_job &j)
{
	typedef batch_shape<U, N, GROUPS, UNITS> S;
	constexpr int outputs = ACT ? N / 2 : N, G = batch_together<outputs / 8>::n;
	const struct aios_op_matmul &op = a.op;
	const uint32_t group = gpu_tid() / 128;
	typename U::acc d[U::planes][N / 2];
	struct batch_pair residual[2][G] = {};
	struct batch_part part;
	struct batch_walk k = {};

	part.t = j.t0 + gpu_tid() % 128 / 32 * 16 + gpu_tid() % 32 / 4;
	part.scale_x[0] = part.scale_x[1] = 0.0f;
	for (uint32_t h = 0; h < 2; h++)
		if (U::scaled && part.t + 8 * h < op.x.rows)
			part.scale_x[h] = ((const float *)gpu_ptr(op.x.scale))[part.t + 8 * h];
	k.x0 = gpu_operand_rows(j.x);
	k.w0 = gpu_operand_panels(j.w + group * N / GPU_PANEL_ROWS * BATCH_PANEL * a.w_slice,
				  BATCH_PANEL * a.w_slice);
	for (uint32_t pass = 0; pass < j.passes; pass++) {
		const uint32_t tile = pass * gpu_grid_x() + gpu_bx();

		part.n = (tile * GROUPS + group) * outputs + gpu_tid() % 4 * 2;
		if (op.residual.data)
			batch_residual<G>(op, part, part.n, residual);
		batch_pass<U, S, N, UNITS>(a, j, &k, d);
		batch_finish<U, N, ACT, G>(op, part, d, residual);
	}
}

/* Grid: blocks that walk the tiles; groups of 64 rows of x. */
template <class U, int N, int GROUPS, int UNITS>
GPU_FN void batch_kernel(const struct gpu_batch_args &a)
{
	typedef batch_shape<U, N, GROUPS, UNITS> S;
	const struct batch_job j = batch_job_of<S>(a);
	const uint32_t warp = gpu_shfl(gpu_tid() / 32, 0);

	gpu_grid_go();
	if (gpu_tid() == 0) {
		for (uint32_t s = 0; s < a.x_stages; s++) {
			gpu_mbar_init(j.x_full + s * 8, 1);
			gpu_mbar_init(j.x_empty + s * 8, S::warps);
		}
		for (uint32_t s = 0; s < a.w_stages; s++) {
			gpu_mbar_init(j.w_full + s * 8, 1);
			gpu_mbar_init(j.w_empty + s * 8, S::warps);
		}
		gpu_mbar_fence_init();
	}
	gpu_barrier();
	if (warp == S::warps + 1) {
		if (gpu_one_lane())
			batch_fetch_w<S>(a, j);
		return;
	}
	if (warp == S::warps) {
		if (gpu_one_lane())
			batch_fetch_x<U, S, UNITS>(a, j);
		return;
	}
	gpu_grid_wait();
	static_assert(N % 16 == 0, "gates and ups in pairs");
	if (a.op.act)
		batch_tiles<U, N, GROUPS, UNITS, true>(a, j);
	else
		batch_tiles<U, N, GROUPS, UNITS, false>(a, j);
}

#define BATCH(name, rows, groups, units)                                                           \
	GPU_KERNEL_WIDE(128 * groups + 64)                                                         \
	gpu_matmul_batch_##name##_##rows(GPU_MAPPED struct gpu_batch_args a)                       \
	{                                                                                          \
		batch_kernel<wgmma_##name, rows / groups, groups, units>(a);                       \
	}

/* By the weight rows of a tile. plan_matmul.c knows the units of a stage of x as well. */
#define BATCH_ALL(name, units_16, units_32, units_48)                                              \
	BATCH(name, 16, 1, units_16)                                                               \
	BATCH(name, 32, 1, units_32)                                                               \
	BATCH(name, 48, 1, units_48)                                                               \
	BATCH(name, 64, 1, 1)                                                                      \
	BATCH(name, 96, 1, 1)                                                                      \
	BATCH(name, 192, 2, 1)

BATCH_ALL(bf16, 4, 2, 2)
BATCH_ALL(f16, 4, 2, 2)
BATCH_ALL(i8, 4, 2, 2)
BATCH_ALL(i8x2, 2, 1, 1)

#endif /* GPU_MATMUL_BATCH_CUH */
