// SPDX-License-Identifier: Apache-2.0
/*
 * libcuda.c - the part of CUDA's driver API that drivers/cuda uses, over host
 * memory. A stream is a list of things to do that is worked off at once, or when
 * `hold` ends; a graph is such a list recorded. Kernels are counted and do nothing.
 *
 * One lock around everything; nothing here is fast.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "fake.h"
#include "kernels.h"

#define FAKE_API __attribute__((visibility("default")))

/* The prototypes of the driver's tables under the symbols' own names. */
#define FAKE_PROTO(member, symbol)                                                                 \
	__typeof__(*((struct gpu_api *)NULL)->member) fake_##member __asm__(symbol) FAKE_API;
#define FAKE_OWN_PROTO(member, symbol, params) int fake_##member params __asm__(symbol) FAKE_API;
CUDA_SYMBOLS(FAKE_PROTO)
CUDA_OWN_SYMBOLS(FAKE_OWN_PROTO)
CUDA_NEW_SYMBOLS(FAKE_OWN_PROTO)

extern struct fake_cuda fake_cuda FAKE_API;
struct fake_cuda fake_cuda = {
	.version = 13000, .devices = 1, .major = 9, .minor = 0, .memory = (uint64_t)1 << 30
};

static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;

enum fake_what {
	FAKE_COPY,
	FAKE_FILL,
	FAKE_CALL,
	FAKE_RECORD,
	FAKE_WAIT
};

struct fake_event {
	uint64_t recorded, done; /* ready when equal */
	uint64_t when;           /* a clock that ticks with each record made */
};

struct fake_task {
	struct fake_task *next;
	enum fake_what what;
	uint64_t dst, src, bytes;
	unsigned char value;
	void (*call)(void *);
	void *arg;
	struct fake_event *event;
	uint64_t ticket;
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
	FAKE_EVENT,
	FAKE_STREAM,
	FAKE_LIST
};
struct fake_owned {
	struct fake_owned *next;
	enum fake_kind kind;
	void *p;
};
static struct fake_owned *fake_all;

static void *own(enum fake_kind kind, void *p)
{
	struct fake_owned *o = malloc(sizeof(*o));

	o->next = fake_all;
	o->kind = kind;
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
static int fake_begin(void)
{
	pthread_mutex_lock(&fake_lock);
	fake_cuda.calls++;
	if (fake_cuda.broken)
		return fake_cuda.broken;
	if (fake_cuda.fail_nth && --fake_cuda.fail_nth == 0) {
		if (fake_cuda.sticky)
			fake_cuda.broken = fake_cuda.fail_result;
		return fake_cuda.fail_result;
	}
	return GPU_OK;
}

/* What gives back or only looks never fails by itself. */
static int fake_begin_sure(void)
{
	pthread_mutex_lock(&fake_lock);
	return fake_cuda.broken;
}

static int fake_end(int result)
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
	*list->tail = copy;
	list->tail = &copy->next;
}

