// SPDX-License-Identifier: Apache-2.0
/*
 * report_html.c - the report for people: one page without scripts or other files. First
 * the verdict, then where it stands (levels, op by profile), then each failure with its
 * bits, then what was skipped and why, timings against the reference, and every case.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"

static const char style[] =
	":root{--bg:#fbfbfa;--card:#fff;--ink:#1c1d1f;--dim:#6a6f76;--line:#e3e4e6;--ok:#1a7f4b;"
	"--okbg:#e2f4ea;--bad:#b3261e;--badbg:#fbe4e2;--skip:#6a6f76;--skipbg:#eeeff1;--warn:#"
	"8a6100;"
	"--warnbg:#fff2cf;--bar:#4a72c4}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#16181b;--card:#1e2125;--ink:#e7e8ea;--dim:#"
	"9aa0a8;"
	"--line:#33373d;--ok:#5fd394;--okbg:#173a28;--bad:#ff8a80;--badbg:#4a1f1c;--skip:#9aa0a8;"
	"--skipbg:#2a2e33;--warn:#f0c95c;--warnbg:#40351a;--bar:#6f95e0}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
	"font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\n"
	"main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}\n"
	"h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 12px}\n"
	"code,.mono{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\n"
	".verdict{display:inline-block;padding:3px "
	"12px;border-radius:99px;font-weight:600;font-size:14px}\n"
	".pass{background:var(--okbg);color:var(--ok)}.fail{background:var(--badbg);color:var(--"
	"bad)}\n"
	".skip{background:var(--skipbg);color:var(--skip)}.warn{background:var(--warnbg);color:var("
	"--warn)}\n"
	".facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:18px 0 0}\n"
	".facts dt{color:var(--dim)}.facts dd{margin:0;overflow-wrap:anywhere}\n"
	".levels{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}\n"
	".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px "
	"16px}\n"
	".card b{font-size:22px;display:block}.card small{color:var(--dim)}\n"
	".meter{display:flex;height:6px;border-radius:3px;overflow:hidden;background:var(--skipbg);"
	"margin-top:10px}.meter i{display:block}.meter .p{background:var(--ok)}.meter "
	".f{background:var(--bad)}\n"
	".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;background:var(--card);"
	"border:1px solid var(--line);border-radius:10px}\n"
	"th,td{padding:6px 12px;text-align:left;border-bottom:1px solid "
	"var(--line);white-space:nowrap}\n"
	"tr:last-child td{border-bottom:0}th{color:var(--dim);font-weight:500;font-size:13px}\n"
	"td.c{text-align:center}td.r,th.r{text-align:right;font-variant-numeric:tabular-nums}\n"
	".cell{display:inline-block;min-width:64px;padding:1px "
	"8px;border-radius:6px;font-size:13px;"
	"text-align:center;font-variant-numeric:tabular-nums}\n"
	".failure{border-left:4px solid var(--bad);margin:0 0 14px}.failure p{margin:6px 0}\n"
	".bits{display:grid;grid-template-columns:max-content max-content;gap:2px 14px;margin:10px "
	"0}\n"
	".bits .s{margin-right:6px}.bits "
	"u{text-decoration:none;background:var(--badbg);color:var(--bad);"
	"font-weight:700}.bits span.l{color:var(--dim)}\n"
	".cmd{background:var(--skipbg);border-radius:6px;padding:6px "
	"10px;overflow-x:auto;white-space:pre}\n"
	".ratio{display:inline-block;height:8px;border-radius:4px;background:var(--bar);vertical-"
	"align:middle;"
	"margin-left:8px}\n"
	"details summary{cursor:pointer;color:var(--dim);margin:8px 0}td.wrap{white-space:normal;"
	"overflow-wrap:anywhere;min-width:220px}\n";

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
			fputc(ch < 32 ? ' ' : ch, f);
	}
}

static const char *class_of(uint32_t status)
{
	static const char *const classes[AIOS_CONFORM_STATUSES] = { "pass", "fail", "skip", "warn",
								    "fail" };

	return status < AIOS_CONFORM_STATUSES ? classes[status] : "skip";
}

static bool is_failure(const struct aios_conform_case *r)
{
	return r->status == AIOS_CONFORM_FAIL || r->status == AIOS_CONFORM_UNEXPECTED_PASS;
}

/* --- the head ------------------------------------------------------------------- */

