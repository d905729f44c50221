// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

const char *source_path(const char *relative)
{
	static char paths[4][4096];
	static unsigned next;
	const char *src = getenv("AIOS_TEST_SRC");
	char *path = paths[next++ % 4];

	ck_assert_msg(src != NULL, "AIOS_TEST_SRC is not set; run the tests with 'make check'");
	snprintf(path, sizeof(paths[0]), "%s/%s", src, relative);
	return path;
}

static void set(struct session *s, const char *key, const char *value)
{
	struct aios_status st;
	char text[4200];

	snprintf(text, sizeof(text), "%s=%s", key, value);
	ck_assert_msg(aios_config_set_text(s->config, text, &st) == 0, "%s", st.message);
}

void session_open(struct session *s, const char *model, const char *const *settings)
{
	const char *driver = getenv("AIOS_TEST_DRIVER"), *numerics = getenv("AIOS_TEST_NUMERICS");
	struct aios_status st;

	memset(s, 0, sizeof(*s));
	s->config = aios_config_create();
	ck_assert_ptr_nonnull(s->config);
	set(s, "aios.driver", driver ? driver : "cpu-ref");
	set(s, "aios.numerics", numerics ? numerics : "auto");
	set(s, "engine.kv_memory", "16M");
	if (driver) { /* as a CPU has them: what a GPU would choose is far too large */
		set(s, "engine.max_batch_size", "8");
		set(s, "engine.max_batch_tokens", "512");
	}
	for (; settings && *settings; settings++)
		ck_assert_msg(aios_config_set_text(s->config, *settings, &st) == 0, "%s",
			      st.message);
	ck_assert_msg(aios_create(s->config, NULL, NULL, &s->aios, &st) == 0, "%s", st.message);
	ck_assert_msg(aios_engine_open(s->aios, model, NULL, NULL, &s->engine, &st) == 0, "%s",
		      st.message);
}

void session_close(struct session *s)
{
	aios_engine_close(s->engine);
	aios_destroy(s->aios);
	aios_config_destroy(s->config);
}

uint64_t session_submit(struct session *s, struct aios_request *req, struct answer *out)
{
	struct aios_status st;
	uint64_t id = 0;

	memset(out, 0, sizeof(*out));
	req->user = out;
	ck_assert_msg(aios_submit(s->engine, req, &id, &st) == 0, "%s", st.message);
	ck_assert_uint_ne(id, 0);
	return id;
}

static void take_token(struct answer *a, const struct aios_event *ev)
{
	ck_assert_uint_lt(a->n, 512);
	a->ids[a->n] = ev->id;
	a->logprobs[a->n] = ev->logprob;
	for (uint32_t i = 0; i < ev->n_top; i++) {
		a->top_ids[a->n][i] = ev->top_ids[i];
		a->top[a->n][i] = ev->top_logprobs[i];
	}
	a->n++;
}

void session_run(struct session *s)
{
	struct aios_status st;
	struct aios_event ev;
	struct answer *a;
	int rc;

	while ((rc = aios_poll(s->engine, &ev, 0, &st)) > 0) {
		a = ev.user;
		ck_assert_msg(a->reason == 0, "an event after the end");
		ck_assert_uint_lt(a->text_len + ev.text_len, sizeof(a->text));
		memcpy(a->text + a->text_len, ev.text, ev.text_len);
		a->text_len += ev.text_len;
		if (ev.type == AIOS_EVENT_TOKEN) {
			take_token(a, &ev);
			continue;
		}
		a->reason = ev.reason;
		a->status = ev.status;
		a->usage = ev.usage;
	}
	ck_assert_msg(rc == 0, "%s", st.message);
}

void session_ask(struct session *s, const char *prompt, struct aios_request *req,
		 struct answer *out)
{
	req->text = prompt;
	req->text_len = strlen(prompt);
	session_submit(s, req, out);
	session_run(s);
}

void answers_equal(const struct answer *a, const struct answer *b, const char *what)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		ck_assert_msg(a->ids[i] == b->ids[i], "%s: token %zu is %d, not %d", what, i,
			      b->ids[i], a->ids[i]);
	ck_assert_msg(a->n == b->n, "%s: %zu tokens, not %zu", what, b->n, a->n);
	ck_assert_msg(strcmp(a->text, b->text) == 0, "%s: the text differs", what);
	ck_assert_msg(a->reason == b->reason, "%s: ended with %s, not %s", what,
		      aios_end_reason_name(b->reason), aios_end_reason_name(a->reason));
}
