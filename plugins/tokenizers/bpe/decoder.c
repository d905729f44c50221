// SPDX-License-Identifier: Apache-2.0
/*
 * decoder.c - reading the "decoder" of tokenizer.json, and decoding by it.
 *
 * Each step gives on what it can be sure of and holds the rest: a cut UTF-8
 * sequence, a run of byte tokens that may yet turn out broken, spaces that may
 * be the text's last, the beginning of a match.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytelevel.h"
#include "decoder.h"
#include "json.h"

#define STEPS_MAX 32

static int append_steps(struct decoder *decoder, const json_t *json, const char *path,
			const struct pattern_options *options, struct aios_status *st);
static int give(struct decoding *decoding, size_t step, const char *text, size_t len, bool end);

static struct decoder_step *add_step(struct decoder *decoder, enum decoder_kind kind)
{
	struct decoder_step *steps;

	steps = realloc(decoder->steps, (decoder->n_steps + 1) * sizeof(*steps));
	if (!steps)
		return NULL;
	decoder->steps = steps;
	steps += decoder->n_steps++;
	*steps = (struct decoder_step){ .kind = kind };
	return steps;
}

static int read_text(struct text *content, const json_t *json, const char *key,
		     const char *fallback, bool one, const char *path, struct aios_status *st)
{
	const char *text;
	int rc = json_opt_string(json, key, path, &text, st);

	if (rc)
		return rc;
	if (!text)
		text = fallback;
	if (!text || !*text || (one && utf8_length(text) != strlen(text)))
		return aios_fail(st, -EINVAL, "%s: %s: expected %s", path, key,
				 one ? "one character" : "a text");
	return text_append_string(content, text);
}

static int read_metaspace(struct decoder_step *step, const json_t *json, const char *path,
			  struct aios_status *st)
{
	const char *scheme;
	bool older;
	int rc = read_text(&step->content, json, "replacement", "\xe2\x96\x81", true, path, st);

	if (rc == 0)
		rc = json_opt_string(json, "prepend_scheme", path, &scheme, st);
	if (rc == 0)
		rc = json_opt_bool(json, "add_prefix_space", path, true, &older, st);
	if (rc == 0)
		step->keep_first = scheme ? strcmp(scheme, "never") == 0 : !older;
	return rc;
}

static int read_strip(struct decoder_step *step, const json_t *json, const char *path,
		      struct aios_status *st)
{
	int64_t start = 0;
	int64_t stop = 0;
	int rc = read_text(&step->content, json, "content", NULL, true, path, st);

	if (rc == 0)
		rc = json_opt_int(json, "start", path, 0, INT32_MAX, 0, &start, st);
	if (rc == 0)
		rc = json_opt_int(json, "stop", path, 0, INT32_MAX, 0, &stop, st);
	step->start = (size_t)start;
	step->stop = (size_t)stop;
	return rc;
}

static int read_replace(struct decoder_step *step, const json_t *json, const char *path,
			const struct pattern_options *options, struct aios_status *st)
{
	const char *content;
	int rc = pattern_from_json(&step->pattern, json, path, options, st);

	if (rc == 0)
		rc = json_get_string(json, "content", path, &content, st);
	return rc ? rc : text_append_string(&step->content, content);
}

static int read_sequence(struct decoder *decoder, const json_t *json, const char *path,
			 const struct pattern_options *options, struct aios_status *st)
{
	struct json_path list;
	struct json_path at;
	json_t *steps;
	json_t *step;
	size_t i;
	int rc = json_get_array(json, "decoders", path, &steps, st);

	if (rc)
		return rc;
	json_path_key(&list, path, "decoders");
	json_array_foreach(steps, i, step) {
		rc = append_steps(decoder, step, json_path_index(&at, list.text, i), options, st);
		if (rc)
			return rc;
	}
	return 0;
}

static int append_steps(struct decoder *decoder, const json_t *json, const char *path,
			const struct pattern_options *options, struct aios_status *st)
{
	static const struct {
		const char *type;
		enum decoder_kind kind;
	} kinds[] = {
		{ "ByteLevel", DECODER_BYTE_LEVEL }, { "ByteFallback", DECODER_BYTE_FALLBACK },
		{ "Metaspace", DECODER_METASPACE },  { "Fuse", DECODER_FUSE },
		{ "Strip", DECODER_STRIP },          { "Replace", DECODER_REPLACE },
		{ "BPEDecoder", DECODER_SUFFIX },
	};
	struct decoder_step *step = NULL;
	char shown[64];
	const char *type;
	int rc;

	if (!json_is_object(json))
		return aios_fail(st, -EINVAL, "%s: expected an object, found %s", path,
				 json_kind(json));
	rc = json_get_string(json, "type", path, &type, st);
	if (rc)
		return rc;
	if (strcmp(type, "Sequence") == 0)
		return read_sequence(decoder, json, path, options, st);
	if (decoder->n_steps == STEPS_MAX)
		return aios_fail(st, -EINVAL, "%s: more than %d decoders", path, STEPS_MAX);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(type, kinds[i].type) != 0)
			continue;
		step = add_step(decoder, kinds[i].kind);
		if (!step)
			return -ENOMEM;
	}
	if (!step)
		return aios_fail(
			st, -EINVAL,
			"%s: decoder \"%s\" is not supported; supported are ByteLevel, "
			"Metaspace, ByteFallback, Fuse, Strip, Replace, BPEDecoder, Sequence",
			path, json_quote(shown, sizeof(shown), type, strlen(type)));
	if (step->kind == DECODER_METASPACE)
		return read_metaspace(step, json, path, st);
	if (step->kind == DECODER_STRIP)
		return read_strip(step, json, path, st);
	if (step->kind == DECODER_REPLACE)
		return read_replace(step, json, path, options, st);
	if (step->kind == DECODER_SUFFIX)
		return read_text(&step->content, json, "suffix", "</w>", false, path, st);
	return 0;
}

int decoder_init(struct decoder *decoder, const json_t *json, const char *path,
		 const struct pattern_options *options, struct aios_status *st)
{
	*decoder = (struct decoder){ 0 };
	if (!json || json_is_null(json))
		return add_step(decoder, DECODER_JOIN) ? 0 : -ENOMEM;
	return append_steps(decoder, json, path, options, st);
}

void decoder_finish(struct decoder *decoder)
{
	for (size_t i = 0; i < decoder->n_steps; i++) {
		pattern_finish(&decoder->steps[i].pattern);
		text_finish(&decoder->steps[i].content);
	}
	free(decoder->steps);
	*decoder = (struct decoder){ 0 };
}

int decoding_init(struct decoding *decoding, const struct decoder *decoder)
{
	int rc;

	*decoding = (struct decoding){ .decoder = decoder };
	rc = pattern_scratch_init(&decoding->scratch);
	if (rc)
		return rc;
	decoding->states = calloc(decoder->n_steps + 1, sizeof(*decoding->states));
	if (decoding->states)
		return 0;
	pattern_scratch_finish(&decoding->scratch);
	return -ENOMEM;
}

void decoding_finish(struct decoding *decoding)
{
	for (size_t i = 0; decoding->states && i < decoding->decoder->n_steps; i++)
		text_finish(&decoding->states[i].held);
	free(decoding->states);
	pattern_scratch_finish(&decoding->scratch);
	text_finish(&decoding->spare);
	text_finish(&decoding->out);
	*decoding = (struct decoding){ 0 };
}

int byte_token_value(const char *token, size_t len)
{
	int value = 0;

	if (len != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>')
		return -1;
	for (int i = 3; i < 5; i++) {
		char c = token[i];
		int digit = c >= '0' && c <= '9' ? c - '0' :
			    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			    c >= 'A' && c <= 'F' ? c - 'A' + 10 :
						   -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* Keep a fragment until the element's end. */
