/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - what requests have to tell, in order, until it is polled. A request's
 * END event is part of the request, so ending one cannot fail for lack of memory.
 */
#ifndef CORE_ENGINE_EVENT_H
#define CORE_ENGINE_EVENT_H

#include <aios/aios.h>

struct request;

struct queued_event {
	struct queued_event *next;
	struct aios_event event;
	struct request *ended; /* END: the request that this event is part of */
	char *text;            /* TOKEN, PROMPT: owned, as are the lists */
	int32_t *top_ids;
	float *top_logprobs;
	size_t cap_text, cap_top_ids, cap_top_logprobs;
};

#define EVENT_SPARES 1024u

struct event_queue {
	struct queued_event *first, **end;
	struct queued_event *current; /* given out last; retired by the next pop */
	struct queued_event
		*spare; /* at most EVENT_SPARES, with their memory: a step allocates none */
	uint32_t n_spare;
};

void event_queue_init(struct event_queue *q);
void event_queue_finish(struct event_queue *q); /* drops all events and the requests that ended */

/* Queue a TOKEN event with copies of text and lists. 0 or -ENOMEM. */
int event_push_token(struct event_queue *q, const struct request *r, int32_t id, const char *text,
		     size_t len, float logprob, const int32_t *top_ids, const float *top,
		     uint32_t n_top);

/* Queue a PROMPT event: the token at `position` of the prompt. 0 or -ENOMEM. */
int event_push_prompt(struct event_queue *q, const struct request *r, uint32_t position,
		      float logprob, uint32_t rank, const int32_t *top_ids, const float *top,
		      uint32_t n_top);

/* Queue the END event; `text` belongs to the request, which belongs to the queue from now on. */
void event_push_end(struct event_queue *q, struct request *r, const char *text, size_t len);

/* The next event or NULL; it is the queue's until the next call. */
struct queued_event *event_pop(struct event_queue *q);

#endif /* CORE_ENGINE_EVENT_H */
