// SPDX-License-Identifier: Apache-2.0
/* life.c - where requests are, and how they end. */
#include <inttypes.h>
#include <stdarg.h>

#include "core/aios.h"
#include "core/engine/beams.h"
#include "core/engine/engine.h"
#include "core/lib/clock.h"

void engine_log(struct aios_engine *e, int level, const char *fmt, ...)
{
	char line[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	e->aios->log(e->aios->log_ctx, level, "engine", line);
}

void engine_move(struct aios_engine *e, struct request *r, enum aios_request_state to)
{
	enum aios_request_state from = r->state;

	if (request_transition(r, to, clock_ns()) < 0) {
		aios_fail(&e->broken, -EINVAL,
			  "internal error: request %" PRIu64 " cannot go from %s to %s", r->id,
			  aios_request_state_name(from), aios_request_state_name(to));
		return;
	}
	e->stats.states[from]--;
	e->stats.states[to]++;
}

struct request *engine_find(struct aios_engine *e, uint64_t id, struct request *from)
{
	struct request *r = from ? from->hash_next : e->hash[id & (e->hash_size - 1)];

	while (r && r->id != id)
		r = r->hash_next;
	return r;
}

struct request *engine_next(const struct aios_engine *e, uint32_t *at)
{
	while (*at < e->sched.n_slots) {
		struct request *r = e->sched.slots[(*at)++];

		if (r)
			return r;
	}
	return NULL;
}

static void unhash(struct aios_engine *e, struct request *r)
{
	struct request **at = &e->hash[r->id & (e->hash_size - 1)];

	while (*at && *at != r)
		at = &(*at)->hash_next;
	if (*at)
		*at = r->hash_next;
	r->hash_next = NULL;
}

static void unhold(struct aios_engine *e, struct request *r)
{
	struct request **at = &e->held;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	r->next = NULL;
}

/* What the detokenizer and the stop texts still hold back belongs to the answer. */
static void end_text(struct request *r, const char **text, size_t *len)
{
	if (!r->detok || r->text.stopped || r->usage.completion_tokens == 0)
		return;
	if (detokenizer_flush(r->detok, text, len, NULL) < 0)
		*len = 0;
	if (text_end(&r->text, *text, *len, text, len) < 0)
		*len = 0;
}

static enum aios_request_state end_state(enum aios_end_reason reason)
{
	switch (reason) {
	case AIOS_END_CANCELLED:
		return AIOS_REQUEST_CANCELLED;
	case AIOS_END_ERROR:
		return AIOS_REQUEST_FAILED;
	default:
		return AIOS_REQUEST_FINISHED;
	}
}

/* Everything it held goes back; what was computed stays in the prefix cache unless it failed. */
static void let_go(struct aios_engine *e, struct request *r, enum aios_end_reason reason)
{
	if (request_running(r) && reason != AIOS_END_ERROR)
		prefix_insert(&e->prefix, r, r->computed);
	step_forget(e, r);
	draft_forget(e, r);
	prefix_unpin(&e->prefix, r);
	prefix_space_put(&e->prefix, r);
	request_give_pages(r, &e->kv.pages);
	swap_drop(&e->swap, &r->swapped);
	request_part(r);
	if (r->slot == REQUEST_NO_SLOT)
		unhold(e, r);
	sched_finished(e, r);
	unhash(e, r);
	e->alive--;
	if (!r->usage.started)
		atomic_fetch_sub(&e->queued, 1);
}

static void count_end(struct aios_engine *e, const struct request *r)
{
	struct aios_stats *s = &e->stats;

	s->finished += r->state == AIOS_REQUEST_FINISHED;
	s->failed += r->state == AIOS_REQUEST_FAILED;
	s->cancelled += r->state == AIOS_REQUEST_CANCELLED;
	histogram_add(&s->request_ns, r->usage.finished - r->usage.submitted);
}

void engine_end(struct aios_engine *e, struct request *r, enum aios_end_reason reason,
		const struct aios_status *st)
{
	const char *text = "";
	size_t len = 0;

	if (request_ended(r))
		return;
	if (r->beams) {
		beams_end(e, r, reason, st);
		return;
	}
	let_go(e, r, reason);
	engine_move(e, r, end_state(reason));
	r->reason = reason;
	if (st)
		r->status = *st;
	end_text(r, &text, &len);
	count_end(e, r);
	event_push_end(&e->events, r, text, len);
}

const char *aios_end_reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[AIOS_END_STOP] = "stop",
		[AIOS_END_LENGTH] = "length",
		[AIOS_END_CANCELLED] = "cancelled",
		[AIOS_END_ERROR] = "error",
	};

	return reason >= AIOS_END_STOP && reason <= AIOS_END_ERROR ? names[reason] : "unknown";
}

const char *aios_request_state_name(uint32_t state)
{
	static const char *const names[AIOS_REQUEST_STATES] = {
		"queued",  "prefilling", "decoding", "swapped",
		"dropped", "finished",   "failed",   "cancelled",
	};

	return state < AIOS_REQUEST_STATES ? names[state] : "unknown";
}
