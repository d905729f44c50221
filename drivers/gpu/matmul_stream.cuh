/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_stream.cuh - few rows of x: weights in panels flow through shared memory at the speed of
 * device memory. One warp of a block fetches: bulk copies of a slice along k of all panels that
 * the block works on fill a stage of the ring, and the first stages are on their way before the
 * launch ahead has ended. Each other warp walks all of k for its own panels, so that no chain is
 * ever cut: the weights are the N side of the mma (8 rows, a panel), rows of x the M side.
 *
 * x lies in the ring beside the weights, slice by slice, fetched by a second warp, or whole in
 * shared memory; its rows are 16 bytes apart from a multiple of 128, so that the 8 rows that
 * ldmatrix reads together hit different banks.
 */
#ifndef GPU_MATMUL_STREAM_CUH
#define GPU_MATMUL_STREAM_CUH

#include "matmul_finish.cuh"
#include "matrix.h"
#include "stream_job.cuh"
#include "wgmma_unit.cuh"

/* What is multiplied. */
enum stream_kind {
	STREAM_BF16,
	STREAM_F16,
	STREAM_I8,
	STREAM_I8X2 /* rows 0-7 of a tile of x are the hi plane, rows 8-15 the lo plane */
};

template <int KIND> struct stream_type {
	typedef float acc;
};
template <> struct stream_type<STREAM_I8> {
	typedef int32_t acc;
};
template <> struct stream_type<STREAM_I8X2> {
	typedef int32_t acc;
};

GPU_FN void stream_mma(float d[4], const uint32_t a[4], const uint32_t b[2], bool f16)
{
	if (f16)
		gpu_mma_f16(d, a, b);
	else
		gpu_mma_bf16(d, a, b);
}

GPU_FN void stream_mma(int32_t d[4], const uint32_t a[4], const uint32_t b[2], bool f16)
{
	(void)f16;
	gpu_mma_s8(d, a, b);
}

/* --- the warps that fetch ---------------------------------------------------------------- */

/* This lane's panel of a pass, one of the stage's, from the beginning; null: there is none. */
GPU_FN const unsigned char *stream_panel(const struct gpu_stream_args &a,
					 const struct stream_job &j, uint32_t pass)
{
	const uint32_t p = gpu_tid() % 32;
	uint32_t item = j.first + pass * j.pass + (a.op.act ? p / 2 : p), panel = item;

	if (p >= j.panels || item >= j.end)
		return nullptr;
	if (a.op.act && p % 2)
		panel += a.op.out.cols / GPU_PANEL_ROWS;
	return gpu_ptr(a.op.w.data) + (uint64_t)panel * GPU_PANEL_ROWS * j.row_bytes;
}

/* Weights: a lane copies its panel of the stage. Nothing here waits for the launch ahead. */
GPU_FN void stream_fetch_w(const struct gpu_stream_args &a, const struct stream_job &j)
{
	const gpu_place to = j.ring + gpu_tid() % 32 * j.panel_bytes;
	struct stream_turn t = { 0, 0, 0 };
	uint32_t filled = 0;

	for (uint32_t pass = 0; pass < j.passes; pass++) {
		const unsigned char *w = stream_panel(a, j, pass);
		uint32_t items = j.end - j.first - pass * j.pass;

		items = items < j.pass ? items : j.pass;
		for (uint32_t slice = 0; slice < j.slices; slice++) {
			const uint32_t bytes =
				matmul_slice(j.row_bytes, a.slice, slice) * GPU_PANEL_ROWS;

			if (filled == a.stages)
				gpu_mbar_wait(j.empty + t.stage * 8, t.parity ^ 1);
			else
				filled++;
			if (gpu_tid() == 0)
				gpu_mbar_expect(j.full + t.stage * 8,
						(a.op.act ? 2 * items : items) * bytes);
			gpu_wave_sync();
			if (w) {
				gpu_bulk_copy_once(to + t.at, w, bytes, j.full + t.stage * 8);
				w += bytes;
			}
			stream_next(a, j, &t);
		}
	}
}