static void fact(FILE *f, const char *name, const char *value)
{
	if (!value[0])
		return;
	fprintf(f, "<dt>%s</dt><dd>", name);
	escape(f, value);
	fputs("</dd>\n", f);
}

static void profiles_text(const struct aios_conform_summary *s, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && at < size; p++)
		if (s->profiles >> p & 1)
			at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "",
					       aios_profile_info_of(p).name);
}

static void head(FILE *f, const struct aios_conform *c)
{
	const struct aios_conform_summary *s = &c->summary;
	char text[320];

	fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
	      f);
	escape(f, s->driver);
	fprintf(f, " %s</title>\n<style>\n%s</style></head><body><main>\n<h1>Conformance of ",
		s->passed ? "conforms" : "does not conform", style);
	escape(f, s->driver);
	fprintf(f, "</h1>\n<span class=\"verdict %s\">%s</span>\n<dl class=\"facts\">\n",
		s->passed ? "pass" : "fail",
		s->passed   ? "every bit equals the reference's" :
		s->complete ? "does not conform" :
			      "the run was not complete");
	fact(f, "Driver", s->path);
	fact(f, "SHA-256", s->sha256);
	snprintf(text, sizeof(text), "%s, %s (%s)", s->device_name, s->device, s->runtime);
	fact(f, "Device", text);
	profiles_text(s, text, sizeof(text));
	fact(f, "Profiles", text);
	snprintf(text, sizeof(text), "%s (%s)", s->reference, s->reference_runtime);
	fact(f, "Reference", text);
	snprintf(text, sizeof(text), "levels 0 to %u, %s set%s, seed %" PRIu64, s->level,
		 s->quick ? "quick" : "full", c->restricted ? ", a part of the cases" : "",
		 s->seed);
	fact(f, "Cases", text);
	snprintf(text, sizeof(text), "%.1f s on %s", (double)s->ns / 1e9, c->today);
	fact(f, "Took", text);
	snprintf(text, sizeof(text), "aios %s, numerics %d, digest %.32s", aios_version(),
		 AIOS_NUMERICS_VERSION, s->digest);
	fact(f, "Contract", text);
	fputs("</dl>\n", f);
}

static void levels(FILE *f, const struct aios_conform_summary *s)
{
	fputs("<h2>Levels</h2>\n<div class=\"levels\">\n", f);
	for (uint32_t l = 0; l <= s->level; l++) {
		const uint32_t *n = s->level_counts[l];
		uint32_t failed = n[AIOS_CONFORM_FAIL] + n[AIOS_CONFORM_UNEXPECTED_PASS];
		uint32_t skipped = n[AIOS_CONFORM_SKIP] + n[AIOS_CONFORM_EXPECTED];
		uint32_t all = n[AIOS_CONFORM_PASS] + failed + skipped;

		fprintf(f, "<div class=\"card\"><small>L%u %s</small><b>%u</b><small>passed", l,
			aios_conform_level_name(l), n[AIOS_CONFORM_PASS]);
		if (failed)
			fprintf(f, ", %u failed", failed);
		if (skipped)
			fprintf(f, ", %u skipped", skipped);
		fprintf(f,
			"</small><div class=\"meter\"><i class=\"p\" style=\"width:%.2f%%\"></i>"
			"<i class=\"f\" style=\"width:%.2f%%\"></i></div></div>\n",
			all ? 100.0 * n[AIOS_CONFORM_PASS] / all : 0.0,
			all ? 100.0 * failed / all : 0.0);
	}
	fputs("</div>\n", f);
}

