// SPDX-License-Identifier: Apache-2.0
/*
 * id.c - canonical text of the numerics rules and its short name.
 */
#include <stdio.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/numerics/id.h"

static bool power_of_two(uint32_t v)
{
	return v && (v & (v - 1)) == 0;
}

static bool one_of(uint32_t dtype, uint32_t a, uint32_t b)
{
	return dtype == a || dtype == b;
}

/* The activation type must be what the profile's dot unit takes. */
static bool act_fits(const struct aios_profile_info *p, uint32_t act)
{
	return p->act_dtype == AIOS_BF16 ? one_of(act, AIOS_BF16, AIOS_F16) : act == p->act_dtype;
}

static int check(const struct aios_model_types *t, const struct aios_profile_info *p,
		 struct aios_status *st)
{
	if (!p->name)
		return aios_fail(st, -EINVAL, "numerics: profile %u does not exist", t->profile);
	if (!act_fits(p, t->act))
		return aios_fail(st, -EINVAL,
				 "numerics: profile %s does not take activations of type %s",
				 p->name, aios_dtype_name(t->act));
	if (!one_of(t->kv, AIOS_BF16, AIOS_F16) || !one_of(t->mid, AIOS_F32, AIOS_BF16) ||
	    !one_of(t->qkv, AIOS_F32, AIOS_BF16))
		return aios_fail(st, -EINVAL,
				 "numerics: types kv=%s (bf16 or f16), mid=%s and qkv=%s (f32 or "
				 "bf16) do not fit",
				 aios_dtype_name(t->kv), aios_dtype_name(t->mid),
				 aios_dtype_name(t->qkv));
	if (!power_of_two(t->segments))
		return aios_fail(st, -EINVAL, "numerics: S = %u segments, expected a power of two",
				 t->segments);
	if (t->chunk == 0 || t->chunk % AIOS_ATTN_BLOCK)
		return aios_fail(st, -EINVAL,
				 "numerics: attention chunk C = %u, expected a multiple of %u",
				 t->chunk, AIOS_ATTN_BLOCK);
	return 0;
}

int numerics_text(const struct aios_model_types *types, char *out, size_t size,
		  struct aios_status *st)
{
	struct aios_profile_info p = aios_profile_info_of(types->profile);
	int err = check(types, &p, st), n;

	if (err)
		return err;
	n = snprintf(out, size,
		     "version=%d profile=%s S=%u B=%d C=%u lanes=%d act=%s kv=%s mid=%s qkv=%s "
		     "residual=f32 logits=f32",
		     AIOS_NUMERICS_VERSION, p.name, types->segments, AIOS_ATTN_BLOCK, types->chunk,
		     AIOS_LANES, aios_dtype_name(types->act), aios_dtype_name(types->kv),
		     aios_dtype_name(types->mid), aios_dtype_name(types->qkv));
	if (n < 0 || (size_t)n >= size)
		return aios_fail(st, -ENOSPC,
				 "numerics: %zu bytes are too few for the canonical text", size);
	return 0;
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *text)
{
	uint32_t h = 0x811c9dc5u;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x01000193u;
	return h;
}

int numerics_id(const struct aios_model_types *types, char *out, size_t size,
		struct aios_status *st)
{
	char text[256];
	int err = numerics_text(types, text, sizeof(text), st), n;

	if (err)
		return err;
	n = snprintf(out, size, "aios-n%d-%s-%08x", AIOS_NUMERICS_VERSION,
		     aios_profile_info_of(types->profile).name, hash(text));
	if (n < 0 || (size_t)n >= size)
		return aios_fail(st, -ENOSPC,
				 "numerics: %zu bytes are too few for an id, %d are needed", size,
				 NUMERICS_ID_SIZE);
	return 0;
}

int numerics_profile_parse(const char *name, uint32_t *profile, struct aios_status *st)
{
	for (uint32_t i = 0; i < AIOS_PROFILE_COUNT; i++) {
		if (strcmp(name, aios_profile_info_of(i).name) == 0) {
			*profile = i;
			return 0;
		}
	}
	return aios_fail(st, -EINVAL,
			 "numerics: no profile is called '%.40s'; there are fma32, tc-sm90, "
			 "tc-sm90-e4m3, tc-sm80, i8, i8x2, tc-cdna1, tc-cdna2, tc-cdna3",
			 name);
}
