// SPDX-License-Identifier: Apache-2.0
/*
 * test_conform.c - the conformance kit itself: its digests by known answers, its cases
 * as pure functions, its verdicts on a right driver, expectations, reports, certificates.
 * That it finds wrong drivers is tests/conformance/test_faulty.c.
 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aios/conform.h>
#include <aios/numerics.h>

#include "core/conform/gen.h"
#include "core/lib/sha256.h"
#include "env.h"

Suite *test_conform_suite(void);

/* --- SHA-256: the examples of FIPS 180-4 and longer ones ---------------------------- */

static void check_sha(const char *text, size_t repeat, const char *want)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX];
	struct sha256 s;

	sha256_init(&s);
	for (size_t i = 0; i < repeat; i++)
		sha256_update(&s, text, strlen(text));
	sha256_final(&s, digest);
	sha256_hex(digest, SHA256_BYTES, hex);
	ck_assert_str_eq(hex, want);
}

START_TEST(test_sha256)
{
	check_sha("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sha("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check_sha("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	/* In pieces that do not fit the block of 64 bytes: the same. */
	check_sha("aaaaaaaaaa", 100000,
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

/* --- distances ----------------------------------------------------------------------- */

START_TEST(test_ulp)
{
	ck_assert_uint_eq(conform_ulp(AIOS_F32, 0x3f800000, 0x3f800001), 1);
	ck_assert_uint_eq(conform_ulp(AIOS_F32, 0x00000000, 0x80000000), 0);
	ck_assert_uint_eq(conform_ulp(AIOS_F32, 0x00000001, 0x80000001), 2);
	ck_assert_uint_eq(conform_ulp(AIOS_F32, 0x7f800000, 0x7f7fffff), 1);
	ck_assert_uint_eq(conform_ulp(AIOS_F32, 0x7fc00000, 0x3f800000), UINT64_MAX);
	ck_assert_uint_eq(conform_ulp(AIOS_BF16, 0x3f80, 0x3f7f), 1);
	ck_assert_uint_eq(conform_ulp(AIOS_F16, 0x7c01, 0x3c00), UINT64_MAX);
	ck_assert_uint_eq(conform_ulp(AIOS_F16, 0x8001, 0x0001), 2);
	ck_assert_uint_eq(conform_ulp(AIOS_E4M3, 0x7e, 0x7f), UINT64_MAX);
	ck_assert_uint_eq(conform_ulp(AIOS_I8, 0xff, 0x01), 2);
	ck_assert_uint_eq(conform_ulp(AIOS_I32, 0xffffffff, 0), 1);
}
END_TEST

/* --- cases ------------------------------------------------------------------------------ */

/* A digest over all that a program begins with. */
static void program_digest(const struct gen *g, uint32_t profile, uint32_t index, uint64_t seed,
			   char hex[SHA256_HEX])
{
	uint8_t digest[SHA256_BYTES];
	struct gen_case one;
	struct sha256 s;
	struct prog p;

	gen_make(g, profile, index, seed, &one);
	ck_assert_msg(gen_build(&one, &p) == 0, "%s is no case", one.id);
	ck_assert_uint_gt(p.n_ops, 0);
	sha256_init(&s);
	for (size_t i = 0; i < p.n_bufs; i++) {
		sha256_update(&s, &p.bufs[i].bytes, sizeof(p.bufs[i].bytes));
		if (p.bufs[i].image)
			sha256_update(&s, p.bufs[i].image, p.bufs[i].bytes);
	}
	for (size_t i = 0; i < p.n_ops; i++)
		sha256_update(&s, p.ops[i], ((struct aios_op *)p.ops[i])->size);
	sha256_final(&s, digest);
	sha256_hex(digest, SHA256_BYTES, hex);
	prog_finish(&p);
}

/* The same name and seed: the same bytes. Another seed or number: others. */
START_TEST(test_pure)
{
	char a[SHA256_HEX], b[SHA256_HEX];

	for (size_t i = 0; i < gen_n; i++) {
		program_digest(gen_all[i], AIOS_PROFILE_TC_SM90, 3, 7, a);
		program_digest(gen_all[i], AIOS_PROFILE_TC_SM90, 3, 7, b);
		ck_assert_str_eq(a, b);
		program_digest(gen_all[i], AIOS_PROFILE_TC_SM90, 3, 8, b);
		ck_assert_str_ne(a, b);
		program_digest(gen_all[i], AIOS_PROFILE_TC_SM90, 4, 7, b);
		ck_assert_str_ne(a, b);
	}
}
END_TEST

/* Every number makes a case, and the quick ones meet every distribution. */
START_TEST(test_all_build)
{
	for (size_t i = 0; i < gen_n; i++) {
		const struct gen *g = gen_all[i];
		uint32_t seen = 0, at = UINT32_MAX;

		for (uint32_t k = 0; k < g->n_params; k++)
			if (g->params[k].kind == GEN_DIST)
				at = k;
		ck_assert_uint_ne(at, UINT32_MAX);
		ck_assert_uint_lt(g->n_params, GEN_PARAMS);
		for (uint32_t index = 0; index < g->quick; index++) {
			struct gen_case one;
			struct prog p;

			gen_make(g, (uint32_t)i % AIOS_PROFILE_COUNT, index, 1, &one);
			ck_assert_msg(gen_build(&one, &p) == 0, "%s is no case", one.id);
			prog_finish(&p);
			seen |= 1u << one.v[at];
		}
		ck_assert_msg(seen == (1u << DIST_COUNT) - 1, "%s: distributions 0x%x", g->name,
			      seen);
	}
}
END_TEST

/* A row's values are its own: row 5 of a case is row 0 of the case that begins there. */
START_TEST(test_rows)
{
	struct gen_case one;
	struct prog all, part;

	gen_make(gen_find("add"), 0, 0, 1, &one);
	one.v[0] = 9;
	ck_assert_int_eq(gen_build(&one, &all), 0);
	one.v[0] = 1;
	one.row0 = 5;
	ck_assert_int_eq(gen_build(&one, &part), 0);
	for (int b = 0; b < 2; b++)
		ck_assert_mem_eq(prog_row(&part, b, 0), prog_row(&all, b, 5),
				 all.bufs[b].cols * aios_dtype_bytes(all.bufs[b].dtype));
	prog_finish(&all);
	prog_finish(&part);
}
END_TEST

/* --- runs ---------------------------------------------------------------------------------- */

struct kit {
	struct aios_config *config;
	struct aios *aios;
	struct aios_conform *conform;
	struct aios_status st;
};

static int run_with(struct kit *k, const struct aios_conform_options *o)
{
	memset(k, 0, sizeof(*k));
	k->config = aios_config_create();
	ck_assert_ptr_nonnull(k->config);
	ck_assert_int_eq(aios_config_set_text(k->config, "aios.driver=cpu-ref", &k->st), 0);
	ck_assert_int_eq(aios_config_set_text(k->config, "aios.threads=2", &k->st), 0);
	ck_assert_msg(aios_create(k->config, NULL, NULL, &k->aios, &k->st) == 0, "%s",
		      k->st.message);
	return aios_conform_run(k->aios, o, &k->conform, &k->st);
}

static void finish(struct kit *k)
{
	aios_conform_destroy(k->conform);
	aios_destroy(k->aios);
	aios_config_destroy(k->config);
}

/* A file of its own with these contents; the caller unlinks it. */
static void file_with(char path[64], const char *text)
{
	FILE *f;
	int fd;

	snprintf(path, 64, "/tmp/aios-conform-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	f = fdopen(fd, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* The outputs of cpu-ref may change only with the contract's version (tests/vectors/conform). */
START_TEST(test_golden)
{
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	const struct aios_conform_summary *s;
	const struct aios_conform_case *r;
	char path[4096];
	struct kit k;

	snprintf(path, sizeof(path), "%s/tests/vectors/conform/cpu-ref-quick.txt", env_source());
	ck_assert_msg(access(path, R_OK) == 0, "%s is missing", path);
	o.level = 3;
	o.quick = true;
	o.digests = path;
	ck_assert_msg(run_with(&k, &o) == 0, "%s", k.st.message);
	s = aios_conform_summary(k.conform);
	for (size_t i = 0; (r = aios_conform_case(k.conform, i)) != NULL; i++)
		ck_assert_msg(r->status == AIOS_CONFORM_PASS || r->status == AIOS_CONFORM_SKIP,
			      "%s: %s", r->id, r->message);
	ck_assert(s->passed && s->complete);
	ck_assert_uint_gt(s->compared, 700);
	for (size_t i = 0; (r = aios_conform_case(k.conform, i)) != NULL; i++)
		ck_assert_msg(r->status == AIOS_CONFORM_PASS || strcmp(r->op, "peer") == 0 ||
				      strncmp(r->op, "comm-", 5) == 0,
			      "%s: %s", r->id, r->message);
	finish(&k);
}
END_TEST

/* One digit of a digest changed: that case fails, and says both digests. */
START_TEST(test_wrong_digest)
{
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	const struct aios_conform_case *r;
	char path[64], text[256];
	struct kit k;

	snprintf(text, sizeof(text),
		 "aios-digests 1 numerics %d seed 0\nl2/add/any/1 "
		 "0123456789abcdef0123456789abcdef\n",
		 AIOS_NUMERICS_VERSION);
	file_with(path, text);
	o.filter = "l2/add/any/[01]";
	o.quick = true;
	o.digests = path;
	ck_assert_int_eq(run_with(&k, &o), 0);
	ck_assert(!aios_conform_summary(k.conform)->passed);
	r = aios_conform_case(k.conform, 0);
	ck_assert_str_eq(r->id, "l2/add/any/0");
	ck_assert_uint_eq(r->status, AIOS_CONFORM_PASS);
	r = aios_conform_case(k.conform, 1);
	ck_assert_uint_eq(r->status, AIOS_CONFORM_FAIL);
	ck_assert_ptr_nonnull(strstr(r->message, r->digest));
	ck_assert_ptr_nonnull(strstr(r->message, "0123456789abcdef"));
	ck_assert_ptr_nonnull(strstr(r->repeat, "--case 'l2/add/any/1'"));
	finish(&k);
	unlink(path);
}
END_TEST

/* Written, then compared with; another seed cannot be. */
START_TEST(test_digest_file)
{
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	char path[64];
	struct kit k;

	file_with(path, "");
	unlink(path);
	o.filter = "l2/glu/any/[0-3]";
	o.digests = path;
	o.seed = 5;
	ck_assert_int_eq(run_with(&k, &o), 0);
	ck_assert_uint_eq(aios_conform_summary(k.conform)->compared, 0);
	finish(&k);
	ck_assert_int_eq(run_with(&k, &o), 0);
	ck_assert_uint_eq(aios_conform_summary(k.conform)->compared, 4);
	ck_assert(aios_conform_summary(k.conform)->passed);
	finish(&k);
	o.seed = 6;
	ck_assert_int_eq(run_with(&k, &o), -EINVAL);
	ck_assert_ptr_nonnull(strstr(k.st.message, "seed 5"));
	finish(&k);
	o.seed = 5;
	o.filter = "l2/add/any/0";
	ck_assert_int_eq(run_with(&k, &o), -EINVAL); /* nothing to compare */
	finish(&k);
	unlink(path);
}
END_TEST

static uint32_t status_with(const char *expectations, const char *digest_of_1, const char *today,
			    char *message, size_t size)
{
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	char path[64], digests[64], text[256];
	uint32_t status;
	struct kit k;

	file_with(path, expectations);
	snprintf(text, sizeof(text), "aios-digests 1 numerics %d seed 0\nl2/add/any/1 %s\n",
		 AIOS_NUMERICS_VERSION, digest_of_1);
	file_with(digests, text);
	o.only = "l2/add/any/1";
	o.digests = digests;
	o.expect = path;
	o.today = today;
	ck_assert_msg(run_with(&k, &o) == 0, "%s", k.st.message);
	status = aios_conform_case(k.conform, 0)->status;
	snprintf(message, size, "%s", aios_conform_case(k.conform, 0)->message);
	ck_assert(aios_conform_summary(k.conform)->passed ==
		  (status == AIOS_CONFORM_EXPECTED || status == AIOS_CONFORM_PASS));
	finish(&k);
	unlink(path);
	unlink(digests);
	return status;
}

#define WRONG "0123456789abcdef0123456789abcdef"

START_TEST(test_expectations)
{
	const char *line = "# a comment\n\nl2/add/* 2030-01-31 the adder is being rewritten\n";
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	char message[640], digest[33], path[64];
	struct kit k;

	ck_assert_uint_eq(status_with(line, WRONG, "2030-01-31", message, sizeof(message)),
			  AIOS_CONFORM_EXPECTED);
	ck_assert_ptr_nonnull(strstr(message, "the adder is being rewritten"));
	ck_assert_uint_eq(status_with(line, WRONG, "2030-02-01", message, sizeof(message)),
			  AIOS_CONFORM_FAIL);
	ck_assert_ptr_nonnull(strstr(message, "2030-01-31"));
	ck_assert_uint_eq(status_with("l2/glu/* 2030-01-31 other\n", WRONG, "2026-01-01", message,
				      sizeof(message)),
			  AIOS_CONFORM_FAIL);
	o.only = "l2/add/any/1";
	ck_assert_int_eq(run_with(&k, &o), 0);
	snprintf(digest, sizeof(digest), "%s", aios_conform_case(k.conform, 0)->digest);
	finish(&k);
	ck_assert_uint_eq(status_with(line, digest, "2026-01-01", message, sizeof(message)),
			  AIOS_CONFORM_UNEXPECTED_PASS);
	ck_assert_ptr_nonnull(strstr(message, "remove the line"));

	file_with(path, "l2/add/* soon because\n");
	o.expect = path;
	ck_assert_int_eq(run_with(&k, &o), -EINVAL);
	ck_assert_ptr_nonnull(strstr(k.st.message, ":1:"));
	finish(&k);
	unlink(path);
	file_with(path, "l2/add/* 2030-01-31\n"); /* no reason */
	ck_assert_int_eq(run_with(&k, &o), -EINVAL);
	finish(&k);
	unlink(path);
	ck_assert_int_eq(run_with(&k, &o), -ENOENT); /* no file */
	finish(&k);
}
END_TEST

/* --- what cannot be run ------------------------------------------------------------------- */

START_TEST(test_bad_options)
{
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	struct kit k;

	o.level = 6;
	ck_assert_int_eq(run_with(&k, &o), -EINVAL);
	ck_assert_ptr_null(k.conform);
	finish(&k);
	o.level = 2;
	o.only = "l2/add/any/99999";
	ck_assert_int_eq(run_with(&k, &o), -ENOENT);
	ck_assert_ptr_nonnull(strstr(k.st.message, "l2/add/any/99999"));
	finish(&k);
	o.only = NULL;
	o.filter = "l9/*";
	ck_assert_int_eq(run_with(&k, &o), -ENOENT);
	finish(&k);
	o.filter = NULL;
	o.profile = "fp64";
	ck_assert_int_eq(run_with(&k, &o), -EINVAL);
	ck_assert_ptr_nonnull(strstr(k.st.message, "tc-sm90"));
	finish(&k);
	o.profile = NULL;
	o.against = "nobody";
	ck_assert_int_lt(run_with(&k, &o), 0);
	ck_assert_ptr_nonnull(strstr(k.st.message, "nobody"));
	finish(&k);
}
END_TEST

static int stop_at_three(void *ctx, size_t done, size_t total, const struct aios_conform_case *last)
{
	(void)ctx;
	(void)total;
	(void)last;
	return done == 3;
}

START_TEST(test_stop)
{
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	struct kit k;

	o.filter = "l2/add/any/*";
	o.quick = true;
	o.progress = stop_at_three;
	ck_assert_int_eq(run_with(&k, &o), -EINTR);
	ck_assert_ptr_nonnull(k.conform);
	ck_assert_ptr_nonnull(aios_conform_case(k.conform, 2));
	ck_assert_ptr_null(aios_conform_case(k.conform, 3));
	ck_assert(!aios_conform_summary(k.conform)->passed);
	ck_assert_int_eq(aios_conform_certify(k.conform, "/tmp/never", &k.st), -EINVAL);
	finish(&k);
}
END_TEST

/* --- reports ---------------------------------------------------------------------------------- */

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 0);
	fclose(f);
	return text;
}

/* A run with a failure in it, made by a wrong digest. */
static void run_failing(struct kit *k)
{
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	char digests[64], text[256];

	snprintf(text, sizeof(text), "aios-digests 1 numerics %d seed 0\nl2/add/any/1 " WRONG "\n",
		 AIOS_NUMERICS_VERSION);
	file_with(digests, text);
	o.filter = "l2/add/any/[0-3]";
	o.digests = digests;
	ck_assert_int_eq(run_with(k, &o), 0);
	unlink(digests);
}

START_TEST(test_json)
{
	const char *path = "/tmp/aios-conform-test.json";
	json_t *o, *cases, *one;
	struct kit k;

	run_failing(&k);
	ck_assert_int_eq(aios_conform_write(k.conform, path, &k.st), 0);
	o = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "report")), 1);
	ck_assert(json_is_false(json_object_get(o, "passed")));
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(o, "driver"), "name")),
			 "cpu-ref");
	cases = json_object_get(o, "cases");
	ck_assert_uint_eq(json_array_size(cases), 4);
	one = json_array_get(cases, 1);
	ck_assert_str_eq(json_string_value(json_object_get(one, "id")), "l2/add/any/1");
	ck_assert_str_eq(json_string_value(json_object_get(one, "status")), "fail");
	ck_assert_ptr_nonnull(json_object_get(one, "repeat"));
	one = json_array_get(cases, 0);
	ck_assert_str_eq(json_string_value(json_object_get(one, "status")), "pass");
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(one, "digest"))), 32);
	json_decref(o);
	unlink(path);
	finish(&k);
}
END_TEST