/* Rows of x in a slice, one plane, by this lane: units lane % (units of a row), from `src` on. */
GPU_FN void stream_copy_rows(const struct gpu_stream_args &a, const struct stream_job &j,
			     const unsigned char *src, gpu_place dst)
{
	const uint32_t step = 32 >> a.shift;
	const uint64_t src_step = step * a.op.x.row_bytes;

	GPU_UNROLL_4
	for (uint32_t r = gpu_tid() % 32 >> a.shift; r < j.rows; r += step) {
		gpu_async_copy(dst, src);
		src += src_step;
		dst += step * j.x_pitch;
	}
}

/* x slice by slice beside the weights; each lane arrives when its copies have come. */
GPU_FN void stream_fetch_x(const struct gpu_stream_args &a, const struct stream_job &j)
{
	const uint32_t lane = gpu_tid() % 32, unit = lane & ((1u << a.shift) - 1);
	const uint32_t row = lane >> a.shift;
	const unsigned char *x = gpu_row(&a.op.x, j.t0 + row) + unit * 16;
	const gpu_place to = j.x + row * j.x_pitch + unit * 16;
	struct stream_turn t = { 0, 0, 0 };
	uint32_t filled = 0;

	gpu_grid_wait();
	for (uint32_t pass = 0; pass < j.passes; pass++)
		for (uint32_t slice = 0; slice < j.slices; slice++) {
			const unsigned char *src = x + slice * a.slice;

			if (filled == a.stages)
				gpu_mbar_wait(j.empty + t.stage * 8, t.parity ^ 1);
			else
				filled++;
			if (unit * 16 < matmul_slice(j.row_bytes, a.slice, slice)) {
				stream_copy_rows(a, j, src, to + t.at);
				if (a.op.x.dtype == AIOS_I8X2)
					stream_copy_rows(a, j, src + a.op.x.plane_bytes,
							 to + t.at + j.rows * j.x_pitch);
			}
			gpu_async_arrive(j.full + t.stage * 8);
			stream_next(a, j, &t);
		}
}

/* The only row of x, by units: their answers come sooner than a bulk copy's. */
GPU_FN void stream_fetch_units(const struct gpu_stream_args &a, const struct stream_job &j)
{
	const unsigned char *x = gpu_row(&a.op.x, j.t0);

	GPU_UNROLL_4
	for (uint32_t u = gpu_tid() % 32; u < j.row_bytes / 16; u += 32)
		gpu_async_copy(j.x + u * 16, x + u * 16);
	gpu_async_arrive(j.x_full);
}

/* x whole: a row a lane. */
GPU_FN void stream_fetch_whole(const struct gpu_stream_args &a, const struct stream_job &j)
{
	const uint32_t lane = gpu_tid() % 32;
	const uint32_t planes = a.op.x.dtype == AIOS_I8X2 ? 2 : 1;

	gpu_grid_wait();
	if (a.units) {
		stream_fetch_units(a, j);
		return;
	}
	if (lane == 0)
		gpu_mbar_expect(j.x_full, planes * j.rows * j.row_bytes);
	gpu_wave_sync();
	for (uint32_t r = lane; r < j.rows; r += 32) {
		const unsigned char *x = gpu_row(&a.op.x, j.t0 + r);

		for (uint32_t p = 0; p < planes; p++)
			gpu_bulk_copy(j.x + (p * j.rows + r) * j.x_pitch,
				      x + p * a.op.x.plane_bytes, j.row_bytes, j.x_full);
	}
}

/* --- the warps that multiply ----------------------------------------------------------- */

/*
 * The fragments of 64 bytes along k, two blocks. w: a panel's. x: a tile's; HALF tiles have 8
 * rows, the two words of a block that are rows 8-15 are zeros and not kept.
 */
template <int MT, bool HALF, int P> struct stream_step {
	uint32_t w[P][4];
	uint32_t x[MT][HALF ? 4 : 8];
};

