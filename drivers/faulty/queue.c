// SPDX-License-Identifier: Apache-2.0
/*
 * queue.c - what goes wrong with queues, questions, launches and graphs.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "slots.h"

#define RING 65536

/* --- work put off -------------------------------------------------------------- */

void faulty_forget(struct faulty_later *later)
{
	free(later->op);
	memset(later, 0, sizeof(*later));
}

static int later_op(struct faulty_later *later, const struct aios_op *op, struct aios_status *st)
{
	later->op = malloc(op->size);
	if (!later->op)
		return aios_fail(st, -ENOMEM, "no memory for an op");
	memcpy(later->op, op, op->size);
	later->waiting = true;
	return 0;
}

int faulty_flush(struct faulty_device *dev, struct aios_status *st)
{
	struct faulty_later later = dev->later;
	int ret = 0;

	if (!later.waiting)
		return 0;
	memset(&dev->later, 0, sizeof(dev->later));
	if (later.op)
		ret = ref_op_run(dev->below, later.op, st);
	else
		memmove(ref_ptr(later.dst), ref_ptr(later.src), later.bytes);
	faulty_forget(&later);
	return ret;
}

/* Before work on queue `q`. */
static int flush_before(struct faulty_device *dev, const struct faulty_queue *q,
			struct aios_status *st)
{
	if (faulty_has(BUG_QU_CROSS) && dev->later.queue != q)
		return 0;
	return faulty_flush(dev, st);
}

/* --- queues -------------------------------------------------------------------- */

int faulty_queue_create(void *arg, void **out, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = calloc(1, sizeof(*q));
	void *below;
	int ret;

	if (!q)
		return aios_fail(st, -ENOMEM, "no memory for a queue");
	ret = ref_queue_create(dev->below, &below, st);
	if (ret) {
		free(q);
		return ret;
	}
	q->below = below;
	if (faulty_has(BUG_QU_LEAK)) {
		q->ring = malloc(RING);
		if (q->ring)
			memset(q->ring, 1, RING);
	}
	*out = q;
	return 0;
}

void faulty_queue_destroy(void *arg, void *queue)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;
	struct aios_status st = { 0 };
	uint32_t i;

	if (faulty_has(BUG_DV_NULL) && !q->below) /* reads through NULL */
		return;
	if (!q)
		return;
	faulty_flush(dev, &st);
	faulty_forget(&q->captured);
	for (i = 0; i < FROZEN; i++)
		free(q->frozen[i]);
	ref_queue_destroy(dev->below, q->below);
	free(q); /* with BUG_QU_LEAK the ring stays */
}

int faulty_copy(void *arg, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
		struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;
	int ret;

	/* With BUG_QU_STALE what was put off is not seen from the host yet. */
	if (!faulty_has(BUG_QU_STALE) || dir != AIOS_COPY_TO_HOST) {
		ret = flush_before(dev, q, st);
		if (ret)
			return ret;
	}
	if (faulty_has(BUG_QU_COPY_ODD) && dir == AIOS_COPY_ON_DEVICE)
		bytes -= bytes & 1;
	if (faulty_has(BUG_QU_COPY_LATE) && dir == AIOS_COPY_TO_DEVICE && bytes &&
	    !q->below->capture) {
		dev->later = (struct faulty_later){
			.waiting = true, .dst = dst, .src = src, .bytes = bytes
		};
		return 0;
	}
	return ref_copy(dev->below, q->below, dir, dst, src, bytes, st);
}

int faulty_fill(void *arg, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;
	int ret = flush_before(dev, q, st);

	if (ret)
		return ret;
	if (faulty_has(BUG_QU_FILL))
		value &= 0x7f;
	if (faulty_has(BUG_QU_FILL_WORDS))
		bytes = (bytes + 3) / 4 * 4;
	return ref_fill(dev->below, q->below, dst, value, bytes, st);
}

int faulty_signal(void *arg, void *queue, uint64_t *value, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;
	int ret = 0;

	if (!faulty_has(BUG_QU_STALE) && !faulty_has(BUG_QU_CROSS))
		ret = faulty_flush(dev, st);
	if (!ret)
		ret = ref_signal(dev->below, q->below, value, st);
	if (!ret && faulty_has(BUG_QU_TIMELINE))
		*value = (++q->signals + 1) / 2;
	return ret;
}

int faulty_wait(void *arg, void *queue, uint64_t value, uint64_t deadline_ns,
		struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;

	int ret = 0;

	if (faulty_has(BUG_QU_WAIT))
		return 0;
	if (faulty_has(BUG_QU_CROSS))
		ret = flush_before(dev, q, st);
	if (ret)
		return ret;
	if (faulty_has(BUG_QU_HANG))
		deadline_ns += 6000000000u;
	return ref_wait(dev->below, q->below, value, deadline_ns, st);
}

int faulty_queue_wait(void *arg, void *queue, void *other, uint64_t value, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue, *first = other;

	return ref_queue_wait(dev->below, q->below, first->below, value, st);
}

