/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_any.cuh - tc-sm90's matmul for whatever the fast kernels do not take: plain rows, any N,
 * K and number of rows. A warp makes 16 weight rows (with act: 8 gates and their ups) times 8 * NT
 * rows of x; fragments come straight from memory. Right before fast.
 */
#ifndef GPU_MATMUL_ANY_CUH
#define GPU_MATMUL_ANY_CUH

#include "matmul_finish.cuh"
#include "matrix.h"

/*
 * A lane's share of a block of 16 elements of a row: elements 4c .. 4c + 3, c = lane % 4. (Where
 * they stand in a fragment is free, as long as it is the same in both operands.) Zeros from `cols`
 * on and where there is no row.
 */
GPU_FN void any_fetch(const struct matmul_row &row, uint32_t k, uint32_t cols, uint32_t out[2])
{
	const uint32_t at = k + gpu_tid() % 4 * 4;
	const uint32_t *p;

	out[0] = out[1] = 0;
	if (!row.data || at >= cols)
		return;
	p = (const uint32_t *)(row.data + (uint64_t)(at / 8) * row.step + at % 8 * 2);
	out[0] = cols - at >= 2 ? p[0] : p[0] & 0xffffu;
	if (cols - at > 2)
		out[1] = cols - at >= 4 ? p[1] : p[1] & 0xffffu;
}

#define ANY_NT 4

/* The warp's rows, by lane: two of the weights, one of x for each tile of 8. */
struct any_rows {
	struct matmul_row w[2], x[ANY_NT];
};

template <bool F16>
GPU_FN void any_segment(const struct any_rows &rows, uint32_t from, uint32_t end,
			float acc[ANY_NT][4])
{
	uint32_t a[4], b[2], v[2];

	GPU_UNROLL
	for (int j = 0; j < ANY_NT; j++)
		acc[j][0] = acc[j][1] = acc[j][2] = acc[j][3] = 0.0f;
	for (uint32_t k = from; k < end; k += 16) {
		any_fetch(rows.w[0], k, end, v);
		a[0] = v[0];
		a[2] = v[1];
		any_fetch(rows.w[1], k, end, v);
		a[1] = v[0];
		a[3] = v[1];
		GPU_UNROLL
		for (int j = 0; j < ANY_NT; j++) {
			any_fetch(rows.x[j], k, end, b);
			gpu_mma_half<F16>(acc[j], a, b);
		}
	}
}

GPU_FN void any_finish(const struct aios_op_matmul &op, uint32_t n, uint32_t t0,
		       const float acc[ANY_NT][4])
{
	GPU_UNROLL
	for (uint32_t j = 0; j < ANY_NT; j++) {
		GPU_UNROLL
		for (uint32_t i = 0; i < 4; i++) {
			uint32_t t = t0 + 8 * j + gpu_tid() % 4 * 2 + i % 2;
			uint32_t at = n + gpu_tid() % 32 / 4 + (op.act ? 0 : i / 2 * 8);

			if (t < op.x.rows && at < op.out.cols && !(op.act && i >= 2))
				matmul_finish(op, t, at, acc[j][i], acc[j][(i + 2) & 3]);
		}
	}
}

/* Grid: groups of four warps' outputs, groups of 8 * ANY_NT rows of x. */
template <bool F16> GPU_FN void any_kernel(const struct aios_op_matmul &op)
{
	const uint32_t g = gpu_tid() % 32 / 4, t0 = gpu_by() * ANY_NT * 8;
	const uint32_t tile = gpu_bx() * 4 + gpu_tid() / 32, n = tile * (op.act ? 8 : 16);
	const uint32_t len = op.segments > 1 ? op.x.cols / op.segments : op.x.cols;
	float acc[ANY_NT][4], part[ANY_NT][4][4];
	struct any_rows rows;

	gpu_grid_enter();
	rows.w[0] = matmul_weight(op, n + g, n + g < op.out.cols);
	rows.w[1] = op.act ? matmul_weight(op, op.out.cols + n + g, n + g < op.out.cols) :
			     matmul_weight(op, n + g + 8, n + g + 8 < op.out.cols);
	GPU_UNROLL
	for (uint32_t j = 0; j < ANY_NT; j++) {
		rows.x[j].data = t0 + 8 * j + g < op.x.rows ? gpu_row(&op.x, t0 + 8 * j + g) :
							      nullptr;
		rows.x[j].step = GPU_PANEL_UNIT;
	}
	for (uint32_t s = 0; s < op.segments; s++) {
		any_segment<F16>(rows, s * len, s * len + len, acc);
		GPU_UNROLL
		for (int j = 0; j < ANY_NT; j++) {
			GPU_UNROLL
			for (int i = 0; i < 4; i++)
				acc[j][i] = matmul_join(part[j][i], s, acc[j][i]);
		}
	}
	any_finish(op, n, t0, acc);
}

GPU_KERNEL(128) gpu_matmul_any_bf16(const struct gpu_matmul_args a)
{
	any_kernel<false>(a.op);
}

GPU_KERNEL(128) gpu_matmul_any_f16(const struct gpu_matmul_args a)
{
	any_kernel<true>(a.op);
}

#endif /* GPU_MATMUL_ANY_CUH */
