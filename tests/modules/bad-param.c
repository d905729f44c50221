/* SPDX-License-Identifier: Apache-2.0 */
/* bad-param - the default of its parameter is outside the bounds. */
#include "mock.h"

static const struct aios_param params[] = {
	{ .name = "lanes",
	  .type = AIOS_PARAM_INT,
	  .default_text = "9",
	  .min = 1,
	  .max = 8,
	  .help = "Lanes." },
};

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(bad_param, "bad-param", &ops, params, 1);
