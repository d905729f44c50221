// SPDX-License-Identifier: Apache-2.0
/* test_config.c - the option table, its layers, the ini file and the environment. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aios/config.h>

#include "core/config/config.h"
#include "core/config/value.h"

Suite *test_config_suite(void);

#define ck_assert_contains(text, part)                                                             \
	ck_assert_msg(strstr(text, part) != NULL, "'%s' does not contain '%s'", text, part)

static struct aios_config *cfg;
static struct aios_status st;

static void setup(void)
{
	cfg = aios_config_create();
	ck_assert_ptr_nonnull(cfg);
	aios_status_clear(&st);
}

static void teardown(void)
{
	aios_config_destroy(cfg);
}

static int read_ini(const char *text, size_t size)
{
	FILE *stream = size ? fmemopen((void *)(uintptr_t)text, size, "r") :
			      fopen("/dev/null", "r");
	int err;

	ck_assert_ptr_nonnull(stream);
	err = config_read_ini(cfg, stream, "a.ini", &st);
	fclose(stream);
	return err;
}

static void good_ini(const char *text)
{
	ck_assert_msg(read_ini(text, strlen(text)) == 0, "%s", st.message);
}

static void bad_ini(const char *text, const char *part)
{
	ck_assert_int_lt(read_ini(text, strlen(text)), 0);
	ck_assert_contains(st.message, part);
}

/* ---- the table ------------------------------------------------------------- */

START_TEST(every_row_is_sound)
{
	size_t n = aios_config_count(cfg);

	ck_assert_uint_gt(n, 30);
	for (size_t i = 0; i < n; i++) {
		const struct aios_option *a = aios_config_option(cfg, i);

		ck_assert_msg(param_check(&a->param, &st) == 0, "%s", st.message);
		ck_assert_ptr_nonnull(a->group);
		ck_assert_uint_ne(a->commands, 0);
		ck_assert_msg(a->cli != NULL, "%s", a->param.name);
		ck_assert_msg((a->param.type == AIOS_PARAM_BOOL) == (a->value_name == NULL), "--%s",
			      a->cli);
		ck_assert_msg((a->env == NULL) == !strcmp(a->section, AIOS_SECTION_COMMAND), "--%s",
			      a->cli);
		for (size_t j = 0; j < i; j++) {
			const struct aios_option *b = aios_config_option(cfg, j);

			ck_assert_str_ne(a->cli, b->cli);
			ck_assert(!a->cli_short || a->cli_short != b->cli_short);
			ck_assert(!a->env || !b->env || strcmp(a->env, b->env) != 0);
		}
	}
	ck_assert_ptr_null(aios_config_option(cfg, n));
}
END_TEST

START_TEST(names_of_the_command_line)
{
	bool negated;
	int i = aios_config_find_cli(cfg, "driver", NULL);

	ck_assert_int_ge(i, 0);
	ck_assert_str_eq(aios_config_option(cfg, (size_t)i)->env, "AIOS_DRIVER");
	ck_assert_int_eq(aios_config_find_cli(cfg, "temp", NULL),
			 aios_config_find_cli(cfg, "temperature", NULL));
	ck_assert_int_eq(aios_config_find_cli(cfg, "no-special", &negated),
			 aios_config_find_cli(cfg, "special", NULL));
	ck_assert(negated);
	ck_assert_int_ge(aios_config_find_cli(cfg, "no-config", &negated), 0);
	ck_assert(!negated);
	ck_assert_int_eq(aios_config_find_cli(cfg, "no-driver", NULL), -1);
	ck_assert_int_eq(aios_config_find_cli(cfg, "driver-pat", NULL), -1);
	ck_assert_int_eq(aios_config_find_cli(cfg, "", NULL), -1);
	ck_assert_int_eq(aios_config_find_short(cfg, 'm'), aios_config_find(cfg, "aios", "model"));
	ck_assert_int_eq(aios_config_find_short(cfg, '?'), -1);
	ck_assert_int_eq(aios_config_find_short(cfg, 0), -1);
	ck_assert_str_eq(aios_config_suggest_cli(cfg, "drvier", AIOS_CMD_RUN), "driver");
	ck_assert_ptr_null(aios_config_suggest_cli(cfg, "show-orign", AIOS_CMD_RUN));
	ck_assert_str_eq(aios_config_suggest_cli(cfg, "show-orign", AIOS_CMD_CONFIG),
			 "show-origin");
}
END_TEST

