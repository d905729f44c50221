// SPDX-License-Identifier: Apache-2.0
/* test_registry.c - one way in for built-in modules and files; unique names; references; stubs. */
#include "module_util.h"

#include <aios/driver/driver.h>

#include "core/module/kinds.h"
#include "core/module/modinfo.h"
#include "tests/modules/mock.h"

Suite *test_registry_suite(void);

static char folder[PATH_MAX];
static struct aios_config *cfg;
static struct module_registry *reg;

static void setup(void)
{
	make_folder(folder);
	cfg = folder_config(folder);
	ck_assert_int_eq(module_registry_create(cfg, NULL, NULL, &reg, NULL), 0);
}

static void teardown(void)
{
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
	remove_folder(folder);
}

static const struct aios_driver_ops mock_ops = { MOCK_OPS };

static struct aios_module descriptor(const char *name, const void *ops)
{
	return (struct aios_module){ .size = sizeof(struct aios_module),
				     .abi_major = AIOS_ABI_MAJOR,
				     .abi_minor = AIOS_ABI_MINOR,
				     .abi_hash = AIOS_ABI_HASH,
				     .kind = AIOS_KIND_DRIVER,
				     .name = name,
				     .ops = ops };
}

static int add(const struct aios_module *desc, struct aios_status *st)
{
	const struct module_builtin list[] = { { desc, NULL, NULL } };

	return module_registry_add_builtin(reg, list, 1, st);
}

START_TEST(built_in_modules)
{
	struct aios_module one = descriptor("one", &mock_ops);
	struct aios_status st = { 0 };
	struct module *got;

	ck_assert_msg(add(&one, &st) == 0, "%s", st.message);
	ck_assert_int_eq(module_get(reg, AIOS_KIND_DRIVER, "one", &got, &st), 0);
	ck_assert_str_eq(module_name(got), "one");
	ck_assert_str_eq(module_path(got), "built in");
	ck_assert_uint_eq(module_kind(got), AIOS_KIND_DRIVER);
	ck_assert(report_of(reg, "one").loaded);
	ck_assert_int_eq(module_unload(got, &st), -EBUSY);
	module_put(got);
	ck_assert_int_eq(module_unload(got, &st), -EINVAL);
	ck_assert_contains(st.message, "built in");
}
END_TEST

START_TEST(the_table_is_a_copy_with_stubs)
{
	struct aios_driver_ops ops = mock_ops;
	struct aios_module one = descriptor("one", &ops);
	const struct aios_driver_ops *copy;
	struct aios_status st = { 0 };
	struct module *got;
	uint64_t bytes = 0;

	ck_assert_int_eq(add(&one, &st), 0);
	ck_assert_int_eq(module_get(reg, AIOS_KIND_DRIVER, "one", &got, &st), 0);
	copy = module_ops(got);
	ck_assert_ptr_ne(copy, &ops);
	ops.launch = NULL;
	ck_assert(copy->launch == mock_launch);
	ck_assert_int_eq(copy->reset(NULL, &st), -ENOSYS);
	ck_assert_contains(st.message, "does not implement reset");
	ck_assert_int_eq(copy->weight_layout(NULL, 0, NULL, &bytes, &st), -ENOSYS);
	ck_assert_int_eq(copy->mem_import(NULL, NULL, 1, NULL, &st), -ENOSYS);
	ck_assert_int_eq(copy->queue_wait(NULL, NULL, NULL, 1, &st), -ENOSYS);
	ck_assert_int_eq(copy->graph_begin(NULL, NULL, &st), -ENOSYS);
	ck_assert_int_eq(copy->graph_end(NULL, NULL, NULL, &st), -ENOSYS);
	ck_assert_int_eq(copy->graph_launch(NULL, NULL, NULL, &st), -ENOSYS);
	copy->graph_destroy(NULL, NULL);
	module_put(got);
}
END_TEST

/* A table of an older minor is shorter: what it lacks is a stub, not garbage behind it. */
START_TEST(a_shorter_table)
{
	struct aios_driver_ops ops = mock_ops;
	struct aios_module one = descriptor("one", &ops);
	const struct aios_driver_ops *copy;
	struct aios_status st = { 0 };
	struct module *got;

	memset(&ops.queue_wait, 0xa5, sizeof(ops) - offsetof(struct aios_driver_ops, queue_wait));
	ops.size = offsetof(struct aios_driver_ops, queue_wait);
	ck_assert_msg(add(&one, &st) == 0, "%s", st.message);
	ck_assert_int_eq(module_get(reg, AIOS_KIND_DRIVER, "one", &got, &st), 0);
	copy = module_ops(got);
	ck_assert_uint_eq(copy->size, sizeof(*copy));
	ck_assert_int_eq(copy->reset(NULL, &st), -ENOSYS);
	module_put(got);
}
END_TEST

