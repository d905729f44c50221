// SPDX-License-Identifier: Apache-2.0
/*
 * batch.c - aios run --batch: a file of requests, one JSON object a line, answered into another
 * file, one object a line in the order in which they end. A line of answers is written at once
 * and says which line it answers, so that a batch which was stopped goes on where it was; every
 * line that is no request has its error there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "batch.h"
#include "beams.h"
#include "logprobs.h"
#include "out.h"
#include "run.h"

/* A line being answered. */
struct job {
	struct job *next; /* of those that are computed */
	struct batch_line line;
	uint64_t request; /* the engine's id */
	json_t *ids;
	json_t *prompt_logprobs; /* NULL: not asked for */
	struct cli_beams beams;
	char *text;
	size_t len, cap;
};

struct batch {
	struct cli *cli;
	struct aios_engine *engine;
	struct batch_defaults defaults;
	struct batch_answers answers;
	const char *path;
	FILE *in;
	char *buffer; /* of getline() */
	size_t room;
	uint64_t line;         /* that was read last */
	uint64_t lines, empty; /* in the file */
	struct job *jobs;      /* in flight */
	struct job *refused;   /* the engine's queue was full when it came */
	uint32_t n_jobs, most;
	uint64_t done, failed, tokens, began, began_at;
	bool eof;
};

/* ---- jobs ------------------------------------------------------------------- */

static void job_free(struct job *job)
{
	if (!job)
		return;
	batch_line_finish(&job->line);
	json_decref(job->ids);
	json_decref(job->prompt_logprobs);
	cli_beams_finish(&job->beams);
	free(job->text);
	free(job);
}

static int job_keep(const struct batch *b, struct job *job, const struct aios_event *event)
{
	if (event->type == AIOS_EVENT_PROMPT) {
		logprobs_prompt_add(&job->prompt_logprobs, aios_engine_tokenizer(b->engine), event);
		return job->prompt_logprobs ? 0 : -ENOMEM;
	}
	if (job->beams.n > 0 && cli_beams_take(&job->beams, event) < 0)
		return -ENOMEM;
	if (event->choice > 0)
		return 0;
	if (job->len + event->text_len > job->cap) {
		size_t cap = (job->len + event->text_len) * 2;
		char *grown = realloc(job->text, cap);

		if (!grown)
			return -ENOMEM;
		job->text = grown;
		job->cap = cap;
	}
	if (event->text_len)
		memcpy(job->text + job->len, event->text, event->text_len);
	job->len += event->text_len;
	if (event->type == AIOS_EVENT_TOKEN)
		json_add(&job->ids, json_integer(event->id));
	return job->ids ? 0 : -ENOMEM;
}

static json_t *answer_json(const struct batch *b, const struct job *job,
			   const struct aios_event *end)
{
	const struct aios_usage *u = &end->usage;
	json_t *object = batch_line_json(&job->line), *usage = json_object();

	json_put(&usage, "prompt_tokens", json_integer(u->prompt_tokens));
	json_put(&usage, "completion_tokens", json_integer(u->completion_tokens));
	json_put(&usage, "total_tokens", json_integer(u->prompt_tokens + u->completion_tokens));
	json_put(&object, "text", json_text(job->text ? job->text : "", job->len));
	json_put(&object, "ids", json_incref(job->ids));
	json_put(&object, "finish_reason", json_string(aios_end_reason_name(end->reason)));
	json_put(&object, "usage", usage);
	if (job->prompt_logprobs)
		json_put(&object, "prompt_logprobs", json_incref(job->prompt_logprobs));
	if (job->beams.n > 0)
		json_put(&object, "beams", cli_beams_json(&job->beams));
	json_put(&object, "numerics_id", json_string(aios_engine_plan(b->engine)->numerics_id));
	return object;
}

/* The line cannot be answered: that is its answer. */
static int fail_line(struct batch *b, const struct batch_line *line, const struct aios_status *why,
		     struct aios_status *st)
{
	json_t *object = batch_line_json(line), *error = json_object();

