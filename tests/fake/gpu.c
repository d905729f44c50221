// SPDX-License-Identifier: Apache-2.0
/*
 * gpu.c - the part of a vendor's library that cuda and hip call alike (drivers/gpu/host/api.h),
 * over host memory, under the names of either vendor's symbols.h. A stream is a list of things to
 * do that is worked off at once, or when `hold` ends; a graph is such a list recorded.
 *
 * One lock around everything; nothing here is fast.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "gpu.h"

struct fake_gpu fake_gpu = {
	.version = 13000, .devices = 1, .major = 9, .wave = 32, .memory = (uint64_t)1 << 30
};

#define FAKE_ALIGN 256

static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;

enum fake_what {
	FAKE_COPY,
	FAKE_FILL,
	FAKE_CALL,
	FAKE_KERNEL,
	FAKE_RECORD,
	FAKE_POLL,
	FAKE_WAIT
};

struct fake_event {
	uint64_t recorded, done; /* ready when equal */
	uint64_t when;           /* a clock that ticks with each record made */
	int refs;                /* the user's, and one of each task */
};

struct fake_task {
	struct fake_task *next;
	enum fake_what what;
	uint64_t dst, src, bytes;
	unsigned char value;
	void (*call)(void *);
	bool (*poll)(void *);
	void *arg;
	struct fake_event *event;
	uint64_t ticket;
	struct gpu_launch *launch; /* the task's own */
};

struct fake_list {
	struct fake_task *head, **tail;
};

struct fake_stream {
	struct fake_stream *next;
	struct fake_list todo;
	struct fake_list *capture; /* a graph being recorded, or NULL */
};

static struct fake_stream *fake_streams;
static uint64_t fake_clock;

/* What lives in the context, so that a reset can take it all away. */
enum fake_kind {
	FAKE_MEMORY,
	FAKE_HOST,
	FAKE_EVENT,
	FAKE_STREAM,
	FAKE_LIST
};
struct fake_owned {
	struct fake_owned *next;
	enum fake_kind kind;
	int device;
	void *p;
};
static struct fake_owned *fake_all;

#define FAKE_DEVICES 16
static int fake_modules[FAKE_DEVICES];

static void *own(enum fake_kind kind, void *p)
{
	struct fake_owned *o = malloc(sizeof(*o));

	o->next = fake_all;
	o->kind = kind;
	o->device = fake_device();
	o->p = p;
	fake_all = o;
	return p;
}

static void disown(const void *p)
{
	struct fake_owned **at = &fake_all, *o;

	while ((*at)->p != p)
		at = &(*at)->next;
	o = *at;
	*at = o->next;
	free(o);
}

/* A call that may fail begins here; the lock is held until fake_end(). */
int fake_begin(void)
{
	pthread_mutex_lock(&fake_lock);
	fake_gpu.calls++;
	if (fake_gpu.broken)
		return fake_gpu.broken;
	if (fake_gpu.fail_nth && --fake_gpu.fail_nth == 0) {
		if (fake_gpu.sticky)
			fake_gpu.broken = fake_gpu.fail_result;
		return fake_gpu.fail_result;
	}
	return GPU_OK;
}

/* What gives back or only looks never fails by itself. */
int fake_begin_sure(void)
{
	pthread_mutex_lock(&fake_lock);
	return fake_gpu.broken;
}

int fake_end(int result)
{
	pthread_mutex_unlock(&fake_lock);
	return result;
}

/* --- streams ----------------------------------------------------------------- */

