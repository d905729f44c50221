// SPDX-License-Identifier: Apache-2.0
/*
 * module.c - what faulty is: metadata, parameters, the device, the driver's table.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "slots.h"

#define FAULTY_ID_TEXT "faulty:0"
#define LEAK ((size_t)1 << 20)

#define CHOICE(id, name, op, cases, what) "|" name

static const struct aios_param faulty_params[] = {
	{ .name = "bug",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "off",
	  .choices = "off|none|plain" FAULTY_BUGS(CHOICE),
	  .help = "the seeded bug; off: no device; none: no bug; plain: no bug, slow ops" },
	{ .name = "threads",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 1024,
	  .help = "worker threads; 0: one for each CPU this process may run on" },
};

static enum faulty_bug chosen(const struct aios_host *host)
{
	const char *text = host && host->param ? host->param(host->ctx, "bug") : NULL;

	return text ? faulty_find(text) : BUG_OFF;
}

static void describe(enum faulty_bug bug, struct aios_device_desc *out)
{
	static uint32_t probes;

	out->alias[0] = '\0';
	out->score = bug == BUG_OFF ? -1 : 0; /* never the best */
	out->memory = ref_mem_total();
	out->index = 0;
	snprintf(out->id, sizeof(out->id), FAULTY_ID_TEXT);
	if (bug == BUG_DV_ID)
		snprintf(out->id, sizeof(out->id), "faulty:%u",
			 __atomic_fetch_add(&probes, 1, __ATOMIC_RELAXED));
	snprintf(out->name, sizeof(out->name), "cpu-ref with bug '%s'", faulty_name(bug));
	snprintf(out->reason, sizeof(out->reason), "%s",
		 bug == BUG_OFF ? "a driver that is wrong on purpose: set its parameter 'bug'" :
				  faulty_what(bug));
}

static int faulty_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
			struct aios_status *st)
{
	enum faulty_bug bug = chosen(host);

	(void)st;
	if (cap > 0 || (bug == BUG_DV_COUNT && out))
		describe(bug, out);
	return 1;
}

static void *sleep_for_good(void *arg)
{
	(void)arg;
	for (;;)
		sleep(3600);
	return NULL;
}

/* What an open leaves behind. */
static void leak_something(void)
{
	pthread_t thread;
	void *memory;

	if (faulty_has(BUG_DV_FD))
		(void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (faulty_has(BUG_DV_THREAD) && !pthread_create(&thread, NULL, sleep_for_good, NULL))
		pthread_detach(thread);
	if (faulty_has(BUG_DV_MEMORY)) {
		memory = mmap(NULL, LEAK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0);
		if (memory != MAP_FAILED)
			memset(memory, 1, LEAK);
	}
}

static int faulty_open(const struct aios_host *host, uint32_t index, void **out,
		       struct aios_status *st)
{
	enum faulty_bug bug = chosen(host);
	struct faulty_device *dev;
	void *below;
	int ret;

	if (bug == BUG_OFF)
		return aios_fail(st, -ENODEV,
				 "faulty has a device only when its parameter 'bug' is set");
	__atomic_store_n(&faulty_now, (int)bug, __ATOMIC_RELAXED);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return aios_fail(st, -ENOMEM, "no memory for a device");
	ret = ref_open(host, faulty_has(BUG_DV_INDEX) ? 0 : index, &below, st);
	if (ret) {
		free(dev);
		if (faulty_has(BUG_DV_MESSAGE) && st)
			st->message[0] = '\0';
		return ret;
	}
	dev->below = below;
	leak_something();
	*out = dev;
	return 0;
}

static int faulty_quiesce(void *arg, uint64_t deadline_ns, struct aios_status *st)
{
	struct faulty_device *dev = arg;

	return ref_quiesce(dev->below, deadline_ns, st);
}

static void faulty_close(void *arg)
{
	struct faulty_device *dev = arg;

	if (faulty_has(BUG_DV_NULL) && !dev->below) /* reads through NULL */
		return;
	if (!dev)
		return;
	faulty_forget(&dev->later);
	ref_mem_free(dev->below, &dev->arena);
	ref_close(dev->below);
	free(dev);
}

static int faulty_device_info(void *arg, struct aios_device_info *info, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	int ret = ref_device_info(dev->below, info, st);

	if (ret)
		return ret;
	snprintf(info->id, sizeof(info->id), FAULTY_ID_TEXT);
	if (faulty_has(BUG_DV_PORTABLE))
		info->profiles &= ~(1u << AIOS_PROFILE_FMA32);
	if (faulty_has(BUG_DV_TYPES))
		info->op_types &= ~((uint64_t)1 << AIOS_OP_ARGMAX);
	return 0;
}

static const struct aios_driver_ops faulty_ops = {
	.size = sizeof(struct aios_driver_ops),
	.probe = faulty_probe,
	.open = faulty_open,
	.quiesce = faulty_quiesce,
	.close = faulty_close,
	.device_info = faulty_device_info,
	.heap_info = faulty_heap_info,
	.mem_alloc = faulty_mem_alloc,
	.mem_free = faulty_mem_free,
	.queue_create = faulty_queue_create,
	.queue_destroy = faulty_queue_destroy,
	.query_op = faulty_query_op,
	.launch = faulty_launch,
	.copy = faulty_copy,
	.fill = faulty_fill,
	.signal = faulty_signal,
	.wait = faulty_wait,
	.queue_wait = faulty_queue_wait,
	.mem_import = faulty_mem_import,
	.graph_begin = faulty_graph_begin,
	.graph_end = faulty_graph_end,
	.graph_launch = faulty_graph_launch,
	.graph_destroy = faulty_graph_destroy,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "cpu-ref with a seeded bug, to test the conformance kit");
AIOS_MODULE_INFO(version, "1");
AIOS_DRIVER(faulty, "faulty", &faulty_ops, faulty_params,
	    sizeof(faulty_params) / sizeof(faulty_params[0]));
