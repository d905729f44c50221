// SPDX-License-Identifier: Apache-2.0
/*
 * llama.c - Llama 2 and 3 with their rope scalings, and what is built like them.
 */
#include "dense.h"

static const char *const architectures[] = { "LlamaForCausalLM", NULL };
static const char *const model_types[] = { "llama", NULL };

static const struct dense_family family = {
	.name = "llama",
	.architectures = architectures,
	.model_types = model_types,
	.qkv_bias = DENSE_BIAS_BY_KEY,
	.o_bias = DENSE_BIAS_BY_KEY,
	.mlp_bias = DENSE_BIAS_BY_KEY,
	.window = DENSE_WINDOW_NONE,
	.default_positions = 2048,
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
AIOS_MODULE_INFO(description, "Llama 2 and 3");
AIOS_MODULE_INFO(alias, "LlamaForCausalLM");
AIOS_MODEL(llama, "llama", &ops, NULL, 0);
