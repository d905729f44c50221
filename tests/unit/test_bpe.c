// SPDX-License-Identifier: Apache-2.0
/*
 * test_bpe.c - the tokenizer plugin: refusals, merging, decoding in pieces, hostile
 * texts. Equality with Hugging Face's ids is tests/e2e/test_tokenizers.c.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpe_util.h"
#include "bytelevel.h"
#include "text.h"
#include "unicode.h"

Suite *test_bpe_suite(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define VOCAB "'vocab':{'a':0,'b':1,'ab':2}"
#define MODEL "'model':{'type':'BPE'," VOCAB ",'merges':['a b']}"

/* JSON with ' for ", so that it can be read here. Valid until the next call. */
static const char *quoted(const char *text)
{
	static char out[8192];
	size_t i;

	for (i = 0; text[i] && i + 1 < sizeof(out); i++)
		out[i] = text[i] == '\'' ? '"' : text[i];
	out[i] = '\0';
	return out;
}

static void *open_quoted(const char *json)
{
	struct aios_status st;
	void *tok = NULL;

	ck_assert_msg(bpe_open_text(quoted(json), NULL, &tok, &st) == 0, "%s", st.message);
	return tok;
}

static void *open_vector(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "tests/vectors/tokenizers/%s.json", name);
	return bpe_open_file(bpe_source_path(path));
}

