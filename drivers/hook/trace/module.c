// SPDX-License-Identifier: Apache-2.0
/*
 * trace - a timeline of what a device is asked to do, as a file that Perfetto and
 * chrome://tracing open.
 *
 *	trace:FILE[,sync][,gbs=N][,gflops=N][,max=SIZE]
 *
 * Every call is an event on the track of its queue (track 0: calls without one).
 * An op carries its layer, shapes, types, bytes, flops, GB/s and GFLOP/s. An
 * event lasts as long as the call. A driver that computes inside the call (the
 * CPU's) is timed exactly so; for one that only enqueues, `sync` waits for every
 * launch, copy and fill, which times the work and destroys overlap. gbs and
 * gflops are the device's limits: ops then say which share of them they reach.
 */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "file.h"
#include "lib/pass.h"
#include "lib/words.h"
#include "work.h"

#define TRACE_TIMEOUT_NS (600ull * 1000000000ull)
#define TRACE_MAX_BYTES ((uint64_t)4 << 30)
#define TRACE_QUEUES 64

struct trace {
	struct hook_base base;
	pthread_mutex_t lock; /* of the file and the lists */
	struct trace_file file;
	char path[PATH_MAX / 2];
	uint64_t limit;
	bool sync;
	uint64_t gbs, gflops; /* limits of the device, 0: unknown */
	uint64_t start, launches;
	void *queues[TRACE_QUEUES]; /* track i + 1; a queue past them shares track 0 */
	uint64_t used[AIOS_HEAP_COUNT];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- events ----------------------------------------------------------------------- */

/* When and where something happened. Times in nanoseconds since the trace began. */
struct span {
	uint64_t at, ns;
	uint32_t track;
};

/* Call with the lock held. */
static uint32_t track_of(const struct trace *t, const void *queue)
{
	for (uint32_t i = 0; i < TRACE_QUEUES; i++)
		if (queue && t->queues[i] == queue)
			return i + 1;
	return 0;
}

/* The span of a call that began at `begin` and is over now; takes the lock. */
static struct span end_span(struct trace *t, const void *queue, uint64_t begin)
{
	struct span s = { .at = begin - t->start, .ns = now_ns() - begin };