static int collect(struct decoder_state *state, const char *text, size_t len)
{
	return text_append(&state->held, text, len);
}

/* Byte level: an element is bytes when all of its characters are of the alphabet. */
static int element_bytes(const char *text, size_t len, struct text *out)
{
	size_t pos = 0, n = 0;
	char *bytes;
	int value;

	if (text_reserve(out, len))
		return -ENOMEM;
	bytes = out->data + out->len;
	while (pos < len) {
		value = bytelevel_byte(utf8_next(text, &pos));
		if (value < 0)
			return text_append(out, text, len);
		bytes[n++] = (char)value;
	}
	out->len += n;
	return 0;
}

/* `held` has a cut character, bytes; behind it, while an element is open, its text. */
static int byte_level(struct decoding *decoding, size_t i, const char *text, size_t len, bool end)
{
	struct decoder_state *state = &decoding->states[i];
	struct text *spare = &decoding->spare;
	size_t used = 0;
	int rc;

	if (!end) {
		state->open = true;
		return collect(state, text, len);
	}
	if (state->open) {
		/* `seen` counts the bytes of the cut character before the element. */
		rc = collect(state, text, len);
		spare->len = 0;
		if (rc == 0)
			rc = element_bytes(text_bytes(&state->held) + state->seen,
					   state->held.len - state->seen, spare);
		if (rc == 0) {
			state->held.len = state->seen;
			rc = text_append(&state->held, spare->data, spare->len);
		}
		state->open = false;
	} else {
		rc = element_bytes(text, len, &state->held);
	}
	spare->len = 0;
	if (rc == 0)
		rc = text_append_lossy(spare, state->held.data, state->held.len, false, &used);
	if (rc)
		return rc;
	text_drop(&state->held, used);
	state->seen = state->held.len;
	return spare->len ? give(decoding, i + 1, spare->data, spare->len, false) : 0;
}