static void list_init(struct fake_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_add(struct fake_list *list, const struct fake_task *task)
{
	struct fake_task *copy = malloc(sizeof(*copy));

	*copy = *task;
	copy->next = NULL;
	if (task->event)
		task->event->refs++;
	if (task->launch) {
		copy->launch = malloc(sizeof(*copy->launch));
		*copy->launch = *task->launch;
	}
	*list->tail = copy;
	list->tail = &copy->next;
}

static void event_put(struct fake_event *event)
{
	if (--event->refs == 0)
		free(event);
}

static void task_free(struct fake_task *task)
{
	if (task->event)
		event_put(task->event);
	free(task->launch);
	free(task);
}

static void list_clear(struct fake_list *list)
{
	struct fake_task *next;

	for (; list->head; list->head = next) {
		next = list->head->next;
		task_free(list->head);
	}
	list_init(list);
}

/* False: it has to wait for an event. */
static bool task_run(const struct fake_task *t)
{
	switch (t->what) {
	case FAKE_COPY:
		memmove((void *)(uintptr_t)t->dst, (const void *)(uintptr_t)t->src, t->bytes);
		return true;
	case FAKE_FILL:
		memset((void *)(uintptr_t)t->dst, t->value, t->bytes);
		return true;
	case FAKE_CALL:
		t->call(t->arg);
		return true;
	case FAKE_POLL:
		return t->poll(t->arg);
	case FAKE_KERNEL:
		fake_run(t->launch);
		return true;
	case FAKE_RECORD:
		t->event->done = t->ticket;
		t->event->when = ++fake_clock;
		return true;
	default:
		return t->event->done >= t->ticket;
	}
}

/* Work off all streams as far as they go. */
static void streams_run(void)
{
	struct fake_stream *s;
	struct fake_task *t;
	bool moved = !fake_gpu.hold;

	while (moved) {
		moved = false;
		for (s = fake_streams; s; s = s->next) {
			while (s->todo.head && task_run(s->todo.head)) {
				t = s->todo.head;
				s->todo.head = t->next;
				if (!t->next)
					s->todo.tail = &s->todo.head;
				task_free(t);
				moved = true;
			}
		}
	}
}

/* The lock is held. */
static void stream_enqueue(void *stream, const struct fake_task *task)
{
	struct fake_stream *s = stream;

	list_add(s->capture ? s->capture : &s->todo, task);
	streams_run();
}

static int stream_add(void *stream, const struct fake_task *task)
{
	int result = fake_begin();

	if (result == GPU_OK)
		stream_enqueue(stream, task);
	return fake_end(result);
}

int fake_stream_create(void **stream, unsigned int flags)
{
	struct fake_stream *s;
	int result = fake_begin();

	(void)flags;
	if (result == GPU_OK) {
		s = own(FAKE_STREAM, calloc(1, sizeof(*s)));
		list_init(&s->todo);
		s->next = fake_streams;
		fake_streams = s;
		fake_gpu.streams++;
		*stream = s;
	}
	return fake_end(result);
}

static void stream_free(struct fake_stream *s)
{
	struct fake_stream **p;

	for (p = &fake_streams; *p != s; p = &(*p)->next)
		;
	*p = s->next;
	list_clear(&s->todo);
	if (s->capture)
		list_clear(s->capture);
	free(s->capture);
	free(s);
	fake_gpu.streams--;
}

int fake_stream_destroy(void *stream)
{
	fake_begin_sure();
	disown(stream);
	stream_free(stream);
	return fake_end(GPU_OK);
}

int fake_stream_query(void *stream)
{
	const struct fake_stream *s = stream;
	int result = fake_begin();

	streams_run();
	if (result == GPU_OK && s->todo.head)
		result = GPU_NOT_READY;
	return fake_end(result);
}

/* The device whose memory it is; -1: the host's, or nobody's. */
static int memory_device(uint64_t addr)
{
	const struct fake_owned *o;
	size_t bytes;

	for (o = fake_all; o; o = o->next) {
		if (o->kind != FAKE_MEMORY)
			continue;
		memcpy(&bytes, (const char *)o->p - FAKE_ALIGN, sizeof(bytes));
		if (addr - (uintptr_t)o->p < bytes)
			return o->device;
	}
	return -1;
}

static int copy_any(uint64_t dst, uint64_t src, size_t bytes, void *stream)
{
	struct fake_task t = { .what = FAKE_COPY, .dst = dst, .src = src, .bytes = bytes };

	return stream_add(stream, &t);
}

/* Stricter than the vendors': another device's memory is for fake_copy_between(). */
int fake_copy(uint64_t dst, uint64_t src, size_t bytes, void *stream)
{
	bool strange;

	pthread_mutex_lock(&fake_lock);
	strange = fake_gpu.devices > 1 && memory_device(dst) != memory_device(src);
	pthread_mutex_unlock(&fake_lock);
	return strange ? GPU_INVALID_VALUE : copy_any(dst, src, bytes, stream);
}

int fake_copy_in(uint64_t dst, const void *src, size_t bytes, void *stream)
{
	return copy_any(dst, (uint64_t)(uintptr_t)src, bytes, stream);
}

int fake_copy_out(void *dst, uint64_t src, size_t bytes, void *stream)
{
	return copy_any((uint64_t)(uintptr_t)dst, src, bytes, stream);
}

int fake_copy_between(uint64_t dst, int to, uint64_t src, int from, size_t bytes, void *stream)
{
	bool right;

	pthread_mutex_lock(&fake_lock);
	right = memory_device(dst) == to && memory_device(src) == from;
	fake_gpu.peer_copies += right;
	pthread_mutex_unlock(&fake_lock);
	return right ? copy_any(dst, src, bytes, stream) : GPU_INVALID_VALUE;
}

int fake_stream_poll(void *stream, bool (*poll)(void *), void *arg)
{
	struct fake_task t = { .what = FAKE_POLL, .poll = poll, .arg = arg };

	return stream_add(stream, &t);
}

int fake_fill(uint64_t dst, unsigned char value, size_t bytes, void *stream)
{
	struct fake_task t = { .what = FAKE_FILL, .dst = dst, .value = value, .bytes = bytes };

	return stream_add(stream, &t);
}

int fake_host_call(void *stream, void (*call)(void *), void *arg)
{
	struct fake_task t = { .what = FAKE_CALL, .call = call, .arg = arg };

	return stream_add(stream, &t);
}

bool fake_stream_captures(void *stream)
{
	bool captures;

	pthread_mutex_lock(&fake_lock);
	captures = ((struct fake_stream *)stream)->capture != NULL;
	pthread_mutex_unlock(&fake_lock);
	return captures;
}

/* --- events ------------------------------------------------------------------ */

int fake_event_create(void **event, unsigned int flags)
{
	struct fake_event *e;
	int result = fake_begin();

	(void)flags;
	if (result == GPU_OK) {
		e = own(FAKE_EVENT, calloc(1, sizeof(*e)));
		e->refs = 1;
		fake_gpu.events++;
		*event = e;
	}
	return fake_end(result);
}

int fake_event_destroy(void *event)
{
	fake_begin_sure();
	disown(event);
	event_put(event);
	fake_gpu.events--;
	return fake_end(GPU_OK);
}

int fake_event_record(void *event, void *stream)
{
	struct fake_event *e = event;
	struct fake_task t = { .what = FAKE_RECORD, .event = e };

	pthread_mutex_lock(&fake_lock);
	t.ticket = ++e->recorded;
	pthread_mutex_unlock(&fake_lock);
	return stream_add(stream, &t);
}

int fake_event_query(void *event)
{
	const struct fake_event *e = event;
	int result = fake_begin();

	streams_run();
	if (result == GPU_OK && e->done < e->recorded)
		result = GPU_NOT_READY;
	return fake_end(result);
}

/* Not ready is an error here too; a millisecond lies between records. */
int fake_event_elapsed(float *ms, void *from, void *to)
{
	const struct fake_event *a = from, *b = to;
	int result = fake_begin();

	if (result == GPU_OK && (a->done < a->recorded || b->done < b->recorded))
		result = GPU_NOT_READY;
	*ms = result == GPU_OK ? (float)((double)b->when - (double)a->when) : 0;
	return fake_end(result);
}

int fake_stream_wait(void *stream, void *event, unsigned int flags)
{
	struct fake_event *e = event;
	struct fake_task t = { .what = FAKE_WAIT, .event = e, .ticket = e->recorded };

	(void)flags;
	return stream_add(stream, &t);
}

/* --- graphs ------------------------------------------------------------------ */

int fake_capture_begin(void *stream, int mode)
{
	struct fake_stream *s = stream;
	int result = fake_begin();

	(void)mode;
	if (result == GPU_OK) {
		s->capture = malloc(sizeof(*s->capture));
		list_init(s->capture);
	}
	return fake_end(result);
}

int fake_capture_end(void *stream, void **graph)
{
	struct fake_stream *s = stream;
	int result = fake_begin();

	if (result == GPU_OK) {
		*graph = s->capture;
		fake_gpu.graphs++;
	} else {
		list_clear(s->capture);
		free(s->capture);
	}
	s->capture = NULL;
	return fake_end(result);
}

int fake_graph_instantiate(void **exec, void *graph, unsigned long long flags)
{
	struct fake_list *list;
	const struct fake_task *t;
	int result = fake_begin();

	(void)flags;
	if (result == GPU_OK) {
		list = own(FAKE_LIST, malloc(sizeof(*list)));
		list_init(list);
		for (t = ((struct fake_list *)graph)->head; t; t = t->next)
			list_add(list, t);
		fake_gpu.execs++;
		*exec = list;
	}
	return fake_end(result);
}

int fake_graph_launch(void *exec, void *stream)
{
	struct fake_stream *s = stream;
	const struct fake_task *t;
	int result = fake_begin();

	if (result == GPU_OK) {
		for (t = ((struct fake_list *)exec)->head; t; t = t->next)
			list_add(&s->todo, t);
		streams_run();
	}
	return fake_end(result);
}

int fake_graph_destroy(void *graph)
{
	fake_begin_sure();
	list_clear(graph);
	free(graph);
	fake_gpu.graphs--;
	return fake_end(GPU_OK);
}

int fake_graph_exec_destroy(void *exec)
{
	fake_begin_sure();
	disown(exec);
	list_clear(exec);
	free(exec);
	fake_gpu.execs--;
	return fake_end(GPU_OK);
}

/* --- the library, devices, contexts ------------------------------------------ */

int fake_device_count(int *n)
{
	*n = fake_gpu.devices;
	return fake_end(fake_begin());
}

int fake_device_get(int *dev, int index)
{
	*dev = index;
	return fake_end(fake_begin());
}

int fake_device_name(char *name, int cap, int dev)
{
	snprintf(name, (size_t)cap, "Fake GPU %d", dev);
	return fake_end(fake_begin());
}

int fake_device_bus_id(char *id, int cap, int dev)
{
	snprintf(id, (size_t)cap, "0000:%02X:00.0", FAKE_BUS + dev);
	return GPU_OK;
}

int fake_device_memory(size_t *bytes, int dev)
{
	(void)dev;
	*bytes = fake_gpu.memory;
	return fake_end(fake_begin());
}

/* --- memory: before each allocation lies its size ----------------------------- */

#define FAKE_POISON 0xcd /* what new memory holds */

static int memory_get(enum fake_kind kind, void **out, size_t bytes)
{
	size_t whole = (bytes + 2 * FAKE_ALIGN - 1) / FAKE_ALIGN * FAKE_ALIGN;
	char *base = aligned_alloc(FAKE_ALIGN, whole);

	if (!base)
		return GPU_OUT_OF_MEMORY;
	memset(base, FAKE_POISON, whole);
	memcpy(base, &bytes, sizeof(bytes));
	*out = own(kind, base + FAKE_ALIGN);
	fake_gpu.allocations++;
	return GPU_OK;
}

static size_t memory_put(void *p)
{
	char *base = (char *)p - FAKE_ALIGN;
	size_t bytes;

	memcpy(&bytes, base, sizeof(bytes));
	free(base);
	fake_gpu.allocations--;
	return bytes;
}

int fake_mem_info(size_t *free_bytes, size_t *total)
{
	int result = fake_begin();

	*total = fake_gpu.memory;
	*free_bytes = fake_gpu.memory - fake_gpu.allocated;
	return fake_end(result);
}

int fake_mem_alloc(uint64_t *addr, size_t bytes)
{
	void *p = NULL;
	int result = fake_begin();

	if (result == GPU_OK && bytes > fake_gpu.memory - fake_gpu.allocated)
		result = GPU_OUT_OF_MEMORY;
	if (result == GPU_OK)
		result = memory_get(FAKE_MEMORY, &p, bytes);
	if (result == GPU_OK) {
		fake_gpu.allocated += bytes;
		*addr = (uint64_t)(uintptr_t)p;
	}
	return fake_end(result);
}

int fake_mem_free(uint64_t addr)
{
	fake_begin_sure();
	disown((void *)(uintptr_t)addr);
	fake_gpu.allocated -= memory_put((void *)(uintptr_t)addr);
	return fake_end(GPU_OK);
}

int fake_host_alloc(void **host, size_t bytes, unsigned int flags)
{
	int result = fake_begin();

	(void)flags;
	if (result == GPU_OK)
		result = memory_get(FAKE_HOST, host, bytes);
	return fake_end(result);
}

int fake_host_free(void *host)
{
	fake_begin_sure();
	disown(host);
	memory_put(host);
	return fake_end(GPU_OK);
}

int fake_host_addr(uint64_t *addr, void *host, unsigned int flags)
{
	(void)flags;
	*addr = (uint64_t)(uintptr_t)host;
	return fake_end(fake_begin());
}

static void owned_free(struct fake_owned *o)
{
	switch (o->kind) {
	case FAKE_MEMORY:
		fake_gpu.allocated -= memory_put(o->p);
		break;
	case FAKE_HOST:
		memory_put(o->p);
		break;
	case FAKE_STREAM:
		stream_free(o->p);
		break;
	case FAKE_LIST:
		fake_gpu.execs--;
		list_clear(o->p);
		free(o->p);
		break;
	default:
		fake_gpu.events--;
		event_put(o->p);
	}
	free(o);
}

void fake_context_clear(int dev)
{
	struct fake_owned **at = &fake_all, *o;
	int i;

	while ((o = *at) != NULL) {
		if (o->device == dev) {
			*at = o->next;
			owned_free(o);
		} else {
			at = &o->next;
		}
	}
	if (!fake_gpu.forever)
		fake_gpu.broken = 0;
	fake_gpu.modules -= fake_modules[dev];
	fake_modules[dev] = 0;
	fake_gpu.reach[dev] = 0;
	for (i = 0; i < FAKE_DEVICES; i++)
		fake_gpu.reach[i] &= ~(1u << dev);
}

/* --- peers ------------------------------------------------------------------- */

int fake_pointer_attribute(void *value, int attribute, uint64_t addr)
{
	int result = fake_begin(), device = memory_device(addr);

	if (result == GPU_OK && (attribute != GPU_POINTER_ORDINAL || device < 0))
		result = GPU_INVALID_VALUE;
	if (result == GPU_OK)
		*(int *)value = device;
	return fake_end(result);
}

int fake_peer_can(int *can, int dev, int peer)
{
	int result = fake_begin();

	*can = !fake_gpu.apart && dev != peer;
	return fake_end(result);
}

int fake_peer_allow(int dev, int peer)
{
	if (dev < 0 || peer < 0 || dev >= FAKE_DEVICES || peer >= FAKE_DEVICES || dev == peer)
		return GPU_INVALID_DEVICE;
	if (fake_gpu.apart)
		return GPU_PEER_UNSUPPORTED;
	if (fake_gpu.reach[dev] >> peer & 1)
		return GPU_PEER_ENABLED;
	fake_gpu.reach[dev] |= 1u << peer;
	return GPU_OK;
}

/* --- kernels ----------------------------------------------------------------- */

#define FAKE_NAME(name, args, threads) [GPU_K_##name] = "gpu_" #name,
#define FAKE_ARGS(name, args, threads) [GPU_K_##name] = sizeof(struct args),
#define FAKE_THREADS(name, args, threads) [GPU_K_##name] = (threads),
static const char *const fake_names[] = { GPU_ALL_KERNELS(FAKE_NAME) };
static const size_t fake_args[] = { GPU_ALL_KERNELS(FAKE_ARGS) };
static const unsigned int fake_threads[] = { GPU_ALL_KERNELS(FAKE_THREADS) };

static const struct fake_image fake_images[] = FAKE_IMAGES;

int fake_module_load(void **module, const void *image)
{
	const struct fake_image *i = fake_images;
	int result = fake_begin();

	while (i->begins && strncmp(image, i->begins, strlen(i->begins)) != 0)
		i++;
	if (result == GPU_OK && (!i->begins || (i->major && i->major != fake_gpu.major)))
		result = GPU_NO_BINARY_FOR_GPU;
	if (result == GPU_OK) {
		fake_gpu.modules++;
		fake_modules[fake_device()]++;
		*module = (void *)(uintptr_t)i;
	}
	return fake_end(result);
}

int fake_module_unload(void *module)
{
	(void)module;
	fake_begin_sure();
	fake_gpu.modules--;
	fake_modules[fake_device()]--;
	return fake_end(GPU_OK);
}

int fake_module_function(void **function, void *module, const char *name)
{
	const struct fake_image *image = module;
	int result = fake_begin();
	uint32_t i;

	*function = NULL;
	for (i = 0; i < GPU_KERNEL_COUNT; i++)
		if (strcmp(fake_names[i], name) == 0 &&
		    ((i >= image->first && i < image->end) || fake_has(i)))
			*function = (void *)(uintptr_t)&fake_names[i];
	if (fake_mark(name))
		*function = (void *)(uintptr_t)image;
	return fake_end(result == GPU_OK && !*function ? GPU_NOT_FOUND : result);
}

/* What no GPU would take. */
static bool launch_wrong(const struct gpu_launch *l, void **params, void **extra)
{
	const uint32_t *g = l->grid, *b = l->block;

	return !g[0] || !g[1] || !g[2] || g[0] > 0x7fffffffu || g[1] > 65535 || g[2] > 65535 ||
	       !b[0] || b[1] != 1 || b[2] != 1 || b[0] > fake_threads[l->kernel] ||
	       l->shared > fake_gpu.shared_max || !params || !params[0] || extra;
}

/* Would a GPU fault? A kernel of this thread's device reads memory of another one, without access. */
static bool launch_faults(const struct gpu_launch *l)
{
	const union aios_op_any *any = (const void *)l->args.bytes;
	const aios_addr *parts = any->all_reduce.parts;
	uint32_t n = any->all_reduce.n_ranks, i;
	int dev = fake_device(), owner;

	if (fake_gpu.devices < 2)
		return false;
	if (l->kernel == GPU_K_all_gather) {
		parts = any->all_gather.parts;
		n = any->all_gather.n_ranks;
	} else if (l->kernel != GPU_K_all_reduce) {
		return false;
	}
	for (i = 0; i < n; i++) {
		owner = memory_device(parts[i]);
		if (owner >= 0 && owner != dev && !(fake_gpu.reach[dev] >> owner & 1))
			return true;
	}
	return false;
}

int fake_launch(void *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
		unsigned int block_x, unsigned int block_y, unsigned int block_z,
		unsigned int shared, void *stream, void **params, void **extra)
{
	struct gpu_launch l = { .grid = { grid_x, grid_y, grid_z },
				.block = { block_x, block_y, block_z },
				.shared = shared };
	struct fake_task t = { .what = FAKE_KERNEL, .launch = &l };
	int result = fake_begin();

	if (function)
		l.kernel = (uint32_t)((const char *const *)function - fake_names);
	if (result == GPU_OK && (!function || launch_wrong(&l, params, extra)))
		result = GPU_INVALID_VALUE;
	l.args_bytes = (uint32_t)fake_args[l.kernel];
	if (result == GPU_OK)
		memcpy(l.args.bytes, params[0], l.args_bytes);
	if (result == GPU_OK && launch_faults(&l))
		result = fake_gpu.broken = GPU_ILLEGAL_ADDRESS;
	if (result == GPU_OK) {
		fake_gpu.launches++;
		snprintf(fake_gpu.last_kernel, sizeof(fake_gpu.last_kernel), "%s",
			 fake_names[l.kernel]);
		memcpy(fake_gpu.last_grid, l.grid, sizeof(l.grid));
		memcpy(fake_gpu.last_block, l.block, sizeof(l.block));
		fake_gpu.last_shared = shared;
		stream_enqueue(stream, &t);
	}
	return fake_end(result);
}
