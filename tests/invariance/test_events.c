// SPDX-License-Identifier: Apache-2.0
/*
 * test_events.c - random events (submit, cancel, preempt, exhaust, fail) with the invariant
 * checker after every step; what cannot run; threads; faults at device calls. AIOS_TEST_SEED=N makes
 * other events.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bed.h"

Suite *test_events_suite(void);

/* A small generator, so that a seed is a test. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(next_random(state) % n);
}

enum {
	MAX_LIVE = 600
};

struct crowd {
	struct bed bed;
	uint64_t random;
	struct result *results; /* [MAX_LIVE][4] */
	uint64_t ids[MAX_LIVE];
	uint32_t n, refused;
};

static void submit_random(struct crowd *c)
{
	static int32_t prompt[200];
	struct aios_request req = AIOS_REQUEST_INIT;
	struct aios_status st;
	uint32_t family = below(&c->random, 4), split = below(&c->random, 120);

	if (c->n == MAX_LIVE)
		return;
	for (uint32_t i = 0; i < 200; i++)
		prompt[i] =
			(int32_t)((i * 31 + family * 997 + (i > split ? split * 53 : 0)) % 4000);
	req.ids = prompt;
	req.n_ids = 1 + below(&c->random, below(&c->random, 4) ? 24 : bed_full() ? 150 : 60);
	req.max_tokens = 1 + below(&c->random, bed_full() ? 24 : 12);
	req.sampling.temperature = below(&c->random, 2) ? 1.0f : 0.0f;
	req.sampling.seed = c->random;
	req.n = below(&c->random, 5) ? 1 : 1 + below(&c->random, 4);
	req.tenant = below(&c->random, 3);
	req.priority = (int32_t)below(&c->random, 5) - 2;
	req.no_cache = below(&c->random, 8) == 0;
	req.cache_salt = below(&c->random, 6) ? NULL : "salt";
	req.top_logprobs = below(&c->random, 9) ? -1 : 3;
	req.prompt_logprobs = below(&c->random, 7) ? -1 : (int32_t)below(&c->random, 21);
	if (below(&c->random, 5) == 0) {
		req.beams = 1 + below(&c->random, 4);
		req.early_stopping = below(&c->random, 3);
		req.length_penalty = (float)below(&c->random, 4) - 1.0f;
		req.sampling.temperature = 0.0f;
		req.n = 1;
		req.top_logprobs = (int32_t)below(&c->random, 2) - 1;
	}
	c->ids[c->n] = bed_submit(&c->bed, &req, &c->results[4 * c->n], &st);
	if (c->ids[c->n] == 0) {
		ck_assert_msg(st.code == -AIOS_NOT_NOW || st.code == -ENOSPC || st.code == -E2BIG,
			      "%d: %s", st.code, st.message);
		ck_assert_uint_gt(strlen(st.message), 20);
		c->refused++;
		return;
	}
	c->n++;
}

static struct request *any_request(struct crowd *c)
{
	uint32_t skip = below(&c->random, 16), at = 0;
	struct request *r = NULL, *found;

	while ((found = engine_next(c->bed.e, &at)) != NULL) {
		r = found;
		if (skip-- == 0)
			break;
	}
	return r;
}

static void random_event(struct crowd *c)
{
	struct request *r;

	switch (below(&c->random, 8)) {
	case 0:
	case 1:
	case 2:
		submit_random(c);
		break;
	case 3:
		if (c->n > 0)
			ck_assert_int_eq(aios_cancel(c->bed.e, c->ids[below(&c->random, c->n)]), 0);
		break;
	case 4:
		r = any_request(c);
		if (r)
			sched_preempt(c->bed.e, r,
				      below(&c->random, 2) ? AIOS_SCHED_SWAP : AIOS_SCHED_DROP,
				      true);
		break;
	default:
		bed_step(&c->bed);
	}
}

static void make_tenants(struct crowd *c)
{
	const struct aios_tenant one = { .weight = 1.0, .max_cached_pages = 20 };
	const struct aios_tenant two = { .weight = 2.0, .max_running = 3, .max_pages = 60 };
	struct aios_status st;

	ck_assert_int_eq(aios_engine_tenant(c->bed.e, 1, &one, &st), 0);
	ck_assert_int_eq(aios_engine_tenant(c->bed.e, 2, &two, &st), 0);
}

