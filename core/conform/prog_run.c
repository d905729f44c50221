// SPDX-License-Identifier: Apache-2.0
/*
 * prog_run.c - a program on a device: buffers between guard zones, addresses,
 * scratch, launches, and afterwards a look at every byte that nobody may write.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/conform/prog.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

#define GUARD 256u /* before a buffer, and at least as much behind it */

/* A buffer on the device. */
struct live_buf {
	struct aios_mem mem;
	uint64_t bytes;  /* between the guards */
	uint64_t whole;  /* with them */
	uint8_t *before; /* all of `whole` as it was at the start */
};

struct live_run {
	const struct prog *p;
	const struct prog_how *how;
	struct queue *queues;
	struct device *dev;
	struct live_buf *bufs; /* p->n_bufs, then one scratch buffer an op */
	size_t n_bufs;
	void **ops; /* descriptors with addresses */
	bool blank; /* buffers hold poison only: their contents come later */
	struct prog_result *out;
};

static int broken(struct prog_result *out, const char *fmt, ...) AIOS_PRINTF(2, 3);
static int broken(struct prog_result *out, const char *fmt, ...)
{
	va_list ap;

	if (out->outcome == PROG_BROKEN)
		return 1;
	out->outcome = PROG_BROKEN;
	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
	return 1;
}

static const char *buf_name(const struct live_run *r, size_t i)
{
	return i < r->p->n_bufs ? r->p->bufs[i].name : "scratch";
}

static aios_addr buf_addr(const struct live_run *r, size_t i)
{
	return r->bufs[i].mem.addr + GUARD + r->how->skew;
}

/* --- making ----------------------------------------------------------------- */

/* What the buffer holds at first, guards included. */
static void dress(struct live_run *r, size_t i)
{
	struct live_buf *b = &r->bufs[i];
	uint8_t *inside = b->before + GUARD + r->how->skew;

	memset(b->before, r->how->guard, b->whole);
	if (i < r->p->n_bufs && r->p->bufs[i].image && !r->blank)
		memcpy(inside, r->p->bufs[i].image, b->bytes);
	else
		memset(inside, r->how->poison, b->bytes);
}

static int upload(struct live_run *r, size_t i)
{
	struct live_buf *b = &r->bufs[i];
	struct aios_status st = { 0 };
	int rc = queue_upload(&r->queues[0], b->mem.addr, b->before, b->whole, &st);

	return rc ? broken(r->out, "copy to the device failed (%d): %s", rc, st.message) : 0;
}

/* 0, 1 when the device broke a rule, -ENOMEM when the host has no memory. */
static int make_buf(struct live_run *r, size_t i, uint64_t bytes)
{
	struct live_buf *b = &r->bufs[i];
	struct aios_status st = { 0 };
	int rc;

	b->bytes = bytes;
	b->whole = align_up(bytes + r->how->skew + 2 * GUARD, 16);
	b->before = malloc(b->whole);
	if (!b->before)
		return -ENOMEM;
	dress(r, i);
	rc = device_alloc(r->dev, AIOS_HEAP_DEVICE, b->whole, buf_name(r, i), &b->mem, &st);
	if (rc)
		return broken(r->out, "mem_alloc of %" PRIu64 " bytes failed (%d): %s", b->whole,
			      rc, st.message);
	if (!b->mem.addr || b->mem.addr % 256)
		return broken(r->out,
			      "mem_alloc gave address 0x%" PRIx64 "; expected a multiple of 256",
			      b->mem.addr);
	if (b->mem.bytes < b->whole)
		return broken(r->out,
			      "mem_alloc gave %" PRIu64 " bytes of the %" PRIu64 " asked for",
			      b->mem.bytes, b->whole);
	return upload(r, i);
}

/* The device's own layout for weights: into the descriptors, and the size of the buffer. */
static int layout_of(struct live_run *r, const struct prog_layout *l, uint64_t *bytes)
{
	struct aios_tensor *t = (struct aios_tensor *)(void *)((char *)r->ops[l->op] + l->at);
	struct aios_status st = { 0 };
	int rc = device_weight_layout(r->dev, (uint32_t)l->profile, t, bytes, &st);

	if (rc)
		return broken(r->out, "weight_layout failed (%d): %s", rc, st.message);
	if (!*bytes)
		return broken(r->out, "weight_layout said 0 bytes for %u x %u", t->rows, t->cols);
	return 0;
}

