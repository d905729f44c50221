/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dot.h - the dot units, sixteen outputs side by side. dot.c is compiled for
 * several instruction sets; each compilation is one struct ref_dot, and all
 * give the same bits.
 */
#ifndef REF_DOT_H
#define REF_DOT_H

#include "ref.h"

#define REF_LANES 16   /* outputs side by side */
#define REF_TILE_K 128 /* elements of a tile along k; a multiple of every L */
#define REF_VECS 4     /* rows of x that ref_dot.chain takes at once, at most */

/* A dot unit with its input type. */
struct ref_unit {
	struct aios_tfdpa_unit tc;  /* tc.terms 0: none */
	struct aios_cdna_unit cdna; /* cdna.terms 0: none; neither: the fma32 unit */
	uint32_t dtype;             /* BF16, F16 or E4M3 */
	int32_t exp_min;            /* exponent of the type's subnormals */
	uint32_t block;             /* elements of a block, 1 in fma32 */
	bool exponents;             /* it wants those of its inputs */
};

/*
 * Up to REF_TILE_K x REF_LANES elements taken apart: values, and for a unit that
 * wants them exponents. REF_EXP_ZERO marks a zero, REF_EXP_SPECIAL infinity and NaN.
 */
struct ref_tile {
	float v[REF_TILE_K][REF_LANES];
	int32_t e[REF_TILE_K][REF_LANES];
};

/* The other operand: REF_TILE_K elements of one row. */
struct ref_vec {
	float v[REF_TILE_K];
	int32_t e[REF_TILE_K];
};

#define REF_EXP_ZERO (-1000)
#define REF_EXP_SPECIAL 4000

struct ref_dot {
	const char *isa;
	/* tile column j = elements [first, first + n) of rows[j]; a NULL row is zeros. */
	void (*load_rows)(const struct ref_unit *u, struct ref_tile *tile,
			  const void *const rows[REF_LANES], uint32_t first, uint32_t n);
	/* tile row k = elements [first, first + n) of rows[k], n <= REF_LANES; NULL is zeros. */
	void (*load_cols)(const struct ref_unit *u, struct ref_tile *tile, const void *const *rows,
			  uint32_t n_rows, uint32_t first, uint32_t n);
	/* vec = elements [first, first + n) of `row`. */
	void (*load_vec)(const struct ref_unit *u, struct ref_vec *vec, const void *row,
			 uint32_t first, uint32_t n);
	/* vec = n values that are of the unit's type already. */
	void (*set_vec)(const struct ref_unit *u, struct ref_vec *vec, const float *v, uint32_t n);
	/*
	 * Continue the chains acc[i][lane] over elements [k0, k0 + n) of vecs[i]
	 * and the tile, i < n_vecs <= REF_VECS. Units with blocks begin one at k0
	 * and take a last short block as it is.
	 */
	void (*chain)(const struct ref_unit *u, float (*acc)[REF_LANES], const struct ref_vec *vecs,
		      uint32_t n_vecs, const struct ref_tile *tile, uint32_t k0, uint32_t n);
	/* Exact sum of n <= REF_MAX_K products. */
	int32_t (*sum_i8)(const int8_t *x, const int8_t *w, uint32_t n);
};

extern const struct ref_dot ref_dot_base;
extern const struct ref_dot ref_dot_v3; /* exists only where it can be compiled */

/* The unit of a profile's weight matmuls, or of its attention, for an input type. */
struct ref_unit ref_unit_of(uint32_t profile, uint32_t dtype);

#endif /* REF_DOT_H */
