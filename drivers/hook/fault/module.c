// SPDX-License-Identifier: Apache-2.0
/*
 * fault - make things go wrong on purpose: the n-th call of a slot fails, a heap
 * is exhausted, the device is lost, a fence is late, a bit of an op's output is
 * flipped. The grammar of its arguments stands in spec.h.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/image.h"
#include "lib/pass.h"
#include "spec.h"

#define FAULT_TIMEOUT_NS (600ull * 1000000000ull)

struct fault {
	struct hook_base base;
	pthread_mutex_t lock; /* of what follows: queues have threads of their own */
	struct fault_spec spec;
	uint64_t calls[FAULT_SLOT_COUNT];
	uint64_t used[AIOS_HEAP_COUNT]; /* bytes of live allocations */
	uint32_t capturing;
	bool lost;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u),
			      .tv_nsec = (long)(ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* ---- the n-th call ---------------------------------------------------------------- */

static bool applies(const struct fault_rule *rule, enum fault_slot slot, uint64_t call)
{
	return rule->slot == slot && (rule->every ? call % rule->n == 0 : call == rule->n);
}

/*
 * Count a call and let the rules have it: 0, or what the call is to return. A
 * delay ends at `deadline_ns` at the latest (0: none), then as -ETIMEDOUT.
 */
static int fault_call(struct fault *f, enum fault_slot slot, uint64_t deadline_ns,
		      struct aios_status *st)
{
	uint64_t call, delay = 0, until;
	bool lost;
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	call = ++f->calls[slot];
	for (uint32_t i = 0; i < f->spec.n_rules; i++) {
		const struct fault_rule *rule = &f->spec.rules[i];

		if (!applies(rule, slot, call))
			continue;
		if (rule->what == FAULT_LOST)
			f->lost = true;
		else if (rule->what == FAULT_DELAY)
			delay += rule->ns;
		else if (rc == 0)
			rc = rule->code;
	}
	lost = f->lost;
	pthread_mutex_unlock(&f->lock);
	if (delay) {
		until = now_ns() + delay;
		if (deadline_ns && until > deadline_ns) {
			sleep_until(deadline_ns);
			return aios_fail(st, -ETIMEDOUT, "fault: call %llu of %s is late",
					 (unsigned long long)call, fault_slot_name(slot));
		}
		sleep_until(until);
	}
	if (lost && slot != FAULT_RESET)
		return aios_fail(st, -AIOS_DEVICE_LOST,
				 "fault: the device is lost (call %llu of %s)",
				 (unsigned long long)call, fault_slot_name(slot));
	if (rc < 0)
		return aios_fail(st, rc, "fault: call %llu of %s fails", (unsigned long long)call,
				 fault_slot_name(slot));
	return 0;
}

/* ---- flips ------------------------------------------------------------------------- */

static bool flip_matches(struct fault_flip *flip, const struct aios_op *op)
{
	if (flip->op != op->type)
		return false;
	/* The label in the descriptor is the layer + 1. */
	if (flip->layer != FAULT_ANY && flip->layer + 1 != op->layer)
		return false;
	return ++flip->seen == flip->nth;
}

/* The operand that a flip means: by name, else the first that is an output and nothing else. */
static const struct hook_operand *flip_operand(const struct fault_flip *flip,
					       const struct hook_operands *list)
{
	const struct hook_operand *in_place = NULL;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct hook_operand *o = &list->v[i];

		if (!(o->flags & HOOK_WRITE))
			continue;
		if (flip->operand[0] ? strcmp(o->name, flip->operand) == 0 :
				       !(o->flags & (HOOK_READ | HOOK_PAGES)))
			return o;
		if (!flip->operand[0] && !in_place)
			in_place = o;
	}
	return in_place;
}

static int flip_bit(struct fault *f, void *queue, const struct fault_flip *flip,
		    const struct aios_op *op, struct aios_status *st)
{
	struct hook_io io = { &f->base.below, queue, FAULT_TIMEOUT_NS };
	const struct hook_operand *o;
	struct hook_operands list;
	uint64_t word = 0;
	aios_addr at;
	uint32_t size;
	int rc;

	if (!hook_operands(op, &list))
		return 0;
	o = flip_operand(flip, &list);
	size = o ? aios_dtype_bytes(o->dtype) : 0;
	if (!o || flip->row >= o->rows || flip->col >= o->cols || flip->bit >= 8 * size ||
	    o->layout != AIOS_LAYOUT_ROWS) {
		aios_host_log(
			f->base.host, AIOS_LOG_ERROR,
			"%s has no output %s with row %u, column %u, bit %u: nothing is flipped",
			aios_op_name(op->type), flip->operand, flip->row, flip->col, flip->bit);
		return 0;
	}
	at = o->addr + flip->row * o->row_bytes + (uint64_t)flip->col * size;
	rc = hook_io_read(&io, &word, at, size, st);
	if (rc == 0)
		rc = hook_io_sync(&io, st);
	word ^= (uint64_t)1 << flip->bit;
	if (rc == 0)
		rc = hook_io_write(&io, at, &word, size, st);
	if (rc == 0)
		rc = hook_io_sync(&io, st);
	if (rc == 0)
		aios_host_log(f->base.host, AIOS_LOG_INFO,
			      "bit %u of %s[%u][%u] of %s (label %u) is flipped", flip->bit,
			      o->name, flip->row, flip->col, aios_op_name(op->type), op->layer);
	return rc;
}

