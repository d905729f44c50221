// SPDX-License-Identifier: Apache-2.0
/*
 * tinyaios.c - the smallest real program on <aios/aios.h>: an engine with a thread of
 * its own serves three prompts at once; the answers are printed as they stream, a
 * sentence at a time.
 *
 *	cc tinyaios.c $(pkg-config --cflags --libs aios) -o tinyaios
 *	./tinyaios share/demo
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aios/aios.h>

/* One prompt and what came back and was not printed yet. */
struct story {
	const char *prompt;
	char line[4096];
	size_t len;
};

/* What the engine's thread and this one share. */
struct server {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	int running;
	struct story stories[3];
};

static int submit(struct aios_engine *engine, struct story *story, struct aios_status *st)
{
	struct aios_request req = AIOS_REQUEST_INIT;
	uint64_t id;

	req.text = story->prompt;
	req.text_len = strlen(story->prompt);
	req.max_tokens = 64;
	req.sampling.temperature = 0.7f;
	req.user = story;
	return aios_submit(engine, &req, &id, st);
}

/* Text joins the line, without its ends of lines. */
static void append(struct story *story, const char *text, size_t n)
{
	for (size_t i = 0; i < n && story->len + 1 < sizeof(story->line); i++) {
		if (text[i] != '\n')
			story->line[story->len++] = text[i];
	}
	story->line[story->len] = '\0';
}

static void print_line(struct story *story)
{
	printf("%s |%s\n", story->prompt, story->line);
	fflush(stdout);
	story->len = 0;
}

/* Called on the engine's thread with each token and each end. */
static void on_event(void *ctx, const struct aios_event *event)
{
	struct story *story = event->user;
	struct server *server = ctx;

	append(story, event->text, event->text_len);
	if (story->len > 0 && strchr(".!?", story->line[story->len - 1]))
		print_line(story);
	if (event->type != AIOS_EVENT_END)
		return;
	if (story->len > 0)
		print_line(story);
	printf("%s [%s, %u tokens]\n", story->prompt, aios_end_reason_name(event->reason),
	       event->usage.completion_tokens);
	pthread_mutex_lock(&server->lock);
	server->running--;
	pthread_cond_signal(&server->ended);
	pthread_mutex_unlock(&server->lock);
}

/* Submit everything and wait until every request has ended. */
static int serve(struct server *server, struct aios_engine *engine, struct aios_status *st)
{
	int rc = aios_engine_start(engine, on_event, server, st);

	for (int i = 0; i < 3 && rc == 0; i++) {
		pthread_mutex_lock(&server->lock);
		server->running++;
		pthread_mutex_unlock(&server->lock);
		rc = submit(engine, &server->stories[i], st);
	}
	pthread_mutex_lock(&server->lock);
	while (rc == 0 && server->running > 0)
		pthread_cond_wait(&server->ended, &server->lock);
	pthread_mutex_unlock(&server->lock);
	return rc;
}

static int run(struct aios_config *config, const char *model, struct aios_status *st)
{
	static struct server server = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER,
		.stories = { { .prompt = "Once upon a time" },
			     { .prompt = "The old lighthouse" },
			     { .prompt = "One day, a little fox" } },
	};
	struct aios_engine *engine = NULL;
	struct aios *aios = NULL;
	int rc = aios_create(config, NULL, NULL, &aios, st);

	if (rc == 0)
		rc = aios_engine_open(aios, model, NULL, NULL, &engine, st);
	if (rc == 0)
		rc = serve(&server, engine, st);
	aios_engine_close(engine);
	aios_destroy(aios);
	return rc;
}

int main(int argc, char **argv)
{
	struct aios_config *config = aios_config_create();
	struct aios_status st = { 0 };
	int rc;

	if (argc != 2 || !config) {
		fprintf(stderr, "usage: tinyaios MODEL_FOLDER\n");
		aios_config_destroy(config);
		return 2;
	}
	rc = aios_config_load_env(config, &st);
	if (rc == 0)
		rc = run(config, argv[1], &st);
	if (rc < 0)
		fprintf(stderr, "tinyaios: %s\n", st.message);
	aios_config_destroy(config);
	return rc < 0;
}
