// SPDX-License-Identifier: Apache-2.0
/*
 * test_models.c - the model plugins: config.json in all its forms, one message
 * for everything wrong with it, and the weights, buffers and ops they describe.
 */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aios/plugin/format.h>
#include <aios/plugin/model.h>

#include "env.h"

Suite *test_models_suite(void);

/* The plugins' sources are compiled into this test as built-in modules. */
extern const struct aios_module aios_module_llama;
extern const struct aios_module aios_module_qwen2;
extern const struct aios_module aios_module_qwen3;
extern const struct aios_module aios_module_mistral;
extern const struct aios_module aios_module_safetensors;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATH "DIR/config.json"

enum family {
	LLAMA,
	QWEN2,
	QWEN3,
	MISTRAL,
	FAMILIES
};

static const struct {
	const struct aios_module *module;
	const char *identity;
} families[FAMILIES] = {
	[LLAMA] = { &aios_module_llama,
		    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\"}" },
	[QWEN2] = { &aios_module_qwen2,
		    "{\"architectures\":[\"Qwen2ForCausalLM\"],\"model_type\":\"qwen2\"}" },
	[QWEN3] = { &aios_module_qwen3,
		    "{\"architectures\":[\"Qwen3ForCausalLM\"],\"model_type\":\"qwen3\"}" },
	[MISTRAL] = { &aios_module_mistral,
		      "{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"mistral\"}" },
};

/* What every config here begins as; patches change it. */
static const char base[] = "{\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":4,"
			   "\"num_key_value_heads\":2,\"head_dim\":32,\"intermediate_size\":96,"
			   "\"vocab_size\":500,\"rms_norm_eps\":1e-5}";

static const struct aios_model_ops *model_ops(enum family f)
{
	return families[f].module->ops;
}

static json_t *load(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	ck_assert_msg(value != NULL, "%s: %s", text, error.text);
	return value;
}

/* A config: base, the family's names, then the patch, whose "-" removes a key. Caller frees. */
static char *config_text(enum family f, const char *patch_text)
{
	json_t *config = load(base);
	json_t *identity = load(families[f].identity);
	json_t *patch = load(patch_text);
	const char *key;
	json_t *value;
	char *text;

	json_object_update(config, identity);
	json_object_foreach(patch, key, value) {
		if (json_is_string(value) && strcmp(json_string_value(value), "-") == 0)
			json_object_del(config, key);
		else
			json_object_set(config, key, value);
	}
	text = json_dumps(config, 0);
	ck_assert_ptr_nonnull(text);
	json_decref(config);
	json_decref(identity);
	json_decref(patch);
	return text;
}

static void *open_text(enum family f, const char *text, struct aios_model_info *info)
{
	struct aios_status st = { 0 };
	void *model = NULL;
	int rc;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	rc = model_ops(f)->open(NULL, PATH, text, strlen(text), &model, info, &st);
	ck_assert_msg(rc == 0, "%s\n%s", text, st.message);
	ck_assert_uint_eq(info->size, sizeof(*info));
	return model;
}

static void *open_patched(enum family f, const char *patch, struct aios_model_info *info)
{
	char *text = config_text(f, patch);
	void *model = open_text(f, text, info);

	free(text);
	return model;
}

static void expect_refusal(enum family f, const char *text, const char *words)
{
	struct aios_model_info info = { .size = sizeof(info) };
	struct aios_status st = { 0 };
	void *model = NULL;
	int rc = model_ops(f)->open(NULL, PATH, text, strlen(text), &model, &info, &st);

	ck_assert_msg(rc < 0, "was opened: %s", text);
	ck_assert_int_eq(st.code, rc);
	ck_assert_msg(strstr(st.message, words) != NULL, "expected '%s' in '%s'\n%s", words,
		      st.message, text);
	ck_assert_msg(strncmp(st.message, PATH, strlen(PATH)) == 0, "no path: '%s'", st.message);
}

/* config.json --------------------------------------------------------------- */

START_TEST(test_module)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct aios_module *m = families[f].module;
		const struct aios_model_ops *ops = m->ops;

		ck_assert_uint_eq(m->kind, AIOS_KIND_MODEL);
		ck_assert_uint_eq(ops->size, sizeof(*ops));
		ck_assert_str_eq(ops->model_types[0], m->name);
		ck_assert_ptr_nonnull(strstr(families[f].identity, ops->architectures[0]));
		ops->close(NULL);
	}
}
END_TEST

START_TEST(test_sizes)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct aios_model_info info;

		model_ops(f)->close(open_patched(f, "{\"sliding_window\":null}", &info));
		ck_assert_uint_eq(info.hidden, 64);
		ck_assert_uint_eq(info.n_layers, 3);
		ck_assert_uint_eq(info.n_heads, 4);
		ck_assert_uint_eq(info.n_kv_heads, 2);
		ck_assert_uint_eq(info.head_dim, 32);
		ck_assert_uint_eq(info.intermediate, 96);
		ck_assert_uint_eq(info.vocab_size, 500);
		ck_assert_uint_eq(info.sliding_window, 0);
		ck_assert_uint_eq(info.dtype, AIOS_F32);
		ck_assert_int_eq(info.bos_id, -1);
		ck_assert_int_eq(info.eos_id, -1);
		ck_assert_float_eq(info.logit_softcap, 0.0f);
		ck_assert_uint_eq(info.rope.type, AIOS_ROPE_DEFAULT);
		ck_assert_uint_eq(info.rope.rot_dim, 32);
		ck_assert_double_eq(info.rope.theta, 10000.0);
	}
}
END_TEST

/* Absent keys have the values that the family has in transformers. */
START_TEST(test_defaults)
{
	const char *absent =
		"{\"num_key_value_heads\":\"-\",\"head_dim\":\"-\",\"num_attention_heads\":"
		"32,\"hidden_size\":512,\"rms_norm_eps\":\"-\"}";
	static const struct {
		uint32_t kv_heads, head_dim, positions, window;
	} expected[FAMILIES] = {
		[LLAMA] = { 32, 16, 2048, 0 },
		[QWEN2] = { 32, 16, 32768, 0 },
		[QWEN3] = { 32, 128, 32768, 0 },
		[MISTRAL] = { 8, 16, 131072, 4096 },
	};

	for (enum family f = 0; f < FAMILIES; f++) {
		struct aios_model_info info;

		model_ops(f)->close(open_patched(f, absent, &info));
		ck_assert_uint_eq(info.n_kv_heads, expected[f].kv_heads);
		ck_assert_uint_eq(info.head_dim, expected[f].head_dim);
		ck_assert_uint_eq(info.max_positions, expected[f].positions);
		ck_assert_uint_eq(info.sliding_window, expected[f].window);

		model_ops(f)->close(
			open_patched(f, "{\"num_key_value_heads\":null,\"head_dim\":null}", &info));
		ck_assert_uint_eq(info.n_kv_heads, 4);
		ck_assert_uint_eq(info.head_dim, 16);
	}
}
END_TEST

START_TEST(test_identity)
{
	struct aios_model_info info;

	model_ops(LLAMA)->close(open_patched(LLAMA, "{\"architectures\":null}", &info));
	ck_assert_str_eq(info.architecture, "LlamaForCausalLM");
	model_ops(LLAMA)->close(open_patched(LLAMA, "{\"architectures\":[]}", &info));
	model_ops(LLAMA)->close(open_patched(LLAMA, "{\"model_type\":\"-\"}", &info));
	model_ops(QWEN3)->close(
		open_patched(QWEN3, "{\"architectures\":[\"Other\",\"Qwen3ForCausalLM\"]}", &info));
	ck_assert_str_eq(info.architecture, "Qwen3ForCausalLM");
}
END_TEST

