// SPDX-License-Identifier: Apache-2.0
/*
 * qwen2.c - Qwen2 and Qwen2.5: a bias on q, k and v, sliding windows in upper layers.
 */
#include "dense.h"

static const char *const architectures[] = { "Qwen2ForCausalLM", NULL };
static const char *const model_types[] = { "qwen2", NULL };

static const struct dense_family family = {
	.name = "qwen2",
	.architectures = architectures,
	.model_types = model_types,
	.qkv_bias = DENSE_BIAS_ALWAYS,
	.o_bias = DENSE_BIAS_NEVER,
	.mlp_bias = DENSE_BIAS_NEVER,
	.window = DENSE_WINDOW_SOME,
	.default_kv_heads = 32,
	.default_positions = 32768,
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
AIOS_MODULE_INFO(description, "Qwen2 and Qwen2.5");
AIOS_MODULE_INFO(alias, "Qwen2ForCausalLM");
AIOS_MODEL(qwen2, "qwen2", &ops, NULL, 0);
