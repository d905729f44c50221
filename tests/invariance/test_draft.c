// SPDX-License-Identifier: Apache-2.0
/*
 * test_draft.c - both proposers, 0 to 8 guesses: ids and fp32 logits are those of no guesses.
 * Draft models that are always right (the model itself), sometimes (itself with noise in its weights)
 * and never (random weights), too short, without pages, behind by a long prompt, failing.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bed.h"

Suite *test_draft_suite(void);

enum {
	PROMPT = 40,
	TOKENS = 33,
	CROWD = 6,
	MOST_GUESSES = 8,
	MOST_SETTINGS = 12
};

/* ---- models ------------------------------------------------------------------------ */

static char noisy[64], brief[64]; /* folders */

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *data;
	long n;

	ck_assert_msg(f != NULL, "cannot read %s", path);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	ck_assert_int_gt(n, 0);
	rewind(f);
	data = malloc((size_t)n);
	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(fread(data, 1, (size_t)n, f), (size_t)n);
	fclose(f);
	*len = (size_t)n;
	return data;
}

static void write_file(const char *dir, const char *name, const char *data, size_t len)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

/* Flip low bits of every bf16 mantissa: up to a quarter of each weight. */
static void add_noise(char *data, size_t len)
{
	uint64_t header, h = 88172645463325252ull;

	memcpy(&header, data, sizeof(header));
	for (size_t i = 8 + header; i + 1 < len; i += 2) {
		h ^= h << 13;
		h ^= h >> 7;
		h ^= h << 17;
		data[i] = (char)(data[i] ^ (char)(h & 0x1f));
	}
}

/* The demo model again: with noise, or for a context of 64 tokens. */
static void make_model(char dir[64], bool noise)
{
	static const char *const names[] = { "config.json", "tokenizer.json",
					     "tokenizer_config.json", "model.safetensors" };
	static const char context[] = "\"max_position_embeddings\": ";
	char path[4200], *data, *at;
	size_t len;

	strcpy(dir, "/tmp/aios-draft-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", bed_demo(), names[i]);
		data = read_file(path, &len);
		if (noise && i == 3)
			add_noise(data, len);
		if (!noise && i == 0) {
			at = memmem(data, len, context, strlen(context));
			ck_assert_ptr_nonnull(at);
			memcpy(at + strlen(context), "  64", 4);
		}
		write_file(dir, names[i], data, len);
		free(data);
	}
}

static void make_models(void)
{
	make_model(noisy, true);
	make_model(brief, false);
}