	pthread_mutex_lock(&t->lock);
	s.track = track_of(t, queue);
	return s;
}

static void end_event(struct trace *t, bool flush)
{
	if (flush)
		trace_file_flush(&t->file);
	pthread_mutex_unlock(&t->lock);
}

#define EVENT "{\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"ts\":%llu.%03u,\"dur\":%llu.%03u,"
#define SPAN(s)                                                                                    \
	(s).track, (unsigned long long)((s).at / 1000), (unsigned)((s).at % 1000),                 \
		(unsigned long long)((s).ns / 1000), (unsigned)((s).ns % 1000)

/* bytes / ns is GB/s, flops / ns is GFLOP/s. */
static double rate(uint64_t amount, uint64_t ns)
{
	return ns ? (double)amount / (double)ns : 0.0;
}

/* A call without numbers of its own. */
static void simple_event(struct trace *t, const char *name, const char *kind, void *queue,
			 uint64_t begin, int rc, bool flush)
{
	struct span s = end_span(t, queue, begin);

	trace_file_event(&t->file, EVENT "\"name\":\"%s\",\"cat\":\"%s\",\"args\":{\"result\":%d}}",
			 SPAN(s), name, kind, rc);
	end_event(t, flush);
}

/* Room for ",\"share_of_...\":0.1234" of both limits. */
static void share_text(const struct trace *t, double gbs, double gflops, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	if (t->gbs)
		at = (size_t)snprintf(text, size, ",\"share_of_bandwidth\":%.4f",
				      gbs / (double)t->gbs);
	if (t->gflops)
		snprintf(text + at, size - at, ",\"share_of_flops\":%.4f",
			 gflops / (double)t->gflops);
}

static void op_event(struct trace *t, void *queue, const struct aios_op *op, uint64_t begin, int rc)
{
	struct span s = end_span(t, queue, begin);
	char shape[512], share[96], layer[24] = "null";
	struct trace_work w = { 0 };
	struct hook_operands list;
	double gbs, gflops;

	shape[0] = '\0';
	if (hook_operands(op, &list)) {
		trace_work_of(op, &list, &w);
		trace_shape_of(&list, shape, sizeof(shape));
	}
	if (op->layer)
		snprintf(layer, sizeof(layer), "%u", op->layer - 1u);
	gbs = rate(w.read + w.written, s.ns);
	gflops = rate(w.flops, s.ns);
	share_text(t, gbs, gflops, share, sizeof(share));
	trace_file_event(&t->file,
			 EVENT "\"name\":\"%s\",\"cat\":\"op\",\"args\":{\"launch\":%llu,"
			       "\"layer\":%s,\"shape\":\"%s\",\"bytes_read\":%llu,"
			       "\"bytes_written\":%llu,\"flops\":%llu,\"GB/s\":%.4f,"
			       "\"GFLOP/s\":%.4f%s,\"result\":%d}}",
			 SPAN(s), aios_op_name(op->type), (unsigned long long)++t->launches, layer,
			 shape, (unsigned long long)w.read, (unsigned long long)w.written,
			 (unsigned long long)w.flops, gbs, gflops, share, rc);
	end_event(t, false);
}

static void bytes_event(struct trace *t, const char *name, const char *kind, void *queue,
			uint64_t begin, uint64_t bytes, int rc)
{
	struct span s = end_span(t, queue, begin);

	trace_file_event(&t->file,
			 EVENT "\"name\":\"%s\",\"cat\":\"%s\",\"args\":{\"bytes\":%llu,"
			       "\"GB/s\":%.4f,\"result\":%d}}",
			 SPAN(s), name, kind, (unsigned long long)bytes, rate(bytes, s.ns), rc);
	end_event(t, false);
}

static const char *const heap_names[AIOS_HEAP_COUNT] = { "device", "pinned", "mapped" };

/* The bytes of live allocations, as a curve. Call with the lock held. */
static void memory_event(struct trace *t)
{
	uint64_t at = now_ns() - t->start;

	trace_file_event(&t->file,
			 "{\"ph\":\"C\",\"pid\":1,\"tid\":0,\"ts\":%llu.%03u,\"name\":\"memory\","
			 "\"args\":{\"%s\":%llu,\"%s\":%llu,\"%s\":%llu}}",
			 (unsigned long long)(at / 1000), (unsigned)(at % 1000), heap_names[0],
			 (unsigned long long)t->used[0], heap_names[1],
			 (unsigned long long)t->used[1], heap_names[2],
			 (unsigned long long)t->used[2]);
}

static void name_track(struct trace *t, uint32_t track, const char *what)
{
	trace_file_event(&t->file,
			 "{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\","
			 "\"args\":{\"name\":\"%s\"}}",
			 track, what);
}

/* With `sync`: the work is done when this returns. */
static int settle(struct trace *t, void *queue, int rc, struct aios_status *st)
{
	uint64_t value = 0;

	if (rc < 0 || !t->sync)
		return rc;
	rc = hook_pass_signal(&t->base, queue, &value, st);
	/* A queue that is capturing a graph cannot signal: nothing runs, nothing is timed. */
	if (rc < 0) {
		aios_status_clear(st);
		return 0;
	}
	return hook_pass_wait(&t->base, queue, value, now_ns() + TRACE_TIMEOUT_NS, st);
}

/* ---- slots ------------------------------------------------------------------------- */

static int trace_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = settle(dev, queue, hook_pass_launch(dev, queue, op, st), st);

	op_event(dev, queue, op, begin, rc);
	return rc;
}

static int trace_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		      uint64_t bytes, struct aios_status *st)
{
	static const char *const names[] = { "copy to device", "copy to host", "copy on device" };
	uint64_t begin = now_ns();
	int rc = settle(dev, queue, hook_pass_copy(dev, queue, dir, dst, src, bytes, st), st);

	bytes_event(dev, dir < 3 ? names[dir] : "copy", "copy", queue, begin, bytes, rc);
	return rc;
}

static int trace_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		      struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = settle(dev, queue, hook_pass_fill(dev, queue, dst, value, bytes, st), st);

	bytes_event(dev, "fill", "copy", queue, begin, bytes, rc);
	return rc;
}

