// SPDX-License-Identifier: Apache-2.0
/*
 * device.c - the one device of this driver: the CPUs this process may run on.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dot.h"
#include "isa.h"
#include "pool.h"
#include "ref.h"

#define REF_DEVICE_ID "cpu:0"

/* The kernels a value of the parameter 'isa' asks for; NULL when this CPU cannot. */
static const struct ref_dot *ref_choose_dot(const char *isa)
{
#if REF_HAVE_V3
	if (strcmp(isa, "base") != 0 && ref_cpu_has_v3())
		return &ref_dot_v3;
#endif
	return strcmp(isa, "v3") == 0 ? NULL : &ref_dot_base;
}

static uint32_t ref_online_cpus(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (uint32_t)CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (uint32_t)n : 1;
}

static const char *ref_param(const struct aios_host *host, const char *name, const char *otherwise)
{
	const char *text = host && host->param ? host->param(host->ctx, name) : NULL;

	return text && *text ? text : otherwise;
}

/* What /proc/cpuinfo calls the processor, or the architecture's name. */
static void ref_cpu_name(char *out, size_t cap)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *text;

	snprintf(out, cap, "CPU");
	while (f && fgets(line, sizeof(line), f)) {
		text = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || !text)
			continue;
		text += strspn(text, ": \t");
		text[strcspn(text, "\n")] = '\0';
		snprintf(out, cap, "%.*s", (int)(cap - 1), text);
		break;
	}
	if (f)
		fclose(f);
}

int ref_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
	      struct aios_status *st)
{
	(void)host;
	(void)st;
	if (cap == 0)
		return 1;
	snprintf(out->id, sizeof(out->id), REF_DEVICE_ID);
	out->alias[0] = '\0';
	ref_cpu_name(out->name, sizeof(out->name));
	snprintf(out->reason, sizeof(out->reason), "reference, plain C on %u CPUs, %s",
		 ref_online_cpus(), ref_choose_dot("auto")->isa);
	out->score = 10; /* right, not fast: any other working driver wins */
	out->memory = ref_mem_total();
	out->index = 0;
	return 1;
}

int ref_open(const struct aios_host *host, uint32_t index, void **out, struct aios_status *st)
{
	const char *isa = ref_param(host, "isa", "auto");
	long threads = strtol(ref_param(host, "threads", "0"), NULL, 10);
	struct ref_device *dev;
	int ret;

	if (index != 0)
		return aios_fail(st, -ENODEV, "cpu-ref has one device, index 0; asked for %u",
				 index);
	if (threads < 0 || threads > 1024)
		return aios_fail(st, -EINVAL, "parameter 'threads' is %ld; expected 0 to 1024",
				 threads);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return aios_fail(st, -ENOMEM, "no memory for a device");
	dev->host = host;
	dev->dot = ref_choose_dot(isa);
	if (!dev->dot) {
		ret = aios_fail(st, -ENOTSUP,
				"parameter 'isa' is v3, but this CPU lacks AVX2, FMA "
				"or BMI2; use isa=auto");
		goto free_device;
	}
	ret = ref_pool_create(threads ? (uint32_t)threads : ref_online_cpus(), &dev->pool, st);
	if (ret)
		goto free_device;
	pthread_mutex_init(&dev->lock, NULL);
	*out = dev;
	return 0;

free_device:
	free(dev);
	return ret;
}

/* Work is done when launch() returns, so a device is always quiet. */
int ref_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	(void)dev;
	(void)deadline_ns;
	(void)st;
	return 0;
}

void ref_close(void *arg)
{
	struct ref_device *dev = arg;

	if (!dev)
		return;
	ref_pool_destroy(dev->pool);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

int ref_device_info(void *arg, struct aios_device_info *info, struct aios_status *st)
{
	const struct ref_device *dev = arg;
	uint32_t threads = ref_pool_threads(dev->pool);

	(void)st;
	info->wave = 1;
	info->profiles = (1u << AIOS_PROFILE_COUNT) - 1;
	info->best_profile = AIOS_PROFILE_FMA32;
	info->units = threads;
	info->op_types = ref_op_types();
	snprintf(info->id, sizeof(info->id), REF_DEVICE_ID);
	ref_cpu_name(info->name, sizeof(info->name));
	/* Not the threads: they change no bit, and a certificate is bound to this text. */
	snprintf(info->runtime, sizeof(info->runtime), "%s", dev->dot->isa);
	return 0;
}
