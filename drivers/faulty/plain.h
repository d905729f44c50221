/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain.h - ops written anew over the public numerics functions, one output after the
 * other, so that a bug in their order or shape is a line. Without a bug they give
 * cpu-ref's bits: with bug=plain all of them run, and the kit must find nothing.
 */
#ifndef FAULTY_PLAIN_H
#define FAULTY_PLAIN_H

#include "ref.h" /* include-ok: this driver is cpu-ref with a bug */

#include "faulty.h"

/* In place of cpu-ref's functions of the same names (redirect.h). */
int faulty_run_embed(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_rmsnorm(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_matmul(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_rope_kv(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_attention(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_gather_rows(struct ref_device *dev, const struct aios_op *op,
			   struct aios_status *st);
int faulty_run_copy_pages(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_logits(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_sample(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
int faulty_run_all_gather(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

/* aios_tfdpa(), with the chosen bug. */
float faulty_tfdpa(struct aios_tfdpa_unit u, const void *a, const void *b, uint32_t n, float c);

/* Element i of a row of F32, BF16, F16 or E4M3. */
static inline float plain_get(const void *row, uint32_t dtype, uint32_t i)
{
	switch (dtype) {
	case AIOS_BF16:
		return aios_bf16_to_f32(((const uint16_t *)row)[i]);
	case AIOS_F16:
		return aios_f16_to_f32(((const uint16_t *)row)[i]);
	case AIOS_E4M3:
		return aios_e4m3_to_f32(((const uint8_t *)row)[i]);
	default:
		return ((const float *)row)[i];
	}
}

#endif /* FAULTY_PLAIN_H */
