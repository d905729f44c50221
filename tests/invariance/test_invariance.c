// SPDX-License-Identifier: Apache-2.0
/*
 * test_invariance.c - no decision of the scheduler, the pages or the caches changes a
 * bit of an answer: the token ids and the fp32 logits of a request are those it gets
 * alone. make check runs a part of the grid, make check-invariance all of it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bed.h"

Suite *test_invariance_suite(void);

#define PROMPT_TOKENS 41u
#define LONG_TOKENS 600u
#define LONG_ANSWER 8u

/* A prompt with a little of everything; `salt` makes another. */
static void make_prompt(int32_t *ids, uint32_t n, uint32_t salt)
{
	for (uint32_t i = 0; i < n; i++)
		ids[i] = (int32_t)((i * 37 + salt * 1009 + i * i % 11) % 500 + 3);
}

static struct aios_request subject(const int32_t *ids, bool sampled, uint32_t tokens)
{
	struct aios_request req = AIOS_REQUEST_INIT;

	req.ids = ids;
	req.n_ids = PROMPT_TOKENS;
	req.max_tokens = tokens;
	req.ignore_eos = true;
	req.sampling.temperature = sampled ? 0.8f : 0.0f;
	req.sampling.seed = 7;
	return req;
}

static uint32_t answer_tokens(void)
{
	return bed_full() ? 48 : 20;
}

/* As simply as it can be had: on cpu-ref, alone, in one thread, without graphs, guesses and cached KV. */
#define PLAIN                                                                                      \
	"aios.driver=cpu-ref", "aios.threads=1", "engine.graphs=off", "engine.run_ahead=off",      \
		"engine.cache=off", "engine.speculate=0"

static void run_alone(const char *const *settings, int model, struct aios_request *req,
		      struct result *out)
{
	struct aios_status st;
	struct bed b;

	bed_open(&b, bed_model(model), settings);
	b.digests = true;
	ck_assert_uint_ne(bed_submit(&b, req, out, &st), 0);
	bed_run(&b);
	ck_assert_uint_eq(out->n, req->max_tokens);
	bed_close(&b);
}

/* What the request gets alone, computed once a process for each kind. */
static const struct result *alone_with(int model, bool sampled)
{
	static const char *const plain[] = { PLAIN, NULL };
	static struct result results[BED_MODELS][2];
	struct result *out = &results[model][sampled];
	int32_t ids[PROMPT_TOKENS];
	struct aios_request req;

	if (out->ends)
		return out;
	make_prompt(ids, PROMPT_TOKENS, 0);
	req = subject(ids, sampled, answer_tokens());
	run_alone(plain, model, &req, out);
	return out;
}

static const struct result *alone(bool sampled)
{
	return alone_with(0, sampled);
}

/* The request among `n` neighbours that come before and after it and leave in between. */
static void run_among(struct bed *b, uint32_t n, bool sampled, struct result *out)
{
	struct result *others = calloc(n ? n : 1, sizeof(*others));
	int32_t ids[PROMPT_TOKENS], other[97];
	struct aios_request req;
	struct aios_status st;

	ck_assert_ptr_nonnull(others);
	make_prompt(ids, PROMPT_TOKENS, 0);
	for (uint32_t i = 0; i < n; i++) {
		struct aios_request r = AIOS_REQUEST_INIT;

		if (i == n / 2) {
			bed_step(b);
			req = subject(ids, sampled, answer_tokens());
			ck_assert_uint_ne(bed_submit(b, &req, out, &st), 0);
		}
		make_prompt(other, 97, i % 5 + 1);
		r.ids = other;
		r.n_ids = 1 + i * 13 % (bed_full() ? 97 : 43);
		r.max_tokens = 1 + i * 7 % 29;
		r.sampling.temperature = i % 2 ? 1.0f : 0.0f;
		r.sampling.seed = i;
		r.priority = (int32_t)(i % 7) - 3;
		r.deadline_ns = i % 3 ? 0 : 1;
		ck_assert_uint_ne(bed_submit(b, &r, &others[i], &st), 0);
	}
	if (n == 0) {
		req = subject(ids, sampled, answer_tokens());
		ck_assert_uint_ne(bed_submit(b, &req, out, &st), 0);
	}
	bed_run(b);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(others[i].ends, 1);
	free(others);
}

