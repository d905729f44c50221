// SPDX-License-Identifier: Apache-2.0
/*
 * device.c - finding, opening, resetting and closing GPUs; errors and contexts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "image.h"

/* --- errors and contexts ----------------------------------------------------- */

/* After these the context answers nothing but the same error. */
static bool result_is_loss(int result)
{
	static const int losses[] = {
		4 /* deinitialized */,          214 /* uncorrectable ECC */,
		220 /* uncorrectable NVLink */, 226 /* contained */,
		700 /* illegal address */,      702 /* launch timeout */,
		709 /* context destroyed */,    710 /* assert */,
		714 /* hardware stack */,       715 /* illegal instruction */,
		716 /* misaligned address */,   717 /* address space */,
		718 /* invalid pc */,           719 /* launch failed */,
		721 /* tensor memory leak */,   999 /* unknown */,
	};
	size_t i;

	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		if (result == losses[i])
			return true;
	return false;
}

static int result_errno(int result)
{
	switch (result) {
	case CUDA_OUT_OF_MEMORY:
		return -AIOS_EXHAUSTED;
	case CUDA_INVALID_VALUE:
		return -EINVAL;
	case CUDA_NO_DEVICE:
	case CUDA_INVALID_DEVICE:
		return -ENODEV;
	case CUDA_NOT_SUPPORTED:
	case CUDA_NO_BINARY_FOR_GPU:
		return -ENOTSUP;
	case CUDA_NOT_READY:
		return -AIOS_NOT_NOW;
	case CUDA_DEVICE_UNAVAILABLE: /* another process has it for itself */
		return -EBUSY;
	default:
		return result_is_loss(result) ? -AIOS_DEVICE_LOST : -EIO;
	}
}

int cuda_check(struct cuda_device *dev, int result, const char *what, struct aios_status *st)
{
	const char *why = NULL;
	char text[32];
	int none = 0, ret;

	if (result == CUDA_OK)
		return 0;
	if (result_is_loss(result))
		atomic_compare_exchange_strong(&dev->lost, &none, result);
	dev->api.error_string(result, &why);
	ret = aios_fail(st, result_errno(result), "%s: %s (%s)%s", what,
			cuda_result_name(&dev->api, result, text, sizeof(text)),
			why ? why : "no text",
			result_is_loss(result) ? "; the device is lost until it is reset" : "");
	if (st)
		st->vendor = result;
	return ret;
}

