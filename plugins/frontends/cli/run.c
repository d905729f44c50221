/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - aios run: one prompt, one answer. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "beams.h"
#include "cli.h"
#include "footer.h"
#include "logprobs.h"
#include "out.h"
#include "run.h"

/* A request being answered. */
struct run {
	struct cli *cli;
	struct aios_engine *engine;
	struct aios_tokenizer *tok; /* NULL: the model has none */
	bool json;
	bool wrote;   /* something went to standard output */
	char *prompt; /* NULL: prompt_ids */
	int32_t *prompt_ids;
	size_t prompt_len, n_prompt;
	json_t *ids; /* what --json collects */
	json_t *logprobs, *prompt_logprobs;
	struct cli_beams beams;
	char *text;
	size_t len, cap;
	uint32_t reason; /* enum aios_end_reason */
	struct aios_usage usage;
};

/* What the signal handler needs: a process has one answer at a time. */
static struct aios_engine *interruptible;
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
	aios_engine_interrupt(interruptible);
}

/* The first Ctrl-C ends the answer; the handler is then gone, so that a second one kills. */
void run_catch_interrupts(struct aios_engine *engine)
{
	struct sigaction action = { .sa_handler = on_interrupt,
				    .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };

	interruptible = engine;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
}

void run_leave_interrupts(void)
{
	signal(SIGINT, SIG_DFL);
	interruptible = NULL;
}

bool run_interrupted(void)
{
	return interrupted;
}

static int keep_text(struct run *run, const char *text, size_t len)
{
	if (run->len + len > run->cap) {
		size_t cap = (run->len + len) * 2;
		char *grown = realloc(run->text, cap);

		if (!grown)
			return -ENOMEM;
		run->text = grown;
		run->cap = cap;
	}
	if (len)
		memcpy(run->text + run->len, text, len);
	run->len += len;
	return 0;
}

static int keep_token(struct run *run, const struct aios_event *event)
{
	json_add(&run->ids, json_integer(event->id));
	if (run->logprobs) {
		json_add(&run->logprobs, logprobs_token(run->tok, event));
		if (!run->logprobs)
			return -ENOMEM;
	}
	return run->ids ? 0 : -ENOMEM;
}

static int keep_prompt(struct run *run, const struct aios_event *event)
{
	logprobs_prompt_add(&run->prompt_logprobs, run->tok, event);
	return run->prompt_logprobs ? 0 : -ENOMEM;
}

/* 0, or a negative errno when the answer cannot be written or kept. */
static int take(struct run *run, const struct aios_event *event)
{
	bool token = event->type == AIOS_EVENT_TOKEN;
	char number[16];
	int n;

	if (event->type == AIOS_EVENT_PROMPT)
		return keep_prompt(run, event);
	if (run->json) {
		int rc = token ? keep_token(run, event) : 0;

		return rc ? rc : keep_text(run, event->text, event->text_len);
	}
	if (run->tok || !token) {
		if (event->text_len)
			run->wrote = true;
		return !event->text_len || out_write(event->text, event->text_len) ? 0 : -EIO;
	}
	/* A model without a tokenizer answers in ids. */
	n = snprintf(number, sizeof(number), "%s%d", run->wrote ? " " : "", (int)event->id);
	run->wrote = true;
	return out_write(number, (size_t)n) ? 0 : -EIO;
}

/* Take events until the request's end. Standard output's own failure is reported by main(). */
static int answer(struct run *run, uint64_t id, struct aios_status *st)
{
	struct aios_event event;
	int rc, failed = 0;

	for (;;) {
		rc = aios_poll(run->engine, &event, 0, st);
		if (rc == -EINTR) {
			aios_cancel(run->engine, id);
			continue;
		}
		if (rc <= 0)
			return rc ? rc : aios_fail(st, -EIO, "the answer has no end");
		if (!failed) {
			failed = event.choice == 0 ? take(run, &event) : 0;
			if (!failed && run->beams.n > 0)
				failed = cli_beams_take(&run->beams, &event);
			if (failed)
				aios_cancel(run->engine, id);
		}
		if (event.type != AIOS_EVENT_END || (!failed && cli_beams_wait(&run->beams)))
			continue;
		if (run->beams.n > 0 && !failed)
			event = run->beams.end;
		run->reason = event.reason;
		run->usage = event.usage;
		if (event.reason == AIOS_END_ERROR) {
			*st = event.status;
			return event.status.code ? event.status.code : -EIO;
		}
		if (failed == -ENOMEM)
			return aios_fail(st, -ENOMEM, "out of memory for the answer");
		return 0;
	}
}