/* A warp's walk along k. */
template <int MT> struct stream_walk {
	struct stream_turn turn;
	gpu_place w, x;  /* what this lane reads next, without its rows of x: */
	gpu_place w0;    /* its place in the first stage */
	uint32_t panel;  /* from a panel of the warp to the next */
	uint32_t x0[MT]; /* its row and unit in each tile of x */
};

/* Row of x, in shared memory, that this lane addresses in tile i; a row that is there anyway when
 * there is none, as outputs of such rows are not stored. */
template <int KIND, bool HALF>
GPU_FN uint32_t stream_lane_row(const struct stream_job &j, uint32_t i)
{
	const uint32_t lane = gpu_tid() % 32, q = lane % 8, upper = lane / 8 % 2;
	uint32_t t = HALF || KIND == STREAM_I8X2 ? 8 * i + q : 16 * i + 8 * upper + q;

	t = t < j.rows ? t : 0;
	return KIND == STREAM_I8X2 && upper ? j.rows + t : t;
}

/* Half a pair: block pair `half` (0 or 1) of the 128 bytes at the walk's place. */
template <int MT, bool HALF, int P>
GPU_FN void stream_load(const struct stream_walk<MT> &walk, uint32_t half,
			struct stream_step<MT, HALF, P> *s)
{
	GPU_UNROLL
	for (int p = 0; p < P; p++)
		gpu_ldmatrix_x4(s->w[p], walk.w + (uint32_t)p * walk.panel + half * 512);
	GPU_UNROLL
	for (int i = 0; i < MT; i++) {
		gpu_ldmatrix_x4(s->x[i], walk.x + walk.x0[i] + half * 64);
		if (!HALF)
			gpu_ldmatrix_x4(s->x[i] + (HALF ? 0 : 4),
					walk.x + walk.x0[i] + half * 64 + 32);
	}
}

/* The chain goes on by block b of the step. */
template <int KIND, int MT, bool HALF, int P>
GPU_FN void stream_block(const struct stream_step<MT, HALF, P> &s, uint32_t b,
			 typename stream_type<KIND>::acc acc[P][MT][4])
{
	GPU_UNROLL
	for (int p = 0; p < P; p++) {
		const uint32_t w[2] = { s.w[p][2 * b], s.w[p][2 * b + 1] };

		GPU_UNROLL
		for (int i = 0; i < MT; i++) {
			uint32_t x[4];

			if (HALF) {
				x[0] = s.x[i][2 * b];
				x[2] = s.x[i][2 * b + 1];
				x[1] = x[3] = 0;
			} else {
				x[0] = s.x[i][(HALF ? 0 : 4) * b];
				x[1] = s.x[i][(HALF ? 0 : 4) * b + 1];
				x[2] = s.x[i][(HALF ? 0 : 4) * b + 2];
				x[3] = s.x[i][(HALF ? 0 : 4) * b + 3];
			}
			stream_mma(acc[p][i], x, w, KIND == STREAM_F16);
		}
	}
}

/* Segments: blocks left in the current one, those before, and what waits in the tree. */
template <bool SEG, int MT, int P> struct stream_tree {
	uint32_t left, done;
	float part[SEG ? P * MT * 4 : 1][4];
};

template <bool SEG, int MT, int P, typename T>
GPU_FN void stream_join(const struct gpu_stream_args &a, struct stream_tree<SEG, MT, P> *tree,
			T acc[P][MT][4])
{
	if constexpr (SEG) {
		if (--tree->left)
			return;
		GPU_UNROLL
		for (int i = 0; i < P * MT * 4; i++) {
			T *v = &acc[i / (4 * MT)][i / 4 % MT][i % 4];

			*v = matmul_join(tree->part[i], tree->done, *v);
			if (tree->done + 1 < a.op.segments)
				*v = 0;
		}
		tree->left = a.blocks16;
		tree->done++;
	}
}

