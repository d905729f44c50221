// SPDX-License-Identifier: Apache-2.0
/*
 * qwen3.c - Qwen3: q and k heads are normalised before rope.
 */
#include "dense.h"

static const char *const architectures[] = { "Qwen3ForCausalLM", NULL };
static const char *const model_types[] = { "qwen3", NULL };

static const struct dense_family family = {
	.name = "qwen3",
	.architectures = architectures,
	.model_types = model_types,
	.qkv_bias = DENSE_BIAS_BY_KEY,
	.o_bias = DENSE_BIAS_BY_KEY,
	.mlp_bias = DENSE_BIAS_NEVER,
	.window = DENSE_WINDOW_SOME,
	.qk_norm = true,
	.default_kv_heads = 32,
	.default_head_dim = 128,
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
AIOS_MODULE_INFO(description, "Qwen3, dense");
AIOS_MODULE_INFO(alias, "Qwen3ForCausalLM");
AIOS_MODEL(qwen3, "qwen3", &ops, NULL, 0);
