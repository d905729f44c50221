// SPDX-License-Identifier: Apache-2.0
/* plan_matmul.c - which matmul kernel for which shape. */
#include <aios/numerics.h>

#include "emit.h"
#include "panels.h"

/* Weight rows of a block of matmul_rows: as many as leave work for every unit. */
static uint32_t rows_w(const struct plan *p, const struct aios_op_matmul *m)
{
	uint64_t weights = (uint64_t)m->out.cols * (m->act ? 2 : 1);
	uint32_t w = GPU_ROWS_W;

	while (w > 8 && div_up(weights, w) < p->caps->units)
		w /= 2;
	return w;
}

static int plan_rows(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m, .rows_w = rows_w(p, m) };
	uint32_t per_block = m->act ? a.rows_w / 2 : a.rows_w, stage, budget = p->caps->shared_max;
	uint32_t kernel = m->x.dtype == AIOS_F16 ? GPU_K_matmul_rows_f16 : GPU_K_matmul_rows_bf16;

	a.n_tokens = m->x.rows < GPU_ROWS_MAX_T ? m->x.rows : GPU_ROWS_MAX_T;
	stage = (a.rows_w + a.n_tokens) * GPU_ROWS_PITCH;
	budget = budget < 98304 ? budget : 98304; /* leaves room for a second block */
	a.stages = budget / stage < GPU_ROWS_MAX_STAGES ? budget / stage : GPU_ROWS_MAX_STAGES;
	return gpu_emit(p, kernel, &a, div_up(m->out.cols, per_block),
			div_up(m->x.rows, a.n_tokens), 1, (size_t)a.stages * stage);
}

static int plan_tile(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	uint32_t n = m->act ? GPU_TILE_N / 2 : GPU_TILE_N, kernel, t = GPU_TILE_T;
	bool f16 = m->x.dtype == AIOS_F16;

	kernel = f16 ? GPU_K_matmul_tile_f16 : GPU_K_matmul_tile_bf16;
	if (m->segments > 1) {
		kernel = f16 ? GPU_K_matmul_tile_seg_f16 : GPU_K_matmul_tile_seg_bf16;
		t = 64;
	}
	return gpu_emit(p, kernel, &a, div_up(m->out.cols, n), div_up(m->x.rows, t), 1,
			sizeof(struct gpu_tile_shared));
}

static int plan_i8(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	uint32_t n = m->act ? GPU_I8_TILE / 2 : GPU_I8_TILE;

	if (m->x.rows <= 2 * GPU_I8_ROWS_MAX_T)
		return gpu_emit(p, GPU_K_matmul_i8_rows, &a, div_up(m->out.cols, GPU_I8_ROWS_N),
				div_up(m->x.rows, GPU_I8_ROWS_MAX_T), 1, 0);
	return gpu_emit(p, GPU_K_matmul_i8_tile, &a, div_up(m->out.cols, n),
			div_up(m->x.rows, GPU_I8_TILE), 1, sizeof(struct gpu_i8_tile_shared));
}

/* tc-sm90 for what no fast kernel takes. */
static int plan_any(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	bool f16 = m->x.dtype == AIOS_F16;

	return gpu_emit(p, f16 ? GPU_K_matmul_any_f16 : GPU_K_matmul_any_bf16, &a,
			div_up(m->out.cols, m->act ? 32 : 64), div_up(m->x.rows, 32), 1, 0);
}

int gpu_plan_matmul(struct plan *p, const struct aios_op_matmul *m)
{
	if (m->x.rows == 0)
		return 0;
	if (m->profile == AIOS_PROFILE_TC_SM90)
		return plan_any(p, m);
	if (m->profile != AIOS_PROFILE_FMA32)
		return plan_i8(p, m);
	if (m->x.rows <= 2 * GPU_ROWS_MAX_T)
		return plan_rows(p, m);
	return plan_tile(p, m);
}

/* --- weights --------------------------------------------------------------------- */

int gpu_weight_layout(const struct gpu_caps *caps, uint32_t profile, struct aios_tensor *w,
		      uint64_t *bytes, struct aios_status *st)
{
	uint32_t elem = aios_dtype_bytes(w->dtype);
	bool panels = w->dtype == AIOS_I8 || w->dtype == AIOS_BF16 || w->dtype == AIOS_F16;

	if (elem == 0)
		return aios_fail(st, -EINVAL, "weight_layout: a weight of type %s (%u)",
				 aios_dtype_name(w->dtype), w->dtype);
	panels = panels && caps->arch == 90 &&
		 (profile == AIOS_PROFILE_TC_SM90 || profile == AIOS_PROFILE_I8 ||
		  profile == AIOS_PROFILE_I8X2);
	w->plane_bytes = 0;
	if (panels) {
		w->layout = GPU_LAYOUT_PANELS;
		w->row_bytes = GPU_PANEL_ROW_BYTES(w->cols, elem);
		*bytes = GPU_PANEL_PAD_ROWS(w->rows) * w->row_bytes;
	} else {
		w->layout = AIOS_LAYOUT_ROWS;
		w->row_bytes = div_up((uint64_t)w->cols * elem, 16) * 16;
		*bytes = w->rows * w->row_bytes;
	}
	return 0;
}
