// SPDX-License-Identifier: Apache-2.0
/*
 * encode.c - a text's way to ids: added tokens out, normalize, normalized added
 * tokens out, cut into pieces, merge each.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "tokenizer.h"

/* Working memory of one call, reused from stretch to stretch. */
struct encoder {
	const struct tokenizer *tok;
	bool plain_special;
	struct pattern_scratch pattern;
	struct merge_scratch merge;
	struct pieces pieces;
	struct pieces spare_pieces;
	struct text normal;
	struct text spare;
	struct ids *ids;
	struct aios_status *st;
};

static int encode_plain(struct encoder *encoder, const char *text, size_t len, bool at_start)
{
	struct pieces *pieces = &encoder->pieces;
	int rc;

	rc = pretokenizer_apply(&encoder->tok->pretokenizer, &encoder->pattern, text, len, at_start,
				pieces, &encoder->spare_pieces, encoder->st);
	for (size_t i = 0; i < pieces->len && rc == 0; i++) {
		const struct piece *piece = &pieces->list[i];

		rc = model_encode(&encoder->tok->model, pieces->text.data + piece->start,
				  piece->end - piece->start, &encoder->merge, encoder->ids,
				  encoder->st);
	}
	return rc;
}

/* Text between added tokens of the original. */
static int encode_stretch(struct encoder *encoder, const char *text, size_t len, bool at_start)
{
	const struct added *added = &encoder->tok->added;
	struct added_stretch stretch;
	struct added_scan scan;
	int rc = 0;

	encoder->normal.len = 0;
	rc = text_append(&encoder->normal, text, len);
	if (rc == 0)
		rc = normalizer_apply(&encoder->tok->normalizer, &encoder->pattern,
				      &encoder->normal, &encoder->spare, encoder->st);
	if (rc)
		return rc;
	added_scan_start(&scan, added, &added->normalized, encoder->normal.data,
			 encoder->normal.len, encoder->plain_special);
	while (rc == 0 && added_scan_next(&scan, &stretch)) {
		if (stretch.token)
			rc = ids_append(encoder->ids, stretch.token->id);
		else
			rc = encode_plain(encoder, encoder->normal.data + stretch.start,
					  stretch.end - stretch.start,
					  at_start && stretch.start == 0);
	}
	return rc;
}

static int encode_text(struct encoder *encoder, const char *text, size_t len)
{
	const struct added *added = &encoder->tok->added;
	struct added_stretch stretch;
	struct added_scan scan;
	int rc = 0;

	added_scan_start(&scan, added, &added->original, text, len, encoder->plain_special);
	while (rc == 0 && added_scan_next(&scan, &stretch)) {
		if (stretch.token)
			rc = ids_append(encoder->ids, stretch.token->id);
		else
			rc = encode_stretch(encoder, text + stretch.start,
					    stretch.end - stretch.start, stretch.start == 0);
	}
	return rc;
}

static void encoder_finish(struct encoder *encoder)
{
	pattern_scratch_finish(&encoder->pattern);
	merge_scratch_finish(&encoder->merge);
	pieces_finish(&encoder->pieces);
	pieces_finish(&encoder->spare_pieces);
	text_finish(&encoder->normal);
	text_finish(&encoder->spare);
}

static int append_ids(struct ids *ids, const struct ids *more)
{
	if (more->len == 0)
		return 0;
	if (ids_reserve(ids, more->len))
		return -ENOMEM;
	memcpy(ids->data + ids->len, more->data, more->len * sizeof(*ids->data));
	ids->len += more->len;
	return 0;
}

int tokenizer_encode(const struct tokenizer *tok, const char *text, size_t len, uint32_t flags,
		     struct ids *ids, struct aios_status *st)
{
	struct encoder encoder = {
		.tok = tok,
		.plain_special = (flags & AIOS_ENCODE_NO_PARSE) != 0,
		.ids = ids,
		.st = st,
	};
	bool special = (flags & AIOS_ENCODE_SPECIAL) != 0;
	struct text fixed = { 0 };
	int rc = pattern_scratch_init(&encoder.pattern);

	if (rc == 0 && !utf8_valid(text, len)) {
		rc = text_append_lossy(&fixed, text, len, true, NULL);
		text = fixed.data;
		len = fixed.len;
	}
	if (rc == 0 && special)
		rc = append_ids(ids, &tok->post.before);
	if (rc == 0)
		rc = encode_text(&encoder, text, len);
	if (rc == 0 && special)
		rc = append_ids(ids, &tok->post.after);
	encoder_finish(&encoder);
	text_finish(&fixed);
	return rc;
}
