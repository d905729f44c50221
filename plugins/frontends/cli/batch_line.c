// SPDX-License-Identifier: Apache-2.0
/* batch_line.c - a line of a batch: a JSON object that says what is asked for. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "beams.h"
#include "out.h"

enum field_type {
	FIELD_TEXT,
	FIELD_IDS,
	FIELD_ID,
	FIELD_STOP,
	FIELD_FLOAT,
	FIELD_SEED,
	FIELD_COUNT,
	FIELD_INT,
	FIELD_EARLY,
	FIELD_BOOL
};

static const struct field {
	const char *name;
	enum field_type type;
	size_t offset; /* in struct aios_request */
} fields[] = {
	{ "prompt", FIELD_TEXT, 0 },
	{ "ids", FIELD_IDS, 0 },
	{ "id", FIELD_ID, 0 },
	{ "stop", FIELD_STOP, 0 },
	{ "max_tokens", FIELD_COUNT, offsetof(struct aios_request, max_tokens) },
	{ "seed", FIELD_SEED, offsetof(struct aios_request, sampling.seed) },
	{ "temperature", FIELD_FLOAT, offsetof(struct aios_request, sampling.temperature) },
	{ "top_p", FIELD_FLOAT, offsetof(struct aios_request, sampling.top_p) },
	{ "min_p", FIELD_FLOAT, offsetof(struct aios_request, sampling.min_p) },
	{ "top_k", FIELD_INT, offsetof(struct aios_request, sampling.top_k) },
	{ "repetition_penalty", FIELD_FLOAT, offsetof(struct aios_request, sampling.repetition) },
	{ "frequency_penalty", FIELD_FLOAT, offsetof(struct aios_request, sampling.frequency) },
	{ "presence_penalty", FIELD_FLOAT, offsetof(struct aios_request, sampling.presence) },
	{ "prompt_logprobs", FIELD_INT, offsetof(struct aios_request, prompt_logprobs) },
	{ "beams", FIELD_COUNT, offsetof(struct aios_request, beams) },
	{ "length_penalty", FIELD_FLOAT, offsetof(struct aios_request, length_penalty) },
	{ "early_stopping", FIELD_EARLY, offsetof(struct aios_request, early_stopping) },
	{ "priority", FIELD_INT, offsetof(struct aios_request, priority) },
	{ "ignore_eos", FIELD_BOOL, offsetof(struct aios_request, ignore_eos) },
	{ "keep_special", FIELD_BOOL, offsetof(struct aios_request, keep_special) },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* ---- digest ------------------------------------------------------------------- */

/* FNV-1a: it tells lines apart that were changed, it need not withstand an attack. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	return mix(hash, text, strlen(text) + 1);
}

uint64_t batch_digest(const struct batch_defaults *d, const char *text, size_t len)
{
	const struct aios_sampling *s = &d->sampling;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char numbers[256];

	snprintf(numbers, sizeof(numbers),
		 "%" PRIu64 " %a %a %a %d %a %a %a %u %d %d %d %u %u %a %d", s->seed,
		 (double)s->temperature, (double)s->top_p, (double)s->min_p, s->top_k,
		 (double)s->repetition, (double)s->frequency, (double)s->presence, d->max_tokens,
		 d->ignore_eos, d->keep_special, d->prompt_logprobs, d->beams, d->early_stopping,
		 (double)d->length_penalty, d->temperature);
	hash = mix_text(hash, numbers);
	hash = mix_text(hash, d->model);
	hash = mix_text(hash, d->numerics);
	for (uint32_t i = 0; i < d->n_stops; i++)
		hash = mix_text(hash, d->stops[i]);
	hash = mix(hash, text, len);
	return hash ? hash : 1;
}

/* ---- fields -------------------------------------------------------------------- */

static int wrong(const char *name, const char *expected, struct aios_status *st)
{
	return aios_fail(st, -EINVAL, "\"%s\": expected %s", name, expected);
}

static int read_ids(struct batch_line *line, const json_t *value, struct aios_status *st)
{
	size_t n = json_array_size(value);

	if (!json_is_array(value))
		return wrong("ids", "an array of token ids", st);
	free(line->ids);
	line->ids = malloc((n ? n : 1) * sizeof(*line->ids));
	if (!line->ids)
		return aios_fail(st, -ENOMEM, "out of memory for %zu ids", n);
	for (size_t i = 0; i < n; i++) {
		const json_t *id = json_array_get(value, i);

		if (!json_is_integer(id) || json_integer_value(id) < 0 ||
		    json_integer_value(id) > INT32_MAX)
			return aios_fail(st, -EINVAL, "\"ids\"[%zu] is not a token id", i);
		line->ids[i] = (int32_t)json_integer_value(id);
	}
	line->request.ids = line->ids;
	line->request.n_ids = n;
	return 0;
}

static int read_stop(struct batch_line *line, const json_t *value, struct aios_status *st)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;

	if (n > MOST_STOPS)
		return aios_fail(st, -EINVAL, "\"stop\": %zu texts, at most %d", n, MOST_STOPS);
	for (size_t i = 0; i < n; i++) {
		const json_t *text = json_is_array(value) ? json_array_get(value, i) : value;

		if (!json_is_string(text) || json_string_length(text) == 0 ||
		    strlen(json_string_value(text)) != json_string_length(text))
			return wrong("stop", "a text or an array of texts, none empty", st);
		line->stops[i] = json_string_value(text);
	}
	line->request.stop = line->stops;
	line->request.n_stop = (uint32_t)n;
	return 0;
}

