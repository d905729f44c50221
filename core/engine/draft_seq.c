// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/draft_seq.h"
#include "core/lib/array.h"

uint32_t draft_seq_settle(struct draft_seq *s, const int32_t *tokens, uint32_t n)
{
	uint32_t right = s->known;

	while (right < s->have && right < n && s->fed[right - s->known] == tokens[right])
		right++;
	s->have = right < n ? right : n;
	s->known = s->have;
	return s->have;
}

bool draft_seq_reserve(struct draft_seq *s, struct mm_pages *pool, uint32_t n_pages)
{
	bool had = s->n_pages > 0;

	if (s->given_up)
		return false;
	if (n_pages <= s->n_pages)
		return true;
	if (array_reserve((void **)&s->pages, &s->cap_pages, n_pages, sizeof(*s->pages)) == 0 &&
	    mm_pages_alloc(pool, n_pages - s->n_pages, s->pages + s->n_pages) == 0) {
		s->n_pages = n_pages;
		return true;
	}
	draft_seq_drop(s, pool);
	s->given_up = had;
	return false;
}

void draft_seq_drop(struct draft_seq *s, struct mm_pages *pool)
{
	for (uint32_t i = 0; i < s->n_pages; i++)
		mm_pages_put(pool, s->pages[i]);
	s->n_pages = 0;
	s->have = 0;
	s->known = 0;
}

void draft_seq_finish(struct draft_seq *s)
{
	free(s->pages);
	memset(s, 0, sizeof(*s));
}

static int compare_rows(const void *a, const void *b)
{
	const struct draft_row *x = a, *y = b;

	return (x->rows > y->rows) - (x->rows < y->rows);
}

static int compare_most(const void *a, const void *b)
{
	const struct draft_row *x = a, *y = b;

	return (x->most < y->most) - (x->most > y->most);
}

uint32_t draft_share(struct draft_row *rows, uint32_t n, uint32_t room, uint32_t spare)
{
	uint32_t kept = 0, guessing = 0, each;

	qsort(rows, n, sizeof(*rows), compare_rows);
	for (uint32_t i = 0; i < n && room > 0; i++, kept++) {
		if (rows[i].rows > room) {
			rows[i].rows = room;
			rows[i].most = 0;
		}
		room -= rows[i].rows;
		guessing += rows[i].most > 0;
	}
	each = guessing > 0 && spare > guessing ? spare / guessing : 1;
	for (uint32_t i = 0; i < kept; i++) {
		uint32_t most = each < spare ? each : spare;

		rows[i].most = rows[i].most < most ? rows[i].most : most;
		spare -= rows[i].most;
	}
	qsort(rows, kept, sizeof(*rows), compare_most);
	return kept;
}
