// SPDX-License-Identifier: Apache-2.0
/*
 * rope.c - inverse frequencies under the four scalings, and the tables.
 */
#include <math.h>

#include "core/numerics/dmath.h"
#include "core/numerics/rope.h"

#define TWO_PI 0x1.921fb54442d18p+2
#define MAX_ROT_DIM 65536u

/* True for finite values in [lo, hi]; false for NaN. */
static bool within(double v, double lo, double hi)
{
	return v >= lo && v <= hi;
}

static int check_basic(const struct aios_rope *r, struct aios_status *st)
{
	if (r->rot_dim == 0 || r->rot_dim % 2 || r->rot_dim > MAX_ROT_DIM)
		return aios_fail(
			st, -EINVAL,
			"rope: rotated dimension is %u, expected an even number from 2 to %u",
			r->rot_dim, MAX_ROT_DIM);
	if (!within(r->theta, 1.0 + 1e-9, 1e30))
		return aios_fail(st, -EINVAL,
				 "rope: rope_theta is %g, expected more than 1 and at most 1e30",
				 r->theta);
	if (r->type != AIOS_ROPE_DEFAULT && !within(r->factor, 1.0, 1e9))
		return aios_fail(st, -EINVAL, "rope: factor is %g, expected 1 to 1e9", r->factor);
	if ((r->type == AIOS_ROPE_LLAMA3 || r->type == AIOS_ROPE_YARN) &&
	    r->original_max_positions == 0)
		return aios_fail(st, -EINVAL,
				 "rope: original_max_position_embeddings is 0 or missing; llama3 "
				 "and yarn need it");
	return 0;
}

static int check_llama3(const struct aios_rope *r, struct aios_status *st)
{
	if (!within(r->low_freq_factor, 1e-9, 1e9) || !within(r->high_freq_factor, 1e-9, 1e9) ||
	    r->high_freq_factor <= r->low_freq_factor)
		return aios_fail(st, -EINVAL,
				 "rope llama3: low_freq_factor is %g and high_freq_factor %g, "
				 "expected 0 < low < high",
				 r->low_freq_factor, r->high_freq_factor);
	return 0;
}

static int check_yarn(const struct aios_rope *r, struct aios_status *st)
{
	if ((r->beta_fast != 0 && !within(r->beta_fast, 1e-9, 1e9)) ||
	    (r->beta_slow != 0 && !within(r->beta_slow, 1e-9, 1e9)))
		return aios_fail(
			st, -EINVAL,
			"rope yarn: beta_fast is %g and beta_slow %g, expected positive numbers",
			r->beta_fast, r->beta_slow);
	if (!within(r->attention_factor, 0, 1e9) || !within(r->mscale, 0, 1e9) ||
	    !within(r->mscale_all_dim, 0, 1e9))
		return aios_fail(st, -EINVAL,
				 "rope yarn: attention_factor is %g, mscale %g, mscale_all_dim %g, "
				 "expected 0 (not given) or more",
				 r->attention_factor, r->mscale, r->mscale_all_dim);
	return 0;
}

/* theta^(-2i / rot_dim) */
static double plain(const struct aios_rope *r, uint32_t i)
{
	return numerics_pow(r->theta, -((double)(2 * i) / (double)r->rot_dim));
}

/* Long wavelengths are divided by factor, short ones kept, those between are blended. */
static double llama3(const struct aios_rope *r, double inv)
{
	double length = r->original_max_positions;
	double wavelength = TWO_PI / inv;
	double smooth;

	if (wavelength > length / r->low_freq_factor)
		return inv / r->factor;
	if (wavelength < length / r->high_freq_factor)
		return inv;
	smooth = (length / wavelength - r->low_freq_factor) /
		 (r->high_freq_factor - r->low_freq_factor);
	return (1.0 - smooth) * inv / r->factor + smooth * inv;
}

/* The pair index whose angle makes `rotations` turns over the original context. */
static double yarn_dim(const struct aios_rope *r, double rotations)
{
	double turns = (double)r->original_max_positions / (rotations * TWO_PI);

	return (double)r->rot_dim * numerics_log2(turns) / (2.0 * numerics_log2(r->theta));
}

/* Pairs up to *low keep their frequency, from *high on it is divided by factor. */
static void yarn_range(const struct aios_rope *r, double *low, double *high)
{
	*low = yarn_dim(r, r->beta_fast != 0 ? r->beta_fast : 32.0);
	*high = yarn_dim(r, r->beta_slow != 0 ? r->beta_slow : 1.0);
	if (r->truncate) {
		*low = floor(*low);
		*high = ceil(*high);
	}
	if (*low < 0)
		*low = 0;
	if (*high > (double)r->rot_dim - 1)
		*high = (double)r->rot_dim - 1;
	if (*low == *high)
		*high += 0.001;
}

static double yarn(const struct aios_rope *r, double inv, uint32_t i, double low, double high)
{
	double ramp = ((double)i - low) / (high - low);

	ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
	return inv / r->factor * ramp + inv * (1.0 - ramp);
}

static double yarn_mscale(double factor, double mscale)
{
	return factor <= 1.0 ? 1.0 : 0.1 * mscale * numerics_ln(factor) + 1.0;
}

static double yarn_attention_factor(const struct aios_rope *r)
{
	if (r->attention_factor != 0)
		return r->attention_factor;
	if (r->mscale != 0 && r->mscale_all_dim != 0)
		return yarn_mscale(r->factor, r->mscale) /
		       yarn_mscale(r->factor, r->mscale_all_dim);
	return yarn_mscale(r->factor, 1.0);
}

int aios_rope_inv_freq(const struct aios_rope *rope, float *inv_freq, float *attention_factor,
		       struct aios_status *st)
{
	double low = 0, high = 0, inv;
	uint32_t i;
	int err;

	if (rope->type > AIOS_ROPE_YARN)
		return aios_fail(st, -ENOTSUP,
				 "rope: scaling type %u is not implemented; there are default, "
				 "linear, llama3 and yarn (not dynamic, not longrope)",
				 rope->type);
	err = check_basic(rope, st);
	if (!err && rope->type == AIOS_ROPE_LLAMA3)
		err = check_llama3(rope, st);
	if (!err && rope->type == AIOS_ROPE_YARN)
		err = check_yarn(rope, st);
	if (err)
		return err;
	if (rope->type == AIOS_ROPE_YARN)
		yarn_range(rope, &low, &high);
	for (i = 0; i < rope->rot_dim / 2; i++) {
		inv = plain(rope, i);
		if (rope->type == AIOS_ROPE_LINEAR)
			inv = inv / rope->factor;
		else if (rope->type == AIOS_ROPE_LLAMA3)
			inv = llama3(rope, inv);
		else if (rope->type == AIOS_ROPE_YARN)
			inv = yarn(rope, inv, i, low, high);
		inv_freq[i] = (float)inv;
	}
	*attention_factor = rope->type == AIOS_ROPE_YARN ? (float)yarn_attention_factor(rope) :
							   1.0f;
	return 0;
}

void aios_rope_fill(const float *inv_freq, uint32_t half, float attention_factor, uint32_t p0,
		    uint32_t p1, float *cos, float *sin)
{
	double s, c;
	uint32_t p, i;

	for (p = p0; p < p1; p++) {
		for (i = 0; i < half; i++) {
			numerics_sincos((double)p * (double)inv_freq[i], &s, &c);
			*cos++ = (float)(c * (double)attention_factor);
			*sin++ = (float)(s * (double)attention_factor);
		}
	}
}
