/* SPDX-License-Identifier: Apache-2.0 */
/* simulate.h - options of aios simulate that are lists (simulate_lists.c). */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include <aios/simulate.h>

/*
 * --cost, "step=200,row=27": parts of the cost model, in microseconds from 0 to 1e9; those that are
 * not named keep what they are. NULL is the empty list. A refusal is a usage error.
 */
int simulate_cost(const char *text, struct aios_sim_cost *cost, struct aios_status *st);

/* --weights, "1,2.5": *n numbers above 0 and up to 1e9, `most` of them at most. Likewise. */
int simulate_weights(const char *text, double *weights, uint32_t most, uint32_t *n,
		     struct aios_status *st);

#endif /* CLI_SIMULATE_H */
