// SPDX-License-Identifier: Apache-2.0
/*
 * tinyaios.c - the smallest real program on <aios/aios.h>: three prompts at once,
 * each answer printed when it has ended.
 *
 *	cc tinyaios.c $(pkg-config --cflags --libs aios) -o tinyaios
 *	./tinyaios share/demo
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aios/aios.h>

/* One prompt and the text that came back so far. */
struct story {
	const char *prompt;
	char text[4096];
	size_t len;
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

static void append(struct story *story, const struct aios_event *event)
{
	size_t room = sizeof(story->text) - 1 - story->len;
	size_t n = event->text_len < room ? event->text_len : room;

	memcpy(story->text + story->len, event->text, n);
	story->len += n;
}

/* Poll until every request has ended. */
static int serve(struct aios_engine *engine, struct aios_status *st)
{
	struct aios_event event;
	struct story *story;
	int rc;

	while ((rc = aios_poll(engine, &event, 0, st)) > 0) {
		story = event.user;
		append(story, &event);
		if (event.type != AIOS_EVENT_END)
			continue;
		printf("%s%s\n[%s, %u tokens]\n\n", story->prompt, story->text,
		       aios_end_reason_name(event.reason), event.usage.completion_tokens);
	}
	return rc;
}

static int run(struct aios_config *config, const char *model, struct aios_status *st)
{
	static struct story stories[] = {
		{ .prompt = "Once upon a time" },
		{ .prompt = "The old lighthouse" },
		{ .prompt = "One day, a little fox" },
	};
	struct aios_engine *engine = NULL;
	struct aios *aios = NULL;
	int rc = aios_create(config, NULL, NULL, &aios, st);

	if (rc == 0)
		rc = aios_engine_open(aios, model, NULL, NULL, &engine, st);
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]) && rc == 0; i++)
		rc = submit(engine, &stories[i], st);
	if (rc == 0)
		rc = serve(engine, st);
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
