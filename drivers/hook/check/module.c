// SPDX-License-Identifier: Apache-2.0
/*
 * check - every call against the rules of the driver ABI.
 *
 *	check[:warn][,deep]
 *
 * A broken rule is one line in the log and -EINVAL; with `warn` the call is made
 * all the same. `deep` also reads the arrays of a batch (positions, block table,
 * pairs of pages, sampling rows) from the device before each launch that has
 * some, which waits for the queue; without it they are read when no work is
 * pending and the host can see them. What the driver does is checked as well:
 * alignment of what it allocates, a timeline that ascends.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lib/words.h"

#define CHECK_TIMEOUT_NS (600ull * 1000000000ull)

/* ---- a call ------------------------------------------------------------------------- */

struct check_call check_begin(struct check *c, const char *what, struct aios_status *st)
{
	struct check_call call = { .c = c, .st = st };

	snprintf(call.what, sizeof(call.what), "%s", what);
	pthread_mutex_lock(&c->lock);
	call.number = ++c->calls;
	return call;
}

void check_leave(struct check_call *call)
{
	pthread_mutex_unlock(&call->c->lock);
}

void check_enter(struct check_call *call)
{
	pthread_mutex_lock(&call->c->lock);
}

int check_end(struct check_call *call, int rc)
{
	if (rc == -AIOS_DEVICE_LOST)
		call->c->lost = true;
	pthread_mutex_unlock(&call->c->lock);
	return rc;
}

void check_bad(struct check_call *call, const char *fmt, ...)
{
	struct check *c = call->c;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->violations++ < CHECK_LINES)
		aios_host_log(c->base.host, c->warn ? AIOS_LOG_WARN : AIOS_LOG_ERROR,
			      "call %llu (%s): %s", (unsigned long long)call->number, call->what,
			      text);
	if (!call->bad && !c->warn)
		call->rc = aios_fail(call->st, -EINVAL, "check: call %llu (%s): %s",
				     (unsigned long long)call->number, call->what, text);
	call->bad = true;
}

/* A slot of the device itself: one thread at a time. */
static struct check_call begin_device(struct check *c, const char *what, struct aios_status *st)
{
	struct check_call call = check_begin(c, what, st);

	if (c->busy)
		check_bad(&call, "another thread is inside a call of this device");
	c->busy = true;
	return call;
}

static int end_device(struct check_call *call, int rc)
{
	call->c->busy = false;
	return check_end(call, rc);
}

/* A slot of a queue: one thread at a time for each. *q is NULL when there is no such queue. */
static struct check_call begin_queue(struct check *c, const char *what, void *queue,
				     struct check_queue **q, struct aios_status *st)
{
	struct check_call call = check_begin(c, what, st);

	*q = check_queue_of(&call, queue);
	if (*q && (*q)->busy)
		check_bad(&call, "another thread is inside a call of this queue");
	if (*q)
		(*q)->busy = true;
	return call;
}

static int end_queue(struct check_call *call, struct check_queue *q, int rc)
{
	if (q)
		q->busy = false;
	return check_end(call, rc);
}

/* ---- memory -------------------------------------------------------------------------- */

/* What the driver gave must be as the ABI says. */
static void check_given(struct check_call *call, const struct aios_mem *mem, uint64_t bytes)
{
	if (!mem->addr || mem->addr % 256)
		check_bad(call, "the driver gave address 0x%llx, not a multiple of 256",
			  (unsigned long long)mem->addr);
	if (mem->bytes < bytes)
		check_bad(call, "the driver gave %llu bytes of the %llu asked for",
			  (unsigned long long)mem->bytes, (unsigned long long)bytes);
	if (mem->heap >= AIOS_HEAP_COUNT)
		check_bad(call, "the driver says heap %u, which does not exist", mem->heap);
	if (check_find(call->c, mem->addr) ||
	    (mem->bytes && check_find(call->c, mem->addr + mem->bytes - 1)))
		check_bad(call, "the driver gave memory that overlaps a live allocation");
}

