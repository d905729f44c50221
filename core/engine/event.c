// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/event.h"
#include "core/engine/request.h"

void event_queue_init(struct event_queue *q)
{
	memset(q, 0, sizeof(*q));
	q->end = &q->first;
}

static void event_destroy(struct queued_event *ev)
{
	if (!ev)
		return;
	if (ev->ended) { /* the event is part of its request */
		request_destroy(ev->ended);
		return;
	}
	free(ev->text);
	free(ev->top_ids);
	free(ev->top_logprobs);
	free(ev);
}

void event_queue_finish(struct event_queue *q)
{
	struct queued_event *ev;

	event_destroy(q->current);
	q->current = NULL;
	while ((ev = q->first) != NULL) {
		q->first = ev->next;
		event_destroy(ev);
	}
	q->end = &q->first;
}

/* An event with its text; linked when everything is there. */
static struct queued_event *event_new(const struct request *r, const char *text, size_t len)
{
	struct queued_event *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return NULL;
	ev->text = malloc(len + 1);
	if (!ev->text) {
		free(ev);
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
	ev->top_ids = malloc(n_top * sizeof(*ev->top_ids));
	ev->top_logprobs = malloc(n_top * sizeof(*ev->top_logprobs));
	if (!ev->top_ids || !ev->top_logprobs)
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
	struct queued_event *ev = event_new(r, text, len);

	if (!ev || event_keep_top(ev, top_ids, top, n_top) < 0) {
		event_destroy(ev);
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
	struct queued_event *ev = event_new(r, "", 0);

	if (!ev || event_keep_top(ev, top_ids, top, n_top) < 0) {
		event_destroy(ev);
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

	event_destroy(q->current);
	q->current = ev;
	if (!ev)
		return NULL;
	q->first = ev->next;
	if (!q->first)
		q->end = &q->first;
	return ev;
}