struct setting {
	const char *what;
	const char *settings[4];
	uint32_t neighbours;
	bool quick; /* part of make check */
};

static const struct setting settings[] = {
	{ "one neighbour", { NULL }, 1, false },
	{ "two neighbours", { NULL }, 2, false },
	{ "more neighbours than a batch", { NULL }, 19, true },
	{ "64 neighbours", { "engine.max_batch_size=40" }, 64, false },
	{ "128 neighbours", { "engine.max_batch_size=128", "engine.kv_memory=32M" }, 128, false },
	{ "256 neighbours", { "engine.max_batch_size=256", "engine.kv_memory=64M" }, 256, false },
	{ "rows one by one", { "engine.max_batch_size=1", "engine.max_batch_tokens=1" }, 0, true },
	{ "chunks of 7", { "engine.max_batch_size=3", "engine.max_batch_tokens=7" }, 4, true },
	{ "chunks of 64", { "engine.max_batch_tokens=64" }, 9, false },
	{ "pages of 8", { "engine.page_size=8" }, 6, true },
	{ "pages of 32", { "engine.page_size=32" }, 6, true },
	{ "pages of 1", { "engine.page_size=1" }, 3, false },
	{ "one thread", { "aios.threads=1" }, 3, true },
	{ "two threads", { "aios.threads=2" }, 3, false },
	{ "no graphs", { "engine.graphs=off" }, 5, false },
	{ "no prefix cache", { "engine.cache=off" }, 9, false },
	{ "least frequently used", { "engine.cache=lfu" }, 12, false },
	{ "priority", { "engine.scheduler=priority" }, 12, true },
	{ "fair", { "engine.scheduler=fair" }, 12, true },
	{ "deadline", { "engine.scheduler=deadline" }, 12, true },
	{ "four guesses", { "engine.speculate=4" }, 6, true },
	{ "a pool for two, drop", { "engine.preempt=drop" }, 12, true },
	{ "a pool for two, swap", { "engine.preempt=swap" }, 12, true },
	{ "a pool for two, fair", { "engine.scheduler=fair", "engine.page_size=8" }, 12, false },
	{ "a pool for two, priority", { "engine.scheduler=priority" }, 12, false },
	{ "a pool for two, deadline", { "engine.scheduler=deadline" }, 12, false },
	{ "a pool for two, lfu", { "engine.cache=lfu" }, 12, false },
};

START_TEST(test_settings)
{
	static const char *const pools[2][2] = {
		{ "engine.kv_memory=320K", "engine.kv_memory=80K" },
		{ "engine.kv_memory=512K", "engine.kv_memory=128K" },
	};
	int model = _i / 2 % BED_MODELS, index = _i / 2 / BED_MODELS;
	const struct setting *set = &settings[index];
	bool sampled = _i % 2;
	const char *list[6] = { 0 }, *path = bed_model(model);
	uint32_t n = 0;
	struct result got;
	struct bed b;

	if (!path || (!bed_full() && (!set->quick || sampled != (index % 2))))
		return;
	while (n < 4 && set->settings[n]) {
		list[n] = set->settings[n];
		n++;
	}
	/* Longer answers in the full grid; a token of the golden checkpoints takes a quarter of the KV. */
	if (strstr(set->what, "a pool for two"))
		list[n++] = pools[bed_full()][model > 0];
	bed_open(&b, path, list);
	b.digests = true;
	run_among(&b, set->neighbours, sampled, &got);
	if (strstr(set->what, "a pool for two") && model < 2)
		ck_assert_uint_gt(b.e->stats.swapped + b.e->stats.dropped, 0);
	bed_close(&b);
	bed_equal(alone_with(model, sampled), &got, set->what);
}
END_TEST

/* ---- chunks of long prompts -------------------------------------------------------- */

