// SPDX-License-Identifier: Apache-2.0
/*
 * test_module_memory.c - the n-th allocation of the module framework and of the
 * configuration fails, for every n: each time one clear error and no leak.
 *
 * This test is merged with the objects it tests and with countdown.c, whose
 * allocators stand in for libc's in them and nowhere else.
 */
#include "module_util.h"

#include "core/config/config.h"
#include "core/module/select.h"
#include "countdown.h"

Suite *test_module_memory_suite(void);

static char folder[PATH_MAX];

static void setup(void)
{
	make_folder(folder);
	copy_module(folder, "good");
	copy_module(folder, "needs-libc");
	copy_module(folder, "bad-hash");
}

static void teardown(void)
{
	countdown = -1;
	remove_folder(folder);
}

static const char ini[] = "[aios]\ndriver = good\n[driver.good]\nmode = fast\ndevices = 2\n"
			  "[engine]\npage_size = 8\n";

static int configure(struct aios_config **out, struct aios_status *st)
{
	struct aios_config *cfg = *out = aios_config_create();
	FILE *stream;
	int err;

	if (!cfg)
		return aios_fail(st, -ENOMEM, "no memory");
	err = aios_config_set(cfg, "aios", "driver_path", folder, AIOS_CONFIG_CLI, "test", st);
	if (err)
		return err;
	stream = fmemopen((void *)(uintptr_t)ini, sizeof(ini) - 1, "r");
	if (!stream)
		return aios_fail(st, -ENOMEM, "no memory");
	err = config_read_ini(cfg, stream, "a.ini", st);
	fclose(stream);
	return err;
}

/* Everything from an empty table of options to a chosen device, a list and a journal. */
static int boot(struct aios_status *st)
{
	struct aios_config *cfg = NULL;
	struct module_registry *reg = NULL;
	struct module_device *list = NULL;
	struct selected_driver driver = { 0 };
	char *text = NULL;
	size_t n = 0;
	int err = configure(&cfg, st);

	if (!err)
		err = module_registry_create(cfg, NULL, NULL, &reg, st);
	if (!err)
		err = module_registry_scan(reg, st);
	if (!err)
		err = module_select_driver(reg, &driver, st);
	if (!err)
		err = module_list_devices(reg, &list, &n, st);
	if (!err) {
		text = module_explain(reg, 0);
		ck_assert_uint_eq(n, 2);
		ck_assert_str_eq(driver.name, "good");
	}
	free(text);
	free(list);
	module_put(driver.module);
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
	return err;
}

START_TEST(every_allocation_fails_once)
{
	struct aios_status st = { 0 };
	long failed = 0, n;

	ck_assert_msg(boot(&st) == 0, "%s", st.message);
	for (n = 0; n < 5000; n++) {
		int err;

		aios_status_clear(&st);
		countdown = n;
		err = boot(&st);
		if (countdown >= 0)
			break;
		countdown = -1;
		/* What only makes a message poorer (a remark, a suggestion) may go on. */
		if (!err)
			continue;
		failed++;
		ck_assert_msg(st.message[0] != '\0', "allocation %ld: no message", n);
		ck_assert_int_lt(err, 0);
	}
	countdown = -1;
	ck_assert_int_gt(failed, 100);
	ck_assert_int_lt(n, 5000);
	ck_assert_msg(boot(&st) == 0, "%s", st.message);
}
END_TEST

START_TEST(linting_without_memory)
{
	struct aios_lint_report *report = NULL;
	struct aios_status st = { 0 };
	char path[PATH_MAX + 16];
	long n;

	snprintf(path, sizeof(path), "%s/good.so", folder);
	for (n = 0; n < 1000; n++) {
		int err;

		aios_status_clear(&st);
		countdown = n;
		err = aios_lint(path, 0, 0, &report, &st);
		if (countdown >= 0)
			break;
		countdown = -1;
		ck_assert_msg(err == -ENOMEM, "allocation %ld: %d, %s", n, err, st.message);
		ck_assert(st.message[0] != '\0');
	}
	countdown = -1;
	ck_assert_int_gt(n, 20);
	ck_assert_int_lt(n, 1000);
	ck_assert_uint_gt(report->n_items, 10);
	aios_lint_free(report);
}
END_TEST

Suite *test_module_memory_suite(void)
{
	Suite *suite = suite_create("module_memory");
	TCase *tc = tcase_create("module_memory");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, every_allocation_fails_once);
	tcase_add_test(tc, linting_without_memory);
	suite_add_tcase(suite, tc);
	return suite;
}