static void crowd_open(struct crowd *c, const char *const *settings, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->random = seed;
	c->results = calloc(4 * MAX_LIVE, sizeof(*c->results));
	ck_assert_ptr_nonnull(c->results);
	bed_open(&c->bed, bed_demo(), settings);
	make_tenants(c);
}

/* Every answer ended once, and everything is back. */
static void crowd_close(struct crowd *c)
{
	struct aios_stats stats = { .size = sizeof(stats) };

	for (uint32_t i = 0; i < c->n; i++)
		ck_assert_uint_eq(c->results[4 * i].ends, 1);
	ck_assert_int_eq(aios_engine_stats(c->bed.e, &stats), 0);
	ck_assert_uint_eq(stats.kv_pages_used, 0);
	ck_assert_uint_eq(stats.swap_pages_used, 0);
	ck_assert_uint_eq(stats.running + stats.waiting, 0);
	ck_assert_uint_eq(stats.finished + stats.failed + stats.cancelled, stats.submitted);
	ck_assert_uint_eq(atomic_load(&c->bed.e->queued), 0);
	bed_close(&c->bed);
	free(c->results);
}

static const char *const worlds[][7] = {
	{ "engine.kv_memory=512K", "engine.page_size=8", "engine.max_queue=40" },
	{ "engine.kv_memory=512K", "engine.cache=radix", "engine.max_queue=40" },
	{ "engine.kv_memory=640K", "engine.cache=radix", "engine.scheduler=fair",
	  "engine.page_size=8", "engine.max_batch_tokens=24" },
	{ "engine.kv_memory=512K", "engine.cache=lfu", "engine.scheduler=priority",
	  "engine.swap_memory=256K" },
	{ "engine.kv_memory=768K", "engine.cache=radix", "engine.scheduler=deadline",
	  "engine.swap_memory=0", "engine.page_size=32" },
	{ "engine.kv_memory=640K", "engine.cache=radix", "engine.page_size=8", "engine.speculate=4",
	  "engine.draft_model=shape:tiny,vocab=4096", "engine.draft_kv_memory=96K" },
	/* The device fails now and then, in the middle of everything. */
	{ "engine.kv_memory=512K", "aios.hook=fault:wait%61=EIO", "engine.graphs=on",
	  "engine.page_size=8" },
	{ "engine.kv_memory=512K", "aios.hook=fault:launch%7001=EIO,copy%331=EIO",
	  "engine.preempt=swap" },
};

#define WORLDS (int)(sizeof(worlds) / sizeof(worlds[0]))

START_TEST(test_random_events)
{
	/* What they prove they prove on any driver. */
	uint32_t events = !bed_full() ? 160 : getenv("AIOS_TEST_DRIVER") ? 1000 : 20000;
	const char *seed = getenv("AIOS_TEST_SEED");
	struct crowd c;

	crowd_open(&c, worlds[_i],
		   100 + (uint64_t)_i + (seed ? 1000 * strtoull(seed, NULL, 10) : 0));
	for (uint32_t i = 0; i < events; i++) {
		struct aios_status st;

		random_event(&c);
		ck_assert_msg(engine_check_invariants(c.bed.e, &st) == 0, "event %u: %s", i,
			      st.message);
		if (c.n < MAX_LIVE || c.bed.e->alive > 0)
			continue;
		bed_events(&c.bed);
		c.n = 0;
	}
	bed_run(&c.bed);
	if (strstr(worlds[_i][1], "fault") && events > 1000)
		ck_assert_uint_gt(c.bed.e->stats.failed, 0);
	crowd_close(&c);
}
END_TEST

