/* SPDX-License-Identifier: Apache-2.0 */
/* beams.h - the answers of a beam search, collected from their events. */
#ifndef CLI_BEAMS_H
#define CLI_BEAMS_H

#include <jansson.h>

#include <aios/aios.h>

enum {
	MOST_BEAMS = 8
};

/* Zero-initialise it and set n; 0: there are no beams. */
struct cli_beams {
	uint32_t n, ended;
	struct cli_beam {
		json_t *ids;
		char *text;
		size_t len, cap;
		json_t *done; /* the whole answer, once it has ended */
	} beams[MOST_BEAMS];
	struct aios_event end; /* the END that speaks for all: of the best, or of one that failed */
};

/* Take in any event of the request. 0 or -ENOMEM. */
int cli_beams_take(struct cli_beams *b, const struct aios_event *event);

/* Are there beams that have not ended? */
static inline bool cli_beams_wait(const struct cli_beams *b)
{
	return b->ended < b->n;
}

/* [{"text":..,"ids":..,"finish_reason":..,"score":..}, ...], best first; NULL: memory is short. */
json_t *cli_beams_json(const struct cli_beams *b);
void cli_beams_finish(struct cli_beams *b);

/* "false", "true" or "never" as enum aios_early_stopping; false: none of them. */
bool cli_early_stopping(const char *text, uint32_t *out);

#endif /* CLI_BEAMS_H */
