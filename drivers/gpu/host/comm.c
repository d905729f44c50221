// SPDX-License-Identifier: Apache-2.0
/*
 * comm.c - communicators by NCCL or RCCL, which is looked for when the first one is wanted. Every
 * call is of the kind that does not block, and is polled: a rank that never comes is a deadline,
 * not a hang. Only bytes are exchanged.
 *
 * A communicator that fails, or is closed with work pending, is aborted, which ends its kernels
 * wherever they wait. Afterwards it is a message.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "host.h"

struct gpu_comm {
	struct comm_api api;
	unsigned int generation; /* of the device */
	uint32_t rank, n_ranks;
	void *comm;     /* the library's; NULL once it was aborted */
	void *event;    /* recorded behind the last work, but what graphs do */
	bool connected; /* a gather was made: the ranks have found each other */
	int broken;     /* 0, or the errno of what broke it */
	int vendor;     /* the library's result, or 0 */
	char why[256];
};

/* --- the library ----------------------------------------------------------------- */

static void *comm_library(struct gpu_device *dev, const char **name)
{
	const char *text = dev->host && dev->host->param ?
				   dev->host->param(dev->host->ctx, "comm_library") :
				   NULL;

	*name = text && *text ? text : gpu_vendor.comm_library;
	return dlopen(*name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static int comm_bind(struct comm_api *api, const char *name, struct aios_status *st)
{
#define COMM_ROW(member, symbol, type, params) GPU_OWN_SYMBOL(struct comm_api, member, symbol)
	static const struct gpu_symbol rows[] = { COMM_SYMBOLS(COMM_ROW) };
#undef COMM_ROW
	const char *missing = gpu_bind(api->lib, api, rows, sizeof(rows) / sizeof(rows[0]));

	if (!missing)
		return 0;
	return aios_fail(st, -ENOSYS, "%s is no %s 2.14 or later: it has no %s", name,
			 gpu_vendor.comm, missing);
}

/* -ENOSYS when there is none that works. */
static int comm_api_open(struct gpu_device *dev, struct comm_api *api, struct aios_status *st)
{
	const char *name, *why;
	int ret;

	memset(api, 0, sizeof(*api));
	api->lib = comm_library(dev, &name);
	if (!api->lib) {
		why = dlerror();
		return aios_fail(st, -ENOSYS,
				 "several GPUs are joined by %s, which is not here (%s); install "
				 "it, or name its file in [driver.%s] comm_library",
				 gpu_vendor.comm, why ? why : name, gpu_vendor.name);
	}
	ret = comm_bind(api, name, st);
	if (ret)
		dlclose(api->lib);
	else
		api->version(&api->number);
	return ret;
}

/* --- errors ------------------------------------------------------------------------ */

static int comm_errno(int result)
{
	switch (result) {
	case COMM_INVALID_ARGUMENT:
	case COMM_INVALID_USAGE:
		return -EINVAL;
	case COMM_REMOTE_ERROR:
		return -ECONNRESET;
	default:
		return -EIO;
	}
}

/* "NCCL 2.28.9: ncclAllGather: unhandled system error"; 0 for 0. */
static int comm_fail(const struct comm_api *api, int result, const char *what,
		     struct aios_status *st)
{
	const char *text;
	int ret;

	if (result == COMM_OK)
		return 0;
	text = api->error_string(result);
	ret = aios_fail(st, comm_errno(result), "%s %d.%d.%d: %s: %s (result %d)%s",
			gpu_vendor.comm, api->number / 10000, api->number / 100 % 100,
			api->number % 100, what, text ? text : "no text", result,
			result == COMM_REMOTE_ERROR ? "; another rank is gone" : "");
	if (st)
		st->vendor = result;
	return ret;
}

/* Keep the failure and end what was enqueued. Returns `ret`. */
static int comm_break(struct gpu_comm *c, int ret, const struct aios_status *why)
{
	c->broken = ret;
	c->vendor = (int)why->vendor;
	snprintf(c->why, sizeof(c->why), "%.255s", why->message);
	c->api.abort(c->comm);
	c->comm = NULL;
	return ret;
}

/* What it broke by, once more. */
static int comm_broken(const struct gpu_comm *c, struct aios_status *st)
{
	if (!c->broken)
		return 0;
	aios_fail(st, c->broken, "rank %u of %u: the communicator is broken: %s", c->rank,
		  c->n_ranks, c->why);
	if (st)
		st->vendor = c->vendor;
	return c->broken;
}

/*
 * A call was made: wait until it is done, break the communicator if it failed. The status is
 * needed here, so that there is one even if the caller wants none.
 */
static int comm_finish(struct gpu_device *dev, struct gpu_comm *c, int result, const char *what,
		       uint64_t deadline_ns, struct aios_status *st)
{
	struct aios_status why = { 0 };
	struct gpu_backoff backoff;
	int ret;

	gpu_backoff_start(&backoff, dev, deadline_ns);
	while (result == COMM_IN_PROGRESS && gpu_backoff_wait(&backoff))
		if (c->api.async_error(c->comm, &result) != COMM_OK)
			result = COMM_INTERNAL_ERROR;
	if (result == COMM_IN_PROGRESS)
		ret = aios_fail(&why, -ETIMEDOUT,
				"%s: %s: not all of the %u ranks were there at the deadline",
				gpu_vendor.comm, what, c->n_ranks);
	else
		ret = comm_fail(&c->api, result, what, &why);
	if (ret == 0)
		return 0;
	comm_break(c, ret, &why);
	aios_fail(st, ret, "rank %u of %u: %s", c->rank, c->n_ranks, why.message);
	if (st)
		st->vendor = why.vendor;
	return ret;
}

/* --- slots --------------------------------------------------------------------------- */

int gpu_slot_comm_id(void *arg, struct aios_comm_id *id, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct comm_api api;
	int ret = comm_api_open(dev, &api, st);

	if (ret)
		return ret;
	ret = gpu_enter(dev, atomic_load(&dev->generation), st);
	if (ret == 0) {
		ret = comm_fail(&api, api.unique_id(id), "ncclGetUniqueId", st);
		gpu_leave(dev);
	}
	dlclose(api.lib);
	return ret;
}

static int comm_refuse(uint32_t rank, uint32_t n_ranks, struct aios_status *st)
{
	if (n_ranks == 0 || n_ranks > AIOS_MAX_RANKS)
		return aios_fail(st, -EINVAL, "a communicator of %u ranks; expected 1 to %d",
				 n_ranks, AIOS_MAX_RANKS);
	if (rank >= n_ranks)
		return aios_fail(st, -EINVAL, "rank %u of %u; expected 0 to %u", rank, n_ranks,
				 n_ranks - 1);
	return 0;
}

/* The device is current. */
static int comm_join(struct gpu_device *dev, struct gpu_comm *c, const struct aios_comm_id *id,
		     uint64_t deadline_ns, struct aios_status *st)
{
	struct comm_config config = { .size = sizeof(config),
				      .magic = COMM_CONFIG_MAGIC,
				      .version = COMM_CONFIG_VERSION,
				      .blocking = 0 };
	int ret, result;

	ret = gpu_result(dev, dev->api->event_create(&c->event, GPU_EVENT_NO_TIMING),
			 dev->api->name.event_create, st);
	if (ret)
		return ret;
	result = c->api.init(&c->comm, (int)c->n_ranks, *id, (int)c->rank, &config);
	if (c->comm)
		ret = comm_finish(dev, c, result, "ncclCommInitRankConfig", deadline_ns, st);
	else
		ret = comm_fail(&c->api, result ? result : COMM_INTERNAL_ERROR,
				"ncclCommInitRankConfig", st);
	if (ret)
		dev->api->event_destroy(c->event);
	return ret;
}

int gpu_slot_comm_open(void *arg, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
		       uint64_t deadline_ns, void **out, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_comm *c;
	int ret = comm_refuse(rank, n_ranks, st);

	if (ret)
		return ret;
	c = calloc(1, sizeof(*c));
	if (!c)
		return aios_fail(st, -ENOMEM, "no memory for a communicator");
	c->rank = rank;
	c->n_ranks = n_ranks;
	c->generation = atomic_load(&dev->generation);
	ret = comm_api_open(dev, &c->api, st);
	if (ret)
		goto free_comm;
	ret = gpu_enter(dev, c->generation, st);
	if (ret)
		goto close_library;
	ret = comm_join(dev, c, id, deadline_ns, st);
	gpu_leave(dev);
	if (ret)
		goto close_library;
	*out = c;
	return 0;

close_library:
	dlclose(c->api.lib);
free_comm:
	free(c);
	return ret;
}

int gpu_slot_comm_check(void *arg, void *comm, struct aios_status *st)
{
	struct aios_status why = { 0 };
	struct gpu_device *dev = arg;
	struct gpu_comm *c = comm;
	int result = COMM_OK, ret;

	ret = comm_broken(c, st);
	if (ret == 0)
		ret = gpu_enter(dev, c->generation, st);
	if (ret)
		return ret;
	if (c->api.async_error(c->comm, &result) != COMM_OK)
		result = COMM_INTERNAL_ERROR;
	if (result != COMM_OK && result != COMM_IN_PROGRESS)
		comm_break(c, comm_fail(&c->api, result, "an earlier call", &why), &why);
	gpu_leave(dev);
	return comm_broken(c, st);
}

static int gather_refuse(const struct gpu_queue *queue, const struct gpu_comm *c, aios_addr dst,
			 aios_addr src, uint64_t bytes, struct aios_status *st)
{
	if (queue->capture && !c->connected)
		return aios_fail(st, -EINVAL,
				 "comm_gather: the queue is capturing a graph, and the ranks are "
				 "not connected; gather once before");
	if (!dst || !src)
		return aios_fail(st, -EINVAL, "comm_gather: %llu bytes with a null %s",
				 (unsigned long long)bytes, dst ? "source" : "destination");
	if (src < dst + c->n_ranks * bytes && dst < src + bytes && src != dst + c->rank * bytes)
		return aios_fail(st, -EINVAL,
				 "comm_gather: the source is part of the destination; expected it "
				 "outside, or at dst + %llu, where its own copy goes",
				 (unsigned long long)(c->rank * bytes));
	return 0;
}

int gpu_slot_comm_gather(void *arg, void *q, void *comm, aios_addr dst, aios_addr src,
			 uint64_t bytes, uint64_t deadline_ns, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	struct gpu_comm *c = comm;
	int ret, result;

	if (bytes == 0)
		return 0;
	ret = gather_refuse(queue, c, dst, src, bytes, st);
	if (ret == 0)
		ret = gpu_slot_comm_check(dev, c, st);
	if (ret == 0)
		ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		return ret;
	result = c->api.all_gather((const void *)(uintptr_t)src, (void *)(uintptr_t)dst, bytes,
				   COMM_TYPE_BYTES, c->comm, queue->stream);
	ret = comm_finish(dev, c, result, "ncclAllGather", deadline_ns, st);
	c->connected = ret == 0;
	if (ret == 0 && !queue->capture)
		ret = gpu_result(dev, dev->api->event_record(c->event, queue->stream),
				 dev->api->name.event_record, st);
	gpu_leave(dev);
	return ret;
}

/* Of a lost or an older context only the library's own part is left to end. */
void gpu_slot_comm_close(void *arg, void *comm)
{
	struct gpu_device *dev = arg;
	struct gpu_comm *c = comm;
	bool alive, idle;

	if (!c)
		return;
	alive = gpu_enter(dev, c->generation, NULL) == 0;
	idle = alive && dev->api->event_query(c->event) == GPU_OK;
	if (c->comm && idle)
		c->api.destroy(c->comm);
	else if (c->comm)
		c->api.abort(c->comm);
	if (alive) {
		dev->api->event_destroy(c->event);
		gpu_leave(dev);
	}
	dlclose(c->api.lib);
	free(c);
}
