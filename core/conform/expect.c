// SPDX-License-Identifier: Apache-2.0
/*
 * expect.c - expected failures: lines "PATTERN YYYY-MM-DD reason", # begins a comment.
 * A case that matches and fails is EXPECTED until the date; one that passes fails
 * the run, so that a list never outlives what it is for.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "core/conform/conform.h"
#include "core/lib/array.h"

static bool is_date(const char *text)
{
	static const char form[] = "dddd-dd-dd";

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != '-')
			return false;
	return true;
}

static int add_line(struct aios_conform *c, const char *path, int number, char *line,
		    struct aios_status *st)
{
	struct conform_expect *e;
	char *save = NULL, *pattern = strtok_r(line, " \t", &save);
	char *date = strtok_r(NULL, " \t", &save), *reason = save;

	if (!pattern || pattern[0] == '#')
		return 0;
	if (!date || !is_date(date))
		return aios_fail(st, -EINVAL,
				 "%s:%d: expected PATTERN YYYY-MM-DD REASON; '%.40s' is no date",
				 path, number, date ? date : "");
	reason += strspn(reason, " \t");
	if (!*reason)
		return aios_fail(st, -EINVAL, "%s:%d: an expected failure needs a reason", path,
				 number);
	if (array_reserve((void **)&c->expects, &c->cap_expects, c->n_expects + 1, sizeof(*e)))
		return aios_fail(st, -ENOMEM, "no memory for the expected failures of %s", path);
	e = &c->expects[c->n_expects++];
	*e = (struct conform_expect){ .pattern = strdup(pattern),
				      .reason = strdup(reason),
				      .expires = strdup(date),
				      .line = number };
	if (!e->pattern || !e->reason || !e->expires)
		return aios_fail(st, -ENOMEM, "no memory for the expected failures of %s", path);
	return 0;
}

int conform_expect_read(struct aios_conform *c, const char *path, struct aios_status *st)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	int number = 0, rc = 0;

	if (!f)
		return aios_fail(st, -errno, "cannot read the expected failures %s: %s", path,
				 strerror(errno));
	while (!rc && getline(&line, &cap, f) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		rc = add_line(c, path, ++number, line, st);
	}
	if (!rc && ferror(f))
		rc = aios_fail(st, -EIO, "cannot read the expected failures %s", path);
	free(line);
	fclose(f);
	return rc;
}

static struct conform_expect *find(struct aios_conform *c, const char *id)
{
	for (size_t i = 0; i < c->n_expects; i++)
		if (fnmatch(c->expects[i].pattern, id, 0) == 0)
			return &c->expects[i];
	return NULL;
}

void conform_expect_apply(struct aios_conform *c, struct aios_conform_case *r)
{
	struct conform_expect *e = find(c, r->id);
	char was[sizeof(r->message)];

	if (!e)
		return;
	e->used = true;
	if (r->status == AIOS_CONFORM_PASS) {
		r->status = AIOS_CONFORM_UNEXPECTED_PASS;
		snprintf(
			r->message, sizeof(r->message),
			"passed, but '%.60s' (line %d) expects it to fail: %.300s; remove the line",
			e->pattern, e->line, e->reason);
		return;
	}
	if (r->status != AIOS_CONFORM_FAIL)
		return;
	memcpy(was, r->message, sizeof(was));
	if (strcmp(c->today, e->expires) > 0) {
		snprintf(r->message, sizeof(r->message), "%.400s (was expected until %s: %.120s)",
			 was, e->expires, e->reason);
		return;
	}
	r->status = AIOS_CONFORM_EXPECTED;
	snprintf(r->message, sizeof(r->message), "expected until %s: %.150s (%.400s)", e->expires,
		 e->reason, was);
}
