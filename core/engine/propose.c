// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/propose.h"

#define LENGTHS (PROPOSE_LONGEST - PROPOSE_SHORTEST + 1)

/* An entry: the place after a run's last token, and which length it has; never 0. */
static uint32_t entry_of(uint32_t end, uint32_t length)
{
	return end * LENGTHS + (length - PROPOSE_SHORTEST);
}

static uint32_t entry_end(uint32_t entry)
{
	return entry / LENGTHS;
}

static uint32_t entry_length(uint32_t entry)
{
	return entry % LENGTHS + PROPOSE_SHORTEST;
}

static uint32_t hash_run(const int32_t *run, uint32_t length)
{
	uint64_t h = length;

	for (uint32_t i = 0; i < length; i++)
		h = (h ^ (uint32_t)run[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32);
}

/* The place of a run in the table: its own or an empty one. */
static uint32_t *find(const struct propose *p, const int32_t *tokens, const int32_t *run,
		      uint32_t length)
{
	uint32_t at = hash_run(run, length) & (p->size - 1), entry;

	while ((entry = p->table[at]) != 0) {
		if (entry_length(entry) == length &&
		    memcmp(tokens + entry_end(entry) - length, run, length * sizeof(*run)) == 0)
			break;
		at = (at + 1) & (p->size - 1);
	}
	return &p->table[at];
}

/* Room for the runs of `n` tokens at half load; what was indexed comes again. */
static int reserve(struct propose *p, uint32_t n)
{
	uint64_t size = p->size ? p->size : 256;
	uint32_t *table;

	while (size < 2ull * LENGTHS * n)
		size *= 2;
	if (size == p->size)
		return 0;
	if (size > UINT32_MAX / 2)
		return -1;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -1;
	free(p->table);
	p->table = table;
	p->size = (uint32_t)size;
	p->indexed = 0;
	return 0;
}

/* Runs that end before n: the last tokens themselves are not yet "before". */
static void index_runs(struct propose *p, const int32_t *tokens, uint32_t n)
{
	for (uint32_t end = p->indexed ? p->indexed : 1; end < n; end++) {
		for (uint32_t length = PROPOSE_SHORTEST; length <= PROPOSE_LONGEST; length++) {
			uint32_t *at;

			if (length > end)
				break;
			at = find(p, tokens, tokens + end - length, length);
			*at = entry_of(end, length);
		}
	}
	p->indexed = n;
}

void propose_finish(struct propose *p)
{
	free(p->table);
	memset(p, 0, sizeof(*p));
}

uint32_t propose(struct propose *p, const int32_t *tokens, uint32_t n, uint32_t most, int32_t *out)
{
	uint32_t from = 0;

	if (most == 0 || n <= PROPOSE_SHORTEST || n > UINT32_MAX / LENGTHS / 4 || reserve(p, n) < 0)
		return 0;
	index_runs(p, tokens, n);
	for (uint32_t length = PROPOSE_LONGEST; length >= PROPOSE_SHORTEST && !from; length--) {
		if (length < n)
			from = entry_end(*find(p, tokens, tokens + n - length, length));
	}
	if (!from)
		return 0;
	/* What followed may reach the end: then the guess goes on with itself. */
	for (uint32_t i = 0; i < most; i++)
		out[i] = from + i < n ? tokens[from + i] : out[from + i - n];
	return most;
}