	json_put(&error, "code", json_integer(why->code));
	json_put(&error, "message", json_text(why->message, strlen(why->message)));
	json_put(&object, "error", error);
	b->done++;
	b->failed++;
	return answers_write(&b->answers, object, st);
}

/* ---- in ---------------------------------------------------------------------- */

/* The next line that is not answered yet: 1, 0 at the end, or a negative errno. */
static int next_line(struct batch *b, size_t *len, struct aios_status *st)
{
	ssize_t n;

	while ((n = getline(&b->buffer, &b->room, b->in)) >= 0) {
		b->line++;
		while (n > 0 && strchr(" \t\r\n", b->buffer[n - 1]))
			n--;
		b->buffer[n] = '\0';
		if (n == 0)
			continue;
		*len = (size_t)n;
		n = answers_have(&b->answers, b->line, batch_digest(&b->defaults, b->buffer, *len),
				 st);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 1;
	}
	b->eof = true;
	return ferror(b->in) ? aios_fail(st, -EIO, "%s: cannot be read", b->path) : 0;
}

/* Hand a job to the engine: 0 (it has it, or the line has failed), 1 (not now), or an error. */
static int submit(struct batch *b, struct job *job, struct aios_status *st)
{
	struct aios_status why;
	struct aios_request request = job->line.request;
	int rc;

	request.user = job;
	job->beams.n = request.beams <= MOST_BEAMS ? request.beams : 0;
	aios_status_clear(&why);
	if (request.prompt_logprobs >= 0 && !job->prompt_logprobs) {
		job->prompt_logprobs = logprobs_prompt();
		if (!job->prompt_logprobs) {
			job_free(job);
			return aios_fail(st, -ENOMEM, "out of memory for a line's answer");
		}
	}
	rc = aios_submit(b->engine, &request, &job->request, &why);
	if (rc == -AIOS_NOT_NOW && b->n_jobs > 0) {
		b->refused = job;
		return 1;
	}
	if (rc < 0) {
		rc = fail_line(b, &job->line, &why, st);
		job_free(job);
		return rc;
	}
	job->next = b->jobs;
	b->jobs = job;
	b->n_jobs++;
	return 0;
}

/* One more line to the engine: 0, 1 when it takes no more now, or an error. */
static int feed_one(struct batch *b, struct aios_status *st)
{
	struct aios_status why;
	struct job *job = b->refused;
	size_t len = 0;
	int rc;

	b->refused = NULL;
	if (job)
		return submit(b, job, st);
	rc = next_line(b, &len, st);
	if (rc <= 0)
		return rc;
	job = calloc(1, sizeof(*job));
	if (job)
		job->ids = json_array();
	if (!job || !job->ids) {
		free(job);
		return aios_fail(st, -ENOMEM, "out of memory for line %" PRIu64, b->line);
	}
	aios_status_clear(&why);
	job->line.number = b->line;
	job->line.digest = batch_digest(&b->defaults, b->buffer, len);
	rc = batch_line_read(&b->defaults, b->buffer, len, &job->line, &why);
	if (rc == 0)
		return submit(b, job, st);
	rc = rc == -ENOMEM ? aios_fail(st, rc, "%s", why.message) :
			     fail_line(b, &job->line, &why, st);
	job_free(job);
	return rc;
}

static int feed(struct batch *b, struct aios_status *st)
{
	int rc = 0;

	while (rc == 0 && b->n_jobs < b->most && (!b->eof || b->refused))
		rc = feed_one(b, st);
	return rc < 0 ? rc : 0;
}

/* ---- out --------------------------------------------------------------------- */

static void show_progress(struct batch *b)
{
	double seconds = (double)(clock_ns() - b->began) / 1e9;
	double each = b->done > b->began_at ? seconds / (double)(b->done - b->began_at) : 0;
	char facts[128];

	snprintf(facts, sizeof(facts), "%" PRIu64 " of %" PRIu64 ", %.0f tokens/s, %.0f s left",
		 b->done, b->lines, seconds > 0 ? (double)b->tokens / seconds : 0,
		 each * (double)(b->lines - (b->done < b->lines ? b->done : b->lines)));
	terminal_progress_facts(&b->cli->term, b->done, b->lines, facts);
}

