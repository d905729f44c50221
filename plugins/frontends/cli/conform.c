/* SPDX-License-Identifier: Apache-2.0 */
/* conform.c - aios conform: the conformance run of <aios/conform.h> on a terminal. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aios/conform.h>
#include <aios/numerics.h>

#include "cli.h"
#include "out.h"

#define SECOND UINT64_C(1000000000)
#define CASE_SECONDS 300 /* longer than any wait inside a case */

struct view {
	struct cli *cli;
	bool quiet; /* JSON goes to standard output */
	bool list;
	uint64_t began, drawn;
	uint32_t failed;
};

/* ---- a driver that crashes or hangs ------------------------------------------- */

/* For the handlers below, which may call almost nothing. */
static char running[64];

static void say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

static void crashed(int signal)
{
	say("\naios: error: the driver ");
	say(signal == SIGALRM ? "did not come back from" : "crashed in");
	say(" case ");
	say(running);
	say("; repeat it with --case '");
	say(running);
	say("'\n");
	_exit(CLI_FAILED);
}

/* Sanitizers have handlers of their own, which say more. */
static void watch(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM };
	struct sigaction old, ours = { .sa_handler = crashed };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i], &ours, NULL);
}

static void on_begin(void *ctx, const char *id)
{
	(void)ctx;
	snprintf(running, sizeof(running), "%s", id);
	alarm(CASE_SECONDS);
}

/* ---- progress ------------------------------------------------------------------ */

static void clear_bar(struct view *v)
{
	struct terminal *t = &v->cli->term;

	if (t->bar_shown)
		fputs("\r\033[K", stderr);
	t->bar_shown = false;
}

static void draw_bar(struct view *v, size_t done, size_t total, const char *id)
{
	struct terminal *t = &v->cli->term;
	uint64_t now = clock_ns();
	char cells[25], line[256];
	unsigned columns = terminal_columns(STDERR_FILENO);

	if (!t->bar || now - v->drawn < SECOND / 20)
		return;
	memset(cells, ' ', sizeof(cells) - 1);
	memset(cells, '=', done * (sizeof(cells) - 1) / total);
	cells[sizeof(cells) - 1] = '\0';
	snprintf(line, sizeof(line), "[%s] %zu/%zu  %u failed  %" PRIu64 " s  %s", cells, done,
		 total, v->failed, (now - v->began) / SECOND, id);
	if (columns < sizeof(line))
		line[columns - 1] = '\0';
	fprintf(stderr, "\r%s%s%s\033[K", style_on(t->color, STYLE_DIM), line, style_off(t->color));
	fflush(stderr);
	t->bar_shown = true;
	v->drawn = now;
}

/* Without a bar: a line every ten seconds, for whoever watches a log. */
static void tell(struct view *v, size_t done, size_t total)
{
	uint64_t now = clock_ns();

	if (v->cli->term.bar || v->quiet || now - v->drawn < 10 * SECOND)
		return;
	fprintf(stderr, "aios: %zu of %zu cases, %u failed, %" PRIu64 " s\n", done, total,
		v->failed, (now - v->began) / SECOND);
	v->drawn = now;
}

static void print_failure(const struct view *v, const struct aios_conform_case *r)
{
	bool color = terminal_has_color(STDOUT_FILENO);

	(void)v;
	out_printf("%s%s%s %s%s%s\n", style_on(color, STYLE_RED), "FAIL", style_off(color), r->id,
		   r->shape[0] ? "  " : "", r->shape);
	out_printf("  %s\n", r->message);
	if (r->smallest[0])
		out_printf("  smallest: %s\n", r->smallest);
	if (r->repeat[0])
		out_printf("  repeat:   %s\n", r->repeat);
}

static int on_case(void *ctx, size_t done, size_t total, const struct aios_conform_case *last)
{
	struct view *v = ctx;

	alarm(0);
	if (v->list) {
		out_printf("%s\n", last->id);
		return 0;
	}
	if (last->status == AIOS_CONFORM_FAIL || last->status == AIOS_CONFORM_UNEXPECTED_PASS) {
		v->failed++;
		if (!v->quiet) {
			clear_bar(v);
			print_failure(v, last);
			fflush(stdout);
		}
	}
	draw_bar(v, done, total, last->id);
	tell(v, done, total);
	return 0;
}

/* ---- the answer ----------------------------------------------------------------- */

static void print_levels(const struct aios_conform_summary *s)
{
	for (uint32_t l = 0; l <= s->level; l++) {
		const uint32_t *n = s->level_counts[l];

		if (!n[AIOS_CONFORM_PASS] && !n[AIOS_CONFORM_FAIL] && !n[AIOS_CONFORM_SKIP] &&
		    !n[AIOS_CONFORM_EXPECTED] && !n[AIOS_CONFORM_UNEXPECTED_PASS])
			continue;
		out_printf("L%u %-12s %5u passed %5u failed %5u skipped", l,
			   aios_conform_level_name(l), n[AIOS_CONFORM_PASS],
			   n[AIOS_CONFORM_FAIL] + n[AIOS_CONFORM_UNEXPECTED_PASS],
			   n[AIOS_CONFORM_SKIP]);
		if (n[AIOS_CONFORM_EXPECTED])
			out_printf(" %5u expected", n[AIOS_CONFORM_EXPECTED]);
		out_printf("\n");
	}
}