/* --- op by profile ----------------------------------------------------------------- */

/* Counts and times of one op in one profile. */
struct tally {
	uint32_t passed, failed, skipped, timed;
	uint64_t ns, reference_ns; /* medians over the cases */
};

/* Room for the times of all cases. */
struct times {
	uint64_t *ns, *reference_ns;
};

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *v, uint32_t n)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), by_size);
	return v[n / 2];
}

static void tally(const struct aios_conform *c, const char *op, const char *profile,
		  struct times *times, struct tally *t)
{
	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < c->n_cases; i++) {
		const struct aios_conform_case *r = &c->cases[i];

		if (r->level != 2 || strcmp(r->op, op) != 0 || strcmp(r->profile, profile) != 0)
			continue;
		t->passed += r->status == AIOS_CONFORM_PASS;
		t->failed += is_failure(r);
		t->skipped += r->status == AIOS_CONFORM_SKIP || r->status == AIOS_CONFORM_EXPECTED;
		if (!r->ns || !r->reference_ns)
			continue;
		times->ns[t->timed] = r->ns;
		times->reference_ns[t->timed++] = r->reference_ns;
	}
	t->ns = median(times->ns, t->timed);
	t->reference_ns = median(times->reference_ns, t->timed);
}

/* Column `i` of the matrix: "any", then the profiles. */
static const char *column(uint32_t i)
{
	return i ? aios_profile_info_of(i - 1).name : "any";
}

static void matrix_cell(FILE *f, const struct tally *t)
{
	uint32_t all = t->passed + t->failed + t->skipped;

	if (!all) {
		fputs("<td class=\"c\"></td>", f);
		return;
	}
	fprintf(f, "<td class=\"c\"><span class=\"cell %s\">",
		t->failed ? "fail" :
		t->passed ? "pass" :
			    "skip");
	if (t->failed)
		fprintf(f, "%u of %u fail", t->failed, all);
	else if (t->skipped)
		fprintf(f, "%u, %u skip", t->passed, t->skipped);
	else
		fprintf(f, "%u", t->passed);
	fputs("</span></td>", f);
}

static void matrix(FILE *f, const struct aios_conform *c, struct times *times)
{
	struct tally t;

	fputs("<h2>Ops by profile</h2>\n<div class=\"scroll\"><table><tr><th>op</th>", f);
	for (uint32_t i = 0; i <= AIOS_PROFILE_COUNT; i++)
		fprintf(f, "<th style=\"text-align:center\">%s</th>", i ? column(i) : "every");
	fputs("</tr>\n", f);
	for (size_t i = 0; i < gen_n; i++) {
		fprintf(f, "<tr><td><code>%s</code></td>", gen_all[i]->name);
		for (uint32_t k = 0; k <= AIOS_PROFILE_COUNT; k++) {
			tally(c, gen_all[i]->name, column(k), times, &t);
			matrix_cell(f, &t);
		}
		fputs("</tr>\n", f);
	}
	fputs("</table></div>\n<p style=\"color:var(--dim)\">Number of cases that passed. "
	      "Under \"every\": ops that no profile changes, and descriptors that must be "
	      "refused.</p>\n",
	      f);
}

/* --- failures ------------------------------------------------------------------------ */

