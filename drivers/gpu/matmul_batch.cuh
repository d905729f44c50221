/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_batch.cuh - 17 to 64 rows of x, weights in panels: matmul_stream's way of streaming
 * weights, with one warpgroup that multiplies from shared memory. A block takes its share of the
 * outputs, a panel each, in as few passes as its registers allow, because every pass reads all of
 * x again; 64 rows of x are the M side of wgmma, the panels of a pass its N side.
 *
 * Warps 0 to 3 multiply, 4 to 7 fetch x, 8 fetches weights. A stage has x, 64 rows of 128 bytes
 * for each 128 bytes of k and plane, its 16-byte units permuted (wgmma.h), then the panels.
 */
#ifndef GPU_MATMUL_BATCH_CUH
#define GPU_MATMUL_BATCH_CUH

#include "matmul_finish.cuh"
#include "wgmma_unit.cuh"

#define BATCH_X_BYTES (GPU_BATCH_ROWS * 128) /* of x in a stage, for 128 bytes of k and a plane */

/* A block's share of the op, the same in all its threads. */
struct batch_job {
	uint32_t first, end;   /* items: panels of outputs */
	uint32_t pass, passes; /* items at a time */
	uint32_t slices;       /* of a pass */
	uint32_t row_bytes;
	uint32_t t0, rows;
	uint32_t x_bytes, stage_bytes;
	gpu_place full, empty;
	unsigned char *ring;
};

template <class U, int N> GPU_FN struct batch_job batch_job_of(const struct gpu_batch_args &a)
{
	const uint32_t blocks = gpu_grid_x(), b = gpu_bx();
	const uint32_t left = a.op.x.rows - gpu_by() * GPU_BATCH_ROWS;
	const uintptr_t from = (uintptr_t)gpu_shared() + GPU_BATCH_BARS + GPU_BATCH_SUMS;
	struct batch_job j;

	j.first = (uint32_t)((uint64_t)a.items * b / blocks);
	j.end = (uint32_t)((uint64_t)a.items * (b + 1) / blocks);
	j.pass = a.op.act ? N / 16 : N / 8;
	j.passes = (j.end - j.first + j.pass - 1) / j.pass;
	j.row_bytes = (uint32_t)a.op.w.row_bytes;
	j.slices = (j.row_bytes + a.slice - 1) / a.slice;
	j.t0 = gpu_by() * GPU_BATCH_ROWS;
	j.rows = left < GPU_BATCH_ROWS ? left : GPU_BATCH_ROWS;
	j.x_bytes = a.slice / 128 * U::planes * BATCH_X_BYTES;
	j.stage_bytes = j.x_bytes + N * a.slice;
	j.full = gpu_place_of(gpu_shared());
	j.empty = j.full + a.stages * 8;
	j.ring = (unsigned char *)((from + 1023) & ~(uintptr_t)1023);
	return j;
}

/* Stages one after the other; parity: of the fill that is next. */
struct batch_turn {
	uint32_t stage, parity, filled;
};

GPU_FN void batch_next(const struct gpu_batch_args &a, struct batch_turn *t)
{
	if (++t->stage < a.stages)
		return;
	t->stage = 0;
	t->parity ^= 1;
	t->filled = 1;
}

/* Until the stage has been read; all are free at first. */
GPU_FN void batch_room(const struct batch_job &j, const struct batch_turn &t)
{
	if (t.filled)
		gpu_mbar_wait(j.empty + t.stage * 8, t.parity ^ 1);
}

/* --- the warp that fetches weights, waiting for nothing but room ------------------------ */

GPU_FN const unsigned char *batch_panel(const struct gpu_batch_args &a, const struct batch_job &j,
					uint32_t pass)
{
	const uint32_t p = gpu_tid() % 32, in = a.op.act ? p / 2 : p;
	uint32_t panel = j.first + pass * j.pass + in;

	if (in >= j.pass || panel >= j.end)
		return nullptr;
	if (a.op.act && p % 2)
		panel += a.op.out.cols / GPU_PANEL_ROWS;
	return gpu_ptr(a.op.w.data) + (uint64_t)panel * GPU_PANEL_ROWS * j.row_bytes;
}

GPU_FN void batch_fetch_w(const struct gpu_batch_args &a, const struct batch_job &j)
{
	unsigned char *to = j.ring + j.x_bytes + gpu_tid() % 32 * GPU_PANEL_ROWS * a.slice;
	struct batch_turn t = { 0, 0, 0 };

	for (uint32_t pass = 0; pass < j.passes; pass++) {
		const unsigned char *w = batch_panel(a, j, pass);
		uint32_t items = j.end - j.first - pass * j.pass;

		items = items < j.pass ? items : j.pass;
		for (uint32_t slice = 0; slice < j.slices; slice++, batch_next(a, &t)) {
			const uint32_t bytes =
				matmul_slice(j.row_bytes, a.slice, slice) * GPU_PANEL_ROWS;
			const gpu_place full = j.full + t.stage * 8;

			batch_room(j, t);
			if (gpu_tid() % 32 == 0)
				gpu_mbar_expect(full, (a.op.act ? 2 * items : items) * bytes);
			gpu_wave_sync();
			if (!w)
				continue;
			gpu_bulk_copy_once(gpu_place_of(to + t.stage * j.stage_bytes), w, bytes,
					   full);
			w += bytes;
		}
	}
}

