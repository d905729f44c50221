/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sampler.h - what a sampler plugin implements: a request's sampling parameters
 * to the rows that the driver's LOGITS and SAMPLE ops read. The arithmetic is
 * the driver's (Documentation/numerics.md); the plugin checks and maps.
 */
#ifndef AIOS_PLUGIN_SAMPLER_H
#define AIOS_PLUGIN_SAMPLER_H

#include <aios/error.h>
#include <aios/module.h>
#include <aios/op.h>

/* How one request wants its tokens chosen. Plain data. */
struct aios_sampling {
	uint64_t seed;
	float temperature; /* >= 0; 0: greedy */
	float top_p;       /* (0, 1]; 1: off */
	float min_p;       /* [0, 1); 0: off */
	int32_t top_k;     /* 0 or -1: off */
	float repetition;  /* > 0; 1: off */
	float frequency;   /* [-2, 2]; 0: off */
	float presence;    /* [-2, 2]; 0: off */
};

struct aios_sampler_ops {
	uint32_t size;
	uint32_t reserved;

	/* Mandatory. 0, or -EINVAL with the field, its value and its range in the message. */
	int (*check)(const struct aios_sampling *s, struct aios_status *st);

	/* Mandatory. The row for the token at absolute position `position`; ranges of counts and bias are the caller's. */
	void (*row)(const struct aios_sampling *s, uint32_t position, uint32_t draw,
		    struct aios_sample_row *out);
};

#endif /* AIOS_PLUGIN_SAMPLER_H */
