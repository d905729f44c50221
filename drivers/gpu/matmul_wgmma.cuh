/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_wgmma.cuh - matmul with many rows of x and weights in panels, on the matrix units of
 * compute capability 9.0, in tc-sm90, i8 and i8x2.
 *
 * A block has two warpgroups that multiply and one that fetches. A stage in shared memory holds
 * 128 bytes of k: of 128 rows of x (i8x2: 64 rows, hi and lo plane), swizzled, and of BN weight
 * rows, a panel after the other as they lie in memory. In bf16, f16 and i8 a warpgroup has 64
 * rows of x and all weight rows; in i8x2 both planes and half of the weight rows. Blocks are
 * persistent: they walk tiles of the output, so that fetching goes on while results are stored.
 * With act, panels of gate and up rows take turns in a tile: both meet in one thread.
 */
#ifndef GPU_MATMUL_WGMMA_CUH
#define GPU_MATMUL_WGMMA_CUH

#include "matmul_finish.cuh"
#include "wgmma_unit.cuh"

/* What follows from the unit and the weight rows of a tile. */
template <class U, int BN> struct wg_shape {
	static const uint32_t tokens = GPU_WGMMA_ROWS / U::planes; /* rows of x of a tile */
	static const int wn = U::planes == 2 ? BN / 2 : BN;        /* weight rows of a warpgroup */
	static const int regs = wn / 2;                            /* accumulators of a thread */
	static const uint32_t x_bytes = GPU_WGMMA_ROWS * GPU_WGMMA_K;
	static const uint32_t stage = x_bytes + BN * GPU_WGMMA_K;
	static const uint32_t stages = GPU_WGMMA_STAGES(BN);
};

/* --- where things are -------------------------------------------------------------- */

/* First row of x and first output of a tile. */
struct wg_tile {
	uint32_t t, n;
};

/*
 * Tile i: bands of a.band tiles of rows; in a band the rows change first, so that the blocks that
 * run at the same time share both rows and weights in the L2 cache.
 */
template <class U, int BN>
GPU_FN struct wg_tile wg_tile_at(const struct gpu_wgmma_args &a, uint32_t i)
{
	uint32_t all = a.band * a.tiles_n, first = i / all * a.band, at = i % all;
	uint32_t rows = a.tiles_t - first < a.band ? a.tiles_t - first : a.band;
	struct wg_tile tile;

	tile.t = (first + at % rows) * wg_shape<U, BN>::tokens;
	tile.n = at / rows * (a.op.act ? BN / 2 : BN);
	return tile;
}

/* The ring of stages, then the barriers: a stage is there; a stage is free. */
struct wg_ring {
	unsigned char *stages;
	gpu_place full, empty; /* 8 bytes each */
};

template <class U, int BN> GPU_FN struct wg_ring wg_ring_of(void)
{
	typedef wg_shape<U, BN> S;
	uintptr_t at = ((uintptr_t)gpu_shared() + 1023) & ~(uintptr_t)1023;
	struct wg_ring ring;

	ring.stages = (unsigned char *)at;
	ring.full = gpu_place_of(ring.stages + S::stages * S::stage);
	ring.empty = ring.full + 8 * S::stages;
	return ring;
}

/* A place in the ring, and the parity of its current use. */
template <uint32_t STAGES> struct wg_place {
	uint32_t stage, parity;

	GPU_FN void next(struct wg_place *p)
	{
		p->parity ^= p->stage + 1 == STAGES;
		p->stage = p->stage + 1 == STAGES ? 0 : p->stage + 1;
	}
};

/* --- fetching ---------------------------------------------------------------------- */

/*
 * A thread's share of a stage's rows of x: one unit of 16 bytes of every 16th row. Rows that are
 * not there stay what they are: no one stores their outputs.
 */
struct wg_rows {
	const unsigned char *from; /* of the first of these rows, hi plane */
	uint64_t step, plane;      /* to the next of them, to the lo plane */
	uint32_t there;            /* bit i: row i exists */
};