START_TEST(test_tokens_and_dtype)
{
	struct aios_model_info info;

	model_ops(LLAMA)->close(open_patched(LLAMA,
					     "{\"bos_token_id\":7,\"eos_token_id\":[9,11],"
					     "\"torch_dtype\":\"float16\"}",
					     &info));
	ck_assert_int_eq(info.bos_id, 7);
	ck_assert_int_eq(info.eos_id, 9);
	ck_assert_uint_eq(info.dtype, AIOS_F16);
	model_ops(LLAMA)->close(open_patched(
		LLAMA, "{\"dtype\":\"bfloat16\",\"torch_dtype\":\"float16\",\"eos_token_id\":[]}",
		&info));
	ck_assert_uint_eq(info.dtype, AIOS_BF16);
	ck_assert_int_eq(info.eos_id, -1);
}
END_TEST

/* The same model in the older form and in that of transformers 5. */
static const struct {
	const char *older, *newer;
	struct aios_rope rope;
} ropes[] = {
	{ "{\"rope_theta\":500000.0,\"rope_scaling\":null}",
	  "{\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"default\"}}",
	  { .type = AIOS_ROPE_DEFAULT, .theta = 500000.0 } },
	{ "{\"rope_theta\":5000,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}}",
	  "{\"rope_theta\":1,\"rope_parameters\":{\"rope_theta\":5000,\"rope_type\":\"linear\","
	  "\"factor\":2.5}}",
	  { .type = AIOS_ROPE_LINEAR, .theta = 5000.0, .factor = 2.5 } },
	{ "{\"rope_theta\":500000,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
	  "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}"
	  "}",
	  "{\"rope_parameters\":{\"rope_theta\":500000,\"rope_type\":\"llama3\",\"factor\":8,"
	  "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}"
	  "}",
	  { .type = AIOS_ROPE_LLAMA3,
	    .theta = 500000.0,
	    .factor = 8.0,
	    .low_freq_factor = 1.0,
	    .high_freq_factor = 4.0,
	    .original_max_positions = 8192 } },
	{ "{\"max_position_embeddings\":777,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0}}",
	  "{\"max_position_embeddings\":777,\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":"
	  "4.0,"
	  "\"beta_fast\":null}}",
	  { .type = AIOS_ROPE_YARN,
	    .theta = 10000.0,
	    .factor = 4.0,
	    .beta_fast = 32.0,
	    .beta_slow = 1.0,
	    .original_max_positions = 777 } },
	{ "{\"original_max_position_embeddings\":99,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":"
	  "4.0,"
	  "\"original_max_position_embeddings\":64,\"beta_fast\":16,\"beta_slow\":2,"
	  "\"attention_factor\":1.25,\"mscale\":0.5,\"mscale_all_dim\":0.75}}",
	  "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4.0,"
	  "\"original_max_position_embeddings\":99,\"beta_fast\":16,\"beta_slow\":2,"
	  "\"attention_factor\":1.25,\"mscale\":0.5,\"mscale_all_dim\":0.75}}",
	  { .type = AIOS_ROPE_YARN,
	    .theta = 10000.0,
	    .factor = 4.0,
	    .beta_fast = 16.0,
	    .beta_slow = 2.0,
	    .attention_factor = 1.25,
	    .mscale = 0.5,
	    .mscale_all_dim = 0.75,
	    .original_max_positions = 99 } },
};

static void check_rope(const struct aios_rope *got, const struct aios_rope *want)
{
	ck_assert_uint_eq(got->type, want->type);
	ck_assert_uint_eq(got->rot_dim, 32);
	ck_assert_double_eq(got->theta, want->theta);
	ck_assert_double_eq(got->factor, want->factor);
	ck_assert_double_eq(got->low_freq_factor, want->low_freq_factor);
	ck_assert_double_eq(got->high_freq_factor, want->high_freq_factor);
	ck_assert_double_eq(got->beta_fast, want->beta_fast);
	ck_assert_double_eq(got->beta_slow, want->beta_slow);
	ck_assert_double_eq(got->attention_factor, want->attention_factor);
	ck_assert_double_eq(got->mscale, want->mscale);
	ck_assert_double_eq(got->mscale_all_dim, want->mscale_all_dim);
	ck_assert_uint_eq(got->original_max_positions, want->original_max_positions);
	ck_assert_uint_eq(got->truncate, 1);
}

START_TEST(test_rope)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct aios_model_info info;

		model_ops(f)->close(open_patched(f, ropes[_i].older, &info));
		check_rope(&info.rope, &ropes[_i].rope);
		model_ops(f)->close(open_patched(f, ropes[_i].newer, &info));
		check_rope(&info.rope, &ropes[_i].rope);
	}
}
END_TEST

#define YARN(more) "{\"rope_scaling\":{\"type\":\"yarn\"" more "}}"
#define LLAMA3(low, high)                                                                          \
	"{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":" low        \
	",\"high_freq_factor\":" high "}}"

