// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bed.h"
#include "core/aios.h"
#include "digest.h"

void bed_add(TCase *tc, const TTest *test, int n)
{
	static int added;
	const char *shard = getenv("AIOS_TEST_SHARD");
	int mine = 0, of = 1;

	if (shard && (sscanf(shard, "%d/%d", &mine, &of) != 2 || mine < 0 || mine >= of)) {
		fprintf(stderr, "AIOS_TEST_SHARD=%s is not I/N\n", shard);
		exit(2);
	}
	for (int i = 0; i < n; i++) {
		if (added++ % of == mine)
			tcase_add_loop_test(tc, test, i, i + 1);
	}
}

void bed_add_host(TCase *tc, const TTest *test, int n)
{
	if (!getenv("AIOS_TEST_DRIVER"))
		bed_add(tc, test, n);
}

bool bed_frozen(void)
{
	const char *numerics = getenv("AIOS_TEST_NUMERICS");

	return !numerics || strcmp(numerics, "fma32") == 0;
}

bool bed_full(void)
{
	const char *mode = getenv("AIOS_INVARIANCE");

	return mode && strcmp(mode, "full") == 0;
}

const char *bed_demo(void)
{
	static char path[4096];
	const char *src = getenv("AIOS_TEST_SRC");

	ck_assert_msg(src != NULL, "AIOS_TEST_SRC is not set; run the tests with 'make check'");
	snprintf(path, sizeof(path), "%s/share/demo", src);
	return path;
}

const char *bed_model(int i)
{
	static const char *const names[BED_MODELS] = { NULL, "llama3-rope", "mistral-swa" };
	static char path[4096];
	const char *src = getenv("AIOS_TEST_SRC"), *golden = getenv("AIOS_TEST_GOLDEN");

	if (i == 0)
		return bed_demo();
	ck_assert_ptr_nonnull(src);
	if (golden)
		snprintf(path, sizeof(path), "%s/%s", golden, names[i]);
	else
		snprintf(path, sizeof(path), "%s/../shared/golden/models/%s", src, names[i]);
	if (access(path, R_OK) == 0)
		return path;
	printf("skipped: no %s\n", path);
	return NULL;
}

static void set(struct bed *b, const char *text)
{
	struct aios_status st;

	ck_assert_msg(aios_config_set_text(b->config, text, &st) == 0, "%s", st.message);
}

/* The rows that were noted come to the host: digests, in the place of the token drawn from each. */
static void take_notes(struct bed *b)
{
	uint64_t bytes = b->e->source.info.vocab_size * sizeof(float);
	struct aios_status st;

	if (b->n_notes == 0)
		return;
	ck_assert_int_eq(
		queue_download(&b->e->queue, b->rows, b->log.addr, b->n_notes * bytes, &st), 0);
	ck_assert_msg(queue_sync(&b->e->queue, 60000000000ull, &st) == 0, "%s", st.message);
	for (uint32_t i = 0; i < b->n_notes; i++)
		*b->notes[i] = digest_bytes(DIGEST_START, b->rows + i * bytes, bytes);
	b->n_notes = 0;
}

/*
 * A step was enqueued: its logits are copied aside, on the device and in the same queue, so that nobody
 * waits for them and steps that run ahead really do.
 */
static void note_logits(void *ctx, const struct flight *f)
{
	struct bed *b = ctx;
	struct aios_engine *e = b->e;
	uint64_t bytes = e->source.info.vocab_size * sizeof(float);
	struct aios_status st;
	struct aios_tensor t;

	forward_logits(&e->source, &e->workspace, &t);
	for (uint32_t i = 0; i < f->n && b->digests; i++) {
		const struct member *m = &f->members[i];
		struct result *out = (struct result *)m->r->user + m->r->choice;

		/* The token after the newest, and one for each guess. */
		for (uint32_t k = 0; m->logits >= 0 && k <= m->drafts; k++) {
			uint64_t row = (uint64_t)m->logits + k;

			if (b->n_notes == BED_NOTES)
				take_notes(b);
			ck_assert_int_eq(queue_copy(&e->queue, b->log.addr + b->n_notes * bytes,
						    t.data + row * t.row_bytes, bytes, &st),
					 0);
			b->notes[b->n_notes++] = &out->digests[m->at + k - m->r->n_prompt];
		}
	}
}

