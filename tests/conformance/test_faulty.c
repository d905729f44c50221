// SPDX-License-Identifier: Apache-2.0
/*
 * test_faulty.c - the test of the conformance kit: drivers/faulty with each of its
 * seeded bugs must fail, and without one must pass. Prints the score.
 *
 * A bug is run in a process of its own (some crash it, some hang it) on the kit's quick
 * cases, stopping at the first failure. AIOS_MUTATION=full (make check-mutation) runs
 * all of them instead of those that bugs.h names for the bug; AIOS_MUTATION_REPORT=FILE
 * writes what caught each bug; AIOS_MUTATION_ONLY=NAME runs one.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <aios/conform.h>

#include "drivers/faulty/bugs.h"
#include "env.h"

#define MOST_CHILDREN 8

Suite *test_faulty_suite(void);

struct mutant {
	const char *name, *cases, *what;
};

#define ROW(id, bug_name, op, globs, text) { .name = (bug_name), .cases = (globs), .what = (text) },
static const struct mutant mutants[] = { FAULTY_BUGS(ROW) };
#define MUTANTS (sizeof(mutants) / sizeof(mutants[0]))

/* What a child finds out, in memory that it shares with its parent. */
struct verdict {
	bool ended;     /* the child came to its end by itself */
	bool ran;       /* the kit ran to its end, or to the first failure */
	bool caught;    /* something failed */
	uint32_t cases; /* that ran */
	double seconds;
	char id[64], message[320]; /* the first failure; before it, the case that runs */
};

struct child {
	pid_t pid;
	int fd; /* of a pipe that closes when the child ends */
	size_t mutant;
	double began;
	bool sound;              /* it runs all its cases, not only to the first failure */
	struct verdict *verdict; /* shared */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool whole_kit(void)
{
	const char *mode = getenv("AIOS_MUTATION");

	return mode && strcmp(mode, "full") == 0;
}

/* What instrumented code needs beyond the usual time; Check knows the factor. */
static double patience(bool whole)
{
	const char *text = getenv("CK_TIMEOUT_MULTIPLIER");
	double factor = text ? strtod(text, NULL) : 1;

	return (whole ? 500 : 60) * (factor > 1 ? factor : 1);
}

/* --- in the child ------------------------------------------------------------------ */

static int stop_at_failure(void *ctx, size_t done, size_t total,
			   const struct aios_conform_case *last)
{
	struct verdict *v = ctx;

	(void)total;
	v->cases = (uint32_t)done;
	if (last->status != AIOS_CONFORM_FAIL)
		return 0;
	v->caught = true;
	snprintf(v->id, sizeof(v->id), "%s", last->id);
	snprintf(v->message, sizeof(v->message), "%.319s", last->message);
	return 1;
}

/* The case that runs, in case it is the last thing this process does. */
static void note_case(void *ctx, const char *id)
{
	struct verdict *v = ctx;

	snprintf(v->id, sizeof(v->id), "%s", id);
}

/* The test itself cannot go on. */
static void give_up(const struct aios_status *st)
{
	fprintf(stderr, "faulty: %s\n", st->message);
	_exit(3);
}

static void set(struct aios_config *config, const char *key, const char *value)
{
	struct aios_status st = { 0 };
	char text[4096];

	snprintf(text, sizeof(text), "%s=%s", key, value);
	if (aios_config_set_text(config, text, &st))
		give_up(&st);
}

static void quiet(void *ctx, int level, const char *module, const char *message)
{
	(void)ctx;
	(void)level;
	(void)module;
	(void)message;
}

/* The driver under test, and where it and the reference lie. */
static void configure(struct aios_config *config, const char *bug)
{
	const char *build = env_build();
	char path[4000];

	snprintf(path, sizeof(path), "%s/lib/aios/drivers:%s/tests/modules", build, build);
	set(config, "aios.driver_path", path);
	snprintf(path, sizeof(path), "%s/lib/aios/plugins", build);
	set(config, "aios.plugin_path", path);
	set(config, "aios.driver", "faulty");
	set(config, "driver.faulty.bug", bug);
	set(config, "aios.threads", "2");
}

/* Findings that no case has: the floor's. */
static void look_at_floor(const struct aios_conform *c, struct verdict *v)
{
	const struct aios_conform_case *one;

	for (size_t i = 0; !v->caught && (one = aios_conform_case(c, i)) != NULL; i++)
		stop_at_failure(v, i + 1, 0, one);
}

/* What a sanitizer has to say of a bug that is there on purpose is not for the log. */
static void mute(void)
{
	int null = open("/dev/null", O_WRONLY);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
}

static void examine(const char *bug, struct aios_conform_options *options, struct verdict *v)
{
	struct aios_config *config = aios_config_create();
	struct aios_conform *c = NULL;
	struct aios_status st = { 0 };
	struct aios *aios = NULL;
	int rc;

	configure(config, bug);
	options->progress = stop_at_failure;
	options->begin = note_case;
	options->ctx = v;
	rc = aios_create(config, quiet, NULL, &aios, &st);
	if (rc)
		give_up(&st);
	if (strcmp(bug, "none") != 0 && strcmp(bug, "plain") != 0)
		mute();
	rc = aios_conform_run(aios, options, &c, &st);
	if (c)
		look_at_floor(c, v);
	v->ran = rc == 0 || rc == -EINTR;
	if (!v->ran)
		snprintf(v->message, sizeof(v->message), "%.300s (%d)", st.message, rc);
	aios_conform_destroy(c);
	aios_destroy(aios);
	aios_config_destroy(config);
}

/* --- in the parent -------------------------------------------------------------------- */

static void start(struct child *child, const char *bug, const struct aios_conform_options *options)
{
	struct aios_conform_options mine = *options;
	struct rlimit no_core = { 0, 0 };
	int fd[2];

	child->verdict = mmap(NULL, sizeof(*child->verdict), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(child->verdict, MAP_FAILED);
	ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
	child->began = now();
	child->pid = fork();
	ck_assert_int_ge(child->pid, 0);
	if (child->pid == 0) {
		close(fd[0]);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGALRM, SIG_DFL); /* Check's own would end the test */
		alarm((unsigned int)patience(whole_kit() || child->sound));
		examine(bug, &mine, child->verdict);
		child->verdict->ended = true;
		_exit(0);
	}
	close(fd[1]);
	child->fd = fd[0];
}

/* The child ended: its own verdict, or that of how it ended. */
static struct verdict finish(struct child *child)
{
	struct verdict v;
	int status = 0;