/* ---- layers ---------------------------------------------------------------- */

START_TEST(the_higher_layer_wins)
{
	int i = aios_config_find(cfg, "engine", "page_size");
	const struct aios_option *row = aios_config_option(cfg, (size_t)i);
	int64_t n = 0;

	ck_assert_str_eq(aios_config_origin(cfg, "engine", "page_size"), "default");
	ck_assert(!aios_config_is_set(cfg, "engine", "page_size"));
	ck_assert_int_eq(aios_config_set(cfg, "engine", "page_size", "32", AIOS_CONFIG_CLI,
					 "command line --page-size", &st),
			 0);
	good_ini("[engine]\npage_size = 16\n");
	ck_assert_int_eq(config_set_env(cfg, "AIOS_PAGE_SIZE", "8", &st), 0);
	ck_assert_int_eq(aios_config_get_int(cfg, "engine", "page_size", &n), 0);
	ck_assert_int_eq(n, 32);
	ck_assert_str_eq(aios_config_origin(cfg, "engine", "page_size"),
			 "command line --page-size");
	ck_assert_str_eq(aios_config_get_layer(cfg, "engine", "page_size", AIOS_CONFIG_ENV), "8");
	ck_assert_str_eq(aios_config_get_layer(cfg, "engine", "page_size", AIOS_CONFIG_INI), "16");
	ck_assert_str_eq(aios_config_get_layer(cfg, "engine", "page_size", AIOS_CONFIG_DEFAULT),
			 row->param.default_text);
	ck_assert_ptr_null(aios_config_get_layer(cfg, "engine", "max_batch_size", AIOS_CONFIG_INI));
}
END_TEST

START_TEST(env_beats_ini)
{
	good_ini("[aios]\ndriver = cuda\n");
	ck_assert_str_eq(aios_config_origin(cfg, "aios", "driver"), "ini a.ini:2");
	ck_assert_int_eq(config_set_env(cfg, "AIOS_DRIVER", "null", &st), 0);
	ck_assert_str_eq(aios_config_get(cfg, "aios", "driver"), "null");
	ck_assert_str_eq(aios_config_origin(cfg, "aios", "driver"), "env AIOS_DRIVER");
	ck_assert(aios_config_is_set(cfg, "aios", "driver"));
}
END_TEST

START_TEST(typed_reading)
{
	uint64_t bytes;
	int64_t n;
	double x;
	bool b;

	good_ini("[engine]\nkv_memory = 1.5G\n[sampling]\ntemperature = 0.25\n");
	ck_assert_int_eq(aios_config_get_size(cfg, "engine", "kv_memory", &bytes), 0);
	ck_assert_uint_eq(bytes, 3ull << 29);
	ck_assert_int_eq(aios_config_get_float(cfg, "sampling", "temperature", &x), 0);
	ck_assert(x == 0.25);
	ck_assert_int_eq(aios_config_get_bool(cfg, "command", "special", &b), 0);
	ck_assert(b);
	ck_assert_int_eq(aios_config_get_int(cfg, "sampling", "temperature", &n), -EINVAL);
	ck_assert_int_eq(aios_config_get_int(cfg, "sampling", "nonsense", &n), -ENOENT);
	ck_assert_int_eq(aios_config_get_size(cfg, "nonsense", "x", &bytes), -ENOENT);
	ck_assert_ptr_null(aios_config_get(cfg, "aios", "nonsense"));
	ck_assert_ptr_null(aios_config_origin(cfg, "aios", "nonsense"));
}
END_TEST

