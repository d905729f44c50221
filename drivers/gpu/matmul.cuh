/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul.cuh - out[t][n] = epilogue(dot(x[t], w[n])) with the fma32 unit: one thread walks the
 * whole chain of an output. matmul_rows streams weights for few rows of x, matmul_tile keeps a
 * tile of outputs in registers for many.
 */
#ifndef GPU_MATMUL_CUH
#define GPU_MATMUL_CUH

#include "matmul_finish.cuh"

/* --- few rows of x ------------------------------------------------------------- */

/* What a block of matmul_rows works on. */
struct rows_job {
	uint32_t n_w, n_t;    /* weight rows and rows of x of a block */
	uint32_t n0, t0;      /* the first of each; n0 counts outputs */
	uint32_t stage_bytes; /* of a slice: n_w + n_t padded rows */
};

/* Global address of the block's weight row r, or null where there is none. */
GPU_FN const unsigned char *rows_weight(const struct aios_op_matmul &op, const struct rows_job &job,
					uint32_t r)
{
	uint32_t n = job.n0 + r, half = job.n_w / 2;

	if (op.act)
		n = job.n0 + r % half;
	if (n >= op.out.cols)
		return nullptr;
	return gpu_row(&op.w, op.act && r >= half ? op.out.cols + n : n);
}

/* Start the copies of slice `slice`, elements from slice * GPU_ROWS_K on, of weights and x. */
GPU_FN void rows_fetch(const struct aios_op_matmul &op, const struct rows_job &job, uint32_t slice,
		       unsigned char *stage)
{
	const uint32_t units = GPU_ROWS_K * 2 / 16;
	uint64_t end = ((uint64_t)op.x.cols * 2 + 15) & ~(uint64_t)15;

	for (uint32_t u = gpu_tid(); u < (job.n_w + job.n_t) * units; u += GPU_ROWS_THREADS) {
		uint32_t r = u / units, t = job.t0 + r - job.n_w;
		uint64_t at = ((uint64_t)slice * units + u % units) * 16;
		const unsigned char *row;

		if (r < job.n_w)
			row = rows_weight(op, job, r);
		else
			row = t < op.x.rows ? gpu_row(&op.x, t) : nullptr;
		if (row && at < end)
			gpu_async_copy(stage + r * GPU_ROWS_PITCH + u % units * 16, row + at);
	}
}

/* Continue NT chains over elements [from, to) of a slice. x[i] is x row i's slice. */
template <bool F16, int NT>
GPU_FN void rows_chain(const unsigned char *w, const unsigned char *const x[NT], uint32_t from,
		       uint32_t to, float acc[NT])
{
	uint32_t k = from;

	for (; k < to && k % 8; k++) {
		float wk = gpu_half<F16>(((const uint16_t *)w)[k]);

		GPU_UNROLL
		for (int i = 0; i < NT; i++)
			acc[i] = aios_fma(gpu_half<F16>(((const uint16_t *)x[i])[k]), wk, acc[i]);
	}
	for (; k + 8 <= to; k += 8) {
		float wk[8], xk[NT][8];

		gpu_halves<F16>(gpu_load16(w + 2 * k), wk);
		GPU_UNROLL
		for (int i = 0; i < NT; i++)
			gpu_halves<F16>(gpu_load16(x[i] + 2 * k), xk[i]);
		GPU_UNROLL
		for (int e = 0; e < 8; e++) {
			GPU_UNROLL
			for (int i = 0; i < NT; i++)
				acc[i] = aios_fma(xk[i][e], wk[e], acc[i]);
		}
	}
	for (; k < to; k++) {
		float wk = gpu_half<F16>(((const uint16_t *)w)[k]);

		GPU_UNROLL
		for (int i = 0; i < NT; i++)
			acc[i] = aios_fma(gpu_half<F16>(((const uint16_t *)x[i])[k]), wk, acc[i]);
	}
}

/* A thread's chains: their accumulators and what waits in the tree over segments. */
template <int NT> struct rows_state {
	float acc[NT], part[NT][4];
	uint32_t segment; /* the current one */
};