/* A stage all of whose k and rows exist. */
template <class U> GPU_FN void wg_fetch_all(const struct wg_rows &rows, gpu_place to)
{
	const unsigned char *from = rows.from;

	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++, from += rows.step) {
		if (U::planes == 2 && i == 4)
			from = rows.from + rows.plane;
		gpu_async_copy(to + i * 16 * GPU_WGMMA_K, from);
	}
}

/* Any stage: `left` bytes from the thread's unit on exist, zeros follow. */
template <class U>
GPU_FN void wg_fetch_some(const struct wg_rows &rows, int32_t left, unsigned char *to)
{
	uint32_t bytes = left >= 16 ? 16 : left > 0 ? (uint32_t)left : 0;
	const uint32_t each = 8 / U::planes;

	GPU_NO_UNROLL
	for (uint32_t i = 0; i < 8; i++) {
		const unsigned char *from = rows.from;

		if (bytes)
			from += i % each * rows.step + (i >= each ? rows.plane : 0);
		if (rows.there >> i & 1)
			gpu_async_copy_zero(to + i * 16 * GPU_WGMMA_K, from, bytes);
	}
}

/* Panels of the tile that exist. */
template <int BN> GPU_FN uint32_t wg_panels(const struct aios_op_matmul &op, uint32_t n0)
{
	uint32_t left = op.out.cols - n0, n = op.act ? left / 8 * 2 : (left + 7) / 8;

	return left < BN && n < BN / 8 ? n : BN / 8;
}

#define WG_SLICE (GPU_PANEL_ROWS * GPU_WGMMA_K) /* of a panel, in a stage */

/* A warp's panels of a tile, every fourth: the first, the distance of two, and how many. */
struct wg_weights {
	const unsigned char *from;
	uint64_t step;
	uint32_t n;
};

/*
 * One thread fetches a slice of them. All that this takes depends on the block and WARP alone, so
 * that the compiler keeps addresses in uniform registers, where bulk copies want them; out of
 * others each of them costs some 70 cycles.
 */
template <int BN>
GPU_FN void wg_fetch_weights(const struct wg_weights &w, gpu_place to, gpu_place full)
{
	const unsigned char *from = w.from;

	if (w.n == BN / 32) {
		GPU_UNROLL
		for (uint32_t j = 0; j < BN / 32; j++, from += w.step)
			gpu_bulk_copy(to + j * 4 * WG_SLICE, from, WG_SLICE, full);
		return;
	}
	GPU_NO_UNROLL
	for (uint32_t j = 0; j < w.n; j++, from += w.step)
		gpu_bulk_copy(to + j * 4 * WG_SLICE, from, WG_SLICE, full);
}

/* Warp WARP of the four that fetch. */
template <class U, int BN, int WARP> GPU_FN void wg_fetch(const struct gpu_wgmma_args &a)
{
	typedef wg_shape<U, BN> S;
	const struct aios_op_matmul &op = a.op;
	struct wg_ring ring = wg_ring_of<U, BN>();
	uint32_t p = gpu_tid() % 128, unit = p % 8, row = p / 8;
	unsigned char *x_to = ring.stages + row * GPU_WGMMA_K + ((unit ^ (row & 7)) << 4);
	gpu_place x_place = gpu_place_of(x_to);
	gpu_place w_place = gpu_place_of(ring.stages) + S::x_bytes + WARP * WG_SLICE;
	struct wg_place<S::stages> place = {
		0, 1
	};
	bool one = gpu_one_lane();
	struct wg_weights w;
	struct wg_rows rows;

	rows.step = 16 * op.x.row_bytes;
	rows.plane = op.x.plane_bytes;
	w.step = (op.act ? 16 : 32) * op.w.row_bytes;
	for (uint32_t i = gpu_bx(); i < a.tiles_t * a.tiles_n; i += gpu_grid_x()) {
		struct wg_tile tile = wg_tile_at<U, BN>(a, i);
		uint32_t panels = wg_panels<BN>(op, tile.n);

		rows.from = gpu_row(&op.x, tile.t + row) + unit * 16;
		rows.there = 0;
		for (uint32_t r = 0; r < 8; r++)
			if (tile.t + (row + 16 * r) % S::tokens < op.x.rows)
				rows.there |= 1u << r;
		w.n = (panels + 3 - WARP) / 4;
		w.from = gpu_row(&op.w, tile.n + (op.act ? WARP / 2 * 8 + WARP % 2 * op.out.cols :
							   WARP * 8));
		for (uint32_t k = 0; k < a.k_bytes; k += GPU_WGMMA_K) {
			gpu_place full = ring.full + 8 * place.stage;
			uint32_t at = place.stage * S::stage;

			gpu_mbar_wait(ring.empty + 8 * place.stage, place.parity);
			if (one) {
				if (WARP == 0)
					gpu_mbar_expect(full, panels * WG_SLICE);
				wg_fetch_weights<BN>(w, w_place + at, full);
			}
			if (rows.there == 0xff && a.k_bytes - k >= GPU_WGMMA_K)
				wg_fetch_all<U>(rows, x_place + at);
			else
				wg_fetch_some<U>(rows, (int32_t)(a.k_bytes - k - unit * 16),
						 x_to + at);
			gpu_async_arrive(full);
			w.from += WG_SLICE;
			rows.from += GPU_WGMMA_K;
			wg_place<S::stages>::next(&place);
		}
	}
}

