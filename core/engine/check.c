// SPDX-License-Identifier: Apache-2.0
/*
 * check.c - what must be true between two steps. Everything is counted anew from the
 * requests and compared with what the engine believes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/beams.h"
#include "core/engine/engine.h"

/* What was counted. */
struct census {
	uint32_t *refs; /* [pages] that requests hold */
	uint32_t states[AIOS_REQUEST_STATES];
	uint32_t alive, slots, swapped;
	uint32_t draft_pages;
};

static int bad(struct aios_status *st, const struct request *r, const char *what)
{
	return aios_fail(st, -EINVAL, "request %" PRIu64 ".%u (%s): %s", r->id, r->choice,
			 aios_request_state_name(r->state), what);
}

static int check_pages(struct aios_engine *e, const struct request *r, struct census *c,
		       struct aios_status *st)
{
	if (r->n_gone > 0 && !e->kv.window)
		return bad(st, r, "gave pages back that the model sees");
	for (uint32_t i = 0; i < r->n_pages; i++) {
		if (i < r->n_gone) {
			if (r->pages[i] != -1)
				return bad(st, r, "a page that it gave back is in its table");
			continue;
		}
		if (r->pages[i] < 0 || (uint32_t)r->pages[i] >= e->kv.pages.total)
			return bad(st, r, "a page number outside the pool");
		c->refs[r->pages[i]]++;
	}
	return 0;
}

static int check_request(struct aios_engine *e, const struct request *r, struct census *c,
			 struct aios_status *st)
{
	bool running = request_running(r), swapped = r->state == AIOS_REQUEST_SWAPPED;

	if (request_ended(r))
		return bad(st, r, "ended and still known");
	if (r->n_tokens > r->limit || r->n_tokens < r->n_prompt)
		return bad(st, r, "more tokens than its limit, or fewer than its prompt");
	if (r->n_tokens - r->n_prompt != r->usage.completion_tokens)
		return bad(st, r, "its tokens do not add up");
	if (r->computed >= r->n_tokens)
		return bad(st, r, "no row is left to compute");
	if (!running && r->n_pages > 0)
		return bad(st, r, "has pages and does not run");
	if (running && kv_pages_for(&e->kv, r->computed) > r->n_pages)
		return bad(st, r, "has fewer pages than computed tokens need");
	if (!running && !swapped && r->computed > 0)
		return bad(st, r, "has computed tokens and no pages");
	if (swapped != (r->swapped.n > 0))
		return bad(st, r, "its swap slots contradict its state");
	if (r->state == AIOS_REQUEST_DECODING && r->computed + 1 != r->n_tokens)
		return bad(st, r, "decodes more than one row");
	c->states[r->state]++;
	c->alive++;
	if (r->draft_seq.n_pages > 0 && !running)
		return bad(st, r, "has pages of the draft model and does not run");
	if ((uint64_t)r->draft_seq.n_pages * e->kv.page_size < r->draft_seq.have)
		return bad(st, r, "has fewer pages of the draft model than its tokens need");
	c->swapped += r->swapped.n;
	c->draft_pages += r->draft_seq.n_pages;
	return check_pages(e, r, c, st);
}

static int check_refs(struct aios_engine *e, const struct census *c, struct aios_status *st)
{
	const struct mm_pages *p = &e->kv.pages;
	struct aios_cache_stats cache = { .size = sizeof(cache) };
	uint64_t extra = 0;

	if (!mm_pages_consistent(p))
		return aios_fail(st, -EINVAL,
				 "the free list of pages contradicts their references");
	for (uint32_t i = 0; i < p->total; i++) {
		if (p->refs[i] < c->refs[i] || p->refs[i] > c->refs[i] + 1)
			return aios_fail(st, -EINVAL, "page %u has %u references, requests %u", i,
					 p->refs[i], c->refs[i]);
		extra += p->refs[i] - c->refs[i];
	}
	if (e->prefix.cache)
		e->prefix.ops->stats(e->prefix.cache, &cache);
	if (extra != cache.pages)
		return aios_fail(st, -EINVAL,
				 "%" PRIu64 " pages belong to no request, the prefix cache has %u",
				 extra, cache.pages);
	return 0;
}

