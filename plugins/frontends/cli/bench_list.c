// SPDX-License-Identifier: Apache-2.0
/* bench_list.c - lists of numbers, "1,8,64x128", among the options of aios bench. */
#include <stdlib.h>

#include "bench.h"

/* Digits, nothing before them, up to INT32_MAX; false: there are none. Moves *at behind them. */
static bool next_number(const char **at, uint32_t *value)
{
	unsigned long long number;
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	number = strtoull(*at, &end, 10); /* ULLONG_MAX when it is larger */
	if (number > INT32_MAX)
		return false;
	*at = end;
	*value = (uint32_t)number;
	return true;
}

/* A number or a pair, and what parts it from the next, or the end. */
static bool next_item(const char **at, bool pairs, uint32_t least, uint32_t *times, uint32_t *of)
{
	*times = 1;
	if (!next_number(at, of))
		return false;
	if (pairs && **at == 'x') {
		++*at;
		*times = *of;
		if (!next_number(at, of))
			return false;
	}
	if (!*times || *of < least || (**at && **at != ',') || (**at == ',' && !(*at)[1]))
		return false;
	*at += **at == ',';
	return true;
}

int bench_list_read(const char *text, const char *key, bool pairs, uint32_t least,
		    struct bench_list *out, struct aios_status *st)
{
	const char *at = text;
	uint32_t times, of;

	out->n = 0;
	while (at && *at) {
		if (!next_item(&at, pairs, least, &times, &of))
			return cli_usage(st, "--%s: '%s' is no list of numbers from %u on%s", key,
					 text, least, pairs ? " or pairs such as 64x128" : "");
		if (out->n == BENCH_LIST)
			return cli_usage(st, "--%s: more than %d numbers", key, BENCH_LIST);
		out->times[out->n] = times;
		out->of[out->n++] = of;
	}
	return 0;
}