/* Set the walk to the beginning of a slice; its stage is filled then. */
template <int MT>
GPU_FN void stream_enter(const struct gpu_stream_args &a, const struct stream_job &j, uint32_t real,
			 uint32_t slice, struct stream_walk<MT> *walk)
{
	if (real)
		gpu_mbar_wait(j.full + walk->turn.stage * 8, walk->turn.parity);
	walk->w = walk->w0 + walk->turn.at;
	walk->x = j.x + (a.whole ? slice * a.slice : walk->turn.at);
}

/* All of the stage is in registers: it may be filled again. */
template <int MT>
GPU_FN void stream_leave(const struct gpu_stream_args &a, const struct stream_job &j, uint32_t real,
			 struct stream_walk<MT> *walk)
{
	gpu_wave_sync();
	if (real && gpu_tid() % 32 == 0)
		gpu_mbar_arrive(j.empty + walk->turn.stage * 8);
	stream_next(a, j, &walk->turn);
}

/* The dots of a pass: all of k, with the next fragments on their way while these are used. */
template <int KIND, int MT, bool HALF, int P, bool SEG>
GPU_FN void stream_pass(const struct gpu_stream_args &a, const struct stream_job &j, uint32_t real,
			struct stream_walk<MT> *walk, typename stream_type<KIND>::acc acc[P][MT][4])
{
	struct stream_step<MT, HALF, P> even, odd;
	struct stream_tree<SEG, MT, P> tree;
	uint32_t slice = 0, pairs = (real ? matmul_slice(j.row_bytes, a.slice, 0) : a.still) / 128;
	const uint32_t slices = real ? j.slices : 1;

	tree.left = a.blocks16;
	tree.done = 0;
	stream_enter<MT>(a, j, real, 0, walk);
	stream_load<MT, HALF, P>(*walk, 0, &even);
	for (;;) {
		stream_load<MT, HALF, P>(*walk, 1, &odd);
		stream_block<KIND, MT, HALF, P>(even, 0, acc);
		stream_join<SEG, MT, P>(a, &tree, acc);
		stream_block<KIND, MT, HALF, P>(even, 1, acc);
		stream_join<SEG, MT, P>(a, &tree, acc);
		walk->w += 1024;
		walk->x += 128;
		if (--pairs == 0) {
			stream_leave<MT>(a, j, real, walk);
			if (++slice == slices)
				break;
			stream_enter<MT>(a, j, real, slice, walk);
			pairs = matmul_slice(j.row_bytes, a.slice, slice) / 128;
		}
		stream_load<MT, HALF, P>(*walk, 0, &even);
		stream_block<KIND, MT, HALF, P>(odd, 0, acc);
		stream_join<SEG, MT, P>(a, &tree, acc);
		stream_block<KIND, MT, HALF, P>(odd, 1, acc);
		stream_join<SEG, MT, P>(a, &tree, acc);
	}
	stream_block<KIND, MT, HALF, P>(odd, 0, acc);
	stream_join<SEG, MT, P>(a, &tree, acc);
	stream_block<KIND, MT, HALF, P>(odd, 1, acc);
	stream_join<SEG, MT, P>(a, &tree, acc);
}

/* --- the epilogue ------------------------------------------------------------------------ */

/*
 * What the epilogue reads, fetched before the walk so that no one waits for it after: of the two
 * weight rows of this lane in each panel, and the residuals of its outputs.
 */
template <int MT, int P> struct stream_extra {
	float scale[P][2], bias[P][2];
	float residual[MT == 1 ? P : 1][4];
};

/* Row of x of element e (0 to 3) of tile i in this lane. */
template <int KIND, bool HALF>
GPU_FN uint32_t stream_row(const struct stream_job &j, uint32_t i, uint32_t e)
{
	const uint32_t g = gpu_tid() % 32 / 4;
	uint32_t t = HALF || KIND == STREAM_I8X2 ? 8 * i + g : 16 * i + 8 * (e / 2) + g;

	if (t >= j.rows || ((HALF || KIND == STREAM_I8X2) && e >= 2))
		return UINT32_MAX;
	return j.t0 + t;
}