static const struct {
	enum family family;
	const char *patch, *words;
} bad[] = {
	{ LLAMA, "{\"architectures\":[\"MixtralForCausalLM\"]}",
	  "architectures: 'MixtralForCausalLM' is not supported by the model plugin llama; it "
	  "supports LlamaForCausalLM" },
	{ LLAMA, "{\"architectures\":[\"A\",\"B\"]}", "architectures: 'B' is not supported" },
	{ LLAMA, "{\"architectures\":\"LlamaForCausalLM\"}", "architectures: expected an array" },
	{ LLAMA, "{\"architectures\":[3]}", "architectures[0]: expected a string" },
	{ QWEN3, "{\"model_type\":\"qwen3_moe\"}",
	  "model_type: 'qwen3_moe' is not supported by the model plugin qwen3; it supports qwen3" },
	{ QWEN3, "{\"architectures\":\"-\",\"model_type\":\"-\"}",
	  "neither architectures nor model_type" },
	{ QWEN2, "{\"quantization_config\":{\"quant_method\":\"gptq\"}}",
	  "quantization_config: the method 'gptq' is not supported" },
	{ QWEN2, "{\"quantization_config\":{}}", "the method 'unnamed' is not supported" },
	{ LLAMA, "{\"hidden_size\":\"-\"}", "hidden_size: missing; expected an integer from 1" },
	{ LLAMA, "{\"hidden_size\":0}",
	  "hidden_size: expected an integer from 1 to 1048576, found 0" },
	{ LLAMA, "{\"hidden_size\":-64}", "found -64" },
	{ LLAMA, "{\"hidden_size\":64.5}", "hidden_size: expected an integer" },
	{ LLAMA, "{\"hidden_size\":\"64\"}", "hidden_size: expected an integer" },
	{ LLAMA, "{\"hidden_size\":1048577}", "found 1048577" },
	{ LLAMA, "{\"hidden_size\":9223372036854775807}", "found 9223372036854775807" },
	{ LLAMA, "{\"num_hidden_layers\":0}", "num_hidden_layers: expected" },
	{ LLAMA, "{\"num_hidden_layers\":1025}", "num_hidden_layers: expected" },
	{ LLAMA, "{\"num_hidden_layers\":null}", "num_hidden_layers: expected" },
	{ LLAMA, "{\"num_attention_heads\":0}", "num_attention_heads: expected" },
	{ LLAMA, "{\"num_attention_heads\":true}", "num_attention_heads: expected" },
	{ LLAMA, "{\"intermediate_size\":-1}", "intermediate_size: expected" },
	{ LLAMA, "{\"intermediate_size\":[1]}", "intermediate_size: expected" },
	{ LLAMA, "{\"vocab_size\":0}", "vocab_size: expected" },
	{ LLAMA, "{\"vocab_size\":16777217}", "vocab_size: expected" },
	{ LLAMA, "{\"max_position_embeddings\":0}", "max_position_embeddings: expected" },
	{ LLAMA, "{\"max_position_embeddings\":2147483648}", "max_position_embeddings: expected" },
	{ LLAMA, "{\"num_key_value_heads\":0}", "num_key_value_heads: expected" },
	{ LLAMA, "{\"num_key_value_heads\":3}",
	  "num_attention_heads 4 is not a multiple of num_key_value_heads 3" },
	{ LLAMA, "{\"num_key_value_heads\":8}", "is not a multiple" },
	{ MISTRAL, "{\"num_key_value_heads\":\"-\"}",
	  "num_attention_heads 4 is not a multiple of num_key_value_heads 8" },
	{ LLAMA, "{\"head_dim\":33}", "head_dim: expected an even number" },
	{ LLAMA, "{\"head_dim\":0}", "head_dim: expected an integer from 1" },
	{ LLAMA, "{\"head_dim\":2048}", "head_dim: expected" },
	{ LLAMA, "{\"head_dim\":\"-\",\"hidden_size\":66}",
	  "hidden_size 66 is not a multiple of num_attention_heads 4" },
	{ LLAMA, "{\"head_dim\":\"-\",\"hidden_size\":8192}", "head_dim: expected" },
	{ LLAMA, "{\"rms_norm_eps\":0}", "rms_norm_eps: expected a number above 0" },
	{ LLAMA, "{\"rms_norm_eps\":-1e-6}", "rms_norm_eps: expected a number above 0" },
	{ LLAMA, "{\"rms_norm_eps\":1e-60}", "rms_norm_eps: expected a number above 0" },
	{ LLAMA, "{\"rms_norm_eps\":2}", "at most 1, found 2" },
	{ LLAMA, "{\"rms_norm_eps\":\"small\"}", "rms_norm_eps: expected a number" },
	{ LLAMA, "{\"dtype\":\"float64\"}",
	  "dtype: 'float64' is not supported; supported are bfloat16, float16, float32" },
	{ LLAMA, "{\"torch_dtype\":\"int8\"}", "torch_dtype: 'int8' is not supported" },
	{ LLAMA, "{\"torch_dtype\":4}", "torch_dtype: expected a string" },
	{ LLAMA, "{\"hidden_act\":\"relu\"}",
	  "hidden_act: 'relu' is not supported; supported are silu, swish, gelu_pytorch_tanh" },
	{ LLAMA, "{\"hidden_act\":\"gelu\"}", "hidden_act: 'gelu' is not supported" },
	{ LLAMA, "{\"attention_bias\":1}", "attention_bias: expected true or false" },
	{ LLAMA, "{\"mlp_bias\":\"yes\"}", "mlp_bias: expected true or false" },
	{ LLAMA, "{\"tie_word_embeddings\":0}", "tie_word_embeddings: expected true or false" },
	{ LLAMA, "{\"bos_token_id\":-2}", "bos_token_id: expected an integer from -1" },
	{ LLAMA, "{\"eos_token_id\":2147483648}", "eos_token_id: expected an integer" },
	{ LLAMA, "{\"eos_token_id\":[\"</s>\"]}", "eos_token_id: expected an integer" },
	{ MISTRAL, "{\"sliding_window\":0}", "sliding_window: expected an integer from 1" },
	{ MISTRAL, "{\"sliding_window\":-5}", "sliding_window: expected an integer from 1" },
	{ MISTRAL, "{\"sliding_window\":true}", "sliding_window: expected an integer" },
	{ QWEN2, "{\"use_sliding_window\":1}", "use_sliding_window: expected true or false" },
	{ QWEN2, "{\"max_window_layers\":-1}", "max_window_layers: expected" },
	{ QWEN2, "{\"layer_types\":[\"full_attention\"]}",
	  "layer_types: expected 3 entries, one a layer, found 1" },
	{ QWEN2, "{\"layer_types\":[\"full_attention\",\"full_attention\",\"linear_attention\"]}",
	  "layer_types[2]: 'linear_attention' is not supported; supported are full_attention, "
	  "sliding_attention" },
	{ QWEN2, "{\"layer_types\":[\"full_attention\",4,\"full_attention\"]}",
	  "layer_types[1]: expected a string" },
	{ QWEN3,
	  "{\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"],"
	  "\"sliding_window\":8}",
	  "layer_types[1]: sliding_attention, but use_sliding_window is false" },
	{ LLAMA, "{\"rope_theta\":0}", "rope_theta: expected a number from 1" },
	{ LLAMA, "{\"rope_theta\":1}", "rope_theta: expected a number above 1" },
	{ LLAMA, "{\"rope_theta\":-10000}", "rope_theta: expected a number from 1" },
	{ LLAMA, "{\"rope_theta\":\"big\"}", "rope_theta: expected a number" },
	{ LLAMA, "{\"rope_parameters\":{\"rope_theta\":1e300}}",
	  "rope_parameters.rope_theta: expected a number from 1" },
	{ LLAMA, "{\"rope_scaling\":[]}", "rope_scaling: expected an object" },
	{ LLAMA, "{\"rope_parameters\":3}", "rope_parameters: expected an object" },
	{ LLAMA, "{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}}",
	  "rope_scaling.type: 'dynamic' is not supported; supported are default, linear, llama3, "
	  "yarn" },
	{ LLAMA, "{\"rope_parameters\":{\"rope_type\":\"longrope\"}}",
	  "rope_parameters.rope_type: 'longrope' is not supported" },
	{ QWEN2, "{\"rope_scaling\":{\"type\":\"mrope\"}}", "'mrope' is not supported" },
	{ LLAMA, "{\"rope_scaling\":{\"rope_type\":7}}",
	  "rope_scaling.rope_type: expected a string" },
	{ LLAMA, "{\"rope_parameters\":{\"full_attention\":{\"rope_theta\":10000}}}",
	  "different positions for each kind of layer (full_attention)" },
	{ LLAMA, "{\"partial_rotary_factor\":0.5}", "partial_rotary_factor: 0.5 is not supported" },
	{ LLAMA, "{\"rope_parameters\":{\"partial_rotary_factor\":0.25}}",
	  "rope_parameters.partial_rotary_factor: 0.25 is not supported" },
	{ LLAMA, "{\"rope_scaling\":{\"type\":\"linear\"}}", "rope_scaling.factor: " },
	{ LLAMA, "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}",
	  "rope_scaling.factor: expected a number from 1" },
	{ LLAMA, "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}}",
	  "rope_scaling.factor: expected a number from 1" },
	{ LLAMA, "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":\"2\"}}",
	  "rope_scaling.factor: expected a number" },
	{ LLAMA, LLAMA3("4", "4"), "high_freq_factor 4 must be above low_freq_factor 4" },
	{ LLAMA, LLAMA3("0", "4"), "low_freq_factor: expected a number from" },
	{ LLAMA, LLAMA3("1", "null"), "high_freq_factor: expected a number" },
	{ LLAMA, YARN(""), "rope_scaling.factor: " },
	{ LLAMA, YARN(",\"factor\":4,\"original_max_position_embeddings\":0"),
	  "original_max_position_embeddings: expected an integer from 1" },
	{ LLAMA, YARN(",\"factor\":4,\"beta_fast\":1,\"beta_slow\":32"),
	  "beta_fast 1 must not be below beta_slow 32" },
	{ LLAMA, YARN(",\"factor\":4,\"attention_factor\":-1"),
	  "attention_factor: expected a number from 0" },
	{ LLAMA, YARN(",\"factor\":4,\"mscale\":-1"), "mscale: expected a number from 0" },
	{ LLAMA, YARN(",\"factor\":4,\"truncate\":1"), "truncate: expected true or false" },
};