/* --- multiplying ------------------------------------------------------------------- */

/* Accumulators of a thread: of both planes in i8x2. */
template <class U, int BN> struct wg_sums {
	typename U::acc v[U::planes][wg_shape<U, BN>::regs];
};

/* A warpgroup's operands in the first stage. */
struct wg_operands {
	gpu_operand x, w;
};

template <class U, int BN>
GPU_FN struct wg_operands wg_operands_of(const struct wg_ring &ring, uint32_t group)
{
	typedef wg_shape<U, BN> S;
	struct wg_operands o;
	uint32_t x = U::planes == 2 ? 0 : group * 64, w = U::planes == 2 ? group * S::wn : 0;

	o.x = gpu_operand_rows(ring.stages + x * GPU_WGMMA_K);
	o.w = gpu_operand_panels(ring.stages + S::x_bytes + w * GPU_WGMMA_K, 8 * GPU_WGMMA_K);
	return o;
}

/* Step `step` of a stage: 32 bytes of k. */
template <class U, int BN>
GPU_FN void wg_step(struct wg_sums<U, BN> &s, const struct wg_operands &o, uint32_t stage,
		    uint32_t step, uint32_t more)
{
	uint32_t at = stage * wg_shape<U, BN>::stage;

	GPU_UNROLL
	for (int p = 0; p < U::planes; p++)
		U::step(s.v[p],
			gpu_operand_at(o.x, at + (uint32_t)p * 64 * GPU_WGMMA_K + step * 32),
			gpu_operand_at(o.w, at + step * 256), more);
}

/* This warp no longer reads a stage. */
GPU_FN void wg_release(const struct wg_ring &ring, uint32_t stage)
{
	if (gpu_tid() % 32 == 0)
		gpu_mbar_arrive(ring.empty + 8 * stage);
}

/* All of k in one chain; the sums are there after it. */
template <class U, int BN>
GPU_FN void wg_chain(const struct gpu_wgmma_args &a, const struct wg_ring &ring,
		     const struct wg_operands &o, struct wg_place<wg_shape<U, BN>::stages> *place,
		     struct wg_sums<U, BN> &s)
{
	uint32_t steps = (a.k_bytes + 31) / 32, last = place->stage, k;

