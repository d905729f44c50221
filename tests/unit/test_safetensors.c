// SPDX-License-Identifier: Apache-2.0
/*
 * test_safetensors.c - the safetensors plugin: what it gives for good folders,
 * and one clear message for every way a folder can be wrong.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aios/plugin/format.h>

#include "env.h"

Suite *test_safetensors_suite(void);

/* The plugin's source is compiled into this test as a built-in module. */
extern const struct aios_module aios_module_safetensors;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char dir[256];

static const struct aios_format_ops *format(void)
{
	return aios_module_safetensors.ops;
}

/* A folder of its own for every test; it lives in `dir`. */
static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/aios-st-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ck_assert_int_eq(unlinkat(dirfd(d), entry->d_name, 0), 0);
	closedir(d);
	ck_assert_int_eq(rmdir(dir), 0);
}

static const char *in_dir(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(in_dir(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* The bytes of a file with this header and data_len counting bytes; malloc. */
static uint8_t *build(const char *header, size_t data_len, size_t *len)
{
	const size_t n = strlen(header);
	uint8_t *bytes = malloc(8 + n + data_len);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)((uint64_t)n >> (8 * i));
	memcpy(bytes + 8, header, n);
	for (size_t i = 0; i < data_len; i++)
		bytes[8 + n + i] = (uint8_t)i;
	*len = 8 + n + data_len;
	return bytes;
}

static void put_tensors(const char *name, const char *header, size_t data_len)
{
	size_t len;
	uint8_t *bytes = build(header, data_len, &len);

	put(name, bytes, len);
	free(bytes);
}

/* Opening `path` must fail with these words in the message. */
static void expect_refusal(const char *path, const char *words, const char *what)
{
	const struct aios_checkpoint *contents = NULL;
	struct aios_status st = { 0 };
	void *ckpt = NULL;
	int rc = format()->open(NULL, path, false, &ckpt, &contents, &st);

	ck_assert_msg(rc < 0, "%s: was opened", what);
	ck_assert_int_eq(st.code, rc);
	ck_assert_msg(strstr(st.message, words) != NULL, "%s: expected '%s' in '%s'", what, words,
		      st.message);
	ck_assert_msg(strstr(st.message, dir) != NULL, "%s: no path in '%s'", what, st.message);
	ck_assert_ptr_null(strchr(st.message, '\n'));
}

static void *open_ok(const char *path, bool meta_only, const struct aios_checkpoint **contents)
{
	struct aios_status st = { 0 };
	void *ckpt = NULL;
	int rc = format()->open(NULL, path, meta_only, &ckpt, contents, &st);

	ck_assert_msg(rc == 0, "%s: %s", path, st.message);
	ck_assert_uint_eq((*contents)->size, sizeof(**contents));
	return ckpt;
}

#define GOOD_HEADER                                                                                \
	"{\"__metadata__\":{\"format\":\"pt\"},"                                                   \
	"\"w\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"                      \
	"\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"                           \
	"\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[16,16]},"                   \
	"\"ids\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[16,20]}}   "
#define GOOD_DATA 20

START_TEST(test_good)
{
	const struct aios_checkpoint *c = NULL;
	const struct aios_ckpt_tensor *w;
	void *ckpt;

	put_text("config.json", "{\"x\":1}");
	put_text("tokenizer.json", "{}");
	put_tensors("model.safetensors", GOOD_HEADER, GOOD_DATA);
	ckpt = open_ok(dir, false, &c);

	ck_assert_uint_eq(c->n_tensors, 4);
	ck_assert_uint_eq(c->bytes, GOOD_DATA);
	ck_assert_str_eq(c->tensors[0].name, "a");
	ck_assert_str_eq(c->tensors[1].name, "ids");
	ck_assert_str_eq(c->tensors[2].name, "none");
	ck_assert_str_eq(c->tensors[3].name, "w");
	ck_assert_uint_eq(c->tensors[0].n_dims, 0);
	ck_assert_uint_eq(c->tensors[0].bytes, 4);
	ck_assert_uint_eq(c->tensors[1].dtype, AIOS_NONE);
	ck_assert_str_eq(c->tensors[1].dtype_name, "I32");
	ck_assert_uint_eq(c->tensors[2].bytes, 0);
	w = &c->tensors[3];
	ck_assert_uint_eq(w->dtype, AIOS_BF16);
	ck_assert_uint_eq(w->n_dims, 2);
	ck_assert_uint_eq(w->shape[0], 2);
	ck_assert_uint_eq(w->shape[1], 3);
	ck_assert_uint_eq(w->offset, 8 + strlen(GOOD_HEADER) + 4);
	ck_assert_str_eq(w->file, in_dir("model.safetensors"));
	ck_assert_uint_eq(((const uint8_t *)w->data)[0], 4);
	ck_assert_uint_eq(((const uint8_t *)w->data)[11], 15);

	ck_assert_str_eq(c->config.text, "{\"x\":1}");
	ck_assert_uint_eq(c->config.len, 7);
	ck_assert_str_eq(c->config.path, in_dir("config.json"));
	ck_assert_str_eq(c->tokenizer.text, "{}");
	ck_assert_ptr_null(c->generation.text);
	ck_assert_ptr_null(c->tokenizer_config.text);
	format()->close(ckpt);
}
END_TEST

START_TEST(test_meta_only)
{
	const struct aios_checkpoint *c = NULL;
	void *ckpt;

	put_text("config.json", "{}");
	put_tensors("model.safetensors", GOOD_HEADER, GOOD_DATA);
	ckpt = open_ok(dir, true, &c);
	ck_assert_uint_eq(c->n_tensors, 4);
	ck_assert_ptr_null(c->tensors[3].data);
	ck_assert_uint_eq(c->tensors[3].bytes, 12);
	format()->prefetch(ckpt, &c->tensors[3]);
	format()->release(ckpt, &c->tensors[3]);
	format()->close(ckpt);
	format()->close(NULL);
}
END_TEST

START_TEST(test_one_file)
{
	const struct aios_checkpoint *c = NULL;

	put_text("config.json", "{}");
	put_tensors("other.safetensors", GOOD_HEADER, GOOD_DATA);
	format()->close(open_ok(in_dir("other.safetensors"), false, &c));
	expect_refusal(dir, "holds neither model.safetensors nor", "folder without model");
	expect_refusal(in_dir("config.json"), "neither a folder nor a .safetensors file", "json");
	expect_refusal(in_dir("absent"), "No such file", "nothing");
}
END_TEST

/* Pages between two tensors' ends stay; what was dropped comes back from the file. */
START_TEST(test_release)
{
	const size_t n = 100000;
	const struct aios_checkpoint *c = NULL;
	char header[256];
	void *ckpt;

	put_text("config.json", "{}");
	snprintf(header, sizeof(header),
		 "{\"a\":{\"dtype\":\"F16\",\"shape\":[%zu],\"data_offsets\":[0,%zu]},"
		 "\"b\":{\"dtype\":\"F16\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}}",
		 n / 2, n, n / 2, n, 2 * n);
	put_tensors("model.safetensors", header, 2 * n);
	ckpt = open_ok(dir, false, &c);
	for (uint32_t i = 0; i < 2; i++) {
		const uint8_t *data = c->tensors[i].data;

		format()->prefetch(ckpt, &c->tensors[i]);
		for (size_t k = 0; k < n; k += 999)
			ck_assert_uint_eq(data[k], (uint8_t)(i * n + k));
		format()->release(ckpt, &c->tensors[i]);
		for (size_t k = 0; k < n; k += 999)
			ck_assert_uint_eq(data[k], (uint8_t)(i * n + k));
	}
	format()->close(ckpt);
}
END_TEST

/* One tensor "w" whose entry is `entry`, over `data_len` bytes of data. */
static const struct {
	const char *what, *header;
	size_t data_len;
	const char *words;
} attacks[] = {
	{ "no JSON", "{nonsense", 0, "not valid JSON" },
	{ "not an object", "[1]", 0, "offset 8: the header does not begin with '{'" },
	{ "leading blank", " {}", 0, "offset 8: the header does not begin with '{'" },
	{ "text after", "{} x", 0, "not valid JSON" },
	{ "duplicate tensor",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
	  "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
	  4, "duplicate" },
	{ "duplicate key", "{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4, "duplicate" },
	{ "entry is a number", "{\"w\":7}", 0, "tensor 'w': expected an object" },
	{ "metadata is a list", "{\"__metadata__\":[]}", 0, "__metadata__: expected an object" },
	{ "metadata holds a number", "{\"__metadata__\":{\"a\":1}}", 0,
	  "__metadata__.a: expected a string" },
	{ "no dtype", "{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
	  "tensor 'w'.dtype: missing" },
	{ "unknown dtype", "{\"w\":{\"dtype\":\"Q9\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
	  "dtype 'Q9' is unknown" },
	{ "endless dtype",
	  "{\"w\":{\"dtype\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"shape\":[],\"data_offsets\":[0,4]}"
	  "}",
	  4, "is unknown" },
	{ "control characters",
	  "{\"w\\n\":{\"dtype\":\"\\n\",\"shape\":[],\"data_offsets\":[0,4]}}", 4,
	  "tensor 'w\\x0a': dtype '\\x0a' is unknown" },
	{ "NUL in a name",
	  "{\"w\\u0000\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
	  "not valid JSON" },
	{ "no shape", "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4,
	  "tensor 'w'.shape: missing" },
	{ "negative dimension", "{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
	  4, "shape[0]: expected an integer from 0" },
	{ "fractional dimension",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4,
	  "shape[0]: expected an integer from 0" },
	{ "nine dimensions",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
	  "9 dimensions; at most 8" },
	{ "product overflows to the right size",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905,4],\"data_offsets\":[0,16]}}",
	  16, "overflows 64 bits" },
	{ "2^63 elements",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]}}", 4,
	  "shape[0]: expected an integer" },
	{ "half a byte", "{\"w\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
	  "no whole bytes" },
	{ "no offsets", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4,
	  "tensor 'w'.data_offsets: missing" },
	{ "one offset", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
	  "expected [begin, end], found 1 elements" },
	{ "offset is text", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]}}",
	  4, "data_offsets[1]: expected an integer" },
	{ "begin after end", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}}", 8,
	  "begins at 8, after its end at 4" },
	{ "past the end", "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
	  "ends at 8, but the file holds 4 bytes" },
	{ "far past the end",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],"
	  "\"data_offsets\":[9223372036854775803,9223372036854775807]}}",
	  4, "but the file holds 4 bytes" },
	{ "2^63 as an offset",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775808]}}", 4,
	  "data_offsets[1]: expected an integer" },
	{ "too few bytes", "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
	  "4 bytes, but its shape and dtype F32 need 8" },
	{ "overlap",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
	  "\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
	  12, "tensor 'v': overlaps tensor 'w'" },
	{ "same bytes twice",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
	  "\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
	  4, "overlaps" },
	{ "hole at the start", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
	  8, "tensor 'w': 4 bytes before it" },
	{ "hole between",
	  "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
	  "\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
	  12, "tensor 'v': 4 bytes before it" },
	{ "bytes after the end", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
	  9, "5 bytes after the last tensor" },
	{ "data without tensors", "{}", 3, "3 bytes after the last tensor" },
};