/* Both ways to get memory end here. */
static int got_memory(struct check_call *call, struct aios_mem *out, uint64_t bytes, bool imported,
		      int rc)
{
	if (rc < 0)
		return rc;
	if (!imported)
		check_given(call, out, bytes);
	if (call->rc == 0 && !check_add(call->c, out, imported, call->number))
		call->rc = aios_fail(call->st, -ENOMEM, "check: no memory to follow allocations");
	if (call->rc < 0) {
		hook_pass_mem_free(call->c, out);
		memset(out, 0, sizeof(*out));
	}
	return call->rc;
}

static int check_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			   struct aios_status *st)
{
	struct check_call call = begin_device(dev, "mem_alloc", st);
	int rc;

	if (heap >= AIOS_HEAP_COUNT)
		check_bad(&call, "there is no heap %u", heap);
	if (bytes == 0)
		check_bad(&call, "an allocation of 0 bytes");
	if (call.rc < 0)
		return end_device(&call, call.rc);
	check_leave(&call);
	rc = hook_pass_mem_alloc(dev, heap, bytes, out, st);
	check_enter(&call);
	return end_device(&call, got_memory(&call, out, bytes, false, rc));
}

static int check_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
			    struct aios_status *st)
{
	struct check_call call = begin_device(dev, "mem_import", st);
	int rc;

	if (!host || bytes == 0)
		check_bad(&call, "%llu bytes at %p", (unsigned long long)bytes, host);
	if (call.rc < 0)
		return end_device(&call, call.rc);
	check_leave(&call);
	rc = hook_pass_mem_import(dev, host, bytes, out, st);
	check_enter(&call);
	return end_device(&call, got_memory(&call, out, bytes, true, rc));
}

static void check_mem_free(void *dev, struct aios_mem *mem)
{
	struct check_call call = begin_device(dev, "mem_free", NULL);
	struct check_alloc *a;

	check_freeing(&call, mem);
	a = check_find(call.c, mem->addr);
	if (a && a->addr == mem->addr) {
		check_forget(call.c, a, call.number);
		check_leave(&call);
		hook_pass_mem_free(dev, mem);
		check_enter(&call);
	}
	end_device(&call, 0);
}

static int check_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
			   struct aios_status *st)
{
	struct check_call call = begin_device(dev, "heap_info", st);
	int rc;

	if (heap >= AIOS_HEAP_COUNT)
		check_bad(&call, "there is no heap %u", heap);
	if (call.rc < 0)
		return end_device(&call, call.rc);
	check_leave(&call);
	rc = hook_pass_heap_info(dev, heap, info, st);
	check_enter(&call);
	return end_device(&call, rc);
}

/* ---- queues ---------------------------------------------------------------------------- */

static int check_queue_create(void *dev, void **queue, struct aios_status *st)
{
	struct check_call call = begin_device(dev, "queue_create", st);
	int rc;

	check_leave(&call);
	rc = hook_pass_queue_create(dev, queue, st);
	check_enter(&call);
	if (rc == 0 && !check_open_queue(call.c, *queue, call.number))
		aios_host_log(call.c->base.host, AIOS_LOG_WARN,
			      "more than %d queues are open: those past it are not checked",
			      CHECK_QUEUES);
	return end_device(&call, rc);
}

static void check_queue_destroy(void *dev, void *queue)
{
	struct check_queue *q = NULL;
	struct check_call call;

	if (!queue) {
		hook_pass_queue_destroy(dev, queue);
		return;
	}
	call = begin_queue(dev, "queue_destroy", queue, &q, NULL);
	if (q && !call.c->lost && q->completed < q->seq)
		check_bad(&call, "queue %llu is destroyed with work %llu to %llu pending",
			  (unsigned long long)q->number, (unsigned long long)q->completed + 1,
			  (unsigned long long)q->seq);
	if (q)
		check_close_queue(call.c, q);
	else if (call.c->lost_queues)
		call.c->lost_queues--;
	check_end(&call, 0);
	/* A queue that is not the device's is not handed to it. */
	if (!call.bad || q)
		hook_pass_queue_destroy(dev, queue);
}