/* Each reason for skipping once, with how many cases it took. */
static void print_skips(const struct aios_conform *c)
{
	const struct aios_conform_case *r, *q;

	for (size_t i = 0; (r = aios_conform_case(c, i)) != NULL; i++) {
		size_t n = 0, k;

		if (r->status != AIOS_CONFORM_SKIP)
			continue;
		for (k = 0; (q = aios_conform_case(c, k)) != NULL; k++) {
			if (q->status != AIOS_CONFORM_SKIP || strcmp(q->op, r->op) != 0 ||
			    strcmp(q->message, r->message) != 0)
				continue;
			if (k < i)
				break;
			n++;
		}
		if (n)
			out_printf("skipped %zu of %s: %s\n", n, r->op, r->message);
	}
}

/* Equal to a model is not equal to the hardware that the model is of. */
static void print_unverified(const struct aios_conform_summary *s)
{
	bool any = false;

	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT; p++) {
		if (!(s->profiles >> p & 1) || !aios_profile_unverified(p))
			continue;
		out_printf("%s%s", any ? " " : "from the literature, unverified on silicon: ",
			   aios_profile_info_of(p).name);
		any = true;
	}
	if (any)
		out_printf("\n");
}

static void print_summary(const struct aios_conform *c)
{
	const struct aios_conform_summary *s = aios_conform_summary(c);
	bool color = terminal_has_color(STDOUT_FILENO);

	print_skips(c);
	print_levels(s);
	if (s->compared)
		out_printf("%u digests compared\n", s->compared);
	print_unverified(s);
	out_printf("%s%s%s: %s on %s (%s) against %s, seed %" PRIu64 "%s, %.1f s\n",
		   style_on(color, s->passed ? STYLE_GREEN : STYLE_RED),
		   s->passed ? "conforms" : "does not conform", style_off(color), s->driver,
		   s->device, s->runtime, s->reference, s->seed, s->quick ? ", quick" : "",
		   (double)s->ns / 1e9);
}

/* --report may be given several times. */
static int write_reports(struct cli *cli, const struct aios_conform *c, struct aios_status *st)
{
	const char *path;
	int rc = 0;

	for (size_t i = 0; (path = cli_nth(cli, "command", "report", i)) != NULL && !rc; i++)
		rc = aios_conform_write(c, path, st);
	return rc;
}

static bool known_form(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".json") == 0 || strcmp(dot, ".xml") == 0 ||
		       strcmp(dot, ".html") == 0 || strcmp(dot, ".htm") == 0);
}

/* What can be known to be wrong is said before minutes are spent. */
static int check(struct cli *cli, struct aios_status *st)
{
	const char *path;

	for (size_t i = 0; (path = cli_nth(cli, "command", "report", i)) != NULL; i++)
		if (!known_form(path))
			return cli_usage(
				st, "--report %s: the name must end in .json, .xml or .html", path);
	if (cli_text(cli, "command", "case") && cli_text(cli, "command", "filter"))
		return cli_usage(st, "--case and --filter exclude each other");
	if (cli_text(cli, "command", "certificate") &&
	    (cli_text(cli, "command", "case") || cli_text(cli, "command", "filter") ||
	     cli_text(cli, "command", "profile")))
		return cli_usage(st,
				 "a certificate is for a whole run: leave out --case, --filter and "
				 "--profile");
	return 0;
}

static int print_json(const struct aios_conform *c, struct aios_status *st)
{
	char path[] = "/tmp/aios-conform-XXXXXX.json", *text;
	int fd = mkstemps(path, 5), rc;
	size_t len;

	if (fd < 0)
		return aios_fail(st, -errno, "cannot make a temporary file: %s", strerror(errno));
	close(fd);
	rc = aios_conform_write(c, path, st);
	if (!rc)
		rc = input_read(path, &text, &len, st);
	unlink(path);
	if (rc)
		return rc;
	out_printf("%s\n", text);
	free(text);
	return 0;
}

static int finish(struct cli *cli, const struct aios_conform *c, const struct view *v,
		  struct aios_status *st)
{
	const struct aios_conform_summary *s = aios_conform_summary(c);
	const char *path = cli_text(cli, "command", "certificate");
	int rc;

	if (v->list)
		return 0;
	rc = v->quiet ? print_json(c, st) : 0;
	if (!v->quiet)
		print_summary(c);
	if (!rc)
		rc = write_reports(cli, c, st);
	if (!rc && path && s->passed)
		rc = aios_conform_certify(c, path, st);
	if (rc)
		return rc;
	return s->passed ? 0 : CLI_FAILED;
}

int conform_main(struct cli *cli, struct aios_status *st)
{
	struct view view = { .cli = cli,
			     .quiet = cli_flag(cli, "command", "json"),
			     .list = cli_flag(cli, "command", "list") };
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	struct aios_conform *c = NULL;
	int rc = check(cli, st);

	if (!rc)
		rc = cli_boot(cli, st);
	if (rc)
		return rc;
	o.level = (uint32_t)cli_int(cli, "command", "level");
	o.seed = (uint64_t)cli_int(cli, "sampling", "seed");
	o.against = cli_text(cli, "command", "against");
	o.only = cli_text(cli, "command", "case");
	o.filter = cli_text(cli, "command", "filter");
	o.profile = cli_text(cli, "command", "profile");
	o.expect = cli_text(cli, "command", "expect");
	o.digests = cli_text(cli, "command", "digests");
	o.quick = cli_flag(cli, "command", "quick");
	o.list = view.list;
	o.progress = on_case;
	o.begin = on_begin;
	o.ctx = &view;
	view.began = view.drawn = clock_ns();
	watch();
	rc = aios_conform_run(cli->aios, &o, &c, st);
	alarm(0);
	clear_bar(&view);
	if (rc)
		cli_blame_drivers(cli);
	else
		rc = finish(cli, c, &view, st);
	aios_conform_destroy(c);
	return rc;
}
