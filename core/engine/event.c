// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/event.h"
#include "core/engine/request.h"
#include "core/lib/array.h"

void event_queue_init(struct event_queue *q)
{
	memset(q, 0, sizeof(*q));
	q->end = &q->first;
}

static void event_free(struct queued_event *ev)
{
	if (!ev)
		return;
	free(ev->text);
	free(ev->top_ids);
	free(ev->top_logprobs);
	free(ev);
}

/* Nobody looks at it any more: what it has is kept for the events to come. */
static void event_retire(struct event_queue *q, struct queued_event *ev)
{
	if (!ev)
		return;
	if (ev->ended) { /* the event is part of its request */
		request_destroy(ev->ended);
		return;
	}
	if (q->n_spare == EVENT_SPARES) {
		event_free(ev);
		return;
	}
	ev->next = q->spare;
	q->spare = ev;
	q->n_spare++;
}

void event_queue_finish(struct event_queue *q)
{
	while (event_pop(q))
		;
	while (q->spare) {
		struct queued_event *ev = q->spare;

		q->spare = ev->next;
		event_free(ev);
	}
	event_queue_init(q);
}

/* An event with nothing in it but room. */
static struct queued_event *event_blank(struct event_queue *q)
{
	struct queued_event *ev = q->spare;

	if (!ev)
		return calloc(1, sizeof(*ev));
	q->spare = ev->next;
	q->n_spare--;
	ev->next = NULL;
	/* No status was ever set in one that is not an END. */
	memset(&ev->event, 0, offsetof(struct aios_event, status));
	ev->event.rank = 0;
	ev->event.position = 0;
	return ev;
}

/* An event of r with its text, not linked yet. */
static struct queued_event *event_new(struct event_queue *q, const struct request *r,
				      const char *text, size_t len)
{
	struct queued_event *ev = event_blank(q);

	if (!ev)
		return NULL;
	if (array_reserve((void **)&ev->text, &ev->cap_text, len + 1, 1) < 0) {
		event_retire(q, ev);
		return NULL;
	}
	if (len > 0)
		memcpy(ev->text, text, len);
	ev->text[len] = '\0';
	ev->event.request = r->id;
	ev->event.user = r->user;
	ev->event.choice = r->choice;
	ev->event.text = ev->text;
	ev->event.text_len = len;
	ev->event.usage = r->usage;
	return ev;
}

static void event_link(struct event_queue *q, struct queued_event *ev)
{
	*q->end = ev;
	q->end = &ev->next;
}

/* Copies of the best ids and their log-probabilities. */
static int event_keep_top(struct queued_event *ev, const int32_t *top_ids, const float *top,
			  uint32_t n_top)
{
	if (n_top == 0)
		return 0;
	if (array_reserve((void **)&ev->top_ids, &ev->cap_top_ids, n_top, sizeof(*ev->top_ids)) <
		    0 ||
	    array_reserve((void **)&ev->top_logprobs, &ev->cap_top_logprobs, n_top,
			  sizeof(*ev->top_logprobs)) < 0)
		return -ENOMEM;
	memcpy(ev->top_ids, top_ids, n_top * sizeof(*top_ids));
	memcpy(ev->top_logprobs, top, n_top * sizeof(*top));
	ev->event.top_ids = ev->top_ids;
	ev->event.top_logprobs = ev->top_logprobs;
	ev->event.n_top = n_top;
	return 0;
}

int event_push_token(struct event_queue *q, const struct request *r, int32_t id, const char *text,
		     size_t len, float logprob, const int32_t *top_ids, const float *top,
		     uint32_t n_top)
{
	struct queued_event *ev = event_new(q, r, text, len);

	if (!ev || event_keep_top(ev, top_ids, top, n_top) < 0) {
		event_retire(q, ev);
		return -ENOMEM;
	}
	ev->event.type = AIOS_EVENT_TOKEN;
	ev->event.id = id;
	ev->event.logprob = logprob;
	event_link(q, ev);
	return 0;
}

int event_push_prompt(struct event_queue *q, const struct request *r, uint32_t position,
		      float logprob, uint32_t rank, const int32_t *top_ids, const float *top,
		      uint32_t n_top)
{
	struct queued_event *ev = event_new(q, r, "", 0);

	if (!ev || event_keep_top(ev, top_ids, top, n_top) < 0) {
		event_retire(q, ev);
		return -ENOMEM;
	}
	ev->event.type = AIOS_EVENT_PROMPT;
	ev->event.id = r->tokens[position];
	ev->event.logprob = logprob;
	ev->event.rank = rank;
	ev->event.position = position;
	event_link(q, ev);
	return 0;
}

void event_push_end(struct event_queue *q, struct request *r, const char *text, size_t len)
{
	struct queued_event *ev = &r->end;

	memset(ev, 0, sizeof(*ev));
	ev->event.type = AIOS_EVENT_END;
	ev->event.reason = r->reason;
	ev->event.score = r->score;
	ev->event.status = r->status;
	ev->event.request = r->id;
	ev->event.user = r->user;
	ev->event.choice = r->choice;
	ev->event.timeline = r->told;
	ev->event.n_timeline = request_timeline(r, r->told);
	ev->event.text = text;
	ev->event.text_len = len;
	ev->event.usage = r->usage;
	ev->ended = r;
	event_link(q, ev);
}

struct queued_event *event_pop(struct event_queue *q)
{
	struct queued_event *ev = q->first;

	event_retire(q, q->current);
	q->current = ev;
	if (!ev)
		return NULL;
	q->first = ev->next;
	if (!q->first)
		q->end = &q->first;
	return ev;
}
