/* SPDX-License-Identifier: Apache-2.0 */
/* stream_job.cuh - a block's share of a matmul_stream, and where things lie in its shared memory. */
#ifndef GPU_STREAM_JOB_CUH
#define GPU_STREAM_JOB_CUH

#include "args.h"
#include "matrix.h"
#include "panels.h"

/* A block's share of the op, the same in all its threads. */
struct stream_job {
	uint32_t first, end;   /* items */
	uint32_t pass, passes; /* items at a time */
	uint32_t row_bytes;    /* of a weight row and of a row of x */
	uint32_t slices;       /* of a pass */
	uint32_t panels;       /* of a stage */
	uint32_t panel_bytes;  /* of a panel in a stage */
	uint32_t t0, rows;     /* rows of x */
	uint32_t x_pitch;      /* between rows of x in shared memory; odd in units of 16 bytes */
	uint32_t stage_bytes;
	gpu_place full, empty, x_full; /* barriers: of the stages, 8 bytes each, and of a whole x */
	gpu_place ring;                /* a stage: panels, then x */
	gpu_place x;                   /* in the first stage, or whole */
};

GPU_FN struct stream_job stream_job_of(const struct gpu_stream_args &a)
{
	const uint32_t blocks = gpu_grid_x(), b = gpu_bx(), left = a.op.x.rows - gpu_by() * a.rows;
	const uint32_t planes = a.op.x.dtype == AIOS_I8X2 ? 2 : 1;
	struct stream_job j;

	j.first = (uint32_t)((uint64_t)a.items * b / blocks);
	j.end = (uint32_t)((uint64_t)a.items * (b + 1) / blocks);
	j.panels = a.warps * a.panels;
	j.panel_bytes = GPU_PANEL_ROWS * a.slice;
	j.pass = a.op.act ? j.panels / 2 : j.panels;
	j.passes = (j.end - j.first + j.pass - 1) / j.pass;
	j.row_bytes = (uint32_t)a.op.w.row_bytes;
	j.slices = (j.row_bytes + a.slice - 1) / a.slice;
	j.t0 = gpu_by() * a.rows;
	j.rows = left < a.rows ? left : a.rows;
	j.x_pitch = (a.whole ? j.row_bytes : a.slice) + 16;
	j.stage_bytes = j.panels * j.panel_bytes + (a.whole ? 0 : planes * j.rows * j.x_pitch);
	j.full = gpu_place_of(gpu_shared());
	j.empty = j.full + a.stages * 8;
	j.x_full = j.empty + a.stages * 8;
	j.ring = j.full + GPU_STREAM_BARS + a.whole;
	j.x = a.whole ? j.full + GPU_STREAM_BARS : j.ring + j.panels * j.panel_bytes;
	return j;
}

/* A stage after another, and how often the ring has been gone through. */
struct stream_turn {
	uint32_t stage, parity;
	uint32_t at; /* stage * stage_bytes */
};

GPU_FN void stream_next(const struct gpu_stream_args &a, const struct stream_job &j,
			struct stream_turn *t)
{
	t->at += j.stage_bytes;
	if (++t->stage < a.stages)
		return;
	t->stage = t->at = 0;
	t->parity ^= 1;
}

#endif /* GPU_STREAM_JOB_CUH */
