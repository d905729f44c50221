/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_offline.c - aios bench offline: hundreds of prompts and answers of mixed
 * lengths, all there at once. Lengths and ids are those of the workload that other
 * engines are measured with: CPython's random.seed(N), then for each request its
 * length and ids, then the lengths of the answers.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
	MT_WORDS = 624,
	MT_SHIFT = 397,
	IDS = 10001, /* of prompts: 0 to 10000 */
};

#define TEMPERATURE 0.6f

/* Matsumoto and Nishimura (1998): MT19937, seeded as CPython does. */
struct mt {
	uint32_t word[MT_WORDS];
	uint32_t at;
};

static void mt_init(struct mt *m, uint32_t seed)
{
	m->word[0] = seed;
	for (uint32_t i = 1; i < MT_WORDS; i++)
		m->word[i] = 1812433253u * (m->word[i - 1] ^ (m->word[i - 1] >> 30)) + i;
	m->at = MT_WORDS;
}

/* Seeding by an array of one word, which is what an int below 2^32 becomes. */
static void mt_seed(struct mt *m, uint32_t key)
{
	uint32_t i = 1;

	mt_init(m, 19650218u);
	for (uint32_t k = 0; k < MT_WORDS; k++) {
		uint32_t before = m->word[i - 1];

		m->word[i] = (m->word[i] ^ ((before ^ (before >> 30)) * 1664525u)) + key;
		if (++i == MT_WORDS) {
			m->word[0] = m->word[MT_WORDS - 1];
			i = 1;
		}
	}
	for (uint32_t k = 0; k < MT_WORDS - 1; k++) {
		uint32_t before = m->word[i - 1];

		m->word[i] = (m->word[i] ^ ((before ^ (before >> 30)) * 1566083941u)) - i;
		if (++i == MT_WORDS) {
			m->word[0] = m->word[MT_WORDS - 1];
			i = 1;
		}
	}
	m->word[0] = 0x80000000u;
}

static uint32_t mt_next(struct mt *m)
{
	uint32_t y;

	if (m->at == MT_WORDS) {
		for (uint32_t i = 0; i < MT_WORDS; i++) {
			y = (m->word[i] & 0x80000000u) |
			    (m->word[(i + 1) % MT_WORDS] & 0x7fffffffu);
			m->word[i] = m->word[(i + MT_SHIFT) % MT_WORDS] ^ (y >> 1) ^
				     (y & 1 ? 0x9908b0dfu : 0);
		}
		m->at = 0;
	}
	y = m->word[m->at++];
	y ^= y >> 11;
	y ^= (y << 7) & 0x9d2c5680u;
	y ^= (y << 15) & 0xefc60000u;
	return y ^ (y >> 18);
}

/* random.randint(low, high): as many bits as the range needs, until they fall inside. */
static uint32_t mt_range(struct mt *m, uint32_t low, uint32_t high)
{
	uint32_t n = high - low + 1, bits = 0, r;

	while (bits < 32 && n >> bits)
		bits++;
	do
		r = mt_next(m) >> (32 - bits);
	while (r >= n);
	return low + r;
}

static const struct report_column columns[] = {
	{ "model", "model", 18, -1, 0 },
	{ "requests", "requests", 8, 0, 0 },
	{ "prompt_tokens", "prompt", 8, 0, 0 },
	{ "output_tokens", "output", 8, 0, 0 },
	{ "output_tokens_per_s", "output/s", 10, 1, 0 },
	{ "tokens_per_s", "all/s", 10, 1, 0 },
	{ "seconds", "s", 8, 2, 0 },
	{ "kv_peak", "KV peak %", 9, 1, 100 },
	{ "kv_mean", "mean %", 6, 1, 100 },
	{ "preemptions", "preempted", 9, 0, 0 },
	{ "cached_tokens", "cached", 8, 0, 0 },
	{ "guessed_right", "right %", 7, 1, 100 },
	{ "steps", NULL, 0, 0, 0 },
	{ "guessed_tokens", NULL, 0, 0, 0 },
	{ "first_token_s_median", "first s", 8, 3, 0 },
	{ NULL, NULL, 0, 0, 0 },
};

/* What the options ask for. */
struct workload {
	uint32_t n, shared;
	uint32_t input[2], output[2]; /* shortest, longest */
	uint32_t seed;
};

static int read_range(const struct cli *cli, const char *key, uint32_t out[2],
		      struct aios_status *st)
{
	struct bench_list l;
	int rc = bench_list(cli, key, false, 1, &l, st);

	if (rc)
		return rc;
	if (l.n != 2 || l.of[0] > l.of[1])
		return cli_usage(st,
				 "--%s: expected the shortest and the longest length, such as "
				 "32,1024",
				 key);
	out[0] = l.of[0];
	out[1] = l.of[1];
	return 0;
}

static int read_workload(const struct cli *cli, struct workload *w, struct aios_status *st)
{
	int rc = read_range(cli, "input", w->input, st);

	if (!rc)
		rc = read_range(cli, "output", w->output, st);
	w->n = (uint32_t)cli_int(cli, AIOS_SECTION_COMMAND, "requests");
	w->shared = (uint32_t)cli_int(cli, AIOS_SECTION_COMMAND, "shared");
	w->seed = (uint32_t)cli_int(cli, "sampling", "seed");
	return rc;
}