START_TEST(test_bad_config)
{
	char *text = config_text(bad[_i].family, bad[_i].patch);

	expect_refusal(bad[_i].family, text, bad[_i].words);
	free(text);
}
END_TEST

static const struct {
	const char *text, *words;
} bad_texts[] = {
	{ "", "the file is empty" },
	{ "[]", "expected an object at the top" },
	{ "{\"hidden_size\":", "not valid JSON" },
	{ "{\"a\":1,\"a\":2}", "duplicate" },
	{ "{} {}", "not valid JSON" },
	{ "{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":9223372036854775808}",
	  "hidden_size: expected an integer" },
	{ "{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":1e999}", "not valid JSON" },
	{ "{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":NaN}", "not valid JSON" },
	{ "{\"architectures\":[\"\\u0000\"]}", "NUL" },
};

START_TEST(test_bad_text)
{
	expect_refusal(LLAMA, bad_texts[_i].text, bad_texts[_i].words);
}
END_TEST

/* Weights ------------------------------------------------------------------- */

struct expected_weight {
	const char *name;
	uint32_t kind, rows, cols;
	const char *tensors[3];
	uint32_t part_rows[3];
};

#define MATRIX AIOS_WEIGHT_MATRIX
#define VECTOR AIOS_WEIGHT_VECTOR
#define L "model.layers.1."

/* Layer 1 of three with every part that a family may have. */
static const struct expected_weight layer1[] = {
	{ "layers.1.attn_norm", VECTOR, 1, 64, { L "input_layernorm.weight" }, { 64 } },
	{ "layers.1.qkv",
	  MATRIX,
	  256,
	  64,
	  { L "self_attn.q_proj.weight", L "self_attn.k_proj.weight", L "self_attn.v_proj.weight" },
	  { 128, 64, 64 } },
	{ "layers.1.qkv_bias",
	  VECTOR,
	  1,
	  256,
	  { L "self_attn.q_proj.bias", L "self_attn.k_proj.bias", L "self_attn.v_proj.bias" },
	  { 128, 64, 64 } },
	{ "layers.1.q_norm", VECTOR, 1, 32, { L "self_attn.q_norm.weight" }, { 32 } },
	{ "layers.1.k_norm", VECTOR, 1, 32, { L "self_attn.k_norm.weight" }, { 32 } },
	{ "layers.1.o", MATRIX, 64, 128, { L "self_attn.o_proj.weight" }, { 64 } },
	{ "layers.1.o_bias", VECTOR, 1, 64, { L "self_attn.o_proj.bias" }, { 64 } },
	{ "layers.1.mlp_norm", VECTOR, 1, 64, { L "post_attention_layernorm.weight" }, { 64 } },
	{ "layers.1.gate_up",
	  MATRIX,
	  192,
	  64,
	  { L "mlp.gate_proj.weight", L "mlp.up_proj.weight" },
	  { 96, 96 } },
	{ "layers.1.gate_up_bias",
	  VECTOR,
	  1,
	  192,
	  { L "mlp.gate_proj.bias", L "mlp.up_proj.bias" },
	  { 96, 96 } },
	{ "layers.1.down", MATRIX, 64, 96, { L "mlp.down_proj.weight" }, { 64 } },
	{ "layers.1.down_bias", VECTOR, 1, 64, { L "mlp.down_proj.bias" }, { 64 } },
};

static const struct expected_weight outer[] = {
	{ "embed", AIOS_WEIGHT_TABLE, 500, 64, { "model.embed_tokens.weight" }, { 500 } },
	{ "norm", VECTOR, 1, 64, { "model.norm.weight" }, { 64 } },
	{ "lm_head", MATRIX, 500, 64, { "lm_head.weight" }, { 500 } },
	{ "lm_head", MATRIX, 500, 64, { "model.embed_tokens.weight" }, { 500 } },
};

/* Which of layer1 a family has, as bits in its order. */
static const struct {
	enum family family;
	const char *patch;
	uint32_t layer;
	bool tied;
} weight_cases[] = {
	{ LLAMA, "{}", 0x5a3, false },
	{ LLAMA, "{\"tie_word_embeddings\":true}", 0x5a3, true },
	{ LLAMA, "{\"attention_bias\":true}", 0x5e7, false },
	{ LLAMA, "{\"mlp_bias\":true}", 0xfa3, false },
	{ LLAMA, "{\"attention_bias\":true,\"mlp_bias\":true}", 0xfe7, false },
	{ QWEN2, "{}", 0x5a7, false },
	{ QWEN2, "{\"attention_bias\":false,\"mlp_bias\":true}", 0x5a7, false },
	{ QWEN3, "{}", 0x5bb, false },
	{ QWEN3, "{\"attention_bias\":true,\"mlp_bias\":true,\"tie_word_embeddings\":true}", 0x5ff,
	  true },
	{ MISTRAL, "{\"attention_bias\":true,\"mlp_bias\":true}", 0x5a3, false },
};

static void check_weight(enum family f, void *model, uint32_t index,
			 const struct expected_weight *want, int32_t same_as)
{
	struct aios_weight got = { .size = sizeof(got) };
	struct aios_status st = { 0 };
	uint32_t n = 0;

	ck_assert_int_eq(model_ops(f)->weight(model, index, &got, &st), 0);
	ck_assert_uint_eq(got.size, sizeof(got));
	ck_assert_str_eq(got.name, want->name);
	ck_assert_uint_eq(got.kind, want->kind);
	ck_assert_uint_eq(got.rows, want->rows);
	ck_assert_uint_eq(got.cols, want->cols);
	ck_assert_int_eq(got.same_as, same_as);
	while (n < 3 && want->tensors[n]) {
		ck_assert_str_eq(got.parts[n].tensor, want->tensors[n]);
		ck_assert_uint_eq(got.parts[n].rows, want->part_rows[n]);
		n++;
	}
	ck_assert_uint_eq(got.n_parts, n);
}

START_TEST(test_weights)
{
	const enum family f = weight_cases[_i].family;
	const uint32_t bits = weight_cases[_i].layer;
	const uint32_t per_layer = (uint32_t)__builtin_popcount(bits);
	struct aios_model_info info;
	struct aios_weight past = { .size = sizeof(past) };
	struct aios_status st = { 0 };
	void *model = open_patched(f, weight_cases[_i].patch, &info);
	uint32_t at = 1 + per_layer;

	ck_assert_uint_eq(info.n_weights, 1 + 3 * per_layer + 2);
	check_weight(f, model, 0, &outer[0], -1);
	for (uint32_t k = 0; k < COUNT(layer1); k++)
		if (bits & (1u << k))
			check_weight(f, model, at++, &layer1[k], -1);
	check_weight(f, model, info.n_weights - 2, &outer[1], -1);
	if (weight_cases[_i].tied)
		check_weight(f, model, info.n_weights - 1, &outer[3], 0);
	else
		check_weight(f, model, info.n_weights - 1, &outer[2], -1);
	ck_assert_int_eq(model_ops(f)->weight(model, info.n_weights, &past, &st), -EINVAL);
	ck_assert_int_ne(st.message[0], '\0');
	model_ops(f)->close(model);
}
END_TEST