static void list_clear(struct fake_list *list)
{
	struct fake_task *next;

	for (; list->head; list->head = next) {
		next = list->head->next;
		free(list->head);
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
	bool moved = !fake_cuda.hold;

	while (moved) {
		moved = false;
		for (s = fake_streams; s; s = s->next) {
			while (s->todo.head && task_run(s->todo.head)) {
				t = s->todo.head;
				s->todo.head = t->next;
				if (!t->next)
					s->todo.tail = &s->todo.head;
				free(t);
				moved = true;
			}
		}
	}
}

static int stream_add(void *stream, const struct fake_task *task)
{
	struct fake_stream *s = stream;
	int result = fake_begin();

	if (result == GPU_OK) {
		list_add(s->capture ? s->capture : &s->todo, task);
		streams_run();
	}
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
		fake_cuda.streams++;
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
	fake_cuda.streams--;
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

int fake_copy(uint64_t dst, uint64_t src, size_t bytes, void *stream)
{
	struct fake_task t = { .what = FAKE_COPY, .dst = dst, .src = src, .bytes = bytes };

	return stream_add(stream, &t);
}

int fake_copy_in(uint64_t dst, const void *src, size_t bytes, void *stream)
{
	return fake_copy(dst, (uint64_t)(uintptr_t)src, bytes, stream);
}

int fake_copy_out(void *dst, uint64_t src, size_t bytes, void *stream)
{
	return fake_copy((uint64_t)(uintptr_t)dst, src, bytes, stream);
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

/* --- events ------------------------------------------------------------------ */

int fake_event_create(void **event, unsigned int flags)
{
	int result = fake_begin();

	(void)flags;
	if (result == GPU_OK) {
		*event = own(FAKE_EVENT, calloc(1, sizeof(struct fake_event)));
		fake_cuda.events++;
	}
	return fake_end(result);
}

int fake_event_destroy(void *event)
{
	fake_begin_sure();
	disown(event);
	free(event);
	fake_cuda.events--;
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
		fake_cuda.graphs++;
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
		fake_cuda.execs++;
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
	fake_cuda.graphs--;
	return fake_end(GPU_OK);
}

int fake_graph_exec_destroy(void *exec)
{
	fake_begin_sure();
	disown(exec);
	list_clear(exec);
	free(exec);
	fake_cuda.execs--;
	return fake_end(GPU_OK);
}

/* --- the library, devices, contexts ------------------------------------------ */

int fake_init(unsigned int flags)
{
	int result = fake_begin();

	(void)flags;
	return fake_end(result ? result : fake_cuda.init_result);
}

int fake_driver_version(int *version)
{
	*version = fake_cuda.version;
	return fake_end(fake_begin());
}

int fake_error_name(int result, const char **name)
{
	*name = result == GPU_OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY" :
		result == GPU_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" :
						NULL;
	return *name ? GPU_OK : GPU_INVALID_VALUE;
}

int fake_error_string(int result, const char **text)
{
	(void)result;
	*text = "as the test asked";
	return GPU_OK;
}

int fake_device_count(int *n)
{
	*n = fake_cuda.devices;
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

int fake_device_uuid(unsigned char uuid[16], int dev)
{
	memset(uuid, 0xa0 + dev, 16);
	return GPU_OK;
}

int fake_device_bus_id(char *id, int cap, int dev)
{
	snprintf(id, (size_t)cap, "0000:%02X:00.0", 0x3b + dev);
	return GPU_OK;
}

int fake_device_attribute(int *value, int attribute, int dev)
{
	(void)dev;
	*value = attribute == CUDA_ATTR_MAJOR        ? fake_cuda.major :
		 attribute == CUDA_ATTR_MINOR        ? fake_cuda.minor :
		 attribute == CUDA_ATTR_UNITS        ? 132 :
		 attribute == CUDA_ATTR_SHARED_OPTIN ? 232448 :
						       0;
	return GPU_OK;
}

int fake_device_memory(size_t *bytes, int dev)
{
	(void)dev;
	*bytes = fake_cuda.memory;
	return fake_end(fake_begin());
}

int fake_ctx_retain(void **ctx, int dev)
{
	int result = fake_begin();

	(void)dev;
	if (result == GPU_OK) {
		fake_cuda.retained++;
		*ctx = &fake_cuda;
	}
	return fake_end(result);
}

int fake_ctx_push(void *ctx)
{
	int result = fake_begin_sure();

	(void)ctx;
	fake_cuda.contexts += result == GPU_OK;
	return fake_end(result);
}

int fake_ctx_pop(void **ctx)
{
	fake_begin_sure();
	*ctx = &fake_cuda;
	fake_cuda.contexts--;
	return fake_end(GPU_OK);
}

/* --- memory: before each allocation lies its size ----------------------------- */

#define FAKE_ALIGN 256

static int memory_get(void **out, size_t bytes)
{
	size_t whole = (bytes + 2 * FAKE_ALIGN - 1) / FAKE_ALIGN * FAKE_ALIGN;
	char *base = aligned_alloc(FAKE_ALIGN, whole);

	if (!base)
		return GPU_OUT_OF_MEMORY;
	memcpy(base, &bytes, sizeof(bytes));
	*out = own(FAKE_MEMORY, base + FAKE_ALIGN);
	fake_cuda.allocations++;
	return GPU_OK;
}

static size_t memory_put(void *p)
{
	char *base = (char *)p - FAKE_ALIGN;
	size_t bytes;

	memcpy(&bytes, base, sizeof(bytes));
	free(base);
	fake_cuda.allocations--;
	return bytes;
}

int fake_mem_info(size_t *free_bytes, size_t *total)
{
	int result = fake_begin();

	*total = fake_cuda.memory;
	*free_bytes = fake_cuda.memory - fake_cuda.allocated;
	return fake_end(result);
}

int fake_mem_alloc(uint64_t *addr, size_t bytes)
{
	void *p = NULL;
	int result = fake_begin();

	if (result == GPU_OK && bytes > fake_cuda.memory - fake_cuda.allocated)
		result = GPU_OUT_OF_MEMORY;
	if (result == GPU_OK)
		result = memory_get(&p, bytes);
	if (result == GPU_OK) {
		fake_cuda.allocated += bytes;
		*addr = (uint64_t)(uintptr_t)p;
	}
	return fake_end(result);
}

int fake_mem_free(uint64_t addr)
{
	fake_begin_sure();
	disown((void *)(uintptr_t)addr);
	fake_cuda.allocated -= memory_put((void *)(uintptr_t)addr);
	return fake_end(GPU_OK);
}

int fake_host_alloc(void **host, size_t bytes, unsigned int flags)
{
	int result = fake_begin();

	(void)flags;
	if (result == GPU_OK)
		result = memory_get(host, bytes);
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

/* Everything in the context goes. */
static void context_clear(void)
{
	struct fake_owned *o;

	while (fake_all) {
		o = fake_all;
		fake_all = o->next;
		if (o->kind == FAKE_MEMORY) {
			memory_put(o->p);
		} else if (o->kind == FAKE_STREAM) {
			stream_free(o->p);
		} else {
			if (o->kind == FAKE_LIST)
				list_clear(o->p);
			free(o->p);
		}
		free(o);
	}
	if (!fake_cuda.forever)
		fake_cuda.broken = 0;
	fake_cuda.modules = fake_cuda.events = fake_cuda.execs = 0;
	fake_cuda.allocated = 0;
}

int fake_ctx_reset(int dev)
{
	(void)dev;
	pthread_mutex_lock(&fake_lock);
	context_clear();
	return fake_end(GPU_OK);
}

/* A context that is whole when it is let go shows the test what was left in it. */
int fake_ctx_release(int dev)
{
	(void)dev;
	fake_begin_sure();
	if (--fake_cuda.retained == 0 && fake_cuda.broken)
		context_clear();
	return fake_end(GPU_OK);
}

/* --- kernels ----------------------------------------------------------------- */

#define FAKE_NAME(name, args, threads) "gpu_" #name,
static const char *const fake_kernels[] = { GPU_KERNELS(FAKE_NAME) NULL };
static const char *const fake_sm90_kernels[] = { GPU_SM90_KERNELS(FAKE_NAME) NULL };

/* A module is the list of its kernels' names. */
int fake_module_load(void **module, const void *image)
{
	bool sm90 = strcmp(image, FAKE_CUDA_IMAGE_SM90) == 0;
	int result = fake_begin();

	if (result == GPU_OK && !sm90 && strcmp(image, FAKE_CUDA_IMAGE) != 0)
		result = GPU_NO_BINARY_FOR_GPU;
	if (result == GPU_OK && sm90 && (fake_cuda.major != 9 || fake_cuda.minor != 0))
		result = GPU_NO_BINARY_FOR_GPU;
	if (result == GPU_OK) {
		fake_cuda.modules++;
		*module = (void *)(uintptr_t)(sm90 ? fake_sm90_kernels : fake_kernels);
	}
	return fake_end(result);
}

int fake_module_unload(void *module)
{
	(void)module;
	fake_begin_sure();
	fake_cuda.modules--;
	return fake_end(GPU_OK);
}

int fake_module_function(void **function, void *module, const char *name)
{
	const char *const *kernel = module;
	int result = fake_begin();

	*function = NULL;
	for (; *kernel; kernel++)
		if (strcmp(*kernel, name) == 0)
			*function = (void *)(uintptr_t)*kernel;
	return fake_end(result == GPU_OK && !*function ? 500 : result);
}

int fake_function_set(void *function, int attribute, int value)
{
	int result = fake_begin();

	(void)function;
	if (result == GPU_OK && (attribute != CUDA_FUNCTION_MAX_SHARED || value <= 0))
		result = GPU_INVALID_VALUE;
	return fake_end(result);
}

int fake_launch(void *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
		unsigned int block_x, unsigned int block_y, unsigned int block_z,
		unsigned int shared, void *stream, void **params, void **extra)
{
	int result = fake_begin();

	(void)stream;
	if (result == GPU_OK && (!function || !grid_x || !grid_y || !grid_z || !block_x ||
				 !block_y || !block_z || !params || !params[0] || extra))
		result = GPU_INVALID_VALUE;
	if (result == GPU_OK) {
		fake_cuda.launches++;
		snprintf(fake_cuda.last_kernel, sizeof(fake_cuda.last_kernel), "%s",
			 (const char *)function);
		memcpy(fake_cuda.last_grid, (unsigned int[]){ grid_x, grid_y, grid_z },
		       sizeof(fake_cuda.last_grid));
		memcpy(fake_cuda.last_block, (unsigned int[]){ block_x, block_y, block_z },
		       sizeof(fake_cuda.last_block));
		fake_cuda.last_shared = shared;
	}
	return fake_end(result);
}

/* Takes the one attribute that the driver uses. */
int fake_launch_ex(const struct cuda_launch_config *config, void *function, void **params,
		   void **extra)
{
	const struct cuda_launch_attribute *a = config->attributes;
	int result = GPU_INVALID_VALUE;

	if (config->n_attributes == 1 && a->id == CUDA_LAUNCH_OVERLAPS && a->value.on == 1)
		result = fake_launch(function, config->grid[0], config->grid[1], config->grid[2],
				     config->block[0], config->block[1], config->block[2],
				     config->shared, config->stream, params, extra);
	if (result == GPU_OK)
		fake_cuda.overlapped++;
	return result;
}
