/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - aios replay: run the launches of a file on a driver and compare. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "hookreport.h"
#include "out.h"

static int configure(struct cli *cli, const struct hook_report *report, struct aios_status *st)
{
	const char *file = cli->args[0], *against = NULL;
	char hook[700];

	if (strchr(file, ',') || strlen(file) > 500)
		return cli_usage(st, "a file with a comma in its name, or with more than 500 "
				     "characters, cannot be replayed: rename it");
	if (access(file, R_OK) != 0)
		return aios_fail(st, -errno, "cannot read %.300s: %s", file, strerror(errno));
	if (aios_config_is_set(cli->config, AIOS_SECTION_COMMAND, "against"))
		against = cli_text(cli, AIOS_SECTION_COMMAND, "against");
	if (against && strchr(against, ','))
		return cli_usage(st, "--against takes the name of one driver");
	snprintf(hook, sizeof(hook), "replay:%s%s%.100s", file, against ? ",against=" : "",
		 against ? against : "");
	return hook_report_configure(report, cli, hook, st);
}

static void print_text(const json_t *report)
{
	const json_t *first = json_object_get(report, "first");
	int64_t launches = hook_report_int(report, "launches");
	int64_t unsupported = hook_report_int(report, "unsupported");

	out_printf("%" PRId64 " launches recorded by %s, on %s: %" PRId64 " equal, %" PRId64
		   " different",
		   launches, hook_report_text(report, "recorded_by"),
		   hook_report_text(report, "driver"), (int64_t)hook_report_int(report, "equal"),
		   (int64_t)hook_report_int(report, "different"));
	if (unsupported)
		out_printf(", %" PRId64 " that this driver cannot run", unsupported);
	out_printf("\n");
	if (!json_is_object(first))
		return;
	out_printf("the first difference:\n");
	hook_report_print_first(first);
}

static int conclude(struct cli *cli, const struct hook_report *file, int rc, struct aios_status *st)
{
	struct aios_status no_report = { 0 };
	json_t *report;

	/* Anything but "differs" is said by its message. */
	if (rc && rc != -EBADMSG)
		return rc;
	report = hook_report_read(file, &no_report);
	if (!report) {
		if (rc == 0)
			*st = no_report;
		return rc ? rc : -EIO;
	}
	aios_status_clear(st);
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json")) {
		int written = out_json(report, 0, st);

		return written ? written : rc ? CLI_FAILED : CLI_OK;
	}
	print_text(report);
	json_decref(report);
	return rc ? CLI_FAILED : CLI_OK;
}

int replay_main(struct cli *cli, struct aios_status *st)
{
	struct hook_report report = { "" };
	struct aios_device_info info;
	int rc;

	if (cli->n_args != 1)
		return cli_usage(st, "'replay' needs the file to replay");
	rc = hook_report_begin(&report, st);
	if (!rc)
		rc = configure(cli, &report, st);
	if (!rc)
		rc = cli_boot(cli, st);
	if (!rc) {
		rc = aios_device_try(cli->aios, &info, st);
		rc = conclude(cli, &report, rc, st);
	}
	hook_report_end(&report);
	return rc;
}
