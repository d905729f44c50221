// SPDX-License-Identifier: Apache-2.0
/*
 * test_frozen.c - the demo model's logits and one sampled answer, to the bit, in
 * every profile, as they were when the contract got its version
 * (tests/vectors/demo-answers/README.md).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "session.h"

Suite *test_frozen_suite(void);

#define PROMPT "Once upon a time, the old lighthouse keeper found a letter."
#define ANSWER_TOKENS 32

static const char *const profiles[] = { "fma32", "tc-sm90",  "tc-sm90-e4m3", "tc-sm80", "i8",
					"i8x2",  "tc-cdna1", "tc-cdna2",     "tc-cdna3" };

static uint64_t logits_digest(struct session *s)
{
	size_t vocab = aios_engine_vocab_size(s->engine), n;
	struct aios_status st;
	uint64_t digest;
	int32_t *ids;
	float *out;

	ck_assert_int_eq(aios_tokenize(aios_engine_tokenizer(s->engine), PROMPT, strlen(PROMPT),
				       AIOS_ENCODE_SPECIAL, &ids, &n, &st),
			 0);
	out = malloc(n * vocab * sizeof(*out));
	ck_assert_ptr_nonnull(out);
	ck_assert_msg(aios_logits(s->engine, ids, n, out, &st) == 0, "%s", st.message);
	digest = digest_bytes(DIGEST_START, out, n * vocab * sizeof(*out));
	free(out);
	free(ids);
	return digest;
}

/* "PROFILE NUMERICS-ID LOGITS-DIGEST id id id ..." */
static void line_of(const char *profile, char *line, size_t size)
{
	struct aios_request req = AIOS_REQUEST_INIT;
	static struct answer a;
	struct session s;
	char set[64];
	size_t at;

	snprintf(set, sizeof(set), "aios.numerics=%s", profile);
	session_open(&s, source_path("share/demo"), (const char *const[]){ set, NULL });
	req.max_tokens = ANSWER_TOKENS;
	req.sampling = (struct aios_sampling){ .seed = 7,
					       .temperature = 0.8f,
					       .top_p = 0.95f,
					       .top_k = 50,
					       .min_p = 0.01f,
					       .repetition = 1.1f,
					       .frequency = 0.1f };
	session_ask(&s, PROMPT, &req, &a);
	at = (size_t)snprintf(line, size, "%s %s %016llx", profile,
			      aios_engine_plan(s.engine)->numerics_id,
			      (unsigned long long)logits_digest(&s));
	for (size_t i = 0; i < a.n && at < size; i++)
		at += (size_t)snprintf(line + at, size - at, " %d", a.ids[i]);
	session_close(&s);
}

/* The stored line of a profile, or "". */
static void stored_line(const char *profile, char *line, size_t size)
{
	FILE *f = fopen(source_path("tests/vectors/demo-answers/answers.txt"), "r");
	size_t n = strlen(profile);

	ck_assert_msg(f != NULL, "tests/vectors/demo-answers/answers.txt is missing");
	while (fgets(line, (int)size, f)) {
		if (strncmp(line, profile, n) == 0 && line[n] == ' ') {
			line[strcspn(line, "\n")] = '\0';
			fclose(f);
			return;
		}
	}
	fclose(f);
	line[0] = '\0';
}

START_TEST(test_answers)
{
	char got[1024], want[1024];

	line_of(profiles[_i], got, sizeof(got));
	if (getenv("AIOS_TEST_PRINT_VECTORS"))
		printf("%s\n", got);
	stored_line(profiles[_i], want, sizeof(want));
	ck_assert_str_eq(got, want);
}
END_TEST

Suite *test_frozen_suite(void)
{
	Suite *s = suite_create("frozen");
	TCase *tc = tcase_create("answers");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_answers, 0, sizeof(profiles) / sizeof(profiles[0]));
	suite_add_tcase(s, tc);
	return s;
}