/* --- questions ------------------------------------------------------------------- */

/* What a lying driver refuses; true: `why` says so. */
static bool refused(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_matmul *mm = (const struct aios_op_matmul *)op;

	if (faulty_has(BUG_DV_PROFILES) && op->type == AIOS_OP_MATMUL && op->size >= sizeof(*mm) &&
	    mm->profile == AIOS_PROFILE_TC_SM80) {
		snprintf(out->reason, sizeof(out->reason), "matmul in tc-sm80 is not written yet");
		return true;
	}
	return false;
}

/* Questions that change something. */
static void side_effects(const struct aios_op *op)
{
	const struct aios_op_add *add = (const struct aios_op_add *)op;
	struct aios_op_matmul *mm = (struct aios_op_matmul *)(uintptr_t)op;

	if (faulty_has(BUG_OP_EFFECT) && op->type == AIOS_OP_ADD && add->out.data)
		*(float *)ref_ptr(add->out.data) += 1.0f;
	if (faulty_has(BUG_OP_CHANGES) && op->type == AIOS_OP_MATMUL && !mm->act)
		mm->mid_type = AIOS_F32;
}

/* With BUG_OP_SIZE a short descriptor counts as a whole one. */
static const struct aios_op *whole_op(const struct aios_op *op, uint64_t room[128])
{
	const struct ref_op *ref = ref_op_of(op->type);
	struct aios_op *copy = (struct aios_op *)(void *)room;

	if (!faulty_has(BUG_OP_SIZE) || !ref || op->size >= ref->size)
		return op;
	memcpy(copy, op, ref->size);
	copy->size = ref->size;
	return copy;
}

int faulty_query_op(void *arg, const struct aios_op *op, struct aios_op_support *out)
{
	struct faulty_device *dev = arg;
	uint64_t room[128];
	int ret = ref_query_op(dev->below, whole_op(op, room), out);

	if (ret)
		return ret;
	side_effects(op);
	if (faulty_has(BUG_OP_YES) && out->level == AIOS_SUPPORT_NO) {
		out->level = AIOS_SUPPORT_EXACT;
		out->reason[0] = '\0';
	}
	if (faulty_has(BUG_OP_NO) && op->type == AIOS_OP_ALL_GATHER) {
		out->level = AIOS_SUPPORT_NO;
		snprintf(out->reason, sizeof(out->reason), "all_gather is not written yet");
	}
	if (refused(op, out))
		out->level = AIOS_SUPPORT_NO;
	return 0;
}

/* Bugs that do not do an op when it is launched. */
static bool puts_off(void)
{
	return faulty_has(BUG_QU_STALE) || faulty_has(BUG_QU_ORDER) || faulty_has(BUG_QU_CROSS);
}

/* --- launches -------------------------------------------------------------------- */

/*
 * Keep the op for later; what waited is done after it (order) or before it (stale), and
 * what waits on another queue goes on waiting (cross).
 */
static int launch_later(struct faulty_device *dev, const struct faulty_queue *q,
			const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_support answer = { .size = sizeof(answer) };
	int ret;

	if (!ref_op_check(op, true, &answer))
		return aios_fail(st, -ENOTSUP, "%s: %s", aios_op_name(op->type), answer.reason);
	if (faulty_has(BUG_QU_ORDER) && dev->later.waiting) {
		ret = ref_op_run(dev->below, op, st);
		return ret ? ret : faulty_flush(dev, st);
	}
	if (faulty_has(BUG_QU_CROSS) && dev->later.waiting && dev->later.queue != q)
		return ref_op_run(dev->below, op, st);
	ret = faulty_flush(dev, st);
	if (!ret)
		ret = later_op(&dev->later, op, st);
	dev->later.queue = q;
	return ret;
}

/*
 * One place for all devices: who launches at the same time on another one puts his op
 * over this one, which is then never done. The lock keeps the crash away, not the bug.
 */
static int launch_shared(struct faulty_device *dev, const struct aios_op *op,
			 struct aios_status *st)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static union {
		struct aios_op op;
		uint64_t room[128];
	} slot;
	struct timespec moment = { .tv_nsec = 200000 };
	struct aios_op_support answer = { .size = sizeof(answer) };
	uint32_t size;
	int ret = 0;

	if (!ref_op_check(op, true, &answer))
		return aios_fail(st, -ENOTSUP, "%s: %s", aios_op_name(op->type), answer.reason);
	size = ref_op_of(op->type)->size;
	pthread_mutex_lock(&lock);
	memcpy(&slot, op, size);
	slot.op.size = size;
	pthread_mutex_unlock(&lock);
	nanosleep(&moment, NULL);
	pthread_mutex_lock(&lock);
	if (slot.op.type != AIOS_OP_NONE)
		ret = ref_op_run(dev->below, &slot.op, st);
	slot.op.type = AIOS_OP_NONE;
	pthread_mutex_unlock(&lock);
	return ret;
}