static void remove_model(const char *dir)
{
	static const char *const names[] = { "config.json", "tokenizer.json",
					     "tokenizer_config.json", "model.safetensors" };
	char path[512];

	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void remove_models(void)
{
	remove_model(noisy);
	remove_model(brief);
}

/* Who guesses. */
enum proposer {
	LOOKUP, /* the sequence itself */
	TWIN,   /* the model itself */
	NOISY,
	RANDOM,
	PROPOSERS
};

static const char *const proposer_names[] = { "look-up", "twin", "noisy", "random" };

static const char *proposer_model(enum proposer who)
{
	switch (who) {
	case TWIN:
		return bed_demo();
	case NOISY:
		return noisy;
	case RANDOM:
		return "shape:tiny,vocab=4096";
	default:
		return "";
	}
}

/* ---- a run --------------------------------------------------------------------------- */

/* Settings of a run: proposer and guesses, then those of a case. */
struct settings {
	char draft[4200], guesses[32];
	const char *all[MOST_SETTINGS + 3];
};

static const char *const *with(struct settings *s, const char *draft, uint32_t k,
			       const char *const *more)
{
	int n = 2;

	snprintf(s->draft, sizeof(s->draft), "engine.draft_model=%s", draft);
	snprintf(s->guesses, sizeof(s->guesses), "engine.speculate=%u", k);
	s->all[0] = s->draft;
	s->all[1] = s->guesses;
	for (; more && *more; more++) {
		ck_assert_int_lt(n, MOST_SETTINGS + 2);
		s->all[n++] = *more;
	}
	s->all[n] = NULL;
	return s->all;
}

/* A prompt that repeats itself, so that each proposer has something to go by. */
static void make_prompt(int32_t *ids, uint32_t n, uint32_t salt)
{
	for (uint32_t i = 0; i < n; i++)
		ids[i] = (int32_t)(300 + i % 6 * 17 + salt * 5 % 150);
}

static struct aios_request subject(const int32_t *ids, uint32_t n, float temperature,
				   uint32_t tokens)
{
	struct aios_request req = AIOS_REQUEST_INIT;

	req.ids = ids;
	req.n_ids = n;
	req.max_tokens = tokens;
	req.ignore_eos = true;
	req.sampling.temperature = temperature;
	req.sampling.seed = 3;
	return req;
}

/* What answers are compared with: no guesses, on cpu-ref. */
static const char *const plain[] = { "aios.driver=cpu-ref", "engine.graphs=off", NULL };

/* One request alone. */
static struct aios_stats alone(const char *const *settings, uint32_t prompt, float temperature,
			       uint32_t tokens, struct result *out)
{
	int32_t ids[512];
	struct aios_stats stats = { .size = sizeof(stats) };
	struct aios_request req;
	struct aios_status st;
	struct bed b;

	make_prompt(ids, prompt, 0);
	req = subject(ids, prompt, temperature, tokens);
	bed_open(&b, bed_demo(), settings);
	b.digests = true;
	ck_assert_msg(bed_submit(&b, &req, out, &st) != 0, "%s", st.message);
	bed_run(&b);
	aios_engine_stats(b.e, &stats);
	ck_assert_uint_eq(stats.draft_pages_used, 0);
	bed_close(&b);
	return stats;
}

/* ---- the axis: 0 to 8 guesses, both proposers ------------------------------------------- */

static void check_counts(const struct aios_stats *none, const struct aios_stats *some,
			 enum proposer who, uint32_t k, bool greedy)
{
	ck_assert_uint_eq(some->steps + some->accepted_tokens, none->steps);
	ck_assert_uint_le(some->accepted_tokens, some->drafted_tokens);
	ck_assert_uint_eq(some->model_drafted_tokens, who == LOOKUP ? 0 : some->drafted_tokens);
	ck_assert_uint_eq(some->model_accepted_tokens, who == LOOKUP ? 0 : some->accepted_tokens);
	ck_assert_uint_eq(some->draft_failures, 0);
	if (k == 0) {
		ck_assert_uint_eq(some->drafted_tokens, 0);
		ck_assert_uint_eq(some->draft_passes, 0);
		return;
	}
	/* A drawn answer need not repeat itself, so look-up may find nothing. */
	ck_assert(some->drafted_tokens > 0 || (who == LOOKUP && !greedy));
	if (who == TWIN && greedy) { /* the prompt, then k + 1 tokens a step */
		ck_assert_uint_eq(some->accepted_tokens, some->drafted_tokens);
		ck_assert_uint_eq(some->steps, 1 + (TOKENS - 1 + k) / (k + 1));
	}
	if (who == NOISY && greedy) { /* sometimes right, which is enough to be faster */
		ck_assert_uint_gt(some->accepted_tokens, 0);
		ck_assert_uint_lt(some->accepted_tokens, some->drafted_tokens);
	}
}

START_TEST(test_axis)
{
	static struct result want[2], got;
	struct aios_stats none[2], some;
	struct settings s;
	uint32_t k = (uint32_t)_i;

	if (!bed_full() && k != 0 && k != 1 && k != 4 && k != 8)
		return;
	for (int t = 0; t < 2; t++)
		none[t] = alone(plain, PROMPT, t ? 0.6f : 0.0f, TOKENS, &want[t]);
	for (enum proposer who = LOOKUP; who < PROPOSERS; who++) {
		for (int t = 0; t < 2; t++) {
			if (!bed_full() && ((t && who != NOISY) || (k == 0 && who != TWIN)))
				continue;
			some = alone(with(&s, proposer_model(who), k, NULL), PROMPT,
				     t ? 0.6f : 0.0f, TOKENS, &got);
			bed_equal(&want[t], &got, proposer_names[who]);
			check_counts(&none[t], &some, who, k, t == 0);
			printf("%u guesses, %s, %s: %.2f steps a token, %llu of %llu right\n", k,
			       proposer_names[who], t ? "drawn" : "greedy",
			       (double)some.steps / TOKENS,
			       (unsigned long long)some.accepted_tokens,
			       (unsigned long long)some.drafted_tokens);
		}
	}
}
END_TEST

/* Golden checkpoints: one guesses for another of the same vocabulary, and for itself. */
START_TEST(test_golden)
{
	static struct result want, got;
	int32_t ids[PROMPT];
	struct settings s;

	if (!bed_full() && _i == 1)
		return;
	for (int t = 0; t < 4; t++) {
		struct aios_request req = subject(ids, PROMPT, t % 2 ? 0.8f : 0.0f, 24);
		const char *model = bed_model(_i + 1), *other;
		struct aios_status st;
		char path[4096];
		struct bed b;

		if (!model)
			return;
		snprintf(path, sizeof(path), "%s", model);
		other = t < 2 ? path : bed_model(2 - _i);
		if (!other)
			return;
		for (uint32_t i = 0; i < PROMPT; i++)
			ids[i] = (int32_t)(3 + i * 29 % 480);
		bed_open(&b, path, plain);
		b.digests = true;
		ck_assert_uint_ne(bed_submit(&b, &req, &want, &st), 0);
		bed_run(&b);
		bed_close(&b);
		bed_open(&b, path, with(&s, other, 5, NULL));
		b.digests = true;
		ck_assert_uint_ne(bed_submit(&b, &req, &got, &st), 0);
		bed_run(&b);
		bed_equal(&want, &got, other);
		ck_assert_uint_gt(b.e->stats.model_drafted_tokens, 0);
		if (t == 0)
			ck_assert_uint_eq(b.e->stats.accepted_tokens, b.e->stats.drafted_tokens);
		bed_close(&b);
	}
}
END_TEST

/* ---- in company ------------------------------------------------------------------------- */

static const struct {
	const char *what;
	const char *settings[8];
	bool quick;
} crowds[] = {
	{ "plenty", { NULL }, true },
	{ "no graphs", { "engine.graphs=off" }, false },
	{ "chunks", { "engine.max_batch_tokens=9", "engine.max_batch_size=4" }, true },
	{ "pages of 1", { "engine.page_size=1" }, false },
	{ "pages of 7", { "engine.page_size=7", "engine.cache=off" }, false },
	{ "swap", { "engine.kv_memory=512K", "engine.preempt=swap" }, true },
	{ "drop", { "engine.kv_memory=512K", "engine.preempt=drop" }, true },
	{ "few draft pages", { "engine.draft_kv_memory=400K" }, true },
	{ "one draft page", { "engine.draft_kv_memory=64K" }, false },
	{ "priority, few of both",
	  { "engine.kv_memory=640K", "engine.draft_kv_memory=512K", "engine.scheduler=priority" },
	  false },
	{ "fair, a large batch", { "engine.scheduler=fair", "engine.max_batch_size=64" }, false },
};

#define CROWDS (int)(sizeof(crowds) / sizeof(crowds[0]))

/* The subject among others: some with several answers, one cancelled, prefixes shared by all. */
static void run_crowd(const char *const *settings, struct aios_request *req, struct result *out,
		      struct aios_stats *stats)
{
	static struct result rest[CROWD][3];
	uint64_t id[CROWD];
	int32_t ids[PROMPT];
	struct aios_status st;
	struct bed b;

	memset(rest, 0, sizeof(rest));
	bed_open(&b, bed_demo(), settings);
	b.digests = true;
	for (uint32_t i = 0; i < CROWD; i++) {
		struct aios_request r;

		make_prompt(ids, PROMPT, i % 2 ? 0 : i);
		r = subject(ids, PROMPT - i, i % 3 ? 0.4f : 0.0f, 4 + 7 * i);
		r.n = i == 2 ? 3 : 1;
		r.priority = (int32_t)i - 2;
		id[i] = bed_submit(&b, &r, rest[i], &st);
		ck_assert_uint_ne(id[i], 0);
		bed_step(&b);
	}
	ck_assert_uint_ne(bed_submit(&b, req, out, &st), 0);
	for (uint32_t i = 0; i < 3; i++)
		bed_step(&b);
	aios_cancel(b.e, id[CROWD - 1]);
	bed_run(&b);
	stats->size = sizeof(*stats);
	aios_engine_stats(b.e, stats);
	ck_assert_uint_eq(stats->draft_pages_used, 0);
	for (uint32_t i = 0; i < CROWD; i++)
		ck_assert_uint_eq(rest[i][0].ends, 1);
	bed_close(&b);
}

START_TEST(test_crowd)
{
	static struct result want[2], got;
	struct aios_stats stats, none;
	struct aios_request req;
	int32_t ids[PROMPT];
	struct settings s;

	if (!bed_full() && !crowds[_i].quick)
		return;
	make_prompt(ids, PROMPT, 0);
	for (int t = 0; t < 2; t++)
		alone(plain, PROMPT, t ? 0.3f : 0.0f, TOKENS, &want[t]);
	for (enum proposer who = TWIN; who <= NOISY; who++) {
		for (int t = 0; t < 2; t++) {
			if (!bed_full() && (who != NOISY || t != _i % 2))
				continue;
			req = subject(ids, PROMPT, t ? 0.3f : 0.0f, TOKENS);
			run_crowd(with(&s, proposer_model(who), 4, crowds[_i].settings), &req, &got,
				  &stats);
			bed_equal(&want[t], &got, crowds[_i].what);
			if (stats.draft_pages_total > 8)
				ck_assert_uint_gt(stats.model_drafted_tokens, 0);
		}
	}
	/* A twin's guesses are right in company too, and no one is preempted for them. */
	if (_i == 0) {
		req = subject(ids, PROMPT, 0.0f, TOKENS);
		run_crowd(crowds[_i].settings, &req, &got, &none);
		run_crowd(with(&s, bed_demo(), 4, crowds[_i].settings), &req, &got, &stats);
		ck_assert_uint_lt(stats.steps, none.steps);
		ck_assert_uint_eq(stats.swapped + stats.dropped, 0);
	}
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------ */

/* A request grows past the draft model's context: no guesses from there on. */
START_TEST(test_context)
{
	static struct result want, got;
	struct aios_stats none, some;
	struct settings s;

	none = alone(plain, PROMPT, 0.0f, 60, &want);
	some = alone(with(&s, brief, 4, NULL), PROMPT, 0.0f, 60, &got);
	bed_equal(&want, &got, "a context of 64");
	ck_assert_uint_eq(some.steps + some.accepted_tokens, none.steps);
	/* 5 tokens a step until 64, with the token after that guessed from them; then one each. */
	ck_assert_uint_eq(some.accepted_tokens, some.drafted_tokens);
	ck_assert_uint_ge(some.drafted_tokens, 16);
	ck_assert_uint_le(some.drafted_tokens, 24);
	some = alone(with(&s, brief, 4, NULL), 70, 0.0f, 20, &got);
	ck_assert_uint_eq(some.drafted_tokens, 0);
	ck_assert_uint_eq(some.draft_passes, 0);
}
END_TEST

/* Pages for one request alone: the other has no guesses, and nobody is preempted. */
START_TEST(test_pool)
{
	static const char *const more[] = { "engine.draft_kv_memory=384K", NULL }; /* 96 tokens */
	static struct result want, got[2];
	struct aios_request req;
	int32_t ids[PROMPT];
	struct settings s;
	struct bed b;

	alone(plain, PROMPT, 0.0f, TOKENS, &want);
	make_prompt(ids, PROMPT, 0);
	req = subject(ids, PROMPT, 0.0f, TOKENS);
	bed_open(&b, bed_demo(), with(&s, bed_demo(), 4, more));
	b.digests = true;
	ck_assert_uint_eq(b.e->draft.kv.pages.total, 6);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_ne(bed_submit(&b, &req, &got[i], NULL), 0);
	bed_run(&b);
	for (int i = 0; i < 2; i++)
		bed_equal(&want, &got[i], "a small draft pool");
	/* The first has all of its guesses, the second those after it. */
	ck_assert_uint_gt(b.e->stats.drafted_tokens, 24);
	ck_assert_uint_lt(b.e->stats.drafted_tokens, 2 * 25);
	ck_assert_uint_eq(b.e->stats.swapped + b.e->stats.dropped, 0);
	ck_assert_uint_eq(b.e->draft.kv.pages.used, 0);
	bed_close(&b);

	/* Not even one request fits: no device work at all. */
	alone(with(&s, bed_demo(), 4, (const char *const[]){ "engine.draft_kv_memory=128K", NULL }),
	      PROMPT, 0.0f, TOKENS, &got[0]);
	bed_equal(&want, &got[0], "no draft pool to speak of");
}
END_TEST

/* A long prompt is caught up in chunks, also when the prefix cache had it, while another one is guessed for. */
START_TEST(test_chunks)
{
	static const char *const more[] = { "engine.max_batch_tokens=32", "engine.max_batch_size=4",
					    NULL };
	static struct result want[2], got[2];
	struct aios_request req[2];
	int32_t ids[300], other[PROMPT];
	uint64_t before, passes;
	struct settings s;
	struct bed b;

	make_prompt(ids, 300, 1);
	make_prompt(other, PROMPT, 0);
	req[0] = subject(ids, 300, 0.0f, 40);
	req[1] = subject(other, PROMPT, 0.0f, 60);
	for (int i = 0; i < 2; i++) {
		bed_open(&b, bed_demo(), plain);
		b.digests = true;
		ck_assert_uint_ne(bed_submit(&b, &req[i], &want[i], NULL), 0);
		bed_run(&b);
		bed_close(&b);
	}
	bed_open(&b, bed_demo(), with(&s, bed_demo(), 4, more));
	b.digests = true;
	ck_assert_uint_eq(b.e->draft.plan.max_batch_tokens, 32);
	for (int round = 0; round < 2; round++) { /* cold, then from the cache */
		for (int i = 1; i >= 0; i--)
			ck_assert_uint_ne(bed_submit(&b, &req[i], &got[i], NULL), 0);
		before = b.e->stats.model_accepted_tokens;
		passes = b.e->stats.draft_passes;
		bed_run(&b);
		for (int i = 0; i < 2; i++)
			bed_equal(&want[i], &got[i], round ? "cached prompts" : "chunks");
		ck_assert_uint_gt(b.e->stats.model_accepted_tokens, before + 40);
		ck_assert_uint_gt(b.e->stats.draft_passes, passes + 300 / 32);
		if (round)
			ck_assert_uint_ge(got[0].usage.cached_tokens, 288);
	}
	/* For a few tokens more it is not worth it. */
	req[0].max_tokens = 4;
	passes = b.e->stats.draft_passes;
	ck_assert_uint_ne(bed_submit(&b, &req[0], &got[0], NULL), 0);
	bed_run(&b);
	ck_assert_uint_eq(got[0].n, 4);
	ck_assert_uint_eq(b.e->stats.draft_passes, passes);
	bed_close(&b);
}
END_TEST

/* Passes of one row a request are replayed from graphs, with the same guesses. */
START_TEST(test_graphs)
{
	static const char *const off[] = { "engine.graphs=off", NULL };
	static struct result got;
	struct aios_stats with_graphs, without;
	struct aios_request req;
	int32_t ids[PROMPT];
	struct settings s;
	struct bed b;

	make_prompt(ids, PROMPT, 0);
	req = subject(ids, PROMPT, 0.0f, TOKENS);
	bed_open(&b, bed_demo(), with(&s, noisy, 6, NULL));
	ck_assert_uint_ne(bed_submit(&b, &req, &got, NULL), 0);
	bed_run(&b);
	ck_assert_uint_gt(b.e->draft.graphs.captures, 0);
	ck_assert_uint_gt(b.e->draft.graphs.launches, 20);
	with_graphs = b.e->stats;
	bed_close(&b);
	without = alone(with(&s, noisy, 6, off), PROMPT, 0.0f, TOKENS, &got);
	ck_assert_uint_eq(with_graphs.accepted_tokens, without.accepted_tokens);
	ck_assert_uint_eq(with_graphs.draft_passes, without.draft_passes);
	ck_assert_uint_eq(with_graphs.draft_rows, without.draft_rows);
}
END_TEST

/* Penalties look at all tokens before: no guesses, and no work of the draft model. */
START_TEST(test_penalties)
{
	static struct result got;
	struct aios_request req;
	int32_t ids[PROMPT];
	struct settings s;
	struct bed b;

	make_prompt(ids, PROMPT, 0);
	req = subject(ids, PROMPT, 0.0f, TOKENS);
	req.sampling.repetition = 1.3f;
	bed_open(&b, bed_demo(), with(&s, bed_demo(), 4, NULL));
	ck_assert_uint_ne(bed_submit(&b, &req, &got, NULL), 0);
	bed_run(&b);
	ck_assert_uint_eq(b.e->stats.draft_passes, 0);
	bed_close(&b);
}
END_TEST

/* ---- faults -------------------------------------------------------------------------------- */

/* Makes each failure the third in a row. */
static void fail_twice(struct bed *b)
{
	b->e->draft.failures = 2;
}

/* What a run with one failing call came to. */
struct outcome {
	uint32_t early, spared, failed;
	bool late; /* nothing failed: the call was never made */
};

static void run_fault(const char *slot, unsigned at, bool last, const struct result *want,
		      struct outcome *o)
{
	static struct result got;
	int32_t ids[PROMPT];
	char hook[64];
	const char *const more[] = { "engine.kv_memory=8M", "engine.context_length=512", hook,
				     NULL };
	struct aios_request req = subject(ids, PROMPT, 0.0f, 14);
	struct settings s;
	const char *const *all = with(&s, bed_demo(), 3, more);
	struct bed b;
	struct aios_status st;
	int rc;

	snprintf(hook, sizeof(hook), "aios.hook=fault:%s@%u=EIO", slot, at);
	make_prompt(ids, PROMPT, 0);
	rc = bed_try(&b, bed_demo(), all, &st);
	o->early += rc < 0;
	if (rc < 0)
		goto shut;
	b.after_step = last ? fail_twice : NULL;
	b.e->draft.failures = last ? 2 : 0;
	ck_assert_uint_ne(bed_submit(&b, &req, &got, &st), 0);
	bed_run(&b);
	ck_assert_uint_eq(got.ends, 1);
	ck_assert_uint_eq(b.e->draft.kv.pages.used, 0);
	if (got.reason == AIOS_END_ERROR) {
		o->failed++;
		ck_assert_uint_eq(b.e->stats.draft_failures, 0);
		ck_assert_uint_gt(strlen(got.status.message), 5);
	} else {
		ck_assert_uint_eq(got.reason, AIOS_END_LENGTH);
		ck_assert_uint_eq(got.n, want->n);
		ck_assert_mem_eq(got.ids, want->ids, want->n * sizeof(*want->ids));
		ck_assert_uint_le(b.e->stats.draft_failures, 1);
		ck_assert_int_eq(b.e->draft.on, !(last && b.e->stats.draft_failures));
		o->spared += b.e->stats.draft_failures > 0;
		o->late = b.e->stats.draft_failures == 0;
	}
shut:
	bed_shut(&b);
}

/*
 * One device call in all fails, at many places. Where it was the draft model's, the answer is whole;
 * else the request ends with the error. Never anything else.
 */
START_TEST(test_faults)
{
	static const struct {
		const char *slot;
		unsigned first, step; /* of opening; of the answer */
	} slots[] = {
		{ "launch", 97, 97 }, { "copy", 16, 3 }, { "wait", 1, 1 }, { "signal", 1, 1 }
	};
	unsigned at = 1, runs = 0, most = bed_full() ? 60 : 12;
	static struct result want;
	struct outcome o = { 0 };

	alone(plain, PROMPT, 0.0f, 14, &want);
	for (; !o.late && runs < most; runs++) {
		uint32_t early = o.early;

		run_fault(slots[_i].slot, at, runs % 2, &want, &o);
		at += o.early > early ? slots[_i].first : slots[_i].step;
		runs -= o.early > early;
	}
	ck_assert_msg(o.spared > 1 && o.failed > 0, "%s: %u spared, %u failed, %u early",
		      slots[_i].slot, o.spared, o.failed, o.early);
}
END_TEST

/* ---- what cannot be opened ------------------------------------------------------------------- */

static void refused(const char *draft, const char *more, int code, const char *text)
{
	char model[4200];
	const char *settings[] = { "aios.driver=cpu-ref", "engine.speculate=4",
				   "engine.context_length=512", more, model };
	struct aios_config *config = aios_config_create();
	struct aios_engine *e = NULL;
	struct aios_plan plan;
	struct aios_status st;
	struct aios *aios;
	int rc;

	snprintf(model, sizeof(model), "engine.draft_model=%s", draft);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(aios_config_set_text(config, settings[i], &st), 0);
	ck_assert_int_eq(aios_create(config, NULL, NULL, &aios, &st), 0);
	rc = aios_engine_open(aios, bed_demo(), NULL, NULL, &e, &st);
	ck_assert_msg(rc == code, "%d: %s", rc, st.message);
	ck_assert_ptr_null(e);
	ck_assert_msg(strstr(st.message, text) != NULL, "%s", st.message);
	/* A plan sees it too, save what only a tokenizer can tell. */
	if (!strstr(text, "token"))
		ck_assert_int_eq(aios_plan_model(aios, bed_demo(), &plan, &st), code);
	aios_destroy(aios);
	aios_config_destroy(config);
}

START_TEST(test_refused)
{
	char path[512], *data, *at;
	size_t len;

	refused("shape:tiny", "engine.page_size=16", -EINVAL, "has a vocabulary of 512");
	refused("/nonexistent/model", "engine.page_size=16", -ENOENT, "/nonexistent/model");
	refused(bed_demo(), "engine.draft_kv_memory=100", -EINVAL, "engine.draft_kv_memory");
	/* The same ids with one token spelled otherwise. */
	snprintf(path, sizeof(path), "%s/tokenizer.json", brief);
	data = read_file(path, &len);
	at = memmem(data, len, "<|im_start|>", 12);
	ck_assert_ptr_nonnull(at);
	at[2] = 'I';
	write_file(brief, "tokenizer.json", data, len);
	refused(brief, "engine.page_size=16", -EINVAL, "the same tokenizer");
	at[2] = 'i';
	write_file(brief, "tokenizer.json", data, len);
	free(data);
}
END_TEST

/* The plan counts the draft model, and what is allocated is what was planned. */
START_TEST(test_plan)
{
	struct aios_plan none, some;
	struct settings s;
	struct bed b;

	bed_open(&b, bed_demo(), NULL);
	none = *aios_engine_plan(b.e);
	bed_close(&b);
	bed_open(&b, bed_demo(), with(&s, bed_demo(), 2, NULL));
	some = *aios_engine_plan(b.e);
	ck_assert_uint_eq(none.draft, 0);
	ck_assert_uint_eq(some.draft_pages, some.kv_pages);
	ck_assert_uint_eq(some.draft, b.e->draft.plan.weights + b.e->draft.plan.activations +
					      b.e->draft.plan.tables + none.kv_pool);
	ck_assert_uint_eq(some.total, none.total + some.draft);
	ck_assert_uint_eq(b.e->draft.weights.arena.used + b.e->draft.kv_arena.used +
				  b.e->draft.workspace.act.used +
				  b.e->draft.workspace.scratch_bytes +
				  b.e->draft.workspace.tables.used,
			  some.draft);
	bed_close(&b);
	/* Without guesses nothing is opened. */
	bed_open(&b, bed_demo(), with(&s, "/nonexistent/model", 0, NULL));
	ck_assert(!b.e->draft.open);
	bed_close(&b);
}
END_TEST

Suite *test_draft_suite(void)
{
	Suite *s = suite_create("draft");
	TCase *tc = tcase_create("draft");

	tcase_set_timeout(tc, 240);
	tcase_add_unchecked_fixture(tc, make_models, remove_models);
	bed_add(tc, test_axis, MOST_GUESSES + 1);
	bed_add(tc, test_golden, BED_MODELS - 1);
	bed_add(tc, test_crowd, CROWDS);
	bed_add(tc, test_context, 1);
	bed_add(tc, test_pool, 1);
	bed_add(tc, test_chunks, 1);
	bed_add(tc, test_graphs, 1);
	bed_add(tc, test_penalties, 1);
	bed_add_host(tc, test_faults, 4);
	bed_add_host(tc, test_refused, 1);
	bed_add_host(tc, test_plan, 1);
	suite_add_tcase(s, tc);
	return s;
}