static int finish_byte_level(struct decoding *decoding, size_t i)
{
	struct decoder_state *state = &decoding->states[i];
	struct text *spare = &decoding->spare;
	int rc = state->open ? byte_level(decoding, i, "", 0, true) : 0;

	spare->len = 0;
	if (rc == 0)
		rc = text_append_lossy(spare, state->held.data, state->held.len, true, NULL);
	state->held.len = 0;
	return rc ? rc : give(decoding, i + 1, spare->data, spare->len, true);
}

/* Byte tokens become characters when the whole run is UTF-8; else each one U+FFFD. */
static int finish_run(struct decoding *decoding, size_t i, struct text *run)
{
	size_t len = run->len;
	int rc = 0;

	if (len == 0)
		return 0;
	if (utf8_valid(run->data, len))
		rc = give(decoding, i + 1, run->data, len, true);
	else
		for (size_t n = 0; n < len && rc == 0; n++)
			rc = give(decoding, i + 1, "\xef\xbf\xbd", 3, true);
	run->len = 0;
	return rc;
}

static int byte_fallback_element(struct decoding *decoding, size_t i, const char *text, size_t len)
{
	struct decoder_state *state = &decoding->states[i];
	int value = byte_token_value(text, len);
	char byte;
	int rc;

	if (value >= 0) {
		byte = (char)value;
		return text_append(&state->held, &byte, 1);
	}
	rc = finish_run(decoding, i, &state->held);
	return rc ? rc : give(decoding, i + 1, text, len, true);
}

/* Fragments come only where all elements were made one: then no run is held. */
static int byte_fallback(struct decoding *decoding, size_t i, const char *text, size_t len,
			 bool end)
{
	struct decoder_state *state = &decoding->states[i];
	struct text element = { 0 };
	int rc;

	if (end && !state->open)
		return byte_fallback_element(decoding, i, text, len);
	state->open = !end;
	rc = collect(state, text, len);
	if (rc || !end)
		return rc;
	text_swap(&element, &state->held);
	rc = byte_fallback_element(decoding, i, text_bytes(&element), element.len);
	text_finish(&element);
	return rc;
}