/* The n-th call of a slot fails: those in the step end, each once, with what failed; the rest goes on. */
START_TEST(test_faults)
{
	static const struct {
		const char *hook;
		bool lost;
		bool spared; /* it may hit only what can do without */
		bool draft;  /* a draft model's calls are among those that may fail */
	} faults[] = {
		{ "aios.hook=fault:launch%97=EIO", false, false, false },
		{ "aios.hook=fault:copy%23=EIO", false, false, false },
		{ "aios.hook=fault:wait%7=EIO", false, false, false },
		{ "aios.hook=fault:signal%11=EIO", false, false, false },
		{ "aios.hook=fault:alloc%9=ENOMEM", false, true, false },
		{ "aios.hook=fault:launch@900=lost", true, false, false },
		{ "aios.hook=fault:copy@60=lost", true, false, false },
		{ "aios.hook=fault:launch%89=EIO", false, false, true },
		{ "aios.hook=fault:launch@1100=lost", true, false, true },
	};
	const char *settings[] = { faults[_i].hook,
				   "engine.context_length=512",
				   "engine.kv_memory=512K",
				   "engine.page_size=8",
				   "engine.cache=radix",
				   faults[_i].draft ? "engine.speculate=4" : NULL,
				   "engine.draft_model=shape:tiny,vocab=4096",
				   NULL };
	struct aios_status st;
	struct aios_event ev;
	struct crowd c;
	int rc, failed = 0;

	memset(&c, 0, sizeof(c));
	c.random = 5;
	c.results = calloc(4 * MAX_LIVE, sizeof(*c.results));
	rc = bed_try(&c.bed, bed_demo(), settings, &st);
	if (rc < 0) { /* the fault came early: an error with a message, and nothing is left */
		ck_assert_uint_gt(strlen(st.message), 5);
		goto shut;
	}
	make_tenants(&c);
	for (int i = 0; i < 14; i++)
		submit_random(&c);
	while ((rc = aios_poll(c.bed.e, &ev, 0, &st)) > 0) {
		struct result *out = (struct result *)ev.user + ev.choice;

		ck_assert_uint_eq(out->ends, 0);
		if (ev.type != AIOS_EVENT_END)
			continue;
		out->ends++;
		failed += ev.reason == AIOS_END_ERROR;
		if (ev.reason == AIOS_END_ERROR)
			ck_assert_uint_gt(strlen(ev.status.message), 5);
		if (!faults[_i].lost)
			ck_assert_int_eq(engine_check_invariants(c.bed.e, &st), 0);
	}
	ck_assert_int_eq(rc, faults[_i].lost ? -AIOS_DEVICE_LOST : 0);
	ck_assert(failed > 0 || faults[_i].spared);
	for (uint32_t i = 0; i < c.n && !faults[_i].lost; i++)
		ck_assert_uint_eq(c.results[4 * i].ends, 1);
shut:
	bed_shut(&c.bed);
	free(c.results);
}
END_TEST

/* ---- each device call fails once ---------------------------------------------------------- */

enum {
	SWEPT = 3,        /* requests */
	SWEPT_RESULTS = 4 /* the last one has two choices */
};

struct sweep {
	struct bed bed;
	struct result got[SWEPT_RESULTS];
	uint64_t ids[SWEPT];
};

/* With `hook`; false: not even opened, which has to be said. */
static bool sweep_open(struct sweep *s, const char *hook)
{
	const char *const settings[] = { hook,
					 "engine.context_length=128",
					 "engine.kv_memory=512K",
					 "engine.page_size=8",
					 "engine.cache=radix",
					 "engine.swap_memory=256K",
					 NULL };
	struct aios_status st;

	memset(s, 0, sizeof(*s));
	if (bed_try(&s->bed, bed_demo(), settings, &st) == 0)
		return true;
	ck_assert_ptr_null(s->bed.e);
	ck_assert_uint_gt(strlen(st.message), 5);
	return false;
}

static void sweep_submit(struct sweep *s, uint32_t i)
{
	static const uint32_t prompts[SWEPT] = { 20, 20, 9 };
	int32_t ids[20];
	struct aios_request req = AIOS_REQUEST_INIT;
	struct aios_status st;

	for (int32_t k = 0; k < 20; k++) /* two of them begin alike */
		ids[k] = 5 + k * 31 + (k > 17 ? (int32_t)i : 0) + (i == 2 ? 400 : 0);
	req.ids = ids;
	req.n_ids = prompts[i];
	req.max_tokens = 4;
	req.ignore_eos = true;
	req.sampling.temperature = i == 1 ? 0.8f : 0.0f;
	req.sampling.seed = 11;
	req.n = i == 2 ? 2 : 1;
	s->ids[i] = bed_submit(&s->bed, &req, &s->got[i], &st);
	ck_assert_msg(s->ids[i] != 0, "%s", st.message);
}

