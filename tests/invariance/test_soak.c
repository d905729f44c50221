// SPDX-License-Identifier: Apache-2.0
/*
 * test_soak.c - an engine with more requests than it can hold, for a long time: nothing is lost and
 * nothing grows. SOAK_SECONDS says how long (make soak: an hour; make check: two seconds).
 *
 * The time is cut into rounds. In a round the queue is never empty, requests of all kinds come, are
 * cancelled and preempted; at its end all of them may end, and then it is counted what is left: every
 * page free or the cache's, no swap space, as many ends as submissions, as many token events as
 * tokens, and the bytes that the process holds.
 *
 * The rule, for a minute and more, is about the second half of the rounds. A list or a pool that
 * grows at a new peak does that in one round, a leak in each: what the heap in
 * use at rest rises above all rounds before may be, without the PEAKS largest rises, HEAP_SLACK in all (the
 * allocator hands out a chunk that is 16 bytes larger than it need be when the rest of it would be of no use).
 * The resident memory may grow by RSS_SLACK, for a heap is never without gaps.
 * In any case the heap in use after closing the engine is what it was before it was opened. The
 * allocator counts so exactly when it keeps no lists of free chunks for each thread, which it counts as
 * used: GLIBC_TUNABLES=glibc.malloc.tcache_count=0, as make soak sets; else CACHED is forgiven.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bed.h"
#include "core/lib/clock.h"

Suite *test_soak_suite(void);

#define MAX_ROUNDS 40u
#define HEAP_SLACK (4u << 10)
#define PEAKS 2u
#define RSS_SLACK (1u << 20)
#define CACHED (256u << 10)

enum {
	PLACES = 24, /* requests that are there at once */
	CHOICES = 4
};

/* A request that was submitted and has not ended. */
struct place {
	uint64_t id; /* 0: free */
	uint32_t choices;
	struct result results[CHOICES];
};

struct soak {
	struct bed bed;
	struct place places[PLACES];
	uint64_t random;
	uint64_t submitted, ends, tokens;
	uint64_t heap[MAX_ROUNDS], rss[MAX_ROUNDS];
};

static uint64_t next_random(struct soak *s)
{
	uint64_t z = (s->random += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint32_t below(struct soak *s, uint32_t n)
{
	return (uint32_t)(next_random(s) % n);
}

static uint64_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static uint64_t rss_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long all, resident = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &all, &resident), 2);
	fclose(f);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Of every kind: prompts that begin alike, several answers, all ways to draw, stop texts, tenants. */
static void submit_one(struct soak *s, struct place *p)
{
	static const char *const stops[] = { " the", ". " };
	static const struct aios_logit_bias bias[] = { { 17, 4.0f }, { 300, -100.0f } };
	struct aios_request req = AIOS_REQUEST_INIT;
	uint32_t family = below(s, 5), split = below(s, 150);
	struct aios_status st;
	int32_t prompt[200];

	for (uint32_t i = 0; i < 200; i++)
		prompt[i] = (int32_t)((i % (7 + family) * 31 + family * 997 +
				       (i > split ? split * 53 : 0)) %
				      4000);
	req.ids = prompt;
	req.n_ids = 1 + below(s, below(s, 4) ? 40 : 180);
	req.max_tokens = 1 + below(s, below(s, 4) ? 24 : 120);
	req.n = below(s, 6) ? 1 : 1 + below(s, CHOICES);
	req.sampling.temperature = below(s, 2) ? 0.8f : 0.0f;
	req.sampling.seed = s->random;
	req.sampling.repetition = below(s, 8) ? 1.0f : 1.2f;
	req.stop = stops;
	req.n_stop = below(s, 4) ? 0 : 2;
	req.bias = bias;
	req.n_bias = below(s, 8) ? 0 : 2;
	req.top_logprobs = below(s, 8) ? -1 : 5;
	req.ignore_eos = below(s, 2);
	req.tenant = below(s, 3);
	req.priority = (int32_t)below(s, 5) - 2;
	req.no_cache = below(s, 10) == 0;
	req.cache_salt = below(s, 6) ? NULL : "salt";
	p->id = bed_submit(&s->bed, &req, p->results, &st);
	ck_assert_msg(p->id != 0, "%d: %s", st.code, st.message);
	p->choices = req.n;
	s->submitted += req.n;
}