static int fault_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct fault *f = dev;
	int rc = fault_call(f, FAULT_LAUNCH, 0, st);

	if (rc == 0)
		rc = hook_pass_launch(dev, queue, op, st);
	for (uint32_t i = 0; i < f->spec.n_flips && rc == 0; i++) {
		bool now;

		pthread_mutex_lock(&f->lock);
		now = flip_matches(&f->spec.flips[i], op) && !f->capturing;
		pthread_mutex_unlock(&f->lock);
		if (now)
			rc = flip_bit(f, queue, &f->spec.flips[i], op, st);
	}
	return rc;
}

/* ---- memory ------------------------------------------------------------------------ */

static int fault_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			   struct aios_status *st)
{
	struct fault *f = dev;
	const struct fault_limit *limit = heap < AIOS_HEAP_COUNT ? &f->spec.limits[heap] : NULL;
	int rc = fault_call(f, FAULT_ALLOC, 0, st);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&f->lock);
	if (limit && limit->set && (bytes > limit->bytes || f->used[heap] > limit->bytes - bytes))
		rc = aios_fail(st, -AIOS_EXHAUSTED,
			       "fault: heap %u has %llu bytes, of which %llu are taken", heap,
			       (unsigned long long)limit->bytes, (unsigned long long)f->used[heap]);
	pthread_mutex_unlock(&f->lock);
	if (rc == 0)
		rc = hook_pass_mem_alloc(dev, heap, bytes, out, st);
	if (rc == 0 && out->heap < AIOS_HEAP_COUNT) {
		pthread_mutex_lock(&f->lock);
		f->used[out->heap] += out->bytes;
		pthread_mutex_unlock(&f->lock);
	}
	return rc;
}

static void fault_mem_free(void *dev, struct aios_mem *mem)
{
	struct fault *f = dev;

	pthread_mutex_lock(&f->lock);
	if (mem->heap < AIOS_HEAP_COUNT && mem->bytes <= f->used[mem->heap])
		f->used[mem->heap] -= mem->bytes;
	pthread_mutex_unlock(&f->lock);
	hook_pass_mem_free(dev, mem);
}

static int fault_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
			   struct aios_status *st)
{
	struct fault *f = dev;
	const struct fault_limit *limit = heap < AIOS_HEAP_COUNT ? &f->spec.limits[heap] : NULL;
	uint64_t left;
	int rc = fault_call(f, FAULT_HEAP_INFO, 0, st);

	if (rc == 0)
		rc = hook_pass_heap_info(dev, heap, info, st);
	if (rc < 0 || !limit || !limit->set)
		return rc;
	left = limit->bytes > f->used[heap] ? limit->bytes - f->used[heap] : 0;
	info->total = info->total < limit->bytes ? info->total : limit->bytes;
	info->free = info->free < left ? info->free : left;
	return 0;
}

static int fault_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
			    struct aios_status *st)
{
	struct fault *f = dev;
	int rc = fault_call(f, FAULT_IMPORT, 0, st);

	if (rc == 0)
		rc = hook_pass_mem_import(dev, host, bytes, out, st);
	if (rc == 0 && out->heap < AIOS_HEAP_COUNT) {
		pthread_mutex_lock(&f->lock);
		f->used[out->heap] += out->bytes;
		pthread_mutex_unlock(&f->lock);
	}
	return rc;
}

/* ---- slots that are counted and passed on -------------------------------------------- */

static int fault_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_QUIESCE, deadline_ns, st);

	return rc < 0 ? rc : hook_pass_quiesce(dev, deadline_ns, st);
}

static int fault_device_info(void *dev, struct aios_device_info *info, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_INFO, 0, st);

	return rc < 0 ? rc : hook_pass_device_info(dev, info, st);
}

static int fault_queue_create(void *dev, void **queue, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_QUEUE_CREATE, 0, st);

	return rc < 0 ? rc : hook_pass_queue_create(dev, queue, st);
}

static int fault_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	int rc = fault_call(dev, FAULT_QUERY, 0, NULL);

	return rc < 0 ? rc : hook_pass_query_op(dev, op, out);
}

static int fault_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		      uint64_t bytes, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_COPY, 0, st);

	return rc < 0 ? rc : hook_pass_copy(dev, queue, dir, dst, src, bytes, st);
}

static int fault_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		      struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_FILL, 0, st);

	return rc < 0 ? rc : hook_pass_fill(dev, queue, dst, value, bytes, st);
}

