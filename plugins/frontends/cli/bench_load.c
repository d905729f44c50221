/* SPDX-License-Identifier: Apache-2.0 */
/* bench_load.c - many requests at once through an engine, with the times that matter. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define SAMPLE_EVERY 100 /* tokens between two looks at the page pool */

/* Steele, Lea, Flood (2014): SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int load_init(struct load *l, uint32_t n, struct aios_status *st)
{
	*l = (struct load){ .n = n };
	l->ids = calloc(n, sizeof(*l->ids));
	l->prompt = calloc(n, sizeof(*l->prompt));
	l->output = calloc(n, sizeof(*l->output));
	if (l->ids && l->prompt && l->output)
		return 0;
	load_finish(l);
	return aios_fail(st, -ENOMEM, "no memory for %u requests", n);
}

void load_finish(struct load *l)
{
	for (uint32_t i = 0; i < l->n && l->ids; i++)
		free(l->ids[i]);
	free(l->ids);
	free(l->prompt);
	free(l->output);
	*l = (struct load){ 0 };
}

int load_even(struct load *l, uint32_t n, uint32_t prompt, uint32_t output, uint32_t vocab,
	      uint64_t seed, struct aios_status *st)
{
	int rc = load_init(l, n, st);

	for (uint32_t i = 0; i < n && rc == 0; i++) {
		l->prompt[i] = prompt;
		l->output[i] = output;
		l->ids[i] = malloc(prompt * sizeof(**l->ids));
		if (!l->ids[i])
			rc = aios_fail(st, -ENOMEM, "no memory for a prompt of %u tokens", prompt);
		for (uint32_t p = 0; p < prompt && rc == 0; p++)
			l->ids[i][p] = (int32_t)(next_random(&seed) % vocab);
	}
	if (rc < 0)
		load_finish(l);
	return rc;
}

void flight_finish(struct flight *f)
{
	free(f->first);
	free(f->marked);
	*f = (struct flight){ 0 };
}

static int submit_all(const struct load *l, struct aios_engine *engine, struct aios_status *st)
{
	struct aios_request r = AIOS_REQUEST_INIT;
	uint64_t id;
	int rc = 0;

	r.ignore_eos = true;
	r.sampling.temperature = l->temperature;
	for (uint32_t i = 0; i < l->n && rc == 0; i++) {
		r.ids = l->ids[i];
		r.n_ids = l->prompt[i];
		r.max_tokens = l->output[i];
		r.sampling.seed = i;
		r.user = (void *)(uintptr_t)i;
		rc = aios_submit(engine, &r, &id, st);
	}
	return rc;
}

static void look_at_pages(struct aios_engine *engine, struct flight *f, double *sum, uint32_t *n)
{
	struct aios_stats s = { .size = sizeof(s) };

	aios_engine_stats(engine, &s);
	if (s.kv_pages_used > f->pages_peak)
		f->pages_peak = s.kv_pages_used;
	f->pages_total = s.kv_pages_total;
	f->steps = s.steps;
	f->guessed = s.drafted_tokens;
	f->right = s.accepted_tokens;
	*sum += s.kv_pages_used;
	*n += 1;
}

static int on_end(const struct aios_event *e, struct flight *f, uint64_t now,
		  struct aios_status *st)
{
	if (!f->first_end)
		f->first_end = now;
	f->ended = now;
	f->prompt_tokens += e->usage.prompt_tokens;
	f->output_tokens += e->usage.completion_tokens;
	f->cached_tokens += e->usage.cached_tokens;
	f->preemptions += e->usage.preemptions;
	if (e->reason == AIOS_END_LENGTH)
		return 0;
	if (e->reason == AIOS_END_ERROR) {
		*st = e->status;
		return e->status.code ? e->status.code : -EIO;
	}
	return aios_fail(st, -EIO, "a request of the benchmark ended early: %s",
			 aios_end_reason_name(e->reason));
}

int load_fly(const struct load *l, struct aios_engine *engine, struct flight *f,
	     struct aios_status *st)
{
	uint32_t *tokens = calloc(l->n, sizeof(*tokens)), ended = 0, looks = 0;
	struct aios_stats before = { .size = sizeof(before) };
	uint64_t now, seen = 0;
	struct aios_event e;
	double sum = 0;
	int rc = 0;

	*f = (struct flight){ 0 };
	f->first = calloc(l->n, sizeof(*f->first));
	f->marked = calloc(l->n, sizeof(*f->marked));
	if (!tokens || !f->first || !f->marked)
		rc = aios_fail(st, -ENOMEM, "no memory for %u requests", l->n);
	aios_engine_stats(engine, &before);
	f->began = clock_ns();
	if (rc == 0)
		rc = submit_all(l, engine, st);
	while (rc == 0 && ended < l->n) {
		rc = aios_poll(engine, &e, 0, st);
		if (rc <= 0) {
			rc = rc ? rc : aios_fail(st, -EIO, "the engine has lost a request");
			break;
		}
		rc = 0;
		now = clock_ns();
		if (e.type == AIOS_EVENT_TOKEN) {
			uint32_t i = (uint32_t)(uintptr_t)e.user, n = ++tokens[i];

			if (n == 1)
				f->first[i] = now;
			if (n == l->mark)
				f->marked[i] = now;
			if (seen++ % SAMPLE_EVERY == 0)
				look_at_pages(engine, f, &sum, &looks);
		} else {
			ended++;
			rc = on_end(&e, f, now, st);
		}
	}
	look_at_pages(engine, f, &sum, &looks);
	f->steps -= before.steps;
	f->guessed -= before.drafted_tokens;
	f->right -= before.accepted_tokens;
	f->pages_mean = sum / looks;
	free(tokens);
	return rc;
}