static const struct {
	const char *json;
	const char *words;
} bad[] = {
	{ "", "tokenizer.json: the file is empty" },
	{ "{'model':", "not valid JSON" },
	{ "[]", "tokenizer.json: expected an object at the top, found an array" },
	{ "{}", "tokenizer.json: model: missing; expected an object" },
	{ "{'model':7}", "tokenizer.json: model: expected an object, found an integer" },
	{ "{'model':{'type':'WordPiece'}}", "model: type \"WordPiece\" is not supported" },
	{ "{'model':{'type':'Unigram'}}", "model: type \"Unigram\" is not supported" },
	{ "{'model':{'type':'WordLevel'}}", "model: type \"WordLevel\" is not supported" },
	{ "{'model':{}}", "model.vocab: missing; expected an object" },
	{ "{'model':{'vocab':{}}}", "model.merges: missing; expected an array" },
	{ "{'model':{'vocab':{'a':0,'a':1},'merges':[]}}", "duplicate" },
	{ "{'model':{'vocab':{'a':'0'},'merges':[]}}",
	  "model.vocab.a: expected an integer from 0 to 16777215, found a string" },
	{ "{'model':{'vocab':{'a':-1},'merges':[]}}", "found -1" },
	{ "{'model':{'vocab':{'a':16777216},'merges':[]}}", "found 16777216" },
	{ "{'model':{'vocab':{'a':9223372036854775807},'merges':[]}}",
	  "found 9223372036854775807" },
	{ "{'model':{'vocab':{'a':3,'b':3},'merges':[]}}",
	  "model.vocab: \"b\" and \"a\" both have id 3" },
	{ "{'model':{" VOCAB ",'merges':[1]}}", "model.merges[0]: expected \"a b\" or" },
	{ "{'model':{" VOCAB ",'merges':['a b','ab']}}", "model.merges[1]: expected" },
	{ "{'model':{" VOCAB ",'merges':['a b c']}}", "model.merges[0]: expected" },
	{ "{'model':{" VOCAB ",'merges':[['a']]}}", "model.merges[0]: expected" },
	{ "{'model':{" VOCAB ",'merges':[['a','b','c']]}}", "model.merges[0]: expected" },
	{ "{'model':{" VOCAB ",'merges':['x b']}}",
	  "model.merges[0]: the left token \"x\" is not in the vocabulary" },
	{ "{'model':{" VOCAB ",'merges':['a x']}}", "the right token \"x\" is not" },
	{ "{'model':{" VOCAB ",'merges':['b a']}}", "what it makes, \"ba\" is not" },
	{ "{'model':{" VOCAB ",'continuing_subword_prefix':'##','merges':['a b']}}",
	  "the right token is shorter than continuing_subword_prefix" },
	{ "{'model':{" VOCAB ",'merges':[],'dropout':0.1}}", "model: dropout: expected null or 0" },
	{ "{'model':{" VOCAB ",'merges':[],'byte_fallback':1}}",
	  "model.byte_fallback: expected true or false, found an integer" },
	{ "{" MODEL ",'normalizer':[]}", "normalizer: expected an object, found an array" },
	{ "{" MODEL ",'normalizer':{'type':'Precompiled'}}",
	  "normalizer: normalizer \"Precompiled\" is not supported; supported are NFC" },
	{ "{" MODEL ",'normalizer':{'type':'Sequence','normalizers':[{'type':'NFC'},{}]}}",
	  "normalizer.normalizers[1].type: missing" },
	{ "{" MODEL ",'normalizer':{'type':'Replace','content':''}}",
	  "normalizer.pattern: missing; expected an object" },
	{ "{" MODEL ",'normalizer':{'type':'Replace','content':'','pattern':{'String':''}}}",
	  "normalizer.pattern: an empty text to look for" },
	{ "{" MODEL ",'normalizer':{'type':'Replace','content':'','pattern':{'Glob':''}}}",
	  "normalizer.pattern: expected {\"String\": text} or" },
	{ "{" MODEL ",'pre_tokenizer':{'type':'BertPreTokenizer'}}",
	  "pre-tokenizer \"BertPreTokenizer\" is not supported" },
	{ "{" MODEL ",'pre_tokenizer':{'type':'Split','pattern':{'Regex':'(?<=a+)b'}}}",
	  "pre_tokenizer.pattern: the regular expression does not compile: lookbehind" },
	{ "{" MODEL ",'pre_tokenizer':{'type':'Split','pattern':{'String':'a'},'behavior':'x'}}",
	  "pre_tokenizer: behavior: expected Isolated, Removed" },
	{ "{" MODEL ",'pre_tokenizer':{'type':'Metaspace','replacement':'ab'}}",
	  "pre_tokenizer: replacement: expected one character" },
	{ "{" MODEL ",'pre_tokenizer':{'type':'Metaspace','prepend_scheme':'often'}}",
	  "prepend_scheme: expected always, first or never" },
	{ "{" MODEL ",'pre_tokenizer':{'type':'Metaspace','prepend_scheme':'first',"
	  "'add_prefix_space':false}}",
	  "add_prefix_space is false but prepend_scheme is \"first\"" },
	{ "{" MODEL ",'post_processor':{'type':'TemplateProcessing','special_tokens':{},"
	  "'single':[{'SpecialToken':{'id':'<s>'}}]}}",
	  "post_processor.special_tokens.<s>: missing; expected an object" },
	{ "{" MODEL ",'post_processor':{'type':'TemplateProcessing','special_tokens':"
	  "{'<s>':{'ids':[9]}},'single':[{'SpecialToken':{'id':'<s>'}}]}}",
	  "post_processor.special_tokens.<s>.ids[0]: id 9 is not in the vocabulary" },
	{ "{" MODEL ",'post_processor':{'type':'TemplateProcessing','special_tokens':{},"
	  "'single':[{'Sequence':{'id':'B'}}]}}",
	  "post_processor.single[0]: expected Sequence A, once" },
	{ "{" MODEL ",'post_processor':{'type':'TemplateProcessing','special_tokens':{},"
	  "'single':[]}}",
	  "post_processor.single: expected Sequence A somewhere" },
	{ "{" MODEL ",'post_processor':{'type':'Other'}}", "post-processor \"Other\" is not" },
	{ "{" MODEL ",'decoder':{'type':'CTC'}}", "decoder: decoder \"CTC\" is not supported" },
	{ "{" MODEL ",'decoder':{'type':'Strip','content':'ab','start':1,'stop':0}}",
	  "decoder: content: expected one character" },
	{ "{" MODEL ",'decoder':{'type':'Strip','content':'a','start':-1,'stop':0}}",
	  "decoder.start: expected an integer from 0" },
	{ "{" MODEL ",'added_tokens':{}}", "added_tokens: expected an array, found an object" },
	{ "{" MODEL ",'added_tokens':[1]}", "added_tokens[0]: expected an object" },
	{ "{" MODEL ",'added_tokens':[{'id':-1,'content':'x'}]}", "added_tokens[0].id: expected" },
	{ "{" MODEL ",'added_tokens':[{'id':3}]}", "added_tokens[0]: content: expected a string" },
	{ "{" MODEL ",'added_tokens':[{'id':1,'content':'x'}]}",
	  "added_tokens[0]: \"x\" has id 1, which is already \"b\"" },
	{ "{" MODEL ",'added_tokens':[{'id':3,'content':'x'},{'id':3,'content':'y'}]}",
	  "added_tokens[1]: \"y\" has id 3, which is already \"x\"" },
	{ "{" MODEL ",'added_tokens':[{'id':3,'content':'a'}]}",
	  "added_tokens[0]: id 3, but the vocabulary gives \"a\" the id 0" },
	{ "{" MODEL ",'added_tokens':[{'id':3,'content':'x','lstrip':'yes'}]}",
	  "added_tokens[0].lstrip: expected true or false" },
};

