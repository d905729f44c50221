// SPDX-License-Identifier: Apache-2.0
/*
 * mistral.c - Mistral: every layer sees a sliding window when there is one.
 */
#include "dense.h"

static const char *const architectures[] = { "MistralForCausalLM", NULL };
static const char *const model_types[] = { "mistral", NULL };

static const struct dense_family family = {
	.name = "mistral",
	.architectures = architectures,
	.model_types = model_types,
	.qkv_bias = DENSE_BIAS_NEVER,
	.o_bias = DENSE_BIAS_NEVER,
	.mlp_bias = DENSE_BIAS_NEVER,
	.window = DENSE_WINDOW_ALL,
	.default_kv_heads = 8,
	.default_positions = 131072,
	.default_window = 4096,
};

static int open_model(const struct aios_host *host, const char *path, const char *json, size_t len,
		      void **model, struct aios_model_info *info, struct aios_status *st)
{
	(void)host;
	return dense_open(&family, path, json, len, model, info, st);
}

static const struct aios_model_ops ops = {
	.size = sizeof(ops),
	.architectures = architectures,
	.model_types = model_types,
	.open = open_model,
	.close = dense_close,
	.weight = dense_weight,
	.buffer = dense_buffer,
	.forward = dense_forward,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Mistral");
AIOS_MODULE_INFO(alias, "MistralForCausalLM");
AIOS_MODEL(mistral, "mistral", &ops, NULL, 0);