static int check_signal_slot(void *dev, void *queue, uint64_t *value, struct aios_status *st)
{
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "signal", queue, &q, st);
	int rc;

	if (q && q->capture)
		check_bad(&call, "a signal while the queue captures a graph");
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_signal(dev, queue, value, st);
	check_enter(&call);
	if (rc == 0 && q)
		check_signalled(&call, q, *value);
	return end_queue(&call, q, call.rc < 0 ? call.rc : rc);
}

static int check_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		      struct aios_status *st)
{
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "wait", queue, &q, st);
	int rc;

	if (q && (value == 0 || value > q->last))
		check_bad(&call, "value %llu was never signalled; queue %llu is at %llu",
			  (unsigned long long)value, (unsigned long long)q->number,
			  (unsigned long long)q->last);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_wait(dev, queue, value, deadline_ns, st);
	check_enter(&call);
	if (rc == 0 && q)
		check_waited(call.c, q, value);
	return end_queue(&call, q, rc);
}

static int check_queue_wait(void *dev, void *queue, void *other, uint64_t value,
			    struct aios_status *st)
{
	struct check_queue *q, *from;
	struct check_call call = begin_queue(dev, "queue_wait", queue, &q, st);
	int rc;

	from = check_queue_of(&call, other);
	if (from && (value == 0 || value > from->last))
		check_bad(&call, "value %llu was never signalled; queue %llu is at %llu",
			  (unsigned long long)value, (unsigned long long)from->number,
			  (unsigned long long)from->last);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_queue_wait(dev, queue, other, value, st);
	check_enter(&call);
	if (rc == 0 && q && from)
		check_queue_waits(call.c, q, from, value);
	return end_queue(&call, q, rc);
}

static int check_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	struct check_call call = begin_device(dev, "quiesce", st);
	int rc;

	check_leave(&call);
	rc = hook_pass_quiesce(dev, deadline_ns, st);
	check_enter(&call);
	if (rc == 0)
		check_all_done(call.c);
	return end_device(&call, rc);
}

/* ---- work ------------------------------------------------------------------------------ */

/* The host can see all arrays of the op, and nobody writes them. */
static bool readable(struct check *c, const struct hook_operands *list)
{
	if (!check_idle(c))
		return false;
	for (uint32_t i = 0; i < list->n; i++) {
		const struct check_alloc *a = check_find(c, list->v[i].addr);

		if (list->v[i].dtype == AIOS_I32 && (!a || !a->host))
			return false;
	}
	return true;
}

/* The arrays whose numbers are indices. */
static bool is_array(void *ctx, const struct hook_operand *o)
{
	(void)ctx;
	return strncmp(o->name, "batch.", 6) == 0 || strcmp(o->name, "pairs") == 0 ||
	       strcmp(o->name, "params") == 0 || strcmp(o->name, "ids") == 0;
}

static bool has_arrays(const struct aios_op *op)
{
	return op->type == AIOS_OP_ROPE_KV || op->type == AIOS_OP_ATTENTION ||
	       op->type == AIOS_OP_COPY_PAGES || op->type == AIOS_OP_LOGITS ||
	       op->type == AIOS_OP_LOGPROBS;
}

/* Read the arrays and look at what they say. Call without the lock. */
static int read_arrays(struct check *c, void *queue, const struct aios_op *op,
		       struct hook_image *im, struct aios_status *why)
{
	struct hook_io io = { &c->base.below, queue, CHECK_TIMEOUT_NS };
	int rc = hook_image_take(im, &io, op, is_array, NULL, why);

	return rc < 0 ? rc : hook_image_check(im, why);
}

