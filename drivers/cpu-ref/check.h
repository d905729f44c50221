/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - what query_op() and launch() ask of a descriptor. Every function
 * returns true when all is well, else writes the reason and returns false, so
 * that checks are joined by &&.
 */
#ifndef REF_CHECK_H
#define REF_CHECK_H

#include "ref.h"

#define REF_ANY UINT32_MAX /* of rows or columns: not compared */

/* Sets of element types. */
#define REF_T(dtype) (1u << (dtype))
#define REF_HALF (REF_T(AIOS_BF16) | REF_T(AIOS_F16))
#define REF_FLOAT (REF_T(AIOS_F32) | REF_HALF)
#define REF_SCALED (REF_T(AIOS_E4M3) | REF_T(AIOS_I8) | REF_T(AIOS_I8X2))

/* Write the reason; always false. */
bool ref_no(struct ref_check *c, const char *fmt, ...) AIOS_PRINTF(2, 3);

/* A tensor of one of `types` (REF_T), plain rows, of this shape (REF_ANY: any). */
bool ref_check_tensor(struct ref_check *c, const char *name, const struct aios_tensor *t,
		      uint32_t types, uint32_t rows, uint32_t cols);

/* A dtype field that stands beside an address. */
bool ref_check_dtype(struct ref_check *c, const char *name, uint32_t dtype, uint32_t types);

/* An address that must be there; aligned to 16. Looked at in a launch only. */
bool ref_check_addr(struct ref_check *c, const char *name, aios_addr addr);

/* The KV cache of a layer. */
bool ref_check_kv(struct ref_check *c, const struct aios_kv_layer *kv, uint32_t n_heads);

/* The ragged batch's counts and addresses. */
bool ref_check_batch(struct ref_check *c, const struct aios_batch *b);

/* Declare the scratch an op needs; in a launch it must be there. */
bool ref_check_scratch(struct ref_check *c, const struct aios_scratch *s, uint64_t bytes);

/* Is n a power of two from 1 to max? */
bool ref_check_power(struct ref_check *c, const char *name, uint32_t n, uint32_t max);

#endif /* REF_CHECK_H */
