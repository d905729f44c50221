/* SPDX-License-Identifier: Apache-2.0 */
/* devices.c - aios devices. */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "devices.h"
#include "out.h"
#include "table.h"
#include "text.h"

int devices_read(struct cli *cli, struct aios_device_report **list, size_t *n,
		 struct aios_status *st)
{
	struct aios_device_report *reports = NULL, *grown;
	uint32_t cap = 8;
	int found;

	for (;;) {
		grown = realloc(reports, cap * sizeof(*reports));
		if (!grown) {
			found = aios_fail(st, -ENOMEM, "out of memory while listing devices");
			break;
		}
		reports = grown;
		found = aios_devices(cli->aios, true, reports, cap, st);
		if (found <= (int)cap)
			break;
		cap = (uint32_t)found;
	}
	if (found < 0) {
		free(reports);
		return found;
	}
	*list = reports;
	*n = (size_t)found;
	return 0;
}

const char *device_profiles(const struct aios_device_report *device, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && at < size; p++)
		if (device->info.profiles & (1u << p))
			at += (size_t)snprintf(text + at, size - at, "%s%s%s%s", at ? " " : "",
					       aios_profile_info_of(p).name,
					       aios_profile_unverified(p) ? "?" : "",
					       p == device->info.best_profile ? "*" : "");
	if (!at)
		snprintf(text, size, "none");
	return text;
}

/* All that it has, or those that no hardware has confirmed. */
static json_t *profiles_json(const struct aios_device_report *device, bool unverified)
{
	json_t *array = json_array();

	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT; p++)
		if ((device->info.profiles & (1u << p)) &&
		    (!unverified || aios_profile_unverified(p)))
			json_add(&array, json_string(aios_profile_info_of(p).name));
	return array;
}

json_t *device_json(const struct aios_device_report *device)
{
	const struct aios_device_desc *desc = &device->desc;
	json_t *object = json_object();

	json_put(&object, "driver", json_string(device->driver));
	json_put(&object, "id", json_string(desc->id));
	json_put(&object, "name", json_text(desc->name, strlen(desc->name)));
	json_put(&object, "score", json_integer(desc->score));
	json_put(&object, "reason", json_text(desc->reason, strlen(desc->reason)));
	json_put(&object, "memory", json_integer((json_int_t)desc->memory));
	json_put(&object, "opened", json_boolean(device->opened));
	if (!device->opened)
		return object;
	json_put(&object, "runtime", json_text(device->info.runtime, strlen(device->info.runtime)));
	json_put(&object, "units", json_integer(device->info.units));
	json_put(&object, "profiles", profiles_json(device, false));
	json_put(&object, "unverified", profiles_json(device, true));
	json_put(&object, "best_profile",
		 json_string(aios_profile_info_of(device->info.best_profile).name));
	json_put(&object, "numerics_id", json_string(device->numerics_id));
	return object;
}

static int print_json(const struct aios_device_report *list, size_t n, struct aios_status *st)
{
	json_t *object = json_object(), *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_add(&array, device_json(&list[i]));
	json_put(&object, "devices", array);
	return out_json(object, 2, st);
}

static void print_table(const struct aios_device_report *list, size_t n)
{
	struct table table = { 0 };

	table_row(&table, "DRIVER", "DEVICE", "NAME", "MEMORY", "PROFILES", NULL);
	for (size_t i = 0; i < n; i++) {
		const struct aios_device_desc *desc = &list[i].desc;
		char memory[HUMAN], profiles[160];

		table_row(&table, list[i].driver, desc->id, desc->name,
			  desc->memory ? human_bytes(memory, desc->memory) : "?",
			  list[i].opened ? device_profiles(&list[i], profiles, sizeof(profiles)) :
					   desc->reason,
			  NULL);
	}
	table_print(&table, true);
}

int devices_main(struct cli *cli, struct aios_status *st)
{
	struct aios_device_report *list;
	size_t n;
	int rc = cli_boot(cli, st);

	if (!rc)
		rc = devices_read(cli, &list, &n, st);
	if (rc) {
		cli_blame_drivers(cli);
		return rc;
	}
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json"))
		rc = print_json(list, n, st);
	else if (n)
		print_table(list, n);
	else
		rc = aios_fail(st, -ENODEV, "no driver found a device");
	if (rc == -ENODEV)
		cli_blame_drivers(cli);
	free(list);
	return rc;
}
