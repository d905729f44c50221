/* SPDX-License-Identifier: Apache-2.0 */
/* hookreport.c - see hookreport.h. */
#include "hookreport.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

int hook_report_begin(struct hook_report *report, struct aios_status *st)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	/* A comma would end the hook's argument. */
	if (!folder || !*folder || strchr(folder, ',') || strlen(folder) > 200)
		folder = "/tmp";
	snprintf(report->path, sizeof(report->path), "%s/aios-report-XXXXXX", folder);
	fd = mkstemp(report->path);
	if (fd < 0) {
		int rc = aios_fail(st, -errno, "cannot make a temporary file in %s: %s", folder,
				   strerror(errno));

		report->path[0] = '\0';
		return rc;
	}
	close(fd);
	return 0;
}

void hook_report_end(struct hook_report *report)
{
	if (report->path[0])
		unlink(report->path);
	report->path[0] = '\0';
}

int hook_report_configure(const struct hook_report *report, struct cli *cli, const char *text,
			  struct aios_status *st)
{
	const char *others = cli_text(cli, "aios", "hook");
	char list[1024];
	int n = snprintf(list, sizeof(list), "%s,report=%s%s%s", text, report->path,
			 others ? "," : "", others ? others : "");

	if (n < 0 || (size_t)n >= sizeof(list))
		return aios_fail(st, -E2BIG, "the list of hooks is too long");
	return aios_config_set(cli->config, "aios", "hook", list, AIOS_CONFIG_CLI, "the command",
			       st);
}

json_t *hook_report_read(const struct hook_report *report, struct aios_status *st)
{
	json_error_t error;
	json_t *object = json_load_file(report->path, 0, &error);

	if (!json_is_object(object)) {
		json_decref(object);
		aios_fail(st, -EIO, "the hook left no report: %s", error.text);
		return NULL;
	}
	return object;
}

json_int_t hook_report_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *hook_report_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* "bit 12", "bits 3, 12", "20 bits" of the two patterns. */
static void bits_text(uint64_t bits, char *text, size_t size)
{
	int n = __builtin_popcountll(bits), at = 0;

	if (n > 8) {
		snprintf(text, size, "%d bits", n);
		return;
	}
	at = snprintf(text, size, n == 1 ? "bit" : "bits");
	for (int bit = 0, seen = 0; bit < 64; bit++) {
		if (!(bits >> bit & 1))
			continue;
		at += snprintf(text + at, size - (size_t)at, "%s %d", seen++ ? "," : "", bit);
	}
}

void hook_report_print_first(const json_t *first)
{
	json_int_t layer = hook_report_int(first, "layer");
	uint64_t got = (uint64_t)hook_report_int(first, "got");
	uint64_t want = (uint64_t)hook_report_int(first, "want");
	char bits[64];

	if (layer >= 0)
		out_printf("  layer    %d\n", (int)layer);
	else
		out_printf("  layer    none (before or after the layers)\n");
	out_printf("  op       %s (launch %" PRId64 ")\n", hook_report_text(first, "op"),
		   (int64_t)hook_report_int(first, "launch"));
	if (!json_object_get(first, "place")) {
		out_printf("  operand  %s (by its digest; --against shows the element)\n",
			   hook_report_text(first, "operand"));
		return;
	}
	bits_text(got ^ want, bits, sizeof(bits));
	out_printf("  element  %s, %s\n", hook_report_text(first, "place"),
		   hook_report_text(first, "dtype"));
	out_printf("  bits     0x%" PRIx64 " instead of 0x%" PRIx64 ": %s", got, want, bits);
	if (json_object_get(first, "ulps"))
		out_printf(", %" PRId64 " ulp", (int64_t)hook_report_int(first, "ulps"));
	out_printf("\n  count    %" PRId64 " of %" PRId64 " elements of this launch\n",
		   (int64_t)hook_report_int(first, "count"),
		   (int64_t)hook_report_int(first, "total"));
}
