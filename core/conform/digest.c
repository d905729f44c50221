// SPDX-License-Identifier: Apache-2.0
/*
 * digest.c - digest files: a header that says what was run, then "ID DIGEST" a line,
 * sorted by id. Two machines that never meet compare two of them.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"
#include "core/lib/array.h"
#include "core/lib/sha256.h"

static void header(const struct aios_conform *c, char *out, size_t size)
{
	snprintf(out, size, "aios-digests 1 numerics %d seed %llu", AIOS_NUMERICS_VERSION,
		 (unsigned long long)c->summary.seed);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct conform_known *)a)->id, ((const struct conform_known *)b)->id);
}

static int add_known(struct aios_conform *c, const char *path, int number, const char *line,
		     struct aios_status *st)
{
	struct conform_known *k;

	if (array_reserve((void **)&c->known, &c->cap_known, c->n_known + 1, sizeof(*k)))
		return aios_fail(st, -ENOMEM, "no memory for the digests of %s", path);
	k = &c->known[c->n_known];
	memset(k, 0, sizeof(*k));
	if (sscanf(line, "%63s %32[0-9a-f]", k->id, k->digest) != 2 || strlen(k->digest) != 32)
		return aios_fail(st, -EINVAL, "%s:%d: expected a case and 32 hexadecimal digits",
				 path, number);
	c->n_known++;
	return 0;
}

static int read_lines(struct aios_conform *c, FILE *f, const char *path, struct aios_status *st)
{
	char want[128], *line = NULL;
	size_t cap = 0;
	int number = 0, rc = 0;

	header(c, want, sizeof(want));
	while (!rc && getline(&line, &cap, f) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (++number > 1)
			rc = line[0] ? add_known(c, path, number, line, st) : 0;
		else if (strcmp(line, want) != 0)
			rc = aios_fail(st, -EINVAL,
				       "%s:1: is '%.60s', but this run is '%s'; digests of another "
				       "seed or contract cannot be compared",
				       path, line, want);
	}
	free(line);
	if (!rc && number == 0)
		rc = aios_fail(st, -EINVAL, "%s is empty; expected digests", path);
	return rc;
}

int conform_digests_read(struct aios_conform *c, const char *path, struct aios_status *st)
{
	FILE *f = fopen(path, "re");
	int rc;

	if (!f && errno == ENOENT)
		return 0; /* to be written */
	if (!f)
		return aios_fail(st, -errno, "cannot read the digests %s: %s", path,
				 strerror(errno));
	rc = read_lines(c, f, path, st);
	if (!rc && ferror(f))
		rc = aios_fail(st, -EIO, "cannot read the digests %s", path);
	fclose(f);
	if (c->n_known > 0)
		qsort(c->known, c->n_known, sizeof(*c->known), by_id);
	c->compare_digests = true;
	return rc;
}

void conform_digest_check(struct aios_conform *c, struct aios_conform_case *r)
{
	struct conform_known key, *k;

	if (!c->compare_digests || !c->n_known || r->status != AIOS_CONFORM_PASS || !r->digest[0])
		return;
	snprintf(key.id, sizeof(key.id), "%s", r->id);
	k = bsearch(&key, c->known, c->n_known, sizeof(*k), by_id);
	if (!k)
		return;
	c->summary.compared++;
	if (strcmp(k->digest, r->digest) != 0)
		conform_fail(r, "the digest of the outputs is %s, the file says %s", r->digest,
			     k->digest);
}

static char *lines(const struct aios_conform *c, size_t *len)
{
	char *text = NULL, first[128];
	FILE *f = open_memstream(&text, len);
	bool bad;

	if (!f)
		return NULL;
	header(c, first, sizeof(first));
	fprintf(f, "%s\n", first);
	for (size_t i = 0; i < c->n_cases; i++)
		if (c->cases[i].digest[0])
			fprintf(f, "%s %s\n", c->cases[i].id, c->cases[i].digest);
	bad = ferror(f);
	if (fclose(f) || bad) {
		free(text);
		return NULL;
	}
	return text;
}

int conform_digests_write(const struct aios_conform *c, const char *path, struct aios_status *st)
{
	size_t len;
	char *text = lines(c, &len);
	int rc;

	if (!text)
		return aios_fail(st, -ENOMEM, "no memory for the digests");
	rc = conform_write_file(path, text, len, st);
	free(text);
	return rc;
}

void conform_digest_all(struct aios_conform *c)
{
	uint8_t digest[SHA256_BYTES];
	struct sha256 s;
	size_t len;
	char *text = lines(c, &len);

	if (!text)
		return;
	sha256_init(&s);
	sha256_update(&s, text, len);
	sha256_final(&s, digest);
	sha256_hex(digest, SHA256_BYTES, c->summary.digest);
	free(text);
}
