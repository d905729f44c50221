/* SPDX-License-Identifier: Apache-2.0 */
/* selftest.h - a short computation that every part takes part in, checked against itself. */
#ifndef CLI_SELFTEST_H
#define CLI_SELFTEST_H

#include "cli.h"

struct selftest {
	char driver[32], device[64], numerics_id[64];
	uint32_t tokens; /* generated, all answers together */
	double rate;     /* tokens a second */
};

/*
 * Load the model at `path` and answer a prompt greedily, alone and then beside other requests;
 * compute the answer's logits once more in one pass. 0 when all agree to the last bit.
 */
int selftest(struct cli *cli, const char *path, struct selftest *out, struct aios_status *st);

#endif /* CLI_SELFTEST_H */