START_TEST(test_bad)
{
	struct aios_status st = { 0 };
	void *tok;

	ck_assert_int_lt(bpe_open_text(quoted(bad[_i].json), NULL, &tok, &st), 0);
	ck_assert_ptr_null(tok);
	ck_assert_int_lt(st.code, 0);
	ck_assert_msg(strstr(st.message, bad[_i].words), "\"%s\" lacks \"%s\"", st.message,
		      bad[_i].words);
	ck_assert_msg(strncmp(st.message, "tokenizer.json: ", 16) == 0, "%s", st.message);
	/* A caller may not want to know. */
	ck_assert_int_lt(bpe_open_text(quoted(bad[_i].json), NULL, &tok, NULL), 0);
}
END_TEST

/* Every prefix of a real file is refused, and leaks nothing. */
START_TEST(test_cut)
{
	struct aios_status st;
	size_t len;
	char *json = bpe_read_file(bpe_source_path("tests/vectors/tokenizers/mistral.json"), &len);
	char *cut;
	void *tok;

	ck_assert_ptr_nonnull(json);
	for (size_t n = 0; n < len - 2; n += 97) {
		cut = strndup(json, n);
		ck_assert_int_lt(bpe_open_text(cut, NULL, &tok, &st), 0);
		free(cut);
	}
	free(json);
}
END_TEST

START_TEST(test_info)
{
	static const char config[] =
		"{'bos_token':{'content':'a','lstrip':false},'eos_token':'ab','pad_token':null,"
		"'unk_token':'<none>','model_max_length':1000000000000000019884624838656,"
		"'chat_template':[{'name':'tools','template':'T'},{'name':'default','template':'D'}"
		"]}";
	struct aios_tokenizer_info info = { .size = sizeof(info) };
	char json[] = "{" MODEL ",'added_tokens':[{'id':7,'content':'<x>','special':true}]}";
	struct aios_status st;
	char *text = strdup(quoted(json));
	uint32_t flags;
	void *tok;

	ck_assert_msg(bpe_open_text(text, quoted(config), &tok, &st) == 0, "%s", st.message);
	free(text);
	bpe_ops()->info(tok, &info);
	ck_assert_int_eq(info.vocab_size, 8);
	ck_assert_int_eq(info.bos_id, 0);
	ck_assert_int_eq(info.eos_id, 2);
	ck_assert_int_eq(info.pad_id, -1);
	ck_assert_int_eq(info.unk_id, -1);
	ck_assert_str_eq(info.chat_template, "D");
	ck_assert_ptr_nonnull(
		strstr(bpe_last_log(), "tokenizer_config.json: unk_token: \"<none>\""));

	ck_assert_str_eq(bpe_ops()->token(tok, 2, &flags), "ab");
	ck_assert_uint_eq(flags, 0);
	ck_assert_str_eq(bpe_ops()->token(tok, 7, &flags), "<x>");
	ck_assert_uint_eq(flags, AIOS_TOKEN_SPECIAL | AIOS_TOKEN_ADDED);
	ck_assert_ptr_null(bpe_ops()->token(tok, 5, NULL));
	ck_assert_ptr_null(bpe_ops()->token(tok, -1, NULL));
	ck_assert_ptr_null(bpe_ops()->token(tok, INT32_MAX, NULL));
	ck_assert_int_eq(bpe_ops()->token_id(tok, "<x>", 3), 7);
	ck_assert_int_eq(bpe_ops()->token_id(tok, "<x", 2), -1);
	ck_assert_int_eq(bpe_ops()->token_id(tok, "", 0), -1);
	bpe_ops()->close(tok);
	bpe_ops()->close(NULL);
}
END_TEST

