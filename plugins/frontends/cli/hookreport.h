/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookreport.h - a hook that a command puts over the device by itself, and the
 * report that the hook leaves behind: one JSON object in a temporary file.
 */
#ifndef CLI_HOOKREPORT_H
#define CLI_HOOKREPORT_H

#include <jansson.h>

#include "cli.h"

struct hook_report {
	char path[256]; /* "": none */
};

/* Make the temporary file; hook_report_end() removes it. */
int hook_report_begin(struct hook_report *report, struct aios_status *st);
void hook_report_end(struct hook_report *report);

/* Put the hook `text` ("shadow:cpu-ref,1/1") nearest to the core, before those of --hook. */
int hook_report_configure(const struct hook_report *report, struct cli *cli, const char *text,
			  struct aios_status *st);

/* What the hook wrote; NULL with a message when it wrote nothing. */
json_t *hook_report_read(const struct hook_report *report, struct aios_status *st);

/* Numbers and texts of the report; 0 and "" when absent. */
json_int_t hook_report_int(const json_t *object, const char *key);
const char *hook_report_text(const json_t *object, const char *key);

/* Print the difference of a report as a paragraph. */
void hook_report_print_first(const json_t *first);

#endif /* CLI_HOOKREPORT_H */