/* Ops ----------------------------------------------------------------------- */

#define MAX_OPS 64
#define TOKENS 5
#define LOGIT_ROWS 2

/* What a run would hand to forward(), with made-up addresses, and what came out. */
struct mock {
	enum family family;
	void *model;
	struct aios_model_info info;
	struct aios_tensor weights[64], buffers[16];
	struct aios_kv_layer kv[3];
	struct aios_forward fw;
	uint32_t n_ops, fail_at; /* fail_at: number of the op whose emit() fails; 0: none */
	union {
		struct aios_op op;
		struct aios_op_embed embed;
		struct aios_op_rmsnorm norm;
		struct aios_op_matmul matmul;
		struct aios_op_rope_kv rope;
		struct aios_op_attention attention;
		struct aios_op_gather_rows gather;
		struct aios_op_quantise quantise;
	} ops[MAX_OPS];
};

static struct mock mock; /* large; each test runs in its own process */

static int collect(void *ctx, const struct aios_op *op, struct aios_status *st)
{
	struct mock *m = ctx;

	ck_assert_uint_lt(m->n_ops, MAX_OPS);
	ck_assert_uint_le(op->size, sizeof(m->ops[0]));
	memcpy(&m->ops[m->n_ops++], op, op->size);
	if (m->n_ops == m->fail_at)
		return aios_fail(st, -EIO, "the mock fails here");
	return 0;
}

static struct aios_tensor fake(uint64_t number, uint32_t dtype, uint32_t rows, uint32_t cols)
{
	struct aios_tensor t = { .data = number << 32, .dtype = dtype, .rows = rows, .cols = cols };

	t.row_bytes = ((uint64_t)cols * aios_dtype_bytes(dtype) + 15) / 16 * 16;
	if (aios_dtype_scaled(dtype))
		t.scale = t.data + (1u << 30);
	if (dtype == AIOS_I8X2)
		t.plane_bytes = rows * t.row_bytes;
	return t;
}

static const struct aios_model_types bf16_types = {
	.profile = AIOS_PROFILE_TC_SM90,
	.act = AIOS_BF16,
	.kv = AIOS_BF16,
	.mid = AIOS_F32,
	.qkv = AIOS_F32,
	.segments = 2,
	.chunk = 512,
};
static const struct aios_model_types i8x2_types = {
	.profile = AIOS_PROFILE_I8X2,
	.act = AIOS_I8X2,
	.kv = AIOS_F16,
	.mid = AIOS_BF16,
	.qkv = AIOS_BF16,
	.segments = 1,
	.chunk = 256,
};

static void prepare(enum family f, const char *patch, const struct aios_model_types *types)
{
	struct mock *m = &mock;
	struct aios_status st = { 0 };

	memset(m, 0, sizeof(*m));
	m->family = f;
	m->model = open_patched(f, patch, &m->info);
	for (uint32_t i = 0; i < m->info.n_weights; i++) {
		struct aios_weight w = { .size = sizeof(w) };

		ck_assert_int_eq(model_ops(f)->weight(m->model, i, &w, &st), 0);
		m->weights[i] = fake(100 + i, w.kind == AIOS_WEIGHT_MATRIX ? types->act : AIOS_BF16,
				     w.rows, w.cols);
	}
	for (uint32_t i = 0; i < m->info.n_buffers; i++) {
		struct aios_buffer b = { .size = sizeof(b) };

		ck_assert_int_eq(model_ops(f)->buffer(m->model, types, i, &b, &st), 0);
		ck_assert_uint_eq(b.size, sizeof(b));
		ck_assert_int_ne(b.name[0], '\0');
		m->buffers[i] = fake(1 + i, b.dtype, b.per_logit_row ? LOGIT_ROWS : TOKENS, b.cols);
	}
	for (uint32_t i = 0; i < 3; i++)
		m->kv[i] = (struct aios_kv_layer){ .k = 500 + i, .v = 600 + i, .dtype = types->kv };
	m->fw = (struct aios_forward){
		.size = sizeof(m->fw),
		.n_logit_rows = LOGIT_ROWS,
		.types = *types,
		.batch = { .n_tokens = TOKENS, .n_seqs = 2, .positions = 11, .seq_ids = 12 },
		.ids = 21,
		.logit_rows = 22,
		.weights = m->weights,
		.buffers = m->buffers,
		.kv = m->kv,
		.rope_cos = 31,
		.rope_sin = 32,
		.rope_rows = 4096,
		.ctx = m,
		.emit = collect,
	};
}

static void forward(void)
{
	struct aios_status st = { 0 };

	ck_assert_int_eq(model_ops(mock.family)->forward(mock.model, &mock.fw, &st), 0);
}

static void finish(void)
{
	model_ops(mock.family)->close(mock.model);
}

static void check_order(const uint16_t *layer, uint32_t n, uint32_t n_layers, bool logits)
{
	uint32_t at = 0;

	ck_assert_uint_eq(mock.ops[at++].op.type, AIOS_OP_EMBED);
	for (uint32_t l = 0; l < n_layers; l++)
		for (uint32_t i = 0; i < n; i++)
			ck_assert_uint_eq(mock.ops[at++].op.type, layer[i]);
	if (logits) {
		ck_assert_uint_eq(mock.ops[at++].op.type, AIOS_OP_GATHER_ROWS);
		ck_assert_uint_eq(mock.ops[at++].op.type, AIOS_OP_RMSNORM);
		ck_assert_uint_eq(mock.ops[at++].op.type, AIOS_OP_MATMUL);
	}
	ck_assert_uint_eq(mock.n_ops, at);
}

/* What a buffer holds: the view that its last writer had of it. */
static struct aios_tensor held[16];

static uint32_t buffer_of(const struct aios_tensor *t)
{
	for (uint32_t i = 0; i < mock.info.n_buffers; i++)
		if (mock.buffers[i].data == t->data)
			return i;
	ck_abort_msg("an operand at %llx is no buffer", (unsigned long long)t->data);
	return 0;
}

/* A reader must see what the last writer left, in the same shape and type. */
static void reads(const struct aios_tensor *t, uint32_t dtype, uint32_t cols)
{
	ck_assert_uint_eq(t->dtype, dtype);
	ck_assert_uint_eq(t->cols, cols);
	ck_assert_mem_eq(t, &held[buffer_of(t)], sizeof(*t));
}

/* A writer stays inside its buffer and off the buffer it reads. */
static void writes(const struct aios_tensor *t, uint32_t dtype, uint32_t cols,
		   const struct aios_tensor *input)
{
	const struct aios_tensor *b = &mock.buffers[buffer_of(t)];

	ck_assert_uint_eq(t->dtype, dtype);
	ck_assert_uint_eq(t->cols, cols);
	ck_assert_uint_eq(t->rows, b->rows);
	ck_assert_uint_le((uint64_t)cols * aios_dtype_bytes(dtype), t->row_bytes);
	ck_assert_uint_eq(t->row_bytes % 16, 0);
	ck_assert_uint_le(t->row_bytes, b->row_bytes);
	ck_assert_uint_eq(t->layout, AIOS_LAYOUT_ROWS);
	if (aios_dtype_scaled(dtype)) {
		ck_assert_uint_eq(t->scale, b->scale);
		ck_assert_uint_eq(t->plane_bytes, b->plane_bytes);
		ck_assert_uint_eq(b->dtype, dtype);
	}
	if (input)
		ck_assert_uint_ne(t->data, input->data);
	held[buffer_of(t)] = *t;
}