START_TEST(test_other_reports)
{
	struct kit k;
	char *text;

	run_failing(&k);
	ck_assert_int_eq(aios_conform_write(k.conform, "/tmp/aios-conform-test.xml", &k.st), 0);
	text = slurp("/tmp/aios-conform-test.xml");
	ck_assert_ptr_nonnull(
		strstr(text, "<testsuite name=\"L2 ops\" tests=\"4\" failures=\"1\""));
	ck_assert_ptr_nonnull(strstr(text, "name=\"l2/add/any/1\""));
	ck_assert_ptr_nonnull(strstr(text, "&quot;") ? text : strstr(text, "<failure"));
	free(text);
	ck_assert_int_eq(aios_conform_write(k.conform, "/tmp/aios-conform-test.html", &k.st), 0);
	text = slurp("/tmp/aios-conform-test.html");
	ck_assert_ptr_nonnull(strstr(text, "does not conform"));
	ck_assert_ptr_nonnull(strstr(text, "<code>l2/add/any/1</code>"));
	ck_assert_ptr_nonnull(strstr(text, "prefers-color-scheme:dark"));
	ck_assert_ptr_null(strstr(text, "src=\"http"));
	free(text);
	ck_assert_int_eq(aios_conform_write(k.conform, "/tmp/report.pdf", &k.st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(k.st.message, ".html"));
	ck_assert_int_eq(aios_conform_write(k.conform, "/no/such/folder/r.json", &k.st), -ENOENT);
	ck_assert_int_eq(aios_conform_certify(k.conform, "/tmp/c.json", &k.st), -EINVAL);
	unlink("/tmp/aios-conform-test.xml");
	unlink("/tmp/aios-conform-test.html");
	finish(&k);
}
END_TEST

START_TEST(test_certificate)
{
	const char *path = "/tmp/aios-conform-certificate.json";
	struct aios_conform_options o = AIOS_CONFORM_INIT;
	struct kit k;
	json_t *c;

	o.level = 0;
	o.quick = true;
	o.seed = 3;
	ck_assert_int_eq(run_with(&k, &o), 0);
	ck_assert_msg(aios_conform_summary(k.conform)->passed, "level 0 failed");
	ck_assert_msg(aios_conform_certify(k.conform, path, &k.st) == 0, "%s", k.st.message);
	c = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(json_integer_value(json_object_get(c, "numerics_version")),
			 AIOS_NUMERICS_VERSION);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(c, "run"), "seed")), 3);
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(c, "digest"))), 64);
	ck_assert_uint_eq(json_array_size(json_object_get(c, "numerics_ids")), AIOS_PROFILE_COUNT);
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(c, "run"), "levels")), 1);
	json_decref(c);
	unlink(path);
	finish(&k);
	o.profile = "fma32"; /* a part */
	ck_assert_int_eq(run_with(&k, &o), 0);
	ck_assert_int_eq(aios_conform_certify(k.conform, path, &k.st), -EINVAL);
	finish(&k);
}
END_TEST

Suite *test_conform_suite(void)
{
	Suite *s = suite_create("conform");
	TCase *tc = tcase_create("conform");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_sha256);
	tcase_add_test(tc, test_ulp);
	tcase_add_test(tc, test_pure);
	tcase_add_test(tc, test_all_build);
	tcase_add_test(tc, test_rows);
	tcase_add_test(tc, test_golden);
	tcase_add_test(tc, test_wrong_digest);
	tcase_add_test(tc, test_digest_file);
	tcase_add_test(tc, test_expectations);
	tcase_add_test(tc, test_bad_options);
	tcase_add_test(tc, test_stop);
	tcase_add_test(tc, test_json);
	tcase_add_test(tc, test_other_reports);
	tcase_add_test(tc, test_certificate);
	suite_add_tcase(s, tc);
	return s;
}
