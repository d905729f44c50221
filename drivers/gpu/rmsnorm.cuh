/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmsnorm.cuh - x += add, then out = x / rms(x) * weight. One row a block; a thread writes and
 * reads again only its own lane's columns of x.
 */
#include "rows.cuh"

GPU_KERNEL(256) gpu_rmsnorm(const struct gpu_rmsnorm_args a)
{
	const struct aios_op_rmsnorm &op = a.op;
	struct gpu_row_shared *shared = (struct gpu_row_shared *)gpu_shared();
	uint32_t row = gpu_bx(), cols = op.x.cols;
	float *x = (float *)gpu_row(&op.x, row);
	float sum = 0.0f, v, r;

	for (uint32_t i = gpu_tid(); i < cols; i += AIOS_LANES) {
		v = x[i];
		if (op.add.data) {
			v = aios_add(v, gpu_load(gpu_row(&op.add, row), op.add.dtype, i));
			v = aios_canon(v);
			x[i] = v;
		}
		sum = aios_sumsq_step(sum, v);
	}
	r = aios_rms_factor(rows_tree(shared->lanes, sum), cols, op.eps);
	rows_store(&op.out, row, shared, [&](uint32_t i) {
		return aios_rms_apply(x[i], r, gpu_load(gpu_ptr(op.weight), op.weight_dtype, i),
				      op.weight_offset);
	});
}