START_TEST(test_bad_config)
{
	static const char *const configs[][2] = {
		{ "{'chat_template':3}",
		  "tokenizer_config.json: chat_template: expected a string" },
		{ "{'chat_template':[{'name':'x'}]}", "chat_template[0].template: missing" },
		{ "{'bos_token':3}", "tokenizer_config.json: bos_token: expected a string" },
		{ "{'bos_token':{}}", "tokenizer_config.json: bos_token.content: missing" },
		{ "[]", "tokenizer_config.json: expected an object" },
	};
	char *json = strdup(quoted("{" MODEL "}"));
	struct aios_status st;
	void *tok;

	ck_assert_int_lt(bpe_open_text(json, quoted(configs[_i][0]), &tok, &st), 0);
	ck_assert_msg(strstr(st.message, configs[_i][1]), "%s", st.message);
	free(json);
}
END_TEST

START_TEST(test_capacity)
{
	void *tok = open_quoted("{" MODEL ",'decoder':{'type':'Fuse'}}");
	int32_t ids[3] = { -7, -7, -7 };
	struct aios_status st;
	char text[3] = "..";

	ck_assert_int_eq(bpe_ops()->encode(tok, "ababb", 5, 0, ids, 2, &st), 3);
	ck_assert_int_eq(ids[0], 2);
	ck_assert_int_eq(ids[1], 2);
	ck_assert_int_eq(ids[2], -7);
	ck_assert_int_eq(bpe_ops()->encode(tok, "", 0, 0, NULL, 0, &st), 0);
	ck_assert_int_eq(bpe_ops()->encode(tok, NULL, 0, 0, NULL, 0, &st), 0);
	ck_assert_int_eq(bpe_ops()->decode(tok, ids, 2, 0, text, 1, &st), 4);
	ck_assert_str_eq(text, "a.");
	ids[1] = 3;
	ck_assert_int_eq(bpe_ops()->decode(tok, ids, 2, 0, text, 1, &st), -EINVAL);
	ck_assert_str_eq(st.message, "tokenizer: id 3 is outside the vocabulary of 3");
	bpe_ops()->close(tok);
}
END_TEST

static void check_ids(void *tok, const char *text, uint32_t flags, const char *want)
{
	char got[512] = "";
	size_t used = 0;
	size_t n;
	int32_t *ids = bpe_encode_all(tok, text, strlen(text), flags, &n);

	for (size_t i = 0; i < n && used < sizeof(got) - 16; i++)
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%d", i ? " " : "",
					 ids[i]);
	ck_assert_str_eq(got, want);
	free(ids);
}

START_TEST(test_added)
{
	void *tok = open_quoted("{" MODEL ",'added_tokens':["
				"{'id':3,'content':'<x>','special':true},"
				"{'id':4,'content':'<x>b','special':false,'normalized':false},"
				"{'id':5,'content':'aa','single_word':true,'normalized':false},"
				"{'id':6,'content':'\\u0000','normalized':false}]}");

	check_ids(tok, "a<x>a", 0, "0 3 0");
	check_ids(tok, "a<x>ba", 0, "0 4 0"); /* the longest */
	check_ids(tok, "a<x>a", AIOS_ENCODE_NO_PARSE, "0 0");
	check_ids(tok, "<x>b", AIOS_ENCODE_NO_PARSE, "4"); /* it is not special */
	check_ids(tok, "aa", 0, "5");
	check_ids(tok, "baa", 0, "1 0 0");
	check_ids(tok, "aa aa", 0, "5 5");
	ck_assert_int_eq(bpe_ops()->token_id(tok, "", 1), 6);
	bpe_ops()->close(tok);
}
END_TEST

