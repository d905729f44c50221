// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_batch_line.c - any bytes as a line of `aios run --batch`: a line that is accepted is a
 * request that can be submitted, and any line can be answered.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const struct batch_line *line, const struct batch_defaults *d)
{
	const struct aios_request *r = &line->request;

	if (!r->text == !r->ids || (r->text && !d->tokenizer) || r->max_tokens == 0 ||
	    r->n_stop > MOST_STOPS)
		abort();
	if (r->text && strlen(r->text) != r->text_len)
		abort();
	for (size_t i = 0; r->ids && i < r->n_ids; i++)
		if (r->ids[i] < 0)
			abort();
	for (uint32_t i = 0; i < r->n_stop; i++)
		if (r->stop[i][0] == '\0')
			abort();
}

/* What the file of answers gets: one line of JSON. */
static void check_answer(const struct batch_line *line)
{
	json_t *answer = batch_line_json(line), *again;
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	if (!text || strchr(text, '\n'))
		abort();
	again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!again || !json_equal(again, answer))
		abort();
	json_decref(again);
	json_decref(answer);
	free(text);
}

static void read_line(const struct batch_defaults *d, const char *text, size_t size)
{
	struct batch_line line = { .number = 1 };
	struct aios_status st = { 0 };

	line.digest = batch_digest(d, text, size);
	if (line.digest == 0)
		abort();
	if (batch_line_read(d, text, size, &line, &st) == 0)
		check_request(&line, d);
	else if (st.code >= 0 || st.message[0] == '\0')
		abort(); /* every refusal has a code and a message */
	check_answer(&line);
	batch_line_finish(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct aios_request usual = AIOS_REQUEST_INIT;
	struct batch_defaults d = {
		.sampling = usual.sampling,
		.max_tokens = 16,
		.stops = { "\n\n" },
		.n_stops = 1,
		.model = "model",
		.numerics = "fma32",
	};

	for (int tokenizer = 0; tokenizer < 2; tokenizer++) {
		d.tokenizer = tokenizer;
		read_line(&d, (const char *)data, size);
	}
	return 0;
}