/* Bits of an element with gaps between sign, exponent and mantissa; those that differ are marked. */
static void bit_pattern(FILE *f, const char *dtype, uint64_t v, uint64_t other)
{
	int bits = 64, sign = -1, exponent = -1;
	char hex[24];

	for (uint32_t t = 1; t < AIOS_DTYPE_COUNT; t++)
		if (strcmp(aios_dtype_name(t), dtype) == 0)
			bits = (int)aios_dtype_bytes(t) * 8;
	if (strcmp(dtype, "f32") == 0 || strcmp(dtype, "f16") == 0 || strcmp(dtype, "bf16") == 0 ||
	    strcmp(dtype, "e4m3") == 0) {
		sign = bits - 1;
		exponent = bits == 8 ? 3 : strcmp(dtype, "f16") == 0 ? 10 : bits == 16 ? 7 : 23;
	}
	fprintf(f, "<span class=\"mono\">%s &nbsp; ", conform_bits(dtype, v, hex));
	for (int i = bits - 1; i >= 0; i--) {
		bool differs = ((v ^ other) >> i & 1) != 0;

		fprintf(f, differs ? "<u>%d</u>" : "%d", (int)(v >> i & 1));
		if (i == sign || i == exponent || (sign < 0 && i && i % 8 == 0))
			fputs("<span class=\"s\"></span>", f);
	}
	fputs("</span>", f);
}

static void failure(FILE *f, const struct aios_conform_case *r)
{
	fputs("<div class=\"card failure\"><b style=\"font-size:15px\"><code>", f);
	escape(f, r->id);
	fputs("</code></b>\n", f);
	if (r->shape[0]) {
		fputs("<p class=\"mono\" style=\"color:var(--dim)\">", f);
		escape(f, r->shape);
		fputs("</p>\n", f);
	}
	fputs("<p>", f);
	escape(f, r->message);
	fputs("</p>\n", f);
	if (r->differs) {
		fputs("<div class=\"bits\"><span class=\"l\">got</span>", f);
		bit_pattern(f, r->dtype, r->got, r->want);
		fputs("<span class=\"l\">expected</span>", f);
		bit_pattern(f, r->dtype, r->want, r->got);
		fputs("</div>\n", f);
	}
	if (r->smallest[0]) {
		fputs("<p>Smallest shape that still fails: <code>", f);
		escape(f, r->smallest);
		fputs("</code></p>\n", f);
	}
	if (r->repeat[0]) {
		fputs("<div class=\"cmd mono\">", f);
		escape(f, r->repeat);
		fputs("</div>\n", f);
	}
	fputs("</div>\n", f);
}

#define SHOWN 100

static void failures(FILE *f, const struct aios_conform *c)
{
	uint32_t n = c->summary.counts[AIOS_CONFORM_FAIL] +
		     c->summary.counts[AIOS_CONFORM_UNEXPECTED_PASS];
	uint32_t shown = 0;

	if (!n)
		return;
	fprintf(f, "<h2>Failures (%u)</h2>\n", n);
	for (size_t i = 0; i < c->n_cases && shown < SHOWN; i++) {
		if (!is_failure(&c->cases[i]))
			continue;
		failure(f, &c->cases[i]);
		shown++;
	}
	if (n > shown)
		fprintf(f, "<p>%u more are in the list of all cases below.</p>\n", n - shown);
}

/* --- skips, timings, everything --------------------------------------------------------- */

/* Each reason once. */
static void skips(FILE *f, const struct aios_conform *c)
{
	bool any = false;

	for (size_t i = 0; i < c->n_cases; i++) {
		const struct aios_conform_case *r = &c->cases[i], *q;
		size_t n = 0, k;

		if (r->status != AIOS_CONFORM_SKIP && r->status != AIOS_CONFORM_EXPECTED)
			continue;
		for (k = 0; k < c->n_cases; k++) {
			q = &c->cases[k];
			if (q->status != r->status || strcmp(q->op, r->op) != 0 ||
			    strcmp(q->message, r->message) != 0)
				continue;
			if (k < i)
				break;
			n++;
		}
		if (!n)
			continue;
		if (!any)
			fputs("<h2>Skipped and expected</h2>\n<div class=\"scroll\"><table>"
			      "<tr><th>op</th><th class=\"r\">cases</th><th>reason</th></tr>\n",
			      f);
		any = true;
		fprintf(f,
			"<tr><td><code>%s</code></td><td class=\"r\">%zu</td><td class=\"wrap\">",
			r->op, n);
		escape(f, r->message);
		fputs("</td></tr>\n", f);
	}
	if (any)
		fputs("</table></div>\n", f);
}