/* A prompt that is longer than every chunk but the last, which takes it whole. */
START_TEST(test_chunks)
{
	static const struct {
		const char *chunk;
		uint32_t neighbours;
		bool quick;
	} cases[] = {
		{ "engine.max_batch_tokens=1", 0, false },
		{ "engine.max_batch_tokens=7", 0, false },
		{ "engine.max_batch_tokens=64", 0, true },
		{ "engine.max_batch_tokens=512", 0, true },
		{ "engine.max_batch_tokens=1024", 0, true },
		{ "engine.max_batch_tokens=64", 5, true },
		{ "engine.max_batch_tokens=512", 5, false },
	};
	const char *plain[] = { PLAIN, "engine.context_length=1024", "engine.max_batch_tokens=1024",
				NULL };
	const char *list[] = { cases[_i / 2 % 7].chunk, "engine.context_length=1024",
			       _i / 2 % 7 < 2 ? "engine.max_batch_size=1" : NULL, NULL };
	int model = _i / 2 / 7;
	bool sampled = _i % 2;
	static struct result want, got, others[5];
	static int32_t ids[LONG_TOKENS], other[LONG_TOKENS];
	struct aios_request req, r;
	struct aios_status st;
	struct bed b;

	if (!bed_model(model) || (!bed_full() && (!cases[_i / 2 % 7].quick || sampled)))
		return;
	make_prompt(ids, LONG_TOKENS, 0);
	make_prompt(other, LONG_TOKENS, 2);
	req = subject(ids, sampled, LONG_ANSWER);
	req.n_ids = LONG_TOKENS;
	run_alone(plain, model, &req, &want);
	bed_open(&b, bed_model(model), list);
	b.digests = true;
	for (uint32_t i = 0; i < cases[_i / 2 % 7].neighbours; i++) {
		r = subject(other, !sampled, 3 + 5 * i);
		r.n_ids = 1 + 29 * i;
		ck_assert_uint_ne(bed_submit(&b, &r, &others[i], &st), 0);
		bed_step(&b);
	}
	ck_assert_uint_ne(bed_submit(&b, &req, &got, &st), 0);
	bed_run(&b);
	bed_close(&b);
	bed_equal(&want, &got, cases[_i / 2 % 7].chunk);
}
END_TEST

/* ---- preemption at every token ---------------------------------------------------- */

struct preempting {
	uint64_t id;
	enum aios_sched_how how;
	uint32_t every, seen, times;
};

/* After every step that took the request further than it ever was, be it one of the prompt. */
static void preempt_often(struct bed *b)
{
	struct preempting *p = b->ctx;
	struct request *r = engine_find(b->e, p->id, NULL);
	struct aios_status st;

	if (!r || !request_running(r) || r->computed <= p->seen)
		return;
	p->seen = r->computed;
	if (p->seen % p->every == 0) {
		sched_preempt(b->e, r, p->how, true);
		p->times++;
	}
	ck_assert_msg(engine_check_invariants(b->e, &st) == 0, "%s", st.message);
}

static const struct {
	const char *what;
	enum aios_sched_how how;
	const char *cache;
} preemptions[] = {
	{ "swapped", AIOS_SCHED_SWAP, "engine.cache=off" },
	{ "dropped", AIOS_SCHED_DROP, "engine.cache=off" },
	{ "dropped, cached", AIOS_SCHED_DROP, "engine.cache=radix" },
	{ "swapped, cached", AIOS_SCHED_SWAP, "engine.cache=radix" },
	{ "dropped, lfu", AIOS_SCHED_DROP, "engine.cache=lfu" },
};

#define PREEMPTIONS (int)(sizeof(preemptions) / sizeof(preemptions[0]))
#define PREEMPT_CHUNKS 3

