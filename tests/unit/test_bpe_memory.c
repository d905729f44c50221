// SPDX-License-Identifier: Apache-2.0
/*
 * test_bpe_memory.c - the n-th allocation fails, for every n, while a tokenizer is
 * opened and used: each time one clear error, nothing half done, no leak.
 *
 * This test is merged with the plugin and with countdown.c, whose allocators stand
 * in for libc's in it. jansson keeps its own: version 2.14 crashes without memory.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "bpe_util.h"
#include "countdown.h"

Suite *test_bpe_memory_suite(void);

static const char json[] =
	"{\"added_tokens\":[{\"id\":7,\"content\":\"<s>\",\"special\":true},"
	"{\"id\":8,\"content\":\"X\",\"normalized\":true}],"
	"\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFD\"},"
	"{\"type\":\"Lowercase\"},{\"type\":\"Prepend\",\"prepend\":\"a\"},{\"type\":\"Replace\","
	"\"pattern\":{\"Regex\":\"b[^b[c&&d]]\"},\"content\":\"ab\"}]},"
	"\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},"
	"{\"type\":\"ByteLevel\"},{\"type\":\"Metaspace\"}]},"
	"\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
	"{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"<s>\":"
	"{\"ids\":[7]}}},"
	"\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":"
	"{\"String\":\"ab\"},\"content\":\"x\"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},"
	"{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":1}]},"
	"\"model\":{\"unk_token\":\"<unk>\",\"byte_fallback\":true,\"vocab\":{\"a\":0,\"b\":1,"
	"\"ab\":2,\"<0xC4>\":3,\"<0xA0>\":4,\"<unk>\":5,\"abab\":6},"
	"\"merges\":[\"a b\",\"ab ab\"]}}";

static const char config[] = "{\"bos_token\":\"<s>\",\"chat_template\":\"T\"}";

START_TEST(test_open)
{
	struct aios_status st;
	void *tok = NULL;
	long n = 0;
	int rc;

	do {
		memset(&st, 0, sizeof(st));
		countdown = n++;
		rc = bpe_open_text(json, config, &tok, &st);
		countdown = -1;
		if (rc != 0) {
			ck_assert_ptr_null(tok);
			ck_assert_int_eq(rc, st.code);
			ck_assert_str_ne(st.message, "");
		}
	} while (rc != 0 && n < 5000);
	ck_assert_msg(rc == 0, "%s", st.message);
	ck_assert_int_gt(n, 50);
	bpe_ops()->close(tok);
}
END_TEST

/* Encode, decode and stream; the first error, or 0. */
static int64_t use(void *tok, struct aios_status *st)
{
	static const char text[] =
		"a<s>b\xff ababababababababababababababababababababababababababababab"
		" X \xc3\xa9 12 babbbcbd";
	int32_t ids[256];
	const char *piece;
	char out[1024];
	void *stream;
	size_t len;
	int64_t n =
		bpe_ops()->encode(tok, text, sizeof(text) - 1, AIOS_ENCODE_SPECIAL, ids, 256, st);
	int64_t rc;

	if (n < 0)
		return n;
	ck_assert_int_le(n, 256);
	rc = bpe_ops()->decode(tok, ids, (size_t)n, 0, out, sizeof(out), st);
	if (rc < 0)
		return rc;
	rc = bpe_ops()->stream_create(tok, 0, &stream, st);
	if (rc < 0)
		return rc;
	for (int64_t i = 0; i < n && rc == 0; i++)
		rc = bpe_ops()->stream_push(stream, ids[i], &piece, &len, st);
	if (rc == 0)
		rc = bpe_ops()->stream_flush(stream, &piece, &len, st);
	bpe_ops()->stream_destroy(stream);
	return rc;
}

START_TEST(test_use)
{
	struct aios_status st;
	void *tok;
	long n = 0;
	int64_t rc;

	ck_assert_int_eq(bpe_open_text(json, config, &tok, &st), 0);
	do {
		memset(&st, 0, sizeof(st));
		countdown = n++;
		rc = use(tok, &st);
		countdown = -1;
		if (rc != 0) {
			ck_assert_int_eq(rc, -ENOMEM);
			ck_assert_int_eq(st.code, -ENOMEM);
			ck_assert_ptr_nonnull(strstr(st.message, "no memory"));
		}
	} while (rc != 0 && n < 5000);
	ck_assert_int_eq(rc, 0);
	ck_assert_int_gt(n, 20);
	bpe_ops()->close(tok);
}
END_TEST

Suite *test_bpe_memory_suite(void)
{
	Suite *suite = suite_create("bpe_memory");
	TCase *tcase = tcase_create("no memory");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_open);
	tcase_add_test(tcase, test_use);
	suite_add_tcase(suite, tcase);
	return suite;
}
