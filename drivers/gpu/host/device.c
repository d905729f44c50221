// SPDX-License-Identifier: Apache-2.0
/*
 * device.c - finding, opening, resetting and closing GPUs; errors and contexts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host.h"

/* --- errors and contexts ----------------------------------------------------- */

/* After these the context answers nothing but the same error. */
static bool result_is_loss(int result)
{
	const int *loss;

	for (loss = gpu_vendor.losses; *loss; loss++)
		if (result == *loss)
			return true;
	return false;
}

static int result_errno(int result)
{
	switch (result) {
	case GPU_OUT_OF_MEMORY:
		return -AIOS_EXHAUSTED;
	case GPU_INVALID_VALUE:
		return -EINVAL;
	case GPU_NO_DEVICE:
	case GPU_INVALID_DEVICE:
		return -ENODEV;
	case GPU_NOT_SUPPORTED:
	case GPU_NO_BINARY_FOR_GPU:
		return -ENOTSUP;
	case GPU_NOT_READY:
		return -AIOS_NOT_NOW;
	case GPU_DEVICE_UNAVAILABLE:
		return -EBUSY;
	default:
		return result_is_loss(result) ? -AIOS_DEVICE_LOST : -EIO;
	}
}

static const char *result_name(const struct gpu_api *api, int result, char *text, size_t cap)
{
	const char *name = gpu_vendor.error_name(api, result);

	if (!name)
		snprintf(text, cap, "error %d", result);
	return name ? name : text;
}

int gpu_result(struct gpu_device *dev, int result, const char *what, struct aios_status *st)
{
	const char *why;
	char text[32];
	int none = 0, ret;

	if (result == GPU_OK)
		return 0;
	if (result_is_loss(result))
		atomic_compare_exchange_strong(&dev->lost, &none, result);
	why = gpu_vendor.error_text(dev->api, result);
	ret = aios_fail(st, result_errno(result), "%s: %s (%s)%s", what,
			result_name(dev->api, result, text, sizeof(text)), why ? why : "no text",
			result_is_loss(result) ? "; the device is lost until it is reset" : "");
	if (st)
		st->vendor = result;
	return ret;
}

int gpu_check_lost(struct gpu_device *dev, unsigned int generation, struct aios_status *st)
{
	int lost = atomic_load(&dev->lost);
	char text[32];

	if (lost) {
		aios_fail(st, -AIOS_DEVICE_LOST, "the device was lost (%s); reset it",
			  result_name(dev->api, lost, text, sizeof(text)));
		if (st)
			st->vendor = lost;
		return -AIOS_DEVICE_LOST;
	}
	if (generation != atomic_load(&dev->generation))
		return aios_fail(
			st, -AIOS_DEVICE_LOST,
			"this object was made before the device was reset; make a new one");
	return 0;
}

int gpu_enter(struct gpu_device *dev, unsigned int generation, struct aios_status *st)
{
	int ret = gpu_check_lost(dev, generation, st);

	return ret ? ret : gpu_vendor.enter(dev, st);
}

void gpu_leave(struct gpu_device *dev)
{
	gpu_vendor.leave(dev);
}

uint64_t gpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void gpu_backoff_start(struct gpu_backoff *b, const struct gpu_device *dev, uint64_t deadline)
{
	b->start = gpu_now();
	b->deadline = deadline;
	b->spin_ns = dev->spin_ns;
}

/* A sleep is a small part of the time waited so far, so that it costs little of the total. */
bool gpu_backoff_wait(const struct gpu_backoff *b)
{
	uint64_t now = gpu_now(), nap = (now - b->start) / 64;
	struct timespec ts = { 0 };

	if (now >= b->deadline)
		return false;
	if (now - b->start < b->spin_ns)
		return true;
	nap = nap > 200000 ? 200000 : nap;
	ts.tv_nsec = (long)(nap < b->deadline - now ? nap : b->deadline - now);
	nanosleep(&ts, NULL);
	return true;
}

/* --- probing ----------------------------------------------------------------- */

int gpu_attribute(const struct gpu_api *api, int attribute, int ordinal)
{
	int value = 0;

	return api->device_attribute(&value, attribute, ordinal) == GPU_OK ? value : 0;
}