/* Count what ended, and make room. */
static void collect(struct soak *s)
{
	for (uint32_t i = 0; i < PLACES; i++) {
		struct place *p = &s->places[i];
		uint32_t ends = 0;

		for (uint32_t c = 0; c < p->choices && p->id; c++)
			ends += p->results[c].ends;
		if (!p->id || ends < p->choices)
			continue;
		for (uint32_t c = 0; c < p->choices; c++) {
			ck_assert_uint_eq(p->results[c].ends, 1);
			ck_assert_uint_ne(p->results[c].reason, AIOS_END_ERROR);
			s->tokens += p->results[c].n;
		}
		s->ends += ends;
		p->id = 0;
	}
}

/* Cancel any request, or preempt one that runs. */
static void disturb(struct soak *s)
{
	struct place *p = &s->places[below(s, PLACES)];
	struct request *r = NULL;

	if (below(s, 3) == 0) {
		ck_assert_int_eq(aios_cancel(s->bed.e, p->id), 0);
		return;
	}
	for (uint32_t i = below(s, PLACES), n = PLACES; n > 0; n--, i = (i + 1) % PLACES) {
		r = engine_find(s->bed.e, s->places[i].id, NULL);
		if (!r || !request_running(r))
			continue;
		sched_preempt(s->bed.e, r, below(s, 2) ? AIOS_SCHED_SWAP : AIOS_SCHED_DROP, true);
		return;
	}
}

/* More than the engine can take in, until the time is over; then all of it to its end. */
static void run_round(struct soak *s, uint64_t until)
{
	do {
		for (uint32_t i = 0; i < PLACES; i++) {
			if (!s->places[i].id)
				submit_one(s, &s->places[i]);
		}
		if (below(s, 4) == 0)
			disturb(s);
		bed_step(&s->bed);
		collect(s);
	} while (clock_ns() < until);
	bed_run(&s->bed);
	collect(s);
}

/* Nothing is alive: everything is back, and every event came. */
static void check_rest(struct soak *s)
{
	struct aios_stats stats = { .size = sizeof(stats) };

	for (uint32_t i = 0; i < PLACES; i++)
		ck_assert_uint_eq(s->places[i].id, 0);
	ck_assert_int_eq(aios_engine_stats(s->bed.e, &stats), 0);
	ck_assert_uint_eq(stats.kv_pages_used, 0);
	ck_assert_uint_eq(stats.swap_pages_used, 0);
	ck_assert_uint_eq(stats.running + stats.waiting, 0);
	ck_assert_uint_eq(s->bed.e->kv.pages.used, prefix_evictable(&s->bed.e->prefix));
	ck_assert_uint_eq(stats.submitted, s->submitted);
	ck_assert_uint_eq(s->ends, s->submitted);
	ck_assert_uint_eq(stats.finished + stats.cancelled, s->submitted);
	ck_assert_uint_eq(stats.generated_tokens, s->tokens);
}

static uint64_t largest(const uint64_t *values, uint32_t from, uint32_t to)
{
	uint64_t max = 0;

	for (uint32_t i = from; i < to; i++)
		max = values[i] > max ? values[i] : max;
	return max;
}

/* What the second half rises above all before it, without the largest `peaks` rises. */
static uint64_t growth(const uint64_t *bytes, uint32_t n, uint32_t peaks)
{
	uint64_t rises[MAX_ROUNDS] = { 0 }, max = largest(bytes, 0, n / 2), sum = 0;

	for (uint32_t i = n / 2; i < n; i++) {
		if (bytes[i] <= max)
			continue;
		rises[i] = bytes[i] - max;
		sum += rises[i];
		max = bytes[i];
	}
	for (; peaks > 0; peaks--) {
		uint32_t at = 0;

		for (uint32_t i = 1; i < n; i++)
			at = rises[i] > rises[at] ? i : at;
		sum -= rises[at];
		rises[at] = 0;
	}
	return sum;
}

static void check_plateau(const uint64_t *bytes, uint32_t n, uint32_t peaks, const char *what,
			  uint64_t slack)
{
	ck_assert_msg(growth(bytes, n, peaks) <= slack,
		      "%s at rest grew by %llu bytes in the second half, peaks left out", what,
		      (unsigned long long)growth(bytes, n, peaks));
}