/* First output of the warp's panel p in this lane; with act of gate and up alike. */
GPU_FN uint32_t stream_output(const struct gpu_stream_args &a, uint32_t item, uint32_t p)
{
	return (item + (a.op.act ? p / 2 : p)) * GPU_PANEL_ROWS + gpu_tid() % 4 * 2;
}

/* Scales and biases, of which there may be none. */
template <int KIND, int MT, int P>
GPU_FN void stream_prepare_rows(const struct gpu_stream_args &a, uint32_t item,
				struct stream_extra<MT, P> *x)
{
	const struct aios_op_matmul &op = a.op;

	GPU_UNROLL
	for (uint32_t k = 0; k < 2 * P; k++) {
		const uint32_t p = k / 2, e = k % 2, n = stream_output(a, item, p) + e;
		const uint32_t w = op.act && p % 2 ? op.out.cols + n : n;

		if (n >= op.out.cols)
			continue;
		if (KIND == STREAM_I8 || KIND == STREAM_I8X2)
			x->scale[p][e] = ((const float *)gpu_ptr(op.w.scale))[w];
		if (op.bias)
			x->bias[p][e] = gpu_load(gpu_ptr(op.bias), op.bias_dtype, w);
	}
}

/* Residuals, of one tile. */
template <int KIND, bool HALF, int P>
GPU_FN void stream_prepare_residual(const struct gpu_stream_args &a, const struct stream_job &j,
				    uint32_t item, float residual[P][4])
{
	const struct aios_op_matmul &op = a.op;

	GPU_UNROLL
	for (uint32_t k = 0; k < 4 * P; k++) {
		const uint32_t p = k / 4, e = k % 4, n = stream_output(a, item, p) + e % 2;
		const uint32_t t = stream_row<KIND, HALF>(j, 0, e);

		if (t != UINT32_MAX && n < op.out.cols)
			residual[p][e] = gpu_load_late((const float *)gpu_row(&op.residual, t) + n);
	}
}

template <int KIND, int MT, bool HALF, int P>
GPU_FN void stream_prepare(const struct gpu_stream_args &a, const struct stream_job &j,
			   uint32_t item, struct stream_extra<MT, P> *x)
{
	const struct aios_op_matmul &op = a.op;

	*x = {};
	if (KIND == STREAM_I8 || KIND == STREAM_I8X2 || op.bias)
		stream_prepare_rows<KIND, MT, P>(a, item, x);
	if constexpr (MT == 1) {
		if (op.residual.data)
			stream_prepare_residual<KIND, HALF, P>(a, j, item, x->residual);
	}
}

/* Element e of tile i and panel p with scales and bias; t: its row of x, when it is there. */
template <int KIND, int MT, int P>
GPU_FN float stream_dot(const struct aios_op_matmul &op, const struct stream_extra<MT, P> &x,
			uint32_t p, uint32_t e, uint32_t t,
			const typename stream_type<KIND>::acc acc[4])
{
	float v;

	if (KIND == STREAM_I8)
		v = aios_i8_acc((int32_t)acc[e]);
	else if (KIND == STREAM_I8X2)
		v = aios_i8x2_acc((int32_t)acc[e & 1], (int32_t)acc[e | 2]);
	else
		v = (float)acc[e];
	if (KIND == STREAM_I8 || KIND == STREAM_I8X2)
		v = aios_dequant(v, gpu_load_late((const float *)gpu_ptr(op.x.scale) + t),
				 x.scale[p][e % 2]);
	if (op.bias)
		v = aios_add(v, x.bias[p][e % 2]);
	return v;
}

