/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rope.h - rotary position embedding (Su et al. 2021) as tables of cosines and
 * sines, with the scalings default, linear, llama3 and YaRN (Peng et al. 2023).
 * The formulas are those of transformers 5, evaluated in double; see
 * Documentation/numerics.md. Pure; any thread may call.
 */
#ifndef CORE_NUMERICS_ROPE_H
#define CORE_NUMERICS_ROPE_H

#include <stdint.h>

#include <aios/error.h>
#include <aios/plugin/model.h>

/*
 * Fill inv_freq[0 .. rope->rot_dim / 2) (angle per position, radians, in (0, 1])
 * and *attention_factor (what cosines and sines are multiplied by; 1 but for
 * YaRN). -EINVAL and a message for parameters out of range, -ENOTSUP for a type
 * that is not one of enum aios_rope_type (dynamic NTK and longrope have none:
 * their frequencies depend on the length of the sequence).
 */
int aios_rope_inv_freq(const struct aios_rope *rope, float *inv_freq, float *attention_factor,
		       struct aios_status *st);

/*
 * Rows p0 .. p1-1 of the tables: cos and sin are [p1 - p0][half], row-major, row 0
 * being position p0. The angle is position * inv_freq[i] in double.
 */
void aios_rope_fill(const float *inv_freq, uint32_t half, float attention_factor, uint32_t p0,
		    uint32_t p1, float *cos, float *sin);

#endif /* CORE_NUMERICS_ROPE_H */
