// SPDX-License-Identifier: Apache-2.0
/*
 * test_golden.c - logits and greedy tokens against transformers, for checkpoints
 * of each family. Our largest error against its fp32 run may be 1.25 times that of
 * its own bf16 run on the same weights and positions.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "golden.h"
#include "session.h"

Suite *test_golden_suite(void);

#define RATIO 1.25
#define SMALL_MARGIN 0.05f

static const char *const models[] = {
	"llama2-mha", "llama3-rope", "llama-bias", "llama-yarn",
	"qwen2",      "qwen3",       "qwen3-tied", "mistral-swa",
};

static const char *const profiles[] = { "fma32", "tc-sm90" };

/* The largest error over the rows of `got` against the fp32 run; the bf16 run's in *theirs. */
static double largest_error(const struct golden_prompt *p, const float *got, double *theirs)
{
	double ours = 0;

	*theirs = 0;
	for (size_t i = 0; i < p->rows * p->vocab; i++) {
		ck_assert_msg(isfinite(got[i]), "logit %zu is %g", i, (double)got[i]);
		ours = fmax(ours, fabs((double)got[i] - (double)p->fp32[i]));
		*theirs = fmax(*theirs, fabs((double)p->bf16[i] - (double)p->fp32[i]));
	}
	return ours;
}

static void check_logits(struct aios_engine *engine, const struct golden_prompt *p,
			 const char *what, size_t index)
{
	size_t vocab = aios_engine_vocab_size(engine);
	float *out = malloc(p->n_ids * vocab * sizeof(*out));
	struct aios_status st;
	double ours, theirs;

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(vocab, p->vocab);
	ck_assert_msg(aios_logits(engine, p->ids, p->n_ids, out, &st) == 0, "%s", st.message);
	ours = largest_error(p, out + (p->n_ids - p->rows) * vocab, &theirs);
	if (getenv("AIOS_TEST_VERBOSE"))
		printf("%s prompt %zu: largest error %.3g, transformers in bf16 %.3g, ratio %.2f\n",
		       what, index, ours, theirs, ours / theirs);
	ck_assert_msg(ours <= RATIO * theirs, "%s prompt %zu: error %g, transformers in bf16 %g",
		      what, index, ours, theirs);
	free(out);
}

/* Greedy tokens agree up to the first near tie. */
static void check_greedy(struct aios_engine *engine, const struct golden_prompt *p,
			 const char *what, size_t index)
{
	struct aios_request req = AIOS_REQUEST_INIT;
	struct aios_event ev;
	struct aios_status st;
	size_t n = 0;
	bool tie = false;
	uint64_t id;
	int rc;

	req.ids = p->ids;
	req.n_ids = p->n_ids;
	req.max_tokens = (uint32_t)p->n_greedy;
	req.ignore_eos = true;
	ck_assert_msg(aios_submit(engine, &req, &id, &st) == 0, "%s", st.message);
	while ((rc = aios_poll(engine, &ev, 0, &st)) > 0) {
		if (ev.type == AIOS_EVENT_END) {
			ck_assert_msg(ev.reason == AIOS_END_LENGTH, "%s: %s", what,
				      ev.status.message);
			continue;
		}
		tie |= p->margin[n] < SMALL_MARGIN;
		ck_assert_msg(tie || ev.id == p->greedy[n],
			      "%s prompt %zu: token %zu is %d, not %d", what, index, n, ev.id,
			      p->greedy[n]);
		n++;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(n, p->n_greedy);
}

static void check_folder(const char *path, const char *expected, const char *profile)
{
	struct golden *g = golden_load(expected);
	char what[256], numerics[64];
	struct session s;

	if (!g) {
		printf("test_golden: skipped %s: %s is not there\n", path, expected);
		return;
	}
	snprintf(what, sizeof(what), "%s %s", path, profile);
	snprintf(numerics, sizeof(numerics), "aios.numerics=%s", profile);
	session_open(&s, path, (const char *const[]){ numerics, "engine.kv_memory=64M", NULL });
	for (size_t i = 0; i < g->n_prompts; i++) {
		check_logits(s.engine, &g->prompts[i], what, i);
		check_greedy(s.engine, &g->prompts[i], what, i);
	}
	session_close(&s);
	golden_free(g);
}

START_TEST(test_demo)
{
	const char *expected = source_path("tests/vectors/demo-logits/expected.safetensors");

	ck_assert_msg(access(expected, R_OK) == 0, "%s is missing", expected);
	check_folder(source_path("share/demo"), expected, profiles[_i]);
}
END_TEST

START_TEST(test_shared)
{
	size_t n = sizeof(profiles) / sizeof(profiles[0]);
	char path[4096], expected[4200];

	snprintf(path, sizeof(path), "%s/%s", source_path("../shared/golden/models"),
		 models[(size_t)_i / n]);
	snprintf(expected, sizeof(expected), "%s/expected.safetensors", path);
	check_folder(path, expected, profiles[(size_t)_i % n]);
}
END_TEST

Suite *test_golden_suite(void)
{
	Suite *s = suite_create("golden");
	TCase *tc = tcase_create("transformers");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_demo, 0, 2);
	tcase_add_loop_test(tc, test_shared, 0, 2 * (int)(sizeof(models) / sizeof(models[0])));
	suite_add_tcase(s, tc);
	return s;
}