/* Where output n of row t goes; a rehearsal's: where no one reads. */
GPU_FN unsigned char *stream_to(const struct gpu_stream_args &a, const struct stream_job &j,
				uint32_t real, uint32_t t, uint32_t n)
{
	if (!real)
		return gpu_shared() + GPU_STREAM_BARS + a.whole + a.stages * j.stage_bytes +
		       GPU_PANEL_ROWS * a.still + (gpu_tid() - GPU_STREAM_FETCH) * 8;
	return gpu_row(&a.op.out, t) + n * (a.op.out.dtype == AIOS_F32 ? 4 : 2);
}

/* Both rounded to BF16 or F16, NaN canonical. */
GPU_FN uint32_t stream_round(bool f16, const float v[2])
{
	const uint32_t nan = f16 ? AIOS_NAN_F16 : AIOS_NAN_BF16;
	uint32_t w = f16 ? gpu_round_pair<true>(v[0], v[1]) : gpu_round_pair<false>(v[0], v[1]);

	w = aios_is_nan(v[0]) ? (w & 0xffff0000u) | nan : w;
	return aios_is_nan(v[1]) ? (w & 0xffffu) | nan << 16 : w;
}

/* Store an output of even number and the one after it, if there is one. */
GPU_FN void stream_store(uint32_t dtype, unsigned char *to, bool both, const float v[2])
{
	if (dtype == AIOS_F32) {
		const uint32_t lo = aios_bits(aios_canon(v[0])), hi = aios_bits(aios_canon(v[1]));

		if (both)
			*(uint64_t *)to = (uint64_t)hi << 32 | lo;
		else
			*(uint32_t *)to = lo;
	} else {
		const uint32_t w = stream_round(dtype == AIOS_F16, v);

		if (both)
			*(uint32_t *)to = w;
		else
			*(uint16_t *)to = (uint16_t)w;
	}
}

/* matmul_act() of two gates and ups, in both rows of what wgmma_act() takes. */
GPU_FN void stream_act(const struct aios_op_matmul &op, float gate[2], const float up[2])
{
	struct wgmma_values<2> both;
	struct wgmma_values<1> g, u;

	GPU_UNROLL
	for (uint32_t k = 0; k < 4; k++) {
		both.v[k / 2][0][k % 2] = gate[k % 2];
		both.v[k / 2][1][k % 2] = up[k % 2];
	}
	wgmma_mid<2>(op, &both);
	GPU_UNROLL
	for (uint32_t k = 0; k < 4; k++) {
		g.v[k / 2][0][k % 2] = both.v[k / 2][0][k % 2];
		u.v[k / 2][0][k % 2] = both.v[k / 2][1][k % 2];
	}
	wgmma_act<1>(op, u, &g);
	gate[0] = g.v[0][0][0];
	gate[1] = g.v[0][0][1];
}

/* Outputs n and n + 1 of row t of x, elements e and e + 1 of tile i and panel p. */
template <int KIND, int MT, int P>
GPU_FN void stream_pair(const struct gpu_stream_args &a, uint32_t i, uint32_t p, uint32_t e,
			uint32_t t, uint32_t n, const struct stream_extra<MT, P> &x,
			const typename stream_type<KIND>::acc acc[P][MT][4], float v[2])
{
	const struct aios_op_matmul &op = a.op;
	const uint32_t other = (p + 1) % P;
	float up[2];

	GPU_UNROLL
	for (uint32_t k = 0; k < 2; k++)
		v[k] = stream_dot<KIND, MT, P>(op, x, p, e + k, t, acc[p][i]);
	if (P > 1 && p % 2 == 0 && op.act) {
		GPU_UNROLL
		for (uint32_t k = 0; k < 2; k++)
			up[k] = stream_dot<KIND, MT, P>(op, x, other, e + k, t, acc[other][i]);
		stream_act(op, v, up);
	}
	if (!op.residual.data)
		return;
	GPU_UNROLL
	for (uint32_t k = 0; k < 2; k++) {
		if (MT == 1)
			v[k] = aios_add(x.residual[MT == 1 ? p : 0][e + k], v[k]);
		else if (n + k < op.out.cols)
			v[k] = aios_add(
				gpu_load_late((const float *)gpu_row(&op.residual, t) + n + k),
				v[k]);
	}
}