static void check_arrays(struct check_call *call, struct check_queue *q, void *queue,
			 const struct aios_op *op, const struct hook_operands *list)
{
	struct hook_image im = { 0 };
	struct aios_status why;
	int rc;

	if (!has_arrays(op) || (q && q->capture) || !(call->c->deep || readable(call->c, list)))
		return;
	aios_status_clear(&why);
	check_leave(call);
	rc = read_arrays(call->c, queue, op, &im, &why);
	check_enter(call);
	if (rc == -EINVAL)
		check_bad(call, "%s", why.message);
	for (uint32_t i = 0; rc == 0 && i < im.operands.n; i++) {
		const struct hook_operand *o = &im.operands.v[i];

		if ((o->flags & HOOK_BY_PARAMS) && hook_operand_bytes(o))
			check_range(call, o->name, o->addr, hook_operand_bytes(o), false, true);
	}
	hook_image_free(&im);
}

/* Does the device have the op, and has it the scratch it asked for? Call without the lock. */
static void check_support(struct check_call *call, const struct aios_op *op)
{
	struct aios_op_support answer = { .size = sizeof(answer) };
	union aios_op_any any;
	const struct aios_scratch *scratch;
	int rc = hook_pass_query_op(call->c, op, &answer);

	memcpy(&any, op, hook_op_size(op->type));
	scratch = aios_op_scratch(&any);
	answer.reason[sizeof(answer.reason) - 1] = '\0';
	check_enter(call);
	if (rc < 0 || answer.level != AIOS_SUPPORT_EXACT)
		check_bad(call, "launched though query_op says no: %s", answer.reason);
	else if (answer.scratch_bytes && (!scratch || scratch->bytes < answer.scratch_bytes))
		check_bad(call, "scratch has %llu bytes, query_op asked for %llu",
			  (unsigned long long)(scratch ? scratch->bytes : 0),
			  (unsigned long long)answer.scratch_bytes);
	else if (answer.scratch_bytes && (!scratch->data || scratch->data % 256))
		check_bad(call, "scratch at 0x%llx is not aligned to 256 bytes",
			  (unsigned long long)scratch->data);
	check_leave(call);
}

/* The work is being enqueued: what it touches, and in which order. */
static void use_operands(struct check_call *call, struct check_queue *q,
			 const struct hook_operands *list)
{
	check_work(call->c, q);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct hook_operand *o = &list->v[i];
		struct check_alloc *a = o->addr ? check_find(call->c, o->addr) : NULL;
		uint64_t bytes = hook_operand_bytes(o);

		if (a)
			check_use(call, q, a, o->name, o->addr, bytes ? bytes : 1,
				  (o->flags & (HOOK_WRITE | HOOK_SCRATCH)) != 0);
	}
}

static void name_op(struct check_call *call, const struct aios_op *op)
{
	if (op->layer)
		snprintf(call->what, sizeof(call->what), "launch %s, layer %u",
			 aios_op_name(op->type), op->layer - 1u);
	else
		snprintf(call->what, sizeof(call->what), "launch %s", aios_op_name(op->type));
}

static int check_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "launch", queue, &q, st);
	struct hook_operands list = { 0 };
	bool known = hook_operands(op, &list);
	int rc;

	name_op(&call, op);
	if (!known)
		check_bad(&call, "type %u with %u bytes is no op's descriptor, or a short one",
			  op->type, op->size);
	else
		check_op(&call, op, &list, true);
	check_leave(&call);
	if (known && !call.bad)
		check_support(&call, op);
	check_enter(&call);
	if (known && !call.bad)
		check_arrays(&call, q, queue, op, &list);
	if (q && known && !call.bad)
		use_operands(&call, q, &list);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_launch(dev, queue, op, st);
	check_enter(&call);
	return end_queue(&call, q, rc);
}

/* A query is pure and comes from any thread; addresses may be 0. */
static int check_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	struct check_call call = check_begin(dev, "query_op", NULL);
	struct hook_operands list;

	if (out->size < sizeof(*out))
		check_bad(&call, "out->size is %u, expected %zu", out->size, sizeof(*out));
	/* One may ask for an op that this ABI does not know; the answer is no. */
	if (hook_op_size(op->type) && !hook_operands(op, &list))
		check_bad(&call, "type %u with %u bytes is a short descriptor", op->type, op->size);
	check_end(&call, 0);
	/* A question that is wrong has an answer, which the driver gives. */
	return hook_pass_query_op(dev, op, out);
}

