// SPDX-License-Identifier: Apache-2.0
/*
 * default.c - the sampler every request gets: it checks the parameters and
 * hands them to the driver's ops, which do the arithmetic.
 */
#include <math.h>

#include <aios/plugin/sampler.h>

/* A parameter's range; written so that NaN is outside. */
static int check_float(const char *name, float value, bool inside, const char *range,
		       struct aios_status *st)
{
	if (inside && isfinite(value))
		return 0;
	return aios_fail(st, -EINVAL, "%s: expected a number %s, found %g", name, range,
			 (double)value);
}

static int check(const struct aios_sampling *s, struct aios_status *st)
{
	int rc = check_float("temperature", s->temperature, s->temperature >= 0.0f,
			     "of at least 0 (0: greedy)", st);

	if (rc == 0)
		rc = check_float("top_p", s->top_p, s->top_p > 0.0f && s->top_p <= 1.0f,
				 "above 0 and at most 1 (1: off)", st);
	if (rc == 0)
		rc = check_float("min_p", s->min_p, s->min_p >= 0.0f && s->min_p < 1.0f,
				 "of at least 0 and below 1 (0: off)", st);
	if (rc == 0 && s->top_k < -1)
		rc = aios_fail(
			st, -EINVAL,
			"top_k: expected a count of at least 1, or 0 or -1 for off, found %d",
			s->top_k);
	if (rc == 0)
		rc = check_float("repetition_penalty", s->repetition, s->repetition > 0.0f,
				 "above 0 (1: off)", st);
	if (rc == 0)
		rc = check_float("frequency_penalty", s->frequency,
				 s->frequency >= -2.0f && s->frequency <= 2.0f,
				 "from -2 to 2 (0: off)", st);
	if (rc == 0)
		rc = check_float("presence_penalty", s->presence,
				 s->presence >= -2.0f && s->presence <= 2.0f,
				 "from -2 to 2 (0: off)", st);
	return rc;
}

static void row(const struct aios_sampling *s, uint32_t position, uint32_t draw,
		struct aios_sample_row *out)
{
	out->seed = s->seed;
	out->position = position;
	out->draw = draw;
	out->temperature = s->temperature;
	out->top_p = s->top_p;
	out->min_p = s->min_p;
	out->top_k = s->top_k > 0 ? (uint32_t)s->top_k : 0;
	out->repetition = s->repetition;
	out->frequency = s->frequency;
	out->presence = s->presence;
	out->reserved = 0;
}

static const struct aios_sampler_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.row = row,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Greedy, temperature, top-k, top-p, min-p and penalties");
AIOS_SAMPLER(default, "default", &ops, NULL, 0);