template <int KIND, int MT, bool HALF, int P>
GPU_FN void stream_finish(const struct gpu_stream_args &a, const struct stream_job &j,
			  uint32_t real, uint32_t item, const struct stream_extra<MT, P> &x,
			  const typename stream_type<KIND>::acc acc[P][MT][4])
{
	const uint32_t rows = HALF || KIND == STREAM_I8X2 ? 1 : 2; /* of a tile in this lane */

	GPU_UNROLL
	for (uint32_t p = 0; p < P; p++) {
		const uint32_t n = stream_output(a, item, p);

		if ((a.op.act && p % 2) || item + (a.op.act ? p / 2 : p) >= j.end ||
		    n >= a.op.out.cols)
			continue;
		GPU_UNROLL
		for (uint32_t k = 0; k < rows * MT; k++) {
			const uint32_t i = k / rows, e = k % rows * 2;
			const uint32_t t = stream_row<KIND, HALF>(j, i, e);
			unsigned char *to;
			float v[2];

			if (t == UINT32_MAX)
				continue;
			to = stream_to(a, j, real, t, n); /* while the last sums are made */
			stream_pair<KIND, MT, P>(a, i, p, e, t, n, x, acc, v);
			stream_store(a.op.out.dtype, to, n + 1 < a.op.out.cols, v);
		}
	}
}

/* --- blocks ------------------------------------------------------------------------------- */

/* All of a block's passes; when it is a rehearsal, one slice of one. */
template <int KIND, int MT, bool HALF, int P, bool SEG>
GPU_FN void stream_perform(const struct gpu_stream_args &a, const struct stream_job &j,
			   uint32_t real)
{
	const uint32_t warp = gpu_tid() / 32 - GPU_STREAM_FETCH / 32, lane = gpu_tid() % 32;
	const uint32_t items = a.op.act ? P / 2 : P, passes = real ? j.passes : 1;
	const gpu_place still = j.ring + a.stages * j.stage_bytes;
	typename stream_type<KIND>::acc acc[P][MT][4];
	struct stream_walk<MT> walk;
	struct stream_extra<MT, P> extra;

	walk.turn = { 0, 0, 0 };
	walk.panel = real ? j.panel_bytes : 0;
	walk.w0 = (real ? j.ring + warp * P * j.panel_bytes : still) + lane * 16;
	GPU_UNROLL
	for (uint32_t i = 0; i < MT; i++)
		walk.x0[i] = (HALF ? lane / 8 : lane / 16) * 16 +
			     (real ? stream_lane_row<KIND, HALF>(j, i) * j.x_pitch :
				     (uint32_t)(still - j.x));
	if (a.whole && real)
		gpu_mbar_wait(j.x_full, 0);
	GPU_NO_UNROLL
	for (uint32_t pass = 0; pass < passes; pass++) {
		uint32_t item = j.first + pass * j.pass + warp * items;

		stream_prepare<KIND, MT, HALF, P>(a, j, item, &extra);
		GPU_UNROLL
		for (int p = 0; p < P; p++) {
			GPU_UNROLL
			for (int i = 0; i < MT; i++)
				acc[p][i][0] = acc[p][i][1] = acc[p][i][2] = acc[p][i][3] = 0;
		}
		stream_pass<KIND, MT, HALF, P, SEG>(a, j, real, &walk, acc);
		stream_finish<KIND, MT, HALF, P>(a, j, real, item, extra, acc);
	}
}

/*
 * Before the launch ahead has ended comes a rehearsal, on whatever lies behind the ring, where no
 * copy ever goes: it waits for nothing, stores where no one reads, and brings the code to where it
 * is fetched from quickly.
 */
