/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - config.json of a dense decoder, read and checked: the older form
 * (rope_theta, rope_scaling, torch_dtype) and that of transformers 5
 * (rope_parameters, dtype). Keys that nobody here knows are ignored, as
 * transformers does; an absent key has the default that its family has there.
 */
#ifndef PLUGINS_MODELS_CONFIG_H
#define PLUGINS_MODELS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/plugin/model.h>

/* Limits that keep every product of two sizes within 32 bits. */
#define CONFIG_MAX_LAYERS 1024
#define CONFIG_MAX_HEADS 1024
#define CONFIG_MAX_HEAD_DIM 1024
#define CONFIG_MAX_WIDTH (1 << 20) /* hidden_size, intermediate_size */
#define CONFIG_MAX_VOCAB (1 << 24)
#define CONFIG_MAX_POSITIONS INT32_MAX

/* Has a projection a bias? */
enum dense_bias {
	DENSE_BIAS_NEVER = 0,
	DENSE_BIAS_ALWAYS,
	DENSE_BIAS_BY_KEY /* attention_bias or mlp_bias in config.json */
};

/* Which layers see a window only. */
enum dense_window {
	DENSE_WINDOW_NONE = 0,
	DENSE_WINDOW_ALL, /* all, when sliding_window is a number */
	DENSE_WINDOW_SOME /* use_sliding_window, then layer_types or max_window_layers */
};

/* What tells one family of dense decoders from another. Static data. */
struct dense_family {
	const char *name; /* of the plugin, for messages */
	const char *const *architectures;
	const char *const *model_types;
	enum dense_bias qkv_bias, o_bias, mlp_bias;
	enum dense_window window;
	bool qk_norm; /* RMSNorm of each q and k head before rope */
	/* Where config.json says nothing: */
	uint32_t default_kv_heads; /* 0: as many as heads */
	uint32_t default_head_dim; /* 0: hidden_size / num_attention_heads */
	uint32_t default_positions;
	uint32_t default_window; /* 0: none */
};

/* A dense decoder's numbers, all checked. Plain data. */
struct dense_config {
	char architecture[64];
	uint32_t vocab_size;
	uint32_t hidden;
	uint32_t n_layers;
	uint32_t n_heads;
	uint32_t n_kv_heads;
	uint32_t head_dim;
	uint32_t intermediate;
	uint32_t max_positions;
	uint32_t window; /* of the layers that slide; 0: none do */
	uint32_t dtype;  /* enum aios_dtype: as stated, F32 when not */
	uint32_t act;    /* enum aios_act */
	int32_t bos_id, eos_id;
	float eps;
	bool qkv_bias, o_bias, mlp_bias, qk_norm, tied;
	struct aios_rope rope;
	uint8_t slides[CONFIG_MAX_LAYERS]; /* 1: the layer sees `window` keys */
};

/* Read config.json into *out. `path` is for messages. 0, -EINVAL, or -ENOTSUP for what is not implemented. */
int config_read(const struct dense_family *family, const char *path, const char *json, size_t len,
		struct dense_config *out, struct aios_status *st);

#endif /* PLUGINS_MODELS_CONFIG_H */