START_TEST(bad_values_keep_the_old)
{
	ck_assert_int_eq(aios_config_set_text(cfg, "engine.page_size=16", &st), 0);
	ck_assert_int_eq(aios_config_set_text(cfg, "engine.page_size=0", &st), -EINVAL);
	ck_assert_str_eq(st.message,
			 "command line --set engine.page_size: [engine] page_size: '0' is "
			 "not valid, expected an integer from 1 to 4096");
	ck_assert_str_eq(aios_config_get(cfg, "engine", "page_size"), "16");
}
END_TEST

START_TEST(assignments)
{
	ck_assert_int_eq(aios_config_set_text(cfg, "driver=null", &st), 0);
	ck_assert_str_eq(aios_config_get(cfg, "aios", "driver"), "null");
	ck_assert_int_eq(aios_config_set_text(cfg, "sampling.stop=a=b", &st), 0);
	ck_assert_str_eq(aios_config_get(cfg, "sampling", "stop"), "a=b");
	ck_assert_int_eq(aios_config_set_text(cfg, "driver", &st), -EINVAL);
	ck_assert_int_eq(aios_config_set_text(cfg, "=x", &st), -EINVAL);
	ck_assert_int_eq(aios_config_set_text(cfg, "drivr=x", &st), -ENOENT);
	ck_assert_contains(st.message, "did you mean driver");
}
END_TEST

/* ---- the ini file ---------------------------------------------------------- */

START_TEST(ini_forms)
{
	good_ini("");
	good_ini("\xef\xbb\xbf[aios]\r\ndriver = null\r\n");
	ck_assert_str_eq(aios_config_get(cfg, "aios", "driver"), "null");
	good_ini("; comment\n# comment\n\n[aios]\n  driver=a ; inline\n\tnumerics : fma32\n");
	ck_assert_str_eq(aios_config_get(cfg, "aios", "driver"), "a");
	ck_assert_str_eq(aios_config_get(cfg, "aios", "numerics"), "fma32");
	ck_assert_str_eq(aios_config_origin(cfg, "aios", "numerics"), "ini a.ini:6");
	/* An indented key is a key, not the end of the value above it. */
	good_ini("[engine]\n  page_size = 16\n  max_batch_size = 3\n");
	ck_assert_str_eq(aios_config_get(cfg, "engine", "page_size"), "16");
	ck_assert_str_eq(aios_config_get(cfg, "engine", "max_batch_size"), "3");
	/* '#' inside a value is part of it; a last line needs no end. */
	good_ini("[sampling]\nstop = a#b");
	ck_assert_str_eq(aios_config_get(cfg, "sampling", "stop"), "a#b");
	/* A section may come twice, a key may not. */
	good_ini("[aios]\ndriver = x\n[engine]\npage_size = 4\n[aios]\ndevice = y\n");
}
END_TEST

START_TEST(ini_errors)
{
	bad_ini("[aios]\ndrivr = null\n",
		"ini a.ini:2: unknown key drivr in [aios], did you mean driver");
	bad_ini("[engin]\npage_size = 4\n",
		"ini a.ini:2: unknown section [engin], did you mean engine");
	bad_ini("[server]\nlisten = x\n", "unknown section [server]");
	bad_ini("[engine]\npage_size = big\n",
		"ini a.ini:2: [engine] page_size: 'big' is not valid");
	bad_ini("[engine]\npage_size =\n", "'' is not valid, expected an integer from 1 to 4096");
	bad_ini("[engine]\n\npage_size = 4\n\npage_size = 5\n",
		"ini a.ini:5: [engine] page_size is set twice, first in line 3");
	bad_ini("driver = null\n", "ini a.ini:1: 'driver' stands before any section");
	bad_ini("[aios]\njust words\n", "ini a.ini:2: neither [section] nor key = value");
	bad_ini("[aios\n", "ini a.ini:1: neither");
	bad_ini("[aios]\n= 3\n", "ini a.ini:2: no key before '='");
	bad_ini("[command]\njson = true\n", "--json exists on the command line only");
	bad_ini("[driver]\nx = 1\n", "unknown section [driver]");
	bad_ini("[driver.]\nx = 1\n", "unknown section [driver.]");
	/* The first error is the one that is told. */
	bad_ini("[aios]\nfoo = 1\nwords\nbar = 2\n", "ini a.ini:2: unknown key foo");
}
END_TEST