static void timing_row(FILE *f, const char *op, const char *profile, const struct tally *t)
{
	double ratio = (double)t->reference_ns / (double)t->ns, width = ratio;

	/* 1 is 40 px; a tenfold or larger lead fills the column. */
	width = width > 10 ? 160 : width > 1 ? 40 + (width - 1) * 120 / 9 : width * 40;
	fprintf(f,
		"<tr><td><code>%s</code></td><td>%s</td><td class=\"r\">%u</td>"
		"<td class=\"r\">%.3f</td><td class=\"r\">%.3f</td>"
		"<td>%.2fx<span class=\"ratio\" style=\"width:%.0fpx\"></span></td></tr>\n",
		op, strcmp(profile, "any") == 0 ? "" : profile, t->timed, (double)t->ns / 1e6,
		(double)t->reference_ns / 1e6, ratio, width);
}

static void timings(FILE *f, const struct aios_conform *c, struct times *times)
{
	struct tally t;

	fputs("<h2>Timings against the reference</h2>\n<div class=\"scroll\"><table><tr><th>op</th>"
	      "<th>profile</th><th class=\"r\">cases</th><th class=\"r\">driver, ms</th>"
	      "<th class=\"r\">reference, ms</th><th>speed</th></tr>\n",
	      f);
	for (size_t i = 0; i < gen_n; i++) {
		for (uint32_t k = 0; k <= AIOS_PROFILE_COUNT; k++) {
			tally(c, gen_all[i]->name, column(k), times, &t);
			if (t.timed > 4)
				timing_row(f, gen_all[i]->name, column(k), &t);
		}
	}
	fputs("</table></div>\n<p style=\"color:var(--dim)\">Mean over the cases, from the launch "
	      "to "
	      "the end of the wait: small shapes, where launches count more than arithmetic.</p>\n",
	      f);
}

static void everything(FILE *f, const struct aios_conform *c)
{
	fprintf(f,
		"<h2>Every case</h2>\n<details><summary>%zu cases</summary><div class=\"scroll\">"
		"<table><tr><th>case</th><th>result</th><th>shape</th><th>digest</th></tr>\n",
		c->n_cases);
	for (size_t i = 0; i < c->n_cases; i++) {
		const struct aios_conform_case *r = &c->cases[i];

		fputs("<tr><td><code>", f);
		escape(f, r->id);
		fprintf(f,
			"</code></td><td><span class=\"cell %s\">%s</span></td><td class=\"wrap "
			"mono\">",
			class_of(r->status), aios_conform_status_name(r->status));
		escape(f, r->shape);
		fprintf(f, "</td><td class=\"mono\">%.12s</td></tr>\n", r->digest);
	}
	fputs("</table></div></details>\n", f);
}

char *conform_html(const struct aios_conform *c, size_t *len)
{
	struct times times = { calloc(c->n_cases + 1, sizeof(uint64_t)),
			       calloc(c->n_cases + 1, sizeof(uint64_t)) };
	char *text = NULL;
	FILE *f = times.ns && times.reference_ns ? open_memstream(&text, len) : NULL;
	bool bad;

	if (!f)
		goto out;
	head(f, c);
	levels(f, &c->summary);
	failures(f, c);
	if (c->summary.level >= 2)
		matrix(f, c, &times);
	skips(f, c);
	if (c->summary.level >= 2)
		timings(f, c, &times);
	everything(f, c);
	fputs("</main></body></html>\n", f);
	bad = ferror(f);
	if (fclose(f) || bad) {
		free(text);
		text = NULL;
	}
out:
	free(times.ns);
	free(times.reference_ns);
	return text;
}
