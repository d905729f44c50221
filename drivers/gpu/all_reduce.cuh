/* SPDX-License-Identifier: Apache-2.0 */
/* all_reduce.cuh - the tree sum by rank. Grid: rows, parts of a row. */
#include "rows.cuh"

/* A level of the tree: sums of neighbours that are STEP apart. */
template <int N, int STEP> GPU_FN void all_reduce_level(float p[N])
{
	GPU_UNROLL
	for (int i = 0; i + STEP < N; i += 2 * STEP)
		p[i] = aios_add(p[i], p[i + STEP]);
}

/* N is the number of ranks, so that the parts stay in registers. */
template <int N> GPU_FN float all_reduce_one(const struct aios_op_all_reduce &op, uint64_t at)
{
	float p[N];

	GPU_UNROLL
	for (int r = 0; r < N; r++)
		p[r] = *(const float *)gpu_ptr(op.parts[r] + at);
	all_reduce_level<N, 1>(p);
	all_reduce_level<N, 2>(p);
	all_reduce_level<N, 4>(p);
	all_reduce_level<N, 8>(p);
	return p[0];
}

GPU_KERNEL(256) gpu_all_reduce(const struct gpu_all_reduce_args a)
{
	const struct aios_op_all_reduce &op = a.op;
	uint64_t row = gpu_bx();

	gpu_grid_enter();
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
