// SPDX-License-Identifier: Apache-2.0
/* simulate_lists.c - options of aios simulate that are lists: the cost model, weights. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "simulate.h"

/* A number and what parts it from the next, or the end; -1: there is none of both. Moves *at on. */
static double next_number(const char **at)
{
	char *end;
	double value = strtod(*at, &end);

	if (end == *at || (*end && *end != ',') || (*end == ',' && !end[1]) || !(value >= 0))
		return -1;
	*at = *end ? end + 1 : end;
	return value;
}

int simulate_cost(const char *text, struct aios_sim_cost *cost, struct aios_status *st)
{
	const struct {
		const char *name;
		double *value;
	} parts[] = {
		{ "step=", &cost->step_us },      { "weights=", &cost->weights_us },
		{ "row=", &cost->row_us },        { "kv=", &cost->kv_us },
		{ "swap=", &cost->swap_page_us },
	};
	const char *at = text;

	while (at && *at) {
		const size_t n = sizeof(parts) / sizeof(parts[0]);
		const char *part = at;
		double value = -1;
		size_t i = 0;

		while (i < n && strncmp(at, parts[i].name, strlen(parts[i].name)) != 0)
			i++;
		if (i < n) {
			at += strlen(parts[i].name);
			value = next_number(&at);
		}
		if (!(value >= 0 && value <= 1e9))
			return cli_usage(st,
					 "--cost: expected step=US, weights=US, row=US, kv=US or "
					 "swap=US, separated by commas, found '%.40s'",
					 part);
		*parts[i].value = value;
	}
	return 0;
}

int simulate_weights(const char *text, double *weights, uint32_t most, uint32_t *n,
		     struct aios_status *st)
{
	const char *at = text;

	*n = 0;
	while (at && *at) {
		const char *number = at;
		double value = next_number(&at);

		if (!(value > 0 && value <= 1e9))
			return cli_usage(
				st,
				"--weights: expected numbers above 0, separated by commas, "
				"found '%.40s'",
				number);
		if (*n == most)
			return cli_usage(st, "--weights: more than %u numbers", most);
		weights[(*n)++] = value;
	}
	return 0;
}