static int make_bufs(struct live_run *r)
{
	const struct prog *p = r->p;
	uint64_t *bytes = calloc(p->n_bufs + 1, sizeof(*bytes));
	int rc = bytes ? 0 : -ENOMEM;

	for (size_t i = 0; i < p->n_bufs && !rc; i++)
		bytes[i] = p->bufs[i].bytes;
	for (size_t i = 0; i < p->n_layouts && !rc; i++)
		rc = layout_of(r, &p->layouts[i], &bytes[p->layouts[i].buf]);
	for (size_t i = 0; i < p->n_bufs && !rc; i++)
		rc = make_buf(r, i, bytes[i]);
	for (size_t i = 0; i < p->n_relocs && !rc; i++) {
		const struct prog_reloc *at = &p->relocs[i];
		aios_addr addr = buf_addr(r, (size_t)at->buf) + at->offset;

		memcpy((char *)r->ops[at->op] + at->at, &addr, sizeof(addr));
	}
	free(bytes);
	return rc;
}

static int copy_ops(struct live_run *r)
{
	for (size_t i = 0; i < r->p->n_ops; i++) {
		r->ops[i] = malloc(PROG_OP_BYTES);
		if (!r->ops[i])
			return -ENOMEM;
		memcpy(r->ops[i], r->p->ops[i], PROG_OP_BYTES);
		/* A label for reports, another in each run: results must not care. */
		((struct aios_op *)r->ops[i])->layer = (uint8_t)(r->how->skew / 16);
	}
	return 0;
}

/* --- asking ----------------------------------------------------------------- */

/* query_op, twice: the same answer, and the descriptor as it was. */
static int ask(struct live_run *r, struct aios_op *op, struct aios_op_support *yes)
{
	struct aios_op_support again;
	uint8_t before[PROG_OP_BYTES];

	memcpy(before, op, sizeof(before));
	device_query(r->dev, op, yes);
	device_query(r->dev, op, &again);
	if (memcmp(before, op, sizeof(before)) != 0)
		return broken(r->out, "query_op changed the descriptor");
	if (yes->level != again.level || yes->scratch_bytes != again.scratch_bytes)
		return broken(r->out, "query_op gave two answers to one question: level %u and %u",
			      yes->level, again.level);
	if (yes->level != AIOS_SUPPORT_EXACT && yes->level != AIOS_SUPPORT_NO)
		return broken(r->out, "query_op says level %u; expected 0 or 1", yes->level);
	if (yes->level == AIOS_SUPPORT_NO && !yes->reason[0])
		return broken(r->out, "query_op says NO without a reason");
	return 0;
}

static int give_scratch(struct live_run *r, size_t i, uint64_t bytes)
{
	struct aios_scratch *s = aios_op_scratch(r->ops[i]);
	int rc;

	if (!bytes)
		return 0;
	if (!s)
		return broken(r->out,
			      "query_op wants %" PRIu64 " bytes of scratch for %s, whose "
			      "descriptor has none",
			      bytes, aios_op_name(((struct aios_op *)r->ops[i])->type));
	rc = make_buf(r, r->p->n_bufs + i, bytes);
	s->data = buf_addr(r, r->p->n_bufs + i);
	s->bytes = bytes;
	return rc;
}