/* inih would cut the line, take the rest for another one and miscount from there. */
START_TEST(ini_long_lines)
{
	char text[400];

	strcpy(text, "[aios]\nmodel = ");
	memset(text + strlen(text), 'x', 190);
	strcpy(text + 15 + 190, "\ndriver = null\n");
	good_ini(text);
	ck_assert_uint_eq(strlen(aios_config_get(cfg, "aios", "model")), 190);
	ck_assert_str_eq(aios_config_origin(cfg, "aios", "driver"), "ini a.ini:3");
	strcpy(text, "[aios]\nmodel = ");
	memset(text + strlen(text), 'x', 191);
	strcpy(text + 15 + 191, "\ndriver = null\n");
	bad_ini(text, "ini a.ini:2: the line is longer than 198 bytes");
}
END_TEST

START_TEST(ini_nul_bytes)
{
	static const char text[] = "[aios]\ndri\0ver = null\n";

	ck_assert_int_eq(read_ini(text, sizeof(text) - 1), -EINVAL);
	ck_assert_contains(st.message, "ini a.ini:2: a NUL byte");
}
END_TEST

START_TEST(ini_files)
{
	char folder[] = "/tmp/aios-config-XXXXXX", path[64], cwd[4096];
	FILE *out;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(aios_config_load_ini(cfg, folder, &st), -EIO);
	snprintf(path, sizeof(path), "%s/none.ini", folder);
	ck_assert_int_eq(aios_config_load_ini(cfg, path, &st), -ENOENT);
	ck_assert_contains(st.message, path);
	ck_assert_ptr_null(aios_config_ini_path(cfg));
	snprintf(path, sizeof(path), "%s/aios.ini", folder);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs("[aios]\ndriver = null\n", out);
	fclose(out);
	ck_assert_int_eq(aios_config_load_ini(cfg, path, &st), 0);
	ck_assert_str_eq(aios_config_ini_path(cfg), path);

	/* The places that are searched: $AIOS_CONFIG, then the current directory. */
	setenv("AIOS_CONFIG", "/nowhere/aios.ini", 1);
	ck_assert_int_eq(aios_config_load_default_ini(cfg, &st), -ENOENT);
	unsetenv("AIOS_CONFIG");
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(aios_config_load_default_ini(cfg, &st), 0);
	ck_assert_str_eq(aios_config_ini_path(cfg), "aios.ini");
	ck_assert_int_eq(chdir(cwd), 0);
	/* ... then the user's own. */
	ck_assert_int_eq(chdir("/"), 0);
	unlink(path);
	snprintf(path, sizeof(path), "%s/aios", folder);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/aios/aios.ini", folder);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs("[aios]\ndriver = mine\n", out);
	fclose(out);
	setenv("XDG_CONFIG_HOME", folder, 1);
	ck_assert_int_eq(aios_config_load_default_ini(cfg, &st), 0);
	ck_assert_str_eq(aios_config_get(cfg, "aios", "driver"), "mine");
	unlink(path);
	snprintf(path, sizeof(path), "%s/aios", folder);
	rmdir(path);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* ---- the environment ------------------------------------------------------- */

START_TEST(environment)
{
	ck_assert_int_eq(config_set_env(cfg, "AIOS_MAX_BATCH_SIZE", "5", &st), 0);
	ck_assert_str_eq(aios_config_get(cfg, "engine", "max_batch_size"), "5");
	ck_assert_int_eq(config_set_env(cfg, "AIOS_MAX_BATCH_SIZE", "none", &st), -EINVAL);
	ck_assert_contains(st.message, "env AIOS_MAX_BATCH_SIZE: [engine] max_batch_size: 'none'");
	ck_assert_int_eq(config_set_env(cfg, "AIOS_DRIVRE", "x", &st), -ENOENT);
	ck_assert_contains(st.message, "did you mean AIOS_DRIVER");
	ck_assert_int_eq(config_set_env(cfg, "AIOS_DRIVER_PTAH", "x", &st), -ENOENT);
	ck_assert_contains(st.message, "did you mean AIOS_DRIVER_PATH");
	ck_assert_int_eq(config_set_env(cfg, "AIOS_SOMETHING", "x", &st), -ENOENT);
	ck_assert_int_eq(config_set_env(cfg, "AIOS_CONFIG", "x", &st), 0);
	ck_assert_int_eq(config_set_env(cfg, "AIOS_TEST_ANYTHING", "x", &st), 0);
	setenv("AIOS_SEED", "9", 1);
	unsetenv("AIOS_DRIVER");
	ck_assert_msg(aios_config_load_env(cfg, &st) == 0, "%s", st.message);
	ck_assert_str_eq(aios_config_get(cfg, "sampling", "seed"), "9");
	setenv("AIOS_SEDE", "9", 1);
	ck_assert_int_eq(aios_config_load_env(cfg, &st), -ENOENT);
	unsetenv("AIOS_SEDE");
	unsetenv("AIOS_SEED");
}
END_TEST

/* ---- modules --------------------------------------------------------------- */

static const struct aios_param params[] = {
	{ .name = "lanes",
	  .type = AIOS_PARAM_INT,
	  .default_text = "4",
	  .min = 1,
	  .max = 8,
	  .help = "Lanes." },
	{ .name = "threads",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 64,
	  .help = "Threads." },
};

static const char *const sections[] = { "driver.cpu-ref", "driver.cpu", "tokenizer.bpe" };

START_TEST(values_wait_for_their_module)
{
	const char *origin;

	good_ini("[driver.cpu-ref]\nlanes = 2\n");
	ck_assert_int_eq(config_set_env(cfg, "AIOS_DRIVER_CPU_REF_THREADS", "3", &st), 0);
	ck_assert_ptr_null(aios_config_get(cfg, "driver.cpu-ref", "lanes"));
	ck_assert_msg(config_set_modules(cfg, sections, 3, &st) == 0, "%s", st.message);
	/* The name of this module begins like the other's; the variable is not its own. */
	ck_assert_int_eq(config_declare(cfg, "driver", "cpu", params, 2, &st), 0);
	ck_assert_str_eq(aios_config_get(cfg, "driver.cpu", "threads"), "0");
	ck_assert_msg(config_declare(cfg, "driver", "cpu-ref", params, 2, &st) == 0, "%s",
		      st.message);
	ck_assert_str_eq(aios_config_get(cfg, "driver.cpu-ref", "lanes"), "2");
	ck_assert_str_eq(aios_config_origin(cfg, "driver.cpu-ref", "lanes"), "ini a.ini:2");
	ck_assert_str_eq(aios_config_get(cfg, "driver.cpu-ref", "threads"), "3");
	/* Every driver has a device; again is harmless. */
	ck_assert_str_eq(aios_config_get(cfg, "driver.cpu-ref", "device"), "");
	ck_assert_int_eq(config_declare(cfg, "driver", "cpu-ref", params, 2, &st), 0);
	/* Once declared, values are checked at once. */
	ck_assert_int_eq(aios_config_set_text(cfg, "driver.cpu-ref.lanes=9", &st), -EINVAL);
	ck_assert_int_eq(aios_config_set_text(cfg, "driver.cpu-ref.lane=2", &st), -ENOENT);
	ck_assert_contains(st.message, "did you mean lanes");
	ck_assert_int_eq(aios_config_set_text(cfg, "threads=6", &st), 0);
	ck_assert_str_eq(config_module_value(cfg, "driver", "cpu", "threads", &origin), "6");
	ck_assert_str_eq(origin, "command line --set threads");
	ck_assert_str_eq(config_module_value(cfg, "driver", "cpu-ref", "threads", NULL), "3");
	ck_assert_ptr_null(config_module_value(cfg, "driver", "cpu-ref", "nothing", NULL));
	ck_assert_str_eq(aios_config_get(cfg, "driver.cpu", "threads"), "6");
	ck_assert_str_eq(aios_config_origin(cfg, "driver.cpu", "threads"),
			 "command line --set threads");
}
END_TEST

START_TEST(bad_values_for_a_module_undo_its_rows)
{
	size_t n = aios_config_count(cfg);

	good_ini("[driver.cpu]\nlanes = 99\n");
	ck_assert_int_eq(config_declare(cfg, "driver", "cpu", params, 2, &st), -EINVAL);
	ck_assert_contains(st.message, "ini a.ini:2: [driver.cpu] lanes: '99'");
	ck_assert_uint_eq(aios_config_count(cfg), n);
}
END_TEST

START_TEST(unknown_keys_of_a_module)
{
	good_ini("[driver.cpu]\nlines = 2\n");
	ck_assert_int_eq(config_declare(cfg, "driver", "cpu", params, 2, &st), -ENOENT);
	ck_assert_contains(st.message,
			   "ini a.ini:2: unknown key lines in [driver.cpu], did you mean lanes");
}
END_TEST

START_TEST(a_module_without_parameters)
{
	good_ini("[tokenizer.bpe]\nlanes = 2\n");
	ck_assert_int_eq(config_declare(cfg, "tokenizer", "bpe", NULL, 0, &st), -ENOENT);
	ck_assert_contains(st.message, "tokenizer.bpe has no parameters");
}
END_TEST

START_TEST(sections_of_no_module)
{
	good_ini("[driver.cpu-rfe]\nlanes = 2\n");
	ck_assert_int_eq(config_set_modules(cfg, sections, 3, &st), -ENOENT);
	ck_assert_contains(st.message,
			   "ini a.ini:2: no module for section [driver.cpu-rfe], did you "
			   "mean [driver.cpu-ref]");
}
END_TEST

START_TEST(no_suggestion_for_something_else)
{
	static const char *const null[] = { "driver.null", "tokenizer.cuda" };

	good_ini("[driver.cuda]\ndevice = 2\n");
	ck_assert_int_eq(config_set_modules(cfg, null, 2, &st), -ENOENT);
	ck_assert_contains(st.message, "no module for section [driver.cuda] (");
}
END_TEST

START_TEST(variables_of_no_module)
{
	ck_assert_int_eq(config_set_env(cfg, "AIOS_DRIVER_VULKAN_DEVICE", "1", &st), 0);
	ck_assert_int_eq(config_set_modules(cfg, sections, 3, &st), -ENOENT);
	ck_assert_contains(st.message, "env AIOS_DRIVER_VULKAN_DEVICE");
}
END_TEST

/* A built-in module is declared before the others are known. */
START_TEST(variables_of_a_declared_module)
{
	ck_assert_int_eq(config_set_env(cfg, "AIOS_DRIVER_CPU_REF_LANSE", "1", &st), 0);
	ck_assert_int_eq(config_declare(cfg, "driver", "cpu-ref", params, 2, &st), 0);
	ck_assert_int_eq(config_set_modules(cfg, sections, 3, &st), -ENOENT);
	ck_assert_contains(st.message, "driver.cpu-ref has no such parameter");
}
END_TEST

Suite *test_config_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_row_is_sound);
	tcase_add_test(tc, names_of_the_command_line);
	tcase_add_test(tc, the_higher_layer_wins);
	tcase_add_test(tc, env_beats_ini);
	tcase_add_test(tc, typed_reading);
	tcase_add_test(tc, bad_values_keep_the_old);
	tcase_add_test(tc, assignments);
	tcase_add_test(tc, ini_forms);
	tcase_add_test(tc, ini_errors);
	tcase_add_test(tc, ini_long_lines);
	tcase_add_test(tc, ini_nul_bytes);
	tcase_add_test(tc, ini_files);
	tcase_add_test(tc, environment);
	tcase_add_test(tc, values_wait_for_their_module);
	tcase_add_test(tc, bad_values_for_a_module_undo_its_rows);
	tcase_add_test(tc, unknown_keys_of_a_module);
	tcase_add_test(tc, a_module_without_parameters);
	tcase_add_test(tc, sections_of_no_module);
	tcase_add_test(tc, no_suggestion_for_something_else);
	tcase_add_test(tc, variables_of_no_module);
	tcase_add_test(tc, variables_of_a_declared_module);
	suite_add_tcase(suite, tc);
	return suite;
}