/* An unknown token that nothing stands for is an error only when it is needed. */
START_TEST(test_unknown)
{
	void *tok = open_quoted("{'model':{" VOCAB ",'merges':[],'unk_token':'<unk>'}}");
	struct aios_status st;

	check_ids(tok, "ab", 0, "0 1");
	ck_assert_int_eq(bpe_ops()->encode(tok, "axb", 3, 0, NULL, 0, &st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(st.message, "model.unk_token \"<unk>\" is needed"));
	bpe_ops()->close(tok);
	/* Without one the character is left out. */
	tok = open_quoted("{" MODEL "}");
	check_ids(tok, "axb", 0, "2");
	bpe_ops()->close(tok);
}
END_TEST

/* The definition: merge the pair of the lowest rank, the leftmost first, until none is left. */
static size_t merge_plainly(char (*words)[64], size_t n, char (*merges)[2][64], size_t n_merges)
{
	for (;;) {
		size_t rank = n_merges;
		size_t at = 0;

		for (size_t i = 0; i + 1 < n; i++)
			for (size_t m = 0; m < rank; m++)
				if (strcmp(words[i], merges[m][0]) == 0 &&
				    strcmp(words[i + 1], merges[m][1]) == 0) {
					rank = m;
					at = i;
				}
		if (rank == n_merges)
			return n;
		memmove(words[at] + strlen(words[at]), words[at + 1], strlen(words[at + 1]) + 1);
		memmove(words + at + 1, words + at + 2, (n - at - 2) * sizeof(*words));
		n--;
	}
}

/* Random merges of three letters; texts short enough to scan and long enough for the heap. */
START_TEST(test_merging)
{
	static char merges[24][2][64];
	static char words[256][64];
	struct text json = { 0 };
	size_t n_words = 3;
	size_t n_merges = 0;
	char item[160];
	char text[256];
	void *tok;

	srand((unsigned int)_i + 1);
	strcpy(words[0], "a");
	strcpy(words[1], "b");
	strcpy(words[2], "c");
	while (n_merges < COUNT(merges)) {
		size_t l = (size_t)rand() % n_words, r = (size_t)rand() % n_words;
		bool known = false;

		snprintf(item, sizeof(item), "%s%s", words[l], words[r]);
		for (size_t i = 0; i < n_words; i++)
			known = known || strcmp(words[i], item) == 0;
		if (known || strlen(item) > 12)
			continue;
		strcpy(merges[n_merges][0], words[l]);
		strcpy(merges[n_merges++][1], words[r]);
		strcpy(words[n_words++], item);
	}
	ck_assert_int_eq(text_append_string(&json, "{'model':{'vocab':{"), 0);
	for (size_t i = 0; i < n_words; i++) {
		snprintf(item, sizeof(item), "%s'%s':%zu", i ? "," : "", words[i], i);
		text_append_string(&json, item);
	}
	text_append_string(&json, "},'merges':[");
	for (size_t i = 0; i < n_merges; i++) {
		text_append_string(&json, i ? ",'" : "'");
		text_append_string(&json, merges[i][0]);
		text_append_string(&json, " ");
		text_append_string(&json, merges[i][1]);
		text_append_string(&json, "'");
	}
	text_append(&json, "]}}", 4);
	tok = open_quoted(json.data);
	text_finish(&json);

	for (int round = 0; round < 100; round++) {
		size_t len = 1 + (size_t)rand() % (round % 2 ? 40 : 200);
		size_t n, plain;
		int32_t *ids;

		for (size_t i = 0; i < len; i++) {
			text[i] = (char)('a' + rand() % 3);
			snprintf(words[i], sizeof(words[i]), "%c", text[i]);
		}
		ids = bpe_encode_all(tok, text, len, 0, &n);
		plain = merge_plainly(words, len, merges, n_merges);
		ck_assert_uint_eq(n, plain);
		for (size_t i = 0; i < n; i++)
			ck_assert_str_eq(bpe_ops()->token(tok, ids[i], NULL), words[i]);
		free(ids);
	}
	bpe_ops()->close(tok);
}
END_TEST

START_TEST(test_invalid_utf8)
{
	static const char *const texts[][2] = {
		{ "a\xff"
		  "b",
		  "a\xef\xbf\xbd"
		  "b" },
		{ "\xe2\x96", "\xef\xbf\xbd" },
		{ "\xe2\x96x", "\xef\xbf\xbdx" },
		{ "\xf0\x9f\x98", "\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};
	void *tok = open_vector("qwen");
	size_t n, len;
	int32_t *ids;
	char *text;

	for (size_t i = 0; i < COUNT(texts); i++) {
		ids = bpe_encode_all(tok, texts[i][0], strlen(texts[i][0]), 0, &n);
		text = bpe_decode_all(tok, ids, n, 0, &len);
		ck_assert_str_eq(text, texts[i][1]);
		free(ids);
		free(text);
	}
	bpe_ops()->close(tok);
}
END_TEST

/* Push tokens by their spelling; each push must give exactly what is listed. */
static void check_stream(void *tok, const char *const (*steps)[2], size_t n)
{
	struct aios_status st;
	const char *text;
	void *stream;
	size_t len;

	ck_assert_int_eq(bpe_ops()->stream_create(tok, 0, &stream, &st), 0);
	for (size_t i = 0; i < n; i++) {
		if (steps[i][0]) {
			int32_t id = bpe_ops()->token_id(tok, steps[i][0], strlen(steps[i][0]));

			ck_assert_msg(id >= 0, "no token %s", steps[i][0]);
			ck_assert_int_eq(bpe_ops()->stream_push(stream, id, &text, &len, &st), 0);
		} else {
			ck_assert_int_eq(bpe_ops()->stream_flush(stream, &text, &len, &st), 0);
		}
		ck_assert_msg(len == strlen(steps[i][1]) && memcmp(text, steps[i][1], len) == 0,
			      "step %zu (%s) gives \"%.*s\"; expected \"%s\"", i,
			      steps[i][0] ? steps[i][0] : "flush", (int)len, text, steps[i][1]);
	}
	ck_assert_int_eq(bpe_ops()->stream_push(stream, INT32_MAX, &text, &len, &st), -EINVAL);
	bpe_ops()->stream_destroy(stream);
	bpe_ops()->stream_destroy(NULL);
}

START_TEST(test_stream)
{
	/* Byte level: F0 9F 98 80, E2 then a letter, and E2 96 at the end. */
	static const char *const bytes[][2] = {
		{ "h", "h" },
		{ "\xc3\xb0", "" },
		{ "\xc5\x81", "" },                 /* 9F */
		{ "\xc4\xba", "" },                 /* 98 */
		{ "\xc4\xa2", "\xf0\x9f\x98\x80" }, /* 80 */
		{ "\xc3\xa2", "" },
		{ "h", "\xef\xbf\xbdh" },
		{ "\xc3\xa2", "" },
		{ "\xc4\xb8", "" }, /* 96 */
		{ NULL, "\xef\xbf\xbd" },
	};
	/* Byte tokens wait for the run's end; the first space goes. */
	static const char *const fallback[][2] = {
		{ "\xe2\x96\x81", "" },
		{ "h", "h" },
		{ "\xe2\x96\x81", " " },
		{ "<0xC3>", "" },
		{ "<0xA9>", "" },
		{ "h", "\xc3\xa9h" },
		{ "<0xC3>", "" },
		{ "<0x41>", "" },
		{ "h", "\xef\xbf\xbd\xef\xbf\xbdh" },
		{ "<0xE2>", "" },
		{ NULL, "\xef\xbf\xbd" },
	};
	void *tok = open_vector("qwen");

	check_stream(tok, bytes, COUNT(bytes));
	bpe_ops()->close(tok);
	tok = open_vector("llama");
	check_stream(tok, fallback, COUNT(fallback));
	bpe_ops()->close(tok);
}
END_TEST

START_TEST(test_bytelevel)
{
	bool seen[0x144] = { false };

	for (unsigned int byte = 0; byte < 256; byte++) {
		uint32_t code = bytelevel_char((unsigned char)byte);

		ck_assert_uint_le(code, BYTELEVEL_LAST);
		ck_assert(!seen[code]);
		seen[code] = true;
		ck_assert_int_eq(bytelevel_byte(code), (int)byte);
	}
	for (uint32_t code = 0; code < 0x400; code++)
		ck_assert_int_eq(bytelevel_byte(code) >= 0, code <= BYTELEVEL_LAST && seen[code]);
	ck_assert_uint_eq(bytelevel_char(' '), 0x120);
	ck_assert_uint_eq(bytelevel_char('\n'), 0x10a);
}
END_TEST

/* Time in proportion to the text, whatever it repeats: the limit is that of Check. */
START_TEST(test_long)
{
	static const char *const units[] = {
		" ",
		"a",
		"1",
		"\n",
		".",
		"\xe4\xb8\xad",
		"\t ",
		"a\xcc\x81",
		"\xcc\x81\xcc\xa3", /* marks in the wrong order, endlessly */
		"\xf0\x9f\x98\x80",
		"<|im_",
		"\xff",
	};
	static const char *const names[] = { "qwen", "kimi", "llama", "mistral" };
	/* Without a pre-tokenizer the text is one piece: slower by its logarithm. */
	const size_t room = _i < 2 ? 1 << 20 : 1 << 18;
	char *text = malloc(room);
	void *tok = open_vector(names[_i]);
	const char *unit;
	int32_t *ids;
	char *back;
	size_t n, len;

	ck_assert_ptr_nonnull(text);
	for (size_t u = 0; u < COUNT(units); u++) {
		size_t size = u < 2 ? room : room / 16;

		unit = units[u];
		for (size_t i = 0; i < size; i++)
			text[i] = unit[i % strlen(unit)];
		ids = bpe_encode_all(tok, text, size - size % strlen(unit), 0, &n);
		back = bpe_decode_all(tok, ids, n, 0, &len);
		ck_assert(utf8_valid(back, len));
		/* Without a normalizer the text comes back. */
		if (_i == 1 && unit[0] != '\xff')
			ck_assert(len == size - size % strlen(unit) &&
				  memcmp(back, text, len) == 0);
		free(ids);
		free(back);
	}
	free(text);
	bpe_ops()->close(tok);
}
END_TEST

static void check_form(enum unicode_form form, const char *in, const char *want)
{
	struct text out = { 0 };

	ck_assert_int_eq(unicode_append_form(&out, in, strlen(in), form), 0);
	ck_assert_msg(out.len == strlen(want) && memcmp(out.data, want, out.len) == 0,
		      "form %d of \"%s\" is \"%.*s\"", form, in, (int)out.len, out.data);
	text_finish(&out);
}

START_TEST(test_forms)
{
	check_form(UNICODE_NFC, "e\xcc\x81", "\xc3\xa9");
	check_form(UNICODE_NFD, "\xc3\xa9", "e\xcc\x81");
	check_form(UNICODE_NFC, "\xe2\x84\xab", "\xc3\x85"); /* the Angstrom sign */
	check_form(UNICODE_NFKC, "\xef\xac\x81", "fi");
	check_form(UNICODE_NFKD, "\xc2\xbd",
		   "1\xe2\x81\x84"
		   "2");
	check_form(UNICODE_NFC, "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c");
	check_form(UNICODE_NFC, "\xef\xac\x81", "\xef\xac\x81");
	/* Marks in canonical order, one run short and one long enough to be counted. */
	check_form(UNICODE_NFD, "a\xcc\x81\xcc\xa3", "a\xcc\xa3\xcc\x81");
	check_form(
		UNICODE_NFD,
		"\xcc\x81\xcc\xa3\xcc\x81\xcc\xa3\xcc\x81\xcc\xa3\xcc\x81\xcc\xa3\xcc\x81\xcc\xa3"
		"\xcc\x81\xcc\xa3\xcc\x81\xcc\xa3\xcc\x81\xcc\xa3\xcc\x81\xcc\xa3",
		"\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3\xcc\x81"
		"\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81");
	/* U+089F is younger than Unicode 9: no class, so no order. */
	check_form(UNICODE_NFC, "\xe0\xa2\x9f\xd6\xbd", "\xe0\xa2\x9f\xd6\xbd");
}
END_TEST

struct worker {
	void *tok;
	const char *text;
	const int32_t *ids;
	size_t n;
	bool same;
};

static void *encode_often(void *arg)
{
	struct worker *w = arg;
	int32_t ids[512];
	struct aios_status st;

	w->same = true;
	for (int i = 0; i < 200; i++) {
		int64_t n = bpe_ops()->encode(w->tok, w->text, strlen(w->text), 0, ids, COUNT(ids),
					      &st);

		w->same = w->same && n == (int64_t)w->n &&
			  memcmp(ids, w->ids, w->n * sizeof(*ids)) == 0;
	}
	return NULL;
}

START_TEST(test_threads)
{
	static const char text[] = "Once upon a time, <|im_start|>there e\xcc\x81 was 1234 a king.";
	void *tok = open_vector("qwen");
	struct worker workers[3];
	pthread_t threads[3];
	size_t n;
	int32_t *ids = bpe_encode_all(tok, text, strlen(text), 0, &n);

	for (size_t i = 0; i < COUNT(threads); i++) {
		workers[i] = (struct worker){ .tok = tok, .text = text, .ids = ids, .n = n };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, encode_often, &workers[i]), 0);
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		ck_assert(workers[i].same);
	}
	free(ids);
	bpe_ops()->close(tok);
}
END_TEST

/* A file cannot make gigabytes of a text. */
START_TEST(test_growth)
{
	struct text json = { 0 };
	struct aios_status st;
	void *tok;

	text_append_string(&json, "{" MODEL ",'normalizer':{'type':'Sequence','normalizers':[");
	for (int i = 0; i < 40; i++) {
		text_append_string(&json, i ? "," : "");
		text_append_string(&json, "{'type':'Replace','content':'aa','pattern':"
					  "{'String':'a'}}");
	}
	text_append(&json, "]}}", 4);
	tok = open_quoted(json.data);
	text_finish(&json);
	ck_assert_int_eq(bpe_ops()->encode(tok, "a", 1, 0, NULL, 0, &st), -E2BIG);
	ck_assert_ptr_nonnull(strstr(st.message, "normalizer makes"));
	bpe_ops()->close(tok);
}
END_TEST

Suite *test_bpe_suite(void)
{
	Suite *suite = suite_create("bpe");
	TCase *tcase = tcase_create("tokenizer");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_bad, 0, (int)COUNT(bad));
	tcase_add_test(tcase, test_cut);
	tcase_add_test(tcase, test_info);
	tcase_add_loop_test(tcase, test_bad_config, 0, 5);
	tcase_add_test(tcase, test_capacity);
	tcase_add_test(tcase, test_added);
	tcase_add_test(tcase, test_unknown);
	tcase_add_loop_test(tcase, test_merging, 0, 5);
	tcase_add_test(tcase, test_invalid_utf8);
	tcase_add_test(tcase, test_stream);
	tcase_add_test(tcase, test_bytelevel);
	tcase_add_test(tcase, test_forms);
	tcase_add_test(tcase, test_threads);
	tcase_add_test(tcase, test_growth);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("long texts");
	tcase_set_timeout(tcase, 240); /* sanitizers */
	tcase_add_loop_test(tcase, test_long, 0, 4);
	suite_add_tcase(suite, tcase);
	return suite;
}
