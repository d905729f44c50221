// SPDX-License-Identifier: Apache-2.0
/* kinds.c - tables of the kinds of modules, and the stubs for optional slots. */
#include "core/module/kinds.h"

#include <stdlib.h>
#include <string.h>

#include <aios/driver/driver.h>
#include <aios/driver/hook.h>
#include <aios/plugin/cache.h>
#include <aios/plugin/format.h>
#include <aios/plugin/model.h>
#include <aios/plugin/sampler.h>
#include <aios/plugin/scheduler.h>
#include <aios/plugin/tokenizer.h>

/* Where the slots of every table begin: after size and reserved. */
#define FIRST_SLOT 8

#define SLOT(T, member)                                                                            \
	{                                                                                          \
		.name = #member, .offset = offsetof(struct T, member)                              \
	}

_Static_assert(offsetof(struct aios_driver_ops, probe) == FIRST_SLOT, "slots begin after the head");
_Static_assert(offsetof(struct aios_format_ops, probe) == FIRST_SLOT, "slots begin after the head");
_Static_assert(offsetof(struct aios_model_ops, architectures) == FIRST_SLOT, "the head");
_Static_assert(offsetof(struct aios_tokenizer_ops, open) == FIRST_SLOT, "the head");
_Static_assert(offsetof(struct aios_sampler_ops, check) == FIRST_SLOT, "the head");
_Static_assert(offsetof(struct aios_hook_ops, wrap) == FIRST_SLOT, "the head");
_Static_assert(offsetof(struct aios_scheduler_ops, open) == FIRST_SLOT, "the head");
_Static_assert(offsetof(struct aios_cache_ops, open) == FIRST_SLOT, "the head");
_Static_assert(sizeof(void *) == sizeof(void (*)(void)), "a slot is one word");

/* ---- drivers --------------------------------------------------------------- */

static int absent(struct aios_status *st, const char *slot)
{
	return aios_fail(st, -ENOSYS, "the driver does not implement %s", slot);
}

static int stub_queue_wait(void *dev, void *queue, void *other, uint64_t value,
			   struct aios_status *st)
{
	(void)dev, (void)queue, (void)other, (void)value;
	return absent(st, "queue_wait");
}

static int stub_weight_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			      struct aios_status *st)
{
	(void)dev, (void)profile, (void)w, (void)bytes;
	return absent(st, "weight_layout");
}

static int stub_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
			   struct aios_status *st)
{
	(void)dev, (void)host, (void)bytes, (void)out;
	return absent(st, "mem_import");
}

static int stub_graph_begin(void *dev, void *queue, struct aios_status *st)
{
	(void)dev, (void)queue;
	return absent(st, "graph_begin");
}

static int stub_graph_end(void *dev, void *queue, void **graph, struct aios_status *st)
{
	(void)dev, (void)queue, (void)graph;
	return absent(st, "graph_end");
}

static int stub_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st)
{
	(void)dev, (void)queue, (void)graph;
	return absent(st, "graph_launch");
}

static void stub_graph_destroy(void *dev, void *graph)
{
	(void)dev, (void)graph;
}

static int stub_reset(void *dev, struct aios_status *st)
{
	(void)dev;
	return absent(st, "reset");
}

static int stub_elapsed(void *dev, void *queue, uint64_t from, uint64_t to, uint64_t *ns,
			struct aios_status *st)
{
	(void)dev, (void)queue, (void)from, (void)to, (void)ns;
	return absent(st, "elapsed");
}

static int stub_peer(void *dev, void *peer, uint32_t *access, struct aios_status *st)
{
	(void)dev, (void)peer, (void)access;
	return absent(st, "peer");
}

static int stub_comm_id(void *dev, struct aios_comm_id *id, struct aios_status *st)
{
	(void)dev, (void)id;
	return absent(st, "comm_id");
}

static int stub_comm_open(void *dev, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
			  uint64_t deadline_ns, void **comm, struct aios_status *st)
{
	(void)dev, (void)id, (void)rank, (void)n_ranks, (void)deadline_ns, (void)comm;
	return absent(st, "comm_open");
}

static int stub_comm_gather(void *dev, void *queue, void *comm, aios_addr dst, aios_addr src,
			    uint64_t bytes, uint64_t deadline_ns, struct aios_status *st)
{
	(void)dev, (void)queue, (void)comm, (void)dst, (void)src, (void)bytes, (void)deadline_ns;
	return absent(st, "comm_gather");
}

static int stub_comm_check(void *dev, void *comm, struct aios_status *st)
{
	(void)dev, (void)comm;
	return absent(st, "comm_check");
}