START_TEST(test_attack)
{
	put_text("config.json", "{}");
	put_tensors("model.safetensors", attacks[_i].header, attacks[_i].data_len);
	expect_refusal(dir, attacks[_i].words, attacks[_i].what);
	ck_assert(attacks[_i].what[0] != '\0');
}
END_TEST

START_TEST(test_deep_header)
{
	char header[4096];

	memset(header, '[', sizeof(header));
	memcpy(header, "{\"w\":", 5);
	header[sizeof(header) - 1] = '\0';
	put_text("config.json", "{}");
	put_tensors("model.safetensors", header, 0);
	expect_refusal(dir, "nested more than", "deep header");
}
END_TEST

START_TEST(test_header_length)
{
	static const uint8_t huge[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}' };
	static const uint8_t over[16] = { 0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{', '}' };
	static const uint8_t past[16] = { 9, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
	static const uint8_t zero[8] = { 0 };

	put_text("config.json", "{}");
	put("model.safetensors", huge, sizeof(huge));
	expect_refusal(dir, "header length 18446744073709551615 is over the limit", "2^64 - 1");
	put("model.safetensors", over, sizeof(over));
	expect_refusal(dir, "header length 100000001 is over the limit of 100000000", "limit + 1");
	put("model.safetensors", past, sizeof(past));
	expect_refusal(dir, "header length 9, but only 8 bytes follow", "one byte short");
	put("model.safetensors", zero, sizeof(zero));
	expect_refusal(dir, "does not begin with '{'", "empty header");
	put("model.safetensors", zero, 7);
	expect_refusal(dir, "7 bytes; a safetensors file begins with 8", "seven bytes");
}
END_TEST

/* Cut anywhere, a file is refused; with any byte changed it does no harm. */
START_TEST(test_cut_and_flipped)
{
	const struct aios_checkpoint *c = NULL;
	size_t len;
	uint8_t *bytes = build(GOOD_HEADER, GOOD_DATA, &len);

	put_text("config.json", "{}");
	for (size_t cut = 0; cut < len; cut++) {
		put("model.safetensors", bytes, cut);
		expect_refusal(dir, "model.safetensors", "cut file");
	}
	for (size_t i = 0; i < len - GOOD_DATA; i++) {
		struct aios_status st = { 0 };
		void *ckpt = NULL;

		bytes[i] ^= (uint8_t)(1u << (i % 8));
		put("model.safetensors", bytes, len);
		bytes[i] ^= (uint8_t)(1u << (i % 8));
		if (format()->open(NULL, dir, false, &ckpt, &c, &st) == 0)
			format()->close(ckpt);
		else
			ck_assert_int_ne(st.message[0], '\0');
	}
	free(bytes);
}
END_TEST

#define SHARD(name) "{\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
#define SHARD2(one, two)                                                                           \
	"{\"" one "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"                   \
	"\"" two "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}"

static void put_index(const char *weight_map)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"metadata\":{\"total_size\":8},\"weight_map\":%s}",
		 weight_map);
	put_text("model.safetensors.index.json", text);
}