/* The device's side of a copy or fill. */
static void use_range(struct check_call *call, struct check_queue *q, const char *what,
		      aios_addr addr, uint64_t bytes, bool write)
{
	struct check_alloc *a = check_range(call, what, addr, bytes, write, false);

	if (a && q && !call->bad)
		check_use(call, q, a, what, addr, bytes, write);
}

static int check_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		      uint64_t bytes, struct aios_status *st)
{
	static const char *const names[] = { "copy to device", "copy to host", "copy on device" };
	struct check_queue *q;
	struct check_call call =
		begin_queue(dev, dir <= AIOS_COPY_ON_DEVICE ? names[dir] : "copy", queue, &q, st);
	int rc;

	if (dir > AIOS_COPY_ON_DEVICE)
		check_bad(&call, "there is no copy direction %u", dir);
	if (dst < src + bytes && src < dst + bytes)
		check_bad(&call, "0x%llx and 0x%llx overlap over %llu bytes",
			  (unsigned long long)dst, (unsigned long long)src,
			  (unsigned long long)bytes);
	if (q && !call.bad)
		check_work(call.c, q);
	if (!call.bad && bytes && dir != AIOS_COPY_TO_HOST)
		use_range(&call, q, "the destination", dst, bytes, true);
	if (!call.bad && bytes && dir != AIOS_COPY_TO_DEVICE)
		use_range(&call, q, "the source", src, bytes, false);
	if (!call.bad && bytes && q && dir != AIOS_COPY_ON_DEVICE)
		check_host_range(&call, q, dir == AIOS_COPY_TO_HOST ? dst : src, bytes,
				 dir == AIOS_COPY_TO_HOST);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_copy(dev, queue, dir, dst, src, bytes, st);
	check_enter(&call);
	return end_queue(&call, q, rc);
}

static int check_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		      struct aios_status *st)
{
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "fill", queue, &q, st);
	int rc;

	if (q && !call.bad)
		check_work(call.c, q);
	if (bytes)
		use_range(&call, q, "the destination", dst, bytes, true);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_fill(dev, queue, dst, value, bytes, st);
	check_enter(&call);
	return end_queue(&call, q, rc);
}

/* ---- communicators ----------------------------------------------------------------------- */

struct check_comm {
	void *below;
	uint32_t n_ranks;
};

static int check_comm_open(void *dev, const struct aios_comm_id *id, uint32_t rank,
			   uint32_t n_ranks, uint64_t deadline_ns, void **comm,
			   struct aios_status *st)
{
	struct check_call call = check_begin(dev, "comm_open", st);
	struct check_comm *made;
	int rc;

	if (n_ranks == 0 || rank >= n_ranks)
		check_bad(&call, "rank %u of %u", rank, n_ranks);
	if (check_end(&call, call.rc) < 0)
		return call.rc;
	made = calloc(1, sizeof(*made));
	if (!made)
		return aios_fail(st, -ENOMEM, "check: no memory to follow communicators");
	made->n_ranks = n_ranks;
	rc = hook_pass_comm_open(dev, id, rank, n_ranks, deadline_ns, &made->below, st);
	if (rc < 0)
		free(made);
	else
		*comm = made;
	return rc;
}

static int check_comm_gather(void *dev, void *queue, void *comm, aios_addr dst, aios_addr src,
			     uint64_t bytes, uint64_t deadline_ns, struct aios_status *st)
{
	const struct check_comm *c = comm;
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "comm_gather", queue, &q, st);
	int rc;

	if (q && !call.bad)
		check_work(call.c, q);
	if (bytes > UINT64_MAX / c->n_ranks)
		check_bad(&call, "%llu bytes of %u ranks", (unsigned long long)bytes, c->n_ranks);
	if (bytes && !call.bad)
		use_range(&call, q, "the destination", dst, bytes * c->n_ranks, true);
	if (bytes && !call.bad)
		use_range(&call, q, "the source", src, bytes, false);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_comm_gather(dev, queue, c->below, dst, src, bytes, deadline_ns, st);
	check_enter(&call);
	return end_queue(&call, q, rc);
}