static void stub_comm_close(void *dev, void *comm)
{
	(void)dev, (void)comm;
}

static const struct aios_driver_ops driver_stubs = {
	.size = sizeof(driver_stubs),
	.queue_wait = stub_queue_wait,
	.weight_layout = stub_weight_layout,
	.mem_import = stub_mem_import,
	.graph_begin = stub_graph_begin,
	.graph_end = stub_graph_end,
	.graph_launch = stub_graph_launch,
	.graph_destroy = stub_graph_destroy,
	.reset = stub_reset,
	.elapsed = stub_elapsed,
	.peer = stub_peer,
	.comm_id = stub_comm_id,
	.comm_open = stub_comm_open,
	.comm_gather = stub_comm_gather,
	.comm_check = stub_comm_check,
	.comm_close = stub_comm_close,
};

static const struct kind_slot driver_mandatory[] = {
	SLOT(aios_driver_ops, probe),        SLOT(aios_driver_ops, open),
	SLOT(aios_driver_ops, quiesce),      SLOT(aios_driver_ops, close),
	SLOT(aios_driver_ops, device_info),  SLOT(aios_driver_ops, heap_info),
	SLOT(aios_driver_ops, mem_alloc),    SLOT(aios_driver_ops, mem_free),
	SLOT(aios_driver_ops, queue_create), SLOT(aios_driver_ops, queue_destroy),
	SLOT(aios_driver_ops, query_op),     SLOT(aios_driver_ops, launch),
	SLOT(aios_driver_ops, copy),         SLOT(aios_driver_ops, fill),
	SLOT(aios_driver_ops, signal),       SLOT(aios_driver_ops, wait),
};

/* ---- plugins --------------------------------------------------------------- */

static void stub_tensor_hint(void *ckpt, const struct aios_ckpt_tensor *tensor)
{
	(void)ckpt, (void)tensor;
}

static const struct aios_format_ops format_stubs = {
	.size = sizeof(format_stubs),
	.release = stub_tensor_hint,
	.prefetch = stub_tensor_hint,
};

static const struct kind_slot format_mandatory[] = {
	SLOT(aios_format_ops, probe),
	SLOT(aios_format_ops, open),
	SLOT(aios_format_ops, close),
};

static const struct aios_model_ops model_stubs = { .size = sizeof(model_stubs) };

static const struct kind_slot model_mandatory[] = {
	SLOT(aios_model_ops, architectures), SLOT(aios_model_ops, model_types),
	SLOT(aios_model_ops, open),          SLOT(aios_model_ops, close),
	SLOT(aios_model_ops, weight),        SLOT(aios_model_ops, buffer),
	SLOT(aios_model_ops, forward),
};

static const struct aios_tokenizer_ops tokenizer_stubs = { .size = sizeof(tokenizer_stubs) };

static const struct kind_slot tokenizer_mandatory[] = {
	SLOT(aios_tokenizer_ops, open),           SLOT(aios_tokenizer_ops, close),
	SLOT(aios_tokenizer_ops, info),           SLOT(aios_tokenizer_ops, encode),
	SLOT(aios_tokenizer_ops, decode),         SLOT(aios_tokenizer_ops, stream_create),
	SLOT(aios_tokenizer_ops, stream_push),    SLOT(aios_tokenizer_ops, stream_flush),
	SLOT(aios_tokenizer_ops, stream_destroy), SLOT(aios_tokenizer_ops, token),
	SLOT(aios_tokenizer_ops, token_id),
};

static const struct aios_sampler_ops sampler_stubs = { .size = sizeof(sampler_stubs) };

static const struct kind_slot sampler_mandatory[] = {
	SLOT(aios_sampler_ops, check),
	SLOT(aios_sampler_ops, row),
};

static const struct aios_scheduler_ops scheduler_stubs = { .size = sizeof(scheduler_stubs) };

static const struct kind_slot scheduler_mandatory[] = {
	SLOT(aios_scheduler_ops, open),      SLOT(aios_scheduler_ops, close),
	SLOT(aios_scheduler_ops, tenant),    SLOT(aios_scheduler_ops, arrive),
	SLOT(aios_scheduler_ops, plan),      SLOT(aios_scheduler_ops, stepped),
	SLOT(aios_scheduler_ops, preempted), SLOT(aios_scheduler_ops, finished),
	SLOT(aios_scheduler_ops, wait),      SLOT(aios_scheduler_ops, stats),
};

static const struct aios_cache_ops cache_stubs = { .size = sizeof(cache_stubs) };

