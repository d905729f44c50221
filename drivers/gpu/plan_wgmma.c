// SPDX-License-Identifier: Apache-2.0
/* plan_wgmma.c - matmul_wgmma.cuh: which tile for which shape. */
#include "emit.h"
#include "panels.h"

/* Tiles along rows that are walked together: as wide as high, for 132 blocks of 128 x 256. */
#define BAND_ROWS 2048

/* Rows of x from which these kernels are faster than those that stream the weights. */
#define MIN_ROWS 65

/* A kernel: weight rows of its tile, and clock cycles of a stage, measured on an H100. */
struct tile {
	uint32_t kernel, bn, cycles;
};

/* Cycles of a tile beside its stages: the results. */
#define FINISH 4000

#define TILES 4

static const struct tile tiles_bf16[TILES] = {
	{ GPU_K_matmul_wgmma_bf16_256, 256, 1060 },
	{ GPU_K_matmul_wgmma_bf16_192, 192, 820 },
	{ GPU_K_matmul_wgmma_bf16_128, 128, 640 },
	{ GPU_K_matmul_wgmma_bf16_64, 64, 480 },
};

static const struct tile tiles_f16[TILES] = {
	{ GPU_K_matmul_wgmma_f16_256, 256, 1060 },
	{ GPU_K_matmul_wgmma_f16_64, 64, 480 },
};

static const struct tile tiles_i8[TILES] = {
	{ GPU_K_matmul_wgmma_i8_256, 256, 1060 },
	{ GPU_K_matmul_wgmma_i8_128, 128, 640 },
	{ GPU_K_matmul_wgmma_i8_64, 64, 480 },
};

static const struct tile tiles_i8x2[TILES] = {
	{ GPU_K_matmul_wgmma_i8x2_256, 256, 1060 },
	{ GPU_K_matmul_wgmma_i8x2_128, 128, 640 },
};

/* With segments there is one tile, whose threads have the registers for the tree. */
static const struct tile tile_bf16_seg = { GPU_K_matmul_wgmma_bf16_seg, 64, 480 };
static const struct tile tile_f16_seg = { GPU_K_matmul_wgmma_f16_seg, 64, 480 };

/* Rows of x of a tile. */
static uint32_t tile_rows(const struct aios_op_matmul *m)
{
	return m->profile == AIOS_PROFILE_I8X2 ? GPU_WGMMA_ROWS / 2 : GPU_WGMMA_ROWS;
}

static uint64_t tile_count(const struct aios_op_matmul *m, const struct tile *t)
{
	return div_up(m->x.rows, tile_rows(m)) * div_up(m->out.cols, m->act ? t->bn / 2 : t->bn);
}

/* The tile that ends first when every unit walks its share of them. */
static const struct tile *choose(const struct plan *p, const struct aios_op_matmul *m,
				 const struct tile *tiles, uint64_t stages)
{
	const struct tile *best = NULL;
	uint64_t least = 0;
	unsigned int i;

	for (i = 0; i < TILES && tiles[i].bn; i++) {
		uint64_t each = div_up(tile_count(m, &tiles[i]), p->caps->units);
		uint64_t cycles = each * (stages * tiles[i].cycles + FINISH * tiles[i].bn / 256);

		if (!best || cycles < least) {
			best = &tiles[i];
			least = cycles;
		}
	}
	return best;
}

static const struct tile *tile_for(const struct plan *p, const struct aios_op_matmul *m,
				   uint64_t stages)
{
	if (m->profile == AIOS_PROFILE_I8)
		return choose(p, m, tiles_i8, stages);
	if (m->profile == AIOS_PROFILE_I8X2)
		return choose(p, m, tiles_i8x2, stages);
	if (m->segments > 1)
		return m->x.dtype == AIOS_F16 ? &tile_f16_seg : &tile_bf16_seg;
	return choose(p, m, m->x.dtype == AIOS_F16 ? tiles_f16 : tiles_bf16, stages);
}

bool gpu_wgmma_takes(const struct gpu_caps *caps, const struct aios_op_matmul *m)
{
	uint32_t least = caps->wgmma_rows ? caps->wgmma_rows : MIN_ROWS;

	if (m->act && m->out.cols % GPU_PANEL_ROWS) /* gate and up would share a panel */
		return false;
	return caps->arch == 90 && m->w.layout == GPU_LAYOUT_PANELS && m->x.rows >= least &&
	       (m->profile == AIOS_PROFILE_TC_SM90 || m->profile == AIOS_PROFILE_I8 ||
		m->profile == AIOS_PROFILE_I8X2);
}

int gpu_plan_wgmma(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_wgmma_args a = { .op = *m };
	uint64_t k_bytes = (uint64_t)m->x.cols * (m->profile == AIOS_PROFILE_TC_SM90 ? 2 : 1);
	const struct tile *t = tile_for(p, m, div_up(k_bytes, GPU_WGMMA_K));
	uint64_t tiles = tile_count(m, t);

	if (k_bytes > INT32_MAX || tiles > INT32_MAX)
		return aios_fail(p->st, -EINVAL, "matmul: %llu tiles of K = %u are too many",
				 (unsigned long long)tiles, m->x.cols);
	a.tiles_t = (uint32_t)div_up(m->x.rows, tile_rows(m));
	a.tiles_n = (uint32_t)(tiles / a.tiles_t);
	a.band = BAND_ROWS / tile_rows(m);
	a.k_bytes = (uint32_t)k_bytes;
	return gpu_emit(p, t->kernel, &a, tiles < p->caps->units ? tiles : p->caps->units, 1, 1,
			GPU_WGMMA_SHARED(t->bn));
}