	waitpid(child->pid, &status, 0);
	close(child->fd);
	v = *child->verdict;
	munmap(child->verdict, sizeof(*child->verdict));
	child->pid = 0;
	v.seconds = now() - child->began;
	if (v.ended)
		return v;
	ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) != 3, "the test could not start");
	v.caught = true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(v.message, sizeof(v.message), "hung for %.0f s", v.seconds);
	else if (WIFSIGNALED(status))
		snprintf(v.message, sizeof(v.message), "died of %s", strsignal(WTERMSIG(status)));
	else
		snprintf(v.message, sizeof(v.message), "ended with status %d", WEXITSTATUS(status));
	return v;
}

/* Wait until a child has ended; its place. */
static size_t wait_for_one(struct child *children, size_t n)
{
	struct pollfd fds[MOST_CHILDREN];

	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = children[i].pid ? children[i].fd : -1,
					  .events = POLLIN };
	for (;;) {
		poll(fds, n, -1);
		for (size_t i = 0; i < n; i++)
			if (fds[i].revents)
				return i;
	}
}

static size_t processors(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) < 1)
		return 1;
	return CPU_COUNT(&cpus) < MOST_CHILDREN ? (size_t)CPU_COUNT(&cpus) : MOST_CHILDREN;
}

/* A sanitizer keeps what is freed, so there the kit does not count the memory of a process. */
static bool unseen_here(const char *name)
{
	return strcmp(AIOS_SANITIZER, "none") != 0 &&
	       (strcmp(name, "close-leaks-memory") == 0 || strcmp(name, "queue-leaks") == 0);
}

static bool chosen(const char *name)
{
	const char *only = getenv("AIOS_MUTATION_ONLY");

	return (!only || strcmp(only, name) == 0) && !unseen_here(name);
}

/* As bugs.h writes them: "*" is no filter at all, "full:" begins one of the whole list. */
static struct aios_conform_options options_of(const char *cases)
{
	struct aios_conform_options options = AIOS_CONFORM_INIT;
	bool all = strncmp(cases, "full:", 5) == 0;

	options.seed = 1;
	options.quick = !all;
	options.no_shrink = true;
	options.filter = strcmp(cases, "*") == 0 ? NULL : all ? cases + 5 : cases;
	return options;
}

/* A run without a filter is for what is missing among the ops: two levels will do. */
static struct aios_conform_options options_for(const struct mutant *m)
{
	bool whole = whole_kit() && strncmp(m->cases, "full:", 5) != 0;
	struct aios_conform_options options = options_of(whole ? "*" : m->cases);