/* One request, then the others; on the way the first is swapped out. Then the first again. */
static void sweep_play(struct sweep *s, struct result *again)
{
	uint32_t at = 0;
	struct request *r;

	sweep_submit(s, 0);
	bed_step(&s->bed);
	sweep_submit(s, 1);
	sweep_submit(s, 2);
	bed_step(&s->bed);
	r = engine_next(s->bed.e, &at);
	if (r)
		sched_preempt(s->bed.e, r, AIOS_SCHED_SWAP, true);
	bed_run(&s->bed);
	*again = s->got[0];
	sweep_submit(s, 0);
	bed_run(&s->bed);
}

/* An answer is whole, or ended by an error that says something. How many were not whole. */
static uint32_t sweep_judge(const struct result *got, const struct result *want)
{
	ck_assert_uint_eq(got->ends, 1);
	if (got->reason == AIOS_END_ERROR) {
		ck_assert_uint_gt(strlen(got->status.message), 5);
		ck_assert_uint_le(got->n, want->n);
		ck_assert_mem_eq(got->ids, want->ids, got->n * sizeof(*got->ids));
		return 1;
	}
	ck_assert_uint_eq(got->reason, AIOS_END_LENGTH);
	ck_assert_uint_eq(got->n, want->n);
	ck_assert_mem_eq(got->ids, want->ids, want->n * sizeof(*want->ids));
	return 0;
}

/* Call number `at` of the slot fails; how many answers that cost. */
static uint32_t sweep_run(const char *slot, uint32_t at, const struct result *want)
{
	struct aios_stats stats = { .size = sizeof(stats) };
	static struct sweep s;
	static struct result first;
	uint32_t lost;
	char hook[64];

	snprintf(hook, sizeof(hook), "aios.hook=fault:%s@%u=EIO", slot, at);
	ck_assert(sweep_open(&s, hook));
	sweep_play(&s, &first);
	lost = sweep_judge(&first, &want[0]);
	for (uint32_t i = 0; i < SWEPT_RESULTS; i++)
		lost += sweep_judge(&s.got[i], &want[i]);
	ck_assert_int_eq(aios_engine_stats(s.bed.e, &stats), 0);
	ck_assert_uint_eq(stats.kv_pages_used + stats.swap_pages_used, 0);
	ck_assert_uint_eq(stats.finished + stats.failed, SWEPT_RESULTS + 1);
	bed_shut(&s.bed);
	return lost;
}

/* The first call of the slot that is made when the engine is open. */
static uint32_t sweep_first(const char *slot)
{
	static struct sweep s;
	uint32_t low = 0, high = 1 << 14; /* fails to open; opens */
	char hook[64];

	while (high - low > 1) {
		uint32_t at = low + (high - low) / 2;

		snprintf(hook, sizeof(hook), "aios.hook=fault:%s@%u=EIO", slot, at);
		*(sweep_open(&s, hook) ? &high : &low) = at;
		bed_shut(&s.bed);
	}
	return high;
}

/*
 * Every device call that an open engine makes fails once, in a run of its own (make check: some of
 * them). Who was in that step ends with the error, the others are as ever, and so is who comes after.
 */