static int metaspace(struct decoding *decoding, size_t i, const char *text, size_t len, bool end)
{
	const struct decoder_step *step = &decoding->decoder->steps[i];
	struct decoder_state *state = &decoding->states[i];
	bool drop = state->seen == 0 && !step->keep_first;
	struct text out = { 0 };
	size_t pos = 0;
	size_t start;
	int rc = 0;

	while (pos < len && rc == 0) {
		start = pos;
		pos += utf8_length(text + pos);
		if (pos - start != step->content.len ||
		    memcmp(text + start, step->content.data, pos - start) != 0)
			rc = text_append(&out, text + start, pos - start);
		else if (!drop)
			rc = text_append(&out, " ", 1);
	}
	if (end)
		state->seen++;
	if (rc == 0)
		rc = give(decoding, i + 1, out.data, out.len, end);
	text_finish(&out);
	return rc;
}

/* How much of a text's end is the stripped character, at most `max` times: bytes. */
static size_t trailing(const struct text *content, const char *text, size_t len, size_t max)
{
	size_t n = content->len;
	size_t bytes = 0;

	for (size_t k = 0; k < max && len - bytes >= n; k++) {
		if (memcmp(text + len - bytes - n, content->data, n) != 0)
			break;
		bytes += n;
	}
	return bytes;
}

/* `seen` counts what was stripped from the open element's beginning; `held` may be its end. */
static int strip(struct decoding *decoding, size_t i, const char *text, size_t len, bool end)
{
	const struct decoder_step *step = &decoding->decoder->steps[i];
	struct decoder_state *state = &decoding->states[i];
	const struct text *content = &step->content;
	struct text out = { 0 };
	size_t tail;
	int rc;

	if (!state->open) {
		state->open = true;
		state->stripping = step->start > 0;
		state->seen = 0;
	}
	while (state->stripping && len > 0) {
		if (len < content->len || memcmp(text, content->data, content->len) != 0) {
			state->stripping = false;
			break;
		}
		text += content->len;
		len -= content->len;
		state->stripping = ++state->seen < step->start;
	}
	text_swap(&out, &state->held);
	rc = text_append(&out, text, len);
	tail = rc ? 0 : trailing(content, text_bytes(&out), out.len, step->stop);
	if (rc == 0 && !end)
		rc = text_append(&state->held, text_bytes(&out) + out.len - tail, tail);
	if (end)
		state->open = false;
	if (rc == 0)
		rc = give(decoding, i + 1, out.data, out.len - tail, end);
	text_finish(&out);
	return rc;
}

/* Bytes at a text's end that may be the beginning of `literal`. */
static size_t possible_start(const struct text *literal, const char *text, size_t len)
{
	size_t n = literal->len - 1 < len ? literal->len - 1 : len;

	while (n > 0 && memcmp(text + len - n, literal->data, n) != 0)
		n--;
	return n;
}

static int replace(struct decoding *decoding, size_t i, const char *text, size_t len, bool end)
{
	const struct decoder_step *step = &decoding->decoder->steps[i];
	struct decoder_state *state = &decoding->states[i];
	struct text out = { 0 };
	struct pattern_scan scan;
	size_t done = 0;
	size_t keep = 0;
	size_t start;
	size_t stop;
	int rc = collect(state, text, len);

	/* A match of an expression may still grow: only the element's end is sure. */
	if (rc || (!end && step->pattern.kind == PATTERN_REGEX))
		return rc;
	if (step->pattern.kind == PATTERN_LITERAL) {
		/* What is behind the last match may begin the next. */
		pattern_scan_start(&scan, &step->pattern, &decoding->scratch,
				   text_bytes(&state->held), state->held.len);
		while (pattern_scan_next(&scan, &start, &stop, NULL) > 0)
			done = stop;
		if (!end)
			keep = possible_start(&step->pattern.literal,
					      text_bytes(&state->held) + done,
					      state->held.len - done);
	}
	rc = pattern_replace(&step->pattern, &decoding->scratch, text_bytes(&state->held),
			     state->held.len - keep, &step->content, &out, decoding->st);
	text_drop(&state->held, state->held.len - keep);
	if (rc == 0)
		rc = give(decoding, i + 1, out.data, out.len, end);
	text_finish(&out);
	return rc;
}