	for (k = 0; k + 4 <= steps; k += 4) {
		gpu_mbar_wait(ring.full + 8 * place->stage, place->parity);
		gpu_fence_async(); /* x came through ordinary asynchronous copies */
		gpu_wgmma_fence();
		GPU_UNROLL
		for (uint32_t i = 0; i < 4; i++)
			wg_step<U, BN>(s, o, place->stage, i, k + i);
		gpu_wgmma_commit();
		gpu_wgmma_wait<1>();
		if (k)
			wg_release(ring, last);
		last = place->stage;
		wg_place<wg_shape<U, BN>::stages>::next(place);
	}
	gpu_wgmma_wait<0>();
	if (k)
		wg_release(ring, last);
	if (k == steps)
		return;
	gpu_mbar_wait(ring.full + 8 * place->stage, place->parity);
	gpu_fence_async();
	for (uint32_t i = 0; k < steps; i++, k++) { /* no empty step: it would turn -0 into +0 */
		gpu_wgmma_fence();
		wg_step<U, BN>(s, o, place->stage, i, k);
		gpu_wgmma_commit();
		gpu_wgmma_wait<0>();
	}
	wg_release(ring, place->stage);
	wg_place<wg_shape<U, BN>::stages>::next(place);
}

/* The same as wg_chain() in a.op.segments chains, which a tree joins. */
template <class U, int BN>
GPU_FN void wg_segments(const struct gpu_wgmma_args &a, const struct wg_ring &ring,
			const struct wg_operands &o,
			struct wg_place<wg_shape<U, BN>::stages> *place, struct wg_sums<U, BN> &s)
{
	uint32_t steps = (a.k_bytes + 31) / 32, len = steps / a.op.segments, done = 0, in = 0;
	float part[wg_shape<U, BN>::regs][4];

	GPU_UNROLL
	for (int i = 0; i < wg_shape<U, BN>::regs; i++)
		part[i][0] = part[i][1] = part[i][2] = part[i][3] = 0.0f;
	for (uint32_t k = 0; k < steps; k++) {
		if (k % 4 == 0) {
			gpu_mbar_wait(ring.full + 8 * place->stage, place->parity);
			gpu_fence_async();
		}
		gpu_wgmma_fence();
		wg_step<U, BN>(s, o, place->stage, k % 4, in);
		gpu_wgmma_commit();
		in++;
		if (in == len || k % 4 == 3)
			gpu_wgmma_wait<0>();
		if (k % 4 == 3 || k + 1 == steps) {
			wg_release(ring, place->stage);
			wg_place<wg_shape<U, BN>::stages>::next(place);
		}
		if (in < len)
			continue;
		GPU_UNROLL
		for (int i = 0; i < wg_shape<U, BN>::regs; i++)
			s.v[0][i] = matmul_join(part[i], done, s.v[0][i]);
		in = 0;
		done++;
	}
}

/* --- what becomes of the sums -------------------------------------------------------- */

/* A thread's part of a tile: rows t and t + 8; outputs of its warpgroup from n on. */
struct wg_part {
	uint32_t t, n, quad; /* its number in the four threads that share the rows */
	float scale_x[2];
};

GPU_FN float wg_bias(const struct aios_op_matmul &op, uint64_t at)
{
	const unsigned char *bias = gpu_ptr(op.bias);

	if (op.bias_dtype == AIOS_F32)
		return ((const float *)bias)[at];
	if (op.bias_dtype == AIOS_BF16)
		return gpu_half<false>(((const uint16_t *)bias)[at]);
	return gpu_half<true>(((const uint16_t *)bias)[at]);
}

/*
 * Sums of four panels as values of weight rows, dequantised, + bias. The panels are at[0], at[0] +
 * step ... of the warpgroup's; `row`: the weight row of the thread's first column, which is output
 * `n`; neither counts where there is no output.
 */
template <class U, int BN>
GPU_FN void wg_dots(const struct aios_op_matmul &op, const struct wg_sums<U, BN> &s,
		    const struct wg_part &part, int first, int step, uint32_t row, uint32_t n,
		    struct wgmma_values<4> *out)
{
	const float *scale = (const float *)gpu_ptr(op.w.scale);