START_TEST(test_every_call)
{
	static const struct {
		const char *slot;
		uint32_t stride; /* of make check */
	} slots[] = { { "launch", 97 }, { "copy", 2 }, { "wait", 2 }, { "signal", 2 } };
	const char *slot = slots[_i].slot;
	uint32_t at = sweep_first(slot), whole = 0, runs = 0, hit = 0;
	static struct result want[SWEPT_RESULTS];
	static struct result first;
	static struct sweep s;

	ck_assert(sweep_open(&s, "aios.hook=fault:launch@1000000=EIO"));
	sweep_play(&s, &first);
	memcpy(want, s.got, sizeof(want));
	bed_shut(&s.bed);
	/* Some calls can be done without; behind the last one nothing ever fails. */
	for (; whole < 6; runs++) {
		uint32_t lost = sweep_run(slot, at, want);

		at += bed_full() ? 1 : slots[_i].stride;
		whole = lost ? 0 : whole + 1;
		hit += lost > 0;
	}
	ck_assert_msg(hit > 1, "%u of %u failing calls of %s were noticed", hit, runs, slot);
	if (bed_full())
		printf("%s: %u calls failed, one in each run\n", slot, hit);
}
END_TEST

/* ---- what cannot run ends at once, each in its own way ------------------------------ */

START_TEST(test_refusals)
{
	static const char *const settings[] = { "engine.kv_memory=64K", "engine.max_queue=3",
						"engine.context_length=100", NULL };
	static int32_t ids[200];
	struct aios_request req = AIOS_REQUEST_INIT, bad;
	static struct result out[8];
	struct aios_status st;
	struct bed b;

	bed_open(&b, bed_demo(), settings);
	req.ids = ids;
	req.n_ids = 8;
	req.max_tokens = 4;
	bad = req;
	bad.n_ids = 101;
	ck_assert(!bed_submit(&b, &bad, out, &st) && st.code == -E2BIG);
	ck_assert_ptr_nonnull(strstr(st.message, "101 tokens"));
	bad = req;
	bad.max_tokens = 90;
	ck_assert_msg(!bed_submit(&b, &bad, out, &st) && st.code == -ENOSPC, "%s", st.message);
	ck_assert_ptr_nonnull(strstr(st.message, "98 tokens of KV cache"));
	bad = req;
	bad.sampling.top_p = 2.0f;
	ck_assert(!bed_submit(&b, &bad, out, &st) && st.code == -EINVAL);
	bad = req;
	bad.tenant = 64;
	ck_assert(!bed_submit(&b, &bad, out, &st) && st.code == -EINVAL);
	bad = req;
	bad.priority = 101;
	ck_assert(!bed_submit(&b, &bad, out, &st) && st.code == -EINVAL);
	bad = req;
	bad.n = 4;
	ck_assert(!bed_submit(&b, &bad, out, &st) && st.code == -AIOS_NOT_NOW);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_ne(bed_submit(&b, &req, &out[i], &st), 0);
	ck_assert(!bed_submit(&b, &req, &out[3], &st) && st.code == -AIOS_NOT_NOW);
	ck_assert_ptr_nonnull(strstr(st.message, "engine.max_queue"));
	bed_run(&b);
	ck_assert_uint_ne(bed_submit(&b, &req, &out[3], &st), 0);
	bed_run(&b);
	ck_assert_uint_eq(b.e->stats.finished, 4);
	ck_assert_uint_eq(atomic_load(&b.e->refused), 10);
	bed_close(&b);
}
END_TEST

/* ---- the engine's own thread ---------------------------------------------------------- */

struct served {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct result results[48];
	int ends, tokens;
};

static void take_event(void *ctx, const struct aios_event *ev)
{
	struct served *s = ctx;
	struct result *out = ev->user;

	pthread_mutex_lock(&s->lock);
	if (ev->type == AIOS_EVENT_TOKEN) {
		out->ids[out->n++] = ev->id;
		s->tokens++;
	} else {
		out->ends++;
		out->reason = ev->reason;
		s->ends++;
		pthread_cond_signal(&s->ended);
	}
	pthread_mutex_unlock(&s->lock);
}

struct submitter {
	struct aios_engine *engine;
	struct served *served;
	int first;
};