/*
 * Opening a GPU costs more than most tests. What can be kept between tests is the driver's own state for
 * the process, and it is kept while a device is open: this one is, for nothing else, to the process's end.
 */
static void keep_driver(void)
{
	static struct aios_config *config;
	static struct aios *aios;
	static struct device *device;
	const char *driver = getenv("AIOS_TEST_DRIVER");
	struct aios_status st;
	char text[4200];

	if (device || !driver)
		return;
	config = aios_config_create();
	ck_assert_ptr_nonnull(config);
	snprintf(text, sizeof(text), "aios.driver=%s", driver);
	ck_assert_msg(aios_config_set_text(config, text, &st) == 0, "%s", st.message);
	ck_assert_msg(aios_create(config, NULL, NULL, &aios, &st) == 0, "%s", st.message);
	ck_assert_msg(context_open_device(aios, &device, &st) == 0, "%s", st.message);
}

/* What the tests may run on: AIOS_TEST_DRIVER, the path of a driver's .so, in AIOS_TEST_NUMERICS. */
static void set_driver(struct bed *b)
{
	const char *driver = getenv("AIOS_TEST_DRIVER"), *numerics = getenv("AIOS_TEST_NUMERICS");
	char text[4200];

	snprintf(text, sizeof(text), "aios.driver=%s", driver ? driver : "cpu-ref");
	set(b, text);
	snprintf(text, sizeof(text), "aios.numerics=%s", numerics ? numerics : "auto");
	set(b, text);
	/* What a driver for GPUs would choose is far too large for these tests. */
	set(b, "engine.max_batch_size=8");
	set(b, "engine.max_batch_tokens=512");
}

void bed_open(struct bed *b, const char *model, const char *const *settings)
{
	struct aios_status st;
	uint64_t bytes;

	memset(b, 0, sizeof(*b));
	b->config = aios_config_create();
	ck_assert_ptr_nonnull(b->config);
	set_driver(b);
	keep_driver();
	set(b, "engine.kv_memory=8M");
	set(b, "engine.context_length=512");
	set(b, "engine.run_ahead=on");
	for (; settings && *settings; settings++)
		set(b, *settings);
	ck_assert_msg(aios_create(b->config, NULL, NULL, &b->aios, &st) == 0, "%s", st.message);
	ck_assert_msg(aios_engine_open(b->aios, model, NULL, NULL, &b->e, &st) == 0, "%s",
		      st.message);
	b->e->step.enqueued = note_logits;
	b->e->step.enqueued_ctx = b;
	bytes = BED_NOTES * b->e->source.info.vocab_size * sizeof(float);
	b->rows = malloc(bytes);
	ck_assert_ptr_nonnull(b->rows);
	ck_assert_msg(device_alloc(b->e->device, AIOS_HEAP_DEVICE, bytes, "logits of a test",
				   &b->log, &st) == 0,
		      "%s", st.message);
}

void bed_close(struct bed *b)
{
	take_notes(b);
	device_free(b->e->device, &b->log);
	free(b->rows);
	bed_shut(b);
}

int bed_try(struct bed *b, const char *model, const char *const *settings, struct aios_status *st)
{
	memset(b, 0, sizeof(*b));
	b->config = aios_config_create();
	ck_assert_ptr_nonnull(b->config);
	set(b, "aios.driver=cpu-ref");
	for (; *settings; settings++)
		set(b, *settings);
	ck_assert_msg(aios_create(b->config, NULL, NULL, &b->aios, st) == 0, "%s", st->message);
	return aios_engine_open(b->aios, model, NULL, NULL, &b->e, st);
}

void bed_shut(struct bed *b)
{
	aios_engine_close(b->e);
	aios_destroy(b->aios);
	aios_config_destroy(b->config);
}

uint64_t bed_submit(struct bed *b, struct aios_request *req, struct result *out,
		    struct aios_status *st)
{
	uint32_t answers = 1;
	uint64_t id = 0;