static void device_alias(const struct gpu_api *api, int ordinal, char *out, size_t cap)
{
	char bus[32] = "";
	char *p;

	out[0] = '\0';
	if (api->device_bus_id(bus, (int)sizeof(bus), ordinal) != GPU_OK || !bus[0])
		return;
	for (p = bus; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p - 'A' + 'a');
	snprintf(out, cap, "pci:%s", bus);
}

static void device_name(const struct gpu_api *api, int ordinal, char *out, size_t cap)
{
	if (api->device_name(out, (int)cap, ordinal) != GPU_OK || !out[0])
		snprintf(out, cap, "%s", gpu_vendor.product);
}

static void probe_one(const struct gpu_api *api, uint32_t index, struct aios_device_desc *d)
{
	size_t bytes = 0;
	int ordinal = 0;

	d->index = index;
	d->score = -1;
	if (api->device_get(&ordinal, (int)index) != GPU_OK) {
		snprintf(d->id, sizeof(d->id), "%s:%u", gpu_vendor.name, index);
		snprintf(d->reason, sizeof(d->reason), "%s failed", api->name.device_get);
		return;
	}
	gpu_vendor.device_id(api, ordinal, d->id, sizeof(d->id));
	device_alias(api, ordinal, d->alias, sizeof(d->alias));
	device_name(api, ordinal, d->name, sizeof(d->name));
	api->device_memory(&bytes, ordinal);
	d->memory = bytes;
	gpu_vendor.rate(api, ordinal, d);
}

static int api_open(struct gpu_api **out, struct aios_status *st)
{
	struct gpu_api *api = calloc(1, gpu_vendor.api_size);
	int ret;

	if (!api)
		return aios_fail(st, -ENOMEM, "no memory for a table of functions");
	ret = gpu_vendor.open(api, st);
	if (ret) {
		gpu_api_close(api);
		free(api);
		return ret;
	}
	*out = api;
	return 0;
}

static void api_free(struct gpu_api *api)
{
	gpu_api_close(api);
	free(api);
}

/* No driver or no device is no error of ours: 0 devices, and the status says why. */
int gpu_slot_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		   struct aios_status *st)
{
	struct gpu_api *api;
	uint32_t i;
	int n = 0;

	(void)host;
	if (api_open(&api, st))
		return 0;
	if (api->device_count(&n) != GPU_OK || n <= 0) {
		n = 0;
		aios_fail(st, -ENODEV, "%s", gpu_vendor.no_devices);
	}
	for (i = 0; i < (uint32_t)n && i < cap; i++)
		probe_one(api, i, &out[i]);
	api_free(api);
	return n;
}

/* --- opening ----------------------------------------------------------------- */

const struct aios_param gpu_params[GPU_PARAMS] = {
	{ .name = "spin",
	  .type = AIOS_PARAM_INT,
	  .default_text = "10000",
	  .min = 0,
	  .max = 1000000,
	  .help = "microseconds that a wait polls the GPU before it begins to sleep" },
	{ .name = "staging",
	  .type = AIOS_PARAM_INT,
	  .default_text = "32",
	  .min = 1,
	  .max = 1024,
	  .help = "MiB of pinned memory of a queue, through which other host memory is copied" },
	{ .name = "pinned",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 1 << 30,
	  .help = "MiB of host memory that may be locked for the GPU; 0: a quarter of the "
		  "machine's" },
	{ .name = "upload_threads",
	  .type = AIOS_PARAM_INT,
	  .default_text = "4",
	  .min = 1,
	  .max = 16,
	  .help = "threads that fill the staging memory" },
	{ .name = "overlap",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "on",
	  .choices = "on|off",
	  .help = "let a launch begin while the one ahead of it ends; the bits are the same" },
	{ .name = "fuse",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "on",
	  .choices = "on|off",
	  .help = "make one launch of two ops where there is a kernel; the bits are the same" },
	{ .name = "comm_library",
	  .type = AIOS_PARAM_PATH,
	  .default_text = "",
	  .help = "file of the library that joins several GPUs; empty: the vendor's, where the "
		  "system finds it" },
};