/* One slice, cut where segments end. */
template <bool F16, int NT>
GPU_FN void rows_slice(const struct aios_op_matmul &op, const unsigned char *w,
		       const unsigned char *const x[NT], uint32_t slice, struct rows_state<NT> *s)
{
	uint32_t len = op.x.cols / op.segments, first = slice * GPU_ROWS_K, k = first;
	uint32_t last = op.x.cols - first < GPU_ROWS_K ? op.x.cols : first + GPU_ROWS_K;

	while (k < last) {
		uint32_t end = (s->segment + 1) * len, to = end < last ? end : last;

		rows_chain<F16, NT>(w, x, k - first, to - first, s->acc);
		k = to;
		if (to != end)
			continue;
		GPU_UNROLL
		for (int i = 0; i < NT; i++) {
			s->acc[i] = matmul_join(s->part[i], s->segment, s->acc[i]);
			if (end != op.x.cols)
				s->acc[i] = 0.0f;
		}
		s->segment++;
	}
}

/* A block: all slices, then the accumulators through shared memory to the epilogue. */
template <bool F16, int NT>
GPU_FN void rows_block(const struct gpu_matmul_args &a, const struct rows_job &job)
{
	const struct aios_op_matmul &op = a.op;
	unsigned char *shared = gpu_shared();
	uint32_t r = gpu_tid() % job.n_w, slot = gpu_tid() / job.n_w;
	uint32_t slots = GPU_ROWS_THREADS / job.n_w, stages = a.stages;
	uint32_t slices = (op.x.cols + GPU_ROWS_K - 1) / GPU_ROWS_K, n = job.n_w, half = n / 2;
	float *out = (float *)shared;
	struct rows_state<NT> s;

	GPU_UNROLL
	for (int i = 0; i < NT; i++)
		s.acc[i] = s.part[i][0] = s.part[i][1] = s.part[i][2] = s.part[i][3] = 0.0f;
	s.segment = 0;
	for (uint32_t i = 0; i + 1 < stages; i++) {
		if (i < slices)
			rows_fetch(op, job, i, shared + i * job.stage_bytes);
		gpu_async_commit();
	}
	for (uint32_t i = 0; i < slices; i++) {
		const unsigned char *stage = shared + i % stages * job.stage_bytes;
		const unsigned char *x[NT];
		uint32_t next = i + stages - 1;

		gpu_async_wait(stages - 2);
		gpu_barrier();
		if (next < slices)
			rows_fetch(op, job, next, shared + next % stages * job.stage_bytes);
		gpu_async_commit();
		GPU_UNROLL
		for (int j = 0; j < NT; j++) {
			uint32_t t = slot + (uint32_t)j * slots;

			x[j] = stage + (n + (t < job.n_t ? t : 0)) * GPU_ROWS_PITCH;
		}
		if (slot < job.n_t)
			rows_slice<F16, NT>(op, stage + r * GPU_ROWS_PITCH, x, i, &s);
	}
	gpu_barrier();
	GPU_UNROLL
	for (int j = 0; j < NT; j++)
		if (slot + (uint32_t)j * slots < job.n_t)
			out[(slot + (uint32_t)j * slots) * n + r] = s.acc[j];
	gpu_barrier();
	n = op.act ? half : n;
	for (uint32_t i = gpu_tid(); i < n * job.n_t; i += GPU_ROWS_THREADS) {
		uint32_t t = i / n, c = i % n;
		const float *row = out + t * job.n_w;

		if (job.t0 + t < op.x.rows && job.n0 + c < op.out.cols)
			matmul_finish(op, job.t0 + t, job.n0 + c, row[c],
				      op.act ? row[half + c] : 0.0f);
	}
}

/* Grid: groups of outputs, groups of rows of x. */
template <bool F16> GPU_FN void rows_kernel(const struct gpu_matmul_args &a)
{
	uint32_t slots = GPU_ROWS_THREADS / a.rows_w;
	struct rows_job job;

	gpu_grid_enter();
	job.n_w = a.rows_w;
	job.n_t = a.n_tokens;
	job.n0 = gpu_bx() * (a.op.act ? a.rows_w / 2 : a.rows_w);
	job.t0 = gpu_by() * a.n_tokens;
	job.stage_bytes = (job.n_w + job.n_t) * GPU_ROWS_PITCH;
	if (a.n_tokens <= slots)
		rows_block<F16, 1>(a, job);
	else if (a.n_tokens <= 2 * slots)
		rows_block<F16, 2>(a, job);
	else
		rows_block<F16, 4>(a, job);
}