static int check_lists(struct aios_engine *e, const struct census *c, struct aios_status *st)
{
	const struct sched *s = &e->sched;

	if (c->alive != e->alive)
		return aios_fail(st, -EINVAL, "%u requests are known, %u are alive", c->alive,
				 e->alive);
	if (c->slots + s->n_free != s->n_slots)
		return aios_fail(st, -EINVAL, "%u slots are taken, %u free, of %u", c->slots,
				 s->n_free, s->n_slots);
	if (c->swapped != e->swap.used)
		return aios_fail(st, -EINVAL, "requests have %u swap slots, %u are in use",
				 c->swapped, e->swap.used);
	if (c->draft_pages != e->draft.kv.pages.used || !mm_pages_consistent(&e->draft.kv.pages))
		return aios_fail(st, -EINVAL,
				 "requests have %u pages of the draft model, %u are in use",
				 c->draft_pages, e->draft.kv.pages.used);
	for (uint32_t i = 0; i < AIOS_REQUEST_FINISHED; i++) {
		if (c->states[i] != e->stats.states[i])
			return aios_fail(st, -EINVAL, "%u requests are %s, the counter says %u",
					 c->states[i], aios_request_state_name(i),
					 e->stats.states[i]);
	}
	return 0;
}

/* Beams but the first have no slot: they are where it is, and as long as it is once there are all. */
static int check_beam(struct aios_engine *e, const struct request *first, const struct request *r,
		      struct census *c, struct aios_status *st)
{
	if (!r || r->beams != first->beams || r->slot != REQUEST_NO_SLOT)
		return bad(st, first, "one of its beams is not its own");
	if (request_running(r) && first->state != AIOS_REQUEST_DECODING)
		return bad(st, r, "a beam runs before the first one");
	if ((r->state == AIOS_REQUEST_QUEUED) != (r->choice >= first->beams->active))
		return bad(st, r, "a beam is queued and takes part, or the other way round");
	if (r->choice < first->beams->active && r->n_tokens != first->n_tokens)
		return bad(st, r, "beams have different lengths");
	return check_request(e, r, c, st);
}

static int count_requests(struct aios_engine *e, struct census *c, struct aios_status *st)
{
	struct request *r;
	uint32_t at = 0;
	int rc = 0;

	while (rc == 0 && (r = engine_next(e, &at)) != NULL) {
		c->slots++;
		if (r->slot != at - 1)
			return bad(st, r, "is in another slot than it thinks");
		rc = check_request(e, r, c, st);
		for (uint32_t i = 1; r->beams && i < r->beams->n && rc == 0; i++)
			rc = check_beam(e, r, r->beams->lanes[i], c, st);
	}
	for (r = e->held; r && rc == 0; r = r->next) {
		if (r->state != AIOS_REQUEST_QUEUED || r->slot != REQUEST_NO_SLOT)
			return bad(st, r, "is held back and not queued");
		rc = check_request(e, r, c, st);
	}
	return rc;
}

int engine_check_invariants(struct aios_engine *e, struct aios_status *st)
{
	struct census c;
	int rc;

	aios_status_clear(st);
	memset(&c, 0, sizeof(c));
	c.refs = calloc(e->kv.pages.total, sizeof(*c.refs));
	if (!c.refs)
		return aios_fail(st, -ENOMEM, "no memory to check %u pages", e->kv.pages.total);
	rc = count_requests(e, &c, st);
	if (rc == 0)
		rc = check_lists(e, &c, st);
	if (rc == 0)
		rc = check_refs(e, &c, st);
	free(c.refs);
	return rc;
}