/* Each mandatory slot of each kind, left out in turn. */
START_TEST(every_mandatory_slot)
{
	uint64_t table[64];
	const struct kind *kind = kind_get((uint32_t)_i);

	ck_assert_ptr_nonnull(kind);
	ck_assert_ptr_nonnull(module_kind_name((uint32_t)_i));
	ck_assert_uint_eq(module_kind_number(module_kind_name((uint32_t)_i)), (uint32_t)_i);
	ck_assert_uint_le(kind->table_size, sizeof(table));
	ck_assert_uint_gt(kind->n_mandatory, 0);
	for (size_t s = 0; s < kind->n_mandatory; s++) {
		struct aios_status st = { 0 };
		char quoted[64];

		memset(table, 0xff, sizeof(table));
		memcpy(table, &kind->table_size, sizeof(kind->table_size));
		ck_assert_int_eq(kind_check_ops(kind, table, &st), 0);
		memset((uint8_t *)table + kind->mandatory[s].offset, 0, sizeof(void *));
		ck_assert_int_eq(kind_check_ops(kind, table, &st), -EINVAL);
		snprintf(quoted, sizeof(quoted), "'%s'", kind->mandatory[s].name);
		ck_assert_contains(st.message, quoted);
	}
}
END_TEST

START_TEST(bad_descriptors)
{
	static const struct aios_param twice[] = {
		{ .name = "a", .type = AIOS_PARAM_BOOL, .default_text = "no", .help = "A." },
		{ .name = "a", .type = AIOS_PARAM_BOOL, .default_text = "no", .help = "A." },
	};
	struct aios_status st = { 0 };
	struct aios_module desc = descriptor("one", &mock_ops);

	desc.size = 8;
	ck_assert_int_ne(add(&desc, &st), 0);
	ck_assert_contains(st.message, "descriptor has 8 bytes");
	desc = descriptor("one", &mock_ops);
	desc.abi_hash ^= 1;
	ck_assert_int_eq(add(&desc, &st), -ENOEXEC);
	desc = descriptor("one", NULL);
	ck_assert_int_ne(add(&desc, &st), 0);
	ck_assert_contains(st.message, "no ops table");
	desc = descriptor("One", &mock_ops);
	ck_assert_int_ne(add(&desc, &st), 0);
	desc = descriptor(NULL, &mock_ops);
	ck_assert_int_ne(add(&desc, &st), 0);
	desc = descriptor("one", &mock_ops);
	desc.kind = 99;
	ck_assert_int_ne(add(&desc, &st), 0);
	ck_assert_contains(st.message, "kind 99");
	desc = descriptor("one", &mock_ops);
	desc.n_params = 3;
	ck_assert_int_ne(add(&desc, &st), 0);
	ck_assert_contains(st.message, "no list of them");
	desc.params = twice;
	desc.n_params = 2;
	ck_assert_int_ne(add(&desc, &st), 0);
	ck_assert_contains(st.message, "declared twice");
	/* None of that has left anything behind. */
	ck_assert_int_eq(aios_config_find(cfg, "driver.one", "a"), -1);
	desc = descriptor("one", &mock_ops);
	ck_assert_msg(add(&desc, &st) == 0, "%s", st.message);
}
END_TEST

