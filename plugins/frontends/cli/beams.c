// SPDX-License-Identifier: Apache-2.0
/* beams.c - the answers of a beam search, collected from their events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "beams.h"
#include "out.h"

static int keep_text(struct cli_beam *beam, const char *text, size_t len)
{
	char *grown;

	if (beam->len + len > beam->cap) {
		grown = realloc(beam->text, (beam->len + len) * 2);
		if (!grown)
			return -ENOMEM;
		beam->text = grown;
		beam->cap = (beam->len + len) * 2;
	}
	if (len)
		memcpy(beam->text + beam->len, text, len);
	beam->len += len;
	return 0;
}

static int end_beam(struct cli_beams *b, struct cli_beam *beam, const struct aios_event *event)
{
	json_t *object = json_object();

	b->ended++;
	if (event->choice == 0 ||
	    (event->reason == AIOS_END_ERROR && b->end.reason != AIOS_END_ERROR))
		b->end = *event;
	json_put(&object, "text", json_text(beam->text ? beam->text : "", beam->len));
	json_put(&object, "ids", beam->ids ? json_incref(beam->ids) : json_array());
	json_put(&object, "finish_reason", json_string(aios_end_reason_name(event->reason)));
	json_put(&object, "score", json_number(event->score));
	beam->done = object;
	return object ? 0 : -ENOMEM;
}

int cli_beams_take(struct cli_beams *b, const struct aios_event *event)
{
	struct cli_beam *beam = &b->beams[event->choice < MOST_BEAMS ? event->choice : 0];
	int rc;

	if (event->type == AIOS_EVENT_PROMPT)
		return 0;
	rc = keep_text(beam, event->text, event->text_len);
	if (event->type == AIOS_EVENT_END)
		return end_beam(b, beam, event) < 0 ? -ENOMEM : rc;
	if (!beam->ids)
		beam->ids = json_array();
	json_add(&beam->ids, json_integer(event->id));
	return beam->ids ? rc : -ENOMEM;
}

json_t *cli_beams_json(const struct cli_beams *b)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < b->n; i++)
		json_add(&list, json_incref(b->beams[i].done));
	return list;
}

void cli_beams_finish(struct cli_beams *b)
{
	for (uint32_t i = 0; i < MOST_BEAMS; i++) {
		json_decref(b->beams[i].ids);
		json_decref(b->beams[i].done);
		free(b->beams[i].text);
	}
	memset(b, 0, sizeof(*b));
}

bool cli_early_stopping(const char *text, uint32_t *out)
{
	static const char *const names[] = { "false", "true", "never" };

	for (uint32_t i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}