/* The weight called "layers.LAYER.NAME" (or NAME alone with layer -1). */
static const struct aios_tensor *named(int layer, const char *name)
{
	char full[96];

	if (layer < 0)
		snprintf(full, sizeof(full), "%s", name);
	else
		snprintf(full, sizeof(full), "layers.%d.%s", layer, name);
	for (uint32_t i = 0; i < mock.info.n_weights; i++) {
		struct aios_weight w = { .size = sizeof(w) };

		model_ops(mock.family)->weight(mock.model, i, &w, NULL);
		if (strcmp(w.name, full) == 0)
			return &mock.weights[i];
	}
	return NULL;
}

static void check_bias(const struct aios_op_matmul *op, int layer, const char *name)
{
	const struct aios_tensor *bias = named(layer, name);

	ck_assert_uint_eq(op->bias, bias ? bias->data : 0);
	ck_assert_uint_eq(op->bias_dtype, bias ? bias->dtype : 0);
}

static void check_matmul(const struct aios_op_matmul *op, int layer, const char *name,
			 uint32_t segments, uint32_t out_type, uint32_t out_cols)
{
	const struct aios_tensor *w = named(layer, name);

	ck_assert_uint_eq(op->op.size, sizeof(*op));
	ck_assert_uint_eq(op->profile, mock.fw.types.profile);
	ck_assert_uint_eq(op->segments, segments);
	ck_assert_mem_eq(&op->w, w, sizeof(*w));
	reads(&op->x, mock.fw.types.act, w->cols);
	if (op->residual.data)
		reads(&op->residual, AIOS_F32, mock.info.hidden);
	writes(&op->out, out_type, out_cols, &op->x);
}

static void check_norm(const struct aios_op_rmsnorm *op, const struct aios_tensor *weight,
		       uint32_t out_type)
{
	ck_assert_uint_eq(op->op.size, sizeof(*op));
	ck_assert_float_eq(op->eps, 1e-5f);
	ck_assert_float_eq(op->weight_offset, 0.0f);
	ck_assert_uint_eq(op->add.data, 0);
	ck_assert_uint_eq(op->weight, weight->data);
	ck_assert_uint_eq(op->weight_dtype, weight->dtype);
	reads(&op->x, AIOS_F32, mock.info.hidden);
	writes(&op->out, out_type, mock.info.hidden, &op->x);
}

static void check_attention_half(int layer, uint32_t *at, uint32_t window)
{
	const struct aios_model_types *types = &mock.fw.types;
	const struct aios_model_info *info = &mock.info;
	const uint32_t qkv_cols = (info->n_heads + 2 * info->n_kv_heads) * info->head_dim;
	const uint32_t q_cols = info->n_heads * info->head_dim;
	const struct aios_tensor *q_norm = named(layer, "q_norm");
	const struct aios_op_rope_kv *rope;
	const struct aios_op_attention *attn;

	check_norm(&mock.ops[(*at)++].norm, named(layer, "attn_norm"), types->act);
	check_matmul(&mock.ops[*at].matmul, layer, "qkv", 1, types->qkv, qkv_cols);
	check_bias(&mock.ops[*at].matmul, layer, "qkv_bias");
	ck_assert_uint_eq(mock.ops[*at].matmul.act, AIOS_ACT_NONE);
	ck_assert_uint_eq(mock.ops[(*at)++].matmul.residual.data, 0);

	rope = &mock.ops[(*at)++].rope;
	ck_assert_uint_eq(rope->op.size, sizeof(*rope));
	ck_assert_mem_eq(&rope->batch, &mock.fw.batch, sizeof(rope->batch));
	ck_assert_mem_eq(&rope->kv, &mock.kv[layer], sizeof(rope->kv));
	ck_assert_uint_eq(rope->n_heads, info->n_heads);
	ck_assert_uint_eq(rope->rot_dim, info->head_dim);
	ck_assert_uint_eq(rope->cos, 31);
	ck_assert_uint_eq(rope->sin, 32);
	ck_assert_uint_eq(rope->table_rows, 4096);
	ck_assert_uint_eq(rope->q_norm, q_norm ? q_norm->data : 0);
	ck_assert_uint_eq(rope->k_norm, q_norm ? named(layer, "k_norm")->data : 0);
	ck_assert_uint_eq(rope->norm_dtype, q_norm ? AIOS_BF16 : 0);
	ck_assert_float_eq(rope->eps, 1e-5f);
	reads(&rope->qkv, types->qkv, qkv_cols);
	writes(&rope->q, types->kv, q_cols, &rope->qkv);

	attn = &mock.ops[(*at)++].attention;
	ck_assert_uint_eq(attn->op.size, sizeof(*attn));
	ck_assert_uint_eq(attn->profile, types->profile);
	ck_assert_uint_eq(attn->n_heads, info->n_heads);
	ck_assert_mem_eq(&attn->batch, &mock.fw.batch, sizeof(attn->batch));
	ck_assert_mem_eq(&attn->kv, &mock.kv[layer], sizeof(attn->kv));
	ck_assert_float_eq(attn->scale, (float)(1.0 / sqrt(info->head_dim)));
	ck_assert_float_eq(attn->scale_log2, (float)(M_LOG2E / sqrt(info->head_dim)));
	ck_assert_float_eq(attn->softcap, 0.0f);
	ck_assert_uint_eq(attn->window, window);
	ck_assert_uint_eq(attn->chunk, types->chunk);
	reads(&attn->q, types->kv, q_cols);
	writes(&attn->out, types->act, q_cols, &attn->q);

	check_bias(&mock.ops[*at].matmul, layer, "o_bias");
	ck_assert_uint_eq(mock.ops[*at].matmul.residual.data, mock.ops[*at].matmul.out.data);
	check_matmul(&mock.ops[(*at)++].matmul, layer, "o", types->segments, AIOS_F32,
		     info->hidden);
}

static void check_mlp_half(int layer, uint32_t *at, uint32_t act)
{
	const struct aios_model_types *types = &mock.fw.types;
	const struct aios_model_info *info = &mock.info;
	const bool scaled = aios_dtype_scaled(types->act);

	check_norm(&mock.ops[(*at)++].norm, named(layer, "mlp_norm"), types->act);
	check_bias(&mock.ops[*at].matmul, layer, "gate_up_bias");
	ck_assert_uint_eq(mock.ops[*at].matmul.act, act);
	ck_assert_uint_eq(mock.ops[*at].matmul.mid_type, types->mid);
	ck_assert_uint_eq(mock.ops[*at].matmul.residual.data, 0);
	check_matmul(&mock.ops[(*at)++].matmul, layer, "gate_up", 1, scaled ? AIOS_F32 : types->act,
		     info->intermediate);
	if (scaled) {
		const struct aios_op_quantise *q = &mock.ops[(*at)++].quantise;

		ck_assert_uint_eq(q->op.size, sizeof(*q));
		reads(&q->in, AIOS_F32, info->intermediate);
		writes(&q->out, types->act, info->intermediate, &q->in);
	}
	check_bias(&mock.ops[*at].matmul, layer, "down_bias");
	ck_assert_uint_eq(mock.ops[*at].matmul.residual.data, mock.ops[*at].matmul.out.data);
	check_matmul(&mock.ops[(*at)++].matmul, layer, "down", types->segments, AIOS_F32,
		     info->hidden);
}