/* Not waited for in order to be timed: it needs the other ranks. */
static int trace_comm_gather(void *dev, void *queue, void *comm, aios_addr dst, aios_addr src,
			     uint64_t bytes, uint64_t deadline_ns, struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_comm_gather(dev, queue, comm, dst, src, bytes, deadline_ns, st);

	bytes_event(dev, "comm_gather", "copy", queue, begin, bytes, rc);
	return rc;
}

static int trace_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_signal(dev, queue, value, st);

	simple_event(dev, "signal", "sync", queue, begin, rc, false);
	return rc;
}

static int trace_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		      struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_wait(dev, queue, value, deadline_ns, st);

	simple_event(dev, "wait", "sync", queue, begin, rc, true);
	return rc;
}

static int trace_queue_wait(void *dev, void *queue, void *other, uint64_t value,
			    struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_queue_wait(dev, queue, other, value, st);

	simple_event(dev, "queue_wait", "sync", queue, begin, rc, false);
	return rc;
}

static int trace_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_quiesce(dev, deadline_ns, st);

	simple_event(dev, "quiesce", "sync", NULL, begin, rc, true);
	return rc;
}

static void count_memory(struct trace *t, const struct aios_mem *mem, bool more)
{
	if (mem->heap >= AIOS_HEAP_COUNT)
		return;
	pthread_mutex_lock(&t->lock);
	if (more)
		t->used[mem->heap] += mem->bytes;
	else
		t->used[mem->heap] -= mem->bytes < t->used[mem->heap] ? mem->bytes :
									t->used[mem->heap];
	memory_event(t);
	pthread_mutex_unlock(&t->lock);
}

static int trace_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			   struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_mem_alloc(dev, heap, bytes, out, st);

	bytes_event(dev, "alloc", "memory", NULL, begin, bytes, rc);
	if (rc == 0)
		count_memory(dev, out, true);
	return rc;
}

static void trace_mem_free(void *dev, struct aios_mem *mem)
{
	struct aios_mem copy = *mem; /* the driver may clear it */
	uint64_t begin = now_ns();

	hook_pass_mem_free(dev, mem);
	bytes_event(dev, "free", "memory", NULL, begin, copy.bytes, 0);
	count_memory(dev, &copy, false);
}

static int trace_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
			    struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_mem_import(dev, host, bytes, out, st);

	bytes_event(dev, "import", "memory", NULL, begin, bytes, rc);
	if (rc == 0)
		count_memory(dev, out, true);
	return rc;
}

static int trace_queue_create(void *dev, void **queue, struct aios_status *st)
{
	struct trace *t = dev;
	uint64_t begin = now_ns();
	char name[32];
	int rc = hook_pass_queue_create(dev, queue, st);

	simple_event(t, "queue_create", "queue", NULL, begin, rc, false);
	pthread_mutex_lock(&t->lock);
	for (uint32_t i = 0; i < TRACE_QUEUES && rc == 0; i++) {
		if (t->queues[i])
			continue;
		t->queues[i] = *queue;
		snprintf(name, sizeof(name), "queue %u", i);
		name_track(t, i + 1, name);
		break;
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}

static void trace_queue_destroy(void *dev, void *queue)
{
	struct trace *t = dev;
	uint32_t track;

	pthread_mutex_lock(&t->lock);
	track = track_of(t, queue);
	if (track)
		t->queues[track - 1] = NULL;
	pthread_mutex_unlock(&t->lock);
	hook_pass_queue_destroy(dev, queue);
}

static int trace_graph_begin(void *dev, void *queue, struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_graph_begin(dev, queue, st);

	simple_event(dev, "graph_begin", "graph", queue, begin, rc, false);
	return rc;
}

static int trace_graph_end(void *dev, void *queue, void **graph, struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = hook_pass_graph_end(dev, queue, graph, st);

	simple_event(dev, "graph_end", "graph", queue, begin, rc, false);
	return rc;
}

static int trace_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st)
{
	uint64_t begin = now_ns();
	int rc = settle(dev, queue, hook_pass_graph_launch(dev, queue, graph, st), st);

	simple_event(dev, "graph_launch", "graph", queue, begin, rc, false);
	return rc;
}

/* ---- life -------------------------------------------------------------------------- */

