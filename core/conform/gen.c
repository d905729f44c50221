// SPDX-License-Identifier: Apache-2.0
/* gen.c - choosing parameters, building and naming cases. */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/gen.h"

extern const struct gen gen_embed, gen_rmsnorm, gen_matmul, gen_rope_kv, gen_attention, gen_glu,
	gen_add, gen_gather_rows, gen_cast, gen_quantise, gen_copy_pages, gen_logits, gen_argmax,
	gen_sample, gen_logprobs, gen_all_reduce, gen_all_gather, gen_weights;

const struct gen *const gen_all[] = {
	&gen_embed,     &gen_rmsnorm,    &gen_matmul,     &gen_weights,     &gen_rope_kv,
	&gen_attention, &gen_glu,        &gen_add,        &gen_gather_rows, &gen_cast,
	&gen_quantise,  &gen_copy_pages, &gen_logits,     &gen_argmax,      &gen_sample,
	&gen_logprobs,  &gen_all_reduce, &gen_all_gather,
};
const size_t gen_n = sizeof(gen_all) / sizeof(gen_all[0]);

const struct gen *gen_find(const char *name)
{
	for (size_t i = 0; i < gen_n; i++)
		if (strcmp(gen_all[i]->name, name) == 0)
			return gen_all[i];
	return NULL;
}

uint32_t pick_below(const struct gen_pick *k, uint32_t slot, uint32_t n)
{
	return conform_below(k->key, STREAM_SHAPE, slot, k->index, n);
}

bool pick_once_in(const struct gen_pick *k, uint32_t slot, uint32_t n)
{
	return pick_below(k, slot, n) == 0;
}

uint32_t pick_cycle(const struct gen_pick *k, uint32_t slot, uint32_t n)
{
	uint32_t block = k->index / n, at = k->index % n, order[64], i, j, swap;

	if (n > 64)
		return pick_below(k, slot, n);
	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i > 0; i--) {
		j = conform_below(k->key, STREAM_SHAPE + 1, slot, block * 64 + i, i + 1);
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	return order[at];
}

#define OF(k, slot, list) (list)[pick_cycle(k, slot, sizeof(list) / sizeof((list)[0]))]

uint32_t pick_cols(const struct gen_pick *k, uint32_t slot)
{
	static const uint16_t sizes[] = { 1,   2,   3,   5,   7,   8,   9,   15,  16,   17,
					  31,  32,  33,  63,  64,  65,  127, 128, 129,  131,
					  255, 256, 257, 511, 512, 513, 521, 768, 1024, 1031 };

	return OF(k, slot, sizes);
}

uint32_t pick_rows(const struct gen_pick *k, uint32_t slot)
{
	static const uint8_t sizes[] = { 1,  2,  3,  4,  5,  7,  8,  9,  15,  16,
					 17, 31, 32, 33, 37, 63, 64, 65, 128, 129 };

	return OF(k, slot, sizes);
}

uint32_t pick_dist(const struct gen_pick *k, uint32_t slot)
{
	return pick_cycle(k, slot, DIST_COUNT);
}

uint32_t pick_float(const struct gen_pick *k, uint32_t slot)
{
	static const uint8_t types[] = { AIOS_F32, AIOS_BF16, AIOS_F16 };

	return OF(k, slot, types);
}

uint32_t pick_half(const struct gen_pick *k, uint32_t slot)
{
	return pick_cycle(k, slot, 2) ? AIOS_F16 : AIOS_BF16;
}

uint32_t pick_out(const struct gen_pick *k, uint32_t slot)
{
	static const uint8_t types[] = { AIOS_F32,  AIOS_BF16, AIOS_F16,
					 AIOS_E4M3, AIOS_I8,   AIOS_I8X2 };

	return OF(k, slot, types);
}

uint32_t gen_get(const struct gen_case *c, const char *name)
{
	for (uint32_t i = 0; i < c->gen->n_params; i++)
		if (strcmp(c->gen->params[i].name, name) == 0)
			return c->v[i];
	return 0;
}

int gen_ints(struct prog *p, const char *name, uint32_t rows, uint32_t cols, int32_t **data)
{
	int buf = prog_buf(p, name, PROG_IN, AIOS_I32, rows, cols, 0);

	*data = prog_row(p, buf, 0);
	if (*data)
		memset(*data, 0, p->bufs[buf].bytes);
	return buf;
}

void gen_make(const struct gen *g, uint32_t profile, uint32_t index, uint64_t seed,
	      struct gen_case *out)
{
	struct gen_pick k = { .profile = profile, .index = index };
	const char *set = g->profiled ? aios_profile_info_of(profile).name : "any";
	char family[GEN_ID];

	memset(out, 0, sizeof(*out));
	out->gen = g;
	out->profile = g->profiled ? profile : UINT32_MAX;
	snprintf(family, sizeof(family), "l2/%s/%s", g->name, set);
	snprintf(out->id, sizeof(out->id), "l2/%.20s/%.20s/%u", g->name, set, index);
	k.key = conform_key_of(seed, family);
	k.work = index < g->quick ? (uint64_t)1 << 19 : (uint64_t)1 << 24;
	out->key = conform_key_of(seed, out->id);
	g->pick(&k, out->v);
}

int gen_build(const struct gen_case *c, struct prog *p)
{
	int rc;

	prog_init(p, c->key);
	for (uint32_t i = 0; i < c->gen->n_params; i++)
		if (c->gen->params[i].kind == GEN_DIM && c->v[i] < c->gen->params[i].least)
			return -EINVAL;
	rc = c->gen->build(c, p);
	if (!rc && p->failed)
		rc = -ENOMEM;
	return rc;
}

char *gen_describe(const struct gen_case *c, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < c->gen->n_params && at < size; i++) {
		const struct gen_param *param = &c->gen->params[i];
		char number[16];
		const char *text = number;

		snprintf(number, sizeof(number), "%u", c->v[i]);
		if (param->kind == GEN_DTYPE)
			text = aios_dtype_name(c->v[i]);
		else if (param->kind == GEN_DIST)
			text = conform_dist_name(c->v[i]);
		else if (param->kind == GEN_FLAG && !c->v[i])
			continue;
		at += (size_t)snprintf(out + at, size - at, "%s%s=%s", at ? " " : "", param->name,
				       text);
	}
	return out;
}