START_TEST(test_preempted_at_every_token)
{
	static const char *const chunks[PREEMPT_CHUNKS] = { "engine.max_batch_tokens=512",
							    "engine.max_batch_tokens=9",
							    "engine.max_batch_tokens=1" };
	static const uint32_t steps[PREEMPT_CHUNKS] = { 1, (PROMPT_TOKENS + 8) / 9, PROMPT_TOKENS };
	int way = _i % PREEMPTIONS, chunk = _i / PREEMPTIONS % PREEMPT_CHUNKS;
	int model = _i / PREEMPTIONS / PREEMPT_CHUNKS;
	const char *list[] = { preemptions[way].cache, "engine.page_size=8", chunks[chunk],
			       chunk == 2 ? "engine.max_batch_size=1" : NULL, NULL };
	struct preempting p = { .how = preemptions[way].how, .every = 1 };
	int32_t ids[PROMPT_TOKENS];
	struct aios_request req;
	struct aios_status st;
	struct result got;
	struct bed b;

	if (!bed_model(model) || (!bed_full() && chunk > (model > 0)))
		return;
	make_prompt(ids, PROMPT_TOKENS, 0);
	for (int sampled = 0; sampled < (bed_full() ? 2 : 1); sampled++) {
		bed_open(&b, bed_model(model), list);
		b.digests = true;
		b.after_step = preempt_often;
		b.ctx = &p;
		p.seen = p.times = 0;
		req = subject(ids, sampled, answer_tokens());
		p.id = bed_submit(&b, &req, &got, &st);
		bed_run(&b);
		bed_close(&b);
		bed_equal(alone_with(model, sampled), &got, preemptions[way].what);
		ck_assert_uint_eq(p.times, steps[chunk] + answer_tokens() - 2);
		ck_assert_uint_eq(got.usage.preemptions, p.times);
		if (preemptions[way].how == AIOS_SCHED_SWAP)
			ck_assert_uint_eq(got.usage.recomputed_tokens, 0);
		else if (strstr(preemptions[way].cache, "off"))
			ck_assert_uint_gt(got.usage.recomputed_tokens, 0);
		ck_assert_uint_gt(got.usage.preempted_ns, 0);
	}
}
END_TEST

/* ---- prefixes that are there already ------------------------------------------------- */

#define WARM_LENGTHS 8

/* A prompt whose first tokens the cache has, at every border; and one that must not find them. */
static void run_warm(int model, uint32_t len, bool sampled, const char *const *list)
{
	uint32_t shared = len < PROMPT_TOKENS ? len : PROMPT_TOKENS, found;
	int32_t ids[PROMPT_TOKENS], first[64];
	struct aios_request req, before;
	struct result got, warm;
	struct aios_status st;
	struct bed b;

	make_prompt(ids, PROMPT_TOKENS, 0);
	make_prompt(first, 64, 3);
	memcpy(first, ids, shared * sizeof(*ids));
	bed_open(&b, bed_model(model), list);
	b.digests = true;
	before = subject(first, false, 4);
	before.n_ids = len;
	bed_submit(&b, &before, &warm, &st);
	bed_run(&b);
	req = subject(ids, sampled, answer_tokens());
	bed_submit(&b, &req, &got, &st);
	bed_run(&b);
	/* Its own last token is computed in any case; a window leaves the cache whole pages alone. */
	found = shared < PROMPT_TOKENS ? shared : PROMPT_TOKENS - 1;
	found -= b.e->kv.window ? found % b.e->kv.page_size : 0;
	ck_assert_uint_ge(got.usage.cached_tokens, found);
	bed_equal(alone_with(model, sampled), &got, "with a warm prefix");
	/* Another salt must not find it. */
	req.cache_salt = "other";
	bed_submit(&b, &req, &got, &st);
	bed_run(&b);
	ck_assert_uint_eq(got.usage.cached_tokens, 0);
	bed_equal(alone_with(model, sampled), &got, "with another salt");
	bed_close(&b);
}

START_TEST(test_warm_prefix)
{
	static const uint32_t pages[] = { 16, 8, 32 };
	static const char *const caches[] = { "engine.cache=radix", "engine.cache=lfu" };
	uint32_t page = pages[_i / WARM_LENGTHS % 3];
	const uint32_t lengths[WARM_LENGTHS] = {
		1, page - 1, page, page + 1, 2 * page, PROMPT_TOKENS - 1, PROMPT_TOKENS, 48
	};
	uint32_t len = lengths[_i % WARM_LENGTHS];
	int model = _i / WARM_LENGTHS / 3;
	char size[32];

	if (!bed_model(model) || (!bed_full() && _i >= WARM_LENGTHS))
		return;
	snprintf(size, sizeof(size), "engine.page_size=%u", page);
	for (int i = 0; i < 4; i++) {
		const char *list[] = { caches[i / 2], size, NULL };

		if (bed_full() || i == _i % 2)
			run_warm(model, len, i % 2, list);
	}
}
END_TEST

/* ---- several answers to one prompt ------------------------------------------------------ */

