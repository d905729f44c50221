// SPDX-License-Identifier: Apache-2.0
/*
 * config.c - config.json of a dense decoder: every key's type, range and
 * agreement with the others.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "json.h"

/* What a read in progress carries along. */
struct reader {
	const struct dense_family *family;
	const char *path;
	const json_t *top;
	struct dense_config *out;
	struct aios_status *st;
};

/* A name together with what it means. */
struct choice {
	const char *name;
	uint32_t value;
};

static const struct choice dtypes[] = {
	{ "bfloat16", AIOS_BF16 },
	{ "float16", AIOS_F16 },
	{ "float32", AIOS_F32 },
};

static const struct choice activations[] = {
	{ "silu", AIOS_ACT_SILU_MUL },
	{ "swish", AIOS_ACT_SILU_MUL },
	{ "gelu_pytorch_tanh", AIOS_ACT_GELU_TANH_MUL },
};

static const struct choice rope_types[] = {
	{ "default", AIOS_ROPE_DEFAULT },
	{ "linear", AIOS_ROPE_LINEAR },
	{ "llama3", AIOS_ROPE_LLAMA3 },
	{ "yarn", AIOS_ROPE_YARN },
};

static const struct choice layer_kinds[] = {
	{ "full_attention", 0 },
	{ "sliding_attention", 1 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "a, b, c" for messages; silently short when there are many. */
static void list_choices(char *buf, size_t size, const struct choice *choices, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? ", " : "", choices[i].name);
}

static void list_names(char *buf, size_t size, const char *const *names)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; names[i] && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? ", " : "", names[i]);
}

/* The value of `name` among the choices, or a message that lists them. `at`: the key's place. */
static int choose(const struct choice *choices, size_t n, const char *name, const char *at,
		  uint32_t *out, struct aios_status *st)
{
	char quoted[64], list[128];

	for (size_t i = 0; i < n; i++) {
		if (strcmp(choices[i].name, name) == 0) {
			*out = choices[i].value;
			return 0;
		}
	}
	list_choices(list, sizeof(list), choices, n);
	return aios_fail(st, -ENOTSUP, "%s: '%s' is not supported; supported are %s", at,
			 json_quote(quoted, sizeof(quoted), name, strlen(name)), list);
}