/* A leak in every round is found, a peak forgiven. */
START_TEST(test_rule)
{
	uint64_t flat[MAX_ROUNDS], leak[MAX_ROUNDS];

	for (uint32_t i = 0; i < MAX_ROUNDS; i++) {
		flat[i] = 1000000 + i % 7 * 16 + (i > 25 ? 67600 : 0) + (i > 30 ? 42000 : 0);
		leak[i] = flat[i] + i * 256;
	}
	ck_assert_uint_le(growth(flat, MAX_ROUNDS, PEAKS), 96);
	ck_assert_uint_gt(growth(leak, MAX_ROUNDS, PEAKS), HEAP_SLACK);
}
END_TEST

static void open_soak(struct soak *s)
{
	static const char *const settings[] = { "aios.threads=1",      "engine.scheduler=fair",
						"engine.kv_memory=2M", "engine.swap_memory=1M",
						"engine.speculate=3",  NULL };
	static const struct aios_tenant one = { .weight = 1.0, .max_cached_pages = 10 };
	static const struct aios_tenant two = { .weight = 2.0, .max_running = 5 };
	struct aios_status st;

	bed_open(&s->bed, bed_demo(), settings);
	ck_assert_int_eq(aios_engine_tenant(s->bed.e, 1, &one, &st), 0);
	ck_assert_int_eq(aios_engine_tenant(s->bed.e, 2, &two, &st), 0);
}

static void note_rest(struct soak *s, uint32_t round)
{
	s->heap[round] = heap_bytes();
	s->rss[round] = rss_bytes();
	fprintf(stderr,
		"round %u: %llu answers, %llu tokens; at rest %llu bytes in use, %llu resident\n",
		round + 1, (unsigned long long)s->ends, (unsigned long long)s->tokens,
		(unsigned long long)s->heap[round], (unsigned long long)s->rss[round]);
}

static uint64_t soak_seconds(void)
{
	const char *asked = getenv("SOAK_SECONDS");

	return asked ? strtoull(asked, NULL, 10) : 2;
}

START_TEST(test_soak)
{
	const char *tunables = getenv("GLIBC_TUNABLES");
	uint64_t cached = tunables && strstr(tunables, "tcache_count=0") ? 0 : CACHED;
	uint64_t seconds = soak_seconds(), start, before, after;
	uint32_t rounds = seconds < MAX_ROUNDS ? (uint32_t)seconds : MAX_ROUNDS;
	struct soak *s = calloc(1, sizeof(*s));
	const struct aios_stats *stats;

	ck_assert_ptr_nonnull(s);
	ck_assert_uint_gt(seconds, 1);
	s->random = 1;
	rss_bytes();
	/* The first time, libraries keep what they set up. */
	open_soak(s);
	run_round(s, 0);
	bed_close(&s->bed);
	s->submitted = s->ends = s->tokens = 0;
	before = heap_bytes();

	open_soak(s);
	stats = &s->bed.e->stats;
	start = clock_ns();
	for (uint32_t i = 0; i < rounds; i++) {
		run_round(s, start + (i + 1) * seconds * 1000000000u / rounds);
		check_rest(s);
		note_rest(s, i);
	}
	printf("soak of %llu s: %llu answers, %llu tokens, %llu requests swapped, %llu dropped, "
	       "%llu guesses right\n",
	       (unsigned long long)(clock_ns() - start) / 1000000000u, (unsigned long long)s->ends,
	       (unsigned long long)s->tokens, (unsigned long long)stats->swapped,
	       (unsigned long long)stats->dropped, (unsigned long long)stats->accepted_tokens);
	if (seconds >= 60) {
		ck_assert_uint_gt(stats->swapped, 0);
		ck_assert_uint_gt(stats->dropped, 0);
		ck_assert_uint_gt(stats->accepted_tokens, 0);
		ck_assert_uint_gt(stats->cancelled, 0);
	}
	bed_close(&s->bed);
	after = heap_bytes();
	if (seconds >= 60) {
		check_plateau(s->heap, rounds, PEAKS, "the heap in use", HEAP_SLACK + cached);
		check_plateau(s->rss, rounds, 0, "resident memory", RSS_SLACK);
	}
	ck_assert_msg(after <= before + cached, "%llu bytes are in use after closing, not %llu",
		      (unsigned long long)after, (unsigned long long)before);
	free(s);
}
END_TEST

Suite *test_soak_suite(void)
{
	Suite *s = suite_create("soak");
	TCase *tc = tcase_create("soak");

	tcase_set_timeout(tc, 120.0 + 2.0 * (double)soak_seconds());
	bed_add_host(tc, test_rule, 1);
	bed_add_host(tc, test_soak, 1);
	suite_add_tcase(s, tc);
	return s;
}
