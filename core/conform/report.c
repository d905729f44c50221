// SPDX-License-Identifier: Apache-2.0
/* report.c - writing reports and certificates. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <aios/abi.h>
#include <aios/numerics.h>

#include "core/conform/conform.h"
#include "core/numerics/id.h"

int conform_write_file(const char *path, const char *text, size_t len, struct aios_status *st)
{
	char part[4096];
	int n = snprintf(part, sizeof(part), "%s.part", path), rc;
	FILE *f;

	if (n < 0 || (size_t)n >= sizeof(part))
		return aios_fail(st, -ENAMETOOLONG, "the name of the file %.60s... is too long",
				 path);
	f = fopen(part, "we");
	if (!f)
		return aios_fail(st, -errno, "cannot write %s: %s", path, strerror(errno));
	rc = fwrite(text, 1, len, f) == len ? 0 : -errno;
	if (fclose(f) && !rc)
		rc = -errno;
	if (!rc && rename(part, path))
		rc = -errno;
	if (rc) {
		unlink(part);
		return aios_fail(st, rc, "cannot write %s: %s", path, strerror(-rc));
	}
	return 0;
}

int aios_conform_write(const struct aios_conform *c, const char *path, struct aios_status *st)
{
	const char *dot = strrchr(path, '.');
	char *(*form)(const struct aios_conform *, size_t *) = NULL;
	size_t len = 0;
	char *text;
	int rc;

	if (dot && strcmp(dot, ".json") == 0)
		form = conform_json;
	else if (dot && strcmp(dot, ".xml") == 0)
		form = conform_junit;
	else if (dot && (strcmp(dot, ".html") == 0 || strcmp(dot, ".htm") == 0))
		form = conform_html;
	if (!form)
		return aios_fail(st, -EINVAL,
				 "report %s: expected a name that ends in .json, .xml or .html",
				 path);
	text = form(c, &len);
	if (!text)
		return aios_fail(st, -ENOMEM, "no memory for the report %s", path);
	rc = conform_write_file(path, text, len, st);
	free(text);
	return rc;
}

/* --- the certificate ------------------------------------------------------------- */

/* One sub-object of the certificate; takes over `value`. */
static void put(json_t *object, const char *key, json_t *value, bool *bad)
{
	if (json_object_set_new(object, key, value))
		*bad = true;
}

static json_t *counts_json(const uint32_t counts[AIOS_CONFORM_STATUSES], bool *bad)
{
	json_t *o = json_object();

	for (uint32_t s = 0; s < AIOS_CONFORM_STATUSES; s++)
		put(o, aios_conform_status_name(s), json_integer(counts[s]), bad);
	return o;
}

static json_t *profiles_json(const struct aios_conform_summary *s, bool *bad)
{
	json_t *list = json_array();

	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT; p++)
		if (s->profiles >> p & 1 &&
		    json_array_append_new(list, json_string(aios_profile_info_of(p).name)))
			*bad = true;
	return list;
}

/*
 * The id of each declared profile with the types an engine takes by default, so that a
 * certificate can be held against what 'aios devices' and answers carry.
 */
static json_t *ids_json(const struct aios_conform_summary *s, bool *bad)
{
	json_t *list = json_array();
	char id[NUMERICS_ID_SIZE];

	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT; p++) {
		struct aios_model_types types = {
			.profile = (uint8_t)p,
			.act = (uint8_t)aios_profile_info_of(p).act_dtype,
			.kv = AIOS_BF16,
			.mid = AIOS_F32,
			.qkv = AIOS_BF16,
			.segments = 1,
			.chunk = AIOS_ATTN_CHUNK,
		};

		if (!(s->profiles >> p & 1))
			continue;
		if (numerics_id(&types, id, sizeof(id), NULL) ||
		    json_array_append_new(list, json_string(id)))
			*bad = true;
	}
	return list;
}

static json_t *levels_json(const struct aios_conform_summary *s, bool *bad)
{
	json_t *list = json_array();

	for (uint32_t l = 0; l <= s->level; l++)
		if (json_array_append_new(list, counts_json(s->level_counts[l], bad)))
			*bad = true;
	return list;
}

static json_t *certificate(const struct aios_conform *c, bool *bad)
{
	const struct aios_conform_summary *s = &c->summary;
	json_t *o = json_object(), *driver = json_object(), *run = json_object();
	char hash[16];

	snprintf(hash, sizeof(hash), "0x%08x", (unsigned)AIOS_ABI_HASH);
	put(o, "certificate", json_integer(1), bad);
	put(o, "core", json_string(aios_version()), bad);
	put(o, "abi", json_sprintf("%d.%d", AIOS_ABI_MAJOR, AIOS_ABI_MINOR), bad);
	put(o, "abi_hash", json_string(hash), bad);
	put(o, "numerics_version", json_integer(AIOS_NUMERICS_VERSION), bad);
	put(o, "numerics_ids", ids_json(s, bad), bad);
	put(driver, "name", json_string(s->driver), bad);
	put(driver, "sha256", json_string(s->sha256), bad);
	put(driver, "device", json_string(s->device), bad);
	put(driver, "device_name", json_string(s->device_name), bad);
	put(driver, "runtime", json_string(s->runtime), bad);
	put(driver, "profiles", profiles_json(s, bad), bad);
	put(o, "driver", driver, bad);
	put(run, "reference", json_string(s->reference), bad);
	put(run, "level", json_integer(s->level), bad);
	put(run, "quick", json_boolean(s->quick), bad);
	put(run, "seed", json_integer((json_int_t)s->seed), bad);
	put(run, "date", json_string(c->today), bad);
	put(run, "counts", counts_json(s->counts, bad), bad);
	put(run, "levels", levels_json(s, bad), bad);
	put(o, "run", run, bad);
	put(o, "digest", json_string(s->digest), bad);
	return o;
}

int aios_conform_certify(const struct aios_conform *c, const char *path, struct aios_status *st)
{
	bool bad = false;
	json_t *o;
	char *text;
	int rc;

	if (!c->summary.passed)
		return aios_fail(st, -EINVAL, "no certificate: the run did not pass");
	if (c->restricted)
		return aios_fail(st, -EINVAL,
				 "no certificate for a part: leave out --case, --filter and "
				 "--profile");
	if (c->summary.counts[AIOS_CONFORM_EXPECTED])
		return aios_fail(st, -EINVAL,
				 "no certificate with expected failures: %u cases failed",
				 c->summary.counts[AIOS_CONFORM_EXPECTED]);
	o = certificate(c, &bad);
	text = bad ? NULL : json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	if (!text)
		return aios_fail(st, -ENOMEM, "no memory for the certificate %s", path);
	rc = conform_write_file(path, text, strlen(text), st);
	free(text);
	return rc;
}