	GPU_UNROLL
	for (int p = 0; p < 4; p++) {
		GPU_UNROLL
		for (int i = 0; i < 4; i++) {
			int at = 4 * (first + p * step) + i;

			out->v[i / 2][p][i % 2] = U::value(s.v[0][at], s.v[U::planes - 1][at]);
		}
		GPU_UNROLL
		for (uint32_t e = 0; e < 2 && (U::scaled || op.bias); e++) {
			uint32_t col = (uint32_t)p * 8 + e;
			uint64_t at = n + col < op.out.cols ? row + col : 0;
			float bias;

			GPU_UNROLL
			for (int h = 0; h < 2 && U::scaled; h++)
				out->v[h][p][e] =
					aios_dequant(out->v[h][p][e], part.scale_x[h], scale[at]);
			if (!op.bias)
				continue;
			bias = wg_bias(op, at);
			out->v[0][p][e] = aios_add(out->v[0][p][e], bias);
			out->v[1][p][e] = aios_add(out->v[1][p][e], bias);
		}
	}
}

/* Outputs of group `group` of four panels. */
template <class U, int BN, bool ACT>
GPU_FN void wg_evaluate(const struct aios_op_matmul &op, const struct wg_sums<U, BN> &s,
			const struct wg_part &part, int group, struct wgmma_values<4> *out)
{
	uint32_t n = part.n + (uint32_t)group * 32 + 2 * part.quad;
	struct wgmma_values<4> up;

	if (!ACT) {
		wg_dots<U, BN>(op, s, part, 4 * group, 1, n, n, out);
		return;
	}
	wg_dots<U, BN>(op, s, part, 8 * group, 2, n, n, out);
	wg_dots<U, BN>(op, s, part, 8 * group + 1, 2, op.out.cols + n, n, &up);
	wgmma_mid<4>(op, out);
	wgmma_mid<4>(op, &up);
	wgmma_act<4>(op, up, out);
}

/* --- storing --------------------------------------------------------------------- */

/*
 * With F32 outputs: four threads share a row and have two columns of each panel; they swap, so
 * that each has four neighbours of one panel of two. Its first output of pair i of panels:
 */
GPU_FN uint32_t wg_quad_at(const struct wg_part &part, uint32_t n, uint32_t i)
{
	return n + i * 16 + part.quad % 2 * 8 + part.quad / 2 * 4;
}

/* The residual of a thread in four panels, [row][pair]. */
struct wg_residual {
	struct gpu_vec v[2][2];
};

/* Fetch that of the four panels from output n on; all zero where there is no output. */
GPU_FN void wg_load_residual(const struct aios_op_matmul &op, const struct wg_part &part,
			     uint32_t n, struct wg_residual *out)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t t = part.t + i / 2 * 8, at = wg_quad_at(part, n, i % 2);
		const float *row = (const float *)gpu_row(&op.residual, t);
		struct gpu_vec *v = &out->v[i / 2][i % 2];

		if (t < op.x.rows && at + 4 <= op.out.cols) {
			*v = gpu_load16(row + at);
			continue;
		}
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			v->w[e] = t < op.x.rows && at + e < op.out.cols ? aios_bits(row[at + e]) :
									  0;
	}
}

GPU_FN void wg_store_f32(const struct aios_op_matmul &op, const struct wg_part &part, uint32_t n,
			 const struct wgmma_values<4> &s, const struct wg_residual &add)
{
	bool odd = part.quad & 1;

	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		const float *a = s.v[i / 2][i % 2 * 2], *b = s.v[i / 2][i % 2 * 2 + 1];
		uint32_t t = part.t + i / 2 * 8, at = wg_quad_at(part, n, i % 2);
		float *row = (float *)gpu_row(&op.out, t), v[4];
		struct gpu_vec r;

		GPU_UNROLL
		for (int e = 0; e < 2; e++) {
			float got = gpu_shfl_xor_f32(odd ? a[e] : b[e], 1);

			v[e] = odd ? got : a[e];
			v[2 + e] = odd ? b[e] : got;
		}
		GPU_UNROLL
		for (int e = 0; e < 4; e++) {
			if (op.residual.data)
				v[e] = aios_add(aios_float(add.v[i / 2][i % 2].w[e]), v[e]);
			r.w[e] = aios_bits(aios_canon(v[e]));
		}
		if (t >= op.x.rows)
			continue;
		if (at + 4 <= op.out.cols) {
			*(struct gpu_vec *)(row + at) = r;
			continue;
		}
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			if (at + e < op.out.cols)
				row[at + e] = aios_float(r.w[e]);
	}
}