/* Answers of n > 1 are those of n single requests would be; the first is that of n = 1. */
START_TEST(test_parallel_answers)
{
	static const char *const lists[][3] = {
		{ "engine.cache=off" },
		{ "engine.cache=radix" },
		{ "engine.kv_memory=448K", "engine.cache=off" },
	};
	int32_t ids[PROMPT_TOKENS];
	struct result got[5], again[5];
	struct aios_request req;
	struct aios_status st;
	struct aios_stats stats = { .size = sizeof(stats) };
	struct bed b;

	make_prompt(ids, PROMPT_TOKENS, 0);
	for (int round = 0; round < 2; round++) {
		bed_open(&b, bed_demo(), round ? lists[_i] : NULL);
		b.digests = true;
		req = subject(ids, true, answer_tokens());
		req.n = 5;
		ck_assert_uint_ne(bed_submit(&b, &req, round ? again : got, &st), 0);
		bed_run(&b);
		aios_engine_stats(b.e, &stats);
		bed_close(&b);
	}
	if (_i < 2) {
		ck_assert_uint_ge(stats.copied_pages, 4);
		ck_assert_uint_le(stats.prompt_tokens, PROMPT_TOKENS + 4);
	}
	bed_equal(alone(true), &got[0], "first of five");
	for (int i = 0; i < 5; i++) {
		bed_equal(&got[i], &again[i], "one of five");
		ck_assert_uint_eq(got[i].n, answer_tokens());
	}
	ck_assert_int_ne(memcmp(got[0].ids, got[1].ids, sizeof(got[0].ids)), 0);
}
END_TEST

/* ---- windows that slide ------------------------------------------------------------------ */

/* A folder with the demo model in which every layer sees `window` keys. The caller removes it. */
static void make_sliding_model(char *dir, uint32_t window)
{
	static const char *const files[] = { "model.safetensors", "tokenizer.json",
					     "tokenizer_config.json", "generation_config.json" };
	char from[4400], to[4400], text[4096];
	FILE *f;
	size_t n;
	char *at;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (int i = 0; i < 4; i++) {
		snprintf(from, sizeof(from), "%s/%s", bed_demo(), files[i]);
		snprintf(to, sizeof(to), "%s/%s", dir, files[i]);
		ck_assert_int_eq(symlink(from, to), 0);
	}
	snprintf(from, sizeof(from), "%s/config.json", bed_demo());
	f = fopen(from, "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	at = strstr(text, "\"max_window_layers\": 8");
	ck_assert_ptr_nonnull(at);
	at[21] = '0';
	at = strstr(text, "\"sliding_window\": null");
	ck_assert_ptr_nonnull(at);
	snprintf(to, sizeof(to), "%s/config.json", dir);
	f = fopen(to, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%.*s\"sliding_window\": %u%s", (int)(at - text), text, window, at + 22);
	fclose(f);
	f = fopen(to, "r+e");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	at = strstr(text, "\"use_sliding_window\": false");
	ck_assert_ptr_nonnull(at);
	memcpy(at + 22, "true ", 5);
	rewind(f);
	fwrite(text, 1, n, f);
	fclose(f);
}