GPU_KERNEL(GPU_ROWS_THREADS) gpu_matmul_rows_bf16(const struct gpu_matmul_args a)
{
	rows_kernel<false>(a);
}

GPU_KERNEL(GPU_ROWS_THREADS) gpu_matmul_rows_f16(const struct gpu_matmul_args a)
{
	rows_kernel<true>(a);
}

/* --- many rows of x ------------------------------------------------------------- */

/* Eight elements of a row from k on; in pieces where segments make k odd. */
GPU_FN struct gpu_vec tile_fetch(const unsigned char *row, uint32_t k, uint32_t end)
{
	struct gpu_vec v = { { 0, 0, 0, 0 } };

	if (!row || k >= end)
		return v;
	if (k % 8 == 0)
		return gpu_load16(row + 2 * (uint64_t)k);
	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++)
		if (k + i < end)
			v.w[i / 2] |= (uint32_t)((const uint16_t *)row)[k + i] << 16 * (i % 2);
	return v;
}

/*
 * Global address of the tile's weight row r. With act a thread's four neighbours are two gates
 * and their two ups.
 */
GPU_FN uint32_t tile_output(const struct aios_op_matmul &op, uint32_t r)
{
	if (op.act)
		return gpu_bx() * (GPU_TILE_N / 2) + r / 4 * 2 + r % 2;
	return gpu_bx() * GPU_TILE_N + r;
}

GPU_FN const unsigned char *tile_weight(const struct aios_op_matmul &op, uint32_t r)
{
	uint32_t n = tile_output(op, r);

	if (n >= op.out.cols)
		return nullptr;
	return gpu_row(&op.w, op.act && r & 2 ? op.out.cols + n : n);
}

/* A thread's share of a slice, on its way from global to shared memory. */
struct tile_fetched {
	struct gpu_vec x, w;
};

/* Transpose eight elements into column `col` of a slice. */
template <bool F16> GPU_FN void tile_put(float *slice, uint32_t pitch, const struct gpu_vec &v)
{
	float f[8];

	gpu_halves<F16>(v, f);
	GPU_UNROLL
	for (int i = 0; i < 8; i++)
		slice[(uint32_t)i * pitch] = f[i];
}

/* One step along k for a thread's TM x 4 outputs. */
template <int TM>
GPU_FN void tile_step(const struct gpu_tile_shared *s, uint32_t buf, uint32_t k, uint32_t tx,
		      uint32_t ty, float acc[TM][4])
{
	float x[TM], w[4];

	GPU_UNROLL
	for (int i = 0; i < TM; i++)
		x[i] = s->x[buf][k][ty * TM + (uint32_t)i];
	GPU_UNROLL
	for (int j = 0; j < 4; j++)
		w[j] = s->w[buf][k][tx * 4 + (uint32_t)j];
	GPU_UNROLL
	for (int i = 0; i < TM; i++) {
		GPU_UNROLL
		for (int j = 0; j < 4; j++)
			acc[i][j] = aios_fma(x[i], w[j], acc[i][j]);
	}
}

