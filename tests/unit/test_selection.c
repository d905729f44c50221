// SPDX-License-Identifier: Apache-2.0
/* test_selection.c - which driver and device: by list, by score, never by surprise. */
#include "module_util.h"

#include "core/module/select.h"

Suite *test_selection_suite(void);

static char folder[PATH_MAX];
static struct aios_config *cfg;
static struct module_registry *reg;
static char last_log[1024];
static int last_level;

static void keep_log(void *ctx, int level, const char *module, const char *message)
{
	(void)ctx;
	if (level > AIOS_LOG_INFO || strcmp(module, "core"))
		return;
	last_level = level;
	snprintf(last_log, sizeof(last_log), "%s", message);
}

static void setup(void)
{
	make_folder(folder);
	copy_module(folder, "good");
	copy_module(folder, "twin");
	copy_module(folder, "bad-hash");
	cfg = folder_config(folder);
	reg = NULL;
	last_log[0] = '\0';
}

static void teardown(void)
{
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
	remove_folder(folder);
}

static void set(const char *assignment)
{
	struct aios_status st = { 0 };

	ck_assert_msg(aios_config_set_text(cfg, assignment, &st) == 0, "%s", st.message);
}

static int choose(struct selected_driver *out, struct aios_status *st)
{
	ck_assert_int_eq(module_registry_create(cfg, keep_log, NULL, &reg, st), 0);
	ck_assert_msg(module_registry_scan(reg, st) == 0, "%s", st->message);
	return module_select_driver(reg, out, st);
}

static void expect_device(const char *driver, const char *id)
{
	struct selected_driver got;
	struct aios_status st = { 0 };

	ck_assert_msg(choose(&got, &st) == 0, "%s", st.message);
	ck_assert_str_eq(got.name, driver);
	ck_assert_str_eq(got.device.id, id);
	ck_assert_ptr_nonnull(got.ops);
	ck_assert_ptr_nonnull(got.host);
	/* The reference is real. */
	ck_assert_int_eq(module_unload(got.module, &st), -EBUSY);
	module_put(got.module);
}

static void expect_failure(int err, const char *part)
{
	struct selected_driver got;
	struct aios_status st = { 0 };

	ck_assert_int_eq(choose(&got, &st), err);
	ck_assert_contains(st.message, part);
	ck_assert_ptr_null(got.module);
}

START_TEST(the_best_score_wins_and_is_told)
{
	expect_device("good", "good:1");
	ck_assert_contains(last_log, "driver good chosen by score 11");
	ck_assert_int_eq(last_level, AIOS_LOG_INFO);
}
END_TEST

START_TEST(another_score_wins)
{
	set("driver.good.score=-10");
	expect_device("twin", "twin:a");
}
END_TEST

START_TEST(equal_scores_go_by_name)
{
	set("driver.good.score=5");
	set("driver.good.devices=1");
	expect_device("good", "good:0");
}
END_TEST

START_TEST(one_name_means_that_driver)
{
	set("driver=twin");
	expect_device("twin", "twin:a");
}
END_TEST

START_TEST(one_name_means_no_other)
{
	set("driver=bad-hash");
	expect_failure(-ENOEXEC, "driver 'bad-hash'");
}
END_TEST

START_TEST(an_unknown_name)
{
	set("driver=goof");
	expect_failure(-ENOENT, "no driver is named 'goof', did you mean good");
}
END_TEST

START_TEST(a_list_is_tried_in_order)
{
	set("driver= bad-hash , nobody,twin,good");
	expect_device("twin", "twin:a");
	/* The fallback was asked for, and is still told. */
	ck_assert_int_eq(last_level, AIOS_LOG_WARN);
	ck_assert_contains(last_log, "tried before: driver 'bad-hash'");
	ck_assert_contains(last_log, "no driver is named 'nobody'");
}
END_TEST

START_TEST(a_list_that_fails_names_each)
{
	set("driver=bad-hash,nobody");
	expect_failure(-ENOEXEC, "hash 0x0badc0de");
}
END_TEST

START_TEST(an_empty_list)
{
	set("driver=, ,");
	expect_failure(-EINVAL, "the list of drivers is empty");
}
END_TEST

START_TEST(a_file_by_its_path)
{
	char assignment[PATH_MAX + 32], other[PATH_MAX], path[PATH_MAX + 16];
	struct selected_driver got;
	struct aios_status st = { 0 };

	make_folder(other);
	copy_module(other, "twin");
	snprintf(path, sizeof(path), "%s/twin.so", other);
	snprintf(assignment, sizeof(assignment), "driver=%s", path);
	set(assignment);
	ck_assert_msg(choose(&got, &st) == 0, "%s", st.message);
	ck_assert_str_eq(got.name, "twin");
	/* It comes before the one in the folder, which is refused for it. */
	ck_assert_str_eq(module_path(got.module), path);
	module_put(got.module);
	remove_folder(other);
}
END_TEST

START_TEST(a_path_to_nothing)
{
	set("driver=./no-such.so");
	expect_failure(-ENOENT, "./no-such.so: No such file");
}
END_TEST

START_TEST(no_device)
{
	set("driver=good");
	set("driver.good.devices=0");
	expect_failure(-ENODEV, "no device is plugged in");
}
END_TEST

START_TEST(devices_by_number_id_and_alias)
{
	static const char *const words[] = { "0", "good:0", "pci:0000:00:00.0" };
	char assignment[64];

	snprintf(assignment, sizeof(assignment), "driver.good.device=%s", words[_i]);
	set("driver=good");
	set(assignment);
	expect_device("good", "good:0");
}
END_TEST