static const struct kind_slot cache_mandatory[] = {
	SLOT(aios_cache_ops, open),      SLOT(aios_cache_ops, close),
	SLOT(aios_cache_ops, space),     SLOT(aios_cache_ops, space_put),
	SLOT(aios_cache_ops, share),     SLOT(aios_cache_ops, match),
	SLOT(aios_cache_ops, peek),      SLOT(aios_cache_ops, insert),
	SLOT(aios_cache_ops, unpin),     SLOT(aios_cache_ops, evict),
	SLOT(aios_cache_ops, evictable), SLOT(aios_cache_ops, room),
	SLOT(aios_cache_ops, stats),
};

/* ---- hooks ----------------------------------------------------------------- */

static int stub_reference(const char *args, char name[64], struct aios_status *st)
{
	(void)args, (void)st;
	name[0] = '\0'; /* no reference */
	return 0;
}

static const struct aios_hook_ops hook_stubs = {
	.size = sizeof(hook_stubs),
	.reference = stub_reference,
};

static const struct kind_slot hook_mandatory[] = {
	SLOT(aios_hook_ops, wrap),
	SLOT(aios_hook_ops, ops),
};

/* ---- the table ------------------------------------------------------------- */

#define KIND(T, stub_table, slots)                                                                 \
	{                                                                                          \
		.table_size = sizeof(struct T), .stubs = &(stub_table), .mandatory = (slots),      \
		.n_mandatory = sizeof(slots) / sizeof((slots)[0]),                                 \
	}

static const struct kind kinds[AIOS_KIND_COUNT] = {
	[AIOS_KIND_DRIVER] = KIND(aios_driver_ops, driver_stubs, driver_mandatory),
	[AIOS_KIND_FORMAT] = KIND(aios_format_ops, format_stubs, format_mandatory),
	[AIOS_KIND_MODEL] = KIND(aios_model_ops, model_stubs, model_mandatory),
	[AIOS_KIND_TOKENIZER] = KIND(aios_tokenizer_ops, tokenizer_stubs, tokenizer_mandatory),
	[AIOS_KIND_SAMPLER] = KIND(aios_sampler_ops, sampler_stubs, sampler_mandatory),
	[AIOS_KIND_HOOK] = KIND(aios_hook_ops, hook_stubs, hook_mandatory),
	[AIOS_KIND_SCHEDULER] = KIND(aios_scheduler_ops, scheduler_stubs, scheduler_mandatory),
	[AIOS_KIND_CACHE] = KIND(aios_cache_ops, cache_stubs, cache_mandatory),
};

const struct kind *kind_get(uint32_t kind)
{
	return kind < AIOS_KIND_COUNT && kinds[kind].table_size ? &kinds[kind] : NULL;
}

static const void *read_slot(const void *ops, uint32_t offset)
{
	const void *slot;

	memcpy(&slot, (const uint8_t *)ops + offset, sizeof(slot));
	return slot;
}

static uint32_t ops_size(const void *ops)
{
	uint32_t size;

	memcpy(&size, ops, sizeof(size));
	return size;
}

static int check_slots(const struct kind *kind, const void *ops, size_t first,
		       struct aios_status *st)
{
	uint32_t size;

	if (!ops)
		return aios_fail(st, -EINVAL, "the descriptor has no ops table");
	size = ops_size(ops);
	if (size < FIRST_SLOT || size % sizeof(void *))
		return aios_fail(st, -EINVAL,
				 "the ops table says it has %u bytes, expected %u: set .size", size,
				 kind->table_size);
	for (size_t i = first; i < kind->n_mandatory; i++) {
		const struct kind_slot *slot = &kind->mandatory[i];

		if (slot->offset + sizeof(void *) > size || !read_slot(ops, slot->offset))
			return aios_fail(st, -EINVAL, "the mandatory slot '%s' is missing",
					 slot->name);
	}
	return 0;
}

int kind_check_ops(const struct kind *kind, const void *ops, struct aios_status *st)
{
	return check_slots(kind, ops, 0, st);
}

int kind_check_hook_table(const void *ops, struct aios_status *st)
{
	/* driver_mandatory begins with probe and open */
	return check_slots(&kinds[AIOS_KIND_DRIVER], ops, 2, st);
}

void *kind_copy_ops(const struct kind *kind, const void *ops)
{
	uint32_t size = ops_size(ops);
	uint8_t *copy = malloc(kind->table_size);

	if (!copy)
		return NULL;
	memcpy(copy, kind->stubs, kind->table_size);
	if (size > kind->table_size)
		size = kind->table_size;
	for (uint32_t at = FIRST_SLOT; at + sizeof(void *) <= size; at += sizeof(void *)) {
		const void *slot = read_slot(ops, at);

		if (slot)
			memcpy(copy + at, &slot, sizeof(slot));
	}
	return copy;
}