static void *submit_some(void *arg)
{
	const struct submitter *s = arg;
	static const int32_t ids[] = { 5, 6, 7, 8, 9, 10, 11 };
	uint64_t id;

	for (int i = s->first; i < s->first + 12; i++) {
		struct aios_request req = AIOS_REQUEST_INIT;
		struct aios_status st;

		req.ids = ids;
		req.n_ids = 1 + (size_t)i % 7;
		req.max_tokens = i % 4 == 3 ? 400 : 6;
		req.ignore_eos = true;
		req.user = &s->served->results[i];
		ck_assert_msg(aios_submit(s->engine, &req, &id, &st) == 0, "%s", st.message);
		if (i % 4 == 3)
			ck_assert_int_eq(aios_cancel(s->engine, id), 0);
	}
	return NULL;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Four threads submit and cancel at once; idle, the engine's thread costs nothing. */
START_TEST(test_own_thread)
{
	static struct served s = { .lock = PTHREAD_MUTEX_INITIALIZER,
				   .ended = PTHREAD_COND_INITIALIZER };
	struct aios_stats stats = { .size = sizeof(stats) };
	struct submitter submitters[4];
	struct timespec nap = { .tv_nsec = 200000000 };
	struct aios_status st;
	struct aios_event ev;
	pthread_t threads[4];
	uint64_t before;
	struct bed b;

	bed_open(&b, bed_demo(), NULL);
	ck_assert_int_eq(aios_engine_start(b.e, take_event, &s, &st), 0);
	ck_assert_int_eq(aios_engine_start(b.e, take_event, &s, &st), -EBUSY);
	ck_assert_int_eq(aios_poll(b.e, &ev, 0, &st), -EBUSY);
	for (int i = 0; i < 4; i++) {
		submitters[i] = (struct submitter){ b.e, &s, 12 * i };
		pthread_create(&threads[i], NULL, submit_some, &submitters[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_lock(&s.lock);
	while (s.ends < 48)
		pthread_cond_wait(&s.ended, &s.lock);
	pthread_mutex_unlock(&s.lock);
	nanosleep(&nap, NULL); /* the last step's other work */
	before = cpu_ns();
	nanosleep(&nap, NULL);
	ck_assert_msg(cpu_ns() - before < 2000000, "idle for 200 ms cost %llu us",
		      (unsigned long long)(cpu_ns() - before) / 1000);
	for (int i = 0; i < 48; i++) {
		ck_assert_uint_eq(s.results[i].ends, 1);
		ck_assert_uint_eq(s.results[i].reason,
				  i % 4 == 3 ? AIOS_END_CANCELLED : AIOS_END_LENGTH);
	}
	ck_assert_int_eq(aios_engine_stats(b.e, &stats), 0);
	ck_assert_uint_eq(stats.finished, 36);
	ck_assert_uint_eq(stats.cancelled, 12);
	aios_engine_stop(b.e);
	ck_assert_int_eq(aios_poll(b.e, &ev, 0, &st), 0);
	bed_close(&b);
}
END_TEST

START_TEST(test_histogram)
{
	struct aios_histogram h = { 0 };

	ck_assert(aios_histogram_quantile(&h, 0.5) == 0);
	for (uint64_t v = 1; v <= 1000; v++)
		histogram_add(&h, v);
	ck_assert_uint_eq(h.count, 1000);
	ck_assert_uint_eq(h.sum, 500500);
	ck_assert(aios_histogram_quantile(&h, 0.5) > 480 && aios_histogram_quantile(&h, 0.5) < 520);
	ck_assert(aios_histogram_quantile(&h, 0.99) > 900);
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, 0);
	ck_assert_uint_eq(h.buckets[AIOS_HISTOGRAM_BUCKETS - 1], 1);
	ck_assert_uint_eq(h.buckets[0], 2);
}
END_TEST

Suite *test_events_suite(void)
{
	Suite *s = suite_create("events");
	TCase *tc = tcase_create("events");

	tcase_set_timeout(tc, 600);
	bed_add(tc, test_random_events, WORLDS);
	bed_add(tc, test_faults, 9);
	suite_add_tcase(s, tc);
	tc = tcase_create("every call");
	tcase_set_timeout(tc, 600);
	bed_add_host(tc, test_every_call, 4);
	suite_add_tcase(s, tc);
	tc = tcase_create("calls");
	tcase_set_timeout(tc, 60);
	bed_add(tc, test_refusals, 1);
	bed_add(tc, test_own_thread, 1);
	bed_add(tc, test_histogram, 1);
	suite_add_tcase(s, tc);
	return s;
}