/* Ask for every op. 0: all can run; 2: one cannot, which *no says. */
static int ask_all(struct live_run *r, size_t *no)
{
	struct aios_op_support yes;
	int rc;

	for (size_t i = 0; i < r->p->n_ops; i++) {
		rc = ask(r, r->ops[i], &yes);
		if (rc)
			return rc;
		if (yes.level == AIOS_SUPPORT_NO) {
			*no = i;
			snprintf(r->out->why, sizeof(r->out->why), "%s", yes.reason);
			return 2;
		}
		rc = give_scratch(r, i, yes.scratch_bytes);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- running ---------------------------------------------------------------- */

static int sync_queue(struct live_run *r, struct queue *q)
{
	struct aios_status st = { 0 };
	uint64_t before = q->last;
	int rc = queue_sync(q, r->how->timeout_ns, &st);

	if (rc)
		return broken(r->out, "signal and wait failed (%d): %s", rc, st.message);
	if (q->last <= before)
		return broken(r->out,
			      "signal gave %" PRIu64 " after %" PRIu64
			      "; expected ascending values",
			      q->last, before);
	return 0;
}

/* Queue `to` goes on when `from` has done what it has now. */
static int hand_over(struct live_run *r, struct queue *from, struct queue *to)
{
	struct aios_status st = { 0 };
	int rc = r->dev->ops->signal(r->dev->dev, from->queue, &from->last, &st);

	if (!rc)
		rc = r->dev->ops->queue_wait(r->dev->dev, to->queue, from->queue, from->last, &st);
	if (rc == -ENOSYS)
		return sync_queue(r, from);
	return rc ? broken(r->out, "signal and queue_wait failed (%d): %s", rc, st.message) : 0;
}

static int launch_all(struct live_run *r)
{
	uint32_t n = r->how->queues > 1 && !r->how->graph ? 2 : 1, at = 0, next;
	struct aios_status st;
	uint8_t before[PROG_OP_BYTES];
	int rc;

	for (size_t i = 0; i < r->p->n_ops; i++) {
		next = (uint32_t)i % n;
		if (next != at) {
			rc = hand_over(r, &r->queues[at], &r->queues[next]);
			if (rc)
				return rc;
		}
		at = next;
		memset(&st, 0, sizeof(st));
		memcpy(before, r->ops[i], sizeof(before));
		rc = queue_launch(&r->queues[at], r->ops[i], &st);
		if (rc)
			return broken(r->out,
				      "launch of %s failed (%d) although query_op said "
				      "EXACT: %s",
				      aios_op_name(((struct aios_op *)r->ops[i])->type), rc,
				      st.message);
		if (memcmp(before, r->ops[i], sizeof(before)) != 0)
			return broken(r->out, "launch changed the descriptor");
	}
	return r->how->graph ? 0 : sync_queue(r, &r->queues[at]);
}

/* --- looking ---------------------------------------------------------------- */

static bool may_write(const struct prog_buf *b)
{
	return b->role != PROG_IN;
}

/* Bytes behind the last column of each row, and between the planes. */
static int check_padding(struct live_run *r, size_t i, const uint8_t *now, const uint8_t *before)
{
	const struct prog_buf *b = &r->p->bufs[i];
	uint64_t n = (uint64_t)b->cols * aios_dtype_bytes(b->dtype), at = 0, row, in_row;

	if (b->loose || b->role == PROG_OPAQUE)
		return 0;
	for (; at < b->bytes; at++) {
		in_row = b->plane_bytes && at >= b->plane_bytes ? at - b->plane_bytes : at;
		row = in_row / b->row_bytes;
		if (row < b->rows && in_row % b->row_bytes < n) {
			at += n - in_row % b->row_bytes - 1;
			continue;
		}
		if (now[at] != before[at])
			return broken(r->out,
				      "%s: byte %" PRIu64 " behind the %u columns of row %" PRIu64
				      " was written (0x%02x)",
				      b->name, in_row % b->row_bytes - n, b->cols, row, now[at]);
	}
	return 0;
}

static int check_guards(struct live_run *r, size_t i, const uint8_t *now)
{
	const struct live_buf *b = &r->bufs[i];
	uint64_t start = GUARD + r->how->skew, end = start + b->bytes, at;

	for (at = 0; at < b->whole; at++) {
		if (at == start)
			at = end;
		if (now[at] == b->before[at])
			continue;
		if (at < start)
			return broken(r->out,
				      "%s: written %" PRIu64 " bytes before its start (0x%02x)",
				      buf_name(r, i), start - at, now[at]);
		return broken(r->out, "%s: written %" PRIu64 " bytes past its end (0x%02x)",
			      buf_name(r, i), at - end + 1, now[at]);
	}
	return 0;
}

static int check_unchanged(struct live_run *r, size_t i, const uint8_t *now, const char *why)
{
	const struct live_buf *b = &r->bufs[i];
	uint64_t start = GUARD + r->how->skew;

	for (uint64_t at = 0; at < b->bytes; at++)
		if (now[start + at] != b->before[start + at])
			return broken(r->out, "%s: byte %" PRIu64 " was changed, %s",
				      buf_name(r, i), at, why);
	return 0;
}

/* Read one buffer back and look at it; `frozen` says why nothing may have changed, or NULL. */
static int look(struct live_run *r, size_t i, const char *frozen, uint8_t *now)
{
	struct live_buf *b = &r->bufs[i];
	struct aios_status st = { 0 };
	uint64_t start = GUARD + r->how->skew;
	int rc = queue_download(&r->queues[0], now, b->mem.addr, b->whole, &st);

	if (rc)
		return broken(r->out, "copy to the host failed (%d): %s", rc, st.message);
	rc = sync_queue(r, &r->queues[0]);
	if (!rc)
		rc = check_guards(r, i, now);
	if (!rc && i >= r->p->n_bufs)
		return frozen ? check_unchanged(r, i, now, frozen) : 0;
	if (!rc && frozen)
		rc = check_unchanged(r, i, now, frozen);
	if (!rc && !may_write(&r->p->bufs[i]))
		rc = check_unchanged(r, i, now, "but it is an input");
	if (!rc)
		rc = check_padding(r, i, now + start, b->before + start);
	return rc;
}

static int keep(struct live_run *r, size_t i, const uint8_t *now)
{
	struct prog_result *out = r->out;
	uint64_t n = r->bufs[i].bytes;

	if (!out->bytes[i])
		out->bytes[i] = malloc(n);
	if (!out->bytes[i])
		return -ENOMEM;
	memcpy(out->bytes[i], now + GUARD + r->how->skew, n);
	return 0;
}

static int look_all(struct live_run *r, const char *frozen, bool keep_them)
{
	uint8_t *now;
	int rc = 0;

	for (size_t i = 0; i < r->n_bufs && !rc; i++) {
		if (!r->bufs[i].mem.addr)
			continue;
		now = malloc(r->bufs[i].whole);
		if (!now)
			return -ENOMEM;
		rc = look(r, i, frozen, now);
		if (!rc && keep_them && i < r->p->n_bufs && r->p->bufs[i].role != PROG_OPAQUE)
			rc = keep(r, i, now);
		free(now);
	}
	return rc;
}

/* --- the ways to run --------------------------------------------------------- */

/* A NO: launch must say so too, and touch nothing. */
static int run_refused(struct live_run *r, size_t no)
{
	struct aios_op *op = r->ops[no];
	struct aios_status st = { 0 };
	int rc;

	if (r->p->n_ops == 1) {
		rc = r->dev->ops->launch(r->dev->dev, r->queues[0].queue, op, &st);
		if (rc != -ENOTSUP)
			return broken(r->out,
				      "query_op says NO (%.150s), but launch returned %d; "
				      "expected -ENOTSUP (%d)",
				      r->out->why, rc, -ENOTSUP);
		if (!st.message[0])
			return broken(r->out, "launch refused the op without a message");
		rc = sync_queue(r, &r->queues[0]);
		if (!rc)
			rc = look_all(r, "by an op that was refused", false);
		if (rc)
			return rc;
	}
	r->out->outcome = PROG_REFUSED;
	return 0;
}

static int run_direct(struct live_run *r)
{
	uint64_t began = clock_ns();
	int rc = launch_all(r);

	r->out->ns = clock_ns() - began;
	return rc ? rc : look_all(r, NULL, true);
}

static int replay(struct live_run *r, void *graph)
{
	struct aios_status st = { 0 };
	uint64_t began = clock_ns();
	int rc = r->dev->ops->graph_launch(r->dev->dev, r->queues[0].queue, graph, &st);

	if (rc)
		return broken(r->out, "graph_launch failed (%d): %s", rc, st.message);
	rc = sync_queue(r, &r->queues[0]);
	r->out->ns = clock_ns() - began;
	return rc;
}

/* The contents of the start, guards and poison too. */
static int upload_all(struct live_run *r)
{
	int rc = 0;

	r->blank = false;
	for (size_t i = 0; i < r->n_bufs && !rc; i++) {
		if (!r->bufs[i].mem.addr)
			continue;
		dress(r, i);
		rc = upload(r, i);
	}
	return rc ? rc : sync_queue(r, &r->queues[0]);
}

/*
 * It was captured over blank buffers; the contents come now, and again before the
 * second launch: a graph replays what lies in memory, not what lay there.
 */
static int run_graph_twice(struct live_run *r, void *graph)
{
	struct prog_result first = { 0 };
	struct prog_diff diff;
	int rc = look_all(r, "but a captured graph had not been launched yet", false);

	if (!rc)
		rc = upload_all(r);
	if (!rc)
		rc = replay(r, graph);
	if (!rc)
		rc = look_all(r, NULL, true);
	if (rc)
		return rc;
	first = *r->out;
	r->out->bytes = calloc(first.n, sizeof(*first.bytes));
	if (!r->out->bytes)
		rc = -ENOMEM;
	if (!rc)
		rc = upload_all(r);
	if (!rc)
		rc = replay(r, graph);
	if (!rc)
		rc = look_all(r, NULL, true);
	if (!rc) {
		prog_compare(r->p, r->out, &first, &diff);
		if (diff.differs)
			rc = broken(r->out,
				    "two launches of one graph differ: %s[%u][%u] is 0x%" PRIx64
				    ", then 0x%" PRIx64,
				    diff.buf, diff.row, diff.col, diff.want, diff.got);
	}
	for (size_t i = 0; i < first.n; i++)
		free(first.bytes[i]);
	free(first.bytes);
	return rc;
}

static int run_graph(struct live_run *r)
{
	const struct aios_driver_ops *ops = r->dev->ops;
	struct aios_status st = { 0 };
	void *graph = NULL;
	int rc = ops->graph_begin(r->dev->dev, r->queues[0].queue, &st), launched;

	if (rc == -ENOSYS) {
		r->out->outcome = PROG_REFUSED;
		snprintf(r->out->why, sizeof(r->out->why), "the driver has no graphs");
		return 0;
	}
	if (rc)
		return broken(r->out, "graph_begin failed (%d): %s", rc, st.message);
	launched = launch_all(r);
	rc = ops->graph_end(r->dev->dev, r->queues[0].queue, &graph, &st);
	if (launched)
		rc = launched;
	else if (rc)
		rc = broken(r->out, "graph_end failed (%d): %s", rc, st.message);
	if (!rc)
		rc = run_graph_twice(r, graph);
	if (graph)
		ops->graph_destroy(r->dev->dev, graph);
	return rc;
}

static void finish(struct live_run *r)
{
	for (size_t i = 0; i < r->n_bufs && r->bufs; i++) {
		device_free(r->dev, &r->bufs[i].mem);
		free(r->bufs[i].before);
	}
	for (size_t i = 0; i < r->p->n_ops && r->ops; i++)
		free(r->ops[i]);
	free(r->bufs);
	free(r->ops);
}

int prog_run(const struct prog *p, struct queue queues[2], const struct prog_how *how,
	     struct prog_result *out)
{
	struct live_run r = {
		.p = p, .how = how, .queues = queues, .dev = queues[0].device, .out = out
	};
	size_t no = 0;
	int rc = -ENOMEM;

	memset(out, 0, sizeof(*out));
	r.blank = how->graph;
	if (p->failed)
		return -ENOMEM;
	r.n_bufs = p->n_bufs + p->n_ops;
	r.bufs = calloc(r.n_bufs + 1, sizeof(*r.bufs));
	r.ops = calloc(p->n_ops + 1, sizeof(*r.ops));
	out->bytes = calloc(p->n_bufs + 1, sizeof(*out->bytes));
	out->n = p->n_bufs;
	if (r.bufs && r.ops && out->bytes)
		rc = copy_ops(&r);
	if (!rc)
		rc = make_bufs(&r);
	if (!rc)
		rc = sync_queue(&r, &queues[0]);
	if (!rc)
		rc = ask_all(&r, &no);
	if (!rc)
		rc = sync_queue(&r, &queues[0]);
	if (rc == 2)
		rc = run_refused(&r, no);
	else if (!rc)
		rc = how->graph ? run_graph(&r) : run_direct(&r);
	finish(&r);
	return rc < 0 ? rc : 0;
}

void prog_result_finish(struct prog_result *r)
{
	for (size_t i = 0; i < r->n && r->bytes; i++)
		free(r->bytes[i]);
	free(r->bytes);
	r->bytes = NULL;
	r->n = 0;
}