START_TEST(test_shards)
{
	const struct aios_checkpoint *c = NULL;
	void *ckpt;

	put_text("config.json", "{}");
	put_tensors("s1.safetensors", SHARD2("a", "both"), 8);
	put_tensors("s2.safetensors", SHARD2("both", "extra"), 8);
	put_index("{\"a\":\"s1.safetensors\",\"both\":\"s2.safetensors\"}");
	ckpt = open_ok(dir, false, &c);
	ck_assert_uint_eq(c->n_tensors, 3);
	ck_assert_uint_eq(c->bytes, 12);
	ck_assert_str_eq(c->tensors[0].name, "a");
	ck_assert_str_eq(c->tensors[1].name, "both");
	ck_assert_str_eq(c->tensors[1].file, in_dir("s2.safetensors"));
	ck_assert_str_eq(c->tensors[2].name, "extra");
	format()->close(ckpt);

	/* A single file goes before an index. */
	put_tensors("model.safetensors", SHARD("single"), 4);
	ckpt = open_ok(dir, false, &c);
	ck_assert_uint_eq(c->n_tensors, 1);
	ck_assert_str_eq(c->tensors[0].name, "single");
	format()->close(ckpt);
}
END_TEST

static const struct {
	const char *what, *map, *words;
} bad_maps[] = {
	{ "a list", "[]", "weight_map: expected an object" },
	{ "null", "null", "weight_map: expected an object" },
	{ "a number as file", "{\"a\":1}", "weight_map.a: expected a string" },
	{ "a missing file", "{\"a\":\"gone.safetensors\"}",
	  "names the file 'gone.safetensors', which is missing" },
	{ "the parent folder", "{\"a\":\"../s1.safetensors\"}", "in the same folder" },
	{ "a folder below", "{\"a\":\"x/s1.safetensors\"}", "in the same folder" },
	{ "an absolute path", "{\"a\":\"/s1.safetensors\"}", "in the same folder" },
	{ "dots", "{\"a\":\"..\"}", "in the same folder" },
	{ "an empty name", "{\"a\":\"\"}", "in the same folder" },
	{ "another kind of file", "{\"a\":\"config.json\"}", "in the same folder" },
	{ "a NUL in the name", "{\"a\":\"s1.safetensors\\u0000.safetensors\"}", "NUL" },
	{ "an absent tensor", "{\"a\":\"s1.safetensors\",\"z\":\"s1.safetensors\"}",
	  "says that tensor 'z' is in 's1.safetensors', but it is not" },
	{ "the wrong shard",
	  "{\"a\":\"s2.safetensors\",\"b\":\"s2.safetensors\",\"c\":\"s1.safetensors\"}",
	  "says that tensor 'a' is in 's2.safetensors', but it is in" },
	{ "two owners", "{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\"}",
	  "the index does not say which is meant" },
	{ "a duplicate", "{\"a\":\"s1.safetensors\",\"a\":\"s1.safetensors\"}", "duplicate" },
};