/* Put a copy of n numbers in the place of an array; it lives as long as the graph. */
static void freeze(struct faulty_queue *q, aios_addr *array, uint32_t n)
{
	int32_t *copy;

	if (q->n_frozen == FROZEN || !*array || !n)
		return;
	copy = malloc(n * sizeof(*copy));
	if (!copy)
		return;
	memcpy(copy, ref_ptr(*array), n * sizeof(*copy));
	q->frozen[q->n_frozen++] = copy;
	*array = (uint64_t)(uintptr_t)copy;
}

static int launch_frozen(struct faulty_device *dev, struct faulty_queue *q,
			 const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_gather_rows gather;
	struct aios_op_embed embed;

	if (op->type == AIOS_OP_EMBED) {
		embed = *(const struct aios_op_embed *)op;
		embed.op.size = sizeof(embed);
		freeze(q, &embed.ids, embed.n_tokens);
		return ref_launch(dev->below, q->below, &embed.op, st);
	}
	if (op->type == AIOS_OP_GATHER_ROWS) {
		gather = *(const struct aios_op_gather_rows *)op;
		gather.op.size = sizeof(gather);
		freeze(q, &gather.rows, gather.n_rows);
		return ref_launch(dev->below, q->below, &gather.op, st);
	}
	return ref_launch(dev->below, q->below, op, st);
}

/* While a graph is captured. */
static int launch_captured(struct faulty_device *dev, struct faulty_queue *q,
			   const struct aios_op *op, struct aios_status *st)
{
	int ret;

	if (faulty_has(BUG_GR_CAPTURE)) {
		ret = ref_op_run(dev->below, op, st);
		if (ret)
			return ret;
	}
	if (faulty_has(BUG_GR_FROZEN))
		return launch_frozen(dev, q, op, st);
	if (!faulty_has(BUG_GR_LAST))
		return ref_launch(dev->below, q->below, op, st);
	if (q->captured.waiting) {
		ret = ref_launch(dev->below, q->below, q->captured.op, st);
		faulty_forget(&q->captured);
		if (ret)
			return ret;
	}
	return later_op(&q->captured, op, st);
}

static int launch(struct faulty_device *dev, struct faulty_queue *q, const struct aios_op *op,
		  struct aios_status *st)
{
	struct aios_op_support answer = { .size = sizeof(answer) };
	uint64_t room[128];

	if (refused(op, &answer))
		return aios_fail(st, -ENOTSUP, "%s", answer.reason);
	if (faulty_has(BUG_OP_UNKNOWN) && op->type >= AIOS_OP_COUNT)
		return 0;
	op = whole_op(op, room);
	if (q->below->capture)
		return launch_captured(dev, q, op, st);
	if (puts_off())
		return launch_later(dev, q, op, st);
	if (faulty_has(BUG_QU_SHARED))
		return launch_shared(dev, op, st);
	return ref_launch(dev->below, q->below, op, st);
}

int faulty_launch(void *arg, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_matmul *mm = (struct aios_op_matmul *)(uintptr_t)op;
	struct faulty_device *dev = arg;
	int ret = 0;

	if (!puts_off())
		ret = faulty_flush(dev, st);
	if (!ret)
		ret = launch(dev, queue, op, st);
	if (!ret && faulty_has(BUG_OP_LAUNCH_CHANGES) && op->type == AIOS_OP_MATMUL && !mm->act)
		mm->mid_type = AIOS_F32;
	if (ret && faulty_has(BUG_DV_MESSAGE) && st)
		st->message[0] = '\0';
	return ret;
}

/* --- graphs ---------------------------------------------------------------------- */

int faulty_graph_begin(void *arg, void *queue, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;

	return ref_graph_begin(dev->below, q->below, st);
}

int faulty_graph_end(void *arg, void *queue, void **graph, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;
	struct faulty_graph *g = calloc(1, sizeof(*g));
	void *below;
	int ret;

	if (!g)
		return aios_fail(st, -ENOMEM, "no memory for a graph");
	faulty_forget(&q->captured);
	ret = ref_graph_end(dev->below, q->below, &below, st);
	if (ret) {
		free(g);
		return ret;
	}
	g->below = below;
	memcpy(g->frozen, q->frozen, sizeof(g->frozen));
	memset(q->frozen, 0, sizeof(q->frozen));
	q->n_frozen = 0;
	*graph = g;
	return 0;
}

int faulty_graph_launch(void *arg, void *queue, void *graph, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	struct faulty_queue *q = queue;
	struct faulty_graph *g = graph;
	int ret = faulty_flush(dev, st);

	if (ret)
		return ret;
	if (faulty_has(BUG_GR_ONCE) && g->launches++ > 0)
		return 0;
	return ref_graph_launch(dev->below, q->below, g->below, st);
}

void faulty_graph_destroy(void *arg, void *graph)
{
	struct faulty_device *dev = arg;
	struct faulty_graph *g = graph;
	uint32_t i;

	if (!g)
		return;
	ref_graph_destroy(dev->below, g->below);
	for (i = 0; i < FROZEN; i++)
		free(g->frozen[i]);
	free(g);
}
