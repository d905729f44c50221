/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the aios program: command line, configuration, one command, exit code. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "out.h"

int cli_usage(struct aios_status *st, const char *fmt, ...)
{
	va_list ap;

	st->code = -EINVAL;
	st->where[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(st->message, sizeof(st->message), fmt, ap);
	va_end(ap);
	return CLI_USAGE;
}

bool cli_flag(const struct cli *cli, const char *section, const char *key)
{
	bool value = false;

	aios_config_get_bool(cli->config, section, key, &value);
	return value;
}

int64_t cli_int(const struct cli *cli, const char *section, const char *key)
{
	int64_t value = 0;

	aios_config_get_int(cli->config, section, key, &value);
	return value;
}

double cli_float(const struct cli *cli, const char *section, const char *key)
{
	double value = 0;

	aios_config_get_float(cli->config, section, key, &value);
	return value;
}

const char *cli_text(const struct cli *cli, const char *section, const char *key)
{
	const char *value = aios_config_get(cli->config, section, key);

	return value && value[0] ? value : NULL;
}

const char *cli_nth(const struct cli *cli, const char *section, const char *key, size_t n)
{
	int option = aios_config_find(cli->config, section, key);

	for (size_t i = 0; i < cli->n_given; i++)
		if (cli->given[i].option == option && n-- == 0)
			return cli->given[i].value;
	return NULL;
}

int cli_model(const struct cli *cli, const char **path, struct aios_status *st)
{
	*path = cli_text(cli, "aios", "model");
	if (*path)
		return 0;
	return cli_usage(st, "no model: give its folder with -m DIR, AIOS_MODEL or 'model' in "
			     "the ini file");
}

int cli_boot(struct cli *cli, struct aios_status *st)
{
	if (cli->aios)
		return 0;
	return aios_create(cli->config, terminal_log, &cli->term, &cli->aios, st);
}

void cli_blame_drivers(struct cli *cli)
{
	struct aios_device_report first;
	struct aios_status ignored = { 0 };

	cli->blame_drivers = cli->aios && aios_devices(cli->aios, false, &first, 1, &ignored) <= 0;
}

int cli_load(struct cli *cli, const char *path, struct aios_engine **engine, struct aios_status *st)
{
	const char *name = strrchr(path, '/');
	char title[64];
	int rc = cli_boot(cli, st);

	if (rc)
		return rc;
	snprintf(title, sizeof(title), "loading %.48s", name && name[1] ? name + 1 : path);
	terminal_progress_begin(&cli->term, title);
	rc = aios_engine_open(cli->aios, path, terminal_progress, &cli->term, engine, st);
	terminal_progress_end(&cli->term);
	if (rc)
		cli_blame_drivers(cli);
	return rc;
}

static int read_ini(struct cli *cli, struct aios_status *st)
{
	const char *path = cli_text(cli, AIOS_SECTION_COMMAND, "config");

	if (cli_flag(cli, AIOS_SECTION_COMMAND, "no_config"))
		return 0;
	if (path)
		return aios_config_load_ini(cli->config, path, st);
	return aios_config_load_default_ini(cli->config, st);
}

/* The command line is applied first: it says which ini file to read. Layers keep the order. */
static int configure(struct cli *cli, struct aios_status *st)
{
	int rc = args_apply(cli, st);

	/* Memory that ran out is not the user's mistake; all else that can fail is. */
	if (rc)
		return rc == -ENOMEM ? rc : CLI_USAGE;
	if (cli->command->needs == CLI_NEEDS_NOTHING)
		return 0;
	rc = read_ini(cli, st);
	if (!rc)
		rc = aios_config_load_env(cli->config, st);
	if (rc && cli->command->needs == CLI_TRIES_CONFIG) {
		cli->config_status = *st;
		aios_status_clear(st);
		rc = 0;
	}
	terminal_configure(&cli->term, aios_config_get(cli->config, "aios", "color"),
			   aios_config_get(cli->config, "aios", "progress"),
			   aios_config_get(cli->config, "aios", "log_level"));
	return rc;
}

/* One message for the failure; when no driver can be had, also who was asked and why not. */
static void complain(struct cli *cli, const struct aios_status *st)
{
	const char *where = st->where;
	char *journal;

	fflush(stdout);
	fprintf(stderr, "%saios: error:%s %s%s%s\n", style_on(cli->term.color, STYLE_RED),
		style_off(cli->term.color), where, where[0] ? ": " : "", st->message);
	if (!cli->blame_drivers)
		return;
	journal = aios_explain_modules(cli->aios, AIOS_KIND_DRIVER);
	if (journal)
		fputs(journal, stderr);
	free(journal);
}

static int finish(struct cli *cli, int rc, struct aios_status *st)
{
	struct aios_status written = { 0 };
	int out = out_finish(&written);

	if (rc && st->message[0])
		complain(cli, st);
	else if (rc < 0)
		fprintf(stderr, "aios: error: %s\n", strerror(-rc));
	/* A reader that has seen enough (`aios ... | head`) is no error worth words. */
	if (out && out != -EPIPE)
		complain(cli, &written);
	if (rc > 0)
		return rc;
	return rc || out ? CLI_FAILED : CLI_OK;
}

static void cleanup(struct cli *cli)
{
	aios_destroy(cli->aios);
	aios_config_destroy(cli->config);
	free(cli->given);
	free(cli->args);
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	struct aios_status st = { 0 };
	int rc;

	terminal_init(&cli.term);
	cli.config = aios_config_create();
	if (!cli.config)
		rc = aios_fail(&st, -ENOMEM, "out of memory for the configuration");
	else
		rc = args_parse(&cli, argc, argv, &st);
	if (!rc)
		rc = configure(&cli, &st);
	if (!rc)
		rc = cli.command->run(&cli, &st);
	rc = finish(&cli, rc, &st);
	cleanup(&cli);
	return rc;
}