int cuda_check_lost(struct cuda_device *dev, unsigned int generation, struct aios_status *st)
{
	int lost = atomic_load(&dev->lost);
	char text[32];

	if (lost) {
		aios_fail(st, -AIOS_DEVICE_LOST, "the device was lost (%s); reset it",
			  cuda_result_name(&dev->api, lost, text, sizeof(text)));
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

int cuda_enter(struct cuda_device *dev, unsigned int generation, struct aios_status *st)
{
	int ret = cuda_check_lost(dev, generation, st);

	return ret ? ret : cuda_check(dev, dev->api.ctx_push(dev->ctx), "cuCtxPushCurrent", st);
}

void cuda_leave(struct cuda_device *dev)
{
	void *ctx;

	dev->api.ctx_pop(&ctx);
}

uint64_t cuda_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cuda_backoff_start(struct cuda_backoff *b, const struct cuda_device *dev, uint64_t deadline)
{
	b->start = cuda_now();
	b->deadline = deadline;
	b->spin_ns = dev->spin_ns;
}

/* A sleep is a small part of the time waited so far, so that it costs little of the total. */
bool cuda_backoff_wait(const struct cuda_backoff *b)
{
	uint64_t now = cuda_now(), nap = (now - b->start) / 64;
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

bool cuda_arch_runs(const char *archs, uint32_t major, uint32_t minor)
{
	const char *p = archs;
	unsigned long arch;
	bool exact;
	char *end;

	for (; *p; p = end) {
		arch = strtoul(p, &end, 10);
		if (end == p)
			return false;
		exact = *end == 'a'; /* architecture-specific: this minor and no other */
		end += strcspn(end, " ");
		end += strspn(end, " ");
		if (arch / 10 == major && (exact ? arch % 10 == minor : arch % 10 <= minor))
			return true;
	}
	return false;
}

static void device_id(const struct cuda_api *api, int ordinal, char *out, size_t cap)
{
	unsigned char u[16] = { 0 };

	api->device_uuid(u, ordinal);
	snprintf(out, cap,
		 "cuda:GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
}

static void device_alias(const struct cuda_api *api, int ordinal, char *out, size_t cap)
{
	char bus[32] = "";
	char *p;

	out[0] = '\0';
	if (api->device_bus_id(bus, (int)sizeof(bus), ordinal) != CUDA_OK || !bus[0])
		return;
	for (p = bus; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p - 'A' + 'a');
	snprintf(out, cap, "pci:%s", bus);
}

static int device_attribute(const struct cuda_api *api, int attribute, int ordinal)
{
	int value = 0;

	return api->device_attribute(&value, attribute, ordinal) == CUDA_OK ? value : 0;
}

/* Newer architectures first, then the larger memory. The host's own CPUs score below 1000. */
static void probe_score(const struct cuda_api *api, int ordinal, struct aios_device_desc *d)
{
	int major = device_attribute(api, CUDA_ATTR_MAJOR, ordinal);
	int minor = device_attribute(api, CUDA_ATTR_MINOR, ordinal);
	uint64_t gib = d->memory >> 30;

	d->score = -1;
	if (!cuda_arch_runs(cuda_image_archs, (uint32_t)major, (uint32_t)minor)) {
		snprintf(d->reason, sizeof(d->reason),
			 "compute capability %d.%d; this file has kernels for sm_%.60s", major,
			 minor, cuda_image_archs);
		return;
	}
	if (device_attribute(api, CUDA_ATTR_COMPUTE_MODE, ordinal) == CUDA_COMPUTE_PROHIBITED) {
		snprintf(d->reason, sizeof(d->reason),
			 "its compute mode is 'prohibited'; see nvidia-smi -q -d COMPUTE");
		return;
	}
	d->score = 1000 + (major * 10 + minor) * 100 + (int32_t)(gib < 99 ? gib : 99);
	snprintf(d->reason, sizeof(d->reason), "compute capability %d.%d, %llu GiB", major, minor,
		 (unsigned long long)gib);
}

static void probe_one(const struct cuda_api *api, uint32_t index, struct aios_device_desc *d)
{
	size_t bytes = 0;
	int ordinal = 0;

	d->index = index;
	if (api->device_get(&ordinal, (int)index) != CUDA_OK) {
		d->score = -1;
		snprintf(d->id, sizeof(d->id), "cuda:%u", index);
		snprintf(d->reason, sizeof(d->reason), "cuDeviceGet failed; see nvidia-smi");
		return;
	}
	device_id(api, ordinal, d->id, sizeof(d->id));
	device_alias(api, ordinal, d->alias, sizeof(d->alias));
	if (api->device_name(d->name, (int)sizeof(d->name), ordinal) != CUDA_OK)
		snprintf(d->name, sizeof(d->name), "NVIDIA GPU");
	api->device_memory(&bytes, ordinal);
	d->memory = bytes;
	probe_score(api, ordinal, d);
}

/* No driver or no device is no error of ours: 0 devices, and the status says why. */
int cuda_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
	       struct aios_status *st)
{
	struct cuda_api api;
	uint32_t i;
	int n = 0;

	(void)host;
	if (cuda_api_open(&api, st))
		return 0;
	if (api.device_count(&n) != CUDA_OK || n <= 0) {
		n = 0;
		aios_fail(st, -ENODEV,
			  "libcuda.so.1 counts no devices; see nvidia-smi and "
			  "CUDA_VISIBLE_DEVICES");
	}
	for (i = 0; i < (uint32_t)n && i < cap; i++)
		probe_one(&api, i, &out[i]);
	cuda_api_close(&api);
	return n;
}

/* --- opening ----------------------------------------------------------------- */

static uint64_t device_param(const struct aios_host *host, const char *name, uint64_t otherwise)
{
	const char *text = host && host->param ? host->param(host->ctx, name) : NULL;

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* Which device it is, and whether the kernels can run on it. */
static int open_identify(struct cuda_device *dev, uint32_t index, struct aios_status *st)
{
	const struct cuda_api *api = &dev->api;
	size_t bytes = 0;
	int n = 0, ret;

	ret = cuda_check(dev, api->device_count(&n), "cuDeviceGetCount", st);
	if (ret)
		return ret;
	if (index >= (uint32_t)n)
		return aios_fail(st, -ENODEV, "there is no device %u; this machine has %d", index,
				 n);
	ret = cuda_check(dev, api->device_get(&dev->ordinal, (int)index), "cuDeviceGet", st);
	if (ret)
		return ret;
	dev->major = (uint32_t)device_attribute(api, CUDA_ATTR_MAJOR, dev->ordinal);
	dev->minor = (uint32_t)device_attribute(api, CUDA_ATTR_MINOR, dev->ordinal);
	if (!cuda_arch_runs(cuda_image_archs, dev->major, dev->minor))
		return aios_fail(st, -ENOTSUP,
				 "device %u has compute capability %u.%u; this file has kernels "
				 "for sm_%s: build it with CONFIG_CUDA_ARCHS=\"%u%u\"",
				 index, dev->major, dev->minor, cuda_image_archs, dev->major,
				 dev->minor);
	ret = cuda_check(dev, api->device_memory(&bytes, dev->ordinal), "cuDeviceTotalMem", st);
	dev->memory = bytes;
	dev->caps.wave = 32;
	dev->caps.units = (uint32_t)device_attribute(api, CUDA_ATTR_UNITS, dev->ordinal);
	dev->caps.shared_max =
		(uint32_t)device_attribute(api, CUDA_ATTR_SHARED_OPTIN, dev->ordinal);
	dev->caps.arch = dev->major * 10 + dev->minor;
	return ret;
}

/* Load the kernels into the current context. */
static int open_kernels(struct cuda_device *dev, struct aios_status *st)
{
	const struct cuda_api *api = &dev->api;
	uint32_t i;
	int ret;

	ret = cuda_check(dev, api->module_load(&dev->module, cuda_image), "cuModuleLoadData", st);
	for (i = 0; ret == 0 && i < GPU_KERNEL_COUNT; i++) {
		ret = cuda_check(dev,
				 api->module_function(&dev->kernels[i], dev->module,
						      gpu_kernel_name(i)),
				 gpu_kernel_name(i), st);
		if (ret == 0 && dev->caps.shared_max > GPU_SHARED_MIN)
			ret = cuda_check(dev,
					 api->function_set(dev->kernels[i],
							   CUDA_FUNCTION_MAX_SHARED,
							   (int)dev->caps.shared_max),
					 gpu_kernel_name(i), st);
	}
	if (ret && dev->module)
		api->module_unload(dev->module);
	if (ret)
		dev->module = NULL;
	return ret;
}

/* Retain the primary context and load the kernels into it. */
static int open_context(struct cuda_device *dev, struct aios_status *st)
{
	const struct cuda_api *api = &dev->api;
	int ret;

	ret = cuda_check(dev, api->ctx_retain(&dev->ctx, dev->ordinal), "cuDevicePrimaryCtxRetain",
			 st);
	if (ret)
		return ret;
	ret = cuda_enter(dev, atomic_load(&dev->generation), st);
	if (ret)
		goto release;
	ret = open_kernels(dev, st);
	cuda_leave(dev);
	if (ret == 0)
		return 0;

release:
	api->ctx_release(dev->ordinal);
	dev->ctx = NULL;
	return ret;
}

int cuda_open(const struct aios_host *host, uint32_t index, void **out, struct aios_status *st)
{
	struct cuda_device *dev = calloc(1, sizeof(*dev));
	int ret;

	if (!dev)
		return aios_fail(st, -ENOMEM, "no memory for a device");
	dev->host = host;
	dev->spin_ns = device_param(host, "spin", 500) * 1000;
	dev->stage_bytes = device_param(host, "staging", 32) << 20;
	dev->pinned_max = device_param(host, "pinned", 0) << 20;
	atomic_init(&dev->lost, 0);
	atomic_init(&dev->generation, 1);
	pthread_mutex_init(&dev->lock, NULL);
	ret = cuda_api_open(&dev->api, st);
	if (ret)
		goto free_device;
	ret = open_identify(dev, index, st);
	if (ret)
		goto close_api;
	dev->copier = cuda_copier_create((uint32_t)device_param(host, "upload_threads", 4));
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
	cuda_copier_destroy(dev->copier);
close_api:
	cuda_api_close(&dev->api);
free_device:
	pthread_mutex_destroy(&dev->lock);
	free(dev);
	return ret;
}

void cuda_close(void *arg)
{
	struct cuda_device *dev = arg;
	int ret;

	if (!dev)
		return;
	if (dev->ctx) {
		ret = cuda_enter(dev, atomic_load(&dev->generation), NULL);
		if (ret == 0) {
			dev->api.module_unload(dev->module);
			cuda_leave(dev);
		}
		dev->api.ctx_release(dev->ordinal);
	}
	cuda_copier_destroy(dev->copier);
	cuda_api_close(&dev->api);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

/*
 * The primary context is reset for the whole process, other opened handles of the
 * same GPU included: they see their own calls fail as lost. After some errors (an
 * illegal address is one) CUDA answers this process with the same error for ever,
 * whatever is released, reset or made anew; only then does this fail.
 */
int cuda_reset(void *arg, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_pinned *p, *next;
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
	atomic_fetch_add(&dev->generation, 1);
	if (dev->ctx)
		dev->api.ctx_release(dev->ordinal);
	dev->ctx = NULL;
	dev->module = NULL;
	ret = dev->api.ctx_reset(dev->ordinal);
	lost = atomic_exchange(&dev->lost, 0);
	if (ret == CUDA_OK || result_is_loss(ret)) /* the old error may be told once more */
		ret = open_context(dev, st);
	else
		ret = cuda_check(dev, ret, "cuDevicePrimaryCtxReset", st);
	if (ret == 0)
		return 0;
	atomic_store(&dev->lost, lost ? lost : CUDA_NOT_INITIALIZED);
	if (ret != -AIOS_DEVICE_LOST)
		return ret;
	aios_fail(st, ret, "after %s CUDA gives the GPU back to a new process only: end this one",
		  cuda_result_name(&dev->api, lost, text, sizeof(text)));
	if (st)
		st->vendor = lost;
	return ret;
}

int cuda_quiesce(void *arg, uint64_t deadline_ns, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_backoff backoff;
	struct cuda_queue *q;
	int ret, busy;

	ret = cuda_enter(dev, atomic_load(&dev->generation), st);
	if (ret)
		return ret;
	cuda_backoff_start(&backoff, dev, deadline_ns);
	do {
		busy = CUDA_OK;
		pthread_mutex_lock(&dev->lock);
		for (q = dev->queues; q && busy == CUDA_OK; q = q->next)
			if (q->generation == atomic_load(&dev->generation) && !q->capture)
				busy = dev->api.stream_query(q->stream);
		pthread_mutex_unlock(&dev->lock);
	} while (busy == CUDA_NOT_READY && cuda_backoff_wait(&backoff));
	cuda_leave(dev);
	if (busy == CUDA_NOT_READY)
		return aios_fail(st, -ETIMEDOUT, "quiesce: a queue is still busy at the deadline");
	return cuda_check(dev, busy, "cuStreamQuery", st);
}

int cuda_device_info(void *arg, struct aios_device_info *info, struct aios_status *st)
{
	struct cuda_device *dev = arg;

	(void)st;
	info->wave = dev->caps.wave;
	info->profiles = gpu_profiles(&dev->caps);
	info->best_profile = AIOS_PROFILE_FMA32;
	info->units = dev->caps.units;
	info->op_types = gpu_op_types();
	device_id(&dev->api, dev->ordinal, info->id, sizeof(info->id));
	if (dev->api.device_name(info->name, (int)sizeof(info->name), dev->ordinal) != CUDA_OK)
		snprintf(info->name, sizeof(info->name), "NVIDIA GPU");
	snprintf(info->runtime, sizeof(info->runtime), "CUDA %d.%d, compute capability %u.%u",
		 dev->api.version / 1000, dev->api.version % 1000 / 10, dev->major, dev->minor);
	return 0;
}