static void unlink_job(struct batch *b, struct job *job)
{
	struct job **at = &b->jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	b->n_jobs--;
}

static int end_job(struct batch *b, struct job *job, const struct aios_event *end,
		   struct aios_status *st)
{
	int rc = 0;

	unlink_job(b, job);
	if (end->reason == AIOS_END_ERROR) {
		/* Not the line's fault: it stays without an answer, for the next time. */
		rc = aios_fail(st, end->status.code ? end->status.code : -EIO,
			       "line %" PRIu64 " of %s: %.380s", job->line.number, b->path,
			       end->status.message);
	} else if (end->reason != AIOS_END_CANCELLED) {
		b->done++;
		rc = answers_write(&b->answers, answer_json(b, job, end), st);
	}
	job_free(job);
	return rc;
}

static int take_event(struct batch *b, const struct aios_event *event, struct aios_status *st)
{
	struct job *job = event->user;

	b->tokens += event->type == AIOS_EVENT_TOKEN;
	if (job_keep(b, job, event) < 0)
		return aios_fail(st, -ENOMEM, "out of memory for the answer to line %" PRIu64,
				 job->line.number);
	if (event->type != AIOS_EVENT_END || cli_beams_wait(&job->beams))
		return 0;
	return end_job(b, job, job->beams.n > 0 ? &job->beams.end : event, st);
}

static void cancel_all(struct batch *b)
{
	for (struct job *job = b->jobs; job; job = job->next)
		aios_cancel(b->engine, job->request);
	b->eof = true;
	job_free(b->refused);
	b->refused = NULL;
}

static int answer_all(struct batch *b, struct aios_status *st)
{
	struct aios_event event;
	int rc = 0;

	while (rc == 0) {
		rc = feed(b, st);
		if (rc < 0 || b->n_jobs == 0)
			return rc;
		rc = aios_poll(b->engine, &event, 0, st);
		if (rc == -EINTR) {
			cancel_all(b);
			rc = 0;
			continue;
		}
		if (rc == 0)
			return aios_fail(st, -EIO, "the engine has lost a request");
		if (rc > 0)
			rc = take_event(b, &event, st);
		show_progress(b);
	}
	return rc;
}

/* ---- all of it ------------------------------------------------------------------ */

static int count_lines(struct batch *b, struct aios_status *st)
{
	ssize_t n;

	while ((n = getline(&b->buffer, &b->room, b->in)) >= 0) {
		while (n > 0 && strchr(" \t\r\n", b->buffer[n - 1]))
			n--;
		b->lines += n > 0;
		b->empty += n == 0;
	}
	if (ferror(b->in) || fseeko(b->in, 0, SEEK_SET) < 0)
		return aios_fail(st, -EIO, "%s: a batch must be a file that can be read twice",
				 b->path);
	return 0;
}

static int open_input(struct batch *b, struct aios_status *st)
{
	struct stat info;

	b->in = fopen(b->path, "re");
	if (!b->in)
		return aios_fail(st, -errno, "%s: %s", b->path, strerror(errno));
	if (fstat(fileno(b->in), &info) < 0 || !S_ISREG(info.st_mode))
		return aios_fail(st, -EINVAL, "%s: a batch must be a file that can be read twice",
				 b->path);
	return count_lines(b, st);
}

static int check_options(const struct batch *b, const char *out, struct aios_status *st)
{
	static const char *const others[] = { "prompt", "file", "ids", "json", "echo" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (aios_config_is_set(b->cli->config, AIOS_SECTION_COMMAND, others[i]))
			return cli_usage(st, "--batch and --%s exclude each other", others[i]);
	}
	if (!b->path || !out)
		return cli_usage(st, "--batch FILE needs --out FILE, where the answers go");
	if (cli_int(b->cli, AIOS_SECTION_COMMAND, "logprobs") >= 0)
		return cli_usage(st, "--batch gives no log-probabilities of answers");
	return 0;
}