/* --- the warps that fetch x -------------------------------------------------------------- */

/* A thread has unit `unit` of every 16th row from `row` on, in each 128 bytes of k. */
template <class U>
GPU_FN void batch_copy_x(const struct gpu_batch_args &a, const struct batch_job &j, uint32_t slice,
			 gpu_place stage)
{
	const uint32_t i = gpu_tid() - GPU_BATCH_MULTIPLY, unit = i % 8, row = i / 8;
	const unsigned char *src = gpu_row(&a.op.x, j.t0 + row) + slice * a.slice + unit * 16;
	gpu_place to = stage + row * 128 + (unit ^ row % 8) * 16;

	for (uint32_t k = 0; k < matmul_slice(j.row_bytes, a.slice, slice); k += 128, src += 128) {
		GPU_UNROLL
		for (uint32_t p = 0; p < U::planes; p++, to += BATCH_X_BYTES) {
			GPU_UNROLL
			for (uint32_t r = 0; r < GPU_BATCH_ROWS; r += 16)
				if (row + r < j.rows)
					gpu_async_copy(to + r * 128,
						       src + r * a.op.x.row_bytes +
							       p * a.op.x.plane_bytes);
		}
	}
}

template <class U>
GPU_FN void batch_fetch_x(const struct gpu_batch_args &a, const struct batch_job &j)
{
	const gpu_place ring = gpu_place_of(j.ring);
	struct batch_turn t = { 0, 0, 0 };

	gpu_grid_wait();
	for (uint32_t pass = 0; pass < j.passes; pass++)
		for (uint32_t slice = 0; slice < j.slices; slice++, batch_next(a, &t)) {
			batch_room(j, t);
			batch_copy_x<U>(a, j, slice, ring + t.stage * j.stage_bytes);
			gpu_async_arrive(j.full + t.stage * 8);
		}
}

/* --- the warpgroup that multiplies --------------------------------------------------------- */

/* The slice in stage `stage`, to the sums; operands are read until a later gpu_wgmma_wait(). */
template <class U, int N>
GPU_FN void batch_slice(const struct gpu_batch_args &a, const struct batch_job &j, uint32_t slice,
			uint32_t stage, typename U::acc (&d)[U::planes][N / 2])
{
	unsigned char *at = j.ring + stage * j.stage_bytes;
	const gpu_operand x = gpu_operand_rows(at);
	const gpu_operand w = gpu_operand_panels(at + j.x_bytes, GPU_PANEL_ROWS * a.slice);
	const uint32_t bytes = matmul_slice(j.row_bytes, a.slice, slice);

	gpu_fence_async(); /* x came through ordinary asynchronous copies */
	gpu_wgmma_fence();
	for (uint32_t k = 0; k < bytes; k += 128) {
		GPU_UNROLL
		for (uint32_t s = 0; s < 128; s += 32) {
			GPU_UNROLL
			for (int p = 0; p < U::planes; p++)
				U::step(d[p],
					gpu_operand_at(x, (k / 128 * U::planes + (uint32_t)p) *
									  BATCH_X_BYTES +
								  s),
					gpu_operand_at(w, (k + s) * GPU_PANEL_ROWS),
					slice + k + s != 0);
		}
	}
	gpu_wgmma_commit();
}

/* The warp no longer reads the stage. */
GPU_FN void batch_release(const struct batch_job &j, uint32_t stage)
{
	if (gpu_tid() % 32 == 0)
		gpu_mbar_arrive(j.empty + stage * 8);
}

template <class U, int N>
GPU_FN void batch_pass(const struct gpu_batch_args &a, const struct batch_job &j,
		       struct batch_turn *t, typename U::acc (&d)[U::planes][N / 2])
{
	uint32_t last = 0;

	for (uint32_t slice = 0; slice < j.slices; slice++) {
		gpu_mbar_wait(j.full + t->stage * 8, t->parity);
		batch_slice<U, N>(a, j, slice, t->stage, d);
		gpu_wgmma_wait<1>();
		if (slice)
			batch_release(j, last);
		last = t->stage;
		batch_next(a, t);
	}
	gpu_wgmma_wait<0>();
	batch_release(j, last);
}

/* --- the epilogue ------------------------------------------------------------------------ */