START_TEST(test_bad_index)
{
	put_text("config.json", "{}");
	put_tensors("s1.safetensors", SHARD2("a", "c"), 8);
	put_tensors("s2.safetensors", SHARD2("b", "c"), 8);
	put_index(bad_maps[_i].map);
	expect_refusal(dir, bad_maps[_i].words, bad_maps[_i].what);
}
END_TEST

START_TEST(test_bad_index_file)
{
	put_text("config.json", "{}");
	put_text("model.safetensors.index.json", "");
	expect_refusal(dir, "the file is empty", "empty index");
	put_text("model.safetensors.index.json", "{}");
	expect_refusal(dir, "weight_map: missing", "no weight_map");
	put_tensors("s1.safetensors", SHARD("a"), 3);
	put_index("{\"a\":\"s1.safetensors\"}");
	expect_refusal(dir, "s1.safetensors: tensor 'a'.data_offsets: ends at 4", "cut shard");
}
END_TEST

START_TEST(test_texts)
{
	put_tensors("model.safetensors", GOOD_HEADER, GOOD_DATA);
	expect_refusal(dir, "config.json: missing", "no config.json");
	put_text("config.json", "{}");
	ck_assert_int_eq(mkfifo(in_dir("tokenizer.json"), 0600), 0);
	expect_refusal(dir, "tokenizer.json: not a regular file", "a named pipe");
	unlink(in_dir("tokenizer.json"));
	put_text("tokenizer.json", "");
	ck_assert_int_eq(truncate(in_dir("tokenizer.json"), 257L * 1024 * 1024), 0);
	expect_refusal(dir, "269484032 bytes; at most 268435456", "an endless tokenizer");
}
END_TEST