/* With 16-bit outputs: add the residual, where each thread finds its own columns of it. */
GPU_FN void wg_add_residual(const struct aios_op_matmul &op, const struct wg_part &part, uint32_t n,
			    struct wgmma_values<4> *s)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t t = part.t + i / 8 * 8, at = n + i / 2 % 4 * 8 + 2 * part.quad + i % 2;
		float *v = &s->v[i / 8][i / 2 % 4][i % 2];

		if (t < op.x.rows && at < op.out.cols)
			*v = aios_add(((const float *)gpu_row(&op.residual, t))[at], *v);
	}
}

/* Words of two columns; the four threads swap, so that each has all eight of one panel. */
template <bool F16>
GPU_FN void wg_store_half(const struct aios_op_matmul &op, const struct wg_part &part, uint32_t n,
			  const struct wgmma_values<4> &s)
{
	bool nan = false;

	GPU_UNROLL
	for (int i = 0; i < 8; i++)
		nan = gpu_either_nan(s.v[i / 4][i % 4][0], s.v[i / 4][i % 4][1]) || nan;
	n += part.quad * 8;
	GPU_UNROLL
	for (uint32_t h = 0; h < 2; h++) {
		uint32_t w[4], t = part.t + 8 * h;
		uint16_t *row = (uint16_t *)gpu_row(&op.out, t);
		struct gpu_vec v;

		GPU_UNROLL
		for (int p = 0; p < 4; p++)
			w[p] = gpu_round_pair<F16>(s.v[h][p][0], s.v[h][p][1]);
		if (nan) { /* rare */
			GPU_UNROLL
			for (int p = 0; p < 4; p++)
				w[p] = gpu_canon_pair<F16>(w[p]);
		}
		v = gpu_quad_turn(w);
		if (t >= op.x.rows)
			continue;
		if (n + 8 <= op.out.cols) {
			*(struct gpu_vec *)(row + n) = v;
			continue;
		}
		GPU_UNROLL
		for (uint32_t e = 0; e < 8; e++)
			if (n + e < op.out.cols)
				row[n + e] = (uint16_t)(v.w[e / 2] >> 16 * (e % 2));
	}
}

template <class U, int BN, bool ACT>
GPU_FN void wg_finish(const struct aios_op_matmul &op, const struct wg_tile &tile, uint32_t group,
		      const struct wg_sums<U, BN> &s)
{
	typedef wg_shape<U, BN> S;
	const int outputs = ACT ? S::wn / 2 : S::wn; /* of the warpgroup */
	bool fetch = op.residual.data && op.out.dtype == AIOS_F32;
	struct wg_residual add, next;
	struct wg_part part;

	part.t = tile.t + gpu_tid() % 128 / 32 * 16 + gpu_tid() % 32 / 4;
	part.t += U::planes == 2 ? 0 : group * 64;
	part.n = tile.n + (U::planes == 2 ? group * outputs : 0);
	part.quad = gpu_tid() % 4;
	part.scale_x[0] = part.scale_x[1] = 0.0f;
	GPU_UNROLL
	for (uint32_t h = 0; h < 2; h++)
		if (U::scaled && part.t + 8 * h < op.x.rows)
			part.scale_x[h] = ((const float *)gpu_ptr(op.x.scale))[part.t + 8 * h];
	GPU_UNROLL
	for (int i = 0; i < 16; i++)
		next.v[i / 8][i / 4 % 2].w[i % 4] = 0;
	if (fetch)
		wg_load_residual(op, part, part.n, &next);
	GPU_UNROLL
	for (int g = 0; g < outputs / 32; g++) {
		uint32_t n = part.n + (uint32_t)g * 32;
		struct wgmma_values<4> v;

		add = next; /* one group ahead of the stores, which may go to the same memory */
		if (fetch && g + 1 < outputs / 32)
			wg_load_residual(op, part, n + 32, &next);
		wg_evaluate<U, BN, ACT>(op, s, part, g, &v);
		if (op.out.dtype == AIOS_F32) {
			wg_store_f32(op, part, n, v, add);
			continue;
		}
		if (op.residual.data)
			wg_add_residual(op, part, n, &v);
		if (op.out.dtype == AIOS_F16)
			wg_store_half<true>(op, part, n, v);
		else
			wg_store_half<false>(op, part, n, v);
	}
}