static void remove_model(const char *dir)
{
	static const char *const files[] = { "model.safetensors", "tokenizer.json",
					     "tokenizer_config.json", "generation_config.json",
					     "config.json" };
	char path[4400];

	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Pages that no row sees any more are given back; that changes nothing, preempted or not. */
START_TEST(test_sliding_window)
{
	static const char *const list[] = { "engine.page_size=8", "engine.max_batch_tokens=16",
					    NULL };
	char dir[] = "/tmp/aios-sliding-XXXXXX";
	struct preempting p = { .every = 5 };
	int32_t ids[PROMPT_TOKENS];
	struct result want, got;
	struct aios_request req;
	struct aios_status st;
	struct bed b;

	make_prompt(ids, PROMPT_TOKENS, 0);
	make_sliding_model(dir, 20);
	req = subject(ids, true, 40);
	for (int round = 0; round < 4; round++) {
		bed_open(&b, dir, list);
		ck_assert_uint_eq(b.e->kv.window, 20);
		if (round == 0)
			b.e->kv.window = 0;
		if (round >= 2) {
			p.how = round == 2 ? AIOS_SCHED_SWAP : AIOS_SCHED_DROP;
			p.seen = 0;
			b.after_step = preempt_often;
			b.ctx = &p;
		}
		b.digests = true;
		p.id = bed_submit(&b, &req, round ? &got : &want, &st);
		bed_run(&b);
		/* 81 tokens take 11 pages; 20 keys and a chunk of 16 rows are in 6 at most. */
		ck_assert_uint_eq(b.e->kv.pages.peak > 6, round == 0);
		bed_close(&b);
		if (round)
			bed_equal(&want, &got, "with a sliding window");
	}
	remove_model(dir);
}
END_TEST

/* ---- what a request's life looks like ---------------------------------------------------- */

START_TEST(test_timeline)
{
	struct preempting p = { .how = AIOS_SCHED_SWAP, .every = PROMPT_TOKENS + 9 };
	static const uint32_t want[] = { AIOS_REQUEST_QUEUED,   AIOS_REQUEST_PREFILLING,
					 AIOS_REQUEST_DECODING, AIOS_REQUEST_SWAPPED,
					 AIOS_REQUEST_DECODING, AIOS_REQUEST_FINISHED };
	int32_t ids[PROMPT_TOKENS];
	struct aios_request req;
	struct aios_status st;
	struct result got;
	struct bed b;

	make_prompt(ids, PROMPT_TOKENS, 0);
	bed_open(&b, bed_demo(), NULL);
	b.after_step = preempt_often;
	b.ctx = &p;
	req = subject(ids, false, 20);
	p.id = bed_submit(&b, &req, &got, &st);
	bed_run(&b);
	bed_close(&b);
	ck_assert_uint_eq(got.n_timeline, 6);
	for (uint32_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(got.timeline[i].state, want[i]);
		ck_assert(i == 0 || got.timeline[i].ns >= got.timeline[i - 1].ns);
	}
	ck_assert_uint_eq(got.usage.queued_ns + got.usage.prefill_ns + got.usage.decode_ns +
				  got.usage.preempted_ns,
			  got.usage.finished - got.usage.submitted);
}
END_TEST

/* ---- another process ---------------------------------------------------------------------- */

/* The answer that this process gives, to a file. */
static void write_answer(const char *path, const struct result *got)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(got, sizeof(*got), 1, f), 1);
	ck_assert_int_eq(fclose(f), 0);
}

/* This very test in a process that begins anew, which leaves its answer in a file. */
static void ask_another_process(const char *path, int i)
{
	char index[16];
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		snprintf(index, sizeof(index), "%d", i);
		setenv("AIOS_TEST_ANSWER", path, 1);
		setenv("AIOS_TEST_INDEX", index, 1);
		setenv("CK_RUN_SUITE", "invariance", 1);
		setenv("CK_RUN_CASE", "restart", 1);
		setenv("CK_FORK", "no", 1);
		setenv("CK_VERBOSITY", "silent", 1);
		unsetenv("AIOS_TEST_SHARD");
		unsetenv("CK_LOG_FILE_NAME");
		execl("/proc/self/exe", "run-tests", "invariance", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the other process: %d",
		      status);
}

/* A process that was started anew gives the answer of this one, and both that of cpu-ref. */
START_TEST(test_restart)
{
	const char *path = getenv("AIOS_TEST_ANSWER"), *index = getenv("AIOS_TEST_INDEX");
	char file[] = "/tmp/aios-answer-XXXXXX";
	int32_t ids[PROMPT_TOKENS];
	static struct result got, other;
	struct aios_request req;
	FILE *f;
	int fd;

	if (!bed_model(_i / 2) || (path && index && atoi(index) != _i))
		return;
	make_prompt(ids, PROMPT_TOKENS, 0);
	req = subject(ids, _i % 2, answer_tokens());
	run_alone(NULL, _i / 2, &req, &got);
	if (path) {
		write_answer(path, &got);
		return;
	}
	fd = mkstemp(file);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ask_another_process(file, _i);
	f = fopen(file, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(&other, sizeof(other), 1, f), 1);
	fclose(f);
	unlink(file);
	bed_equal(&got, &other, "after a restart");
	bed_equal(alone_with(_i / 2, _i % 2), &got, "before it");
}
END_TEST

/* ---- running ahead -------------------------------------------------------------------------- */

