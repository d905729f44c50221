// SPDX-License-Identifier: Apache-2.0
/*
 * target.c - the driver under test and the reference, each in a context of its own:
 * in one registry two modules of one name could not both be had.
 */
#include <stdlib.h>
#include <string.h>

#include "core/conform/conform.h"
#include "core/lib/sha256.h"

void conform_side_close(struct conform_side *side)
{
	queue_close(&side->queues[1]);
	queue_close(&side->queues[0]);
	device_put(side->dev);
	memset(side, 0, sizeof(*side));
}

int conform_side_open(struct aios *aios, struct conform_side *side, struct aios_status *st)
{
	int rc;

	memset(side, 0, sizeof(*side));
	rc = context_open_device(aios, &side->dev, st);
	if (!rc)
		rc = queue_open(side->dev, &side->queues[0], st);
	if (!rc)
		rc = queue_open(side->dev, &side->queues[1], st);
	if (rc)
		conform_side_close(side);
	return rc;
}

/* Where drivers are looked for is the same on both sides, and how many threads they have. */
static int other_config(struct aios_conform *c, const char *against, struct aios_status *st)
{
	static const char *const keys[] = { "driver_path", "plugin_path", "threads" };
	int rc = 0;

	c->other_config = aios_config_create();
	if (!c->other_config)
		return aios_fail(st, -ENOMEM, "no memory for the reference's configuration");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !rc; i++) {
		const char *value = aios_config_get(c->aios->config, "aios", keys[i]);

		if (value && value[0] && aios_config_is_set(c->aios->config, "aios", keys[i]))
			rc = aios_config_set(c->other_config, "aios", keys[i], value,
					     AIOS_CONFIG_CLI, "the driver under test", st);
	}
	if (!rc)
		rc = aios_config_set(c->other_config, "aios", "driver", against, AIOS_CONFIG_CLI,
				     "command line --against", st);
	return rc;
}

/* The file of driver `name`, as the journal has it. */
static void path_of(struct aios *aios, const char *name, char *out, size_t size)
{
	struct aios_module_report report;

	out[0] = '\0';
	for (uint32_t i = 0; aios_module(aios, i, &report); i++)
		if (report.kind == AIOS_KIND_DRIVER && report.accepted &&
		    strcmp(report.name, name) == 0)
			snprintf(out, size, "%s", report.path);
}

static int describe(struct aios_conform *c, struct aios_status *st)
{
	struct aios_conform_summary *s = &c->summary;
	const struct device *dut = c->dut.dev, *ref = c->ref.dev;
	int rc;

	snprintf(s->driver, sizeof(s->driver), "%s", dut->driver);
	snprintf(s->device, sizeof(s->device), "%s", dut->info.id);
	snprintf(s->device_name, sizeof(s->device_name), "%s", dut->info.name);
	snprintf(s->runtime, sizeof(s->runtime), "%s", dut->info.runtime);
	snprintf(s->reference, sizeof(s->reference), "%s", ref->driver);
	snprintf(s->reference_runtime, sizeof(s->reference_runtime), "%s", ref->info.runtime);
	path_of(c->aios, s->driver, s->path, sizeof(s->path));
	path_of(c->other, s->reference, s->reference_path, sizeof(s->reference_path));
	s->profiles = dut->info.profiles;
	/* Built in, the driver is the program. */
	rc = sha256_file(strchr(s->path, '/') ? s->path : "/proc/self/exe", s->sha256);
	return rc ? aios_fail(st, rc, "cannot read driver %s: %s", s->path, strerror(-rc)) : 0;
}

int conform_open(struct aios_conform *c, struct aios_status *st)
{
	const char *against = c->options.against ? c->options.against : "cpu-ref";
	int rc = other_config(c, against, st);

	if (!rc)
		rc = aios_create(c->other_config, c->aios->log, c->aios->log_ctx, &c->other, st);
	if (!rc)
		rc = conform_side_open(c->other, &c->ref, st);
	if (rc) {
		char why[300];

		snprintf(why, sizeof(why), "%.299s", st ? st->message : "");
		return aios_fail(st, rc, "the reference '%s' cannot be used: %s", against, why);
	}
	rc = conform_side_open(c->aios, &c->dut, st);
	return rc ? rc : describe(c, st);
}

void conform_close(struct aios_conform *c)
{
	conform_side_close(&c->dut);
	conform_side_close(&c->ref);
	aios_destroy(c->other);
	aios_config_destroy(c->other_config);
	c->other = NULL;
	c->other_config = NULL;
}