	if (!whole && !options.filter)
		options.level = 2;
	return options;
}

static void run_all(struct verdict *verdicts)
{
	struct child children[MOST_CHILDREN] = { 0 };
	size_t most = processors(), next = 0, live = 0, i;

	while (next < MUTANTS || live) {
		if (next < MUTANTS && !chosen(mutants[next].name)) {
			next++;
			continue;
		}
		if (next < MUTANTS && live < most) {
			struct aios_conform_options options = options_for(&mutants[next]);

			for (i = 0; children[i].pid; i++)
				;
			children[i].mutant = next++;
			start(&children[i], mutants[children[i].mutant].name, &options);
			live++;
			continue;
		}
		i = wait_for_one(children, most);
		verdicts[children[i].mutant] = finish(&children[i]);
		live--;
	}
}

static void report(const struct verdict *verdicts)
{
	const char *path = getenv("AIOS_MUTATION_REPORT");
	FILE *f = path ? fopen(path, "w") : NULL;

	for (size_t i = 0; f && i < MUTANTS; i++)
		if (chosen(mutants[i].name))
			fprintf(f, "%s\t%s\t%s\t%.1f s\t%s\n", mutants[i].name,
				verdicts[i].caught ? "caught" : "MISSED", verdicts[i].id,
				verdicts[i].seconds, verdicts[i].message);
	if (f)
		fclose(f);
}

START_TEST(every_bug_is_caught)
{
	struct verdict *verdicts = calloc(MUTANTS, sizeof(*verdicts));
	size_t caught = 0, n = 0;

	ck_assert_ptr_nonnull(verdicts);
	run_all(verdicts);
	report(verdicts);
	for (size_t i = 0; i < MUTANTS; i++) {
		if (!chosen(mutants[i].name))
			continue;
		n++;
		caught += verdicts[i].caught;
		if (!verdicts[i].caught)
			fprintf(stderr, "faulty: not caught: %s (%s), %u cases of %s %s\n",
				mutants[i].name, mutants[i].what, verdicts[i].cases,
				mutants[i].cases, verdicts[i].message);
	}
	printf("faulty: %zu of %zu bugs caught\n", caught, n);
	fflush(stdout);
	free(verdicts);
	ck_assert_uint_eq(caught, n);
	ck_assert_uint_ge(MUTANTS, 50);
}
END_TEST

/* A kit that is always red would catch everything. */
static void must_pass(const char *bug, const char *cases)
{
	struct aios_conform_options options = options_of(cases);
	struct child child = { .sound = true };
	struct verdict v;

	start(&child, bug, &options);
	v = finish(&child);
	ck_assert_msg(v.ran && !v.caught, "bug=%s: %s: %s", bug, v.id, v.message);
	ck_assert_uint_gt(v.cases, 0);
}

/* Every bug stands in the page, with what is wrong. */
START_TEST(bugs_are_documented)
{
	char path[4096], line[512];
	size_t found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/Documentation/mutation.md", env_source());
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "cannot open %s", path);
	while (fgets(line, sizeof(line), f)) {
		for (size_t i = 0; i < MUTANTS; i++) {
			char want[512];

			snprintf(want, sizeof(want), "| `%s` | %s | `%s` |\n", mutants[i].name,
				 mutants[i].what, mutants[i].cases);
			found += strcmp(line, want) == 0;
		}
	}
	fclose(f);
	ck_assert_msg(found == MUTANTS, "%zu of %zu bugs of bugs.h have their line in %s", found,
		      MUTANTS, path);
}
END_TEST

START_TEST(no_bug_passes)
{
	must_pass("none", "*");
}
END_TEST

/* The ops written anew are right: what is caught in them is the bug alone. */
START_TEST(plain_ops_pass)
{
	must_pass("plain", "l2/*");
}
END_TEST

Suite *test_faulty_suite(void)
{
	Suite *suite = suite_create("faulty");
	TCase *good = tcase_create("no_bug"), *bad = tcase_create("mutation");

	tcase_set_timeout(good, 600);
	tcase_add_test(good, bugs_are_documented);
	tcase_add_test(good, no_bug_passes);
	tcase_add_test(good, plain_ops_pass);
	suite_add_tcase(suite, good);
	tcase_set_timeout(bad, 3600);
	tcase_add_test(bad, every_bug_is_caught);
	suite_add_tcase(suite, bad);
	return suite;
}