/* The chains of one segment, elements [from, end). */
template <bool F16, int TM>
GPU_FN void tile_segment(const struct aios_op_matmul &op, uint32_t from, uint32_t end,
			 float acc[TM][4])
{
	struct gpu_tile_shared *s = (struct gpu_tile_shared *)gpu_shared();
	uint32_t tid = gpu_tid(), tx = tid % 16, ty = tid / 16, r = tid / 2, part = tid % 2 * 8;
	uint32_t t = gpu_by() * TM * 16 + r;
	const unsigned char *x = r < TM * 16 && t < op.x.rows ? gpu_row(&op.x, t) : nullptr;
	const unsigned char *w = r < GPU_TILE_N ? tile_weight(op, r) : nullptr;
	struct tile_fetched f;
	uint32_t buf = 0;

	GPU_UNROLL
	for (int i = 0; i < TM; i++)
		acc[i][0] = acc[i][1] = acc[i][2] = acc[i][3] = 0.0f;
	f.x = tile_fetch(x, from + part, end);
	f.w = tile_fetch(w, from + part, end);
	gpu_barrier(); /* the last segment's slices have been read */
	for (uint32_t k = from; k < end; k += GPU_TILE_K, buf ^= 1) {
		uint32_t n = end - k < GPU_TILE_K ? end - k : GPU_TILE_K;

		if (r < TM * 16)
			tile_put<F16>(&s->x[buf][part][r], GPU_TILE_T + 4, f.x);
		if (r < GPU_TILE_N)
			tile_put<F16>(&s->w[buf][part][r], GPU_TILE_N + 4, f.w);
		gpu_barrier();
		if (n == GPU_TILE_K && end - k > GPU_TILE_K) {
			f.x = tile_fetch(x, k + GPU_TILE_K + part, end);
			f.w = tile_fetch(w, k + GPU_TILE_K + part, end);
		}
		if (n == GPU_TILE_K) {
			GPU_UNROLL
			for (uint32_t i = 0; i < GPU_TILE_K; i++)
				tile_step<TM>(s, buf, i, tx, ty, acc);
		} else {
			for (uint32_t i = 0; i < n; i++)
				tile_step<TM>(s, buf, i, tx, ty, acc);
		}
	}
}

template <int TM> GPU_FN void tile_finish(const struct aios_op_matmul &op, const float acc[TM][4])
{
	uint32_t tx = gpu_tid() % 16, ty = gpu_tid() / 16;

	GPU_UNROLL
	for (int i = 0; i < TM; i++) {
		uint32_t t = gpu_by() * TM * 16 + ty * TM + (uint32_t)i;

		if (t >= op.x.rows)
			continue;
		GPU_UNROLL
		for (int j = 0; j < 4; j++) {
			uint32_t n = tile_output(op, tx * 4 + (uint32_t)j);

			if (n < op.out.cols && !(op.act && j >= 2))
				matmul_finish(op, t, n, acc[i][j], acc[i][(j + 2) & 3]);
		}
	}
}

/* Grid: tiles of outputs, tiles of rows of x. One segment. */
template <bool F16> GPU_FN void tile_kernel(const struct gpu_matmul_args &a)
{
	float acc[GPU_TILE_T / 16][4];

	gpu_grid_enter();
	tile_segment<F16, GPU_TILE_T / 16>(a.op, 0, a.op.x.cols, acc);
	tile_finish<GPU_TILE_T / 16>(a.op, acc);
}

/* The same with segments: 64 rows of x, for the registers that the tree takes. */
template <bool F16> GPU_FN void tile_seg_kernel(const struct gpu_matmul_args &a)
{
	uint32_t len = a.op.x.cols / a.op.segments;
	float acc[4][4], part[4][4][4];

	gpu_grid_enter();
	for (uint32_t s = 0; s < a.op.segments; s++) {
		tile_segment<F16, 4>(a.op, s * len, s * len + len, acc);
		GPU_UNROLL
		for (int i = 0; i < 4; i++) {
			GPU_UNROLL
			for (int j = 0; j < 4; j++)
				acc[i][j] = matmul_join(part[i][j], s, acc[i][j]);
		}
	}
	tile_finish<4>(a.op, acc);
}

GPU_KERNEL(GPU_TILE_THREADS) gpu_matmul_tile_bf16(const struct gpu_matmul_args a)
{
	tile_kernel<false>(a);
}

GPU_KERNEL(GPU_TILE_THREADS) gpu_matmul_tile_f16(const struct gpu_matmul_args a)
{
	tile_kernel<true>(a);
}

GPU_KERNEL(GPU_TILE_THREADS) gpu_matmul_tile_seg_bf16(const struct gpu_matmul_args a)
{
	tile_seg_kernel<false>(a);
}

GPU_KERNEL(GPU_TILE_THREADS) gpu_matmul_tile_seg_f16(const struct gpu_matmul_args a)
{
	tile_seg_kernel<true>(a);
}

#endif /* GPU_MATMUL_CUH */