void run_sampling(const struct cli *cli, struct aios_sampling *s)
{
	s->seed = (uint64_t)cli_int(cli, "sampling", "seed");
	s->temperature = (float)cli_float(cli, "sampling", "temperature");
	s->top_p = (float)cli_float(cli, "sampling", "top_p");
	s->min_p = (float)cli_float(cli, "sampling", "min_p");
	s->top_k = (int32_t)cli_int(cli, "sampling", "top_k");
	s->repetition = (float)cli_float(cli, "sampling", "repetition_penalty");
	s->frequency = (float)cli_float(cli, "sampling", "frequency_penalty");
	s->presence = (float)cli_float(cli, "sampling", "presence_penalty");
}

void run_beams(const struct cli *cli, struct aios_request *request)
{
	request->beams = (uint32_t)cli_int(cli, AIOS_SECTION_COMMAND, "beams");
	request->length_penalty = (float)cli_float(cli, AIOS_SECTION_COMMAND, "length_penalty");
	cli_early_stopping(cli_text(cli, AIOS_SECTION_COMMAND, "early_stopping"),
			   &request->early_stopping);
	/* The usual temperature is not what somebody asked for who wants beams. */
	if (request->beams > 0 && !aios_config_is_set(cli->config, "sampling", "temperature"))
		request->sampling.temperature = 0.0f;
}

int run_stops(const struct cli *cli, const char *stops[MOST_STOPS], uint32_t *n,
	      struct aios_status *st)
{
	const char *text = cli_nth(cli, "sampling", "stop", 0);

	*n = 0;
	if (!text) {
		stops[0] = cli_text(cli, "sampling", "stop");
		*n = stops[0] != NULL;
		return 0;
	}
	for (size_t i = 0; text; text = cli_nth(cli, "sampling", "stop", ++i)) {
		if (!text[0])
			continue;
		if (*n == MOST_STOPS)
			return cli_usage(st, "more than %d --stop texts", MOST_STOPS);
		stops[(*n)++] = text;
	}
	return 0;
}

/* The prompt: ids, or text without the newline that ends files and pipes. */
static int read_prompt(struct run *run, struct aios_status *st)
{
	const struct cli *cli = run->cli;
	const char *given = aios_config_get(cli->config, AIOS_SECTION_COMMAND, "prompt");
	int rc = input_ids(cli, false, &run->prompt_ids, &run->n_prompt, st);

	if (rc || run->prompt_ids)
		return rc;
	rc = input_text(cli, &run->prompt, &run->prompt_len, st);
	if (rc || (given[0] && strcmp(given, "-") != 0))
		return rc;
	if (run->prompt_len && run->prompt[run->prompt_len - 1] == '\n')
		run->prompt_len--;
	if (run->prompt_len && run->prompt[run->prompt_len - 1] == '\r')
		run->prompt_len--;
	return 0;
}

static int echo_prompt(struct run *run, struct aios_status *st)
{
	char *text;
	size_t len;
	int rc;

	run->wrote = true;
	if (run->prompt) {
		out_write(run->prompt, run->prompt_len);
		return 0;
	}
	if (!run->tok) {
		for (size_t i = 0; i < run->n_prompt; i++)
			out_printf("%s%d", i ? " " : "", (int)run->prompt_ids[i]);
		return 0;
	}
	rc = aios_detokenize(run->tok, run->prompt_ids, run->n_prompt, 0, &text, &len, st);
	if (!rc)
		out_write(text, len);
	if (!rc)
		free(text);
	return rc;
}

/* Tokens that were guessed and verified, and those of them that were right. */
static json_t *guesses_json(const struct aios_stats *stats)
{
	json_t *object = json_object();

	json_put(&object, "guessed", json_integer((json_int_t)stats->drafted_tokens));
	json_put(&object, "right", json_integer((json_int_t)stats->accepted_tokens));
	return object;
}

static int print_json(struct run *run, struct aios_status *st)
{
	const struct aios_usage *u = &run->usage;
	struct aios_stats stats = { .size = sizeof(stats) };
	struct timings timings;
	json_t *object = json_object(), *usage = json_object();

	aios_engine_stats(run->engine, &stats);
	timings = timings_of(u, &stats);
	json_put(&usage, "prompt_tokens", json_integer(u->prompt_tokens));
	json_put(&usage, "completion_tokens", json_integer(u->completion_tokens));
	json_put(&usage, "total_tokens", json_integer(u->prompt_tokens + u->completion_tokens));
	json_put(&object, "text", json_text(run->text ? run->text : "", run->len));
	json_put(&object, "ids", run->ids);
	json_put(&object, "finish_reason", json_string(aios_end_reason_name(run->reason)));
	json_put(&object, "usage", usage);
	if (run->logprobs)
		json_put(&object, "logprobs", run->logprobs);
	if (run->prompt_logprobs)
		json_put(&object, "prompt_logprobs", run->prompt_logprobs);
	if (run->beams.n > 0)
		json_put(&object, "beams", cli_beams_json(&run->beams));
	json_put(&object, "numerics_id", json_string(aios_engine_plan(run->engine)->numerics_id));
	json_put(&object, "timings", timings_json(&timings));
	if (stats.drafted_tokens)
		json_put(&object, "speculation", guesses_json(&stats));
	run->ids = run->logprobs = run->prompt_logprobs = NULL;
	return out_json(object, 0, st);
}

