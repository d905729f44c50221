// SPDX-License-Identifier: Apache-2.0
/*
 * test_tokenizers.c - ids and texts equal to those of Hugging Face's tokenizers:
 * our own small files always, the golden files and Qwen3's vocabulary where a
 * folder ../shared lies beside the tree.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/bpe_util.h"

Suite *test_tokenizers_suite(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const own[] = { "qwen", "kimi", "llama", "mistral", "words" };
static const char *const golden[] = { "gpt2", "llama2-spm", "llama3", "o200k", "qwen2" };

START_TEST(test_own)
{
	static const char *const engines[] = { "jit", "interpret" };
	char name[128];
	void *tok;

	for (size_t i = 0; i < COUNT(engines); i++) {
		bpe_set_regex(engines[i]);
		snprintf(name, sizeof(name), "tests/vectors/tokenizers/%s.json", own[_i]);
		tok = bpe_open_file(bpe_source_path(name));
		snprintf(name, sizeof(name), "tests/vectors/tokenizers/%s.cases.json", own[_i]);
		ck_assert_uint_ge(bpe_check_cases(tok, bpe_source_path(name)), 40);
		bpe_ops()->close(tok);
	}
}
END_TEST

START_TEST(test_golden)
{
	char name[128];
	void *tok;

	snprintf(name, sizeof(name), "../shared/golden/tokenizers/%s/tokenizer.json", golden[_i]);
	if (access(bpe_source_path(name), R_OK) != 0) {
		printf("test_tokenizers: skipped: no %s\n", name);
		return;
	}
	tok = bpe_open_file(bpe_source_path(name));
	snprintf(name, sizeof(name), "../shared/golden/tokenizers/%s/cases.json", golden[_i]);
	ck_assert_uint_ge(bpe_check_cases(tok, bpe_source_path(name)), 50);
	bpe_ops()->close(tok);
}
END_TEST

/* One line of expected ids against a text. */
static void check_line(void *tok, const char *text, size_t len, char *line, size_t number)
{
	size_t n;
	int32_t *ids = bpe_encode_all(tok, text, len, 0, &n);
	size_t i = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "), i++)
		ck_assert_msg(i < n && ids[i] == atoi(word), "case %zu, id %zu is %d; expected %s",
			      number, i, i < n ? ids[i] : -1, word);
	ck_assert_msg(i == n, "case %zu: %zu ids; expected %zu", number, n, i);
	free(ids);
}

/* llama.cpp's cases for the vocabulary that Qwen2 and Qwen3 share. */
START_TEST(test_qwen3)
{
	static const char vocab[] = "../shared/vocab/qwen3/tokenizer.json";
	static const char mark[] = "\n__ggml_vocab_test__\n";
	char *texts, *lines, *text, *line, *end, *stop;
	size_t texts_len, lines_len;
	size_t number = 0;
	void *tok;

	if (access(bpe_source_path(vocab), R_OK) != 0) {
		printf("test_tokenizers: skipped: no %s\n", vocab);
		return;
	}
	tok = bpe_open_file(bpe_source_path(vocab));
	texts = bpe_read_file(bpe_source_path("../shared/vocab/ggml-vocab-qwen2.gguf.inp"),
			      &texts_len);
	lines = bpe_read_file(bpe_source_path("../shared/vocab/ggml-vocab-qwen2.gguf.out"),
			      &lines_len);
	ck_assert(texts && lines);
	text = texts;
	line = lines;
	while ((end = strstr(text, mark))) {
		stop = strchr(line, '\n');
		ck_assert_ptr_nonnull(stop);
		*stop = '\0';
		check_line(tok, text, (size_t)(end - text), line, number++);
		text = end + strlen(mark);
		line = stop + 1;
	}
	ck_assert_uint_eq(number, 46);
	free(texts);
	free(lines);
	bpe_ops()->close(tok);
}
END_TEST

Suite *test_tokenizers_suite(void)
{
	Suite *suite = suite_create("tokenizers");
	TCase *tcase = tcase_create("ids");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, test_own, 0, (int)COUNT(own));
	tcase_add_loop_test(tcase, test_golden, 0, (int)COUNT(golden));
	tcase_add_test(tcase, test_qwen3);
	suite_add_tcase(suite, tcase);
	return suite;
}
