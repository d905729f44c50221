/* SPDX-License-Identifier: Apache-2.0 */
/*
 * good - a driver that keeps every rule, with parameters, and with as many
 * devices of which scores as the tests ask for.
 */
#include "mock.h"

static long number(const struct aios_host *host, const char *name)
{
	return strtol(host->param(host->ctx, name), NULL, 10);
}

/* Device 1 has the best score, the last one of several cannot be used. */
static int probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		 struct aios_status *st)
{
	uint32_t n = (uint32_t)number(host, "devices");
	int32_t score = (int32_t)number(host, "score");

	if (!n)
		aios_fail(st, -ENODEV, "good: no device is plugged in");
	for (uint32_t i = 0; i < n && i < cap; i++) {
		out[i].index = i;
		out[i].score = i == 1 ? score + 1 : score;
		snprintf(out[i].id, sizeof(out[i].id), "good:%u", i);
		snprintf(out[i].alias, sizeof(out[i].alias), "pci:0000:%02x:00.0", i);
		snprintf(out[i].name, sizeof(out[i].name), "good device %u", i);
		if (i > 1 && i == n - 1) {
			out[i].score = -1;
			snprintf(out[i].reason, sizeof(out[i].reason), "no power");
		}
	}
	aios_host_log(host, AIOS_LOG_DEBUG, "probed %u devices", n);
	return (int)n;
}

static const struct aios_param params[] = {
	{ .name = "devices",
	  .type = AIOS_PARAM_INT,
	  .default_text = "3",
	  .min = 0,
	  .max = 100,
	  .help = "How many devices are found." },
	{ .name = "score",
	  .type = AIOS_PARAM_INT,
	  .default_text = "10",
	  .min = -10,
	  .max = 1000,
	  .help = "Score of the devices." },
	{ .name = "mode",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "slow",
	  .choices = "slow|fast",
	  .help = "How it pretends to compute." },
	{ .name = "threads",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 64,
	  .help = "Threads." },
};

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = probe, .launch = mock_launch };

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "keeps every rule");
AIOS_MODULE_INFO(version, "1.2");
AIOS_MODULE_INFO(author, "the tests");
AIOS_MODULE_INFO(alias, "benign");
AIOS_DRIVER(good, "good", &ops, params, 4);