START_TEST(test_probe)
{
	char reason[128];

	ck_assert_int_eq(format()->probe(NULL, dir, reason), 0);
	ck_assert_ptr_nonnull(strstr(reason, "neither"));
	ck_assert_int_eq(format()->probe(NULL, in_dir("gone"), reason), 0);
	ck_assert_ptr_nonnull(strstr(reason, "No such file"));
	put_text("model.gguf", "GGUF");
	ck_assert_int_eq(format()->probe(NULL, in_dir("model.gguf"), reason), 0);
	put_index("{}");
	ck_assert_int_gt(format()->probe(NULL, dir, reason), 0);
	put_tensors("model.safetensors", GOOD_HEADER, GOOD_DATA);
	ck_assert_int_gt(format()->probe(NULL, dir, reason), 0);
	ck_assert_int_gt(format()->probe(NULL, in_dir("model.safetensors"), reason), 0);
}
END_TEST

static const struct {
	const char *name;
	uint32_t tensors;
} golden[] = {
	{ "llama2-mha", 21 }, { "llama3-rope", 21 }, { "llama-bias", 35 }, { "llama-yarn", 21 },
	{ "qwen2", 27 },      { "qwen3", 25 },       { "qwen3-tied", 24 }, { "mistral-swa", 21 },
};

START_TEST(test_golden)
{
	const struct aios_checkpoint *c = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/../shared/golden/models", env_source());
	if (access(path, R_OK) < 0) {
		printf("test_safetensors: golden: skipped, no %s\n", path);
		return;
	}
	for (size_t i = 0; i < COUNT(golden); i++) {
		snprintf(path, sizeof(path), "%s/../shared/golden/models/%s", env_source(),
			 golden[i].name);
		void *ckpt = open_ok(path, false, &c);

		ck_assert_uint_eq(c->n_tensors, golden[i].tensors);
		ck_assert_ptr_nonnull(c->generation.text);
		for (uint32_t k = 0; k < c->n_tensors; k++)
			ck_assert_uint_eq(c->tensors[k].dtype, AIOS_BF16);
		format()->close(ckpt);
	}
}
END_TEST

Suite *test_safetensors_suite(void)
{
	Suite *s = suite_create("safetensors");
	TCase *tc = tcase_create("safetensors");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, make_dir, remove_dir);
	tcase_add_test(tc, test_good);
	tcase_add_test(tc, test_meta_only);
	tcase_add_test(tc, test_one_file);
	tcase_add_test(tc, test_release);
	tcase_add_loop_test(tc, test_attack, 0, (int)COUNT(attacks));
	tcase_add_test(tc, test_deep_header);
	tcase_add_test(tc, test_header_length);
	tcase_add_test(tc, test_cut_and_flipped);
	tcase_add_test(tc, test_shards);
	tcase_add_loop_test(tc, test_bad_index, 0, (int)COUNT(bad_maps));
	tcase_add_test(tc, test_bad_index_file);
	tcase_add_test(tc, test_texts);
	tcase_add_test(tc, test_probe);
	tcase_add_test(tc, test_golden);
	suite_add_tcase(s, tc);
	return s;
}
