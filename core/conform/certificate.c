// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <jansson.h>

#include <aios/abi.h>
#include <aios/numerics.h>

#include "core/conform/certificate.h"
#include "core/lib/sha256.h"

#define ADVICE "run 'aios conform --certificate' on this machine again"

static int mismatch(const char *path, const char *what, const char *says, const char *is,
		    struct aios_status *st)
{
	return aios_fail(st, -EKEYREJECTED, "certificate %s is for %s %s, this is %s: " ADVICE,
			 path, what, says ? says : "(none)", is);
}

static bool equal_text(const json_t *object, const char *key, const char *want)
{
	const char *got = json_string_value(json_object_get(object, key));

	return got && strcmp(got, want) == 0;
}

static int check_text(const char *path, const json_t *object, const char *key, const char *what,
		      const char *want, struct aios_status *st)
{
	if (equal_text(object, key, want))
		return 0;
	return mismatch(path, what, json_string_value(json_object_get(object, key)), want, st);
}

static bool has_profile(const json_t *driver, const char *profile)
{
	const json_t *list = json_object_get(driver, "profiles");
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (text && strcmp(text, profile) == 0)
			return true;
	}
	return false;
}

static int check_contract(const char *path, const json_t *root, struct aios_status *st)
{
	char hash[16];

	snprintf(hash, sizeof(hash), "0x%08x", (unsigned)AIOS_ABI_HASH);
	if (json_integer_value(json_object_get(root, "certificate")) != 1)
		return aios_fail(st, -EKEYREJECTED,
				 "%s is no certificate of a form that this AIOS knows: " ADVICE,
				 path);
	if (json_integer_value(json_object_get(root, "numerics_version")) != AIOS_NUMERICS_VERSION)
		return aios_fail(
			st, -EKEYREJECTED,
			"certificate %s is for numerics contract %lld, this is %d: " ADVICE, path,
			(long long)json_integer_value(json_object_get(root, "numerics_version")),
			AIOS_NUMERICS_VERSION);
	return check_text(path, root, "abi_hash", "module ABI", hash, st);
}

static int check_driver(const char *path, const json_t *driver, const struct certificate_subject *s,
			struct aios_status *st)
{
	char sha[SHA256_HEX];
	int rc = sha256_file(s->file, sha);

	if (rc < 0)
		return aios_fail(st, rc, "%s: %s", s->file, strerror(-rc));
	rc = check_text(path, driver, "name", "driver", s->driver, st);
	if (!rc)
		rc = check_text(path, driver, "sha256", "a file with SHA-256", sha, st);
	if (!rc)
		rc = check_text(path, driver, "device", "device", s->device, st);
	if (!rc)
		rc = check_text(path, driver, "runtime", "runtime", s->runtime, st);
	if (rc || !s->profile[0] || strcmp(s->profile, "auto") == 0)
		return rc;
	if (!has_profile(driver, s->profile))
		return aios_fail(st, -EKEYREJECTED,
				 "certificate %s does not cover numerics profile %s: " ADVICE, path,
				 s->profile);
	return 0;
}

static int check_run(const char *path, const json_t *run, uint32_t level, struct aios_status *st)
{
	const json_t *counts = json_object_get(run, "counts");
	const json_t *reached = json_object_get(run, "level");

	if (!json_is_integer(reached) || json_integer_value(reached) < (json_int_t)level)
		return aios_fail(st, -EKEYREJECTED,
				 "certificate %s is for levels up to %lld, %u is required "
				 "(aios.certificate_level): " ADVICE,
				 path, (long long)json_integer_value(reached), level);
	if (json_integer_value(json_object_get(counts, "pass")) <= 0 ||
	    json_integer_value(json_object_get(counts, "fail")) != 0)
		return aios_fail(st, -EKEYREJECTED,
				 "certificate %s does not say that all cases passed: " ADVICE,
				 path);
	return 0;
}

int certificate_check(const char *path, uint32_t level, const struct certificate_subject *subject,
		      struct aios_status *st)
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	int rc;

	if (!root)
		return aios_fail(st, -EKEYREJECTED, "certificate %s cannot be read: %s", path,
				 error.text);
	rc = check_contract(path, root, st);
	if (!rc)
		rc = check_driver(path, json_object_get(root, "driver"), subject, st);
	if (!rc)
		rc = check_run(path, json_object_get(root, "run"), level, st);
	json_decref(root);
	return rc;
}