static int fault_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_SIGNAL, 0, st);

	return rc < 0 ? rc : hook_pass_signal(dev, queue, value, st);
}

static int fault_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		      struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_WAIT, deadline_ns, st);

	return rc < 0 ? rc : hook_pass_wait(dev, queue, value, deadline_ns, st);
}

static int fault_queue_wait(void *dev, void *queue, void *other, uint64_t value,
			    struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_QUEUE_WAIT, 0, st);

	return rc < 0 ? rc : hook_pass_queue_wait(dev, queue, other, value, st);
}

static int fault_weight_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			       struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_LAYOUT, 0, st);

	return rc < 0 ? rc : hook_pass_weight_layout(dev, profile, w, bytes, st);
}

static void count_capture(struct fault *f, int change)
{
	pthread_mutex_lock(&f->lock);
	if (change > 0 || f->capturing)
		f->capturing += (uint32_t)change;
	pthread_mutex_unlock(&f->lock);
}

static int fault_graph_begin(void *dev, void *queue, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_GRAPH_BEGIN, 0, st);

	if (rc == 0)
		rc = hook_pass_graph_begin(dev, queue, st);
	if (rc == 0)
		count_capture(dev, 1);
	return rc;
}

static int fault_graph_end(void *dev, void *queue, void **graph, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_GRAPH_END, 0, st);

	if (rc == 0)
		rc = hook_pass_graph_end(dev, queue, graph, st);
	if (rc == 0)
		count_capture(dev, -1);
	return rc;
}

static int fault_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st)
{
	int rc = fault_call(dev, FAULT_GRAPH_LAUNCH, 0, st);

	return rc < 0 ? rc : hook_pass_graph_launch(dev, queue, graph, st);
}

static int fault_reset(void *dev, struct aios_status *st)
{
	struct fault *f = dev;
	int rc = fault_call(f, FAULT_RESET, 0, st);

	if (rc == 0)
		rc = hook_pass_reset(dev, st);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&f->lock);
	f->lost = false;
	memset(f->used, 0, sizeof(f->used));
	pthread_mutex_unlock(&f->lock);
	return 0;
}

/* ---- life -------------------------------------------------------------------------- */

static int fault_wrap(const struct aios_host *host, const struct aios_hook_attach *attach,
		      void **dev, struct aios_status *st)
{
	struct fault *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return aios_fail(st, -ENOMEM, "no memory for the hook fault");
	f->base.host = host;
	f->base.below = attach->device;
	rc = fault_parse(attach->args, &f->spec, st);
	if (rc < 0) {
		free(f);
		return rc;
	}
	pthread_mutex_init(&f->lock, NULL);
	*dev = f;
	return 0;
}

static void fault_close(void *dev)
{
	struct fault *f = dev;

	if (!f)
		return;
	for (uint32_t i = 0; i < f->spec.n_flips; i++)
		if (f->spec.flips[i].seen < f->spec.flips[i].nth)
			aios_host_log(
				f->base.host, AIOS_LOG_WARN,
				"a flip of %s never happened: %llu of its launches were seen, "
				"%llu are needed",
				aios_op_name(f->spec.flips[i].op),
				(unsigned long long)f->spec.flips[i].seen,
				(unsigned long long)f->spec.flips[i].nth);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct aios_driver_ops fault_table = {
	.size = sizeof(fault_table),
	.quiesce = fault_quiesce,
	.close = fault_close,
	.device_info = fault_device_info,
	.heap_info = fault_heap_info,
	.mem_alloc = fault_mem_alloc,
	.mem_free = fault_mem_free,
	.queue_create = fault_queue_create,
	.queue_destroy = hook_pass_queue_destroy,
	.query_op = fault_query_op,
	.launch = fault_launch,
	.copy = fault_copy,
	.fill = fault_fill,
	.signal = fault_signal,
	.elapsed = hook_pass_elapsed,
	.peer = hook_pass_peer,
	.comm_id = hook_pass_comm_id,
	.comm_open = hook_pass_comm_open,
	.comm_gather = hook_pass_comm_gather,
	.comm_check = hook_pass_comm_check,
	.comm_close = hook_pass_comm_close,
	.wait = fault_wait,
	.queue_wait = fault_queue_wait,
	.weight_layout = fault_weight_layout,
	.mem_import = fault_mem_import,
	.graph_begin = fault_graph_begin,
	.graph_end = fault_graph_end,
	.graph_launch = fault_graph_launch,
	.graph_destroy = hook_pass_graph_destroy,
	.reset = fault_reset,
};

static const struct aios_hook_ops fault_ops = {
	.size = sizeof(fault_ops),
	.wrap = fault_wrap,
	.ops = &fault_table,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(version, "1");
AIOS_MODULE_INFO(description, "make calls fail, lose the device, flip bits, on purpose");
AIOS_HOOK(fault, "fault", &fault_ops, NULL, 0);
