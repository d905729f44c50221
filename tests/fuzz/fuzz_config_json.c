// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_config_json.c - any bytes as config.json, to every model plugin. What opens is
 * asked for all its weights and buffers and for one pass.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/model.h>

/* The plugins' sources are compiled into this program as built-in modules. */
extern const struct aios_module aios_module_llama;
extern const struct aios_module aios_module_qwen2;
extern const struct aios_module aios_module_qwen3;
extern const struct aios_module aios_module_mistral;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct aios_module *const families[] = { &aios_module_llama, &aios_module_qwen2,
						      &aios_module_qwen3, &aios_module_mistral };

static int count(void *ctx, const struct aios_op *op, struct aios_status *st)
{
	(void)st;
	*(uint64_t *)ctx += op->size;
	return 0;
}

static void check_sizes(const struct aios_model_info *info)
{
	if (info->n_kv_heads == 0 || info->n_heads % info->n_kv_heads || info->head_dim % 2 ||
	    info->hidden == 0 || info->n_layers == 0 || info->vocab_size == 0 ||
	    info->rope.rot_dim > info->head_dim || !(info->rope.theta > 1.0))
		abort();
}

static void walk(const struct aios_model_ops *ops, void *model, const struct aios_model_info *info,
		 const struct aios_model_types *types)
{
	struct aios_tensor *weights = calloc(info->n_weights, sizeof(*weights));
	struct aios_tensor *buffers = calloc(info->n_buffers, sizeof(*buffers));
	struct aios_kv_layer *kv = calloc(info->n_layers, sizeof(*kv));
	struct aios_weight w = { .size = sizeof(w) };
	struct aios_buffer b = { .size = sizeof(b) };
	uint64_t bytes = 0;
	struct aios_forward fw = {
		.size = sizeof(fw),
		.n_logit_rows = 1,
		.types = *types,
		.batch.n_tokens = 1,
		.weights = weights,
		.buffers = buffers,
		.kv = kv,
		.ctx = &bytes,
		.emit = count,
	};

	if (!weights || !buffers || !kv)
		abort();
	for (uint32_t i = 0; i < info->n_weights; i++)
		if (ops->weight(model, i, &w, NULL) || w.n_parts == 0 || w.rows == 0 || w.cols == 0)
			abort();
	for (uint32_t i = 0; i < info->n_buffers; i++)
		if (ops->buffer(model, types, i, &b, NULL) || b.cols == 0)
			abort();
	if (ops->forward(model, &fw, NULL) || bytes == 0)
		abort();
	free(weights);
	free(buffers);
	free(kv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct aios_model_types types[] = {
		{ .act = AIOS_BF16,
		  .kv = AIOS_BF16,
		  .mid = AIOS_F32,
		  .qkv = AIOS_F32,
		  .segments = 1 },
		{ .act = AIOS_I8X2,
		  .kv = AIOS_BF16,
		  .mid = AIOS_BF16,
		  .qkv = AIOS_BF16,
		  .segments = 4 },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct aios_model_ops *ops = families[i]->ops;
		struct aios_model_info info = { .size = sizeof(info) };
		struct aios_status st = { 0 };
		void *model = NULL;

		if (ops->open(NULL, "config.json", (const char *)data, size, &model, &info, &st)) {
			if (st.code >= 0 || st.message[0] == '\0')
				abort(); /* every refusal has a code and a message */
			continue;
		}
		check_sizes(&info);
		for (size_t k = 0; k < 2; k++)
			walk(ops, model, &info, &types[k]);
		ops->close(model);
	}
	return 0;
}