static uint64_t device_param(const struct aios_host *host, const char *name, uint64_t otherwise)
{
	const char *text = host && host->param ? host->param(host->ctx, name) : NULL;

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* Is the parameter something else than `other`? */
static bool device_switch(const struct aios_host *host, const char *name, const char *other)
{
	const char *text = host && host->param ? host->param(host->ctx, name) : NULL;

	return !text || strcmp(text, other) != 0;
}

/* Which device it is, and whether the kernels can run on it. */
static int open_identify(struct gpu_device *dev, uint32_t index, struct aios_status *st)
{
	const struct gpu_api *api = dev->api;
	size_t bytes = 0;
	int n = 0, ret;

	ret = gpu_result(dev, api->device_count(&n), api->name.device_count, st);
	if (ret)
		return ret;
	if (index >= (uint32_t)n)
		return aios_fail(st, -ENODEV, "there is no device %u; this machine has %d", index,
				 n);
	ret = gpu_result(dev, api->device_get(&dev->ordinal, (int)index), api->name.device_get, st);
	if (ret == 0)
		ret = gpu_vendor.identify(dev, index, st);
	if (ret == 0)
		ret = gpu_result(dev, api->device_memory(&bytes, dev->ordinal),
				 api->name.device_memory, st);
	dev->memory = bytes;
	return ret;
}

int gpu_find(struct gpu_device *dev, void *module, uint32_t first, uint32_t n,
	     struct aios_status *st)
{
	uint32_t i;
	int ret = 0;

	for (i = first; ret == 0 && i < first + n; i++) {
		ret = gpu_result(dev,
				 dev->api->module_function(&dev->kernels[i], module,
							   gpu_kernel_name(i)),
				 gpu_kernel_name(i), st);
		if (ret == 0 && gpu_vendor.prepare)
			ret = gpu_result(dev, gpu_vendor.prepare(dev, dev->kernels[i]),
					 gpu_kernel_name(i), st);
	}
	return ret;
}

int gpu_load(struct gpu_device *dev, const void *image, uint32_t first, uint32_t n,
	     struct aios_status *st)
{
	const struct gpu_api *api = dev->api;
	void **module = &dev->modules[dev->n_modules];
	int ret;

	if (dev->n_modules == GPU_MODULES)
		return aios_fail(st, -ENOSPC, "more than %d device images", GPU_MODULES);
	ret = gpu_result(dev, api->module_load(module, image), api->name.module_load, st);
	if (ret)
		return ret;
	dev->n_modules++;
	return gpu_find(dev, *module, first, n, st);
}

/* The context is current. */
static void unload(struct gpu_device *dev)
{
	while (dev->n_modules > 0)
		dev->api->module_unload(dev->modules[--dev->n_modules]);
}

/* Make the context and load the kernels into it. */
static int open_context(struct gpu_device *dev, struct aios_status *st)
{
	int ret = gpu_vendor.ctx_open(dev, st);

	if (ret)
		return ret;
	ret = gpu_enter(dev, atomic_load(&dev->generation), st);
	if (ret == 0) {
		ret = gpu_vendor.load(dev, st);
		if (ret)
			unload(dev);
		gpu_leave(dev);
	}
	dev->opened = ret == 0;
	if (ret)
		gpu_vendor.ctx_close(dev);
	return ret;
}

int gpu_slot_open(const struct aios_host *host, uint32_t index, void **out, struct aios_status *st)
{
	struct gpu_device *dev = calloc(1, sizeof(*dev));
	int ret;

	if (!dev)
		return aios_fail(st, -ENOMEM, "no memory for a device");
	dev->host = host;
	dev->spin_ns = device_param(host, "spin", 10000) * 1000;
	dev->stage_bytes = device_param(host, "staging", 32) << 20;
	dev->pinned_max = device_param(host, "pinned", 0) << 20;
	dev->overlap = device_switch(host, "overlap", "off");
	dev->fuse = device_switch(host, "fuse", "off");
	atomic_init(&dev->lost, 0);
	atomic_init(&dev->generation, 1);
	pthread_mutex_init(&dev->lock, NULL);
	ret = api_open(&dev->api, st);
	if (ret)
		goto free_device;
	ret = open_identify(dev, index, st);
	if (ret)
		goto close_api;
	dev->copier = gpu_copier_create((uint32_t)device_param(host, "upload_threads", 4));
	if (!dev->copier) {
		ret = aios_fail(st, -ENOMEM, "no memory for the upload threads");
		goto close_api;
	}
	ret = open_context(dev, st);
	if (ret)
		goto destroy_copier;
	*out = dev;
	return 0;

destroy_copier:
	gpu_copier_destroy(dev->copier);
close_api:
	api_free(dev->api);
free_device:
	pthread_mutex_destroy(&dev->lock);
	free(dev);
	return ret;
}

void gpu_slot_close(void *arg)
{
	struct gpu_device *dev = arg;

	if (!dev)
		return;
	if (dev->opened) {
		if (gpu_enter(dev, atomic_load(&dev->generation), NULL) == 0) {
			unload(dev);
			gpu_leave(dev);
		}
		gpu_vendor.ctx_close(dev);
	}
	gpu_copier_destroy(dev->copier);
	api_free(dev->api);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

/*
 * The GPU is reset for the whole process, other opened handles of it included: they
 * see their own calls fail as lost. After some errors (with CUDA an illegal address
 * is one) a process gets the same error for ever, whatever is released, reset or
 * made anew; only then does this fail.
 */
int gpu_slot_reset(void *arg, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_pinned *p, *next;
	char text[32];
	int lost, ret;

	pthread_mutex_lock(&dev->lock);
	for (p = dev->pinned; p; p = next) {
		next = p->next;
		p->link = NULL; /* mem_free() frees the record */
		p->next = NULL;
	}
	dev->pinned = NULL;
	dev->pinned_bytes = 0;
	pthread_mutex_unlock(&dev->lock);
	gpu_peers_drop(dev);
	atomic_fetch_add(&dev->generation, 1);
	if (dev->opened)
		gpu_vendor.ctx_close(dev);
	dev->opened = false;
	dev->n_modules = 0;
	ret = gpu_vendor.ctx_reset(dev);
	lost = atomic_exchange(&dev->lost, 0);
	if (ret == GPU_OK || result_is_loss(ret)) /* the old error may be told once more */
		ret = open_context(dev, st);
	else
		ret = gpu_result(dev, ret, "reset", st);
	if (ret == 0)
		return 0;
	atomic_store(&dev->lost, lost ? lost : GPU_NOT_INITIALIZED);
	if (ret != -AIOS_DEVICE_LOST)
		return ret;
	aios_fail(st, ret, "after %s the GPU comes back for a new process only: end this one",
		  result_name(dev->api, lost, text, sizeof(text)));
	if (st)
		st->vendor = lost;
	return ret;
}

int gpu_slot_quiesce(void *arg, uint64_t deadline_ns, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_backoff backoff;
	struct gpu_queue *q;
	int ret, busy;

	ret = gpu_enter(dev, atomic_load(&dev->generation), st);
	if (ret)
		return ret;
	pthread_mutex_lock(&dev->lock);
	for (q = dev->queues; q && ret == 0; q = q->next)
		if (q->generation == atomic_load(&dev->generation) && !q->capture)
			ret = gpu_queue_flush(dev, q, st);
	pthread_mutex_unlock(&dev->lock);
	if (ret) {
		gpu_leave(dev);
		return ret;
	}
	gpu_backoff_start(&backoff, dev, deadline_ns);
	do {
		busy = GPU_OK;
		pthread_mutex_lock(&dev->lock);
		for (q = dev->queues; q && busy == GPU_OK; q = q->next)
			if (q->generation == atomic_load(&dev->generation) && !q->capture)
				busy = dev->api->stream_query(q->stream);
		pthread_mutex_unlock(&dev->lock);
	} while (busy == GPU_NOT_READY && gpu_backoff_wait(&backoff));
	gpu_leave(dev);
	if (busy == GPU_NOT_READY)
		return aios_fail(st, -ETIMEDOUT, "quiesce: a queue is still busy at the deadline");
	return gpu_result(dev, busy, dev->api->name.stream_query, st);
}

int gpu_slot_device_info(void *arg, struct aios_device_info *info, struct aios_status *st)
{
	struct gpu_device *dev = arg;

	(void)st;
	info->wave = dev->caps.wave;
	info->profiles = gpu_profiles(&dev->caps);
	info->best_profile = info->profiles & 1u << AIOS_PROFILE_TC_SM90 ? AIOS_PROFILE_TC_SM90 :
									   AIOS_PROFILE_FMA32;
	info->units = dev->caps.units;
	info->op_types = gpu_op_types();
	gpu_vendor.device_id(dev->api, dev->ordinal, info->id, sizeof(info->id));
	device_name(dev->api, dev->ordinal, info->name, sizeof(info->name));
	snprintf(info->runtime, sizeof(info->runtime), "%s, %s", dev->api->runtime, dev->arch);
	return 0;
}