START_TEST(names_are_unique_within_a_kind)
{
	struct aios_module desc = descriptor("good", &mock_ops);
	struct aios_module_report report;
	struct aios_status st = { 0 };
	struct module *got;
	unsigned n = 0;

	copy_module(folder, "good");
	ck_assert_int_eq(add(&desc, &st), 0);
	ck_assert_int_eq(add(&desc, &st), -EEXIST);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	for (size_t i = 0; module_report(reg, i, &report); i++) {
		if (strcmp(report.name, "good"))
			continue;
		n++;
		ck_assert(report.accepted == (n == 1));
		if (n > 1)
			ck_assert_contains(report.reason, "'good' exists already: built in");
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(module_get(reg, AIOS_KIND_DRIVER, "good", &got, &st), 0);
	ck_assert_str_eq(module_path(got), "built in");
	module_put(got);
}
END_TEST

/* Two folders with a driver of the same name: the first folder's wins, the other is told. */
START_TEST(the_first_folder_wins)
{
	char second[PATH_MAX], both[3 * PATH_MAX], path[PATH_MAX + 16];
	struct aios_module_report report;
	struct aios_status st = { 0 };
	unsigned n = 0;

	make_folder(second);
	copy_module(folder, "good");
	copy_module(second, "good");
	snprintf(both, sizeof(both), "%s:%s:%s", second, folder, second);
	ck_assert_int_eq(
		aios_config_set(cfg, "aios", "driver_path", both, AIOS_CONFIG_CLI, "test", &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	for (size_t i = 0; module_report(reg, i, &report); i++) {
		if (strcmp(report.name, "good"))
			continue;
		snprintf(path, sizeof(path), "%s/good.so", n ? folder : second);
		ck_assert_str_eq(report.path, path);
		ck_assert(report.accepted == (n == 0));
		if (n)
			ck_assert_contains(report.reason, second);
		n++;
	}
	ck_assert_uint_eq(n, 2);
	remove_folder(second);
}
END_TEST

/* The order of the search: command line, ini, environment; the current directory never. */
START_TEST(order_of_the_search)
{
	char dirs[4][PATH_MAX], cwd[PATH_MAX], *text, *at;
	static const enum aios_config_layer layers[] = { AIOS_CONFIG_CLI, AIOS_CONFIG_INI,
							 AIOS_CONFIG_ENV };
	struct aios_status st = { 0 };

	for (int i = 0; i < 4; i++)
		make_folder(dirs[i]);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(aios_config_set(cfg, "aios", "driver_path", dirs[i], layers[i],
						 "test", &st),
				 0);
	ck_assert_int_eq(aios_config_set_text(cfg, "aios.default_path=true", &st), 0);
	copy_module(dirs[3], "good");
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	ck_assert_int_eq(chdir(dirs[3]), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_int_eq(chdir(cwd), 0);
	text = module_explain(reg, AIOS_KIND_DRIVER);
	ck_assert_ptr_nonnull(text);
	at = text;
	for (int i = 0; i < 3; i++) {
		ck_assert_contains(at, dirs[i]);
		at = strstr(at, dirs[i]);
	}
	ck_assert_contains(at, "(installation)");
	ck_assert_ptr_null(strstr(text, dirs[3]));
	free(text);
	for (int i = 0; i < 4; i++)
		remove_folder(dirs[i]);
}
END_TEST

START_TEST(references_and_unloading)
{
	struct aios_status st = { 0 };
	struct module *one, *two;

	copy_module(folder, "good");
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), -EALREADY);
	ck_assert_msg(module_get(reg, AIOS_KIND_DRIVER, "good", &one, &st) == 0, "%s", st.message);
	ck_assert_int_eq(module_get(reg, AIOS_KIND_DRIVER, "good", &two, &st), 0);
	ck_assert_ptr_eq(one, two);
	module_put(two);
	ck_assert_int_eq(module_unload(one, &st), -EBUSY);
	ck_assert_contains(st.message, "in use");
	module_put(one);
	ck_assert_int_eq(module_unload(one, &st), 0);
	ck_assert(!report_of(reg, "good").loaded);
	ck_assert_int_eq(module_unload(one, &st), -EINVAL);
	/* And again: 100 times, for leaks. */
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(module_get(reg, AIOS_KIND_DRIVER, "good", &one, &st), 0);
		module_put(one);
		ck_assert_int_eq(module_unload(one, &st), 0);
	}
	module_put(NULL);
}
END_TEST

struct sink {
	unsigned n;
	char module[64], message[512];
};

static void keep_log(void *ctx, int level, const char *module, const char *message)
{
	struct sink *sink = ctx;

	(void)level;
	sink->n++;
	snprintf(sink->module, sizeof(sink->module), "%s", module);
	snprintf(sink->message, sizeof(sink->message), "%s", message);
}

START_TEST(the_host_gives_parameters_and_logs)
{
	struct aios_device_desc desc[4] = { 0 };
	const struct aios_host *host;
	const struct aios_driver_ops *ops;
	const struct aios_param *params;
	struct aios_status st = { 0 };
	struct sink sink = { 0 };
	struct module *got;
	uint32_t n;

	module_registry_destroy(reg);
	ck_assert_int_eq(module_registry_create(cfg, keep_log, &sink, &reg, &st), 0);
	copy_module(folder, "good");
	ck_assert_int_eq(aios_config_set_text(cfg, "driver.good.devices=2", &st), 0);
	ck_assert_int_eq(aios_config_set_text(cfg, "threads=7", &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_msg(module_get(reg, AIOS_KIND_DRIVER, "good", &got, &st) == 0, "%s", st.message);
	host = module_host(got);
	ck_assert_uint_eq(host->size, sizeof(*host));
	ck_assert_str_eq(host->param(host->ctx, "devices"), "2");
	ck_assert_str_eq(host->param(host->ctx, "mode"), "slow");
	/* A shared option of [aios] that somebody set stands in for the default. */
	ck_assert_str_eq(host->param(host->ctx, "threads"), "7");
	ck_assert_ptr_null(host->param(host->ctx, "nonsense"));
	ops = module_ops(got);
	ck_assert_int_eq(ops->probe(host, desc, 4, &st), 2);
	ck_assert_str_eq(sink.module, "good");
	ck_assert_str_eq(sink.message, "probed 2 devices");
	params = module_params(got, &n);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(params[0].name, "devices");
	ck_assert(module_has_alias(got, "benign"));
	ck_assert(!module_has_alias(got, "good"));
	module_put(got);
}
END_TEST

START_TEST(bad_parameter_values_refuse_the_module)
{
	struct aios_status st = { 0 };
	struct module *got;

	copy_module(folder, "good");
	ck_assert_int_eq(aios_config_set_text(cfg, "driver.good.devices=many", &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_int_ne(module_get(reg, AIOS_KIND_DRIVER, "good", &got, &st), 0);
	ck_assert_contains(st.message, "'many' is not valid, expected an integer from 0 to 100");
	ck_assert_contains(st.message, "command line --set driver.good.devices");
}
END_TEST

START_TEST(a_shared_value_outside_the_bounds)
{
	struct aios_status st = { 0 };
	struct module *got;

	copy_module(folder, "good");
	ck_assert_int_eq(aios_config_set_text(cfg, "threads=65", &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_int_ne(module_get(reg, AIOS_KIND_DRIVER, "good", &got, &st), 0);
	ck_assert_contains(st.message, "[driver.good] threads: '65' is not valid");
}
END_TEST

START_TEST(unknown_names_get_a_suggestion)
{
	struct aios_status st = { 0 };
	struct module *got;

	copy_module(folder, "good");
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	ck_assert_int_eq(module_get(reg, AIOS_KIND_DRIVER, "godo", &got, &st), -ENOENT);
	ck_assert_contains(st.message, "did you mean good");
	ck_assert_int_eq(module_get(reg, AIOS_KIND_TOKENIZER, "good", &got, &st), -ENOENT);
	ck_assert_int_eq(module_get(reg, 99, "good", &got, &st), -EINVAL);
}
END_TEST

START_TEST(next_goes_by_name)
{
	struct aios_module c = descriptor("c", &mock_ops), a = descriptor("a", &mock_ops);
	struct aios_status st = { 0 };
	struct module *module = NULL;
	static const char *const order[] = { "a", "c", "good", "twin" };

	copy_module(folder, "twin");
	copy_module(folder, "good");
	copy_module(folder, "bad-hash");
	ck_assert_int_eq(add(&c, &st), 0);
	ck_assert_int_eq(add(&a, &st), 0);
	ck_assert_int_eq(module_registry_scan(reg, &st), 0);
	for (size_t i = 0; i < 4; i++) {
		module = module_next(reg, AIOS_KIND_DRIVER, module);
		ck_assert_ptr_nonnull(module);
		ck_assert_str_eq(module_name(module), order[i]);
	}
	ck_assert_ptr_null(module_next(reg, AIOS_KIND_DRIVER, module));
	ck_assert_ptr_null(module_next(reg, AIOS_KIND_MODEL, NULL));
}
END_TEST

Suite *test_registry_suite(void)
{
	Suite *suite = suite_create("registry");
	TCase *tc = tcase_create("registry");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, built_in_modules);
	tcase_add_test(tc, the_table_is_a_copy_with_stubs);
	tcase_add_test(tc, a_shorter_table);
	tcase_add_loop_test(tc, every_mandatory_slot, 1, AIOS_KIND_COUNT);
	tcase_add_test(tc, bad_descriptors);
	tcase_add_test(tc, names_are_unique_within_a_kind);
	tcase_add_test(tc, the_first_folder_wins);
	tcase_add_test(tc, order_of_the_search);
	tcase_add_test(tc, references_and_unloading);
	tcase_add_test(tc, the_host_gives_parameters_and_logs);
	tcase_add_test(tc, bad_parameter_values_refuse_the_module);
	tcase_add_test(tc, a_shared_value_outside_the_bounds);
	tcase_add_test(tc, unknown_names_get_a_suggestion);
	tcase_add_test(tc, next_goes_by_name);
	suite_add_tcase(suite, tc);
	return suite;
}