/* As transformers says it: false, true or "never". */
static int read_early(struct batch_line *line, const json_t *value, struct aios_status *st)
{
	const char *text = json_is_true(value)  ? "true" :
			   json_is_false(value) ? "false" :
						  json_string_value(value);

	if (text && cli_early_stopping(text, &line->request.early_stopping))
		return 0;
	return wrong("early_stopping", "true, false or \"never\"", st);
}

static int read_number(const struct field *field, const json_t *value, void *to,
		       struct aios_status *st)
{
	json_int_t integer = json_integer_value(value);

	switch (field->type) {
	case FIELD_FLOAT:
		if (!json_is_number(value))
			return wrong(field->name, "a number", st);
		*(float *)to = (float)json_number_value(value);
		return 0;
	case FIELD_SEED:
		if (!json_is_integer(value) || integer < 0)
			return wrong(field->name, "an integer of 0 or more", st);
		*(uint64_t *)to = (uint64_t)integer;
		return 0;
	case FIELD_COUNT:
		if (!json_is_integer(value) || integer < 1 || integer > INT32_MAX)
			return wrong(field->name, "an integer of 1 or more", st);
		*(uint32_t *)to = (uint32_t)integer;
		return 0;
	case FIELD_INT:
		if (!json_is_integer(value) || integer < INT32_MIN || integer > INT32_MAX)
			return wrong(field->name, "an integer", st);
		*(int32_t *)to = (int32_t)integer;
		return 0;
	default:
		if (!json_is_boolean(value))
			return wrong(field->name, "true or false", st);
		*(bool *)to = json_is_true(value);
		return 0;
	}
}

static int read_field(const struct field *field, json_t *value, struct batch_line *line,
		      struct aios_status *st)
{
	switch (field->type) {
	case FIELD_TEXT:
		if (!json_is_string(value))
			return wrong(field->name, "a text", st);
		line->request.text = json_string_value(value);
		line->request.text_len = json_string_length(value);
		return 0;
	case FIELD_IDS:
		return read_ids(line, value, st);
	case FIELD_ID:
		return json_is_string(value) || json_is_integer(value) ?
			       0 :
			       wrong(field->name, "a text or an integer", st);
	case FIELD_STOP:
		return read_stop(line, value, st);
	case FIELD_EARLY:
		return read_early(line, value, st);
	default:
		return read_number(field, value, (char *)&line->request + field->offset, st);
	}
}

static int unknown_field(const char *name, struct aios_status *st)
{
	const char *names[N_FIELDS], *close;

	for (size_t i = 0; i < N_FIELDS; i++)
		names[i] = fields[i].name;
	close = aios_suggest(name, names, N_FIELDS);
	return aios_fail(st, -EINVAL, "\"%.60s\" is nothing that a line can say%s%s%s", name,
			 close ? "; did you mean \"" : "", close ? close : "", close ? "\"?" : "");
}

static int read_fields(struct batch_line *line, struct aios_status *st)
{
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach(line->object, name, value) {
		size_t i = 0;

		while (i < N_FIELDS && strcmp(fields[i].name, name) != 0)
			i++;
		rc = i < N_FIELDS ? read_field(&fields[i], value, line, st) :
				    unknown_field(name, st);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- a line --------------------------------------------------------------------- */

int batch_line_read(const struct batch_defaults *d, const char *text, size_t len,
		    struct batch_line *line, struct aios_status *st)
{
	struct aios_request usual = AIOS_REQUEST_INIT;
	json_error_t error;
	int rc;

	line->object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!line->object)
		return aios_fail(st, -EINVAL, "not JSON: %.150s, at byte %d", error.text,
				 error.position);
	if (!json_is_object(line->object))
		return aios_fail(st, -EINVAL, "not a JSON object, {\"prompt\": ...}");
	line->id = json_object_get(line->object, "id");
	usual.sampling = d->sampling;
	usual.max_tokens = d->max_tokens;
	usual.prompt_logprobs = d->prompt_logprobs;
	usual.beams = d->beams;
	usual.early_stopping = d->early_stopping;
	usual.length_penalty = d->length_penalty;
	if (!d->temperature)
		usual.sampling.temperature = NAN; /* until it is known whether there are beams */
	usual.ignore_eos = d->ignore_eos;
	usual.keep_special = d->keep_special;
	memcpy(line->stops, d->stops, sizeof(line->stops));
	usual.stop = line->stops;
	usual.n_stop = d->n_stops;
	line->request = usual;
	rc = read_fields(line, st);
	if (rc < 0)
		return rc;
	if (isnan(line->request.sampling.temperature))
		line->request.sampling.temperature =
			line->request.beams > 0 ? 0.0f : d->sampling.temperature;
	if (!line->request.text == !line->request.ids)
		return aios_fail(st, -EINVAL, "a line needs \"prompt\" or \"ids\", one of them");
	if (line->request.text && !d->tokenizer)
		return aios_fail(st, -EINVAL,
				 "this model has no tokenizer: give the prompt as \"ids\"");
	return 0;
}

void batch_line_finish(struct batch_line *line)
{
	json_decref(line->object);
	free(line->ids);
	memset(line, 0, sizeof(*line));
}

json_t *batch_line_json(const struct batch_line *line)
{
	json_t *object = json_object();
	char digest[17];

	snprintf(digest, sizeof(digest), "%016" PRIx64, line->digest);
	json_put(&object, "line", json_integer((json_int_t)line->number));
	if (line->id)
		json_put(&object, "id", json_incref(line->id));
	json_put(&object, "digest", json_string(digest));
	return object;
}
