/* SPDX-License-Identifier: Apache-2.0 */
/* footer.h - the statistics under an answer. */
#ifndef CLI_FOOTER_H
#define CLI_FOOTER_H

#include <jansson.h>

#include "terminal.h"

/* Rates and times of a finished request, in seconds and tokens a second; 0: none. */
struct timings {
	double load, first_token, prompt_rate, generation, generation_rate;
};

struct timings timings_of(const struct aios_usage *usage, const struct aios_stats *stats);

json_t *timings_json(const struct timings *t);

/* Print the footer on standard error, dim, in lines no wider than the terminal. */
void footer_print(const struct terminal *term, const struct aios_plan *plan,
		  const struct aios_usage *usage, const struct aios_stats *stats);

#endif /* CLI_FOOTER_H */