static void print_footer(const struct run *run)
{
	struct aios_stats stats = { .size = sizeof(stats) };

	if (!run->cli->term.talk)
		return;
	aios_engine_stats(run->engine, &stats);
	footer_print(&run->cli->term, aios_engine_plan(run->engine), &run->usage, &stats);
}

/* Submit, stream, conclude. */
static int converse(struct run *run, const struct aios_request *request, struct aios_status *st)
{
	uint64_t id;
	int rc = aios_submit(run->engine, request, &id, st);

	if (rc)
		return rc;
	run_catch_interrupts(run->engine);
	rc = answer(run, id, st);
	run_leave_interrupts();
	if (run->json) {
		rc = rc ? rc : print_json(run, st);
	} else {
		/* Also after a failure: the message begins on a line of its own. */
		if ((run->wrote || !rc) && out_write("\n", 1) && !rc)
			print_footer(run);
	}
	return rc ? rc : interrupted ? CLI_INTERRUPTED : CLI_OK;
}

static int ask(struct run *run, struct aios_status *st)
{
	const struct cli *cli = run->cli;
	struct aios_request request = AIOS_REQUEST_INIT;
	const char *stops[MOST_STOPS];
	int rc = run_stops(cli, stops, &request.n_stop, st);

	if (rc)
		return rc;
	if (run->prompt && !run->tok)
		return cli_usage(st, "this model has no tokenizer: give the prompt as --ids");
	run_sampling(cli, &request.sampling);
	run_beams(cli, &request);
	run->beams.n = request.beams;
	request.text = run->prompt;
	request.text_len = run->prompt_len;
	request.ids = run->prompt_ids;
	request.n_ids = run->n_prompt;
	request.stop = stops;
	request.max_tokens = (uint32_t)cli_int(cli, "sampling", "max_tokens");
	request.top_logprobs = (int32_t)cli_int(cli, AIOS_SECTION_COMMAND, "logprobs");
	request.prompt_logprobs = (int32_t)cli_int(cli, AIOS_SECTION_COMMAND, "prompt_logprobs");
	request.ignore_eos = cli_flag(cli, AIOS_SECTION_COMMAND, "ignore_eos");
	request.keep_special = cli_flag(cli, AIOS_SECTION_COMMAND, "keep_special");
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "echo") && !run->json)
		rc = echo_prompt(run, st);
	return rc ? rc : converse(run, &request, st);
}

static int check_options(const struct run *run, struct aios_status *st)
{
	if (cli_text(run->cli, AIOS_SECTION_COMMAND, "out"))
		return cli_usage(st, "--out belongs to --batch; an answer goes to standard output");
	if (cli_int(run->cli, AIOS_SECTION_COMMAND, "logprobs") >= 0 && !run->json)
		return cli_usage(st, "--logprobs needs --json");
	if (cli_int(run->cli, AIOS_SECTION_COMMAND, "prompt_logprobs") >= 0 && !run->json)
		return cli_usage(st, "--prompt-logprobs needs --json, or --batch");
	if (cli_int(run->cli, AIOS_SECTION_COMMAND, "beams") > 0 && !run->json)
		return cli_usage(st, "--beams needs --json, or --batch: nothing can be streamed "
				     "before the search is over");
	return 0;
}

int run_main(struct cli *cli, struct aios_status *st)
{
	struct run run = { .cli = cli, .json = cli_flag(cli, AIOS_SECTION_COMMAND, "json") };
	const char *path;
	int rc;

	if (aios_config_is_set(cli->config, AIOS_SECTION_COMMAND, "batch"))
		return batch_main(cli, st);
	rc = cli_model(cli, &path, st);

	if (!rc)
		rc = check_options(&run, st);
	if (!rc)
		rc = read_prompt(&run, st);
	if (!rc)
		rc = cli_load(cli, path, &run.engine, st);
	if (rc)
		goto out;
	run.tok = aios_engine_tokenizer(run.engine);
	if (run.json)
		run.ids = json_array();
	if (cli_int(cli, AIOS_SECTION_COMMAND, "logprobs") >= 0)
		run.logprobs = json_array();
	if (cli_int(cli, AIOS_SECTION_COMMAND, "prompt_logprobs") >= 0)
		run.prompt_logprobs = logprobs_prompt();
	rc = ask(&run, st);
out:
	json_decref(run.ids);
	json_decref(run.logprobs);
	json_decref(run.prompt_logprobs);
	cli_beams_finish(&run.beams);
	free(run.text);
	free(run.prompt);
	free(run.prompt_ids);
	aios_engine_close(run.engine);
	return rc;
}
