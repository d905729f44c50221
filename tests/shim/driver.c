// SPDX-License-Identifier: Apache-2.0
/*
 * driver.c - gpu-shim: a driver whose device is shim.cpp. Its launch() is that of the cuda and hip
 * drivers (gpu_plan, then kernels in order), so conformance suites of the whole vocabulary run on
 * the GPU kernels without a GPU. Memory is the host's; a queue runs at once. One launch at a time
 * in a process: the shim is one machine with one thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aios/driver/driver.h>

#include "fuse.h"
#include "shim_run.h"

#define SHIM_ALIGN 256u
#define SHIM_HEAP ((uint64_t)1 << 32)

struct shim_device {
	const struct aios_host *host;
	struct gpu_caps caps;
	struct shim_config config;
};

/* An op that may become one launch with the next waits for what comes next. */
struct shim_queue {
	uint64_t timeline; /* value of the last signal, all of them reached */
	union aios_op_any held;
	bool holds;
};

static pthread_mutex_t shim_lock = PTHREAD_MUTEX_INITIALIZER;

static void shim_id(char *out, size_t bytes)
{
	snprintf(out, bytes, "gpu-shim:0");
}

static int shim_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		      struct aios_status *st)
{
	(void)host;
	(void)st;
	if (cap > 0) {
		out[0].score = 0;
		out[0].memory = 0;
		out[0].index = 0;
		shim_id(out[0].id, sizeof(out[0].id));
		snprintf(out[0].name, sizeof(out[0].name), "GPU kernels on the host");
		snprintf(out[0].reason, sizeof(out[0].reason), "for tests");
	}
	return 1;
}

/* A parameter as a number; the environment (SHIM_NAME) goes before it. */
static uint32_t shim_number(const struct aios_host *host, const char *name, const char *env)
{
	const char *text = getenv(env);

	if (!text || !*text)
		text = host->param(host->ctx, name);
	return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static uint32_t shim_order(const struct aios_host *host)
{
	const char *text = getenv("SHIM_ORDER");

	if (!text || !*text)
		text = host->param(host->ctx, "order");
	if (text && strcmp(text, "reverse") == 0)
		return SHIM_REVERSE;
	return text && strcmp(text, "random") == 0 ? SHIM_RANDOM : SHIM_FORWARD;
}

static int shim_open(const struct aios_host *host, uint32_t index, void **out,
		     struct aios_status *st)
{
	struct shim_device *dev;

	if (index != 0)
		return aios_fail(st, -ENODEV, "there is no device %u, only 0", index);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return aios_fail(st, -ENOMEM, "no memory for the device");
	dev->host = host;
	dev->config.wave = shim_number(host, "wave", "SHIM_WAVE") == 64 ? 64 : 32;
	dev->config.order = shim_order(host);
	dev->config.seed = shim_number(host, "seed", "SHIM_SEED");
	dev->config.cdna = shim_number(host, "cdna", "SHIM_CDNA");
	if (dev->config.wave != 64)
		dev->config.cdna = 0;
	else if (!dev->config.cdna)
		dev->config.cdna = 2 + (uint32_t)(dev->config.seed & 1);
	dev->caps.cdna = dev->config.cdna;
	dev->caps.wave = dev->config.wave;
	dev->caps.units = shim_number(host, "units", "SHIM_UNITS");
	dev->caps.shared_max = dev->config.wave == 64 ? 65536 : 232448;
	dev->caps.arch = dev->config.wave == 64 ? 0 : shim_number(host, "arch", "SHIM_ARCH");
	dev->caps.maps = dev->caps.arch == 90;
	dev->caps.wgmma_rows = shim_number(host, "wgmma_rows", "SHIM_WGMMA_ROWS");
	*out = dev;
	return 0;
}

static int shim_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	(void)dev;
	(void)deadline_ns;
	(void)st;
	return 0; /* queues run at once */
}

static void shim_close(void *dev)
{
	free(dev);
}

