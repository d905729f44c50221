/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest.c - the promise in small: a greedy answer is the same alone, in a batch with others,
 * and by the logits of one pass over prompt and answer.
 */
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/tokenizer.h>

#include "selftest.h"

enum {
	PROMPT = 8, /* tokens of the prompt at most */
	ANSWER = 8, /* tokens of each answer */
	BESIDE = 3, /* requests in the batch */
};

/* One request's answer as it comes. */
struct answer {
	int32_t ids[ANSWER];
	uint32_t n;
	uint32_t reason;
};

static int submit(struct aios_engine *engine, const int32_t *ids, size_t n, struct answer *answer,
		  struct aios_status *st)
{
	struct aios_request request = AIOS_REQUEST_INIT;
	uint64_t id;

	request.ids = ids;
	request.n_ids = n;
	request.max_tokens = ANSWER;
	request.ignore_eos = true;
	request.user = answer;
	return aios_submit(engine, &request, &id, st);
}

static int drain(struct aios_engine *engine, struct aios_status *st)
{
	struct aios_event event;
	int rc;

	while ((rc = aios_poll(engine, &event, 0, st)) > 0) {
		struct answer *answer = event.user;

		if (event.type == AIOS_EVENT_TOKEN && answer->n < ANSWER)
			answer->ids[answer->n++] = event.id;
		if (event.type == AIOS_EVENT_END && event.reason == AIOS_END_ERROR) {
			*st = event.status;
			return event.status.code ? event.status.code : -EIO;
		}
	}
	return rc;
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->n == b->n && memcmp(a->ids, b->ids, a->n * sizeof(a->ids[0])) == 0;
}

/* The prompt: words when there is a tokenizer, else the first ids of the vocabulary. */
static int make_prompt(struct aios_engine *engine, int32_t prompt[PROMPT], size_t *n,
		       struct aios_status *st)
{
	static const char text[] = "Once upon a time";
	struct aios_tokenizer *tok = aios_engine_tokenizer(engine);
	uint32_t vocabulary = aios_engine_vocab_size(engine);
	int32_t *ids;
	int rc;

	if (!tok) {
		*n = PROMPT;
		for (uint32_t i = 0; i < PROMPT; i++)
			prompt[i] = (int32_t)((i * 7 + 5) % vocabulary);
		return 0;
	}
	rc = aios_tokenize(tok, text, sizeof(text) - 1, AIOS_ENCODE_SPECIAL, &ids, n, st);
	if (rc)
		return rc;
	*n = *n < PROMPT ? *n : PROMPT;
	memcpy(prompt, ids, *n * sizeof(*ids));
	free(ids);
	return *n ? 0 : aios_fail(st, -EIO, "the tokenizer makes no token of '%s'", text);
}

static int32_t best(const float *row, uint32_t n)
{
	uint32_t at = 0;

	for (uint32_t i = 1; i < n; i++)
		if (row[i] > row[at])
			at = i;
	return (int32_t)at;
}

/* One pass over prompt and answer must choose the same tokens. */
static int check_logits(struct aios_engine *engine, const int32_t *prompt, size_t n_prompt,
			const struct answer *answer, struct aios_status *st)
{
	uint32_t vocabulary = aios_engine_vocab_size(engine);
	int32_t all[PROMPT + ANSWER];
	size_t n = n_prompt + answer->n;
	float *rows;
	int rc;

	memcpy(all, prompt, n_prompt * sizeof(*all));
	memcpy(all + n_prompt, answer->ids, answer->n * sizeof(*all));
	rows = calloc(n, vocabulary * sizeof(*rows));
	if (!rows)
		return aios_fail(st, -ENOMEM, "no memory for %zu rows of logits", n);
	rc = aios_logits(engine, all, n, rows, st);
	for (uint32_t i = 0; i < answer->n && !rc; i++) {
		int32_t id = best(rows + (n_prompt + i - 1) * vocabulary, vocabulary);

		if (id != answer->ids[i])
			rc = aios_fail(st, -EIO,
				       "token %u of the answer is %d, by the logits of one pass %d",
				       i, (int)answer->ids[i], (int)id);
	}
	free(rows);
	return rc;
}

static int compute(struct aios_engine *engine, struct selftest *out, struct aios_status *st)
{
	struct answer alone = { 0 }, batch[BESIDE] = { { { 0 } } };
	int32_t prompt[PROMPT];
	uint64_t began = clock_ns();
	size_t n;
	int rc = make_prompt(engine, prompt, &n, st);

	if (!rc)
		rc = submit(engine, prompt, n, &alone, st);
	if (!rc)
		rc = drain(engine, st);
	/* The same request last, behind shorter prompts. */
	for (size_t i = 0; i < BESIDE && !rc; i++)
		rc = submit(engine, prompt, i + 1 < BESIDE ? 1 + i % n : n, &batch[i], st);
	if (!rc)
		rc = drain(engine, st);
	if (rc)
		return rc;
	out->tokens = alone.n;
	for (size_t i = 0; i < BESIDE; i++)
		out->tokens += batch[i].n;
	out->rate = out->tokens * 1e9 / (double)(clock_ns() - began);
	if (!alone.n)
		return aios_fail(st, -EIO, "the model answered nothing");
	if (!same(&alone, &batch[BESIDE - 1]))
		return aios_fail(st, -EIO,
				 "the answer differs between a request alone and in a batch");
	return check_logits(engine, prompt, n, &alone, st);
}

int selftest(struct cli *cli, const char *path, struct selftest *out, struct aios_status *st)
{
	struct aios_engine *engine;
	const struct aios_plan *plan;
	int rc = cli_load(cli, path, &engine, st);

	if (rc)
		return rc;
	plan = aios_engine_plan(engine);
	snprintf(out->driver, sizeof(out->driver), "%s", plan->driver);
	snprintf(out->device, sizeof(out->device), "%s", plan->device);
	snprintf(out->numerics_id, sizeof(out->numerics_id), "%s", plan->numerics_id);
	rc = compute(engine, out, st);
	aios_engine_close(engine);
	return rc;
}