/* Replace the suffix in a whole element. */
static int give_word(struct decoding *decoding, size_t i, const struct text *word,
		     const char *content)
{
	const struct decoder_step *step = &decoding->decoder->steps[i];
	const char *end = word->data + word->len;
	const char *text = word->data;
	struct text out = { 0 };
	const char *found;
	int rc = 0;

	while (rc == 0 && word->len > 0 &&
	       (found = memmem(text, (size_t)(end - text), step->content.data,
			       step->content.len))) {
		rc = text_append(&out, text, (size_t)(found - text));
		if (rc == 0)
			rc = text_append_string(&out, content);
		text = found + step->content.len;
	}
	if (rc == 0 && word->len > 0)
		rc = text_append(&out, text, (size_t)(end - text));
	if (rc == 0)
		rc = give(decoding, i + 1, out.data, out.len, true);
	text_finish(&out);
	return rc;
}

/* The last element is treated otherwise: hold each until the next one begins. */
static int suffix(struct decoding *decoding, size_t i, const char *text, size_t len, bool end)
{
	struct decoder_state *state = &decoding->states[i];
	int rc = 0;

	if (!state->open && state->seen > 0) {
		rc = give_word(decoding, i, &state->held, " ");
		state->held.len = 0;
	}
	state->open = !end;
	if (end)
		state->seen++;
	return rc ? rc : collect(state, text, len);
}

static int finish_suffix(struct decoding *decoding, size_t i)
{
	struct decoder_state *state = &decoding->states[i];

	return state->seen > 0 ? give_word(decoding, i, &state->held, "") : 0;
}

static int join(struct decoding *decoding, size_t i, const char *text, size_t len, bool end)
{
	struct decoder_state *state = &decoding->states[i];
	int rc = 0;

	if (state->seen++ > 0)
		rc = give(decoding, i + 1, " ", 1, true);
	return rc ? rc : give(decoding, i + 1, text, len, end);
}

/* Hand a fragment of an element to a step; behind the last one it is text. */
static int give(struct decoding *decoding, size_t step, const char *text, size_t len, bool end)
{
	if (!text)
		text = "";
	if (step == decoding->decoder->n_steps)
		return text_append(&decoding->out, text, len);
	switch (decoding->decoder->steps[step].kind) {
	case DECODER_BYTE_LEVEL:
		return byte_level(decoding, step, text, len, end);
	case DECODER_BYTE_FALLBACK:
		return byte_fallback(decoding, step, text, len, end);
	case DECODER_METASPACE:
		return metaspace(decoding, step, text, len, end);
	case DECODER_FUSE:
		return give(decoding, step + 1, text, len, false);
	case DECODER_STRIP:
		return strip(decoding, step, text, len, end);
	case DECODER_REPLACE:
		return replace(decoding, step, text, len, end);
	case DECODER_SUFFIX:
		return suffix(decoding, step, text, len, end);
	case DECODER_JOIN:
		return join(decoding, step, text, len, end);
	}
	return 0;
}

static int finish_step(struct decoding *decoding, size_t i)
{
	switch (decoding->decoder->steps[i].kind) {
	case DECODER_BYTE_LEVEL:
		return finish_byte_level(decoding, i);
	case DECODER_BYTE_FALLBACK:
		return finish_run(decoding, i, &decoding->states[i].held);
	case DECODER_FUSE:
		return give(decoding, i + 1, "", 0, true);
	case DECODER_SUFFIX:
		return finish_suffix(decoding, i);
	case DECODER_METASPACE:
	case DECODER_STRIP:
	case DECODER_REPLACE:
	case DECODER_JOIN:
		break; /* elements have ended; nothing is held between them */
	}
	return 0;
}

int decoding_push(struct decoding *decoding, const char *token, size_t len, struct aios_status *st)
{
	decoding->st = st;
	return give(decoding, 0, token, len, true);
}

int decoding_flush(struct decoding *decoding, struct aios_status *st)
{
	int rc = 0;

	decoding->st = st;
	for (size_t i = 0; i < decoding->decoder->n_steps && rc == 0; i++)
		rc = finish_step(decoding, i);
	return rc;
}