static bool among(const char *const *names, const char *name)
{
	for (size_t i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int refuse_name(const struct reader *r, const char *key, const char *name,
		       const char *const *names)
{
	char quoted[64], list[160];

	list_names(list, sizeof(list), names);
	return aios_fail(r->st, -ENOTSUP,
			 "%s: %s: '%s' is not supported by the model plugin %s; it "
			 "supports %s",
			 r->path, key, json_quote(quoted, sizeof(quoted), name, strlen(name)),
			 r->family->name, list);
}

/* One of `architectures` must be the family's; without that list, model_type decides. */
static int read_identity(struct reader *r)
{
	const struct dense_family *fam = r->family;
	const char *name = NULL;
	const char *type = NULL;
	struct json_path at, elem;
	json_t *list = NULL;
	int rc = json_opt_string(r->top, "model_type", r->path, &type, r->st);

	if (rc == 0)
		rc = json_opt_array(r->top, "architectures", r->path, &list, r->st);
	if (rc)
		return rc;
	json_path_key(&at, r->path, "architectures");
	for (size_t i = 0; list && i < json_array_size(list); i++) {
		rc = json_want_string(json_array_get(list, i), json_path_index(&elem, at.text, i),
				      &name, r->st);
		if (rc)
			return rc;
		if (among(fam->architectures, name))
			break;
		if (i + 1 == json_array_size(list))
			return refuse_name(r, "architectures", name, fam->architectures);
	}
	if (!name && !type)
		return aios_fail(r->st, -EINVAL,
				 "%s: neither architectures nor model_type says what the model is",
				 r->path);
	if (type && !among(fam->model_types, type))
		return refuse_name(r, "model_type", type, fam->model_types);
	snprintf(r->out->architecture, sizeof(r->out->architecture), "%s",
		 name ? name : fam->architectures[0]);
	return 0;
}

/* Checkpoints whose matrices are packed or scaled need a reader of their own. */
static int refuse_quantised(struct reader *r)
{
	const json_t *q = json_object_get(r->top, "quantization_config");
	const json_t *method = json_is_object(q) ? json_object_get(q, "quant_method") : NULL;
	const char *name = json_is_string(method) ? json_string_value(method) : "unnamed";
	char quoted[64];

	if (!q || json_is_null(q))
		return 0;
	return aios_fail(r->st, -ENOTSUP,
			 "%s: quantization_config: the method '%s' is not supported; use the "
			 "checkpoint in bfloat16, float16 or float32",
			 r->path, json_quote(quoted, sizeof(quoted), name, strlen(name)));
}

/* A size that must be there, 1 .. max. */
static int need(struct reader *r, const char *key, int64_t max, uint32_t *out)
{
	int64_t n = 0;
	int rc = json_get_int(r->top, key, r->path, 1, max, &n, r->st);

	*out = (uint32_t)n;
	return rc;
}

/* A size that may be absent. */
static int want(struct reader *r, const char *key, int64_t max, uint32_t fallback, uint32_t *out)
{
	int64_t n = 0;
	int rc = json_opt_int(r->top, key, r->path, 1, max, fallback, &n, r->st);

	*out = (uint32_t)n;
	return rc;
}

/*
 * The number of key heads: absent and null differ here as they do in
 * transformers, where null means as many as query heads.
 */
static int read_kv_heads(struct reader *r)
{
	struct dense_config *c = r->out;
	uint32_t fallback = r->family->default_kv_heads;
	int rc;

	if (fallback == 0 || json_object_get(r->top, "num_key_value_heads"))
		fallback = c->n_heads;
	rc = want(r, "num_key_value_heads", CONFIG_MAX_HEADS, fallback, &c->n_kv_heads);
	if (rc)
		return rc;
	if (c->n_heads % c->n_kv_heads)
		return aios_fail(r->st, -EINVAL,
				 "%s: num_attention_heads %u is not a multiple of "
				 "num_key_value_heads %u",
				 r->path, c->n_heads, c->n_kv_heads);
	return 0;
}

static int read_head_dim(struct reader *r)
{
	struct dense_config *c = r->out;
	uint32_t fallback = r->family->default_head_dim;
	int rc;

	if (fallback == 0 || json_object_get(r->top, "head_dim"))
		fallback = c->hidden / c->n_heads;
	if (!json_has(r->top, "head_dim") && r->family->default_head_dim == 0 &&
	    c->hidden % c->n_heads)
		return aios_fail(r->st, -EINVAL,
				 "%s: hidden_size %u is not a multiple of num_attention_heads %u, "
				 "and head_dim is not given",
				 r->path, c->hidden, c->n_heads);
	rc = want(r, "head_dim", CONFIG_MAX_HEAD_DIM, fallback, &c->head_dim);
	if (rc)
		return rc;
	if (c->head_dim == 0 || c->head_dim > CONFIG_MAX_HEAD_DIM || c->head_dim % 2)
		return aios_fail(r->st, -EINVAL,
				 "%s: head_dim: expected an even number from 2 to %d, found %u",
				 r->path, CONFIG_MAX_HEAD_DIM, c->head_dim);
	return 0;
}

static int read_sizes(struct reader *r)
{
	struct dense_config *c = r->out;
	int rc = need(r, "hidden_size", CONFIG_MAX_WIDTH, &c->hidden);

	if (rc == 0)
		rc = need(r, "num_hidden_layers", CONFIG_MAX_LAYERS, &c->n_layers);
	if (rc == 0)
		rc = need(r, "num_attention_heads", CONFIG_MAX_HEADS, &c->n_heads);
	if (rc == 0)
		rc = need(r, "intermediate_size", CONFIG_MAX_WIDTH, &c->intermediate);
	if (rc == 0)
		rc = need(r, "vocab_size", CONFIG_MAX_VOCAB, &c->vocab_size);
	if (rc == 0)
		rc = want(r, "max_position_embeddings", CONFIG_MAX_POSITIONS,
			  r->family->default_positions, &c->max_positions);
	if (rc == 0)
		rc = read_kv_heads(r);
	if (rc == 0)
		rc = read_head_dim(r);
	return rc;
}

static int read_eps(struct reader *r)
{
	double eps;
	int rc = json_opt_double(r->top, "rms_norm_eps", r->path, 1e-6, &eps, r->st);

	if (rc)
		return rc;
	r->out->eps = (float)eps;
	if (!(r->out->eps > 0.0f && eps <= 1.0))
		return aios_fail(
			r->st, -EINVAL,
			"%s: rms_norm_eps: expected a number above 0 and at most 1, found %g",
			r->path, eps);
	return 0;
}

/* An id, a list of ids (its first counts here), null or -1 for none. */
static int read_token(struct reader *r, const char *key, int32_t *out)
{
	const json_t *value = json_object_get(r->top, key);
	struct json_path at;
	int64_t id = -1;
	int rc;

	*out = -1;
	if (json_is_array(value))
		value = json_array_get(value, 0);
	if (!value || json_is_null(value))
		return 0;
	rc = json_want_int(value, json_path_key(&at, r->path, key), -1, INT32_MAX, &id, r->st);
	*out = (int32_t)id;
	return rc;
}

static int read_tokens(struct reader *r)
{
	int rc = read_token(r, "bos_token_id", &r->out->bos_id);

	return rc ? rc : read_token(r, "eos_token_id", &r->out->eos_id);
}

/* "dtype" is the new name of "torch_dtype". */
static int read_dtype(struct reader *r)
{
	const char *key = json_has(r->top, "dtype") ? "dtype" : "torch_dtype";
	const char *name = NULL;
	struct json_path at;
	int rc = json_opt_string(r->top, key, r->path, &name, r->st);

	r->out->dtype = AIOS_F32;
	if (rc || !name)
		return rc;
	return choose(dtypes, COUNT(dtypes), name, json_path_key(&at, r->path, key), &r->out->dtype,
		      r->st);
}

static int read_activation(struct reader *r)
{
	const char *name = NULL;
	struct json_path at;
	int rc = json_opt_string(r->top, "hidden_act", r->path, &name, r->st);

	if (rc)
		return rc;
	return choose(activations, COUNT(activations), name ? name : "silu",
		      json_path_key(&at, r->path, "hidden_act"), &r->out->act, r->st);
}

static int read_bias(struct reader *r, const char *key, enum dense_bias rule, bool *out)
{
	if (rule == DENSE_BIAS_BY_KEY)
		return json_opt_bool(r->top, key, r->path, false, out, r->st);
	*out = rule == DENSE_BIAS_ALWAYS;
	return 0;
}

static int read_flags(struct reader *r)
{
	const struct dense_family *fam = r->family;
	struct dense_config *c = r->out;
	int rc = read_bias(r, "attention_bias", fam->qkv_bias, &c->qkv_bias);

	if (rc == 0)
		rc = read_bias(r, "attention_bias", fam->o_bias, &c->o_bias);
	if (rc == 0)
		rc = read_bias(r, "mlp_bias", fam->mlp_bias, &c->mlp_bias);
	if (rc == 0)
		rc = json_opt_bool(r->top, "tie_word_embeddings", r->path, false, &c->tied, r->st);
	c->qk_norm = fam->qk_norm;
	return rc;
}

/* layer_types says of each layer what it sees; transformers 5 writes it. */
static int read_layer_types(struct reader *r, const json_t *list)
{
	struct dense_config *c = r->out;
	struct json_path at, elem;

	json_path_key(&at, r->path, "layer_types");
	if (json_array_size(list) != c->n_layers)
		return aios_fail(r->st, -EINVAL, "%s: expected %u entries, one a layer, found %zu",
				 at.text, c->n_layers, json_array_size(list));
	for (uint32_t i = 0; i < c->n_layers; i++) {
		const char *name = NULL;
		uint32_t slides = 0;
		int rc;

		json_path_index(&elem, at.text, i);
		rc = json_want_string(json_array_get(list, i), elem.text, &name, r->st);
		if (rc == 0)
			rc = choose(layer_kinds, COUNT(layer_kinds), name, elem.text, &slides,
				    r->st);
		if (rc)
			return rc;
		if (slides && c->window == 0)
			return aios_fail(
				r->st, -EINVAL,
				"%s: sliding_attention, but use_sliding_window is false or "
				"sliding_window null",
				elem.text);
		c->slides[i] = (uint8_t)slides;
	}
	return 0;
}

static int read_some_windows(struct reader *r)
{
	struct dense_config *c = r->out;
	json_t *list = NULL;
	bool use = false;
	int64_t first = 0;
	int rc = json_opt_bool(r->top, "use_sliding_window", r->path, false, &use, r->st);

	if (rc == 0)
		rc = json_opt_int(r->top, "max_window_layers", r->path, 0, INT32_MAX, 28, &first,
				  r->st);
	if (rc == 0)
		rc = json_opt_array(r->top, "layer_types", r->path, &list, r->st);
	if (rc)
		return rc;
	if (!use)
		c->window = 0;
	if (list)
		return read_layer_types(r, list);
	for (int64_t i = first; i < c->n_layers; i++)
		c->slides[i] = c->window != 0;
	return 0;
}

static int read_window(struct reader *r)
{
	const struct dense_family *fam = r->family;
	struct dense_config *c = r->out;
	bool any = false;
	int rc;

	if (fam->window == DENSE_WINDOW_NONE)
		return 0;
	/* null means none, absent the family's own. */
	rc = want(r, "sliding_window", INT32_MAX,
		  json_object_get(r->top, "sliding_window") ? 0 : fam->default_window, &c->window);
	if (rc)
		return rc;
	if (fam->window == DENSE_WINDOW_ALL)
		memset(c->slides, c->window != 0, c->n_layers);
	else
		rc = read_some_windows(r);
	for (uint32_t i = 0; i < c->n_layers; i++)
		any = any || c->slides[i];
	if (!any)
		c->window = 0;
	return rc;
}

/* A number of the rope object within [min, max]. */
static int rope_number(struct reader *r, const json_t *rope, const char *at, const char *key,
		       double fallback, double min, double max, double *out)
{
	int rc = json_opt_double(rope, key, at, fallback, out, r->st);
	struct json_path path;

	if (rc)
		return rc;
	if (!(*out >= min && *out <= max))
		return aios_fail(r->st, -EINVAL, "%s: expected a number from %g to %g, found %g",
				 json_path_key(&path, at, key), min, max, *out);
	return 0;
}

/* As above, and the key must be there. */
static int rope_need(struct reader *r, const json_t *rope, const char *at, const char *key,
		     double min, double max, double *out)
{
	double there;
	int rc = json_get_double(rope, key, at, &there, r->st);

	return rc ? rc : rope_number(r, rope, at, key, there, min, max, out);
}

/*
 * The length the model was trained for: beside the rope object it counts more
 * than inside; without either it is max_position_embeddings.
 */
static int read_original_positions(struct reader *r, const json_t *rope, const char *at)
{
	const char *key = "original_max_position_embeddings";
	const bool outside = json_has(r->top, key);
	int64_t n = 0;
	int rc = json_opt_int(outside ? r->top : rope, key, outside ? r->path : at, 1,
			      CONFIG_MAX_POSITIONS, r->out->max_positions, &n, r->st);

	r->out->rope.original_max_positions = (uint32_t)n;
	return rc;
}

static int read_llama3(struct reader *r, const json_t *rope, const char *at)
{
	struct aios_rope *out = &r->out->rope;
	int rc = rope_need(r, rope, at, "low_freq_factor", 1e-6, 1e6, &out->low_freq_factor);

	if (rc == 0)
		rc = rope_need(r, rope, at, "high_freq_factor", 1e-6, 1e6, &out->high_freq_factor);
	if (rc)
		return rc;
	if (out->high_freq_factor <= out->low_freq_factor)
		return aios_fail(r->st, -EINVAL,
				 "%s: high_freq_factor %g must be above low_freq_factor %g", at,
				 out->high_freq_factor, out->low_freq_factor);
	return read_original_positions(r, rope, at);
}

static int read_yarn(struct reader *r, const json_t *rope, const char *at)
{
	struct aios_rope *out = &r->out->rope;
	bool truncate = true;
	int rc = rope_number(r, rope, at, "beta_fast", 32.0, 1e-6, 1e6, &out->beta_fast);

	if (rc == 0)
		rc = rope_number(r, rope, at, "beta_slow", 1.0, 1e-6, 1e6, &out->beta_slow);
	if (rc == 0)
		rc = rope_number(r, rope, at, "attention_factor", 0.0, 0.0, 1e6,
				 &out->attention_factor);
	if (rc == 0)
		rc = rope_number(r, rope, at, "mscale", 0.0, 0.0, 1e6, &out->mscale);
	if (rc == 0)
		rc = rope_number(r, rope, at, "mscale_all_dim", 0.0, 0.0, 1e6,
				 &out->mscale_all_dim);
	if (rc == 0)
		rc = json_opt_bool(rope, "truncate", at, true, &truncate, r->st);
	if (rc)
		return rc;
	out->truncate = truncate;
	if (out->beta_fast < out->beta_slow)
		return aios_fail(r->st, -EINVAL, "%s: beta_fast %g must not be below beta_slow %g",
				 at, out->beta_fast, out->beta_slow);
	return read_original_positions(r, rope, at);
}

/* rope_type, or "type" as it was called first. */
static int read_rope_type(struct reader *r, const json_t *rope, const char *at)
{
	const char *key = json_has(rope, "rope_type") ? "rope_type" : "type";
	const char *name = NULL;
	struct json_path path;
	int rc = json_opt_string(rope, key, at, &name, r->st);

	if (rc)
		return rc;
	for (size_t i = 0; i < COUNT(layer_kinds); i++)
		if (json_is_object(json_object_get(rope, layer_kinds[i].name)))
			return aios_fail(
				r->st, -ENOTSUP,
				"%s: different positions for each kind of layer (%s) are not "
				"supported",
				at, layer_kinds[i].name);
	return choose(rope_types, COUNT(rope_types), name ? name : "default",
		      json_path_key(&path, at, key), &r->out->rope.type, r->st);
}

/* These families turn whole heads. */
static int refuse_partial(struct reader *r, const json_t *obj, const char *at)
{
	double part;
	int rc = json_opt_double(obj, "partial_rotary_factor", at, 1.0, &part, r->st);
	struct json_path path;

	if (rc == 0 && part != 1.0)
		return aios_fail(r->st, -ENOTSUP, "%s: %g is not supported; only 1 is",
				 json_path_key(&path, at, "partial_rotary_factor"), part);
	return rc;
}

static int read_rope_scaling(struct reader *r, const json_t *rope, const char *at)
{
	struct aios_rope *out = &r->out->rope;
	int rc = read_rope_type(r, rope, at);

	if (rc == 0)
		rc = refuse_partial(r, rope, at);
	if (rc || out->type == AIOS_ROPE_DEFAULT)
		return rc;
	rc = rope_need(r, rope, at, "factor", 1.0, 1e6, &out->factor);
	if (rc == 0 && out->type == AIOS_ROPE_LLAMA3)
		rc = read_llama3(r, rope, at);
	if (rc == 0 && out->type == AIOS_ROPE_YARN)
		rc = read_yarn(r, rope, at);
	return rc;
}

/*
 * rope_scaling (the older name) goes before rope_parameters when it says
 * anything; rope_theta inside the object before the one beside it.
 */
static int read_rope(struct reader *r)
{
	struct aios_rope *out = &r->out->rope;
	const char *key = "rope_scaling";
	struct json_path at;
	json_t *rope = NULL;
	int rc = json_opt_object(r->top, key, r->path, &rope, r->st);

	if (rc == 0 && json_object_size(rope) == 0) {
		key = "rope_parameters";
		rc = json_opt_object(r->top, key, r->path, &rope, r->st);
	}
	if (rc == 0)
		rc = refuse_partial(r, r->top, r->path);
	if (rc)
		return rc;
	json_path_key(&at, r->path, key);
	out->rot_dim = r->out->head_dim;
	out->truncate = 1;
	if (json_has(rope, "rope_theta"))
		rc = rope_need(r, rope, at.text, "rope_theta", 1.0, 1e12, &out->theta);
	else
		rc = rope_number(r, r->top, r->path, "rope_theta", 10000.0, 1.0, 1e12, &out->theta);
	if (rc == 0 && out->theta == 1.0)
		rc = aios_fail(r->st, -EINVAL, "%s: rope_theta: expected a number above 1, found 1",
			       r->path);
	if (rc == 0 && rope)
		rc = read_rope_scaling(r, rope, at.text);
	return rc;
}

int config_read(const struct dense_family *family, const char *path, const char *json, size_t len,
		struct dense_config *out, struct aios_status *st)
{
	static int (*const steps[])(struct reader * r) = {
		read_identity,   refuse_quantised, read_sizes,  read_eps,  read_dtype,
		read_activation, read_flags,       read_window, read_rope, read_tokens,
	};
	struct reader r = { .family = family, .path = path, .out = out, .st = st };
	json_t *doc = json_parse_object(path, json, len, st);
	int rc = 0;

	if (!doc)
		return st && st->code ? st->code : -EINVAL;
	memset(out, 0, sizeof(*out));
	r.top = doc;
	for (size_t i = 0; rc == 0 && i < COUNT(steps); i++)
		rc = steps[i](&r);
	json_decref(doc);
	return rc;
}
