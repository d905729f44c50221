/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - what one prompt and a file of them (--batch) share. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli.h"

enum {
	MOST_STOPS = 16
};

/* The options of sampling. */
void run_sampling(const struct cli *cli, struct aios_sampling *s);

/* The options of beam search; with beams nothing is drawn unless --temp says so, which is refused. */
void run_beams(const struct cli *cli, struct aios_request *request);

/* Every --stop of the command line; without any, the one of environment or ini file. */
int run_stops(const struct cli *cli, const char *stops[MOST_STOPS], uint32_t *n,
	      struct aios_status *st);

/*
 * From here on the first Ctrl-C makes aios_poll() return -EINTR and run_interrupted() true; a
 * second one ends the program. One engine at a time.
 */
void run_catch_interrupts(struct aios_engine *engine);
void run_leave_interrupts(void);
bool run_interrupted(void);

/* aios run --batch FILE --out FILE. */
int batch_main(struct cli *cli, struct aios_status *st);

#endif /* CLI_RUN_H */
