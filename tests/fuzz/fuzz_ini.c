// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_ini.c - an ini file from anybody: every value that is accepted must read
 * as its type, every refusal must say why; modules' values wait and are checked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct aios_param params[] = {
	{ .name = "lanes",
	  .type = AIOS_PARAM_INT,
	  .default_text = "4",
	  .min = 1,
	  .max = 8,
	  .help = "Lanes." },
	{ .name = "budget", .type = AIOS_PARAM_SIZE, .default_text = "1G", .help = "Bytes." },
};

static const char *const sections[] = { "driver.null", "driver.cpu-ref", "tokenizer.bpe" };

static void check_row(const struct aios_config *cfg, const struct aios_option *option)
{
	const char *section = option->section, *key = option->param.name;
	uint64_t bytes;
	int64_t number;
	double real;
	bool flag;
	int err = 0;

	if (option->param.type == AIOS_PARAM_INT)
		err = aios_config_get_int(cfg, section, key, &number);
	else if (option->param.type == AIOS_PARAM_SIZE)
		err = aios_config_get_size(cfg, section, key, &bytes);
	else if (option->param.type == AIOS_PARAM_FLOAT)
		err = aios_config_get_float(cfg, section, key, &real);
	else if (option->param.type == AIOS_PARAM_BOOL)
		err = aios_config_get_bool(cfg, section, key, &flag);
	if (err || !aios_config_get(cfg, section, key) || !aios_config_origin(cfg, section, key))
		abort();
}

static void check(int err, const struct aios_status *st)
{
	if (err && !st->message[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct aios_config *cfg = aios_config_create();
	struct aios_status st = { 0 };
	FILE *stream;

	if (!cfg || !size) {
		aios_config_destroy(cfg);
		return 0;
	}
	stream = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!stream)
		abort();
	check(config_read_ini(cfg, stream, "fuzz.ini", &st), &st);
	fclose(stream);
	check(config_set_modules(cfg, sections, 3, &st), &st);
	check(config_declare(cfg, "driver", "null", params, 2, &st), &st);
	check(config_declare(cfg, "tokenizer", "bpe", NULL, 0, &st), &st);
	for (size_t i = 0; i < aios_config_count(cfg); i++)
		check_row(cfg, aios_config_option(cfg, i));
	aios_config_destroy(cfg);
	return 0;
}