/* Answers that end by a stop text, an end-of-sequence token or a cancel while the next step is under way. */
static uint64_t run_stories(const char *setting, const char *batch, struct result out[4])
{
	static const char *const prompts[] = { "Once upon a time", "The old lighthouse",
					       "One day, a little fox", "Lily" };
	static const char *const stops[] = { " and" };
	const char *list[] = { setting, batch, NULL };
	struct aios_stats stats = { .size = sizeof(stats) };
	struct aios_status st;
	uint64_t id = 0;
	struct bed b;

	bed_open(&b, bed_demo(), list);
	b.digests = true;
	for (int i = 0; i < 4; i++) {
		struct aios_request req = AIOS_REQUEST_INIT;

		req.text = prompts[i];
		req.text_len = strlen(prompts[i]);
		req.max_tokens = i == 3 ? 33 : 450;
		req.stop = stops;
		req.n_stop = i == 1;
		req.sampling.temperature = i ? 0.9f : 0.0f;
		req.sampling.seed = 3;
		id = bed_submit(&b, &req, &out[i], &st);
		ck_assert_uint_ne(id, 0);
	}
	/* The third is cancelled at its twelfth token, wherever the steps are. */
	while (out[2].n < 12)
		ck_assert(bed_step(&b));
	ck_assert_int_eq(aios_cancel(b.e, id - 1), 0);
	bed_run(&b);
	aios_engine_stats(b.e, &stats);
	ck_assert_uint_eq(b.e->kv.pages.used, prefix_evictable(&b.e->prefix));
	bed_close(&b);
	return stats.steps_ahead;
}

/* What waits keeps nobody from running ahead, and is let in as soon as there is room. */
START_TEST(test_ahead_of_a_queue)
{
	static const char *const list[] = { "engine.max_batch_size=2", NULL };
	int32_t ids[PROMPT_TOKENS];
	static struct result got[5];
	struct aios_request req;
	struct aios_status st;
	struct bed b;

	make_prompt(ids, PROMPT_TOKENS, 0);
	bed_open(&b, bed_demo(), list);
	b.digests = true;
	for (int i = 0; i < 5; i++) {
		req = subject(ids, i % 2, answer_tokens());
		ck_assert_uint_ne(bed_submit(&b, &req, &got[i], &st), 0);
	}
	while (!got[0].ends || !got[1].ends)
		bed_step(&b);
	/* All but the steps that the scheduler was asked for: one in nine, and two with the prompts. */
	ck_assert_uint_ge(b.e->stats.steps_ahead, (answer_tokens() - 2) * 8 / 9 - 1);
	bed_step(&b);
	bed_step(&b);
	ck_assert(got[2].n > 0 && got[3].n > 0);
	bed_run(&b);
	for (int i = 0; i < 5; i++)
		bed_equal(alone(i % 2), &got[i], "ahead of a queue");
	bed_close(&b);
}
END_TEST

START_TEST(test_running_ahead)
{
	static struct result want[4], got[4];

	ck_assert_uint_eq(run_stories("engine.run_ahead=off", "engine.max_batch_size=4", want), 0);
	/* In a batch for two, the others wait meanwhile. */
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_gt(
			run_stories("engine.run_ahead=on",
				    i ? "engine.max_batch_size=2" : "engine.max_batch_size=4", got),
			50);
		for (int k = 0; k < 4; k++)
			bed_equal(&want[k], &got[k], "running ahead");
	}
	ck_assert_uint_eq(got[0].reason, AIOS_END_STOP);
	ck_assert_uint_eq(got[1].reason, AIOS_END_STOP);
	ck_assert_uint_eq(got[2].reason, AIOS_END_CANCELLED);
	ck_assert_uint_eq(got[2].n, 12);
	ck_assert_uint_eq(got[3].reason, AIOS_END_LENGTH);
}
END_TEST

