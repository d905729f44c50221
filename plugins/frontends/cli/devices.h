/* SPDX-License-Identifier: Apache-2.0 */
/* devices.h - devices as reports, shared by devices, driver show and doctor. */
#ifndef CLI_DEVICES_H
#define CLI_DEVICES_H

#include <jansson.h>

#include "cli.h"

/* All devices that the configuration allows, opened. *list is malloc'ed. */
int devices_read(struct cli *cli, struct aios_device_report **list, size_t *n,
		 struct aios_status *st);

json_t *device_json(const struct aios_device_report *device);

/*
 * "fma32 tc-sm90* tc-sm80?": the fastest exact one is marked with '*', with '?' what is known from
 * the literature alone. Returns `text`.
 */
const char *device_profiles(const struct aios_device_report *device, char *text, size_t size);

#endif /* CLI_DEVICES_H */