template <int KIND, int MT, bool HALF, int P, bool SEG>
GPU_FN void stream_multiply(const struct gpu_stream_args &a, const struct stream_job &j)
{
	GPU_NO_UNROLL
	for (uint32_t real = a.rehearse ? gpu_rehearsal() : 1; real < 2; real++) {
		if (real)
			gpu_grid_wait();
		stream_perform<KIND, MT, HALF, P, SEG>(a, j, real);
	}
}

/* Grid: shares of the items, groups of rows of x. Warp 0 fetches weights, warp 1 fetches x. */
template <int KIND, int MT, bool HALF, int P, bool SEG>
GPU_FN void stream_kernel(const struct gpu_stream_args &a)
{
	const struct stream_job j = stream_job_of(a);

	gpu_grid_go();
	if (gpu_tid() == 0) {
		for (uint32_t s = 0; s < a.stages; s++) {
			gpu_mbar_init(j.full + s * 8, a.whole ? 1 : 33);
			gpu_mbar_init(j.empty + s * 8, a.warps);
		}
		gpu_mbar_init(j.x_full, a.units ? 32 : 1);
		gpu_mbar_fence_init();
	}
	gpu_barrier();
	if (gpu_tid() < 32) {
		stream_fetch_w(a, j);
	} else if (gpu_tid() < GPU_STREAM_FETCH) {
		if (a.whole)
			stream_fetch_whole(a, j);
		else
			stream_fetch_x(a, j);
	} else {
		stream_multiply<KIND, MT, HALF, P, SEG>(a, j);
	}
}

#define STREAM(kind, name, mt, half, panels)                                                       \
	GPU_KERNEL(GPU_STREAM_THREADS)                                                             \
	gpu_matmul_stream_##name(const struct gpu_stream_args a)                                   \
	{                                                                                          \
		stream_kernel<kind, mt, half, panels, false>(a);                                   \
	}

/* By the most rows of x and the panels of a warp. */
STREAM(STREAM_BF16, bf16_8_1, 1, true, 1)
STREAM(STREAM_BF16, bf16_8_2, 1, true, 2)
STREAM(STREAM_BF16, bf16_16_1, 1, false, 1)
STREAM(STREAM_BF16, bf16_16_2, 1, false, 2)
STREAM(STREAM_BF16, bf16_32_2, 2, false, 2)
STREAM(STREAM_F16, f16_8_1, 1, true, 1)
STREAM(STREAM_F16, f16_8_2, 1, true, 2)
STREAM(STREAM_F16, f16_16_1, 1, false, 1)
STREAM(STREAM_F16, f16_16_2, 1, false, 2)
STREAM(STREAM_F16, f16_32_2, 2, false, 2)
STREAM(STREAM_I8, i8_8_1, 1, true, 1)
STREAM(STREAM_I8, i8_8_2, 1, true, 2)
STREAM(STREAM_I8, i8_16_1, 1, false, 1)
STREAM(STREAM_I8, i8_16_2, 1, false, 2)
STREAM(STREAM_I8, i8_32_2, 2, false, 2)
STREAM(STREAM_I8X2, i8x2_8_1, 1, false, 1)
STREAM(STREAM_I8X2, i8x2_8_2, 1, false, 2)
STREAM(STREAM_I8X2, i8x2_16_2, 2, false, 2)

GPU_KERNEL_WIDE(GPU_STREAM_WIDE_THREADS) gpu_matmul_stream_i8x2_32_2(const struct gpu_stream_args a)
{
	stream_kernel<STREAM_I8X2, 4, false, 2, false>(a);
}

/* With segments: up to 16 rows. */
GPU_KERNEL(GPU_STREAM_THREADS) gpu_matmul_stream_seg_bf16(const struct gpu_stream_args a)
{
	stream_kernel<STREAM_BF16, 1, false, 1, true>(a);
}

GPU_KERNEL(GPU_STREAM_THREADS) gpu_matmul_stream_seg_f16(const struct gpu_stream_args a)
{
	stream_kernel<STREAM_F16, 1, false, 1, true>(a);
}

#endif /* GPU_MATMUL_STREAM_CUH */
