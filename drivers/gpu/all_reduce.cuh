/* SPDX-License-Identifier: Apache-2.0 */
/* all_reduce.cuh - the tree sum by rank. Grid: rows, parts of a row. */
#include "rows.cuh"

/* N is the number of ranks, so that the parts stay in registers. */
template <int N> GPU_FN float all_reduce_one(const struct aios_op_all_reduce &op, uint64_t at)
{
	float p[N];

	GPU_UNROLL
	for (int r = 0; r < N; r++)
		p[r] = *(const float *)gpu_ptr(op.parts[r] + at);
	GPU_UNROLL
	for (int n = N; n > 1; n /= 2) {
		GPU_UNROLL
		for (int i = 0; i < n / 2; i++)
			p[i] = aios_add(p[2 * i], p[2 * i + 1]);
	}
	return p[0];
}

GPU_KERNEL(256) gpu_all_reduce(const struct gpu_all_reduce_args a)
{
	const struct aios_op_all_reduce &op = a.op;
	uint64_t row = gpu_bx();

	rows_store(&op.out, gpu_bx(), (struct gpu_row_shared *)gpu_shared(), [&](uint32_t i) {
		uint64_t at = row * op.out.row_bytes + (uint64_t)i * sizeof(float);

		switch (op.n_ranks) {
		case 1:
			return all_reduce_one<1>(op, at);
		case 2:
			return all_reduce_one<2>(op, at);
		case 4:
			return all_reduce_one<4>(op, at);
		case 8:
			return all_reduce_one<8>(op, at);
		default:
			return all_reduce_one<16>(op, at);
		}
	});
}