static bool parse_word(struct trace *t, const char *word)
{
	const char *value;

	if (strcmp(word, "sync") == 0)
		t->sync = true;
	else if (hook_word_value(word, "gbs", &value))
		return hook_parse_number(value, &t->gbs);
	else if (hook_word_value(word, "gflops", &value))
		return hook_parse_number(value, &t->gflops);
	else if (hook_word_value(word, "max", &value))
		return hook_parse_size(value, &t->limit);
	else
		return false;
	return true;
}

static int parse_args(struct trace *t, const char *args, struct aios_status *st)
{
	char word[64];
	int rc = hook_next_word(&args, t->path, sizeof(t->path));

	if (rc < 0)
		return aios_fail(st, -ENAMETOOLONG, "trace: the path %.100s... is too long",
				 t->path);
	if (!t->path[0])
		return aios_fail(st, -EINVAL,
				 "trace needs a file: trace:FILE[,sync][,gbs=N]"
				 "[,gflops=N][,max=SIZE]");
	while ((rc = hook_next_word(&args, word, sizeof(word))) != 0)
		if (rc < 0 || !parse_word(t, word))
			return aios_fail(
				st, -EINVAL,
				"trace: '%.60s' is none of sync, gbs=N, gflops=N, max=SIZE", word);
	return 0;
}

static int trace_wrap(const struct aios_host *host, const struct aios_hook_attach *attach,
		      void **dev, struct aios_status *st)
{
	struct trace *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return aios_fail(st, -ENOMEM, "no memory for the hook trace");
	t->base.host = host;
	t->base.below = attach->device;
	t->limit = TRACE_MAX_BYTES;
	rc = parse_args(t, attach->args, st);
	if (rc == 0)
		rc = trace_file_open(&t->file, t->path, t->limit, st);
	if (rc < 0) {
		free(t);
		return rc;
	}
	pthread_mutex_init(&t->lock, NULL);
	t->start = now_ns();
	trace_file_event(&t->file,
			 "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\","
			 "\"args\":{\"name\":\"aios, driver %s, times of %s\"}}",
			 attach->device.driver, t->sync ? "work (sync)" : "calls");
	name_track(t, 0, "device");
	*dev = t;
	return 0;
}

static void trace_close(void *dev)
{
	struct trace *t = dev;
	int err;

	if (!t)
		return;
	err = trace_file_close(&t->file);
	if (err)
		aios_host_log(t->base.host, AIOS_LOG_ERROR, "the trace %.300s is not complete: %s",
			      t->path, strerror(err));
	if (t->file.dropped)
		aios_host_log(t->base.host, AIOS_LOG_WARN,
			      "%llu events are not in the trace %.300s (max=SIZE sets its limit)",
			      (unsigned long long)t->file.dropped, t->path);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static const struct aios_driver_ops trace_table = {
	.size = sizeof(trace_table),
	.quiesce = trace_quiesce,
	.close = trace_close,
	.device_info = hook_pass_device_info,
	.heap_info = hook_pass_heap_info,
	.mem_alloc = trace_mem_alloc,
	.mem_free = trace_mem_free,
	.queue_create = trace_queue_create,
	.queue_destroy = trace_queue_destroy,
	.query_op = hook_pass_query_op,
	.launch = trace_launch,
	.copy = trace_copy,
	.fill = trace_fill,
	.signal = trace_signal,
	.elapsed = hook_pass_elapsed,
	.peer = hook_pass_peer,
	.comm_id = hook_pass_comm_id,
	.comm_open = hook_pass_comm_open,
	.comm_gather = trace_comm_gather,
	.comm_check = hook_pass_comm_check,
	.comm_close = hook_pass_comm_close,
	.wait = trace_wait,
	.queue_wait = trace_queue_wait,
	.weight_layout = hook_pass_weight_layout,
	.mem_import = trace_mem_import,
	.graph_begin = trace_graph_begin,
	.graph_end = trace_graph_end,
	.graph_launch = trace_graph_launch,
	.graph_destroy = hook_pass_graph_destroy,
	.reset = hook_pass_reset,
};

static const struct aios_hook_ops trace_ops = {
	.size = sizeof(trace_ops),
	.wrap = trace_wrap,
	.ops = &trace_table,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(version, "1");
AIOS_MODULE_INFO(description, "a timeline of every call, for Perfetto and chrome://tracing");
AIOS_HOOK(trace, "trace", &trace_ops, NULL, 0);