/* Cancelled in any state: ended before another step, with everything given back. */
START_TEST(test_cancel_in_every_state)
{
	static const uint32_t states[] = { AIOS_REQUEST_QUEUED, AIOS_REQUEST_PREFILLING,
					   AIOS_REQUEST_DECODING, AIOS_REQUEST_SWAPPED,
					   AIOS_REQUEST_DROPPED };
	static const char *const list[] = { "engine.max_batch_size=2", "engine.max_batch_tokens=8",
					    NULL };
	uint32_t want = states[_i];
	int32_t ids[PROMPT_TOKENS];
	struct result got[3], others[2];
	struct aios_request req;
	struct aios_status st;
	struct request *r;
	struct bed b;
	uint64_t id;

	make_prompt(ids, PROMPT_TOKENS, 0);
	bed_open(&b, bed_demo(), list);
	req = subject(ids, true, 20);
	for (int i = 0; i < 2 && want == AIOS_REQUEST_QUEUED; i++)
		bed_submit(&b, &req, &others[i], &st);
	req.n = want == AIOS_REQUEST_DECODING ? 3 : 1;
	id = bed_submit(&b, &req, got, &st);
	for (int i = 0;
	     want != AIOS_REQUEST_QUEUED && i < (want == AIOS_REQUEST_PREFILLING ? 2 : 9); i++)
		bed_step(&b);
	r = engine_find(b.e, id, NULL);
	if (want == AIOS_REQUEST_SWAPPED || want == AIOS_REQUEST_DROPPED)
		sched_preempt(b.e, r,
			      want == AIOS_REQUEST_SWAPPED ? AIOS_SCHED_SWAP : AIOS_SCHED_DROP,
			      true);
	ck_assert_uint_eq(r->state, want);
	ck_assert_int_eq(aios_cancel(b.e, id), 0);
	engine_take_inbox(b.e);
	ck_assert_ptr_null(engine_find(b.e, id, NULL));
	ck_assert_msg(engine_check_invariants(b.e, &st) == 0, "%s", st.message);
	bed_events(&b);
	for (uint32_t i = 0; i < (req.n ? req.n : 1); i++) {
		ck_assert_uint_eq(got[i].ends, 1);
		ck_assert_uint_eq(got[i].reason, AIOS_END_CANCELLED);
		ck_assert_uint_eq(got[i].timeline[got[i].n_timeline - 1].state,
				  AIOS_REQUEST_CANCELLED);
	}
	bed_run(&b);
	ck_assert_uint_eq(b.e->kv.pages.used, prefix_evictable(&b.e->prefix));
	bed_close(&b);
}
END_TEST

/* Every pair of states: the table lets through what the documentation names, and nothing else. */
START_TEST(test_transitions)
{
	static const char *const may[AIOS_REQUEST_STATES] = {
		"-p---"
		"-xc",
		"--dsr"
		"-xc",
		"---sr"
		"fxc",
		"-pd-r"
		"-xc",
		"-p---"
		"-xc",
		"-----"
		"---",
		"-----"
		"---",
		"-----"
		"---",
	};

	for (uint32_t from = 0; from < AIOS_REQUEST_STATES; from++) {
		for (uint32_t to = 0; to < AIOS_REQUEST_STATES; to++) {
			struct request r = { .state = from };
			bool want = may[from][to] != '-';

			ck_assert_int_eq(request_may(from, to), want);
			ck_assert_int_eq(request_transition(&r, to, 1), want ? 0 : -EINVAL);
			ck_assert_uint_eq(r.state, want ? to : from);
		}
	}
}
END_TEST

Suite *test_invariance_suite(void)
{
	int n = (int)(sizeof(settings) / sizeof(settings[0]));
	Suite *s = suite_create("invariance");
	TCase *tc = tcase_create("invariance");

	tcase_set_timeout(tc, 300);
	bed_add(tc, test_settings, 2 * BED_MODELS * n);
	bed_add(tc, test_chunks, 2 * 7 * BED_MODELS);
	bed_add(tc, test_preempted_at_every_token, PREEMPTIONS * PREEMPT_CHUNKS * BED_MODELS);
	bed_add(tc, test_warm_prefix, WARM_LENGTHS * 3 * BED_MODELS);
	bed_add(tc, test_parallel_answers, 3);
	suite_add_tcase(s, tc);
	tc = tcase_create("lives");
	tcase_set_timeout(tc, 300);
	bed_add(tc, test_running_ahead, 1);
	bed_add(tc, test_ahead_of_a_queue, 1);
	bed_add(tc, test_sliding_window, 1);
	bed_add(tc, test_timeline, 1);
	bed_add(tc, test_cancel_in_every_state, 5);
	bed_add(tc, test_transitions, 1);
	suite_add_tcase(s, tc);
	tc = tcase_create("restart");
	tcase_set_timeout(tc, 300);
	bed_add(tc, test_restart, 2 * BED_MODELS);
	suite_add_tcase(s, tc);
	return s;
}