static int check_comm_check(void *dev, void *comm, struct aios_status *st)
{
	return hook_pass_comm_check(dev, ((const struct check_comm *)comm)->below, st);
}

static void check_comm_close(void *dev, void *comm)
{
	struct check_comm *c = comm;

	if (!c)
		return;
	hook_pass_comm_close(dev, c->below);
	free(c);
}

/* ---- graphs ---------------------------------------------------------------------------- */

static int check_graph_begin(void *dev, void *queue, struct aios_status *st)
{
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "graph_begin", queue, &q, st);
	int rc;

	if (q && q->capture)
		check_bad(&call, "queue %llu captures a graph already",
			  (unsigned long long)q->number);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_graph_begin(dev, queue, st);
	check_enter(&call);
	if (rc == 0 && q) {
		q->capture = calloc(1, sizeof(*q->capture));
		if (!q->capture)
			aios_host_log(
				call.c->base.host, AIOS_LOG_WARN,
				"no memory to follow a graph: its work is taken for the queue's");
	}
	return end_queue(&call, q, rc);
}

static int check_graph_end(void *dev, void *queue, void **graph, struct aios_status *st)
{
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "graph_end", queue, &q, st);
	int rc;

	if (q && !q->capture)
		check_bad(&call, "queue %llu captures no graph", (unsigned long long)q->number);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_graph_end(dev, queue, graph, st);
	check_enter(&call);
	if (q && q->capture && rc == 0) {
		q->capture->graph = *graph;
		q->capture->next = call.c->graphs;
		call.c->graphs = q->capture;
	} else if (q && q->capture) {
		free(q->capture->accesses);
		free(q->capture);
	}
	if (q)
		q->capture = NULL;
	return end_queue(&call, q, rc);
}

static struct check_graph **find_graph(struct check *c, const void *graph)
{
	struct check_graph **at = &c->graphs;

	while (*at && (*at)->graph != graph)
		at = &(*at)->next;
	return at;
}

static int check_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st)
{
	struct check_queue *q;
	struct check_call call = begin_queue(dev, "graph_launch", queue, &q, st);
	const struct check_graph *g = *find_graph(call.c, graph);
	int rc;

	if (!g)
		check_bad(&call, "%p is no graph of this device", graph);
	if (q && q->capture)
		check_bad(&call, "queue %llu is capturing a graph", (unsigned long long)q->number);
	if (q && !call.bad)
		check_work(call.c, q);
	for (uint32_t i = 0; g && i < g->n && !call.bad; i++)
		use_range(&call, q, "memory of the graph", g->accesses[i].addr,
			  g->accesses[i].bytes, g->accesses[i].write);
	if (call.rc < 0)
		return end_queue(&call, q, call.rc);
	check_leave(&call);
	rc = hook_pass_graph_launch(dev, queue, graph, st);
	check_enter(&call);
	return end_queue(&call, q, rc);
}

static void check_graph_destroy(void *dev, void *graph)
{
	struct check_call call = begin_device(dev, "graph_destroy", NULL);
	struct check_graph **at = find_graph(call.c, graph), *g = *at;

	if (graph && !g)
		check_bad(&call, "%p is no graph of this device", graph);
	if (g) {
		*at = g->next;
		free(g->accesses);
		free(g);
	}
	end_device(&call, 0);
	if (g || !graph)
		hook_pass_graph_destroy(dev, graph);
}

/* ---- life ------------------------------------------------------------------------------ */

/* After a reset all memory is gone and no work is left. */
static int check_reset(void *dev, struct aios_status *st)
{
	struct check_call call = begin_device(dev, "reset", st);
	int rc;

	check_leave(&call);
	rc = hook_pass_reset(dev, st);
	check_enter(&call);
	if (rc == 0) {
		while (call.c->n_allocs)
			check_forget(call.c, &call.c->allocs[call.c->n_allocs - 1], call.number);
		check_all_done(call.c);
		call.c->lost = false;
	}
	return end_device(&call, rc);
}

