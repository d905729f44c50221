// SPDX-License-Identifier: Apache-2.0
/*
 * level3.c - compositions: a decoder layer and a small model of made-up weights, from
 * token ids to the token, prefill and decode in ragged batches; every intermediate
 * buffer is compared, so that the first one that differs names the op.
 */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"
#include "core/conform/model.h"

/* Three sequences: prefill of two, then a third beside decoding ones, then decode of all. */
static void plan_steps(struct conform_key key, struct model_plan *plan)
{
	uint32_t a = 1 + conform_below(key, STREAM_SHAPE, 20, 0, 90);
	uint32_t b = 1 + conform_below(key, STREAM_SHAPE, 21, 0, 20);
	uint32_t d = 1 + conform_below(key, STREAM_SHAPE, 22, 0, 40);

	plan->steps[0] = (struct model_step){ .seqs = { { 0, 0, a }, { 1, 0, b } }, .n_seqs = 2 };
	plan->steps[1] = (struct model_step){ .seqs = { { 2, 0, d }, { 0, a, 1 }, { 1, b, 1 } },
					      .n_seqs = 3,
					      .padding = 2 };
	plan->steps[2] =
		(struct model_step){ .seqs = { { 0, a + 1, 1 }, { 1, b + 1, 1 }, { 2, d, 1 } },
				     .n_seqs = 3 };
	plan->n_steps = 3;
	plan->lengths[0] = a + 2;
	plan->lengths[1] = b + 2;
	plan->lengths[2] = d + 1;
}

static int run_model(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	static const uint8_t pages[] = { 16, 8, 5, 32, 64 };
	struct conform_key key = conform_key_of(c->options.seed, job->id);
	struct model_plan plan = { .page_order = 1 };
	struct prog p;
	int rc;

	model_shape_pick(key, job->profile, &plan.shape);
	plan.shape.layers = job->arg ? 1 : 2;
	plan.page_size = pages[conform_below(key, STREAM_SHAPE, 30, 0, sizeof(pages))];
	plan_steps(key, &plan);
	if (job->arg)
		plan.n_steps = 1;
	model_describe(&plan, r->shape, sizeof(r->shape));
	prog_init(&p, key);
	rc = model_build(&plan, &p, NULL);
	if (!rc)
		rc = conform_run_prog(c, &p, r);
	prog_finish(&p);
	return rc;
}

int conform_level3(struct aios_conform *c)
{
	static const char one_layer[] = "layer";
	int rc = 0;

	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && !rc; p++) {
		struct conform_job job = { .level = 3, .profile = p, .run = run_model };
		const char *name = aios_profile_info_of(p).name;

		if (!conform_has_profile(c, p))
			continue;
		job.arg = one_layer;
		for (uint32_t i = 0; i < (c->options.quick ? 2 : 10) && !rc; i++)
			rc = conform_add(c, &job, "l3/layer/%s/%u", name, i);
		job.arg = NULL;
		for (uint32_t i = 0; i < (c->options.quick ? 1 : 6) && !rc; i++)
			rc = conform_add(c, &job, "l3/model/%s/%u", name, i);
	}
	return rc;
}
