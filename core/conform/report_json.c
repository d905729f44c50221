// SPDX-License-Identifier: Apache-2.0
/* report_json.c - the JSON report; Documentation/conform-report.schema.json says what is in it. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <aios/abi.h>
#include <aios/numerics.h>

#include "core/conform/conform.h"

/* Builds objects; the first failure is remembered. */
struct builder {
	bool bad;
};

static void put(struct builder *b, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		b->bad = true;
}

/* Text from a driver may be any bytes: what is not UTF-8 is left out. */
static void put_text(struct builder *b, json_t *object, const char *key, const char *text)
{
	json_t *value = json_string(text);
	char clean[1024];
	size_t n = 0;

	if (!value) {
		for (; *text && n + 1 < sizeof(clean); text++)
			if ((unsigned char)*text < 0x80)
				clean[n++] = *text;
		clean[n] = '\0';
		value = json_string(clean);
	}
	put(b, object, key, value);
}

static void put_bits(struct builder *b, json_t *object, const char *key, const char *dtype,
		     uint64_t v)
{
	char bits[24];

	put(b, object, key, json_string(conform_bits(dtype, v, bits)));
}

static json_t *counts(struct builder *b, const uint32_t n[AIOS_CONFORM_STATUSES])
{
	json_t *o = json_object();

	for (uint32_t s = 0; s < AIOS_CONFORM_STATUSES; s++)
		put(b, o, aios_conform_status_name(s), json_integer(n[s]));
	return o;
}

static json_t *difference(struct builder *b, const struct aios_conform_case *r)
{
	json_t *o = json_object();

	put_text(b, o, "buffer", r->buffer);
	put_text(b, o, "type", r->dtype);
	put(b, o, "plane", json_integer(r->plane));
	put(b, o, "row", json_integer(r->row));
	put(b, o, "column", json_integer(r->col));
	put_bits(b, o, "got", r->dtype, r->got);
	put_bits(b, o, "want", r->dtype, r->want);
	put(b, o, "ulp", r->ulp == UINT64_MAX ? json_null() : json_integer((json_int_t)r->ulp));
	put(b, o, "different", json_integer((json_int_t)r->n_diff));
	put(b, o, "elements", json_integer((json_int_t)r->n_elements));
	return o;
}

static json_t *one_case(struct builder *b, const struct aios_conform_case *r)
{
	json_t *o = json_object();

	put_text(b, o, "id", r->id);
	put(b, o, "level", json_integer(r->level));
	put_text(b, o, "op", r->op);
	put_text(b, o, "profile", r->profile);
	put_text(b, o, "status", aios_conform_status_name(r->status));
	if (r->shape[0])
		put_text(b, o, "shape", r->shape);
	if (r->message[0])
		put_text(b, o, "message", r->message);
	if (r->repeat[0])
		put_text(b, o, "repeat", r->repeat);
	if (r->smallest[0])
		put_text(b, o, "smallest", r->smallest);
	if (r->digest[0])
		put_text(b, o, "digest", r->digest);
	if (r->ns)
		put(b, o, "ns", json_integer((json_int_t)r->ns));
	if (r->reference_ns)
		put(b, o, "reference_ns", json_integer((json_int_t)r->reference_ns));
	if (r->differs)
		put(b, o, "difference", difference(b, r));
	return o;
}

static json_t *driver(struct builder *b, const struct aios_conform_summary *s)
{
	json_t *o = json_object(), *profiles = json_array();

	put_text(b, o, "name", s->driver);
	put_text(b, o, "path", s->path);
	put_text(b, o, "sha256", s->sha256);
	put_text(b, o, "device", s->device);
	put_text(b, o, "device_name", s->device_name);
	put_text(b, o, "runtime", s->runtime);
	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT; p++)
		if (s->profiles >> p & 1 &&
		    json_array_append_new(profiles, json_string(aios_profile_info_of(p).name)))
			b->bad = true;
	put(b, o, "profiles", profiles);
	return o;
}

static json_t *reference(struct builder *b, const struct aios_conform_summary *s)
{
	json_t *o = json_object();

	put_text(b, o, "name", s->reference);
	put_text(b, o, "path", s->reference_path);
	put_text(b, o, "runtime", s->reference_runtime);
	return o;
}

static json_t *levels(struct builder *b, const struct aios_conform_summary *s)
{
	json_t *list = json_array();

	for (uint32_t l = 0; l <= s->level; l++) {
		json_t *o = json_object();

		put(b, o, "level", json_integer(l));
		put_text(b, o, "name", aios_conform_level_name(l));
		put(b, o, "counts", counts(b, s->level_counts[l]));
		if (json_array_append_new(list, o))
			b->bad = true;
	}
	return list;
}

char *conform_json(const struct aios_conform *c, size_t *len)
{
	const struct aios_conform_summary *s = &c->summary;
	json_t *o = json_object(), *cases = json_array();
	struct builder b = { false };
	char hash[16], *text = NULL;

	snprintf(hash, sizeof(hash), "0x%08x", (unsigned)AIOS_ABI_HASH);
	put(&b, o, "report", json_integer(1));
	put_text(&b, o, "core", aios_version());
	put_text(&b, o, "abi_hash", hash);
	put(&b, o, "numerics_version", json_integer(AIOS_NUMERICS_VERSION));
	put(&b, o, "driver", driver(&b, s));
	put(&b, o, "reference", reference(&b, s));
	put(&b, o, "seed", json_integer((json_int_t)s->seed));
	put(&b, o, "level", json_integer(s->level));
	put(&b, o, "quick", json_boolean(s->quick));
	put(&b, o, "complete", json_boolean(s->complete));
	put(&b, o, "passed", json_boolean(s->passed));
	put(&b, o, "ns", json_integer((json_int_t)s->ns));
	put_text(&b, o, "date", c->today);
	put_text(&b, o, "digest", s->digest);
	put(&b, o, "counts", counts(&b, s->counts));
	put(&b, o, "levels", levels(&b, s));
	for (size_t i = 0; i < c->n_cases; i++)
		if (json_array_append_new(cases, one_case(&b, &c->cases[i])))
			b.bad = true;
	put(&b, o, "cases", cases);
	if (!b.bad)
		text = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	*len = text ? strlen(text) : 0;
	return text;
}