static int parse_args(struct check *c, const char *args, struct aios_status *st)
{
	char word[32];
	int rc;

	while ((rc = hook_next_word(&args, word, sizeof(word))) != 0) {
		if (rc > 0 && strcmp(word, "warn") == 0)
			c->warn = true;
		else if (rc > 0 && strcmp(word, "deep") == 0)
			c->deep = true;
		else
			return aios_fail(st, -EINVAL, "check: '%s' is none of warn, deep", word);
	}
	return 0;
}

static int check_wrap(const struct aios_host *host, const struct aios_hook_attach *attach,
		      void **dev, struct aios_status *st)
{
	struct check *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return aios_fail(st, -ENOMEM, "no memory for the hook check");
	c->base.host = host;
	c->base.below = attach->device;
	rc = parse_args(c, attach->args, st);
	if (rc < 0) {
		free(c);
		return rc;
	}
	pthread_mutex_init(&c->lock, NULL);
	*dev = c;
	return 0;
}

/* What is left over at the end. */
static void check_rest(struct check *c)
{
	struct check_call call = check_begin(c, "close", NULL);

	if (!c->lost && !check_idle(c))
		check_bad(&call, "work is pending: quiesce the device before it is closed");
	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		if (c->queues[i].queue)
			check_bad(&call, "queue %llu (call %llu) was not destroyed",
				  (unsigned long long)c->queues[i].number,
				  (unsigned long long)c->queues[i].call);
	for (const struct check_graph *g = c->graphs; g; g = g->next)
		check_bad(&call, "graph %p was not destroyed", g->graph);
	check_leaks(&call);
	check_end(&call, 0);
	if (c->violations > CHECK_LINES)
		aios_host_log(c->base.host, AIOS_LOG_ERROR, "%llu more violations were not logged",
			      (unsigned long long)(c->violations - CHECK_LINES));
	aios_host_log(c->base.host, AIOS_LOG_INFO, "%llu calls checked, %llu violations",
		      (unsigned long long)c->calls, (unsigned long long)c->violations);
}

static void check_close(void *dev)
{
	struct check *c = dev;
	struct check_graph *g;

	if (!c)
		return;
	check_rest(c);
	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		if (c->queues[i].queue)
			check_close_queue(c, &c->queues[i]);
	while ((g = c->graphs) != NULL) {
		c->graphs = g->next;
		free(g->accesses);
		free(g);
	}
	pthread_mutex_destroy(&c->lock);
	free(c->allocs);
	free(c->accesses);
	free(c);
}

static const struct aios_driver_ops check_table = {
	.size = sizeof(check_table),
	.quiesce = check_quiesce,
	.close = check_close,
	.device_info = hook_pass_device_info,
	.heap_info = check_heap_info,
	.mem_alloc = check_mem_alloc,
	.mem_free = check_mem_free,
	.queue_create = check_queue_create,
	.queue_destroy = check_queue_destroy,
	.query_op = check_query_op,
	.launch = check_launch,
	.copy = check_copy,
	.fill = check_fill,
	.signal = check_signal_slot,
	.elapsed = hook_pass_elapsed,
	.comm_id = hook_pass_comm_id,
	.comm_open = check_comm_open,
	.comm_gather = check_comm_gather,
	.comm_check = check_comm_check,
	.comm_close = check_comm_close,
	.wait = check_wait,
	.queue_wait = check_queue_wait,
	.weight_layout = hook_pass_weight_layout,
	.mem_import = check_mem_import,
	.graph_begin = check_graph_begin,
	.graph_end = check_graph_end,
	.graph_launch = check_graph_launch,
	.graph_destroy = check_graph_destroy,
	.reset = check_reset,
};

static const struct aios_hook_ops check_ops = {
	.size = sizeof(check_ops),
	.wrap = check_wrap,
	.ops = &check_table,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(version, "1");
AIOS_MODULE_INFO(description, "every call against the rules of the driver ABI");
AIOS_HOOK(check, "check", &check_ops, NULL, 0);