/* Columns of sums from `from` on, of this warp's 16 rows, to its part of shared memory. */
template <class U, int N>
GPU_FN void batch_put(float *sums, uint32_t from, const typename U::acc (&d)[U::planes][N / 2])
{
	const uint32_t g = gpu_tid() % 32 / 4, c = gpu_tid() % 4 * 2;

	GPU_UNROLL
	for (uint32_t i = 0; i < N / 2; i++)
		if (i / 4 * 8 >= from && i / 4 * 8 < from + GPU_BATCH_PART)
			sums[(g + i / 2 % 2 * 8) * GPU_BATCH_PITCH + i / 4 * 8 - from + c + i % 2] =
				U::value(d[0][i], d[U::planes - 1][i]);
}

/* Outputs from those columns; the first belongs to item `item`. Neighbours by neighbouring lanes. */
GPU_FN void batch_outputs(const struct gpu_batch_args &a, const struct batch_job &j,
			  const float *sums, uint32_t item, uint32_t items)
{
	const struct aios_op_matmul &op = a.op;
	const uint32_t cols = items * GPU_PANEL_ROWS;

	for (uint32_t i = gpu_tid() % 32; i < 16 * cols; i += 32) {
		uint32_t r = i / cols, c = i % cols, t = gpu_tid() / 32 * 16 + r;
		uint32_t n = item * GPU_PANEL_ROWS + c, at = c;

		if (op.act)
			at = c / 8 * 16 + c % 8;
		if (item + c / 8 < j.end && t < j.rows && n < op.out.cols)
			matmul_finish(op, j.t0 + t, n, sums[r * GPU_BATCH_PITCH + at],
				      op.act ? sums[r * GPU_BATCH_PITCH + at + 8] : 0.0f);
	}
}

template <class U, int N>
GPU_FN void batch_finish(const struct gpu_batch_args &a, const struct batch_job &j, uint32_t item,
			 const typename U::acc (&d)[U::planes][N / 2])
{
	float *sums = (float *)(j.ring - GPU_BATCH_SUMS) + gpu_tid() / 32 * 16 * GPU_BATCH_PITCH;

	GPU_UNROLL
	for (uint32_t from = 0; from < N; from += GPU_BATCH_PART) {
		const uint32_t cols = N - from < GPU_BATCH_PART ? N - from : GPU_BATCH_PART;

		gpu_wave_sync(); /* the last part has been read */
		batch_put<U, N>(sums, from, d);
		gpu_wave_sync();
		batch_outputs(a, j, sums, item + from / (a.op.act ? 16 : 8),
			      cols / (a.op.act ? 16 : 8));
	}
}

template <class U, int N>
GPU_FN void batch_multiply(const struct gpu_batch_args &a, const struct batch_job &j)
{
	typename U::acc d[U::planes][N / 2];
	struct batch_turn t = { 0, 0, 0 };

	gpu_grid_wait();
	for (uint32_t pass = 0; pass < j.passes; pass++) {
		batch_pass<U, N>(a, j, &t, d);
		batch_finish<U, N>(a, j, j.first + pass * j.pass, d);
	}
}

/* Grid: shares of the items, groups of 64 rows of x. */
template <class U, int N> GPU_FN void batch_kernel(const struct gpu_batch_args &a)
{
	const struct batch_job j = batch_job_of<U, N>(a);

	gpu_grid_go();
	if (gpu_tid() == 0) {
		for (uint32_t s = 0; s < a.stages; s++) {
			gpu_mbar_init(j.full + s * 8, 1 + GPU_BATCH_FETCH_X);
			gpu_mbar_init(j.empty + s * 8, GPU_BATCH_MULTIPLY / 32);
		}
		gpu_mbar_fence_init();
	}
	gpu_barrier();
	if (gpu_tid() < GPU_BATCH_MULTIPLY)
		batch_multiply<U, N>(a, j);
	else if (gpu_tid() < GPU_BATCH_MULTIPLY + GPU_BATCH_FETCH_X)
		batch_fetch_x<U>(a, j);
	else
		batch_fetch_w(a, j);
}

#define BATCH(name, n)                                                                             \
	GPU_KERNEL_WIDE(GPU_BATCH_THREADS)                                                         \
	gpu_matmul_batch_##name##_##n(const struct gpu_batch_args a)                               \
	{                                                                                          \
		batch_kernel<wgmma_##name, n>(a);                                                  \
	}

/* By the weight rows of a pass. */
BATCH(bf16, 16)
BATCH(bf16, 32)
BATCH(bf16, 48)
BATCH(bf16, 96)
BATCH(bf16, 128)
BATCH(bf16, 192)
BATCH(f16, 16)
BATCH(f16, 32)
BATCH(f16, 48)
BATCH(f16, 96)
BATCH(f16, 128)
BATCH(f16, 192)
BATCH(i8, 16)
BATCH(i8, 32)
BATCH(i8, 48)
BATCH(i8, 96)
BATCH(i8, 128)
BATCH(i8, 192)
BATCH(i8x2, 16)
BATCH(i8x2, 32)
BATCH(i8x2, 48)
BATCH(i8x2, 96)

#endif /* GPU_MATMUL_BATCH_CUH */