/* Walk the ops in order; windows[l] is what layer l must see, 0 for everything. */
static void check_pass(const uint32_t windows[3], uint32_t act)
{
	const struct aios_op_embed *embed = &mock.ops[0].embed;
	const struct aios_op_gather_rows *gather;
	uint32_t at = 1;

	memset(held, 0, sizeof(held));
	ck_assert_uint_eq(embed->op.size, sizeof(*embed));
	ck_assert_float_eq(embed->scale, 1.0f);
	ck_assert_uint_eq(embed->n_tokens, TOKENS);
	ck_assert_uint_eq(embed->ids, 21);
	ck_assert_mem_eq(&embed->table, &mock.weights[0], sizeof(embed->table));
	writes(&embed->out, AIOS_F32, mock.info.hidden, NULL);
	for (int l = 0; l < 3; l++) {
		check_attention_half(l, &at, windows[l]);
		check_mlp_half(l, &at, act);
	}
	gather = &mock.ops[at++].gather;
	ck_assert_uint_eq(gather->op.size, sizeof(*gather));
	ck_assert_uint_eq(gather->n_rows, LOGIT_ROWS);
	ck_assert_uint_eq(gather->rows, 22);
	reads(&gather->src, AIOS_F32, mock.info.hidden);
	writes(&gather->out, AIOS_F32, mock.info.hidden, &gather->src);
	check_norm(&mock.ops[at++].norm, named(-1, "norm"), mock.fw.types.act);
	check_matmul(&mock.ops[at].matmul, -1, "lm_head", 1, AIOS_F32, mock.info.vocab_size);
	ck_assert_uint_eq(mock.ops[at].matmul.out.data, mock.buffers[mock.info.n_buffers - 1].data);
	ck_assert_uint_eq(mock.ops[at].matmul.bias, 0);
}

static const uint16_t layer_ops[] = { AIOS_OP_RMSNORM,   AIOS_OP_MATMUL, AIOS_OP_ROPE_KV,
				      AIOS_OP_ATTENTION, AIOS_OP_MATMUL, AIOS_OP_RMSNORM,
				      AIOS_OP_MATMUL,    AIOS_OP_MATMUL };
static const uint16_t scaled_layer_ops[] = { AIOS_OP_RMSNORM,   AIOS_OP_MATMUL,   AIOS_OP_ROPE_KV,
					     AIOS_OP_ATTENTION, AIOS_OP_MATMUL,   AIOS_OP_RMSNORM,
					     AIOS_OP_MATMUL,    AIOS_OP_QUANTISE, AIOS_OP_MATMUL };

static const struct {
	enum family family;
	const char *patch;
	uint32_t windows[3];
	uint32_t act;
} passes[] = {
	{ LLAMA, "{}", { 0, 0, 0 }, AIOS_ACT_SILU_MUL },
	{ LLAMA,
	  "{\"attention_bias\":true,\"mlp_bias\":true,\"hidden_act\":\"gelu_pytorch_tanh\"}",
	  { 0, 0, 0 },
	  AIOS_ACT_GELU_TANH_MUL },
	{ LLAMA, "{\"sliding_window\":9}", { 0, 0, 0 }, AIOS_ACT_SILU_MUL },
	/* Wide mlp, wide heads: whichever is wider sizes the shared buffers. */
	{ LLAMA, "{\"intermediate_size\":1002}", { 0, 0, 0 }, AIOS_ACT_SILU_MUL },
	{ LLAMA, "{\"hidden_size\":601}", { 0, 0, 0 }, AIOS_ACT_SILU_MUL },
	{ QWEN2, "{}", { 0, 0, 0 }, AIOS_ACT_SILU_MUL },
	{ QWEN2,
	  "{\"use_sliding_window\":true,\"sliding_window\":16,\"max_window_layers\":1}",
	  { 0, 16, 16 },
	  AIOS_ACT_SILU_MUL },
	{ QWEN2,
	  "{\"use_sliding_window\":true,\"sliding_window\":16}",
	  { 0, 0, 0 },
	  AIOS_ACT_SILU_MUL },
	{ QWEN2,
	  "{\"use_sliding_window\":true,\"sliding_window\":null,\"max_window_layers\":0}",
	  { 0, 0, 0 },
	  AIOS_ACT_SILU_MUL },
	{ QWEN3, "{\"tie_word_embeddings\":true}", { 0, 0, 0 }, AIOS_ACT_SILU_MUL },
	{ QWEN3,
	  "{\"use_sliding_window\":true,\"sliding_window\":7,\"layer_types\":[\"sliding_"
	  "attention\","
	  "\"full_attention\",\"sliding_attention\"]}",
	  { 7, 0, 7 },
	  AIOS_ACT_SILU_MUL },
	{ MISTRAL, "{}", { 4096, 4096, 4096 }, AIOS_ACT_SILU_MUL },
	{ MISTRAL, "{\"sliding_window\":null}", { 0, 0, 0 }, AIOS_ACT_SILU_MUL },
	{ MISTRAL, "{\"sliding_window\":12}", { 12, 12, 12 }, AIOS_ACT_SILU_MUL },
};

START_TEST(test_forward)
{
	uint32_t widest = 0;

	prepare(passes[_i].family, passes[_i].patch, &bf16_types);
	forward();
	check_order(layer_ops, COUNT(layer_ops), 3, true);
	check_pass(passes[_i].windows, passes[_i].act);
	for (int l = 0; l < 3; l++)
		widest = passes[_i].windows[l] > widest ? passes[_i].windows[l] : widest;
	ck_assert_uint_eq(mock.info.sliding_window, widest);
	finish();
}
END_TEST

START_TEST(test_forward_scaled)
{
	prepare(passes[_i].family, passes[_i].patch, &i8x2_types);
	forward();
	check_order(scaled_layer_ops, COUNT(scaled_layer_ops), 3, true);
	check_pass(passes[_i].windows, passes[_i].act);
	finish();
}
END_TEST

START_TEST(test_forward_edges)
{
	struct aios_status st = { 0 };
	struct aios_buffer past = { .size = sizeof(past) };

	prepare(QWEN3, "{}", &bf16_types);
	mock.fw.n_logit_rows = 0;
	forward();
	check_order(layer_ops, COUNT(layer_ops), 3, false);

	mock.n_ops = 0;
	mock.fw.batch.n_tokens = 0;
	forward();
	ck_assert_uint_eq(mock.n_ops, 0);

	ck_assert_int_eq(model_ops(QWEN3)->buffer(mock.model, &bf16_types, mock.info.n_buffers,
						  &past, &st),
			 -EINVAL);
	finish();
}
END_TEST

/* A failing emit() ends the pass at once, wherever it happens. */
START_TEST(test_forward_failure)
{
	prepare(QWEN3, "{}", &i8x2_types);
	forward();
	for (uint32_t n = mock.n_ops; n > 0; n--) {
		struct aios_status st = { 0 };

		mock.n_ops = 0;
		mock.fail_at = n;
		ck_assert_int_eq(model_ops(QWEN3)->forward(mock.model, &mock.fw, &st), -EIO);
		ck_assert_str_eq(st.message, "the mock fails here");
		ck_assert_uint_eq(mock.n_ops, n);
	}
	finish();
}
END_TEST