	answers = req->n > answers ? req->n : answers;
	answers = req->beams > answers ? req->beams : answers;
	memset(out, 0, answers * sizeof(*out));
	req->user = out;
	return aios_submit(b->e, req, &id, st) == 0 ? id : 0;
}

/* Everything that a PROMPT event says, in order, goes into one digest. */
static void note_score(struct result *out, const struct aios_event *ev)
{
	struct {
		uint64_t before, top_ids, top;
		int32_t id;
		float logprob;
		uint32_t rank, position;
	} said = {
		out->scores,
		digest_bytes(DIGEST_START, ev->top_ids, ev->n_top * sizeof(*ev->top_ids)),
		digest_bytes(DIGEST_START, ev->top_logprobs, ev->n_top * sizeof(*ev->top_logprobs)),
		ev->id,
		ev->logprob,
		ev->rank,
		ev->position,
	};

	ck_assert_uint_eq(ev->choice, 0);
	ck_assert_uint_eq(ev->position, ++out->n_scores);
	ck_assert_uint_eq(out->n, 0);
	ck_assert_uint_ge(ev->rank, 1);
	out->scores = digest_bytes(DIGEST_START, &said, sizeof(said));
}

void bed_events(struct bed *b)
{
	struct queued_event *q;

	while ((q = event_pop(&b->e->events)) != NULL) {
		const struct aios_event *ev = &q->event;
		struct result *out = (struct result *)ev->user + ev->choice;

		ck_assert_msg(out->ends == 0,
			      "request %llu.%u: an event of type %u (%s) after its end (%s)",
			      (unsigned long long)ev->request, ev->choice, ev->type,
			      aios_end_reason_name(ev->reason), aios_end_reason_name(out->reason));
		if (ev->type == AIOS_EVENT_PROMPT) {
			note_score(out, ev);
			continue;
		}
		if (ev->type == AIOS_EVENT_TOKEN) {
			ck_assert_uint_lt(out->n, BED_MAX_TOKENS);
			out->ids[out->n++] = ev->id;
			continue;
		}
		out->ends++;
		out->reason = ev->reason;
		out->score = ev->score;
		out->usage = ev->usage;
		out->status = ev->status;
		out->n_timeline = ev->n_timeline;
		memcpy(out->timeline, ev->timeline, ev->n_timeline * sizeof(*ev->timeline));
	}
}

bool bed_step(struct bed *b)
{
	struct aios_status st;
	uint64_t wake = 0;
	int rc;

	engine_take_inbox(b->e);
	if (b->e->alive == 0) {
		take_notes(b);
		bed_events(b);
		return false;
	}
	aios_status_clear(&st);
	rc = engine_step(b->e, &wake, &st);
	ck_assert_msg(rc != 0 || wake != 0, "%u requests wait and nothing is done", b->e->alive);
	ck_assert_msg(engine_check_invariants(b->e, &st) == 0, "step %llu: %s",
		      (unsigned long long)b->e->stats.steps, st.message);
	bed_events(b);
	if (b->after_step)
		b->after_step(b);
	return true;
}

void bed_run(struct bed *b)
{
	while (bed_step(b))
		;
}

void bed_equal(const struct result *want, const struct result *got, const char *what)
{
	for (uint32_t i = 0; i < want->n && i < got->n; i++) {
		ck_assert_msg(want->ids[i] == got->ids[i], "%s: token %u is %d, not %d", what, i,
			      got->ids[i], want->ids[i]);
		ck_assert_uint_ne(want->digests[i], 0);
		ck_assert_msg(want->digests[i] == got->digests[i], "%s: logits of token %u differ",
			      what, i);
	}
	ck_assert_msg(want->n == got->n, "%s: %u tokens, not %u", what, got->n, want->n);
	ck_assert_msg(want->reason == got->reason, "%s: ended with %s, not %s", what,
		      aios_end_reason_name(got->reason), aios_end_reason_name(want->reason));
	ck_assert_msg(want->n_scores == got->n_scores, "%s: %u tokens of the prompt, not %u", what,
		      got->n_scores, want->n_scores);
	ck_assert_msg(want->scores == got->scores, "%s: log-probabilities of the prompt differ",
		      what);
	ck_assert_uint_eq(got->ends, 1);
}