static int make_load(const struct workload *w, uint32_t vocab, struct load *l,
		     struct aios_status *st)
{
	int rc = load_init(l, w->n, st);
	struct mt m;

	mt_seed(&m, w->seed);
	for (uint32_t i = 0; i < w->n && !rc; i++) {
		uint32_t len = mt_range(&m, w->input[0], w->input[1]);

		l->ids[i] = malloc((size_t)(len + w->shared) * sizeof(**l->ids));
		if (!l->ids[i])
			rc = aios_fail(st, -ENOMEM, "no memory for a prompt of %u tokens", len);
		l->prompt[i] = len + w->shared;
		for (uint32_t p = 0; p < w->shared && !rc; p++)
			l->ids[i][p] = (int32_t)((p * 7919u + 13u) % vocab);
		for (uint32_t p = 0; p < len && !rc; p++)
			l->ids[i][w->shared + p] = (int32_t)(mt_range(&m, 0, IDS - 1) % vocab);
	}
	for (uint32_t i = 0; i < w->n && !rc; i++)
		l->output[i] = mt_range(&m, w->output[0], w->output[1]);
	l->temperature = TEMPERATURE;
	if (rc)
		load_finish(l);
	return rc;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report_flight(struct report *report, const char *model, const struct load *l,
			  struct flight *f)
{
	double s = (double)(f->ended - f->began) / 1e9;
	double pages = f->pages_total ? f->pages_total : 1;
	json_t *row = json_object();

	qsort(f->first, l->n, sizeof(*f->first), compare_u64);
	json_put(&row, "model", json_text(model, strlen(model)));
	json_put(&row, "requests", json_integer(l->n));
	json_put(&row, "prompt_tokens", json_integer((json_int_t)f->prompt_tokens));
	json_put(&row, "output_tokens", json_integer((json_int_t)f->output_tokens));
	json_put(&row, "output_tokens_per_s", json_real((double)f->output_tokens / s));
	json_put(&row, "tokens_per_s",
		 json_real((double)(f->output_tokens + f->prompt_tokens) / s));
	json_put(&row, "seconds", json_real(s));
	json_put(&row, "kv_peak", json_real(f->pages_peak / pages));
	json_put(&row, "kv_mean", json_real(f->pages_mean / pages));
	json_put(&row, "preemptions", json_integer((json_int_t)f->preemptions));
	json_put(&row, "cached_tokens", json_integer((json_int_t)f->cached_tokens));
	json_put(&row, "steps", json_integer((json_int_t)f->steps));
	json_put(&row, "guessed_tokens", json_integer((json_int_t)f->guessed));
	if (f->guessed > 0)
		json_put(&row, "guessed_right", json_real((double)f->right / (double)f->guessed));
	json_put(&row, "first_token_s_median",
		 json_real((double)(f->first[l->n / 2] - f->began) / 1e9));
	report_row(report, row);
}

/* Graphs are captured and caches warmed by a few short requests, which do not count. */
static int warm_up(struct aios_engine *engine, const struct workload *w, struct aios_status *st)
{
	struct flight f = { 0 };
	struct load l;
	int rc = load_even(&l, w->n < 8 ? w->n : 8, 16, 8, aios_engine_vocab_size(engine),
			   UINT64_C(0x5eed), st);

	if (rc)
		return rc;
	rc = load_fly(&l, engine, &f, st);
	flight_finish(&f);
	load_finish(&l);
	return rc;
}

static int set_engine(struct cli *cli, const struct workload *w, struct aios_status *st)
{
	uint64_t context = (uint64_t)w->shared + w->input[1] + w->output[1];
	int rc = bench_engine_default(cli, "max_batch_size", w->n, st);

	if (!rc)
		rc = bench_engine_default(cli, "max_batch_tokens", w->n > 4096 ? w->n : 4096, st);
	return rc ? rc : bench_engine_default(cli, "context_length", context, st);
}

int bench_offline_main(struct cli *cli, struct aios_status *st)
{
	const char *path = bench_model(cli);
	struct aios_engine *engine = NULL;
	struct report report = { 0 };
	struct flight f = { 0 };
	struct workload w;
	struct load l = { 0 };
	int rc = path ? 0 : cli_usage(st, "bench offline needs a model: --shape NAME or -m DIR");

	if (!rc)
		rc = read_workload(cli, &w, st);
	if (!rc)
		rc = set_engine(cli, &w, st);
	if (rc)
		return rc;
	report_init(&report, cli, columns);
	rc = bench_load(cli, path, &engine, &report, st);
	if (!rc)
		rc = make_load(&w, aios_engine_vocab_size(engine), &l, st);
	if (!rc)
		rc = warm_up(engine, &w, st);
	if (!rc)
		rc = load_fly(&l, engine, &f, st);
	if (!rc) {
		report_flight(&report, path, &l, &f);
		rc = report_end(&report, st);
	}
	flight_finish(&f);
	load_finish(&l);
	aios_engine_close(engine);
	report_finish(&report);
	return rc;
}