/* A warpgroup that multiplies: 0 or 1. */
template <class U, int BN, bool TREE>
GPU_FN void wg_multiply(const struct gpu_wgmma_args &a, uint32_t group)
{
	struct wg_ring ring = wg_ring_of<U, BN>();
	struct wg_operands o = wg_operands_of<U, BN>(ring, group);
	struct wg_place<wg_shape<U, BN>::stages> place = {
		0, 0
	};

	for (uint32_t i = gpu_bx(); i < a.tiles_t * a.tiles_n; i += gpu_grid_x()) {
		struct wg_tile tile = wg_tile_at<U, BN>(a, i);
		struct wg_sums<U, BN> s;

		if constexpr (TREE)
			wg_segments<U, BN>(a, ring, o, &place, s);
		else
			wg_chain<U, BN>(a, ring, o, &place, s);
		if (a.op.act)
			wg_finish<U, BN, true>(a.op, tile, group, s);
		else
			wg_finish<U, BN, false>(a.op, tile, group, s);
	}
}

/* Grid: at most as many blocks as run at the same time. */
template <class U, int BN, bool TREE> GPU_FN void wg_kernel(const struct gpu_wgmma_args &a)
{
	struct wg_ring ring = wg_ring_of<U, BN>();
	uint32_t group = gpu_tid() / 128;

	if (gpu_tid() == 0) {
		for (uint32_t i = 0; i < wg_shape<U, BN>::stages; i++) {
			gpu_mbar_init(ring.full + 8 * i, 128 + 1); /* rows of x; weights */
			gpu_mbar_init(ring.empty + 8 * i, 8);      /* warps that multiply */
		}
		gpu_mbar_fence_init();
	}
	gpu_barrier();
	gpu_grid_enter();
	if (group == 2) {
		gpu_registers_less<GPU_WGMMA_REGS_FETCH>();
		switch (gpu_shfl(gpu_tid() / 32 % 4, 0)) {
		case 0:
			wg_fetch<U, BN, 0>(a);
			break;
		case 1:
			wg_fetch<U, BN, 1>(a);
			break;
		case 2:
			wg_fetch<U, BN, 2>(a);
			break;
		default:
			wg_fetch<U, BN, 3>(a);
			break;
		}
	} else {
		gpu_registers_more<GPU_WGMMA_REGS_MULTIPLY>();
		wg_multiply<U, BN, TREE>(a, group);
	}
}

#define WG_KERNEL(name, unit, bn, tree)                                                            \
	GPU_KERNEL_WIDE(GPU_WGMMA_THREADS)                                                         \
	gpu_matmul_wgmma_##name(const struct gpu_wgmma_args a)                                     \
	{                                                                                          \
		wg_kernel<unit, bn, tree>(a);                                                      \
	}

WG_KERNEL(bf16_256, wgmma_bf16, 256, false)
WG_KERNEL(bf16_192, wgmma_bf16, 192, false)
WG_KERNEL(bf16_128, wgmma_bf16, 128, false)
WG_KERNEL(bf16_64, wgmma_bf16, 64, false)
WG_KERNEL(bf16_seg, wgmma_bf16, 64, true)
WG_KERNEL(f16_256, wgmma_f16, 256, false)
WG_KERNEL(f16_64, wgmma_f16, 64, false)
WG_KERNEL(f16_seg, wgmma_f16, 64, true)
WG_KERNEL(i8_256, wgmma_i8, 256, false)
WG_KERNEL(i8_128, wgmma_i8, 128, false)
WG_KERNEL(i8_64, wgmma_i8, 64, false)
WG_KERNEL(i8x2_256, wgmma_i8x2, 256, false)
WG_KERNEL(i8x2_128, wgmma_i8x2, 128, false)

#endif /* GPU_MATMUL_WGMMA_CUH */
