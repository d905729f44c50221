/* SPDX-License-Identifier: Apache-2.0 */
/* stream_job.cuh - a block's share of a matmul_stream, and where things lie in its shared memory. */
#ifndef GPU_STREAM_JOB_CUH
#define GPU_STREAM_JOB_CUH

#include "args.h"
#include "gpu.h"
#include "panels.h"

/* A block's share of the op, the same in all its threads. */
struct stream_job {
	uint32_t first, end;   /* items */
	uint32_t pass, passes; /* items at a time */
	uint32_t row_bytes;    /* of a weight row, and of a row of x in shared memory */
	uint32_t slices;       /* of a pass */
	uint32_t panels;       /* of a stage */
	uint32_t t0, rows;     /* rows of x */
	uint32_t x_rows;       /* in shared memory: twice as many with two planes */
	uint32_t stage_bytes;
	uint64_t *full, *empty;  /* barriers of the stages */
	unsigned char *x, *ring; /* x: when it lies whole */
};

GPU_FN struct stream_job stream_job_of(const struct gpu_stream_args &a)
{
	const uint32_t blocks = gpu_grid_x(), b = gpu_bx(), left = a.op.x.rows - gpu_by() * a.rows;
	unsigned char *shared = gpu_shared();
	struct stream_job j;

	j.first = (uint32_t)((uint64_t)a.items * b / blocks);
	j.end = (uint32_t)((uint64_t)a.items * (b + 1) / blocks);
	j.panels = a.warps * a.panels;
	j.pass = a.op.act ? j.panels / 2 : j.panels;
	j.passes = (j.end - j.first + j.pass - 1) / j.pass;
	j.row_bytes = (uint32_t)a.op.w.row_bytes;
	j.slices = (j.row_bytes + a.slice - 1) / a.slice;
	j.t0 = gpu_by() * a.rows;
	j.rows = left < a.rows ? left : a.rows;
	j.x_rows = a.op.x.dtype == AIOS_I8X2 ? 2 * j.rows : j.rows;
	j.stage_bytes = (j.panels * GPU_PANEL_ROWS + (a.whole ? 0 : j.x_rows)) * a.slice;
	j.full = (uint64_t *)shared;
	j.empty = j.full + a.stages;
	j.x = shared + GPU_STREAM_BARS;
	j.ring = j.x + a.whole;
	return j;
}

/* Row r of x in shared memory: its global address. The lo plane's rows follow the hi plane's. */
GPU_FN const unsigned char *stream_x_row(const struct gpu_stream_args &a,
					 const struct stream_job &j, uint32_t r)
{
	if (r < j.rows)
		return gpu_row(&a.op.x, j.t0 + r);
	return gpu_row(&a.op.x, j.t0 + r - j.rows) + a.op.x.plane_bytes;
}

/* The stage's slice of x, or x from slice `slice` on; and the distance of its rows. */
GPU_FN unsigned char *stream_x_at(const struct gpu_stream_args &a, const struct stream_job &j,
				  uint32_t stage, uint32_t slice)
{
	if (a.whole)
		return j.x + slice * a.slice;
	return j.ring + stage * j.stage_bytes + j.panels * GPU_PANEL_ROWS * a.slice;
}

/* Offset of unit u of row r, both in shared memory. */
GPU_FN uint32_t stream_unit(uint32_t r, uint32_t u, uint32_t pitch)
{
	return r * pitch + u / 8 * 128 + ((u ^ r) % 8) * 16;
}

#endif /* GPU_STREAM_JOB_CUH */