static int shim_device_info(void *dev, struct aios_device_info *info, struct aios_status *st)
{
	static const char *const orders[] = { "forward", "reverse", "random" };
	const struct shim_device *d = dev;

	(void)st;
	info->wave = d->config.wave;
	info->profiles = gpu_profiles(&d->caps);
	info->best_profile = AIOS_PROFILE_FMA32;
	info->units = d->caps.units;
	info->op_types = gpu_op_types();
	shim_id(info->id, sizeof(info->id));
	snprintf(info->name, sizeof(info->name), "GPU kernels on the host");
	snprintf(info->runtime, sizeof(info->runtime), "wave %u, %s", d->config.wave,
		 orders[d->config.order]);
	return 0;
}

static int shim_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
			  struct aios_status *st)
{
	(void)dev;
	(void)st;
	info->total = info->free = heap < AIOS_HEAP_COUNT ? SHIM_HEAP : 0;
	return 0;
}

static int shim_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			  struct aios_status *st)
{
	uint64_t whole = (bytes + SHIM_ALIGN - 1) / SHIM_ALIGN * SHIM_ALIGN;

	(void)dev;
	if (heap >= AIOS_HEAP_COUNT)
		return aios_fail(st, -EINVAL, "there is no heap %u", heap);
	if (bytes == 0)
		return aios_fail(st, -EINVAL, "an allocation of 0 bytes");
	out->host = whole < bytes || whole > SHIM_HEAP ? NULL : aligned_alloc(SHIM_ALIGN, whole);
	if (!out->host)
		return aios_fail(st, -AIOS_EXHAUSTED, "no memory for %llu bytes",
				 (unsigned long long)bytes);
	out->addr = (uintptr_t)out->host;
	out->bytes = bytes;
	out->priv = out->host;
	out->heap = heap;
	return 0;
}

static void shim_mem_free(void *dev, struct aios_mem *mem)
{
	(void)dev;
	free(mem->priv);
	memset(mem, 0, sizeof(*mem));
}

static int shim_queue_create(void *dev, void **queue, struct aios_status *st)
{
	(void)dev;
	*queue = calloc(1, sizeof(struct shim_queue));
	return *queue ? 0 : aios_fail(st, -ENOMEM, "no memory for a queue");
}

/* Here the map itself is what the kernel finds in its arguments. */
static void encode_maps(struct gpu_launch *l)
{
	uint32_t i;

	_Static_assert(sizeof(l->maps[0]) <= GPU_MAP_BYTES, "a map has no room");
	for (i = 0; i < l->n_maps; i++)
		memcpy(l->args.bytes + l->maps[i].at, &l->maps[i], sizeof(l->maps[i]));
}

/* Run launches, one machine for all threads. */
static int run_all(struct shim_device *d, struct gpu_launch *launches, unsigned int n,
		   struct aios_status *st)
{
	unsigned int i;
	int ret = 0;

	pthread_mutex_lock(&shim_lock);
	for (i = 0; i < n && !ret; i++) {
		encode_maps(&launches[i]);
		ret = shim_run(&launches[i], &d->config);
		if (ret)
			aios_fail(st, ret, "no memory for the fibers of %s",
				  gpu_kernel_name(launches[i].kernel));
	}
	pthread_mutex_unlock(&shim_lock);
	return ret;
}

static int run_held(struct shim_device *d, struct shim_queue *q, struct aios_status *st)
{
	struct gpu_launch launches[GPU_MAX_LAUNCHES];
	unsigned int n = 0;
	int ret;

	if (!q->holds)
		return 0;
	q->holds = false;
	ret = gpu_plan(&d->caps, &q->held.op, launches, GPU_MAX_LAUNCHES, &n, st);
	return ret ? ret : run_all(d, launches, n, st);
}

static void shim_queue_destroy(void *dev, void *queue)
{
	if (queue)
		run_held(dev, queue, NULL);
	free(queue);
}

static int shim_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	const struct shim_device *d = dev;

	return gpu_query(&d->caps, op, out);
}

static int shim_weight_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			      struct aios_status *st)
{
	const struct shim_device *d = dev;

	return gpu_weight_layout(&d->caps, profile, w, bytes, st);
}

