// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_lists.c - any text as --cost and --weights of `aios simulate` and as a list of numbers of
 * `aios bench`: what is accepted is within the bounds, what is refused says why.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "simulate.h"

#define MOST_WEIGHTS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* main.c has the program's. */
int cli_usage(struct aios_status *st, const char *fmt, ...)
{
	va_list ap;

	st->code = -EINVAL;
	va_start(ap, fmt);
	vsnprintf(st->message, sizeof(st->message), fmt, ap);
	va_end(ap);
	return CLI_USAGE;
}

/* True: it was accepted. */
static bool accepted(int rc, const struct aios_status *st)
{
	if (rc && (st->code >= 0 || st->message[0] == '\0'))
		abort();
	return rc == 0;
}

static void check_cost(const char *text)
{
	struct aios_sim_cost cost = { -1, -1, -1, -1, -1 };
	const double *parts[] = { &cost.step_us, &cost.weights_us, &cost.row_us, &cost.kv_us,
				  &cost.swap_page_us };
	struct aios_status st = { 0 };
	size_t set = 0;

	if (!accepted(simulate_cost(text, &cost, &st), &st))
		return;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		set += *parts[i] >= 0;
		if (!(*parts[i] >= 0 && *parts[i] <= 1e9) && *parts[i] != -1)
			abort();
	}
	if (text[0] && !set)
		abort();
}

static void check_weights(const char *text)
{
	double weights[MOST_WEIGHTS];
	struct aios_status st = { 0 };
	uint32_t n = 0;

	if (!accepted(simulate_weights(text, weights, MOST_WEIGHTS, &n, &st), &st))
		return;
	if (n > MOST_WEIGHTS || !n != !text[0])
		abort();
	for (uint32_t i = 0; i < n; i++)
		if (!(weights[i] > 0 && weights[i] <= 1e9))
			abort();
}

/* A list that is accepted has nothing in it but its numbers: written again it is the same list. */
static void check_list(const char *text, bool pairs, uint32_t least)
{
	char again[BENCH_LIST * 24] = "";
	struct bench_list list, other;
	struct aios_status st = { 0 };
	size_t at = 0;

	if (!accepted(bench_list_read(text, "m", pairs, least, &list, &st), &st))
		return;
	if (list.n > BENCH_LIST ||
	    strspn(text, pairs ? "0123456789x," : "0123456789,") != strlen(text))
		abort();
	for (uint32_t i = 0; i < list.n; i++) {
		if (list.of[i] < least || list.times[i] == 0)
			abort();
		at += (size_t)snprintf(again + at, sizeof(again) - at, "%s", i ? "," : "");
		if (list.times[i] != 1)
			at += (size_t)snprintf(again + at, sizeof(again) - at, "%" PRIu32 "x",
					       list.times[i]);
		at += (size_t)snprintf(again + at, sizeof(again) - at, "%" PRIu32, list.of[i]);
	}
	if (bench_list_read(again, "m", pairs, least, &other, &st) || other.n != list.n ||
	    memcmp(other.of, list.of, list.n * sizeof(list.of[0])) != 0 ||
	    memcmp(other.times, list.times, list.n * sizeof(list.times[0])) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_cost(text);
	check_weights(text);
	check_list(text, false, 0);
	check_list(text, true, 0);
	check_list(text, true, 1);
	free(text);
	return 0;
}