static int conclude(struct batch *b, struct aios_status *st)
{
	double seconds = (double)(clock_ns() - b->began) / 1e9;

	if (run_interrupted()) {
		aios_fail(st, -EINTR,
			  "stopped with %" PRIu64 " of %" PRIu64 " lines answered; the same "
			  "command goes on",
			  b->done, b->lines);
		return CLI_INTERRUPTED;
	}
	if (b->cli->term.talk)
		fprintf(stderr,
			"%" PRIu64 " lines, %" PRIu64 " of them before, %" PRIu64
			" tokens in %.1f s, %.0f tokens/s\n",
			b->done, b->began_at, b->tokens, seconds,
			seconds > 0 ? (double)b->tokens / seconds : 0);
	if (b->failed == 0)
		return CLI_OK;
	aios_fail(st, -EINVAL,
		  "%" PRIu64 " of %" PRIu64 " lines are no request that can be answered; the lines "
		  "with \"error\" in %s say why",
		  b->failed, b->lines, b->answers.path);
	return CLI_FAILED;
}

static int run_batch(struct batch *b, const char *out, struct aios_status *st)
{
	const struct aios_plan *plan = aios_engine_plan(b->engine);
	int rc;

	b->defaults.tokenizer = aios_engine_tokenizer(b->engine) != NULL;
	b->defaults.model = plan->model;
	b->defaults.numerics = plan->numerics_id;
	rc = answers_open(&b->answers, out, b->path, b->lines + b->empty, st);
	if (rc < 0)
		return rc;
	b->done = b->began_at = b->answers.n;
	b->failed = b->answers.failed;
	b->most = 2 * plan->max_batch_size;
	terminal_progress_begin(&b->cli->term, "batch");
	b->began = clock_ns();
	run_catch_interrupts(b->engine);
	rc = answer_all(b, st);
	run_leave_interrupts();
	terminal_progress_end(&b->cli->term);
	return rc < 0 ? rc : conclude(b, st);
}

int batch_main(struct cli *cli, struct aios_status *st)
{
	struct batch b = { .cli = cli, .path = cli_text(cli, AIOS_SECTION_COMMAND, "batch") };
	const char *model, *out = cli_text(cli, AIOS_SECTION_COMMAND, "out");
	struct aios_request beams = AIOS_REQUEST_INIT;
	int rc = check_options(&b, out, st);

	if (!rc)
		rc = cli_model(cli, &model, st);
	if (!rc)
		rc = run_stops(cli, b.defaults.stops, &b.defaults.n_stops, st);
	run_sampling(cli, &b.defaults.sampling);
	b.defaults.temperature = aios_config_is_set(cli->config, "sampling", "temperature");
	run_beams(cli, &beams);
	b.defaults.beams = beams.beams;
	b.defaults.early_stopping = beams.early_stopping;
	b.defaults.length_penalty = beams.length_penalty;
	b.defaults.max_tokens = (uint32_t)cli_int(cli, "sampling", "max_tokens");
	b.defaults.prompt_logprobs = (int32_t)cli_int(cli, AIOS_SECTION_COMMAND, "prompt_logprobs");
	b.defaults.ignore_eos = cli_flag(cli, AIOS_SECTION_COMMAND, "ignore_eos");
	b.defaults.keep_special = cli_flag(cli, AIOS_SECTION_COMMAND, "keep_special");
	if (!rc)
		rc = open_input(&b, st);
	if (!rc)
		rc = cli_load(cli, model, &b.engine, st);
	if (!rc)
		rc = run_batch(&b, out, st);
	aios_engine_close(b.engine); /* ends what is left; nobody asks for those events */
	while (b.jobs) {
		struct job *job = b.jobs;

		b.jobs = job->next;
		job_free(job);
	}
	job_free(b.refused);
	answers_close(&b.answers);
	free(b.buffer);
	if (b.in)
		fclose(b.in);
	return rc;
}