static int shim_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct gpu_launch launches[GPU_MAX_LAUNCHES], both[GPU_MAX_LAUNCHES];
	struct shim_device *d = dev;
	struct shim_queue *q = queue;
	unsigned int n = 0, n_both = 0;
	int ret, fused = 0;

	ret = gpu_plan(&d->caps, op, launches, GPU_MAX_LAUNCHES, &n, st);
	if (!ret && q->holds)
		fused = gpu_fuse(&d->caps, &q->held.op, op, both, GPU_MAX_LAUNCHES, &n_both, st);
	if (ret || fused < 0)
		return ret ? ret : fused;
	if (fused) {
		q->holds = false;
		return run_all(d, both, n_both, st);
	}
	ret = run_held(d, q, st);
	if (ret || !n || !gpu_fuse_begins(op))
		return ret ? ret : run_all(d, launches, n, st);
	memcpy(&q->held, op, op->size < sizeof(q->held) ? op->size : sizeof(q->held));
	q->holds = true;
	return 0;
}

static int shim_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		     uint64_t bytes, struct aios_status *st)
{
	int ret = run_held(dev, queue, st);

	if (ret)
		return ret;
	if (dir > AIOS_COPY_ON_DEVICE)
		return aios_fail(st, -EINVAL, "copy: direction %u; expected 0 to 2", dir);
	if (bytes == 0)
		return 0;
	if (!dst || !src)
		return aios_fail(st, -EINVAL, "copy: %llu bytes with a null %s",
				 (unsigned long long)bytes, dst ? "source" : "destination");
	memmove((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, bytes);
	return 0;
}

static int shim_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		     struct aios_status *st)
{
	int ret = run_held(dev, queue, st);

	if (ret)
		return ret;
	if (bytes && !dst)
		return aios_fail(st, -EINVAL, "fill: %llu bytes at address 0",
				 (unsigned long long)bytes);
	if (bytes)
		memset((void *)(uintptr_t)dst, value, bytes);
	return 0;
}

static int shim_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st)
{
	struct shim_queue *q = queue;
	int ret = run_held(dev, queue, st);

	*value = ++q->timeline;
	return ret;
}

static int shim_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		     struct aios_status *st)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
				  .tv_nsec = (long)(deadline_ns % 1000000000u) };
	struct shim_queue *q = queue;

	(void)dev;
	if (q->timeline >= value)
		return 0;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
	return aios_fail(st, -ETIMEDOUT, "wait: the timeline is at %llu, %llu was not signalled",
			 (unsigned long long)q->timeline, (unsigned long long)value);
}

static const struct aios_param shim_params[] = {
	{ .name = "wave",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "32",
	  .choices = "32|64",
	  .help = "threads of a wave" },
	{ .name = "order",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "forward",
	  .choices = "forward|reverse|random",
	  .help = "in which order threads run between barriers" },
	{ .name = "seed",
	  .type = AIOS_PARAM_INT,
	  .default_text = "1",
	  .min = 0,
	  .max = 1 << 30,
	  .help = "of the random order" },
	{ .name = "arch",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 200,
	  .help = "CUDA's compute capability times ten that plans are made for; 90 has the "
		  "matrix units, in waves of 32" },
	{ .name = "cdna",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 3,
	  .help = "generation of CDNA's matrix units in waves of 64; 0: 2 with an even seed, 3 "
		  "with "
		  "an odd one" },
	{ .name = "wgmma_rows",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 1 << 30,
	  .help = "from how many rows matmul_wgmma runs; 0: as the plan has it" },
	{ .name = "units",
	  .type = AIOS_PARAM_INT,
	  .default_text = "4",
	  .min = 1,
	  .max = 1024,
	  .help = "multiprocessors that plans are made for; values do not depend on it" },
};

static const struct aios_driver_ops shim_ops = {
	.size = sizeof(struct aios_driver_ops),
	.probe = shim_probe,
	.open = shim_open,
	.quiesce = shim_quiesce,
	.close = shim_close,
	.device_info = shim_device_info,
	.heap_info = shim_heap_info,
	.mem_alloc = shim_mem_alloc,
	.mem_free = shim_mem_free,
	.queue_create = shim_queue_create,
	.queue_destroy = shim_queue_destroy,
	.query_op = shim_query_op,
	.launch = shim_launch,
	.copy = shim_copy,
	.fill = shim_fill,
	.signal = shim_signal,
	.wait = shim_wait,
	.weight_layout = shim_weight_layout,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "the GPU kernels on the host, for tests");
AIOS_MODULE_INFO(version, "1");
AIOS_DRIVER(gpu_shim, "gpu-shim", &shim_ops, shim_params,
	    sizeof(shim_params) / sizeof(shim_params[0]));
