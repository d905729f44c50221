// SPDX-License-Identifier: Apache-2.0
/* report_xml.c - JUnit XML: one suite a level, one case a case. */
#include <stdlib.h>
#include <string.h>

#include "core/conform/conform.h"

/* Text inside XML; what XML cannot say becomes '?'. */
static void escape(FILE *f, const char *text)
{
	for (; *text; text++) {
		unsigned char ch = (unsigned char)*text;

		if (ch == '&')
			fputs("&amp;", f);
		else if (ch == '<')
			fputs("&lt;", f);
		else if (ch == '>')
			fputs("&gt;", f);
		else if (ch == '"')
			fputs("&quot;", f);
		else
			fputc(ch < 32 || ch >= 127 ? '?' : ch, f);
	}
}

static void one_case(FILE *f, const struct aios_conform_case *r)
{
	fprintf(f, "    <testcase classname=\"conform.l%u.", r->level);
	escape(f, r->op);
	fputs("\" name=\"", f);
	escape(f, r->id);
	fprintf(f, "\" time=\"%.6f\"", (double)r->ns / 1e9);
	switch (r->status) {
	case AIOS_CONFORM_FAIL:
	case AIOS_CONFORM_UNEXPECTED_PASS:
		fputs(">\n      <failure message=\"", f);
		escape(f, r->message);
		fputs("\">", f);
		escape(f, r->repeat);
		if (r->smallest[0]) {
			fputs(" smallest: ", f);
			escape(f, r->smallest);
		}
		fputs("</failure>\n    </testcase>\n", f);
		break;
	case AIOS_CONFORM_SKIP:
	case AIOS_CONFORM_EXPECTED:
		fputs(">\n      <skipped message=\"", f);
		escape(f, r->message);
		fputs("\"/>\n    </testcase>\n", f);
		break;
	default:
		fputs("/>\n", f);
		break;
	}
}

static void suite(FILE *f, const struct aios_conform *c, uint32_t level)
{
	const uint32_t *n = c->summary.level_counts[level];
	uint32_t all = 0;

	for (uint32_t s = 0; s < AIOS_CONFORM_STATUSES; s++)
		all += n[s];
	if (!all)
		return;
	fprintf(f, "  <testsuite name=\"L%u %s\" tests=\"%u\" failures=\"%u\" skipped=\"%u\">\n",
		level, aios_conform_level_name(level), all,
		n[AIOS_CONFORM_FAIL] + n[AIOS_CONFORM_UNEXPECTED_PASS],
		n[AIOS_CONFORM_SKIP] + n[AIOS_CONFORM_EXPECTED]);
	for (size_t i = 0; i < c->n_cases; i++)
		if (c->cases[i].level == level)
			one_case(f, &c->cases[i]);
	fputs("  </testsuite>\n", f);
}

char *conform_junit(const struct aios_conform *c, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);
	bool bad;

	if (!f)
		return NULL;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"aios conform ", f);
	escape(f, c->summary.driver);
	fprintf(f, "\" time=\"%.3f\">\n", (double)c->summary.ns / 1e9);
	for (uint32_t l = 0; l < AIOS_CONFORM_LEVELS; l++)
		suite(f, c, l);
	fputs("</testsuites>\n", f);
	bad = ferror(f);
	if (fclose(f) || bad) {
		free(text);
		return NULL;
	}
	return text;
}