START_TEST(the_shared_device_option)
{
	set("driver=good");
	set("device=good:0");
	expect_device("good", "good:0");
}
END_TEST

START_TEST(an_unknown_device)
{
	set("driver=good");
	set("device=good:9");
	expect_failure(-ENODEV,
		       "no device 'good:9' (command line --set device); it has good:0 (0)");
}
END_TEST

START_TEST(an_unusable_device)
{
	set("driver=good");
	set("device=2");
	expect_failure(-ENODEV, "device good:2 cannot be used: no power");
}
END_TEST

START_TEST(nothing_at_all)
{
	char empty[PATH_MAX], assignment[PATH_MAX + 32], *text;

	make_folder(empty);
	snprintf(assignment, sizeof(assignment), "driver_path=%s", empty);
	set(assignment);
	set("driver=cuda");
	expect_failure(-ENOENT, "no driver is named 'cuda'");
	text = module_explain(reg, AIOS_KIND_DRIVER);
	ck_assert_contains(text, empty);
	ck_assert_contains(text, "0 files");
	free(text);
	remove_folder(empty);
}
END_TEST

START_TEST(the_explanation_names_each_candidate)
{
	char *text;

	set("driver=nobody");
	expect_failure(-ENOENT, "nobody");
	text = module_explain(reg, AIOS_KIND_DRIVER);
	ck_assert_contains(text, folder);
	ck_assert_contains(text, "3 files");
	ck_assert_contains(text, "bad-hash.so: refused: built with other headers");
	ck_assert_contains(text, "good.so: found");
	free(text);
}
END_TEST

START_TEST(listing_devices)
{
	struct module_device *list = NULL;
	struct aios_status st = { 0 };
	size_t n = 0;

	ck_assert_int_eq(module_registry_create(cfg, NULL, NULL, &reg, &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_msg(module_list_devices(reg, &list, &n, &st) == 0, "%s", st.message);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(list[0].desc.id, "good:1");
	ck_assert_str_eq(list[1].desc.id, "good:0");
	ck_assert_str_eq(list[2].desc.id, "twin:a");
	ck_assert_str_eq(list[3].desc.id, "good:2");
	ck_assert_int_lt(list[3].desc.score, 0);
	/* The same PCI address under two drivers is one piece of hardware. */
	ck_assert_int_eq(list[2].same_as, 0);
	ck_assert_int_eq(list[1].same_as, -1);
	free(list);
}
END_TEST

/* More devices than the first guess has room for. */
START_TEST(many_devices)
{
	struct module_device *list = NULL;
	struct aios_status st = { 0 };
	size_t n = 0;

	set("driver=good");
	set("driver.good.devices=100");
	ck_assert_int_eq(module_registry_create(cfg, NULL, NULL, &reg, &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_int_eq(module_list_devices(reg, &list, &n, &st), 0);
	ck_assert_uint_eq(n, 100);
	ck_assert_str_eq(list[99].desc.id, "good:99");
	free(list);
	set("driver=good,nobody");
	ck_assert_int_eq(module_list_devices(reg, &list, &n, &st), -ENOENT);
}
END_TEST

/* A probe that never comes back is left behind: no other driver has to suffer for it. */
START_TEST(a_probe_that_hangs)
{
	struct selected_driver got = { 0 };
	struct module_device *list;
	struct aios_status st = { 0 };
	size_t n;

	copy_module(folder, "hang-probe");
	set("aios.probe_timeout=1");
	ck_assert_msg(choose(&got, &st) == 0, "%s", st.message);
	ck_assert_str_eq(got.name, "good");
	ck_assert_contains(report_of(reg, "hang-probe").reason, "not come back after 1 s");
	ck_assert(!report_of(reg, "hang-probe").accepted);
	ck_assert_int_eq(module_list_devices(reg, &list, &n, &st), 0);
	free(list);
	module_put(got.module);
	ck_assert_int_ne(module_select_named(reg, "hang-probe", "test", &got, &st), 0);
	ck_assert_contains(st.message, "not come back after 1 s");
}
END_TEST

Suite *test_selection_suite(void)
{
	Suite *suite = suite_create("selection");
	TCase *tc = tcase_create("selection");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_best_score_wins_and_is_told);
	tcase_add_test(tc, another_score_wins);
	tcase_add_test(tc, equal_scores_go_by_name);
	tcase_add_test(tc, one_name_means_that_driver);
	tcase_add_test(tc, one_name_means_no_other);
	tcase_add_test(tc, an_unknown_name);
	tcase_add_test(tc, a_list_is_tried_in_order);
	tcase_add_test(tc, a_list_that_fails_names_each);
	tcase_add_test(tc, an_empty_list);
	tcase_add_test(tc, a_file_by_its_path);
	tcase_add_test(tc, a_path_to_nothing);
	tcase_add_test(tc, no_device);
	tcase_add_loop_test(tc, devices_by_number_id_and_alias, 0, 3);
	tcase_add_test(tc, the_shared_device_option);
	tcase_add_test(tc, an_unknown_device);
	tcase_add_test(tc, an_unusable_device);
	tcase_add_test(tc, nothing_at_all);
	tcase_add_test(tc, the_explanation_names_each_candidate);
	tcase_add_test(tc, listing_devices);
	tcase_add_test(tc, many_devices);
	tcase_add_test(tc, a_probe_that_hangs);
	suite_add_tcase(suite, tc);
	return suite;
}