START_TEST(test_norm_types_differ)
{
	struct aios_status st = { 0 };

	prepare(QWEN3, "{}", &bf16_types);
	for (uint32_t i = 0; i < mock.info.n_weights; i++)
		if (&mock.weights[i] == named(2, "k_norm"))
			mock.weights[i].dtype = AIOS_F32;
	ck_assert_int_eq(model_ops(QWEN3)->forward(mock.model, &mock.fw, &st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(st.message, "layer 2: q_norm is bf16 but k_norm f32"));
	finish();
}
END_TEST

/* Golden checkpoints -------------------------------------------------------- */

static const struct {
	const char *name;
	enum family family; /* FAMILIES: refused by all */
	const char *architecture;
} golden[] = {
	{ "llama2-mha", LLAMA, "LlamaForCausalLM" },
	{ "llama3-rope", LLAMA, "LlamaForCausalLM" },
	{ "llama-bias", LLAMA, "LlamaForCausalLM" },
	{ "llama-yarn", LLAMA, "LlamaForCausalLM" },
	{ "qwen2", QWEN2, "Qwen2ForCausalLM" },
	{ "qwen3", QWEN3, "Qwen3ForCausalLM" },
	{ "qwen3-tied", QWEN3, "Qwen3ForCausalLM" },
	{ "mistral-swa", MISTRAL, "MistralForCausalLM" },
	{ "mixtral", FAMILIES, "MixtralForCausalLM" },
	{ "gemma2", FAMILIES, "Gemma2ForCausalLM" },
	{ "phi3", FAMILIES, "Phi3ForCausalLM" },
	{ "olmo2", FAMILIES, "Olmo2ForCausalLM" },
	{ "qwen3-moe", FAMILIES, "Qwen3MoeForCausalLM" },
};

static const struct aios_ckpt_tensor *find(const struct aios_checkpoint *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_tensors; i++)
		if (strcmp(c->tensors[i].name, name) == 0)
			return &c->tensors[i];
	ck_abort_msg("no tensor %s", name);
	return NULL;
}

/* Every tensor of the checkpoint is wanted once (the tied one twice), in the shape it has. */
static void check_covers(enum family f, void *model, const struct aios_model_info *info,
			 const struct aios_checkpoint *c)
{
	uint32_t wanted = 0;

	for (uint32_t i = 0; i < info->n_weights; i++) {
		struct aios_weight w = { .size = sizeof(w) };

		ck_assert_int_eq(model_ops(f)->weight(model, i, &w, NULL), 0);
		wanted += w.same_as < 0 ? w.n_parts : 0;
		for (uint32_t p = 0; p < w.n_parts; p++) {
			const struct aios_ckpt_tensor *t = find(c, w.parts[p].tensor);

			ck_assert_uint_eq(t->shape[0], w.parts[p].rows);
			ck_assert_uint_eq(t->n_dims, w.kind == AIOS_WEIGHT_VECTOR ? 1 : 2);
			if (t->n_dims == 2)
				ck_assert_uint_eq(t->shape[1], w.cols);
		}
	}
	ck_assert_uint_eq(wanted, c->n_tensors);
}

START_TEST(test_golden)
{
	const struct aios_format_ops *format = aios_module_safetensors.ops;
	const struct aios_checkpoint *c = NULL;
	struct aios_status st = { 0 };
	struct aios_model_info info = { .size = sizeof(info) };
	char path[512], quoted[80];
	void *ckpt = NULL;
	void *model = NULL;

	snprintf(path, sizeof(path), "%s/../shared/golden/models/%s", env_source(),
		 golden[_i].name);
	if (access(path, R_OK) < 0) {
		printf("test_models: golden: skipped, no %s\n", path);
		return;
	}
	ck_assert_int_eq(format->open(NULL, path, false, &ckpt, &c, &st), 0);
	snprintf(quoted, sizeof(quoted), "'%s' is not supported", golden[_i].architecture);
	for (enum family f = 0; f < FAMILIES; f++) {
		int rc = model_ops(f)->open(NULL, c->config.path, c->config.text, c->config.len,
					    &model, &info, &st);

		if (f == golden[_i].family) {
			ck_assert_msg(rc == 0, "%s", st.message);
			ck_assert_str_eq(info.architecture, golden[_i].architecture);
			ck_assert_uint_eq(info.dtype, AIOS_BF16);
			check_covers(f, model, &info, c);
			model_ops(f)->close(model);
		} else {
			ck_assert_int_eq(rc, -ENOTSUP);
			ck_assert_ptr_nonnull(strstr(st.message, quoted));
		}
	}
	format->close(ckpt);
}
END_TEST

/* Checkpoints made by tools/make-checkpoint --------------------------------- */

static const struct {
	enum family family;
	const char *options;
	uint32_t dtype;
	bool sharded;
} made[] = {
	{ LLAMA, "--family llama --tied 0 --dtype float32 --shards 3", AIOS_F32, true },
	{ QWEN2, "--family qwen2 --tied 1 --dtype bfloat16 --older 1", AIOS_BF16, false },
	{ QWEN3, "--shape tiny --dtype float16 --shards 2", AIOS_F16, true },
	{ MISTRAL, "--family mistral --tied 0 --layers 1 --kv-heads 4", AIOS_BF16, false },
};

static void run(const char *command)
{
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

START_TEST(test_made)
{
	const struct aios_format_ops *format = aios_module_safetensors.ops;
	const struct aios_checkpoint *c = NULL;
	const enum family f = made[_i].family;
	struct aios_model_info info;
	struct aios_status st = { 0 };
	char dir[] = "/tmp/aios-made-XXXXXX";
	char tool[512], command[1024];
	void *ckpt = NULL;
	void *model;

	snprintf(tool, sizeof(tool), "%s/tools/make-checkpoint", env_build());
	if (access(tool, X_OK) < 0) {
		printf("test_models: made: skipped, no %s\n", tool);
		return;
	}
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(command, sizeof(command), "%s %s %s", tool, made[_i].options, dir);
	run(command);
	ck_assert_msg(format->open(NULL, dir, false, &ckpt, &c, &st) == 0, "%s", st.message);
	ck_assert_ptr_nonnull(c->tokenizer.text);
	ck_assert_int_eq(strcmp(strrchr(c->tensors[0].file, '/'), "/model.safetensors") != 0,
			 made[_i].sharded);
	model = open_text(f, c->config.text, &info);
	ck_assert_uint_eq(info.dtype, made[_i].dtype);
	ck_assert_double_eq(info.rope.theta, 1e6);
	check_covers(f, model, &info, c);
	for (uint32_t i = 0; i < c->n_tensors; i++)
		ck_assert_uint_eq(c->tensors[i].dtype, made[_i].dtype);
	model_ops(f)->close(model);
	format->close(ckpt);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	run(command);
}
END_TEST

Suite *test_models_suite(void)
{
	Suite *s = suite_create("models");
	TCase *tc = tcase_create("models");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_module);
	tcase_add_test(tc, test_sizes);
	tcase_add_test(tc, test_defaults);
	tcase_add_test(tc, test_identity);
	tcase_add_test(tc, test_tokens_and_dtype);
	tcase_add_loop_test(tc, test_rope, 0, (int)COUNT(ropes));
	tcase_add_loop_test(tc, test_bad_config, 0, (int)COUNT(bad));
	tcase_add_loop_test(tc, test_bad_text, 0, (int)COUNT(bad_texts));
	tcase_add_loop_test(tc, test_weights, 0, (int)COUNT(weight_cases));
	tcase_add_loop_test(tc, test_forward, 0, (int)COUNT(passes));
	tcase_add_loop_test(tc, test_forward_scaled, 0, (int)COUNT(passes));
	tcase_add_test(tc, test_forward_edges);
	tcase_add_test(tc, test_forward_failure);
	tcase_add_test(tc, test_norm_types_differ);
	tcase_add_loop_test(tc, test_golden, 0, (int)COUNT(golden));
	tcase_add_loop_test(tc, test_made, 0, (int)COUNT(made));
	suite_add_tcase(s, tc);
	return s;
}
